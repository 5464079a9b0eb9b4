"""Rivals that a file cannot tell apart, and lines that never change an answer."""

from __future__ import annotations

import pytest

from causalabs.diagnostics import Source
from causalabs.hypothesis.check import check_source
from causalabs.hypothesis.rules_rivals import TWICE
from tests.mutations import EXAMPLES

TWO = """\
algorithm one {{
  input  x, y : 0..3
  var    a    : 0..3 = x
  var    b    : 0..3 = y
  output sum  : 0..6 = a + b
}}
algorithm other {{
  input  x, y : 0..3
  var    c    : 0..3 = {c}
  output sum  : 0..6 = {sum}
}}
counterfactuals {{
  {how}
  {lines}
}}
"""
ISOLATES = """\
algorithm {{
  input  x, y : 0..3
  input  which : bool
  var    kept : 0..3 = x
  output out  : 0..3 = if which then kept else y
}}
network mlp(hidden = [8]) {{
  feed x, y, which
  read out
}}
alignment {{
  kept -> hidden 0
}}
counterfactuals {{
  sample 1_000
  interchange kept as isolate where not base.which{more}
  split heldout 100%
}}
expect iia of isolate >= 0.80 on heldout
"""


def codes(text):
    return [each.code for each in check_source(Source(text))]


def two(*lines, c="x", total="c + y", how="exhaustive"):
    return TWO.format(c=c, sum=total, how=how, lines="\n  ".join(lines))


@pytest.mark.parametrize("how", ["exhaustive", "sample 500"])
def test_lines_that_a_rival_can_follow_tell_nothing(how):
    assert "C643" in codes(two("interchange one.a", "interchange other.c", how=how))


def test_a_line_that_the_rival_cannot_follow_tells_them_apart():
    assert "C643" not in codes(two("interchange one.a", "interchange one.b", "interchange other.c"))
    swapped = two("interchange one.a", "interchange other.c", c="3 - y", total="3 + x - c")
    assert "C643" not in codes(swapped)


def test_a_rename_with_other_values_is_still_alike():
    text = two("interchange one.a", "interchange other.c", c="3 - x", total="3 - c + y")
    assert "C643" in codes(text)


def test_conditions_decide_what_can_be_told():
    lines = (
        "interchange one.a",
        "interchange one.b where source.y == base.y",
        "interchange other.c",
    )
    assert "C643" in codes(two(*lines))


def test_rivals_of_other_answers_or_without_lines_are_left_alone():
    assert "C643" not in codes(
        two("interchange one.a", "interchange other.c", c="y", total="c + y")
    )
    assert "C643" not in codes(two("interchange one.a"))


def test_the_message_counts_what_was_seen():
    found = next(each for each in check_source(Source(TWICE)) if each.code == "C643")
    assert found.label.endswith("on all examples")


def test_real_inputs_are_compared_by_their_patterns():
    text = (EXAMPLES / "which_route.causal").read_text()
    assert "C643" not in codes(text)
    alike = text.replace("either and gate", "(p == q and gate) or (t == u and gate)")
    assert "C643" not in codes(alike)


def test_a_line_that_never_changes_the_answer_is_exempt():
    assert "C641" not in codes(ISOLATES.format(more=""))


def test_a_line_that_changes_nothing_at_all_is_not():
    assert "C641" in codes(ISOLATES.format(more=" and source.kept == base.kept"))


def test_isolate_of_the_reference_file_is_exempt():
    text = (EXAMPLES / "city_country.causal").read_text()
    found = check_source(Source(text, folder=EXAMPLES))
    assert not [each for each in found if each.code == "C641"]
