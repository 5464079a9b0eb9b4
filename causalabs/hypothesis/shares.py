"""How many inputs, examples and pairs there are, and how they are dealt to splits."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from causalabs.algorithm.domains import FiniteDomain, Real, at_places, size
from causalabs.algorithm.model import Algorithm
from causalabs.hypothesis.model import Counterfactuals, Line

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from causalabs.algorithm.domains import Column

ENUMERATED = 2**20


@dataclass(frozen=True)
class Count:
    """A number of inputs; `exact` False is an upper bound."""

    number: int
    exact: bool

    @property
    def text(self) -> str:
        """The number in words."""
        shown = f"{self.number:,}" if self.number < 10**15 else f"{float(self.number):.0e}"
        return shown if self.exact else f"up to {shown}"


def dealt(total: int, shares: Sequence[tuple[str, Fraction]]) -> list[int]:
    """`total` things by shares, rounded by largest remainder.

    >>> dealt(10, [("a", Fraction(2, 3)), ("b", Fraction(1, 3))])
    [7, 3]
    """
    exact = [total * share for _, share in shares]
    found = [math.floor(part) for part in exact]
    by_rest = sorted(range(len(exact)), key=lambda i: (found[i] - exact[i], i))
    for i in by_rest[: max(0, round(sum(exact)) - sum(found))]:
        found[i] += 1
    return found


def count_inputs(algorithm: Algorithm) -> Count:
    """Number of full input assignments that `where` admits; inputs are finite."""
    every = math.prod(size(v.domain) or 1 for v in algorithm.inputs)
    if not algorithm.where:
        return Count(every, True)
    if every > ENUMERATED:
        return Count(every, False)
    columns = input_columns(algorithm, _ranks(algorithm, every))
    return Count(int(admitted(algorithm, columns, every).sum()), True)


def _ranks(algorithm: Algorithm, every: int) -> NDArray[np.int64]:
    import numpy as np

    return np.arange(every, dtype=np.int64)


def input_columns(algorithm: Algorithm, numbers: NDArray[np.int64]) -> dict[str, Column]:
    """Columns of the finite inputs whose numbers, in mixed radix, are given."""
    columns: dict[str, Column] = {}
    left = numbers
    for variable in reversed(algorithm.inputs):
        if isinstance(variable.domain, Real):
            continue
        domain: FiniteDomain = variable.domain  # type: ignore[assignment]
        base = size(domain) or 1
        columns[variable.name] = at_places(domain, left % base)
        left = left // base
    return columns


def admitted(algorithm: Algorithm, columns: Mapping[str, Column], rows: int) -> NDArray[np.bool_]:
    """Which rows of inputs `where` admits: (rows,)."""
    import numpy as np

    from causalabs.algorithm.evaluate import evaluate_expression

    kept = np.ones(rows, dtype=bool)
    for condition in algorithm.where:
        kept &= np.asarray(evaluate_expression(condition, columns, rows), dtype=bool)
    return kept


def pairs_of(line: Line, counts: Counterfactuals, inputs: int, algorithm: Algorithm) -> int:
    """Most examples an exhaustive line has (D7), before conditions."""
    choices = inputs
    if counts.changes_only is not None:
        names = set(counts.changes_only)
        free = math.prod(size(v.domain) or 1 for v in algorithm.inputs if v.name in names)
        choices = min(inputs, free)
    if counts.by is None:
        return int(inputs * choices**line.sources)
    return sum(part * min(part, choices) ** line.sources for part in dealt(inputs, counts.splits))
