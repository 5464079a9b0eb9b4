"""The examples of one interchange line without any network: all of them, or a sample."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod

import numpy as np
from numpy.typing import NDArray

from causalabs.algorithm.domains import Column
from causalabs.algorithm.model import Algorithm
from causalabs.counterfactuals.deal import Deal
from causalabs.counterfactuals.lines import Sampler
from causalabs.counterfactuals.runs import Model, Runs
from causalabs.counterfactuals.seeding import generator_for, line_keys
from causalabs.hypothesis.model import Hypothesis, Line
from causalabs.intervals import wilson

MOST_ROWS = 1 << 21
"""Most examples of a line that are all made."""

SAMPLE = 100_000
"""Examples that are drawn where there are more."""


@dataclass(frozen=True)
class Share:
    """A share of a line's examples with its 95 % interval; exact ones are a point."""

    value: float
    low: float
    high: float
    exact: bool
    examples: int


@dataclass(eq=False)
class Rows:
    """Examples of a line: `cells` (runs, words, rows) and how likely each is drawn.

    With `exact` they are all there are.
    """

    model: Model
    line: Line
    cells: NDArray[np.int64]
    weights: NDArray[np.float64] | None
    exact: bool

    @property
    def count(self) -> int:
        """Number of examples."""
        return int(self.cells.shape[2])

    @property
    def combinations(self) -> int:
        """How many combinations of base and sources there are before any condition."""
        inputs = prod(axis.size for axis in self.model.space.axes)
        return prod([inputs] * len(self.cells))

    def share(self, flags: NDArray[np.bool_]) -> Share:
        """How much of the line's distribution the flagged rows are."""
        hits = int(flags.sum())
        if self.exact:
            value = hits / self.count if self.weights is None else float(self.weights[flags].sum())
            return Share(value, value, value, True, self.count)
        return Share(hits / self.count, *wilson(hits, self.count), False, self.count)

    @cached_property
    def _table(self) -> tuple[Runs, NDArray[np.int64]]:
        """Distinct inputs, and which of them each run of each example is: (runs, rows)."""
        runs, words, rows = self.cells.shape
        flat = self.cells.transpose(1, 0, 2).reshape(words, runs * rows)
        unique, places = self.model.space.distinct(flat)
        return Runs(self.model, unique[None]), places.reshape(runs, rows)

    @cached_property
    def _own(self) -> Runs:
        return Runs(self.model, self.cells)

    def columns(self, algorithm: Algorithm, run: int, names: frozenset[str]) -> dict[str, Column]:
        """Clean columns of some variables in one run of every example."""
        if self.model.space.real:  # labels of different runs differ: no input comes twice
            clean: Mapping[str, Column] = self._own.clean(algorithm.name, run)
            return {name: clean[name] for name in names}
        table, places = self._table
        clean = table.clean(algorithm.name, 0)
        return {name: clean[name][places[run]] for name in names}

    def some(self, rows: NDArray[np.int64]) -> Rows:
        """Only those rows; their shares are of themselves."""
        return Rows(self.model, self.line, self.cells[:, :, rows], None, False)


class Sheet:
    """Draws the rows of lines of one home hypothesis."""

    def __init__(self, home: Hypothesis, *, plain: bool = False) -> None:
        drawing = home.counterfactuals
        if plain:  # every input and pair alike, whatever the file restricts
            drawing = replace(drawing, balance=(), keep_where=None, changes_only=None)
        self.home = replace(home, counterfactuals=drawing)
        self.model = Model(self.home)

    def rows(self, line: Line, *, seed: int = 0) -> Rows:
        """Every example of a line where there are up to 2^21, otherwise 100,000 drawn."""
        none = Deal("example", np.zeros(0, dtype=np.int8))
        sampler = Sampler(self.model, line, none, None)
        total = sampler.total()
        if total is not None and total <= MOST_ROWS:
            cells = sampler.every()
            if cells.shape[2] == 0:
                raise sampler.nothing()
            return Rows(self.model, line, cells, self._weights(line, cells), True)
        key = line_keys((line,), self.home.algorithms)[0]
        cells = sampler.draw(SAMPLE, generator=generator_for(seed, *key))
        return Rows(self.model, line, cells, None, False)

    def inputs(self, algorithm: Algorithm) -> Rows:
        """Bases alone, as bases are drawn; conditions that mention sources are left out."""
        drawing = replace(self.home.counterfactuals, keep_where=None, changes_only=None)
        model = Model(replace(self.home, counterfactuals=drawing))
        sheet = object.__new__(Sheet)
        sheet.home, sheet.model = model.hypothesis, model
        return sheet.rows(Line("", algorithm.name, sources=0))

    def _weights(self, line: Line, cells: NDArray[np.int64]) -> NDArray[np.float64] | None:
        """How likely the draw of a balanced line gives each example (D3, D6)."""
        if not (self.model.balance or line.balance_after):
            return None
        runs = Runs(self.model, cells)
        inner = np.zeros(runs.rows, dtype=np.int64)
        if self.model.balance:
            for run in range(line.sources + 1):
                inner = inner * self.model.tuples + runs.tuples(run)
        outer = runs.outcomes(line) if line.balance_after else np.zeros_like(inner)
        _, outer = np.unique(outer, return_inverse=True)
        _, inner = np.unique(inner, return_inverse=True)
        both = outer * (int(inner.max()) + 1) + inner
        strata, place, sizes = np.unique(both, return_inverse=True, return_counts=True)
        kinds = strata // (int(inner.max()) + 1)  # the outer key of each stratum
        beside = np.bincount(kinds)
        weights: NDArray[np.float64] = 1.0 / (len(beside) * beside[kinds] * sizes)[place]
        return weights
