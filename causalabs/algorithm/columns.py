"""Columns: values as people write them <-> arrays; values <-> places."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from typing import TYPE_CHECKING, Any

from causalabs.algorithm.domains import (
    Bool,
    Column,
    Cyclic,
    Domain,
    Enum,
    FiniteDomain,
    Integer,
    Interval,
    Mod,
    Real,
    Scalar,
    SetOf,
    size,
    values,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def domain_text(domain: Domain) -> str:
    """A domain as the language writes it, long ones shortened.

    >>> domain_text(Real(4, -0.5, 0.5)), domain_text(Enum(("a", "b c")))
    ('real[4] in -0.5..0.5', '{a, "b c"}')
    """
    match domain:
        case Bool():
            return "bool"
        case Integer():
            return "integer"
        case Interval(low, high):
            return f"{low}..{high}"
        case Mod(modulus):
            return f"mod {modulus}"
        case Enum(found, name):
            return name or _listed(found)
        case Cyclic(found, name):
            return name or f"cyclic {_listed(found)}"
        case SetOf(of):
            return f"set of {domain_text(of)}"
        case Real(width, low, high):
            sized = "real" if width is None else f"real[{width}]"
            return sized if low is None else f"{sized} in {low:g}..{high:g}"


def _listed(found: tuple[Scalar, ...]) -> str:
    shown = [value_text(value) for value in found[:8]]
    return "{" + ", ".join(shown + ["..."] * (len(found) > 8)) + "}"


def value_text(value: object) -> str:
    """A value as the language writes it.

    >>> value_text(True), value_text("a"), value_text("a b"), value_text(frozenset({2, 1}))
    ('true', 'a', '"a b"', '{1, 2}')
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        quoted = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return value if value.isidentifier() and value.isascii() else f'"{quoted}"'
    if isinstance(value, Set):
        return "{" + ", ".join(value_text(each) for each in sorted(value, key=_order)) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(value_text(each) for each in value) + "]"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _order(value: Any) -> tuple[str, Any]:
    return type(value).__name__, value


def encode_column(domain: Domain, written: Iterable[object]) -> Column:
    """A column from values as people write them; `ValueError` names the first outside."""
    import numpy as np

    found = list(written)
    match domain:
        case Real():
            return _encode_real(domain, found)
        case SetOf(of):
            flags = np.zeros((len(found), size(of) or 0), dtype=bool)  # (rows, places)
            for row, members in enumerate(found):
                if isinstance(members, str | bytes) or not isinstance(members, Iterable):
                    raise ValueError(_outside(members, domain))
                flags[row, [_code_in_table(of, each) for each in members]] = True
            return flags
        case Bool():
            for each in found:
                if not isinstance(each, bool | np.bool_):
                    raise ValueError(_outside(each, domain))
            return np.array(found, dtype=bool)
        case Enum() | Cyclic():
            table = _code_table(domain)
            return np.array([_looked_up(table, each, domain) for each in found], dtype=np.int64)
        case _:
            return np.array([_integer_in(domain, each) for each in found], dtype=np.int64)


def _code_table(domain: FiniteDomain) -> Mapping[tuple[bool, object], int]:
    # True == 1 in Python, so the type is part of the key.
    return {(isinstance(v, bool), v): place for place, v in enumerate(values(domain))}


def _looked_up(table: Mapping[tuple[bool, object], int], value: object, domain: Domain) -> int:
    try:
        return table[_is_truth(value), value]
    except (KeyError, TypeError):
        raise ValueError(_outside(value, domain)) from None


def _is_truth(value: object) -> bool:
    return isinstance(value, bool) or type(value).__name__ == "bool"


def _code_in_table(domain: FiniteDomain, value: object) -> int:
    """The place of one written value."""
    match domain:
        case Enum() | Cyclic():
            return _looked_up(_code_table(domain), value, domain)
        case Bool():
            if not _is_truth(value):
                raise ValueError(_outside(value, domain))
            return int(bool(value))
        case Interval(low):
            return _integer_in(domain, value) - low
        case _:
            return _integer_in(domain, value)


def _integer_in(domain: Domain, value: object) -> int:
    import operator

    try:
        if _is_truth(value):
            raise TypeError
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise ValueError(_outside(value, domain)) from None
    match domain:
        case Interval(low, high):
            inside = low <= number <= high
        case Mod(modulus):
            inside = 0 <= number < modulus
        case _:
            inside = abs(number) < 2**62
    if not inside:
        raise ValueError(_outside(value, domain))
    return number


def _encode_real(domain: Real, found: list[object]) -> Column:
    import numpy as np

    width = () if domain.size is None else (domain.size,)
    for each in found:
        try:
            row = np.asarray(each, dtype=np.float32)
        except (TypeError, ValueError):
            raise ValueError(_outside(each, domain)) from None
        if row.shape != width or isinstance(each, str) or not np.isfinite(row).all():
            raise ValueError(_outside(each, domain))
        if domain.low is not None and domain.high is not None:
            # Bounds are compared as the column holds them: 0.1 in float32 is above 0.1.
            low, high = np.float32(domain.low), np.float32(domain.high)
            if (row < low).any() or (row > high).any():
                raise ValueError(_outside(each, domain))
    return np.array(found, dtype=np.float32).reshape(len(found), *width)


def _outside(value: object, domain: Domain) -> str:
    shown = value_text(value)
    shown = shown if len(shown) <= 40 else shown[:37] + "..."
    return f"{shown} is not in {domain_text(domain)}"


def decode_column(domain: Domain, column: Column) -> list[object]:
    """A column back to values as people write them; sets as frozensets, reals as lists.

    >>> decode_column(Enum(("a", "b")), encode_column(Enum(("a", "b")), ["b", "a"]))
    ['b', 'a']
    """
    match domain:
        case Enum(found) | Cyclic(found):
            return [found[place] for place in column.tolist()]
        case SetOf(of):
            every = values(of)
            return [
                frozenset(each for each, inside in zip(every, row, strict=True) if inside)
                for row in column.tolist()
            ]
        case _:
            return list(column.tolist())


def places_of(domain: FiniteDomain, column: Column) -> NDArray[np.int64]:
    """Rank of each element of `column` in its domain.

    >>> places_of(Interval(3, 7), encode_column(Interval(3, 7), [3, 7])).tolist()
    [0, 4]
    """
    import numpy as np

    ranks: NDArray[np.int64] = column.astype(np.int64)
    return ranks - domain.low if isinstance(domain, Interval) else ranks


def column_at(domain: FiniteDomain, ranks: NDArray[np.int64]) -> Column:
    """The column whose places are `ranks`; the inverse of `places_of`."""
    import numpy as np

    match domain:
        case Bool():
            return np.asarray(ranks).astype(bool)
        case Interval(low):
            return np.asarray(ranks, dtype=np.int64) + low
        case _:
            return np.asarray(ranks, dtype=np.int64)
