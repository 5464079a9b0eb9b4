"""Medians, and ratios of means: values normalised between two runs."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from causalabs.intervals import Z, student

Numbers = NDArray[np.float64]


def median(values: Numbers) -> tuple[float, float, float]:
    """The median with its 95 % interval, by the ranks that a sign test would keep.

    Conover (1999), section 3.2: distribution-free; open where there are fewer than 6 values.

    >>> median(np.arange(101.0))
    (50.0, 40.0, 60.0)
    """
    count = len(values)
    if count == 0:
        return math.nan, -math.inf, math.inf
    ordered = np.sort(values)
    middle = float(np.median(ordered))
    low = math.floor(count / 2 - Z * math.sqrt(count) / 2)
    if count < 6:
        return middle, -math.inf, math.inf
    return middle, float(ordered[low]), float(ordered[count - 1 - low])


def ratio(moved: Numbers, whole: Numbers) -> tuple[float, float, float]:
    """The ratio of two means of paired numbers, with its 95 % interval.

    The interval is linearised (Cochran 1977, section 6.3).

    >>> ratio(np.array([1.0, 2.0]), np.array([2.0, 4.0]))
    (0.5, 0.5, 0.5)
    """
    found = float(moved.mean() / whole.mean()) if whole.mean() else math.nan
    if len(moved) < 2 or math.isnan(found):
        return found, -math.inf, math.inf
    spread = float((moved - found * whole).std(ddof=1)) / abs(float(whole.mean()))
    half = student(len(moved) - 1) * spread / math.sqrt(len(moved))
    return found, found - half, found + half


def linearised(moved: Numbers, whole: Numbers) -> Numbers:
    """Rows whose mean is the ratio of the two means, and whose spread is its own to first order.

    So what judges a mean judges the ratio (the delta method); `whole` has a mean that is not 0.

    >>> linearised(np.array([1.0, 3.0]), np.array([2.0, 2.0]))
    array([0.5, 1.5])
    """
    below = float(whole.mean())
    found = float(moved.mean()) / below
    rows: Numbers = found + (moved - found * whole) / below
    return rows


def over_seeds(found: Sequence[tuple[float, float, float]]) -> tuple[float, float, float]:
    """The mean over seeds, each with its interval: about these seeds."""
    value = sum(each for each, _, _ in found) / len(found)
    below = math.hypot(*(each - low for each, low, _ in found)) / len(found)
    above = math.hypot(*(high - each for each, _, high in found)) / len(found)
    return value, value - below, value + above
