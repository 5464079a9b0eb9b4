"""Several seeds from text: each seed its own network and data, judged as the file says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from causalabs.counterfactuals.draw import draw
from tests.end_to_end.running import quick, random_networks, run_text

torch.set_num_threads(1)

TEXT = """
hypothesis twice
"Two networks."

algorithm {{
  input  x, y : 0..2
  var    s : 0..4 = x + y
  output big : 0..4 = s
}}

network mlp(hidden = [8]) {{
  feed x, y
  read big
}}

alignment {{
  s -> hidden 0 in dims 0..4
}}

counterfactuals {{
  {drawing}
  interchange s
  split train 40%, heldout 60%{by}
}}

seeds 0..1

{expectations}
"""


def text(expectations: str, *, sample: int = 0) -> str:
    drawing, by = (f"sample {sample}", "") if sample else ("exhaustive", " by input")
    return TEXT.format(drawing=drawing, by=by, expectations=expectations)


def values(outcomes: Any) -> list[float]:
    """Each seed's mean of its own rows."""
    found = {
        outcome.job.split("-")[0]: measured.hits.mean()
        for outcome in outcomes.values()
        for measured in outcome.measured
        if measured.metric == "iia"
    }
    return [float(found["seed0"]), float(found["seed1"])]


def test_enumerated_seeds_are_judged_each_and_over_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick(monkeypatch, tmp_path / "cache", steps=30)
    _, first, outcomes = run_text(text("report iia of s on heldout"), tmp_path)
    low, high = sorted(values(outcomes))
    assert 0 < low < high < 1
    report = first.reports[0]
    assert report.exact
    assert [each.value for each in report.seeds] == values(outcomes)
    assert report.value == pytest.approx((low + high) / 2, abs=1e-12)
    middle, below = (low + high) / 2, (low + 3 * low + high) / 5  # low < below < middle < high
    above = (low + 4 * high) / 5
    claims = [
        (f"iia of s >= {below:.6f} on heldout in every seed", "not met"),
        (f"iia of s >= {below:.6f} on heldout over seeds", "met"),
        (f"iia of s >= {below:.6f} on heldout", "met"),
        (f"iia of s >= {low - 1e-4:.6f} on heldout in every seed", "met"),
        (f"iia of s <= {above:.6f} on heldout in every seed", "not met"),
        (f"iia of s <= {above:.6f} on heldout over seeds", "met"),
        (f"iia of s >= {above:.6f} on heldout over seeds", "not met"),
        (f"iia of s <= {high + 1e-4:.6f} on heldout in every seed", "met"),
    ]
    said = "\n".join(f"expect {claim}" for claim, _ in claims)
    _, results, _ = run_text(text(said), tmp_path / "again")
    assert [each.verdict for each in results.expectations] == [want for _, want in claims]
    assert results.verdict == "not met"
    every, over = results.expectations[0], results.expectations[1]
    assert every.value == low
    assert over.value == pytest.approx(middle, abs=1e-12)
    assert sorted(each.verdict for each in every.seeds) == ["met", "not met"]
    assert results.expectations[4].value == high


def test_sampled_seeds_have_data_and_intervals_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    random_networks(monkeypatch, {})
    said = "expect iia of s >= 0.3 on heldout in every seed\nreport iia of s on heldout over seed"
    hypothesis, results, outcomes = run_text(
        text(said.removesuffix(" over seed"), sample=100), tmp_path, every_example=True
    )
    one, two = (draw(hypothesis, seed=seed) for seed in (0, 1))
    bases = [found.inputs["x"][found.lines[0].base] for found in (one, two)]
    assert not np.array_equal(*bases)
    report = results.reports[0]
    assert report.samples == 2 * 60
    assert not report.exact
    assert [each.value for each in report.seeds] == values(outcomes)
    for each in report.seeds:
        assert each.low < each.value < each.high
        assert each.high - each.low > report.high - report.low  # more rows, a shorter interval
    judged = results.expectations[0]
    for each in judged.seeds:
        wanted = "met" if each.low >= 0.3 else "not met" if each.high < 0.3 else "undecided"
        assert each.verdict == wanted


def test_seeds_asked_for_replace_the_files_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    random_networks(monkeypatch, {})
    said = text("report iia of s on heldout", sample=50)
    _, both, _ = run_text(said, tmp_path / "both")
    _, one, _ = run_text(said, tmp_path / "one", seed=1)
    assert one.reports[0].value == both.reports[0].seeds[1].value
    assert both.reports[0].seeds[0].seed == 0


def test_networks_of_seeds_are_trained_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick(monkeypatch, tmp_path / "cache", steps=20)
    _, results, _ = run_text(text("report accuracy on heldout"), tmp_path / "runs")
    weights = [found["weights"] for found in results.network["seeds"].values()]
    assert len(set(weights)) == 2
