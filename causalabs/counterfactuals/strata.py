"""Draws that are uniform over strata: a listing grouped beforehand, or rejection by quota.

Strata have two levels. The outer key is drawn uniformly, the inner key uniformly among
those seen with it, the item uniformly among those of both. With no keys all items are
equally likely.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from causalabs.counterfactuals.space import CHUNK

PILOT = 100_000
RAREST = 1 / 1000
MOST_TRIED = 20_000_000
HOPELESS_AFTER = 1_000_000
HOPELESS_BELOW = 1e-4

Numbers = NDArray[np.int64]
Keys = tuple[Numbers, Numbers]
Proposal = Callable[[int], Numbers]
"""Asked for so many, it gives the admitted among them: (runs, words, rows)."""


class HopelessError(Exception):
    """Rejection that would take too long: `got` of `tried` were admitted."""

    def __init__(self, got: int, tried: int) -> None:
        self.got, self.tried = got, tried
        super().__init__(f"{got} of {tried}")


class RareError(Exception):
    """An outer or inner key so rare that a quota of it cannot be filled."""

    def __init__(self, key: int, *, outer: bool, frequency: float) -> None:
        self.key, self.outer, self.frequency = key, outer, frequency
        super().__init__(f"{key} at {frequency}")


@dataclass(frozen=True, eq=False)
class Grouped:
    """Items 0 .. n - 1 sorted by stratum; `inner` and `outer` count strata below each key."""

    order: Numbers
    starts: Numbers
    counts: Numbers
    outer_starts: Numbers
    outer_counts: Numbers

    def draw(self, rows: int, *, generator: np.random.Generator) -> Numbers:
        """Items, uniform over strata: (rows,)."""
        if len(self.counts) == 1:
            return self.order[generator.integers(0, len(self.order), rows)]
        if len(self.outer_counts) == 1:
            stratum = generator.integers(0, len(self.counts), rows)
        else:
            outer = generator.integers(0, len(self.outer_counts), rows)
            stratum = self.outer_starts[outer] + _below(self.outer_counts[outer], generator)
        item = self.starts[stratum] + _below(self.counts[stratum], generator)
        found: Numbers = self.order[item]
        return found


def grouped(count: int, keys: Keys | None) -> Grouped:
    """Group `count` items by their keys."""
    if keys is None:
        one, none = np.array([count]), np.zeros(1, dtype=np.int64)
        return Grouped(np.arange(count), none, one, none, np.ones(1, dtype=np.int64))
    outer, inner = keys
    order = np.lexsort((inner, outer))
    outer, inner = outer[order], inner[order]
    new_outer = np.concatenate(([True], outer[1:] != outer[:-1]))
    new_inner = new_outer | np.concatenate(([True], inner[1:] != inner[:-1]))
    starts = np.flatnonzero(new_inner)
    outer_starts = np.flatnonzero(new_outer[starts])
    return Grouped(
        order,
        starts,
        np.diff(starts, append=count),
        outer_starts,
        np.diff(outer_starts, append=len(starts)),
    )


def gather(propose: Proposal, rows: int) -> Numbers:
    """The first `rows` admitted proposals; HopelessError when hardly any is admitted."""
    kept: list[Numbers] = []
    tried = got = 0
    while got < rows or not kept:
        count = min(CHUNK, 64 + int(1.1 * (rows - got) * (tried + 1) / (got + 1)))
        found = propose(count)
        kept.append(found)
        tried, got = tried + count, got + found.shape[2]
        if tried >= HOPELESS_AFTER and got < rows and got < tried * HOPELESS_BELOW:
            raise HopelessError(got, tried)
    return kept[0][:, :, :rows] if len(kept) == 1 else np.concatenate(kept, axis=2)[:, :, :rows]


@dataclass(eq=False)
class Quotas:
    """Rejection with a quota for each stratum; the strata are those of a pilot of 10^5.

    `checked` says which level must not be rare (1/1000 of the pilot). A stratum that the
    pilot does not show counts as unreachable.
    """

    propose: Proposal
    keys: Callable[[Numbers], Keys]
    checked_outer: bool = True
    checked_inner: bool = False
    pilot: Numbers | None = field(default=None, init=False)

    def draw(self, rows: int, *, generator: np.random.Generator) -> Numbers:
        """Admitted proposals, uniform over strata: (runs, words, rows)."""
        if self.pilot is None:
            self.pilot = gather(self.propose, PILOT)
            outer, inner = self.keys(self.pilot)
            self._outer, outer_at, outer_counts = _unique(outer)
            self._inner, inner_at, inner_counts = _unique(inner)
            if self.checked_outer:
                _refuse_rare(self._outer, outer_counts, outer=True)
            if self.checked_inner:
                _refuse_rare(self._inner, inner_counts, outer=False)
            codes = np.unique(outer_at * len(self._inner) + inner_at)
            self._strata = codes
            self._groups = grouped(len(codes), (codes // len(self._inner), codes * 0))
        return self._fill(rows, generator)

    def _fill(self, rows: int, generator: np.random.Generator) -> Numbers:
        drawn = self._groups.draw(rows, generator=generator)
        wanted = np.bincount(drawn, minlength=len(self._strata))
        kept: list[Numbers] = []
        tried, size = 0, min(CHUNK, 1024 + 2 * rows)
        while wanted.any() or not kept:
            batch = self.propose(size)
            places = self._stratum(batch)
            taken = _first_of_each(places, wanted)
            kept.append(batch[:, :, taken])
            wanted -= np.bincount(places[taken], minlength=len(wanted))
            tried, size = tried + size, CHUNK
            if wanted.any() and tried >= max(MOST_TRIED, 1000 * rows):
                raise HopelessError(rows - int(wanted.sum()), tried)
        found = np.concatenate(kept, axis=2)
        return found[:, :, generator.permutation(found.shape[2])]

    def _stratum(self, batch: Numbers) -> Numbers:
        """Place of each row's stratum, -1 for one that the pilot did not show: (rows,)."""
        outer, inner = self.keys(batch)
        outer_at, known = _find(self._outer, outer)
        inner_at, also = _find(self._inner, inner)
        place, there = _find(self._strata, outer_at * len(self._inner) + inner_at)
        return np.where(known & also & there, place, -1)


def _first_of_each(places: Numbers, wanted: Numbers) -> Numbers:
    """Rows of which no more than `wanted[place]` precede them at their place."""
    order = np.argsort(places, kind="stable")
    at = places[order]
    starts = np.searchsorted(at, np.arange(-1, len(wanted)))
    rank = np.arange(len(at)) - starts[at + 1]
    limit = np.concatenate(([0], wanted))
    return np.sort(order[rank < limit[at + 1]])


def _refuse_rare(keys: Numbers, counts: Numbers, *, outer: bool) -> None:
    rarest = int(np.argmin(counts))
    frequency = float(counts[rarest] / counts.sum())
    if frequency < RAREST:
        raise RareError(int(keys[rarest]), outer=outer, frequency=frequency)


def _unique(keys: Numbers) -> tuple[Numbers, Numbers, Numbers]:
    found, places, counts = np.unique(keys, return_inverse=True, return_counts=True)
    return found, places.reshape(-1), counts


def _find(known: Numbers, keys: Numbers) -> tuple[Numbers, NDArray[np.bool_]]:
    place = np.minimum(np.searchsorted(known, keys), len(known) - 1)
    return place, known[place] == keys


def _below(counts: Numbers, generator: np.random.Generator) -> Numbers:
    """A uniform integer below each count."""
    return (generator.random(len(counts)) * counts).astype(np.int64)
