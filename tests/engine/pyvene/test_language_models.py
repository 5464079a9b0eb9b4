"""Language models run whole by pyvene compute what the native engine computes from its prefixes.

pyvene calls the model's own `forward`; of ours it shares prompts and positions alone. So this
is also a second opinion on every family's table, on keys and values kept, on padding.
"""

from __future__ import annotations

import pytest
import torch

from causalabs.engine.errors import EngineError
from causalabs.engine.language_models.contract import Read
from causalabs.hypothesis.model import AtIndex, Last, Several, Site
from tests.engine.language_models.support import NAMES, columns, network
from tests.engine.pyvene.support import assert_close, needs_pyvene, swap, turned

pytestmark = needs_pyvene
torch.set_num_threads(1)

LENGTHS = [5, 4, 5, 4, 4]
"""Unlike, and short enough for what is written to reach the last token through the windows."""
TWO = Several((AtIndex(1), AtIndex(3)))
EVERYWHERE = (
    Site("embedding", position=AtIndex(2)),
    Site("residual", 1, part="before", position=AtIndex(2)),
    Site("residual", 1, position=Last()),
    Site("residual", 0, position=TWO),
    Site("attention", 1, position=AtIndex(2)),
    Site("mlp", 2, position=Last()),
    Site("mlp", 1, part="input", position=TWO),
    Site("mlp", 1, part="hidden", position=AtIndex(3)),
    Site("head", 1, 1, position=AtIndex(2)),
    Site("head", 0, 0, position=TWO),
)
BY_HEAD = (
    Site("head", 1, 1, "q", position=AtIndex(2)),
    Site("head", 0, 0, "k", position=TWO),
    Site("head", 2, 0, "v", position=Last()),
    Site("head", 1, 1, "z", position=TWO),
)
SECOND_KEY = (
    Site("head", 1, 2, "k", position=AtIndex(1)),
    Site("head", 1, 2, "v", position=AtIndex(1)),
)
"""Heads 2 and 3 share key and value number 1."""

SITES = dict.fromkeys(NAMES, EVERYWHERE)
SITES |= dict.fromkeys(("gpt2", "llama", "qwen2", "mistral", "gemma"), EVERYWHERE + BY_HEAD)
SITES |= {name: SITES[name] + SECOND_KEY for name in ("llama", "qwen2", "mistral")}
SITES["gpt2"] += (Site("module", path="transformer.h.1.mlp.act", position=TWO),)
SITES["llama"] += (
    Site("module", path="model.layers.1.mlp.down_proj", part="input", position=TWO),
    Site("module", path="model.layers.0.self_attn.o_proj", part="output", position=AtIndex(2)),
)
EACH = [(name, site) for name in NAMES for site in SITES[name]]


@pytest.fixture(scope="module")
def both():
    """Each model natively and through pyvene, with prompts of unlike lengths."""
    from causalabs.engine.pyvene_backend.wrap import through_pyvene

    made = {}

    def get(name):
        if name not in made:
            native = network(name)
            made[name] = native, through_pyvene(native), native.encode(columns(LENGTHS))
        return made[name]

    return get


@pytest.mark.parametrize("name", NAMES)
def test_clean_scores_agree(name, both):
    native, other, inputs = both(name)
    assert_close(native.scores(inputs), other.scores(inputs), within=1e-5)


@pytest.mark.parametrize(("name", "site"), EACH)
def test_activations_writes_and_gradients_agree(name, site, both):
    native, other, inputs = both(name)
    clean = native.capture(inputs, [site])[0]
    assert torch.allclose(other.capture(inputs, [site])[0], clean, atol=1e-5)
    found = []
    for each in (native, other):
        weight = turned(clean.shape[1], clean.shape[1], dtype=torch.float32).requires_grad_()
        prefix = each.prefix(inputs, [site]).take(torch.tensor([2, 0, 3]))
        scores = each.resume(prefix, [(site, lambda now, w=weight: now @ w + 1.0)], slots=2)
        total = sum((column**2).sum() for column in scores.values())
        found.append((scores, torch.autograd.grad(total, weight)[0]))
    (first, slope), (second, other_slope) = found
    assert_close(first, second, within=1e-4)
    assert torch.allclose(slope, other_slope, atol=1e-3 * float(slope.abs().max()))
    assert not torch.allclose(first["answer"], native.scores(inputs)["answer"][[2, 0, 3] * 2])


@pytest.mark.parametrize("name", ["gpt2", "llama", "qwen2"])
def test_pyvenes_own_rotation_from_real_sources_is_ours(name, both):
    from causalabs.engine.pyvene_backend.oracle import interchanged

    native, other, inputs = both(name)
    sources = [native.encode(columns(LENGTHS, seed=seed)) for seed in (1, 2)]
    sites = [Site("residual", 0, position=TWO), Site("attention", 1, position=Last())]
    rotations = [turned(native.width(site), 3, dtype=torch.float32) for site in sites]
    theirs = interchanged(other, inputs, sources, list(zip(sites, rotations, strict=True)))
    edits = [
        (site, swap(columns_, native.capture(source, [site])[0]))
        for site, columns_, source in zip(sites, rotations, sources, strict=True)
    ]
    ours = native.resume(native.prefix(inputs, sites), edits)
    assert_close(ours, theirs, within=1e-4)
    assert not torch.allclose(ours["answer"], native.scores(inputs)["answer"])


def test_several_edits_of_heads_terms_see_each_other(both):
    native, other, inputs = both("llama")
    one, two = Site("head", 1, 1, position=TWO), Site("head", 1, 2, position=TWO)
    z = Site("head", 1, 2, "z", position=TWO)
    edits = [
        (one, lambda now: now * 2),
        (one, lambda now: now + 1),
        (two, lambda now: now * now),
        (z, lambda now: now - 1),
    ]
    sites = [site for site, _ in edits]
    found = [each.resume(each.prefix(inputs, sites), edits) for each in (native, other)]
    assert_close(*found, within=1e-4)


def test_answers_among_the_vocabulary_agree():
    from causalabs.engine.pyvene_backend.wrap import through_pyvene

    native = network("gpt2", [Read("answer", Last(), ((3,), (5,)), vocabulary=True)])
    inputs = native.encode(columns(LENGTHS))
    assert_close(native.scores(inputs), through_pyvene(native).scores(inputs), within=1e-5)


def test_spelled_answers_are_refused():
    from causalabs.engine.pyvene_backend.wrap import through_pyvene

    native = network("gpt2", [Read("answer", Last(), ((3, 4), (5,)))])
    with pytest.raises(EngineError, match="pyvene cannot read `answer` spelled out"):
        through_pyvene(native)


@pytest.mark.parametrize(
    "site",
    [
        Site("head", 1, 0, "pattern", position=Last()),
        Site("logits"),
    ],
)
def test_what_pyvene_cannot_write_is_named(site, both):
    _, other, _ = both("llama")
    with pytest.raises(EngineError, match=r"pyvene cannot write `") as caught:
        other.width(site)
    assert "leave out `--backend pyvene`" in str(caught.value)


def test_a_key_that_interleaves_is_refused_not_cut_wrongly(both):
    _, other, _ = both("gpt_neox")
    with pytest.raises(EngineError, match="by head"):
        other.width(Site("head", 1, 0, "q", position=Last()))
