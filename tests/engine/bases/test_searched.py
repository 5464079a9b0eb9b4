"""What descent finds: planted neurons, a planted number of dims, a map that is one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch import Tensor

from causalabs.algorithm.domains import Mod
from causalabs.algorithm.expression import Operation, Variable as Ref
from causalabs.algorithm.model import Algorithm
from causalabs.engine import jobs
from causalabs.engine.bases import find, random_rotation
from causalabs.engine.bases.revnet import Coupled
from causalabs.engine.bases.saved import Label, save_basis
from causalabs.engine.basis import Evidence
from causalabs.engine.errors import EngineError
from causalabs.engine.fit import Budget
from causalabs.engine.jobs import Resources
from causalabs.engine.networks.build import untrained
from causalabs.engine.protocol import Device
from causalabs.engine.streams import stream
from causalabs.hypothesis.model import FeedVectors, NetworkSpec, Readout, Site, Space
from causalabs.hypothesis.registry import BasisKind, find as entry
from tests.engine.bases.support import space_of
from tests.engine.jobs_support import (
    examples_of,
    hypothesis_of,
    iia,
    job_of,
    line,
    pair_hypothesis,
    pair_resources,
)
from tests.engine.networks_support import computed, given as given_variable

torch.set_num_threads(1)

SMALL = Budget(restarts=4, steps=300, batch=64, judged=300, look=50)


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "budget_for", lambda _: SMALL)


def with_defaults(kind: str, variables: Mapping[str, Any], **settings_: Any) -> Space:
    """A space with the settings that the checker would fill in."""
    known = entry(BasisKind, kind)
    assert known is not None
    defaults = {p.name: p.default for p in known.parameters if p.default is not None}
    return space_of(kind, variables, **{**defaults, **settings_})


def settled(hypothesis: Any, resources: Resources, control: str = "") -> tuple[Any, dict[int, Any]]:
    """The outcome of a job, and the bases that it found."""
    found: dict[int, Any] = {}
    real = jobs.settle

    def settle(setting: Any) -> Any:
        settled_ = real(setting)
        found.update(settled_.bases)
        return settled_

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jobs, "settle", settle)
        outcome = jobs.run_job(job_of(hypothesis, control), hypothesis, resources=resources)
    return outcome, found


# -------------------------------------------------------------------------- masked


def planted_neurons() -> Tensor:
    """Of nine neurons 2 and 5 together hold `left`, 7 holds `right`."""
    columns = torch.zeros(9, 9, dtype=torch.float64)
    columns[[2, 5], 0] = 0.5**0.5
    columns[7, 1] = 1.0
    return columns


def test_a_mask_finds_the_neurons_that_are_there() -> None:
    space = with_defaults("masked", {"left": range(3), "right": range(3, 6)})
    hypothesis = pair_hypothesis(space)
    outcome, bases = settled(hypothesis, pair_resources(hypothesis, planted_neurons()))
    assert iia(outcome) == {0: 1.0, 1: 1.0, 2: 1.0}
    columns = bases[0].columns[0]
    left, right = columns[:, :3].sum(dim=1), columns[:, 3:].sum(dim=1)
    assert left.nonzero().flatten().tolist() == [2, 5]
    assert right.nonzero().flatten().tolist() == [7]


def test_a_mask_over_heads_takes_whole_heads() -> None:
    heads = tuple(Site("head", 0, head) for head in range(3))
    space = with_defaults("masked", {"v": range(2)}, over="heads")
    space = space_of("masked", {"v": range(2)}, heads, **dict(space.basis.settings))
    kind = find("masked")
    assert kind.dims(space, 12) == 8
    assert kind.capacity(space, 12) == 3
    logits = torch.tensor([[[-1.0] * 4 + [2.0] * 4 + [3.0] * 4]], dtype=torch.float64)
    base, source = torch.zeros(1, 2, 12).double(), torch.ones(1, 2, 12).double()
    hard = kind.basis(space, {"logits": logits}, 1.0)
    assert hard.swap(base, source, (0, 1))[0, 0].tolist() == [0.0] * 4 + [1.0] * 8
    soft = kind.basis(space, {"logits": logits}, 0.0).swap(base, source, (0, 1))[0, 0]
    assert len(soft.view(3, 4)[1].unique()) == 1
    assert float(soft[0]) < 0.5 < float(soft[4]) < float(soft[8])
    with pytest.raises(EngineError, match="has 3 heads, 4 dims"):
        kind.dims(space_of("masked", {"v": range(4)}, heads, over="heads"), 12)
    with pytest.raises(EngineError, match="names heads"):
        kind.dims(space_of("masked", {"v": range(1)}, over="heads"), 12)


def test_masked_heads_can_be_fixed(tmp_path: Path) -> None:
    heads = tuple(Site("head", 0, head) for head in range(3))
    space = space_of("masked", {"v": range(2)}, heads, over="heads")
    drawn = find("masked").random(space, 12, generator=stream(0))
    label = Label("masked", {"v": (0, 1)}, {}, {})
    save_basis(tmp_path / "heads", drawn, label)
    fixed = space_of("fixed", {"v": range(2)}, heads, path="heads.safetensors")
    found = find("fixed").closed(fixed, 12, Evidence({}, {}, {}, folder=tmp_path))
    base, source = torch.zeros(1, 2, 12).double(), torch.ones(1, 2, 12).double()
    assert torch.equal(found.swap(base, source, (0, 1)), drawn.swap(base, source, (0, 1)))
    assert int(found.swap(base, source, (0, 1))[0, 0].sum()) == 8


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 999), st.integers(1, 3), st.integers(1, 3))
def test_hard_masks_are_apart_and_never_empty(seed: int, first: int, second: int) -> None:
    space = space_of("masked", {"v": range(first), "w": range(first, first + second)})
    logits = torch.randn(3, 2, 7, generator=stream(seed), dtype=torch.float64) - 1.0
    columns = find("masked").basis(space, {"logits": logits}, 1.0).columns  # type: ignore[attr-defined]
    assert ((columns == 0) | (columns == 1)).all()
    assert (columns.sum(dim=2) <= 1).all()  # a neuron is one variable's at most
    for block in (slice(0, first), slice(first, first + second)):
        assert (columns[:, :, block].sum(dim=(1, 2)) >= 1).all()


def test_masks_harden_as_the_temperature_falls() -> None:
    space = space_of("masked", {"v": range(2)})
    logits = torch.tensor([[[0.3, -0.3, 0.1]]], dtype=torch.float64)
    masks = [
        find("masked").basis(space, {"logits": logits}, share).masks[(0, 1)]  # type: ignore[attr-defined]
        for share in (0.0, 0.5, 0.99)
    ]
    apart = [float((mask - (logits[0] > 0).double()).abs().max()) for mask in masks]
    assert apart[0] > 0.4 > apart[1] > apart[2]
    assert apart[2] < 1e-3


# ----------------------------------------------------------------------- boundless


def ring() -> Algorithm:
    """A value of four is copied and read; a bit beside it is not."""
    domain = Mod(4)
    same = Operation("add", (Ref("x", domain), Ref("zero", domain)), domain)
    variables = (given_variable("x", domain), given_variable("zero", domain))
    last = Operation("add", (Ref("v", domain), Ref("zero", domain)), domain)
    return Algorithm(
        "ring", (*variables, computed("v", domain, same), computed("o", domain, last, "output")), ()
    )


def ring_network(rotation: Tensor) -> Any:
    """`hidden 0` holds x on a circle in two directions, `zero` in two others."""
    width = len(rotation)
    spec = NetworkSpec("mlp", (("hidden", (width,)),), FeedVectors(("x", "zero")),
                       (Readout("o", None),))  # fmt: skip
    network = untrained(spec, [ring()], seed=0, device=Device(dtype=torch.float64))
    circle = torch.tensor([[1.0, 0], [0, 1], [-1, 0], [0, -1]], dtype=torch.float64).T
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
        network.weights[0][:, :4].copy_(rotation[:, :2] @ circle)
        network.weights[0][:, 4:].copy_(rotation[:, 2:4] @ circle)
        network.biases[0].fill_(10.0)
        read = 4 * circle.T @ rotation[:, :2].T
        network.weights[1].copy_(read)
        network.biases[1].copy_(-10.0 * read.sum(dim=1))
    network.freeze()
    network.record = {"parameters": 0}
    return network


def ring_case(space: Space, rotation: Tensor) -> tuple[Any, Resources]:
    algorithm = ring()
    spec = NetworkSpec("mlp", (), FeedVectors(("x", "zero")), (Readout("o", None),))
    hypothesis = hypothesis_of(algorithm, spec, [space], [line("v", algorithm, "v")])

    def draw(count: int, generator: np.random.Generator) -> dict[str, Any]:
        return {"x": generator.integers(0, 4, count), "zero": np.zeros(count, dtype=np.int64)}

    def examples(seed: int, _: object) -> Any:
        return examples_of(algorithm, ["o"], hypothesis.counterfactuals.lines, draw, 400, seed=seed)

    return hypothesis, Resources(
        hypothesis, make_network=lambda *_: ring_network(rotation), make_examples=examples
    )


@pytest.mark.parametrize("seed", [0, 1])
def test_a_boundary_finds_how_many_dims_there_are(seed: int) -> None:
    rotation = random_rotation(1, 8, 8, generator=stream(seed, "planted"))[0]
    space = with_defaults("boundless", {"v": range(6)}, penalty=0.5)
    outcome, bases = settled(*ring_case(space, rotation))
    assert iia(outcome) == {0: 1.0}
    columns = bases[0].columns[0]
    used = columns[:, columns.norm(dim=0) > 0.5]
    assert used.shape[1] == 2
    planted = rotation[:, :2]
    assert float(torch.linalg.svdvals(used.T @ planted).min()) > 0.95
    assert bool(columns.norm(dim=0)[0] > 0.5)  # those used come first


def test_boundaries_become_whole_counts_of_at_least_one() -> None:
    space = space_of("boundless", {"v": range(4), "w": range(4, 6)})
    free = random_rotation(1, 8, 6, generator=stream(0))
    for raw, counts in ((0.0, (2, 1)), (-9.0, (1, 1)), (9.0, (4, 2))):
        bounds = torch.full((1, 2), raw, dtype=torch.float64)
        basis = find("boundless").basis(space, {"free": free, "bounds": bounds}, 1.0)
        norms = basis.columns[0].norm(dim=0)  # type: ignore[attr-defined]
        assert norms[:4].round().tolist() == [1.0] * counts[0] + [0.0] * (4 - counts[0])
        assert norms[4:].round().tolist() == [1.0] * counts[1] + [0.0] * (2 - counts[1])


# -------------------------------------------------------------------------- revnet


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 999), st.integers(2, 11), st.integers(1, 6), st.integers(1, 5))
def test_a_revnet_is_undone_exactly(seed: int, width: int, blocks: int, hidden: int) -> None:
    space = space_of("revnet", {"v": [0]}, blocks=blocks, hidden=hidden)
    kind = find("revnet")
    start = kind.start(space, width, 3, generator=stream(seed))
    assert sum(each[0].numel() for each in start.values()) == kind.capacity(space, width)
    basis = kind.basis(space, start, 0.5)
    assert isinstance(basis, Coupled)
    base = torch.randn(1, 6, width, generator=stream(seed, "base"), dtype=torch.float64)
    there = basis.forward(base)
    assert there.shape == (3, 6, width)
    torch.testing.assert_close(basis.inverse(there), base.expand(3, -1, -1))
    single = basis.to(device="cpu", dtype=torch.float32)
    torch.testing.assert_close(
        single.inverse(single.forward(base.float())), base.float().expand(3, -1, -1),
        atol=1e-4, rtol=1e-4,
    )  # fmt: skip


def test_a_revnet_is_not_linear() -> None:
    space = space_of("revnet", {"v": [0]}, blocks=2, hidden=8)
    basis = find("revnet").random(space, 6, generator=stream(0))
    one, two = torch.randn(2, 1, 5, 6, generator=stream(1), dtype=torch.float64)
    bent = basis.encode(one + two, (0,)) - basis.encode(one, (0,)) - basis.encode(two, (0,))
    assert float((bent - bent.mean(dim=1, keepdim=True)).abs().max()) > 1e-3


def test_a_revnet_finds_what_lies_there() -> None:
    space = with_defaults("revnet", {"left": [0], "right": [1]}, blocks=2, hidden=8)
    hypothesis = pair_hypothesis(space)
    rotation = random_rotation(1, 5, 5, generator=stream(1, "test"))[0]
    outcome, _ = settled(hypothesis, pair_resources(hypothesis, rotation))
    assert min(iia(outcome).values()) > 0.9


def test_a_revnet_needs_two_numbers() -> None:
    with pytest.raises(EngineError, match="couples two halves"):
        find("revnet").dims(space_of("revnet", {"v": [0]}), 1)
