"""Types of expressions: how they are called, which fit together, how one becomes another."""

from __future__ import annotations

from causalabs.algorithm.context import Context
from causalabs.algorithm.domains import (
    Bool,
    Cyclic,
    Domain,
    Enum,
    Integer,
    Interval,
    Mod,
    Real,
    Scalar,
    SetOf,
)
from causalabs.algorithm.expression import Choice, Constant, Expression, Operation
from causalabs.algorithm.rules_types import MixedTypes, ModMismatch, OutsideDomain, WrongType
from causalabs.diagnostics import Span
from causalabs.syntax import ast

BOOL = Bool()
INTEGER = Integer()
SCALAR = Real()


def integral(type_: Domain) -> bool:
    """Whether values are plain integers."""
    return isinstance(type_, (Integer, Interval))


def scalar_real(type_: Domain) -> bool:
    """Whether values are single real numbers."""
    return isinstance(type_, Real) and type_.size is None


def written(value: Scalar) -> str:
    """A value as it is written in a file."""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    plain = text.replace("_", "a").isalnum() and not text[0].isdigit() and text.isascii()
    return text if plain or not isinstance(value, str) else f'"{text}"'


def domain_text(domain: Domain) -> str:
    """A domain as it is written in a file, long ones shortened."""
    match domain:
        case Bool():
            return "bool"
        case Integer():
            return "integer"
        case Interval(low, high):
            return f"{low}..{high}"
        case Mod(modulus):
            return f"mod {modulus}"
        case Enum(values, name) | Cyclic(values, name):
            if name:
                return name
            inside = ", ".join(written(value) for value in values[:4])
            inside = "{" + inside + (", ...}" if len(values) > 4 else "}")
            return inside if isinstance(domain, Enum) else f"cyclic {inside}"
        case Real(size):
            return "real" if size is None else f"real[{size}]"
        case SetOf(of):
            return f"set of {domain_text(of)}"


def describe(type_: Domain) -> str:
    """A type in a sentence.

    >>> describe(Interval(0, 3)), describe(Bool()), describe(Enum(("a",), "Colour"))
    ('an integer', 'a truth value', 'a value of `Colour`')
    """
    match type_:
        case Bool():
            return "a truth value"
        case Integer() | Interval():
            return "an integer"
        case Mod():
            return f"a residue `{domain_text(type_)}`"
        case Real(size):
            return "a real number" if size is None else f"a real vector `real[{size}]`"
        case SetOf():
            return f"a `{domain_text(type_)}`"
        case _:
            return f"a value of `{domain_text(type_)}`"


def advise(found: Domain, wanted: Domain) -> str:
    """What to type to make one type of another."""
    match found, wanted:
        case ((Integer() | Interval()), Bool()):
            return "compare it: `... == 1`, `... > 0`"
        case Bool(), (Integer() | Interval()):
            return "write `if ... then 1 else 0`, or `count(...)`"
        case Mod(), (Integer() | Interval()):
            return "convert it: `int(...)`"
        case ((Enum() | Cyclic()), Bool()):
            return f"compare it with a value: `... == {written(found.values[0])}`"
    return ""


def wrong(
    context: Context, found: Expression, node: ast.Node, place: str, wanted: Domain, help_: str = ""
) -> None:
    """Reports that `found` has another type than its place wants."""
    context.report(
        WrongType(
            span=node.span,
            place=place,
            wanted=describe(wanted),
            shown=context.shown(node),
            found=describe(found.type),
            advice=help_ or advise(found.type, wanted),
        )
    )


# ------------------------------------------------------------------- conversion


def scalar_of(constant: Constant) -> Scalar | float:
    """The value that a constant codes."""
    if isinstance(constant.type, (Enum, Cyclic)):
        return constant.type.values[int(constant.value)]
    return constant.value


def widens(narrow: Domain, wide: Domain) -> bool:
    """Whether every value of one enum is a value of the other."""
    if not (isinstance(narrow, Enum) and isinstance(wide, Enum)):
        return False
    if len(narrow.values) > len(wide.values):
        return False
    return {(type(v), v) for v in narrow.values} <= {(type(v), v) for v in wide.values}


def recode(context: Context, expression: Expression, wide: Enum) -> Expression:
    """The same value in a larger enum."""
    if isinstance(expression, Constant):
        value = scalar_of(expression)
        place = context.place(wide, value)  # type: ignore[arg-type]
        return Constant(place or 0, wide, expression.span)
    return Operation("recode", (expression,), wide, expression.span)


