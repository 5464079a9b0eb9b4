"""Confidence sequences: that looking is honest, and what they are of."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st

from causalabs.certificates import REPORTED, rounds
from causalabs.intervals import mean_interval, sequence, wilson
from causalabs.looks import Bound, Piece, at, certificate, judged, reported, wanted
from causalabs.results import Measured

VALUES = st.lists(st.integers(0, 20), min_size=1, max_size=60).map(lambda v: np.array(v) / 20)


@given(VALUES)
def test_a_sequence_holds_the_mean_of_what_was_seen(values):
    low, high = sequence(values, 0.0, 1.0)
    assert 0.0 <= low <= values.mean() + 1e-9
    assert values.mean() - 1e-9 <= high <= 1.0


@given(VALUES, st.floats(-3, 3), st.floats(0.1, 5))
def test_a_sequence_turns_with_its_values_and_knows_no_order(values, by, scale):
    low, high = sequence(values, 0.0, 1.0)
    turned = sequence(1.0 - values[::-1], 0.0, 1.0)
    assert turned == pytest.approx((1 - high, 1 - low), abs=1e-6)
    moved = sequence(by + scale * values, by, by + scale)
    assert moved == pytest.approx((by + scale * low, by + scale * high), abs=1e-6 * scale)


def test_nothing_seen_is_nothing_known():
    assert sequence(np.zeros(0), -1.0, 1.0) == (-1.0, 1.0)


def test_a_sequence_costs_less_than_twice_the_width():
    draws = np.random.default_rng(0)
    for count in (100, 1_000, 30_000):
        hits = draws.random(count) < 0.9
        low, high = sequence(hits.astype(float), 0.0, 1.0)
        least, most = wilson(int(hits.sum()), count)
        assert 1.2 < (high - low) / (most - least) < 2
        masses = draws.beta(8, 2, count)
        low, high = sequence(masses, 0.0, 1.0)
        least, most = mean_interval(masses, 0.0, 1.0)
        assert 1.2 < (high - low) / (most - least) < 2.2


def _draws(kind, share):
    """Pieces of `count` rows whose weighted sum has the mean `share`."""

    def one(draws, count):
        return [Piece(1.0, _rows(draws.random(count) < share), 0, 0.0, 1.0)]

    def lines(draws, count):
        return [
            Piece(0.5, _rows(draws.random(count) < share + 0.04), 0, 0.0, 1.0),
            Piece(0.5, _rows(draws.random(count) < share - 0.04), 1, 0.0, 1.0),
        ]

    def paired(draws, count):
        first = draws.random(count) < 0.4 + share
        second = np.where(draws.random(count) < 0.7, first, draws.random(count) < 0.4 + share)
        second &= draws.random(count) < 0.4 / (0.4 + share)
        return [
            Piece(1.0, _rows(first), 0, 0.0, 1.0),
            Piece(-1.0, _rows(second), 0, 0.0, 1.0),
        ]

    def masses(draws, count):
        return [Piece(1.0, _rows(draws.beta(8 * share, 8 * (1 - share), count)), 0, 0.0, 1.0)]

    return {"one": one, "lines": lines, "paired": paired, "masses": masses}[kind]


def _rows(values, drawn=None, most=None, **more):
    count = len(values)
    drawn = count if drawn is None else drawn
    return Measured("iia", 0, "heldout", values, drawn=drawn, most=most or count, **more)


CASES = [("one", 0.9), ("lines", 0.9), ("paired", 0.3)]
MORE = [("one", 0.5), ("one", 0.98), ("masses", 0.8), ("masses", 0.97)]


@pytest.mark.parametrize(
    ("kind", "share"), CASES + [pytest.param(*case, marks=pytest.mark.slow) for case in MORE]
)
def test_all_looks_together_hold_the_truth_95_times_in_100(kind, share):
    """Whoever stops at whichever look is as right: 500 repetitions, every look of each."""
    draws, make, ends, held = np.random.default_rng(7), _draws(kind, share), rounds(700, 700), 0
    for _ in range(500):
        pieces = make(draws, ends[-1])
        looks = [at(pieces, rows, fixed=False) for rows in ends]
        held += all(look.low <= share <= look.high for look in looks)
    assert held >= 475


def test_a_fixed_interval_that_is_looked_at_is_not():
    """The same looks at Wilson's interval: what the sequence is for."""
    draws, ends, held = np.random.default_rng(7), rounds(700, 700), 0
    for _ in range(500):
        pieces = _draws("one", 0.9)(draws, ends[-1])
        looks = [at(pieces, rows, fixed=True) for rows in ends]
        held += all(look.low <= 0.9 <= look.high for look in looks)
    assert held < 465


