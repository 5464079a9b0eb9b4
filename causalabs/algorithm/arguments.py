"""Arguments of functions: binders written out, families spread, values typed by the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from causalabs.algorithm.context import NODES, Context, Env, OutOfBudget
from causalabs.algorithm.domains import Domain
from causalabs.algorithm.expand import (
    bindable,
    constant_integer,
    expand,
    pending,
)
from causalabs.algorithm.expression import Constant, Expression
from causalabs.algorithm.logic import Term
from causalabs.algorithm.references import family_name, read
from causalabs.algorithm.rules_types import NotConstant
from causalabs.algorithm.typing_ import (
    BOOL,
    INTEGER,
)
from causalabs.syntax import ast

MOST_BINDERS = 16


def assignments(
    context: Context, binders: tuple[ast.Binder, ...], env: Env
) -> Iterator[Env | None]:
    """An environment for each combination of `binders`; None where a range is wrong."""
    if len(binders) > MOST_BINDERS:
        raise OutOfBudget(f"has more than {MOST_BINDERS} binders in one place")
    if not binders:
        yield env
        return
    binder = binders[0]
    if not bindable(context, binder.name, env):
        yield None
        return
    ends: list[int] = []
    for end in (binder.low, binder.high):
        value, sound = constant_integer(context, end, env, f"the range of `{binder.name}`")
        if value is None:
            if sound:
                context.report(NotConstant(span=end.span, name=str(binder.name)))
            yield None
            return
        ends.append(value)
    if ends[1] - ends[0] > NODES:
        raise OutOfBudget(f"has more than {NODES:,} operations")
    span = context.at(binder.name.span)
    for value in range(ends[0], ends[1] + 1):
        context.spend()
        yield from assignments(
            context, binders[1:], env.bind(str(binder.name), Constant(value, INTEGER, span))
        )


def _arguments(
    context: Context, node: ast.Apply, env: Env
) -> Iterator[tuple[ast.Expr, Env] | None]:
    """Arguments with what is bound for each; None where a binder is wrong."""
    for inner in assignments(context, node.binders, env):
        if inner is None:
            yield None
            return
        for argument in node.arguments:
            yield argument, inner


def _spread(
    context: Context, argument: ast.Expr, env: Env
) -> Iterator[Callable[[], Expression | None]] | None:
    """The elements of a family that is given without its index; None for other arguments."""
    found = family_name(context, argument, env)
    if found is None:
        return None
    name, family, node, inner = found
    if inner.definition is not None:
        return None  # the reference itself says what is wrong
    sizes = [range(low, high + 1) for low, high in family.ranges]

    def elements() -> Iterator[Callable[[], Expression | None]]:
        from itertools import product

        for at in product(*sizes):
            context.spend()
            indices = tuple(ast.Literal(ast.Digits(str(i), node.span), span=node.span) for i in at)
            parts = (ast.AtIndex(indices, span=node.span),)
            if min(at) < 0:
                yield lambda at=at: _member(context, node, name, at)  # type: ignore[misc]
            else:
                yield lambda parts=parts: read(context, node, name, parts, inner)  # type: ignore[misc]

    return elements()


def _member(context: Context, node: ast.Ref, name: str, at: tuple[int, ...]) -> Expression | None:
    """An element by negative indices, which no literal writes."""
    parts = tuple(
        ast.Literal(ast.Digits(str(abs(i)), node.span), span=node.span)
        if i >= 0
        else ast.Negative(
            ast.Literal(ast.Digits(str(-i), node.span), span=node.span), span=node.span
        )
        for i in at
    )
    return read(context, node, name, (ast.AtIndex(parts, span=node.span),), Env())


def terms(context: Context, node: ast.Apply, env: Env) -> Iterator[Term]:
    """The arguments of `any` and `all`, each made when it is asked for."""
    for each in _arguments(context, node, env):
        if each is None:
            yield (lambda: None), node
            return
        argument, inner = each
        members = _spread(context, argument, inner)
        if members is None:
            yield (lambda a=argument, e=inner: expand(context, a, e, BOOL)), argument  # type: ignore[misc]
        else:
            yield from ((member, argument) for member in members)


def all_of(
    context: Context,
    node: ast.Apply,
    env: Env,
    hint: Domain | None = None,
    *,
    skip: int = 0,
) -> list[tuple[Expression, ast.Node]] | None:
    """All arguments from number `skip` on; values take the type of the first that has one."""
    waiting: list[tuple[int, ast.Expr, Env]] = []
    found: list[tuple[Expression | None, ast.Node]] = []
    type_ = hint
    for number, each in enumerate(_arguments(context, node, env)):
        if each is None:
            return None
        if number % len(node.arguments) < skip:
            continue
        argument, inner = each
        members = _spread(context, argument, inner)
        if members is not None:
            found += [(member(), argument) for member in members]
        elif type_ is None and pending(context, argument, inner):
            waiting.append((len(found), argument, inner))
            found.append((None, argument))
            continue
        else:
            found.append((expand(context, argument, inner, type_), argument))
        if type_ is None and found and found[-1][0] is not None:
            type_ = found[-1][0].type
    for place, argument, inner in waiting:
        each_ = expand(context, argument, inner, type_)
        if each_ is None:
            return None  # whose domain it is would be asked again for each of the others
        type_ = type_ or each_.type
        found[place] = (each_, argument)
    kept = [(each, at) for each, at in found if each is not None]
    return kept if len(kept) == len(found) else None
