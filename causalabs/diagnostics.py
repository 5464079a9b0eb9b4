"""Where in a text something stands, what is wrong there, and how that is shown.

This module knows no rule: each layer declares its own as subclasses of `Rule`.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Sequence
from dataclasses import MISSING, FrozenInstanceError, dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple, TypeVar, dataclass_transform

Severity = Literal["error", "warning", "note"]


class Span(NamedTuple):
    """Half-open range of character offsets, `start <= offset < end`, in a `Source`."""

    start: int
    end: int


NOWHERE = Span(0, 0)
R = TypeVar("R")


@dataclass(frozen=True)
class Source:
    """A hypothesis text and the name under which people know it.

    `text` has `\\n` newlines only; whoever reads a file normalises them.
    """

    text: str
    name: str = "<text>"
    folder: Path = field(default=Path("."), compare=False)

    @cached_property
    def starts(self) -> tuple[int, ...]:
        """Offset of the first character of each line."""
        found = [0]
        position = self.text.find("\n")
        while position >= 0:
            found.append(position + 1)
            position = self.text.find("\n", position + 1)
        return tuple(found)

    def locate(self, offset: int) -> tuple[int, int]:
        """Line and column of `offset`, both from 1."""
        offset = max(0, min(offset, len(self.text)))
        line = bisect.bisect_right(self.starts, offset)
        return line, offset - self.starts[line - 1] + 1

    def line(self, number: int) -> str:
        """The text of line `number` (from 1), without its newline."""
        start = self.starts[number - 1]
        end = self.starts[number] - 1 if number < len(self.starts) else len(self.text)
        return self.text[start:end]


class Label(NamedTuple):
    """A span and what is to be said about it."""

    span: Span
    text: str


@dataclass(frozen=True)
class Diagnostic:
    """One mistake, or one thing worth a second look, at a place in a text.

    `label` stands beside the carets under `span`; `related` are the secondary spans.
    """

    code: str
    severity: Severity
    message: str
    span: Span
    source: Source = field(repr=False)
    label: str = ""
    help: str = ""
    related: tuple[Label, ...] = ()


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(field,))
def rule(cls: type[R]) -> type[R]:
    """Makes a class a rule: an immutable dataclass whose fields are given by name.

    `dataclass(frozen=True, kw_only=True)` would do, and writes and compiles six methods for
    each class: half a millisecond, which two hundred rules cannot afford in a process that
    is to answer at once. A rule has them from `Rule`, written once over its fields.
    """
    return dataclass(init=False, repr=False, eq=False, kw_only=True)(cls)


@rule
class Rule:
    """Base of all rules: one subclass a rule, its instances are the findings.

    A subclass is decorated by `rule`; its fields are the finding's data. Its docstring
    is what `causalabs explain CODE` prints; `wrong` and `right` are whole files or
    fragments that a test checks: the first draws the code, the second does not.
    """

    code: ClassVar[str]
    severity: ClassVar[Severity] = "error"
    wrong: ClassVar[str]
    right: ClassVar[str]

    span: Span

    def __init__(self, **data: Any) -> None:
        for each in fields(self):
            if each.name in data:
                value = data.pop(each.name)
            elif each.default is not MISSING:
                value = each.default
            else:
                raise TypeError(f"{type(self).__name__} needs `{each.name}`")
            object.__setattr__(self, each.name, value)
        if data:
            raise TypeError(f"{type(self).__name__} has no `{next(iter(data))}`")

    def __setattr__(self, name: str, value: object) -> None:
        raise FrozenInstanceError(f"cannot assign to field {name!r}")

    def __delattr__(self, name: str) -> None:
        raise FrozenInstanceError(f"cannot delete field {name!r}")

    def _data(self) -> tuple[object, ...]:
        return tuple(getattr(self, each.name) for each in fields(self))

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self._data() == other._data()

    def __hash__(self) -> int:
        return hash((type(self), self._data()))

    def __repr__(self) -> str:
        inside = ", ".join(f"{each.name}={getattr(self, each.name)!r}" for each in fields(self))
        return f"{type(self).__name__}({inside})"

    def headline(self) -> str:
        """Lowercase, no full stop, the person's identifier in backticks."""
        raise TypeError(f"{type(self).__name__} has no headline")

    def label(self) -> str:
        """What stands beside the carets."""
        return ""

    def related(self) -> tuple[Label, ...]:
        """Secondary spans."""
        return ()

    def help(self) -> str:
        """What to type."""
        return ""

    def diagnostic(self, source: Source) -> Diagnostic:
        """The finding, ready to be shown."""
        return Diagnostic(
            code=self.code,
            severity=self.severity,
            message=self.headline(),
            span=self.span,
            source=source,
            label=self.label(),
            help=self.help(),
            related=self.related(),
        )


def every_rule() -> Iterator[type[Rule]]:
    """All rules of the modules imported so far, by code."""
    found = {rule.code: rule for rule in _subclasses(Rule) if "code" in vars(rule)}
    return iter(rule for _, rule in sorted(found.items()))


def _subclasses(rule: type[Rule]) -> Iterator[type[Rule]]:
    for child in rule.__subclasses__():
        yield child
        yield from _subclasses(child)


class HypothesisError(Exception):
    """A hypothesis that cannot be used; `diagnostics` says why, all at once.

    This is the one error that a person's mistake raises from the public library.
    """

    def __init__(self, diagnostics: Sequence[Diagnostic]) -> None:
        self.diagnostics = tuple(diagnostics)
        super().__init__("\n\n".join(render(found) for found in self.diagnostics))


def render(found: Diagnostic, *, colour: bool = False) -> str:
    """A diagnostic as text in rustc's layout: headline, lines with carets, help."""
    from causalabs.rendering import paint

    return paint(found, colour=colour)
