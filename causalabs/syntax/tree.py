"""What all nodes of the syntax tree have in common, and the tokens that know their place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import TypeVar, dataclass_transform

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
