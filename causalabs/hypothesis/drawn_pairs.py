"""Pairs of base and sources for the checker's own use, from the inputs of `inputs`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from causalabs.algorithm.domains import Real
from causalabs.algorithm.evaluate import evaluate, evaluate_expression
from causalabs.algorithm.expression import names
from causalabs.algorithm.model import Algorithm
from causalabs.algorithm.moves import Move
from causalabs.hypothesis.inputs import Inputs
from causalabs.hypothesis.model import Counterfactuals, Line

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from causalabs.algorithm.domains import Column

EXACT_PAIRS = 10**6
DRAWS = 20_000


@dataclass(frozen=True, eq=False)
class Pairs:
    """Clean values of bases and sources, the rows that conditions keep, and their weights.

    `every` says that there are no other pairs. Weights are those before `balance .. after`.
    """

    base: Mapping[str, Column]
    sources: Sequence[Mapping[str, Column]]
    kept: NDArray[np.bool_]
    weights: NDArray[np.float64]
    every: bool


def move_of(line: Line) -> Move:
    """What a line does to its own algorithm."""
    return Move(
        tuple((t.variable, t.origin, t.source) for t in line.takes),
        tuple((a.variable, int(a.value)) for a in line.assignments),
    )


def pairs_of(
    algorithm: Algorithm,
    line: Line,
    counts: Counterfactuals,
    table: Inputs,
    draws: int | None,
    generator: np.random.Generator,
) -> Pairs | None:
    """All pairs where `draws` is None and there are up to 10^6, otherwise some."""
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
    return Pairs(base, sources, kept, weights, every)


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
    found.update({name: None for take in line.takes for name in (take.origin, take.variable)})
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
