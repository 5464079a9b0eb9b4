"""Expressions as straight-line programs, in which equal parts are one step.

Every evaluator works on these instead of trees: steps stand in order, arguments first, so
that no depth of nesting costs recursion, and nothing is computed twice.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from causalabs.algorithm.domains import Domain
from causalabs.algorithm.expression import (
    Choice,
    Constant,
    Expression,
    LookUp,
    Operation,
    Pick,
    Table,
    Variable,
    parts,
)


class Step(NamedTuple):
    """One computation; `arguments` are numbers of earlier steps.

    `kind` is an operator, or `constant`, `variable`, `choice`, `pick`, `lookup`; `data` is
    the constant's value, the variable's name, the pick's lows and sizes, or the table.
    """

    kind: str
    arguments: tuple[int, ...]
    type: Domain
    data: Any


@dataclass
class Interner:
    """Small numbers for domains and tables, so that steps compare without hashing them."""

    _numbers: dict[Hashable, int] = field(default_factory=dict)
    _by_id: dict[int, int] = field(default_factory=dict)
    _kept: list[object] = field(default_factory=list)  # an id means nothing once freed

    def number(self, thing: Domain | Table) -> int:
        """The number of `thing`, equal for equal things."""
        known = self._by_id.get(id(thing))
        if known is None:
            known = self._numbers.setdefault((type(thing), thing), len(self._numbers))
            self._by_id[id(thing)] = known
            self._kept.append(thing)
        return known


class Program:
    """A growing list of steps; `expressions[n]` is what step `n` was first made from.

    With `renamed`, a variable is known by its slot in that mapping: mechanisms that differ
    in names only then have the same `key`.
    """

    def __init__(
        self, interner: Interner | None = None, renamed: Mapping[str, int] | None = None
    ) -> None:
        self.steps: list[Step] = []
        self.expressions: list[Expression] = []
        self._interner = interner or Interner()
        self._numbers: dict[tuple[Hashable, ...], int] = {}
        self._by_id: dict[int, int] = {}
        self._renamed = renamed

    def add(self, expression: Expression) -> int:
        """The number of the step that computes `expression`."""
        stack: list[tuple[Expression, bool]] = [(expression, False)]
        while stack:
            top, ready = stack.pop()
            if id(top) in self._by_id:
                continue
            below = parts(top)
            if below and not ready:
                stack.append((top, True))
                stack.extend((part, False) for part in reversed(below))
            else:
                self._by_id[id(top)] = self._step(top, below)
        return self._by_id[id(expression)]

    def _step(self, expression: Expression, below: tuple[Expression, ...]) -> int:
        arguments = tuple(self._by_id[id(part)] for part in below)
        kind, data, marked = self._described(expression)
        key = (kind, arguments, self._interner.number(expression.type), marked)
        known = self._numbers.get(key)
        if known is None:
            known = self._numbers[key] = len(self.steps)
            self.steps.append(Step(kind, arguments, expression.type, data))
            self.expressions.append(expression)
        return known

    def _described(self, expression: Expression) -> tuple[str, Any, Hashable]:
        """Kind, data, and something hashable that is equal when the data are."""
        match expression:
            case Constant(value):
                return "constant", value, (type(value), value)
            case Variable(name):
                slot = name if self._renamed is None else self._renamed[name]
                return "variable", name, slot
            case Operation(operator):
                return operator, None, None
            case Choice():
                return "choice", None, None
            case Pick(_, lows, sizes):
                return "pick", (lows, sizes), (lows, sizes)
            case LookUp(table):
                return "lookup", table, self._interner.number(table)

    @property
    def key(self) -> tuple[Hashable, ...]:
        """Equal for programs that compute the same, step by step."""
        return tuple(self._numbers)

    def closure(self, *roots: int) -> tuple[int, ...]:
        """The steps that `roots` need, themselves included, arguments first."""
        found, stack = set(roots), list(roots)
        while stack:
            for argument in self.steps[stack.pop()].arguments:
                if argument not in found:
                    found.add(argument)
                    stack.append(argument)
        return tuple(sorted(found))
