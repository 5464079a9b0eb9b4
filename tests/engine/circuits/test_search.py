"""Finding circuits in graphs that are known by heart."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch import Tensor

from causalabs.engine.circuits.acdc import Search, acdc, visits
from causalabs.engine.circuits.discover import discover
from causalabs.engine.circuits.edges import Kept, Wiring, with_written, written
from causalabs.engine.circuits.ground import Ground, Pairs
from causalabs.engine.circuits.measures import completeness, faithfulness, minimality
from causalabs.engine.circuits.nodes import edge_text
from causalabs.engine.circuits.ranking import by_slopes, grown, of_size, roc
from causalabs.engine.circuits.row_values import Wanted
from causalabs.engine.errors import EngineError
from causalabs.hypothesis.model import Circuit, Site
from tests.engine.circuits.toy import Toy, head, mlp

BIT, MIDDLE = 2, 3


def copying(given: dict[str, Tensor]) -> Tensor:
    """A head that copies the bit to the middle."""
    found = torch.zeros_like(given["v"])
    found[:, MIDDLE] = given["v"][:, BIT]
    return found


def idle(given: dict[str, Tensor]) -> Tensor:
    """A head that writes nothing."""
    return torch.zeros_like(given["v"])


def gate(most: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """An MLP that answers by what stands in the middle."""

    def node(given: Tensor) -> Tensor:
        found = torch.zeros_like(given)
        on = most(given[:, MIDDLE])
        found[:, 0], found[:, 1] = 4 * (1 - on), 4 * on
        return found

    return node


def either(middle: Tensor) -> Tensor:
    """OR of two copies."""
    return middle.clamp(0, 1)


def both(middle: Tensor) -> Tensor:
    """AND of two copies."""
    return (middle - 1).clamp(0, 1)


def toy(most: Callable[[Tensor], Tensor]) -> Toy:
    """Two heads that copy one bit, one that does nothing, and a gate."""
    heads = [head(0, 0, copying), head(0, 1, copying), head(0, 2, idle)]
    return Toy([*heads, mlp(0, gate(most))])


def ground(graph: Toy, ablation: str = "zero") -> tuple[Ground, Pairs]:
    """Both inputs, each with the other as its source."""
    inputs = torch.zeros(2, 4, dtype=torch.float64)
    inputs[1, BIT] = 1
    whole = graph.scores(graph.clean(inputs), torch.zeros(1, 1, 1, 1), torch.ones(1, 99) > 0)[0]
    wanted = Wanted({"y": torch.tensor([0, 1])}, whole, {"y": 2})
    return Ground(graph, inputs, wanted, ablation), Pairs(np.array([0, 1]), np.array([1, 0]))


def found_by(graph: Toy, *methods: tuple[str, dict[str, object]], ablation: str = "zero"):  # type: ignore[no-untyped-def]
    """What methods find."""
    defaults: dict[str, object] = {
        "examples": 100,
        "order": "latest",
        "orders": 3,
        "steps": 5,
        "metric": "kl",
        "penalty": 0.5,
    }
    asked = tuple((name, tuple({**defaults, **given}.items())) for name, given in methods)
    circuit = Circuit("found", ablation, methods=asked)  # type: ignore[arg-type]
    where, pairs = ground(graph, ablation)
    return discover(circuit, where, pairs, seed=0, sweep=True)


def texts(graph: Toy, kept: Kept) -> set[str]:
    """Edges as the file writes them."""
    return {edge_text(graph.edges[i]) for i in np.flatnonzero(kept)}


AND = {
    "embedding -> head 0.0.v",
    "embedding -> head 0.1.v",
    "head 0.0 -> mlp 0",
    "head 0.1 -> mlp 0",
    "mlp 0 -> output",
}


def test_acdc_keeps_one_head_of_an_or_and_says_that_the_other_does_as_well() -> None:
    graph = toy(either)
    found = found_by(graph, ("acdc", {"threshold": 0.01}))
    assert texts(graph, found.kept) == {
        "embedding -> head 0.0.v",
        "head 0.0 -> mlp 0",
        "mlp 0 -> output",
    }
    assert found.redundant == (("head 0.0", "head 0.1"),)


def test_the_order_of_visits_decides_which_head_of_an_or_is_kept() -> None:
    graph = toy(either)
    found = found_by(graph, ("acdc", {"threshold": 0.01, "order": "earliest"}))
    assert "head 0.1 -> mlp 0" in texts(graph, found.kept)
    assert found.orders[0] == ("latest", 3, 1)


def test_acdc_keeps_both_heads_of_an_and() -> None:
    graph = toy(both)
    found = found_by(graph, ("acdc", {"threshold": 0.01}))
    assert texts(graph, found.kept) == AND
    assert found.redundant == ()
    assert all(count == shared == 5 for _, count, shared in found.orders)


@pytest.mark.parametrize(
    "method",
    [
        ("acdc", {"edges": 5}),
        ("eap_ig", {"edges": 5, "metric": "logit_difference"}),
        ("hisp", {"edges": 5, "metric": "logit_difference"}),
        ("subnetwork_probing", {"edges": 5, "steps": 60}),
    ],
)
def test_a_target_size_is_kept_to(method: tuple[str, dict[str, object]]) -> None:
    graph = toy(both)
    found = found_by(graph, method)
    if method[0] == "hisp":  # it weighs nodes: queries of a head count as its values do
        assert found.kept.sum() <= 5
        return
    assert texts(graph, found.kept) == AND


def test_a_short_list_is_rescored() -> None:
    graph = toy(both)
    short = ("eap_ig", {"edges": 8, "metric": "logit_difference"})
    found = found_by(graph, short, ("acdc", {"threshold": 0.01}))
    assert found.among.sum() <= 8
    assert texts(graph, found.kept) == AND


def test_a_sweep_ranks_the_true_edges_first() -> None:
    graph = toy(both)
    found = found_by(graph, ("acdc", {"threshold": 0.01}))
    truth = np.array([edge_text(edge) in AND for edge in graph.edges])
    assert roc(found.ranked.scores, truth) == 1.0
    assert len(found.sweep) == 30


# ------------------------------------------------------------------ one by one


def one_by_one(evaluate, wiring, order, threshold):  # type: ignore[no-untyped-def]
    """ACDC as it is published: a forward an edge."""
    kept = np.ones(len(wiring), bool)
    value = evaluate(kept[None])[0]
    for edge in order:
        kept[edge] = False
        without = evaluate(kept[None])[0]
        if without - value < threshold:
            value = without
        else:
            kept[edge] = True
    return kept


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10**6), st.floats(1e-4, 1.0), st.sampled_from(["latest", "random"]))
def test_chains_of_cuts_find_what_one_by_one_finds(seed: int, threshold: float, order: str) -> None:
    generator = torch.Generator().manual_seed(seed)

    def node() -> Callable[[dict[str, Tensor]], Tensor]:
        weight = torch.randn(3, 4, 4, generator=generator, dtype=torch.float64) / 2
        return lambda given: torch.tanh(
            sum(x @ w for x, w in zip(given.values(), weight, strict=False))
        )

    nodes = [head(layer, number, node()) for layer in range(2) for number in range(2 - layer)]
    graph = Toy(nodes)
    inputs = torch.randn(8, 4, generator=generator, dtype=torch.float64)
    clean = graph.clean(inputs)
    whole = graph.partly(clean, torch.zeros(1, 1, 1, 1), torch.ones(len(graph.edges)))
    wanted = Wanted({"y": whole["y"].argmax(dim=1)}, whole, {"y": 2})
    where = Ground(graph, inputs, wanted, "resample")
    rows = np.arange(8)
    held = where.keep(Pairs(rows, np.roll(rows, 1)))
    wiring = Wiring.of(graph)
    tried = visits(wiring, order, np.random.default_rng(seed))

    def evaluate(sets: Kept) -> np.ndarray:
        return held.means(sets, "kl")

    expected = one_by_one(evaluate, wiring, tried, threshold)
    for cut in acdc(evaluate, wiring, tried, [threshold, threshold / 7]):
        want = expected if cut.threshold == threshold else None
        if want is not None:
            # What leads nowhere changes nothing, and may be kept by neither.
            assert (wiring.pruned(cut.kept) == wiring.pruned(want)).all()
    # What is expected, rightly or at random, changes only how soon it is found.
    hopes = expected, np.random.default_rng(seed).random(len(wiring)) < 0.5
    alone = acdc(evaluate, wiring, tried, [threshold, threshold / 7])
    for hope in hopes:
        for cut, want in zip(
            acdc(evaluate, wiring, tried, [threshold, threshold / 7], expected=hope),
            alone,
            strict=True,
        ):
            assert (wiring.pruned(cut.kept) == wiring.pruned(want.kept)).all()
            assert cut.value == pytest.approx(want.value, abs=1e-9)


def test_a_sweep_shares_its_runs() -> None:
    graph = toy(both)
    where, pairs = ground(graph)
    wiring = Wiring.of(graph)
    held = where.keep(pairs)
    search = Search(lambda sets: held.means(sets, "kl"), wiring, np.ones(len(wiring), bool))
    order = visits(wiring, "latest", np.random.default_rng(0))
    graph.calls = graph.sets = 0
    search.cut(order, [0.01])
    once = graph.sets
    graph.sets = 0
    search.sweep(order)
    assert graph.sets <= 3 * once


# -------------------------------------------------------------------- measures


def test_the_whole_circuit_is_faithful_and_a_half_of_an_and_is_not() -> None:
    graph = toy(both)
    where, pairs = ground(graph)
    kept = np.array([edge_text(edge) in AND for edge in graph.edges])
    rows = faithfulness(where, pairs, kept, "logit_difference")
    assert rows.mean() == pytest.approx(1)
    half = kept.copy()
    half[[edge_text(e) == "head 0.1 -> mlp 0" for e in graph.edges]] = False
    assert faithfulness(where, pairs, half, "logit_difference").mean() < 0.6


def test_half_of_an_or_is_faithful_and_minimal_but_not_complete() -> None:
    graph = toy(either)
    where, pairs = ground(graph)
    one = {"embedding -> head 0.0.v", "head 0.0 -> mlp 0", "mlp 0 -> output"}
    half = np.array([edge_text(edge) in one for edge in graph.edges])
    whole = np.array([edge_text(edge) in AND for edge in graph.edges])
    usual = "logit_difference"
    assert faithfulness(where, pairs, half, usual).mean() == pytest.approx(1)
    assert completeness(where, pairs, pairs, half, usual, seed=0).mean() < 0.6
    assert completeness(where, pairs, pairs, whole, usual, seed=0).mean() == pytest.approx(1)
    # Each head of the OR is needed once the other is away.
    assert minimality(where, pairs, pairs, whole, usual).mean() > 0.4
    spare = whole | np.array(["head 0.2" in edge_text(edge) for edge in graph.edges])
    assert minimality(where, pairs, pairs, spare, usual).mean() == pytest.approx(0)


def test_a_ratios_rows_have_its_mean_and_the_delta_methods_spread() -> None:
    from causalabs.engine.circuits.measures import Scale

    generator = np.random.default_rng(0)
    whole, empty = 2 + generator.normal(size=4000), 0.2 * generator.normal(size=4000)
    part = empty + 0.7 * (whole - empty) + 0.5 * generator.normal(size=4000)
    rows = Scale(whole, empty).faithfulness(part)
    assert rows.mean() == pytest.approx((part - empty).mean() / (whole - empty).mean())
    drawn = [generator.integers(0, 4000, 4000) for _ in range(300)]
    ratios = [(part - empty)[i].mean() / (whole - empty)[i].mean() for i in drawn]
    assert rows.std() / np.sqrt(4000) == pytest.approx(np.std(ratios), rel=0.15)


def test_without_an_effect_faithfulness_has_no_scale() -> None:
    graph = Toy([head(0, 0, idle)])
    where, pairs = ground(graph)
    with pytest.raises(EngineError, match="no scale"):
        faithfulness(where, pairs, np.ones(len(graph.edges), bool), "logit_difference")


# ------------------------------------------------------------------------ edges


def test_a_written_circuit_names_edges_of_the_network() -> None:
    graph = toy(both)
    edges = ((Site("input"), Site("head", 0, 0)), (Site("attention", 0), Site("mlp", 0)))
    kept = with_written(written(Circuit("claimed", edges=edges), graph), graph)[1]
    assert texts(graph, kept) == {
        *(f"embedding -> head 0.0.{part}" for part in "qkv"),
        *(f"head 0.{number} -> mlp 0" for number in range(3)),
    }


def test_an_edge_that_is_not_there_is_named() -> None:
    edges = ((Site("input"), Site("mlp", 7)),)
    with pytest.raises(EngineError, match="no edge `input -> mlp 7`"):
        written(Circuit("claimed", edges=edges), toy(both))


def test_slopes_are_exact_where_all_is_linear() -> None:
    weight = torch.randn(4, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    graph = Toy([head(0, 0, lambda given: given["v"] @ weight)])
    where, pairs = ground(graph, "resample")
    ranked = by_slopes(where.keep(pairs), "logit_difference")
    every = np.ones(len(graph.edges), bool)
    for edge in range(len(every)):
        without = every.copy()
        without[edge] = False
        values = where.values(pairs, [every, without], ["logit_difference"])[0].mean(axis=1)
        assert values[0] - values[1] == pytest.approx(ranked.scores[edge], abs=1e-9)


def test_a_ranking_is_grown_from_the_output() -> None:
    graph = toy(both)
    wiring = Wiring.of(graph)
    scores = np.arange(len(wiring), dtype=float) + 1
    every = np.ones(len(wiring), bool)
    order = grown(wiring, scores, every)
    assert sorted(order.tolist()) == list(range(len(wiring)))
    for size in range(1, len(wiring) + 1):
        kept = of_size(wiring, scores, size, every)
        assert kept.sum() <= size
        assert (wiring.pruned(kept) == kept).all()
