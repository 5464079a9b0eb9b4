"""Finding a circuit: methods one after another, each searching what the one before left."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from causalabs.engine.circuits.acdc import Cut, Search, visits
from causalabs.engine.circuits.edges import Kept
from causalabs.engine.circuits.ground import Ground, Held, Pairs
from causalabs.engine.circuits.probing import by_probing
from causalabs.engine.circuits.ranking import Ranked, Scores, above, by_nodes, by_slopes, of_size
from causalabs.engine.circuits.redundant import stand_ins
from causalabs.engine.streams import numpy_stream
from causalabs.hypothesis import registry
from causalabs.hypothesis.model import Circuit, Setting

ORDERS = ("latest", "earliest", "random")


@dataclass(frozen=True, eq=False)
class Discovered:
    """What a search kept, among which edges, and how much each mattered.

    `sweep` are the circuits of a sweep of thresholds, where one was asked for.
    """

    kept: Kept
    among: Kept
    ranked: Ranked | None = None
    sweep: tuple[Cut, ...] = ()
    orders: tuple[tuple[str, int, int], ...] = ()
    redundant: tuple[tuple[str, str], ...] = ()
    runs: int = 0
    examples: int = 0
    metric: str = ""
    seconds: float = 0.0


def discover(
    circuit: Circuit, ground: Ground, pairs: Pairs, *, seed: int, sweep: bool
) -> Discovered:
    """The circuit that a file's methods find on some pairs.

    `sweep` asks for a ranking of all edges, which ACDC makes by many thresholds in one run.
    """
    began, before = time.perf_counter(), ground.runs
    every = np.ones(len(ground.wiring), bool)
    found = Discovered(every, every)
    for place, (method, settings) in enumerate(circuit.methods):
        last = place == len(circuit.methods) - 1
        asked = dict(settings)
        examples = _examples(pairs, int(_number(asked, "examples")), circuit.name, seed)
        held = ground.keep(examples)
        found = _by(method, asked, held, found.kept, seed=seed, sweep=sweep and last, last=last)
    return replace(found, runs=ground.runs - before, seconds=time.perf_counter() - began)


def _examples(pairs: Pairs, most: int, name: str, seed: int) -> Pairs:
    """So many of the pairs, drawn once for all methods of a circuit."""
    if len(pairs) <= most:
        return pairs
    generator = numpy_stream(seed, "examples of a search", name)
    return pairs.take(np.sort(generator.permutation(len(pairs))[:most]))


def _by(
    method: str,
    asked: Mapping[str, Setting],
    held: Held,
    among: Kept,
    *,
    seed: int,
    sweep: bool,
    last: bool,
) -> Discovered:
    if method == "acdc":
        return _by_acdc(asked, held, among, seed=seed, sweep=sweep, last=last)
    wiring = held.ground.wiring
    metric = str(asked.get("metric") or _usual(method, held.ground))
    match method:
        case "eap":
            ranked = by_slopes(held, metric)
        case "eap_ig":
            between = str(asked.get("between") or "inputs")
            ranked = by_slopes(held, metric, steps=int(_number(asked, "steps")), between=between)
        case "hisp":
            ranked = by_nodes(held, wiring, metric)
        case _:
            steps, penalty = int(_number(asked, "steps")), _number(asked, "penalty")
            ranked = by_probing(held, metric, among, steps=steps, penalty=penalty, seed=seed)
    if "edges" in asked:
        kept = of_size(wiring, ranked.scores, int(_number(asked, "edges")), among)
    else:
        kept = above(wiring, ranked.scores, _number(asked, "threshold"), among)
    return Discovered(kept, among, ranked, examples=len(held.pairs), metric=metric)


def _by_acdc(
    asked: Mapping[str, Setting],
    held: Held,
    among: Kept,
    *,
    seed: int,
    sweep: bool,
    last: bool,
) -> Discovered:
    ground, wiring = held.ground, held.ground.wiring
    metric = str(asked.get("metric") or _usual("acdc", ground))
    names = [str(asked["order"]), *(name for name in ORDERS if name != asked["order"])]
    generator = numpy_stream(seed, "orders of visits")
    orders = [visits(wiring, name, generator) for name in names]
    while len(orders) < int(_number(asked, "orders")):
        names.append("random")
        orders.append(visits(wiring, "random", generator))

    def evaluate(sets: Kept) -> NDArray[np.float64]:
        sign = -1.0 if metric in ("logit_difference", "accuracy") else 1.0
        return sign * held.means(sets, metric)

    search = Search(evaluate, wiring, among)
    first = orders[0]
    cuts = search.sweep(first) if sweep or "edges" in asked else []
    if "edges" in asked:
        chosen = search.of_size(first, int(_number(asked, "edges")), cuts)
    else:
        threshold = _number(asked, "threshold")
        chosen = search.cut(first, [threshold], _nearest(cuts, threshold))[0]
    kept = wiring.pruned(chosen.kept)
    found = Discovered(kept, among, sweep=tuple(cuts), examples=len(held.pairs), metric=metric)
    if not last:
        return found
    others = []
    for name, order in list(zip(names, orders, strict=True))[1 : int(_number(asked, "orders"))]:
        cut = search.cut(order, [chosen.threshold], chosen.kept)[0]
        other = wiring.pruned(cut.kept)
        others.append((name, int(other.sum()), int((other & kept).sum())))
    redundant = stand_ins(evaluate, wiring, kept, chosen.threshold)
    return replace(
        found,
        ranked=_ranked(cuts) if cuts else None,
        orders=tuple(others),
        redundant=redundant,
    )


def _nearest(cuts: list[Cut], threshold: float) -> Kept | None:
    """What the next smaller threshold of a sweep left."""
    below = [cut for cut in cuts if cut.threshold <= threshold]
    return max(below, key=lambda cut: cut.threshold).kept if below else None


def _ranked(cuts: list[Cut]) -> Ranked:
    """How much edges matter: the largest threshold that leaves each, 0 for none."""
    scores: Scores = np.max([np.where(cut.kept, cut.threshold, 0.0) for cut in cuts], axis=0)
    return Ranked(scores, np.zeros_like(scores))


def _usual(method: str, ground: Ground) -> str:
    """The metric of a search that is not told one.

    Slopes of a divergence are zero where the network is whole, so those are of the task's own.
    One-hot outputs have no divergence: ACDC takes their distance.
    """
    if method in ("eap", "eap_ig", "hisp"):
        return "logit_difference"
    kind = registry.find(registry.NetworkKind, ground.wired.network.kind)
    return "distance" if kind is not None and kind.one_hot else "kl"


def _number(asked: Mapping[str, Setting], name: str) -> float:
    value = asked[name]
    assert isinstance(value, int | float)  # the checker has seen its type
    return value
