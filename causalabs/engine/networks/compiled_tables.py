"""A variable's mechanism written out, and the codes that its values are given."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from causalabs.algorithm.domains import Column, Real, at_places, places
from causalabs.algorithm.evaluate import Evaluation, full
from causalabs.algorithm.homes import coded_dims, margin, real_pairs, values_of
from causalabs.algorithm.model import Algorithm, Variable
from causalabs.algorithm.program import Program
from causalabs.counterfactuals.equality import partitions


@dataclass(frozen=True, eq=False)
class Table:
    """A mechanism row by row: places of finite parents, which real ones are equal, the value.

    `given` is (rows, parents) and `equal` (rows, pairs); `value` (rows,) are places. Rows for
    which the mechanism has no value are left out.
    """

    parents: tuple[str, ...]
    pairs: tuple[tuple[str, str], ...]
    given: NDArray[np.int64]
    equal: NDArray[np.bool_]
    value: NDArray[np.int64]


def table_of(variable: Variable, algorithm: Algorithm) -> Table:
    """All that a computed variable depends on, and its value for each."""
    mechanism = variable.mechanism
    if mechanism is None:
        raise ValueError(f"`{variable.name}` is an input")
    domains = {name: algorithm[name].domain for name in variable.parents}
    reals = tuple(name for name, domain in domains.items() if isinstance(domain, Real))
    finite = tuple(name for name in domains if name not in reals)
    pairs = real_pairs(mechanism)
    firsts, equal = _patterns(reals, pairs)
    sizes = [len(firsts), *(values_of(domains[name]) or 1 for name in finite)]
    grid = np.indices(sizes).reshape(len(sizes), -1)  # (1 + parents, rows)
    columns: dict[str, Column] = {
        name: at_places(domains[name], grid[i + 1])  # type: ignore[arg-type]
        for i, name in enumerate(finite)
    }
    for j, name in enumerate(reals):
        labels = firsts[:, j][grid[0]].astype(np.float32)
        scalar = isinstance(domains[name], Real) and domains[name].size is None  # type: ignore[union-attr]
        columns[name] = labels if scalar else labels[:, None]
    program = Program()
    root = program.add(mechanism)
    running = Evaluation(program, columns)
    column = full(running.value(root), variable.domain, grid.shape[1])
    value = places(variable.domain, column)  # type: ignore[arg-type]
    live = (value >= 0) & (value < (values_of(variable.domain) or 1))
    for _, where in running.live_faults(root).values():
        live &= ~np.broadcast_to(where, live.shape)
    return Table(finite, pairs, grid[1:].T[live], equal[grid[0]][live], value[live])


def _patterns(
    reals: tuple[str, ...], pairs: tuple[tuple[str, str], ...]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Partitions that differ in what is compared: labels (patterns, reals), (patterns, pairs)."""
    firsts = partitions(len(reals)).astype(np.int64) if reals else np.zeros((1, 0), dtype=np.int64)
    place = {name: j for j, name in enumerate(reals)}
    equal = np.zeros((len(firsts), len(pairs)), dtype=np.bool_)
    for number, (one, other) in enumerate(pairs):
        equal[:, number] = firsts[:, place[one]] == firsts[:, place[other]]
    _, kept = np.unique(equal, axis=0, return_index=True)
    return firsts[kept], equal[kept]


@dataclass(frozen=True, eq=False)
class Code:
    """Codes of a domain's values, (values, dims), and how they are told apart again.

    A code is read by `slopes` and `offsets`: each is a ramp from 0 to 1 of its own product
    with the code, and `combine` (values, 1 + ramps) adds them to one flag a value.
    """

    words: NDArray[np.float64]
    reads: NDArray[np.float64]  # (ramps, dims)
    low: NDArray[np.float64]  # (ramps,) where a ramp begins to rise
    high: NDArray[np.float64]
    combine: NDArray[np.float64]

    @property
    def spread(self) -> float:
        """Largest standard deviation of any direction, every value being as frequent."""
        found: NDArray[np.float64] = np.linalg.svd(self.words - self.words.mean(axis=0))[1]
        return float(found.max() / math.sqrt(len(self.words)))


SLACK = 0.02
"""Share of the way to the next code that a flag never cares about: more than rounding needs."""

MOST_REST = 0.35
"""The largest such share, with noise: a flag must still rise in between."""


def code_of(count: int, dims: int, noise: float = 0.0) -> Code:
    """One dim a value; with fewer dims circles, or with one dim a line.

    A flag rests at 0 and at 1 for as much as `noise` in every coordinate can do, and no more:
    where it rests there is no gradient, and a basis that is fitted finds its way by gradients.
    Raises ValueError, with the most noise there can be, where that is too much.
    """
    dims = coded_dims(count, dims)
    line = dims == 1 and count > 1
    words = np.linspace(-1, 1, count)[:, None] if line else np.eye(count, dims)
    if not line and dims < count:
        words = _circles(count, dims)
    gap, reach = margin(count, dims), 1.0 if line else float(np.abs(words).sum(axis=1).max())
    rest = SLACK + noise * reach / gap
    if rest > MOST_REST:
        raise ValueError(f"{(MOST_REST - SLACK) * gap / reach:.3g}")
    if line:
        return _line(words, gap, rest)
    low, high = np.full(count, 1 - (1 - rest) * gap), np.full(count, 1 - rest * gap)
    combine = np.concatenate([np.zeros((count, 1)), np.eye(count)], axis=1)
    return Code(words, words, low, high, combine)


def _circles(count: int, dims: int) -> NDArray[np.float64]:
    """Around circles 1, 2, ... times, in order of the places: (count, dims), of length 1."""
    turn = 2 * math.pi * np.arange(count) / count
    waves = [wave(f * turn) for f in range(1, dims // 2 + 1) for wave in (np.cos, np.sin)]
    if dims % 2:
        waves.append(np.where(np.arange(count) % 2, -1.0, 1.0))
    found: NDArray[np.float64] = np.stack(waves, axis=1) / math.sqrt(dims // 2 + dims % 2)
    return found


def _line(words: NDArray[np.float64], step: float, rest: float) -> Code:
    count = len(words)
    low, high = words[:-1, 0] + rest * step, words[1:, 0] - rest * step
    combine = np.zeros((count, count))  # a constant, then one ramp between neighbours
    combine[0, 0] = 1
    for place in range(count - 1):
        combine[place, place + 1] = -1
        combine[place + 1, place + 1] = 1
    return Code(words, np.ones((count - 1, 1)), low, high, combine)
