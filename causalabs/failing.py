"""Which measurements keep an expectation from being met, and what is told of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from causalabs.hypothesis.model import Expectation, Hypothesis, Term
from causalabs.intervals import Part, combine
from causalabs.judge import job_of
from causalabs.looks import decide
from causalabs.plans import Job, Plan, procedure
from causalabs.results import Counterexample, Judged, Measured, Outcome, Residual

PROPORTIONS = ("accuracy", "iia")
"""Metrics of which single examples are right or wrong."""

Told = TypeVar("Told", Counterexample, Residual)


def wanted(expectation: Expectation) -> tuple[Term, ...]:
    """Terms of the plain procedure that more right answers would bring nearer to the bound."""
    upward = 1 if expectation.comparison in (">=", ">") else -1
    return tuple(
        term
        for term in expectation.quantity.terms
        if term.sign == upward and not term.control.name and term.metric in PROPORTIONS
    )


def rivals_in(expectation: Expectation) -> tuple[Term, ...]:
    """Terms of rival algorithms that a difference is taken to: where they fail tells them apart."""
    mine = {term.algorithm for term in wanted(expectation)}
    upward = 1 if expectation.comparison in (">=", ">") else -1
    return tuple(
        term
        for term in expectation.quantity.terms
        if mine
        and term.sign == -upward
        and term.metric == "iia"
        and not term.control.name
        and term.algorithm not in mine
    )


def failing(hypothesis: Hypothesis, job: Job, measured: Sequence[Measured]) -> tuple[Measured, ...]:
    """Measurements of a job with wrong answers that some expectation cannot do with.

    Those of rivals too, which an expectation lives by: they show what tells the two apart. A
    line counts by itself: one that reaches the bound is left out, though their mean fails.
    """
    found: dict[tuple[str, int, str], Measured] = {}
    for expectation in hypothesis.expectations:
        for term in (*wanted(expectation), *rivals_in(expectation)):
            if procedure(term) != (job.control, job.alignment):
                continue
            keys = {(term.metric, line, expectation.quantity.split or "") for line in _lines(term)}
            for each in measured:
                key = (each.metric, each.line, each.split)
                if key in keys and not each.hits.all() and not _enough(expectation, each):
                    found[key] = each
    return tuple(found.values())


def _lines(term: Term) -> tuple[int, ...]:
    return term.lines or (-1,)


def _enough(expectation: Expectation, measured: Measured) -> bool:
    """Whether a line alone meets the bound; of a difference no line alone can."""
    if len(expectation.quantity.terms) > 1:
        return False
    key = (0, measured.metric, measured.line, measured.split)
    value, low, high = combine([Part(1.0, measured.values, key, 0.0, 1.0)])
    low, high = (value, value) if measured.exact else (low, high)
    verdict = decide(
        value,
        low,
        high,
        comparison=expectation.comparison,
        bound=expectation.bound,
        by_count=True,
    )
    return verdict == "met"


def told(
    hypothesis: Hypothesis,
    plan: Plan,
    judged: Sequence[Judged],
    outcomes: Mapping[str, Outcome],
) -> tuple[tuple[Counterexample, ...], tuple[Residual, ...]]:
    """Of each expectation not met, or undecided, the first seed's finds line by line.

    Of one that is met, what was found of the rivals it is better than.
    """
    counterexamples: list[Counterexample] = []
    residuals: list[Residual] = []
    for expectation, found in zip(hypothesis.expectations, judged, strict=True):
        met = found.verdict == "met"
        split = expectation.quantity.split or ""
        for term in rivals_in(expectation) if met else wanted(expectation):
            rival = term.algorithm if met else ""
            jobs = [outcomes[job_of(term, seed, plan).name] for seed in plan.seeds]
            for line in _lines(term):
                key = (term.metric, line, split)
                failed = (each for outcome in jobs for each in outcome.counterexamples)
                counterexamples += _first(failed, key, found.text, rival)
                rules = (each for outcome in jobs for each in outcome.residuals)
                residuals += _first(rules, key, found.text, rival)
    return tuple(counterexamples), tuple(residuals)


def _first(found: Iterator[Told], key: tuple[str, int, str], text: str, rival: str) -> list[Told]:
    mine = (each for each in found if (each.metric, each.line, each.split) == key)
    return [replace(each, expectation=text, rival=rival) for each in mine][:1]
