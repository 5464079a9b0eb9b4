"""Networks, sites and alignments."""

from __future__ import annotations

from typing import TypeAlias

from causalabs.syntax.tree import Digits, Name, Node, Text, node
from causalabs.syntax.tree_algorithm import Binder, Expr, Number, Ref, Truth, Value

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


Setting: TypeAlias = Number | Truth | Value | Call | Settings
Wiring: TypeAlias = Prefix | Feed | FeedAny | Read | TrainUntil | TrainTo
Position: TypeAlias = (
    Step | Index | Token | Tokens | EveryToken | AnyToken | LastStep | AtSlot | AtText | Positions
)
