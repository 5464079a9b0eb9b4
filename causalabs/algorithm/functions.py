"""Functions: the built-in ones, and calls of definitions, which are written out."""

from __future__ import annotations

from collections.abc import Callable

from causalabs.algorithm.arguments import all_of, terms
from causalabs.algorithm.context import Context, Env, Thunk
from causalabs.algorithm.declared import BIGGEST
from causalabs.algorithm.definitions import BUILT_IN, Definition
from causalabs.algorithm.domains import Bool, Domain, Interval, Mod, Real
from causalabs.algorithm.expand import (
    expand,
    handles,
    pending,
    truth,
)
from causalabs.algorithm.expression import Constant, Expression
from causalabs.algorithm.logic import connective
from causalabs.algorithm.operators import balanced, choose, drawn_equal, operation
from causalabs.algorithm.references import family_name
from causalabs.algorithm.rules_domains import TooLargeNumber
from causalabs.algorithm.rules_names import UnknownFunction, WrongArguments
from causalabs.algorithm.rules_types import NothingToChoose, NotInPlace, RealEquality
from causalabs.algorithm.typing_ import (
    BOOL,
    INTEGER,
    SCALAR,
    fit,
    integral,
    join,
    scalar_real,
    wrong,
)
from causalabs.syntax import ast


@handles(ast.Apply)
def expand_apply(
    context: Context, node: ast.Apply, env: Env, hint: Domain | None
) -> Expression | None:
    """`f(x, y)` or `f(x[i] for i in 0..3)`."""
    name = str(node.function)
    if name in context.definitions:
        return _call(context, node, context.definitions[name], env, hint)
    if name not in BUILT_IN:
        if name in context.variables:
            dimensions = context.variables[name].ranges
            usage = f"index it with brackets: `{name}[...]`" if dimensions else f"write `{name}`"
            context.report(UnknownFunction(span=node.function.span, name=name, advice=usage))
        elif name not in context.poisoned and "*" not in context.poisoned:
            suggestion = context.suggest(name, [*context.definitions, *BUILT_IN])
            span = node.function.span
            context.report(UnknownFunction(span=span, name=name, suggestion=suggestion))
        return None
    if name in ("any", "all"):
        place = f"what `{name}` takes"
        return connective(context, name, terms(context, node, env), node.span, place)
    return FUNCTIONS[name](context, node, env, hint)


def _call(
    context: Context, node: ast.Apply, definition: Definition, env: Env, hint: Domain | None
) -> Expression | None:
    """A definition's body with its arguments in place of its parameters."""
    name, parameters = str(node.function), definition.node.parameters
    if not definition.sound:
        return None
    if node.binders:
        what = "`for` in a call of a definition"
        advice = "write the binder around the call, as in `any(f(x[i]) for i in 0..3)`"
        context.report(NotInPlace(span=node.span, what=what, advice=advice))
        return None
    if len(node.arguments) != len(parameters):
        first = None if definition.foreign else definition.node.name.span
        usage = f"{name}({', '.join(parameters)})"
        _count_arguments(context, node, len(parameters), usage, first)
        return None
    bound = {
        str(parameter): Thunk(argument, env)
        for parameter, argument in zip(parameters, node.arguments, strict=True)
    }
    failed = False
    for parameter, thunk in bound.items():
        # What the body never reads is still looked at: a misspelt name is a mistake anywhere.
        read_ = parameter in definition.used or pending(context, thunk.node, env)
        if not read_ and family_name(context, thunk.node, env) is None:
            failed |= expand(context, thunk.node, env) is None
    site = context.site
    if definition.foreign:
        context.site = context.at(node.span)
    try:
        result = expand(context, definition.node.body, Env(bound, name), hint)
    finally:
        context.site = site
    return None if failed else result


def _count_arguments(
    context: Context, node: ast.Apply, wanted: int, usage: str, first: object = None
) -> None:
    number = len(node.arguments)
    context.report(
        WrongArguments(
            span=node.span,
            name=str(node.function),
            wanted=f"{wanted} argument" + ("s" if wanted != 1 else ""),
            found=str(number),
            usage=usage,
            first=first,  # type: ignore[arg-type]
        )
    )


