"""How a built-in network is trained: until when, and to implement which algorithm."""

from __future__ import annotations

from collections.abc import Sequence

from causalabs.algorithm.model import Algorithm
from causalabs.algorithm.names import nearest
from causalabs.diagnostics import Span
from causalabs.hypothesis.model import Implement
from causalabs.hypothesis.refs import Findings, listed
from causalabs.hypothesis.registry import NetworkKind
from causalabs.hypothesis.rules_network import (
    NotTrainable,
    TrainBound,
    TrainedPlace,
    TrainMetric,
    UnknownImplemented,
    WiringTwice,
)
from causalabs.hypothesis.shape import Shape
from causalabs.hypothesis.spaces import Home, resolve_homes, spaces_of
from causalabs.syntax import ast


def resolve_training(
    node: ast.Network,
    kind: NetworkKind,
    algorithms: Sequence[Algorithm],
    shape: Shape,
    sound: bool,
    found: Findings,
) -> tuple[float | None, Implement | None]:
    """The accuracy to reach and what to implement, None where nothing is said."""
    untils = [each for each in node.wiring if isinstance(each, ast.TrainUntil)]
    towards = [each for each in node.wiring if isinstance(each, ast.TrainTo)]
    for what, group in (("train until", untils), ("train to implement", towards)):
        for extra in group[1:]:
            word = Span(extra.span.start, extra.span.start + len(what))
            first = Span(group[0].span.start, group[0].span.start + len(what))
            found.report(WiringTwice(span=word, what=what, first=first))
    said = [*untils, *towards]
    if said and not kind.built_in:
        word = Span(said[0].span.start, said[0].span.start + len("train"))
        found.report(NotTrainable(span=word, kind=kind.name))
        return None, None
    until = _until(untils[0], found) if untils else None
    implement = _implement(towards[0], algorithms, shape, sound, found) if towards else None
    return until, implement


def _until(node: ast.TrainUntil, found: Findings) -> float | None:
    if str(node.metric) != "accuracy" or str(node.operator) != ">=":
        name = str(node.metric)
        wrong = node.metric if name != "accuracy" else node.operator
        shown = name if name != "accuracy" else f"accuracy {node.operator}"
        hint = nearest(name, ["accuracy"]) if name != "accuracy" else None
        found.report(TrainMetric(span=wrong.span, name=shown, suggestion=hint))
        return None
    bound = float(node.bound.value)
    if not 0 < bound <= 1:
        found.report(TrainBound(span=node.bound.span, value=found.text(node.bound)))
        return None
    return bound


def _implement(
    node: ast.TrainTo,
    algorithms: Sequence[Algorithm],
    shape: Shape,
    sound: bool,
    found: Findings,
) -> Implement | None:
    name = str(node.algorithm)
    algorithm = next((each for each in algorithms if each.name == name), None)
    if algorithm is None:
        if name not in found.poisoned:
            known = [each.name for each in algorithms if each.name]
            text = f"there are {listed(known)}" if known else f"write `algorithm {name} {{`"
            hint = nearest(name, known)
            found.report(
                UnknownImplemented(span=node.algorithm.span, name=name, known=text, suggestion=hint)
            )
        return None
    if not sound:
        return None
    homes = resolve_homes(node.places, algorithm, shape, found)
    kept = [home for home in homes if _fixed(home, shape, found)]
    return Implement(name, spaces_of(kept, shape, found))


def _fixed(home: Home, shape: Shape, found: Findings) -> bool:
    """Whether a place is one site with no basis to fit; reports why not."""
    example = shape.components[0].example if shape.components else "hidden 0"
    problem, span = "", home.span
    if home.basis.spec.kind not in ("whole", "neurons"):
        problem, span = "into a basis that is fitted", home.basis.span
    elif len(home.labels) > 1:
        problem = "into a range, which is a search"
    elif any(choice.reads != choice.writes for _, choices in home.members for choice in choices):
        problem = "to be read elsewhere than it is written"
    if problem:
        found.report(TrainedPlace(span=span, name=home.name, problem=problem, example=example))
    return not problem
