"""ACDC: edges are tried one after another, from the output back, and cut for good.

An edge goes when the metric rises by less than a threshold, always on the graph as cut so far
(Conmy et al. 2023, section 3, algorithm 1). Queries, keys and values are readers of their own.

One forward an edge is slow. Most edges go, so we run a chain of graphs at once, each with one
more edge cut than the one before, as if all of them went; up to the first that must stay this
is what one by one finds. Where a circuit is expected, its edges are taken to stay instead: a
chain that comes as expected is all of use, whatever it keeps. What leads nowhere is cut without
a run, since it changes nothing. Several thresholds are lanes of the same search: they share every
run until they part.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from causalabs.engine.circuits.edges import Kept, Wiring

Evaluate = Callable[[Kept], NDArray[np.float64]]
"""(sets, edges) -> how bad the network is with each set: (sets,)."""

SHORTEST, LONGEST = 8, 64
"""Graphs of one chain."""
THRESHOLDS = 30
"""Thresholds of a sweep."""
LOWEST = 1e-5
"""The first threshold, as a share of the harm that cutting everything does."""


@dataclass(frozen=True, eq=False)
class Cut:
    """What a threshold leaves, how bad the network then is, and in how many runs it was found."""

    threshold: float
    kept: Kept
    value: float
    runs: int = 0


def visits(wiring: Wiring, order: str, generator: np.random.Generator) -> NDArray[np.int64]:
    """Edges in the order in which they are tried: readers from the output back.

    `order` is that of a reader's writers: the latest first, the earliest first, or at random.
    """
    found = []
    for edges in reversed(wiring.reads):
        match order:
            case "latest":
                found.append(edges[::-1])
            case "earliest":
                found.append(edges)
            case _:
                found.append(generator.permutation(edges))
    return np.concatenate(found)


@dataclass(frozen=True, eq=False)
class _Lane:
    """Thresholds whose searches have been the same so far."""

    thresholds: tuple[float, ...]
    kept: Kept
    leads: NDArray[np.bool_]
    value: float
    at: int
    length: int = 2 * SHORTEST
    runs: int = 0


@dataclass(frozen=True, eq=False)
class _Step:
    """A lane's graph after one more edge of the chain is cut; `stays` is what is expected of it."""

    at: int
    edge: int
    kept: Kept
    leads: NDArray[np.bool_]
    stays: bool = False


def acdc(
    evaluate: Evaluate,
    wiring: Wiring,
    order: NDArray[np.int64],
    thresholds: Sequence[float],
    start: Kept | None = None,
    expected: Kept | None = None,
) -> list[Cut]:
    """The circuit of each threshold, in their order; `start` is what is cut down (all edges).

    What is found never depends on what is `expected`, only how soon.
    """
    hoped = np.zeros(len(wiring), bool) if expected is None else expected
    kept = np.ones(len(wiring), bool) if start is None else start.copy()
    leads = np.zeros(len(wiring.readers), bool)
    value = float(evaluate(kept[None])[0])
    lanes = [_Lane(tuple(sorted(set(thresholds))), kept, leads, value, 0, runs=1)]
    found: dict[float, Cut] = {}
    while lanes:
        chains = [_chain(lane, wiring, order, hoped) for lane in lanes]
        # A chain's first step goes on from the lane; what is left of an empty one is done.
        sets = [step.kept for chain, _ in chains for step in chain]
        values = evaluate(np.stack(sets)) if sets else np.zeros(0)
        going: list[_Lane] = []
        first = 0
        for lane, (chain, end) in zip(lanes, chains, strict=True):
            mine = values[first : first + len(chain)]
            first += len(chain)
            going += _decided(lane, chain, end, mine)
        lanes = []
        for lane in going:
            if lane.at < len(order):
                lanes.append(lane)
                continue
            for threshold in lane.thresholds:
                found[threshold] = Cut(threshold, lane.kept, lane.value, lane.runs)
    return [found[threshold] for threshold in thresholds]


