"""Edges in order of importance: by slopes (EAP, EAP-IG, HISP), and circuits cut from a ranking."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from causalabs.engine.circuits.edges import Kept, Wiring
from causalabs.engine.circuits.ground import Held
from causalabs.engine.circuits.row_values import harm
from causalabs.intervals import student

Scores = NDArray[np.float64]
"""How much each edge matters: (edges,)."""


@dataclass(frozen=True, eq=False)
class Ranked:
    """How much edges matter, and half the width of each one's 95 % interval (0: none)."""

    scores: Scores
    halves: Scores


def by_slopes(held: Held, metric: str, *, steps: int = 0, between: str = "inputs") -> Ranked:
    """To first order, what cutting each edge adds to the harm, as a mean over the examples.

    Without `steps` at the network as it is (EAP: Syed et al. 2023); with them averaged on the
    way to what is carried instead (EAP-IG: Hanna et al. 2024).
    """
    at = [step / steps for step in range(steps)] if steps else [0.0]
    total, squares, count = _moments(held, metric, at, between)
    mean = total / count
    if count < 2:
        return Ranked(mean, np.full_like(mean, np.inf))
    spread = np.sqrt(np.maximum(squares / count - mean**2, 0) * count / (count - 1))
    return Ranked(mean, student(count - 1) * spread / np.sqrt(count))


def by_nodes(held: Held, wiring: Wiring, metric: str) -> Ranked:
    """HISP (Michel et al. 2019): how much the harm leans on each node's whole term.

    An edge matters as much as the less important of its two nodes; what is embedded and the
    output always matter.
    """
    total = np.zeros(len(wiring.writers))
    rows = 0
    for part in held.parts():
        slopes = held.ground.wired.slopes(
            part.base, part.instead, harm(metric, part.wanted), at=(0.0,)
        )
        each = slopes.double().cpu().numpy()  # (rows, edges)
        sums = np.stack([each[:, edges].sum(axis=1) for edges in wiring.sends], axis=1)
        total += np.abs(sums).sum(axis=0)
        rows += len(each)
    nodes = total / rows
    nodes[list(wiring.sources)] = np.inf
    made = [max((nodes[i] for i in makes), default=np.inf) for makes in wiring.makes]
    scores = np.minimum(nodes[wiring.writer], np.array(made)[wiring.reader])
    finite = scores[np.isfinite(scores)]
    top = float(finite.max()) if len(finite) else 1.0
    return Ranked(np.where(np.isfinite(scores), scores, top), np.zeros_like(scores))


def _moments(
    held: Held, metric: str, at: Sequence[float], between: str
) -> tuple[Scores, Scores, int]:
    """Sums over the examples of slopes and of their squares."""
    total = squares = np.zeros(())
    for part in held.parts():
        slopes = held.ground.wired.slopes(
            part.base,
            part.instead,
            harm(metric, part.wanted),
            at=at,
            between="activations" if between == "activations" else "inputs",
        )
        each = slopes.double().cpu().numpy()  # (rows, edges)
        total = total + each.sum(axis=0)
        squares = squares + np.square(each).sum(axis=0)
    return total, squares, len(held.pairs)


# ----------------------------------------------------------------- cutting a ranking


def above(wiring: Wiring, scores: Scores, threshold: float, among: Kept) -> Kept:
    """The edges of at least that size that lie on a path from input to output."""
    return wiring.pruned(among & (np.abs(scores) >= threshold))


def of_size(wiring: Wiring, scores: Scores, size: int, among: Kept) -> Kept:
    """At most `size` edges, all on a path from input to output.

    The greedy way of Hanna et al. (2024): from the output back, always the largest edge that
    leads to what is there. What nothing leads to is then left out, and its place given to the
    next ones.
    """
    order = grown(wiring, scores, among)
    low, high = 0, len(order)
    while low < high:  # the most edges whose living part is no larger than asked for
        middle = (low + high + 1) // 2
        if int(_first(wiring, order, middle).sum()) <= size:
            low = middle
        else:
            high = middle - 1
    return _first(wiring, order, low)


def _first(wiring: Wiring, order: NDArray[np.int64], count: int) -> Kept:
    kept = np.zeros(len(wiring), bool)
    kept[order[:count]] = True
    return wiring.pruned(kept)


def grown(wiring: Wiring, scores: Scores, among: Kept) -> NDArray[np.int64]:
    """All edges in the order in which the greedy way takes them."""
    size = np.abs(scores)
    order: list[int] = []
    leads = np.zeros(len(wiring.readers), bool)
    heap: list[tuple[float, int]] = []

    def open_reader(reader: int) -> None:
        leads[reader] = True
        for edge in wiring.reads[reader]:
            if among[edge]:
                heapq.heappush(heap, (-float(size[edge]), int(edge)))

    makers: dict[int, list[int]] = {}
    for reader, made in enumerate(wiring.makes):
        if not made:
            open_reader(reader)
        for writer in made:
            makers.setdefault(writer, []).append(reader)
    while heap:
        _, edge = heapq.heappop(heap)
        order.append(edge)
        for reader in makers.get(int(wiring.writer[edge]), []):
            if not leads[reader]:
                open_reader(reader)
    return np.array(order, np.int64)


def roc(scores: Scores, truth: Kept) -> float:
    """Area under the curve of true against false edges, ties counting half; nan without both.

    >>> roc(np.array([0.9, 0.5, 0.1]), np.array([True, False, False]))
    1.0
    """
    size = np.abs(scores)
    right, wrong = size[truth], size[~truth]
    if not len(right) or not len(wrong):
        return float("nan")
    order = np.sort(wrong)
    below = np.searchsorted(order, right, "left")
    up_to = np.searchsorted(order, right, "right")
    return float((below + up_to).mean() / (2 * len(wrong)))
