"""What stands beside the jobs of a plan: measured after them, with what they have at hand."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import causalabs
from causalabs.batteries import Battery
from causalabs.engine import beside, jobs, search
from causalabs.engine.beside import Beside
from causalabs.engine.errors import EngineError
from causalabs.engine.fit import Budget, fit
from causalabs.engine.networks import build as building
from causalabs.engine.networks.train import Recipe
from causalabs.errors import RunError
from causalabs.extras import BATTERY, battery, not_run
from causalabs.hypothesis.model import Hypothesis
from causalabs.plans import make_plan
from causalabs.results import Results

torch.set_num_threads(1)

SMALL = Budget(restarts=2, steps=60, batch=32, judged=100, look=20, patience=1)
TEXT = """
hypothesis route

algorithm {
  input  p, q, r : bool
  var    both    : bool = p and q
  var    third   : bool = r
  output result  : bool = both or third
}

network mlp(hidden = [8, 8]) {
  feed p, q, r
  read result
  train until accuracy >= 0.9
}

alignment {
  both  -> hidden 0 in 2 learned dims
  third -> hidden 0 in 2 learned dims
}

counterfactuals {
  sample 300
  interchange both
  interchange third
  interchange both, third
  split train 50%, select 20%, heldout 30%
}

expect iia >= 0.5 on heldout
"""
SEARCHED = TEXT.replace("hidden 0", "hidden 0..1")


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "budget_for", lambda _: SMALL)


@pytest.fixture(scope="module", autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One network for all tests, trained for a moment."""
    recipe = Recipe(steps=400, batch=64, rate=1e-2, pool=512, judged=200)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(building, "RECIPES", {"mlp": recipe})
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def fits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many ways to choose each fit had."""
    seen: list[int] = []

    def spy(ways: Any, *rest: Any, **more: Any) -> Any:
        seen.append(len(ways))
        return fit(ways, *rest, **more)

    monkeypatch.setattr(search, "fit", spy)
    return seen


def run(text: str, folder: Path, **more: Any) -> Results:
    return causalabs.run(causalabs.loads(text), runs=folder, **more)


def only(results: Results) -> Battery:
    (found,) = results.batteries
    return found


def test_each_fitted_alignment_stands_beside_its_controls(tmp_path: Path, fits: list[int]) -> None:
    results = run(TEXT, tmp_path)
    found = only(results)
    assert [row.control for row in found.rows] == ["", *BATTERY]
    assert len(fits) == 4  # the alignment, and three of its controls anew
    by_name = {row.control: row for row in found.rows}
    fitted = {"", "untrained", "shuffled_sources", "wrong_algorithm"}
    for name, row in by_name.items():
        assert row.capacity == (32 if name in fitted else 0)
        assert row.low <= row.value <= row.high
        assert row.value == pytest.approx(np.mean([value for _, value in row.by_line]))
    assert [name for name, _ in by_name["whole_site"].by_line] == ["both", "third"]
    assert "without `both, third`" in by_name["whole_site"].text
    assert by_name["left_alone"].value < 1 > by_name["chance"].value
    assert found.rival.startswith("`")
    assert results.seconds["controls"] > 0


def test_the_alignment_itself_is_what_was_fitted(tmp_path: Path, fits: list[int]) -> None:
    results = run(TEXT + "report iia on heldout\n", tmp_path)
    (reported,) = results.reports
    row = only(results).row("")
    assert row is not None
    assert row.value == pytest.approx(reported.value, abs=1e-9)
    assert row.samples == reported.samples == 270


def test_what_the_file_asks_for_is_not_fitted_again(tmp_path: Path, fits: list[int]) -> None:
    results = run(TEXT + "report iia of both on heldout under untrained\n", tmp_path)
    assert len(fits) == 4
    row = only(results).row("untrained")
    assert row is not None
    assert dict(row.by_line)["both"] == pytest.approx(results.reports[0].value)


def test_bare_runs_are_completed_later(tmp_path: Path, fits: list[int]) -> None:
    bare = run(TEXT, tmp_path, bare=True)
    assert bare.batteries == ()
    assert len(fits) == 1
    assert run(TEXT, tmp_path, bare=True).cached
    whole = run(TEXT, tmp_path)
    assert len(fits) == 4
    assert not whole.cached
    assert whole.expectations == bare.expectations
    for again in (run(TEXT, tmp_path), run(TEXT, tmp_path, bare=True)):
        assert again.cached
        assert again.batteries == whole.batteries
    assert len(fits) == 4


def test_a_run_killed_among_its_controls_goes_on(
    tmp_path: Path, fits: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    real = Beside._run

    def killed(self: Beside, extra: Any) -> Any:
        if len(done) == 3:
            raise KeyboardInterrupt
        done.append(extra.name)
        return real(self, extra)

    monkeypatch.setattr(Beside, "_run", killed)
    with pytest.raises(KeyboardInterrupt):
        run(TEXT, tmp_path)
    (path,) = tmp_path.glob("*/results.json")
    assert json.loads(path.read_text())["verdict"] == "met"  # judged before any control
    begun = len(fits)
    monkeypatch.setattr(Beside, "_run", real)
    resumed = run(TEXT, tmp_path)
    assert begun < len(fits) == 4
    whole = run(TEXT, tmp_path / "other")
    assert resumed.batteries == whole.batteries


def test_a_control_that_cannot_be_run_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(self: Any, alignment: str) -> Any:
        raise EngineError("no wrong algorithm was found")

    monkeypatch.setattr("causalabs.engine.resources.Resources.rival", none)
    results = run(TEXT, tmp_path)
    assert results.verdict == "met"
    found = only(results)
    assert found.left_out == (("wrong_algorithm", "no wrong algorithm was found"),)
    assert found.row("wrong_algorithm") is None
    assert found.rival == ""


def test_controls_stand_where_the_search_ended(tmp_path: Path, fits: list[int]) -> None:
    results = run(SEARCHED, tmp_path)
    assert fits == [2, 1, 1, 1]  # two layers searched, then one place
    (record,) = results.fits["seed0-plain-alignment"]
    folder = Path(results.run) / "jobs"
    for name in ("untrained", "shuffled_sources", "wrong_algorithm", "whole_site"):
        told = json.loads((folder / f"beside-seed0-{name}-alignment.json").read_text())
        (fitted,) = told["fits"]
        assert fitted["choice"] == record.choice
        assert fitted["select_scores"] == []


def test_all_rows_of_a_table_are_of_the_same_examples(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(beside, "MEASURED", 40)
    seen: dict[str, Any] = {}
    real = Beside._part

    def spy(self: Beside, extra: Any, setting: Any, split: int) -> Any:
        part, exact = real(self, extra, setting, split)
        assert not exact
        line = part.lines[0]
        seen[extra.control] = {name: column[line.base] for name, column in part.inputs.items()}
        return part, exact

    monkeypatch.setattr(Beside, "_part", spy)
    found = only(run(TEXT, tmp_path))
    assert {row.samples for row in found.rows} == {120, 80}
    for columns in seen.values():
        assert all(np.array_equal(columns[name], seen[""][name]) for name in columns)
        assert len(columns["p"]) == 40


def test_several_seeds_are_averaged(tmp_path: Path) -> None:
    both = only(run(TEXT + "seeds 0..1\n", tmp_path))
    one, two = (only(run(TEXT, tmp_path, seed=seed)) for seed in (0, 1))
    for row, first, second in zip(both.rows, one.rows, two.rows, strict=True):
        assert row.value == pytest.approx((first.value + second.value) / 2)
        assert row.samples == first.samples + second.samples


def test_a_curve_rises_with_capacity_and_is_kept(tmp_path: Path, fits: list[int]) -> None:
    results = run(TEXT, tmp_path, curve=True)
    (curve,) = results.curves
    plain, untrained = curve.under(""), curve.under("untrained")
    assert [point.label for point in plain] == [point.label for point in untrained]
    assert {point.label for point in plain} == {
        "up to 4 neurons",
        "1 learned dim",
        "2 learned dims",
        "4 learned dims",
        "whole site (without both, third)",
        "4 RevNet dims",
    }
    assert [point.capacity for point in plain] == sorted(point.capacity for point in plain)
    assert [point.linear for point in plain][-1] is False
    whole = next(point for point in plain if point.basis == "whole")
    assert (whole.capacity, whole.dims) == (0, 8)
    assert len(fits) == 4 + 10
    again = run(TEXT, tmp_path, curve=True)
    assert again.cached
    assert again.curves == results.curves


def test_what_has_nothing_fitted_has_no_battery(tmp_path: Path) -> None:
    plain = TEXT.replace("2 learned dims", "dims 0..3").replace(
        "third -> hidden 0", "third -> hidden 1"
    )
    results = run(plain, tmp_path)
    assert results.batteries == results.curves == ()
    assert run(plain, tmp_path).cached
    with pytest.raises(RunError, match="nothing is fitted in"):
        run(plain, tmp_path, curve=True)


def test_a_large_model_gets_no_untrained_twin_unless_asked() -> None:
    hypothesis: Hypothesis = causalabs.loads(TEXT)
    large = replace(hypothesis, network=replace(hypothesis.network, kind="huggingface"))
    plan = make_plan(large)
    (job,) = plan.jobs
    assert list(not_run(large, plan, job)) == ["untrained"]
    assert "untrained" not in {extra.control for extra in battery(large, plan)}
    asked = causalabs.loads(TEXT + "report iia on heldout under untrained\n")
    large = replace(asked, network=large.network)
    plan = make_plan(large)
    assert not_run(large, plan, plan.jobs[0]) == {}
