"""Looking at rows that are still being measured: is it decided, and how many more would help?

The judge and the engine ask the same questions of the same rows, so a run that was killed goes
on to the same numbers.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from causalabs.certificates import REPORTED, Certificate, How, rounds
from causalabs.intervals import Part, combine, sequence
from causalabs.results import Measured, Verdict

COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}

ROUNDING = 1e-9
"""Float noise allowed when an exact value is compared with a bound as written."""


def decide(
    value: float, low: float, high: float, *, comparison: str, bound: float, by_count: bool
) -> Verdict:
    """The verdict on one number.

    `by_count`: a single proportion against 0 or 1, which no interval can clear, is judged by
    its counts (M6). An exact value has low == high == value.

    >>> decide(0.95, 0.93, 0.96, comparison=">=", bound=0.9, by_count=False)
    'met'
    >>> decide(0.90, 0.88, 0.92, comparison=">=", bound=0.9, by_count=False)
    'undecided'
    """
    compare = COMPARE[comparison]
    slack = ROUNDING if comparison in (">=", "<=") else -ROUNDING
    slack = -slack if comparison in ("<=", "<") else slack
    if low == high or (by_count and bound in (0.0, 1.0)):
        return "met" if compare(value + slack, bound) else "not met"
    if compare(low, bound) and compare(high, bound):
        return "met"
    if not compare(low, bound) and not compare(high, bound):
        return "not met"
    return "undecided"


@dataclass(frozen=True)
class Bound:
    """What a number is compared with."""

    comparison: str
    value: float
    by_count: bool = False

    def verdict(self, value: float, low: float, high: float) -> Verdict:
        """The verdict on one number."""
        return decide(
            value,
            low,
            high,
            comparison=self.comparison,
            bound=self.value,
            by_count=self.by_count,
        )


@dataclass(frozen=True, eq=False)
class Piece:
    """`weight` times the mean of a measurement whose values lie between `low` and `high`."""

    weight: float
    measured: Measured
    pairing: object
    low: float | None = None
    high: float | None = None

    @property
    def rows(self) -> int:
        """Rows that were measured."""
        return len(self.measured.values) // self.measured.width

    @property
    def drawn(self) -> int:
        """Rows that the file asks for."""
        return self.measured.drawn or self.rows

    @property
    def whole(self) -> bool:
        """Whether its values are all there is, and not the beginning of a sequence."""
        return self.measured.exact or not self.measured.drawn

    def part(self, rows: int) -> Part:
        """The mean over the first so many rows, or of everything where that is all there is."""
        values = self.measured.values
        if not self.whole:
            values = values[: rows * self.measured.width]
        return Part(self.weight, values, self.pairing, self.low, self.high)


@dataclass(frozen=True)
class Look:
    """A quantity after so many rows."""

    value: float
    low: float
    high: float
    rows: int
    verdict: Verdict | None = None


def exact(pieces: Sequence[Piece]) -> bool:
    """Whether every interchange of every piece was run."""
    return all(piece.measured.exact for piece in pieces)


def staged(pieces: Sequence[Piece]) -> bool:
    """Whether one may look at the rows as they come: their values are bounded, more can be had."""
    open_ = [piece for piece in pieces if not piece.measured.exact]
    return bool(open_) and all(
        piece.measured.drawn and piece.low is not None and piece.high is not None for piece in open_
    )


def available(pieces: Sequence[Piece]) -> int:
    """Rows that every piece has, of those whose rows come one after another."""
    rows = [piece.rows for piece in pieces if not piece.whole]
    rows = rows or [piece.rows for piece in pieces if not piece.measured.exact]
    return min(rows, default=0)


def drawn(pieces: Sequence[Piece]) -> int:
    """Rows that the file asks for."""
    rows = [piece.drawn for piece in pieces if not piece.whole]
    rows = rows or [piece.drawn for piece in pieces if not piece.measured.exact]
    return min(rows, default=0)


def at(pieces: Sequence[Piece], rows: int, *, fixed: bool) -> Look:
    """The quantity after so many rows, with the interval of a fixed sample or of a sequence."""
    parts = [piece.part(rows) for piece in pieces]
    value, low, high = combine(parts)
    if exact(pieces):
        return Look(value, value, value, rows)
    if not fixed:
        low, high = _sequence(pieces, rows)
    return Look(value, low, high, rows)


def _sequence(pieces: Sequence[Piece], rows: int) -> tuple[float, float]:
    """The sequence of the rows' own weighted sums: row by row is how pieces are paired.

    Rows are drawn alike and independently, whatever ties the pieces within one; so sums over
    lines, seeds and controls are one sequence of bounded numbers.
    """
    total: NDArray[np.float64] = np.zeros(rows)
    least = most = known = 0.0
    for piece in pieces:
        if piece.measured.exact:
            known += piece.weight * float(piece.measured.values.mean())
            continue
        values = piece.part(rows).values.astype(np.float64)
        total += piece.weight * values.reshape(rows, -1).mean(axis=1)
        ends = sorted((piece.weight * (piece.low or 0.0), piece.weight * (piece.high or 0.0)))
        least, most = least + ends[0], most + ends[1]
    low, high = sequence(total, least, most)
    return known + low, known + high


def judged(pieces: Sequence[Piece], bound: Bound) -> Look:
    """The quantity at the first look that decides it, or at the last that there is.

    Where one may not look as rows come it is judged once, on what was drawn.
    """
    if not staged(pieces):
        look = fixed(pieces)
        return replace(look, verdict=bound.verdict(look.value, look.low, look.high))
    count, there = drawn(pieces), available(pieces)
    look = Look(0.0, 0.0, 0.0, 0, "undecided")
    for rows in rounds(count, max(count, *(piece.measured.most for piece in pieces))):
        if rows > there and look.rows:
            break
        look = at(pieces, min(rows, there), fixed=False)
        look = replace(look, verdict=_so_far(look, bound, rows >= count))
        if look.verdict != "undecided":
            break
    return look


def _so_far(look: Look, bound: Bound, every: bool) -> Verdict:
    """A count that a further row could change is decided only by every drawn row."""
    counted = bound.by_count and bound.value in (0.0, 1.0)
    if counted and not every and look.value == bound.value:
        return "undecided"
    return bound.verdict(look.value, look.low, look.high)


def wanted(pieces: Sequence[Piece], bound: Bound) -> int | None:
    """Rows that each piece should have next; None where nothing more would help."""
    there, count = available(pieces), drawn(pieces)
    if not staged(pieces):
        return count if there < count else None
    look = judged(pieces, bound)
    if look.verdict != "undecided":
        return None
    most = min(piece.measured.most for piece in pieces if not piece.measured.exact)
    return next((rows for rows in rounds(count, max(count, most)) if rows > there), None)


def fixed(pieces: Sequence[Piece]) -> Look:
    """The quantity on all that was drawn, with the interval of a sample of that size."""
    return at(pieces, min(available(pieces), drawn(pieces)), fixed=True)


def like(pieces: Sequence[Piece], rows: int) -> Look:
    """The quantity after so many rows, with the interval that looking at them allows."""
    return at(pieces, rows, fixed=False) if staged(pieces) else fixed(pieces)


def reported(pieces: Sequence[Piece]) -> Look:
    """A quantity that is not judged: over the first rows, a number settled beforehand."""
    rows = min(available(pieces), drawn(pieces))
    return at(pieces, min(rows, REPORTED) if staged(pieces) else rows, fixed=True)


def certificate(pieces: Sequence[Piece], look: Look) -> Certificate:
    """What a look rests on."""
    count, rows = drawn(pieces), look.rows
    how: How = "every drawn example"
    if exact(pieces):
        how = "exact"
        count = rows = min((piece.rows for piece in pieces), default=0)
    elif look.rows != count:
        how = "ran on" if look.rows > count else "part" if look.verdict is None else "stopped early"
    spaces: dict[tuple[int, str], tuple[int | None, int]] = {}
    for piece in pieces:
        each = piece.measured
        if each.line >= 0:
            seen = _seen(each, rows)
            before = spaces.get((each.line, each.split), (each.space, seen))
            space = len(each.values) if each.exact else each.space
            spaces[each.line, each.split] = (space, min(seen, before[1]))
    sizes = [size for size, _ in spaces.values()]
    counted = bool(sizes) and None not in sizes
    return Certificate(
        how=how,
        examples=rows,
        drawn=count,
        space=sum(size for size in sizes if size is not None) if counted else None,
        seen=sum(count for _, count in spaces.values()) if counted else 0,
        continuous=any(piece.measured.continuous for piece in pieces),
    )


def _seen(measured: Measured, rows: int) -> int:
    """Different interchanges among the first so many rows: as of the last round before."""
    if not measured.drawn:
        return measured.seen[-1] if measured.seen else 0
    ends = rounds(measured.drawn, measured.most)
    known = [seen for end, seen in zip(ends, measured.seen, strict=False) if end <= rows]
    return known[-1] if known else 0
