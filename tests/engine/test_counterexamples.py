"""The smallest failing interchange, and the rule of where it fails, from a file to the report."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch
from rich.console import Console
from torch import Tensor, nn

import causalabs
from causalabs.engine.counterexamples import _shrunk
from causalabs.engine.errors import EngineError
from causalabs.engine.trials import Trials
from causalabs.pytest_plugin import failure_text
from causalabs.report.terminal import show
from causalabs.results import Counterexample, Results

torch.set_num_threads(1)

FILE = """
algorithm {
  input  a, b, c : 0..9
  var    partial : 0..18 = a + b
  output total   : 0..27 = partial + c
}

network given() {
  feed a, b, c
  read total
}

alignment {
  partial -> module "first".output in dims 0..0
}

counterfactuals {
  sample 4_000
  KEEP
  interchange partial WHERE
  split train 50%, heldout 50%
}

expect accuracy       >= ACCURACY on heldout
expect iia of partial >= BOUND on heldout
"""


class Adder(nn.Module):
    """a + b in one number, c in another; one too few where both are large enough."""

    def __init__(self, partial: int, c: int) -> None:
        super().__init__()
        self.first = nn.Linear(3, 2, bias=False)
        with torch.no_grad():
            self.first.weight.copy_(torch.tensor([[1.0, 1, 0], [0, 0, 1]]))
        self.planted = (partial, c)

    def forward(self, x: Tensor) -> Tensor:
        partial, c = self.first(x).unbind(dim=1)
        wrong = (partial >= self.planted[0]) & (c >= self.planted[1])
        answer = partial + c - wrong.to(x.dtype)
        return -(torch.arange(28) - answer[:, None]).abs()


def feed(columns: Any) -> Tensor:
    return torch.stack([torch.from_numpy(columns[name]).float() for name in "abc"], dim=1)


def run(folder: Path, module: nn.Module, **parts: str) -> Results:
    text = FILE
    said = {"KEEP": "", "WHERE": "", "BOUND": "0.99", "ACCURACY": "0.5"} | parts
    for name, part in said.items():
        text = text.replace(name, part)
    hypothesis = causalabs.loads(text, folder=folder)
    return causalabs.run(hypothesis, network=module, feed=feed, runs=folder / "runs")


def interchange(found: Counterexample) -> tuple[list[int], list[int]]:
    (source,) = found.sources
    return [found.base[n] for n in "abc"], [source[n] for n in "abc"]


def test_the_smallest_failing_interchange_is_found_and_told(tmp_path: Path) -> None:
    results = run(tmp_path, Adder(15, 2))
    assert results.verdict == "not met"
    (found,) = results.counterexamples
    assert interchange(found) == ([0, 0, 2], [6, 9, 0])
    assert (found.algorithm, found.network) == ({"total": 17}, {"total": 16})
    (moved,) = found.exchanged
    assert (moved.variable, moved.was, moved.value, moved.source) == ("partial", 0, 15, 0)
    assert found.shrunk
    assert found.measured == 2_000
    (row,) = results.table  # of all that was measured, the verdict had been clear before
    assert found.failing == round((1 - dict(row.values)[""]) * 2_000)
    assert found.expectation == "iia of partial on heldout"
    kept = json.loads(json.dumps(results.to_json()))
    assert Results.from_json(kept) == results
    again = run(tmp_path, Adder(15, 2))
    assert again.cached
    assert again.counterexamples == results.counterexamples
    assert again.residuals == results.residuals
    console = Console(width=130, file=StringIO())
    show(results, console)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "base    a = 0, b = 0, c = 2" in text
    assert "source  a = 6, b = 9, c = 0" in text
    assert "the algorithm answers 17, the network 16" in text
    assert "wrong in 100 % of cases with `source.partial >= 15 and base.c >= 2`, 0 %" in text


RIVALS = """
algorithm sums {
  input  a, b, c : 0..9
  var    partial : 0..18 = a + b
  output total   : 0..27 = partial + c
}

algorithm others {
  input  a, b, c : 0..9
  var    late    : 0..18 = b + c
  output total   : 0..27 = late + a
}

network given() {
  feed a, b, c
  read total
}

alignment of sums {
  partial -> module "first".output in dims 0..0
}

alignment of others {
  late -> module "first".output in dims 0..0
}

counterfactuals {
  sample 4_000
  interchange sums.partial
  interchange others.late
  split train 50%, heldout 50%
}

