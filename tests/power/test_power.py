"""Power: a file's procedure on networks of which the right verdict is known."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import causalabs
from causalabs.errors import RunError
from causalabs.hypothesis.model import Hypothesis, Site
from causalabs.power.cases import cases, claimed
from causalabs.power.look_up import looked_up
from causalabs.power.moved import check_bases, kept, layers_needed, moved
from causalabs.power.results import Tried, shares
from causalabs.power.run import power
from causalabs.power.truth import mimics, stands_in

FILE = """
hypothesis tiny
"x + y comes first."

algorithm first {
  input  x, y, z : mod 3
  var    partial : mod 3 = x + y
  output total   : mod 3 = partial + z
}

network transformer(layers = 2, heads = 2, width = 16) {
  feed "{x} + {y} + {z} ="
  read total at last
  train until accuracy >= 0.9
}

alignment {
  partial -> residual 0..1 at last in DIMS
}

counterfactuals {
  exhaustive
  interchange partial
  split train 60%, select 20%, heldout 20%
}

expect accuracy       >= 0.9  on heldout
expect iia of partial >= 0.95 on heldout
expect iia of partial <= 0.6  on heldout under random_basis
"""

RIVAL = """
algorithm last {
  input  x, y, z : mod 3
  var    rest  : mod 3 = y + z
  output total : mod 3 = x + rest
}
"""

RENAMED = """
algorithm same {
  input  x, y, z : mod 3
  var    other : mod 3 = 2 - x - y
  output total : mod 3 = 2 - other + z
}
"""


def tiny() -> Hypothesis:
    return causalabs.loads(FILE.replace("DIMS", "3 learned dims"))


# --------------------------------------------------------------------- what is compared


def test_a_table_answers_alike_by_nothing_in_between() -> None:
    for file in ("carry_adder", "which_route", "running_sum"):
        hypothesis = causalabs.load(f"examples/{file}.causal")
        right = hypothesis.algorithms[0]
        table = looked_up(right)
        assert {v.role for v in table.variables} == {"input", "output"}
        inputs = causalabs_inputs(hypothesis)
        mine, theirs = right.evaluate(inputs), table.evaluate(inputs)
        for output in right.outputs:
            assert np.array_equal(mine[output.name], theirs[output.name])


def causalabs_inputs(hypothesis: Hypothesis):  # type: ignore[no-untyped-def]
    from causalabs.counterfactuals.draw import BaseSampler

    return BaseSampler(hypothesis).draw(300, generator=np.random.default_rng(0))


def test_half_of_the_networks_implement_the_claim() -> None:
    hypothesis = tiny()
    listed, left_out = cases(hypothesis, 4, layers=2, width=16)
    assert [case.means.implements for case in listed] == [True] * 4 + [False] * 4
    assert [case.layer for case in listed] == [0, 1, 0, 1, 0, 0, 0, 0]
    kinds = {case.means.kind for case in listed if not case.means.implements}
    assert kinds == {"automatic rival", "look-up table"}
    assert len({case.layout.width for case in listed}) == 1
    assert left_out == ()


def test_a_rival_that_is_the_same_in_other_words_is_no_other_means() -> None:
    text = FILE.replace("DIMS", "3 learned dims").replace("alignment {", "alignment of first {")
    hypothesis = causalabs.loads(text + RENAMED)
    first, same = (hypothesis.algorithm_named(name) for name in ("first", "same"))
    assert mimics(hypothesis, first, same)
    listed, left_out = cases(hypothesis, 1, layers=2, width=16)
    assert [case.means.kind for case in listed] == ["algorithm first", "look-up table"]
    assert left_out == (
        "not tried, rival same: it can answer every interchange of `first` by one of its own",
    )


def test_a_rival_that_is_another_is_tried() -> None:
    text = FILE.replace("DIMS", "3 learned dims").replace("alignment {", "alignment of first {")
    hypothesis = causalabs.loads(text + RIVAL)
    assert claimed(hypothesis).name == "first"
    assert not mimics(hypothesis, *(hypothesis.algorithm_named(n) for n in ("first", "last")))
    listed, _ = cases(hypothesis, 2, layers=2, width=16)
    assert [case.means.kind for case in listed[2:]] == ["rival last", "look-up table"]


def test_inputs_side_by_side_are_a_variable() -> None:
    hypothesis = tiny()
    right = hypothesis.algorithms[0]
    here, before = (cases(hypothesis, 2, layers=2, width=16)[0][n].layout for n in (0, 1))
    assert not stands_in(hypothesis, right, here)
    assert stands_in(hypothesis, right, before)  # its layer 0 holds x and y


# ------------------------------------------------------------------- the procedure moved


def test_a_search_moves_with_its_choices() -> None:
    hypothesis = tiny()
    assert layers_needed(hypothesis) == 2
    for layer in (0, 1):
        here = moved(hypothesis, hypothesis.expectations, layer=layer, seed=3)
        (space,) = here.alignments[0].spaces
        assert space.labels == ("hidden 0", "hidden 1")
        sites = [choice.writes for choice in space.members[0].choices]
        assert sites == [(Site("hidden", 0),), (Site("hidden", 1),)]
        assert space.members[0].block == (0, 1, 2)
        assert here.seeds == (3,)


def test_a_family_keeps_its_one_rotation() -> None:
    hypothesis = causalabs.load("examples/carry_adder.causal")
    (space,) = moved(hypothesis, (), layer=0, seed=0).alignments[0].spaces
    homes = {m.variable: m.choices[0].writes[0].layer for m in space.members}
    assert homes == {"carry[0]": 0, "carry[1]": 1, "carry[2]": 2}


def test_a_child_lies_after_its_parent_and_has_its_own_rotation() -> None:
    text = (
        "algorithm {\n  input a, b, c, d : bool\n  var one : bool = a xor b\n"
        "  var two : bool = one xor c\n  output out : bool = two xor d\n}\n"
        "network mlp(hidden = [8]) {\n  feed a, b, c, d\n  read out\n}\n"
        "alignment {\n  one -> hidden 0 in 2 learned dims\n  two -> hidden 0 in 3 learned dims\n}\n"
        "counterfactuals {\n  exhaustive\n  interchange one\n  interchange two\n"
        "  split train 50%, heldout 50%\n}\nexpect iia of two >= 0.9 on heldout\n"
    )
    spaces = moved(causalabs.loads(text), (), layer=0, seed=0).alignments[0].spaces
    found = {s.members[0].variable: (s.labels, s.members[0].block) for s in spaces}
    assert found == {"one": (("hidden 0",), (0, 1)), "two": (("hidden 1",), (0, 1, 2))}


@pytest.mark.parametrize("basis", ["whole", "dims 0..2"])
def test_a_basis_of_its_own_network_is_refused(basis: str) -> None:
    text = FILE.replace(" in DIMS", "" if basis == "whole" else f" in {basis}")
    hypothesis = causalabs.loads(text.replace("expect iia of partial <= 0.6 ", "# "))
    with pytest.raises(RunError, match="means something in its own network only"):
        check_bases(hypothesis)


def test_expectations_under_a_control_are_asked_for() -> None:
    hypothesis = tiny()
    assert len(kept(hypothesis, controls=False)) == 1
    assert len(kept(hypothesis, controls=True)) == 2
    only = replace(hypothesis, expectations=hypothesis.expectations[:1])
    with pytest.raises(RunError, match="expects nothing of `iia`"):
        kept(only, controls=False)


# ------------------------------------------------------------------------------- counts


def test_undecided_is_right_of_none() -> None:
    def tried(implements: bool, verdict: str) -> Tried:
        return Tried(0, implements, "", 0, verdict, (), (), 0, 0.0, "")  # type: ignore[arg-type]

    found = shares([tried(t, v) for t in (True, False) for v in ("met", "not met", "undecided")])
    assert (found.networks, found.met, found.not_met, found.undecided) == (6, 2, 2, 2)
    assert found.right == 2
    assert found.low < found.share < found.high


def test_power_is_told_and_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "tiny.causal"
    file.write_text(FILE.replace("DIMS", "3 learned dims"))
    runs = tmp_path / "runs"
    found = power(causalabs.load(file), networks=1, runs=runs)
    assert (found.implementing.met, found.others.not_met) == (1, 1)
    assert found.left_out == (
        "accuracy on heldout >= 0.9",
        "iia of partial on heldout under random_basis <= 0.6",
    )
    assert found.budget["layers"] == 2
    assert not any(each.cached for each in found.tried)
    again = said(["power", str(file), "--networks", "1", "--runs", str(runs), "--json"], capsys)
    document = json.loads(again)
    assert all(each["cached"] and each["right"] for each in document["tried"])
    assert document["others"]["share"] == 1.0
    text = said(["power", str(file), "--networks", "1", "--runs", str(runs)], capsys)
    assert "implement it" in text
    assert "1 of 1" in text
    assert not file.with_suffix(".causal.lock").exists()


def said(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    from unittest.mock import patch

    from causalabs.cli import main

    capsys.readouterr()
    with patch.object(sys, "argv", ["causalabs", *words]), pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    return capsys.readouterr().out
