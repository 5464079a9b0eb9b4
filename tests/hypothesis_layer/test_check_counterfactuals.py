"""What counterfactuals mean, statement by statement."""

from __future__ import annotations

from fractions import Fraction

import pytest

from causalabs.algorithm.domains import Bool, Enum, Interval, Mod
from causalabs.algorithm.expression import names
from causalabs.diagnostics import Rule, Source
from causalabs.hypothesis.check import check_source
from causalabs.hypothesis.lines import code_of, homes_of
from causalabs.hypothesis.shares import count_inputs, dealt
from tests.hypothesis_layer.build import ADDER, SUM, algorithms, counterfactuals


def block(*statements: str) -> str:
    return "counterfactuals {\n" + "".join(f"  {each}\n" for each in statements) + "}\n"


def codes(text: str) -> list[str]:
    return [each.code for each in check_source(Source(text)) if each.severity == "error"]


def test_a_family_line_with_a_binder_is_one_line_for_each_index() -> None:
    counts, found = counterfactuals(
        ADDER + block("exhaustive", "interchange carry[i in 0..2] as moved", "split heldout 100%")
    )
    assert not found
    assert counts is not None
    assert [line.name for line in counts.lines] == ["moved[0]", "moved[1]", "moved[2]"]
    assert [line.variables for line in counts.lines] == [
        ("carry[0]",),
        ("carry[1]",),
        ("carry[2]",),
    ]


def test_a_family_without_index_is_one_joint_line() -> None:
    counts, _ = counterfactuals(
        ADDER + block("sample 10", "interchange carry together", "split heldout 100%")
    )
    assert counts is not None
    (line,) = counts.lines
    assert line.variables == ("carry[0]", "carry[1]", "carry[2]")
    assert (line.sources, {take.source for take in line.takes}) == (1, {0})


def test_each_variable_has_a_source_of_its_own_unless_together() -> None:
    text = SUM + block(
        "sample 10", "interchange x, y", "interchange x, y together", "split heldout 100%"
    )
    counts, found = counterfactuals(text)
    assert not found
    assert counts is not None
    apart, joint = counts.lines
    assert [take.source for take in apart.takes] == [0, 1]
    assert apart.source_of("y") == 1
    assert apart.source_of("partial") is None
    assert joint.source_of("partial") == 0


def test_from_names_origins_with_the_same_binder() -> None:
    counts, found = counterfactuals(
        ADDER
        + block("sample 10", "interchange carry[i in 1..2] from carry[i - 1]", "split heldout 100%")
    )
    assert not found
    assert counts is not None
    taken = [(take.variable, take.origin) for line in counts.lines for take in line.takes]
    assert taken == [("carry[1]", "carry[0]"), ("carry[2]", "carry[1]")]


def test_conditions_speak_of_base_and_source() -> None:
    counts, found = counterfactuals(
        SUM
        + block(
            "sample 10",
            "interchange partial where source.partial != base.partial",
            "keep where base.x > 0",
            "split train 70.5%, heldout 29.5% by x",
        )
    )
    assert not found
    assert counts is not None
    (line,) = counts.lines
    assert line.condition is not None
    assert counts.keep_where is not None
    assert set(names(line.condition)) == {"source.partial", "base.partial"}
    assert names(counts.keep_where) == ("base.x",)
    assert counts.splits == (("train", Fraction(141, 200)), ("heldout", Fraction(59, 200)))
    assert counts.by == "x"


def test_without_split_everything_is_held_out() -> None:
    counts, found = counterfactuals(SUM + block("sample 10", "interchange partial"))
    assert not found
    assert counts is not None
    assert counts.splits == (("heldout", Fraction(1)),)


def test_balance_and_balance_after() -> None:
    counts, found = counterfactuals(
        SUM
        + block(
            "sample 10",
            "balance large after moved",
            "balance partial, x",
            "keep solved",
            "source changes only x",
            "interchange partial as moved",
            "interchange x",
            "split heldout 100%",
        )
    )
    assert not found
    assert counts is not None
    assert counts.balance == (("algorithm", "partial"), ("algorithm", "x"))
    assert [line.balance_after for line in counts.lines] == [("large",), ()]
    assert counts.solved
    assert counts.changes_only == ("x",)


