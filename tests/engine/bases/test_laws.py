"""What every basis owes: writes are read back, idle writes change nothing, blocks are apart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch import Tensor

from causalabs.engine.bases import find, names
from causalabs.engine.basis import Basis
from causalabs.engine.streams import stream
from causalabs.hypothesis.model import Site, Space
from tests.engine.bases.support import dictionary_file, random_basis_of, space_of

torch.set_num_threads(1)

WIDTH = 7
EXACT = ("whole", "neurons", "learned", "fourier", "pca", "svd", "probe", "mean_difference",
         "masked", "boundless", "revnet", "random")  # fmt: skip
SHARING = tuple(name for name in EXACT if name != "whole")
SOFT = ("masked", "boundless")
INEXACT = ("sae", "transcoder")


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=stream(seed, shape), dtype=torch.float64)


def two_blocks(kind: str, first: int = 2, second: int = 3) -> Space:
    blocks = {"v": range(first), "w": range(first, first + second)}
    return space_of(kind, blocks if kind != "whole" else {"v": ()}, **made(kind))


def made(kind: str) -> dict[str, Any]:
    return {"blocks": 3, "hidden": 5} if kind == "revnet" else {}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("dictionaries")


def inexact(kind: str, folder: Path) -> tuple[Space, Basis, int]:
    """A space, its basis and the width of its sites, of a dictionary of latents."""
    if kind == "sae":
        space = space_of(kind, {"v": range(2), "w": range(2, 5)}, path="")
        width, out = WIDTH, WIDTH
    else:
        sites = (Site("mlp", 0, part="input"), Site("mlp", 0))
        space = space_of(kind, {"v": range(2), "w": range(2, 5)}, sites, path="")
        width, out = WIDTH + 4, 4
    (folder / kind).mkdir(exist_ok=True)
    dictionary_file(folder / kind, WIDTH, 40, out=out)
    settings_ = tuple({"path": f"{kind}/dictionary.safetensors"}.items())
    space = Space(type(space.basis)(kind, settings_), space.members, space.labels)
    return space, random_basis_of(kind, space, width, folder=folder), width


@pytest.mark.parametrize("kind", EXACT)
@settings(max_examples=15, deadline=None)
@given(st.integers(0, 999), st.integers(1, 4))
def test_what_is_written_is_read_back(kind: str, seed: int, batch: int) -> None:
    space = two_blocks(kind)
    basis = random_basis_of(kind, space, WIDTH, seed=seed)
    assert basis.exact
    base, source = drawn(1, batch, WIDTH, seed=seed), drawn(1, batch, WIDTH, seed=seed + 1)
    for member in space.members:
        values = basis.encode(source, member.block)
        after = basis.write(base, values, member.block)
        assert after.shape == (1, batch, WIDTH)
        torch.testing.assert_close(basis.encode(after, member.block), values)
        torch.testing.assert_close(basis.swap(base, source, member.block), after)


@pytest.mark.parametrize("kind", EXACT)
@settings(max_examples=10, deadline=None)
@given(st.integers(0, 999))
def test_writing_what_is_there_changes_nothing(kind: str, seed: int) -> None:
    space = two_blocks(kind)
    basis = random_basis_of(kind, space, WIDTH, seed=seed)
    base = drawn(1, 3, WIDTH, seed=seed)
    for member in space.members:
        own = basis.encode(base, member.block)
        torch.testing.assert_close(basis.write(base, own, member.block), base)


@pytest.mark.parametrize("kind", SHARING)
@settings(max_examples=10, deadline=None)
@given(st.integers(0, 999), st.integers(1, 3), st.integers(1, 4))
def test_blocks_do_not_disturb_one_another(kind: str, seed: int, first: int, second: int) -> None:
    space = two_blocks(kind, first, second)
    basis = random_basis_of(kind, space, WIDTH, seed=seed)
    base, source = drawn(1, 3, WIDTH, seed=seed), drawn(1, 3, WIDTH, seed=seed + 1)
    (v, w) = (member.block for member in space.members)
    moved = basis.swap(base, source, v)
    torch.testing.assert_close(basis.encode(moved, w), basis.encode(base, w))
    both = basis.swap(moved, source, w)
    torch.testing.assert_close(basis.encode(both, v), basis.encode(source, v))
    other_way = basis.swap(basis.swap(base, source, w), source, v)
    torch.testing.assert_close(both, other_way)
    if basis.additive:
        summed = moved + basis.swap(base, source, w) - base
        torch.testing.assert_close(both, summed)


@pytest.mark.parametrize("kind", SOFT)
@settings(max_examples=10, deadline=None)
@given(st.integers(0, 999), st.floats(0, 0.999))
def test_soft_masks_keep_what_is_there(kind: str, seed: int, share: float) -> None:
    space = two_blocks(kind)
    parameters = find(kind).start(space, WIDTH, 2, generator=stream(seed))
    basis = find(kind).basis(space, parameters, share)
    base, source = drawn(1, 3, WIDTH, seed=seed), drawn(1, 3, WIDTH, seed=seed + 1)
    for member in space.members:
        own = basis.encode(base, member.block)
        same = basis.write(base, own, member.block)
        torch.testing.assert_close(same, base.expand(2, -1, -1))
        values = basis.encode(source, member.block)
        written = basis.write(base, values, member.block)
        torch.testing.assert_close(basis.swap(base, source, member.block), written)
        assert not torch.equal(written[0], written[1])  # restarts are apart


@pytest.mark.parametrize("kind", ["learned", *SOFT, "revnet"])
@pytest.mark.parametrize("share", [0.0, 0.5])
def test_gradients_reach_every_parameter(kind: str, share: float) -> None:
    space = two_blocks(kind)
    parameters = find(kind).start(space, WIDTH, 2, generator=stream(0))
    leaves = {name: each.requires_grad_() for name, each in parameters.items()}
    basis = find(kind).basis(space, leaves, share)
    base, source = drawn(1, 5, WIDTH), drawn(1, 5, WIDTH, seed=1)
    changed = base
    for member in space.members:
        changed = basis.swap(changed, source, member.block)
    found = torch.autograd.grad(changed.square().sum(), list(leaves.values()))
    for name, gradient in zip(leaves, found, strict=True):
        assert gradient.shape == leaves[name].shape
        for restart in gradient:
            assert float(restart.abs().sum()) > 0, name


@pytest.mark.parametrize("kind", INEXACT)
def test_what_a_dictionary_cannot_express_is_carried(kind: str, folder: Path) -> None:
    space, basis, width = inexact(kind, folder)
    assert not basis.exact
    base, source = drawn(1, 4, width), drawn(1, 4, width, seed=1)
    blocks = [member.block for member in space.members]
    for block in blocks:
        own = basis.encode(base, block)
        assert torch.equal(basis.write(base, own, block), base)
    changes = [basis.swap(base, source, block) - base for block in blocks]
    assert all(float(change.abs().max()) > 0.1 for change in changes)
    if kind == "transcoder":
        assert torch.equal(changes[0][..., :WIDTH], torch.zeros(1, 4, WIDTH, dtype=base.dtype))


@pytest.mark.parametrize("kind", [*EXACT, *INEXACT])
def test_bases_are_saved_and_come_back(kind: str, folder: Path) -> None:
    if kind in INEXACT:
        space, basis, width = inexact(kind, folder)
    else:
        space, width = two_blocks(kind), WIDTH
        basis = random_basis_of(kind, space, width)
    again = find(kind).restore(space, basis.tensors())
    base, source = drawn(1, 4, width), drawn(1, 4, width, seed=1)
    assert again.kind == basis.kind == kind
    for member in space.members:
        torch.testing.assert_close(
            again.swap(base, source, member.block), basis.swap(base, source, member.block)
        )


@pytest.mark.parametrize("kind", [*EXACT, *INEXACT])
def test_bases_are_used_in_the_precision_of_the_network(kind: str, folder: Path) -> None:
    if kind in INEXACT:
        space, basis, width = inexact(kind, folder)
    else:
        space, width = two_blocks(kind), WIDTH
        basis = random_basis_of(kind, space, width)
    for dtype in (torch.float32, torch.bfloat16):
        there = basis.to(device="cpu", dtype=dtype)
        base, source = drawn(1, 4, width).to(dtype), drawn(1, 4, width, seed=1).to(dtype)
        for member in space.members:
            assert there.swap(base, source, member.block).dtype == dtype


def test_every_kind_is_tried_here() -> None:
    assert {*EXACT, *INEXACT, "fixed"} == set(names())