# ------------------------------------------------------------------- functions


def _sum(context: Context, node: ast.Apply, env: Env, hint: Domain | None) -> Expression | None:
    found = all_of(context, node, env)
    if found is None:
        return None
    span = context.at(node.span)
    if not found:
        return Constant(0, INTEGER, span)
    if any(isinstance(each.type, Mod) for each, _ in found):
        joined = join(context, found, "the arguments of `sum`")
        return None if joined is None else balanced("add", joined, joined[0].type, span)
    numbers = _numbers(context, found, "sum")
    if numbers is None:
        return None
    known = [int(each.value) for each in numbers if isinstance(each, Constant)]
    if len(known) == len(numbers) and integral(numbers[0].type):
        total = sum(known)
        if abs(total) >= BIGGEST:
            shown, problem = context.shown(node), "too large a number"
            context.report(TooLargeNumber(span=node.span, shown=shown, problem=problem))
            return None
        return Constant(total, INTEGER, span)
    if len(numbers) == 1:
        return numbers[0]
    type_ = INTEGER if integral(numbers[0].type) else SCALAR
    return operation("sum", tuple(numbers), type_, span)


def _numbers(
    context: Context, found: list[tuple[Expression, ast.Node]], name: str
) -> list[Expression] | None:
    """All integers, or all single reals."""
    real = any(scalar_real(each.type) for each, _ in found)
    result: list[Expression] = []
    for each, at in found:
        if real:
            fitted = fit(context, each, SCALAR)
            each_fits = fitted is not None and scalar_real(fitted.type)
        else:
            fitted, each_fits = each, integral(each.type)
        if not each_fits or fitted is None:
            help_ = ""
            if isinstance(each.type, Bool) and name == "sum":
                help_ = "use `count`, which counts what is true"
            wrong(context, each, at, f"what `{name}` takes", SCALAR if real else INTEGER, help_)
            return None
        result.append(fitted)
    return result


def _count(context: Context, node: ast.Apply, env: Env, hint: Domain | None) -> Expression | None:
    found = all_of(context, node, env, BOOL)
    if found is None:
        return None
    for each, at in found:
        if truth(context, each, at, "what `count` takes") is None:
            return None
    span = context.at(node.span)
    if all(isinstance(each, Constant) for each, _ in found):
        true = [each for each, _ in found if isinstance(each, Constant) and each.value]
        return Constant(len(true), INTEGER, span)
    arguments = tuple(each for each, _ in found)
    return operation("count", arguments, Interval(0, len(arguments)), span)


def _extreme(context: Context, node: ast.Apply, env: Env, hint: Domain | None) -> Expression | None:
    name = str(node.function)
    found = all_of(context, node, env)
    if found is None:
        return None
    if not found:
        context.report(NothingToChoose(span=node.span, name=name))
        return None
    numbers = _numbers(context, found, name)
    if numbers is None:
        return None
    span = context.at(node.span)
    choose_ = min if name == "min" else max
    if all(isinstance(each, Constant) for each in numbers):
        value = choose_(each.value for each in numbers)  # type: ignore[union-attr]
        return Constant(value, numbers[0].type, span)
    if len(numbers) == 1:
        return numbers[0]
    type_ = INTEGER if integral(numbers[0].type) else SCALAR
    return operation(name, tuple(numbers), type_, span)  # type: ignore[arg-type]


def _one(context: Context, node: ast.Apply, env: Env) -> Expression | None:
    name = str(node.function)
    if node.binders or len(node.arguments) != 1:
        _count_arguments(context, node, 1, BUILT_IN[name])
        return None
    return expand(context, node.arguments[0], env)


