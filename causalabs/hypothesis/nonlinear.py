"""Nonlinear bases are judged beside what they reach on an untrained network."""

from __future__ import annotations

from causalabs.diagnostics import Rule
from causalabs.hypothesis import registry
from causalabs.hypothesis.expectations import Stated
from causalabs.hypothesis.model import Quantity, Space
from causalabs.hypothesis.rules_bases import NonlinearControl
from causalabs.hypothesis.subjects import Evidence
from causalabs.hypothesis.terms import spaces_of

CONTROL = "untrained"


def nonlinear_rules(stated: Stated, evidence: Evidence) -> list[Rule]:
    """One finding for each nonlinear space that is expected something of and not controlled."""
    quantities = [*(each.quantity for each in stated.expectations), *stated.reports]
    controlled = {
        id(space) for quantity in quantities for space in _spaces(quantity, evidence, CONTROL)
    }
    found: dict[int, Rule] = {}
    for expectation in stated.expectations:
        quantity = expectation.quantity
        for space in _spaces(quantity, evidence, ""):
            if id(space) not in controlled | set(found):
                found[id(space)] = NonlinearControl(
                    span=space.span,
                    name=space.members[0].variable,
                    basis=space.basis.kind,
                    metric=quantity.terms[0].metric,
                    split=quantity.split or "heldout",
                )
    return list(found.values())


def _spaces(quantity: Quantity, evidence: Evidence, control: str) -> list[Space]:
    """Nonlinear spaces that a quantity speaks of under a control; "" is none."""
    return [
        space
        for term in quantity.terms
        if term.control.name == control
        for space in spaces_of(term, evidence)
        if _nonlinear(space)
    ]


def _nonlinear(space: Space) -> bool:
    kind = registry.find(registry.BasisKind, space.basis.kind)
    return kind is not None and kind.nonlinear
