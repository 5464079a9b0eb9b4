"""Runs with cut edges done the slow and obvious way: one node, one edge at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from causalabs.engine.circuits.contract import Edge, Wired
from causalabs.engine.language_models.contract import Prompts
from causalabs.engine.networks.transformer import Transformer
from causalabs.engine.protocol import Scores
from causalabs.hypothesis.model import Site

Terms = dict[Site, Tensor]
"""By writer (rows, positions, width)."""
Share = Callable[[Edge], Tensor | float]
"""How much of an edge is kept, broadcast to (rows, positions, width)."""


def given_to(reader: Site, wired: Wired, terms: Terms, instead: Terms, share: Share) -> Tensor:
    """The sum over a reader's edges of what each of them carries."""
    total: Tensor | None = None
    for edge in wired.edges:
        if edge.reader == reader and edge.writer.position is None:
            kept = share(edge)
            carried = kept * terms[edge.writer] + (1 - kept) * instead[edge.writer]
            total = carried if total is None else total + carried
    assert total is not None
    return total


def transformer(
    wired: Wired, inputs: object, instead: Mapping[Site, Tensor], share: Share
) -> tuple[Scores, Terms]:
    """A transformer of ours: scores and the terms of this run."""
    network = wired.network
    assert isinstance(network, Transformer)
    tokens = functional.embedding(inputs.ids, network.token_weight)  # type: ignore[attr-defined]
    positions = network.position_weight[: tokens.shape[1]].expand_as(tokens)
    terms: Terms = (
        {Site("tokens"): tokens, Site("positions"): positions}
        if network.apart
        else {Site("embedding"): tokens + positions}
    )
    given = dict(instead)
    biases = torch.zeros(network.residual_width, dtype=tokens.dtype)
    ends = network.ends_of(inputs).get("ends")  # type: ignore[arg-type]
    count, dim = tokens.shape[1], network.head_width
    unseen = torch.ones(count, count, dtype=torch.bool).triu(1)
    if ends is not None:
        unseen = (torch.arange(count) >= ends)[:, None]
    for layer, block in enumerate(network.blocks):
        heads: Terms = {}
        for head in range(network.heads):
            asked = {}
            for number, part in enumerate("qkv"):
                reader = Site("head", layer, head=head, part=part)
                x = biases + given_to(reader, wired, terms, given, share)
                first = (number * network.heads + head) * dim
                weight = block["qkv_weight"][first : first + dim]
                bias = block["qkv_bias"][first : first + dim]
                asked[part] = functional.linear(block.normed(x, "first"), weight, bias)
            scores = asked["q"] @ asked["k"].mT / math.sqrt(dim)
            z = scores.masked_fill(unseen, -math.inf).softmax(dim=-1) @ asked["v"]
            out = block["out_weight"][:, head * dim : (head + 1) * dim]
            heads[Site("head", layer, head=head)] = z @ out.mT
        terms |= heads
        biases = biases + block["out_bias"]
        if block.hidden:
            x = biases + given_to(Site("mlp", layer), wired, terms, given, share)
            inner = block.linear(block.normed(x, "second"), "widen").relu()
            terms[Site("mlp", layer)] = block.linear(inner, "narrow")
    x = biases + given_to(Site("output"), wired, terms, given, share)
    reads = network.reads_of(inputs)  # type: ignore[arg-type]
    read = torch.stack([x[row, at] for row, at in enumerate(reads)])
    return network.unembed(read, None if ends is None else reads >= ends), terms


def language_model(
    wired: Wired, inputs: Prompts, instead: Mapping[Site, Tensor], share: Share
) -> Tensor:
    """A Hugging Face model: logits (rows, tokens, words).

    Every head's term is caught in a whole forward run of the model, in which the projections of
    its layer see that head's own inputs; masks, positions and attention are the model's own.
    """
    model: Any = wired.network
    module, wiring = model.module, model.wiring
    mask = (torch.arange(inputs.ids.shape[1]) < inputs.lengths[:, None]).long()

    def caught(hooks: Sequence[tuple[nn.Module, str, Any]]) -> None:
        handles = [getattr(where, f"register_forward_{kind}")(hook) for where, kind, hook in hooks]
        module(input_ids=inputs.ids, attention_mask=mask)
        for handle in handles:
            handle.remove()

    terms: Terms = {}
    catch(terms, Site("embedding"), caught, wiring.layers[0])
    shared = wiring.heads // wiring.groups
    biases = torch.zeros(wiring.width)
    for layer, block in enumerate(wiring.blocks):
        heads: Terms = {}
        for head in range(wiring.heads):
            x = {}
            for part in "qkv":
                owner = head if part == "q" else head - head % shared
                reader = Site("head", layer, head=owner, part=part)
                x[part] = block.first_norm(
                    biases + given_to(reader, wired, terms, dict(instead), share)
                )
            gathered: list[Tensor] = []
            hooks = [*_projecting(block, x), (block.out, "pre_hook", _keep(gathered))]
            caught(hooks)
            first, last = head * wiring.dim, (head + 1) * wiring.dim
            term = block.share(gathered[0][..., first:last], first, last)
            heads[Site("head", layer, head=head)] = term
        bias = getattr(block.out, "bias", None)
        after = biases if bias is None else biases + bias
        if not wiring.parallel:
            terms |= heads
        x_mlp = (biases if wiring.parallel else after) + given_to(
            Site("mlp", layer), wired, terms, dict(instead), share
        )
        terms |= heads
        terms[Site("mlp", layer)] = block.mlp(block.second_norm(x_mlp))
        biases = after
    x_end = biases + given_to(Site("output"), wired, terms, dict(instead), share)
    return wiring.unembed(wiring.norm(x_end))


def catch(terms: Terms, site: Site, caught: Any, block: nn.Module) -> None:
    """What the first block of a model is given."""
    found: list[Tensor] = []
    caught([(block, "pre_hook", _keep(found))])
    terms[site] = found[0]


def _keep(found: list[Tensor]) -> Any:
    def hook(module: nn.Module, args: Any) -> None:
        found.append(args[0].clone())

    return hook


def _projecting(block: Any, x: Mapping[str, Tensor]) -> list[tuple[nn.Module, str, Any]]:
    """Hooks by which projections see inputs of their own."""
    attention = block.attention
    if hasattr(attention, "q_proj"):
        named = {"q": attention.q_proj, "k": attention.k_proj, "v": attention.v_proj}

        def giving(part: str) -> Any:
            return lambda module, args: (x[part],)

        return [(module, "pre_hook", giving(part)) for part, module in named.items()]
    whole = attention.c_attn if hasattr(attention, "c_attn") else attention.query_key_value

    def output(module: nn.Module, args: Any, found: Tensor) -> Tensor:
        each = [module.forward(x[part]) for part in "qkv"]
        if hasattr(attention, "c_attn"):
            parts = [one.chunk(3, dim=2)[number] for number, one in enumerate(each)]
            return torch.cat(parts, dim=2)
        dim = attention.head_size
        split = [one.view(*one.shape[:2], -1, 3, dim)[..., i, :] for i, one in enumerate(each)]
        return torch.stack(split, dim=3).flatten(2)

    return [(whole, "hook", output)]
