"""Operators: the type of a result from the types of its operands, constants folded."""

from __future__ import annotations

from collections.abc import Sequence

from causalabs.algorithm.context import Context
from causalabs.algorithm.declared import BIGGEST
from causalabs.algorithm.domains import Bool, Cyclic, Domain, Enum, Integer, Interval, Mod, Real
from causalabs.algorithm.expression import (
    Choice,
    Constant,
    Expression,
    Operation,
    Operator,
    Variable,
)
from causalabs.algorithm.rules_domains import TooLargeNumber
from causalabs.algorithm.rules_types import CyclicSum, ModMismatch, RealEquality, Unordered
from causalabs.algorithm.typing_ import (
    BOOL,
    INTEGER,
    SCALAR,
    describe,
    domain_text,
    integral,
    join,
    outside,
    scalar_real,
    to_mod,
    wrong,
)
from causalabs.diagnostics import Span
from causalabs.syntax import ast

Typed = tuple[Expression, ast.Node]

NAMES: dict[str, Operator] = {
    "+": "add",
    "-": "sub",
    "*": "mul",
    "//": "floordiv",
    "%": "mod",
    "==": "eq",
    "!=": "ne",
    "<": "lt",
    "<=": "le",
    ">": "gt",
    ">=": "ge",
}
COMPARE = {
    "eq": lambda a, b: a == b,
    "ne": lambda a, b: a != b,
    "lt": lambda a, b: a < b,
    "le": lambda a, b: a <= b,
    "gt": lambda a, b: a > b,
    "ge": lambda a, b: a >= b,
}


def operation(
    operator: Operator, arguments: tuple[Expression, ...], type_: Domain, span: Span
) -> Operation:
    """An operation; a short name, for there are many."""
    return Operation(operator, arguments, type_, span)


# ------------------------------------------------------------------- arithmetic


def arithmetic(
    context: Context, symbol: str, left: Typed, right: Typed, node: ast.Node
) -> Expression | None:
    """`left symbol right` for `+ - * // %`."""
    a, b = left[0], right[0]
    span = context.at(node.span)
    for each, at in (left, right):
        if isinstance(each.type, Bool):
            help_ = "write `if ... then 1 else 0`, or use `count`, `and`, `or`, `xor`"
            wrong(context, each, at, f"an operand of `{symbol}`", INTEGER, help_)
            return None
    if isinstance(a.type, Cyclic) or isinstance(b.type, Cyclic):
        return _cyclic(context, symbol, left, right, span)
    if isinstance(a.type, Mod) or isinstance(b.type, Mod):
        return _residues(context, symbol, left, right, span)
    if integral(a.type) and integral(b.type):
        if isinstance(a, Constant) and isinstance(b, Constant):
            return _fold(context, symbol, a, b, node)
        return operation(NAMES[symbol], (a, b), INTEGER, span)
    if symbol in "+-*":
        reals = [_real(each) for each in (a, b)]
        if reals[0] is not None and reals[1] is not None:
            return operation(NAMES[symbol], (reals[0], reals[1]), SCALAR, span)
    for each, at in (left, right):
        if not integral(each.type):
            wrong(context, each, at, f"an operand of `{symbol}`", INTEGER, _no_number(each.type))
            return None
    return None


def _no_number(type_: Domain) -> str:
    if isinstance(type_, Enum):
        text = f"values of `{domain_text(type_)}` are no numbers"
        return f"{text}; those of a `cyclic {{...}}` domain can be moved along"
    if isinstance(type_, Real):
        return "integers and real numbers are not mixed, and vectors are only compared by `==`"
    return ""


def _real(expression: Expression) -> Expression | None:
    if scalar_real(expression.type):
        return expression
    if isinstance(expression, Constant) and integral(expression.type):
        return Constant(float(expression.value), SCALAR, expression.span)
    return None


