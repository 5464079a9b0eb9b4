"""What each operator does to bounds; plain functions on pairs of Python integers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

Bounds: TypeAlias = tuple[int, int]
TRUTH: Bounds = (0, 1)
YES: Bounds = (1, 1)
NO: Bounds = (0, 0)


def met(a: Bounds | None, b: Bounds | None) -> Bounds | None:
    """What lies in both, None when nothing does or one is unknown."""
    if a is None or b is None:
        return None
    found = (max(a[0], b[0]), min(a[1], b[1]))
    return found if found[0] <= found[1] else None


def hull(found: Sequence[Bounds | None]) -> Bounds | None:
    """The least bounds around all, None when one is unknown."""
    known = [each for each in found if each is not None]
    if not known or len(known) < len(found):
        return None
    return (min(each[0] for each in known), max(each[1] for each in known))


def inverted(truth: Bounds) -> Bounds:
    """Bounds of `not`."""
    return (1 - truth[1], 1 - truth[0])


def _less(a: Bounds, b: Bounds) -> Bounds:
    return (int(a[1] < b[0]), int(a[0] < b[1]))


def _product(below: list[Bounds]) -> Bounds:
    low, high = 1, 1
    for a, b in below:
        corners = (low * a, low * b, high * a, high * b)
        low, high = min(corners), max(corners)
    return (low, high)


def _signed_parts(divisor: Bounds) -> list[Bounds]:
    parts = [(divisor[0], min(divisor[1], -1)), (max(divisor[0], 1), divisor[1])]
    return [part for part in parts if part[0] <= part[1]]


def _floor_divided(below: list[Bounds]) -> Bounds:
    (low, high), divisor = below
    corners = [a // b for part in _signed_parts(divisor) for a in (low, high) for b in part]
    return (min(corners), max(corners)) if corners else (low, high)


def _remainder(below: list[Bounds]) -> Bounds:
    (low, high), divisor = below
    found: list[Bounds | None] = []
    for least, most in _signed_parts(divisor):
        if least == most and low // least == high // least:
            found.append((low % least, high % least))
        elif least > 0:
            fits = low >= 0 and high < least
            found.append(
                (low, high) if fits else (0, min(most - 1, high) if low >= 0 else most - 1)
            )
        else:
            found.append((least + 1, 0))
    return hull(found) or (low, high)


def _parity(below: list[Bounds]) -> Bounds:
    if any(a != b for a, b in below):
        return TRUTH
    odd = sum(a for a, _ in below) % 2
    return (odd, odd)


def _absolute(below: list[Bounds]) -> Bounds:
    low, high = below[0]
    return (0 if low <= 0 <= high else min(abs(low), abs(high)), max(abs(low), abs(high)))


def _summed(below: list[Bounds]) -> Bounds:
    return (sum(a for a, _ in below), sum(b for _, b in below))


def _least(below: list[Bounds]) -> Bounds:
    return (min(a for a, _ in below), min(b for _, b in below)) if below else TRUTH


def _most(below: list[Bounds]) -> Bounds:
    return (max(a for a, _ in below), max(b for _, b in below)) if below else TRUTH


NEGATED = {"eq": "ne", "ne": "eq", "lt": "ge", "ge": "lt", "gt": "le", "le": "gt"}
TRANSFER: dict[str, Callable[[list[Bounds]], Bounds]] = {
    "neg": lambda b: (-b[0][1], -b[0][0]),
    "add": _summed,
    "sum": _summed,
    "count": _summed,
    "sub": lambda b: (b[0][0] - b[1][1], b[0][1] - b[1][0]),
    "mul": _product,
    "floordiv": _floor_divided,
    "mod": _remainder,
    "lt": lambda b: _less(b[0], b[1]),
    "gt": lambda b: _less(b[1], b[0]),
    "ge": lambda b: inverted(_less(b[0], b[1])),
    "le": lambda b: inverted(_less(b[1], b[0])),
    "xor": _parity,
    "not": lambda b: inverted(b[0]),
    "any": lambda b: _most(b) if b else NO,
    "all": lambda b: _least(b) if b else YES,
    "min": _least,
    "max": _most,
    "to_mod": lambda b: b[0],
    "to_int": lambda b: b[0],
    "abs": _absolute,
}
