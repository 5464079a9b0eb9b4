"""95 % intervals for proportions and for sums and differences of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Z = 1.959963984540054
"""Two-sided 95 % point of the normal distribution."""


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """Wilson's score interval for a proportion (Wilson 1927), 95 %.

    It stays inside 0..1, is never empty at 0 or 1, and keeps its coverage near them, where
    the textbook interval collapses to a point.

    >>> low, high = wilson(100, 100)
    >>> round(low, 3), high
    (0.963, 1.0)
    """
    if trials == 0:
        return 0.0, 1.0
    share = successes / trials
    shrink = 1 + Z * Z / trials
    centre = (share + Z * Z / (2 * trials)) / shrink
    half = Z / shrink * math.sqrt(share * (1 - share) / trials + (Z / (2 * trials)) ** 2)
    low = 0.0 if successes == 0 else max(0.0, centre - half)
    high = 1.0 if successes == trials else min(1.0, centre + half)
    return low, high


@dataclass(frozen=True, eq=False)
class Part:
    """`weight` times a proportion; parts of one `pairing` are paired example by example."""

    weight: float
    hits: NDArray[np.bool_]
    pairing: object


def combine(parts: Sequence[Part]) -> tuple[float, float, float]:
    """Value and 95 % interval of a weighted sum of proportions.

    The limits of the single proportions are combined with their correlations (MOVER: Zou
    and Donner 2008; for a paired difference this is Newcombe's 1998 method 10 without its
    continuity correction).

    >>> hits = np.array([True, False] * 50)
    >>> combine([Part(1.0, hits, "line"), Part(-1.0, hits, "line")])
    (0.0, 0.0, 0.0)
    """
    weights = np.array([part.weight for part in parts])
    shares = np.array([part.hits.mean() if len(part.hits) else math.nan for part in parts])
    limits = [wilson(int(part.hits.sum()), len(part.hits)) for part in parts]
    below = shares - np.array([low for low, _ in limits])
    above = np.array([high for _, high in limits]) - shares
    value = float(weights @ shares)
    correlation = _correlations(parts)
    toward_low = weights * np.where(weights > 0, below, above)
    toward_high = weights * np.where(weights > 0, above, below)
    low = value - math.sqrt(max(0.0, float(toward_low @ correlation @ toward_low)))
    high = value + math.sqrt(max(0.0, float(toward_high @ correlation @ toward_high)))
    return value, low, high


def _correlations(parts: Sequence[Part]) -> NDArray[np.float64]:
    matrix = np.eye(len(parts))
    for i, first in enumerate(parts):
        for j in range(i):
            second = parts[j]
            if first.pairing == second.pairing and len(first.hits) == len(second.hits):
                matrix[i, j] = matrix[j, i] = _correlation(first.hits, second.hits)
    return matrix


def _correlation(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    a, b = float(first.mean()), float(second.mean())
    spread = math.sqrt(a * (1 - a) * b * (1 - b))
    if spread == 0.0:
        return 0.0
    return (float((first & second).mean()) - a * b) / spread
