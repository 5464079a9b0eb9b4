"""`mean`, `median` and `normalised` before a metric: what they take."""

from __future__ import annotations

from collections.abc import Sequence

from causalabs.hypothesis import registry, rules_expectations as rules
from causalabs.hypothesis.model import Term
from causalabs.hypothesis.subjects import Evidence
from causalabs.syntax import ast

MEDIAN, NORMALISED = "median", "normalised"
REPORTED = (MEDIAN, NORMALISED)
"""Modifiers of a report: no bound is judged by their intervals."""
SHARED_OUT = ("mass", "loss", "logit_difference")
"""Metrics of a run, that base and source have as well."""


def modifier_of(metric: ast.Metric) -> str:
    """The modifier as a term keeps it: a mean is what every metric is without one."""
    name = str(metric.modifier) if metric.modifier is not None else ""
    return name if name in REPORTED else ""


def modifiers_fit(item: ast.Expect | ast.Report, terms: Sequence[Term], evidence: Evidence) -> bool:
    """Whether the metrics can be told in this way; what cannot is reported."""
    for metric in item.metrics:
        name = str(metric.modifier) if metric.modifier is not None else ""
        kind = registry.find(registry.MetricKind, str(metric.name))
        term = next((each for each in terms if each.metric == str(metric.name)), None)
        if not name or kind is None or term is None:
            continue
        problem = _problem(name, kind, item, term)
        if problem:
            usage = f"report {name} logit_difference of INTERCHANGE"
            evidence.found.append(
                rules.WrongQualifier(
                    span=metric.span, metric=f"{name} {metric.name}", problem=problem, usage=usage
                )
            )
            return False
    return True


def _problem(
    name: str, kind: registry.MetricKind, item: ast.Expect | ast.Report, term: Term
) -> str:
    if term.subjects:
        return "is of an interchange or of the network, not of a circuit or a replacement"
    if name not in REPORTED:
        return ""
    if isinstance(item, ast.Expect) or len(item.metrics) > 1:
        return "is reported by itself: no bound is judged by it, and no difference is taken"
    if kind.proportion:
        return "is of numbers, and this counts truths"
    if len(term.lines) > 1:
        return "is of one interchange"
    if name == NORMALISED and (not term.lines or kind.name not in SHARED_OUT):
        return f"is of {', '.join(SHARED_OUT)} after one interchange"
    return ""
