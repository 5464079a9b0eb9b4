"""A run resumed from any site is the plain run with a hook there: logits and gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from causalabs.hypothesis.model import AtIndex, Last, Site
from tests.engine.language_models.support import NAMES, columns, module, network, plain

LENGTHS = (7, 5, 6, 7)
LAYER = 1
HOOKED = ("residual", "attention", "mlp", "embedding", "before", "between", "input", "hidden", "z")
CLASSES = [3, 5, 7]


def site_of(what: str, position: Any) -> Site:
    match what:
        case "embedding":
            return Site("embedding", position=position)
        case "before" | "between":
            return Site("residual", LAYER, part=what, position=position)
        case "input" | "hidden":
            return Site("mlp", LAYER, part=what, position=position)
        case "z":
            return Site("head", LAYER, 1, "z", position=position)
        case _:
            return Site(what, LAYER, position=position)


def hook(name: str, what: str, change: Callable[[Tensor], Tensor]) -> Any:
    """The same tensor in the plain model, changed as a whole (rows, tokens, width)."""
    wiring = network(name).wiring
    block = wiring.blocks[LAYER]

    def output(_: Any, __: Any, found: Any) -> Any:
        return (change(found[0]), *found[1:]) if isinstance(found, tuple) else change(found)

    def given(_: Any, args: Any) -> Any:
        return (change(args[0]), *args[1:])

    match what:
        case "residual":
            return wiring.layers[LAYER].register_forward_hook(output)
        case "before":
            return wiring.layers[LAYER].register_forward_pre_hook(given)
        case "embedding":
            return wiring.layers[0].register_forward_pre_hook(given)
        case "attention":
            return (block.post_attention or block.attention).register_forward_hook(output)
        case "mlp":
            return (block.post_mlp or block.mlp).register_forward_hook(output)
        case "between":
            return None
        case "input":
            return block.mlp.register_forward_pre_hook(given)
        case "hidden":
            return block.down.register_forward_pre_hook(given)
    dim = wiring.dim
    mine = slice(dim, 2 * dim)

    def head(_: Any, args: Any) -> Any:
        changed = change(args[0][..., mine])
        return (torch.cat([args[0][..., :dim], changed, args[0][..., 2 * dim :]], dim=-1),)

    return block.out.register_forward_pre_hook(head)


@pytest.mark.parametrize("position", [Last(), AtIndex(2)], ids=["last", "middle"])
@pytest.mark.parametrize("name", NAMES)
def test_resumed_runs_equal_hooked_plain_runs(name: str, position: Any) -> None:
    net = network(name)
    inputs = net.encode(columns(LENGTHS))
    at = torch.from_numpy(net.prompter.resolve(position, inputs))[:, 0]
    rows = torch.arange(len(at))
    for what in HOOKED:
        if what == "between":
            continue  # no module's output: compared with `attention` below
        site = site_of(what, position)
        width = net.width(site)
        direction = torch.randn(width, generator=torch.Generator().manual_seed(3))
        mine, theirs = (direction.clone().requires_grad_() for _ in range(2))

        def change(whole: Tensor) -> Tensor:
            here = whole[rows, at]
            return whole.index_put((rows, at), here * 0.5 + theirs)  # noqa: B023

        handle = hook(name, what, change)
        logits = plain(name, inputs)
        handle.remove()
        wanted = logits[rows, inputs.lengths - 1][:, CLASSES]
        prefix = net.prefix(inputs, [site])
        found = net.resume(prefix, [(site, lambda current: current * 0.5 + mine)])["answer"]  # noqa: B023
        torch.testing.assert_close(found, wanted, atol=2e-5, rtol=1e-4)
        assert (wanted - net.scores(inputs)["answer"]).abs().max() > 1e-3
        weights = torch.randn(wanted.shape, generator=torch.Generator().manual_seed(4))
        (found * weights).sum().backward()
        (wanted * weights).sum().backward()
        assert mine.grad is not None
        torch.testing.assert_close(mine.grad, theirs.grad, atol=5e-5, rtol=1e-3)
        assert mine.grad.abs().max() > 1e-3


@pytest.mark.parametrize("name", [name for name in NAMES if name != "gpt_neox"])
def test_between_is_the_residual_after_attention(name: str) -> None:
    net = network(name)
    inputs = net.encode(columns(LENGTHS))
    between, term = (site_of(what, AtIndex(2)) for what in ("between", "attention"))
    prefix = net.prefix(inputs, [between, term])
    one = net.resume(prefix, [(between, lambda current: current + 1)])["answer"]
    other = net.resume(prefix, [(term, lambda current: current + 1)])["answer"]
    torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_no_graph_is_built_below_the_first_edit(name: str) -> None:
    net = network(name)
    inputs = net.encode(columns(LENGTHS))
    site = site_of("residual", Last())
    prefix = net.prefix(inputs, [site])
    assert not any(tensor.requires_grad for tensor in prefix.tensors.values())
    assert not net.resume(prefix, [(site, lambda current: current)])["answer"].requires_grad
    assert not any(parameter.requires_grad for parameter in module(name).parameters())


@pytest.mark.parametrize("name", NAMES)
def test_the_module_itself_is_left_as_it_was(name: str) -> None:
    inputs = network(name).encode(columns(LENGTHS))
    config = module(name).config
    before, implementation = plain(name, inputs), config._attn_implementation
    net = network(name)
    site = site_of("z", Last())
    net.resume(net.prefix(inputs, [site]), [(site, lambda current: current * 0)])
    assert torch.equal(plain(name, inputs), before)
    assert config._attn_implementation == implementation
    assert not any(each._forward_hooks for each in module(name).modules())
