"""The transformers of our own, built in or compiled, in parts for circuits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from causalabs.engine.circuits.body import Projected, heads_terms
from causalabs.engine.circuits.nodes import Half, Nodes
from causalabs.engine.circuits.norms import Norm
from causalabs.engine.networks.block import EPSILON
from causalabs.engine.networks.prompts import Prompts
from causalabs.engine.networks.tokens import PAD
from causalabs.engine.networks.transformer import Transformer
from causalabs.engine.protocol import Scores
from causalabs.hypothesis.model import Position


@dataclass(frozen=True, eq=False)
class Prompted:
    """Prompts of a run, where they are read, how long they are, and whether that is said."""

    prompts: Prompts
    reads: Tensor  # (rows, reads)
    lengths: Tensor  # (rows,)
    ends: Tensor | None  # (rows, 1)

    @property
    def tokens(self) -> int:
        """Columns of a run."""
        return self.prompts.ids.shape[1]

    def take(self, rows: slice) -> Prompted:
        """Some rows."""
        ends = None if self.ends is None else self.ends[rows]
        return Prompted(self.prompts.take(rows), self.reads[rows], self.lengths[rows], ends)


class BuiltInBody:
    """`Body` of a transformer of ours."""

    def __init__(self, network: Transformer) -> None:
        self.network = network
        self.nodes = Nodes(
            ("tokens", "positions") if network.apart else ("embedding",),
            len(network.blocks),
            network.heads,
            mlps=any(block.hidden for block in network.blocks),
        )
        self.width = network.residual_width

    def columns(self, inputs: Prompts) -> int:
        """Columns of a run of these inputs."""
        return inputs.ids.shape[1]

    def begin(self, inputs: Prompts) -> Prompted:
        """Where the prompts are read and end."""
        ends = self.network.ends_of(inputs).get("ends")
        lengths = (inputs.ids != PAD).sum(dim=1) if ends is None else ends[:, 0]
        return Prompted(inputs, self.network.reads_of(inputs), lengths, ends)

    def embed(self, setting: Prompted) -> Tensor:
        """Tokens and positions, one by one or in one."""
        network, ids = self.network, setting.prompts.ids
        tokens = functional.embedding(ids, network.token_weight)
        positions = network.position_weight[: ids.shape[1]].expand_as(tokens)
        return torch.stack([tokens, positions] if network.apart else [tokens + positions])

    def bias(self, layer: int) -> Tensor | None:
        """Attention's output bias."""
        bias: Tensor = self.network.blocks[layer]["out_bias"]
        return bias

    def normed(self, layer: int, half: Half, x: Tensor) -> Tensor:
        """A layer norm, where there is one; what is read at the end is normed with the scores."""
        if half == "output":
            return x
        return self.network.blocks[layer].normed(x, "first" if half == "attention" else "second")

    def norm(self, layer: int, half: Half) -> Norm | None:
        """The formula of `normed`, if it does anything."""
        if half == "output":
            return None
        block, name = self.network.blocks[layer], "first" if half == "attention" else "second"
        if f"{name}_weight" not in block:
            return None
        return Norm(block[f"{name}_weight"], block[f"{name}_bias"], EPSILON, centred=True)

    def projections(self, layer: int) -> list[Projected]:
        """Queries, keys and values, one after the other in one matrix."""
        block, heads = self.network.blocks[layer], self.network.heads
        weights = block["qkv_weight"].view(3, heads, -1, self.width)
        return list(zip(weights, block["qkv_bias"].view(3, heads, -1), strict=True))

    def gather(
        self, layer: int, asked: Sequence[Tensor], setting: Prompted, *, together: bool = False
    ) -> Tensor:
        """Heads' terms, each without the output bias."""
        q, k, v = asked
        scores = (q / math.sqrt(q.shape[-1])) @ k.transpose(-1, -2)
        z = scores.masked_fill(self._unseen(setting), -math.inf).softmax(dim=-1) @ v
        out = self.network.blocks[layer]["out_weight"].view(self.width, self.network.heads, -1)
        return heads_terms(z.permute(0, 2, 3, 1, 4), out, together=together)

    def _unseen(self, setting: Prompted) -> Tensor:
        """Keys that a query may not see: (query, key), (key,) or (rows, 1 | query, key)."""
        place = torch.arange(setting.tokens, device=setting.reads.device)
        later = place > place[:, None] if self.network.causal else torch.zeros_like(place).bool()
        return later if setting.ends is None else later | (place >= setting.ends)[:, None]

    def mlp(self, layer: int, given: Tensor, setting: Prompted) -> Tensor:
        """The MLP's term, with its bias."""
        block = self.network.blocks[layer]
        return block.linear(functional.relu(block.linear(given, "widen")), "narrow")

    def scores(self, x: Tensor, setting: Prompted) -> Scores:
        """Final norm and unembedding of all outputs."""
        late = None if setting.ends is None else setting.reads >= setting.ends
        late = late if late is None else late.repeat(len(x), 1)
        return self.network.unembed(x.flatten(0, 1), late)

    def places(self, position: Position, setting: Prompted) -> Tensor:
        """Tokens of each row."""
        found = self.network.tokenizer.resolve(position, setting.prompts)
        return torch.from_numpy(found).to(setting.reads.device)
