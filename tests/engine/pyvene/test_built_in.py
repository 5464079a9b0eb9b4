"""Built-in networks run by pyvene compute what they compute natively, site by site."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
import torch

import causalabs
from causalabs.engine.errors import EngineError
from causalabs.hypothesis.model import AllOf, AtStep, Site
from tests.engine.jobs_support import (
    examples_of,
    hypothesis_of,
    job_of,
    line,
    space,
)
from tests.engine.networks_support import draw_bits, draw_digits
from tests.engine.pyvene.support import (
    MADE,
    ROWS,
    SITES,
    assert_close,
    made,
    needs_pyvene,
    swap,
    turned,
)

pytestmark = needs_pyvene
torch.set_num_threads(1)

ROUNDING = 1e-10
EACH = [(kind, site) for kind, sites in SITES.items() for site in sites]


@pytest.mark.parametrize(("kind", "site"), EACH)
def test_activations_writes_and_gradients_agree(kind, site):
    from causalabs.engine.pyvene_backend.wrap import through_pyvene

    native, inputs = made(kind)
    other = through_pyvene(native)
    clean = native.capture(inputs, [site])[0]
    assert torch.allclose(other.capture(inputs, [site])[0], clean, atol=ROUNDING)
    assert native.width(site) == other.width(site) == clean.shape[1]
    found = []
    for network in (native, other):
        weight = turned(clean.shape[1], clean.shape[1]).requires_grad_()
        prefix = network.prefix(inputs, [site]).take(torch.tensor([3, 0, 5, 3]))
        scores = network.resume(prefix, [(site, lambda now, w=weight: now @ w + 1.0)], slots=2)
        total = sum((column**2).sum() for column in scores.values())
        found.append((scores, torch.autograd.grad(total, weight)[0]))
    (first, slope), (second, other_slope) = found
    assert_close(first, second, within=ROUNDING)
    assert torch.allclose(slope, other_slope, atol=1e-8)
    changed = [not torch.equal(first[n], native.scores(inputs)[n][[3, 0, 5, 3] * 2]) for n in first]
    assert any(changed)


@pytest.mark.parametrize("kind", list(MADE))
def test_pyvenes_own_rotation_from_real_sources_is_ours(kind):
    from causalabs.engine.pyvene_backend.oracle import interchanged
    from causalabs.engine.pyvene_backend.wrap import through_pyvene

    native, inputs = made(kind)
    first, second = [s for s in SITES[kind] if s.component in ("hidden", "state", "residual")][:2]
    rows = torch.randperm(ROWS, generator=torch.Generator().manual_seed(1))
    others = [native.slice(inputs, rows), native.slice(inputs, rows.roll(2))]
    writes = [(first, turned(native.width(first), 2)), (second, turned(native.width(second), 3, 1))]
    theirs = interchanged(through_pyvene(native), inputs, others, writes)
    edits = [
        (site, swap(columns, native.capture(source, [site])[0]))
        for (site, columns), source in zip(writes, others, strict=True)
    ]
    ours = native.resume(native.prefix(inputs, [first, second]), edits)
    assert_close(ours, theirs, within=1e-9)
    assert not all(torch.allclose(ours[n], native.scores(inputs)[n]) for n in ours)


def test_several_writes_at_one_site_see_each_other():
    from causalabs.engine.pyvene_backend.wrap import through_pyvene

    native, inputs = made("mlp")
    site = Site("hidden", 0)
    edits = [(site, lambda now: now + 1), (site, lambda now: now * now)]
    results = [n.resume(n.prefix(inputs, [site]), edits) for n in (native, through_pyvene(native))]
    assert_close(*results, within=ROUNDING)


JOBS = {
    "mlp": (["total", "equal"], draw_digits, Site("hidden", 0), ("x", "y")),
    "transformer": (["total", "equal"], draw_digits, SITES["transformer"][3], ("x", "y")),
    "gru": (
        [f"odd[{i}]" for i in range(3)],
        draw_bits,
        Site("state", position=AtStep(0)),
        ("b[0]", "b[1]"),
    ),
}


@pytest.mark.parametrize("basis", ["learned", "neurons"])
@pytest.mark.parametrize("kind", list(JOBS))
def test_whole_jobs_agree_row_by_row(kind, basis):
    from causalabs.engine.jobs import Resources, run_job
    from causalabs.engine.pyvene_backend.wrap import through_pyvene

    outputs, draw, site, (a, b) = JOBS[kind]
    spec, algorithm = MADE[kind][0](), MADE[kind][1]()
    lines = [line("l", algorithm, a), line("r", algorithm, b), line("both", algorithm, a, b)]
    places = [space(basis, {a: [0, 1], b: [2]}, site)]
    hypothesis = hypothesis_of(algorithm, spec, places, lines)
    examples = examples_of(algorithm, outputs, lines, draw, 40)
    control = "random_basis" if basis == "learned" else ""
    found = []
    for wrap in (None, through_pyvene):
        resources = Resources(
            hypothesis,
            make_network=lambda *_: made(kind)[0],
            make_examples=lambda *_: examples,
            wrap=wrap,
        )
        found.append(run_job(job_of(hypothesis, control), hypothesis, resources=resources))
    for ours, theirs in zip(found[0].measured, found[1].measured, strict=True):
        assert (ours.metric, ours.line, ours.split) == (theirs.metric, theirs.line, theirs.split)
        assert np.array_equal(ours.values, theirs.values)


def test_a_site_of_several_steps_is_told_apart():
    from causalabs.engine.pyvene_backend.wrap import through_pyvene

    network = through_pyvene(made("gru")[0])
    with pytest.raises(EngineError, match=r"pyvene cannot write `state at every token`") as caught:
        network.width(Site("state", position=AllOf()))
    assert "native backend can" in str(caught.value)


def test_an_edit_that_changes_the_shape_names_the_site():
    from causalabs.engine.pyvene_backend.wrap import through_pyvene

    native, inputs = made("mlp")
    other, site = through_pyvene(native), Site("hidden", 1)
    with pytest.raises(EngineError, match="the write to `hidden 1` has shape"):
        other.resume(other.prefix(inputs, [site]), [(site, lambda now: now[:, 1:])])
    with pytest.raises(EngineError, match="`hidden 0` cannot be written"):
        other.resume(other.prefix(inputs, [site]), [(Site("hidden", 0), lambda now: now)])
    # A run that failed leaves nothing behind.
    assert_close(native.scores(inputs), other.scores(inputs), within=ROUNDING)


# ------------------------------------------------------------------ the command

TEXT = """hypothesis small
algorithm {
  input  x, y : bool
  output both : bool = x and y
}
network mlp(hidden = [4]) {
  feed x, y
  read both
  train until accuracy >= 0.99
}
alignment {
  x -> hidden 0
}
counterfactuals {
  sample 100
  interchange x
}
expect iia of x >= 0.9
"""
RUN = """
import json, sys
import causalabs
backend, folder, text = sys.argv[1:]
results = causalabs.run(causalabs.loads(text), runs=folder, backend=backend, bare=True)
loaded = [name for name in ("pyvene", "transformers") if name in sys.modules]
print(json.dumps([loaded, results.run, dict(results.environment)]))
"""


@pytest.mark.parametrize("backend", ["native", "pyvene"])
def test_pyvene_is_imported_when_asked_for_and_says_nothing(backend, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", RUN, backend, str(tmp_path), TEXT],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    loaded, folder, environment = json.loads(done.stdout)  # nothing else was printed
    assert loaded == ([] if backend == "native" else ["pyvene", "transformers"])
    assert folder.endswith("-pyvene") == (backend == "pyvene")
    assert environment["backend"].startswith(backend)
    assert (environment["backend"] == "native") == (backend == "native")


def test_without_pyvene_the_error_says_what_to_type(monkeypatch, tmp_path):
    from causalabs.engine.pyvene_backend.importing import pyvene

    pyvene.cache_clear()
    monkeypatch.setitem(sys.modules, "pyvene", None)
    try:
        with pytest.raises(EngineError) as caught:
            causalabs.run(causalabs.loads(TEXT), runs=tmp_path, backend="pyvene")
    finally:
        monkeypatch.undo()
        pyvene.cache_clear()
    assert 'pip install "causalabs[pyvene]"' in str(caught.value)
    assert not list(tmp_path.glob("*/jobs/*"))  # said before a network is trained


def test_a_backend_there_is_not_is_named(tmp_path):
    with pytest.raises(causalabs.RunError, match="there is no backend `nnsight`"):
        causalabs.run(causalabs.loads(TEXT), runs=tmp_path, backend="nnsight")
