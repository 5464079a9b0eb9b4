"""Patching maps where every effect is known, or found again run by run."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import causalabs
from causalabs.diagnostics import Source
from causalabs.engine.errors import EngineError
from causalabs.engine.networks import build as building
from causalabs.engine.patching.maps import effect
from causalabs.engine.protocol import Device
from causalabs.hypothesis.check import check_source
from causalabs.hypothesis.model import AtIndex, Site
from causalabs.patching import PatchMap, patch_map
from causalabs.report.patching import map_notes
from tests.end_to_end.running import random_networks, run_text
from tests.engine.language_models.tiny import saved

torch.set_num_threads(1)

WIRED = """
hypothesis wired

algorithm {{
  input  a, b   : bool
  output answer : bool = a
}}

network mlp(hidden = [3]) {{
  feed a, b
  read answer
  train until accuracy >= 0.5
}}

counterfactuals {{
  exhaustive
  {lines}
  split heldout 100%
}}

{asked}
"""


def wired(relu: bool) -> Any:
    """Scores 0 and 3a + b + 2 (a or b), or without the last one where `relu` is false."""

    def build(spec: Any, algorithms: Any, **_: Any) -> Any:
        network = building.untrained(spec, algorithms, seed=0, device=Device(dtype=torch.float64))
        first = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]])
        with torch.no_grad():
            network.weights[0].copy_(first)
            network.biases[0].copy_(torch.tensor([0.0, 0.0, 1.0]))  # the last: neither
            network.weights[1].copy_(torch.tensor([[0.0] * 3, [3.0, 1.0, -2.0 if relu else 0.0]]))
            network.biases[1].zero_()
        return building.finish(network, {"origin": "wired"})

    return build


def map_of(
    monkeypatch: pytest.MonkeyPatch,
    folder: Path,
    asked: str,
    *,
    relu: bool = False,
    lines: str = "",
) -> PatchMap:
    monkeypatch.setattr(building, "build", wired(relu))
    (found,) = run_text(WIRED.format(asked=asked, lines=lines), folder)[1].maps
    return found


def shares_by_hand(relu: bool) -> list[float]:
    """Each hidden number's share in the score that the answer's change brings."""
    moved, whole = np.zeros(3), 0.0
    for a, b, c, d in itertools.product((0, 1), repeat=4):
        if a == c:
            continue
        base, source = (np.array([x, y, max(0, 1 - x - y)]) for x, y in ((a, b), (c, d)))
        weights = np.array([3.0, 1.0, -2.0 if relu else 0.0])
        sign = 1 if c else -1  # score of the source's answer less that of the base's
        moved += sign * weights * (source - base)
        whole += sign * float(weights @ (source - base))
    return [float(each) for each in moved / whole]


@pytest.mark.parametrize("relu", [False, True])
def test_each_neuron_has_its_share(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, relu: bool
) -> None:
    asked = "report patched logit_difference over layer * dims"
    found = map_of(monkeypatch, tmp_path, asked, relu=relu)
    shares = shares_by_hand(relu)
    assert [cell.exact for cell in found.cells] == pytest.approx(shares, abs=1e-12)
    assert sum(shares) == pytest.approx(1.0)
    # After the hidden layer all is linear: the gradient there says the same.
    assert [cell.attributed for cell in found.cells] == pytest.approx(shares, abs=1e-12)
    assert found.examples == 8  # of the 16 pairs those whose answers differ
    assert (found.rows, found.columns) == (("hidden 0",), ("dim 0", "dim 1", "dim 2"))
    assert found.disagreements() == ()


def test_a_whole_layer_makes_it_the_sources_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    found = map_of(monkeypatch, tmp_path, "report patched loss over layer", relu=True)
    (cell,) = found.cells
    assert (cell.exact, cell.low, cell.high) == pytest.approx((1.0, 1.0, 1.0))
    # A loss bends: the gradient at the base says too little.
    assert cell.difference > 0.1
    assert found.disagreements() == (cell,)
    assert "off by more than .1 at 1 of the 1 places" in map_notes(found)[-1]


def test_pairs_are_those_of_the_interchange(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked = "report patched kl of b over layer * dims 1..2"
    found = map_of(monkeypatch, tmp_path, asked, lines="interchange b where source.a == base.a")
    assert found.pairs == "b"
    assert found.columns == ("dim 1", "dim 2")
    assert found.cells[0].exact == pytest.approx(1.0)  # b is in that neuron and nowhere else
    assert found.cells[1].exact == pytest.approx(0.0)
    assert found.source == 0.0


# ------------------------------------------------------------- transformers, run by run

TOKENS = """
hypothesis tokens

