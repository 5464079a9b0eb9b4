"""Drawn examples: rows of one table of distinct inputs, and what the algorithm answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from causalabs.algorithm.domains import Column


@dataclass(frozen=True, eq=False)
class LineExamples:
    """The examples of one interchange line.

    `base` (n,) and `sources` (k, n) are rows of `Examples.inputs`; `split` (n,) indexes
    `Counterfactuals.splits`; `answers[output]` (n,) is the place, in the output's domain, of
    the algorithm's answer after the interchange; for a set-valued output its membership
    flags (n, values). A real output has none.
    """

    line: int
    base: NDArray[np.int64]
    sources: NDArray[np.int64]
    split: NDArray[np.int8]
    answers: Mapping[str, NDArray[np.int64]]

    def __len__(self) -> int:
        return len(self.base)


@dataclass(frozen=True, eq=False)
class Examples:
    """All lines' examples over one table of inputs.

    `inputs[element]` are columns with one row per distinct input; `clean[algorithm][element]`
    the columns of every variable in the clean run of that input. `exact[line]` says that a
    split's rows are every interchange there is between its inputs; so are those of the splits in
    `whole`, of all lines. `spaces[line, split]` counts the interchanges there are, where they
    were counted; `continuous` says that some input is real.
    """

    inputs: Mapping[str, Column]
    clean: Mapping[str, Mapping[str, Column]]
    lines: tuple[LineExamples, ...]
    exact: tuple[bool, ...] = ()
    notes: tuple[str, ...] = field(default=(), compare=False)
    whole: tuple[int, ...] = ()
    spaces: Mapping[tuple[int, int], int] = field(default_factory=dict)
    continuous: bool = False

    def exact_on(self, line: int, split: int) -> bool:
        """Whether a line's rows in a split are all there are."""
        return split in self.whole or bool(self.exact and self.exact[line])

    @property
    def rows(self) -> int:
        """Number of distinct inputs."""
        return len(next(iter(self.inputs.values())))
