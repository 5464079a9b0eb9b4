"""The same examples as another algorithm would answer them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from causalabs.algorithm.domains import Bool, Column
from causalabs.algorithm.evaluate import evaluate
from causalabs.algorithm.model import Algorithm
from causalabs.counterfactuals.examples import Examples, LineExamples
from causalabs.counterfactuals.runs import as_places
from causalabs.hypothesis.model import Line


def answered_by(algorithm: Algorithm, lines: Sequence[Line], examples: Examples) -> Examples:
    """The examples with clean values and answers of `algorithm` in place of its namesake's.

    Inputs, bases, sources and splits stay. `lines` are those of the file, in its order; lines
    of other algorithms keep their answers. Raises `MechanismError` where it has no answer, or
    leaves a domain.
    """
    clean = evaluate(algorithm, examples.inputs, checked=True)
    found = [
        each
        if lines[each.line].algorithm != algorithm.name
        else replace(each, answers=_answers(algorithm, lines[each.line], examples, each, clean))
        for each in examples.lines
    ]
    return replace(examples, clean={**examples.clean, algorithm.name: clean}, lines=tuple(found))


def _answers(
    algorithm: Algorithm,
    line: Line,
    examples: Examples,
    rows: LineExamples,
    clean: Mapping[str, Column],
) -> dict[str, NDArray[np.int64]]:
    found: dict[str, NDArray[Any]] = {}
    for name, column in columns_after(algorithm, line, examples, rows, clean).items():
        answer = as_places(algorithm[name], column)
        if answer is not None:
            found[name] = answer
    return found


def columns_after(
    algorithm: Algorithm,
    line: Line,
    examples: Examples,
    rows: LineExamples,
    clean: Mapping[str, Column],
) -> dict[str, Column]:
    """Columns of the outputs after a line's interchange, row by row; `clean` by input."""
    base = {v.name: examples.inputs[v.name][rows.base] for v in algorithm.inputs}
    given: dict[str, Column] = {
        take.variable: clean[take.origin][rows.sources[take.source]] for take in line.takes
    }
    for each in line.assignments:
        kind = np.bool_ if isinstance(algorithm[each.variable].domain, Bool) else np.int64
        given[each.variable] = np.full(len(rows), each.value, dtype=kind)
    only = tuple(output.name for output in algorithm.outputs)
    return evaluate(algorithm, base, given, only=only, checked=True)
