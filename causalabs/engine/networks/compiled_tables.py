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
    def bound(self) -> float:
        """Noise of this much in every coordinate never changes a flag."""
        rise = (self.high - self.low) / 3  # a ramp rests for a third of its width on each side
        return float((rise / np.abs(self.reads).sum(axis=1)).min())


REST = 0.2
"""Share of the way to the next code that a flag does not care about."""


def code_of(count: int, dims: int) -> Code:
    """One dim a value; with fewer dims circles, or with one dim a line."""
    dims = coded_dims(count, dims)
    if dims == 1 and count > 1:
        return _line(count)
    words = np.eye(count, dims) if dims >= count else _circles(count, dims)
    gap = margin(count, dims)
    low, high = np.full(count, 1 - (1 - REST) * gap), np.full(count, 1 - REST * gap)
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


def _line(count: int) -> Code:
    words = np.linspace(-1, 1, count)[:, None]  # (values, 1)
    step = 2 / (count - 1)
    middle = (words[:-1, 0] + words[1:, 0]) / 2
    half = (0.5 - REST) * step
    combine = np.zeros((count, count))  # a constant, then one ramp between neighbours
    combine[0, 0] = 1
    for place in range(count - 1):
        combine[place, place + 1] = -1
        combine[place + 1, place + 1] = 1
    return Code(words, np.ones((count - 1, 1)), middle - half, middle + half, combine)
