"""The examples that are judged, apart from those that are fitted on; and more of them than drawn.

What is judged is run some rows at a time, over a table of the inputs of these rows alone: rows
that are never judged are never run.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from causalabs.counterfactuals.cut import of_splits, stretch
from causalabs.counterfactuals.examples import Examples
from causalabs.counterfactuals.whole import Whole
from causalabs.engine.measure import clean_values
from causalabs.engine.protocol import Network
from causalabs.engine.resources import Resources, all_columns
from causalabs.engine.store import MEMORY, Store
from causalabs.hypothesis.model import Hypothesis
from causalabs.plans import Job, Plan

FITTED = ("train", "select")
"""Splits that alignments are fitted and chosen on."""

TABLES = 16
"""Seeds whose judged examples are kept; those of others are drawn again."""

STORES = 16
"""Stretches of rows whose activations are kept for the next job that needs them."""

Stretch: TypeAlias = tuple[int, int, int]
"""A split and its rows from one number to before another."""


def whole_of(hypothesis: Hypothesis, plan: Plan) -> Whole:
    """Which splits to take whole where they are small: those that nothing is fitted on."""
    names = [name for name, _ in hypothesis.counterfactuals.splits]
    splits = tuple(number for number, name in enumerate(names) if name not in FITTED)
    return Whole(splits if names else (0,), plan.run_on)


@dataclass(eq=False)
class Held:
    """Tables and stores of the examples of one hypothesis' jobs, seed by seed."""

    resources: Resources
    _tables: dict[tuple[int, bool], Examples] = field(default_factory=dict)
    _stores: dict[Any, Store] = field(default_factory=dict)
    _more: dict[tuple[bool, Stretch], Examples] = field(default_factory=dict)
    _fitting: dict[bool, tuple[Examples, Store]] = field(default_factory=dict)
    _seed: int | None = None

    @property
    def hypothesis(self) -> Hypothesis:
        """Whose examples these are."""
        return self.resources.hypothesis

    def fitting(self, seed: int, *, trained: bool) -> tuple[Examples, Store]:
        """What is fitted and chosen on, and a store of it; one row's where that is nothing."""
        self._turn_to(seed)
        if trained not in self._fitting:
            examples = self.resources.examples(seed)
            names = [name for name, _ in self.hypothesis.counterfactuals.splits]
            splits = [number for number, name in enumerate(names) if name in FITTED]
            some = few = of_splits(examples, splits)
            if not some.rows:
                some, few = examples, stretch(examples, 0, 0, 1)
            network = self.resources.network(seed, trained=trained)
            self._fitting[trained] = (some, self._store(network, few, MEMORY))
        return self._fitting[trained]

    def table(self, seed: int, *, drawn: bool) -> Examples:
        """All examples of a seed's splits; `drawn` are those before `keep solved`."""
        drawn = drawn and self.hypothesis.counterfactuals.solved
        key = (seed, drawn)
        if key not in self._tables:
            while len(self._tables) >= TABLES:
                self._tables.pop(next(iter(self._tables)))
            resources = self.resources
            examples = resources.drawn(seed) if drawn else resources.examples(seed)
            names = [name for name, _ in self.hypothesis.counterfactuals.splits]
            judged = [n for n, name in enumerate(names) if name not in FITTED] or [0]
            self._tables[key] = of_splits(examples, judged)
        return self._tables[key]

    def more(self, seed: int, rows: Stretch, *, drawn: bool) -> Examples:
        """Rows of a split beyond those drawn, fresh ones."""
        self._turn_to(seed)
        drawn = drawn and self.hypothesis.counterfactuals.solved
        if (drawn, rows) not in self._more:
            split, first, last = rows
            self._more[drawn, rows] = self.resources.more(
                seed, split, last - first, first, drawn=drawn
            )
        return self._more[drawn, rows]

    def store(self, seed: int, network: Network, some: Examples, key: object) -> Store:
        """A store of some rows, shared by all who call them by the same `key`."""
        self._turn_to(seed)
        if key not in self._stores:
            while len(self._stores) >= STORES:
                self._stores.pop(next(iter(self._stores)))
            self._stores[key] = self._store(network, some, MEMORY // STORES)
        return self._stores[key]

    def _store(self, network: Network, some: Examples, memory: int) -> Store:
        columns = all_columns(self.hypothesis, some.inputs, some.clean)
        return Store(network, columns, memory=memory)

    def _turn_to(self, seed: int) -> None:
        if seed != self._seed:
            self._seed = seed
            self._stores.clear()
            self._more.clear()
            self._fitting.clear()


def clean_rows(
    job: Job, hypothesis: Hypothesis, some: Examples, store: Store, *, whole: bool
) -> dict[str, NDArray[Any]]:
    """What the clean network answers to the bases: row by row, in a row line by line.

    `whole` tables have lines of several lengths, one after another.
    """
    name = hypothesis.algorithms[0].name
    if job.alignment:
        name = hypothesis.alignment_named(job.alignment).algorithm
    algorithm = hypothesis.algorithm_named(name)
    clean = some.clean[name]
    found: dict[str, NDArray[Any]] = {"accuracy": store.right(algorithm, clean)}
    for metric in () if job.alignment else job.metrics:
        found[metric] = clean_values(metric, algorithm, store, store.wanted(algorithm, clean))
    bases = [line.base for line in some.lines]
    rows = np.concatenate(bases) if whole else np.stack(bases, axis=1).ravel()
    return {metric: values[rows] for metric, values in found.items()}
