"""Alignments: sites, searches, positions, shared bases and blocks."""

from __future__ import annotations

import pytest
from hypothesis import given, settings, strategies as st

from causalabs.algorithm.expression import names
from causalabs.diagnostics import Source
from causalabs.hypothesis.check import examine
from causalabs.hypothesis.model import (
    After,
    Alignment,
    AllOf,
    AnyOf,
    AtIndex,
    AtStep,
    AtText,
    Last,
    Several,
    Site,
    Slot,
)
from causalabs.hypothesis.refs import value_of
from causalabs.hypothesis.registry import BasisKind, can_assign, find, register
from causalabs.hypothesis.rules_alignment import blocks, pair
from causalabs.hypothesis.rules_feed import GRU, STEPS
from causalabs.hypothesis.rules_network import TRANSFORMER, wired
from causalabs.hypothesis.rules_sites import CARRY, aligned, aligned_gru, aligned_mlp
from causalabs.syntax import ast

END = (
    "\ncounterfactuals {\n  sample 100\n  split train 60%, select 20%, heldout 20%\n}\n\n"
    "expect accuracy >= 0.9 on heldout\n"
)


def alignments(text: str) -> tuple[Alignment, ...]:
    checked = examine(Source("hypothesis t\n" + text + END))
    assert checked.hypothesis is not None, [d.message for d in checked.diagnostics]
    return checked.hypothesis.alignments


def alignment(text: str) -> Alignment:
    (found,) = alignments(text)
    return found


def errors(text: str) -> list[str]:
    found = examine(Source("hypothesis t\n" + text + END)).diagnostics
    return [each.code for each in found if each.severity == "error"]


# ---------------------------------------------------------------------- searches


def test_a_range_is_a_search_with_a_label_for_each_layer() -> None:
    (space,) = alignment(aligned('partial -> residual 0..1 at "=" in 8 learned dims')).spaces
    assert space.labels == ('residual 0 at "="', 'residual 1 at "="')
    sites = [choice.writes for choice in space.members[0].choices]
    assert sites == [(Site("residual", layer, position=AtText("=")),) for layer in (0, 1)]
    assert space.members[0].block == tuple(range(8))


@pytest.mark.parametrize(
    ("sites", "written"),
    [
        ("every mlp 0..1 at last", [("mlp", 0, None), ("mlp", 1, None)]),
        ("mlp {0, 1} at last", [("mlp", 0, None), ("mlp", 1, None)]),
        ("head {0.1, 1.3} at last", [("head", 0, 1), ("head", 1, 3)]),
        ("mlp 0 at last, head 1.2 at x", [("mlp", 0, None), ("head", 1, 2)]),
    ],
)
def test_every_braces_and_commas_are_joint(
    sites: str, written: list[tuple[str, int, int | None]]
) -> None:
    (space,) = alignment(aligned(f"partial -> {sites}")).spaces
    (choice,) = space.members[0].choices
    assert [(s.component, s.layer, s.head) for s in choice.writes] == written
    assert space.basis.kind == "whole"
    assert space.members[0].block == ()


def test_at_belongs_to_its_own_site() -> None:
    (space,) = alignment(aligned("partial -> mlp 0 at x, mlp 1 at last")).spaces
    (choice,) = space.members[0].choices
    assert [site.position for site in choice.writes] == [Slot(("x",)), Last()]


def test_from_is_read_elsewhere_and_searched_too() -> None:
    text = "partial -> every residual 0..1 at last from residual 0..1 at y in 4 learned dims"
    (space,) = alignment(aligned(text)).spaces
    assert len(space.labels) == 2
    for layer, choice in enumerate(space.members[0].choices):
        assert len(choice.writes) == 2
        assert choice.reads == (Site("residual", layer, position=Slot(("y",))),) * 2


# --------------------------------------------------------------------- positions


