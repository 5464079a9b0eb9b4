"""What cut edges carry: nothing, a mean, or what another run would have written."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from causalabs.engine.circuits.contract import Clean
from causalabs.engine.errors import EngineError


def zero(base: Clean) -> Tensor:
    """Nothing: (writers, 1, 1, 1)."""
    return base.terms.new_zeros(len(base.terms), 1, 1, 1)


def mean(runs: Iterable[Clean]) -> Tensor:
    """Each writer's mean over all tokens of all rows: (writers, 1, 1, width).

    Tokens past a prompt's end do not count (Wang et al. 2023 take means over a reference
    distribution: give its runs).
    """
    return _mean(runs, by_position=False)


def mean_by_position(runs: Iterable[Clean]) -> Tensor:
    """Each writer's mean at each position: (writers, 1, positions, width).

    Over the rows that have the position; where none has it, zero.
    """
    return _mean(runs, by_position=True)


def resample(base: Clean, source: Clean) -> Tensor:
    """What writers write in the source's run, row by row; `EngineError` where lengths differ."""
    differ = (
        base.lengths != source.lengths
        if len(base.lengths) == len(source.lengths)
        else base.lengths.new_ones(1, dtype=torch.bool)
    )
    if bool(differ.any()) or base.terms.shape != source.terms.shape:
        row = int(differ.int().argmax())
        raise EngineError(
            f"a base has {int(base.lengths[row])} tokens and its source "
            f"{int(source.lengths[row])}, in example {row}",
            "resampling takes a source's terms token by token: draw sources as long as bases, "
            "or cut with `ablate = mean`",
        )
    return source.terms


def _mean(runs: Iterable[Clean], *, by_position: bool) -> Tensor:
    """Means over rows, or over rows and positions; runs may differ in length."""
    # of tokens, then of answers' tokens: sums (writers, positions, width) and counts (positions,)
    sums: list[Tensor | None] = [None, None]
    counts: list[Tensor | None] = [None, None]
    for run in runs:
        place = torch.arange(run.terms.shape[2], device=run.terms.device)
        there = (place < run.lengths[:, None]) | (place >= run.tokens)
        weight = there.to(run.terms.dtype)  # (rows, columns)
        summed = torch.einsum("wrcd,rc->wcd", run.terms, weight)
        counted = weight.sum(dim=0)
        for part, span in enumerate((slice(0, run.tokens), slice(run.tokens, None))):
            sums[part] = _longer_sum(sums[part], summed[:, span], axis=1)
            counts[part] = _longer_sum(counts[part], counted[span], axis=0)
    if sums[0] is None:
        raise ValueError("a mean needs at least one run")
    total = torch.cat([each for each in sums if each is not None], dim=1)
    count = torch.cat([each for each in counts if each is not None])
    if not by_position:
        return (total.sum(dim=1) / count.sum())[:, None, None]
    return (total / count.clamp(min=1)[:, None])[:, None]


def _longer_sum(one: Tensor | None, other: Tensor, *, axis: int) -> Tensor:
    """The sum of tensors of which one may be longer."""
    if one is None:
        return other
    long, short = (one, other) if one.shape[axis] >= other.shape[axis] else (other, one)
    found = long.clone()
    found.narrow(axis, 0, short.shape[axis]).add_(short)
    return found
