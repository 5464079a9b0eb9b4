"""Equality patterns of real inputs (SEMANTICS D2).

Two vectors drawn independently are never equal, so equality must be drawn on purpose. Real
inputs that some expression compares, directly or in a chain, form a group; a *pattern* of a
group says which of its inputs are equal: a partition. A pattern is drawn first, then one
vector for each of its classes.

While conditions and mechanisms are evaluated a real input is stood for by a *label*, the
number of the first input of its class: two labels are equal exactly when the vectors are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from causalabs.algorithm.domains import Real
from causalabs.algorithm.expression import Expression, Operation, Variable, names, walk
from causalabs.algorithm.model import Algorithm
from causalabs.counterfactuals.errors import DrawError

MOST_PATTERNS = 100_000
COMPARING = ("eq", "ne", "distinct", "index_of")


@dataclass(frozen=True, eq=False)
class Group:
    """Real inputs whose equality matters, and the patterns there are.

    `numbers[j]` is the number of input j among all real inputs, `domains[j]` its domain;
    `first[p, j]` (patterns, inputs) is the place in the group of the first input that
    equals input j under pattern p.
    """

    inputs: tuple[str, ...]
    numbers: tuple[int, ...]
    domains: tuple[Real, ...]
    first: NDArray[np.int8]

    @cached_property
    def labels(self) -> NDArray[np.float32]:
        """`first` with places in the group replaced by numbers of inputs."""
        return np.asarray(self.numbers, dtype=np.float32)[self.first]  # (patterns, inputs)

    @cached_property
    def bounds(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Low and width of each input's class: (patterns, inputs) each."""
        low, high = class_bounds(self.first, self.domains)
        return low.astype(np.float32), (high - low).astype(np.float32)

    def vectors(
        self, patterns: NDArray[np.int64], *, generator: np.random.Generator
    ) -> list[NDArray[np.float32]]:
        """One vector an input and row, uniform for each class; (rows, size) each."""
        found: list[NDArray[np.float32]] = []
        rows = len(patterns)
        same_bounds = len({(domain.low, domain.high) for domain in self.domains}) == 1
        for j, domain in enumerate(self.domains):
            shape = (rows,) if domain.size is None else (rows, domain.size)
            drawn = np.empty(shape, dtype=np.float32)
            generator.random(out=drawn, dtype=np.float32)
            if same_bounds:
                drawn *= np.float32(_high(domain) - _low(domain))
                drawn += np.float32(_low(domain))
            place = self.first[:, j][patterns] if j else patterns  # (rows,)
            for i in range(j):
                np.copyto(drawn, found[i], where=_beside(place == i, drawn))
            found.append(drawn)
        if not same_bounds:
            low, width = self.bounds
            for j, drawn in enumerate(found):
                drawn *= _beside(width[:, j][patterns], drawn)
                drawn += _beside(low[:, j][patterns], drawn)
        return found


def groups_of(algorithms: Sequence[Algorithm], conditions: Iterable[Expression]) -> list[Group]:
    """The groups of the real inputs (one alone is a group of one), as declared.

    Raises DrawError for a real input without bounds and for more than 10^5 patterns.
    """
    reals = [v for v in algorithms[0].inputs if isinstance(v.domain, Real)]
    if not reals:
        return []
    parent = {variable.name: variable.name for variable in reals}

    def top(name: str) -> str:
        while parent[name] != name:
            name = parent[name]
        return name

    for algorithm in algorithms:
        flows = _flows(algorithm)
        expressions = [v.mechanism for v in algorithm.variables if v.mechanism is not None]
        for expression in [*expressions, *algorithm.where, *conditions]:
            for compared in _compared(expression, flows):
                for other in compared[1:]:
                    parent[top(other)] = top(compared[0])
    members: dict[str, list[int]] = {}
    for number, variable in enumerate(reals):
        members.setdefault(top(variable.name), []).append(number)
    found = []
    for numbers in members.values():
        domains = [reals[n].domain for n in numbers]
        inputs = tuple(reals[n].name for n in numbers)
        found.append(_group(inputs, tuple(numbers), [d for d in domains if isinstance(d, Real)]))
    return found


