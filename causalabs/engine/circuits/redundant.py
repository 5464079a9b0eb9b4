"""Redundancy: nodes outside a circuit that do as well in place of one inside.

Where either of two heads suffices, cutting one changes nothing and a search keeps only the
other (Conmy et al. 2023 name it as ACDC's weakness). So each node of a circuit is exchanged
for each one outside, which is given all that it reads and feeds what the node fed.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from causalabs.engine.circuits.edges import Kept, Wiring
from causalabs.hypothesis.circuits import site_text

MOST_TRIED = 1_024
"""Most exchanges that are tried: those of the largest circuits are not."""
AT_ONCE = 64

Evaluate = Callable[[Kept], NDArray[np.float64]]


def stand_ins(
    evaluate: Evaluate, wiring: Wiring, kept: Kept, tolerance: float
) -> tuple[tuple[str, str], ...]:
    """Pairs of a node of the circuit and one outside that suffices as well.

    The node itself must matter: without it the harm rises by at least `tolerance`, and with
    the other in its place by less.
    """
    inside = sorted(set(wiring.writer[kept].tolist()) - set(wiring.sources))
    outside = sorted(set(range(len(wiring.writers))) - set(inside) - set(wiring.sources))
    tried: list[tuple[int, int]] = []
    sets: list[Kept] = []
    for node in inside:
        for other in outside:
            exchanged = _exchanged(wiring, kept, node, other)
            if exchanged is not None and len(tried) < MOST_TRIED:
                tried.append((node, other))
                sets.append(exchanged)
    if not tried:
        return ()
    lost = {node: _lost(wiring, kept, node) for node in inside}
    harm = _evaluated(evaluate, [kept, *lost.values(), *sets])
    whole, rest = harm[0], harm[1:]
    matters = {node: value - whole >= tolerance for node, value in zip(lost, rest, strict=False)}
    return tuple(
        (site_text(wiring.writers[node]), site_text(wiring.writers[other]))
        for (node, other), value in zip(tried, rest[len(lost) :], strict=True)
        if matters[node] and value - whole < tolerance
    )


def _evaluated(evaluate: Evaluate, sets: list[Kept]) -> NDArray[np.float64]:
    parts = [
        evaluate(np.stack(sets[first : first + AT_ONCE])) for first in range(0, len(sets), AT_ONCE)
    ]
    return np.concatenate(parts)


def _lost(wiring: Wiring, kept: Kept, node: int) -> Kept:
    left = kept.copy()
    left[wiring.sends[node]] = False
    return left


def _exchanged(wiring: Wiring, kept: Kept, node: int, other: int) -> Kept | None:
    """The circuit with `other` where `node` was; None where no reader has an edge from it."""
    fed = set(wiring.reader[wiring.sends[node][kept[wiring.sends[node]]]].tolist())
    instead = [edge for edge in wiring.sends[other] if int(wiring.reader[edge]) in fed]
    if {int(wiring.reader[edge]) for edge in instead} != fed:
        return None
    found = _lost(wiring, kept, node)
    for reader in _upstream(wiring, other):
        found[wiring.reads[reader]] = True
    found[instead] = True
    found[wiring.sends[node]] = False
    return found


def _upstream(wiring: Wiring, node: int) -> set[int]:
    """Readers that a node is computed from, directly or not."""
    found: set[int] = set()
    waiting = [node]
    seen = {node}
    while waiting:
        made = waiting.pop()
        for reader, makes in enumerate(wiring.makes):
            if made in makes and reader not in found:
                found.add(reader)
                writers = set(wiring.writer[wiring.reads[reader]].tolist()) - seen
                seen |= writers
                waiting += writers
    return found