algorithm {
  input  x, y  : 0..4
  output first : 0..4 = x
}

network transformer(layers = 2, heads = 2, width = 8) {
  feed x, y, "="
  read first at last
  train until accuracy >= 0.5
}

counterfactuals {
  sample 40
  split heldout 100%
}

report patched logit_difference over layer * position
report patched mass over head
report patched logit_difference by attribution over component * position
"""


def test_places_of_a_transformer_are_patched_one_by_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    made: dict[bool, Any] = {}
    random_networks(monkeypatch, made)
    hypothesis, results, _ = run_text(TOKENS, tmp_path)
    stream, heads, terms = results.maps
    network = made[True]
    pairs = _pairs(hypothesis)
    for cell in stream.cells:
        layer, index = int(cell.row.split()[1]), int(cell.column.split(":")[0])
        site = Site("residual", layer, position=AtIndex(index))
        assert cell.exact == pytest.approx(_effect(network, pairs, site), abs=1e-9)
    assert stream.columns[2] == "2: ="
    assert stream.columns[0].endswith(", ..")  # x differs from prompt to prompt
    last = [cell.exact for cell in stream.cells if cell.row == "residual 1"]
    assert last == pytest.approx([0.0, 0.0, 1.0], abs=1e-12)  # what is read, and nothing else
    assert heads.rows == ("layer 0", "layer 1")
    assert [cell.place for cell in heads.cells][:2] == [
        "head 0.0 at every token",
        "head 0.1 at every token",
    ]
    assert all(cell.exact is not None and cell.attributed is not None for cell in heads.cells)
    patched = [cell for cell in terms.cells if cell.exact is not None]
    assert len(patched) == 8 < len(terms.cells) == 12  # the strongest by attribution
    strongest = sorted(terms.cells, key=lambda cell: -abs(cell.attributed or 0))[:8]
    assert set(strongest) == set(patched)


def _pairs(hypothesis: causalabs.Hypothesis) -> list[dict[str, np.ndarray]]:
    from dataclasses import replace

    from causalabs.counterfactuals.draw import draw

    lines = (hypothesis.maps[0].pairs,)
    counts = replace(hypothesis.counterfactuals, lines=lines)
    examples = draw(replace(hypothesis, counterfactuals=counts), seed=0)
    (line,) = examples.lines
    x = examples.inputs["x"]
    kept = x[line.base] != x[line.sources[0]]
    return [
        {name: column[rows[kept]] for name, column in examples.inputs.items()}
        for rows in (line.base, line.sources[0])
    ]


def _effect(network: Any, pairs: list[dict[str, np.ndarray]], site: Site) -> float:
    base, source = (network.encode(each) for each in pairs)
    rows = torch.arange(len(base))
    mine, theirs = (torch.from_numpy(each["x"]) for each in pairs)

    def difference(scores: Any) -> float:
        column = scores["first"]
        return float((column[rows, theirs] - column[rows, mine]).mean())

    there = network.capture(source, [site])[0]
    after = network.resume(network.prefix(base, [site]), [(site, lambda _: there)])
    before, wanted = difference(network.scores(base)), difference(network.scores(source))
    return (difference(after) - before) / (wanted - before)


STEPS = """
hypothesis steps

algorithm {
  input  x[2]  : 0..2
  output first : 0..2 = x[0]
}

network gru(width = 4) {
  feed step i: x[i]
  read first at last step
  train until accuracy >= 0.5
}

counterfactuals {
  exhaustive
  split heldout 100%
}

report patched logit_difference over step
"""


def test_the_last_state_is_all_that_is_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    random_networks(monkeypatch, {})
    (found,) = run_text(STEPS, tmp_path)[1].maps
    assert found.columns == ("step 0", "step 1")
    assert found.cells[1].exact == pytest.approx(1.0)
    assert 0 < abs(found.cells[0].exact or 0) < 2


# ------------------------------------------------------------------- language models

LANGUAGE = """
hypothesis tiny

