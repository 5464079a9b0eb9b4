"""Text to syntax tree, with every syntax error at once."""

from __future__ import annotations

import gc
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from causalabs.diagnostics import Diagnostic, Rule, Source, Span
from causalabs.syntax import ast, rules
from causalabs.syntax.children import ESCAPES
from causalabs.syntax.lexer import Token, tokens
from causalabs.syntax.machine import Machine
from causalabs.syntax.reading import DEEPEST, LARGEST, too_deep
from causalabs.syntax.recovery import recover
from causalabs.syntax.tables import tables


@dataclass(frozen=True)
class Parsed:
    """What could be read of a text.

    `poisoned` are the names in statements that could not be read: later layers say
    nothing about their absence.
    """

    file: ast.File
    diagnostics: tuple[Diagnostic, ...]
    poisoned: frozenset[str]
    source: Source


def parse(source: Source) -> Parsed:
    """Reads `source`; what cannot be read is reported and left out."""
    with _no_collection():
        refused = _refused(source)
        if refused is not None:
            return Parsed(
                ast.File((), None, ()), (refused.diagnostic(source),), frozenset(), source
            )
        found = tokens(source.text)
        file, mistakes, poisoned = _straight(found), list(_escapes(source.text, found)), set[str]()
        if file is None:
            file, broken, poisoned = recover(source.text, found)
            mistakes += broken
    mistakes.sort(key=lambda rule: rule.span)
    diagnostics = tuple(rule.diagnostic(source) for rule in mistakes)
    return Parsed(file, diagnostics, frozenset(poisoned), source)


def _straight(found: list[Token]) -> ast.File | None:
    """The tree of a text without mistakes, None for any other."""
    machine = Machine(tables())
    for token in found:
        if not machine.read(machine.settle(token)):
            return None
    file: ast.File = machine.values[-1]
    return file


def _refused(source: Source) -> Rule | None:
    """Why the text is not read at all."""
    size = len(source.text)
    if size > LARGEST:
        return rules.TooLarge(span=Span(0, 0), name=source.name, size=size)
    deep = too_deep(source.text)
    if deep is not None:
        return rules.NestedTooDeep(span=deep, limit=DEEPEST)
    if re.fullmatch(r"(?:\s++|#[^\n]*+)*+", source.text):
        return rules.Empty(span=Span(0, 0))
    return None


def _escapes(text: str, found: list[Token]) -> Iterator[Rule]:
    if "\\" not in text:
        return
    for token in found:
        if token.kind != "STRING" or "\\" not in token.text:
            continue
        for escape in re.finditer(r"\\(.)", token.text):
            if escape[1] not in ESCAPES:
                start = token.start + escape.start()
                yield rules.UnknownEscape(span=Span(start, start + 2), sign=escape[1])


@contextmanager
def _no_collection() -> Iterator[None]:
    """No garbage is collected meanwhile: a tree has no cycles, and collecting doubles the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
