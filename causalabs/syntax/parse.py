"""Text to syntax tree, with every syntax error at once."""

from __future__ import annotations

from dataclasses import dataclass

from causalabs.diagnostics import Diagnostic, Source
from causalabs.syntax import ast
from causalabs.syntax.lexer import tokens
from causalabs.syntax.machine import Machine
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
    machine = Machine(tables())
    for token in tokens(source.text):
        if not machine.read(machine.settle(token)):
            raise ValueError(token)
    return Parsed(machine.values[-1], (), frozenset(), source)
