"""Intervals and verdicts: coverage, pairing, and the rules M2, M6, M9."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, strategies as st

from causalabs.hypothesis.model import Control, Expectation, Hypothesis, Quantity, Term
from causalabs.intervals import Part, combine, mean_interval, student, wilson
from causalabs.judge import judge, overall
from causalabs.looks import decide
from causalabs.plans import Job, Plan
from causalabs.results import Judged, Measured, Outcome


@given(st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_holds_the_share_and_stays_inside(counts):
    successes, trials = counts
    low, high = wilson(successes, trials)
    assert 0.0 <= low <= successes / trials <= high <= 1.0
    assert low < high


def test_wilson_solves_its_defining_equation():
    low, high = wilson(30, 80)
    for limit in (low, high):
        z = abs(30 / 80 - limit) / math.sqrt(limit * (1 - limit) / 80)
        assert z == pytest.approx(1.959963984540054)


@pytest.mark.parametrize("paired", [True, False])
def test_a_difference_is_covered_95_times_in_100(paired):
    draws = np.random.default_rng(0)
    inside = 0
    for _ in range(1000):
        first = draws.random(300) < 0.8
        second = np.where(draws.random(300) < 0.7, first, draws.random(300) < 0.6)
        if not paired:
            first = draws.random(300) < 0.8
        truth = 0.8 - (0.7 * 0.8 + 0.3 * 0.6)
        parts = [Part(1.0, first, 0), Part(-1.0, second, 0 if paired else 1)]
        _, low, high = combine(parts)
        inside += low <= truth <= high
    assert 930 <= inside <= 975


def test_pairing_narrows_a_difference_of_what_goes_together():
    draws = np.random.default_rng(1)
    first = draws.random(500) < 0.8
    second = first & (draws.random(500) < 0.95)
    _, low, high = combine([Part(1.0, first, "a"), Part(-1.0, second, "a")])
    _, wide_low, wide_high = combine([Part(1.0, first, "a"), Part(-1.0, second, "b")])
    assert high - low < 0.7 * (wide_high - wide_low)


@pytest.mark.parametrize(
    ("value", "low", "high", "comparison", "bound", "verdict"),
    [
        (0.9, 0.85, 0.95, ">=", 0.8, "met"),
        (0.9, 0.85, 0.95, ">=", 0.96, "not met"),
        (0.9, 0.85, 0.95, ">=", 0.9, "undecided"),
        (0.5, 0.45, 0.55, "<=", 0.6, "met"),
        (0.5, 0.45, 0.55, "<=", 0.4, "not met"),
        (0.5, 0.45, 0.55, "<", 0.5, "undecided"),
        (0.8, 0.8, 0.8, ">=", 0.8, "met"),
        (0.8, 0.8, 0.8, ">", 0.8, "not met"),
        (1.0, 0.99, 1.0, ">=", 1.0, "undecided"),
    ],
)
def test_a_verdict_asks_the_whole_interval(value, low, high, comparison, bound, verdict):
    assert decide(value, low, high, comparison=comparison, bound=bound, by_count=False) == verdict


def test_a_bound_of_one_is_judged_by_count():
    assert decide(1.0, 0.99, 1.0, comparison=">=", bound=1.0, by_count=True) == "met"
    assert decide(0.999, 0.99, 1.0, comparison=">=", bound=1.0, by_count=True) == "not met"


def _outcome(job, *measured):
    return Outcome(job=job, measured=measured)


def _case(seeds="over", bound=0.75):
    term = Term("iia", "iia of v", lines=(0, 1), alignment="main")
    quantity = Quantity("iia of v", (term,), "heldout", 9, seeds=seeds)
    hypothesis = Hypothesis(
        name="h",
        claim="",
        algorithms=(),
        network=None,  # type: ignore[arg-type]
        alignments=(),
        counterfactuals=None,  # type: ignore[arg-type]
        expectations=(Expectation(quantity, ">=", bound),),
        reports=(),
        seeds=(0, 1),
    )
    jobs = tuple(Job(seed, "", "main", (0, 1), ("heldout",)) for seed in (0, 1))
    return hypothesis, Plan("h", "", (), jobs, (0, 1))


def _hits(share, count):
    return np.arange(count) < share * count


def _outcomes(plan, shares):
    return {
        job.name: _outcome(
            job.name,
            Measured("iia", 0, "heldout", _hits(shares[job.seed][0], 1000)),
            Measured("iia", 1, "heldout", _hits(shares[job.seed][1], 100)),
        )
        for job in plan.jobs
    }


def test_lines_weigh_the_same_whatever_their_rows():
    hypothesis, plan = _case()
    (found,), _ = judge(hypothesis, plan, _outcomes(plan, {0: (1.0, 0.5), 1: (0.9, 0.7)}))
    assert found.value == pytest.approx((0.75 + 0.8) / 2)
    assert [each.value for each in found.seeds] == pytest.approx([0.75, 0.8])
    assert found.low < found.value < found.high


def test_in_every_seed_the_worst_seed_decides():
    hypothesis, plan = _case(seeds="every", bound=0.7)
    outcomes = _outcomes(plan, {0: (1.0, 1.0), 1: (0.5, 0.5)})
    (found,), _ = judge(hypothesis, plan, outcomes)
    assert found.verdict == "not met"
    assert found.value == pytest.approx(0.5)
    assert [each.verdict for each in found.seeds] == ["met", "not met"]
    over, plan = _case(seeds="over", bound=0.7)
    assert judge(over, plan, outcomes)[0][0].verdict == "met"


def test_a_control_is_another_job_paired_with_the_plain_one():
    plain = Term("iia", "iia of v", lines=(0,), alignment="main")
    control = Term("iia", "..", sign=-1, lines=(0,), alignment="main", control=Control("untrained"))
    quantity = Quantity("difference", (plain, control), "heldout", 3)
    hypothesis, _ = _case()
    hypothesis = type(hypothesis)(
        **{
            **{f: getattr(hypothesis, f) for f in hypothesis.__dataclass_fields__},
            "expectations": (Expectation(quantity, ">=", 0.1),),
            "seeds": (0,),
        }
    )
    jobs = (
        Job(0, "", "main", (0,), ("heldout",)),
        Job(0, "untrained", "main", (0,), ("heldout",)),
    )
    plan = Plan("h", "", (), jobs, (0,))
    outcomes = {
        job.name: _outcome(job.name, Measured("iia", 0, "heldout", _hits(share, 400)))
        for job, share in zip(jobs, (0.9, 0.5), strict=True)
    }
    (found,), _ = judge(hypothesis, plan, outcomes)
    assert found.value == pytest.approx(0.4)
    assert found.verdict == "met"
    assert found.samples == 400


def test_one_failure_decides_the_whole():
    def judged(verdict):
        return Judged("t", 1, 0.5, 0.4, 0.6, 10, False, 0.5, ">=", verdict)

    assert overall([judged("met"), judged("not met"), judged("undecided")]) == "not met"
    assert overall([judged("met"), judged("undecided")]) == "undecided"
    assert overall([judged("met")]) == "met"
    assert overall([]) == "undecided"


def test_student_is_the_quantile_of_the_t_distribution():
    known = {3: 3.182446, 4: 2.776445, 7: 2.364624, 12: 2.178813, 60: 2.000298, 1000: 1.962339}
    for freedom, quantile in known.items():
        assert student(freedom) == pytest.approx(quantile, abs=1e-5)


@pytest.mark.parametrize("paired", [True, False])
def test_a_difference_of_means_is_covered_95_times_in_100(paired):
    draws = np.random.default_rng(3)
    inside = 0
    for _ in range(1000):
        first = draws.beta(4, 1, 60)
        second = first * draws.beta(6, 2, 60) if paired else draws.beta(4, 1, 60) * 0.75
        parts = [
            Part(1.0, first, 0, 0.0, 1.0),
            Part(-1.0, second, 0 if paired else 1, 0.0, 1.0),
        ]
        _, low, high = combine(parts)
        inside += low <= 0.8 - 0.6 <= high
    assert 930 <= inside <= 970


def test_a_difference_of_paired_means_is_the_paired_t_interval():
    draws = np.random.default_rng(4)
    first, second = draws.normal(size=20), draws.normal(size=20)
    value, low, high = combine([Part(1.0, first, 0), Part(-1.0, second, 0)])
    change = first - second
    half = 2.093024 * change.std(ddof=1) / math.sqrt(20)
    assert (low, high) == pytest.approx((change.mean() - half, change.mean() + half), abs=1e-6)
    assert value == pytest.approx(change.mean())


def test_a_mean_stays_inside_what_its_values_can_be():
    values = np.array([1.0, 1.0, 0.6])
    assert mean_interval(values, 0.0, 1.0)[1] == 1.0
    assert mean_interval(values)[1] > 1.0
    assert mean_interval(values[:1], 0.0, 1.0) == (0.0, 1.0)


@pytest.mark.parametrize(("metric", "verdict"), [("iia", "not met"), ("mass", "undecided")])
def test_a_mean_is_not_judged_by_count(metric, verdict):
    """Against a bound of 1 one miss is enough for a proportion; a mass has its interval."""
    values = np.array([True] * 99 + [False])
    term = Term(metric, "m of v", lines=(0,), alignment="main")
    hypothesis, plan = _case(bound=1.0)
    plan = replace(plan, seeds=(0,))
    expectation = Expectation(Quantity("m", (term,), "heldout", 9), ">=", 1.0)
    measured = Measured(metric, 0, "heldout", values if metric == "iia" else values * 1.0)
    outcomes = {job.name: _outcome(job.name, measured) for job in plan.jobs}
    case = replace(hypothesis, expectations=(expectation,))
    (found,), _ = judge(case, plan, outcomes)
    assert found.value == pytest.approx(0.99)
    assert found.verdict == verdict
