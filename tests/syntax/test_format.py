"""The laws of the formatter: it changes no tree, loses no comment, and has a fixed point."""

import random
import re
from dataclasses import MISSING, fields

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from causalabs.diagnostics import HypothesisError, Source
from causalabs.syntax import ast
from causalabs.syntax.ast import Digits, Name, Text
from causalabs.syntax.format import format_file, format_source
from causalabs.syntax.parse import parse
from tests.syntax.texts import REFERENCE, commented, mutated


def formatted(text: str) -> str:
    return format_source(Source(text))


def laws(text: str) -> str:
    once = formatted(text)
    assert parse(Source(once)).file == parse(Source(text)).file
    assert formatted(once) == once
    notes = re.compile(r"# note \d+")
    assert notes.findall(once) == notes.findall(text)
    assert not re.search(r"[ \t]$", once, re.MULTILINE)
    return once


@pytest.mark.parametrize("name", REFERENCE)
def test_reference_files_format_to_themselves(name: str) -> None:
    assert formatted(REFERENCE[name]) == REFERENCE[name]


@pytest.mark.parametrize("name", REFERENCE)
def test_laws_with_comments_anywhere(name: str) -> None:
    rng = random.Random(name)
    for share in (0.02, 0.1, 0.4, 1.0):
        for _ in range(5):
            text = commented(REFERENCE[name], rng, share)
            assert "# note" in text or share < 0.1
            laws(text)


def test_laws_on_mutations_that_parse() -> None:
    rng = random.Random(3)
    seen = 0
    for _ in range(2500):
        text = mutated(rng.choice(list(REFERENCE.values())), rng)
        if not parse(Source(text)).diagnostics:
            laws(text)
            seen += 1
    assert seen > 100


def test_one_line_and_one_token_a_line_give_the_same() -> None:
    for text in REFERENCE.values():
        bare = re.sub(r"#[^\n]*", "", text)
        parts = re.findall(r'"[^"\n]*"|\w+(?:\.\d+)?|->|\.\.|[=<>!]=|\S', bare)
        spread, joined = "\n".join(parts), " ".join(parts)
        if parse(Source(joined)).diagnostics:  # `7 . 3` is no head
            continue
        assert parse(Source(formatted(spread))).file == parse(Source(text)).file
        assert parse(Source(formatted(joined))).file == parse(Source(text)).file


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("seeds   0 .. 2", "seeds 0..2\n"),
        ("# a\n\n\n\nseeds 0 # b\n# c", "# a\n\nseeds 0  # b\n# c\n"),
        (
            "algorithm{input a:bool var x:bool=(a)or((a and a)) output y:bool=not(x)}",
            "algorithm {\n  input  a : bool\n  var    x : bool = a or (a and a)\n"
            "  output y : bool = not x\n}\n",
        ),
        (
            "algorithm { # open\n # first\n\n input a : bool\n\n # last\n\n}",
            "algorithm {  # open\n  # first\n\n  input  a : bool\n\n  # last\n}\n",
        ),
        ("domain A={a,}domain Bc={b}", "domain A  = {a}\ndomain Bc = {b}\n"),
    ],
)
def test_small_texts(text: str, expected: str) -> None:
    assert formatted(text) == expected
    assert formatted(expected) == expected


def test_what_does_not_parse_is_not_formatted() -> None:
    with pytest.raises(HypothesisError, match="C091"):
        formatted("seeds x")


# ---------------------------------------------------------- trees made at random

names = st.sampled_from(["a", "b", "longer_name", "x1", "_", "Mon"]).map(Name)
whole = st.sampled_from(["0", "1", "12", "1_000"]).map(Digits)
texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=12)
quotes = st.one_of(texts, st.just('a "b"\n\\c\t')).map(Text)
values = st.one_of(
    st.builds(ast.Number, whole, st.booleans()),
    st.builds(ast.Truth, st.booleans()),
    st.builds(ast.Value, st.one_of(names, quotes)),
)
ranges = st.builds(ast.Interval, st.builds(ast.Number, whole), st.builds(ast.Number, whole))


