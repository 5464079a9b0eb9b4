"""A module as a network: exact, nothing computed twice, nothing silently left out."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch import Tensor, nn

from causalabs.engine.errors import EngineError
from causalabs.engine.modules.network import ModuleNetwork
from causalabs.hypothesis.model import AllOf, AtIndex, AtStep, AtText, Last, Several, Site
from tests.engine.modules.samples import (
    KINDS,
    RAN,
    Encoder,
    Routed,
    Tower,
    columns,
    feed,
    made,
    wrapped,
)


def site(path: str, part: str = "output", position: Any = None) -> Site:
    return Site("module", part=part, path=path, position=position)


def reachable(network: ModuleNetwork) -> list[Site]:
    """Sites of all modules, at all calls."""
    found = []
    for path, calls in network._seen.items():
        for part in ("input", "output"):
            for step in range(len(calls)):
                each = site(path, part, AtStep(step) if len(calls) > 1 else None)
                try:
                    network.width(each)
                except EngineError:
                    continue
                found.append(each)
    return found


def hooked(module: nn.Module, ids: Tensor, at: Site, delta: Tensor) -> Tensor:
    """What the plainest hook gives: `delta` (batch, width) added to a site."""
    calls = [0]
    wanted = at.position.step if isinstance(at.position, AtStep) else 0

    def changed(tensor: Tensor) -> Tensor:
        return tensor + delta.reshape(tensor.shape)

    def after(_: nn.Module, __: Any, output: Any) -> Any:
        calls[0] += 1
        if calls[0] - 1 != wanted:
            return output
        if isinstance(output, dict):
            return {name: changed(tensor) for name, tensor in output.items()}
        return (changed(output[0]), *output[1:]) if isinstance(output, tuple) else changed(output)

    def before(_: nn.Module, args: Any) -> Any:
        calls[0] += 1
        return (changed(args[0]), *args[1:]) if calls[0] - 1 == wanted else args

    target = module.get_submodule(at.path or "")
    with ExitStack() as stack:
        hook = (
            target.register_forward_hook(after)
            if at.part == "output"
            else target.register_forward_pre_hook(before)
        )
        stack.callback(hook.remove)
        found = module(ids)
    return found["scores"] if isinstance(found, dict) else found


@pytest.mark.parametrize("kind", KINDS)
def test_every_site_is_written_exactly(kind: str) -> None:
    module = made(kind)
    network = wrapped(module)
    inputs = network.encode(columns(6))
    sites = reachable(network)
    assert len(sites) > 6
    for each in sites:
        deltas = [torch.randn(6, network.width(each), requires_grad=True) for _ in range(2)]
        deltas[1].data.copy_(deltas[0].data)
        kept = network.prefix(inputs, [each])
        for _ in range(2):  # a prefix may be used again
            added = deltas[0]
            edit = lambda now, added=added: now + added  # noqa: E731
            found = network.resume(kept, [(each, edit)])["answer"]
        wanted = hooked(module, inputs.args[0], each, deltas[1])
        torch.testing.assert_close(found, wanted, msg=lambda text, at=each: f"{at}: {text}")
        if not wanted.requires_grad:
            assert kind == "Routed"  # its gate only chooses
            continue
        grads = [
            torch.autograd.grad(scores.square().sum(), delta)[0]
            for scores, delta in ((found, deltas[0]), (wanted, deltas[1]))
        ]
        torch.testing.assert_close(*grads, msg=lambda text, at=each: f"{at}: {text}")


@pytest.mark.parametrize("kind", KINDS)
def test_captured_is_what_an_edit_sees(kind: str) -> None:
    network = wrapped(made(kind))
    inputs = network.encode(columns(5))
    sites = reachable(network)
    captured = network.capture(inputs, sites)
    clean = network.scores(inputs)["answer"]
    for each, wanted in zip(sites, captured, strict=True):
        seen: list[Tensor] = []

        def look(now: Tensor, seen: list[Tensor] = seen) -> Tensor:
            seen.append(now)
            return now

        scores = network.resume(network.prefix(inputs, [each]), [(each, look)])["answer"]
        torch.testing.assert_close(seen[0], wanted)
        torch.testing.assert_close(scores, clean)


def test_what_is_done_is_not_run_again() -> None:
    module = made("Tower")
    network = wrapped(module)
    inputs = network.encode(columns(8))
    at = site("blocks.2")
    kept = network.prefix(inputs, [at])
    assert sum(t.numel() for t in kept.tensors.values()) == 8 * 3 + 8 * 3 * 6  # one residual
    RAN.clear()
    network.resume(kept, [(at, lambda now: now)], slots=2)
    assert isinstance(module, Tower)
    assert set(map(id, RAN)) == {
        id(each) for each in (module.blocks[3], *_linears(module.blocks[3]), module.head)
    }


def test_capture_and_prefix_stop_where_nothing_more_is_wanted() -> None:
    module = made("Tower")
    network = wrapped(module)
    inputs = network.encode(columns(8))
    at = site("blocks.1.inner.0")
    network.prefix(inputs, [at])  # plans
    for do in (network.capture, network.prefix):
        RAN.clear()
        do(inputs, [at])
        assert isinstance(module, Tower)
        later = {id(m) for b in module.blocks[2:] for m in b.modules()} | {id(module.head)}
        assert not later & set(map(id, RAN))
        assert id(module.blocks[1].inner[2]) not in set(map(id, RAN))


def _linears(module: nn.Module) -> list[nn.Module]:
    return [each for each in module.modules() if isinstance(each, nn.Linear)]


def test_a_cell_is_resumed_at_its_step() -> None:
    module = made("Recurrent")
    network = wrapped(module)
    inputs = network.encode(columns(4))
    calls = []
    network.prefix(inputs, [site("cell", position=AtStep(1))])
    kept = network.prefix(inputs, [site("cell", position=AtStep(1))])
    inner = module.cell.forward  # type: ignore[operator, union-attr]
    module.cell.forward = lambda *a: calls.append(1) or inner(*a)  # type: ignore[union-attr]
    network.resume(kept, [(site("cell", position=AtStep(1)), lambda now: now)])
    assert len(calls) == 1  # of three steps the last
    assert module.cell.__dict__["forward"] is not inner  # the owner's own stand-in is left


@given(st.integers(0, 10**6), st.lists(st.integers(0, 2), min_size=1, max_size=3, unique=True))
@settings(max_examples=15, deadline=None)
def test_positions_are_written_and_no_others(seed: int, places: list[int]) -> None:
    network = wrapped(made("Tower", seed % 7))
    inputs = network.encode(columns(4, seed))
    whole, some = (
        site("blocks.1"),
        site("blocks.1", position=Several(tuple(AtIndex(place) for place in places))),
    )
    before = network.capture(inputs, [whole, some])
    assert torch.equal(before[1], before[0].view(4, 3, 6)[:, places].flatten(1))
    seen: list[Tensor] = []

    def look(now: Tensor) -> Tensor:
        seen.append(now)
        return now

    kept = network.prefix(inputs, [whole, some])
    network.resume(kept, [(some, lambda now: now + 1), (whole, look)])
    moved = (seen[0] - before[0]).view(4, 3, 6)
    expected = torch.zeros(4, 3, 6)
    expected[:, places] = 1
    torch.testing.assert_close(moved, expected)


def test_edits_at_several_sites_are_made_in_forward_order() -> None:
    network = wrapped(made("Tower"))
    inputs = network.encode(columns(4))
    early, late = site("blocks.0"), site("blocks.3", "input", Last())
    kept = network.prefix(inputs, [late, early])
    both = network.resume(kept, [(late, lambda now: now * 2), (early, lambda now: now + 1)])
    module = network.module
    assert isinstance(module, Tower)
    x = module.blocks[0](module.embed(inputs.args[0])) + 1
    x = module.blocks[2](module.blocks[1](x))
    x = torch.cat([x[:, :2], x[:, 2:] * 2], dim=1)
    torch.testing.assert_close(both["answer"], module.head(module.blocks[3](x)[:, -1]))


def test_groups_and_slots_are_the_runs_one_by_one() -> None:
    network = wrapped(made("Encoder"))
    inputs = network.encode(columns(3))
    sites = [site("encoder.layers.0"), site("encoder.layers.1.linear1")]
    kept = network.prefix(inputs, sites)
    groups = [[(each, lambda now: now * 1.5)] for each in sites]
    together = network.resume_each(kept, groups, slots=2)
    for group, found in zip(groups, together, strict=True):
        alone = network.resume(network.prefix(inputs, [group[0][0]]), group)["answer"]
        torch.testing.assert_close(found["answer"], alone.repeat(2, 1))


def test_the_module_is_left_as_it_was() -> None:
    module = made("Tower")
    network = wrapped(module)
    inputs = network.encode(columns(4))
    at = site("blocks.1")
    network.resume(network.prefix(inputs, [at]), [(at, lambda now: now)])
    with pytest.raises(EngineError, match="shape"):
        network.resume(network.prefix(inputs, [at]), [(at, lambda now: now[:, :2])])
    assert not any("forward" in each.__dict__ for each in module.modules())
    assert not any(each._forward_hooks for each in module.modules())
    assert torch.backends.mha.get_fastpath_enabled()


def test_own_hooks_of_the_module_act_once() -> None:
    module = made("Tower")
    assert isinstance(module, Tower)
    module.blocks[0].register_forward_hook(lambda _, __, out: out * 2)
    network = wrapped(module)
    inputs = network.encode(columns(4))
    at = site("blocks.1")
    same = network.resume(network.prefix(inputs, [at]), [(at, lambda now: now)])["answer"]
    torch.testing.assert_close(same, module(inputs.args[0]))


# ------------------------------------------------------------------------- mistakes


@pytest.mark.parametrize(
    ("at", "says", "helps"),
    [
        (site("block.1"), "does not exist", 'did you mean `module "blocks.1"`'),
        (site("zzz"), "does not exist", '"blocks.{0..3}.inner.{0..2}"'),
        (Site("hidden", 0), "`hidden 0` does not exist", "its sites are `module"),
        (site("blocks"), "is never called", "name a module around it"),
        (site("embed", "input"), "holds int64, no activations", "output"),
        (site("blocks.0", position=AtIndex(3)), "does not exist", "positions 0..2"),
        (site("head", position=AtIndex(0)), "has no positions", "leave out `at ...`"),
        (site("blocks.0", position=AtText("=")), "not fed with text", "at index i"),
    ],
)
def test_a_wrong_site_says_what_there_is(at: Site, says: str, helps: str) -> None:
    with pytest.raises(EngineError) as raised:
        wrapped(made("Tower")).width(at)
    assert says in f"{raised.value.message} {raised.value.help}"
    assert helps in raised.value.help


def test_several_calls_are_told() -> None:
    with pytest.raises(EngineError, match="called 3 times in a run") as raised:
        wrapped(made("Recurrent")).width(site("cell"))
    assert "`at step 0` to `at step 2`" in raised.value.help


def test_weights_that_are_used_without_a_call_are_told() -> None:
    network = wrapped(made("Encoder"))
    with pytest.raises(EngineError, match="is never called in a run"):
        network.width(site("encoder.layers.0.self_attn.out_proj"))
    assert network.width(site("encoder.layers.0.self_attn")) == 24


class Branching(Tower):
    """Runs one block or another, by how many inputs there are."""

    def __init__(self, least: int) -> None:
        super().__init__()
        self.least = least

    def forward(self, ids: Tensor) -> Tensor:
        x = self.embed(ids)
        if len(ids) >= self.least:
            x = x + 0 * self.blocks[0](x)
        return self.head(self.blocks[1](x)[:, -1])


def test_a_call_that_is_only_sometimes_made_is_run_again() -> None:
    module = Branching(least=4).eval()
    network = wrapped(module)
    inputs = network.encode(columns(8))
    at = site("blocks.1")
    found = network.resume(network.prefix(inputs, [at]), [(at, lambda now: now + 1)])["answer"]
    torch.testing.assert_close(found, hooked(module, inputs.args[0], at, torch.ones(8, 18)))


class Shrinking(Branching):
    def forward(self, ids: Tensor) -> Tensor:
        x = self.embed(ids)
        if len(ids) < self.least:
            x = x + 0 * self.blocks[0](x)
        return self.head(self.blocks[1](x)[:, -1])


def test_a_call_that_fails_to_come_is_an_error() -> None:
    network = wrapped(Shrinking(least=4).eval())
    inputs = network.encode(columns(8))
    with pytest.raises(EngineError, match="calls other parts of itself"):
        network.prefix(inputs, [site("blocks.1")])
    with pytest.raises(EngineError, match="never reached in a clean run"):
        network.capture(inputs, [site("blocks.0")])


def test_routing_is_no_obstacle_once_it_is_done() -> None:
    module = made("Routed")
    network = wrapped(module)
    inputs = network.encode(columns(40))
    at = site("after")
    kept = network.prefix(inputs, [at])
    assert isinstance(module, Routed)
    found = network.resume(kept, [(at, lambda now: now + 1)])["answer"]
    torch.testing.assert_close(found, hooked(module, inputs.args[0], at, torch.ones(40, 4)))


class Noisy(Tower):
    def forward(self, ids: Tensor) -> Tensor:
        return super().forward(ids) + torch.rand(len(ids), 1)


class Mixing(Tower):
    def forward(self, ids: Tensor) -> Tensor:
        found = super().forward(ids)
        return found - found.mean(dim=0)


@pytest.mark.parametrize("kind", [Noisy, Mixing])
def test_answers_that_depend_on_more_than_the_input_are_refused(kind: type[Tower]) -> None:
    with pytest.raises(EngineError, match="differs from run to run"):
        wrapped(kind().eval())


def test_training_mode_is_refused_where_it_matters() -> None:
    torch.manual_seed(0)
    with pytest.raises(EngineError, match="differs from run to run"):
        wrapped(Encoder().train())


@pytest.mark.parametrize(
    ("given_feed", "says"),
    [
        (lambda c: 3, "returned int, which no module takes"),
        (lambda c: feed(c)[:1], "was given 2 inputs and returned a tensor of shape"),
        (lambda c: c["nobody"], "`feed` failed: KeyError: 'nobody'"),
        (lambda c: (), "gives the module nothing"),
        (lambda c: feed(c) + 7, "the module failed on inputs (2, 3): IndexError"),
    ],
)
def test_a_wrong_feed_is_told(given_feed: Any, says: str) -> None:
    with pytest.raises(EngineError) as raised:
        ModuleNetwork(
            made("Tower"), outputs=wrapped(made("Tower")).outputs, feed=given_feed, like=columns(2)
        )
    assert says in raised.value.message


@pytest.mark.parametrize(
    ("read", "says"),
    [
        (lambda out: out[:, :2], "the module gives back (2, 2) for 2 inputs"),
        (lambda out: {"other": out}, "`read` says nothing of `answer`"),
        (lambda out: {"answer": out[:1]}, "`read` gives (1, 3) for `answer`"),
        (lambda out: out.nothing, "`read` failed: AttributeError"),
        (lambda out: "text", "gives back no tensor"),
    ],
)
def test_a_wrong_read_is_told(read: Any, says: str) -> None:
    with pytest.raises(EngineError) as raised:
        wrapped(made("Tower"), read=read)
    assert says in raised.value.message


def test_read_may_name_the_outputs() -> None:
    plain = wrapped(made("Tower"))
    named = wrapped(made("Tower"), read=lambda out: {"answer": out.flip(1)})
    inputs = plain.encode(columns(4))
    assert torch.equal(plain.scores(inputs)["answer"].flip(1), named.scores(inputs)["answer"])


def test_every_token_is_the_whole_tensor() -> None:
    network = wrapped(made("Tower"))
    inputs = network.encode(columns(4))
    found = network.capture(inputs, [site("blocks.0"), site("blocks.0", position=AllOf())])
    assert torch.equal(*found)