def _abs(context: Context, node: ast.Apply, env: Env, hint: Domain | None) -> Expression | None:
    found = _one(context, node, env)
    if found is None:
        return None
    numbers = _numbers(context, [(found, node.arguments[0])], "abs")
    if numbers is None:
        return None
    span, type_ = context.at(node.span), INTEGER if integral(found.type) else SCALAR
    if isinstance(found, Constant):
        return Constant(abs(found.value), type_, span)
    return operation("abs", (found,), type_, span)


def _int(context: Context, node: ast.Apply, env: Env, hint: Domain | None) -> Expression | None:
    found = _one(context, node, env)
    if found is None or integral(found.type):
        return found
    span = context.at(node.span)
    if isinstance(found.type, Bool):
        if isinstance(found, Constant):
            return Constant(int(found.value), INTEGER, span)
        one, zero = Constant(1, INTEGER, span), Constant(0, INTEGER, span)
        return choose(found, one, zero, INTEGER, span)
    if not isinstance(found.type, Mod):
        help_ = "`int` converts residues and truth values"
        wrong(context, found, node.arguments[0], "what `int` converts", Mod(2), help_)
        return None
    if isinstance(found, Constant):
        return Constant(found.value, INTEGER, span)
    return operation("to_int", (found,), INTEGER, span)


def _distinct(
    context: Context, node: ast.Apply, env: Env, hint: Domain | None
) -> Expression | None:
    found = all_of(context, node, env)
    if found is None:
        return None
    joined = join(context, found, "the arguments of `distinct`")
    if joined is None:
        return None
    span = context.at(node.span)
    if len(joined) < 2:
        return Constant(True, BOOL, span)
    if isinstance(joined[0].type, Real):
        return _distinct_reals(context, node, joined)
    if all(isinstance(each, Constant) for each in joined):
        different = {each.value for each in joined}  # type: ignore[union-attr]
        return Constant(len(different) == len(joined), BOOL, span)
    return operation("distinct", tuple(joined), BOOL, span)


def _distinct_reals(
    context: Context, node: ast.Apply, joined: list[Expression]
) -> Expression | None:
    """Pairs of real inputs: what the sampler of equality patterns understands (D2)."""
    span = context.at(node.span)
    context.spend(len(joined) ** 2)
    pairs = [(a, b) for place, a in enumerate(joined) for b in joined[place + 1 :]]
    if not all(drawn_equal(context, a, b) for a, b in pairs):
        context.report(RealEquality(span=node.span, shown=context.shown(node)))
        return None
    tests = tuple(operation("ne", pair, BOOL, span) for pair in pairs)
    return tests[0] if len(tests) == 1 else operation("and", tests, BOOL, span)


def _index_of(
    context: Context, node: ast.Apply, env: Env, hint: Domain | None
) -> Expression | None:
    if node.binders or len(node.arguments) < 2:
        if not node.binders:
            _count_arguments(context, node, 2, BUILT_IN["index_of"])
        else:
            what, advice = "`for` in `index_of`", "give it a family: `index_of(x, xs)`"
            context.report(NotInPlace(span=node.span, what=what, advice=advice))
        return None
    items = all_of(context, node, env, skip=1)
    first = node.arguments[0]
    sought = expand(context, first, env, items[0][0].type if items else None)
    if items is None or sought is None:
        return None
    joined = join(context, [(sought, first), *items], "the arguments of `index_of`")
    if joined is None:
        return None
    span = context.at(node.span)
    if isinstance(joined[0].type, Real):
        context.report(RealEquality(span=node.span, shown=context.shown(node)))
        return None
    if all(isinstance(each, Constant) for each in joined):
        values = [each.value for each in joined]  # type: ignore[union-attr]
        if values[0] in values[1:]:
            return Constant(values[1:].index(values[0]), INTEGER, span)
    return operation("index_of", tuple(joined), Interval(0, len(joined) - 2), span)


FUNCTIONS: dict[str, Callable[[Context, ast.Apply, Env, Domain | None], Expression | None]] = {
    "sum": _sum,
    "count": _count,
    "min": _extreme,
    "max": _extreme,
    "abs": _abs,
    "int": _int,
    "distinct": _distinct,
    "index_of": _index_of,
}
