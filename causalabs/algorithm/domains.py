"""Domains: the values a variable may take, and how a column of them is coded.

| domain | column |
|---|---|
| `Bool` | bool, `(rows,)` |
| `Interval`, `Integer` | int64, `(rows,)`, the integers themselves |
| `Mod` | int64, `(rows,)`, residues |
| `Enum`, `Cyclic` | int64, `(rows,)`, places in `values` |
| `Real` | float32, `(rows, size)`, or `(rows,)` for a scalar |
| `SetOf` | bool, `(rows, len(of))`, membership by place |

The *place* of a value is its rank in the domain, `0 .. size - 1`: what a network's output
classes are, and what `Table`s are indexed by.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Column: TypeAlias = "NDArray[np.generic]"
Columns: TypeAlias = Mapping[str, "Column"]
Scalar: TypeAlias = bool | int | str
"""A finite value as a person writes it."""


@dataclass(frozen=True)
class Bool:
    """`bool`."""


@dataclass(frozen=True)
class Integer:
    """Any integer: the type of an expression, never a declared domain."""


@dataclass(frozen=True)
class Interval:
    """`low..high`, both included."""

    low: int
    high: int


@dataclass(frozen=True)
class Mod:
    """`mod n`: residues 0 .. n - 1."""

    modulus: int


@dataclass(frozen=True)
class Enum:
    """`{a, b, c}`; two enums are equal when their values are, whatever their names."""

    values: tuple[Scalar, ...]
    name: str = field(default="", compare=False)


@dataclass(frozen=True)
class Cyclic:
    """`cyclic {a, b, c}`: an enum on a circle."""

    values: tuple[Scalar, ...]
    name: str = field(default="", compare=False)


@dataclass(frozen=True)
class Real:
    """`real[size] in low..high`; size None is a scalar, no bounds cannot be sampled."""

    size: int | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class SetOf:
    """`set of domain`."""

    of: FiniteDomain


FiniteDomain: TypeAlias = Bool | Interval | Mod | Enum | Cyclic
Domain: TypeAlias = Bool | Integer | Interval | Mod | Enum | Cyclic | Real | SetOf

# The functions below are the whole interface; everything else goes through them.


def size(domain: Domain) -> int | None:
    """Number of values, None when it is not finite (reals, integers)."""
    match domain:
        case Bool():
            return 2
        case Interval(low, high):
            return high - low + 1
        case Mod(modulus):
            return modulus
        case Enum(values) | Cyclic(values):
            return len(values)
        case SetOf(of):
            return 1 << (size(of) or 0)
        case _:
            return None


def values(domain: FiniteDomain) -> Sequence[Scalar]:
    """All values in order of their places; a `range` for integers, never a list."""
    match domain:
        case Bool():
            return (False, True)
        case Interval(low, high):
            return range(low, high + 1)
        case Mod(modulus):
            return range(modulus)
        case Enum(found) | Cyclic(found):
            return found


def encode(domain: Domain, written: Iterable[object]) -> Column:
    """A column from values as people write them; `ValueError` names the first outside."""
    from causalabs.algorithm.columns import encode_column

    return encode_column(domain, written)


def decode(domain: Domain, column: Column) -> list[object]:
    """A column back to values as people write them."""
    from causalabs.algorithm.columns import decode_column

    return decode_column(domain, column)


def places(domain: FiniteDomain, column: Column) -> NDArray[np.int64]:
    """Rank of each element of `column` in its domain, `0 .. size - 1`."""
    from causalabs.algorithm.columns import places_of

    return places_of(domain, column)


def at_places(domain: FiniteDomain, ranks: NDArray[np.int64]) -> Column:
    """The column whose places are `ranks`; the inverse of `places`."""
    from causalabs.algorithm.columns import column_at

    return column_at(domain, ranks)
