"""Whether a file's counterfactuals can tell its algorithms apart at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

from causalabs.algorithm.domains import Real
from causalabs.algorithm.evaluate import MechanismError, evaluate
from causalabs.algorithm.model import Algorithm
from causalabs.algorithm.moves import answers, differ, moves
from causalabs.hypothesis.drawn_pairs import DRAWS, Pairs, move_of, pairs_of
from causalabs.hypothesis.floors import GLANCE, Budget
from causalabs.hypothesis.inputs import Inputs, inputs_of
from causalabs.hypothesis.model import Counterfactuals, Line

FEW = 1 << 14
CELLS = 6 * 10**7
MOST_PAIRS = 28  # of eight rivals


def alike(
    algorithms: Sequence[Algorithm], counts: Counterfactuals
) -> list[tuple[Algorithm, Algorithm, bool]]:
    """Pairs of rivals that answer alike whatever lines say, and whether every pair was seen.

    To each line of either some move of the other answers alike, on all examples up to 2^14
    or on 20,000 drawn. Pairs of which one has no line are left out, as are those that
    cannot be evaluated here.
    """
    by_name = {each.name: each for each in algorithms}
    if any(isinstance(v.domain, Real) and v.role == "var" for a in algorithms for v in a.variables):
        return []  # labels of equality patterns are not carried from run to run
    lines = {name: [x for x in counts.lines if x.algorithm == name] for name in by_name}
    found = []
    budget = Budget(CELLS)
    for one, other in list(combinations(algorithms, 2))[:MOST_PAIRS]:
        if not (lines[one.name] and lines[other.name]):
            continue
        both = [(one, other, x) for x in lines[one.name]]
        both += [(other, one, x) for x in lines[other.name]]
        try:
            every = _same(both, counts, by_name, GLANCE, budget)
            if every is False:
                every = _same(both, counts, by_name, DRAWS, budget)
        except (MechanismError, MemoryError, ValueError, KeyError):
            continue
        if every is not None:
            found.append((one, other, every))
    return found


def _same(
    lines: Sequence[tuple[Algorithm, Algorithm, Line]],
    counts: Counterfactuals,
    by_name: Mapping[str, Algorithm],
    draws: int,
    budget: Budget,
) -> bool | None:
    """Whether all examples were seen; None where some line tells two rivals apart."""
    import numpy as np

    generator = np.random.default_rng(0)
    complete = True
    for mine, theirs, line in lines:
        table = inputs_of(mine, counts, by_name, draws, generator)
        if table is None or _differ_plainly(mine, theirs, table):
            return None
        few = table.every and table.rows ** (1 + line.sources) <= FEW
        pairs = pairs_of(mine, line, counts, table, None if few else draws, generator)
        if pairs is None or not pairs.kept.any():
            return None
        found = _followed(mine, theirs, line, pairs, budget)
        if found is None:
            return None
        complete &= found
    return complete


def _differ_plainly(mine: Algorithm, theirs: Algorithm, table: Inputs) -> bool:
    outputs = tuple(output.name for output in mine.outputs)
    own = evaluate(mine, table.columns, only=outputs)
    return bool(differ(own, evaluate(theirs, table.columns, only=outputs)).any())


def _followed(
    mine: Algorithm, theirs: Algorithm, line: Line, pairs: Pairs, budget: Budget
) -> bool | None:
    """Whether some move of `theirs` answers alike: on all examples, or on those drawn; or None."""
    outputs = tuple(output.name for output in mine.outputs)
    names = [variable.name for variable in mine.inputs]
    runs = [{n: run[n][pairs.kept] for n in names} for run in (pairs.base, *pairs.sources)]
    candidates, complete = moves(theirs, line.sources)
    rows = int(pairs.kept.sum())
    if not budget.take(rows * (len(candidates) + 2) * len(theirs.variables)):
        return None
    own = answers(mine, move_of(line), runs[0], [evaluate(mine, r) for r in runs[1:]], outputs)
    clean = [evaluate(theirs, run) for run in runs[1:]]
    for move in candidates:
        if not differ(own, answers(theirs, move, runs[0], clean, outputs)).any():
            return pairs.every and complete
    return None
