"""From the syntax tree of an algorithm, or of a condition, to its typed meaning.

>>> from causalabs.diagnostics import Source
>>> from causalabs.syntax.parse import parse
>>> text = "algorithm {input x, y : 0..9 var s : 0..18 = x + y output big : bool = s > 9}"
>>> file = parse(Source(text)).file
>>> scope, _ = declare(file, Source(text))
>>> algorithm, rules = elaborate(file.items[0], scope)
>>> [(v.name, v.parents) for v in algorithm.variables if v.role != "input"]
[('s', ('x', 'y')), ('big', ('s',))]
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import prod

from causalabs.algorithm import functions
from causalabs.algorithm.context import (
    ALL_NODES,
    ELEMENTS,
    NODES,
    Context,
    Env,
    OutOfBudget,
    Readable,
    too_large,
)
from causalabs.algorithm.declared import coded_value, digits, domain_of, elaborate_type
from causalabs.algorithm.definitions import check_definitions
from causalabs.algorithm.domains import Domain
from causalabs.algorithm.entries import literal_table
from causalabs.algorithm.expand import assign, bindable, constant_integer, expand, must_quote
from causalabs.algorithm.expression import Constant, Expression, names as names_in
from causalabs.algorithm.model import Algorithm, Family, Role, Variable
from causalabs.algorithm.names import element, nearest
from causalabs.algorithm.pairs import condition, elaborate_condition, readables
from causalabs.algorithm.rules_domains import EmptyInterval, TooMany
from causalabs.algorithm.rules_names import DuplicateBinder
from causalabs.algorithm.rules_types import Cycle, NotConstant, NothingComputed
from causalabs.algorithm.scope import Scope, causal_order, declare, fresh
from causalabs.algorithm.selection import resolve_ref
from causalabs.algorithm.typing_ import INTEGER
from causalabs.diagnostics import Rule, Span
from causalabs.syntax import ast

__all__ = [
    "Readable",
    "Scope",
    "coded_value",
    "declare",
    "elaborate",
    "elaborate_condition",
    "elaborate_type",
    "nearest",
    "readables",
    "resolve_ref",
]

_REGISTERED = functions
"""Imported for what it registers: how calls are expanded."""


@dataclass(frozen=True)
class _Line:
    """A declared variable or family, before its mechanisms."""

    name: ast.Name
    role: Role
    domain: Domain | None
    ranges: tuple[tuple[int, int], ...]
    node: ast.Input | ast.Var | ast.Output
    binders: tuple[ast.Binder, ...] = ()

    @property
    def span(self) -> Span:
        return self.name.span


def elaborate(
    node: ast.Algorithm,
    scope: Scope,
    poisoned: frozenset[str] = frozenset(),
    *,
    site: Span | None = None,
    whole: bool = True,
) -> tuple[Algorithm | None, list[Rule]]:
    """An algorithm with its variables in causal order, and everything wrong with it.

    The algorithm is None where anything is wrong. `site` takes the place of all spans, for
    an algorithm of another file. An algorithm that is not `whole`, for some statements could
    not be read, is not said to lack inputs or outputs.
    """
    context = Context(
        scope=scope,
        variables={},
        tables=dict(scope.every_table),
        definitions=scope.definitions,
        poisoned=scope.poisoned | poisoned,
        site=site,
    )
    lines = _declarations(context, node)
    incomplete = not scope.complete or any(line.domain is None for line in lines)
    context.incomplete = incomplete or bool(context.poisoned)
    where = _conditions(context, node)
    variables = _variables(context, lines)
    if whole:
        _present(context, node, lines)
    ordered = _ordered(context, variables)
    found = sorted(context.findings.values(), key=lambda rule: rule.span)
    failed = any(rule.severity == "error" for rule in found) or incomplete
    if failed or len(variables) < sum(_size(line.ranges) for line in lines):
        return None, found
    families = tuple(_family(line, context) for line in lines)
    name = str(node.name) if node.name is not None else "algorithm"
    return Algorithm(name, ordered, families, tuple(where)), found


# ----------------------------------------------------------------- declarations


def _declarations(context: Context, node: ast.Algorithm) -> list[_Line]:
    """What the statements declare: variables, tables and definitions, in any order."""
    spans: dict[str, Span] = {}
    lines: list[_Line] = []
    for statement in node.statements:
        match statement:
            case ast.Input(families, type_):
                domain = _domain(context, type_)
                for family in families:
                    if fresh(family.name, spans, context.report):
                        ranges = _sizes(context, family)
                        lines.append(_Line(family.name, "input", domain, ranges, statement))
            case ast.Var(cell, type_) | ast.Output(cell, type_):
                domain = _domain(context, type_)
                if fresh(cell.name, spans, context.report):
                    role: Role = "var" if isinstance(statement, ast.Var) else "output"
                    ranges = _ranges(context, cell)
                    lines.append(_Line(cell.name, role, domain, ranges, statement, cell.binders))
            case ast.Table():
                if fresh(statement.name, spans, context.report):
                    scope = context.scope
                    table = literal_table(
                        statement, scope.every_domain, scope.every_data, context.poisoned,
                        context.report,
                    )  # fmt: skip
                    context.tables = {**context.tables, str(statement.name): table}
    lines = _within_limits(context, lines)
    context.variables = {
        str(line.name): Readable(line.domain, line.ranges, line.role, line.span) for line in lines
    }
    definitions = [each for each in node.statements if isinstance(each, ast.Def)]
    context.definitions = check_definitions(
        definitions, context.scope.definitions, context.variables, context.report
    )
    return lines


def _domain(context: Context, node: ast.Type) -> Domain | None:
    scope = context.scope
    return domain_of(node, scope.every_domain, scope.every_data, context.poisoned, context.report)


def _size(ranges: Iterable[tuple[int, int]]) -> int:
    return prod(high - low + 1 for low, high in ranges)


def _sizes(context: Context, family: ast.Family) -> tuple[tuple[int, int], ...]:
    """The ranges of `x[4, 2]`: 0 up to one less."""
    found: list[tuple[int, int]] = []
    for written in family.sizes:
        size = digits(written, context.report)
        if size == 0:
            advice = "a family has at least one element"
            shown = f"{family.name}[0]"
            context.report(EmptyInterval(span=family.span, shown=shown, advice=advice))
        found.append((0, max(1, int(size or 1)) - 1))
    return tuple(found)


def _ranges(context: Context, cell: ast.Cell) -> tuple[tuple[int, int], ...]:
    """The ranges of `carry[i in 0..3]`; a wrong one counts as one element."""
    found: list[tuple[int, int]] = []
    seen: dict[str, Span] = {}
    for binder in cell.binders:
        name = str(binder.name)
        if name in seen:
            context.report(DuplicateBinder(span=binder.name.span, name=name, first=seen[name]))
        elif bindable(context, binder.name, Env()):
            seen[name] = binder.name.span
        ends: list[int] = []
        for end in (binder.low, binder.high):
            value, sound = _end(context, end, name)
            if value is None and sound:
                context.report(NotConstant(span=end.span, name=name))
            if value is not None:
                ends.append(value)
        if len(ends) < 2:
            found.append((0, 0))
        elif ends[0] > ends[1]:
            shown = f"{ends[0]}..{ends[1]}"
            span = Span(binder.low.span.start, binder.high.span.end)
            advice = "a family has at least one element"
            context.report(EmptyInterval(span=span, shown=shown, advice=advice))
            found.append((ends[0], ends[0]))
        else:
            found.append((ends[0], ends[1]))
    return tuple(found)


def _end(context: Context, node: ast.Expr, name: str) -> tuple[int | None, bool]:
    try:
        return constant_integer(context, node, Env(), f"the range of `{name}`")
    except OutOfBudget as error:
        context.report(too_large(context, f"the range of `{name}`", error.problem, node.span))
        return None, False


def _within_limits(context: Context, lines: list[_Line]) -> list[_Line]:
    """Refuses what is too large before any of it is written out."""
    total = 0
    kept: list[_Line] = []
    reported = False
    for line in lines:
        count = _size(line.ranges)
        if count > ELEMENTS:
            what, limit = f"family `{line.name}`", f"{ELEMENTS:,}"
            shown = f"{count:,} elements"
            context.report(TooMany(span=line.span, what=what, count=shown, limit=limit))
            low = tuple((low, low) for low, _ in line.ranges)
            line, count = replace(line, ranges=low, domain=None), 1
        total += count
        if total > ELEMENTS and not reported:
            shown = f"{sum(_size(each.ranges) for each in lines):,} variables"
            reported = True
            context.report(
                TooMany(span=line.span, what="the algorithm", count=shown, limit=f"{ELEMENTS:,}")
            )
        if total > ELEMENTS:
            low = tuple((low, low) for low, _ in line.ranges)
            line = replace(line, ranges=low, domain=None)
        kept.append(line)
    return kept


def _present(context: Context, node: ast.Algorithm, lines: Sequence[_Line]) -> None:
    name = f"`{node.name}`" if node.name is not None else "the algorithm"
    span = node.name.span if node.name is not None else _keyword(node)
    missing = [role for role in ("input", "output") if all(line.role != role for line in lines)]
    if missing and not context.poisoned:
        context.report(NothingComputed(span=span, name=name, what=missing[0]))


def _keyword(node: ast.Node) -> Span:
    return Span(node.span.start, min(node.span.end, node.span.start + len("algorithm")))


# ------------------------------------------------------------------- mechanisms


def _conditions(context: Context, node: ast.Algorithm) -> list[Expression]:
    """The `where` lines, which speak of inputs only."""
    found: list[Expression] = []
    context.inputs_only = True
    for statement in node.statements:
        if isinstance(statement, ast.Where):
            found_ = condition(context, statement.condition, "`where`")
            if found_ is not None:
                found.append(found_)
    context.inputs_only = False
    return found


def _variables(context: Context, lines: Sequence[_Line]) -> list[Variable]:
    """All elements with their mechanisms; those that failed are left out."""
    found: list[Variable] = []
    start = context.spent
    for line in lines:
        name, span = str(line.name), context.at(line.span)
        for index in product(*(range(low, high + 1) for low, high in line.ranges)):
            if line.role == "input":
                if line.domain is not None:
                    domain = line.domain
                    variable = Variable(
                        element(name, index), name, index, "input", domain, span=span
                    )
                    found.append(variable)
                continue
            if context.spent - start > ALL_NODES:
                problem = f"has more than {ALL_NODES:,} operations"
                what = "the algorithm"
                context.report(too_large(context, what, problem, line.span))
                return found
            mechanism = _mechanism(context, line, index)
            if mechanism is not None and line.domain is not None:
                found.append(
                    Variable(
                        element(name, index), name, index, line.role, line.domain, mechanism,
                        names_in(mechanism), span, context.at(line.node.domain.span),
                    )
                )  # fmt: skip
    return found


def _mechanism(context: Context, line: _Line, index: tuple[int, ...]) -> Expression | None:
    assert not isinstance(line.node, ast.Input)
    node = line.node.mechanism
    bound = {
        str(binder.name): Constant(place, INTEGER, context.at(binder.name.span))
        for binder, place in zip(line.binders, index, strict=True)
    }
    env = Env(bound)
    context.limit = context.spent + NODES
    context.depth = 0
    try:
        found = expand(context, node, env, line.domain)
    except OutOfBudget as error:
        what = f"the mechanism of `{line.name}`"
        context.report(too_large(context, what, error.problem, node.span))
        return None
    if found is None or line.domain is None:
        return None
    if must_quote(context, node, env, line.domain, node.span):
        return None
    return assign(context, found, node, line.domain, str(line.name))


def _ordered(context: Context, variables: Sequence[Variable]) -> tuple[Variable, ...]:
    """Causal order: inputs first, then as declared as far as parents allow."""
    by_name = {variable.name: variable for variable in variables}
    inputs = [variable for variable in variables if variable.role == "input"]
    computed = {v.name: [p for p in v.parents if p in by_name] for v in variables}
    order, circles = causal_order(computed)
    told: set[str] = set()
    for circle in circles:
        families = {by_name[name].family for name in circle}
        if not told.isdisjoint(families):
            continue
        told |= families
        # `order` follows parents; the circle is drawn from cause to effect.
        drawn = [circle[0], *reversed(circle)]
        if len(drawn) > 8:
            drawn = [*drawn[:4], "...", *drawn[-3:]]
        others = {by_name[name].family: by_name[name].span for name in circle[1:]}
        others.pop(by_name[circle[0]].family, None)
        context.report(
            Cycle(
                span=by_name[circle[0]].span,
                name=circle[0],
                circle=" -> ".join(drawn),
                others=tuple(others.items())[:6],
            )
        )
    rest = [by_name[name] for name in order if by_name[name].role != "input"]
    return (*inputs, *rest)


def _family(line: _Line, context: Context) -> Family:
    name = str(line.name)
    places = product(*(range(low, high + 1) for low, high in line.ranges))
    members = tuple(element(name, place) for place in places)
    assert line.domain is not None
    return Family(name, line.role, line.domain, line.ranges, members, context.at(line.span))
