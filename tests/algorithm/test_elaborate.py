"""The rules of SEMANTICS, one by one: what each sentence of an algorithm means."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest

from causalabs.algorithm.domains import Enum, Interval, Mod, SetOf
from causalabs.algorithm.expression import Constant, Operation, Pick, Variable, walk
from causalabs.algorithm.model import Algorithm
from tests.algorithm.elaborating import algorithm, codes, elaborated

EXAMPLES = Path(__file__).parents[2] / "examples"


def parents(found: Algorithm) -> dict[str, tuple[str, ...]]:
    return {v.name: v.parents for v in found.variables if v.role != "input"}


# ------------------------------------------------------------------- references

EXPECTED: dict[str, dict[str, dict[str, str]]] = {
    "binding": {"algorithm": {"tag[0]": "", "wanted": "asked who[0] who[1]"}},
    "carry_adder": {
        "algorithm": {
            "carry[0]": "a[0] b[0]",
            "carry[3]": "a[3] b[3] carry[2]",
            "sum[0]": "a[0] b[0]",
            "sum[2]": "a[2] b[2] carry[1]",
            "overflow": "carry[3]",
        }
    },
    "city_country": {"algorithm": {"land": "city", "answer": "asked land part"}},
    "greater_than": {"algorithm": {"seen": "start", "later": "seen"}},
    "hierarchical_equality": {"algorithm": {"left": "a b", "right": "c d", "same": "left right"}},
    "indirect_object": {"algorithm": {"receiver": "first_repeats second first"}},
    "multiple_choice": {
        "algorithm": {
            "pointer": "colour choice[0] choice[1] choice[2] choice[3]",
            "answer": "pointer symbol[0] symbol[1] symbol[2] symbol[3]",
        }
    },
    "refusal": {"algorithm": {"harmful": "prompt", "opening": "harmful"}},
    "reverse": {"algorithm": {"y[0]": "x[4]", "y[4]": "x[0]"}},
    "running_sum": {"algorithm": {"partial": "x y", "total": "partial z"}},
    "weekday": {"algorithm": {"shift": "delta", "answer": "today shift"}},
    "which_route": {
        "two_ands": {"first": "p q r s", "second": "r s t u", "answer": "first second"},
        "gated_or": {"either": "p q t u", "gate": "r s", "answer": "either gate"},
    },
}


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.causal")), ids=lambda path: path.stem)
def test_examples_elaborate_with_their_parents(path: Path) -> None:
    found, rules, _ = elaborated(path.read_text(), EXAMPLES)
    assert [rule.headline() for rule in rules] == []
    for name, expected in EXPECTED.get(path.stem, {}).items():
        known = parents(found[name])
        for variable, names in expected.items():
            assert known[variable] == tuple(names.split())


def test_the_adder_adds() -> None:
    found, _, _ = elaborated((EXAMPLES / "carry_adder.causal").read_text(), EXAMPLES)
    pairs = list(product(range(16), repeat=2))
    inputs = {
        f"{name}[{i}]": [bool(pair[k] >> i & 1) for pair in pairs]
        for k, name in enumerate("ab")
        for i in range(4)
    }
    values = found["algorithm"].run(inputs)
    bits = [values[f"sum[{i}]"] for i in range(4)] + [values["overflow"]]
    for row, (a, b) in enumerate(pairs):
        assert sum(bool(column[row]) << i for i, column in enumerate(bits)) == a + b


def test_the_later_years_are_later() -> None:
    found, _, _ = elaborated((EXAMPLES / "greater_than.causal").read_text(), EXAMPLES)
    later = found["algorithm"].run({"start": [97]})["later"]
    assert {int(str(value)) for value in later[0]} == {98, 99}  # type: ignore[attr-defined]


# ------------------------------------------------------------- A1: dead branches


def test_a1_a_constant_condition_takes_its_branch_before_names_are_resolved() -> None:
    found = algorithm(
        "input x[2] : bool",
        "var c[i in 0..1] : bool = if i == 0 then x[0] else c[i - 1] and x[i]",
        "output y : bool = c[1]",
    )
    assert found["c[0]"].mechanism == Variable("x[0]", found["x[0]"].domain)
    assert found["c[1]"].parents == ("c[0]", "x[1]")


@pytest.mark.parametrize(
    "mechanism",
    [
        "i > 0 and c[i - 1] or x[i]",
        "c[i - 1] and i > 0 or x[i]",
        "x[i] or any(c[i - 1], false) and not (i == 0)",
        "match i { 0 -> x[0], else -> c[i - 1] }",
        "pick(i, x[i], c[i - 1])",
    ],
)
def test_a1_guards_of_a_recurrence(mechanism: str) -> None:
    found = algorithm(
        "input x[2] : bool",
        "def pick(k, a, b) = if k == 0 then a else b",
        f"var c[i in 0..1] : bool = {mechanism}",
        "output y : bool = c[1]",
    )
    assert found["c[0]"].parents == ("x[0]",)
    assert "c[0]" in found["c[1]"].parents


def test_a1_and_or_drop_constants() -> None:
    found = algorithm(
        "input x, z : bool",
        "output y : bool = (true and x) or (false or z) or (false and x)",
    )
    assert found["y"].mechanism == Operation(
        "or",
        (Variable("x", found["x"].domain), Variable("z", found["z"].domain)),
        found["x"].domain,
    )


def test_a1_an_index_that_may_leave_its_range_is_a_look_up() -> None:
    found = algorithm("input x[3] : bool", "input p : 0..2", "output y : bool = x[p]")
    assert isinstance(found["y"].mechanism, Pick)
    assert codes("input x[3] : bool", "input p : 3..4", "output y : bool = x[p]") == ["C120"]


# ------------------------------------------------------------------ A2, A3: order


def test_a2_statement_order_is_free() -> None:
    found = algorithm(
        "output y : bool = b", "var b : bool = a", "var a : bool = x", "input x : bool"
    )
    assert [variable.name for variable in found.variables] == ["x", "a", "b", "y"]


def test_a2_declaration_order_is_kept_where_it_can_be() -> None:
    lines = ["input x : bool", *(f"var v{i} : bool = x" for i in range(9)), "output y : bool = v3"]
    names = [variable.name for variable in algorithm(*lines).variables]
    assert names == ["x", *(f"v{i}" for i in range(9)), "y"]


def test_a2_cycles_are_judged_per_element() -> None:
    line = "var c[i in 0..3] : bool = if i == 3 then x else c[i + 1]"
    found = algorithm("input x : bool", line, "output y : bool = c[0]")
    computed = [v.name for v in found.variables if v.role == "var"]
    assert computed == ["c[3]", "c[2]", "c[1]", "c[0]"]
    line = "var c[i in 0..3] : bool = if i == 3 then c[1] else c[i + 1]"
    _, rules, _ = elaborated("algorithm {input x : bool " + line + " output y : bool = c[0] and x}")
    assert [rule.code for rule in rules] == ["C202"]
    assert rules[0].headline() == "`c[1]` depends on itself (`c[1] -> c[3] -> c[2] -> c[1]`)"


def test_a3_parents_of_a_look_up() -> None:
    found = algorithm(
        "input s[2, 3] : bool", "input p : 0..1", "input q : 0..2", "output y : bool = s[p, q]",
        "output z : bool = s[1, q]",
    )  # fmt: skip
    assert found["y"].parents == ("p", "q", *(f"s[{i}, {j}]" for i in range(2) for j in range(3)))
    assert found["z"].parents == ("q", "s[1, 0]", "s[1, 1]", "s[1, 2]")
    rows = list(product(range(2), range(3)))
    inputs: dict[str, object] = {f"s[{i}, {j}]": [(i, j) == row for row in rows] for i, j in rows}
    inputs |= {"p": [row[0] for row in rows], "q": [row[1] for row in rows]}
    assert [bool(value) for value in found.run(inputs)["y"]] == [True] * 6


# --------------------------------------------------------------------- A4: nothing


@pytest.mark.parametrize(
    ("expression", "value"),
    [("sum(i for i in 1..0)", 0), ("count(i == 0 for i in 1..0)", 0)],
)
def test_a4_empty_ranges_of_numbers(expression: str, value: int) -> None:
    found = algorithm("input x : 0..9", f"output y : 0..9 = {expression}")
    constant = found["y"].mechanism
    assert isinstance(constant, Constant)
    assert constant.value == value


def test_a4_empty_ranges_of_truths() -> None:
    found = algorithm(
        "input x[2] : bool",
        "output y : bool = any(x[i] for i in 1..0)",
        "output z : bool = all(x[i] for i in 1..0)",
    )
    values = [found[name].mechanism for name in "yz"]
    assert [value.value for value in values if isinstance(value, Constant)] == [False, True]


@pytest.mark.parametrize("function", ["min", "max"])
def test_a4_the_smallest_of_nothing_is_an_error(function: str) -> None:
    line = f"output y : 0..9 = {function}(x + i for i in 1..0)"
    assert codes("input x : 0..9", line) == ["C226"]


# ----------------------------------------------------------------- A5: arithmetic


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("output y : 0..9 = n + t", "C203"),
        ("output y : bool = if n then t else t", "C203"),
        ("output y : bool = n == t", "C204"),
        ("output y : 0..9 = m", "C203"),
        ("output y : bool = m == n", "C204"),
        ("output y : bool = m == k", "C206"),
        ("output y : mod 5 = m + k", "C206"),
        ("output y : bool = m < 3", "C208"),
        ("output y : bool = d < d", "C208"),
        ("output y : bool = e < e", "C208"),
        ("output y : Day = d + d", "C207"),
        ("output y : Day = d * 2", "C203"),
        ("output y : Day = 2 - d", "C203"),
        ("output y : Day = d + k", "C206"),
        ("output y : bool = m == 5", "C209"),
        ("output y : bool = n == 10", "C209"),
        ("output y : bool = e == 3", "C209"),
        ("output y : mod 5 = m // 2", "C203"),
        ("output y : 0..9 = -t", "C203"),
    ],
)
def test_a5_what_is_never_converted(line: str, code: str) -> None:
    before = "domain Day = cyclic {Mon, Tue, Wed}\ndomain E = {1, 2, four}"
    inputs = ["input n : 0..9", "input t : bool", "input m : mod 5", "input k : mod 7"]
    assert codes(*inputs, "input d : Day", "input e : E", line, before=before) == [code]


def test_a5_integers_become_residues_where_declared_and_beside_residues() -> None:
    found = algorithm(
        "input n : 0..9",
        "input m : mod 5",
        "var a : mod 5 = n",
        "var b : mod 5 = m + n * 3 - 7",
        "var c : mod 5 = 12",
        "output y : 0..4 = int(a - b * c)",
        "output s : bool = 3 == m",
    )
    rows = list(product(range(10), range(5)))
    values = found.run({"n": [n for n, _ in rows], "m": [m for _, m in rows]})
    for row, (n, m) in enumerate(rows):
        a, b, c = n % 5, (m + n * 3 - 7) % 5, 12 % 5
        assert values["y"][row] == (a - b * c) % 5
        assert values["s"][row] == (m == 3)


def test_a5_places_on_a_circle() -> None:
    found = algorithm(
        "input d, e : Day",
        "input n : 0..9",
        "output later : Day = d + n",
        "output earlier : Day = d - 1",
        "output also : Day = 1 + d",
        "output fixed : Day = Tue + n",
        "output apart : mod 3 = d - e",
        "output is : bool = d + 1 == Mon",
        before="domain Day = cyclic {Mon, Tue, Wed}",
    )
    days = ["Mon", "Tue", "Wed"]
    rows = list(product(range(3), range(3), range(10)))
    values = found.run(
        {"d": [days[d] for d, _, _ in rows], "e": [days[e] for _, e, _ in rows]}
        | {"n": [n for _, _, n in rows]}
    )
    for row, (d, e, n) in enumerate(rows):
        assert values["later"][row] == days[(d + n) % 3]
        assert values["earlier"][row] == days[(d - 1) % 3]
        assert values["also"][row] == days[(d + 1) % 3]
        assert values["fixed"][row] == days[(1 + n) % 3]
        assert values["apart"][row] == (d - e) % 3
        assert values["is"][row] == (d == 2)


def test_a5_enums_widen() -> None:
    found = algorithm(
        "input w : bool",
        "input a : A",
        "input b : B",
        "output y : C = if w then a else b",
        "output z : C = match w { true -> one, false -> a }",
        before="domain A = {one, two}\ndomain B = {two, three}\ndomain C = A or B",
    )
    assert found["y"].domain == Enum(("one", "two", "three"))
    values = found.run({"w": [False, True], "a": ["two", "one"], "b": ["three", "two"]})
    assert values["y"] == ["three", "one"]
    assert values["z"] == ["two", "one"]


# --------------------------------------------------------- A6, A7: numbers, order


def test_a6_constants_fold_as_python_counts() -> None:
    found = algorithm(
        "input x : bool",
        "output a : -9..9 = -7 // 2",
        "output b : -9..9 = -7 % 3",
        "output c : -9..9 = 7 % (-3)",
    )
    values = {n: m.value for n in "abc" if isinstance(m := found[n].mechanism, Constant)}
    assert values == {"a": -4, "b": 2, "c": -2}


def test_a6_integers_stay_below_2_to_the_62() -> None:
    assert codes("input x : 0..1", "output y : bool = x == 2_147_483_648 * 2_147_483_648") == [
        "C214"
    ]
    assert codes("input x : 0..4_611_686_018_427_387_904", "output y : bool = x == 0") == ["C214"]
    algorithm("input x : 0..4_611_686_018_427_387_903", "output y : bool = x == 0")


def test_a7_long_chains_are_shallow_and_right() -> None:
    terms = " - ".join(f"x * {i}" for i in range(1, 60))
    found = algorithm("input x : 0..9", f"output y : -99999..9 = {terms}")
    assert found.run({"x": [3]})["y"] == [3 - 3 * sum(range(2, 60))]


def test_a_match_of_many_arms_is_shallow_and_right() -> None:
    arms = ", ".join(f"{i} -> {(i * 7) % 100}" for i in range(300))
    found = algorithm("input x : 0..299", f"output y : 0..99 = match x {{{arms}}}")
    assert found.run({"x": list(range(300))})["y"] == [(i * 7) % 100 for i in range(300)]
    depth = {id(found["y"].mechanism): 0}
    for part in walk(found["y"].mechanism):  # type: ignore[arg-type]
        for child in (getattr(part, "yes", None), getattr(part, "no", None)):
            if child is not None:
                depth[id(child)] = depth[id(part)] + 1
    assert max(depth.values()) < 50


# ---------------------------------------------------------------------- A8: names


def test_a8_a_value_takes_the_other_operands_type() -> None:
    before = "domain Fruit = {orange, apple}\ndomain Colour = {orange, blue}"
    found = algorithm(
        "input f : Fruit",
        "input c : Colour",
        "output y : bool = orange == f and c == orange",
        "output z : Colour = if f == orange then orange else blue",
        before=before,
    )
    values = found.run({"f": ["orange", "apple"], "c": ["orange", "orange"]})
    assert values["y"] == [True, False]
    assert values["z"] == ["orange", "blue"]
    line = "output y : bool = distinct(orange, orange) and f == apple and c == blue"
    assert codes("input f : Fruit", "input c : Colour", line, before=before) == ["C106"]


def test_a8_quotes_make_a_value_of_a_name_that_is_also_a_variable() -> None:
    before = "domain Token = {a, b}"
    lines = ["input a : bool", "input t : Token"]
    assert codes(*lines, "output y : bool = a and t == a", before=before) == ["C105"]
    assert codes(*lines, "output y : bool = a and a == t", before=before) == ["C105"]
    algorithm(*lines, 'output y : bool = a and t == "a"', before=before)


def test_a8_functions_are_their_own_namespace() -> None:
    found = algorithm("input x : 0..4", "var max : 0..8 = sum(x, x)", "output sum : 0..8 = max")
    assert found.run({"x": [3]})["sum"] == [6]


def test_a8_a_binder_comes_before_a_variable() -> None:
    found = algorithm("input i : 0..3", "output y : 0..3 = sum(i for i in 0..2)")
    assert found["y"].parents == ()


# ---------------------------------------------------------------- A9: definitions


def test_a9_definitions_are_written_out() -> None:
    found = algorithm(
        "input x[3] : 0..9",
        "def twice(v) = v + v",
        "def nth(xs, i) = xs[i]",
        "def all_of(xs) = sum(xs) + twice(nth(xs, 1))",
        "output y : 0..99 = all_of(x)",
    )
    assert found["y"].parents == ("x[0]", "x[1]", "x[2]")
    assert found.run({"x[0]": [1], "x[1]": [2], "x[2]": [3]})["y"] == [10]


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        (["def f(a) = a and x", "output y : bool = f(x)"], "C110"),
        (["def f(a) = f(a)", "output y : bool = f(x)"], "C109"),
        (["def f(a) = g(a)", "def g(a) = f(a)", "output y : bool = g(x)"], "C109"),
        (["def f(a) = a", "output y : bool = f(x, x)"], "C111"),
        (["def f(a) = a", "output y : bool = f"], "C116"),
        (["def f(a) = h(a)", "output y : bool = x"], "C103"),
    ],
)
def test_a9_what_a_definition_may_not(lines: list[str], code: str) -> None:
    assert codes("input x : bool", *lines) == [code]


def test_a9_a_mistake_in_a_definition_is_told_once() -> None:
    lines = ["def f(a) = a + 1", "var u : bool = f(x)", "output y : bool = f(u) or f(x)"]
    assert codes("input x : bool", *lines) == ["C203"]


# ---------------------------------------------------------------- A12, D2, tables


def test_a12_index_of_is_a_place() -> None:
    found = algorithm(
        "input xs[3] : {a, b, c}",
        "where any(xs[i] == b for i in 0..2)",
        "output y : 0..2 = index_of(b, xs)",
    )
    mechanism = found["y"].mechanism
    assert isinstance(mechanism, Operation)
    assert mechanism.type == Interval(0, 2)
    assert len(found.where) == 1
    values = found.run({"xs[0]": ["a", "b"], "xs[1]": ["b", "b"], "xs[2]": ["c", "a"]})
    assert values["y"] == [1, 0]


@pytest.mark.parametrize(
    ("line", "good"),
    [
        ("output y : bool = a == b", True),
        ("output y : bool = same(a, b)", True),
        ("output y : bool = distinct(a, b)", True),
        ("output y : bool = m == b", False),
        ("output y : bool = s == t", True),
        ("output y : bool = s + t == s", False),
        ("output y : bool = s == 0.5", False),
        ("output y : bool = s < 0.5", True),
    ],
)
def test_d2_equality_of_reals_is_between_inputs(line: str, good: bool) -> None:
    lines = [
        "input a, b : real[2] in 0..1",
        "input s, t : real in 0..1",
        "def same(x, y) = x == y",
        "var m : real[2] = if s < t then a else b",
        line,
    ]
    if good:
        algorithm(*lines)
    else:
        assert codes(*lines) == ["C210"]


def test_f4_tables(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(
        "name,size,big,kind\nmouse,1,false,a\ncat,9,false,b\nox,5,true,a\n"
    )
    (tmp_path / "t.jsonl").write_text('{"k": 3, "v": "x"}\n\n{"k": 7, "v": "y"}\n')
    before = 'table t from "t.csv" key name\ntable u from "t.jsonl" key k'
    found, rules, scope = elaborated(
        before
        + "\nalgorithm {input n : t.name input k : u.k var s : 0..9 = t[n].size"
        + " var c : t.kind = t[cat].kind"
        + " output b : bool = t[n].big and s > 1 or t[mouse].big output v : u.v = u[k].v }",
        tmp_path,
    )
    assert rules == []
    assert scope.data["t"].columns["size"] == Interval(1, 9)
    assert scope.data["u"].columns["k"] == Enum((3, 7))
    assert set(scope.hashes) == {"t.csv", "t.jsonl"}
    values = found["algorithm"].run({"n": ["ox", "cat"], "k": [7, 3]})
    assert values["s"] == [5, 9]
    assert values["b"] == [True, False]
    assert values["v"] == ["y", "x"]
    assert found["algorithm"]["c"].parents == ()


def test_sets_are_flags_of_their_values() -> None:
    found = algorithm("input x : 0..4", "output y : set of 0..4 = {z in 0..4 where z * 2 > x}")
    mechanism = found["y"].mechanism
    assert isinstance(mechanism, Operation)
    assert mechanism.type == SetOf(Interval(0, 4))
    assert len(mechanism.arguments) == 5
    assert mechanism.arguments[0] != mechanism.arguments[1]


def test_residue_types() -> None:
    found = algorithm("input x : mod 3", "output y : bool = x + 1 == 0")
    mechanism = found["y"].mechanism
    assert isinstance(mechanism, Operation)
    assert mechanism.arguments[0].type == Mod(3)
    assert found.run({"x": [0, 1, 2]})["y"] == [False, False, True]


def test_tables_of_the_file_and_of_the_algorithm() -> None:
    found = algorithm(
        "input c : Colour",
        "input p : 1..2",
        "table own[1..2, Colour] : Colour = {(1, red) -> blue, (1, blue) -> red,"
        " (2, red) -> red, (2, blue) -> blue}",
        "var d : Colour = own[p, c]",
        "output y : bool = warm[d]",
        "output z : bool = warm[own[2, red]]",
        before="domain Colour = {red, blue}\n"
        "table warm[Colour] : bool = {blue -> false, red -> true}",
    )
    values = found.run({"c": ["red", "red", "blue"], "p": [1, 2, 1]})
    assert values["d"] == ["blue", "red", "red"]
    assert values["y"] == [False, True, True]
    assert values["z"] == [True] * 3
    lines = ["input c : bool", "output y : bool = t[c]"]
    assert codes(*lines, before="table t[bool] : bool = {true -> 3, false -> true}") == ["C209"]
    assert codes(*lines, before="table t[bool] : bool = {true -> true}") == ["C222"]
    assert codes(*lines, before="table t[0..3] : bool = {0 -> true}") == ["C222"]
