"""Measurements and expectations to verdicts.

An expectation is met when its whole 95 % interval clears the bound, not met when none of it
does, undecided between (SEMANTICS M1-M10). Enumerated measurements have no interval; rows that
come in rounds are judged at the first round that decides (see `looks`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from causalabs.hypothesis import registry
from causalabs.hypothesis.model import Expectation, Hypothesis, Quantity, Term
from causalabs.hypothesis.screening import EFFECTS
from causalabs.looks import (
    Bound,
    Look,
    Piece,
    certificate,
    decide as decide,
    exact,
    judged,
    like,
    reported,
    wanted,
)
from causalabs.modified import median, over_seeds, ratio
from causalabs.plans import Job, Plan, procedure
from causalabs.results import Judged, Measured, Outcome, Row, SeedValue, Verdict


def judge(
    hypothesis: Hypothesis, plan: Plan, outcomes: Mapping[str, Outcome]
) -> tuple[tuple[Judged, ...], tuple[Judged, ...]]:
    """Expectations and reports of a hypothesis, judged; `outcomes` by job name."""
    expectations = tuple(
        _judge_expectation(each, plan, outcomes) for each in hypothesis.expectations
    )
    reports = tuple(_report(each, plan, outcomes) for each in hypothesis.reports)
    return expectations, reports


def overall(expectations: Sequence[Judged]) -> Verdict:
    """One failure decides; without one, one undecided leaves the whole undecided."""
    verdicts = {each.verdict for each in expectations}
    if "not met" in verdicts:
        return "not met"
    return "met" if verdicts == {"met"} else "undecided"


def _judge_expectation(
    expectation: Expectation, plan: Plan, outcomes: Mapping[str, Outcome]
) -> Judged:
    quantity, bound = expectation.quantity, bound_of(expectation)
    by_seed = _by_seed(quantity, plan, outcomes)
    if quantity.seeds == "over":
        pooled = _pooled(by_seed)
        found = _judged(quantity, pooled, judged(pooled, bound))
        rows = found.certificate.examples if found.certificate is not None else 0
        seeds = tuple(_seed(seed, like(each, rows)) for seed, each in by_seed.items())
        return _with(found, expectation, seeds)
    looks = {seed: judged(pieces, bound) for seed, pieces in by_seed.items()}
    pick = min if bound.comparison in (">=", ">") else max
    worst = pick(looks, key=lambda seed: looks[seed].value)
    verdicts = {look.verdict for look in looks.values()}
    whole: Verdict = (
        "not met" if "not met" in verdicts else "met" if verdicts == {"met"} else "undecided"
    )
    found = _judged(quantity, by_seed[worst], replace(looks[worst], verdict=whole))
    samples = sum(_samples(by_seed[seed], look) for seed, look in looks.items())
    seeds = tuple(_seed(seed, look, judged=True) for seed, look in looks.items())
    return _with(replace(found, samples=samples), expectation, seeds)


def bound_of(expectation: Expectation) -> Bound:
    """What an expectation compares with, and whether by count."""
    terms = expectation.quantity.terms
    single = len(terms) == 1 and _counted(terms[0])
    return Bound(expectation.comparison, expectation.bound, single)


def groups_of(expectation: Expectation, plan: Plan) -> tuple[tuple[int, ...], ...]:
    """Seeds that are judged together: all of them, or with `in every seed` each by itself."""
    if expectation.quantity.seeds == "over":
        return (plan.seeds,)
    return tuple((seed,) for seed in plan.seeds)


def rows_wanted(
    expectation: Expectation, plan: Plan, outcomes: Mapping[str, Outcome], seeds: Sequence[int]
) -> int | None:
    """Rows to have next of the jobs of one group of seeds; None where it is decided.

    Also where nothing more can be had. `outcomes` must have the jobs of these seeds.
    """
    by_seed = {seed: _pieces(expectation.quantity, seed, plan, outcomes) for seed in seeds}
    return wanted(_pooled(by_seed), bound_of(expectation))


def _with(found: Judged, expectation: Expectation, seeds: tuple[SeedValue, ...]) -> Judged:
    return replace(found, bound=expectation.bound, comparison=expectation.comparison, seeds=seeds)


def _report(quantity: Quantity, plan: Plan, outcomes: Mapping[str, Outcome]) -> Judged:
    by_seed = _by_seed(quantity, plan, outcomes)
    pooled = _pooled(by_seed)
    if quantity.terms[0].modifier:
        return _modified(quantity, plan, outcomes, pooled)
    seeds = tuple(_seed(seed, reported(pieces)) for seed, pieces in by_seed.items())
    return replace(_judged(quantity, pooled, reported(pooled)), seeds=seeds)


def _modified(
    quantity: Quantity,
    plan: Plan,
    outcomes: Mapping[str, Outcome],
    pooled: Sequence[Piece],
) -> Judged:
    """A median, or the change from the base as a share of that to the source."""
    (term,) = quantity.terms
    found = []
    for seed in plan.seeds:
        outcome = outcomes[job_of(term, seed, plan).name]
        columns = [
            _column(name, term, quantity.split, outcome).values.astype(np.float64)
            for name in term.columns
        ]
        if term.modifier == "median":
            found.append(median(columns[0]))
        else:
            after, base, source = columns
            found.append(ratio(after - base, source - base))
    value, low, high = over_seeds(found)
    if exact(pooled):
        low = high = value
    seeds = tuple(SeedValue(s, *each) for s, each in zip(plan.seeds, found, strict=True))
    shown = _judged(quantity, pooled, reported(pooled))
    samples = sum(len(piece.measured.values) for piece in pooled)
    return replace(shown, value=value, low=low, high=high, samples=samples, seeds=seeds)


def _column(name: str, term: Term, split: str | None, outcome: Outcome) -> Measured:
    key = (name, next(iter(term.lines), -1), split or "")
    return next(each for each in outcome.measured if (each.metric, each.line, each.split) == key)


def _judged(quantity: Quantity, pieces: Sequence[Piece], look: Look) -> Judged:
    return Judged(
        text=quantity.text,
        line=quantity.line,
        value=look.value,
        low=look.low,
        high=look.high,
        samples=_samples(pieces, look),
        exact=exact(pieces),
        verdict=look.verdict,
        certificate=certificate(pieces, look),
    )


def _seed(seed: int, look: Look, *, judged: bool = False) -> SeedValue:
    return SeedValue(seed, look.value, look.low, look.high, look.verdict if judged else None)


def _samples(pieces: Sequence[Piece], look: Look) -> int:
    """Examples behind a look: a difference under a control asks the same ones twice."""
    return sum({piece.pairing: len(piece.part(look.rows).values) for piece in pieces}.values())


def _by_seed(
    quantity: Quantity, plan: Plan, outcomes: Mapping[str, Outcome]
) -> dict[int, list[Piece]]:
    return {seed: _pieces(quantity, seed, plan, outcomes) for seed in plan.seeds}


def _pooled(by_seed: Mapping[int, Sequence[Piece]]) -> list[Piece]:
    """The mean over seeds."""
    share = 1 / len(by_seed)
    return [
        replace(piece, weight=piece.weight * share)
        for pieces in by_seed.values()
        for piece in pieces
    ]


def _pieces(
    quantity: Quantity, seed: int, plan: Plan, outcomes: Mapping[str, Outcome]
) -> list[Piece]:
    found = []
    for term in quantity.terms:
        outcome = outcomes[job_of(term, seed, plan).name]
        measured = _measured(term, quantity.split, outcome)
        for each in measured:
            weight = term.sign / len(measured)
            # Circuits are run on the same pairs: a metric of two of them is paired row by row.
            metric = term.metric if term.subjects and each.split else each.metric
            if term.metric in EFFECTS:  # all effects of the same inputs are of the same rows
                metric = f"effects between {term.between}"
            pairing = (seed, metric, plan.drawn_as(each.line), each.split)
            found.append(Piece(weight, each, pairing, *_bounds(term.metric)))
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
            beside = each.metric.startswith(("base ", "source "))  # what others are shares of
            if each.line >= 0 and len(each.values) and not beside:
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
