"""The table of distinct inputs behind all lines' examples, with their clean runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from causalabs.algorithm.domains import Column, Real
from causalabs.counterfactuals.examples import Examples, LineExamples
from causalabs.counterfactuals.runs import Model
from causalabs.counterfactuals.space import Cells


@dataclass(frozen=True, eq=False)
class Drawn:
    """A line's examples before they share a table.

    `cells` (runs, words, rows); `vectors[run]` the columns of real inputs.
    """

    line: int
    cells: NDArray[np.int64]
    split: NDArray[np.int8]
    vectors: Sequence[Mapping[str, Column]]
    answers: Mapping[str, NDArray[np.int64]]


def tabulate(model: Model, lines: Sequence[Drawn], *, exact: tuple[bool, ...]) -> Examples:
    """Put all lines' inputs in one table; equal finite inputs share a row."""
    cells = [drawn.cells[run] for drawn in lines for run in range(len(drawn.cells))]
    vectors = [drawn.vectors[run] for drawn in lines for run in range(len(drawn.cells))]
    if not cells:
        cells = [np.zeros((model.space.words, 0), dtype=np.int64)]
        vectors = [{}]
    inputs, clean, rows = input_table(model, np.concatenate(cells, axis=1), vectors)
    found, start = [], 0
    for drawn in lines:
        runs, _, count = drawn.cells.shape
        mine = rows[start : start + runs * count].reshape(runs, count)
        start += runs * count
        found.append(LineExamples(drawn.line, mine[0], mine[1:], drawn.split, drawn.answers))
    return Examples(inputs, clean, tuple(found), exact)


def input_table(
    model: Model, cells: Cells, vectors: Sequence[Mapping[str, Column]]
) -> tuple[dict[str, Column], dict[str, dict[str, Column]], NDArray[np.int64]]:
    """Inputs and clean runs, one row a distinct input, and the row of each cell.

    Mechanisms are evaluated once for each distinct cell: real inputs do not make it more.
    """
    space = model.space
    unique, place = space.distinct(cells)
    columns = space.columns(unique)
    clean = {name: _evaluated(model, name, columns, unique.shape[1]) for name in model.algorithms}
    if not space.real:
        return columns, clean, place
    inputs: dict[str, Column] = {}
    for name in (variable.name for variable in model.hypothesis.algorithms[0].inputs):
        if name in space.reals:
            inputs[name] = (
                vectors[0][name]
                if len(vectors) == 1
                else np.concatenate([found[name] for found in vectors])
            )
        else:
            inputs[name] = columns[name][place]
    filled: dict[str, dict[str, Column]] = {}
    for name, algorithm in model.algorithms.items():
        computed = any(
            v.role != "input" and isinstance(v.domain, Real) for v in algorithm.variables
        )
        if computed:
            filled[name] = algorithm.evaluate(inputs)
        else:
            filled[name] = {
                v.name: inputs[v.name] if v.role == "input" else clean[name][v.name][place]
                for v in algorithm.variables
            }
    return inputs, filled, np.arange(cells.shape[1], dtype=np.int64)


def _evaluated(
    model: Model, algorithm: str, columns: dict[str, Column], rows: int
) -> dict[str, Column]:
    return model.algorithms[algorithm].evaluate(columns) if rows else {}
