"""A model in a local folder is part of the plan: other weights are another run."""

from __future__ import annotations

import hashlib
from pathlib import Path

from causalabs.hypothesis.model import Hypothesis


def folder_fingerprint(hypothesis: Hypothesis) -> str:
    """A hash of the files of `huggingface("folder")`; "" where the model is no local folder.

    Weights are read once, at about a second a gigabyte; hidden files do not count.
    """
    settings = dict(hypothesis.network.settings)
    name = settings.get("id")
    if hypothesis.network.kind != "huggingface" or not isinstance(name, str):
        return ""
    place = hypothesis.folder / Path(name).expanduser()
    if not place.is_dir():
        return ""
    digest = hashlib.sha256()
    for path in sorted(each for each in place.iterdir() if each.is_file()):
        if not path.name.startswith("."):
            with path.open("rb") as file:
                digest.update(
                    f"{path.name} {hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode()
                )
    return digest.hexdigest()[:16]
