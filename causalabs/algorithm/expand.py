"""Expressions of the syntax tree to typed ones: the dispatcher and the plain forms.

`expand` returns None where a finding says why, or where the name is poisoned. What each
form means is registered by `handles`, here and in `logic`, `references` and `functions`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from causalabs.algorithm.context import DEPTH, Context, Env, OutOfBudget, Thunk
from causalabs.algorithm.declared import digits, listable
from causalabs.algorithm.domains import Bool, Cyclic, Domain, Enum, Real, SetOf, values
from causalabs.algorithm.expression import Constant, Expression, Operation
from causalabs.algorithm.names import KEYWORDS
from causalabs.algorithm.operators import arithmetic, balanced, compare, negative, spanning
from causalabs.algorithm.rules_names import (
    DuplicateBinder,
    KeywordAsName,
    UndeterminedValue,
    UnknownName,
    ValueIsVariable,
)
from causalabs.algorithm.typing_ import (
    BOOL,
    INTEGER,
    SCALAR,
    domain_text,
    integral,
    scalar_real,
    wrong,
)
from causalabs.diagnostics import Span
from causalabs.syntax import ast

Handler = Callable[[Context, Any, Env, "Domain | None"], "Expression | None"]
HANDLERS: dict[type[ast.Node], Handler] = {}
H = TypeVar("H", bound=Handler)

LONG = 8
"""Longer chains of `+` become balanced trees, so that no evaluator nests too deep."""


def handles(*nodes: type[ast.Node]) -> Callable[[H], H]:
    """Registers how `nodes` are expanded."""

    def register(handler: H) -> H:
        HANDLERS.update(dict.fromkeys(nodes, handler))
        return handler

    return register


def expand(
    context: Context, node: ast.Expr | ast.Binder, env: Env, hint: Domain | None = None
) -> Expression | None:
    """`node` typed and folded; `hint` is the type that a bare value takes."""
    context.spend()
    context.depth += 1
    try:
        if context.depth > DEPTH:
            raise OutOfBudget(f"nests more than {DEPTH} deep")
        return HANDLERS[type(node)](context, node, env, hint)
    finally:
        context.depth -= 1


def truth(
    context: Context, found: Expression | None, node: ast.Node, place: str
) -> Expression | None:
    """`found` if it is a truth value; otherwise a finding and None."""
    if found is None or isinstance(found.type, Bool):
        return found
    wrong(context, found, node, place, BOOL)
    return None


def pending(context: Context, node: ast.Node, env: Env) -> bool:
    """Whether the type of `node` has to come from outside: a value, or a choice of values."""
    while True:
        if isinstance(node, ast.Literal):
            return isinstance(node.value, ast.Text)
        if isinstance(node, ast.Ref):
            if node.parts:
                return False
            bound = env.bound.get(str(node.name))
            if isinstance(bound, Thunk):
                node, env = bound.node, bound.env
                continue
            return bound is None and str(node.name) not in context.variables
        if isinstance(node, ast.Choose):
            if not pending(context, node.yes, env):
                return False
            node = node.no
            continue
        if isinstance(node, ast.Match):
            return all(pending(context, arm.result, env) for arm in node.arms)
        if isinstance(node, ast.Sum):
            return any(pending(context, term, env) for term in node.terms)
        return False


# ------------------------------------------------------------- literals, values


@handles(ast.Literal)
def expand_literal(
    context: Context, node: ast.Literal, env: Env, hint: Domain | None
) -> Expression | None:
    """A number, a truth, or a quoted value."""
    if isinstance(node.value, bool):
        return Constant(node.value, BOOL, context.at(node.span))
    if isinstance(node.value, ast.Text):
        return value(context, str(node.value), node.span, hint, quoted=True)
    found = digits(node.value, context.report)
    if found is None:
        return None
    return Constant(found, INTEGER if isinstance(found, int) else SCALAR, context.at(node.span))


def value(
    context: Context, name: str, span: Span, hint: Domain | None, *, quoted: bool = False
) -> Expression | None:
    """The value `name` of the domain `hint`, or of the one domain that has it."""
    if isinstance(hint, (Enum, Cyclic)):
        place = context.place(hint, name)
        if place is not None:
            return Constant(place, hint, context.at(span))
    owners = context.owners(name)
    if len(owners) == 1:
        return Constant(context.place(owners[0], name) or 0, owners[0], context.at(span))
    if owners and not isinstance(hint, (Enum, Cyclic)):
        domains = " and ".join(f"`{domain_text(owner)}`" for owner in owners[:3])
        context.report(UndeterminedValue(span=span, name=name, domains=domains))
        return None
    unknown(context, name, span, hint, quoted=quoted)
    return None


def unknown(
    context: Context, name: str, span: Span, hint: Domain | None, *, quoted: bool = False
) -> None:
    """Reports a name that nothing has, unless what is missing may have had it."""
    if name in context.poisoned or context.incomplete:
        return
    advice, candidates = "", [] if quoted else list(context.variables)
    if isinstance(hint, (Enum, Cyclic)):
        candidates = [str(each) for each in hint.values] + candidates
        shown = ", ".join(f"`{each}`" for each in hint.values[:5])
        more = ", ..." if len(hint.values) > 5 else ""
        whose = f"of `{hint.name}` " if hint.name else ""
        advice = f"the values {whose}are {shown}{more}"
    elif quoted:
        advice = "no domain here has this value"
    suggestion = context.suggest(name, [*candidates, "true", "false"])  # `True` of Python
    context.report(UnknownName(span=span, name=name, suggestion=suggestion, advice=advice))


def must_quote(
    context: Context, node: ast.Node, env: Env, type_: Domain | None, span: Span
) -> bool:
    """Reports a bare name that is a variable and also a value of the type expected (A8)."""
    if not isinstance(node, ast.Ref) or node.parts or not isinstance(type_, (Enum, Cyclic)):
        return False
    name = str(node.name)
    if name in env.bound or name not in context.variables:
        return False
    if context.place(type_, name) is None:
        return False
    first = context.variables[name].span
    text = f"`{domain_text(type_)}`"
    context.report(ValueIsVariable(span=span, name=name, domain=text, first=first))
    return True


# -------------------------------------------------------------------- operators


@handles(ast.Sum, ast.Product)
def expand_chain(
    context: Context, node: ast.Sum | ast.Product, env: Env, hint: Domain | None
) -> Expression | None:
    """`a + b - c`, `a * b // c`: from the left."""
    inner = hint if isinstance(hint, Cyclic) else None
    found = [(expand(context, term, env, inner), term) for term in node.terms]
    kept = [(each, term) for each, term in found if each is not None]
    if len(kept) < len(found):
        return None
    if len(kept) > LONG:
        tree = _long(context, node, [each for each, _ in kept])
        if tree is not None:
            return tree
        if len(kept) + context.depth > DEPTH:
            raise OutOfBudget(f"has a chain of {len(kept):,} operands")
    left: Expression | None = kept[0][0]
    at: ast.Node = kept[0][1]
    for symbol, (right, term) in zip(node.operators, kept[1:], strict=True):
        whole = node if term is kept[-1][1] else spanning(kept[0][1], term)
        left = arithmetic(context, str(symbol), (left, at), (right, term), whole)  # type: ignore[arg-type]
        if left is None:
            return None
        at = whole
    return left


def _long(
    context: Context, node: ast.Sum | ast.Product, terms: list[Expression]
) -> Expression | None:
    """A long chain of integers in any order of addition; None where order matters."""
    span = context.at(node.span)
    if not all(integral(term.type) for term in terms):
        return None
    if isinstance(node, ast.Product):
        if any(symbol != "*" for symbol in node.operators):
            return None
        return balanced("mul", terms, INTEGER, span)
    plus = [terms[0]]
    minus: list[Expression] = []
    for symbol, term in zip(node.operators, terms[1:], strict=True):
        (plus if symbol == "+" else minus).append(term)
    constants = [int(term.value) for term in plus if isinstance(term, Constant)]
    constants += [-int(term.value) for term in minus if isinstance(term, Constant)]
    plus = [term for term in plus if not isinstance(term, Constant)]
    minus = [term for term in minus if not isinstance(term, Constant)]
    if sum(map(abs, constants)) >= 2**61:
        return None
    if constants and (sum(constants) or not plus):
        plus.append(Constant(sum(constants), INTEGER, span))
    if not plus:
        plus.append(Constant(0, INTEGER, span))
    total = balanced("add", plus, INTEGER, span)
    if not minus:
        return total
    return Operation("sub", (total, balanced("add", minus, INTEGER, span)), INTEGER, span)


@handles(ast.Negative)
def expand_negative(
    context: Context, node: ast.Negative, env: Env, hint: Domain | None
) -> Expression | None:
    """`-x`."""
    found = expand(context, node.term, env)
    return None if found is None else negative(context, found, node)


@handles(ast.Comparison)
def expand_comparison(
    context: Context, node: ast.Comparison, env: Env, hint: Domain | None
) -> Expression | None:
    """`a == b`: a value takes the type of the other side (A8)."""
    sides = [node.left, node.right]
    first = 1 if pending(context, node.left, env) and not pending(context, node.right, env) else 0
    found: list[Expression | None] = [None, None]
    found[first] = expand(context, sides[first], env)
    typed = found[first]
    if typed is None and pending(context, sides[1 - first], env):
        return None  # nothing tells what the value is: one finding is enough
    found[1 - first] = expand(context, sides[1 - first], env, None if typed is None else typed.type)
    left, right = found
    if left is None or right is None:
        return None
    for side, other in ((node.left, right), (node.right, left)):
        if must_quote(context, side, env, other.type, side.span):
            return None
    return compare(context, str(node.operator), (left, node.left), (right, node.right), node)


# ------------------------------------------------------------------------- sets


@handles(ast.Such)
def expand_such(
    context: Context, node: ast.Such, env: Env, hint: Domain | None
) -> Expression | None:
    """`{y in D where e}`: a truth for each value of D."""
    from causalabs.algorithm.declared import domain_of

    scope = context.scope
    domain = domain_of(
        node.domain, scope.every_domain, scope.every_data, context.poisoned, context.report
    )
    if domain is None or not listable(domain, node.domain, context.report):
        return None
    if not bindable(context, node.name, env):
        return None
    flags: list[Expression] = []
    for place, each in enumerate(values(domain)):  # type: ignore[arg-type]
        type_ = INTEGER if integral(domain) else domain
        code = place if isinstance(domain, (Enum, Cyclic)) else each
        constant = Constant(code, type_, context.at(node.name.span))  # type: ignore[arg-type]
        inner = env.bind(str(node.name), constant)
        found = expand(context, node.condition, inner, BOOL)
        found = truth(context, found, node.condition, "the condition of a set")
        if found is None:
            return None
        flags.append(found)
    return Operation("set_of", tuple(flags), SetOf(domain), context.at(node.span))  # type: ignore[arg-type]


def bindable(context: Context, name: ast.Name, env: Env) -> bool:
    """Whether `name` can be bound here: no keyword, and not bound already."""
    if str(name) in KEYWORDS:
        context.report(KeywordAsName(span=name.span, name=str(name)))
    elif str(name) in env.bound:
        context.report(DuplicateBinder(span=name.span, name=str(name)))
    else:
        return True
    return False


# ------------------------------------------------------------------- assignment


def assign(
    context: Context, found: Expression, node: ast.Node, domain: Domain, name: str
) -> Expression | None:
    """`found` as the mechanism of a variable declared over `domain` (A5)."""
    from causalabs.algorithm.domains import Mod
    from causalabs.algorithm.typing_ import fit, to_mod

    if isinstance(domain, Mod) and integral(found.type):
        return to_mod(found, domain)
    fitted = fit(context, found, domain)
    if fitted is not None and not (scalar_real(domain) and integral(fitted.type)):
        return fitted
    if isinstance(found.type, (Enum, Cyclic)) and isinstance(domain, (Enum, Cyclic)):
        help_ = f"declare `{domain_text(found.type)}`"
    elif isinstance(found.type, Bool) or isinstance(domain, Bool):
        help_ = ""
    elif isinstance(found.type, (Real, SetOf, Enum, Cyclic, Mod)):
        help_ = f"declare `{domain_text(found.type)}`"
        if isinstance(found.type, Mod):
            help_ += " or convert: `int(...)`"
    else:
        help_ = ""
    wrong(context, found, node, f"the mechanism of `{name}`", domain, help_)
    return None


def constant_integer(
    context: Context, node: ast.Expr, env: Env, place: str
) -> tuple[int | None, bool]:
    """The value of an integer that is known now; and whether it is an integer at all."""
    found = expand(context, node, env)
    if found is None:
        return None, False
    if not integral(found.type):
        wrong(context, found, node, place, INTEGER)
        return None, False
    return (int(found.value), True) if isinstance(found, Constant) else (None, True)