def _fold(
    context: Context, symbol: str, a: Constant, b: Constant, node: ast.Node
) -> Expression | None:
    left, right = int(a.value), int(b.value)
    span = context.at(node.span)
    if symbol in ("//", "%"):
        if right == 0:
            return operation(NAMES[symbol], (a, b), INTEGER, span)  # judged where it is live
        value = left // right if symbol == "//" else left % right
    else:
        value = left + right if symbol == "+" else left - right if symbol == "-" else left * right
    if abs(value) >= BIGGEST:
        problem = "too large a number"
        context.report(TooLargeNumber(span=node.span, shown=context.shown(node), problem=problem))
        return None
    return Constant(value, INTEGER, span)


def _residues(
    context: Context, symbol: str, left: Typed, right: Typed, span: Span
) -> Expression | None:
    (a, at_a), (b, at_b) = left, right
    mod = a.type if isinstance(a.type, Mod) else b.type
    assert isinstance(mod, Mod)
    if symbol in ("//", "%"):
        at, each = (at_a, a) if isinstance(a.type, Mod) else (at_b, b)
        wrong(context, each, at, f"an operand of `{symbol}`", INTEGER)
        return None
    for each, at in (left, right):
        if isinstance(each.type, Mod) and each.type != mod:
            _moduli(context, symbol, a, b, at)
            return None
        if not isinstance(each.type, Mod) and not integral(each.type):
            wrong(context, each, at, f"an operand of `{symbol}`", INTEGER, _no_number(each.type))
            return None
    a, b = (each if isinstance(each.type, Mod) else to_mod(each, mod) for each in (a, b))
    if isinstance(a, Constant) and isinstance(b, Constant):
        x, y = int(a.value), int(b.value)
        value = x + y if symbol == "+" else x - y if symbol == "-" else x * y
        return Constant(value % mod.modulus, mod, span)
    return operation(NAMES[symbol], (a, b), mod, span)


def _moduli(context: Context, symbol: str, a: Expression, b: Expression, at: ast.Node) -> None:
    context.report(
        ModMismatch(
            span=at.span,
            operator=symbol,
            left_type=f"`{domain_text(a.type)}`",
            right_type=f"`{domain_text(b.type)}`",
        )
    )


def _cyclic(
    context: Context, symbol: str, left: Typed, right: Typed, span: Span
) -> Expression | None:
    (a, at_a), (b, at_b) = left, right
    if symbol not in "+-":
        each, at = left if isinstance(a.type, Cyclic) else right
        wrong(context, each, at, f"an operand of `{symbol}`", INTEGER)
        return None
    if isinstance(a.type, Cyclic) and isinstance(b.type, Cyclic):
        if symbol == "-" and a.type == b.type:
            mod = Mod(len(a.type.values))
            if isinstance(a, Constant) and isinstance(b, Constant):
                return Constant((int(a.value) - int(b.value)) % mod.modulus, mod, span)
            return operation("sub", (a, b), mod, span)
        text = f"`{domain_text(a.type)}`"
        text += "" if a.type == b.type else f" and `{domain_text(b.type)}`"
        context.report(
            CyclicSum(span=Span(at_a.span.start, at_b.span.end), operator=symbol, domain=text)
        )
        return None
    if isinstance(b.type, Cyclic):
        if symbol == "-":
            wrong(context, b, at_b, "what is subtracted", a.type)
            return None
        (a, at_a), (b, at_b) = right, left
    assert isinstance(a.type, Cyclic)
    count = len(a.type.values)
    if isinstance(b.type, Mod) and b.type.modulus != count:
        _moduli(context, symbol, a, b, at_b)
        return None
    if not isinstance(b.type, Mod) and not integral(b.type):
        wrong(context, b, at_b, f"an operand of `{symbol}`", INTEGER, _no_number(b.type))
        return None
    if isinstance(a, Constant) and isinstance(b, Constant):
        step = int(b.value) if symbol == "+" else -int(b.value)
        return Constant((int(a.value) + step) % count, a.type, span)
    return operation(NAMES[symbol], (a, b), a.type, span)


def negative(context: Context, found: Expression, node: ast.Negative) -> Expression | None:
    """`-x` of integers, residues and real numbers."""
    span = context.at(node.span)
    if isinstance(found, Constant) and (integral(found.type) or scalar_real(found.type)):
        return Constant(-found.value, found.type if scalar_real(found.type) else INTEGER, span)
    if isinstance(found.type, Mod):
        if isinstance(found, Constant):
            return Constant(-int(found.value) % found.type.modulus, found.type, span)
        return operation("neg", (found,), found.type, span)
    if not integral(found.type) and not scalar_real(found.type):
        help_ = "write `not ...`" if isinstance(found.type, Bool) else ""
        wrong(context, found, node.term, "what `-` stands before", INTEGER, help_)
        return None
    return operation("neg", (found,), INTEGER if integral(found.type) else SCALAR, span)