@pytest.mark.parametrize(("truth", "verdict"), [(0.9, "met"), (0.7, "not met")])
def test_a_tenth_away_from_the_bound_is_decided_early_and_rightly(truth, verdict):
    draws, right, seen = np.random.default_rng(3), 0, []
    for _ in range(200):
        pieces = [Piece(1.0, _rows(draws.random(4_000) < truth), 0, 0.0, 1.0)]
        look = judged(pieces, Bound(">=", 0.8))
        right += look.verdict == verdict
        seen.append(look.rows)
    assert right >= 199
    assert 4_000 / np.mean(seen) >= 5


def test_the_first_look_that_decides_is_the_one_that_counts():
    """Rows measured for another expectation's sake change nothing."""
    hits = np.random.default_rng(0).random(4_000) < 0.9
    few = [Piece(1.0, _rows(hits[:1_142], drawn=2_000, most=8_000), 0, 0.0, 1.0)]
    many = [Piece(1.0, _rows(hits, drawn=2_000, most=8_000), 0, 0.0, 1.0)]
    bound = Bound(">=", 0.8)
    assert judged(many, bound) == judged(few, bound)
    assert judged(many, bound).rows < 1_142
    assert wanted(few, bound) is wanted(many, bound) is None


def test_more_rows_are_wanted_round_by_round_until_there_are_no_more():
    hits = np.arange(4_000) % 5 > 0  # .8 exactly
    bound, asked = Bound(">=", 0.8), [100]
    while True:
        pieces = [Piece(1.0, _rows(hits[: asked[-1]], drawn=1_000, most=4_000), 0, 0.0, 1.0)]
        rows = wanted(pieces, bound)
        if rows is None:
            break
        asked.append(rows)
    assert tuple(asked) == rounds(1_000, 4_000)
    look = judged(pieces, bound)
    assert look.verdict == "undecided"
    assert certificate(pieces, look).text == "ran on from 1,000 to 4,000"


def test_a_count_needs_every_drawn_row_or_one_that_refutes():
    bound = Bound(">=", 1.0, by_count=True)
    right = np.ones(500, dtype=np.bool_)

    def pieces(values):
        return [Piece(1.0, _rows(values, drawn=500, most=2_000), 0, 0.0, 1.0)]

    assert wanted(pieces(right[:100]), bound) == 150
    assert wanted(pieces(right), bound) is None
    assert judged(pieces(right), bound).verdict == "met"
    wrong = right.copy()
    wrong[120] = False
    look = judged(pieces(wrong[:150]), bound)
    assert (look.verdict, look.rows) == ("not met", 150)


def test_values_without_bounds_wait_for_all_that_was_drawn():
    values = np.random.default_rng(1).normal(5.0, 0.1, 100)
    some = [Piece(1.0, _rows(values, drawn=300, most=1_200), 0)]
    assert wanted(some, Bound(">=", 1.0)) == 300
    every = [Piece(1.0, _rows(np.tile(values, 12), drawn=300, most=1_200), 0)]
    look = judged(every, Bound(">=", 1.0))
    assert (look.rows, look.verdict) == (300, "met")
    least, most = mean_interval(np.tile(values, 3))
    assert (look.low, look.high) == pytest.approx((least, most))


def test_a_report_has_the_interval_of_a_size_settled_beforehand():
    hits = np.random.default_rng(2).random(5_000) < 0.7
    look = reported([Piece(1.0, _rows(hits, drawn=20_000, most=80_000), 0, 0.0, 1.0)])
    assert (look.low, look.high) == pytest.approx(wilson(int(hits[:REPORTED].sum()), REPORTED))


def test_what_was_seen_is_told_as_of_the_look():
    hits = np.ones(400, dtype=np.bool_)
    measured = _rows(hits, drawn=400, most=400, space=1_000, seen=(95, 140, 200, 280, 330))
    pieces = [Piece(1.0, measured, 0, 0.0, 1.0)]
    look = judged(pieces, Bound(">=", 0.9))
    found = certificate(pieces, look)
    assert found.text == "stopped early after 100 of 400"
    assert found.share == "95 of 1,000 interchanges seen (9.5 %)"