def tuples(found: st.SearchStrategy, least: int = 1, most: int = 3) -> st.SearchStrategy:
    return st.lists(found, min_size=least, max_size=most).map(tuple)


def chains(kind: type, inner: st.SearchStrategy, signs: list[str]) -> st.SearchStrategy:
    def make(terms: tuple, picks: list[str]) -> ast.Node:
        return kind(terms, tuple(map(Name, picks[: len(terms) - 1])))

    return st.builds(
        make, tuples(inner, 2), st.lists(st.sampled_from(signs), min_size=3, max_size=3)
    )


def grow(inner: st.SearchStrategy) -> st.SearchStrategy:
    binders = st.builds(ast.Binder, names, inner, inner)
    arms = st.builds(ast.Arm, tuples(st.builds(ast.Pattern, st.one_of(values, ranges)), 0), inner)
    parts = st.one_of(st.builds(ast.Field, names), st.builds(ast.AtIndex, tuples(inner, 1, 2)))
    return st.one_of(
        st.builds(ast.Choose, inner, inner, inner),
        *(st.builds(kind, tuples(inner, 2)) for kind in (ast.Or, ast.Xor, ast.And)),
        st.builds(ast.Not, inner),
        st.builds(ast.Comparison, inner, st.sampled_from(["==", "!=", "<", ">="]).map(Name), inner),
        chains(ast.Sum, inner, ["+", "-"]),
        chains(ast.Product, inner, ["*", "//", "%"]),
        st.builds(ast.Negative, inner),
        st.builds(ast.Ref, names, tuples(parts, 0, 2)),
        st.builds(ast.Apply, names, tuples(inner), tuples(binders, 0, 2)),
        st.builds(ast.Match, inner, tuples(arms)),
        st.builds(ast.Such, names, ranges, inner),
    )


expressions = st.recursive(
    st.one_of(
        st.builds(ast.Literal, st.one_of(whole, quotes, st.booleans())),
        st.builds(ast.Ref, names),
    ),
    grow,
    max_leaves=14,
)
domains = st.one_of(
    st.builds(ast.Bool),
    ranges,
    st.builds(ast.Mod, whole),
    st.builds(ast.Enum, st.builds(ast.Values, tuples(values, 1, 12))),
    st.builds(ast.Cyclic, st.builds(ast.Values, tuples(values))),
    st.builds(ast.Real, st.one_of(st.none(), whole), st.one_of(st.none(), ranges)),
    st.builds(ast.Set, st.builds(ast.Bool)),
)
cells = st.builds(ast.Cell, names)
statements = st.one_of(
    st.builds(ast.Input, tuples(st.builds(ast.Family, names, tuples(whole, 0, 2))), domains),
    st.builds(ast.Var, cells, domains, expressions),
    st.builds(ast.Output, cells, domains, expressions),
    st.builds(ast.Where, expressions),
    st.builds(ast.Def, names, tuples(names), expressions),
)
files = st.builds(
    ast.File,
    st.just(()),
    st.one_of(st.none(), st.builds(ast.Hypothesis, names, tuples(quotes, 0))),
    tuples(st.builds(ast.Algorithm, st.one_of(st.none(), names), tuples(statements, 0, 4))),
)


@settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
@given(files)
def test_laws_on_generated_trees(file: ast.File) -> None:
    text = format_file(file)
    parsed = parse(Source(text))
    assert not parsed.diagnostics, (text, parsed.diagnostics)
    assert parsed.file == file
    laws(text)


def test_no_field_of_the_tree_is_forgotten_by_equality() -> None:
    for kind in ast.Node.__subclasses__():
        for each in fields(kind):
            assert each.compare or each.name == "span", (kind, each.name)
            assert each.default is MISSING or each.default in (None, (), False, (0, 0))
