"""Compiled RASP programs as graphs: against one edge at a time, and their published circuits."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from causalabs.engine.circuits import ablation
from causalabs.engine.circuits.build import wired
from causalabs.engine.circuits.contract import Clean, Wired
from causalabs.engine.circuits.nodes import edge_text
from tests.engine.circuits import oracle
from tests.engine.circuits.test_wired import assert_close, by_site, cuts, share_of
from tests.engine.test_tracr import loaded, prompts_of


def words(count: int, lengths: tuple[int, ...], seed: int = 0, size: int = 3) -> Any:
    """Prompts of BOS and some tokens, of these lengths."""
    generator = np.random.default_rng(seed)
    every = [w for n in lengths for w in itertools.product(range(size), repeat=n)]
    chosen = generator.choice(len(every), count, replace=len(every) < count)
    ids = torch.zeros(count, 1 + max(lengths), dtype=torch.long)
    for row, number in enumerate(chosen):
        ids[row, 0] = 1
        word = every[number]
        ids[row, 1 : 1 + len(word)] = torch.tensor(word) + 2
    return ids


@pytest.mark.parametrize("name", ["reverse", "dyck", "xproportion", "hist"])
def test_any_edges_of_a_program_cut_agree_with_one_edge_at_a_time(name: str) -> None:
    _, network = loaded(name)
    graph = wired(network)
    assert [site.component for site in graph.writers[:2]] == ["tokens", "positions"]
    longest = network.tokenizer.longest - 1
    size = 2 if name == "dyck" else 3
    lengths = (2, longest) if name == "reverse" else (longest,)
    inputs = prompts_of(network, words(6, lengths, size=size))
    base = graph.clean(inputs)
    kept = cuts(graph, 4, chance=0.7)
    kept[0] = True
    for instead in (ablation.zero(base), ablation.mean([base])):
        there = by_site(graph, instead, base.terms)
        for number, scores in enumerate(graph.scores(base, instead, kept)):
            share = share_of(graph, kept[number])
            wanted, _ = oracle.transformer(graph, inputs, there, share)
            assert_close(scores, wanted, 1e-8)
    assert_close(graph.scores(base, ablation.zero(base), kept[:1])[0], network.scores(inputs), 1e-8)


def greedy(graph: Wired, base: Clean, instead: Tensor) -> set[str]:
    """ACDC one edge at a time: from the output back, an edge is cut if nothing changes by it."""
    whole = torch.ones(1, len(graph.edges), dtype=torch.bool)
    clean = graph.scores(base, instead, whole)[0]
    kept, before = whole[0].clone(), 0.0
    for edge in reversed(range(len(kept))):
        kept[edge] = False
        (scores,) = graph.scores(base, instead, kept[None])
        harm = sum(float((scores[o] - clean[o]).square().sum(dim=1).mean()) for o in clean)
        if harm - before < 1e-6:
            before = harm
        else:
            kept[edge] = True
    return {edge_text(graph.edges[i]) for i in kept.nonzero().flatten().tolist()}


ALWAYS = {"head 3.0 -> output", "tokens -> head 3.0.v"}
FIVE_LONG = ALWAYS | {
    "mlp 2 -> head 3.0.q",
    "positions -> head 3.0.k",
    "mlp 1 -> mlp 2",
    "mlp 0 -> mlp 1",
    "tokens -> mlp 1",
    "positions -> mlp 1",
    "tokens -> mlp 0",
}
OF_ANY_LENGTH = FIVE_LONG | {"head 0.0 -> mlp 0", "tokens -> head 0.0.v"}


@pytest.mark.parametrize(
    ("name", "lengths", "ablate", "wanted"),
    [
        ("reverse", (2, 3, 4, 5), "zero", OF_ANY_LENGTH),
        ("reverse", (5,), "zero", FIVE_LONG),
        ("reverse", (5,), "resample", ALWAYS),
        (
            "xproportion",
            (5,),
            "resample",
            {"head 1.0 -> output", "mlp 0 -> head 1.0.v", "tokens -> mlp 0"},
        ),
    ],
)
def test_published_circuits_are_found_edge_by_edge(
    name: str, lengths: tuple[int, ...], ablate: str, wanted: set[str]
) -> None:
    _, network = loaded(name)
    graph = wired(network)
    assert len(graph.edges) == {"reverse": 94, "xproportion": 32}[name]
    size = 4 if name == "xproportion" else 3
    base = graph.clean(prompts_of(network, words(60, lengths, size=size)))
    source = graph.clean(prompts_of(network, words(60, lengths, seed=1, size=size)))
    instead = ablation.zero(base) if ablate == "zero" else ablation.resample(base, source)
    assert greedy(graph, base, instead) == wanted
