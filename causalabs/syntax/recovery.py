"""Reading on behind a mistake, so that all mistakes of a file are found in one go.

The stacks are cut back to where the bad statement began, its names are remembered as
poisoned, and reading goes on with the next statement of the same block. A missing `}` is
put in where a top-level word shows that it is missing.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from causalabs.diagnostics import Rule, Span
from causalabs.syntax import ast
from causalabs.syntax.diagnose import Scene, diagnose, unclosed
from causalabs.syntax.lexer import END, Token
from causalabs.syntax.machine import Machine
from causalabs.syntax.misplaced import WrongBlock
from causalabs.syntax.rules_habits import MergeConflict
from causalabs.syntax.statements import CLOSERS, HOMES, INSIDE, Outline, outline
from causalabs.syntax.tables import tables

_OUTER = {"implement": ("network",)}


@dataclass
class _Reader:
    """The state of one careful reading."""

    text: str
    tokens: list[Token]
    outline: Outline
    machine: Machine
    at: int = 0
    mark: tuple[int, int] = (0, 1)  # the statement's first token and the stack's depth there
    item: tuple[int, int] = (0, 1)  # the same of the top-level item
    found: list[Rule] = field(default_factory=list)
    poisoned: set[str] = field(default_factory=set)
    stuck: int = -1

    def opener(self) -> Token | None:
        """The innermost bracket that was read and not closed."""
        closed = 0
        for value in reversed(self.machine.values):
            if type(value) is not Token:
                continue
            if value.kind in (")", "]", "}"):
                closed += 1
            elif value.kind in CLOSERS:
                if not closed:
                    return value
                closed -= 1
        return None


def recover(text: str, tokens: list[Token]) -> tuple[ast.File, list[Rule], set[str]]:
    """The tree of what can be read, the mistakes, and the names in what cannot."""
    reader = _Reader(text, tokens, outline(text, tokens), Machine(tables()))
    while True:
        token = reader.machine.settle(tokens[reader.at])
        if not reader.machine.accepts(token.kind):
            _mistake(reader)
            continue
        begins = _begins(reader, token) and _boundary(reader)
        reader.machine.read(token)
        if begins:
            reader.mark = (reader.at, len(reader.machine.states) - 1)
            if reader.outline.starts[reader.at] == "file":
                reader.item = reader.mark
        if token.kind == END:
            return reader.machine.values[-1], reader.found, reader.poisoned
        reader.at += 1


def _begins(reader: _Reader, token: Token) -> bool:
    """Whether a statement's own word heads a line, even if the outline doubts: `sample = 9`."""
    starts = reader.outline.starts
    if reader.at not in starts and token.kind == token.text and token.text in HOMES:
        opener = reader.opener() if _fresh(reader) else None
        block = reader.outline.openers.get(opener.start, "") if opener else ""
        if token.text in INSIDE.get(block, ()):
            starts[reader.at] = block
    return reader.at in starts


def _fresh(reader: _Reader) -> bool:
    before = reader.tokens[reader.at - 1].end if reader.at else 0
    return reader.at == 0 or "\n" in reader.text[before : reader.tokens[reader.at].start]


def _boundary(reader: _Reader) -> bool:
    """Whether what was read so far could end here: in its block, or the file."""
    opener = reader.opener()
    if opener is None:
        return reader.machine.accepts(END)
    return opener.start in reader.outline.openers and reader.machine.accepts("}")


def _mistake(reader: _Reader) -> None:
    """Reports the mistake at the present token and makes reading possible again."""
    machine, at, token = reader.machine, reader.at, reader.tokens[reader.at]
    opener = reader.opener()
    block = reader.outline.openers.get(opener.start, "") if opener else "file"
    complete = bool(block) and machine.accepts("}" if opener else END)
    start = reader.outline.starts.get(at)
    gap = Span(reader.tokens[at - 1].end, reader.tokens[at - 1].end) if at else Span(0, 0)
    if complete and opener is not None and (start == "file" or token.kind == END):
        reader.found.append(unclosed(opener, gap))
        machine.read(Token("}", "}", gap.end, gap.end))
        return
    begins = start is not None or token.kind == END or at in reader.outline.closers
    level = block or "file"
    if not complete:
        level = reader.outline.starts.get(reader.mark[0], "file")
    if reader.stuck != at:
        _report(reader, opener, block or level, complete)
    if not complete or (not begins and _open(reader, level)):
        machine.cut(reader.mark[1])
        _poison(reader, reader.mark[0], at)
    if begins and not complete and reader.stuck != at:
        reader.stuck = at  # the token itself may be all right: try it again
        return
    reader.stuck = -1
    if token.kind == END:  # what the outline took for a block was none: give up the item
        machine.cut(reader.item[1])
        _poison(reader, reader.item[0], at)
        reader.mark, reader.item = reader.item, (0, 1)
        return
    behind = _next(reader, at + 1, level)
    _poison(reader, at, behind)
    reader.at = behind


def _open(reader: _Reader, level: str) -> bool:
    """Whether the statement read last goes on in this line: what follows was meant for it."""
    head = reader.outline.starts.get(reader.mark[0])
    return head == level and not _fresh(reader) and reader.at - 1 not in reader.outline.closers


def _report(reader: _Reader, opener: Token | None, block: str, complete: bool) -> None:
    scene = Scene(
        text=reader.text,
        tokens=reader.tokens,
        at=reader.at,
        statement=min(reader.mark[0], reader.at),
        block=block,
        expected=frozenset(reader.machine.expected()),
        opener=opener,
        in_block=opener is not None and opener.start in reader.outline.openers,
        complete=complete,
    )
    rule = diagnose(scene)
    last = reader.found[-1] if reader.found else None
    told = any(isinstance(each, MergeConflict) for each in reader.found)
    if isinstance(rule, MergeConflict) and told and reader.text[rule.span.start] != "<":
        return  # the other lines of one conflict
    follows = isinstance(rule, WrongBlock) and isinstance(last, WrongBlock)
    if follows and last is not None and not _between(reader, last.span.end, rule.span.start):
        return  # one block of misplaced statements is one mistake
    reader.found.append(rule)


def _between(reader: _Reader, low: int, high: int) -> bool:
    """Whether a statement that could be read stands between two places."""
    return any(
        low <= reader.tokens[number].start < high and number == reader.mark[0]
        for number in reader.outline.starts
    )


def _next(reader: _Reader, at: int, level: str) -> int:
    """Where reading can go on: a statement of this block or of one around it, or its end."""
    starts, closers = reader.outline.starts, reader.outline.closers
    outer = {"file", level, *_OUTER.get(level, ())}
    while reader.tokens[at].kind != END:
        if starts.get(at) in outer or (level != "file" and closers.get(at) in outer):
            break
        at += 1
    return at


def _poison(reader: _Reader, start: int, stop: int) -> None:
    reader.poisoned.update(
        token.text for token in reader.tokens[start:stop] if token.kind == "NAME"
    )
