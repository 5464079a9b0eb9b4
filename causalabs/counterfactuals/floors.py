"""What a measurement reaches for nothing: outputs left alone, and the best constant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from causalabs.algorithm.domains import Column
from causalabs.counterfactuals.examples import Examples, LineExamples
from causalabs.counterfactuals.runs import as_places
from causalabs.hypothesis.model import Hypothesis


@dataclass(frozen=True)
class Floor:
    """Of a line's examples in a split, the share that two empty claims get right.

    `left_alone`: the answer is the base's own output. `constant`: the one answer that is
    right most often.
    """

    line: str
    split: str
    left_alone: float
    constant: float
    examples: int


def floors(hypothesis: Hypothesis, examples: Examples) -> tuple[Floor, ...]:
    """The floors of every line and split, in order."""
    found = []
    for line in examples.lines:
        alone = left_alone(hypothesis, examples, line)
        for number, (split, _) in enumerate(hypothesis.counterfactuals.splits):
            mine = line.split == number
            if not mine.any():
                continue
            answers = {name: column[mine] for name, column in line.answers.items()}
            found.append(
                Floor(
                    hypothesis.counterfactuals.lines[line.line].name,
                    split,
                    float(alone[mine].mean()),
                    best_constant(answers),
                    int(mine.sum()),
                )
            )
    return tuple(found)


def left_alone(hypothesis: Hypothesis, examples: Examples, line: LineExamples) -> NDArray[np.bool_]:
    """Whether the base's output already is the answer, on every output: (rows,)."""
    algorithm = hypothesis.algorithm_named(hypothesis.counterfactuals.lines[line.line].algorithm)
    same = np.ones(len(line), dtype=np.bool_)
    for name, answer in line.answers.items():
        clean = as_places(algorithm[name], examples.clean[algorithm.name][name])
        if clean is not None:
            equal = clean[line.base] == answer
            same &= equal if equal.ndim == 1 else equal.all(axis=1)
    return same


def best_constant(answers: Mapping[str, Column]) -> float:
    """Share of the commonest answer, all outputs together.

    >>> best_constant({"same": np.array([0, 1, 1, 1])})
    0.75
    """
    columns: Sequence[Column] = [
        column[:, None] if column.ndim == 1 else column for column in answers.values()
    ]
    if not columns or len(columns[0]) == 0:
        return float("nan")
    code = np.zeros(len(columns[0]), dtype=np.int64)
    for column in columns:
        for place in range(column.shape[1]):
            _, mine = np.unique(column[:, place], return_inverse=True)
            mine = mine.reshape(-1)
            _, code = np.unique(code * (int(mine.max()) + 1) + mine, return_inverse=True)
            code = code.reshape(-1)
    return float(np.bincount(code).max() / len(code))
