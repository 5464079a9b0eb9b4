"""Compiled RASP programs: equal to the original model, and what a file may ask of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

import causalabs
from causalabs.engine.circuits.build import wired
from causalabs.engine.errors import EngineError
from causalabs.engine.networks.program import read_program
from causalabs.engine.networks.prompts import Prompts
from causalabs.engine.networks.tracr import from_program
from causalabs.errors import RunError
from causalabs.hypothesis.model import AtIndex, Last, Site

torch.set_num_threads(1)

ROOT = Path(__file__).parents[2]
PROGRAMS, ORIGINAL = ROOT / "examples" / "programs", Path(__file__).parent / "programs"
NAMES = sorted(path.stem for path in PROGRAMS.glob("*.safetensors"))
TEXT = """
hypothesis program
"The program computes what it was compiled from."

{domains}

algorithm {{
  {algorithm}
}}

network tracr("{path}"{more}) {{
  {feed}
  read y[i] at index i + 1
}}

counterfactuals {{
  exhaustive
}}

expect accuracy >= 1.0
"""
FIVE = 'feed "BOS", x[0], x[1], x[2], x[3], x[4]'
PADDED = """input  x[5] : Token
  where  x[0] != PAD and x[1] != PAD
  where  all(x[i] != PAD or x[i + 1] == PAD for i in 1..3)
  var    n : 2..5 = count(x[i] != PAD for i in 0..4)
  """
SORTED = """output y[i in 0..4] : Token =
           1 + count(count(x[j] <= v for j in 0..4) <= i for v in 1..4)"""
COMPUTE = {  # domains, algorithm, feed, more
    "reverse": (
        "domain Token = {a, b, c, PAD}",
        PADDED + "output y[i in 0..4] : Token = if i < n then x[(n - 1 - i) % 5] else PAD",
        FIVE,
        "",
    ),
    "length": (
        'domain Token = {a, b, c, PAD}\ndomain Count = {"0", "1", "2", "3", "4", "5", PAD}',
        PADDED
        + "output y[i in 0..4] : Count = if i >= n then PAD else match n "
        + '{ 2 -> "2", 3 -> "3", 4 -> "4", 5 -> "5" }',
        FIVE,
        "",
    ),
    "hist": (
        "domain Token = {a, b, c}",
        "input  x[5] : Token\n  output y[i in 0..4] : 0..5 = count(x[j] == x[i] for j in 0..4)",
        FIVE,
        "",
    ),
    "xproportion": (
        'domain Token = {"w", "x", "y", "z"}',
        "input  x[5] : Token\n"
        '  output y[i in 0..4] : 0..60 = 60 * count(x[j] == "x" for j in 0..i) // (i + 1)',
        FIVE,
        ", scale = 60",
    ),
    "sort": ("domain Token = 1..5", f"input  x[5] : Token\n  {SORTED}", FIVE, ""),
    "sort_unique": (
        "domain Token = 1..5",
        f"input  x[5] : Token\n  where  distinct(x)\n  {SORTED}",
        FIVE,
        "",
    ),
    "dyck": (
        'domain Token = {"(", ")"}',
        "input  x[4] : Token\n"
        '  var    up[i in 0..3] : 0..4 = count(x[j] == "(" for j in 0..i)\n'
        "  output y[i in 0..3] : bool = up[3] == 2 and all(2 * up[j] > j for j in 0..3)",
        'feed "BOS", x[0], x[1], x[2], x[3]',
        "",
    ),
}


def text_of(name: str, path: str = "", **instead: str) -> str:
    domains, algorithm, feed, more = COMPUTE[name]
    given = {"domains": domains, "algorithm": algorithm, "feed": feed, "more": more, **instead}
    return TEXT.format(path=path or f"{PROGRAMS}/{name}.safetensors", **given)


def loaded(name: str, **instead: str) -> Any:
    hypothesis = causalabs.loads(text_of(name, **instead))
    made = from_program(hypothesis.network, hypothesis.algorithms, folder=ROOT, seed=0)
    return hypothesis, made.double()


def prompts_of(network: Any, ids: Tensor) -> Prompts:
    import numpy as np

    return Prompts(ids, np.zeros(len(ids), dtype=np.int64), {})


# ------------------------------------------------------------------ the original's numbers


@pytest.mark.parametrize("name", NAMES)
def test_activations_are_those_of_the_original(name: str) -> None:
    _, network = loaded(name)
    found = load_file(str(ORIGINAL / f"{name}.safetensors"))
    length = network.tokenizer.longest
    mine = found["lengths"] <= length
    inputs = prompts_of(network, found["ids"][mine][:, :length])
    assert len(inputs) >= 8
    for layer in range(network.program.sizes.layers):
        for half, part in enumerate(("between", None)):
            for place in range(length):
                site = Site("residual", layer, part=part, position=AtIndex(place))
                (ours,) = network.capture(inputs, [site])
                theirs = found["residuals"][mine][:, 2 * layer + half, place]
                there = found["lengths"][mine] > place
                assert torch.allclose(ours[there].float(), theirs[there], atol=2e-4)


@pytest.mark.parametrize("name", NAMES)
def test_answers_are_those_of_the_original(name: str) -> None:
    _, network = loaded(name)
    program = network.program
    found = load_file(str(ORIGINAL / f"{name}.safetensors"))
    length = network.tokenizer.longest
    mine = found["lengths"] <= length
    inputs = prompts_of(network, found["ids"][mine][:, :length])
    for place in range(1, length):
        site = Site("residual", program.sizes.layers - 1, position=AtIndex(place))
        (stream,) = network.capture(inputs, [site])
        labels = list(program.outputs.values()) or [program.number]
        answers = stream[:, [program.dimension(label) for label in labels]]
        there = found["lengths"][mine] > place
        theirs = found["output"][mine][:, place][there]
        ours = answers.argmax(dim=1) if program.outputs else answers[:, 0]
        assert torch.allclose(ours[there].float(), theirs, atol=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_a_file_states_what_its_program_computes(name: str, tmp_path: Path) -> None:
    results = causalabs.run(causalabs.loads(text_of(name)), runs=tmp_path)
    (expectation,) = results.expectations
    assert expectation.exact
    assert expectation.value == 1.0


def test_a_wrong_algorithm_is_not_met(tmp_path: Path) -> None:
    wrong = text_of("hist").replace("x[j] == x[i]", "x[j] != x[i]")
    assert causalabs.run(causalabs.loads(wrong), runs=tmp_path).expectations[0].value < 0.1


# -------------------------------------------------------------------------------- sites


def every_site(network: Any, position: Any) -> list[Site]:
    sizes = network.program.sizes
    found = [Site(name, position=position) for name in ("tokens", "positions", "embedding")]
    for layer in range(sizes.layers):
        found += [Site(name, layer, position=position) for name in ("attention", "mlp", "residual")]
        found += [Site("residual", layer, part=p, position=position) for p in ("before", "between")]
        found += [Site("mlp", layer, part=p, position=position) for p in ("input", "hidden")]
        for head in range(sizes.heads):
            found += [
                Site("head", layer, head, part=p, position=position)
                for p in (None, "q", "k", "v", "z", "pattern")
            ]
    return found


def test_a_token_written_is_the_prompt_with_that_token() -> None:
    """From the two terms of the embedding everything else follows: later tokens see it too."""
    hypothesis, network = loaded("reverse")
    columns = all_inputs(hypothesis)
    inputs = network.encode(columns)
    swapped = inputs.ids.clone()
    swapped[:, 2] = torch.where(inputs.ids[:, 2] == 2, 3, 2)
    swapped[inputs.ids[:, 2] == 0, 2] = 0  # a prompt that ended still does
    other = prompts_of(network, swapped)
    for component in ("tokens", "embedding"):
        site = Site(component, position=AtIndex(2))
        (value,) = network.capture(other, [site])
        prefix = network.prefix(inputs, [site])
        found = network.resume(prefix, [(site, lambda now, value=value: value)])
        wanted = network.scores(other)
        assert all(torch.allclose(found[name], wanted[name]) for name in wanted)
        clean = network.scores(inputs)
        assert any(not torch.allclose(clean[name], wanted[name]) for name in wanted)


@pytest.mark.parametrize("name", ["reverse", "dyck", "xproportion"])
def test_every_site_starts_again_where_it_stands(name: str) -> None:
    """A write of what is there changes nothing; noise does what it does in a run from the start."""
    hypothesis, network = loaded(name)
    inputs = network.encode(all_inputs(hypothesis))
    inputs = network.slice(inputs, slice(0, 40))
    clean = network.scores(inputs)
    first = Site("tokens", position=AtIndex(1))
    draws = torch.Generator().manual_seed(0)
    for site in every_site(network, AtIndex(2)):
        here = network.prefix(inputs, [site])
        same = network.resume(here, [(site, lambda now: now)])
        assert all(torch.allclose(same[o], clean[o], atol=1e-9) for o in clean)
        noise = torch.randn(len(inputs), network.width(site), generator=draws, dtype=torch.float64)
        found = network.resume(here, [(site, lambda now, noise=noise: now + noise)])
        whole = network.prefix(inputs, [first, site])
        wanted = network.resume(
            whole, [(first, lambda now: now), (site, lambda now, noise=noise: now + noise)]
        )
        assert all(torch.allclose(found[o], wanted[o], atol=1e-9) for o in clean)


def test_heads_add_up_and_positions_are_apart() -> None:
    hypothesis, network = loaded("dyck")
    inputs = network.encode(all_inputs(hypothesis))
    at = AtIndex(3)
    sites = [Site(name, position=at) for name in ("tokens", "positions", "embedding")]
    tokens, positions, both = network.capture(inputs, sites)
    assert torch.equal(tokens + positions, both)
    assert (positions == positions[0]).all()
    heads = [Site("head", 2, head, position=at) for head in range(network.heads)]
    *terms, whole = network.capture(inputs, [*heads, Site("attention", 2, position=at)])
    assert torch.allclose(sum(terms) + network.blocks[2]["out_bias"], whole)


def test_last_is_the_last_token_that_is_not_pad() -> None:
    hypothesis, network = loaded("reverse")
    inputs = network.encode(all_inputs(hypothesis))
    (last,) = network.capture(inputs, [Site("positions", position=Last())])
    ends = (inputs.ids != 0).sum(dim=1)
    assert set(ends.tolist()) == {3, 4, 5, 6}
    assert torch.equal(last, network.position_weight[ends - 1])


def all_inputs(hypothesis: Any) -> Any:
    from causalabs.counterfactuals.draw import BaseSampler
    from causalabs.engine.resources import all_columns

    inputs = BaseSampler(hypothesis).every(10_000)
    clean = {a.name: a.evaluate(inputs) for a in hypothesis.algorithms}
    return all_columns(hypothesis, inputs, clean)


def test_interchange_finds_a_variable_where_the_compiler_put_it(tmp_path: Path) -> None:
    """`x[1]` travels to answer 3 by the value that the last head takes from it."""
    text = text_of(
        "reverse",
        domains="domain Token = {a, b, c}",
        algorithm="input  x[5] : Token\n  var    seen : Token = x[1]\n"
        "  output y[i in 0..4] : Token = if i == 3 then seen else x[4 - i]",
    )
    text = text.replace(
        "counterfactuals {\n  exhaustive\n}\n\nexpect accuracy >= 1.0",
        "alignment right {\n  seen -> head 3.0.v at index 2\n}\n"
        "alignment fitted {\n  seen -> residual 2 at index 2 in 3 learned dims\n}\n"
        "alignment wrong {\n  seen -> head 2.0.v at index 2\n}\n"
        "counterfactuals {\n  sample 2_000\n  interchange seen where source.seen != base.seen\n"
        "  split train 60%, heldout 40%\n}\n"
        "expect iia of seen in right  >= 1.0 on heldout\n"
        "expect iia of seen in fitted >= 0.99 on heldout\n"
        "expect iia of seen in wrong  <= 0.01 on heldout",
    )
    results = causalabs.run(causalabs.loads(text), runs=tmp_path, bare=True)
    assert results.verdict == "met", [e.value for e in results.expectations]


def test_untrained_is_the_architecture_with_other_weights() -> None:
    hypothesis, network = loaded("hist")
    fresh = from_program(
        hypothesis.network, hypothesis.algorithms, folder=ROOT, seed=1, trained=False
    ).double()
    inputs = network.encode(all_inputs(hypothesis))
    ours, theirs = fresh.scores(inputs)["y[0]"], network.scores(inputs)["y[0]"]
    assert ours.shape == theirs.shape
    assert ours.std() > 0
    assert not torch.allclose(ours, theirs)


# --------------------------------------------------------------------------- bad input


def rewritten(folder: Path, change: Any) -> Path:
    """`hist` with another description."""
    source = PROGRAMS / "hist.safetensors"
    with safe_open(str(source), framework="pt") as file:
        about = json.loads(file.metadata()["program"])
    change(about)
    path = folder / "changed.safetensors"
    save_file(load_file(str(source)), str(path), {"program": json.dumps(about)})
    return path


def test_a_causal_program_sees_nothing_later(tmp_path: Path) -> None:
    """The counts of `hist` become counts so far: in a run, in one that goes on, in a graph."""
    path = rewritten(tmp_path, lambda about: about.update(causal=True))
    so_far = "count(x[j] == x[i] and j <= i for j in 0..4)"
    algorithm = f"input  x[5] : Token\n  output y[i in 0..4] : 0..5 = {so_far}"
    results = causalabs.run(
        causalabs.loads(text_of("hist", path=str(path), algorithm=algorithm)), runs=tmp_path
    )
    assert results.expectations[0].value == 1.0
    hypothesis, network = loaded("hist", path=str(path))
    inputs = network.encode(all_inputs(hypothesis))
    swapped = inputs.ids.clone()
    swapped[:, 3] = torch.where(inputs.ids[:, 3] == 2, 3, 2)
    other = prompts_of(network, swapped)
    clean, wanted = network.scores(inputs), network.scores(other)
    site = Site("tokens", position=AtIndex(3))
    (value,) = network.capture(other, [site])
    goes_on = network.resume(network.prefix(inputs, [site]), [(site, lambda now: value)])
    graph = wired(network)
    base = graph.clean(other)
    kept = torch.ones(2, len(graph.edges), dtype=torch.bool)
    kept[1, 0] = False  # cut, and carrying what was there
    for found in (goes_on, *graph.scores(base, base.terms, kept)):
        assert all(torch.allclose(found[name], wanted[name]) for name in wanted)
    changed = [not torch.allclose(clean[name], wanted[name]) for name in sorted(wanted)]
    assert changed == [False, False, True, True, True]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda d: d.update(format="other"), "not of the format"),
        (lambda d: d.pop("heads"), "its description lacks 'heads'"),
        (lambda d: d.update(heads=True), "its `heads` is no number"),
        (lambda d: d.update(heads=10**9), "its `heads` is no number"),
        (lambda d: d.update(tokens=["BOS", "a"]), "do not begin with PAD"),
        (lambda d: d["output"].update(labels=["x"] * 6), "says something twice"),
        (lambda d: d["output"]["labels"].__setitem__(0, "else"), "is labelled `else`"),
        (lambda d: d["output"].update(kind="both"), "where its output stands"),
        (lambda d: d.update(residual_labels="abc"), "list of texts"),
        (lambda d: d.update(output=None), "its `output` is no description"),
        (lambda d: d.update(name=7), "its `name` no text"),
        (lambda d: d.update(causal="yes"), "neither true nor false"),
        (lambda d: d.update(layers=60_000, heads=60_000, hidden=60_000), "its sizes ask for"),
        (lambda d: d.update(hidden=13), "have `blocks.0.widen_weight` (12, 18), not (13, 18)"),
    ],
)
def test_a_file_that_is_no_program_says_why(change: Any, said: str, tmp_path: Path) -> None:
    path = rewritten(tmp_path, change)
    with pytest.raises(RunError) as caught:
        causalabs.run(causalabs.loads(text_of("hist", path=str(path))), runs=tmp_path)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "does not exist"),
        (b"", "is no compiled RASP program"),
        (b"\x80\x04K\x01.", "is no compiled RASP program"),
        (b"\xff" * 64, "is no compiled RASP program"),
    ],
)
def test_a_file_of_something_else_says_so(content: bytes | None, said: str, tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(EngineError, match=said):
        read_program(path)


def test_weights_without_a_description_are_no_program(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    save_file({"a": torch.zeros(2)}, str(path))
    with pytest.raises(EngineError, match="no description"):
        read_program(path)


@pytest.mark.parametrize(
    ("name", "instead", "said"),
    [
        ("hist", {"domains": "domain Token = {a, b, d}"}, "`d` is no token of `hist`"),
        ("hist", {"feed": "feed x[0], x[1], x[2], x[3], x[4]"}, "cannot be fed vectors"),
        ("hist", {"feed": FIVE.replace('"BOS", ', '"a", ')}, "does not begin with BOS"),
        ("hist", {"feed": FIVE + ', "a"'}, "6 tokens after BOS"),
        ("hist", {"more": ", scale = 2"}, "answers in values"),
        ("hist", {"domains": "domain Token = {a, b, PAD}"}, "goes on after PAD"),
        (
            "reverse",
            {"domains": "domain Token = {a, b, c, d}", "algorithm": COMPUTE["hist"][1]},
            "`d` is no token",
        ),
        (
            "xproportion",
            {
                "algorithm": "input  x[5] : Token\n  output y[i in 0..4] : Token = x[i]",
            },
            "answers in numbers",
        ),
        (
            "hist",
            {
                "algorithm": "input  x[5] : Token\n"
                "  output y[i in 0..4] : 0..6 = count(x[j] == x[i] for j in 0..4)"
            },
            "may be `6`, which `hist` cannot answer",
        ),
        (
            "reverse",
            {
                "algorithm": PADDED + "output y[i in 0..4] : {a, b, c} ="
                " if x[i] == b then b else if x[i] == c then c else a"
            },
            "is read after the end of the prompt",
        ),
    ],
)
def test_what_a_program_cannot_do_is_said(
    name: str, instead: dict[str, str], said: str, tmp_path: Path
) -> None:
    with pytest.raises((RunError, causalabs.HypothesisError)) as caught:
        causalabs.run(causalabs.loads(text_of(name, **instead)), runs=tmp_path)
    assert said in str(caught.value)


def test_a_site_that_a_program_lacks_lists_its_own() -> None:
    _, network = loaded("hist")
    with pytest.raises(EngineError, match="does not exist") as caught:
        network.width(Site("residual", 1, position=Last()))
    assert "`tokens`, `positions`, `embedding`, `residual 0`" in str(caught.value.help)


def test_pyvene_refuses_what_its_mirror_is_not_built_for() -> None:
    from causalabs.engine.pyvene_backend.wrap import body_of

    with pytest.raises(EngineError, match="pyvene cannot run `tracr`") as caught:
        body_of(loaded("hist")[1])
    assert "--backend pyvene" in str(caught.value.help)


def test_a_circuit_and_an_alignment_stand_in_one_file(tmp_path: Path) -> None:
    path = ROOT / "examples" / "programs" / "reverse.safetensors"
    text = f"""hypothesis both
domain Token = {{a, b, c}}
algorithm {{
  input  x[5] : Token
  var    moved : Token = x[0]
  output y[i in 0..4] : Token = if i == 4 then moved else x[4 - i]
}}
network tracr("{path}") {{
  feed "BOS", x[0], x[1], x[2], x[3], x[4]
  read y[i] at index i + 1
}}
alignment {{
  moved -> head 3.0 at last
}}
circuit claimed(ablate = resample) {{
  tokens   -> head 3.0.v
  head 3.0 -> output
}}
counterfactuals {{
  sample 40
  interchange moved
  split heldout 100%
}}
expect iia of moved            >= 0.9 on heldout
expect faithfulness of claimed >= 0.9 on heldout
"""
    results = causalabs.run(causalabs.loads(text), runs=tmp_path)
    assert [each.value for each in results.expectations] == [1.0, 1.0]
