"""`causalabs report`: which run is meant, and where its page is written."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from causalabs.errors import RunError
from causalabs.hypothesis.load import load
from causalabs.report.html_page import page
from causalabs.report.reading import Run, latest_run, read_run
from causalabs.runs import write_atomically

NAME = "report.html"
BEGINNING = b"<!DOCTYPE html>"


@dataclass(frozen=True)
class Written:
    """Where a report was written, and of which run."""

    report: Path
    run: Run

    def to_json(self) -> dict[str, Any]:
        """The document that `causalabs report --json` prints."""
        results = self.run.results
        return {
            "report": str(self.report),
            "run": str(self.run.folder),
            "hypothesis": results.hypothesis,
            "verdict": results.verdict,
            "plan": results.plan,
        }


def write_report(run: Path, *, out: Path | None = None, runs: Path = Path("runs")) -> Written:
    """Write the page of a run folder, or of the latest run of a hypothesis file.

    `out` None is `report.html` in the run folder. Raises `RunError` where there is no finished
    run or no place to write, `HypothesisError` where the file is no hypothesis.
    """
    found = _found(run, runs)
    path = found.folder / NAME if out is None else out
    try:
        _look(path)
        write_atomically(path, page(found).encode(errors="replace"))
        os.chmod(path, 0o644)  # a temporary file is its owner's alone
    except OSError as error:
        raise RunError(
            f"{path} cannot be written: {error.strerror or error}",
            "name another file with --out FILE",
        ) from error
    return Written(path, found)


def _found(run: Path, runs: Path) -> Run:
    if run.suffix == ".json" and run.is_file():
        raise RunError(f"{run} is a file of a run", f"name its folder: {run.parent}")
    if run.is_dir() or not run.exists():
        return read_run(run)
    return latest_run(run, load(run), runs)


def _look(path: Path) -> None:
    """Nothing but an earlier report is written over."""
    if not path.is_file():
        return
    with path.open("rb") as file:
        if file.read(len(BEGINNING)) != BEGINNING:
            raise RunError(f"{path} exists and is no report", "name another file with --out FILE")
