"""95 % intervals for proportions and means, and for sums and differences of them.

Those of a fixed sample hold for a number of examples that was settled beforehand; `sequence`
holds for all numbers of examples at once, so that looking and then measuring more is honest.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

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


def student(freedom: int) -> float:
    """Two-sided 95 % point of Student's t distribution (Hill 1970, algorithm 396).

    >>> [round(student(n), 3) for n in (1, 2, 5, 30, 4000)]
    [12.706, 4.303, 2.571, 2.042, 1.961]
    """
    if freedom == 1:
        return 1 / math.tan(0.025 * math.pi)
    if freedom == 2:
        return math.sqrt(2 / (0.05 * 1.95) - 2)
    a = 1 / (freedom - 0.5)
    b = 48 / a**2
    c = ((20_700 * a / b - 98) * a - 16) * a + 96.36
    d = ((94.5 / (b + c) - 3) / b + 1) * math.sqrt(a * math.pi / 2) * freedom
    y = (d * 0.05) ** (2 / freedom)
    if y > 0.05 + a:
        x = -Z
        y = x * x
        if freedom < 5:
            c += 0.3 * (freedom - 4.5) * (x + 0.6)
        c += (((0.05 * d * x - 5) * x - 7) * x - 2) * x + b
        y = (((((0.4 * y + 6.3) * y + 36) * y + 94.5) / c - y - 3) / b + 1) * x
        return math.sqrt(freedom * math.expm1(a * y * y))
    first = 1 / (((freedom + 6) / (freedom * y) - 0.089 * d - 0.822) * (freedom + 2) * 3)
    y = ((first + 0.5 / (freedom + 4)) * y - 1) * (freedom + 1) / (freedom + 2) + 1 / y
    return math.sqrt(freedom * y)


def mean_interval(
    values: NDArray[np.float64], low: float | None = None, high: float | None = None
) -> tuple[float, float]:
    """Student's interval for a mean, 95 %, cut off at the values' own bounds.

    Fewer than two values tell nothing of their spread: only the bounds are left.

    >>> mean_interval(np.array([0.9, 1.0]), 0.0, 1.0)[1]
    1.0
    """
    least, most = -math.inf if low is None else low, math.inf if high is None else high
    if len(values) < 2:
        return least, most
    mean = float(values.mean())
    half = student(len(values) - 1) * float(values.std(ddof=1)) / math.sqrt(len(values))
    return max(least, mean - half), min(most, mean + half)


Values: TypeAlias = "NDArray[np.bool_] | NDArray[np.float64]"


@dataclass(frozen=True, eq=False)
class Part:
    """`weight` times a mean; parts of one `pairing` are paired example by example.

    Truths make it a proportion; the mean of numbers lies between `low` and `high`.
    """

    weight: float
    values: Values
    pairing: object
    low: float | None = None
    high: float | None = None

    def limits(self) -> tuple[float, float]:
        """The 95 % interval of the mean."""
        if self.values.dtype == np.bool_:
            return wilson(int(self.values.sum()), len(self.values))
        return mean_interval(self.values.astype(np.float64), self.low, self.high)


def combine(parts: Sequence[Part]) -> tuple[float, float, float]:
    """Value and 95 % interval of a weighted sum of proportions and means.

    The limits of the single ones are combined with their correlations (MOVER: Zou
    and Donner 2008; for a paired difference of proportions this is Newcombe's 1998 method 10
    without its continuity correction, for one of means away from their bounds the paired t).

    >>> hits = np.array([True, False] * 50)
    >>> combine([Part(1.0, hits, "line"), Part(-1.0, hits, "line")])
    (0.0, 0.0, 0.0)
    """
    weights = np.array([part.weight for part in parts])
    means = [float(part.values.mean()) if len(part.values) else math.nan for part in parts]
    shares = np.array(means)
    limits = [part.limits() for part in parts]
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
            if first.pairing == second.pairing and len(first.values) == len(second.values):
                matrix[i, j] = matrix[j, i] = _correlation(first.values, second.values)
    return matrix


def _correlation(first: Values, second: Values) -> float:
    a, b = first.astype(np.float64), second.astype(np.float64)
    a, b = a - a.mean(), b - b.mean()
    spread = math.sqrt(float(a @ a) * float(b @ b))
    return float(a @ b) / spread if spread > 0 else 0.0


BETS = 2.0 ** -np.arange(12)
"""Shares of what may be staked; smaller ones are for larger samples, to some 10^8 examples."""

STAKE = math.log(2 / 0.05)
"""Logarithm of the capital at which a mean is given up, for each of two sides."""


def sequence(values: NDArray[np.float64], low: float, high: float) -> tuple[float, float]:
    """What a 95 % confidence sequence says of a mean after these values of low..high: an interval.

    With probability .95 the intervals after 1, 2, 3 ... values *all* hold the mean, so one
    may stop whenever one likes. A mean m is left out once a gambler is rich who bets at fair
    odds, if it is m, that values are higher: the hedged capital process of Waudby-Smith and
    Ramdas (2023, "Estimating means of bounded random variables by betting", section 4.3,
    theorem 3), half the risk on either side, with bets that are mixed over a grid in place
    of predicted ones (their appendix B on grid Kelly; Robbins 1970 for the mixture). It asks
    that each value's mean, given those before, be the same, and nothing of their distribution.

    The capital depends on how often each value occurred and on no order. It falls as m rises,
    so the interval's ends are found by halving. `values` (n,); fewer than one: low..high.

    >>> low, high = sequence(np.ones(100), 0.0, 1.0)
    >>> round(low, 3), high
    (0.941, 1.0)
    """
    if not len(values):
        return low, high
    scaled = np.clip((values - low) / (high - low), 0.0, 1.0)
    levels, counts = np.unique(np.round(scaled, 12), return_counts=True)
    least = _least(levels, counts)
    most = 1.0 - _least(1.0 - levels, counts)
    return low + (high - low) * least, low + (high - low) * most


def _least(levels: NDArray[np.float64], counts: NDArray[np.int64]) -> float:
    """The smallest mean of values in 0..1 that betting on more does not rule out."""
    ruled_out, left = 0.0, 1.0  # at 1 no bet on more can win
    for _ in range(40):
        middle = (ruled_out + left) / 2
        if _capital(levels, counts, middle) >= STAKE:
            ruled_out = middle
        else:
            left = middle
    return ruled_out


def _capital(levels: NDArray[np.float64], counts: NDArray[np.int64], mean: float) -> float:
    """Logarithm of the capital from 1 by bets that values are above `mean`."""
    with np.errstate(divide="ignore"):  # a full stake on more is lost for good by a 0
        gains = np.log1p(BETS[:, None] * (levels / mean - 1.0)) @ counts  # (bets,)
    top = float(gains.max())
    return top + math.log(float(np.exp(gains - top).mean()))