expect iia of sums - iia of others >= BOUND on heldout
"""


@pytest.mark.parametrize(("bound", "told"), [("0.5", "others"), ("0.99", "")])
def test_of_a_rival_that_is_beaten_it_is_told_where_it_fails(
    tmp_path: Path, bound: str, told: str
) -> None:
    """Of a difference that is too small, where the claimed algorithm fails."""
    module = Adder(15, 2) if told == "" else Adder(99, 99)
    hypothesis = causalabs.loads(RIVALS.replace("BOUND", bound), folder=tmp_path)
    results = causalabs.run(hypothesis, network=module, feed=feed, runs=tmp_path / "runs")
    assert results.verdict == ("met" if told else "not met")
    (found,) = results.counterexamples
    assert (found.rival, found.name) == (told, "late" if told else "partial")
    assert found.algorithm != found.network
    assert Results.from_json(json.loads(json.dumps(results.to_json()))) == results
    console = Console(width=130, file=StringIO())
    show(results, console)
    said = "the rival others: smallest failing interchange of late"
    assert (said in console.file.getvalue()) == bool(told)  # type: ignore[attr-defined]


def test_what_is_shown_is_still_admitted(tmp_path: Path) -> None:
    conditions = {
        "KEEP": "keep where base.a != 0 and source.c > base.b",
        "WHERE": "where base.b > 1",
    }
    (found,) = run(tmp_path, Adder(15, 2), **conditions).counterexamples
    assert interchange(found) == ([1, 2, 2], [6, 9, 3])


def test_a_source_that_changes_only_some_inputs_keeps_the_rest(tmp_path: Path) -> None:
    (found,) = run(tmp_path, Adder(15, 2), KEEP="source changes only a").counterexamples
    assert interchange(found) == ([0, 6, 2], [9, 6, 2])


def test_a_clean_run_that_is_wrong_is_shown_without_a_source(tmp_path: Path) -> None:
    results = run(tmp_path, Adder(15, 2), ACCURACY="1.0", BOUND="0.5")
    (found,) = results.counterexamples
    assert (found.metric, found.line, found.sources) == ("accuracy", -1, ())
    assert found.base == {"a": 6, "b": 9, "c": 2}
    (rule,) = results.residuals
    assert rule.rule.startswith("partial >= 15")


@pytest.mark.parametrize("solved", ["", "keep solved"])
def test_nothing_is_shown_of_what_is_met(solved: str, tmp_path: Path) -> None:
    results = run(tmp_path, Adder(15, 2), BOUND="0.5", KEEP=solved)
    assert results.verdict == "met"
    assert not results.counterexamples
    assert not results.residuals


def test_a_filter_for_what_the_network_solves_holds_for_what_is_shown(tmp_path: Path) -> None:
    (found,) = run(tmp_path, Adder(15, 2), KEEP="keep solved").counterexamples
    assert interchange(found) == ([0, 0, 2], [6, 9, 0])
    parts = {"KEEP": "keep solved", "BOUND": "1.0", "ACCURACY": "0.1"}
    results = run(tmp_path, Adder(9, 0), **parts)  # no source with a large sum is solved
    assert results.verdict == "met"


def test_without_the_shrinker_the_simplest_measured_one_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("causalabs.engine.counterexamples._shrunk", lambda *_: None)
    (found,) = run(tmp_path, Adder(15, 2)).counterexamples
    assert not found.shrunk
    base, source = interchange(found)
    assert source[0] + source[1] >= 15
    assert base[2] >= 2
    assert base[0] == 0


def test_a_failing_test_item_shows_it(tmp_path: Path) -> None:
    results = run(tmp_path, Adder(15, 2))
    text = failure_text(results.expectations[1], results)
    assert "    base    a = 0, b = 0, c = 2" in text
    assert "the network 16" in text


def test_what_does_not_fail_again_is_not_shown_but_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(self: Trials, runs: Any) -> None:
        raise EngineError("a prompt lacks a token")

    monkeypatch.setattr(Trials, "_run", refuses)
    results = run(tmp_path, Adder(15, 2))
    assert results.verdict == "not met"
    assert not results.counterexamples
    assert any("none failed again by itself" in note for note in results.notes)


@pytest.mark.parametrize("seed", range(12))
def test_the_shrinker_starts_at_what_was_measured(seed: int) -> None:
    random = Random(seed)
    start = [random.randint(-3, 9) for _ in range(random.randint(1, 8))]
    slack = random.randint(0, 30) if seed else 0
    least = sum(start) - slack
    found = _shrunk([(-3, 9)] * len(start), tuple(start), lambda codes: sum(codes) >= least)
    assert found is not None
    assert sum(found) >= least
    lowered = [
        (*found[:i], value - 1, *found[i + 1 :]) for i, value in enumerate(found) if value > 0
    ]
    assert all(sum(each) < least for each in lowered)
