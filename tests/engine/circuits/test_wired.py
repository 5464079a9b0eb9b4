"""Runs with cut edges against the slow and obvious way."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from causalabs.engine.circuits import ablation
from causalabs.engine.circuits.build import wired
from causalabs.engine.circuits.contract import Wired
from causalabs.engine.networks.block import Sizes
from causalabs.engine.networks.transformer import Transformer
from causalabs.engine.protocol import Scores
from causalabs.hypothesis.model import Site
from tests.engine import networks_support as support
from tests.engine.circuits import oracle

ALGORITHM = support.sum_algorithm()


def built(layers: int = 2, **settings: Any) -> tuple[Wired, Any, Any]:
    """A transformer of ours with base and source prompts."""
    network = support.fresh(support.transformer_spec(layers, **settings), ALGORITHM)
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator).double())
    base = network.encode(support.rows_of(ALGORITHM, 5, seed=1))
    source = network.encode(support.rows_of(ALGORITHM, 5, seed=2))
    return wired(network), base, source


def cuts(graph: Wired, sets: int, *, chance: float = 0.5, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(sets, len(graph.edges), generator=generator) < chance


def by_site(graph: Wired, instead: Tensor, like: Tensor) -> dict[Site, Tensor]:
    return dict(zip(graph.writers, instead.expand_as(like), strict=True))


def share_of(graph: Wired, kept: Tensor) -> oracle.Share:
    column = {edge: number for number, edge in enumerate(graph.edges)}
    return lambda edge: float(kept[column[edge]])


def assert_close(found: Scores, wanted: Scores, tolerance: float = 1e-9) -> None:
    assert found.keys() == wanted.keys()
    for name in wanted:
        torch.testing.assert_close(found[name], wanted[name], atol=tolerance, rtol=tolerance)


@pytest.mark.parametrize("instead", ["zero", "mean", "mean_by_position", "resample"])
@pytest.mark.parametrize("several", [False, True])
def test_any_edges_cut_agree_with_one_edge_at_a_time(instead: str, several: bool) -> None:
    graph, base_inputs, source_inputs = built(several=several)
    base, source = graph.clean(base_inputs), graph.clean(source_inputs)
    if instead == "resample" and several:
        source = base
    carried = {
        "zero": lambda: ablation.zero(base),
        "mean": lambda: ablation.mean([source]),
        "mean_by_position": lambda: ablation.mean_by_position([base, source]),
        "resample": lambda: ablation.resample(base, source),
    }[instead]()
    kept = cuts(graph, 6)
    kept[0], kept[1] = True, False
    found = graph.scores(base, carried, kept)
    there = by_site(graph, carried, base.terms)
    for number, scores in enumerate(found):
        wanted, _ = oracle.transformer(graph, base_inputs, there, share_of(graph, kept[number]))
        assert_close(scores, wanted)
    assert_close(found[0], graph.network.scores(base_inputs))


def test_shares_agree_with_one_edge_at_a_time_and_gradients_with_differences() -> None:
    graph, base_inputs, source_inputs = built()
    base, source = graph.clean(base_inputs), graph.clean(source_inputs)
    generator = torch.Generator().manual_seed(0)
    kept = torch.rand(len(graph.edges), generator=generator, dtype=torch.float64)
    kept.requires_grad_()
    found = graph.partly(base, source.terms, kept)
    there = by_site(graph, source.terms, base.terms)
    wanted, _ = oracle.transformer(graph, base_inputs, there, share_of(graph, kept.detach()))
    assert_close({name: s.detach() for name, s in found.items()}, wanted)

    def total(shares: Tensor) -> Tensor:
        scores = graph.partly(base, source.terms, shares)
        return torch.stack([s.square().sum() for s in scores.values()]).sum()

    (slope,) = torch.autograd.grad(total(kept), kept)
    for edge in range(0, len(kept), 7):
        step = torch.zeros_like(kept)
        step[edge] = 1e-5
        with torch.no_grad():
            by_difference = (total(kept + step) - total(kept - step)) / 2e-5
        assert float(slope[edge]) == pytest.approx(float(by_difference), rel=1e-4, abs=1e-7)


def total_of(scores: Scores, rows: slice) -> Tensor:
    return torch.stack([s.square().sum(dim=1) for s in scores.values()]).sum(dim=0)


@pytest.mark.parametrize("between", ["inputs", "activations"])
def test_slopes_are_gradients_at_readers_times_what_writers_differ_by(between: str) -> None:
    """At share 0 they are the gradient of the loss to the edge's share, where all are kept."""
    graph, base_inputs, source_inputs = built()
    base, source = graph.clean(base_inputs), graph.clean(source_inputs)
    found = graph.slopes(base, source.terms, total_of, between=between)  # type: ignore[arg-type]
    kept = torch.ones(len(graph.edges), dtype=torch.float64, requires_grad=True)
    losses = total_of(graph.partly(base, source.terms, kept), slice(None))
    for row, loss in enumerate(losses):
        (gradient,) = torch.autograd.grad(loss, kept, retain_graph=True)
        torch.testing.assert_close(found[row], -gradient)


