"""Measurements and expectations to verdicts.

An expectation is met when its whole 95 % interval clears the bound, not met when none of it
does, undecided between (SEMANTICS M1-M10). Enumerated measurements have no interval.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from causalabs.hypothesis import registry
from causalabs.hypothesis.model import Expectation, Hypothesis, Quantity, Term
from causalabs.intervals import Part, combine
from causalabs.plans import Job, Plan, procedure
from causalabs.results import Judged, Measured, Outcome, Row, SeedValue, Verdict

COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}

ROUNDING = 1e-9
"""Float noise allowed when an exact value is compared with a bound as written."""


def judge(
    hypothesis: Hypothesis, plan: Plan, outcomes: Mapping[str, Outcome]
) -> tuple[tuple[Judged, ...], tuple[Judged, ...]]:
    """Expectations and reports of a hypothesis, judged; `outcomes` by job name."""
    expectations = tuple(
        _judge_expectation(each, plan, outcomes) for each in hypothesis.expectations
    )
    reports = tuple(_judge(each, plan, outcomes) for each in hypothesis.reports)
    return expectations, reports


def overall(expectations: Sequence[Judged]) -> Verdict:
    """One failure decides; without one, one undecided leaves the whole undecided."""
    verdicts = {each.verdict for each in expectations}
    if "not met" in verdicts:
        return "not met"
    return "met" if verdicts == {"met"} else "undecided"


def decide(
    value: float, low: float, high: float, *, comparison: str, bound: float, by_count: bool
) -> Verdict:
    """The verdict on one number.

    `by_count`: a single proportion against 0 or 1, which no interval can clear, is judged by
    its counts (M6). An exact value has low == high == value.

    >>> decide(0.95, 0.93, 0.96, comparison=">=", bound=0.9, by_count=False)
    'met'
    >>> decide(0.90, 0.88, 0.92, comparison=">=", bound=0.9, by_count=False)
    'undecided'
    """
    compare = COMPARE[comparison]
    slack = ROUNDING if comparison in (">=", "<=") else -ROUNDING
    slack = -slack if comparison in ("<=", "<") else slack
    if low == high or (by_count and bound in (0.0, 1.0)):
        return "met" if compare(value + slack, bound) else "not met"
    if compare(low, bound) and compare(high, bound):
        return "met"
    if not compare(low, bound) and not compare(high, bound):
        return "not met"
    return "undecided"


def _judge_expectation(
    expectation: Expectation, plan: Plan, outcomes: Mapping[str, Outcome]
) -> Judged:
    quantity, comparison, bound = (
        expectation.quantity,
        expectation.comparison,
        expectation.bound,
    )
    found = _judge(quantity, plan, outcomes)
    single = len(quantity.terms) == 1 and _counted(quantity.terms[0])

    def verdict(each: Judged | SeedValue) -> Verdict:
        return decide(
            each.value, each.low, each.high, comparison=comparison, bound=bound, by_count=single
        )

    if quantity.seeds == "over":
        return _with(found, bound, comparison, verdict(found), found.seeds)
    seeds = tuple(
        SeedValue(each.seed, each.value, each.low, each.high, verdict(each)) for each in found.seeds
    )
    pick = min if comparison in (">=", ">") else max
    worst = pick(seeds, key=lambda each: each.value)
    verdicts = {each.verdict for each in seeds}
    whole: Verdict = (
        "not met" if "not met" in verdicts else "met" if verdicts == {"met"} else "undecided"
    )
    shown = Judged(
        found.text, found.line, worst.value, worst.low, worst.high, found.samples, found.exact
    )
    return _with(shown, bound, comparison, whole, seeds)


def _with(
    found: Judged, bound: float, comparison: str, verdict: Verdict, seeds: tuple[SeedValue, ...]
) -> Judged:
    return Judged(
        text=found.text,
        line=found.line,
        value=found.value,
        low=found.low,
        high=found.high,
        samples=found.samples,
        exact=found.exact,
        bound=bound,
        comparison=comparison,
        verdict=verdict,
        seeds=seeds,
    )


def _judge(quantity: Quantity, plan: Plan, outcomes: Mapping[str, Outcome]) -> Judged:
    by_seed = {seed: _parts(quantity, seed, plan, outcomes) for seed in plan.seeds}
    everything = [measured for found in by_seed.values() for _, measured in found]
    exact = all(measured.exact for measured in everything)
    seeds = tuple(
        SeedValue(seed, *_interval([part for part, _ in found], exact=exact))
        for seed, found in by_seed.items()
    )
    share = 1 / len(by_seed)
    pooled = [
        replace(part, weight=part.weight * share) for found in by_seed.values() for part, _ in found
    ]
    value, low, high = _interval(pooled, exact=exact)
    # A difference under a control asks the same examples twice: they count once.
    distinct = {part.pairing: len(part.values) for found in by_seed.values() for part, _ in found}
    return Judged(
        text=quantity.text,
        line=quantity.line,
        value=value,
        low=low,
        high=high,
        samples=sum(distinct.values()),
        exact=exact,
        seeds=seeds,
    )


def _interval(parts: Sequence[Part], *, exact: bool) -> tuple[float, float, float]:
    value, low, high = combine(parts)
    return (value, value, value) if exact else (value, low, high)


def _parts(
    quantity: Quantity, seed: int, plan: Plan, outcomes: Mapping[str, Outcome]
) -> list[tuple[Part, Measured]]:
    found = []
    for term in quantity.terms:
        outcome = outcomes[job_of(term, seed, plan).name]
        measured = _measured(term, quantity.split, outcome)
        for each in measured:
            weight = term.sign / len(measured)
            pairing = (seed, each.metric, each.line, each.split)
            found.append((Part(weight, each.values, pairing, *_bounds(term.metric)), each))
    return found


def _bounds(metric: str) -> tuple[float | None, float | None]:
    """Between which numbers a metric's values lie."""
    kind = registry.find(registry.MetricKind, metric)
    return (kind.low, kind.high) if kind is not None else (None, None)


def _counted(term: Term) -> bool:
    """Whether a term is one proportion, whose successes can be counted."""
    kind = registry.find(registry.MetricKind, term.metric)
    return len(term.lines) <= 1 and kind is not None and kind.proportion


def job_of(term: Term, seed: int, plan: Plan) -> Job:
    """The job of a plan that measures a term for a seed."""
    return next(
        job
        for job in plan.jobs
        if job.seed == seed and (job.control, job.alignment) == procedure(term)
    )


def _measured(term: Term, split: str | None, outcome: Outcome) -> list[Measured]:
    lines = term.lines or (-1,)
    return [
        next(
            each
            for each in outcome.measured
            if (each.metric, each.line, each.split) == (term.measured, line, split or "")
        )
        for line in lines
    ]


def table(hypothesis: Hypothesis, plan: Plan, outcomes: Mapping[str, Outcome]) -> tuple[Row, ...]:
    """Metrics line by line with the controls beside them, averaged over seeds."""
    found: dict[tuple[str, int, str, str], dict[str, list[float]]] = {}
    for job in plan.jobs:
        for each in outcomes[job.name].measured:
            if each.line >= 0 and len(each.values):
                row = found.setdefault((each.metric, each.line, job.alignment, each.split), {})
                row.setdefault(job.control, []).append(float(each.values.mean()))
    return tuple(
        Row(
            line=hypothesis.counterfactuals.lines[line].name,
            alignment=alignment,
            split=split,
            values=tuple((name, float(np.mean(values))) for name, values in row.items()),
            metric=metric,
        )
        for (metric, line, alignment, split), row in found.items()
    )
