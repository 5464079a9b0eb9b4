"""Hypothesis files as tests: `pytest --causal` collects `*.causal`, one item an expectation.

Opt-in, by `--causal` or `causal = true` among the ini options. Until a test of a file is run
nothing but this module is imported: no torch, and no checker without opting in.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from causalabs.diagnostics import HypothesisError
from causalabs.errors import RunError

if TYPE_CHECKING:
    from causalabs.hypothesis.model import Expectation, Hypothesis
    from causalabs.results import Judged, Results


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options; none of them does anything without `--causal` or the ini line."""
    group = parser.getgroup("causalabs", "hypothesis files")
    group.addoption("--causal", action="store_true", help="collect *.causal files as tests")
    group.addoption(
        "--causal-locked",
        action="store_true",
        help="fail files whose claim is not the one registered in FILE.lock",
    )
    group.addoption(
        "--causal-allow-python",
        action="store_true",
        help='let files call their network `python("module:function")`',
    )
    group.addoption("--causal-device", default="cpu", help="cpu, cuda or mps")
    parser.addini("causal", "collect *.causal files as tests", type="bool", default=False)
    parser.addini("causal_runs", "folder that keeps the runs, from the root", default="runs")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> CausalFile | None:
    """A hypothesis file, if they are wanted."""
    config = parent.config
    if file_path.suffix != ".causal" or not (config.getoption("causal") or config.getini("causal")):
        return None
    return CausalFile.from_parent(parent, path=file_path)


class NotMetError(Exception):
    """An expectation that was not met, or stayed undecided, with its numbers."""


class CausalFile(pytest.File):
    """One hypothesis file: checked when it is collected, run once by its first item."""

    _results: Results | Exception | None = None

    def collect(self) -> Iterator[pytest.Item]:
        """An item for each expectation; one alone for a file with mistakes."""
        from causalabs.hypothesis.load import load

        try:
            hypothesis = load(self.path)
        except (HypothesisError, OSError) as error:
            yield Mistaken.from_parent(self, name="check", error=error)
            return
        for number, expectation in enumerate(hypothesis.expectations):
            name = expectation_name(expectation)
            yield Expected.from_parent(self, name=name, hypothesis=hypothesis, number=number)

    def results(self, hypothesis: Hypothesis) -> Results:
        """The results of the file; what stopped its run is raised for every item."""
        if self._results is None:
            self._results = self._run(hypothesis)
        if isinstance(self._results, Exception):
            raise self._results
        return self._results

    def _run(self, hypothesis: Hypothesis) -> Results | Exception:
        from causalabs.library import run

        config = self.config
        try:
            return run(
                hypothesis,
                runs=config.rootpath / str(config.getini("causal_runs")),
                device=str(config.getoption("causal_device")),
                locked=bool(config.getoption("causal_locked")),
                allow_python=bool(config.getoption("causal_allow_python")),
                bare=True,  # nothing but expectations is judged here
            )
        except Exception as error:  # kept, so that a long run is not begun again for each item
            return error


def expectation_name(expectation: Expectation) -> str:
    """What an item is called: the expectation as the file says it."""
    return f"{expectation.quantity.text} {expectation.comparison} {expectation.bound:g}"


class Expected(pytest.Item):
    """One expectation: passes when met."""

    def __init__(self, *, hypothesis: Hypothesis, number: int, **rest: Any) -> None:
        super().__init__(**rest)
        self.hypothesis, self.number = hypothesis, number

    def runtest(self) -> None:
        """Skip where the network is not there, fail unless the expectation is met."""
        parent = self.parent
        if not isinstance(parent, CausalFile):
            raise TypeError(f"{self.name} is no item of a hypothesis file")
        try:
            results = parent.results(self.hypothesis)
        except RunError as error:
            if error.absent:
                pytest.skip(f"{error.message} ({error.help})" if error.help else error.message)
            raise
        judged = results.expectations[self.number]
        if judged.verdict != "met":
            raise NotMetError(failure_text(judged, results))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """A message; a traceback only for a fault that is ours."""
        if isinstance(excinfo.value, NotMetError):
            return str(excinfo.value)
        if isinstance(excinfo.value, RunError):
            return f"error: {excinfo.value}"
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """The line of the expectation, from 0."""
        line = self.hypothesis.expectations[self.number].quantity.line
        return self.path, line - 1, f"{self.path.stem}: {self.name}"


class Mistaken(pytest.Item):
    """The one item of a file that cannot be loaded."""

    def __init__(self, *, error: Exception, **rest: Any) -> None:
        super().__init__(**rest)
        self.error = error

    def runtest(self) -> None:
        """Fail."""
        raise self.error

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The diagnostics, as `causalabs check` prints them."""
        return str(excinfo.value)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """The line of the first mistake, from 0."""
        line = None
        if isinstance(self.error, HypothesisError) and self.error.diagnostics:
            first = self.error.diagnostics[0]
            line = first.source.locate(first.span.start)[0] - 1
        return self.path, line, f"{self.path.stem}: check"


def failure_text(judged: Judged, results: Results) -> str:
    """An expectation that was not met, with its numbers."""
    from causalabs.report.failures import failure_texts
    from causalabs.report.registration import registration_text
    from causalabs.report.terminal import interval, number

    lines = [
        f"{judged.text} {judged.comparison} {judged.bound}: {judged.verdict}",
        f"  value {number(judged.value)}, {interval(judged)}",
    ]
    if judged.verdict == "undecided":
        lines.append("  the interval holds the bound: more examples, or more seeds, would decide")
    for seed in judged.seeds if len(judged.seeds) > 1 else ():
        lines.append(f"  seed {seed.seed}: {number(seed.value)}")
    for text in failure_texts(results, judged.text):
        lines += [f"  {line}" for line in text.splitlines()]
    if results.registration is not None and results.registration["status"] == "amended":
        lines += [f"  {line}" for line in registration_text(results.registration).splitlines()]
    lines.append(f"  run: {results.run}")
    return "\n".join(lines)
