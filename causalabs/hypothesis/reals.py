"""What may be asked of real inputs: they are drawn by their equality patterns (SEMANTICS D2)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from causalabs.algorithm.domains import Real
from causalabs.algorithm.expression import Constant, Expression, Operation, walk
from causalabs.algorithm.model import Algorithm
from causalabs.diagnostics import NOWHERE, Rule, Source, Span
from causalabs.hypothesis.rules_drawing import SizeOfReals

EQUALITY = ("eq", "ne", "distinct", "index_of")


def asked_of_reals(
    algorithms: Sequence[Algorithm], conditions: Iterable[Expression], source: Source
) -> list[Rule]:
    """A finding for everything that needs more of reals than whether two of them are equal.

    While examples are drawn a vector is stood for by a label, so its size is not known.
    """
    found: dict[Span, Rule] = {}
    for expression in (*_expressions(algorithms), *conditions):
        for part in walk(expression):
            if isinstance(part, Operation) and part.span != NOWHERE and _needs_size(part):
                text = " ".join(source.text[part.span.start : part.span.end].split())
                found.setdefault(part.span, SizeOfReals(span=part.span, asked=text))
    return list(found.values())


def _expressions(algorithms: Sequence[Algorithm]) -> Iterator[Expression]:
    for algorithm in algorithms:
        yield from algorithm.where
        yield from (v.mechanism for v in algorithm.variables if v.mechanism is not None)


def _needs_size(part: Operation) -> bool:
    real = [each for each in part.arguments if isinstance(each.type, Real)]
    if all(isinstance(each, Constant) for each in real):
        return False
    return part.operator not in EQUALITY or any(isinstance(each, Constant) for each in real)
