"""The automatic rival: what it changes, what it keeps, and that its figures are true."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

import causalabs
from causalabs.algorithm.model import Algorithm
from causalabs.counterfactuals.answering import answered_by
from causalabs.counterfactuals.draw import draw
from causalabs.hypothesis.model import Hypothesis
from causalabs.rivals.wrong import Wrong, wrong_algorithm

FILE = """
hypothesis made

algorithm {{
{algorithm}
}}

network mlp(hidden = [8]) {{
  feed {inputs}
  read {output}
  train until accuracy >= 0.9
}}

alignment {{
  {variable} -> hidden 0 in 2 learned dims
}}

counterfactuals {{
  sample 2_000
  interchange {line}
  split train 50%, heldout 50%
}}

expect iia >= 0.9 on heldout
report iia on heldout under untrained
"""
SUM = """  input  x, y, z : 0..3
  var    partial : 0..6 = x + y
  output total   : 0..9 = partial + z"""
ROUTE = """  input  p, q, r : bool
  var    both    : bool = p and q
  output result  : bool = both or r"""


def made(
    algorithm: str = SUM,
    inputs: str = "x, y, z",
    output: str = "total",
    variable: str = "partial",
    line: str = "",
) -> Hypothesis:
    text = FILE.format(
        algorithm=algorithm,
        inputs=inputs,
        output=output,
        variable=variable,
        line=line or variable,
    )
    return causalabs.loads(text)


def rival(hypothesis: Hypothesis) -> Wrong:
    found = wrong_algorithm(hypothesis, hypothesis.alignments[0].name)
    assert found is not None
    return found


def answers(algorithm: Algorithm, base: dict[str, int], **taken: object) -> object:
    return algorithm.run(base, taken)["total"][0]


def test_the_rival_of_a_sum_takes_another_partial_sum() -> None:
    found = rival(made())
    assert found.sentence.startswith(
        "`partial : x + y` read as `z + y` and `total : partial + z` read as `partial + x`; "
        "the same output on all inputs, another answer after "
    )


def test_its_figures_are_those_of_plain_enumeration() -> None:
    hypothesis = made()
    right, found = hypothesis.algorithm, rival(hypothesis)
    wrong = found.algorithm
    every = [dict(zip("xyz", each, strict=True)) for each in product(range(4), repeat=3)]
    assert found.every
    assert found.agrees == np.mean([answers(right, b) == answers(wrong, b) for b in every]) == 1
    apart = []
    for base, source in product(every, repeat=2):
        mine = answers(right, base, partial=right.run(source)["partial"][0])
        theirs = answers(wrong, base, partial=wrong.run(source)["partial"][0])
        apart.append(mine != theirs)
    assert found.apart == pytest.approx(np.mean(apart), abs=0.05)  # from 1,024 drawn


def test_all_but_the_changed_mechanisms_stay() -> None:
    for hypothesis in (made(), made(ROUTE, "p, q, r", "result", "both")):
        right, found = hypothesis.algorithm, rival(hypothesis)
        changed = {each.variable for each in found.changes}
        assert {v.name for v in found.algorithm.variables} == {v.name for v in right.variables}
        assert found.algorithm.name == right.name
        known: set[str] = set()
        for variable in found.algorithm.variables:
            assert known.issuperset(variable.parents)  # causal order
            known.add(variable.name)
            old = right[variable.name]
            assert (variable.domain, variable.role) == (old.domain, old.role)
            assert (variable.mechanism != old.mechanism) == (variable.name in changed)


def test_it_is_the_same_whatever_the_seeds_and_splits() -> None:
    hypothesis = made(ROUTE, "p, q, r", "result", "both")
    assert rival(hypothesis) == rival(replace(hypothesis, seeds=(3, 4)))


def test_an_aligned_input_is_read_wrongly_by_what_is_computed_from_it() -> None:
    found = rival(made(variable="x"))
    assert {each.variable for each in found.changes} <= {"partial", "total"}
    assert found.apart > 0.2


def test_there_is_none_where_values_are_only_set() -> None:
    text = FILE.format(
        algorithm=ROUTE, inputs="p, q, r", output="result", variable="both", line="both"
    )
    text = text.replace("interchange both", "set both = true as on")
    text = text.replace("2 learned", "1 mean_difference")
    hypothesis = causalabs.loads(text)
    assert wrong_algorithm(hypothesis, hypothesis.alignments[0].name) is None


def test_the_right_algorithm_answers_as_it_did() -> None:
    for hypothesis in (made(), made(line="partial as moved where source.partial > 2")):
        drawn = draw(hypothesis, seed=3)
        again = answered_by(hypothesis.algorithm, hypothesis.counterfactuals.lines, drawn)
        for name, column in drawn.clean[hypothesis.algorithm.name].items():
            assert np.array_equal(column, again.clean[hypothesis.algorithm.name][name])
        for one, two in zip(drawn.lines, again.lines, strict=True):
            assert np.array_equal(one.answers["total"], two.answers["total"])
            assert np.array_equal(one.sources, two.sources)


def test_the_rival_answers_the_same_rows_otherwise() -> None:
    hypothesis = made()
    found, drawn = rival(hypothesis), draw(hypothesis, seed=3)
    other = answered_by(found.algorithm, hypothesis.counterfactuals.lines, drawn)
    (one,), (two,) = drawn.lines, other.lines
    assert np.array_equal(one.base, two.base)
    differ = float((one.answers["total"] != two.answers["total"]).mean())
    assert differ == pytest.approx(found.apart, abs=0.05)


COMPARE = """  input  x, y : 0..5
  input  flip : bool
  var    larger : bool = x > y
  output answer : bool = larger xor flip"""


def test_a_rivals_variable_is_not_the_answer_in_other_words() -> None:
    """`x > y xor flip`, handed on as it is, would be found wherever the answer is."""
    hypothesis = made(COMPARE, "x, y, flip", "answer", "larger")
    wrong = rival(hypothesis).algorithm
    every = [
        {"x": x, "y": y, "flip": flip} for x, y, flip in product(range(6), range(6), (False, True))
    ]
    differs = 0
    for base, source in product(every[::5], every[::3]):
        after = wrong.run(base, {"larger": wrong.run(source)["larger"][0]})["answer"][0]
        differs += bool(after != wrong.run(source)["answer"][0])
    assert differs > 0


def test_it_may_be_where_the_right_one_is() -> None:
    """A variable that is handed on as the output leaves no other rival."""
    plain = COMPARE.replace("larger xor flip", "larger").replace("  input  flip : bool\n", "")
    assert rival(made(plain, "x, y", "answer", "larger")).apart > 0
