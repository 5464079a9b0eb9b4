"""Edges at some tokens only, and what is told where there is no such edge."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from causalabs.engine.circuits.build import wired
from causalabs.engine.circuits.contract import Edge, Wired
from causalabs.engine.errors import EngineError
from causalabs.hypothesis.model import AtIndex, Last, Several, Site, Slot
from tests.engine import networks_support as support
from tests.engine.circuits import oracle
from tests.engine.circuits.test_wired import (
    ALGORITHM,
    assert_close,
    built,
    by_site,
    cuts,
    total_of,
)

VALUE = Site("head", 1, head=0, part="v")
X = Slot(("x",))


def at(site: Site, position: object) -> Site:
    return Site(site.component, site.layer, site.head, site.part, position=position)  # type: ignore[arg-type]


EXTRA = (
    Edge(at(Site("head", 0, head=1), AtIndex(1)), VALUE),
    Edge(Site("head", 0, head=1), at(VALUE, Several((AtIndex(1), AtIndex(2))))),
    Edge(Site("mlp", 0), at(Site("output"), X)),
    Edge(at(Site("embedding"), X), at(Site("mlp", 1), X)),
)


def share_at(graph: Wired, kept: Tensor, inputs: object) -> oracle.Share:
    """The share of an edge token by token: that of the edges at a token, else of the whole."""
    tokenizer = graph.network.tokenizer  # type: ignore[attr-defined]
    column = {edge: number for number, edge in enumerate(graph.edges)}

    def share(edge: Edge) -> Tensor:
        rows, columns = inputs.ids.shape  # type: ignore[attr-defined]
        found = torch.full((rows, columns), float(kept[column[edge]]), dtype=torch.float64)
        best = torch.full((rows, columns), -1.0, dtype=torch.float64)
        for extra in EXTRA:
            if (at(extra.writer, None), at(extra.reader, None)) == (edge.writer, edge.reader):
                position = extra.writer.position or extra.reader.position
                places = tokenizer.resolve(position, inputs)
                for row, mine in enumerate(places):
                    for place in mine:
                        value = float(kept[column[extra]])
                        best[row, place] = max(float(best[row, place]), value)
        return torch.where(best >= 0, best, found)[..., None]

    return share


@pytest.mark.parametrize("several", [False, True])
def test_an_edge_at_some_tokens_says_what_is_carried_there(several: bool) -> None:
    plain, base_inputs, source_inputs = built(several=several)
    graph = plain.with_edges(EXTRA)
    base, source = graph.clean(base_inputs), graph.clean(source_inputs)
    kept = cuts(graph, 8)
    kept[0], kept[1] = True, False
    kept[0, -3], kept[1, -1] = False, True
    there = by_site(graph, source.terms, base.terms)
    for number, scores in enumerate(graph.scores(base, source.terms, kept)):
        share = share_at(graph, kept[number], base_inputs)
        wanted, _ = oracle.transformer(graph, base_inputs, there, share)
        assert_close(scores, wanted)


def test_shares_and_slopes_of_edges_at_some_tokens() -> None:
    plain, base_inputs, source_inputs = built()
    graph = plain.with_edges(EXTRA[1:])
    base, source = graph.clean(base_inputs), graph.clean(source_inputs)
    kept = torch.ones(len(graph.edges), dtype=torch.float64, requires_grad=True)
    losses = total_of(graph.partly(base, source.terms, kept), slice(None))
    found = graph.slopes(base, source.terms, total_of)
    for row, loss in enumerate(losses):
        (gradient,) = torch.autograd.grad(loss, kept, retain_graph=True)
        torch.testing.assert_close(found[row], -gradient)
    whole = plain.slopes(base, source.terms, total_of)
    column = plain.edges.index(Edge(Site("mlp", 0), Site("output")))
    both = found[:, column] + found[:, len(plain.edges) + 1]
    torch.testing.assert_close(both, whole[:, column])


@pytest.mark.parametrize(
    ("edge", "said"),
    [
        (Edge(at(Site("mlp", 1), Last()), Site("mlp", 0)), "reads before `mlp 1` writes"),
        (Edge(at(Site("head", 0, head=5), Last()), Site("mlp", 0)), "`head 0.5` writes nothing"),
        (Edge(at(Site("mlp", 0), Last()), Site("mlp", 7)), "`mlp 7` reads nothing"),
        (Edge(Site("mlp", 0), Site("mlp", 1)), "is there already"),
    ],
)
def test_an_edge_that_there_is_not_is_refused(edge: Edge, said: str) -> None:
    graph, _, _ = built()
    with pytest.raises(EngineError) as caught:
        graph.with_edges([edge])
    assert said in str(caught.value)


def test_an_edge_stays_at_its_token() -> None:
    graph, base_inputs, _ = built()
    graph = graph.with_edges([Edge(at(Site("mlp", 0), AtIndex(1)), at(Site("mlp", 1), Last()))])
    base = graph.clean(base_inputs)
    with pytest.raises(EngineError, match="`mlp 0 at index 1 -> mlp 1 at last` is at no token"):
        graph.scores(base, base.terms, torch.ones(1, len(graph.edges), dtype=torch.bool))


@pytest.mark.parametrize("spec", [support.mlp_spec(), support.gru_spec()])
def test_networks_without_a_residual_stream_have_no_edges(spec: object) -> None:
    algorithm = ALGORITHM if spec.kind == "mlp" else support.bits_algorithm()  # type: ignore[attr-defined]
    with pytest.raises(EngineError, match="has no edges"):
        wired(support.fresh(spec, algorithm))  # type: ignore[arg-type]
