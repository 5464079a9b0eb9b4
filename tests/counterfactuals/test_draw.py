"""Drawn examples against brute force, example by example, and against their rules."""

from __future__ import annotations

import itertools
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from causalabs.algorithm.domains import Integer, Interval, Real, decode, places
from causalabs.algorithm.expression import Variable as Ref
from causalabs.counterfactuals.deal import share_out
from causalabs.counterfactuals.draw import BaseSampler, DrawError, draw, draw_bases
from causalabs.counterfactuals.equality import partitions
from causalabs.counterfactuals.floors import floors
from causalabs.counterfactuals.shuffle import shuffle_sources
from tests.counterfactuals.build import (
    BOOL,
    COLOUR,
    addition,
    algorithm,
    carry,
    const,
    equality,
    hypothesis,
    line,
    op,
    setting,
    var,
)

INT = Integer()
BALANCED = (("main", "left"), ("main", "right"))


def num(name: str) -> Ref:
    return Ref(name, Interval(0, 27))


def written(examples, model, row):
    """One row of the table as a person writes it."""
    return {v.name: decode(v.domain, examples.inputs[v.name][[row]])[0] for v in model.inputs}


def assert_answers(asked, examples, most=60):
    """Answers equal a slow evaluation, one example at a time."""
    for found in examples.lines:
        asked_line = asked.counterfactuals.lines[found.line]
        model = asked.algorithm_named(asked_line.algorithm)
        for i in range(0, len(found), max(1, len(found) // most)):
            base = written(examples, model, found.base[i])
            values = {}
            for take in asked_line.takes:
                source = written(examples, model, found.sources[take.source, i])
                values[take.variable] = model.run(source)[take.origin][0]
            for given_ in asked_line.assignments:
                domain = model[given_.variable].domain
                column = np.array([given_.value], dtype=bool if domain == BOOL else np.int64)
                values[given_.variable] = decode(domain, column)[0]
            after = model.run(
                {n: [v] for n, v in base.items()}, {n: [v] for n, v in values.items()}
            )
            for output in model.outputs:
                place = found.answers[output.name][i]
                domain = output.domain
                assert places(domain, np.array([_code(domain, after[output.name][0])]))[0] == place


def _code(domain, value):
    from causalabs.algorithm.domains import encode

    return encode(domain, [value])[0]


def columns_of(examples, found, algorithm_name="main"):
    clean = examples.clean[algorithm_name]
    base = {n: c[found.base] for n, c in clean.items()}
    return base, [{n: c[rows] for n, c in clean.items()} for rows in found.sources]


def same(a, b) -> bool:
    if set(a.inputs) != set(b.inputs):
        return False
    alike = all(np.array_equal(a.inputs[n], b.inputs[n]) for n in a.inputs)
    return alike and all(lines_same(x, y) for x, y in zip(a.lines, b.lines, strict=True))


def lines_same(x, y) -> bool:
    return (
        np.array_equal(x.base, y.base)
        and np.array_equal(x.sources, y.sources)
        and np.array_equal(x.split, y.split)
        and all(np.array_equal(x.answers[n], y.answers[n]) for n in x.answers)
    )


# ------------------------------------------------------------------ real vectors


def test_reals_are_float32_within_bounds_and_shared_only_when_equal():
    asked = hypothesis(equality(), [line("left")], sample=2000, balance=BALANCED)
    examples = draw(asked, seed=1)
    assert examples.rows == 4000
    for name in "abcd":
        column = examples.inputs[name]
        assert column.shape == (4000, 4)
        assert column.dtype == np.float32
        assert column.min() >= -0.5
        assert column.max() <= 0.5
    equal = (examples.inputs["a"] == examples.inputs["b"]).all(axis=1)
    assert np.array_equal(equal, examples.clean["main"]["left"])
    assert not (examples.inputs["a"] == examples.inputs["c"]).any()
    assert_answers(asked, examples)


def test_balance_is_uniform_over_tuples_in_base_and_source():
    asked = hypothesis(equality(), [line("left")], sample=40_000, balance=BALANCED)
    found = draw(asked, seed=2).lines[0]
    base, (source,) = columns_of(draw(asked, seed=2), found)
    code = base["left"] * 8 + base["right"] * 4 + source["left"] * 2 + source["right"]
    counts = np.bincount(code, minlength=16)
    assert np.abs(counts / 40_000 - 1 / 16).max() < 0.006


@pytest.mark.parametrize("count", range(1, 7))
def test_partitions_are_all_there_once(count):
    found = {tuple(row) for row in partitions(count).tolist()}
    brute = set()
    for labels in itertools.product(range(count), repeat=count):
        brute.add(tuple(labels.index(label) for label in labels))
    assert found == brute


def test_patterns_of_a_chain_are_uniform_and_where_excludes():
    real = Real(3, 0.0, 1.0)
    a, b, c = (Ref(n, real) for n in "abc")
    model = algorithm(
        *(var(n, real) for n in "abc"),
        var("out", BOOL, "output", op("and", op("eq", a, b), op("eq", b, c))),
        where=(op("not", op("and", op("eq", a, c), op("ne", a, b))),),
    )
    examples = draw(hypothesis(model, [line("a")], sample=20_000), seed=0)
    vectors = [examples.inputs[n] for n in "abc"]
    pairs = [(x == y).all(axis=1) for x, y in itertools.combinations(vectors, 2)]
    counts = Counter(zip(*(p.tolist() for p in pairs), strict=True))
    assert set(counts) == {
        (True, True, True),
        (True, False, False),
        (False, False, True),
        (False, False, False),
    }
    assert max(abs(n / 40_000 - 1 / 4) for n in counts.values()) < 0.01


def test_equal_vectors_lie_in_the_bounds_of_both():
    wide, narrow = Real(2, 0.0, 1.0), Real(2, 0.5, 2.0)
    model = algorithm(
        var("a", wide),
        var("b", narrow),
        var("out", BOOL, "output", op("eq", Ref("a", wide), Ref("b", narrow))),
    )
    examples = draw(hypothesis(model, [line("a")], sample=4000), seed=0)
    equal = examples.clean["main"]["out"]
    assert 0.45 < equal.mean() < 0.55
    assert examples.inputs["a"][equal].min() >= 0.5
    assert examples.inputs["a"][~equal].min() < 0.1
    assert examples.inputs["b"][~equal].max() > 1.9


def test_taking_a_vector_from_a_source_makes_it_unequal():
    real = Real(4, -0.5, 0.5)
    a, b = Ref("copy", real), Ref("b", real)
    model = algorithm(
        var("a", real),
        var("b", real),
        var("copy", real, "var", Ref("a", real)),
        var("out", BOOL, "output", op("eq", a, b)),
    )
    asked = hypothesis(model, [line("copy"), line("a", "b", name="both", together=True)])
    examples = draw(asked, seed=0)
    assert not examples.lines[0].answers["out"].any()
    assert 0.4 < examples.lines[1].answers["out"].mean() < 0.6
    assert_answers(asked, examples)
    assert np.array_equal(examples.clean["main"]["copy"], examples.inputs["a"])


def test_source_changes_only_keeps_the_other_vectors():
    asked = hypothesis(equality(), [line("left")], changes_only=("b",), balance=BALANCED)
    examples = draw(asked, seed=3)
    found = examples.lines[0]
    for name in "acd":
        column = examples.inputs[name]
        assert np.array_equal(column[found.base], column[found.sources[0]])
    base, (source,) = columns_of(examples, found)
    assert np.array_equal(base["right"], source["right"])
    assert len(set(zip(base["left"].tolist(), source["left"].tolist(), strict=True))) == 4
    vectors = examples.inputs
    for rows in (found.base, found.sources[0]):
        truth = (vectors["a"][rows] == vectors["b"][rows]).all(axis=1)
        assert np.array_equal(truth, examples.clean["main"]["left"][rows])
    assert_answers(asked, examples)


# ------------------------------------------------------------------- exhaustive


@pytest.mark.parametrize("by", [None, "input", "x"])
def test_exhaustive_is_every_pair_brute_force(by):
    condition = op("ne", num("source.partial"), num("base.partial"))
    asked = hypothesis(
        addition(2),
        [line("partial", condition=condition), line("x", name="x")],
        sample=None,
        by=by,
        splits=(("train", 60), ("heldout", 40)),
    )
    examples = draw(asked, seed=5)
    inputs = list(itertools.product(range(3), repeat=3))
    at = [tuple(int(examples.inputs[n][row]) for n in "xyz") for row in range(examples.rows)]
    assert sorted(at) == inputs
    split_of: dict[tuple[int, ...], int] = {}
    for found in examples.lines:
        for rows in (found.base, *found.sources):
            for row, split in zip(rows, found.split, strict=True):
                split_of.setdefault(at[row], int(split))
    expected = set()
    for b, s in itertools.product(inputs, repeat=2):
        if b[0] + b[1] != s[0] + s[1] and (by is None or split_of[b] == split_of[s]):
            expected.add((b, s))
    found = examples.lines[0]
    drawn = [(at[b], at[s]) for b, s in zip(found.base, found.sources[0], strict=True)]
    assert len(drawn) == len(set(drawn))
    assert set(drawn) == expected
    assert examples.exact == ((by is not None,) * 2)
    if by == "input":
        assert Counter(split_of.values()) == {0: 16, 1: 11}
    if by is None:
        assert np.bincount(found.split).tolist() == share_out(
            len(drawn), [Fraction(6, 10), Fraction(4, 10)]
        )
    if by == "x":
        assert all(split_of[a] == split_of[b] for a in inputs for b in inputs if a[0] == b[0])
    assert_answers(asked, examples)


def test_exhaustive_with_two_sources_together_and_set():
    lines = [
        line("carry[0]", "carry[1]", name="two"),
        line("carry[0]", "carry[1]", name="one", together=True),
        line(("carry[0]", "carry[1]"), ("carry[1]", "carry[0]"), name="swap", together=True),
        setting("carry[0]", 1),
    ]
    asked = hypothesis(carry(), lines, sample=None, splits=(("heldout", 100),))
    examples = draw(asked, seed=0)
    assert [len(found) for found in examples.lines] == [16**3, 16**2, 16**2, 16]
    assert examples.exact == (True,) * 4
    assert examples.lines[3].sources.shape == (0, 16)
    assert_answers(asked, examples)


def test_exhaustive_changing_only_one_input():
    asked = hypothesis(
        addition(3), [line("partial")], sample=None, changes_only=("x",), splits=(("all", 100),)
    )
    examples = draw(asked, seed=0)
    found = examples.lines[0]
    assert len(found) == 64 * 4
    for name in "yz":
        column = examples.inputs[name]
        assert np.array_equal(column[found.base], column[found.sources[0]])
    assert len({(b, s) for b, s in zip(found.base, found.sources[0], strict=True)}) == 256


# ---------------------------------------------------------------------- sampled


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    sample=st.integers(10, 400),
    by=st.sampled_from([None, "input", "x"]),
    balance=st.sampled_from([(), (("main", "partial"),)]),
    relation=st.sampled_from(["ne", "lt", None]),
    shares=st.sampled_from([(("a", 50), ("b", 50)), (("a", 34), ("b", 33), ("c", 33))]),
)
def test_sampled_examples_obey_every_rule(seed, sample, by, balance, relation, shares):
    condition = relation and op(relation, num("base.partial"), num("source.partial"))
    keep = op("ne", num("base.z"), const(0))
    asked = hypothesis(
        addition(3, where=(op("ne", num("y"), const(3)),)),
        [line("partial", condition=condition), line("x", name="x")],
        sample=sample,
        by=by,
        balance=balance,
        keep_where=keep,
        splits=shares,
    )
    examples = draw(asked, seed=seed)
    drawn_shares = [Fraction(share, 100) for _, share in shares]
    seen: dict[int, int] = {}
    for found in examples.lines:
        counts = np.bincount(found.split, minlength=len(shares)).tolist()
        assert counts == share_out(sample, drawn_shares)
        base, (source,) = columns_of(examples, found)
        assert (base["z"] != 0).all()
        assert (base["y"] != 3).all()
        assert (source["y"] != 3).all()
        if found.line == 0 and relation:
            compare = np.not_equal if relation == "ne" else np.less
            assert compare(base["partial"], source["partial"]).all()
        if by is not None:
            for rows in (found.base, *found.sources):
                keys = rows if by == "input" else examples.inputs["x"][rows]
                for key, split in zip(keys.tolist(), found.split.tolist(), strict=True):
                    assert seen.setdefault(key, split) == split
    table = np.stack([examples.inputs[n] for n in "xyz"], axis=1)
    assert len(np.unique(table, axis=0)) == examples.rows
    assert_answers(asked, examples, most=15)


def test_pairs_under_a_condition_are_uniform_over_combinations_of_tuples():
    condition = op("lt", num("base.partial"), num("source.partial"))
    asked = hypothesis(
        addition(2), [line("partial", condition=condition)], sample=50_000,
        balance=(("main", "partial"),),
    )  # fmt: skip
    examples = draw(asked, seed=7)
    base, (source,) = columns_of(examples, examples.lines[0])
    counts = Counter(zip(base["partial"].tolist(), source["partial"].tolist(), strict=True))
    assert set(counts) == {(b, s) for b in range(5) for s in range(b + 1, 5)}
    assert max(abs(n / 50_000 - 1 / 10) for n in counts.values()) < 0.008


@pytest.mark.parametrize("top", [3, 12])
def test_balance_after_makes_answers_uniform(top):
    """With few pairs by listing them, with many by rejection."""
    asked = hypothesis(
        addition(top), [line("partial", balance_after=("total",)), line("partial", name="plain")],
        sample=37_000,
    )  # fmt: skip
    if top == 12:
        with pytest.raises(DrawError, match=r"total = \d+` after `line` is too rare"):
            draw(hypothesis(addition(29), [asked.counterfactuals.lines[0]]), seed=1)
    examples = draw(asked, seed=1)
    values = 3 * top + 1
    counts = np.bincount(examples.lines[0].answers["total"], minlength=values)
    assert np.abs(counts * values / 37_000 - 1).max() < 0.2
    plain = np.bincount(examples.lines[1].answers["total"], minlength=values)
    assert plain.min() * values / 37_000 < 0.7


def test_balance_by_rejection_agrees_with_balance_by_listing(monkeypatch):
    import causalabs.counterfactuals.lines as lines
    import causalabs.counterfactuals.pools as pools

    condition = op("ne", num("base.partial"), num("source.partial"))
    asked = hypothesis(
        addition(3), [line("partial", condition=condition)], sample=42_000,
        balance=(("main", "partial"),),
    )  # fmt: skip
    shares = []
    for few in (True, False):
        if not few:
            monkeypatch.setattr(lines, "FEW_PAIRS", 0)
            monkeypatch.setattr(pools, "MOST_LISTED", 0)
        examples = draw(asked, seed=9)
        base, (source,) = columns_of(examples, examples.lines[0])
        code = base["partial"] * 7 + source["partial"]
        shares.append(np.bincount(code, minlength=49) / 42_000)
        assert_answers(asked, examples)
    assert np.abs(shares[0] - shares[1]).max() < 0.006
    assert np.abs(shares[1][shares[1] > 0] - 1 / 42).max() < 0.005


def test_large_spaces_are_drawn_without_listing():
    wide = Interval(0, 10**9)
    odd = [op("mod", num(name), const(2), type=INT) for name in "xy"]
    model = algorithm(
        *(var(n, wide) for n in "xyzw"),
        var("s", Interval(0, 2), "output", op("add", *odd, type=INT)),
    )
    condition = op("lt", num("base.x"), num("source.x"))
    asked = hypothesis(
        model, [line("x", condition=condition)], sample=5000, by="input",
        balance=(("main", "s"),),
    )  # fmt: skip
    examples = draw(asked, seed=0)
    found = examples.lines[0]
    base, (source,) = columns_of(examples, found)
    assert (base["x"] < source["x"]).all()
    assert np.bincount(found.split).tolist() == [4000, 1000]
    assert np.abs(np.bincount(base["s"]) / 5000 - 1 / 3).max() < 0.03
    assert not set(found.base[found.split == 0]) & set(found.base[found.split == 1])
    assert_answers(asked, examples)


# ------------------------------------------------------------------ keep solved


def test_keep_solved_counts_what_is_left_and_asks_once():
    asked = hypothesis(addition(3), [line("partial")], solved=True, sample=500, by="input")
    asked_for = []

    def solved(inputs, clean):
        asked_for.extend(zip(*(inputs[n].tolist() for n in "xyz"), strict=True))
        return clean["main"]["total"] % 3 != 0

    examples = draw(asked, seed=0, solved=solved)
    found = examples.lines[0]
    assert len(found) == 500
    assert len(asked_for) == len(set(asked_for)) <= 64
    total = examples.clean["main"]["total"]
    assert (total[found.base] % 3 != 0).all()
    assert (total[found.sources] % 3 != 0).all()
    with pytest.raises(DrawError, match="the network solves 0 of"):
        draw(asked, seed=0, solved=lambda inputs, clean: np.zeros(len(inputs["x"]), dtype=bool))


@pytest.mark.parametrize("by", [None, "input"])
def test_a_network_that_solves_nothing_is_told_of_exhaustive_examples_too(by):
    asked = hypothesis(addition(3), [line("partial")], solved=True, sample=None, by=by)
    with pytest.raises(DrawError, match=r"the network solves 0 of .* `keep solved`"):
        draw(asked, seed=0, solved=lambda inputs, clean: np.zeros(len(inputs["x"]), dtype=bool))


def test_keep_solved_of_reals_keeps_their_vectors():
    asked = hypothesis(equality(), [line("left")], solved=True, sample=500, balance=BALANCED)
    examples = draw(asked, seed=0, solved=lambda inputs, clean: inputs["a"][:, 0] > 0)
    assert examples.rows == 1000
    assert (examples.inputs["a"][:, 0] > 0).all()
    assert_answers(asked, examples)


# --------------------------------------------------------------- repeatability


def test_same_seed_same_examples_other_seed_others():
    asked = hypothesis(equality(), [line("left"), line("right", name="r")], balance=BALANCED)
    assert same(draw(asked, seed=0), draw(asked, seed=0))
    assert not same(draw(asked, seed=0), draw(asked, seed=1))
    first, second = draw(asked, seed=0).lines
    assert not np.array_equal(first.answers["same"], second.answers["same"])


def test_renaming_changes_nothing():
    asked = hypothesis(equality(), [line("left")], balance=BALANCED)
    other = hypothesis(
        equality("z_", letters="wvut", vars=("p", "n", "m")),
        [line("z_p", name="other")],
        balance=(("main", "z_p"), ("main", "z_n")),
    )
    mine, theirs = draw(asked, seed=4), draw(other, seed=4)
    for a, b in zip(mine.inputs.values(), theirs.inputs.values(), strict=True):
        assert np.array_equal(a, b)
    assert np.array_equal(mine.lines[0].answers["same"], theirs.lines[0].answers["z_m"])


def test_another_line_changes_no_line():
    both = hypothesis(addition(), [line("x", name="x"), line("partial")], by="input")
    alone = hypothesis(addition(), [line("partial")], by="input")
    more, less = draw(both, seed=2), draw(alone, seed=2)
    for name in "xyz":
        a, b = more.inputs[name], less.inputs[name]
        assert np.array_equal(a[more.lines[1].base], b[less.lines[0].base])
        assert np.array_equal(a[more.lines[1].sources], b[less.lines[0].sources])


# ------------------------------------------------------------------ other parts


@pytest.mark.parametrize("real", [False, True])
def test_shuffle_leaves_no_source_where_it_was(real):
    if real:
        asked = hypothesis(equality(), [line("left"), line("left", "right", name="two")])
    else:
        asked = hypothesis(carry(), [line("carry[0]", "carry[1]")], by="input")
    examples = draw(asked, seed=0)
    shuffled = shuffle_sources(examples, generator=np.random.default_rng(0))
    names = list(examples.inputs)
    for old, new in zip(examples.lines, shuffled.lines, strict=True):
        assert np.array_equal(old.base, new.base)
        for before, after in zip(old.sources, new.sources, strict=True):
            alike = [examples.inputs[n][before] == examples.inputs[n][after] for n in names]
            alike = [a.reshape(len(a), -1).all(axis=1) for a in alike]
            assert not np.all(alike, axis=0).any()
            for split in np.unique(old.split):
                mine = old.split == split
                assert Counter(before[mine].tolist()) == Counter(after[mine].tolist())


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 4), min_size=2, max_size=30), st.integers(0, 99))
def test_shuffle_works_whenever_it_can(values, seed):
    from causalabs.counterfactuals.examples import Examples, LineExamples

    rows = np.arange(len(values))
    found = LineExamples(0, rows, rows[None, :], np.zeros(len(values), np.int8), {})
    examples = Examples({"x": np.array(values)}, {}, (found,))
    generator = np.random.default_rng(seed)
    if max(Counter(values).values()) * 2 > len(values):
        with pytest.raises(DrawError, match="cannot be shuffled"):
            shuffle_sources(examples, generator=generator)
        return
    after = shuffle_sources(examples, generator=generator).lines[0].sources[0]
    assert sorted(after) == rows.tolist()
    assert all(values[a] != values[b] for a, b in zip(rows, after, strict=True))