domain Word = {red, green, store, far}

algorithm {
  input  x, y   : Word
  output answer : Word = y
}

network huggingface("model") {
  feed "When {x} and {y} went to"
  read answer at last as " {answer}"
}

counterfactuals {
  exhaustive
  split heldout 100%
}

report patched logit_difference over layer * position
report patched logit_difference by attribution over head
"""


def test_a_language_model_is_patched_place_by_place(tmp_path: Path) -> None:
    saved(tmp_path / "model")
    hypothesis = causalabs.loads(LANGUAGE, folder=tmp_path)
    stream, heads = causalabs.run(hypothesis, runs=tmp_path / "runs").maps
    first = [cell.exact for cell in stream.cells if cell.row == stream.rows[-1]]
    assert first[-1] == pytest.approx(1.0, abs=1e-5)
    assert first[:-1] == pytest.approx([0.0] * (len(first) - 1), abs=1e-5)
    assert len({cell.row for cell in heads.cells}) == len(stream.rows)
    known = [c for c in stream.cells if c.exact is not None and c.attributed is not None]
    assert len(known) == len(stream.cells)
    assert np.corrcoef([c.exact for c in known], [c.attributed for c in known])[0, 1] > 0.5


def test_prompts_of_different_lengths_have_no_map(tmp_path: Path) -> None:
    saved(tmp_path / "model")
    text = LANGUAGE.replace('feed "When {x} and {y} went to"', 'feed any of "{x} and {y}", "{y}"')
    text = text.replace('"{y}"', '"When far {x} {x} and {y}"')
    hypothesis = causalabs.loads(text, folder=tmp_path)
    with pytest.raises(EngineError, match="a map needs prompts of one length"):
        causalabs.run(hypothesis, runs=tmp_path / "runs")


# --------------------------------------------------------------------------- intervals


def test_the_interval_of_an_effect_holds_the_truth() -> None:
    generator = np.random.default_rng(0)
    held = 0
    for _ in range(1000):
        whole = 2 + generator.exponential(1.0, 80)
        moved = whole * generator.beta(2, 3, 80) + generator.normal(0, 0.3, 80)
        _, low, high = effect(moved, np.zeros(80), whole)
        held += low <= 0.4 <= high
    assert 930 <= held <= 970


def test_a_map_comes_back_from_json(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import json
    from dataclasses import asdict

    found = map_of(monkeypatch, tmp_path, "report patched loss over layer * dims", relu=True)
    assert patch_map(json.loads(json.dumps(asdict(found)))) == found


# ---------------------------------------------------------------------------- mistakes


def complaints(asked: str, lines: str = "") -> list[str]:
    found = check_source(Source(WIRED.format(asked=asked, lines=lines)))
    return [f"{each.code} {each.message}" for each in found if each.severity == "error"]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("expect patched loss >= 0.5 on heldout", "is a map"),
        ("report patched loss on heldout", "is a map"),
        ("report patched accuracy over layer", "cannot be patched"),
        ("report patched loss by gradients over layer", "knows no `by gradients`"),
        ("report patched loss over layr", "unknown axis `layr`"),
        ("report patched loss over layer * layer", "two axes `layer`"),
        ("report patched loss over layer * dims * step", "at most two axes"),
        ("report patched loss over layer on heldout under untrained", "takes no `under`"),
        ("report patched loss of both over layer", "unknown name `both`"),
    ],
)
def test_what_cannot_be_a_map_is_said(asked: str, said: str) -> None:
    (found,) = complaints(asked)
    assert said in found


def test_of_two_interchanges_one_must_be_named() -> None:
    lines = "interchange a\n  interchange b"
    (found,) = complaints("report patched loss over layer", lines)
    assert "needs one interchange" in found
    assert complaints("report patched loss of a over layer", lines) == []


@pytest.mark.parametrize(
    ("asked", "lines", "said"),
    [
        ("over head", "", "no map over head"),
        ("over layer 0..4", "", "there is no layer 1"),
        ("of b over layer", "interchange b where source.a == base.a", "the same answer in every"),
    ],
)
def test_places_that_are_not_there_are_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, asked: str, lines: str, said: str
) -> None:
    with pytest.raises(EngineError, match=said):
        map_of(monkeypatch, tmp_path, f"report patched loss {asked}", lines=lines)
