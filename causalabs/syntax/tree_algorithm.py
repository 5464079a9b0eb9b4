"""Domains, statements of an algorithm, and expressions."""

from __future__ import annotations

from typing import TypeAlias

from causalabs.syntax.tree import Digits, Name, Node, Text, node

# ---------------------------------------------------------------------- domains


@node
class Bool(Node):
    pass


@node
class Number(Node):
    """`[-] INT | NUMBER`."""

    digits: Digits
    negative: bool = False

    @property
    def value(self) -> int | float:
        value = self.digits.value
        return -value if self.negative else value


@node
class Interval(Node):
    low: Number
    high: Number


@node
class Mod(Node):
    modulus: Digits


@node
class Value(Node):
    """A value by name: a bare NAME or a quoted string."""

    name: Name | Text


@node
class Truth(Node):
    value: bool


@node
class Values(Node):
    """`{a, b, 3}`."""

    values: tuple[AnyValue, ...]


@node
class Cyclic(Node):
    values: Values


@node
class Real(Node):
    """`real[size] in interval`; size None is a scalar, interval None is unbounded."""

    size: Digits | None
    interval: Interval | None


@node
class Enum(Node):
    values: Values


@node
class Named(Node):
    """A domain by name, or a table's column: `Name`, `cities.country`."""

    name: Name
    column: Name | None = None


@node
class Set(Node):
    of: Type


# ------------------------------------------------------------------- algorithms


@node
class Algorithm(Node):
    name: Name | None
    statements: tuple[Statement, ...]


@node
class Family(Node):
    """`NAME` or `NAME[n, m]` in an `input` line; sizes empty for one variable."""

    name: Name
    sizes: tuple[Digits, ...] = ()


@node
class Input(Node):
    families: tuple[Family, ...]
    domain: Type


@node
class Binder(Node):
    """`i in low..high`, both ends included."""

    name: Name
    low: Expr
    high: Expr


@node
class Cell(Node):
    """What a `var` or `output` line defines: `NAME` or `NAME[i in 0..3]`."""

    name: Name
    binders: tuple[Binder, ...] = ()


@node
class Var(Node):
    cell: Cell
    domain: Type
    mechanism: Expr


@node
class Output(Node):
    cell: Cell
    domain: Type
    mechanism: Expr


@node
class Where(Node):
    condition: Expr


@node
class Def(Node):
    name: Name
    parameters: tuple[Name, ...]
    body: Expr


@node
class Key(Node):
    values: tuple[AnyValue, ...]


@node
class Entry(Node):
    key: Key
    value: AnyValue


@node
class Table(Node):
    """`table NAME[type, ...] : type = { key -> value, ... }`."""

    name: Name
    keys: tuple[Type, ...]
    domain: Type
    entries: tuple[Entry, ...]


# ------------------------------------------------------------------ expressions


@node
class Choose(Node):
    """`if condition then yes else no`."""

    condition: Expr
    yes: Expr
    no: Expr


@node
class Or(Node):
    terms: tuple[Expr, ...]


@node
class Xor(Node):
    terms: tuple[Expr, ...]


@node
class And(Node):
    terms: tuple[Expr, ...]


@node
class Not(Node):
    term: Expr


@node
class Comparison(Node):
    left: Expr
    operator: Name
    right: Expr


@node
class Sum(Node):
    """`a + b - c`: `operators[i]` stands between `terms[i]` and `terms[i + 1]`."""

    terms: tuple[Expr, ...]
    operators: tuple[Name, ...]


@node
class Product(Node):
    """`a * b // c % d`, flat like `Sum`."""

    terms: tuple[Expr, ...]
    operators: tuple[Name, ...]


@node
class Negative(Node):
    term: Expr


@node
class Literal(Node):
    """A number, a quoted string, `true` or `false`."""

    value: Digits | Text | bool


@node
class Field(Node):
    name: Name


@node
class AtIndex(Node):
    indices: tuple[Expr | Binder, ...]


@node
class Ref(Node):
    """`name`, `name[i, j]`, `source.name`, `cities[city].country`, `carry[i in 0..2]`."""

    name: Name
    parts: tuple[Field | AtIndex, ...] = ()


@node
class Apply(Node):
    """`f(x, y)` or `sum(x[i] for i in 0..3, ...)`."""

    function: Name
    arguments: tuple[Expr, ...]
    binders: tuple[Binder, ...] = ()


@node
class Pattern(Node):
    """A value or an interval of integers."""

    value: AnyValue | Interval


@node
class Arm(Node):
    """`p | q -> result`; no patterns is `else`."""

    patterns: tuple[Pattern, ...]
    result: Expr


@node
class Match(Node):
    subject: Expr
    arms: tuple[Arm, ...]


@node
class Such(Node):
    """`{y in type where condition}`."""

    name: Name
    domain: Type
    condition: Expr


Type: TypeAlias = Bool | Interval | Mod | Cyclic | Real | Enum | Named | Set
AnyValue: TypeAlias = Number | Truth | Value
Expr: TypeAlias = (
    Choose
    | Or
    | Xor
    | And
    | Not
    | Comparison
    | Sum
    | Product
    | Negative
    | Literal
    | Ref
    | Apply
    | Match
    | Such
)
Statement: TypeAlias = Input | Var | Output | Where | Def | Table
