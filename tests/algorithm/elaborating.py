"""Short ways to elaborate a text."""

from __future__ import annotations

from pathlib import Path

from causalabs.algorithm.elaborate import Scope, declare, elaborate
from causalabs.algorithm.model import Algorithm
from causalabs.diagnostics import Rule, Source
from causalabs.syntax import ast
from causalabs.syntax.parse import parse


def elaborated(
    text: str, folder: Path = Path(".")
) -> tuple[dict[str, Algorithm], list[Rule], Scope]:
    """The algorithms of a text that could be elaborated, and all findings."""
    source = Source(text, "test.causal", folder)
    parsed = parse(source)
    scope, rules = declare(parsed.file, source, parsed.poisoned)
    found = {}
    for item in parsed.file.items:
        if isinstance(item, ast.Algorithm):
            algorithm, more = elaborate(item, scope, parsed.poisoned)
            rules += more
            if algorithm is not None:
                found[algorithm.name] = algorithm
    return found, rules, scope


def block(*lines: str) -> str:
    """An algorithm of these statements."""
    return "algorithm {\n" + "\n".join(lines) + "\n}\n"


def algorithm(*lines: str, before: str = "", folder: Path = Path(".")) -> Algorithm:
    """The algorithm of these statements, which must be without a mistake."""
    found, rules, _ = elaborated(before + "\n" + block(*lines), folder)
    assert [rule.headline() for rule in rules] == []
    return found["algorithm"]


def codes(*lines: str, before: str = "", folder: Path = Path(".")) -> list[str]:
    """The codes of what is wrong with these statements."""
    found, rules, _ = elaborated(before + "\n" + block(*lines), folder)
    assert bool(rules) != bool(found)
    return [rule.code for rule in rules]


def condition(text: str) -> ast.Expr:
    """A condition as the parser reads it."""
    parsed = parse(Source(block(f"where {text}")))
    assert not parsed.diagnostics
    statement = parsed.file.items[0].statements[0]
    assert isinstance(statement, ast.Where)
    return statement.condition
