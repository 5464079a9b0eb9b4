"""Measured numbers as a terminal and a page show them."""

from __future__ import annotations

import math


def number(value: float) -> str:
    """A measured number with three decimals.

    >>> number(0.9371)
    '.937'
    >>> number(-0.5), number(1.0)
    ('-.500', '1.000')
    >>> number(0.99957)
    '.9995'
    """
    if 0.9995 <= value < 1:  # never shown as 1: that would hide a miss
        return f"{math.floor(value * 10_000) / 10_000:.4f}"[1:]
    text = f"{value:.3f}"
    return text.replace("0.", ".", 1) if abs(value) < 1 and text.lstrip("-")[0] == "0" else text


def capacity_text(capacity: int, *, linear: bool) -> str:
    """Numbers that a fit sets, and of what kind of map.

    >>> capacity_text(2048, linear=True), capacity_text(12, linear=False)
    ('2,048', '12, not linear')
    """
    if not capacity:
        return "none fitted"
    return f"{capacity:,}" if linear else f"{capacity:,}, not linear"
