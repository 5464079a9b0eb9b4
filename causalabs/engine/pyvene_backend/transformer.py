"""The built-in transformer made of ordinary modules, every site of which pyvene can hook."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from causalabs.engine.networks.block import Block
from causalabs.engine.networks.prompts import Prompts
from causalabs.engine.networks.transformer import Transformer
from causalabs.engine.protocol import Scores
from causalabs.engine.pyvene_backend.body import Place, cannot
from causalabs.engine.pyvene_backend.importing import pyvene
from causalabs.engine.pyvene_backend.mirrors import Here, Mirror, register
from causalabs.hypothesis.model import Last, Site

COMPONENTS: Mapping[tuple[str, str | None], str] = {
    ("embedding", None): "embedding",
    ("residual", "before"): "block_input",
    ("residual", "between"): "residual_between",
    ("residual", None): "block_output",
    ("attention", None): "attention_output",
    ("mlp", "input"): "mlp_input",
    ("mlp", "hidden"): "mlp_activation",
    ("mlp", None): "mlp_output",
    ("head", "q"): "head_query_output",
    ("head", "k"): "head_key_output",
    ("head", "v"): "head_value_output",
    ("head", "pattern"): "head_attention_weight",
    ("head", "z"): "head_attention_value_output",
    ("head", None): "head_attention_output",
}
"""Component and part of a site, and the name pyvene is given for it."""


class BlockMirror(nn.Module):
    """One block; every tensor that is a site passes a module of that site's name."""

    def __init__(self, block: Block, heads: int) -> None:
        super().__init__()
        self.block = block
        self.heads = heads
        for name in set(COMPONENTS.values()) - {"embedding"}:
            self.add_module(name, Here())

    def here(self, name: str, x: Tensor) -> Tensor:
        """(batch, position, width) as pyvene leaves it."""
        found: Tensor = self.get_submodule(name)(x)
        return found

    def forward(self, x: Tensor) -> Tensor:
        """(batch, position, width) -> the same shape."""
        block = self.block
        x = self.here("block_input", x)
        x = self.here("residual_between", x + self.attention(block.normed(x, "first")))
        normed = self.here("mlp_input", block.normed(x, "second"))
        inner = self.here("mlp_activation", functional.relu(block.linear(normed, "widen")))
        x = x + self.here("mlp_output", block.linear(inner, "narrow"))
        return self.here("block_output", x)

    def attention(self, normed: Tensor) -> Tensor:
        """What the heads add, (batch, position, width)."""
        block = self.block
        parts = torch.chunk(block.linear(normed, "qkv"), 3, dim=-1)
        names = ("head_query_output", "head_key_output", "head_value_output")
        q, k, v = (self.split(self.here(*pair)) for pair in zip(names, parts, strict=True))
        weights = (q / math.sqrt(q.shape[-1])) @ k.transpose(-1, -2)  # (batch, head, query, key)
        future = torch.ones(weights.shape[-2:], dtype=torch.bool, device=q.device).triu(1)
        pattern = weights.masked_fill(future, -math.inf).softmax(dim=-1)
        pattern = self.split(self.here("head_attention_weight", self.join(pattern)))
        z = self.here("head_attention_value_output", self.join(pattern @ v))
        out = self.split(block["out_weight"][None])  # (1, head, width, dim)
        terms = self.join(self.split(z) @ out.mT)  # (batch, position, head * width)
        terms = self.split(self.here("head_attention_output", terms))
        total = terms.sum(dim=1) + block["out_bias"]
        return self.here("attention_output", total)

    def split(self, whole: Tensor) -> Tensor:
        """(batch, position, head * dim) -> (batch, head, position, dim)."""
        batch, positions, _ = whole.shape
        return whole.reshape(batch, positions, self.heads, -1).transpose(1, 2)

    def join(self, parts: Tensor) -> Tensor:
        """(batch, head, position, dim) -> (batch, position, head * dim)."""
        return parts.transpose(1, 2).flatten(2)


