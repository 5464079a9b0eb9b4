"""How large a line's space of interchanges is, and all of it where that is no more than drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import prod

import numpy as np
from numpy.typing import NDArray

from causalabs.counterfactuals.deal import Deal
from causalabs.counterfactuals.lines import Sampler
from causalabs.counterfactuals.runs import Model, answers_of
from causalabs.counterfactuals.solving import Solver
from causalabs.counterfactuals.table import Drawn

MOST_COUNTED = 1 << 20
"""Most combinations that are tried in order to count those that conditions admit."""

SMALL = 1_024
"""A space of so many interchanges is run whole, if a run may measure as many at all."""


@dataclass(frozen=True)
class Whole:
    """Which `splits` to take whole where their spaces are small, and how many rows may be run.

    A split of so many `drawn` rows a line is taken whole where no line has more interchanges
    than that, or than `SMALL` and `run_on` times that.
    """

    splits: tuple[int, ...] = ()
    run_on: int = 1

    def most(self, drawn: int) -> int:
        """Most interchanges of a line that is run whole in place of so many."""
        return max(drawn, min(SMALL, self.run_on * drawn))


@dataclass(frozen=True, eq=False)
class Listed:
    """What was taken whole, and the sizes of (line, split) as far as they were counted."""

    lines: list[Drawn]
    whole: tuple[int, ...] = ()
    spaces: dict[tuple[int, int], int] = field(default_factory=dict)


def space_size(sampler: Sampler) -> int | None:
    """How many interchanges a line has in a split; None where that is not counted.

    Conditions that tie base and source leave no way but to try; a pool that is too large to
    list is counted where nothing but `where` restricts it.
    """
    model = sampler.model
    if model.space.real:
        return None
    if sampler.free:
        counts = [pool.size for pool in sampler.pools]
        known = [count for count in counts if count is not None]
        return prod(known) if len(known) == len(counts) else None
    total = sampler.total()
    if total is None or total > MOST_COUNTED:
        return None
    return int(sampler.every().shape[2])


def listed(
    model: Model, lines: Sequence[Drawn], dealt: Deal, solver: Solver | None, wanted: Whole
) -> Listed:
    """The lines with the rows of small splits replaced by every interchange there is.

    A split is taken whole for all lines or for none, and never where `balance` weighs its
    interchanges: every one of them counts once.
    """
    found = Listed(list(lines))
    if model.space.real or model.drawing.exhaustive:
        return found
    weighed = bool(model.balance) or any(line.balance_after for line in model.drawing.lines)
    whole = []
    for split in wanted.splits:
        place = None if dealt.by == "example" else split
        samplers = [Sampler(model, line, dealt, place) for line in model.drawing.lines]
        sizes = [space_size(sampler) for sampler in samplers]
        if solver is None:
            known = {(i, split): size for i, size in enumerate(sizes) if size is not None}
            found.spaces.update(known)
        drawn = min((int((each.split == split).sum()) for each in lines), default=0)
        most = wanted.most(drawn)
        if weighed or any(size is None or size > most for size in sizes):
            continue
        every = [sampler.every() for sampler in samplers]
        if solver is not None:
            every = [cells[:, :, solver.holds(cells, [])] for cells in every]
        if all(cells.shape[2] for cells in every):
            whole.append(split)
            for number, cells in enumerate(every):
                found.lines[number] = _replaced(model, found.lines[number], split, cells)
                found.spaces[number, split] = int(cells.shape[2])
    return replace(found, whole=tuple(whole))


def _replaced(model: Model, drawn: Drawn, split: int, cells: NDArray[np.int64]) -> Drawn:
    """A line with other rows in a split."""
    kept = np.flatnonzero(drawn.split != split)
    fresh = answers_of(model, model.drawing.lines[drawn.line], [cells])
    return Drawn(
        line=drawn.line,
        cells=np.concatenate([drawn.cells[:, :, kept], cells], axis=2),
        split=np.concatenate([drawn.split[kept], np.full(cells.shape[2], split, dtype=np.int8)]),
        vectors=drawn.vectors,
        answers={n: np.concatenate([a[kept], fresh[n]]) for n, a in drawn.answers.items()},
    )
