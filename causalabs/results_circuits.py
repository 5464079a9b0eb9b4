"""What a run tells of a circuit: its edges, how faithful it is, and what a random one reaches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class SweepPoint:
    """A circuit of one size: faithfulness with its interval, and that of random edges.

    `threshold` is what left so many edges, None where a number was asked for.
    """

    edges: int
    value: float
    low: float
    high: float
    random: float
    threshold: float | None = None


@dataclass(frozen=True)
class CircuitRecord:
    """A circuit of `count` of `of` edges, as the file writes them, those that matter most first.

    `method` is "" where the file writes the edges. Faithfulness (`value`, `low`, `high`) is
    that on `split`; `null` are the values of as many random edges, drawn several times.
    `scores` say how much each edge mattered to the search, with half the width of the interval
    over its examples (0: none). `orders` are other orders of visits with the edges each left
    and how many of these are in the circuit; `redundant` pairs a node with one outside that
    does as well in its place. `runs` counts sets of edges run by the search.
    """

    name: str
    ablation: str
    count: int
    of: int
    edges: tuple[str, ...]
    split: str
    metric: str
    value: float
    low: float
    high: float
    exact: bool = False
    method: str = ""
    null: tuple[float, ...] = ()
    scores: tuple[float, ...] = ()
    halves: tuple[float, ...] = ()
    orders: tuple[tuple[str, int, int], ...] = ()
    redundant: tuple[tuple[str, str], ...] = ()
    sweep: tuple[SweepPoint, ...] = ()
    runs: int = 0
    examples: int = 0
    seconds: float = 0.0


def circuit_record(document: Mapping[str, Any]) -> CircuitRecord:
    """A `CircuitRecord` from its JSON form."""
    lists = {name: tuple(document[name]) for name in ("edges", "null", "scores", "halves")}
    orders = tuple((str(o), int(n), int(shared)) for o, n, shared in document["orders"])
    redundant = tuple((str(one), str(other)) for one, other in document["redundant"])
    sweep = tuple(SweepPoint(**each) for each in document["sweep"])
    return CircuitRecord(
        **{**document, **lists, "orders": orders, "redundant": redundant, "sweep": sweep}
    )
