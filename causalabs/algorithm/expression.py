"""Typed expressions: what elaboration leaves of a mechanism.

Binders, definitions, named domains and `match` are gone; what is left is small, typed and
hashable. All evaluators (vectorised, interval, algebraic) work on these nodes alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from causalabs.algorithm.domains import Domain, FiniteDomain
from causalabs.diagnostics import NOWHERE, Span

Operator: TypeAlias = Literal[
    # arithmetic on integers, `mod n` (same modulus) and cyclic values
    "neg", "add", "sub", "mul", "floordiv", "mod",
    # comparison; `eq` and `ne` on every type, the rest on integers (and false < true: no)
    "eq", "ne", "lt", "le", "gt", "ge",
    # truth; `and` and `or` take any number of arguments
    "and", "or", "xor", "not",
    # aggregates over their arguments: sum/min/max of integers, count/any/all of truths
    "sum", "count", "any", "all", "min", "max", "distinct",
    # `index_of`: the first argument's place among the others, first match
    "index_of",
    # conversions: to `mod n`, from `mod n` to integer, between enums by value
    "to_mod", "to_int", "recode",
    # `abs`
    "abs",
    # membership flags of `SetOf.of`'s values, in order of places
    "set_of",
]  # fmt: skip


@dataclass(frozen=True)
class Constant:
    """A coded value: bool, int (also a place of an enum) or float."""

    value: bool | int | float
    type: Domain
    span: Span = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True)
class Variable:
    """A variable by its element name: `left`, `carry[2]`, `base.left`, `source.left`."""

    name: str
    type: Domain
    span: Span = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True)
class Operation:
    """An operator applied to arguments of types it takes."""

    operator: Operator
    arguments: tuple[Expression, ...]
    type: Domain
    span: Span = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True)
class Choice:
    """`if condition then yes else no`; the dead branch is never judged."""

    condition: Expression
    yes: Expression
    no: Expression
    type: Domain
    span: Span = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True)
class Pick:
    """`symbol[pointer]`: one of `items` (row-major over `sizes`) by values of `indices`.

    `indices[d]` minus `lows[d]` must lie in `0 .. sizes[d] - 1`.
    """

    indices: tuple[Expression, ...]
    lows: tuple[int, ...]
    sizes: tuple[int, ...]
    items: tuple[Expression, ...]
    type: Domain
    span: Span = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True)
class Table:
    """A finite function: `codes` row-major over the places of `keys`, -1 where missing.

    `codes` hold coded values of `type` (places for enums, 0 and 1 for bool).
    """

    name: str
    keys: tuple[FiniteDomain, ...]
    type: FiniteDomain
    codes: tuple[int, ...]
    present: tuple[bool, ...]


@dataclass(frozen=True)
class LookUp:
    """A table's value at keys; a missing entry on a live path is an error."""

    table: Table
    keys: tuple[Expression, ...]
    type: Domain
    span: Span = field(default=NOWHERE, compare=False, repr=False)


Expression: TypeAlias = Constant | Variable | Operation | Choice | Pick | LookUp


def parts(expression: Expression) -> tuple[Expression, ...]:
    """The expressions directly below."""
    match expression:
        case Operation(arguments=arguments):
            return arguments
        case Choice(condition, yes, no):
            return (condition, yes, no)
        case Pick(indices=indices, items=items):
            return indices + items
        case LookUp(keys=keys):
            return keys
        case _:
            return ()


def walk(expression: Expression) -> Iterator[Expression]:
    """`expression` and everything below it; shared parts once."""
    stack, seen = [expression], set()
    while stack:
        top = stack.pop()
        if id(top) not in seen:
            seen.add(id(top))
            yield top
            stack.extend(reversed(parts(top)))


def names(expression: Expression) -> tuple[str, ...]:
    """Variables that occur, each once, in order of first occurrence."""
    found = {part.name: None for part in walk(expression) if isinstance(part, Variable)}
    return tuple(found)
