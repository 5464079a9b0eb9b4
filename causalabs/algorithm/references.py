"""References: variables, elements of families, look-ups in tables, values by name."""

from __future__ import annotations

from itertools import product

from causalabs.algorithm.context import Context, Env, Readable, Thunk
from causalabs.algorithm.domains import Cyclic, Domain, Enum, Interval, Mod
from causalabs.algorithm.expand import expand, handles, must_quote, value
from causalabs.algorithm.expression import (
    Constant,
    Expression,
    Pick,
    Variable,
)
from causalabs.algorithm.look_ups import look_up
from causalabs.algorithm.names import element
from causalabs.algorithm.rules_names import (
    DefinitionSeesVariable,
    IndexOutOfRange,
    NotAnIndex,
    NotAVariable,
    UnknownName,
    Unqualified,
    WhereSeesComputed,
    WrongIndices,
)
from causalabs.algorithm.rules_types import NotInPlace
from causalabs.algorithm.typing_ import describe, integral
from causalabs.syntax import ast

PREFIXES = ("base", "source")


@handles(ast.Ref)
def expand_ref(context: Context, node: ast.Ref, env: Env, hint: Domain | None) -> Expression | None:
    """A bare name is a binder, a parameter, a variable or a value, in this order (A8)."""
    name = str(node.name)
    bound = env.bound.get(name)
    if bound is not None:
        return _bound(context, node, bound, env, hint)
    name, parts = qualified(context, node)
    if name in context.variables:
        if env.definition is not None:
            context.report(
                DefinitionSeesVariable(span=node.name.span, name=name, definition=env.definition)
            )
            return None
        if must_quote(context, node, env, hint, node.span):
            return None
        return read(context, node, name, parts, env)
    if name in context.tables or name in context.scope.every_data:
        return look_up(context, node, name, env)
    if parts:
        _no_such(context, node, name)
        return None
    return _value(context, node, name, hint)


def _value(context: Context, node: ast.Ref, name: str, hint: Domain | None) -> Expression | None:
    kinds = {
        "a function: call it": name in context.definitions,
        "a domain": name in context.scope.every_domain,
        "an algorithm": name in context.scope.algorithms,
    }
    kind = next((kind for kind, is_ in kinds.items() if is_), None)
    known = isinstance(hint, (Enum, Cyclic)) and context.place(hint, name) is not None
    if kind is not None and not known and not context.owners(name):
        usage = ""
        if name in context.definitions:
            parameters = ", ".join(context.definitions[name].node.parameters)
            kind, usage = "a function", f"call it: `{name}({parameters})`"
        context.report(NotAVariable(span=node.span, name=name, kind=kind, advice=usage))
        return None
    whose = [f"{prefix}.{name}" for prefix in PREFIXES if f"{prefix}.{name}" in context.variables]
    if whose and not known:
        options = " or ".join(f"`{each}`" for each in whose)
        context.report(Unqualified(span=node.span, name=name, options=options))
        return None
    return value(context, name, node.span, hint)


def qualified(context: Context, node: ast.Ref) -> tuple[str, tuple[ast.Field | ast.AtIndex, ...]]:
    """The name of the variable that is meant, `base.v` in one, and the parts that are left."""
    name, parts = str(node.name), node.parts
    if parts and isinstance(parts[0], ast.Field) and name not in context.variables:
        whole = f"{name}.{parts[0].name}"
        if whole in context.variables:
            return whole, parts[1:]
    return name, parts


