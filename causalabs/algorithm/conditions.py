"""Whether an algorithm's `where` conditions can hold together, and which ones cannot."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from typing import TYPE_CHECKING

from causalabs.algorithm.domains import Domain
from causalabs.algorithm.expression import Expression, names
from causalabs.algorithm.mechanisms import components
from causalabs.algorithm.model import Algorithm
from causalabs.algorithm.program import Program
from causalabs.algorithm.ranges import under
from causalabs.algorithm.rules_analysis import NeverSatisfied, Undecided
from causalabs.algorithm.written import text_of
from causalabs.diagnostics import Rule

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from causalabs.algorithm.witness import Budget, Grid

DRAWS = 100_000
SUBSETS = 2_000


def judge_conditions(algorithm: Algorithm, budget: Budget) -> list[Rule]:
    """A finding for each connected group of conditions that nothing was seen to satisfy."""
    found: list[Rule] = []
    for group in components(algorithm.where):
        domains = {n: algorithm[n].domain for each in group for n in names(each)}
        rule = _judge(group, domains, budget)
        if rule is not None:
            found.append(rule)
    return found


def _judge(group: Sequence[Expression], domains: dict[str, Domain], budget: Budget) -> Rule | None:
    program = Program()
    roots = [program.add(each) for each in group]
    if under(program, roots) is None:
        return _contradiction(group, _fewest_by_ranges(program, roots))
    from causalabs.algorithm import witness

    space = witness.grid(program, roots, domains)
    if space is None:
        return None  # reals in arithmetic: the sampler will tell
    if _drawn(space, program, roots, 4_096):
        return None
    if space.rows <= witness.ROWS and budget.take(space.rows, len(program.steps)):
        masks = _masks(space, program, roots)
        if masks.all(axis=0).any():
            return None
        return _contradiction(group, _fewest(masks))
    if _drawn(space, program, roots, DRAWS):
        return None
    return Undecided(span=group[0].span, conditions=len(group))


def _drawn(space: Grid, program: Program, roots: Sequence[int], rows: int) -> bool:
    from causalabs.algorithm import witness
    from causalabs.algorithm.evaluate import Evaluation

    running = Evaluation(program, space.columns(space.drawn(rows)))
    return bool(witness.admitted(running, roots, rows).any())


def _masks(space: Grid, program: Program, roots: Sequence[int]) -> NDArray[np.bool_]:
    """Where each condition holds, `(conditions, rows)`."""
    import numpy as np

    from causalabs.algorithm import witness
    from causalabs.algorithm.evaluate import Evaluation

    parts = []
    for columns in space.chunks():
        rows = len(next(iter(columns.values()), np.empty(1)))
        running = Evaluation(program, columns)
        parts.append(np.stack([witness.admitted(running, [root], rows) for root in roots]))
    return np.concatenate(parts, axis=1)


def _fewest(masks: NDArray[np.bool_]) -> tuple[int, ...]:
    """A smallest set of conditions that no row satisfies; if many, one without surplus."""
    import numpy as np

    packed = np.packbits(masks, axis=1)
    tried = 0
    for count in range(1, len(masks) + 1):
        for subset in combinations(range(len(masks)), count):
            tried += 1
            if tried > SUBSETS:
                return _lean(len(masks), lambda kept: not masks[list(kept)].all(axis=0).any())
            if not np.bitwise_and.reduce(packed[list(subset)], axis=0).any():
                return subset
    return tuple(range(len(masks)))


def _fewest_by_ranges(program: Program, roots: Sequence[int]) -> tuple[int, ...]:
    """The same by intervals alone, where there are too many values to try."""

    def contradicts(kept: Sequence[int]) -> bool:
        return under(program, [roots[each] for each in kept]) is None

    for count in (1, 2):
        for subset in combinations(range(len(roots)), count):
            if len(roots) <= 64 and contradicts(subset):
                return subset
    return _lean(len(roots), contradicts)


def _lean(count: int, contradicts: Callable[[Sequence[int]], bool]) -> tuple[int, ...]:
    """What is left of all conditions when each that is not needed is dropped."""
    kept = list(range(count))
    for each in range(count):
        without = [other for other in kept if other != each]
        if without and contradicts(without):
            kept = without
    return tuple(kept)


def _contradiction(group: Sequence[Expression], subset: Sequence[int]) -> Rule:
    chosen = [group[each] for each in subset]
    return NeverSatisfied(
        span=chosen[0].span,
        conditions=tuple(text_of(each, 60) for each in chosen),
        others=tuple(each.span for each in chosen[1:]),
    )
