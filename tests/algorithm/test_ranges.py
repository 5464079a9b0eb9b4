from __future__ import annotations

import pytest
from hypothesis import given, settings, strategies as st

from causalabs.algorithm.domains import Bool, Integer, Interval, Mod, encode
from causalabs.algorithm.expression import Choice, Constant, Operation, Variable
from causalabs.algorithm.program import Program
from causalabs.algorithm.ranges import LIMIT, bounds_of, under
from tests.algorithm import scalar
from tests.algorithm.generated import FINITE, algorithms, examples

X = Variable("x", Interval(-5, 9))
Y = Variable("y", Interval(0, 4))


def whole(operator, *arguments):
    return Operation(operator, arguments, Integer())


def truth(operator, *arguments):
    return Operation(operator, arguments, Bool())


def number(value):
    return Constant(value, Integer())


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_contains_every_value_and_suspects_every_failure(data):
    algorithm = data.draw(algorithms(FINITE))
    rows = data.draw(examples(algorithm, 4))
    found = []
    for variable in algorithm.variables:
        if variable.mechanism is None:
            continue
        program = Program()
        root = program.add(variable.mechanism)
        ranges = under(program, [])
        found.append((variable, ranges.bounds(root), bool(ranges.suspects)))
    for row in rows:
        known = dict(row)
        for variable, bounds, suspected in found:
            try:
                known[variable.name] = scalar.value(variable.mechanism, known)
            except scalar.Undefined:
                assert suspected
                break
            if bounds is None:
                continue
            code = int(encode(variable.domain, [known[variable.name]])[0])
            assert bounds[0] <= code <= bounds[1]


@pytest.mark.parametrize(
    ("expression", "where", "expected"),
    [
        (whole("add", X, Y), (), (-5, 13)),
        (whole("mul", X, X), (), (-45, 81)),
        (whole("mod", X, number(4)), (), (0, 3)),
        (whole("mod", X, number(-4)), (), (-3, 0)),
        (whole("floordiv", X, number(2)), (), (-3, 4)),
        (whole("abs", X), (), (0, 9)),
        (Choice(truth("gt", X, number(0)), X, number(1), Integer()), (), (1, 9)),
        (X, (truth("eq", whole("add", X, Y), number(13)),), (9, 9)),
        (X, (truth("or", truth("eq", X, number(2)), truth("eq", X, number(4))),), (2, 4)),
        (X, (truth("lt", X, Y), truth("ne", X, number(3))), (-5, 2)),
        (Operation("to_mod", (whole("add", Y, number(7)),), Mod(7)), (), (0, 4)),
    ],
)
def test_bounds(expression, where, expected):
    assert bounds_of(expression, where) == expected


def suspects(expression):
    program = Program()
    ranges = under(program, [root := program.add(expression)][:0])
    ranges.bounds(root)
    return set(ranges.suspects.values())


def test_a_guard_proves_a_division():
    divided = whole("floordiv", number(7), Y)
    assert suspects(divided) == {"division"}
    guarded = Choice(truth("eq", Y, number(0)), number(0), divided, Integer())
    assert suspects(guarded) == set()
    assert suspects(truth("and", truth("gt", Y, number(0)), truth("eq", divided, Y))) == set()


def test_overflow_is_suspected_from_the_limit_on():
    assert suspects(whole("add", number(LIMIT - 1), number(0))) == set()
    assert suspects(whole("add", number(LIMIT - 1), number(1))) == {"overflow"}


def test_contradicting_conditions_leave_nothing():
    program = Program()
    conditions = [truth("gt", X, number(3)), truth("lt", X, number(3))]
    assert under(program, [program.add(each) for each in conditions]) is None
