"""Nothing takes long, nothing raises: sizes are counted before anything is written out."""

from __future__ import annotations

import time

import pytest

from tests.algorithm.elaborating import block, codes, elaborated

X = "input x : 0..9"
MANY = 3_000
DOUBLING = [f"def f{i}(a) = f{i - 1}(a) + f{i - 1}(a)" for i in range(1, 60)]
CHAIN = [f"def f{i}(a) = f{i - 1}(a)" for i in range(1, MANY)]
WIDE = "var v[i in 0..9000] : bool = any(x[j] == i % 9 for j in 0..99)"


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        (["input x[1_000_000_000_000] : bool", "output y : bool = x[0]"], "C216"),
        (["input x[6000] : bool", "input z[6000] : bool", "output y : bool = x[0]"], "C216"),
        ([X, "output y[i in 0..99_999] : bool = x == i % 9"], "C216"),
        ([X, "output y : bool = 5 < sum(x for i in 0..999_999_999_999)"], "C217"),
        ([X, "output y : bool = any(x == j for i in 0..9999, j in 0..9999)"], "C217"),
        ([X, "output y : bool = 5 < sum(sum(x for j in 0..9999) for i in 0..9999)"], "C217"),
        ([X, "output y : set of 0..99_999 = {z in 0..99_999 where z > x}"], "C216"),
        ([X, "output y : bool = 5 < " + " // ".join(["x"] * MANY)], "C217"),
        (["input x[100] : 0..9", WIDE, "output y : bool = v[0]"], "C217"),
        ([X, "def f0(a) = a + a", *DOUBLING, "output y : bool = f59(x) > 3"], "C217"),
        ([X, "def f0(a) = a + 1", *CHAIN, f"output y : bool = f{MANY - 1}(x) > 3"], "C217"),
        ([X, "def f(a) = a + a", "output y : bool = 3 < " + "f(" * 40 + "x" + ")" * 40], "C217"),
        ([X, "output y : bool = x == " + "9" * 10_000], "C214"),
        (["input x : mod " + "9" * 10_000, "output y : bool = x == 1"], "C214"),
        (["input x : real in 0..1e999", "output y : bool = x < 1"], "C214"),
        (["input x[" + "9" * 5_000 + "] : bool", "output y : bool = x[0]"], "C214"),
    ],
)  # fmt: skip
def test_what_is_too_large_is_refused_soon(lines: list[str], code: str) -> None:
    start = time.perf_counter()
    assert set(codes(*lines)) == {code}
    assert time.perf_counter() - start < 60  # not a figure: what is wrong here takes hours


def test_a_domain_of_a_quintillion_values_is_declared() -> None:
    lines = ["input x : 0..1_000_000_000_000_000_000", "output y : bool = x == 7"]
    found, rules, _ = elaborated(block(*lines))
    assert rules == []
    assert found["algorithm"].run({"x": [7, 10**18]})["y"] == [True, False]


def test_a_long_chain_of_domains_is_no_recursion() -> None:
    chain = "\n".join(f"domain D{i} = D{i - 1}" for i in range(1, MANY))
    text = "domain D0 = {a, b}\n" + chain + "\n"
    found, rules, _ = elaborated(text + block(f"input x : D{MANY - 1}", "output y : bool = x == a"))
    assert rules == []
    assert found


def test_a_long_recurrence_is_no_recursion() -> None:
    lines = ["input x : bool", "var c[i in 0..9_000] : bool = if i == 0 then x else not c[i - 1]"]
    found, rules, _ = elaborated(block(*lines, "output y : bool = c[9_000]"))
    assert rules == []
    assert found["algorithm"].run({"x": [True]})["y"] == [True]


def test_thousands_of_mistakes_are_all_told() -> None:
    lines = ["input x : bool", *(f"var v{i} : bool = w{i} and x" for i in range(2_000))]
    _, rules, _ = elaborated(block(*lines, "output y : bool = v0"))
    assert len(rules) == 2_000
