"""Diagnostics for people (`paint`), for programs (`as_json`) and counted (`summary`)."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from causalabs.diagnostics import Diagnostic, Source, Span

WIDTH = 100  # columns of text shown of one line; longer lines are cut around what is marked
TAB = 4
COLOURS = {"error": "1;31", "warning": "1;33", "note": "1;36", "frame": "1;34", "bold": "1"}


class Mark(NamedTuple):
    """A stretch of one line to be underlined: columns from 0, `stop` excluded."""

    line: int
    start: int
    stop: int
    sign: str
    label: str


def paint(found: Diagnostic, *, colour: bool = False) -> str:
    """A diagnostic as text: headline, place, the lines with their carets, help."""

    def ink(text: str, style: str) -> str:
        return f"\x1b[{COLOURS[style]}m{text}\x1b[0m" if colour and text.strip() else text

    source = found.source
    head = f"{found.severity}[{found.code}]"
    rows = [f"{ink(head, found.severity)}{ink(': ' + found.message, 'bold')}"]
    marks = _marks(found)
    if not source.text:
        rows.append(f" {ink('-->', 'frame')} {source.name}")
        pad = " "
    else:
        line, column, _, _ = place(source, found.span)
        pad = " " * len(str(max(mark.line for mark in marks)))
        rows.append(f"{pad}{ink('-->', 'frame')} {source.name}:{line}:{column}")
        rows.append(ink(f"{pad} |", "frame"))
        for gutter, text, style in _body(source, marks, found.severity):
            border = "..." if gutter == "..." else f"{gutter.rjust(len(pad))} |"
            shown = ink(text, style) if style else text
            rows.append(f"{ink(border, 'frame')} {shown}".rstrip())
    for position, part in enumerate(found.help.splitlines()):
        lead = "= help:" if position == 0 else "       "
        rows.append(f"{pad} {ink(lead, 'frame')} {part}".rstrip())
    return "\n".join(rows)


def place(source: Source, span: Span) -> tuple[int, int, int, int]:
    """Line, column, end line and end column of `span`, from 1.

    The empty line behind a final newline is nobody's line: its place is the end of the
    line before.
    """
    start, end = span
    size = len(source.text)
    last = len(source.text.rstrip("\n"))
    if start >= size and last < size:
        start = last
    return (*source.locate(start), *source.locate(max(start, min(end, max(last, start)))))


def as_json(found: Diagnostic) -> dict[str, Any]:
    """A diagnostic as `check --json` prints it; lines and columns from 1."""

    def where(span: Span) -> dict[str, int]:
        names = ("line", "column", "end_line", "end_column")
        return dict(zip(names, place(found.source, span), strict=True))

    return {
        "code": found.code,
        "severity": found.severity,
        "message": found.message,
        "file": found.source.name,
        **where(found.span),
        "help": found.help,
        "related": [{"message": text, **where(span)} for span, text in found.related],
    }


def summary(diagnostics: Iterable[Diagnostic]) -> str:
    """How many of each kind: `2 errors, 1 warning`."""
    counts = Counter[str](found.severity for found in diagnostics)
    kinds = ("error", "warning", "note")
    parts = [f"{counts[kind]} {kind}{'s' * (counts[kind] != 1)}" for kind in kinds if counts[kind]]
    return ", ".join(parts) or "no diagnostics"


# ------------------------------------------------------------------------ marks


def _marks(found: Diagnostic) -> list[Mark]:
    marks = _split(found.source, found.span, "^", found.label)
    for span, text in found.related:
        marks += _split(found.source, span, "-", text)
    return sorted(marks, key=lambda mark: (mark.line, mark.start))


def _split(source: Source, span: Span, sign: str, label: str) -> list[Mark]:
    """One mark, or for a span of several lines one on its first and one on its last."""
    line, column, end_line, end_column = place(source, span)
    if line == end_line:
        return [Mark(line, column - 1, max(end_column - 1, column), sign, label)]
    text, last = source.line(line), source.line(end_line)
    indent = len(last) - len(last.lstrip())
    first = Mark(line, column - 1, max(len(text.rstrip()), column), sign, "")
    stop = max(end_column - 1, indent + 1)
    return [first, Mark(end_line, min(indent, stop - 1), stop, sign, label)]


# ------------------------------------------------------------------------- body


def _body(source: Source, marks: Sequence[Mark], severity: str) -> list[tuple[str, str, str]]:
    """The rows below the frame's top: gutter, text and style of each."""
    rows: list[tuple[str, str, str]] = []
    shown = sorted({mark.line for mark in marks})
    previous = None
    for number in shown:
        if previous is not None and number == previous + 2:
            text, _ = _clip(source.line(previous + 1), ())
            rows.append((str(previous + 1), text, ""))
        elif previous is not None and number > previous + 2:
            rows.append(("...", "", ""))
        previous = number
        own = [mark for mark in marks if mark.line == number]
        text, columns = _clip(source.line(number), own)
        rows.append((str(number), text, ""))
        placed = [
            mark._replace(
                start=columns[mark.start], stop=max(columns[mark.stop], columns[mark.start] + 1)
            )
            for mark in own
        ]
        for row, primary in _underlines(placed):
            rows.append(("", row, severity if primary else "frame"))
    return rows


