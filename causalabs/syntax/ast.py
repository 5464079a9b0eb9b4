"""The syntax tree: one frozen class for each rule of `grammar/causal.lark`.

A class is its rule's name in CamelCase (`at_index` -> `AtIndex`, `import_` -> `Import`,
`or_` -> `Or`). Spans take no part in equality, so that a reformatted file equals itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import TypeAlias, TypeVar, dataclass_transform

from causalabs.diagnostics import NOWHERE, Span

LONGEST = 300


class Name(str):
    """An identifier or a keyword used as one; a plain string that knows its place."""

    __slots__ = ("span",)
    span: Span

    def __new__(cls, text: str, span: Span = NOWHERE) -> Name:
        self = super().__new__(cls, text)
        self.span = span
        return self


class Text(str):
    """A quoted string, its escapes decoded; `span` includes the quotes."""

    __slots__ = ("span",)
    span: Span

    def __new__(cls, text: str, span: Span = NOWHERE) -> Text:
        self = super().__new__(cls, text)
        self.span = span
        return self


class Digits(str):
    """An INT, NUMBER or HEAD token as written (`20_000`, `1e-6`, `7.3`)."""

    __slots__ = ("span",)
    span: Span

    def __new__(cls, text: str, span: Span = NOWHERE) -> Digits:
        self = super().__new__(cls, text)
        self.span = span
        return self

    @property
    def value(self) -> int | float:
        """The number; an `int` where it was written as one.

        One of more than 300 digits is cut off at 10^300: it is far beyond every limit of the
        language, and Python reads no longer ones.
        """
        plain = self.replace("_", "")
        if not plain.isdigit():
            return float(plain)
        return int(plain) if len(plain) <= LONGEST else 10**LONGEST


N = TypeVar("N")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def node(cls: type[N]) -> type[N]:
    """A frozen dataclass that compares and shows itself as `Node` does.

    A hundred classes start a third faster when these are not written out for each.
    """
    return dataclass(frozen=True, slots=True, eq=False, repr=False)(cls)


@node
class Node:
    """Base of all nodes; `span` covers the first to the last token of the rule."""

    span: Span = field(default=NOWHERE, compare=False, repr=False, kw_only=True)

    def _compared(self) -> tuple[object, ...]:
        return tuple(getattr(self, each.name) for each in fields(self) if each.compare)

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self._compared() == other._compared()

    def __hash__(self) -> int:
        return hash((type(self), self._compared()))

    def __repr__(self) -> str:
        shown = (f"{each.name}={getattr(self, each.name)!r}" for each in fields(self) if each.repr)
        return f"{type(self).__name__}({', '.join(shown)})"


def children(node: Node) -> Iterator[Node]:
    """The nodes directly below `node`, in the order of its fields."""
    for each in fields(node):
        value = getattr(node, each.name)
        if isinstance(value, Node):
            yield value
        elif isinstance(value, tuple) and not isinstance(value, Span):
            yield from (item for item in value if isinstance(item, Node))


def walk(node: Node) -> Iterator[Node]:
    """`node` and everything below it, parents first."""
    stack = [node]
    while stack:
        top = stack.pop()
        yield top
        stack.extend(reversed(tuple(children(top))))


# ------------------------------------------------------------------------- file


@node
class Import(Node):
    """`import "file"` (names empty) or `import a, b from "file"`."""

    names: tuple[Name, ...]
    path: Text


@node
class Hypothesis(Node):
    """`hypothesis NAME "claim" ...`."""

    name: Name
    claim: tuple[Text, ...]


@node
class File(Node):
    imports: tuple[Import, ...]
    hypothesis: Hypothesis | None
    items: tuple[Item, ...]


@node
class DomainDefinition(Node):
    """`domain NAME = type or type ...` (grammar rule `domain`)."""

    name: Name
    types: tuple[Type, ...]


@node
class Data(Node):
    """`table NAME from "file" key NAME`."""

    name: Name
    path: Text
    key: Name


@node
class Seeds(Node):
    over: SpanOf


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


# --------------------------------------------------------------------- networks


@node
class Settings(Node):
    """`[16, 16, 16]`."""

    values: tuple[Setting, ...]


@node
class Argument(Node):
    name: Name | None
    value: Setting


@node
class Call(Node):
    function: Name
    arguments: tuple[Argument, ...] = ()


@node
class Network(Node):
    name: Name | None
    call: Call
    wiring: tuple[Wiring, ...]


@node
class Prefix(Node):
    path: Text


@node
class Feed(Node):
    """`feed a, b`, `feed "x {a}"`, `feed step i: a[i]`, `feed chat "..."`."""

    items: tuple[Text | Ref, ...]
    step: Name | None = None
    chat: bool = False


@node
class FeedAny(Node):
    """`feed any of "..", ".."` or, with `path`, `feed any from "file"`."""

    templates: tuple[Text, ...]
    path: Text | None = None


@node
class Read(Node):
    """`read v at position as "..." among vocabulary`."""

    variable: Ref
    position: Position | None = None
    style: Name | None = None  # "as" or "spelled"
    text: Text | None = None
    among: Name | None = None


@node
class TrainUntil(Node):
    metric: Name
    operator: Name
    bound: Number


@node
class TrainTo(Node):
    algorithm: Name
    places: tuple[Place, ...]


# ------------------------------------------------------------ sites, alignments


@node
class SpanOf(Node):
    """`3`, `0..2` or `{1, 4, 6}` (grammar rule `span`)."""

    numbers: tuple[Digits, ...]
    style: Name  # "one", "range" or "set"

    @property
    def values(self) -> range | tuple[int, ...]:
        """The numbers meant, up to 10^18; a range stays one, however long it is."""
        found = tuple(min(int(number.value), 10**18) for number in self.numbers)
        return range(found[0], found[1] + 1) if self.style == "range" else found


@node
class Head(Node):
    """`head 7.3.v`, `head {7.3, 7.9}`, or a named group."""

    heads: tuple[Digits | Name, ...]
    part: Name | None = None


@node
class Module(Node):
    """`module "path".output`."""

    path: Text
    part: Name | None = None


@node
class Component(Node):
    """`residual 0..2`, `hidden 1`, `embedding`, `state`, `logits.x`."""

    name: Name
    layers: SpanOf | None = None
    part: Name | None = None


@node
class Site(Node):
    place: Head | Module | Component
    position: Position | None = None


@node
class Step(Node):
    at: Expr


@node
class Index(Node):
    at: Expr


@node
class Token(Node):
    """`token k of slot` or `token k after slot`."""

    number: Digits
    relation: Name
    of: Position


@node
class Tokens(Node):
    of: Ref


@node
class EveryToken(Node):
    pass


@node
class AnyToken(Node):
    of: Ref | None = None


@node
class LastStep(Node):
    """`last step`; the word before `step` is kept for the checker."""

    word: Name


@node
class AtSlot(Node):
    """A slot of the template, or a position by name such as `last`."""

    ref: Ref


@node
class AtText(Node):
    text: Text


@node
class Positions(Node):
    positions: tuple[Position, ...]


@node
class Dims(Node):
    """`dims 0..11`: the neurons themselves."""

    span_of: SpanOf


@node
class Fitted(Node):
    """`8 learned dims`, `2 fourier(frequencies = [1]) dims`, `pca dims 0..3`."""

    count: SpanOf | None
    kind: Name | Call
    selected: SpanOf | None = None


@node
class Place(Node):
    """`v[i] -> sites from site in basis`."""

    variable: Name
    indices: tuple[Expr | Binder, ...]
    sites: tuple[Site, ...]
    every: bool = False
    origin: Site | None = None
    basis: Dims | Fitted | None = None


@node
class Alignment(Node):
    name: Name | None
    algorithm: Name | None
    places: tuple[Place, ...]


# -------------------------------------------------------------- counterfactuals


@node
class Sample(Node):
    count: Digits


@node
class Exhaustive(Node):
    pass


@node
class Changes(Node):
    """`source changes only x, y`."""

    inputs: tuple[Ref, ...]


@node
class Balance(Node):
    variables: tuple[Ref, ...]
    after: Name | None = None


@node
class Keep(Node):
    """`keep solved`."""

    filter: Name


@node
class KeepWhere(Node):
    condition: Expr


@node
class Taken(Node):
    """`v` or `v from w`."""

    variable: Ref
    origin: Ref | None = None


@node
class Interchange(Node):
    taken: tuple[Taken, ...]
    together: bool = False
    name: Name | None = None
    condition: Expr | None = None


@node
class SettingOf(Node):
    """`v = value` in a `set` line (grammar rule `setting`)."""

    variable: Ref
    value: AnyValue


@node
class Assign(Node):
    settings: tuple[SettingOf, ...]
    name: Name | None = None
    condition: Expr | None = None


@node
class Share(Node):
    name: Name
    percent: Digits


@node
class Split(Node):
    shares: tuple[Share, ...]
    by: Name | None = None


@node
class Counterfactuals(Node):
    statements: tuple[Draw, ...]


# --------------------------------------------------------------------- circuits


@node
class NodeAt(Node):
    """A node of a circuit (grammar rule `node`); `input` and `output` are components."""

    place: Head | Component
    position: Position | None = None


@node
class Edge(Node):
    writers: tuple[NodeAt, ...]
    readers: tuple[NodeAt, ...]


@node
class Group(Node):
    name: Name
    nodes: tuple[NodeAt, ...]


@node
class Circuit(Node):
    title: Name | Call
    wires: tuple[Edge | Group, ...]


@node
class Discovery(Node):
    """`circuit NAME by acdc(...) then eap(...)`."""

    title: Name | Call
    methods: tuple[Call, ...]


# ----------------------------------------------------------------- expectations


@node
class Of(Node):
    subjects: tuple[Ref, ...]


@node
class Between(Node):
    left: tuple[Ref, ...]
    right: tuple[Ref, ...]


@node
class In(Node):
    name: Name


@node
class Against(Node):
    name: Name


@node
class By(Node):
    method: Name | Call


@node
class Under(Node):
    control: Name | Call


@node
class Metric(Node):
    """`[modifier] name qualifier*`, as in `patched logit_difference of v`."""

    name: Name
    qualifiers: tuple[Qualifier, ...] = ()
    modifier: Name | None = None


@node
class Bound(Node):
    number: Number
    percent: bool = False

    @property
    def value(self) -> float:
        return self.number.value / 100 if self.percent else self.number.value


@node
class EverySeed(Node):
    pass


@node
class OverSeeds(Node):
    pass


@node
class Axis(Node):
    name: Name
    over: SpanOf | None = None


@node
class Expect(Node):
    """`expect m - n >= bound on split under control in every seed`."""

    metrics: tuple[Metric, ...]
    operator: Name
    bound: Bound
    split: Name | None = None
    control: Under | None = None
    seeds: EverySeed | OverSeeds | None = None


@node
class Report(Node):
    metrics: tuple[Metric, ...]
    axes: tuple[Axis, ...] = ()
    split: Name | None = None
    control: Under | None = None


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
Setting: TypeAlias = Number | Truth | Value | Call | Settings
Wiring: TypeAlias = Prefix | Feed | FeedAny | Read | TrainUntil | TrainTo
Position: TypeAlias = (
    Step | Index | Token | Tokens | EveryToken | AnyToken | LastStep | AtSlot | AtText | Positions
)
Draw: TypeAlias = (
    Sample | Exhaustive | Changes | Balance | Keep | KeepWhere | Interchange | Assign | Split
)
Qualifier: TypeAlias = Of | Between | In | Against | By | Under
Item: TypeAlias = (
    DomainDefinition
    | Table
    | Data
    | Def
    | Algorithm
    | Network
    | Alignment
    | Counterfactuals
    | Circuit
    | Discovery
    | Seeds
    | Expect
    | Report
)
