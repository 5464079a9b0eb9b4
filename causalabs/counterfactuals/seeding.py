"""Generators by purpose: what a line draws depends on what it says, never on names or order.

A line's generator is derived from its *shape*: which variables (by number) it takes from
which (by number), under which condition. So renaming anything, or adding another line,
leaves its draws as they were.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import numpy as np

from causalabs.algorithm.expression import (
    Choice,
    Constant,
    Expression,
    LookUp,
    Operation,
    Pick,
    Variable,
    parts,
)
from causalabs.algorithm.model import Algorithm
from causalabs.hypothesis.model import Line

DEALING, BASES, LINES = 0, 1, 2
"""First word of a generator's key: what it is for."""

MORE = 3
"""Follows a line's key where further examples are drawn, beyond those the file asks for."""


def generator_for(seed: int, *key: int) -> np.random.Generator:
    """The generator of that key under `seed`; SFC64 is the fastest that numpy has."""
    sequence = np.random.SeedSequence(entropy=seed, spawn_key=key)
    return np.random.Generator(np.random.SFC64(sequence))


def line_keys(lines: Sequence[Line], algorithms: Sequence[Algorithm]) -> list[tuple[int, ...]]:
    """One key a line, all different: its shape, and how many such lines stand before it."""
    numbers = {
        algorithm.name: {variable.name: i for i, variable in enumerate(algorithm.variables)}
        for algorithm in algorithms
    }
    seen: dict[int, int] = {}
    found: list[tuple[int, ...]] = []
    for line in lines:
        shape = _line_shape(line, numbers)
        found.append((LINES, shape, seen.setdefault(shape, 0)))
        seen[shape] += 1
    return found


def _line_shape(line: Line, numbers: dict[str, dict[str, int]]) -> int:
    own = numbers[line.algorithm]
    takes = sorted((own[t.variable], own[t.origin], t.source) for t in line.takes)
    given = sorted((own[a.variable], int(a.value)) for a in line.assignments)
    after = sorted(own[name] for name in line.balance_after)
    name = lambda each: _variable_shape(each, own, numbers)  # noqa: E731
    condition = b"" if line.condition is None else shape_of(line.condition, name)
    return _number(repr((takes, given, line.sources, after)).encode() + condition)


def shape_of(
    expression: Expression, called: Callable[[str], str], known: dict[int, bytes] | None = None
) -> bytes:
    """A digest of `expression` in which variables are what they are `called`, values codes."""
    known = {} if known is None else known
    if id(expression) not in known:
        match expression:
            case Constant(value):
                head = repr(value)
            case Variable(name):
                head = called(name)
            case Operation(operator):
                head = operator
            case Choice():
                head = "choice"
            case Pick(lows=lows, sizes=sizes):
                head = repr((lows, sizes))
            case LookUp(table):
                head = repr((table.codes, table.present))
        below = b"".join(shape_of(part, called, known) for part in parts(expression))
        known[id(expression)] = hashlib.blake2b(head.encode() + b"\0" + below).digest()
    return known[id(expression)]


def _variable_shape(name: str, own: dict[str, int], numbers: dict[str, dict[str, int]]) -> str:
    side, _, rest = name.partition(".")
    if rest in own:
        return f"{side} {own[rest]}"
    family, _, last = rest.partition(".")
    if family in numbers and last in numbers[family]:
        return f"{side} {list(numbers).index(family)} {numbers[family][last]}"
    holder = next((found for found in numbers.values() if rest in found), {})
    return f"{side} {holder.get(rest, -1)}"


def _number(data: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "big")
