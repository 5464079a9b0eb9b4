"""Conditions on pairs, and references outside expressions."""

from __future__ import annotations

import pytest

from causalabs.algorithm.domains import Cyclic, Enum, Interval, Mod
from causalabs.algorithm.elaborate import (
    coded_value,
    elaborate_condition,
    nearest,
    readables,
    resolve_ref,
)
from causalabs.algorithm.expression import names
from causalabs.syntax import ast
from tests.algorithm.elaborating import algorithm, condition, elaborated

FOUND = algorithm(
    "input a[4] : bool",
    "input x : 0..9",
    "input c : {red, blue}",
    "input r, s : real[2] in 0..1",
    "var carry[i in 0..2] : bool = a[i] and a[i + 1]",
    "output y : bool = carry[2] and x > 3 and c == red and r == s",
)
SCOPE = elaborated("domain D = {one, two}\n")[2]


def paired(text: str) -> tuple[tuple[str, ...] | None, list[str]]:
    known = readables(FOUND, ["base", "source"])
    found, rules = elaborate_condition(condition(text), SCOPE, known)
    return (None if found is None else names(found)), [rule.code for rule in rules]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("source.x > base.x", ("source.x", "base.x")),
        ("not base.carry[0]", ("base.carry[0]",)),
        ("any(base.a[i] != source.a[i] for i in 0..1)",
         ("base.a[0]", "source.a[0]", "base.a[1]", "source.a[1]")),
        ("base.c == red", ("base.c",)),
        ("count(base.carry) >= 2", ("base.carry[0]", "base.carry[1]", "base.carry[2]")),
        ("base.r == base.s", ("base.r", "base.s")),
        ("base.a[base.x]", ("base.x", "base.a[0]", "base.a[1]", "base.a[2]", "base.a[3]")),
    ],
)  # fmt: skip
def test_conditions_on_pairs(text: str, expected: tuple[str, ...]) -> None:
    assert paired(text) == (expected, [])


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("x > 3", "C115"),
        ("a[0]", "C115"),
        ("base.carri[0]", "C101"),
        ("base.carry[3]", "C120"),
        ("base.carry", "C121"),
        ("bsae.x > 3", "C101"),
        ("base.x", "C203"),
        ("base.c == green", "C101"),
        ("base.r == source.r", "C210"),
        ("two_ands.x == 3", "C101"),
    ],
)
def test_conditions_that_are_wrong(text: str, code: str) -> None:
    assert paired(text) == (None, [code])


def ref(text: str) -> ast.Ref:
    found = condition(f"any({text})")
    assert isinstance(found, ast.Apply)
    argument = found.arguments[0]
    assert isinstance(argument, ast.Ref)
    return argument


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x", ("x",)),
        ("carry", ("carry[0]", "carry[1]", "carry[2]")),
        ("carry[1]", ("carry[1]",)),
        ("carry[3 - 1]", ("carry[2]",)),
        ("carry[i in 1..2]", ("carry[1]", "carry[2]")),
        ("algorithm_.x", ()),
        ("carry[k + 1]", ("carry[2]",)),
    ],
)
def test_references(text: str, expected: tuple[str, ...]) -> None:
    assert resolve_ref(ref(text), FOUND, {"k": 1})[0] == expected


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("carri", "C101"),
        ("carry[3]", "C120"),
        ("carry[i in 0..3]", "C120"),
        ("carry[i in 2..1]", "C211"),
        ("carry[0, 1]", "C121"),
        ("x[0]", "C121"),
        ("carry[n]", "C101"),
        ("carry[true]", "C203"),
        ("x.y", "C221"),
        ("carry[i in 0..999_999_999_999]", "C120"),
    ],
)
def test_references_that_are_wrong(text: str, code: str) -> None:
    found, rules = resolve_ref(ref(text), FOUND)
    assert found == ()
    assert [rule.code for rule in rules] == [code]


def test_a_poisoned_name_is_not_missed() -> None:
    assert resolve_ref(ref("lost"), FOUND, poisoned=frozenset({"lost"})) == ((), [])


@pytest.mark.parametrize(
    ("value", "domain", "code"),
    [
        (ast.Value(ast.Name("b")), Enum(("a", "b")), 1),
        (ast.Value(ast.Text("b")), Cyclic(("b", "a")), 0),
        (ast.Number(ast.Digits("3")), Interval(-3, 3), 3),
        (ast.Number(ast.Digits("3"), True), Interval(-3, 3), -3),
        (ast.Number(ast.Digits("4")), Interval(-3, 3), None),
        (ast.Number(ast.Digits("4")), Mod(4), None),
        (ast.Truth(True), Enum((1, 2)), None),
        (ast.Number(ast.Digits("1")), Enum((True, 1)), 1),
        (ast.Value(ast.Name("b")), Mod(4), None),
        (ast.Number(ast.Digits("1.5")), Mod(4), None),
    ],
)
def test_coded_values(value: ast.AnyValue, domain: Enum, code: int | None) -> None:
    found, rules = coded_value(value, domain)
    assert found == code
    assert bool(rules) == (code is None)


def test_the_nearest_name() -> None:
    candidates = ["partial", "total", "left", "right"]
    assert nearest("partail", candidates) == "partial"
    assert nearest("Left", candidates) == "left"
    assert nearest("rigth", candidates) == "right"
    assert nearest("wholly_else", candidates) is None
    assert nearest("x", ["y"]) is None
