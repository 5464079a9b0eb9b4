"""One pass through the blocks: from any stage on, over some tokens of each row, edits on the way.

The modules of the model are called one after the other; only the sums between them are formed
here. Rows are slots * batch, slot by slot, and different slots may begin at different blocks:
they join the pass where they begin (a staggered pass).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from causalabs.engine.language_models.attention import Columns, attending
from causalabs.engine.language_models.families import Wiring
from causalabs.engine.language_models.sites import AFTER, HEAD, QKV
from causalabs.engine.language_models.step import Around, State, Step, Touch


@dataclass(frozen=True, eq=False)
class Group:
    """Slots that begin together: where, and from what (batch, columns, ...), once a row."""

    start: tuple[int, int]
    state: Mapping[str, Tensor]
    slots: int


class Pass:
    """The blocks of a model over certain columns; `past` are the kept keys and values."""

    def __init__(
        self,
        wiring: Wiring,
        columns: Columns,
        touches: Sequence[Touch] = (),
        *,
        slots: int = 1,
        past: Mapping[str, Tensor] | None = None,
        reads: Tensor | None = None,
        hidden_of: frozenset[int] = frozenset(),
    ) -> None:
        self.wiring = wiring
        self.touches: dict[int, list[Touch]] = {}
        for touch in touches:
            self.touches.setdefault(touch.place.layer, []).append(touch)
        alike = columns.level and columns.sees is None
        positions = columns.positions[:1] if alike else columns.positions.repeat(slots, 1)
        like = wiring.norm.weight
        angles = wiring.angles(like, positions)  # type: ignore[arg-type]
        self.around = Around(wiring, columns, past or {}, reads, hidden_of, angles)

    def run(self, groups: Sequence[Group]) -> Tensor:
        """Groups by their starts -> what is read after the last block, slots in that order."""
        starts: dict[int, dict[int, list[Group]]] = {}
        for group in groups:
            layer, stage = group.start
            starts.setdefault(layer, {}).setdefault(stage, []).append(group)
        x: Tensor | None = None
        joined = 0
        with attending(self.wiring.config):
            for layer in range(min(starts), len(self.wiring.blocks)):
                parts = []
                if x is not None:
                    parts.append(self.left(self.block(layer, {"x": x}, slots=joined), layer))
                for stage, begun in sorted(starts.get(layer, {}).items()):
                    slots = sum(group.slots for group in begun)
                    state = {name: _spread(t, slots) for name, t in begun[0].state.items()}
                    found = self.block(layer, state, stage, slots=slots, low=joined)
                    parts.append(self.left(found, layer))
                    joined += slots
                x = parts[0] if len(parts) == 1 else torch.cat(parts)
        assert x is not None  # there is a group
        return x

    def left(self, state: State, layer: int) -> Tensor:
        """The residual that a block leaves; after the last one only the columns read."""
        last = layer == len(self.wiring.blocks) - 1
        unread = last and "read" not in state
        return self.around.at_reads(state["after"]) if unread else state["after"]

    def block(
        self,
        layer: int,
        state: State,
        start: int = QKV,
        stop: int = AFTER,
        *,
        slots: int = 1,
        low: int = 0,
    ) -> State:
        """One block's stages `start` to `stop`, of slots `low` and on; the state it leaves."""
        touches = [t for t in self.touches.get(layer, ()) if low <= t.slots[0] < low + slots]
        step = Step(self.around, layer, state, start, touches, slots, low)
        with step.hooks():
            for stage in range(start, stop + 1):
                if stage > start or stage == HEAD:  # a head's term is never kept
                    step.compute(stage)
                step.arrive(stage)
        return step.state


def _spread(kept: Tensor, slots: int) -> Tensor:
    """(batch, ...) -> (slots * batch, ...), slot by slot."""
    return kept if slots == 1 else kept.repeat(slots, *[1] * (kept.dim() - 1))
