"""Bases: orthonormal whatever they are made from, and in closed form where they can be."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

from causalabs.algorithm.domains import Cyclic, Domain, Mod
from causalabs.algorithm.expression import Operation, Variable as Ref
from causalabs.algorithm.model import Algorithm
from causalabs.engine.bases import find, frequencies_of, orthonormal, random_rotation
from causalabs.engine.errors import EngineError
from causalabs.engine.spaces import evidence_of, space_width
from causalabs.engine.store import Store
from causalabs.engine.streams import stream
from causalabs.hypothesis.model import BasisSpec, Choice, Member, Site, Space
from tests.engine.jobs_support import space
from tests.engine.networks_support import computed, given as given_variable

torch.set_num_threads(1)

HERE = Site("hidden", 0)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 4), st.integers(1, 12), st.integers(0, 99), st.data())
def test_columns_are_orthonormal_and_span_the_same(
    restarts: int, width: int, seed: int, data: Any
) -> None:
    dims = data.draw(st.integers(1, width))
    free = torch.randn(restarts, width, dims, generator=stream(seed), dtype=torch.float64)
    found = orthonormal(free)
    eye = torch.eye(dims, dtype=torch.float64).expand(restarts, -1, -1)
    torch.testing.assert_close(found.mT @ found, eye)
    torch.testing.assert_close(found @ (found.mT @ free), free)
    torch.testing.assert_close(orthonormal(found), found)  # signs are fixed


def test_random_rotations_are_those_of_their_stream() -> None:
    one = random_rotation(2, 6, 3, generator=stream(0, "x"))
    assert torch.equal(one, random_rotation(2, 6, 3, generator=stream(0, "x")))
    assert not torch.equal(one, random_rotation(2, 6, 3, generator=stream(1, "x")))
    assert not torch.equal(one[0], one[1])


def test_gradients_flow_through() -> None:
    free = torch.randn(1, 5, 2, generator=stream(0), dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(orthonormal, (free,))


class Circle:
    """A network whose only site holds given activations."""

    def __init__(self, activations: torch.Tensor) -> None:
        self.activations, self.device, self.dtype = activations, "cpu", torch.float64

    def encode(self, columns: Any) -> Any:
        return columns

    def width(self, site: Site) -> int:
        return self.activations.shape[1] + (1 if site.layer == 9 else 0)

    def capture(self, inputs: Any, sites: Any) -> list[torch.Tensor]:
        return [self.activations for _ in sites]


def clock(domain: Domain) -> Algorithm:
    same = Operation("add", (Ref("x", domain), Ref("x", domain)), domain)
    return Algorithm("clock", (given_variable("x", domain), computed("v", domain, same)), ())


def planes(frequencies: tuple[int, ...], count: int, domain: Domain, dims: int) -> Any:
    """Activations on circles, one per frequency, rotated and with noise off the planes."""
    values = np.repeat(np.arange(count), 3)
    angles = (
        2 * math.pi * torch.from_numpy(values).double()[:, None] * torch.tensor(frequencies) / count
    )
    flat = torch.stack([angles.cos(), angles.sin()], dim=2).flatten(1)
    turned = random_rotation(1, 8, flat.shape[1], generator=stream(2))[0]
    store = Store(Circle(flat @ turned.T + 0.5), {})  # type: ignore[arg-type]
    settings = (("frequencies", frequencies),)
    one = space("fourier", {"v": range(dims)}, HERE, settings=settings)
    rows = np.arange(len(values))
    evidence = evidence_of(one, 0, store, clock(domain), {"v": values}, rows, seed=0)
    return find("fourier").closed(one, 8, evidence).tensors()["columns"], turned


@pytest.mark.parametrize("domain", [Mod(7), Cyclic(tuple("abcdefg"))])
def test_fourier_finds_the_planes_that_are_there(domain: Domain) -> None:
    found, turned = planes((1, 3), 7, domain, 4)
    torch.testing.assert_close(found.T @ found, torch.eye(4, dtype=found.dtype))
    for plane in (slice(0, 2), slice(2, 4)):
        torch.testing.assert_close(
            found[:, plane] @ (found[:, plane].T @ turned[:, plane]), turned[:, plane]
        )


def test_half_a_turn_has_no_sine_and_is_completed() -> None:
    found, turned = planes((2,), 4, Mod(4), 2)
    torch.testing.assert_close(found.T @ found, torch.eye(2, dtype=found.dtype))
    assert float((found[:, 0] @ turned[:, 0]).abs()) == pytest.approx(1.0)


def test_frequencies_count_from_one_when_none_are_given() -> None:
    assert frequencies_of(BasisSpec("fourier"), 4) == (1, 2)
    assert frequencies_of(BasisSpec("fourier", (("frequencies", (3,)),)), 2) == (3,)


def test_sites_that_share_a_basis_have_one_width() -> None:
    wide = Site("hidden", 9)
    members = tuple(
        Member(name, (Choice((site,), (site,)),), (i,))
        for i, (name, site) in enumerate((("v", HERE), ("w", wide)))
    )
    network: Any = Circle(torch.zeros(1, 4))
    with pytest.raises(EngineError, match="`hidden 0` has 4, `hidden 9` has 5"):
        space_width(Space(BasisSpec("learned"), members, ("here",)), 0, Store(network, {}))


def test_only_what_is_fitted_counts_as_capacity() -> None:
    for kind, blocks, numbers in (
        ("learned", {"v": [0, 1], "w": [2]}, 24),
        ("neurons", {"v": [0, 1]}, 0),
        ("whole", {"v": []}, 0),
    ):
        assert find(kind).capacity(space(kind, blocks, HERE), 8) == numbers