@pytest.mark.parametrize(
    ("written", "position"),
    [
        ("last", Last()),
        ("x", Slot(("x",))),
        ('"+"', AtText("+")),
        ("index 3", AtIndex(3)),
        ("index 1 + 2", AtIndex(3)),
        ("token 0 of y", Slot(("y",), None, 0)),
        ("token 1 after x", After(Slot(("x",)), 1)),
        ("tokens of x", AllOf(Slot(("x",)))),
        ("every token", AllOf()),
        ("any token", AnyOf()),
        ("any token of y", AnyOf(Slot(("y",)))),
        ("{x, last}", Several((Slot(("x",)), Last()))),
        ("first", AtIndex(0)),
    ],
)
def test_every_position_of_a_prompt(written: str, position: object) -> None:
    (space,) = alignment(aligned(f"partial -> residual 0 at {written}")).spaces
    (choice,) = space.members[0].choices
    assert choice.writes[0].position == position


def test_a_picked_slot_keeps_how_it_is_picked() -> None:
    algorithm = (
        "algorithm {\n  input  a[3] : 0..4\n  input  b : 1..3\n"
        "  var    v : 0..4 = a[b - 1]\n  output c : 0..4 = v\n}\n"
    )
    text = wired('feed "{a[0]} {a[1]} {a[2]} {b}"', "read c at last", call=TRANSFORMER,
                 algorithm=algorithm, alignment="v -> residual 0 at a[b - 1]")  # fmt: skip
    position = alignment(text).spaces[0].members[0].choices[0].writes[0].position
    assert isinstance(position, Slot)
    assert position.inputs == ("a[0]", "a[1]", "a[2]")
    assert position.pick is not None
    assert names(position.pick) == ("b",)
    assert "C446" in errors(text.replace("at a[b - 1]", "at a[b]"))


# ------------------------------------------------------------------------- blocks


def test_variables_at_one_site_take_disjoint_blocks_of_one_space() -> None:
    text = pair("left -> hidden 0 in 6 learned dims", "right -> hidden 0 in 10 learned dims")
    (space,) = alignment(text).spaces
    assert [member.block for member in space.members] == [tuple(range(6)), tuple(range(6, 16))]
    assert space.width == 16


def test_variables_at_different_sites_share_nothing() -> None:
    text = pair("left -> hidden 0 in 16 learned dims", "right -> hidden 1 in 16 learned dims")
    spaces = alignment(text).spaces
    assert [space.members[0].block for space in spaces] == [tuple(range(16))] * 2


def test_a_family_shares_one_block() -> None:
    text = aligned_gru("pair[i in 0..2] -> state at step i in 8 learned dims")
    (space,) = alignment(text).spaces
    assert [m.variable for m in space.members] == ["pair[0]", "pair[1]", "pair[2]"]
    assert {member.block for member in space.members} == {tuple(range(8))}
    steps = [member.choices[0].writes[0].position for member in space.members]
    assert steps == [AtStep(0), AtStep(1), AtStep(2)]


def test_a_family_and_a_variable_at_one_of_its_sites() -> None:
    places = (
        "pair[i in 1..2] -> state at step i in 3 learned dims\n"
        "  pair[0] -> state at step 1 in 4 learned dims"
    )
    text = wired(*STEPS, call=GRU, algorithm=CARRY, alignment=places)
    (space,) = alignment(text).spaces
    assert [member.block for member in space.members] == [(0, 1, 2), (0, 1, 2), (3, 4, 5, 6)]


def test_two_names_of_one_token_are_one_site() -> None:
    algorithm = pair("").split("network")[0]
    places = (
        'left  -> residual 0 at "=" in 3 learned dims\n'
        "  right -> residual 0 at last in 4 learned dims"
    )
    text = wired('feed "{a} {b} {c} {d} ="', "read same at last", call=TRANSFORMER,
                 algorithm=algorithm, alignment=places)  # fmt: skip
    (space,) = alignment(text).spaces
    assert [member.block for member in space.members] == [(0, 1, 2), (3, 4, 5, 6)]


