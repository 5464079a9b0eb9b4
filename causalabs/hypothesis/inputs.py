"""Inputs for the checker's own use: all that `where` admits, or a sample of them.

Drawn more simply than for a run (the sampler stands above this layer), but from the same
distribution. Real inputs that are compared are stood for by the labels of an equality
pattern.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from causalabs.algorithm.domains import Real, at_places, places, size
from causalabs.algorithm.evaluate import evaluate, evaluate_expression
from causalabs.algorithm.expression import Expression, Operation, Variable, parts, walk
from causalabs.algorithm.model import Algorithm
from causalabs.hypothesis.model import Counterfactuals

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from causalabs.algorithm.domains import Column

COMPARING = ("eq", "ne", "distinct", "index_of")


@dataclass(frozen=True, eq=False)
class Inputs:
    """Admitted inputs and their weights; `every` says that there are no others."""

    columns: Mapping[str, Column]
    weights: NDArray[np.float64]
    tuples: NDArray[np.int64]
    rows: int
    every: bool


def inputs_of(
    algorithm: Algorithm,
    counts: Counterfactuals,
    algorithms: Mapping[str, Algorithm],
    draws: int,
    generator: np.random.Generator,
) -> Inputs | None:
    """All admitted inputs, or some: None where a real input is not only compared."""
    import numpy as np

    groups = _groups(algorithm, algorithms.values())
    if groups is None:
        return None
    finite = [v for v in algorithm.inputs if not isinstance(v.domain, Real)]
    sizes = [size(v.domain) or 1 for v in finite] + [len(patterns) for _, patterns in groups]
    total = math.prod(sizes)
    every = total <= 50 * draws
    if every:
        numbers = np.unravel_index(np.arange(total), sizes) if sizes else ()
    else:
        numbers = tuple(generator.integers(0, n, 8 * draws) for n in sizes)
    columns: dict[str, Column] = {}
    for variable, ranks in zip(finite, numbers, strict=False):
        columns[variable.name] = at_places(variable.domain, ranks)  # type: ignore[arg-type]
    for (members, patterns), ranks in zip(groups, numbers[len(finite) :], strict=True):
        labels = np.asarray(patterns, dtype=np.float32)[ranks]  # (rows, members)
        for place, name in enumerate(members):
            columns[name] = labels[:, place]
    rows = len(next(iter(columns.values())))
    kept = np.ones(rows, dtype=bool)
    for condition in algorithm.where:
        kept &= np.asarray(evaluate_expression(condition, columns, rows), dtype=bool)
    chosen = np.flatnonzero(kept)
    chosen = chosen if every else chosen[:draws]
    if len(chosen) == 0:
        return None
    columns = {name: column[chosen] for name, column in columns.items()}
    tuples = _tuples(counts, columns, algorithms, len(chosen))
    weights = 1.0 / np.bincount(tuples)[tuples] if counts.balance else np.ones(len(chosen))
    return Inputs(columns, weights / weights.sum(), tuples, len(chosen), every)


def _tuples(
    counts: Counterfactuals,
    columns: Mapping[str, Column],
    algorithms: Mapping[str, Algorithm],
    rows: int,
) -> NDArray[np.int64]:
    """Number of the tuple of balanced values of each input; (rows,)."""
    import numpy as np

    code = np.zeros(rows, dtype=np.int64)
    for name, variable in counts.balance:
        algorithm = algorithms[name]
        column = evaluate(algorithm, columns, only=(variable,))[variable]
        domain = algorithm[variable].domain
        code = code * (size(domain) or 1) + places(domain, column)  # type: ignore[arg-type]
        code = np.unique(code, return_inverse=True)[1]
    return code


def _groups(
    algorithm: Algorithm, rivals: Iterable[Algorithm]
) -> list[tuple[tuple[str, ...], list[tuple[int, ...]]]] | None:
    """Real inputs by what they are compared with, and the patterns of each group."""
    real = [v.name for v in algorithm.inputs if isinstance(v.domain, Real)]
    home = {name: name for name in real}

    def root(name: str) -> str:
        while home[name] != name:
            name = home[name]
        return name

    for rival in rivals:
        for expression in _expressions(rival):
            for part in walk(expression):
                below = [p.name for p in parts(part) if isinstance(p, Variable) and p.name in home]
                if not below:
                    continue
                if not (isinstance(part, Operation) and part.operator in COMPARING):
                    return None
                for name in below[1:]:
                    home[root(name)] = root(below[0])
    groups: dict[str, list[str]] = {}
    for name in real:
        groups.setdefault(root(name), []).append(name)
    found = []
    for members in groups.values():
        if len(members) > 8:
            return None
        start = real.index(members[0])
        patterns = [tuple(start + label for label in p) for p in _partitions(len(members))]
        found.append((tuple(members), patterns))
    return found


def _expressions(algorithm: Algorithm) -> list[Expression]:
    mechanisms = [v.mechanism for v in algorithm.variables if v.mechanism is not None]
    return [*mechanisms, *algorithm.where]


def _partitions(count: int) -> list[tuple[int, ...]]:
    """All partitions of `count` things as labels, the first thing of a class giving its label.

    >>> _partitions(2)
    [(0, 0), (0, 1)]
    """
    found: list[tuple[int, ...]] = [()]
    for place in range(count):
        found = [(*labels, label) for labels in found for label in sorted({*labels, place})]
    return found