def _group(inputs: tuple[str, ...], numbers: tuple[int, ...], domains: list[Real]) -> Group:
    for name, domain in zip(inputs, domains, strict=True):
        if domain.low is None or domain.high is None:
            raise DrawError(
                f"`{name}` cannot be sampled: its real domain has no bounds",
                "write the bounds, as in `real[4] in -0.5..0.5`",
            )
    if _bell(len(inputs)) > MOST_PATTERNS:
        raise DrawError(
            f"{len(inputs)} real inputs compared with one another, from `{inputs[0]}` to "
            f"`{inputs[-1]}`, have {_bell(len(inputs)):,} equality patterns; "
            f"{MOST_PATTERNS:,} can be drawn from",
            "compare fewer of them with one another",
        )
    first = partitions(len(inputs))
    if len(inputs) > 1:
        low, high = class_bounds(first, domains)
        alone = first == np.arange(len(inputs), dtype=np.int8)
        first = first[((low < high) | alone).all(axis=1)]
    return Group(inputs, numbers, tuple(domains), first)


def class_bounds(
    first: NDArray[np.int8], domains: Sequence[Real]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Bounds common to all inputs of each input's class: (patterns, inputs) each."""
    low = np.full(first.shape, -np.inf)
    high = np.full(first.shape, np.inf)
    rows = np.arange(len(first))
    for j, domain in enumerate(domains):
        place = first[:, j]
        low[rows, place] = np.maximum(low[rows, place], _low(domain))
        high[rows, place] = np.minimum(high[rows, place], _high(domain))
    return np.take_along_axis(low, first, axis=1), np.take_along_axis(high, first, axis=1)


def partitions(count: int) -> NDArray[np.int8]:
    """All partitions of `count` things: for each thing the first of its class.

    >>> partitions(2).tolist()
    [[0, 0], [0, 1]]
    >>> [len(partitions(n)) for n in range(1, 6)]
    [1, 2, 5, 15, 52]
    """
    found: list[tuple[int, ...]] = [()]
    for thing in range(count):
        found = [(*old, place) for old in found for place in (*sorted(set(old)), thing)]
    return np.array(found, dtype=np.int8).reshape(len(found), count)


def _bell(count: int) -> int:
    """The number of partitions of `count` things, by Bell's triangle."""
    row = [1]
    for _ in range(min(count, 200) - 1):
        following = [row[-1]]
        for value in row:
            following.append(following[-1] + value)
        row = following
    return row[-1]


def _flows(algorithm: Algorithm) -> dict[str, tuple[str, ...]]:
    """For each real variable the real inputs its value may come from."""
    found: dict[str, tuple[str, ...]] = {}
    for variable in algorithm.variables:
        if isinstance(variable.domain, Real):
            if variable.role == "input" or variable.mechanism is None:
                found[variable.name] = (variable.name,)
            else:
                found[variable.name] = _real_inputs(variable.mechanism, found)
    return found


def _real_inputs(expression: Expression, flows: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    used = (flows.get(name, ()) for name in names(expression))
    return tuple(dict.fromkeys(name for found in used for name in found))


def _compared(
    expression: Expression, flows: dict[str, tuple[str, ...]]
) -> Iterable[tuple[str, ...]]:
    """Real inputs that are compared with one another, comparison by comparison.

    `base.x == base.y` compares x and y; `base.x == source.x` compares two runs: no group.
    """
    for part in walk(expression):
        if (
            isinstance(part, Operation)
            and part.operator in COMPARING
            and any(isinstance(argument.type, Real) for argument in part.arguments)
        ):
            sides: dict[str, dict[str, None]] = {}
            for inner in walk(part):
                if isinstance(inner, Variable):
                    name, side = _without_side(inner.name, flows)
                    sides.setdefault(side, {}).update(dict.fromkeys(flows.get(name, ())))
            yield from (tuple(found) for found in sides.values() if len(found) > 1)


def _without_side(name: str, flows: dict[str, tuple[str, ...]]) -> tuple[str, str]:
    side, dot, rest = name.partition(".")
    if not dot or side not in ("base", "source"):
        return name, ""
    return (rest if rest in flows else rest.rpartition(".")[2]), side


def _beside(flags: NDArray[Any], drawn: NDArray[np.float32]) -> NDArray[Any]:
    return flags if drawn.ndim == 1 else flags[:, None]


def _low(domain: Real) -> float:
    return 0.0 if domain.low is None else domain.low


def _high(domain: Real) -> float:
    return 0.0 if domain.high is None else domain.high
