"""Edges at some tokens only: there they say what is carried, elsewhere the whole edge does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from causalabs.engine.circuits.nodes import Stage


@dataclass(frozen=True, eq=False)
class Tokened:
    """An edge at some columns: its own column among edges, and its ends' numbers.

    `there` (rows, columns) is true where it speaks.
    """

    column: int
    writer: int
    reader: int
    there: Tensor

    def at(self, columns: Tensor) -> Tokened:
        """The same where only some columns (rows, count) are looked at."""
        return replace(self, there=self.there.gather(1, columns))


def override(
    x: Tensor,
    change: Callable[[int], Tensor],
    kept: Tensor,
    stage: Stage,
    tokened: Sequence[Tokened],
) -> Tensor:
    """Readers' inputs (copies, readers, rows, columns, width) with edges at some tokens in place.

    `change` gives a writer's change (see `walk`), broadcast to (copies, rows, columns, width);
    `kept` (copies, edges) are truths or shares.
    """
    if not tokened:
        return x
    parts = list(x.unbind(dim=1))
    for (writer, reader), shares in _by_ends(stage, tokened, kept.to(x.dtype)).items():
        place = reader - stage.readers.start
        parts[place] = parts[place] + shares[..., None] * change(writer)
    return torch.stack(parts, dim=1)


def _by_ends(
    stage: Stage, tokened: Sequence[Tokened], kept: Tensor
) -> dict[tuple[int, int], Tensor]:
    """By writer and reader what is kept beyond the whole edge: (copies, rows, columns)."""
    best: dict[tuple[int, int], Tensor] = {}
    for edge in tokened:
        share = torch.where(edge.there, kept[:, edge.column, None, None], -1.0)
        ends = edge.writer, edge.reader
        best[ends] = torch.maximum(best[ends], share) if ends in best else share
    found = {}
    for (writer, reader), share in best.items():
        whole = stage.edges.start + (reader - stage.readers.start) * stage.before + writer
        more = share - kept[:, whole, None, None]
        found[writer, reader] = torch.where(share >= 0, more, 0.0)
    return found
