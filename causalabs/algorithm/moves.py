"""Interchanges as an algorithm makes them, and what it then answers: what rivals differ by.

A rival has other variables, so an interchange of one algorithm is no interchange of the other.
What a rival *can* do with the same base and sources are its own moves: those are listed here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from typing import TYPE_CHECKING

from causalabs.algorithm.domains import Bool, Column, Columns, Integer, Real, SetOf, size
from causalabs.algorithm.evaluate import evaluate
from causalabs.algorithm.model import Algorithm

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MOST_MOVES = 256
MOST_VALUES = 16  # of one variable that a rival may set


@dataclass(frozen=True)
class Move:
    """Variables that take an origin's value from a numbered source, or a fixed coded value."""

    takes: tuple[tuple[str, str, int], ...] = ()
    fixed: tuple[tuple[str, int], ...] = ()

    @property
    def text(self) -> str:
        """As a person says it; sources are numbered from 1 where there are several.

        >>> Move((("left", "left", 0), ("right", "right", 1))).text
        'left, right from source 2'
        """
        words = []
        for variable, origin, source in self.takes:
            word = variable if variable == origin else f"{variable} from {origin}"
            words.append(f"{word} from source {source + 1}" if source else word)
        words += [f"{variable} = {value}" for variable, value in self.fixed]
        return ", ".join(words) or "output left alone"


def computed(algorithm: Algorithm) -> tuple[str, ...]:
    """The variables that an algorithm has between its inputs and its outputs."""
    return tuple(v.name for v in algorithm.variables if v.role == "var")


def moves(
    algorithm: Algorithm, sources: int, wanted: Sequence[Move] = ()
) -> tuple[tuple[Move, ...], bool]:
    """All that an algorithm can do with so many sources, and whether that is all.

    Each variable is left to its mechanism or takes its value from one of the sources. Above
    256 ways only `wanted`, single variables and pairs of them are listed. With no source a
    single variable is set to each of its values.
    """
    own = computed(algorithm)
    none = Move()
    if sources == 0:
        fixed = [Move(fixed=((n, k),)) for n in own for k in _codes(algorithm, n)]
        return tuple(dict.fromkeys((*wanted, none, *fixed[:MOST_MOVES]))), False
    if (sources + 1) ** len(own) <= MOST_MOVES:
        found = [
            Move(tuple((n, n, s) for n, s in zip(own, taken, strict=True) if s >= 0))
            for taken in product(range(-1, sources), repeat=len(own))
        ]
        return tuple(dict.fromkeys((*wanted, *found))), True
    few = [Move(((n, n, s),)) for n in own for s in range(sources)]
    few += [
        Move(((a, a, s), (b, b, t)))
        for a, b in combinations(own, 2)
        for s in range(sources)
        for t in range(sources)
    ]
    return tuple(dict.fromkeys((*wanted, none, *few)))[:MOST_MOVES], False


def _codes(algorithm: Algorithm, name: str) -> range:
    domain = algorithm[name].domain
    count = size(domain)
    if isinstance(domain, Real | SetOf | Integer) or count is None or count > MOST_VALUES:
        return range(0)
    low = getattr(domain, "low", 0)
    return range(low, low + count)


def answers(
    algorithm: Algorithm,
    move: Move,
    base: Columns,
    sources: Sequence[Columns],
    only: Sequence[str],
) -> dict[str, Column]:
    """Columns of `only` when the base runs with the move made; sources hold clean values."""
    import numpy as np

    given: dict[str, Column] = {v: sources[s][origin] for v, origin, s in move.takes}
    rows = len(next(iter(base.values())))
    for variable, value in move.fixed:
        kind = np.bool_ if isinstance(algorithm[variable].domain, Bool) else np.int64
        given[variable] = np.full(rows, value, dtype=kind)
    return evaluate(algorithm, base, given, only=tuple(only))


def differ(left: Mapping[str, Column], right: Mapping[str, Column]) -> NDArray[np.bool_]:
    """Rows in which two algorithms answer differently on any column of the first: (rows,)."""
    import numpy as np

    rows = len(next(iter(left.values()), ()))
    found = np.zeros(rows, dtype=bool)
    for name, column in left.items():
        found |= np.asarray(column != right[name]).reshape(rows, -1).any(axis=1)
    return found
