"""Files and texts to hypotheses, for whoever wants one or an error."""

from __future__ import annotations

import os
from pathlib import Path

from causalabs.diagnostics import HypothesisError, Source
from causalabs.hypothesis.check import examine
from causalabs.hypothesis.model import Hypothesis
from causalabs.hypothesis.rules_file import MissingBlock


def load(path: str | os.PathLike[str]) -> Hypothesis:
    """The hypothesis in a file.

    Raises `HypothesisError` with every diagnostic when something is wrong, or missing, and
    `OSError` when the file cannot be read. Warnings are kept on `Hypothesis.diagnostics`.
    """
    from causalabs.syntax.reading import read_source

    return load_source(read_source(Path(path)))


def loads(text: str, *, name: str = "<text>", folder: str | os.PathLike[str] = ".") -> Hypothesis:
    """The hypothesis that a text states; files that it names are looked up in `folder`.

    Raises `HypothesisError` as `load` does.
    """
    from causalabs.syntax.reading import source_of

    return load_source(source_of(text, name=name, folder=Path(folder)))


def load_source(source: Source) -> Hypothesis:
    """The hypothesis that a source states; raises `HypothesisError` as `load` does."""
    checked = examine(source)
    missing = [each for each in checked.diagnostics if each.code == MissingBlock.code]
    if checked.hypothesis is not None and not missing:
        return checked.hypothesis
    errors = [each for each in checked.diagnostics if each.severity == "error"]
    raise HypothesisError(errors or missing)
