"""Hugging Face families as graphs, against hooked runs of the models themselves."""

from __future__ import annotations

from functools import cache

import pytest
import torch

from causalabs.engine.circuits import ablation
from causalabs.engine.circuits.build import wired
from causalabs.engine.circuits.language_model import LanguageModelBody
from causalabs.engine.circuits.norms import norm_of
from causalabs.engine.errors import EngineError
from causalabs.engine.language_models.contract import Prompts, Read
from causalabs.hypothesis.model import Last, Site
from tests.engine.circuits import oracle
from tests.engine.circuits.test_wired import by_site, cuts, share_of, total_of
from tests.engine.language_models import support

graph_of = cache(lambda name: wired(support.network(name)))
FAMILIES = [name for name in support.NAMES if name not in ("gemma2", "gemma3_text")]


@pytest.mark.parametrize("name", FAMILIES)
def test_any_edges_cut_agree_with_hooked_runs(name: str) -> None:
    graph = graph_of(name)
    network = graph.network
    base_inputs = network.encode(support.columns((7, 5), seed=1))
    source_inputs = network.encode(support.columns((7, 5), seed=2))
    base, source = graph.clean(base_inputs), graph.clean(source_inputs)
    kept = cuts(graph, 2, chance=0.7)
    kept[0] = True
    found = graph.scores(base, source.terms, kept)
    there = by_site(graph, source.terms, base.terms)
    last = (base_inputs.lengths - 1)[:, None, None]
    for number in range(2):
        logits = oracle.language_model(graph, base_inputs, there, share_of(graph, kept[number]))
        wanted = logits.gather(1, last.expand(-1, -1, logits.shape[2]))[:, 0, [3, 5, 7]]
        torch.testing.assert_close(found[number]["answer"], wanted, atol=1e-5, rtol=1e-5)
        if not number:
            clean = network.scores(base_inputs)["answer"]
            torch.testing.assert_close(wanted, clean, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", ["gpt2", "gpt_neox"])
def test_few_edges_cut_and_few_kept_agree_with_hooked_runs(name: str) -> None:
    """Runs begin late where little is cut, and leave out what leads nowhere."""
    network = support.network(name)
    graph = wired(network)
    inputs = network.encode(support.columns((7, 5), seed=1))
    base = graph.clean(inputs)
    source = graph.clean(network.encode(support.columns((7, 5), seed=2)))
    last = (inputs.lengths - 1)[:, None, None]
    late = [i for i, e in enumerate(graph.edges) if str(e.reader.component) == "mlp"]
    kept = torch.cat([torch.ones(2, len(graph.edges)) > 0, cuts(graph, 3, chance=0.05)])
    kept[0, late[0]] = kept[1, late[-1]] = False
    kept[4] = cuts(graph, 1, seed=3)[0]
    there = by_site(graph, source.terms, base.terms)
    for number, scores in enumerate(graph.scores(base, source.terms, kept)):
        share = share_of(graph, kept[number])
        logits = oracle.language_model(graph, inputs, there, share)
        wanted = logits.gather(1, last.expand(-1, -1, logits.shape[2]))[:, 0, [3, 5, 7]]
        torch.testing.assert_close(scores["answer"], wanted, atol=1e-5, rtol=1e-5)


def test_keys_and_values_are_nodes_of_a_group_of_heads() -> None:
    graph = graph_of("llama")
    layer = [site for site in graph.readers if site.layer == 1]
    assert [(s.head, s.part) for s in layer if s.component == "head"] == [
        *((head, "q") for head in range(4)),
        *((head, part) for part in "kv" for head in (0, 2)),
    ]
    last = [edge.writer for edge in graph.edges if edge.reader == Site("output")]
    assert last == list(graph.writers)


class Centred(torch.nn.RMSNorm):
    """Has an epsilon, and takes the mean away."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x - x.mean(dim=-1, keepdim=True))


def test_norms_of_another_formula_are_refused() -> None:
    with pytest.raises(EngineError, match="do not go through the norm `Tanh`"):
        norm_of(torch.nn.Tanh(), 8, 1e-3)
    with pytest.raises(EngineError, match="do not go through the norm `Centred`"):
        norm_of(Centred(8, eps=1e-6), 8, 1e-3)
    plain = torch.nn.LayerNorm(8, elementwise_affine=False)
    x = torch.randn(3, 8, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(norm_of(plain, 8, 1e-3)(x), plain(x))


@pytest.mark.parametrize("name", ["gemma2", "gemma3_text"])
def test_heads_that_do_not_add_up_are_refused(name: str) -> None:
    with pytest.raises(EngineError, match="do not add up: a norm stands between"):
        wired(support.network(name))


def test_parts_that_do_not_make_up_the_model_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    network = support.network("llama")
    monkeypatch.setattr(LanguageModelBody, "bias", lambda self, layer: torch.ones(self.width))
    with pytest.raises(EngineError, match="do not add up to its residual stream"):
        wired(network)


@pytest.mark.parametrize("name", ["gpt2", "qwen3", "gemma", "gpt_neox"])
def test_slopes_and_shares_agree(name: str) -> None:
    graph = graph_of(name)
    network = graph.network
    base = graph.clean(network.encode(support.columns((7, 5), seed=1)))
    source = graph.clean(network.encode(support.columns((7, 5), seed=2)))
    kept = torch.ones(len(graph.edges), requires_grad=True)
    losses = total_of(graph.partly(base, source.terms, kept), slice(None))
    for between in ("inputs", "activations"):
        found = graph.slopes(base, source.terms, total_of, between=between)  # type: ignore[arg-type]
        for row, loss in enumerate(losses):
            (gradient,) = torch.autograd.grad(loss, kept, retain_graph=True)
            torch.testing.assert_close(found[row], -gradient, atol=1e-4, rtol=1e-3)


def test_answers_of_several_tokens_are_run_with_edges_cut() -> None:
    """The score of a spelled answer is that of its tokens one after another, in the same run."""
    reads = (Read("answer", Last(), ((3, 4), (5,), (7, 8, 9))),)
    network = support.network("llama", reads)
    graph = wired(network)
    base_inputs = network.encode(support.columns((6, 6), seed=1))
    base = graph.clean(base_inputs)
    kept = cuts(graph, 2, chance=0.8)
    kept[0] = True
    instead = ablation.zero(base)
    whole, cut = (scores["answer"] for scores in graph.scores(base, instead, kept))
    torch.testing.assert_close(whole, network.scores(base_inputs)["answer"], atol=1e-5, rtol=1e-5)
    for number, answer in enumerate(reads[0].answers):
        ids = torch.cat(
            [base_inputs.ids, torch.tensor(answer[:-1], dtype=torch.long).expand(2, -1)], dim=1
        )
        longer = Prompts(ids, torch.full((2,), ids.shape[1]), {})
        there = by_site(graph, instead, base.terms[:1].expand(len(graph.writers), -1, -1, -1))
        nothing = {site: tensor.new_zeros(()) for site, tensor in there.items()}
        logits = oracle.language_model(graph, longer, nothing, share_of(graph, kept[1]))
        logs = logits.log_softmax(dim=-1)
        wanted = sum(logs[:, 5 + step, token] for step, token in enumerate(answer))
        torch.testing.assert_close(cut[:, number], wanted, atol=1e-5, rtol=1e-5)
