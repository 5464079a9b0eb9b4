"""Metrics of lines that make runs of their own, apart from the interchange that others share."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from causalabs.engine.mediation import effect
from causalabs.engine.screening import screened
from causalabs.engine.search import Setting, Settled
from causalabs.hypothesis.model import Hypothesis, Term
from causalabs.hypothesis.screening import BETWEEN, SCREENS_OFF
from causalabs.plans import Job, procedure, quantities


def asked_of(job: Job, hypothesis: Hypothesis, line: int | None = None) -> dict[str, Term]:
    """The terms of a job, of one line of it, that are measured apart, by their rows' name."""
    return {
        term.measured: term
        for quantity in quantities(hypothesis)
        for term in quantity.terms
        if term.metric in BETWEEN
        and procedure(term) == (job.control, job.alignment)
        and (line is None or line in term.lines)
    }


def measure_apart(
    term: Term, number: int, split: int, hypothesis: Hypothesis, setting: Setting, found: Settled
) -> tuple[NDArray[Any], tuple[str, ...]]:
    """A term's values on one line and split, and notes on what they are worth."""
    measure: Any = screened if term.metric == SCREENS_OFF else effect
    values, notes = measure(term, number, split, hypothesis, setting, found)
    return np.asarray(values), notes
