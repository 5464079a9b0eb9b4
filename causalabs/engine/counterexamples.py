"""The smallest failing interchange, found among the measured rows and then shrunk.

The shrinker is that of the Hypothesis library (MacIver and Donaldson 2020): an example is a
list of integers, one an input of the base and of each source; a list is smaller that is shorter
or comes first in dictionary order, each number the closer to 0 the smaller. So values fall to
the first of their domain, or to 0 where an interval holds it. Vectors fall to one
of those that the example has, then lose decimals.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeAlias
from unittest import SkipTest

import numpy as np
from numpy.typing import NDArray

from causalabs.algorithm.domains import (
    Bool,
    Column,
    Cyclic,
    Domain,
    Enum,
    Interval,
    Mod,
    Real,
    SetOf,
    size,
)
from causalabs.algorithm.model import Variable
from causalabs.engine.trials import Runs, Trials, Tried

Codes: TypeAlias = tuple[int, ...]

MOST_RUNS = 400
MOST_SECONDS = 10.0
"""For one example; three times as much for all of a job."""
DECIMALS = 6
"""Decimals of a vector that was not shortened: as many as float32 has."""


@dataclass(frozen=True)
class Axis:
    """One number of an example: an input of a run, between bounds.

    `pool` are the vectors to choose among, of a real input.
    """

    run: int
    variable: Variable
    low: int
    high: int
    pool: tuple[NDArray[np.float32], ...] = ()


@dataclass(frozen=True, eq=False)
class Coding:
    """Examples as integers, in the order of what should be simple first: base, then sources."""

    axes: tuple[Axis, ...]
    runs: int
    copied: tuple[str, ...]
    real: bool

    def columns(self, codes: Codes) -> Runs:
        """One row of input columns for each run."""
        runs: list[dict[str, Column]] = [{} for _ in range(self.runs)]
        decimals = codes[-1] if self.real else DECIMALS
        for axis, code in zip(self.axes, codes, strict=False):
            runs[axis.run][axis.variable.name] = _column(axis, code, decimals)
        for source in runs[1:]:
            source.update({name: runs[0][name] for name in self.copied})
        return runs

    def codes(self, runs: Runs, row: int) -> Codes:
        """The integers of a row that the coding was made for."""
        found = [_code(axis, runs[axis.run][axis.variable.name][row]) for axis in self.axes]
        return (*found, DECIMALS) if self.real else tuple(found)

    @property
    def bounds(self) -> tuple[tuple[int, int], ...]:
        """Lowest and highest of each integer."""
        found = [(axis.low, axis.high) for axis in self.axes]
        return (*found, (1, DECIMALS)) if self.real else tuple(found)


def coding(inputs: Sequence[Variable], runs: Runs, row: int, copied: Sequence[str]) -> Coding:
    """How a row is coded; `copied` are inputs that sources share with their base."""
    pools: dict[Domain, list[NDArray[np.float32]]] = {}
    axes = []
    for number, run in enumerate(runs):
        for variable in inputs:
            if number and variable.name in copied:
                continue
            domain = variable.domain
            if isinstance(domain, Real):
                pool = pools.setdefault(domain, [])
                mine = np.asarray(run[variable.name][row])
                if not any(np.array_equal(mine, each) for each in pool):
                    pool.append(mine)
            else:
                axes.append(Axis(number, variable, *_bounds(domain)))
                continue
            axes.append(Axis(number, variable, 0, 0))
    filled = tuple(
        Axis(
            a.run, a.variable, 0, len(pools[a.variable.domain]) - 1, tuple(pools[a.variable.domain])
        )
        if isinstance(a.variable.domain, Real)
        else a
        for a in axes
    )
    return Coding(filled, len(runs), tuple(copied), bool(pools))


def _bounds(domain: Domain) -> tuple[int, int]:
    match domain:
        case Interval(low, high):
            return low, high
        case Bool() | Mod() | Enum() | Cyclic():
            return 0, (size(domain) or 1) - 1
        case _:
            return 0, 0


def _code(axis: Axis, value: np.generic | NDArray[np.float32]) -> int:
    if axis.pool:
        return next(i for i, each in enumerate(axis.pool) if np.array_equal(value, each))
    return int(value)


def _column(axis: Axis, code: int, decimals: int) -> Column:
    domain = axis.variable.domain
    if isinstance(domain, Real):
        vector = axis.pool[code]
        if decimals < DECIMALS:
            low, high = domain.low or 0.0, domain.high or 0.0
            vector = np.clip(np.round(vector, decimals), low, high).astype(np.float32)
        return np.asarray(vector, dtype=np.float32)[None]
    return np.array([code], dtype=np.bool_ if isinstance(domain, Bool) else np.int64)


# ------------------------------------------------------------------------ shrinking


@dataclass(frozen=True, eq=False)
class Smallest:
    """A failing row: its input columns, what came of it, and the network's runs it took."""

    runs: Runs
    tried: Tried
    tries: int
    shrunk: bool


