"""One run of a transformer's blocks, from any stage on and from any position on.

A block has ten stages, each with sites that can be edited after it:

| stage | computes | sites |
|---|---|---|
| QKV | queries, keys, values | `head i.j.q`, `.k`, `.v` |
| PATTERN | how much each token attends to each | `head i.j.pattern` |
| Z | what each head has attended to | `head i.j.z` |
| HEADS | each head's term, if it is asked for | `head i.j` |
| ATTENTION | their sum and the bias | `attention i` |
| BETWEEN | the residual stream with that sum | `residual i.between` |
| INPUT | the same, normed | `mlp i.input` |
| HIDDEN | the MLP's hidden layer, after its nonlinearity | `mlp i.hidden` |
| MLP | the term the MLP adds | `mlp i` |
| RESIDUAL | the sum of all: the output of the block | `residual i` |

Stage 0 is the embedding, the sum of what stage -1 holds apart, `tokens` and `positions`; block
i's stages are 1 + 10 i + the stage's number. `residual i.before` is the embedding or the output
of the block before. A block without MLP passes its stages by.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional

if TYPE_CHECKING:
    from causalabs.engine.networks.block import Block
    from causalabs.engine.networks.transformer import Transformer

QKV, PATTERN, Z, HEADS, ATTENTION, BETWEEN, INPUT, HIDDEN, MLP, RESIDUAL = range(10)
STAGES = 10
APART, EMBEDDING = -1, 0

CARRIED: Mapping[int, tuple[str, ...]] = {
    QKV: ("x", "q", "k", "v"),
    PATTERN: ("x", "pattern", "v"),
    Z: ("x", "z"),
    HEADS: ("x", "z"),
    ATTENTION: ("x", "attention"),
    BETWEEN: ("x",),
    INPUT: ("x", "normed"),
    HIDDEN: ("x", "inner"),
    MLP: ("x", "mlp"),
    RESIDUAL: ("x",),
}
"""What a run that starts right after a stage must be given."""

Touch: TypeAlias = Callable[[Tensor], "Tensor | None"]
"""Sees an activation (batch, width); what it returns, if anything, is written."""


@dataclass(frozen=True, eq=False)
class Edited:
    """A touch of tensor `name`, coordinates `first` to `last`, at tokens `at` (batch, count).

    `at` counts tokens of the whole prompt.
    """

    stage: int
    name: str
    first: int
    last: int
    at: Tensor
    touch: Touch
    head: int = 0


def stage_of(block: int, stage: int) -> int:
    """Number of a block's stage among all."""
    return 1 + STAGES * block + stage


def carried(stage: int) -> tuple[str, ...]:
    """Names of the tensors that a run started after `stage` needs."""
    if stage <= EMBEDDING:
        return ("x",) if stage == EMBEDDING else ("tokens", "positions")
    return CARRIED[(stage - 1) % STAGES]


