"""Runs with cut edges done the slow and obvious way: one node, one edge at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.nn import functional

from causalabs.engine.circuits.contract import Edge, Wired
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