def test_the_order_of_statements_does_not_matter() -> None:
    statements = [
        "sample 10",
        "balance partial",
        "interchange partial as moved where source.x > 1",
        "keep where base.x > 0",
        "balance large after moved",
        "split train 50%, heldout 50%",
    ]
    forwards, _ = counterfactuals(SUM + block(*statements))
    backwards, _ = counterfactuals(SUM + block(*reversed(statements)))
    assert forwards == backwards
    assert forwards is not None


def test_set_codes_its_value() -> None:
    counts, found = counterfactuals(
        SUM + block("sample 10", "set partial = 7 as seven where base.x > 2", "split heldout 100%")
    )
    assert not found
    assert counts is not None
    (line,) = counts.lines
    assert (line.sources, line.takes) == (0, ())
    assert [(each.variable, each.value) for each in line.assignments] == [("partial", 7)]


@pytest.mark.parametrize(
    ("domain", "value", "coded"),
    [
        (Bool(), True, 1),
        (Bool(), 1, None),
        (Interval(2, 5), 5, 5),
        (Interval(2, 5), 6, None),
        (Interval(0, 1), True, None),
        (Mod(4), 3, 3),
        (Mod(4), 4, None),
        (Enum(("a", "b")), "b", 1),
        (Enum(("a", "b")), "c", None),
        (Enum((True, 1)), 1, 1),
    ],
)
def test_values_are_coded_by_their_domain(domain: object, value: object, coded: int | None) -> None:
    assert code_of(domain, value) == coded  # type: ignore[arg-type]


def test_a_condition_on_a_variable_without_source_is_told_once() -> None:
    text = SUM + block("sample 10", "interchange x, y where source.partial > 3")
    assert codes(text) == ["C529"]


def test_a_mistake_in_a_family_line_is_told_once() -> None:
    text = ADDER + block("exhaustive", "interchange carry[i in 1..9]", "split heldout 100%")
    assert codes(text) == ["C120"]


def test_a_broken_algorithm_draws_no_further_mistakes() -> None:
    text = SUM.replace("x + y", "x + yy") + block(
        "sample 10",
        "interchange partial, other",
        "keep where base.z > 1",
        "split heldout 100% by q",
    )
    assert codes(text) == ["C101"]


def test_a_poisoned_name_is_not_unknown() -> None:
    text = SUM.replace("var    partial : 0..18 = x + y", "var    partial : 0..18 = x + + y")
    found = codes(text + block("sample 10", "interchange partial", "split heldout 100%"))
    assert found
    assert all(code.startswith("C0") for code in found)


@pytest.mark.parametrize(
    ("size", "split", "expected"),
    [
        (64, "split heldout 100%", []),
        (65, "split heldout 100%", []),
        (4473, "split heldout 100%", ["C505"]),
        (5000, "split train 50%, heldout 50% by input", []),
        (6400, "split train 50%, heldout 50% by input", ["C505"]),
    ],
)
def test_exhaustive_counts_exactly(size: int, split: str, expected: list[str]) -> None:
    text = (
        f"algorithm {{\n  input  x : 1..{size}\n  var    odd : bool = x % 2 == 1\n"
        "  output y : bool = not odd\n}\n"
    )
    assert codes(text + block("exhaustive", "interchange odd", split)) == expected


def test_where_is_counted_in() -> None:
    text = (
        "algorithm {\n  input  x, y : 0..99\n  where  x == y\n  var    odd : bool = x % 2 == 1\n"
        "  output z : bool = not odd\n}\n"
    )
    (algorithm,) = algorithms(text)
    assert (count_inputs(algorithm).number, count_inputs(algorithm).exact) == (100, True)


def test_dealing_by_largest_remainder() -> None:
    assert dealt(7, [("a", Fraction(1, 2)), ("b", Fraction(1, 2))]) == [4, 3]
    assert dealt(3, [("a", Fraction(9, 10)), ("b", Fraction(1, 10))]) == [3, 0]
    assert sum(dealt(101, [("a", Fraction(1, 3)), ("b", Fraction(2, 3))])) == 101


def test_no_home_is_known_without_alignments() -> None:
    assert homes_of((), frozenset(), False).places == {}


def test_rules_are_rules() -> None:
    _, found = counterfactuals(SUM + block("sample 0", "sample 3", "interchange large, x, x"))
    assert all(isinstance(rule, Rule) for rule in found)
    assert {rule.code for rule in found} == {"C503", "C504", "C522", "C523"}