def to_mod(expression: Expression, mod: Mod) -> Expression:
    """An integer as a residue."""
    if isinstance(expression, Constant):
        return Constant(int(expression.value) % mod.modulus, mod, expression.span)
    return Operation("to_mod", (expression,), mod, expression.span)


def fit(context: Context, expression: Expression, type_: Domain) -> Expression | None:
    """`expression` as a value of `type_` without changing what is meant, or None.

    Constants take the other operand's type, enums widen; nothing else changes. A constant
    that `type_` does not have gives None as well.
    """
    found = expression.type
    if found == type_ or (integral(found) and integral(type_)):
        return expression
    if widens(found, type_):
        return recode(context, expression, type_)  # type: ignore[arg-type]
    if isinstance(expression, Constant):
        value = expression.value
        if isinstance(type_, Mod) and integral(found) and 0 <= value < type_.modulus:
            return Constant(value, type_, expression.span)
        if isinstance(type_, (Enum, Cyclic)) and isinstance(found, (Integer, Bool)):
            place = context.place(type_, value)  # type: ignore[arg-type]
            return None if place is None else Constant(place, type_, expression.span)
        if isinstance(found, (Integer, Real)) and scalar_real(type_):
            return Constant(float(value), type_, expression.span)
    if isinstance(found, Real) and isinstance(type_, Real) and found.size == type_.size:
        return expression
    if isinstance(expression, Choice):
        # The branches may be constants that took no type yet.
        yes = fit(context, expression.yes, type_)
        no = fit(context, expression.no, type_)
        if yes is not None and no is not None:
            return Choice(expression.condition, yes, no, type_, expression.span)
    return None


def joint(left: Domain, right: Domain) -> Domain:
    """The type of either of two expressions that fit together."""
    if left == right:
        return left
    if integral(left) and integral(right):
        return INTEGER
    if isinstance(left, Real) and isinstance(right, Real):
        return Real(left.size)
    return right


def join(
    context: Context,
    found: list[tuple[Expression, ast.Node]],
    place: str,
    hint: Domain | None = None,
) -> list[Expression] | None:
    """Gives all of `found` one type, or reports the first that does not fit."""
    if not found:
        return []
    type_ = found[0][0].type
    anchor = found[0][1]
    if all(each.type == type_ for each, _ in found):
        return [each for each, _ in found]
    types = {each.type for each, _ in found}
    if isinstance(hint, Enum) and all(each == hint or widens(each, hint) for each in types):
        type_ = hint
    else:
        for each, node in found[1:]:
            if integral(each.type) and integral(type_):
                type_ = joint(type_, each.type)
            elif fit(context, each, type_) is not None:
                continue
            elif fit(context, found[0][0], each.type) is not None:
                type_, anchor = each.type, node
            # Otherwise the loop below names it.
    result: list[Expression] = []
    for each, node in found:
        fitted = fit(context, each, type_)
        if fitted is None:
            mismatch(context, type_, anchor.span, each, node, place)
            return None
        result.append(fitted)
    return result


def mismatch(
    context: Context, type_: Domain, first: Span, other: Expression, node: ast.Node, place: str
) -> None:
    """Reports two types that do not go together, by the rule that says it best."""
    if (
        isinstance(other, Constant)
        and isinstance(other.type, Integer)
        and isinstance(type_, (Mod, Enum, Cyclic))
    ):
        outside(context, other, type_, node)
        return
    if isinstance(type_, Mod) and isinstance(other.type, Mod):
        context.report(
            ModMismatch(
                span=node.span,
                operator=place,
                left_type=f"`{domain_text(type_)}`",
                right_type=f"`{domain_text(other.type)}`",
                first=context.at(first),
            )
        )
        return
    context.report(
        MixedTypes(
            span=node.span,
            place=place,
            left_type=describe(type_),
            right_type=describe(other.type),
            first=context.at(first),
            advice=advise(other.type, type_) if not isinstance(type_, Mod) else _to_int(other.type),
        )
    )


def _to_int(other: Domain) -> str:
    return "convert the residue: `int(...)`" if integral(other) else ""


def outside(context: Context, constant: Constant, type_: Domain, node: ast.Node) -> None:
    """Reports a value that a domain does not have."""
    context.report(
        OutsideDomain(
            span=node.span,
            value=written(scalar_of(constant)),  # type: ignore[arg-type]
            domain=f"`{domain_text(type_)}`",
        )
    )