def test_slopes_in_a_linear_network_are_exact() -> None:
    """No norm, even attention, no MLP neuron that is off: cutting an edge adds its slope."""
    graph, base_inputs, source_inputs = linear()
    base, source = graph.clean(base_inputs), graph.clean(source_inputs)

    def loss(scores: Scores, rows: slice) -> Tensor:
        return scores["total"][:, 1] - scores["total"][:, 2]

    found = graph.slopes(base, source.terms, loss, at=(0.0, 0.5))
    alone = ~torch.eye(len(graph.edges), dtype=torch.bool)
    whole = loss(graph.network.scores(base_inputs), slice(None))
    for edge, scores in enumerate(graph.scores(base, source.terms, alone)):
        torch.testing.assert_close(loss(scores, slice(None)) - whole, found[:, edge])
    assert float(found.abs().max()) > 0.01


def linear() -> tuple[Wired, Any, Any]:
    algorithm = ALGORITHM
    usual = support.fresh(support.transformer_spec(), algorithm)
    sizes = Sizes(2, 2, 8, 4, 16, norms=False)
    network = Transformer(sizes, tokenizer=usual.tokenizer, outputs=usual.outputs).double()
    network.norm_weight, network.norm_bias = torch.ones(8), torch.zeros(8)
    network.unembed = (
        lambda x, late=None: {  # type: ignore[method-assign]
            "total": x[:, 0] @ network.head_weight[:7].mT,
            "equal": x[:, 1] @ network.head_weight[7:].mT,
        }
    )
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.4)
        for block in network.blocks:
            block["qkv_weight"][:16] = 0
            block["qkv_bias"][:16] = 0
            block["widen_bias"].fill_(100)
    network.freeze()
    base = network.encode(support.rows_of(algorithm, 4, seed=1))
    return wired(network), base, network.encode(support.rows_of(algorithm, 4, seed=2))


def test_steps_between_the_base_and_the_source_are_averaged() -> None:
    graph, base_inputs, source_inputs = built()
    base, source = graph.clean(base_inputs), graph.clean(source_inputs)
    shares = (0.0, 0.5, 1.0)
    each = [graph.slopes(base, source.terms, total_of, at=(share,)) for share in shares]
    found = graph.slopes(base, source.terms, total_of, at=shares)
    torch.testing.assert_close(found, sum(each) / 3)
    assert not torch.allclose(each[0], each[1])


def test_what_is_run_in_parts_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    graph, base_inputs, source_inputs = built()
    base, source = graph.clean(base_inputs), graph.clean(source_inputs)
    kept = cuts(graph, 9)
    whole = graph.scores(base, source.terms, kept)
    slopes = graph.slopes(base, source.terms, total_of)
    where = "causalabs.engine.circuits.wired"
    row = base.terms[:, 0].numel() * 8
    monkeypatch.setattr(f"{where}.BYTES_AT_ONCE", 9 * row)
    monkeypatch.setattr(f"{where}.BYTES_OF_RUN", 16 * row)
    monkeypatch.setattr(f"{where}.COLUMNS_OF_RUN", 1)
    for found, wanted in zip(graph.scores(base, source.terms, kept), whole, strict=True):
        assert_close(found, wanted)
    torch.testing.assert_close(graph.slopes(base, source.terms, total_of), slopes)