class TransformerMirror(Mirror):
    """A transformer over token numbers; returns one (batch, 1, classes) per place read."""

    def __init__(self, network: Transformer) -> None:
        width, heads = network.residual_width, network.heads
        widths = dict.fromkeys(COMPONENTS.values(), width)
        for part in ("query", "key", "value", "attention_value"):
            widths[f"head_{part}_output"] = width // heads
        widths |= {"mlp_activation": 4 * width, "n_head": heads}
        widths["head_attention_weight"] = network.tokenizer.longest
        super().__init__(widths)
        self.network = network
        self.embedding = Here()
        self.h = nn.ModuleList(BlockMirror(block, heads) for block in network.blocks)
        self.logits = nn.ModuleList(Here() for _ in network.groups)

    def forward(self, input_ids: Tensor, reads: Tensor) -> list[Tensor]:
        """Tokens (batch, position), tokens read (batch, groups) -> classes of each group."""
        network = self.network
        x = functional.embedding(input_ids, network.token_weight)
        x = self.embedding(x + network.position_weight[: input_ids.shape[1]])
        for block in self.h:
            x = block(x)
        x = x.gather(1, reads[:, :, None].expand(-1, -1, x.shape[2]))  # (batch, group, width)
        shape = (x.shape[2],)
        normed = functional.layer_norm(x, shape, network.norm_weight, network.norm_bias)
        sizes = [output.classes for output in network.outputs]
        weights = torch.split(network.head_weight, sizes)
        biases = torch.split(network.head_bias, sizes)
        heads = list(zip(weights, biases, strict=True))
        found = []
        for group, here in enumerate(self.logits):
            mine = [head for head, own in zip(heads, network.group_of, strict=True) if own == group]
            parts = [functional.linear(normed[:, group], weight, bias) for weight, bias in mine]
            found.append(here(torch.cat(parts, dim=1)[:, None]))
        return found


class TransformerBody:
    """Sites at pyvene's names where it has them, at names like them where it has none."""

    def __init__(self, network: Transformer) -> None:
        from pyvene.models.constants import split_head_and_permute

        pyvene()
        self.network = network
        self.module = TransformerMirror(network)
        places: dict[str, tuple[object, ...]] = {}
        for name in COMPONENTS.values():
            by_head = ((split_head_and_permute, "n_head"),) if name.startswith("head") else ()
            places[name] = (f"h[%s].{name}", *by_head)
        register(TransformerMirror, {**places, "embedding": ("embedding",)})
        register(TransformerMirror, {"logits": ("logits[%s]",)})

    def place(self, site: Site) -> Place:
        """Where a site is."""
        self.network.width(site)
        if site.component != "logits":
            head = site.head if site.component == "head" else None
            return Place(COMPONENTS[site.component, site.part], site.layer or 0, head)
        groups = self.network.groups
        if site.position is None and len(groups) > 1:
            raise cannot(site, "its outputs are read at several tokens")
        return Place("logits", 0 if site.position is None else groups.index(site.position))

    def count(self, site: Site) -> int:
        """Tokens of a site."""
        if site.component == "logits":
            return 1
        return self.network.tokenizer.count(site.position or Last())

    def units(self, site: Site, inputs: Prompts) -> NDArray[np.int64]:
        """Token numbers; the scores of one place are one vector."""
        if site.component == "logits":
            return np.zeros((len(inputs), 1), dtype=np.int64)
        return self.network.tokenizer.resolve(site.position or Last(), inputs)

    def feed(self, inputs: Prompts) -> Mapping[str, Tensor]:
        """Tokens, and which of them are read."""
        found = [self.network.tokenizer.resolve(each, inputs) for each in self.network.groups]
        reads = torch.from_numpy(np.concatenate(found, axis=1)).to(inputs.ids.device)
        return {"input_ids": inputs.ids, "reads": reads}

    def scores(self, output: list[Tensor], inputs: Prompts) -> Scores:
        """Classes of each group -> per output."""
        network, found = self.network, {}
        rest = [outputs_of(network, group, part) for group, part in enumerate(output)]
        for output_, group in zip(network.outputs, network.group_of, strict=True):
            found[output_.name] = rest[group].pop(0)
        return found


def outputs_of(network: Transformer, group: int, classes: Tensor) -> list[Tensor]:
    """(batch, 1, classes of a group) -> (batch, classes) of each of its outputs, in order."""
    pairs = zip(network.outputs, network.group_of, strict=True)
    sizes = [output.classes for output, own in pairs if own == group]
    return list(torch.split(classes[:, 0], sizes, dim=1))
