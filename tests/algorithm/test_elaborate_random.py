"""Random algorithms as text: well-typed ones elaborate, others give findings, none raise."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings, strategies as st

from causalabs.algorithm.domains import Bool, Enum, Integer, Interval, Mod
from causalabs.algorithm.expression import Constant, Expression, Operation, parts, walk
from tests.algorithm.elaborating import block, elaborated

BEFORE = (
    "domain Colour = {red, green, blue}\ndomain Day = cyclic {Mon, Tue, Wed}\n"
    "def twice(n) = n + n\ndef pick(k, p, q) = if k == 0 then p else q\n"
)
INPUTS = (
    "input n, m : 0..9",
    "input xs[3] : -2..4",
    "input t, u : bool",
    "input bs[3] : bool",
    "input c, d : Colour",
    "input w : Day",
    "input k : mod 5",
    "input v1, v2 : real[2] in 0..1",
    "table look[Colour, bool] : 0..9 = {(red, true) -> 1, (red, false) -> 2, (green, true) -> 3,"
    " (green, false) -> 4, (blue, true) -> 5, (blue, false) -> 6}",
)


class Writer:
    """Writes well-typed expressions; each method gives text of one type."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.bound = 0

    def pick(self, *options: object) -> str:
        chosen = self.random.choice(options)
        return chosen() if callable(chosen) else str(chosen)

    def integer(self, depth: int) -> str:
        leaves = ["n", "m", "xs[1]", "xs[m % 3]", "3", "0", "int(k)", "look[c, t]"]
        if depth == 0:
            return self.pick(*leaves)
        a, b = self.integer(depth - 1), self.integer(depth - 1)
        return self.pick(
            *leaves,
            f"({a} + {b} - 1)",
            f"({a} * {b})",
            f"abs({a})",
            f"max({a}, {b})",
            f"sum({a}, xs)",
            f"twice({a})",
            f"count({self.truth(depth - 1)}, bs)",
            f"(if {self.truth(depth - 1)} then {a} else {b})",
            f"pick({a}, {b}, {a})",
            f"index_of({a}, xs)",
            f"({a} // 3 % 4)",
            lambda: self.over(depth, "sum", self.integer),
            f"match {self.colour(depth - 1)} {{ red | blue -> {a}, green -> {b} }}",
            f"match n {{ 0..4 -> {a}, else -> {b} }}",
        )

    def over(self, depth: int, function: str, inner: object) -> str:
        name = f"i{self.bound}"
        self.bound += 1
        body = inner(depth - 1)  # type: ignore[operator]
        element = f"bs[{name}]" if function in ("any", "all", "count") else f"xs[{name}]"
        joiner = " and " if function in ("any", "all", "count") else " + "
        return f"{function}({body}{joiner}{element} for {name} in 0..2)"

    def truth(self, depth: int) -> str:
        leaves = ["t", "u", "bs[2]", "true", "v1 == v2", "c == d", "bs[m % 3]"]
        if depth == 0:
            return self.pick(*leaves)
        a, b = self.truth(depth - 1), self.truth(depth - 1)
        return self.pick(
            *leaves,
            f"({a} and {b} or not {a})",
            f"({a} xor {b})",
            f"({self.integer(depth - 1)} < {self.integer(depth - 1)})",
            f"({self.integer(depth - 1)} + m == {self.integer(depth - 1)})",  # 0..2 has no 3
            f"({self.colour(depth - 1)} != {self.colour(depth - 1)})",
            f"(k + {self.integer(depth - 1)} == 2)",
            f"(w + {self.integer(depth - 1)} == Mon)",
            f"distinct({self.integer(depth - 1)}, n, xs)",
            lambda: self.over(depth, "any", self.truth),
            lambda: self.over(depth, "all", self.truth),
        )

    def colour(self, depth: int) -> str:
        if depth == 0:
            return self.pick("c", "d")
        value = self.pick("red", '"blue"', "d")
        return self.pick("c", f"(if {self.truth(depth - 1)} then c else {value})")


def typed(expression: Expression) -> None:
    """What every expression keeps to, whatever it was made from."""
    for part in walk(expression):
        below = [each.type for each in parts(part)]
        match part:
            case Constant(value, Bool()):
                assert isinstance(value, bool)
            case Constant(value, Enum(values)):
                assert 0 <= value < len(values)
            case Constant(value, Mod(modulus)):
                assert 0 <= value < modulus
            case Operation("add" | "sub" | "mul", _, Integer()):
                assert all(isinstance(each, (Integer, Interval)) for each in below)
            case Operation("and" | "or" | "not" | "any" | "all" | "count"):
                assert all(each == Bool() for each in below)
            case Operation("lt" | "le" | "gt" | "ge"):
                assert all(isinstance(each, (Integer, Interval)) for each in below)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32))
