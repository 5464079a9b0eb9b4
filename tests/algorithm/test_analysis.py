from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from causalabs.algorithm import rules_analysis, rules_failures
from causalabs.algorithm.analysis import ValuesOf, analyse, new_budget
from causalabs.algorithm.domains import Bool, Interval, Mod, values
from causalabs.algorithm.evaluate import evaluate_expression
from causalabs.algorithm.expression import names
from causalabs.algorithm.mechanisms import Settled
from causalabs.algorithm.model import Algorithm, Variable
from causalabs.diagnostics import Rule
from tests.algorithm import scalar
from tests.algorithm.elaborating import algorithm, elaborated
from tests.algorithm.generated import ENUM, SMALL, expressions

RULES = [
    rule
    for module in (rules_failures, rules_analysis)
    for rule in vars(module).values()
    if isinstance(rule, type) and issubclass(rule, Rule) and "code" in vars(rule)
]


def codes(text: str) -> set[str]:
    found, rules, _ = elaborated(text)
    for each in found.values():
        rules += analyse(each)
    return {rule.code for rule in rules}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_wrong_draws_the_rule_and_right_draws_nothing(rule):
    assert rule.code in codes(rule.wrong)
    assert codes(rule.right) == set()
    assert rule.__doc__


@pytest.mark.parametrize("path", sorted(Path("examples").glob("*.causal")), ids=lambda p: p.stem)
def test_examples_have_no_error(path):
    found, _, _ = elaborated(path.read_text(), path.parent)
    for each in found.values():
        assert [r for r in analyse(each) if r.severity == "error"] == []


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_errors_are_exactly_those_of_brute_force(data):
    """Over all values of the parents, one by one, by the plain evaluator."""
    scope = {"a": SMALL, "b": Bool(), "c": ENUM, "d": Mod(3), "e": Interval(0, 2)}
    kind = data.draw(st.sampled_from([SMALL, Bool(), Mod(5)]))
    mechanism = data.draw(expressions(kind, scope, 3))
    where = data.draw(st.lists(expressions(Bool(), scope, 1), max_size=2))
    if any(name not in scope for e in (mechanism, *where) for name in names(e)):
        return
    inputs = tuple(Variable(n, n, (), "input", d) for n, d in scope.items())
    made = Variable("v", "v", (), "output", kind, mechanism, names(mechanism))
    model = Algorithm("", (*inputs, made), (), tuple(where))
    fails = satisfiable = False
    for row in product(*(values(d) for d in scope.values())):
        known = dict(zip(scope, row, strict=True))
        try:
            if not all(scalar.value(condition, known) for condition in where):
                continue
        except scalar.Undefined:
            continue
        satisfiable = True
        try:
            fails = fails or scalar.value(mechanism, known) not in values(kind)
        except scalar.Undefined:
            fails = True
    found = analyse(model)
    assert ("C236" not in {r.code for r in found}) == satisfiable
    if satisfiable:
        outcome, _ = Settled(model, new_budget()).outcome(made)
        search = outcome.search
        assert bool(search and (search.faults or search.excess)) == fails


def only(found, code):
    (rule,) = [each for each in found if each.code == code]
    return rule


def test_the_largest_excess_is_told_with_the_smallest_witness():
    rule = only(
        analyse(algorithm("input x, y : 0..9", "output z : 0..9 = abs(x - 4) + (y + 1) // 2")),
        "C201",
    )
    assert (rule.value, rule.witness, rule.needed) == ("10", "x = 9, y = 9", "0..10")


def test_a_failure_only_under_intervention_says_so():
    rule = only(
        analyse(algorithm(
            "input x : 0..4", "var a : 0..4 = x", "var b : 0..4 = 4 - x",
            "output c : 0..4 = a + b",
        )),
        "C201",
    )  # fmt: skip
    assert not rule.reached
    assert rule.witness == "a = 4, b = 4"
    assert "an interchange can set these independently" in rule.label()


def test_elements_like_each_other_are_settled_once_and_named_apart():
    rule = only(
        analyse(algorithm("input x[40] : 0..9", "output y[i in 0..39] : 0..9 = x[i] + i // 39")),
        "C201",
    )
    assert (rule.variable, rule.witness) == ("y[39]", "x[39] = 9")


def test_conditions_through_other_inputs_are_seen():
    lines = ["input x, y, z : 0..9", "where x < y", "where y < z", "output o : 0..7 = x"]
    assert not [r for r in analyse(algorithm(*lines)) if r.severity == "error"]
    lines[-1] = "output o : 0..6 = x"
    assert only(analyse(algorithm(*lines)), "C201").witness == "x = 7"


def test_a_witness_that_no_other_input_completes_is_none():
    lines = ["input x, y : 0..9_999", "where x == y * 2", "output o : 0..9_998 = x"]
    found = analyse(algorithm(*lines))
    assert {r.code for r in found} == {"C243", "C250"}


def test_fed_inputs_are_not_unused():
    model = algorithm("input x, y : bool", "input z[2] : bool", "output o : bool = x")
    assert {r.variable for r in analyse(model) if r.code == "C243"} == {"y", "z[0]"}
    assert not [r for r in analyse(model, fed=frozenset({"y", "z"})) if r.code == "C243"]


def test_settable_values_occur():
    model = algorithm("input x : bool", "var t[i in 0..1] : 0..1 = i",
                      "output o : bool = x and t[0] < t[1]")  # fmt: skip
    assert [r.variable for r in analyse(model) if r.code == "C241"] == ["t[0]"]
    lent = {"t[0]": [ValuesOf("t[1]")], "t[1]": [0]}
    assert not [r for r in analyse(model, settable=lent) if r.code == "C241"]


def test_real_inputs_are_told_apart_by_equality_alone():
    model = algorithm(
        "input a, b, c : real[3] in 0..1",
        "var left : bool = a == b",
        "var odd  : bool = a == b and b == c and a != c",
        "output o : bool = left or odd",
    )
    found = analyse(model)
    assert [(r.variable, r.values) for r in found if r.code == "C241"] == [("odd", ("true",))]
    assert {r.parent for r in found if r.code == "C240"} == {"a", "b", "c"}


def test_what_a_budget_does_not_cover_is_said_once():
    budget = new_budget()
    budget.rows = 1_000
    model = algorithm("input x, y, z : 0..99", "output o : 0..9 = x * y // (z + 1)",
                      "output p : 0..9 = x * y % (z + 1)")  # fmt: skip
    found = analyse(model, budget=budget)
    assert [r.code for r in found] == ["C251"]


def test_corners_and_climbing_find_what_cannot_be_enumerated():
    model = algorithm(
        "input x, y, z, w : 0..9_999",
        "output o : 0..9_998 = if x > y and z == w then max(x - y, 0) else 0",
    )
    found = only(analyse(model), "C201")
    row = {p.split(" = ")[0]: np.array([int(p.split(" = ")[1])]) for p in found.witness.split(", ")}
    (value,) = evaluate_expression(model["o"].mechanism, row, 1).tolist()
    assert value == int(found.value) == 9_999


def test_ten_thousand_like_variables_are_settled_once():
    lines = "".join(f"  var v{i} : bool = v{i - 1} xor x[{i % 3}]\n" for i in range(1, 3000))
    found, _, _ = elaborated(
        "algorithm {\n  input x[3] : bool\n  var v0 : bool = x[0]\n" + lines
        + "  output o : bool = v2999\n}\n"
    )  # fmt: skip
    settled = Settled(found["algorithm"], new_budget())
    for variable in found["algorithm"].variables:
        if variable.mechanism is not None:
            settled.outcome(variable)
    assert len(settled._known) <= 3
