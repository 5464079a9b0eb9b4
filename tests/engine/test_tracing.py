"""Causal tracing: what must be brought back, what cannot be, and one cell run by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from causalabs.diagnostics import Source
from causalabs.engine.errors import EngineError
from causalabs.hypothesis.check import check_source
from causalabs.patching import patch_map
from causalabs.report.patching import map_notes
from tests.end_to_end.running import random_networks, run_text

torch.set_num_threads(1)

TEXT = """
hypothesis traced

algorithm {{
  input  a, b, c : 0..4
  output answer  : 0..4 = b
}}

network transformer(layers = 2, heads = 2, width = 8) {{
  feed "{{a}} {{b}} {{c}}"
  read answer at last
  train until accuracy >= 0.5
}}

counterfactuals {{
  sample 60
  split heldout 100%
}}

{asked}
"""
ASKED = "report restored {} by noise(slot = b, deviations = 2) over layer * position"


def traced(monkeypatch: pytest.MonkeyPatch, folder: Path, asked: str) -> Any:
    random_networks(monkeypatch, {})
    results = run_text(TEXT.format(asked=f"report accuracy\n{asked}"), folder)[1]
    return results.maps[0]


@pytest.mark.parametrize("metric", ["mass", "loss", "logit_difference", "kl"])
def test_what_the_noise_cannot_reach_brings_nothing_back_and_the_last_token_everything(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, metric: str
) -> None:
    found = traced(monkeypatch, tmp_path, ASKED.format(metric))
    assert found.verb == "restored"
    for layer in (0, 1):  # `a` stands before the noise: its clean state is what it has anyway
        before = found.cell(f"residual {layer}", "index 0")
        assert before.exact == pytest.approx(0.0, abs=1e-9)
    assert found.cell("residual 1", "index 2").exact == pytest.approx(1.0)
    assert found.cell("residual 1", "index 1").exact == pytest.approx(0.0, abs=1e-9)
    somewhere = found.cell("residual 0", "index 1").exact
    assert abs(somewhere) > 1e-3
    assert abs(somewhere - 1.0) > 1e-3


def test_restoring_the_embedding_takes_the_noise_away(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked = "report restored mass by noise(slot = b) over position"
    found = traced(monkeypatch, tmp_path, asked)
    assert found.cell("embedding", "index 1").exact == pytest.approx(1.0)
    assert found.cell("embedding", "index 0").exact == pytest.approx(0.0, abs=1e-9)


def test_draws_repeat_the_inputs_and_the_same_seed_the_same_noise(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    one = traced(monkeypatch, tmp_path / "a", ASKED.format("mass"))
    again = traced(monkeypatch, tmp_path / "b", ASKED.format("mass"))
    assert one == again
    asked = ASKED.format("mass").replace("= 2)", "= 2, draws = 3)")
    more = traced(monkeypatch, tmp_path / "c", asked)
    assert more.examples == 3 * one.examples
    assert more.source == pytest.approx(one.source)  # clean runs are the same ones
    assert more.base != one.base
    assert "noise of 2 standard deviations on `b`" in map_notes(one)[0]


def test_more_noise_leaves_less(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    little, much = (
        traced(monkeypatch, tmp_path / str(d), ASKED.format("kl").replace("= 2)", f"= {d})"))
        for d in (0.1, 5)
    )
    assert 0 < little.base < much.base


def test_a_map_survives_json(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import dataclasses
    import json

    found = traced(monkeypatch, tmp_path, ASKED.format("mass"))
    assert patch_map(json.loads(json.dumps(dataclasses.asdict(found)))) == found


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("report restored mass over layer", "says no noise"),
        ("report restored mass by noise(slot = d) over layer", "`d`, which is no input"),
        ("report restored mass by noise(slot = b, deviations = 0) over layer", "0.01"),
        ("report restored mass by noise over layer", "says no noise"),
        ("expect restored mass by noise(slot = b) >= 0.5", "is a map"),
    ],
)
def test_wrong_words_are_told(asked: str, told: str) -> None:
    source = Source(TEXT.format(asked=asked))
    said = [f"{each.message} {each.help}" for each in check_source(source)]
    assert any(told in each for each in said), said


def test_networks_without_embeddings_are_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    text = TEXT.replace("transformer(layers = 2, heads = 2, width = 8)", "mlp(hidden = [4])")
    text = text.replace('feed "{{a}} {{b}} {{c}}"', "feed a, b, c")
    text = text.replace(" at last", "").format(
        asked="report accuracy\nreport restored mass by noise(slot = b) over layer"
    )
    random_networks(monkeypatch, {})
    with pytest.raises(EngineError, match="no embeddings"):
        run_text(text, tmp_path)
