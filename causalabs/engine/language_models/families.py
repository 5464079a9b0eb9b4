"""Where each architecture keeps its parts: one small table a family, found by the config.

Paths are those of the modules inside a Hugging Face causal language model. The submodules are
called as they are; what a block does between them (adding to the residual stream, one half
after the other or both from the same input) is all that the engine does itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from causalabs.engine.errors import EngineError

Layout = Literal["flat", "heads", "swapped", "thirds", "interleaved"]
"""How a projection's output holds heads, (rows, columns, ...):

flat (heads * dim), heads (heads, dim), swapped: heads before the columns, thirds
(3, heads * dim) of queries, keys and values, interleaved (heads, 3, dim).
"""


@dataclass(frozen=True)
class Projection:
    """Whose output holds the queries, keys or values before they are turned by position."""

    path: str
    layout: Layout = "flat"
    third: int = 0


@dataclass(frozen=True)
class Family:
    """One architecture; paths of a block's parts are relative to the block."""

    decoder: str = "model"
    tokens: str = "embed_tokens"
    positions: str | None = None
    rotary: str | None = "rotary_emb"
    rotary_by_type: bool = False
    blocks: str = "layers"
    norm: str = "norm"
    unembedding: str = "lm_head"
    first_norm: str = "input_layernorm"
    attention: str = "self_attn"
    post_attention: str | None = None
    second_norm: str = "post_attention_layernorm"
    mlp: str = "mlp"
    post_mlp: str | None = None
    out: str = "self_attn.o_proj"
    down: str = "mlp.down_proj"
    query: Projection = Projection("self_attn.q_proj")
    key: Projection = Projection("self_attn.k_proj")
    value: Projection = Projection("self_attn.v_proj")
    parallel: str | None = None
    softcap: str | None = None


LLAMA = Family()
GPT2 = Family(
    decoder="transformer",
    tokens="wte",
    positions="wpe",
    rotary=None,
    blocks="h",
    norm="ln_f",
    first_norm="ln_1",
    attention="attn",
    second_norm="ln_2",
    out="attn.c_proj",
    down="mlp.c_proj",
    query=Projection("attn.c_attn", "thirds", 0),
    key=Projection("attn.c_attn", "thirds", 1),
    value=Projection("attn.c_attn", "thirds", 2),
)
NEOX = Family(
    decoder="gpt_neox",
    tokens="embed_in",
    norm="final_layer_norm",
    attention="attention",
    out="attention.dense",
    down="mlp.dense_4h_to_h",
    query=Projection("attention.query_key_value", "interleaved", 0),
    key=Projection("attention.query_key_value", "interleaved", 1),
    value=Projection("attention.query_key_value", "interleaved", 2),
    parallel="use_parallel_residual",
)
QWEN3 = Family(
    query=Projection("self_attn.q_norm", "heads"),
    key=Projection("self_attn.k_norm", "heads"),
)
GEMMA2 = Family(
    post_attention="post_attention_layernorm",
    second_norm="pre_feedforward_layernorm",
    post_mlp="post_feedforward_layernorm",
    softcap="final_logit_softcapping",
)


def _gemma3(decoder: str) -> Family:
    return Family(
        decoder=decoder,
        rotary_by_type=True,
        post_attention="post_attention_layernorm",
        second_norm="pre_feedforward_layernorm",
        post_mlp="post_feedforward_layernorm",
        query=Projection("self_attn.q_norm", "swapped"),
        key=Projection("self_attn.k_norm", "swapped"),
        softcap="final_logit_softcapping",
    )


FAMILIES: Mapping[str, Family] = {
    "gpt2": GPT2,
    "llama": LLAMA,
    "mistral": LLAMA,
    "qwen2": LLAMA,
    "qwen3": QWEN3,
    "gemma": LLAMA,
    "gemma2": GEMMA2,
    "gemma3_text": _gemma3("model"),
    "gemma3": _gemma3("model.language_model"),
    "gpt_neox": NEOX,
}
"""By `config.model_type`. Whatever is wired otherwise is found out before it is used (proof)."""


@dataclass(frozen=True, eq=False)
class Block:
    """The modules of one block."""

    first_norm: nn.Module
    attention: nn.Module
    post_attention: nn.Module | None
    second_norm: nn.Module
    mlp: nn.Module
    post_mlp: nn.Module | None
    out: nn.Module
    down: nn.Module
    query: nn.Module
    key: nn.Module
    value: nn.Module
    kind: str

    def share(self, z: Tensor, first: int, last: int) -> Tensor:
        """What coordinates `first` to `last` of all heads' z add to the attention's term."""
        weight: Tensor = self.out.weight  # type: ignore[assignment]
        if isinstance(self.out, nn.Linear):
            return nn.functional.linear(z, weight[:, first:last])
        return z @ weight[first:last]


