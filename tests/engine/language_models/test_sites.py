"""Every component of the site vocabulary in every family: what a write does and what it costs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor

from causalabs.engine.errors import EngineError
from causalabs.engine.language_models.model import LanguageModel
from causalabs.hypothesis.model import AtIndex, Last, Several, Site
from tests.engine.language_models.support import NAMES, WordPrompter, columns, network

LENGTHS = (7, 7, 7)
LAYERS = 3
MIDDLE = AtIndex(4)  # near enough to the end for the shortest window


def sites(net: LanguageModel, layer: int = 1, position: Any = MIDDLE) -> dict[str, Site]:
    """One site of each component, by what a person calls it."""
    found = {
        "embedding": Site("embedding", position=position),
        "residual": Site("residual", layer, position=position),
        "residual.before": Site("residual", layer, part="before", position=position),
        "attention": Site("attention", layer, position=position),
        "mlp": Site("mlp", layer, position=position),
        "mlp.input": Site("mlp", layer, part="input", position=position),
        "mlp.hidden": Site("mlp", layer, part="hidden", position=position),
        "head": Site("head", layer, 1, position=position),
        **{
            f"head.{part}": Site("head", layer, 0, part, position=position)
            for part in ("q", "k", "v", "pattern", "z")
        },
        "module attention": _path(net, layer, "attention", "output", position),
        "module norm": _path(net, layer, "second_norm", "input", position),
        "module out": _path(net, layer, "out", "input", position),
        "module down": _path(net, layer, "down", "output", position),
        "logits": Site("logits", position=Last()),
    }
    if not net.wiring.parallel:
        found["residual.between"] = Site("residual", layer, part="between", position=position)
    return found


def _path(net: LanguageModel, layer: int, part: str, side: str, position: Any) -> Site:
    family = net.wiring.family
    path = f"{family.decoder}.{family.blocks}.{layer}.{getattr(family, part)}"
    return Site("module", part=side, path=path, position=position)


# ----------------------------------------------------------------- transplants


@pytest.mark.parametrize("name", NAMES)
def test_a_value_written_at_its_own_run_changes_nothing_and_zeros_change_the_output(
    name: str,
) -> None:
    net = network(name)
    inputs = net.encode(columns(LENGTHS))
    clean = net.scores(inputs)["answer"]
    for what, site in sites(net).items():
        (own,) = net.capture(inputs, [site])
        assert own.shape == (3, net.width(site)), what
        prefix = net.prefix(inputs, [site])
        seen: list[Tensor] = []

        def write(current: Tensor) -> Tensor:
            seen.append(current)  # noqa: B023
            return own  # noqa: B023

        same = net.resume(prefix, [(site, write)])["answer"]
        torch.testing.assert_close(same, clean, atol=3e-6, rtol=1e-5, msg=what)
        torch.testing.assert_close(seen[0], own, atol=1e-6, rtol=1e-5, msg=what)
        zeroed = net.resume(prefix, [(site, torch.zeros_like)])["answer"]
        assert (zeroed - clean).abs().max() > 1e-4, what
        again = net.resume(prefix, [(site, torch.zeros_like), (site, _keep(seen))])["answer"]
        assert torch.equal(again, zeroed), what
        if what not in ("head.q", "head.k", "head.v"):  # these pass through no rounding either
            assert torch.equal(seen[-1], torch.zeros_like(own)), what


def _keep(seen: list[Tensor]) -> Any:
    def look(current: Tensor) -> Tensor:
        seen.append(current)
        return current

    return look


@pytest.mark.parametrize("name", NAMES)
def test_what_is_upstream_stays_bit_identical(name: str) -> None:
    net = network(name)
    inputs = net.encode(columns(LENGTHS))
    upstream = {
        "residual.before": ("embedding", "residual.before"),
        "attention": ("residual.before", "head.q", "head.z"),
        "mlp.hidden": ("residual.before", "attention", "mlp.input"),
        "residual": ("attention", "mlp", "mlp.hidden"),
    }
    named = sites(net)
    for what, earlier in upstream.items():
        looked = [named[each] for each in earlier if each != what]
        prefix = net.prefix(inputs, [named[what], *looked])
        runs = []
        for value in (0.0, 1.0):
            seen: list[Tensor] = []
            edits = [(site, _keep(seen)) for site in looked]
            change = (named[what], lambda current, v=value: torch.full_like(current, v))
            net.resume(prefix, [*edits, change])
            runs.append(seen)
        assert len(runs[0]) == len(looked)
        for one, other in zip(*runs, strict=True):
            assert torch.equal(one, other), what


# --------------------------------------------------------------------- counts


@contextmanager
def counted(net: LanguageModel) -> Iterator[list[tuple[str, int]]]:
    """Calls of the half-blocks, with rows * columns."""
    calls: list[tuple[str, int]] = []
    handles = []
    for number, block in enumerate(net.wiring.blocks):
        for what in ("attention", "mlp"):

            def hook(_: Any, args: Any, __: Any, label: str = f"{what} {number}") -> None:
                calls.append((label, args[0].shape[0] * args[0].shape[1]))

            handles.append(getattr(block, what).register_forward_hook(hook))
    try:
        yield calls
    finally:
        for handle in handles:
            handle.remove()


def halves(net: LanguageModel, what: str) -> list[str]:
    """Half-blocks whose results a write in block 1 can change."""
    parallel = net.wiring.parallel
    later = ["attention 2", "mlp 2"]
    inside = ("head.q", "head.k", "head.v", "head.pattern", "module attention")
    if what == "logits":
        return []
    if what == "embedding":
        return ["attention 0", "mlp 0", "attention 1", "mlp 1", *later]
    if what == "residual.before":
        return ["attention 1", "mlp 1", *later]
    if what in inside:
        return ["attention 1", *([] if parallel else ["mlp 1"]), *later]
    if what in ("attention", "head", "head.z", "module out"):
        return [*([] if parallel else ["mlp 1"]), *later]
    if what in ("residual.between", "mlp.input", "module norm"):
        return ["mlp 1", *later]
    return later  # residual, mlp, mlp.hidden, module down


@pytest.mark.parametrize("name", NAMES)
def test_only_what_can_change_is_run(name: str) -> None:
    net = network(name)
    inputs = net.encode(columns(LENGTHS))
    for what, site in sites(net).items():
        prefix = net.prefix(inputs, [site])
        with counted(net) as calls:
            net.resume(prefix, [(site, lambda current: current + 1)])
        assert [label for label, _ in calls] == halves(net, what), what
        sizes = [3 if label == "mlp 2" else 3 * 3 for label, _ in calls]  # tokens 4 to 6, and 6
        assert [size for _, size in calls] == sizes, what
        with counted(net) as calls:
            net.resume(prefix, [(site, lambda current: current + 1)], slots=3)
        assert [size for _, size in calls] == [3 * size for size in sizes], what


def test_rows_start_at_their_own_tokens() -> None:
    net = network("llama")
    inputs = net.encode(columns((7, 4, 6)))
    site = Site("residual", 0, position=Last())
    prefix = net.prefix(inputs, [site])
    with counted(net) as calls:
        net.resume(prefix, [(site, torch.zeros_like)])
    assert {size for _, size in calls} == {3}  # one token a row
    assert len(calls) == 2 * (LAYERS - 1)


# ------------------------------------------------------------- rows and slots


@pytest.mark.parametrize("name", ["gpt2", "mistral", "gemma3_text", "gpt_neox"])
@pytest.mark.parametrize("component", ["residual", "head.k", "head", "mlp.hidden"])
def test_rows_of_unlike_lengths_are_those_of_single_runs(name: str, component: str) -> None:
    net = network(name)
    lengths = (7, 4, 6, 5)
    whole = net.encode(columns(lengths))
    site = sites(net, position=Several((AtIndex(1), Last())))[component]
    source = torch.randn(4, net.width(site), generator=torch.Generator().manual_seed(1))
    prefix = net.prefix(whole, [site])
    together = net.resume(prefix, [(site, lambda current: current + source)])["answer"]
    for row in range(4):
        alone = net.slice(whole, slice(row, row + 1))
        one = net.prefix(alone, [site])
        found = net.resume(one, [(site, lambda current: current + source[row])])["answer"]  # noqa: B023
        torch.testing.assert_close(together[row : row + 1], found, atol=3e-6, rtol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_slots_and_taken_rows_are_separate_runs(name: str) -> None:
    net = network(name)
    inputs = net.encode(columns((7, 5, 6)))
    site = Site("residual", 0, position=AtIndex(2))
    prefix = net.prefix(inputs, [site])
    rows = torch.tensor([2, 0, 2, 1])
    source = torch.randn(2, 4, net.width(site), generator=torch.Generator().manual_seed(1))
    taken = prefix.take(rows)
    stacked = net.resume(taken, [(site, lambda c: c + source.flatten(0, 1))], slots=2)["answer"]
    for slot in range(2):
        alone = net.resume(taken, [(site, lambda c: c + source[slot])])["answer"]  # noqa: B023
        torch.testing.assert_close(stacked[slot * 4 : slot * 4 + 4], alone, atol=3e-6, rtol=1e-5)
    for place, row in enumerate(rows.tolist()):
        one = net.prefix(net.slice(inputs, slice(row, row + 1)), [site])
        alone = net.resume(one, [(site, lambda c: c + source[0, place])])["answer"]  # noqa: B023
        torch.testing.assert_close(stacked[place : place + 1], alone, atol=3e-6, rtol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_a_staggered_pass_is_as_many_single_ones(name: str) -> None:
    net = network(name)
    inputs = net.encode(columns((7, 5, 6)))
    named = {**sites(net), "residual 2": Site("residual", 2, position=AtIndex(3))}
    named["last"] = Site("residual", 0, position=Last())
    del named["head.pattern"]  # needs prompts of one length
    groups = []
    for number, site in enumerate(named.values()):
        draw = torch.Generator().manual_seed(number)
        change = torch.randn(2 * 3, net.width(site), generator=draw)
        groups.append([(site, lambda current, add=change: current + add)])
    groups.append([*groups[1], *groups[3]])
    prefix = net.prefix(inputs, list(named.values()))
    together = net.resume_each(prefix, groups, slots=2)
    for group, found in zip(groups, together, strict=True):
        own = net.prefix(inputs, [site for site, _ in group])
        alone = net.resume(own, group, slots=2)["answer"]
        torch.testing.assert_close(found["answer"], alone, atol=3e-6, rtol=1e-5)


def test_a_staggered_pass_runs_each_group_from_its_own_block() -> None:
    net = network("llama")
    inputs = net.encode(columns((7, 7)))
    found = [Site("residual", layer, position=Last()) for layer in range(LAYERS)]
    prefix = net.prefix(inputs, found)
    with counted(net) as calls:
        net.resume_each(prefix, [[(site, torch.zeros_like)] for site in found], slots=2)
    assert calls == [("attention 1", 4), ("mlp 1", 4), ("attention 2", 8), ("mlp 2", 8)]


def test_several_sites_are_written_in_forward_order() -> None:
    net = network("qwen2")
    inputs = net.encode(columns((7, 5)))
    low, high = (Site("residual", layer, position=AtIndex(1)) for layer in (0, 1))
    prefix = net.prefix(inputs, [high, low])
    seen: list[Tensor] = []
    edits = [(high, _keep(seen)), (low, lambda current: current * 2)]
    net.resume(prefix, edits)
    (clean,) = net.capture(inputs, [high])
    assert not torch.allclose(seen[0], clean, atol=1e-3)


# --------------------------------------------------------------------- errors


def test_shared_keys_are_named_by_their_first_head() -> None:
    net = network("llama")  # 4 heads, 2 of keys and values
    shared = Site("head", 0, 2, "k", position=Last())
    assert net.width(shared) == net.wiring.dim
    with pytest.raises(EngineError, match=r"`head 0\.3\.v at last` is no tensor of its own"):
        net.width(Site("head", 0, 3, "v", position=Last()))
    inputs = net.encode(columns((7, 7)))
    (found,) = net.capture(inputs, [shared])
    keys = net.module.model.layers[0].self_attn.k_proj  # type: ignore[union-attr]
    normed = net.wiring.blocks[0].first_norm(net.wiring.tokens(inputs.ids))
    torch.testing.assert_close(found, keys(normed)[:, -1, net.wiring.dim :])


@pytest.mark.parametrize(
    ("site", "problem"),
    [
        (Site("residual", 3, position=Last()), "`residual 3 at last` does not exist"),
        (Site("head", 0, 9, position=Last()), "`head 0.9 at last` does not exist"),
        (Site("mlp", 0, part="middle", position=Last()), "does not exist"),
        (Site("residual", 0), "`residual 0` needs a position"),
        (Site("logits", position=AtIndex(0)), "nothing is read there"),
        (Site("module", path="model.layers.0.mlpp", position=Last()), "has no `mlpp`"),
        (Site("module", path="model.rotary_emb", position=Last()), "outside of the blocks"),
        (
            Site("module", path="model.layers.0.self_attn.k_norm", position=Last()),
            "no vector at each token",
        ),
    ],
)
def test_sites_that_do_not_exist_are_named(site: Site, problem: str) -> None:
    with pytest.raises(EngineError) as caught:
        network("qwen3").width(site)
    assert problem in str(caught.value)
    assert "help" in str(caught.value)


def test_parallel_blocks_have_no_residual_between() -> None:
    with pytest.raises(EngineError, match="both read the residual before the block"):
        network("gpt_neox").width(Site("residual", 0, part="between", position=Last()))


def test_an_edit_of_a_site_that_was_not_kept_is_an_error() -> None:
    net = network("llama")
    inputs = net.encode(columns((7, 7)))
    prefix = net.prefix(inputs, [Site("residual", 1, position=Last())])
    with pytest.raises(EngineError, match="cannot be written"):
        net.resume(prefix, [(Site("residual", 0, position=Last()), torch.zeros_like)])


def test_any_token_is_expanded_by_the_prompter() -> None:
    net = network("llama")
    assert isinstance(net.prompter, WordPrompter)
    from causalabs.hypothesis.model import AnyOf

    found = net.expand(Site("residual", 0, position=AnyOf()))
    assert [site.position for site in found] == [AtIndex(i) for i in range(7)]
