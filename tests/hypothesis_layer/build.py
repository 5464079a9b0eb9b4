"""Parts of the checker by themselves, for its tests."""

from __future__ import annotations

from causalabs.algorithm.elaborate import elaborate, elaborate_condition, readables
from causalabs.algorithm.expression import Expression
from causalabs.algorithm.model import Algorithm
from causalabs.algorithm.scope import declare
from causalabs.diagnostics import Rule, Source
from causalabs.hypothesis.counterfactuals import resolve_counterfactuals
from causalabs.hypothesis.lines import homes_of
from causalabs.hypothesis.meaning import World
from causalabs.hypothesis.model import Counterfactuals
from causalabs.syntax import ast
from causalabs.syntax.parse import parse

SUM = (
    "algorithm {\n  input  x, y    : 0..9\n  var    partial : 0..18 = x + y\n"
    "  output large   : bool  = partial > 9\n}\n"
)
ADDER = (
    "algorithm {\n  input  a[3], b[3] : bool\n  var    carry[i in 0..2] : bool =\n"
    "           if i == 0 then a[0] and b[0]\n           else a[i] and b[i] or carry[i - 1]\n"
    "  output overflow : bool = carry[2]\n}\n"
)


def algorithms(text: str) -> list[Algorithm]:
    """The algorithms of a text, which must be right."""
    parsed = parse(Source(text))
    assert not parsed.diagnostics
    scope, found = declare(parsed.file, parsed.source, parsed.poisoned)
    made = []
    for item in parsed.file.items:
        if isinstance(item, ast.Algorithm):
            algorithm, rules = elaborate(item, scope)
            found += rules
            assert algorithm is not None
            made.append(algorithm)
    assert not found
    return made


def counterfactuals(text: str) -> tuple[Counterfactuals | None, list[Rule]]:
    """The counterfactuals of a text whose algorithms are right; notes are left out."""
    parsed = parse(Source(text))
    scope, _ = declare(parsed.file, parsed.source)
    world = World(tuple(algorithms(text)), parsed.source)

    def condition(
        node: ast.Expr, algorithm: Algorithm, prefixes: tuple[str, ...]
    ) -> Expression | None:
        expression, found = elaborate_condition(node, scope, readables(algorithm, prefixes))
        assert not found
        return expression

    node = next(item for item in parsed.file.items if isinstance(item, ast.Counterfactuals))
    counts, found = resolve_counterfactuals(
        node, world, homes_of((), frozenset(), False), {}, condition
    )
    return counts, [rule for rule in found if rule.severity != "note"]
