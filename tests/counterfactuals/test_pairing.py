"""Rivals are asked about the same bases and sources where their lines are drawn alike."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from causalabs.counterfactuals.draw import draw
from causalabs.counterfactuals.pairing import twins, unpaired
from causalabs.hypothesis.load import loads
from causalabs.hypothesis.model import Hypothesis
from causalabs.judge import judge
from causalabs.plans import make_plan
from causalabs.results import Measured, Outcome

TEXT = """
hypothesis routes

algorithm two {{
  input  p, q, r : real[2] in -1..1
  var    first   : bool = p == q
  var    second  : bool = q == r
  output answer  : bool = first and second
}}

algorithm one {{
  input  p, q, r : real[2] in -1..1
  var    either  : bool = p == q or q == r
  var    far     : bool = p == r
  output answer  : bool = either and far
}}

network mlp(hidden = [8]) {{
  feed p, q, r
  read answer
}}

alignment of two {{
  first  -> hidden 0 in dims 0..3
  second -> hidden 0 in dims 4..7
}}

alignment of one {{
  either -> hidden 0 in dims 0..3
  far    -> hidden 0 in dims 4..7
}}

counterfactuals {{
  sample 400
  {lines}
  split train 50%, heldout 50%
}}

expect iia of two - iia of one >= 0.1 on heldout
"""


def loaded(*lines: str) -> Hypothesis:
    return loads(TEXT.format(lines="\n  ".join(lines)))


def same(hypothesis: Hypothesis, one: int, other: int) -> bool:
    """Whether two lines' examples are the same, number by number."""
    examples = draw(hypothesis, seed=3)
    first, second = examples.lines[one], examples.lines[other]
    rows = [np.concatenate([each.base[None], each.sources]) for each in (first, second)]
    if rows[0].shape != rows[1].shape:
        return False
    columns = examples.inputs.values()
    alike = all(np.array_equal(c[rows[0]], c[rows[1]]) for c in columns)
    return alike and np.array_equal(first.split, second.split)


def test_lines_drawn_alike_share_bases_and_sources() -> None:
    hypothesis = loaded(
        "interchange two.first", "interchange two.first, two.second", "interchange two.second",
        "interchange one.either, one.far", "interchange one.far",
    )  # fmt: skip
    assert twins(hypothesis) == {0: 0, 1: 1, 2: 2, 3: 1, 4: 0}
    assert same(hypothesis, 3, 1)
    assert same(hypothesis, 4, 0)
    assert not same(hypothesis, 2, 0)  # lines of one algorithm are independent
    assert "not paired in `second`" in unpaired(hypothesis)[0]


def test_balance_and_filters_that_hold_for_all_do_not_part_them() -> None:
    hypothesis = loaded(
        "balance two.first, two.second", "keep where source.p == source.q or base.p == base.q",
        "interchange two.first", "interchange one.far",
    )  # fmt: skip
    assert twins(hypothesis) == {0: 0, 1: 0}
    assert same(hypothesis, 0, 1)
    assert unpaired(hypothesis) == ()


@pytest.mark.parametrize(
    ("mine", "theirs", "alike"),
    [
        ("two.first", "one.far where source.far != base.far", False),
        ("two.first where base.first", "one.far where base.far", False),
        ("two.first where base.p == base.q", "one.far where base.p == base.q", True),
        ("two.first where base.p == base.q", "one.far where base.q == base.r", False),
        ("two.first", "one.either, one.far", False),
        ("two.first, two.second together", "one.either", True),
    ],
)
def test_what_parts_rivals(mine: str, theirs: str, alike: bool) -> None:
    hypothesis = loaded(f"interchange {mine}", f"interchange {theirs}")
    assert (twins(hypothesis)[1] == 0) == alike
    assert same(hypothesis, 0, 1) == alike
    assert bool(unpaired(hypothesis)) != alike


def test_answers_that_one_rival_balances_are_its_own() -> None:
    hypothesis = loaded(
        "balance answer after mine", "interchange two.first as mine", "interchange one.far as other"
    )
    assert twins(hypothesis) == {0: 0, 1: 1}


def test_the_difference_of_rivals_is_paired(tmp_path: Path) -> None:
    hypothesis = loaded("interchange two.first", "interchange one.far")
    plan = make_plan(hypothesis)
    assert plan.twins == (0, 0)
    draws = np.random.default_rng(0)
    hits = draws.random(2000) < 0.7  # the rivals are right on nearly the same examples
    columns = {"two": hits | (draws.random(2000) < 0.3), "one": hits}

    def verdicts(twinned: tuple[int, ...]) -> tuple[float, float, int]:
        outcomes = {}
        for job in plan.jobs:
            lines = hypothesis.counterfactuals.lines
            (line,) = job.lines
            column = columns[lines[line].algorithm]
            outcomes[job.name] = Outcome(job.name, (Measured("iia", line, "heldout", column),))
        (found,), _ = judge(hypothesis, replace(plan, twins=twinned), outcomes)
        return found.low, found.high, found.samples

    low, high, samples = verdicts(plan.twins)
    apart_low, apart_high, apart = verdicts((0, 1))
    assert samples == 2000
    assert apart == 4000
    assert high - low < 0.6 * (apart_high - apart_low)
    # Newcombe's paired interval beside the textbook's of the differences themselves.
    difference = columns["two"].astype(float) - columns["one"]
    half = 1.96 * difference.std(ddof=1) / np.sqrt(2000)
    assert low == pytest.approx(difference.mean() - half, abs=0.004)
    assert high == pytest.approx(difference.mean() + half, abs=0.004)
