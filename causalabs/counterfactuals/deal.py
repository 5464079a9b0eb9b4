"""Splits: how many examples each gets, and which inputs belong to which (D11, D12)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import prod
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from causalabs.counterfactuals.errors import DrawError
from causalabs.counterfactuals.runs import Model
from causalabs.counterfactuals.space import MOST_LISTED, Cells

_MIX = (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)


def share_out(count: int, shares: Sequence[Fraction]) -> list[int]:
    """`count` by shares, whole, by largest remainder; ties go to the earlier.

    >>> share_out(10, [Fraction(1, 3), Fraction(1, 3), Fraction(1, 3)])
    [4, 3, 3]
    """
    total = sum(shares, Fraction(0)) or Fraction(1)
    exact = [count * share / total for share in shares]
    found = [int(part) for part in exact]
    left = sorted(range(len(found)), key=lambda i: (found[i] - exact[i], i))
    for place in left[: count - sum(found)]:
        found[place] += 1
    return found


@dataclass(frozen=True, eq=False)
class Deal:
    """Which split an input belongs to.

    `by` "example": any. "cells": `known` ascending cells (one word) and their `split`.
    "values": `split` by the places on `axes`, row-major. "hash": by a hash of `axes` (all
    when empty) under `key`, for spaces too large to list.
    """

    by: Literal["example", "cells", "values", "hash"]
    split: NDArray[np.int8]
    known: Cells | None = None
    axes: tuple[int, ...] = ()
    shares: tuple[Fraction, ...] = ()
    key: int = 0

    def of(self, model: Model, cells: Cells) -> NDArray[np.int8]:
        """The split of each input, -1 for one of none: (rows,)."""
        space = model.space
        match self.by:
            case "cells":
                assert self.known is not None
                known = self.known[0]
                place = np.minimum(np.searchsorted(known, cells[0]), len(known) - 1)
                return np.where(known[place] == cells[0], self.split[place], np.int8(-1))
            case "values":
                code = np.zeros(cells.shape[1], dtype=np.int64)
                for axis in self.axes:
                    code = code * space.axes[axis].size + space.places(cells, axis)
                return self.split[code]
            case "hash":
                words = [space.places(cells, a) for a in self.axes] or list(cells)
                ends = np.cumsum([float(share) for share in self.shares])[:-1]
                found = np.searchsorted(ends, _hashed(words, self.key), side="right")
                return found.astype(np.int8)
            case _:
                return np.zeros(cells.shape[1], dtype=np.int8)


def deal(model: Model, *, generator: np.random.Generator) -> Deal:
    """Deal the inputs to the splits, as `split ... by` says, by a seeded permutation.

    Real inputs never come again, so that `by input` deals nothing where there are any.
    """
    drawing, space = model.drawing, model.space
    shares = tuple(share for _, share in drawing.splits)
    none = Deal("example", np.zeros(0, dtype=np.int8))
    if drawing.by is None or len(shares) == 1:
        return none
    key = int(generator.integers(0, 1 << 62))
    if drawing.by == "input":
        if space.real:
            return none
        known = space.listing() if space.words == 1 else None
        if known is None:
            return Deal("hash", none.split, shares=shares, key=key)
        return Deal("cells", _dealt(model, known.shape[1], generator), known)
    named = [v for v in model.hypothesis.algorithms[0].inputs if drawing.by in (v.name, v.family)]
    if any(v.name in space.reals for v in named):
        return none
    chosen = {variable.name for variable in named}
    axes = tuple(i for i, axis in enumerate(space.axes) if axis.inputs[0] in chosen)
    sizes = [space.axes[axis].size for axis in axes]
    if prod(sizes) > MOST_LISTED:
        return Deal("hash", none.split, axes=axes, shares=shares, key=key)
    return Deal("values", _values(model, axes, sizes, generator), axes=axes)


def _values(
    model: Model, axes: tuple[int, ...], sizes: list[int], generator: np.random.Generator
) -> NDArray[np.int8]:
    """The split of every combination of places on `axes`; -1 where `where` has none."""
    space = model.space
    cells = space.listing()
    used = np.arange(prod(sizes))
    if cells is not None:
        code = np.zeros(cells.shape[1], dtype=np.int64)
        for axis in axes:
            code = code * space.axes[axis].size + space.places(cells, axis)
        used = np.flatnonzero(np.bincount(code, minlength=prod(sizes)))
    found = np.full(prod(sizes), -1, dtype=np.int8)
    found[used] = _dealt(model, len(used), generator)
    return found


def _dealt(model: Model, count: int, generator: np.random.Generator) -> NDArray[np.int8]:
    """A split for each of `count` things, in the splits' shares, at random: (count,)."""
    splits = model.drawing.splits
    counts = share_out(count, [share for _, share in splits])
    what = "inputs" if model.drawing.by == "input" else f"values of `{model.drawing.by}`"
    for (name, _), got in zip(splits, counts, strict=True):
        if got == 0:
            raise DrawError(
                f"split `{name}` gets none of the {count} {what}",
                f"give `{name}` a larger share, or split by example",
            )
    return generator.permutation(np.repeat(np.arange(len(counts), dtype=np.int8), counts))


def _hashed(words: Sequence[NDArray[np.int64]], key: int) -> NDArray[np.float64]:
    """A number in 0 .. 1 from some words: SplitMix64's mixing, word by word."""
    state = np.full(words[0].shape, key, dtype=np.uint64)
    for word in words:
        state = state ^ word.astype(np.uint64)
        state += np.uint64(0x9E3779B97F4A7C15)
        state = (state ^ (state >> np.uint64(30))) * np.uint64(_MIX[0])
        state = (state ^ (state >> np.uint64(27))) * np.uint64(_MIX[1])
        state = state ^ (state >> np.uint64(31))
    return (state >> np.uint64(11)).astype(np.float64) / float(1 << 53)