def smallest(trials: Trials, runs: Runs, *, seconds: float) -> Smallest | None:
    """The smallest failing row to be reached from some that failed when they were measured.

    None where none of the simplest five fails when it is run by itself.
    """
    inputs = trials.hypothesis.algorithms[0].inputs
    for row in _simplest_first(inputs, runs)[:5]:
        start = [{name: column[row : row + 1] for name, column in each.items()} for each in runs]
        tried = trials.run(start)
        if tried is None or tried.right[0]:
            continue
        if any(isinstance(v.domain, SetOf) for v in inputs):
            return Smallest(start, tried, 0, False)
        code = coding(inputs, runs, row, trials.unchanged)
        fails = _Fails(trials, code, time.monotonic() + seconds)
        first = code.codes(runs, row)
        fails.known[first] = True
        best = _shrunk(code.bounds, first, fails)
        if best is None:
            return Smallest(start, tried, 0, False)
        found = code.columns(best)
        again = trials.run(found)
        if again is None or again.right[0]:
            return Smallest(start, tried, 0, False)
        return Smallest(found, again, fails.tries, True)
    return None


def _simplest_first(inputs: Sequence[Variable], runs: Runs) -> list[int]:
    """Rows in the order that the shrinker has, real inputs left out."""
    rows = len(next(iter(runs[0].values())))
    keys = []
    for each in runs:
        for variable in inputs:
            if not isinstance(variable.domain, Real | SetOf):
                low, high = _bounds(variable.domain)
                target = min(max(low, 0), high)
                keys.append(np.abs(each[variable.name].astype(np.int64) - target))
    if not keys:
        return list(range(rows))
    return [int(row) for row in np.lexsort(keys[::-1])]


class _Fails:
    """Whether an example is admitted and fails; false for what is new once time is up."""

    def __init__(self, trials: Trials, coding: Coding, until: float) -> None:
        self.trials, self.coding, self.until = trials, coding, until
        self.known: dict[Codes, bool] = {}
        self.tries = 0

    def __call__(self, codes: Codes) -> bool:
        if codes not in self.known:
            if self.tries >= MOST_RUNS or time.monotonic() > self.until:
                return False
            self.tries += 1
            tried = self.trials.run(self.coding.columns(codes))
            self.known[codes] = tried is not None and not bool(tried.right[0])
        return self.known[codes]


def _shrunk(
    bounds: Sequence[tuple[int, int]], start: Codes, fails: Callable[[Codes], bool]
) -> Codes | None:
    """The smallest integers that the library finds from `start`; None if it cannot be asked."""
    try:
        from hypothesis import Phase, find, settings, strategies as st
        from hypothesis.database import InMemoryExampleDatabase, choices_to_bytes
        from hypothesis.errors import HypothesisException
    except ImportError:
        return None
    # Examples that the database hands back as they were saved count as shrunk already; one
    # number too many makes this one count as old, so that it is shrunk.
    kept = InMemoryExampleDatabase()
    kept.save(b"measured", choices_to_bytes((*start, 0)))
    how = settings(
        database=kept, phases=(Phase.reuse, Phase.shrink), deadline=None, max_examples=MOST_RUNS
    )
    strategy = st.tuples(*(st.integers(low, high) for low, high in bounds))
    # A seed forced upon the library makes it forget its database: it then skips.
    with suppress(HypothesisException, SkipTest):
        found: Codes = find(strategy, fails, settings=how, database_key=b"measured")
        return found
    return None


def rows_of(inputs: Mapping[str, Column], rows: NDArray[np.int64]) -> Runs:
    """Input columns of some examples, (runs, rows) numbers of a table."""
    return [{name: column[run] for name, column in inputs.items()} for run in rows]
