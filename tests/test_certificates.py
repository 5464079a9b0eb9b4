"""Verdicts that say what they rest on, through whole runs of a network known by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import causalabs
from causalabs.counterfactuals.cut import interchange_keys, stretch
from causalabs.counterfactuals.draw import draw, draw_more
from causalabs.counterfactuals.whole import Whole
from causalabs.engine import jobs, rounds as engine
from tests.known_share import FILE, Erring, run

IIA = "expect iia of partial >= {} on heldout"


def hypothesis(sample: int = 400, by: str = "", lines: str = "interchange partial") -> Any:
    text = FILE.replace("SAMPLE", str(sample)).replace("BY", by).replace("EXPECT", IIA.format(0.5))
    return causalabs.loads(text.replace("interchange partial", lines))


def test_what_is_clear_is_stopped_early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module, settled = Erring(100), 0

    def settle(setting: Any) -> Any:
        nonlocal settled
        before = module.rows
        found = plain(setting)
        settled += module.rows - before
        return found

    plain = engine.settle
    monkeypatch.setattr(engine, "settle", settle)
    monkeypatch.setattr(jobs, "settle", settle)
    results = run(tmp_path / "one", module, IIA.format(0.8))
    (found,) = results.expectations
    assert found.verdict == "met"
    assert found.certificate.how == "stopped early"
    assert found.certificate.drawn == 2_000
    assert found.samples == found.certificate.examples <= 400
    assert found.certificate.space == 10**12
    early, module.rows, settled = module.rows - settled, 0, 0
    (every,) = run(tmp_path / "two", module, IIA.format(0.8), every_example=True).expectations
    assert every.certificate.how == "every drawn example"
    assert every.samples == 2_000
    assert module.rows - settled >= 5 * early


def test_what_is_not_clear_is_run_on_and_then_said(tmp_path: Path) -> None:
    (found,) = run(tmp_path, Erring(100), IIA.format(0.9), sample=600).expectations
    assert found.verdict == "undecided"
    assert found.certificate.text == "ran on from 300 to 1,200"
    assert found.samples == 1_200
    (never,) = run(tmp_path, Erring(100), IIA.format(0.9), sample=600, run_on=1).expectations
    assert never.certificate.text == "every drawn example (300)"


def test_a_count_of_one_takes_every_drawn_row(tmp_path: Path) -> None:
    (found,) = run(tmp_path, Erring(0), IIA.format(1.0), sample=600).expectations
    assert (found.verdict, found.samples) == ("met", 300)
    (wrong,) = run(tmp_path, Erring(100), IIA.format(1.0), sample=6_000).expectations
    assert (wrong.verdict, wrong.samples) == ("not met", 100)


def test_a_failure_is_told_with_more_rows_than_the_verdict_needed(tmp_path: Path) -> None:
    results = run(tmp_path, Erring(300), IIA.format(0.9))
    assert results.verdict == "not met"
    assert results.expectations[0].samples < 500
    (found,) = results.counterexamples
    assert found.measured == 2_000
    (rule,) = results.residuals
    assert "t" in rule.rule


def test_the_same_seed_gives_the_same_numbers_and_a_kill_changes_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = (
        IIA.format(0.9),
        "expect accuracy >= 0.8 on heldout",
        "expect iia of partial - iia of partial under untrained >= 0.88 on heldout",
    )
    first = run(tmp_path / "a", Erring(100), *expected, sample=600)
    grow, calls = engine.Live.grow, [0]

    def killed(self: Any, *given: Any) -> None:
        calls[0] += 1
        if calls[0] == 4:
            raise KeyboardInterrupt
        grow(self, *given)

    monkeypatch.setattr(engine.Live, "grow", killed)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "b", Erring(100), *expected, sample=600)
    monkeypatch.setattr(engine.Live, "grow", grow)
    again = run(tmp_path / "b", Erring(100), *expected, sample=600)
    assert again.expectations == first.expectations
    assert again.table == first.table


def test_further_examples_are_fresh_and_stay_in_their_split() -> None:
    made = hypothesis(by="by input")
    drawn = draw(made, seed=0)
    more = draw_more(made, seed=0, split=1, count=300, part=200, solved=None)
    again = draw_more(made, seed=0, split=1, count=300, part=200, solved=None)
    assert (interchange_keys(more, 0, 1) == interchange_keys(again, 0, 1)).all()
    assert not np.isin(interchange_keys(more, 0, 1), interchange_keys(drawn, 0, 1)).any()

    def inputs(examples: Any, split: int) -> set[tuple[int, ...]]:
        line = examples.lines[0]
        here = np.flatnonzero(line.split == split)
        rows = np.unique(np.concatenate([line.base[here], line.sources[:, here].ravel()]))
        return set(zip(*(examples.inputs[name][rows].tolist() for name in "abct"), strict=True))

    assert not inputs(more, 1) & inputs(drawn, 0)
    assert set(more.lines[0].split.tolist()) == {1}


SMALL = """
algorithm {
  input  x, y : 0..3
  var    big  : bool = x > y
  output z    : bool = big
}

network mlp(hidden = [4]) {
  feed x, y
  read z
  train until accuracy >= 0.5
}

alignment {
  big -> hidden 0 in 1 learned dims
}

counterfactuals {
  sample 600
  BALANCE
  interchange big
  split train 50%, heldout 50% BY
}

expect iia >= 0.5 on heldout
"""


@pytest.mark.parametrize(("by", "count"), [("", 256), ("by input", 64)])
def test_a_small_space_is_taken_whole(by: str, count: int) -> None:
    made = causalabs.loads(SMALL.replace("BY", by).replace("BALANCE", ""))
    found = draw(made, seed=0, whole=Whole((1,), 4))
    assert found.whole == (1,)
    assert found.spaces == {(0, 1): count}
    keys = interchange_keys(found, 0, 1)
    assert len(keys) == len(np.unique(keys)) == count
    plain = draw(made, seed=0)
    assert plain.whole == ()
    train = stretch(plain, 0, 0, 300), stretch(found, 0, 0, 300)
    assert (interchange_keys(train[0], 0, 0) == interchange_keys(train[1], 0, 0)).all()


def test_a_balanced_space_is_counted_and_sampled() -> None:
    made = causalabs.loads(SMALL.replace("BY", "").replace("BALANCE", "balance big"))
    found = draw(made, seed=0, whole=Whole((1,), 4))
    assert found.whole == ()
    assert found.spaces == {(0, 1): 256}
    assert int((found.lines[0].split == 1).sum()) == 300


@pytest.mark.parametrize("balance", ["", "balance big"])
def test_the_first_rows_are_drawn_like_the_last(balance: str) -> None:
    """An order by class would make the first rows another sample: none is there."""
    text = SMALL.replace("BY", "").replace("BALANCE", balance).replace("0..3", "0..30")
    made = causalabs.loads(text.replace("sample 600", "sample 8_000"))
    line = (examples := draw(made, seed=0)).lines[0]
    held = np.flatnonzero(line.split == 1)
    big = (examples.inputs["x"] > examples.inputs["y"])[line.base[held]]
    quarters = [part.mean() for part in np.array_split(big, 4)]
    assert max(quarters) - min(quarters) < 6 * 0.5 / np.sqrt(len(big) / 4)
