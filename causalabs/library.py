"""The library's verbs: what `causalabs.load`, `run` and the others do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from causalabs.diagnostics import Diagnostic, Source

if TYPE_CHECKING:
    from causalabs.hypothesis.model import Hypothesis
    from causalabs.plans import Plan
    from causalabs.results import Results


def check(text: str, *, folder: str | Path = ".") -> list[Diagnostic]:
    """Every mistake in a hypothesis text, in order of place; `folder` is where data lie.

    >>> [found.code for found in check("hypothesis empty")] != []
    True
    """
    from causalabs.hypothesis.check import check_source

    return check_source(Source(_normalised(text), folder=Path(folder)))


def format(text: str) -> str:
    """The canonical form of a hypothesis text, comments kept.

    Raises `HypothesisError` where the text does not parse.

    >>> format("seeds   0 ..  2")
    'seeds 0..2\\n'
    """
    from causalabs.syntax.format import format_source

    return format_source(Source(_normalised(text)))


def plan(hypothesis: Hypothesis) -> Plan:
    """What running a hypothesis would do; needs no network."""
    from causalabs.plans import make_plan

    return make_plan(hypothesis)


def run(
    hypothesis: Hypothesis,
    *,
    seed: int | None = None,
    seeds: tuple[int, ...] | None = None,
    device: str = "cpu",
    backend: str = "native",
    runs: str | Path = "runs",
    progress: Callable[[str, float], None] | None = None,
) -> Results:
    """Run a hypothesis, or hand out the finished run of the same plan.

    `seed` or `seeds` replace the file's own; `backend` "pyvene" makes every intervention by
    pyvene, which must be installed (docs/how-to/pyvene.md). Raises `RunError` where it cannot
    be run; jobs finished before that are kept below `runs` and not run again.
    """
    from causalabs.algorithm.evaluate import MechanismError
    from causalabs.errors import RunError
    from causalabs.plans import BACKENDS, make_plan
    from causalabs.runs import RunFolder

    if seed is not None:
        seeds = (seed,)
    if seeds is not None:
        hypothesis = replace(hypothesis, seeds=seeds)
    if hypothesis.unsupported:
        raise RunError(
            f"`{hypothesis.name}` cannot be run by this version: "
            + "; ".join(hypothesis.unsupported),
            "`causalabs check` and `causalabs plan` work on it as it is",
        )
    if backend not in BACKENDS:
        known = ", ".join(BACKENDS)
        raise RunError(f"there is no backend `{backend}`", f"use one of {known}")
    planned = make_plan(hypothesis, backend=backend)
    folder = RunFolder.open(Path(runs), planned)
    done = folder.finished()
    if done is not None:
        return done
    from causalabs.engine.run import execute

    try:
        return execute(hypothesis, planned, folder, device=device, progress=progress)
    except MechanismError as error:
        raise RunError(str(error), _REPAIR, _line_of(hypothesis, error.variable)) from error
    except MemoryError as error:
        raise RunError(
            "there is not enough memory for this run",
            "ask for fewer examples or fewer dims; finished jobs are kept",
        ) from error
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        raise RunError(
            f"a file cannot be used: {place}{error.strerror or error}",
            "make room or name another place with --runs FOLDER; finished jobs are kept",
        ) from error


_REPAIR = "correct the mechanism, or declare a domain that holds its values"


def _line_of(hypothesis: Hypothesis, variable: str) -> int | None:
    """The line that declares a variable, None where none is known."""
    for algorithm in hypothesis.algorithms:
        if variable in algorithm:
            return hypothesis.source.locate(algorithm[variable].span.start)[0]
    return None


def _normalised(text: str) -> str:
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