def test_bases_are_balanced_and_ignore_what_mentions_source():
    keep = op(
        "and",
        op("ne", num("base.z"), const(0)),
        op("ne", num("source.partial"), num("base.partial")),
    )
    asked = hypothesis(
        addition(3), [line("partial")], balance=(("main", "partial"),), keep_where=keep
    )
    found = draw_bases(asked, 30_000, generator=np.random.default_rng(0))
    assert (found["z"] != 0).all()
    shares = np.bincount(found["x"] + found["y"]) / 30_000
    assert np.abs(shares - 1 / 7).max() < 0.01
    every = BaseSampler(asked).every(100)
    assert every is not None
    assert len(every["x"]) == 48
    assert BaseSampler(asked).every(10) is None


def test_floors_of_enumerated_pairs():
    asked = hypothesis(equality(), [line("left")], sample=20_000, balance=BALANCED)
    for floor in floors(asked, draw(asked, seed=0)):
        assert floor.left_alone == pytest.approx(0.5, abs=0.02)
        assert floor.constant == pytest.approx(0.5, abs=0.02)


def test_conditions_on_one_side_and_enums():
    colours = [Ref(n, COLOUR) for n in ("p", "q")]
    model = algorithm(
        var("p", COLOUR),
        var("q", COLOUR),
        var("alike", BOOL, "output", op("eq", *colours)),
    )
    condition = op(
        "and",
        op("eq", Ref("base.p", COLOUR), const(2, COLOUR)),
        op("ne", Ref("source.q", COLOUR), const(0, COLOUR)),
    )
    asked = hypothesis(model, [line("p", condition=condition)], sample=300)
    examples = draw(asked, seed=0)
    base, (source,) = columns_of(examples, examples.lines[0])
    assert (base["p"] == 2).all()
    assert (source["q"] != 0).all()
    assert_answers(asked, examples)


