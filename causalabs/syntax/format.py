"""The canonical form of a hypothesis file.

The tree is laid out without comments first. Formatting keeps every token except commas and
parentheses that say nothing, so a comment's place is the token it stands before or behind,
and it is put back there.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from itertools import pairwise

from causalabs.diagnostics import HypothesisError, Source, Span
from causalabs.syntax import ast
from causalabs.syntax.layout import render
from causalabs.syntax.lexer import END, Token, comments, tokens
from causalabs.syntax.parse import parse
from causalabs.syntax.write_expression import Original
from causalabs.syntax.write_statement import file as write_file

_LOOSE = frozenset("(),")  # tokens that formatting may add or drop


def format_source(source: Source) -> str:
    """The canonical form of `source`; `HypothesisError` where it does not parse."""
    parsed = parse(source)
    if parsed.diagnostics:
        raise HypothesisError(parsed.diagnostics)
    found = tokens(source.text)
    braced = frozenset(token.start for before, token in pairwise(found) if before.kind == "{")
    original = Original(source.text, _grouped(found), braced)
    return _with_comments(
        source.text, found, parsed.file, render(write_file(parsed.file, original))
    )


def format_file(file: ast.File) -> str:
    """A syntax tree as text, for trees that came from no text."""
    return render(write_file(file, Original())) + "\n"


def _grouped(found: list[Token]) -> frozenset[Span]:
    """What stands in parentheses that are no call's."""
    spans, open_at = set(), []
    for number, token in enumerate(found):
        if token.kind == "(":
            open_at.append(number)
        elif token.kind == ")" and open_at:
            start = open_at.pop()
            if start and found[start - 1].kind != "NAME":
                spans.add(Span(found[start + 1].start, found[number - 1].end))
    return frozenset(spans)


# --------------------------------------------------------------------- comments


@dataclass
class _Before:
    """What stands before a token besides tokens."""

    trailing: list[str] = field(default_factory=list)  # comments that end the line before
    own: list[tuple[bool, str]] = field(default_factory=list)  # blank line above?, comment
    blank: bool = False  # a blank line right above the token


def _with_comments(text: str, found: list[Token], file: ast.File, plain: str) -> str:
    laid = tokens(plain)
    firm = [token for token in found if token.kind not in _LOOSE]
    extras = _extras(text, found, _beginnings(file))
    out: list[str] = []  # lines
    line, done = "", 0  # the line being made, and how much of `plain` is used
    number = -1
    for place, token in enumerate(laid):
        if token.kind in _LOOSE:
            continue
        number += 1
        extra = extras.get(number)
        if extra is None:
            continue
        behind = _behind(laid, place, plain)
        line, out = _take(line + plain[done:behind], out)
        done = behind
        gap_end = token.start if token.kind == END else _ahead(laid, place, plain)
        broken = number == 0 or token.kind == END or "\n" in plain[behind:gap_end]
        indent = _indent(plain, gap_end) if broken else " " * (len(line) - len(line.lstrip()) + 2)
        inner = indent + "  " if token.kind == "}" and broken else indent
        if extra.trailing:
            line = f"{line.rstrip()}  {extra.trailing[0]}" if line.strip() else extra.trailing[0]
            extra.own = [*((False, more) for more in extra.trailing[1:]), *extra.own]
        if extra.own or extra.trailing or broken:
            if line.strip() or out:
                out.append(line.rstrip())
            for blank, comment in extra.own:
                if blank and out and not out[-1].endswith("{") and out[-1]:
                    out.append("")
                out.append(inner + comment)
            if extra.blank and out and not out[-1].endswith("{") and token.kind not in ("}", END):
                out.append("")
            line, done = indent if token.kind != END else "", gap_end
    line, out = _take(line + plain[done:], out)
    if line.strip():
        out.append(line)
    assert number + 1 == len(firm), "formatting changed the tokens of the text"
    return "\n".join(each.rstrip() for each in out) + "\n"


def _take(text: str, out: list[str]) -> tuple[str, list[str]]:
    *whole, last = text.split("\n")
    return last, out + whole


def _calls(plain: str, paren: Token) -> bool:
    """Whether a parenthesis stands right behind a name."""
    return paren.start > 0 and (plain[paren.start - 1].isalnum() or plain[paren.start - 1] == "_")


def _behind(laid: list[Token], place: int, plain: str) -> int:
    """Where in the layout what precedes a token ends, its closing signs and comma included."""
    end = 0
    for number in range(place - 1, -1, -1):
        if laid[number].kind not in _LOOSE:
            end = laid[number].end
            for loose in laid[number + 1 : place]:
                if loose.kind == "(" and not _calls(plain, loose):
                    break
                end = loose.end
            break
    return end


def _ahead(laid: list[Token], place: int, plain: str) -> int:
    """Where a token begins, with the parentheses that open before it."""
    while place and laid[place - 1].kind == "(" and not _calls(plain, laid[place - 1]):
        place -= 1
    return laid[place].start


def _indent(plain: str, at: int) -> str:
    start = plain.rfind("\n", 0, at) + 1
    row = plain[start:]
    return row[: len(row) - len(row.lstrip(" "))] if at < len(plain) else ""


def _beginnings(file: ast.File) -> set[int]:
    """Offsets at which a blank line may stay: where a statement begins."""
    found: set[int] = set()
    for node in ast.walk(file):
        for name in ("items", "statements", "wiring", "places", "wires", "imports"):
            found.update(part.span.start for part in getattr(node, name, ()))
    if file.hypothesis is not None:
        found.add(file.hypothesis.span.start)
    return found


def _extras(text: str, found: list[Token], beginnings: set[int]) -> dict[int, _Before]:
    """By number of firm token: the comments and blank lines before it."""
    extras: dict[int, _Before] = defaultdict(_Before)
    waiting = list(comments(text))[::-1]
    number, before = -1, 0  # firm tokens so far, end of what was last seen
    fresh = True  # whether only the start of the file or a line break was seen since a token
    pending = _Before()
    for token in found:
        begins = token.start in beginnings or token.kind in ("}", END)
        while waiting and waiting[-1].start < token.start:
            span = waiting.pop()
            gap = text[before : span.start]
            comment = text[span.start : span.end].rstrip()
            fresh = fresh or "\n" in gap
            if fresh:
                pending.own.append((begins and gap.count("\n") > 1, comment))
            else:
                pending.trailing.append(comment)
            before = span.end
        gap = text[before : token.start]
        before, fresh = token.end, False
        if token.kind in _LOOSE:
            continue
        number += 1
        pending.blank = begins and gap.count("\n") > 1
        if pending.own or pending.trailing or pending.blank:
            extras[number] = pending
        pending = _Before()
    return extras
