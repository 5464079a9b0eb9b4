"""Training: it learns, it repeats, it fails clearly, and IIT puts variables where told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from causalabs.engine.errors import EngineError
from causalabs.engine.networks.build import build, untrained
from causalabs.engine.networks.implement import interchange_accuracy
from causalabs.engine.networks.train import Recipe, Teacher
from causalabs.hypothesis.model import (
    AtStep,
    BasisSpec,
    Choice,
    FeedVectors,
    Implement,
    Member,
    NetworkSpec,
    Readout,
    Site,
    Slot,
    Space,
)
from tests.engine.networks_support import (
    bits_algorithm,
    draw_bits,
    draw_digits,
    draw_reals,
    gru_spec,
    mlp_spec,
    sum_algorithm,
    transformer_spec,
    xor_algorithm,
)

torch.set_num_threads(1)

QUICK = Recipe(steps=250, batch=128, rate=1e-2, pool=4096, judged=500)


@pytest.mark.parametrize(
    ("spec", "algorithm", "draw"),
    [
        (mlp_spec((16,)), sum_algorithm(), draw_digits),
        (gru_spec(8), bits_algorithm(), draw_bits),
        (transformer_spec(1, 2, 16), sum_algorithm(), draw_digits),
        (transformer_spec(1, 2, 16, several=True), sum_algorithm(), draw_digits),
    ],
    ids=["mlp", "gru", "transformer", "templates"],
)
def test_each_kind_learns_and_repeats(spec: Any, algorithm: Any, draw: Any) -> None:
    said: list[tuple[str, float]] = []
    networks = [
        build(
            replace(spec, until=0.7),
            [algorithm],
            seed=seed,
            draw_bases=draw,
            recipe=QUICK,
            progress=lambda what, share: said.append((what, share)),
        )
        for seed in (1, 1, 2)
    ]
    first, again, other = (network.record for network in networks)
    assert first["accuracy"] >= 0.7
    assert first["steps"] in (250, 500, 750)
    assert first["weights"] == again["weights"] != other["weights"]
    assert first["origin"] == "trained"
    assert said[-1] == (said[-1][0], 1.0)
    fresh = build(spec, [algorithm], seed=1, trained=False)
    assert fresh.record["weights"] != first["weights"]
    assert (
        fresh.record["weights"] == build(spec, [algorithm], seed=1, trained=False).record["weights"]
    )
    assert not any(p.requires_grad for p in [*fresh.parameters(), *networks[0].parameters()])


def test_an_accuracy_out_of_reach_is_a_clear_failure() -> None:
    spec = replace(mlp_spec((1,)), until=0.99)
    with pytest.raises(EngineError) as caught:
        build(spec, [sum_algorithm()], seed=0, draw_bases=draw_digits, recipe=QUICK)
    assert "in 750 steps, not 0.99" in caught.value.message
    assert "train until accuracy >= 0." in caught.value.help


def test_where_a_batch_holds_all_inputs_rows_are_weighted_by_how_often_they_come() -> None:
    algorithm = sum_algorithm()
    network = untrained(mlp_spec(), [algorithm], seed=0)

    def biased(count: int, generator: np.random.Generator) -> Any:
        return {"x": np.where(generator.random(count) < 0.75, 0, 3), "y": np.zeros(count, int)}

    teacher = Teacher(network, [algorithm], biased)
    pool = teacher.draw(4000, np.random.default_rng(0), distinct=16)
    assert pool.answers["total"].tolist() == [0, 3]
    assert pool.weights is not None
    assert pool.weights.tolist() == pytest.approx([1.5, 0.5], abs=0.05)
    assert teacher.draw(400, np.random.default_rng(0)).weights is None


def implementing(blocks: dict[str, tuple[int, ...]], site: Site | None = None) -> NetworkSpec:
    site = site or Site("hidden", 0)
    members = tuple(
        Member(name, (Choice((site,), (site,)),), block) for name, block in blocks.items()
    )
    space = Space(BasisSpec("neurons"), members, ("there",))
    return NetworkSpec(
        "mlp",
        (("hidden", (12, 8)),),
        FeedVectors(("a", "b", "c", "d")),
        (Readout("odd", None),),
        implement=Implement("odd", (space,)),
    )


def test_interchange_training_puts_variables_where_they_are_told_to_be() -> None:
    algorithm = xor_algorithm()
    spec = implementing({"left": tuple(range(6)), "right": tuple(range(6, 12))})
    recipe = replace(QUICK, steps=1200, batch=512, pool=2**17)
    network = build(spec, [algorithm], seed=0, draw_bases=draw_reals, recipe=recipe)
    assert network.record["interchange_accuracy"] > 0.85
    swapped = implementing({"right": tuple(range(6)), "left": tuple(range(6, 12))})
    teacher = Teacher(network, [algorithm], draw_reals)
    assert swapped.implement is not None
    elsewhere = interchange_accuracy(
        teacher, swapped.implement, count=2000, draws=np.random.default_rng(0)
    )
    assert elsewhere < network.record["interchange_accuracy"] - 0.15


def test_interchange_training_works_in_a_gru_and_a_transformer() -> None:
    state = Site("state", position=AtStep(1))
    embedding = Site("embedding", position=Slot(("x",)))
    for spec, algorithm, draw, variable, site in (
        (gru_spec(4), bits_algorithm(), draw_bits, "odd[0]", state),
        (transformer_spec(1, 1, 4), sum_algorithm(), draw_digits, "x", embedding),
    ):
        member = Member(variable, (Choice((site,), (site,)),))
        told = Implement(algorithm.name, (Space(BasisSpec("whole"), (member,), ("there",)),))
        spec = replace(spec, implement=told)
        recipe = replace(QUICK, steps=20)
        network = build(spec, [algorithm], seed=0, draw_bases=draw, recipe=recipe)
        assert 0 <= network.record["interchange_accuracy"] <= 1


def test_places_that_cannot_be_trained_into_are_named() -> None:
    algorithm = xor_algorithm()
    for spec, said in (
        (implementing({"left": (11, 12)}), "`dims 11..12`"),
        (implementing({"left": (0,)}, Site("hidden", 5)), "`hidden 5`"),
    ):
        with pytest.raises(EngineError, match=said):
            build(spec, [algorithm], seed=0, draw_bases=draw_reals, recipe=QUICK)
    spec = implementing({"left": ()})
    assert spec.implement is not None
    space = replace(spec.implement.spaces[0], basis=BasisSpec("learned"))
    spec = replace(spec, implement=replace(spec.implement, spaces=(space,)))
    with pytest.raises(EngineError, match="`left` cannot be trained"):
        build(spec, [algorithm], seed=0, draw_bases=draw_reals, recipe=QUICK)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (replace(mlp_spec(), settings=(("hidden", 16),)), "`hidden`"),
        (replace(gru_spec(), settings=()), "`width`"),
        (transformer_spec(1, 3, 8), "3 heads"),
        (replace(mlp_spec(), kind="cnn"), "`cnn`"),
        (replace(mlp_spec(), kind="gru"), "`gru` cannot be fed"),
    ],
)
def test_networks_that_cannot_be_built_are_named(spec: NetworkSpec, said: str) -> None:
    algorithm = bits_algorithm() if spec.reads[0].output == "odd[0]" else sum_algorithm()
    with pytest.raises(EngineError, match=said):
        untrained(spec, [algorithm], seed=0)