def balanced(
    operator: Operator, terms: Sequence[Expression], type_: Domain, span: Span
) -> Expression:
    """A long chain of an associative operator as a shallow tree."""
    while len(terms) > 1:
        pairs = zip(terms[::2], terms[1::2], strict=False)
        odd = terms[-1:] if len(terms) % 2 else ()
        terms = (*(operation(operator, pair, type_, span) for pair in pairs), *odd)
    return terms[0]


# ------------------------------------------------------------------- comparison


def compare(
    context: Context, symbol: str, left: Typed, right: Typed, node: ast.Node
) -> Expression | None:
    """`left symbol right` for the six comparisons."""
    operator = NAMES[symbol]
    (a, at_a), (b, at_b) = left, right
    if operator not in ("eq", "ne") and not _ordered(context, symbol, left, right):
        return None
    if isinstance(a.type, Mod) and isinstance(b.type, Mod) and a.type != b.type:
        _moduli(context, symbol, a, b, spanning(at_a, at_b))
        return None
    joined = join(context, [left, right], f"the sides of `{symbol}`")
    if joined is None:
        return None
    a, b = joined
    span = context.at(node.span)
    if operator in ("eq", "ne"):
        real = isinstance(a.type, Real) or isinstance(b.type, Real)
        if real and not drawn_equal(context, a, b):
            context.report(RealEquality(span=node.span, shown=context.shown(node)))
            return None
        for (each, at), other in ((left, b), (right, a)):
            if not (_literal(at) and isinstance(each, Constant)):
                continue
            type_ = other.type
            if isinstance(type_, Interval) and not type_.low <= each.value <= type_.high:
                outside(context, each, type_, at)
                return None
    if isinstance(a, Constant) and isinstance(b, Constant):
        return Constant(COMPARE[operator](a.value, b.value), BOOL, span)
    return operation(operator, (a, b), BOOL, span)


def spanning(left: ast.Node, right: ast.Node) -> ast.Node:
    """A node that covers both, to point at."""
    return ast.Node(span=Span(left.span.start, right.span.end))


def _literal(node: ast.Node) -> bool:
    if isinstance(node, ast.Negative):
        node = node.term
    return isinstance(node, ast.Literal)


def _ordered(context: Context, symbol: str, left: Typed, right: Typed) -> bool:
    advice = {
        Mod: "compare representatives: `int(...) " + symbol + " int(...)`",
        Enum: "compare by `==`, or declare a range such as `0..3` where order matters",
        Cyclic: "compare by `==`; a circle has no beginning",
        Bool: "write `not a and b` for false before true",
    }
    for each, at in (left, right):
        if isinstance(each.type, (Integer, Interval)) or scalar_real(each.type):
            continue
        context.report(
            Unordered(
                span=at.span,
                operator=symbol,
                found=describe(each.type),
                advice=advice.get(type(each.type), "compare by `==`"),
            )
        )
        return False
    return True


def drawn_equal(context: Context, a: Expression, b: Expression) -> bool:
    """Whether two reals are inputs whose equality the sampler can bring about.

    In conditions on pairs both must be of the base, or both of one source.
    """
    if not (isinstance(a, Variable) and isinstance(b, Variable)):
        return False
    for each in (a, b):
        known = context.variables.get(each.name.partition("[")[0])
        if known is None or known.role != "input":
            return False
    if not (isinstance(a.type, Real) and isinstance(b.type, Real) and a.type.size == b.type.size):
        return False
    return a.name.partition(".")[0] == b.name.partition(".")[0] or "." not in a.name + b.name


def choose(
    condition: Expression, yes: Expression, no: Expression, type_: Domain, span: Span
) -> Expression:
    """`if condition then yes else no`."""
    return Choice(condition, yes, no, type_, span)
