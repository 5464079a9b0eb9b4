"""What knowing nothing achieves: always one answer, or the base's answer left alone.

Pairs are drawn here more simply than for a run (the sampler stands above this layer), but from
the same distribution. Real inputs that are compared are stood for by the labels of an
equality pattern; where a real input is used in any other way there is no answer.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from causalabs.algorithm.domains import Real, SetOf, at_places, places, size
from causalabs.algorithm.evaluate import MechanismError, evaluate, evaluate_expression
from causalabs.algorithm.expression import Expression, Operation, Variable, names, parts, walk
from causalabs.algorithm.model import Algorithm
from causalabs.hypothesis.model import Counterfactuals, Line

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from causalabs.algorithm.domains import Column

EXACT_PAIRS = 10**6
DRAWS = 20_000
GLANCE = 4_096
PATTERNS = 4_140  # Bell(8): partitions of eight inputs that are compared
COMPARING = ("eq", "ne", "distinct", "index_of")


@dataclass(frozen=True)
class Floor:
    """Shares of examples agreed with by the best constant answer and by the base's answer.

    `error` is five standard errors, 0 when every pair was counted. `empty`: no pair is left.
    """

    constant: float
    alone: float
    error: float
    empty: bool = False


@dataclass(frozen=True, eq=False)
class _Table:
    """Admitted inputs and their weights; `every` says that there are no others."""

    columns: Mapping[str, Column]
    weights: NDArray[np.float64]
    tuples: NDArray[np.int64]
    rows: int
    every: bool


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
        table = _inputs(algorithm, counts, algorithms, draws or DRAWS, generator)
        if table is None:
            return None
        if not lines:
            answers = _answers(algorithm, evaluate(algorithm, table.columns))
            return Floor(_best([(answers, table.weights)]), 0.0, _error(table.every, table.rows))
        found = [_pairs(algorithm, line, counts, table, draws, generator) for line in lines]
    except (MechanismError, MemoryError, ValueError):
        return None
    known = [each for each in found if each is not None]
    if len(known) < len(found):
        return None
    if any(len(each[0]) == 0 for each in known):
        return Floor(0.0, 0.0, 0.0, empty=all(each[3] for each in known))
    alone = float(np.mean([(weights * (base == after)).sum() for after, base, weights, _ in known]))
    constant = _best([(after, weights) for after, _, weights, _ in known])
    rows = min(len(each[0]) for each in known)
    return Floor(constant, alone, _error(all(each[3] for each in known), rows))


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


# ------------------------------------------------------------------------ inputs


def _inputs(
    algorithm: Algorithm,
    counts: Counterfactuals,
    algorithms: Mapping[str, Algorithm],
    draws: int,
    generator: np.random.Generator,
) -> _Table | None:
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
    return _Table(columns, weights / weights.sum(), tuples, len(chosen), every)


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


# ------------------------------------------------------------------------- pairs


def _pairs(
    algorithm: Algorithm,
    line: Line,
    counts: Counterfactuals,
    table: _Table,
    draws: int | None,
    generator: np.random.Generator,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], bool] | None:
    """Answers after the interchange, the base's answers, weights, and whether all are there."""
    import numpy as np

    wanted = _wanted(algorithm, line, counts)
    clean = evaluate(algorithm, table.columns, only=wanted)
    every = (
        draws is None
        and table.every
        and counts.changes_only is None
        and table.rows ** (1 + line.sources) <= EXACT_PAIRS
    )
    if every:
        grid = np.indices((table.rows,) * (1 + line.sources)).reshape(1 + line.sources, -1)
        rows = [grid[k] for k in range(1 + line.sources)]
        weights = np.prod([table.weights[each] for each in rows], axis=0)
    else:
        count = draws or DRAWS
        rows = [
            generator.choice(table.rows, count, p=table.weights) for _ in range(1 + line.sources)
        ]
        weights = np.ones(count)
    sources = [{name: column[each] for name, column in clean.items()} for each in rows[1:]]
    base = {name: column[rows[0]] for name, column in clean.items()}
    tuples = [table.tuples[each] for each in rows]
    if counts.changes_only is not None:
        if any(isinstance(v.domain, Real) for v in algorithm.inputs):
            return None
        sources = [_changed(algorithm, base, source, counts.changes_only) for source in sources]
        tuples = []
    kept = _kept(algorithm, line, counts, base, sources, len(rows[0]))
    conditional = line.condition is not None or counts.keep_where is not None
    if counts.balance and tuples and conditional:
        weights = _by_combination(tuples, kept)
    given: dict[str, Column] = {
        take.variable: sources[0 if line.sources == 1 else take.source][take.origin]
        for take in line.takes
    }
    for each in line.assignments:
        given[each.variable] = np.full_like(base[each.variable], each.value)
    only = tuple(output.name for output in algorithm.outputs)
    inputs = {v.name: base[v.name] for v in algorithm.inputs}
    after = _answers(algorithm, evaluate(algorithm, inputs, given, only=only))[kept]
    weights = weights[kept]
    if line.balance_after and len(after):
        _, code = np.unique(after, return_inverse=True)
        weights = 1.0 / np.bincount(code)[code]
    total = weights.sum()
    return after, _answers(algorithm, base)[kept], weights / (total or 1.0), every


def _by_combination(
    tuples: Sequence[NDArray[np.int64]], kept: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Weights that make the admitted combinations of balanced tuples uniform (D3)."""
    import numpy as np

    code = tuples[0]
    for each in tuples[1:]:
        code = np.unique(code * (int(each.max()) + 1) + each, return_inverse=True)[1]
    return np.where(kept, 1.0 / np.maximum(np.bincount(code, weights=kept), 1)[code], 0.0)


def _wanted(algorithm: Algorithm, line: Line, counts: Counterfactuals) -> tuple[str, ...]:
    """The variables whose clean values are needed."""
    found = {variable.name: None for variable in (*algorithm.inputs, *algorithm.outputs)}
    found.update({take.origin: None for take in line.takes})
    found.update({each.variable: None for each in line.assignments})
    for condition in (counts.keep_where, line.condition):
        if condition is not None:
            found.update({name.partition(".")[2]: None for name in names(condition)})
    return tuple(name for name in found if name in algorithm)


def _changed(
    algorithm: Algorithm,
    base: Mapping[str, Column],
    source: Mapping[str, Column],
    changes: Sequence[str],
) -> dict[str, Column]:
    """Sources that are the base but for some inputs; where not admitted, the base itself."""
    import numpy as np

    mixed = {v.name: (source if v.name in changes else base)[v.name] for v in algorithm.inputs}
    rows = len(next(iter(mixed.values())))
    kept = np.ones(rows, dtype=bool)
    for condition in algorithm.where:
        kept &= np.asarray(evaluate_expression(condition, mixed, rows), dtype=bool)
    inputs = {name: np.where(kept, column, base[name]) for name, column in mixed.items()}
    return evaluate(algorithm, inputs)


def _kept(
    algorithm: Algorithm,
    line: Line,
    counts: Counterfactuals,
    base: Mapping[str, Column],
    sources: Sequence[Mapping[str, Column]],
    rows: int,
) -> NDArray[np.bool_]:
    import numpy as np

    kept = np.ones(rows, dtype=bool)
    for condition in (counts.keep_where, line.condition):
        if condition is None:
            continue
        columns: dict[str, Column] = {}
        for name in names(condition):
            side, _, variable = name.partition(".")
            number = line.source_of(variable) if side == "source" else None
            columns[name] = base[variable] if number is None else sources[number][variable]
        kept &= np.asarray(evaluate_expression(condition, columns, rows), dtype=bool)
    return kept
