"""`scrubbed_loss_recovered in ALIGNMENT`: the alignment that is read as what matters."""

from __future__ import annotations

from causalabs.hypothesis import rules_expectations as rules
from causalabs.hypothesis.meaning import listed
from causalabs.hypothesis.model import Alignment
from causalabs.hypothesis.subjects import Evidence, inside
from causalabs.syntax import ast

SCRUBBED = "scrubbed_loss_recovered"


def scrubbed_alignment(metric: ast.Metric, evidence: Evidence) -> Alignment | None:
    """The one alignment meant, by its name or its algorithm's; None, reported, where unclear."""
    named = inside(metric)
    found = evidence.alignments
    if named is not None:
        found = tuple(each for each in found if each.name == str(named))
    about = [q for q in metric.qualifiers if isinstance(q, ast.Of)]
    for ref in (ref for each in about for ref in each.subjects):
        found = tuple(each for each in found if _is(ref, each.algorithm))
    if len(found) == 1:
        return found[0]
    if not evidence.whole or not evidence.alignments:
        return None  # some alignment is not there or could not be read, which was told
    names = [each.name for each in found or evidence.alignments]
    if not found:
        problem = "names no alignment"
        evidence.found.append(_wrong(metric, problem, f"{SCRUBBED} in {names[0]}"))
    else:
        evidence.found.append(
            rules.WhichAlignment(
                span=metric.span,
                text=SCRUBBED,
                options=listed(names),
                example=f"{SCRUBBED} in {names[0]}",
            )
        )
    return None


def _is(ref: ast.Ref, algorithm: str) -> bool:
    return not ref.parts and str(ref.name) == algorithm


def _wrong(metric: ast.Metric, problem: str, usage: str) -> rules.WrongQualifier:
    return rules.WrongQualifier(span=metric.span, metric=SCRUBBED, problem=problem, usage=usage)
