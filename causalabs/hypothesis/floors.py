"""What knowing nothing achieves: always one answer, or the base's answer left alone.

Pairs are those of `drawn_pairs`; where a real input is used in any other way than compared
there is no answer.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from causalabs.algorithm.domains import Real, SetOf, places, size
from causalabs.algorithm.evaluate import MechanismError, evaluate
from causalabs.algorithm.model import Algorithm
from causalabs.algorithm.moves import answers as answers_of
from causalabs.hypothesis.drawn_pairs import DRAWS, Pairs, move_of, pairs_of
from causalabs.hypothesis.inputs import Inputs, inputs_of
from causalabs.hypothesis.model import Counterfactuals, Line

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from causalabs.algorithm.domains import Column

GLANCE = 4_096


@dataclass(frozen=True)
class Floor:
    """Shares of examples agreed with by the best constant answer and by the base's answer.

    `error` is five standard errors, 0 when every pair was counted. `empty`: no pair is left.
    `isolates`: by its condition no line changes the output, although each changes its variable.
    """

    constant: float
    alone: float
    error: float
    empty: bool = False
    isolates: bool = False


@dataclass
class Budget:
    """Values that may be computed for the floors of one file."""

    cells: int = 4 * 10**7

    def take(self, cells: int) -> bool:
        """Spend, or refuse."""
        if cells > self.cells:
            return False
        self.cells -= cells
        return True


def floor_of(
    lines: Sequence[Line],
    counts: Counterfactuals,
    algorithms: Mapping[str, Algorithm],
    *,
    draws: int | None,
    seed: int = 0,
    budget: Budget | None = None,
) -> Floor | None:
    """The floor of the mean IIA over `lines`; of accuracy when there are none.

    `draws` None counts every pair where there are up to 10^6. None where it is not known, or
    would cost more than `budget` has left.
    """
    import numpy as np

    generator = np.random.default_rng(seed)
    about = lines[0].algorithm if lines else next(iter(algorithms))
    algorithm = algorithms[about]
    if any(isinstance(v.domain, SetOf | Real) for v in algorithm.outputs):
        return None
    width = len(algorithm.variables) * (2 + sum(1 + line.sources for line in lines))
    if budget is not None and not budget.take(width * (draws or DRAWS)):
        return None
    try:
        table = inputs_of(algorithm, counts, algorithms, draws or DRAWS, generator)
        if table is None:
            return None
        if not lines:
            answers = _answers(algorithm, evaluate(algorithm, table.columns))
            return Floor(_best([(answers, table.weights)]), 0.0, _error(table.every, table.rows))
        found = [_answered(algorithm, line, counts, table, draws, generator) for line in lines]
    except (MechanismError, MemoryError, ValueError):
        return None
    known = [each for each in found if each is not None]
    if len(known) < len(found):
        return None
    every = all(each.every for each in known)
    if any(len(each.after) == 0 for each in known):
        return Floor(0.0, 0.0, 0.0, empty=every)
    alone = float(np.mean([(each.weights * (each.base == each.after)).sum() for each in known]))
    constant = _best([(each.after, each.weights) for each in known])
    rows = min(len(each.after) for each in known)
    # Without a condition nothing that is computed hears of the variable: no claim at all.
    limited = all(line.condition or counts.keep_where for line in lines)
    isolates = limited and alone > 1 - 1e-9 and all(each.moved > 0 for each in known)
    return Floor(constant, alone, _error(every, rows), isolates=isolates)


def _error(exact: bool, rows: int) -> float:
    return 0.0 if exact else 5 * 0.5 / math.sqrt(max(rows, 1))


def _best(found: Sequence[tuple[NDArray[np.int64], NDArray[np.float64]]]) -> float:
    """The largest share that one answer has, the mean over lines."""
    import numpy as np

    answers = np.concatenate([answers for answers, _ in found])
    weights = np.concatenate([weights for _, weights in found]) / len(found)
    _, numbers = np.unique(answers, return_inverse=True)
    return float(np.bincount(numbers, weights=weights).max())


def _answers(algorithm: Algorithm, columns: Mapping[str, Column]) -> NDArray[np.int64]:
    """All outputs as one number a row; (rows,)."""
    import numpy as np

    code = np.zeros(1, dtype=np.int64)
    for output in algorithm.outputs:
        domain = output.domain
        rank = places(domain, columns[output.name])  # type: ignore[arg-type]
        wide = code.max(initial=0) > 2**40
        if wide:  # many outputs: number the tuples that occur instead
            code = np.unique(code, return_inverse=True)[1]
        code = code * (size(domain) or 1) + rank
    return code


# ------------------------------------------------------------------------- pairs


@dataclass(frozen=True, eq=False)
class _Answered:
    """Answers after the interchange and of the base, row by row, with their weights.

    `moved` is the share of rows in which some interchanged variable gets another value.
    """

    after: NDArray[np.int64]
    base: NDArray[np.int64]
    weights: NDArray[np.float64]
    moved: float
    every: bool


def _answered(
    algorithm: Algorithm,
    line: Line,
    counts: Counterfactuals,
    table: Inputs,
    draws: int | None,
    generator: np.random.Generator,
) -> _Answered | None:
    import numpy as np

    pairs = pairs_of(algorithm, line, counts, table, draws, generator)
    if pairs is None:
        return None
    kept = pairs.kept
    only = tuple(output.name for output in algorithm.outputs)
    inputs = {v.name: pairs.base[v.name] for v in algorithm.inputs}
    found = answers_of(algorithm, move_of(line), inputs, pairs.sources, only)
    # Coded together: what is one answer must be one number in both.
    both = {name: np.concatenate([found[name][kept], pairs.base[name][kept]]) for name in only}
    after, base = np.split(_answers(algorithm, both), 2)
    weights = pairs.weights[kept]
    if line.balance_after and len(after):
        _, code = np.unique(after, return_inverse=True)
        weights = 1.0 / np.bincount(code)[code]
    weights = weights / (weights.sum() or 1.0)
    moved = float((weights * _moved(line, pairs)[kept]).sum())
    return _Answered(after, base, weights, moved, pairs.every)


def _moved(line: Line, pairs: Pairs) -> NDArray[np.bool_]:
    """Rows in which some variable of the line gets another value than it has: (rows,)."""
    import numpy as np

    rows = len(pairs.kept)
    found = np.zeros(rows, dtype=bool)
    for take in line.takes:
        new, old = pairs.sources[take.source][take.origin], pairs.base[take.variable]
        found |= np.asarray(new != old).reshape(rows, -1).any(axis=1)
    for each in line.assignments:
        found |= np.asarray(pairs.base[each.variable] != each.value).reshape(rows, -1).any(axis=1)
    return found
