"""Attention over two parts: what is kept of earlier tokens, and the tokens that are run.

One function, registered with transformers, stands in for every family's attention. It gets
queries and keys as the attention module made them, turned by position; what else it needs of
the run comes along as a keyword argument that the modules hand through. Keys and values of
earlier tokens are kept once a row and shared by all slots; under grouped queries they are
never repeated: the queries of a group are stacked instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

NAME = "causalabs"

Change: TypeAlias = Callable[[Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class Columns:
    """The tokens of each row that are run: `count` from `first` on.

    Keys of `past` earlier tokens are at hand; of a row only those before its `first` count.
    A row that is shorter than others has columns past its end, which nothing looks at.
    `nodes` are further columns, of answers' tokens (see `spelled`): `sees` says for each which
    tokens (rows, nodes) it comes after, and `ancestors` (nodes, nodes) which nodes.
    """

    first: Tensor  # (batch,)
    count: int
    past: int
    positions: Tensor  # (batch, columns), nodes last
    level: bool  # all rows start at the token `past`
    sees: Tensor | None = None
    ancestors: Tensor | None = None
    masks: dict[int | None, Tensor | None] = field(default_factory=dict)

    @property
    def all(self) -> int:
        """Columns, nodes included."""
        return self.positions.shape[1]

    def hidden(self, window: int | None) -> Tensor | None:
        """What a column does not see: (batch or 1, columns, past + columns); None for nothing."""
        if window not in self.masks:
            self.masks[window] = self._hidden(window)
        return self.masks[window]

    def _hidden(self, window: int | None) -> Tensor | None:
        device = self.first.device
        kept = torch.arange(self.past, device=device)  # (past,)
        asked = self.positions[:1] if self.level and self.sees is None else self.positions
        first = self.first[: len(asked), None, None]
        run = self.first[: len(asked), None] + torch.arange(self.count, device=device)
        tokens = torch.cat([kept.expand(len(asked), -1), run], dim=1)[:, None]
        hidden = tokens > asked[..., None]  # (batch, columns, past + count)
        hidden[..., : self.past] |= kept >= first
        if self.sees is not None and self.ancestors is not None:
            hidden[:, self.count :] = tokens > self.sees[..., None]
            hidden[:, self.count :, : self.past] |= kept >= first
            nodes = hidden.new_ones(len(asked), self.all, self.all - self.count)
            nodes[:, self.count :] = ~self.ancestors
            hidden = torch.cat([hidden, nodes], dim=2)
        if window is not None:
            places = tokens[:, 0]
            if self.sees is not None:
                places = torch.cat([places, asked[:, self.count :]], dim=1)
            hidden |= asked[..., None] - places[:, None] >= window
        return hidden if bool(hidden.any()) else None


@dataclass(eq=False)
class Call:
    """What one layer's attention is given beside queries, keys and values.

    `patterns` change the weights by head, (rows, heads, columns, past + columns), and `zs`
    what the heads gather, (rows, columns, heads, dim). `keep` says to leave keys and values.
    """

    columns: Columns
    slots: int
    key: Tensor | None = None  # (batch, groups, past, dim)
    value: Tensor | None = None
    patterns: Sequence[Change] = ()
    zs: Sequence[Change] = ()
    kept: tuple[Tensor, Tensor] | None = None
    z: Tensor | None = None


def attend(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    causalabs: Call,
    scaling: float,
    softcap: float | None = None,
    sliding_window: int | None = None,
    **_: Any,
) -> tuple[Tensor, None]:
    """Attention of `Call`: (rows, heads, columns, dim) -> (rows, columns, heads, dim).

    Rows are slots * batch, slot by slot. Sums are taken in the order of transformers' own
    function (scale, softcap, mask, softmax in float32).
    """
    rows, heads, columns, dim = query.shape
    groups, slots = key.shape[1], causalabs.slots
    batch, stack = rows // slots, heads // groups * columns
    asked = query.reshape(rows, groups, stack, dim)
    scores = asked @ key.transpose(-1, -2)  # (rows, groups, stack, columns)
    past = causalabs.key.shape[2] if causalabs.key is not None else 0
    if causalabs.key is not None:
        earlier = _fold(asked, slots) @ causalabs.key.transpose(-1, -2)
        scores = torch.cat([_unfold(earlier, slots), scores], dim=-1)
    scores = scores * scaling
    if softcap is not None:
        scores = torch.tanh(scores / softcap) * softcap
    hidden = causalabs.columns.hidden(sliding_window)
    if hidden is not None:
        by_query = scores.view(slots, batch, heads, columns, past + columns)
        scores = by_query.masked_fill(hidden[:, None], -torch.inf).view_as(scores)
    weights = scores.softmax(dim=-1, dtype=torch.float32).to(query.dtype)
    for change in causalabs.patterns:
        by_head = weights.view(rows, heads, columns, past + columns)
        weights = change(by_head).reshape(weights.shape)
    z = weights[..., past:] @ value  # (rows, groups, stack, dim)
    if causalabs.value is not None:
        z = z + _unfold(_fold(weights[..., :past], slots) @ causalabs.value, slots)
    z = z.view(rows, heads, columns, dim).transpose(1, 2)
    for change in causalabs.zs:
        z = change(z)
    causalabs.kept, causalabs.z = (key, value), z
    return z, None


def _fold(asked: Tensor, slots: int) -> Tensor:
    """Slots side by side for one set of keys: (batch, groups, slots * stack, ...)."""
    if slots == 1:
        return asked
    rows, groups, stack, last = asked.shape
    return (
        asked.view(slots, rows // slots, groups, stack, last)
        .permute(1, 2, 0, 3, 4)
        .reshape(rows // slots, groups, slots * stack, last)
    )


def _unfold(folded: Tensor, slots: int) -> Tensor:
    """The inverse of `_fold`."""
    if slots == 1:
        return folded
    batch, groups, wide, last = folded.shape
    return (
        folded.view(batch, groups, slots, wide // slots, last)
        .permute(2, 0, 1, 3, 4)
        .reshape(slots * batch, groups, wide // slots, last)
    )


@contextmanager
def attending(config: Any) -> Iterator[None]:
    """The model's attention modules call `attend`; afterwards they are as they were."""
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.masking_utils import eager_mask

    AttentionInterface.register(NAME, attend)
    AttentionMaskInterface.register(NAME, eager_mask)
    before = config._attn_implementation
    config._attn_implementation = NAME
    try:
        yield
    finally:
        config._attn_implementation = before