def _clip(line: str, marks: Sequence[Mark]) -> tuple[str, list[int]]:
    """The line as shown, and for each of its columns where it stands on the screen."""
    shown: list[str] = []
    columns: list[int] = []
    at = 0
    for sign in line:
        drawn = (
            " " * TAB
            if sign == "\t"
            else sign
            if sign.isprintable()
            else "\N{REPLACEMENT CHARACTER}"
        )
        columns.append(at)
        shown.append(drawn)
        at += len(drawn) if sign == "\t" else _width(sign)
    columns += [at + extra for extra in range(2)]
    if at <= WIDTH:
        return "".join(shown).rstrip(), columns
    wanted = columns[min(mark.start for mark in marks)] if marks else 0
    left = max(0, wanted - WIDTH // 3)
    first = next(position for position, column in enumerate(columns) if column >= left)
    last = next(
        (position for position, column in enumerate(columns) if column > left + WIDTH), len(line)
    )
    lead = "..." if first else ""
    tail = "..." if last < len(line) else ""
    shift = columns[first] - len(lead)
    limit = columns[min(last, len(line))] - shift
    moved = [max(0, min(column - shift, limit)) for column in columns]
    return lead + "".join(shown[first:last]).rstrip() + tail, moved


def _width(sign: str) -> int:
    if unicodedata.combining(sign):
        return 0
    return 2 if unicodedata.east_asian_width(sign) in "WF" else 1


def _underlines(marks: Sequence[Mark]) -> list[tuple[str, bool]]:
    """The rows under one line; marks that overlap get rows of their own."""
    apart = all(left.stop <= right.start for left, right in pairwise(marks))
    if not apart:
        rows = []
        for mark in sorted(marks, key=lambda mark: mark.sign != "^"):
            rows += _underlines([mark])
        return rows
    row = ""
    for mark in marks:
        row = row.ljust(mark.start) + mark.sign * (mark.stop - mark.start)
    primary = any(mark.sign == "^" for mark in marks)
    first, *more = marks[-1].label.splitlines() or [""]
    rows = [(f"{row} {first}".rstrip(), primary)]
    indent = " " * (len(row) + 1)
    rows += [(indent + text, primary) for text in more]
    waiting = [mark for mark in marks[:-1] if mark.label]
    while waiting:
        last = waiting.pop()
        stems = ""
        for mark in waiting:
            stems = stems.ljust(mark.start) + "|"
        rows.append((stems.ljust(last.start) + "|", last.sign == "^"))
        for text in last.label.splitlines():
            rows.append((stems.ljust(last.start) + text, last.sign == "^"))
    return rows
