"""References outside expressions: which elements of an algorithm a line speaks of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import product

from causalabs.algorithm.context import Context, Env, OutOfBudget, too_large
from causalabs.algorithm.domains import Integer
from causalabs.algorithm.expand import constant_integer
from causalabs.algorithm.expression import Constant
from causalabs.algorithm.model import Algorithm, Family
from causalabs.algorithm.names import element, nearest
from causalabs.algorithm.rules_domains import EmptyInterval
from causalabs.algorithm.rules_names import IndexOutOfRange, UnknownName, WrongIndices
from causalabs.algorithm.rules_types import NotConstant, NotInPlace
from causalabs.algorithm.scope import Scope
from causalabs.diagnostics import Rule, Source, Span
from causalabs.syntax import ast


def resolve_ref(
    node: ast.Ref,
    algorithm: Algorithm,
    binders: Mapping[str, int] | None = None,
    poisoned: frozenset[str] = frozenset(),
) -> tuple[tuple[str, ...], list[Rule]]:
    """The elements that `v`, `carry`, `carry[1]` or `carry[i in 0..2]` stands for.

    A family without its index is all of its members. `algorithm_name.v` is `v`. `binders`
    are names with a value outside, such as the index of a family that is aligned.
    """
    parts, name, span = node.parts, str(node.name), node.name.span
    whole = name == algorithm.name and name not in algorithm.by_family
    if whole and parts and isinstance(parts[0], ast.Field):
        name, span, parts = str(parts[0].name), parts[0].name.span, parts[1:]
    family = algorithm.by_family.get(name)
    if family is None:
        if name in poisoned:
            return (), []
        suggestion = nearest(name, algorithm.by_family)
        advice = f"the variables are {_listed(algorithm.by_family)}"
        return (), [UnknownName(span=span, name=name, suggestion=suggestion, advice=advice)]
    given = parts[0].indices if parts and isinstance(parts[0], ast.AtIndex) else ()
    if len(parts) > 1 or (parts and not given):
        return (), [NotInPlace(span=node.span, what="a field of a variable")]
    return resolve_indices(node, family, given, binders or {})


def _listed(names: Iterable[str]) -> str:
    found = [f"`{name}`" for name in names]
    return ", ".join(found[:6]) + (", ..." if len(found) > 6 else "")


def resolve_indices(
    node: ast.Node,
    family: Family,
    given: tuple[ast.Expr | ast.Binder, ...],
    binders: Mapping[str, int],
) -> tuple[tuple[str, ...], list[Rule]]:
    """Elements of `family` at `given` indices; none given is all of them."""
    if not given:
        return family.members, []
    dimensions = len(family.ranges)
    if len(given) != dimensions:
        wanted = (
            "no index"
            if not dimensions
            else f"{dimensions} ind" + ("ex" if dimensions == 1 else "ices")
        )
        usage = element(family.name, (low for low, _ in family.ranges))
        rule = WrongIndices(
            span=node.span, name=family.name, wanted=wanted, found=str(len(given)), usage=usage,
            first=family.span,
        )  # fmt: skip
        return (), [rule]
    context = Context(
        scope=Scope(source=Source("")), variables={}, tables={}, definitions={},
        poisoned=frozenset(),
    )  # fmt: skip
    env = Env({name: Constant(value, Integer()) for name, value in binders.items()})
    chosen: list[range] = []
    for each, (low, high) in zip(given, family.ranges, strict=True):
        found = _chosen(context, each, env)
        if found is None:
            continue
        chosen.append(found)
        if found.start < low or found.stop - 1 > high:
            outside = found.start if found.start < low else found.stop - 1
            context.report(
                IndexOutOfRange(
                    span=each.span, name=family.name, shown=element(family.name, (outside,)),
                    ranges=f"{low}..{high}", first=family.span,
                )
            )  # fmt: skip
    findings = list(context.findings.values())
    if findings or len(chosen) < len(given):
        return (), findings
    return tuple(element(family.name, at) for at in product(*chosen)), []


def _chosen(context: Context, node: ast.Expr | ast.Binder, env: Env) -> range | None:
    """The values of an index: one, or those of its binder."""
    try:
        if not isinstance(node, ast.Binder):
            value = _constant(context, node, env, "an index")
            return None if value is None else range(value, value + 1)
        name = str(node.name)
        low = _constant(context, node.low, env, name)
        high = _constant(context, node.high, env, name)
    except OutOfBudget as error:
        context.report(too_large(context, "an index", error.problem, node.span))
        return None
    if low is None or high is None:
        return None
    if low > high:
        span = Span(node.low.span.start, node.high.span.end)
        context.report(EmptyInterval(span=span, shown=f"{low}..{high}"))
        return None
    return range(low, high + 1)


def _constant(context: Context, node: ast.Expr, env: Env, name: str) -> int | None:
    value, sound = constant_integer(context, node, env, "an index")
    if value is None and sound:
        context.report(NotConstant(span=node.span, name=name))
    return value
