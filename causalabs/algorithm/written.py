"""Typed expressions written back in the language, for messages and pictures."""

from __future__ import annotations

from causalabs.algorithm.columns import domain_text, value_text
from causalabs.algorithm.domains import Cyclic, Domain, Enum, values
from causalabs.algorithm.expression import (
    Choice,
    Constant,
    Expression,
    LookUp,
    Operation,
    Pick,
    Variable,
)

_INFIX = {
    "or": ("or", 1), "xor": ("xor", 2), "and": ("and", 3),
    "eq": ("==", 5), "ne": ("!=", 5), "lt": ("<", 5), "le": ("<=", 5),
    "gt": (">", 5), "ge": (">=", 5),
    "add": ("+", 6), "sub": ("-", 6), "mul": ("*", 7), "floordiv": ("//", 7), "mod": ("%", 7),
}  # fmt: skip


def text_of(expression: Expression, limit: int = 10_000) -> str:
    """The expression as the language writes it, cut to about `limit` characters.

    >>> from causalabs.algorithm.domains import Integer, Interval
    >>> x = Variable("x", Interval(0, 9))
    >>> total = Operation("add", (x, Constant(1, Integer())), Integer())
    >>> text_of(Operation("mul", (total, x), Integer()))
    '(x + 1) * x'
    """
    try:
        text = _text(expression, 0)
    except RecursionError:
        return "..."
    return text if len(text) <= limit else text[: max(limit - 4, 1)].rstrip() + " ..."


def code_text(domain: Domain, code: object) -> str:
    """A coded finite value as the language writes it."""
    if isinstance(domain, Enum | Cyclic) and isinstance(code, int):
        return value_text(values(domain)[code])
    return value_text(code)


def _text(expression: Expression, around: int) -> str:
    match expression:
        case Constant(value, kind):
            return code_text(kind, value)
        case Variable(name):
            return name
        case Choice(condition, yes, no):
            inner = f"if {_text(condition, 0)} then {_text(yes, 0)} else {_text(no, 0)}"
            return f"({inner})" if around else inner
        case Pick(indices, _, _, items):
            inner = ", ".join(_text(each, 0) for each in indices)
            return f"{_family(items)}[{inner}]"
        case LookUp(table, keys):
            inner = ", ".join(_text(each, 0) for each in keys)
            name, dot, column = table.name.partition(".")
            return f"{name}[{inner}]{dot}{column}"
        case Operation():
            return _operation(expression, around)


def _family(items: tuple[Expression, ...]) -> str:
    first = items[0]
    if isinstance(first, Variable) and "[" in first.name:
        return first.name.partition("[")[0]
    return "(" + ", ".join(_text(item, 0) for item in items) + ")"


def _operation(expression: Operation, around: int) -> str:
    operator, below = expression.operator, expression.arguments
    if operator in _INFIX and len(below) > 1:
        sign, level = _INFIX[operator]
        # All chains lean left; comparisons do not chain at all.
        first = _text(below[0], level + (level == 5))
        inner = f" {sign} ".join([first, *(_text(each, level + 1) for each in below[1:])])
        return f"({inner})" if around > level else inner
    match operator:
        case "not":
            inner = f"not {_text(below[0], 4)}"
            return f"({inner})" if around > 4 else inner
        case "neg":
            return f"-{_text(below[0], 8)}"
        case "recode" | "to_mod":
            return _text(below[0], around)
        case "to_int":
            return f"int({_text(below[0], 0)})"
        case "set_of":
            return f"a {domain_text(expression.type)}"
        case _ if operator in _INFIX:
            return _text(below[0], around) if below else "true"
        case _:
            return f"{operator}({', '.join(_text(each, 0) for each in below)})"
