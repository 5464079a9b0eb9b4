"""Conditions: of `where` in an algorithm, and of lines that speak of pairs of inputs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from causalabs.algorithm.context import (
    NODES,
    Context,
    Env,
    OutOfBudget,
    Readable,
    too_large,
)
from causalabs.algorithm.expand import expand, truth
from causalabs.algorithm.expression import Expression
from causalabs.algorithm.model import Algorithm
from causalabs.algorithm.scope import Scope
from causalabs.algorithm.typing_ import BOOL
from causalabs.diagnostics import Rule
from causalabs.syntax import ast


def condition(context: Context, node: ast.Expr, place: str) -> Expression | None:
    """A truth value; `place` names it in findings."""
    context.limit = context.spent + NODES
    try:
        found = expand(context, node, Env(), BOOL)
    except OutOfBudget as error:
        context.depth = 0
        context.report(too_large(context, place, error.problem, node.span))
        return None
    return truth(context, found, node, place)


def readables(algorithm: Algorithm, prefixes: Iterable[str] = ("",)) -> dict[str, Readable]:
    """The variables of an algorithm for `elaborate_condition`, under each of `prefixes`.

    Prefixes are "" for plain names, "base" and "source" for pairs.
    """
    return {
        f"{prefix}.{family.name}" if prefix else family.name: Readable(
            family.domain, family.ranges, family.role, family.span
        )
        for prefix in prefixes
        for family in algorithm.families
    }


def elaborate_condition(
    expression: ast.Expr,
    scope: Scope,
    variables: Mapping[str, Readable],
    poisoned: frozenset[str] = frozenset(),
    *,
    place: str = "`where`",
) -> tuple[Expression | None, list[Rule]]:
    """A condition outside algorithms over `variables`, whose names may be `base.v`.

    The names of `Variable`s in the result are those of `variables`, with their index:
    `base.carry[2]`.
    """
    context = Context(
        scope=scope,
        variables=variables,
        tables=dict(scope.every_table),
        definitions=scope.definitions,
        poisoned=scope.poisoned | poisoned,
    )
    context.incomplete = not scope.complete or bool(poisoned)
    found = condition(context, expression, place)
    findings = sorted(context.findings.values(), key=lambda rule: rule.span)
    return (None if findings else found), findings
