"""`keep solved`: which inputs the network answers rightly (D8)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from causalabs.algorithm.domains import Column
from causalabs.counterfactuals.runs import Model
from causalabs.counterfactuals.table import input_table

Solved: TypeAlias = Callable[
    [Mapping[str, Column], Mapping[str, Mapping[str, Column]]], NDArray[np.bool_]
]
"""From a table of distinct inputs and its clean runs by algorithm: right or not, by row."""


class Solver:
    """Asks the network, about each finite input once."""

    def __init__(self, model: Model, solved: Solved) -> None:
        self.model, self.solved = model, solved
        self._known = np.zeros(0, dtype=np.int64)
        self._right = np.zeros(0, dtype=np.bool_)
        self.found = (0, 0)
        """Inputs answered rightly, and inputs asked."""

    def holds(
        self, cells: NDArray[np.int64], vectors: Sequence[Mapping[str, Column]]
    ) -> NDArray[np.bool_]:
        """Whether base and every source of each example are answered rightly: (rows,)."""
        runs, words, rows = cells.shape
        flat = np.moveaxis(cells, 0, 1).reshape(words, runs * rows)
        space = self.model.space
        if space.real:
            inputs, clean, place = input_table(self.model, flat, vectors)
            right = self._ask(inputs, clean)[place]
        else:
            unique, place = space.distinct(flat)
            right = self._asked(unique)[place]
        both: NDArray[np.bool_] = np.logical_and.reduce(right.reshape(runs, rows), axis=0)
        return both

    def _asked(self, cells: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Each of some distinct finite inputs: (rows,)."""
        if self.model.space.words > 1:
            inputs, clean, place = input_table(self.model, cells, [])
            return self._ask(inputs, clean)[place]
        fresh = np.setdiff1d(cells[0], self._known, assume_unique=True)
        if len(fresh):
            inputs, clean, place = input_table(self.model, fresh[None, :], [])
            right = self._ask(inputs, clean)[place]
            known = np.concatenate([self._known, fresh])
            order = np.argsort(known, kind="stable")
            self._known = known[order]
            self._right = np.concatenate([self._right, right])[order]
        found: NDArray[np.bool_] = self._right[np.searchsorted(self._known, cells[0])]
        return found

    def _ask(
        self, inputs: Mapping[str, Column], clean: Mapping[str, Mapping[str, Column]]
    ) -> NDArray[np.bool_]:
        right = np.asarray(self.solved(inputs, clean), dtype=np.bool_)
        self.found = (self.found[0] + int(right.sum()), self.found[1] + len(right))
        return right