# ----------------------------------------------------------------------- errors


def many_reals(count):
    real = Real(2, 0.0, 1.0)
    names = [f"r{i}" for i in range(count)]
    mechanism = op("distinct", *(Ref(n, real) for n in names))
    return algorithm(*(var(n, real) for n in names), var("out", BOOL, "output", mechanism))


NEVER = op("lt", num("base.total"), num("base.x"))
NEVER_PAIR = op("lt", op("add", num("base.total"), const(30), type=INT), num("source.x"))


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (hypothesis(many_reals(10), [line("r0")]), "equality patterns"),
        (hypothesis(equality(), [line("left")], sample=None), "which is real"),
        (hypothesis(addition(30), [line("x")], sample=None), "rows for `line`"),
        (hypothesis(addition(), [line("x", condition=NEVER)]), "no input"),
        (hypothesis(addition(), [line("x", condition=NEVER_PAIR)]), "no pair of base"),
        (hypothesis(addition(29), [line("x", condition=NEVER_PAIR)]), "hardly any|no pair"),
        (hypothesis(addition(where=(op("lt", num("x"), const(0)),)), [line("x")]), "no input"),
        (hypothesis(addition(), [line("x")], sample=2), "split `heldout` gets none"),
        (hypothesis(addition(0), [line("x")], by="input"), "gets none of the 1 inputs"),
        (hypothesis(addition(), [line("x")], sample=10**10), "at most 50,000,000"),
        (hypothesis(algorithm(var("x", Real(2)), var("o", BOOL, "output", const(1, BOOL))),
                    [line("x")]), "no bounds"),
        (hypothesis(addition(99), [line("x")], balance=(("main", "total"),), by="x",
                    keep_where=op("ne", num("base.x"), num("source.x"))), ""),
    ],
)  # fmt: skip
def test_what_cannot_be_drawn_says_so(asked, message):
    if not message:
        assert len(draw(asked, seed=0).lines[0]) == 1000
        return
    with pytest.raises(DrawError, match=message) as caught:
        draw(asked, seed=0)
    assert caught.value.help


def test_a_tuple_too_rare_is_named_with_its_frequency():
    wide = Interval(0, 10**8)
    rare = op("lt", num("x"), const(50_000))
    model = algorithm(var("x", wide), var("out", BOOL, "output", rare))
    asked = hypothesis(model, [line("x")], balance=(("main", "out"),))
    with pytest.raises(DrawError, match=r"`out = true` is too rare .* \d+ times in 100,000"):
        draw(asked, seed=0)
