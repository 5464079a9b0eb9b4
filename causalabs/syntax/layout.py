"""A small pretty printer: documents that know where they may break.

After Wadler, "A prettier printer" (1998): a group stands on one line where it fits, and else
breaks at all of its own lines.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

WIDTH = 88


@dataclass(frozen=True)
class Break:
    """A line break; `flat` is what stands in its place when the group fits on its line."""

    flat: str | None  # None: breaks always


@dataclass(frozen=True)
class Nest:
    """What is set in by so many columns where it breaks."""

    by: int
    doc: Doc


@dataclass(frozen=True)
class Group:
    """What stays on one line if it can."""

    doc: Doc


Doc: TypeAlias = "str | Break | Nest | Group | tuple[Doc, ...]"

LINE = Break(" ")
SOFT = Break("")
HARD = Break(None)


def joined(docs: Iterable[Doc], between: Doc) -> tuple[Doc, ...]:
    """The documents with `between` in between."""
    found: list[Doc] = []
    for doc in docs:
        if found:
            found.append(between)
        found.append(doc)
    return tuple(found)


def filled(docs: Sequence[Doc], separator: str = ",") -> tuple[Doc, ...]:
    """As many a line as fit, broken behind separators."""
    found: list[Doc] = []
    for position, doc in enumerate(docs):
        end = separator if position < len(docs) - 1 else ""
        found.append((doc, end) if position == 0 else Group((LINE, doc, end)))
    return tuple(found)


def render(doc: Doc, *, width: int = WIDTH) -> str:
    """The document as text; no line ends in a space."""
    out: list[str] = []
    column = 0
    stack: list[tuple[int, bool, Doc]] = [(0, False, doc)]
    while stack:
        indent, flat, top = stack.pop()
        if isinstance(top, str):
            out.append(top)
            column += len(top)
        elif isinstance(top, tuple):
            stack.extend((indent, flat, part) for part in reversed(top))
        elif isinstance(top, Nest):
            stack.append((indent + top.by, flat, top.doc))
        elif isinstance(top, Group):
            fits = flat or _fits(top.doc, stack, width - column)
            stack.append((indent, fits, top.doc))
        elif flat and top.flat is not None:
            out.append(top.flat)
            column += len(top.flat)
        else:
            out.append("\n" + " " * indent)
            column = indent
    return "\n".join(line.rstrip() for line in "".join(out).split("\n"))


def _fits(doc: Doc, rest: Sequence[tuple[int, bool, Doc]], room: int) -> bool:
    """Whether `doc`, and what follows up to the next break, stands in `room` columns."""
    waiting: list[tuple[bool, Doc]] = [(True, doc)]
    behind = len(rest)
    while room >= 0:
        if not waiting:
            if not behind:
                return True
            behind -= 1
            waiting.append((rest[behind][1], rest[behind][2]))
            continue
        flat, top = waiting.pop()
        if isinstance(top, str):
            room -= len(top)
        elif isinstance(top, tuple):
            waiting.extend((flat, part) for part in reversed(top))
        elif isinstance(top, Nest | Group):
            waiting.append((flat, top.doc))
        elif top.flat is None:
            return not flat
        elif flat:
            room -= len(top.flat)
        else:
            return True
    return False


def flat(doc: Doc) -> str:
    """The document on one line."""
    if isinstance(doc, str):
        return doc
    if isinstance(doc, tuple):
        return "".join(flat(part) for part in doc)
    if isinstance(doc, Break):
        return " " if doc.flat is None else doc.flat
    return flat(doc.doc)
