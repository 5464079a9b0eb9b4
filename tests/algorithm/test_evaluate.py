from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from causalabs.algorithm.domains import Bool, Enum, Integer, Interval, Real, encode
from causalabs.algorithm.evaluate import MechanismError, evaluate
from causalabs.algorithm.expression import Choice, Constant, LookUp, Operation, Table, Variable
from causalabs.algorithm.model import Algorithm, Variable as ModelVariable
from tests.algorithm import scalar
from tests.algorithm.generated import algorithms, examples, written


def build(*variables: ModelVariable) -> Algorithm:
    return Algorithm("", variables, ())


def var(name, domain, mechanism=None, parents=(), role=None):
    role = role or ("input" if mechanism is None else "output")
    return ModelVariable(name, name, (), role, domain, mechanism, parents)


def columns(algorithm, rows, names):
    return {n: encode(algorithm[n].domain, [row[n] for row in rows]) for n in names}


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_agrees_with_the_plain_evaluator(data):
    algorithm = data.draw(algorithms())
    rows = data.draw(examples(algorithm, data.draw(st.integers(1, 4))))
    inputs = columns(algorithm, rows, [v.name for v in algorithm.inputs])
    names = [v.name for v in algorithm.variables if data.draw(st.integers(0, 5)) == 0]
    forced = [{n: data.draw(written(algorithm[n].domain)) for n in names} for _ in rows]
    given_columns = columns(algorithm, forced, names)
    expected, undefined = [], False
    for row, force in zip(rows, forced, strict=True):
        try:
            expected.append(scalar.run(algorithm, row, force))
        except scalar.Undefined:
            undefined = True
    if undefined:
        with pytest.raises(MechanismError):
            evaluate(algorithm, inputs, given_columns)
        return
    found = evaluate(algorithm, inputs, given_columns)
    for variable in algorithm.variables:
        want = encode(variable.domain, [each[variable.name] for each in expected])
        assert np.array_equal(found[variable.name], want), variable.name
        assert found[variable.name].dtype == want.dtype


X = Variable("x", Interval(0, 9))
SHIFTED = Operation("sub", (X, Constant(3, Integer())), Integer())
DIVIDED = Operation("floordiv", (Constant(6, Integer()), X), Integer())
IS_ZERO = Operation("eq", (X, Constant(0, Integer())), Bool())


def test_a_dead_division_is_not_judged_and_a_live_one_names_its_witness():
    guarded = Choice(IS_ZERO, Constant(0, Integer()), DIVIDED, Integer())
    dead = build(var("x", Interval(0, 9)), var("y", Interval(0, 9), guarded, ("x",)))
    assert dead.run({"x": [0, 3]})["y"] == [0, 2]
    live = build(var("x", Interval(0, 9)), var("y", Interval(0, 9), DIVIDED, ("x",)))
    with pytest.raises(MechanismError, match=r"`y`: division by zero \(x = 0\)") as caught:
        live.run({"x": [3, 0]})
    assert (caught.value.variable, caught.value.witness) == ("y", {"x": 0})


def test_tables_hold_negative_integers():
    table = Table("t", (Interval(0, 2),), Interval(-5, 5), (-3, -1, 4), (True, True, True))
    model = build(var("x", Interval(0, 2)), var("y", Interval(-5, 5), LookUp(table, (
        Variable("x", Interval(0, 2)),), Interval(-5, 5)), ("x",)))  # fmt: skip
    assert model.run({"x": [0, 1, 2]})["y"] == [-3, -1, 4]


def test_and_stops_at_the_first_false():
    safe = Operation("and", (
        Operation("not", (IS_ZERO,), Bool()),
        Operation("eq", (DIVIDED, Constant(2, Integer())), Bool()),
    ), Bool())  # fmt: skip
    model = build(var("x", Interval(0, 9)), var("y", Bool(), safe, ("x",)))
    assert model.run({"x": [0, 3, 1]})["y"] == [False, True, False]


def test_leaving_the_domain_is_an_error_only_when_asked():
    model = build(var("x", Interval(0, 9)), var("y", Interval(0, 9), SHIFTED, ("x",)))
    inputs = {"x": np.array([5, 1])}
    assert evaluate(model, inputs)["y"].tolist() == [2, -2]
    with pytest.raises(MechanismError, match=r"-2 is not in 0\.\.9 \(x = 1\)"):
        evaluate(model, inputs, checked=True)


def test_only_computes_what_is_needed():
    model = build(
        var("x", Interval(0, 9)),
        var("bad", Interval(0, 9), DIVIDED, ("x",), "var"),
        var("y", Interval(-3, 9), SHIFTED, ("x",)),
    )
    assert list(evaluate(model, {"x": np.array([0])}, only=["y"])) == ["y"]


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"x": 10}, r"`x`: 10 is not in 0\.\.9"),
        ({"x": True}, r"`x`: true is not in 0\.\.9"),
        ({"xx": 1}, "no input is called `xx`; did you mean `x`"),
        ({}, r"input `x` \(0\.\.9\) has no value"),
        ({"y": 1}, "no input is called `y`"),
    ],
)
def test_written_mistakes_are_told_with_name_and_domain(inputs, message):
    model = build(var("x", Interval(0, 9)), var("y", Interval(-3, 9), SHIFTED, ("x",)))
    with pytest.raises(ValueError, match=message):
        model.run(inputs)


def test_written_lists_and_single_values_mix_and_lengths_are_checked():
    both = Operation("and", (
        Operation("eq", (Variable("a", Real(2)), Variable("b", Real(2))), Bool()),
        Operation("eq", (Variable("e", Enum(("u", "v"))), Constant(1, Enum(("u", "v")))), Bool()),
    ), Bool())  # fmt: skip
    model = build(
        var("a", Real(2)), var("b", Real(2)), var("e", Enum(("u", "v"))),
        var("y", Bool(), both, ("a", "b", "e")),
    )  # fmt: skip
    found = model.run({"a": [0.5, 1], "b": [[0.5, 1], [0.5, 0]], "e": ["v", "v"]})
    assert found["y"] == [True, False]
    assert model.run({"a": [0.5, 1], "b": [0.5, 1], "e": "v"}, {"y": False})["y"] == [False]
    with pytest.raises(ValueError, match="`b` has 2, `e` has 3"):
        model.run({"a": [0.5, 1], "b": [[0.5, 1], [0.5, 0]], "e": ["v"] * 3})
