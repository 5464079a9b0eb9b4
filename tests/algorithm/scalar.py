"""A plain evaluator: one example at a time, Python values, no numpy; the oracle of the tests.

Written values stand for themselves, so that codes, places and masks cannot go wrong here.
"""

from __future__ import annotations

from collections.abc import Mapping

from causalabs.algorithm.domains import Bool, Cyclic, Domain, Enum, Mod, values
from causalabs.algorithm.expression import (
    Choice,
    Constant,
    Expression,
    LookUp,
    Operation,
    Pick,
    Variable,
)
from causalabs.algorithm.model import Algorithm


class Undefined(Exception):  # noqa: N818
    """No value on a path that is taken."""


def run(algorithm: Algorithm, inputs: Mapping, interventions: Mapping | None = None) -> dict:
    """Values of every variable for one example."""
    given, found = interventions or {}, {}
    for variable in algorithm.variables:
        if variable.name in given:
            found[variable.name] = given[variable.name]
        elif variable.mechanism is None:
            found[variable.name] = inputs[variable.name]
        else:
            found[variable.name] = value(variable.mechanism, found)
    return found


def value(expression: Expression, known: Mapping) -> object:
    match expression:
        case Constant(code, kind):
            return list(values(kind))[code] if isinstance(kind, Enum | Cyclic) else code
        case Variable(name):
            return known[name]
        case Choice(condition, yes, no):
            return value(yes if value(condition, known) else no, known)
        case Pick(indices, lows, sizes, items):
            flat = 0
            for index, low, length in zip(indices, lows, sizes, strict=True):
                place = value(index, known) - low
                if not 0 <= place < length:
                    raise Undefined("index")
                flat = flat * length + place
            return value(items[flat], known)
        case LookUp(table, keys):
            flat = 0
            for key, domain in zip(keys, table.keys, strict=True):
                every = list(values(domain))
                written = value(key, known)
                if written not in every:
                    raise Undefined("entry")
                flat = flat * len(every) + every.index(written)
            if not table.present[flat]:
                raise Undefined("entry")
            return place_to_value(table.type, table.codes[flat])
        case Operation():
            return operation(expression, known)


def place_to_value(domain: Domain, code: int) -> object:
    match domain:
        case Bool():
            return bool(code)
        case Enum(found) | Cyclic(found):
            return found[code]
        case _:
            return code


def operation(expression: Operation, known: Mapping) -> object:
    operator, below, kind = expression.operator, expression.arguments, expression.type
    if operator == "and":
        return all(value(each, known) for each in below)  # stops at the first false
    if operator == "or":
        return any(value(each, known) for each in below)
    args = [value(each, known) for each in below]
    match operator:
        case "eq":
            return args[0] == args[1]
        case "ne":
            return args[0] != args[1]
        case "lt":
            return args[0] < args[1]
        case "le":
            return args[0] <= args[1]
        case "gt":
            return args[0] > args[1]
        case "ge":
            return args[0] >= args[1]
        case "xor":
            return sum(args) % 2 == 1
        case "not":
            return not args[0]
        case "count":
            return sum(args)
        case "any":
            return any(args)
        case "all":
            return all(args)
        case "min":
            return min(args)
        case "max":
            return max(args)
        case "abs":
            return abs(args[0])
        case "distinct":
            return all(a != b for i, a in enumerate(args) for b in args[:i])
        case "index_of":
            if args[0] not in args[1:]:
                raise Undefined("no match")
            return args[1:].index(args[0])
        case "floordiv" | "mod":
            if args[1] == 0:
                raise Undefined("division")
            return args[0] // args[1] if operator == "floordiv" else args[0] % args[1]
        case "to_mod":
            return args[0] % kind.modulus
        case "to_int":
            return int(args[0])
        case "recode":
            return recode(args[0], kind)
        case "set_of":
            return frozenset(v for v, inside in zip(values(kind.of), args, strict=True) if inside)
    return arithmetic(operator, args, kind, [each.type for each in below])


def recode(written: object, kind: Domain) -> object:
    if written not in list(values(kind)):
        raise Undefined("value")
    return written


def arithmetic(operator: str, args: list, kind: Domain, types: list) -> object:
    circles = [t for t in (*types, kind) if isinstance(t, Cyclic)]
    if circles:
        every = circles[0].values
        args = [
            every.index(a) if isinstance(t, Cyclic) else a
            for a, t in zip(args, types, strict=False)
        ]
    match operator:
        case "neg":
            total = -args[0]
        case "sub":
            total = args[0] - args[1]
        case "mul":
            total = 1
            for each in args:
                total *= each
        case "add" | "sum":
            total = sum(args)
    match kind:
        case Mod(modulus):
            return total % modulus
        case Cyclic(every):
            return every[total % len(every)]
        case _:
            return total
