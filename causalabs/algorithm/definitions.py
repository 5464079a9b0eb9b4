"""Definitions (`def`): their call graph is judged before any of them is written out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from causalabs.algorithm.context import NODES
from causalabs.algorithm.declared import Report
from causalabs.algorithm.names import KEYWORDS, nearest
from causalabs.algorithm.rules_names import (
    DefinitionSeesVariable,
    DuplicateBinder,
    KeywordAsName,
    Recursion,
    Redefinition,
    UnknownFunction,
)
from causalabs.algorithm.rules_types import TooLarge
from causalabs.diagnostics import Span
from causalabs.syntax import ast

BUILT_IN = {
    "sum": "sum(x, y, ...)",
    "count": "count(x, y, ...)",
    "any": "any(x, y, ...)",
    "all": "all(x, y, ...)",
    "min": "min(x, y, ...)",
    "max": "max(x, y, ...)",
    "abs": "abs(x)",
    "int": "int(x)",
    "distinct": "distinct(xs)",
    "index_of": "index_of(x, xs)",
}
"""Functions of the language and how each is written."""


@dataclass(frozen=True)
class Definition:
    """A `def`; `sound` unless it is recursive or too large, which was reported.

    `size` counts the nodes of its body with the definitions it calls written out.
    """

    node: ast.Def
    size: int
    sound: bool = True
    foreign: bool = False
    used: frozenset[str] = frozenset()


def check_definitions(
    nodes: list[ast.Def],
    outer: Mapping[str, Definition],
    variables: Mapping[str, object],
    report: Report,
) -> dict[str, Definition]:
    """All definitions in sight: `outer` and `nodes`, the latter checked."""
    from causalabs.algorithm.scope import causal_order

    spans = {name: definition.node.name.span for name, definition in outer.items()}
    own: dict[str, ast.Def] = {}
    for node in nodes:
        if _declarable(node, spans, outer, report):
            own[str(node.name)] = node
    calls = {name: _calls(node) for name, node in own.items()}
    order, circles = causal_order({n: [c for c in calls[n] if c in own] for n in own})
    recursive = _recursive(circles, own, report)
    found = dict(outer)
    for name in order:
        node = own[name]
        _check_body(node, {**own, **outer}, variables, report)
        size = sum(1 for _ in ast.walk(node.body))
        size += sum(found[call].size for call in calls[name] if call in found)
        sound = name not in recursive and all(
            found[call].sound for call in calls[name] if call in found
        )
        if sound and size > NODES:
            problem = (
                f"has {size:,} operations, more than {NODES:,},"
                if size < 10**15
                else (f"has more than {NODES:,} operations")
            )
            report(TooLarge(span=node.name.span, what=f"definition `{name}`", problem=problem))
            sound = False
        refs = (part for part in ast.walk(node.body) if isinstance(part, ast.Ref))
        used = frozenset(str(ref.name) for ref in refs)
        found[name] = Definition(node, min(size, 2**62), sound, used=used)
    return found


def _declarable(
    node: ast.Def, spans: dict[str, Span], outer: Mapping[str, Definition], report: Report
) -> bool:
    name = str(node.name)
    if name in KEYWORDS:
        report(KeywordAsName(span=node.name.span, name=name))
    if name in BUILT_IN:
        advice = f"`{name}` is built in: choose another name"
        report(Redefinition(span=node.name.span, name=name, advice=advice))
        return False
    if name in spans:
        first = None if name in outer and outer[name].foreign else spans[name]
        report(Redefinition(span=node.name.span, name=name, first=first))
        return False
    spans[name] = node.name.span
    seen: dict[str, Span] = {}
    for parameter in node.parameters:
        if str(parameter) in KEYWORDS:
            report(KeywordAsName(span=parameter.span, name=str(parameter)))
        if str(parameter) in seen:
            report(
                DuplicateBinder(
                    span=parameter.span, name=str(parameter), first=seen[str(parameter)]
                )
            )
        seen.setdefault(str(parameter), parameter.span)
    return True


def _calls(node: ast.Def) -> list[str]:
    return [str(part.function) for part in ast.walk(node.body) if isinstance(part, ast.Apply)]


def _recursive(circles: list[list[str]], own: Mapping[str, ast.Def], report: Report) -> set[str]:
    recursive: set[str] = set()
    for circle in circles:
        if recursive.isdisjoint(circle):
            shown = " -> ".join([*circle, circle[0]])
            report(Recursion(span=own[circle[0]].name.span, name=circle[0], circle=shown))
        recursive.update(circle)
    return recursive


def _check_body(
    node: ast.Def, known: Mapping[str, object], variables: Mapping[str, object], report: Report
) -> None:
    """What can be said of a body without a call: variables and functions it cannot see."""
    inside = {str(parameter) for parameter in node.parameters}
    for part in ast.walk(node.body):
        if isinstance(part, (ast.Binder, ast.Such)):
            inside.add(str(part.name))
    for part in ast.walk(node.body):
        if isinstance(part, ast.Ref) and str(part.name) in variables:
            if str(part.name) not in inside:
                name = str(part.name)
                report(
                    DefinitionSeesVariable(
                        span=part.name.span, name=name, definition=str(node.name)
                    )
                )
        elif isinstance(part, ast.Apply):
            name = str(part.function)
            if name not in BUILT_IN and name not in known:
                suggestion = nearest(name, [*known, *BUILT_IN])
                report(UnknownFunction(span=part.function.span, name=name, suggestion=suggestion))