def _no_such(context: Context, node: ast.Ref, name: str) -> None:
    """Reports a name with parts that stands for nothing."""
    first = node.parts[0]
    if isinstance(first, ast.Field):
        prefix = f"{name}."
        inside = [each[len(prefix) :] for each in context.variables if each.startswith(prefix)]
        if inside:
            field = str(first.name)
            if field in context.poisoned:
                return
            suggestion = context.suggest(field, inside)
            advice = f"`{name}` has {', '.join(f'`{each}`' for each in inside[:5])}"
            span = first.name.span
            context.report(UnknownName(span=span, name=field, suggestion=suggestion, advice=advice))
            return
    whose = [f"{each}.{name}" for each in PREFIXES if f"{each}.{name}" in context.variables]
    if whose:
        options = " or ".join(f"`{each}`" for each in whose)
        context.report(Unqualified(span=node.span, name=name, options=options))
    elif name in context.definitions and isinstance(first, ast.AtIndex):
        kind, advice = "a function", f"call it with parentheses: `{name}(...)`"
        context.report(NotAVariable(span=node.name.span, name=name, kind=kind, advice=advice))
    elif name not in context.poisoned:
        if context.owners(name) and not context.incomplete:
            kind = "a value"
            context.report(NotAVariable(span=node.name.span, name=name, kind=kind))
        else:
            candidates = [*context.variables, *context.tables, *context.scope.every_data]
            suggestion = context.suggest(name, candidates)
            if not context.incomplete or suggestion:
                rule = UnknownName(span=node.name.span, name=name, suggestion=suggestion)
                context.report(rule)


# ------------------------------------------------------- binders and parameters


def _bound(
    context: Context, node: ast.Ref, bound: Constant | Thunk, env: Env, hint: Domain | None
) -> Expression | None:
    if isinstance(bound, Thunk):
        if node.parts:
            return _parameter_family(context, node, bound, env)
        return force(context, bound, hint)
    if node.parts:
        name = str(node.name)
        wanted, found = "no index", "some"
        if isinstance(node.parts[0], ast.Field):
            kind = "a number or a value here"
            context.report(NotAVariable(span=node.span, name=name, kind=kind))
            return None
        rule = WrongIndices(span=node.span, name=name, wanted=wanted, found=found, usage=name)
        context.report(rule)
        return None
    return Constant(bound.value, bound.type, context.at(node.span))


def force(context: Context, thunk: Thunk, hint: Domain | None) -> Expression | None:
    """The argument itself; paid for at each use, for each use is written out."""
    if thunk.done is not None:
        context.spend(thunk.cost)
        return thunk.done
    before = context.spent
    result = expand(context, thunk.node, thunk.env, hint)
    if result is not None and hint is None:
        thunk.done, thunk.cost = result, context.spent - before
    return result


def family_name(
    context: Context, node: ast.Node, env: Env
) -> tuple[str, Readable, ast.Ref, Env] | None:
    """The family that a bare name stands for, also through a parameter."""
    while isinstance(node, ast.Ref):
        bound = env.bound.get(str(node.name))
        if isinstance(bound, Thunk) and not node.parts:
            node, env = bound.node, bound.env
            continue
        if bound is not None:
            return None
        name, parts = qualified(context, node)
        found = context.variables.get(name)
        if found is None or parts or not found.ranges:
            return None
        return name, found, node, env
    return None


def _parameter_family(context: Context, node: ast.Ref, bound: Thunk, env: Env) -> Expression | None:
    """`xs[i]` where `xs` is a parameter that a family was given for."""
    name = str(node.name)
    found = family_name(context, bound.node, bound.env)
    if found is None or not isinstance(node.parts[0], ast.AtIndex):
        mark = context.mark()
        argument = force(context, bound, None)
        if argument is not None or context.mark() == mark:
            kind = "not a family here"
            advice = "pass a family without its index, as in `f(xs)`"
            kind = f"{kind}, so it has no index"
            context.report(NotAVariable(span=node.span, name=name, kind=kind, advice=advice))
        return None
    family, _, _, outer = found
    if outer.definition is not None:
        span = node.name.span
        rule = DefinitionSeesVariable(span=span, name=family, definition=outer.definition)
        context.report(rule)
        return None
    return read(context, node, family, node.parts, env)


# -------------------------------------------------------------------- variables


