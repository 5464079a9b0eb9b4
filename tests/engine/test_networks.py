"""Every network, site by site: what is written reaches what comes after, and nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch import Tensor

from causalabs.algorithm.domains import Interval
from causalabs.algorithm.expression import Constant, Operation, Variable as Ref
from causalabs.engine.errors import EngineError
from causalabs.engine.networks.base import BuiltIn
from causalabs.hypothesis.model import (
    After,
    AllOf,
    AnyOf,
    AtIndex,
    AtStep,
    AtText,
    Last,
    Position,
    Several,
    Site,
    Slot,
)
from tests.engine.networks_support import (
    bits_algorithm,
    fresh,
    gru_spec,
    mlp_spec,
    rows_of,
    sum_algorithm,
    tokens_spec,
    transformer_spec,
)

torch.set_num_threads(1)

PICK = Operation(
    "sub", (Ref("x", Interval(0, 3)), Constant(2, Interval(0, 3))), Interval(-2, 1)
)  # a place in two slots, where x is 2 or 3
POSITIONS: list[Position] = [
    Last(),
    AtIndex(1),
    Slot(("x",)),
    Slot(("y",)),
    After(Slot(("y",)), 1),
    Several((Slot(("y",)), AtIndex(0))),
    Several((AtIndex(1), AtIndex(0), Last())),
]


def component_sites(layers: int, heads: int) -> list[Site]:
    sites = [Site("embedding")]
    for layer in range(layers):
        sites += [Site(name, layer) for name in ("residual", "attention", "mlp")]
        sites += [Site("residual", layer, part=part) for part in ("before", "between")]
        sites += [Site("mlp", layer, part=part) for part in ("input", "hidden")]
        for head in range(heads):
            parts = (None, "q", "k", "v", "pattern", "z")
            sites += [Site("head", layer, head, part) for part in parts]
    return sites


def at(site: Site, position: Position) -> Site:
    return Site(site.component, site.layer, site.head, site.part, site.path, position)


@st.composite
def cases(draw: Any) -> tuple[BuiltIn[Any], Any, list[Site]]:
    """A random network, inputs to it, and some of its sites."""
    seed = draw(st.integers(0, 1000))
    kind = draw(st.sampled_from(["mlp", "gru", "transformer", "templates"]))
    if kind == "mlp":
        hidden = tuple(draw(st.lists(st.integers(1, 6), max_size=3)))
        algorithm, network = sum_algorithm(), fresh(mlp_spec(hidden), sum_algorithm(), seed=seed)
        there_are = [Site("hidden", i) for i in range(len(hidden))] + [Site("logits")]
    elif kind == "gru":
        steps = draw(st.integers(1, 4))
        algorithm = bits_algorithm(3)
        network = fresh(gru_spec(draw(st.integers(1, 5)), min(3, steps)), algorithm, seed=seed)
        count = min(3, steps)
        there_are = [Site("state", position=AtStep(i)) for i in range(count)] + [Site("logits")]
        there_are.append(Site("state", position=AllOf()))
        there_are.append(Site("state", position=Several((AtStep(count - 1), AtStep(0)))))
        there_are = there_are if count > 1 else there_are[:-1]
    else:
        layers, heads = draw(st.integers(1, 3)), draw(st.sampled_from([1, 2]))
        spec = transformer_spec(layers, heads, 4, several=kind == "templates")
        algorithm, network = sum_algorithm(), fresh(spec, sum_algorithm(), seed=seed)
        some = draw(st.lists(st.sampled_from(POSITIONS), min_size=1, max_size=2, unique=True))
        there_are = [at(site, p) for site in component_sites(layers, heads) for p in some]
        there_are.append(Site("logits"))
    sites = draw(st.lists(st.sampled_from(there_are), min_size=1, max_size=3, unique=True))
    return network, network.encode(rows_of(algorithm, 9, seed)), sites


def same(left: dict[str, Tensor], right: dict[str, Tensor], rows: Any = slice(None)) -> None:
    assert left.keys() == right.keys()
    for name, scores in left.items():
        torch.testing.assert_close(scores, right[name][rows], rtol=0, atol=1e-12)


@settings(max_examples=150, deadline=None)
@given(cases())
def test_writing_back_what_stands_there_changes_nothing(case: Any) -> None:
    network, inputs, sites = case
    seen: list[Tensor] = []

    def keep(current: Tensor) -> Tensor:
        seen.append(current)
        return current.clone()

    prefix = network.prefix(inputs, sites)
    same(network.resume(prefix, [(site, keep) for site in sites]), network.scores(inputs))
    captured = network.capture(inputs, sites)
    assert [c.shape for c in captured] == [(9, network.width(site)) for site in sites]
    for one in captured:  # what an edit is given is what was captured
        assert any(s.shape == one.shape and torch.allclose(s, one, atol=1e-12) for s in seen)


@settings(max_examples=100, deadline=None)
@given(cases(), st.lists(st.integers(0, 8), min_size=1, max_size=12))
def test_a_prefix_of_some_rows_is_that_of_those_rows(case: Any, chosen: list[int]) -> None:
    network, inputs, sites = case
    rows = torch.tensor(chosen)
    value = torch.randn(9, network.width(sites[0]), dtype=torch.float64)
    prefix = network.prefix(inputs, sites)
    whole = network.resume(prefix, [(sites[0], lambda _: value)])
    some = network.resume(prefix.take(rows), [(sites[0], lambda _: value[rows])])
    same(some, whole, rows)


@settings(max_examples=120, deadline=None)
@given(cases(), st.integers(0, 99))
def test_starting_late_is_the_same_as_starting_early(case: Any, seed: int) -> None:
    network, inputs, sites = case
    torch.manual_seed(seed)
    edits = [(site, _shift(network.width(site))) for site in sites]
    first = {
        "mlp": Site("hidden", 0) if getattr(network, "hidden", ()) else Site("logits"),
        "gru": Site("state", position=AtStep(0)),
        "transformer": Site("embedding", position=AtIndex(0)),
    }[network.kind]
    late = network.resume(network.prefix(inputs, sites), edits)
    early = network.resume(network.prefix(inputs, [first, *sites]), [(first, _same), *edits])
    same(late, early)


def _shift(width: int) -> Any:
    value = torch.randn(width, dtype=torch.float64)
    return lambda now: now + value


def _same(current: Tensor) -> Tensor:
    return current


@settings(max_examples=100, deadline=None)
@given(cases())
def test_gradients_flow_through_edits_and_are_right(case: Any) -> None:
    network, inputs, sites = case
    shift = torch.zeros(network.width(sites[0]), dtype=torch.float64, requires_grad=True)
    prefix = network.prefix(inputs, sites)

    def total(moved: Tensor) -> Tensor:
        scores = network.resume(prefix, [(sites[0], lambda now: now + moved)])
        return torch.stack([column.pow(2).sum() for column in scores.values()]).sum()

    (slope,) = torch.autograd.grad(total(shift), shift)
    direction = torch.ones_like(shift)
    step = 1e-6
    with torch.no_grad():
        rise = (total(step * direction) - total(-step * direction)) / (2 * step)
    torch.testing.assert_close(slope.sum(), rise, rtol=1e-3, atol=1e-3)
    assert all(not p.requires_grad for p in network.parameters())


@pytest.mark.parametrize("site", component_sites(2, 2), ids=str)
def test_a_write_in_a_transformer_reaches_only_what_comes_after(site: Site) -> None:
    algorithm = sum_algorithm()
    network = fresh(transformer_spec(), algorithm)
    inputs = network.encode(rows_of(algorithm, 9))
    written = at(site, Slot(("x",)))  # token 2 of 0..5
    clean, after = network.scores(inputs), {}
    spied = [at(other, AtIndex(i)) for other in component_sites(2, 2) for i in range(6)]

    def spy(name: Site) -> Any:
        return lambda now: after.setdefault(name, now)

    prefix = network.prefix(inputs, [written, *spied])
    order = network.stage(written)
    later = [s for s in spied if network.stage(s) > order]
    scores = network.resume(
        prefix, [(written, lambda now: now + now.square() + 1), *((s, spy(s)) for s in later)]
    )
    for other, before in zip(later, network.capture(inputs, later), strict=True):
        moved = (after[other] - before).abs().max().item()
        if other.position.index < 2:  # type: ignore[union-attr]
            assert moved == pytest.approx(0, abs=1e-12), other
    assert (scores["equal"] - clean["equal"]).abs().max() > 1e-9
    # What later tokens see of the last block is its keys and values at x, nothing after them.
    untouched = site.layer == 1 and site.part not in ("k", "v", "before")
    moved = (scores["total"] - clean["total"]).abs().max().item()
    assert (moved < 1e-12) == untouched


def test_outputs_read_before_the_write_are_the_clean_ones() -> None:
    algorithm = bits_algorithm()
    network = fresh(gru_spec(), algorithm)
    inputs = network.encode(rows_of(algorithm, 9))
    site = Site("state", position=AtStep(1))
    zeros = network.resume(network.prefix(inputs, [site]), [(site, torch.zeros_like)])
    clean = network.scores(inputs)
    assert torch.equal(zeros["odd[0]"], clean["odd[0]"])
    assert not torch.allclose(zeros["odd[1]"], clean["odd[1]"])
    assert not torch.allclose(zeros["odd[2]"], clean["odd[2]"])


def test_positions_that_differ_by_row_are_written_row_by_row() -> None:
    algorithm = sum_algorithm()
    network = fresh(transformer_spec(), algorithm)
    columns = rows_of(algorithm, 40)
    chosen = columns["x"] >= 2
    columns = {name: column[chosen] for name, column in columns.items()}
    inputs = network.encode(columns)
    site = Site("residual", 0, position=Slot(("x", "y"), PICK))
    found = network.capture(inputs, [site])[0]
    by_slot = network.capture(
        inputs, [at(site, Slot(("x",))), at(site, Slot(("y",)))]
    )  # (rows, width) each
    second = torch.from_numpy(np.asarray(columns["x"]) == 3)[:, None]
    assert second.any()
    assert not second.all()
    torch.testing.assert_close(found, torch.where(second, by_slot[1], by_slot[0]))


def test_several_heads_add_up_to_the_attention() -> None:
    algorithm = sum_algorithm()
    network = fresh(transformer_spec(), algorithm)
    inputs = network.encode(rows_of(algorithm, 9))
    heads = [Site("head", 1, head, position=Last()) for head in range(2)]
    first, second, whole = network.capture(inputs, [*heads, Site("attention", 1, position=Last())])
    torch.testing.assert_close(first + second + network.blocks[1]["out_bias"], whole)


def test_two_writes_at_one_site_are_seen_one_by_the_other() -> None:
    algorithm = sum_algorithm()
    for spec, site in (
        (mlp_spec(), Site("hidden", 0)),
        (transformer_spec(), Site("head", 0, 1, position=Last())),
        (transformer_spec(), Site("residual", 0, position=Last())),
    ):
        network = fresh(spec, algorithm)
        inputs = network.encode(rows_of(algorithm, 9))
        prefix = network.prefix(inputs, [site])
        twice = network.resume(prefix, [(site, lambda h: h + 1), (site, lambda h: h * 3)])
        once = network.resume(prefix, [(site, lambda h: (h + 1) * 3)])
        same(twice, once)


@pytest.mark.parametrize(
    ("spec", "site", "said"),
    [
        (mlp_spec(), Site("hidden", 2), "`hidden 2`"),
        (mlp_spec(), Site("residual", 0), "`residual 0`"),
        (mlp_spec(), Site("hidden", 0, position=Last()), "`hidden 0 at last`"),
        (transformer_spec(), Site("residual", 2, position=Last()), "`residual 2 at last`"),
        (transformer_spec(), Site("residual", 0), "needs a position"),
        (transformer_spec(), Site("head", 0, 2, position=Last()), "`head 0.2 at last`"),
        (transformer_spec(), Site("head", 0, 0, "w", position=Last()), "`head 0.0.w at last`"),
        (transformer_spec(), Site("mlp", 0, position=AtIndex(6)), "`index 6` is missing"),
        (transformer_spec(), Site("mlp", 0, position=AtText("minus")), '`"minus"` is missing'),
        (transformer_spec(), Site("mlp", 0, position=After(Last(), 1)), "`token 1 after last`"),
        (transformer_spec(), Site("mlp", 0, position=AtStep(1)), "no steps"),
        (transformer_spec(), Site("mlp", 0, position=AnyOf()), "is a search"),
        (transformer_spec(), Site("mlp", 0, position=Slot(("x",), token=1)), "one token"),
        (transformer_spec(), Site("mlp", 0, position=Several((Last(), AtIndex(5)))), "twice"),
        (
            transformer_spec(several=True),
            Site("mlp", 0, position=AllOf()),
            "differs in width",
        ),
        (transformer_spec(several=True), Site("mlp", 0, position=AtText("so")), "is missing"),
    ],
)
def test_what_is_not_there_is_an_error_that_names_it(spec: Any, site: Site, said: str) -> None:
    algorithm = sum_algorithm()
    network = fresh(spec, algorithm)
    inputs = network.encode(rows_of(algorithm, 9))
    for attempt in (network.capture, network.prefix):
        with pytest.raises(EngineError) as caught:
            attempt(inputs, [site])
        assert said in str(caught.value)


def test_a_gru_names_the_steps_it_has() -> None:
    network = fresh(gru_spec(), bits_algorithm())
    for site in (Site("state", position=AtStep(3)), Site("state"), Site("hidden", 0)):
        with pytest.raises(EngineError):
            network.width(site)


def test_a_write_of_another_shape_or_to_an_unkept_site_is_an_error() -> None:
    algorithm = sum_algorithm()
    for spec, site, other in (
        (mlp_spec(), Site("hidden", 1), Site("hidden", 0)),
        (transformer_spec(), Site("mlp", 1, position=Last()), Site("mlp", 0, position=Last())),
    ):
        network = fresh(spec, algorithm)
        prefix = network.prefix(network.encode(rows_of(algorithm, 4)), [site])
        with pytest.raises(EngineError, match="has shape"):
            network.resume(prefix, [(site, lambda now: now[:, :1])])
        with pytest.raises(EngineError, match="cannot be written"):
            network.resume(prefix, [(other, _same)])


def test_a_late_write_alone_from_an_early_start() -> None:
    for spec, algorithm, early in (
        (mlp_spec(), sum_algorithm(), Site("hidden", 0)),
        (gru_spec(), bits_algorithm(), Site("state", position=AtStep(1))),
        (transformer_spec(), sum_algorithm(), Site("embedding", position=Slot(("x",)))),
    ):
        network = fresh(spec, algorithm)
        inputs = network.encode(rows_of(algorithm, 9))
        late, clean = Site("logits"), network.scores(inputs)
        prefix = network.prefix(inputs, [early, late])
        same(network.resume(prefix, []), clean)
        moved = network.resume(prefix, [(late, lambda now: now + 1)])
        same(moved, {name: scores + 1 for name, scores in clean.items()})


def test_batches_do_not_show() -> None:
    for spec, algorithm in (
        (mlp_spec(), sum_algorithm()),
        (gru_spec(), bits_algorithm()),
        (transformer_spec(several=True), sum_algorithm()),
        (tokens_spec(), sum_algorithm()),
    ):
        network = fresh(spec, algorithm)
        inputs = network.encode(rows_of(algorithm, 23))
        whole = network.scores(inputs)
        network.rows_at_once = 7
        same(network.scores(inputs), whole)


def test_one_seed_gives_one_network_and_leaves_other_draws_alone() -> None:
    state = torch.get_rng_state()
    first, again = (fresh(transformer_spec(), sum_algorithm(), seed=3) for _ in range(2))
    other = fresh(transformer_spec(), sum_algorithm(), seed=4)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(first.token_weight, again.token_weight)
    assert not torch.equal(first.token_weight, other.token_weight)
