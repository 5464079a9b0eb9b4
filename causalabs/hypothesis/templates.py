"""Templates: `"{x} + {y:02} ="` to text and slots, every slot with its own span."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from causalabs.algorithm import domains
from causalabs.algorithm.domains import Domain
from causalabs.algorithm.model import Algorithm
from causalabs.algorithm.names import nearest
from causalabs.diagnostics import Source, Span
from causalabs.hypothesis.model import Part, Template
from causalabs.hypothesis.refs import Env, Findings, elements, listed
from causalabs.hypothesis.rules_feed import (
    FeedComputed,
    FeedUnknown,
    RealToken,
    SlotFormat,
    SlotSyntax,
)
from causalabs.syntax import ast

_SLOT = re.compile(
    r"\s*(?P<name>[A-Za-z_]\w*)\s*(?:\[(?P<index>[^\[\]]*)\])?\s*(?::(?P<format>.*))?", re.DOTALL
)
_INDEX = re.compile(r"\s*(?:(\d+)|([A-Za-z_]\w*)\s*(?:([+-])\s*(\d+))?)\s*")
_ESCAPE = re.compile(r"\\.|.", re.DOTALL)


@dataclass(frozen=True)
class Piece:
    """Literal text, or the inside of a slot's braces."""

    text: str
    span: Span
    slot: bool


def offsets(text: ast.Text, source: Source) -> list[int] | None:
    """Offset in the source of each character of a string and of its end.

    None where the string does not stand in the source (a row of a file).
    """
    raw = source.text[text.span.start + 1 : text.span.end - 1]
    places = [text.span.start + 1 + found.start() for found in _ESCAPE.finditer(raw)]
    return [*places, text.span.end - 1] if len(places) == len(text) else None


def pieces(text: ast.Text, source: Source, found: Findings) -> list[Piece] | None:
    """Text and slots in order; None after an error."""
    where = offsets(text, source)

    def span(start: int, end: int) -> Span:
        return Span(where[start], where[end]) if where is not None else text.span

    parts: list[Piece] = []
    literal, begun, place = "", 0, 0
    while place < len(text):
        sign = text[place]
        if sign in "{}" and text[place : place + 2] == sign * 2:
            literal += sign
            place += 2
            continue
        if sign == "}":
            found.report(SlotSyntax(span=span(place, place + 1), problem="`}` closes no slot"))
            return None
        if sign != "{":
            literal += sign
            place += 1
            continue
        end = text.find("}", place)
        nested = text.find("{", place + 1)
        if end < 0 or place < nested < end:
            found.report(SlotSyntax(span=span(place, place + 1), problem="`{` is never closed"))
            return None
        if literal:
            parts.append(Piece(literal, span(begun, place), False))
        parts.append(Piece(text[place + 1 : end], span(place + 1, end), True))
        literal, begun, place = "", end + 1, end + 1
    if literal:
        parts.append(Piece(literal, span(begun, len(text)), False))
    return parts


def template(
    text: ast.Text,
    algorithm: Algorithm,
    env: Env,
    found: Findings,
    *,
    allowed: Sequence[str] | None = None,
) -> Template | None:
    """A template with its slots resolved to inputs, or to `allowed` variables."""
    parts = pieces(text, found.source, found)
    if parts is None:
        return None
    result: list[str | Part] = []
    failed = False
    for piece in parts:
        if not piece.slot:
            result.append(piece.text)
            continue
        part = _slot(piece, algorithm, env, found, allowed)
        failed = failed or part is None
        if part is not None:
            result.append(part)
    return None if failed else tuple(result)


def _slot(
    piece: Piece,
    algorithm: Algorithm,
    env: Env,
    found: Findings,
    allowed: Sequence[str] | None,
) -> Part | None:
    match = _SLOT.fullmatch(piece.text)
    if match is None:
        shown = f"`{{{piece.text}}}`" if piece.text.strip() else "`{}`"
        found.report(SlotSyntax(span=piece.span, problem=f"{shown} names no input"))
        return None
    indices = list(_indices(match["index"], piece.span))
    if None in indices:
        found.report(SlotSyntax(span=piece.span, problem=f"`[{match['index']}]` is no index"))
        return None
    name = match["name"]
    if not fed(name, piece.span, algorithm, found, allowed):
        return None
    nodes = [index for index in indices if index is not None]
    members = elements(name, nodes, piece.span, algorithm, env, found)
    if not members:
        return None
    member = members[0][1]
    if allowed is not None and member not in allowed:
        found.report(FeedUnknown(span=piece.span, name=member, known=listed(allowed)))
        return None
    wanted = match["format"] or ""
    domain = algorithm[member].domain
    if isinstance(domain, domains.Real):
        found.report(RealToken(span=piece.span, name=member))
        return None
    if wanted and not _writes(domain, wanted):
        found.report(SlotFormat(span=piece.span, name=member, format=wanted))
        return None
    return Part(member, wanted)


def _indices(text: str | None, span: Span) -> Iterator[ast.Node | None]:
    for index in text.split(",") if text is not None else ():
        match = _INDEX.fullmatch(index)
        if match is None:
            yield None
        elif match[1] is not None:
            yield ast.Literal(ast.Digits(match[1], span), span=span)
        else:
            ref = ast.Ref(ast.Name(match[2], span), span=span)
            if match[3] is None:
                yield ref
            else:
                by = ast.Literal(ast.Digits(match[4], span), span=span)
                yield ast.Sum((ref, by), (ast.Name(match[3], span),), span=span)


def fed(
    name: str,
    span: Span,
    algorithm: Algorithm,
    found: Findings,
    allowed: Sequence[str] | None = None,
) -> bool:
    """Whether `name` is a family that may be fed here; reports why not."""
    if name in found.poisoned:
        return False
    family = algorithm.by_family.get(name)
    inputs = [each.name for each in algorithm.families if each.role == "input"]
    families = [algorithm[member].family for member in allowed] if allowed is not None else inputs
    if family is None or (allowed is not None and name not in families):
        hint = nearest(name, families)
        known = listed(dict.fromkeys(families))
        found.report(FeedUnknown(span=span, name=name, suggestion=hint, known=known))
        return False
    if allowed is None and family.role != "input":
        found.report(FeedComputed(span=span, name=name, known=listed(inputs)))
        return False
    return True


def _writes(domain: Domain, wanted: str) -> bool:
    """Whether Python's `format` takes this for the domain's values (the first stands for all
    of one type)."""
    finite = domain.of if isinstance(domain, domains.SetOf) else domain
    if isinstance(finite, domains.Integer | domains.Real):
        return False
    first = {type(value): value for value in domains.values(finite)[:1000]}
    try:
        # A width of a billion would be written out to be judged: refuse it beforehand.
        if re.search(r"\d{4}", wanted):
            return False
        for value in first.values():
            format(str(value).lower() if isinstance(value, bool) else value, wanted)
    except ValueError:
        return False
    return True
