"""The control `shuffled_sources`: every source is some other example's (M8)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from causalabs.algorithm.domains import Column
from causalabs.counterfactuals.errors import DrawError
from causalabs.counterfactuals.examples import Examples, LineExamples

ROUNDS = 60


def shuffle_sources(examples: Examples, *, generator: np.random.Generator) -> Examples:
    """Permute sources within line and split so that no example keeps its source input.

    Bases, splits and answers stay: an answer is still what the algorithm says for the
    example's *own* source. The network is handed another one, so what it reads there tells
    nothing about the answer, and a fit on such pairs has nothing to learn but what base
    and answer alone give away. Sources are compared by value, not by row; each of several
    sources is permuted by itself.

    Which permutation is chance, so nothing measured on it is exact.
    Raises DrawError when one input is the source of more than half of a split's examples.
    """
    values = row_values([examples.inputs[name] for name in examples.inputs])
    lines = []
    for line in examples.lines:
        sources = line.sources.copy()  # (k, n)
        for source in sources:
            for split in np.unique(line.split):
                mine = np.flatnonzero(line.split == split)
                order = _derangement(values[source[mine]], line, generator)
                source[mine] = source[mine][order]
        lines.append(replace(line, sources=sources))
    return replace(examples, lines=tuple(lines), exact=(), whole=())


def _derangement(
    values: NDArray[np.uint64], line: LineExamples, generator: np.random.Generator
) -> NDArray[np.int64]:
    """A random permutation p with values[p[i]] != values[i] for every i: (rows,).

    A uniform permutation is repaired by random swaps; where they do not suffice, rows
    sorted by value are turned by the size of the largest group, which is always right.
    """
    rows = len(values)
    _, codes, counts = np.unique(values, return_inverse=True, return_counts=True)
    codes = codes.reshape(-1)
    largest = int(counts.max(initial=0))
    if 2 * largest > rows:
        raise DrawError(
            f"the sources of interchange {line.line + 1} cannot be shuffled: one input is the "
            f"source of {largest} of {rows} examples of a split",
            "draw more varied sources, or judge another control than `shuffled_sources`",
        )
    order = generator.permutation(rows)
    for _ in range(ROUNDS):
        wrong = np.flatnonzero(codes[order] == codes)
        if len(wrong) == 0:
            return order
        wrong = generator.permutation(wrong)[: max(1, rows // 2)]
        rest = np.ones(rows, dtype=np.bool_)
        rest[wrong] = False
        partners = _some(np.flatnonzero(rest), len(wrong), generator)
        wrong = wrong[: len(partners)]
        mine, theirs = order[wrong], order[partners]
        good = (codes[theirs] != codes[wrong]) & (codes[mine] != codes[partners])
        order[wrong[good]], order[partners[good]] = theirs[good], mine[good]
    by_value = np.lexsort((generator.random(rows), generator.permutation(len(counts))[codes]))
    order[by_value] = np.roll(by_value, -largest)
    return order


def _some(
    items: NDArray[np.int64], count: int, generator: np.random.Generator
) -> NDArray[np.int64]:
    """Up to `count` different items, in random order."""
    if count >= len(items):
        return generator.permutation(items)
    return generator.choice(items, count, replace=False)


def row_values(columns: Sequence[Column]) -> NDArray[np.uint64]:
    """A hash of each row's values; equal rows have equal hashes: (rows,)."""
    state = np.full(len(columns[0]), 0x9E3779B97F4A7C15, dtype=np.uint64)
    for column in columns:
        flat = column[:, None] if column.ndim == 1 else column
        for place in range(flat.shape[1]):
            part: NDArray[Any] = flat[:, place]
            if part.dtype == np.float32:
                part = (part + np.float32(0)).view(np.uint32)  # -0.0 equals 0.0
            state ^= part.astype(np.uint64)
            state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            state ^= state >> np.uint64(27)
    return state
