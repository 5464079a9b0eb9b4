"""What is told of a measurement that fails: its smallest failing example, and where it fails."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from causalabs.algorithm.domains import Column, Domain, SetOf, at_places, decode, size
from causalabs.algorithm.model import Algorithm
from causalabs.counterfactuals.examples import Examples
from causalabs.engine.counterexamples import Smallest, rows_of, smallest
from causalabs.engine.interchange import Bases, compile_lines
from causalabs.engine.protocol import Network
from causalabs.engine.rows import members_of
from causalabs.engine.streams import numpy_stream
from causalabs.engine.trials import Trials
from causalabs.hypothesis.model import Alignment, Hypothesis, Line
from causalabs.plans import Job
from causalabs.residual.questions import of_clean, of_line
from causalabs.residual.tree import find_rule
from causalabs.results import Counterexample, Exchanged, Measured, Residual

NO_VALUE = "no value"
"""What the network answers where its best class, among a vocabulary, is no value at all."""


@dataclass(frozen=True, eq=False)
class Scene:
    """A job's network, examples and fits; `alignment` is as the job measured it."""

    job: Job
    hypothesis: Hypothesis
    network: Network
    examples: Examples
    drawn: Examples
    alignment: Alignment | None = None
    chosen: Mapping[int, int] | None = None
    bases: Bases | None = None

    @property
    def algorithm(self) -> Algorithm:
        """The algorithm that answers are compared with."""
        if self.alignment is None:
            return self.hypothesis.algorithms[0]
        return self.hypothesis.algorithm_named(self.alignment.algorithm)

    def trials(self, number: int) -> Trials:
        """A line of the file, to be tried on any inputs; -1 is the clean network."""
        if number < 0 or self.alignment is None or self.chosen is None:
            return Trials(self.hypothesis, self.algorithm, self.network)
        line = self.hypothesis.counterfactuals.lines[number]
        program = compile_lines({0: line}, self.alignment, self.chosen)
        return Trials(self.hypothesis, self.algorithm, self.network, line, program, self.bases)

    def inputs_of(self, number: int, split: int, rows: int | None = None) -> NDArray[np.int64]:
        """Inputs behind a measurement of each line's first `rows`, by number: (runs, rows)."""
        if number >= 0:
            line = self.examples.lines[number]
            members = members_of(self.examples, number, split)[:rows]
            return np.concatenate([line.base[None, members], line.sources[:, members]])
        bases = [
            line.base[members_of(self.drawn, place, split)[:rows]]
            for place, line in enumerate(self.drawn.lines)
        ]
        return np.concatenate(bases)[None]


def beginning(measured: Measured) -> tuple[Measured, int | None]:
    """A measurement of drawn examples alone, line by line, and of how many of each line."""
    if not measured.drawn:
        return measured, None
    rows = min(len(measured.values) // measured.width, measured.drawn)
    by_line = measured.values[: rows * measured.width].reshape(rows, -1).T
    return replace(measured, values=by_line.ravel(), width=1), rows


def tell(
    scene: Scene, failed: Measured, split: int, *, seconds: float
) -> tuple[Counterexample | None, Residual | None]:
    """The smallest failing example to be had in that time, and a rule of where it fails."""
    failed, rows = beginning(failed)
    if failed.hits.all():
        return None, None
    inputs = scene.inputs_of(failed.line, split, rows)
    table = scene.examples if failed.line >= 0 else scene.drawn
    wrong = ~failed.hits
    trials = scene.trials(failed.line)
    found = smallest(trials, rows_of(table.inputs, inputs[:, wrong]), seconds=seconds)
    example = None if found is None else counterexample_of(scene, failed, trials, found)
    return example, _residual(scene, failed, split, inputs, wrong)


def _about(scene: Scene, failed: Measured) -> dict[str, Any]:
    line = None if failed.line < 0 else scene.hypothesis.counterfactuals.lines[failed.line]
    return {
        "metric": failed.metric,
        "line": failed.line,
        "name": "" if line is None else line.name,
        "split": failed.split,
        "alignment": "" if line is None else scene.job.alignment,
        "seed": scene.job.seed,
    }


def counterexample_of(
    scene: Scene, failed: Measured, trials: Trials, found: Smallest
) -> Counterexample:
    """A failing row in words that JSON can hold."""
    algorithm, tried = scene.algorithm, found.tried
    runs = [{v.name: _value(v.domain, run[v.name]) for v in algorithm.inputs} for run in found.runs]
    answers = {name: _value(algorithm[name].domain, tried.after[name]) for name in tried.scores}
    network = {
        name: _answered(algorithm[name].domain, int(column[0].argmax()))
        for name, column in tried.scores.items()
    }
    return Counterexample(
        **_about(scene, failed),
        base=runs[0],
        sources=tuple(runs[1:]),
        exchanged=_exchanged(algorithm, trials.line, found),
        algorithm=answers,
        network=network,
        failing=int((~failed.hits).sum()),
        measured=len(failed.values),
        shrunk=found.shrunk,
        runs=found.tries,
    )


def _exchanged(algorithm: Algorithm, line: Line | None, found: Smallest) -> tuple[Exchanged, ...]:
    if line is None:
        return ()
    tried = found.tried

    def exchanged(variable: str, origin: str, source: int | None) -> Exchanged:
        domain = algorithm[variable].domain
        was, now = tried.clean[0][variable], tried.after[variable]
        return Exchanged(variable, _value(domain, was), _value(domain, now), origin, source)

    taken = [exchanged(take.variable, take.origin, take.source) for take in line.takes]
    given = [exchanged(each.variable, "", None) for each in line.assignments]
    return tuple(taken + given)


def _value(domain: Domain, column: Column) -> Any:
    """The first row's value, such that JSON can hold it."""
    found = decode(domain, column[:1])[0]
    return sorted(found, key=str) if isinstance(found, frozenset) else found


def _answered(domain: Domain, place: int) -> Any:
    """The value of a class; of a set's network the best member."""
    of = domain.of if isinstance(domain, SetOf) else domain
    if place >= (size(of) or 0):
        return NO_VALUE
    return decode(of, at_places(of, np.array([place])))[0]  # type: ignore[arg-type]


def _residual(
    scene: Scene,
    failed: Measured,
    split: int,
    inputs: NDArray[np.int64],
    wrong: NDArray[np.bool_],
) -> Residual | None:
    algorithm = scene.algorithm
    if failed.line >= 0:
        line = scene.hypothesis.counterfactuals.lines[failed.line]
        examples = scene.examples.lines[failed.line]
        members = members_of(scene.examples, failed.line, split)[: len(wrong)]
        clean = scene.examples.clean[algorithm.name]
        questions = of_line(algorithm, line, clean, examples, members)
    else:
        questions = of_clean(algorithm, scene.drawn.clean[algorithm.name], inputs[0])
    generator = numpy_stream(scene.job.seed, "residual", failed.metric, failed.line, split)
    rule = find_rule(questions, wrong, inputs, generator=generator)
    if rule is None:
        return None
    return Residual(
        **_about(scene, failed),
        rule=rule.text,
        inside=rule.inside,
        elsewhere=rule.elsewhere,
        inside_rows=rule.inside_rows,
        elsewhere_rows=rule.elsewhere_rows,
        fitted_on=rule.fitted_on,
        z=rule.z,
    )