class Flow:
    """The tensors of a run, of tokens `first` and later; earlier ones by `past` keys and values.

    `reads` (batch, groups) are the tokens that are unembedded; `ends` (batch, 1) counts each
    prompt's tokens where that is to be known: nobody sees those after.
    """

    def __init__(
        self,
        network: Transformer,
        tensors: Mapping[str, Tensor],
        *,
        first: int,
        past: Mapping[str, Tensor],
        reads: Tensor,
        ends: Tensor | None = None,
        edits: Sequence[Edited] = (),
    ) -> None:
        self.network = network
        self.tensors = dict(tensors)
        self.first = first
        self.past = past
        self.reads = reads
        self.ends = ends
        self.narrowed = False  # only the tokens in `reads` are left
        self.terms: dict[tuple[int, int], Tensor] = {}  # heads' terms as edited
        self.edits: dict[int, list[Edited]] = {}
        for edit in edits:
            self.edits.setdefault(edit.stage, []).append(edit)
        self.may_narrow = all(edit.stage < self._last_block for edit in edits)

    @property
    def _last_block(self) -> int:
        return stage_of(len(self.network.blocks) - 1, QKV)

    def edit(self, stage: int) -> None:
        """Apply the edits of a stage that has been computed."""
        for edit in self.edits.get(stage, ()):
            if edit.name == "head":
                self._edit_head(edit)
            elif edit.name == "pattern":
                self._edit_pattern(edit)
            else:
                whole = self.tensors[edit.name]
                self.tensors[edit.name] = self._edited(whole, edit, edit.first, edit.last)

    def compute(self, stage: int) -> None:
        """Run one stage over what the stages before it left."""
        if stage == EMBEDDING:
            self.tensors["x"] = self.tensors.pop("tokens") + self.tensors.pop("positions")
            return
        block = self.network.blocks[(stage - 1) // STAGES]
        match (stage - 1) % STAGES:
            case 0:
                self._qkv(block, narrow=self.may_narrow and stage == self._last_block)
            case 1:
                self._attend((stage - 1) // STAGES)
            case 2:
                self._gather_values((stage - 1) // STAGES)
            case 3:
                self.tensors.pop("heads", None)
            case 4:
                self._attention(block)
            case 5:
                self.tensors["x"] = self.tensors["x"] + self.tensors.pop("attention")
            case 6 | 7 | 8 if not block.hidden:
                pass
            case 6:
                self.tensors["normed"] = block.normed(self.tensors["x"], "second")
            case 7:
                wide = block.linear(self.tensors.pop("normed"), "widen")
                self.tensors["inner"] = functional.relu(wide)  # (batch, position, 4 width)
            case 8:
                self.tensors["mlp"] = block.linear(self.tensors.pop("inner"), "narrow")
            case _ if block.hidden:
                self.tensors["x"] = self.tensors["x"] + self.tensors.pop("mlp")

    def read(self) -> Tensor:
        """The residual stream at the tokens read: (batch, groups, width)."""
        if self.narrowed:
            return self.tensors["x"]
        at = (self.reads - self.first).clamp(min=0)
        return gather(self.tensors["x"], at)

    # ------------------------------------------------------------------- stages

    def _qkv(self, block: Block, *, narrow: bool) -> None:
        x = self.tensors["x"]  # (batch, position, width)
        normed = block.normed(x, "first")
        if narrow and self.reads.shape[1] < x.shape[1]:
            at = (self.reads - self.first).clamp(min=0)
            inner = block.inner
            weight, bias = block["qkv_weight"], block["qkv_bias"]
            keys = functional.linear(normed, weight[inner:], bias[inner:])
            asked = functional.linear(gather(normed, at), weight[:inner], bias[:inner])
            self.tensors["x"] = gather(x, at)  # (batch, groups, width)
            self.tensors["q"] = asked
            self.tensors["k"], self.tensors["v"] = torch.chunk(keys, 2, dim=-1)
            self.narrowed = True
        else:
            parts = torch.chunk(block.linear(normed, "qkv"), 3, dim=-1)
            self.tensors["q"], self.tensors["k"], self.tensors["v"] = parts

    def _attend(self, layer: int) -> None:
        k = self.tensors.pop("k")
        if self.first:
            k = torch.cat([self.past[f"k{layer}"], k], dim=1)
        q, k = self._split(self.tensors.pop("q")), self._split(k)  # (batch, head, query | key, dim)
        weights = (q / math.sqrt(q.shape[-1])) @ k.transpose(-1, -2)  # (batch, head, query, key)
        masked = self._future(q.shape[2], k.shape[2])
        if masked is not None:
            weights = weights.masked_fill(masked, -math.inf)
        # (batch, query, head, key): tokens stand second in every tensor that is kept
        self.tensors["pattern"] = weights.softmax(dim=-1).transpose(1, 2)

    def _gather_values(self, layer: int) -> None:
        v = self.tensors.pop("v")
        if self.first:
            v = torch.cat([self.past[f"v{layer}"], v], dim=1)
        z = self.tensors.pop("pattern").transpose(1, 2) @ self._split(v)
        self.tensors["z"] = z.transpose(1, 2).flatten(2)  # (batch, query, inner)

    def _future(self, queries: int, keys: int) -> Tensor | None:
        """Keys that a query may not see: later ones if `causal`, and those after the end.

        (query, key) or (batch, 1, query | 1, key).
        """
        place = torch.arange(keys, device=self.reads.device)
        ended = None if self.ends is None else (place >= self.ends)[:, None, None]
        later: Tensor | None = None
        if self.network.causal and self.narrowed:
            later = (place > self.reads.clamp(min=self.first)[:, :, None])[:, None]
        elif self.network.causal and queries > 1:  # the only one is the last
            later = place > place[self.first : self.first + queries, None]
        if ended is None or later is None:
            return ended if later is None else later
        return ended | later

    def _attention(self, block: Block) -> None:
        total = block.linear(self.tensors.pop("z"), "out")
        change = self.tensors.pop("heads", None)
        self.tensors["attention"] = total if change is None else total + change

    def _split(self, whole: Tensor) -> Tensor:
        """(batch, position, inner) -> (batch, head, position, dim)."""
        batch, position, inner = whole.shape
        heads = self.network.heads
        return whole.reshape(batch, position, heads, inner // heads).transpose(1, 2)

    # -------------------------------------------------------------------- edits

    def _edit_head(self, edit: Edited) -> None:
        """A head's term is formed only here; what the edit changes is added to the sum."""
        block = self.network.blocks[(edit.stage - 1) // STAGES]
        mine = slice(edit.first, edit.last)
        before = self.terms.get((edit.stage, edit.head))
        if before is None:
            z = self.tensors["z"][..., mine]
            before = functional.linear(z, block["out_weight"][:, mine])
        after = self._edited(before, edit, 0, before.shape[-1])
        if after is not before:
            self.terms[edit.stage, edit.head] = after  # a second edit sees the first
            change = after - before
            earlier = self.tensors.get("heads")
            self.tensors["heads"] = change if earlier is None else earlier + change

    def _edit_pattern(self, edit: Edited) -> None:
        """One head's attention from some tokens to all."""
        whole = self.tensors["pattern"]  # (batch, query, head, key)
        after = self._edited(whole[:, :, edit.head], edit, 0, whole.shape[-1])
        parts = [whole[:, :, : edit.head], after[:, :, None], whole[:, :, edit.head + 1 :]]
        self.tensors["pattern"] = torch.cat(parts, dim=2)

    def _edited(self, whole: Tensor, edit: Edited, first: int, last: int) -> Tensor:
        """`whole` (batch, position, width) with some tokens' coordinates touched."""
        at = edit.at - self.first  # (batch, count)
        current = gather(whole[..., first:last], at)  # (batch, count, coordinates)
        found = edit.touch(current.flatten(1))
        if found is None:
            return whole
        new = found.reshape(current.shape)
        index = at[:, :, None].expand_as(new)
        if first == 0 and last == whole.shape[-1]:
            return whole.scatter(1, index, new)
        inner = whole[..., first:last].scatter(1, index, new)
        return torch.cat([whole[..., :first], inner, whole[..., last:]], dim=-1)


def gather(whole: Tensor, at: Tensor) -> Tensor:
    """(batch, position, width) at (batch, count) -> (batch, count, width)."""
    return whole.gather(1, at[:, :, None].expand(-1, -1, whole.shape[2]))
