"""Measures of circuits, example by example.

With m a metric (`logit_difference` unless the file says `by` another), N the whole network,
C the circuit and 0 the network with every edge cut:

| measure | what it is |
|---|---|
| `faithfulness` | (m(C) - m(0)) / (m(N) - m(0)) |
| `completeness` | 1 - the largest (m(N - K) - m(C - K)) / (m(N) - m(0)) over sets K of its nodes |
| `minimality` | least over nodes v of the largest (m(C - K) - m(C - K - v)) / (m(N) - m(0)) |
| `cpr`, `cmd` | area under faithfulness against size, and between it and 1 |

Completeness and minimality are Wang et al.'s (2023), their criterion as a share; CPR and CMD
Mueller et al.'s (2025). Each is a ratio of means (or a sum of such); the values handed on are
linearised, so that their mean is the ratio and their interval the delta method's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from causalabs.engine.circuits.edges import Kept, Wiring
from causalabs.engine.circuits.ground import Ground, Pairs
from causalabs.engine.circuits.ranking import Scores, of_size
from causalabs.engine.errors import EngineError
from causalabs.modified import linearised

SHARES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
"""Sizes, as shares of all edges, that `cpr` and `cmd` are made of."""
SUBSETS = 10
"""Random sets of nodes that completeness tries beside single nodes."""
MOST_SETS = 2_000
"""Most sets of edges that one measure runs."""

Rows = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Scale:
    """m of the whole network and with every edge cut, row by row."""

    whole: Rows
    empty: Rows

    def ratio(self, part: Rows) -> Rows:
        """Linearised rows of mean(part) / mean(whole - empty)."""
        spread = self.whole - self.empty
        if abs(float(spread.mean())) < 1e-12:
            raise EngineError(
                "a circuit's faithfulness has no scale: with every edge cut the network "
                "does as well",
                "ablate otherwise, or draw sources whose answer differs from the base's",
            )
        return linearised(part, spread)

    def faithfulness(self, circuit: Rows) -> Rows:
        """Linearised rows of (m(C) - m(0)) / (m(N) - m(0))."""
        return self.ratio(circuit - self.empty)


def scale_of(ground: Ground, pairs: Pairs, metric: str, more: Sequence[Kept]) -> tuple[Scale, Rows]:
    """The two ends, and the metric of some circuits beside: (sets, rows)."""
    every = np.ones(len(ground.wiring), bool)
    values = ground.values(pairs, [every, ~every, *more], [metric])[0]
    return Scale(values[0], values[1]), values[2:]


def faithfulness(ground: Ground, pairs: Pairs, kept: Kept, metric: str) -> Rows:
    """Linearised rows of a circuit's faithfulness."""
    scale, (circuit,) = scale_of(ground, pairs, metric, [kept])
    return scale.faithfulness(circuit)


# ------------------------------------------------------ completeness and minimality


def nodes_of(wiring: Wiring, kept: Kept) -> list[int]:
    """Writers that a circuit uses, but for what is embedded."""
    used = {int(i) for i in wiring.writer[kept]}
    return sorted(used - set(wiring.sources))


def without(wiring: Wiring, kept: Kept, nodes: Sequence[int]) -> Kept:
    """The edges with those of some nodes cut."""
    left = kept.copy()
    for node in nodes:
        left[wiring.sends[node]] = False
    return left


def subsets(nodes: Sequence[int], generator: np.random.Generator) -> list[tuple[int, ...]]:
    """Sets of nodes to take away: none, each alone, and random halves."""
    halves = [
        tuple(int(n) for n in np.array(nodes)[generator.random(len(nodes)) < 0.5])
        for _ in range(SUBSETS if len(nodes) > 1 else 0)
    ]
    return list(dict.fromkeys([(), *((node,) for node in nodes), *halves]))


def completeness(
    ground: Ground, search: Pairs, judge: Pairs, kept: Kept, metric: str, *, seed: int
) -> Rows:
    """Linearised rows; the worst set is found on `search` and measured on `judge`."""
    wiring = ground.wiring
    every = np.ones(len(wiring), bool)
    generator = np.random.default_rng(seed)
    tried = subsets(nodes_of(wiring, kept), generator)[:MOST_SETS]
    sets = [without(wiring, whole, nodes) for nodes in tried for whole in (every, kept)]
    scale, values = scale_of(ground, search, metric, sets)
    gaps = values[0::2].mean(axis=1) - values[1::2].mean(axis=1)
    worst = int(np.abs(gaps).argmax())
    sign = np.sign(gaps[worst]) * np.sign((scale.whole - scale.empty).mean())
    scale, (network, circuit) = scale_of(ground, judge, metric, sets[2 * worst : 2 * worst + 2])
    return 1 - (sign or 1.0) * scale.ratio(network - circuit)


def minimality(ground: Ground, search: Pairs, judge: Pairs, kept: Kept, metric: str) -> Rows:
    """Linearised rows for the node that is needed least, each beside the set that needs it most.

    Sets are none, and every other single node: of two that stand in for each other one is
    needed once the other is away.
    """
    wiring = ground.wiring
    nodes = nodes_of(wiring, kept)
    if not nodes:  # nothing in it is needed, and nothing is claimed
        return np.zeros(len(judge))
    pairs = [(node, ()) for node in nodes]
    beside = [(node, (other,)) for node in nodes for other in nodes if other != node]
    tried: list[tuple[int, tuple[int, ...]]] = [*pairs, *beside][:MOST_SETS]
    sets = [without(wiring, kept, c) for node, k in tried for c in (k, (*k, node))]
    _, values = scale_of(ground, search, metric, sets)
    gains = np.abs(values[0::2].mean(axis=1) - values[1::2].mean(axis=1))
    best = {
        node: max((i for i, each in enumerate(tried) if each[0] == node), key=lambda i: gains[i])
        for node in nodes
    }
    least = min(best.values(), key=lambda i: gains[i])
    scale, (with_it, without_it) = scale_of(ground, judge, metric, sets[2 * least : 2 * least + 2])
    sign = np.sign((with_it - without_it).mean()) * np.sign((scale.whole - scale.empty).mean())
    return (sign or 1.0) * scale.ratio(with_it - without_it)


# ------------------------------------------------------------------- areas by size


def sizes(wiring: Wiring) -> list[tuple[float, int]]:
    """Shares of all edges, and how many edges each is."""
    found: dict[int, float] = {}
    for share in SHARES:
        found.setdefault(max(1, round(share * len(wiring))), share)
    return [(share, count) for count, share in sorted(found.items())]


def ladder(wiring: Wiring, scores: Scores, among: Kept) -> list[tuple[float, Kept]]:
    """Circuits of each size by a ranking."""
    return [(share, of_size(wiring, scores, count, among)) for share, count in sizes(wiring)]


def areas(
    ground: Ground, judge: Pairs, circuits: Sequence[tuple[float, Kept]], metric: str
) -> Mapping[str, Rows]:
    """Linearised rows of `cpr` and `cmd`, by trapezoids over shares of edges."""
    scale, values = scale_of(ground, judge, metric, [kept for _, kept in circuits])
    curve = np.stack([scale.faithfulness(each) for each in values])  # (sizes, rows)
    shares = np.array([share for share, _ in circuits])
    gap = np.sign(1 - curve.mean(axis=1))[:, None] * (1 - curve)
    return {"cpr": _area(shares, curve), "cmd": _area(shares, gap)}


def _area(shares: NDArray[np.float64], curve: Rows) -> Rows:
    widths = np.diff(shares)[:, None]
    found: Rows = (widths * (curve[1:] + curve[:-1]) / 2).sum(axis=0)
    return found