def test_two_alignments_never_share() -> None:
    first, second = alignments(blocks("here", "there"))
    assert (first.name, second.name) == ("here", "there")
    assert first.spaces[0].members == second.spaces[0].members


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(1, 12), min_size=2, max_size=2),
    st.lists(st.integers(0, 1), min_size=2, max_size=2),
)
def test_dims_are_counted_at_each_site(counts: list[int], layers: list[int]) -> None:
    lines = [
        f"{name} -> hidden {layer} in {count} learned dims"
        for name, layer, count in zip(("left", "right"), layers, counts, strict=True)
    ]
    shared = layers[0] == layers[1]
    fits = not shared or sum(counts) <= 16
    assert errors(pair(*lines)) == ([] if fits else ["C412"])
    if fits:
        spaces = alignment(pair(*lines)).spaces
        assert len(spaces) == (1 if shared else 2)
        for space in spaces:
            taken = [dim for member in space.members for dim in member.block]
            assert taken == list(range(len(taken)))


@settings(max_examples=60, deadline=None)
@given(*[st.tuples(st.integers(0, 18), st.integers(0, 18)).map(sorted)] * 2)
def test_neurons_overlap_exactly_when_their_ranges_do(left: list[int], right: list[int]) -> None:
    text = pair(
        f"left -> hidden 0 in dims {left[0]}..{left[1]}",
        f"right -> hidden 0 in dims {right[0]}..{right[1]}",
    )
    found = errors(text)
    inside = max(left[1], right[1]) < 16
    apart = left[1] < right[0] or right[1] < left[0]
    assert (found == []) == (inside and apart)
    assert len(found) <= 1


# -------------------------------------------------------------------- the rest


def test_each_mistake_of_several_lines_is_told_once() -> None:
    text = pair("left -> hiden 0 in 8 lerned dims", "rigt -> hidden 9")
    assert sorted(errors(text)) == ["C405", "C410", "C430", "C431"]


def test_a_plug_in_adds_a_basis() -> None:
    text = aligned_mlp("partial -> hidden 0 in 4 whitened dims")
    assert errors(text) == ["C410"]
    register(BasisKind("whitened", assigns=True))
    try:
        assert alignment(text).spaces[0].basis.kind == "whitened"
        assert can_assign("whitened")
        assert not can_assign("learned")
    finally:
        from causalabs.hypothesis import registry

        del registry._ENTRIES[BasisKind, "whitened"]
    assert find(BasisKind, "whitened") is None


def test_huge_ranges_are_refused_at_once() -> None:
    text = wired('feed "{x} + {y} ="', 'read large at last as " {large}"',
                 call='huggingface("gpt2")',
                 alignment="partial -> residual 0..999_999_999_999 at last")  # fmt: skip
    assert errors(text) == ["C431"]
    assert errors(aligned_mlp("partial -> hidden 0 in dims 0..999_999_999_999")) == ["C436"]
    assert errors(aligned_mlp("partial -> hidden 0 in 999_999_999_999 learned dims")) == ["C411"]
    beyond = aligned_gru("pair[i in 0..999_999_999_999] -> state at step i")
    assert errors(beyond) == ["C347"]


@given(st.integers(-50, 50), st.integers(-50, 50), st.sampled_from(["+", "-", "*", "//", "%"]))
def test_constants_fold_as_python_does(left: int, right: int, operator: str) -> None:
    def literal(value: int) -> ast.Expr:
        digits = ast.Literal(ast.Digits(str(abs(value))))
        return ast.Negative(digits) if value < 0 else digits

    names_of = ast.Sum if operator in "+-" else ast.Product
    node = names_of((literal(left), literal(right)), (ast.Name(operator),))
    expected = {
        "+": lambda: left + right,
        "-": lambda: left - right,
        "*": lambda: left * right,
        "//": lambda: left // right if right else None,
        "%": lambda: left % right if right else None,
    }[operator]()
    assert value_of(node, {}) == expected