@dataclass(frozen=True, eq=False)
class Wiring:
    """A module together with its family: what the flow calls, in order."""

    module: nn.Module
    name: str
    family: Family
    config: Any
    tokens: nn.Module
    positions: nn.Module | None
    rotary: nn.Module | None
    layers: tuple[nn.Module, ...]
    blocks: tuple[Block, ...]
    norm: nn.Module
    unembedding: nn.Module
    width: int
    heads: int
    groups: int  # heads of keys and values
    dim: int
    hidden: int
    parallel: bool
    softcap: float | None

    def heads_of(self, whole: Tensor, projection: Projection) -> Tensor:
        """A view of a projection's output by head: (rows, columns, heads, dim)."""
        rows, dim = whole.shape[0], self.dim
        match projection.layout:
            case "heads":
                return whole
            case "swapped":
                return whole.transpose(1, 2)
            case "thirds":
                return whole.view(rows, whole.shape[1], 3, -1, dim)[:, :, projection.third]
            case "interleaved":
                return whole.view(rows, whole.shape[1], -1, 3, dim)[:, :, :, projection.third]
            case _:
                return whole.view(rows, whole.shape[1], -1, dim)

    def angles(self, like: Tensor, positions: Tensor) -> dict[str, Any]:
        """What the attention of each type of block turns queries and keys by."""
        if self.rotary is None:
            return {}
        if not self.family.rotary_by_type:
            return {"": self.rotary(like, positions)}
        kinds = dict.fromkeys(block.kind for block in self.blocks)
        return {kind: self.rotary(like, positions, kind) for kind in kinds}

    def embed(self, ids: Tensor, positions: Tensor) -> Tensor:
        """Token numbers to the stream that the first block is given."""
        x: Tensor = self.tokens(ids)  # (rows, columns, width)
        return x if self.positions is None else x + self.positions(positions)

    def output_rows(self, ids: Tensor) -> tuple[Tensor, Tensor | None]:
        """Rows of the output matrix, and of its bias where there is one."""
        bias: Tensor | None = getattr(self.unembedding, "bias", None)
        return self.unembedding.weight[ids], None if bias is None else bias[ids]  # type: ignore[index]

    def unembed(
        self, normed: Tensor, weight: Tensor | None = None, bias: Tensor | None = None
    ) -> Tensor:
        """Logits of all tokens, or of those whose rows are given: (..., tokens)."""
        if weight is None:
            logits: Tensor = self.unembedding(normed)
        else:
            logits = nn.functional.linear(normed, weight, bias)
        return logits if self.softcap is None else torch.tanh(logits / self.softcap) * self.softcap


def wire(module: nn.Module) -> Wiring:
    """The wiring of a causal language model; `EngineError` where its architecture is unknown."""
    whole: Any = getattr(module, "config", None)
    name = str(getattr(whole, "model_type", type(module).__name__))
    family = FAMILIES.get(name)
    if family is None:
        raise EngineError(
            f"there is no table for the architecture `{name}`",
            f"known are {', '.join(FAMILIES)}; this model has {paths_there_are(module)}",
        )
    config = getattr(whole, "text_config", whole)
    decoder = _at(module, name, family.decoder)
    layers: Any = _at(decoder, name, family.blocks)
    if not len(layers):
        raise EngineError(f"this {name} has no layers", "name a model that has some")
    kinds: Sequence[str] = getattr(config, "layer_types", None) or [""] * len(layers)
    blocks = tuple(
        _block(layer, name, family, kind) for layer, kind in zip(layers, kinds, strict=True)
    )
    heads = config.num_attention_heads
    dim = getattr(config, "head_dim", None) or config.hidden_size // heads
    down = blocks[0].down
    hidden = down.in_features if isinstance(down, nn.Linear) else down.nx
    return Wiring(
        module=module,
        name=name,
        family=family,
        config=config,
        tokens=_at(decoder, name, family.tokens),
        positions=None if family.positions is None else _at(decoder, name, family.positions),
        rotary=None if family.rotary is None else _at(decoder, name, family.rotary),
        layers=tuple(layers),
        blocks=blocks,
        norm=_at(decoder, name, family.norm),
        unembedding=_at(module, name, family.unembedding),
        width=config.hidden_size,
        heads=heads,
        groups=getattr(config, "num_key_value_heads", None) or heads,
        dim=dim,
        hidden=int(hidden),  # type: ignore[arg-type]
        parallel=bool(family.parallel and getattr(config, family.parallel)),
        softcap=getattr(config, family.softcap, None) if family.softcap else None,
    )


def _block(layer: nn.Module, name: str, family: Family, kind: str) -> Block:
    def there(path: str | None) -> Any:
        return None if path is None else _at(layer, name, path)

    return Block(
        first_norm=there(family.first_norm),
        attention=there(family.attention),
        post_attention=there(family.post_attention),
        second_norm=there(family.second_norm),
        mlp=there(family.mlp),
        post_mlp=there(family.post_mlp),
        out=there(family.out),
        down=there(family.down),
        query=there(family.query.path),
        key=there(family.key.path),
        value=there(family.value.path),
        kind=kind,
    )


def _at(module: nn.Module, name: str, path: str) -> nn.Module:
    try:
        return module.get_submodule(path)
    except AttributeError:
        raise EngineError(
            f"this `{name}` model has no module `{path}`",
            f"it has {paths_there_are(module)}",
        ) from None


def paths_there_are(module: nn.Module) -> str:
    """Module paths, those of all layers told once: `model.layers.*.mlp`.

    >>> paths_there_are(nn.ModuleDict({"h": nn.ModuleList([nn.ReLU(), nn.ReLU()])}))
    '`h.*`'
    """
    paths = (re.sub(r"\.\d+", ".*", path) for path, _ in module.named_modules() if path)
    leaves = list(dict.fromkeys(paths))
    inner = {path.rsplit(".", 1)[0] for path in leaves if "." in path}
    shown = [f"`{path}`" for path in leaves if path not in inner]
    return ", ".join(shown[:40]) + (", ..." if len(shown) > 40 else "")