def _chain(
    lane: _Lane, wiring: Wiring, order: NDArray[np.int64], expected: Kept
) -> tuple[list[_Step], _Step]:
    """The next graphs of a lane as if every edge went but the expected, and where the chain ends.

    Edges that are cut already, or that lead nowhere, take no run.
    """
    kept, leads = lane.kept.copy(), lane.leads.copy()
    chain: list[_Step] = []
    at = lane.at
    while at < len(order) and len(chain) < lane.length:
        edge = int(order[at])
        reader = int(wiring.reader[edge])
        if at == 0 or reader != wiring.reader[order[at - 1]]:
            leads[reader] = wiring.leads(reader, kept, leads)
        was = bool(kept[edge])
        kept[edge] = False
        if was and leads[reader]:
            chain.append(_Step(at, edge, kept.copy(), leads.copy(), bool(expected[edge])))
            kept[edge] = expected[edge]
        at += 1
    return chain, _Step(at, -1, kept, leads)


def _decided(
    lane: _Lane, chain: Sequence[_Step], end: _Step, values: NDArray[np.float64]
) -> list[_Lane]:
    """Where the lane's thresholds stand after a chain: each at the first edge that surprises it."""
    before = [lane.value]  # along what is expected
    for step, each in zip(chain, values.tolist(), strict=True):
        before.append(before[-1] if step.stays else each)
    rises = values - np.array(before[:-1])
    expected = np.array([step.stays for step in chain], bool)
    groups: dict[int, list[float]] = {}
    for threshold in lane.thresholds:
        surprises = np.flatnonzero((rises >= threshold) != expected)
        place = int(surprises[0]) if len(surprises) else len(chain)
        groups.setdefault(place, []).append(threshold)
    going = []
    for place, thresholds in groups.items():
        runs = lane.runs + len(chain)
        if place == len(chain):
            length = min(LONGEST, 2 * lane.length)
            new = _Lane(tuple(thresholds), end.kept, end.leads, before[-1], end.at, length, runs)
            going.append(new)
            continue
        step = chain[place]
        kept = step.kept.copy()
        kept[step.edge] = not step.stays
        value = float(values[place]) if step.stays else before[place]
        going.append(
            replace(
                lane,
                thresholds=tuple(thresholds),
                kept=kept,
                leads=step.leads,
                value=value,
                at=step.at + 1,
                length=min(LONGEST, max(SHORTEST, 2 * place)),
                runs=runs,
            )
        )
    return going


@dataclass(frozen=True, eq=False)
class Search:
    """Cutting down `among`, as often as is asked for."""

    evaluate: Evaluate
    wiring: Wiring
    among: Kept

    def cut(
        self,
        order: NDArray[np.int64],
        thresholds: Sequence[float],
        expected: Kept | None = None,
    ) -> list[Cut]:
        """The circuit of each threshold, sooner where it is about as expected."""
        return acdc(self.evaluate, self.wiring, order, thresholds, self.among, expected)

    def sweep(self, order: NDArray[np.int64]) -> list[Cut]:
        """Circuits of thresholds from nearly nothing to all the harm there is."""
        ends = self.evaluate(np.stack([self.among, np.zeros_like(self.among)]))
        top = max(abs(float(ends[1] - ends[0])), 1e-12)
        return self.cut(order, np.geomspace(LOWEST * top, top, THRESHOLDS).tolist())

    def of_size(self, order: NDArray[np.int64], size: int, cuts: Sequence[Cut]) -> Cut:
        """The largest circuit of at most `size` edges, between two thresholds of a sweep."""
        known = sorted(cuts, key=lambda cut: cut.threshold)
        fits = [i for i, cut in enumerate(known) if int(cut.kept.sum()) <= size]
        if not fits:
            return known[-1]
        if fits[0] == 0:
            return known[0]
        low, high = known[fits[0] - 1].threshold, known[fits[0]].threshold
        between = self.cut(order, np.geomspace(low, high, THRESHOLDS).tolist(), known[fits[0]].kept)
        return next(cut for cut in between if int(cut.kept.sum()) <= size)