def test_well_typed_algorithms_elaborate(seed: int) -> None:
    writer = Writer(seed)
    text = BEFORE + block(
        *INPUTS,
        f"var a : -999999..999999 = {writer.integer(3)}",
        f"var b : bool = {writer.truth(3)}",
        f"output y : Colour = {writer.colour(3)}",
        "output z : bool = b and a > 0",
    )
    found, rules, _ = elaborated(text)
    assert [(rule.headline(), text[slice(*rule.span)]) for rule in rules] == []
    for variable in found["algorithm"].variables:
        if variable.mechanism is not None:
            typed(variable.mechanism)
    order = [variable.name for variable in found["algorithm"].variables]
    for variable in found["algorithm"].variables:
        assert all(order.index(p) < order.index(variable.name) for p in variable.parents)


ATOMS = [
    "n", "m", "xs", "xs[0]", "xs[n]", "xs[9]", "xs[t]", "t", "u", "bs", "c", "d", "w", "k", "v1",
    "red", "Mon", '"blue"', "nothing", "3", "4", "0.5", "true", "look", "look[c, t]", "look[c]",
    "twice", "twice(n)", "pick(t, c, d)", "base.n", "n.x", "sum(xs)", "sum(bs)", "index_of(c)",
    "{z in 0..3 where z > n}", "{z in Colour where z == c}", "distinct(c, red, d)", "i", "q",
    "xs[i in 0..1]", "f(x)", "f(n)", "4_611_686_018_427_387_903", "x",
]  # fmt: skip


@st.composite
def garbage(draw: st.DrawFn, depth: int = 3) -> str:
    """Expressions that parse, and nothing more."""
    if depth == 0 or draw(st.booleans()):
        return draw(st.sampled_from(ATOMS))
    a, b, c = (draw(garbage(depth - 1)) for _ in range(3))
    return draw(
        st.sampled_from(
            [
                f"({a} + {b} - {c})", f"({a} * {b})", f"({a} // {b})", f"({a} == {b})",
                f"({a} < {b})", f"({a} and {b} or {c})", f"(not {a})", f"(- {a})",
                f"(if {a} then {b} else {c})", f"sum({a} for i in {b}..{c})",
                f"any({a}, {b})", f"xs[{a}]", f"look[{a}, {b}]", f"pick({a}, {b}, {c})",
                f"match {a} {{ red -> {b}, else -> {c} }}", f"match {a} {{ 0..4 -> {b} }}",
                f"max({a} for i in 0..2)", f"index_of({a}, {b})", f"distinct({a}, {b})",
                f"int({a})", f"abs({a})", f"{{q in 0..2 where {a}}}", f"unknown({a})",
            ]
        )
    )  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(
    garbage(),
    garbage(),
    st.sampled_from(["bool", "0..9", "Colour", "Day", "mod 5", "real[2]", "set of 0..3", "Nope"]),
)
def test_garbage_gives_findings_and_never_raises(one: str, two: str, domain: str) -> None:
    text = BEFORE + block(
        *INPUTS,
        f"where {two}",
        f"var a[i in 0..2] : {domain} = {one}",
        f"output y : {domain} = {two}",
        f"def f(x) = {one}",
    )
    found, rules, _ = elaborated(text)
    assert bool(found) != bool(rules)
    places = [(type(rule), rule.span) for rule in rules]
    assert len(set(places)) == len(places)
    for rule in rules:
        assert rule.headline()
        assert rule.help() is not None
        rule.label()
        rule.related()
    for algorithm in found.values():
        for variable in algorithm.variables:
            if variable.mechanism is not None:
                typed(variable.mechanism)


@pytest.mark.parametrize("seed", range(3))
def test_a_failed_variable_breaks_no_reader(seed: int) -> None:
    writer = Writer(seed)
    lines = [*INPUTS, "var lost : bool = n", f"var b : bool = lost and {writer.truth(2)}"]
    _, rules, _ = elaborated(BEFORE + block(*lines, "output y : bool = b or lost"))
    assert [rule.code for rule in rules] == ["C203"]