def read(
    context: Context,
    node: ast.Ref,
    name: str,
    parts: tuple[ast.Field | ast.AtIndex, ...],
    env: Env,
) -> Expression | None:
    """A variable, or an element of a family by constant or computed indices."""
    variable = context.variables[name]
    if context.inputs_only and variable.role != "input":
        rule = WhereSeesComputed(span=node.span, name=name, first=variable.span)
        context.report(rule)
        return None
    dimensions = len(variable.ranges)
    if any(isinstance(part, ast.Field) for part in parts) or len(parts) > 1:
        usage = element(name, (low for low, _ in variable.ranges))
        found = f"`{context.shown(node)}`"
        _indices(context, node, name, variable, found, usage)
        return None
    given = parts[0].indices if parts and isinstance(parts[0], ast.AtIndex) else ()
    if len(given) != dimensions:
        usage = element(name, (low for low, _ in variable.ranges))
        _indices(context, node, name, variable, _count(len(given)), usage)
        return None
    if not dimensions:
        if variable.domain is None:
            return None
        return Variable(name, variable.domain, context.at(node.span))
    indices = [_index(context, each, env) for each in given]
    if any(index is None for index in indices):
        return None
    return _element(context, node, name, variable, indices)  # type: ignore[arg-type]


def _count(number: int) -> str:
    return "none" if number == 0 else "one" if number == 1 else str(number)


def _indices(
    context: Context, node: ast.Ref, name: str, variable: Readable, found: str, usage: str
) -> None:
    number = len(variable.ranges)
    wanted = "no index" if not number else "one index" if number == 1 else f"{number} indices"
    context.report(
        WrongIndices(
            span=node.span, name=name, wanted=wanted, found=found, usage=usage,
            first=variable.span,
        )
    )  # fmt: skip


def _index(context: Context, node: ast.Expr | ast.Binder, env: Env) -> Expression | None:
    if isinstance(node, ast.Binder):
        what = f"`{node.name} in ...` as an index"
        advice = f"bind it around the expression: `any(... for {node.name} in ...)`"
        context.report(NotInPlace(span=node.span, what=what, advice=advice))
        return None
    found = expand(context, node, env)
    if found is None or integral(found.type):
        return found
    advice = "convert it: `int(...)`" if isinstance(found.type, Mod) else ""
    context.report(
        NotAnIndex(
            span=node.span, shown=context.shown(node), found=describe(found.type), advice=advice
        )
    )
    return None


def _element(
    context: Context, node: ast.Ref, name: str, variable: Readable, indices: list[Expression]
) -> Expression | None:
    options: list[range] = []
    for index, (low, high) in zip(indices, variable.ranges, strict=True):
        ends = _ends(index)
        if ends is not None and (ends[1] < low or ends[0] > high):
            _out_of_range(context, node, name, variable, indices)
            return None
        if isinstance(index, Constant):
            options.append(range(int(index.value), int(index.value) + 1))
        else:
            options.append(range(low, high + 1))
    if variable.domain is None:
        return None
    span = context.at(node.span)
    members = [element(name, at) for at in product(*options)]
    context.spend(len(members) - 1)
    items = tuple(Variable(member, variable.domain, span) for member in members)
    open_ = [place for place, index in enumerate(indices) if not isinstance(index, Constant)]
    if not open_:
        return items[0]
    return Pick(
        indices=tuple(indices[place] for place in open_),
        lows=tuple(options[place].start for place in open_),
        sizes=tuple(len(options[place]) for place in open_),
        items=items,
        type=variable.domain,
        span=span,
    )


def _ends(index: Expression) -> tuple[int, int] | None:
    if isinstance(index, Constant):
        return int(index.value), int(index.value)
    if isinstance(index.type, Interval):
        return index.type.low, index.type.high
    return None


def _out_of_range(
    context: Context, node: ast.Ref, name: str, variable: Readable, indices: list[Expression]
) -> None:
    if variable.domain is None:
        return  # the declaration failed, its ranges may be none
    ends = [_ends(index) for index in indices]
    shown = ["..." if e is None else str(e[0]) if e[0] == e[1] else f"{e[0]}..{e[1]}" for e in ends]
    ranges = ", ".join(f"{low}..{high}" for low, high in variable.ranges)
    text = f"{name}[{', '.join(shown)}]"
    differs = text != "".join(context.shown(node).split()).replace(",", ", ")
    context.report(
        IndexOutOfRange(
            span=node.span,
            name=name,
            shown=text,
            ranges=ranges,
            label_text=f"here `{text}`" if differs else "",
            first=variable.span,
        )
    )
