"""Statements of a block by kind."""

from __future__ import annotations

from typing import TypeVar

from causalabs.diagnostics import Rule
from causalabs.hypothesis import rules_drawing as rules
from causalabs.syntax import ast

N = TypeVar("N", bound=ast.Node)


def all_of(node: ast.Counterfactuals, kind: type[N]) -> list[N]:
    """The statements of a kind."""
    return [each for each in node.statements if isinstance(each, kind)]


def once(node: ast.Counterfactuals, kind: type[N], words: str, found: list[Rule]) -> N | None:
    """The one statement of a kind; a second is reported."""
    first, *more = all_of(node, kind) or (None,)
    for again in more:
        found.append(
            rules.RepeatedStatement(
                span=again.span, statement=words, first=first.span if first else None
            )
        )
    return first
