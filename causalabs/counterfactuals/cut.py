"""Some rows of some examples, over a table of the inputs that these alone use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from causalabs.algorithm.domains import Column
from causalabs.counterfactuals.examples import Examples, LineExamples
from causalabs.counterfactuals.shuffle import row_values


def cut(examples: Examples, rows: Sequence[NDArray[np.int64]]) -> Examples:
    """The examples with these numbers, line by line; what each input is stays what it is."""
    kept = [_taken(line, mine) for line, mine in zip(examples.lines, rows, strict=True)]
    parts = [part for line in kept for part in (line.base, line.sources.ravel())]
    used = np.unique(np.concatenate(parts)) if parts else np.zeros(0, dtype=np.int64)

    def columns(table: Mapping[str, Column]) -> dict[str, Column]:
        return {name: column[used] for name, column in table.items()}

    lines = tuple(
        replace(
            line,
            base=np.searchsorted(used, line.base),
            sources=np.searchsorted(used, line.sources),
        )
        for line in kept
    )
    clean = {name: columns(table) for name, table in examples.clean.items()}
    return replace(examples, inputs=columns(examples.inputs), clean=clean, lines=lines)


def _taken(line: LineExamples, rows: NDArray[np.int64]) -> LineExamples:
    return replace(
        line,
        base=line.base[rows],
        sources=line.sources[:, rows],
        split=line.split[rows],
        answers={name: column[rows] for name, column in line.answers.items()},
    )


def of_splits(examples: Examples, splits: Sequence[int]) -> Examples:
    """The examples of some splits."""
    return cut(examples, [np.flatnonzero(np.isin(line.split, splits)) for line in examples.lines])


def stretch(examples: Examples, split: int, first: int, last: int) -> Examples:
    """Of each line the rows of a split from number `first` to before `last`."""
    return cut(
        examples, [np.flatnonzero(line.split == split)[first:last] for line in examples.lines]
    )


def interchange_keys(examples: Examples, line: int, split: int) -> NDArray[np.uint64]:
    """A number for each example of a line in a split; the same interchange has the same: (n,)."""
    values = row_values(list(examples.inputs.values()))
    mine = examples.lines[line]
    members = np.flatnonzero(mine.split == split)
    state = values[mine.base[members]]
    for source in mine.sources[:, members]:
        state = (state ^ (state >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
        state ^= values[source]
    return state
