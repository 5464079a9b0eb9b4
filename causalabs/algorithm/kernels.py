"""One numpy function for each kind of step, and the faults they can meet.

A kernel never raises on data: where a divisor is zero, an index is outside or an entry is
missing it goes on with some value and records the rows, because whether they matter is
known only at the root, where the conditions above are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from causalabs.algorithm.domains import Bool, Cyclic, Domain, Enum, Interval, Mod, size, values
from causalabs.algorithm.expression import Table
from causalabs.algorithm.program import Step

Fault: TypeAlias = Literal["division", "index", "no match", "entry", "value"]
Faults: TypeAlias = dict[int, tuple[Fault, "NDArray[np.bool_]"]]
Value: TypeAlias = Any
"""A column, or a numpy scalar that stands for a constant one."""

BLOCK = 1 << 15
_PACKED: dict[int, tuple[Any, int]] = {
    2: (np.uint16, 0x0101),
    4: (np.uint32, 0x01010101),
    8: (np.uint64, 0x0101010101010101),
}


def equal(a: Value, b: Value) -> Value:
    """Row-wise equality, `(rows,)`, of scalars, vectors or sets."""
    if np.ndim(a) < 2:
        return np.equal(a, b)
    if len(a) != len(b):
        a, b = np.broadcast_arrays(a, b)
    rows, width = a.shape
    out = np.empty(rows, dtype=bool)
    # Comparing a block at a time keeps the (block, width) answers in cache; a row of four
    # or eight answers is then one machine word.
    for start in range(0, rows, BLOCK):
        same = np.equal(a[start : start + BLOCK], b[start : start + BLOCK])
        if width in _PACKED:
            word, full = _PACKED[width]
            np.equal(same.view(word)[:, 0], word(full), out=out[start : start + BLOCK])
        else:
            same.all(axis=1, out=out[start : start + BLOCK])
    return out


def wrapped(value: Value, kind: Domain) -> Value:
    """`value` brought back into a circle when its type is one."""
    match kind:
        case Mod(modulus):
            return np.mod(value, modulus)
        case Cyclic(found):
            return np.mod(value, len(found))
        case _:
            return value


def compute(
    step: Step, arguments: Sequence[Value], types: Sequence[Domain], number: int, faults: Faults
) -> Value:
    """The column of one step from those of its arguments."""
    special = _SPECIAL.get(step.kind)
    if special is not None:
        value, fault, where = special(step, arguments, types)
        if fault is not None and np.any(where):
            faults[number] = (fault, where)
        return value
    plain = _PLAIN.get(step.kind)
    if plain is not None:
        return plain(arguments)
    return wrapped(_ARITHMETIC[step.kind](arguments), step.type)


def _integers(value: Value) -> Value:
    return value.astype(np.int64) if value.dtype == np.bool_ else value


def _folded(function: Any, empty: Value) -> Callable[[Sequence[Value]], Value]:
    def fold(arguments: Sequence[Value]) -> Value:
        if not arguments:
            return empty
        total = arguments[0]
        for argument in arguments[1:]:
            total = function(total, argument)
        return total

    return fold


def _counted(arguments: Sequence[Value]) -> Value:
    total: Value = np.int64(0)
    for argument in arguments:
        total = total + argument
    return total


def _distinct(arguments: Sequence[Value]) -> Value:
    if len(arguments) > 8 and all(np.ndim(each) < 2 for each in arguments):
        rows = np.sort(np.stack(np.broadcast_arrays(*arguments)), axis=0)  # (arguments, rows)
        return ~(rows[1:] == rows[:-1]).any(axis=0)
    out: Value = np.bool_(True)
    for i, a in enumerate(arguments):
        for b in arguments[:i]:
            out = out & ~equal(a, b)
    return out


def _set(arguments: Sequence[Value]) -> Value:
    # A set of constants is one row, `(1, places)`: without rows it would look like a column.
    rows = np.broadcast_arrays(*(np.atleast_1d(each) for each in arguments))
    return np.stack(rows, axis=-1)  # (rows, places)


_PLAIN: dict[str, Callable[[Sequence[Value]], Value]] = {
    "eq": lambda a: equal(a[0], a[1]),
    "ne": lambda a: ~equal(a[0], a[1]),
    "lt": lambda a: np.less(a[0], a[1]),
    "le": lambda a: np.less_equal(a[0], a[1]),
    "gt": lambda a: np.greater(a[0], a[1]),
    "ge": lambda a: np.greater_equal(a[0], a[1]),
    "and": _folded(np.logical_and, np.bool_(True)),
    "all": _folded(np.logical_and, np.bool_(True)),
    "or": _folded(np.logical_or, np.bool_(False)),
    "any": _folded(np.logical_or, np.bool_(False)),
    "xor": _folded(np.logical_xor, np.bool_(False)),
    "not": lambda a: np.logical_not(a[0]),
    "count": _counted,
    "distinct": _distinct,
    "set_of": _set,
}
_ARITHMETIC: dict[str, Callable[[Sequence[Value]], Value]] = {
    "neg": lambda a: -a[0],
    "abs": lambda a: np.abs(a[0]),
    "add": _folded(np.add, np.int64(0)),
    "sum": _folded(np.add, np.int64(0)),
    "sub": _folded(np.subtract, np.int64(0)),
    "mul": _folded(np.multiply, np.int64(1)),
    "min": _folded(np.minimum, np.int64(0)),
    "max": _folded(np.maximum, np.int64(0)),
    "to_mod": lambda a: _integers(a[0]),
}

Special: TypeAlias = tuple[Value, Fault | None, Value]


def _divided(step: Step, arguments: Sequence[Value], types: Sequence[Domain]) -> Special:
    above, below = arguments
    zero = np.equal(below, 0)
    if np.any(zero):
        below = np.where(zero, 1, below)
    function: Any = np.floor_divide if step.kind == "floordiv" else np.mod
    return function(above, below), "division", zero


def chosen(condition: Value, yes: Value, no: Value) -> Value:
    """`yes` or `no`, row by row; vectors and sets whole."""
    wide = np.ndim(yes) > 1 or np.ndim(no) > 1
    return np.where(condition[..., None] if wide else condition, yes, no)


def _choice(step: Step, arguments: Sequence[Value], types: Sequence[Domain]) -> Special:
    return chosen(*arguments), None, None


def flat_index(
    indices: Sequence[Value], lows: Sequence[int], sizes: Sequence[int]
) -> tuple[Value, Value]:
    """Row-major index, and where some index was outside (and has been clipped)."""
    flat: Value = np.int64(0)
    outside: Value = np.bool_(False)
    for index, low, length in zip(indices, lows, sizes, strict=True):
        place = _integers(np.asarray(index)) - low
        wrong = (place < 0) | (place >= length)
        if np.any(wrong):
            outside = outside | wrong
            place = np.clip(place, 0, max(length - 1, 0))
        flat = flat * length + place
    return flat, outside


def _picked(step: Step, arguments: Sequence[Value], types: Sequence[Domain]) -> Special:
    lows, sizes = step.data
    flat, outside = flat_index(arguments[: len(lows)], lows, sizes)
    items = arguments[len(lows) :]
    if all(np.ndim(item) == 0 for item in items):
        return np.array(items)[flat], "index", outside
    out = np.array(np.broadcast_to(items[0], _shape(flat, items)))
    for place, item in enumerate(items[1:], 1):
        here = flat == place
        np.copyto(out, item, where=here[..., None] if out.ndim > 1 else here)
    return out, "index", outside


def _shape(flat: Value, items: Sequence[Value]) -> tuple[int, ...]:
    wide = (1,) if max(np.ndim(item) for item in items) > 1 else ()
    return np.broadcast_shapes(np.shape(flat) + wide, *(np.shape(item) for item in items))


def _looked_up(step: Step, arguments: Sequence[Value], types: Sequence[Domain]) -> Special:
    table = step.data
    lows = [key.low if isinstance(key, Interval) else 0 for key in table.keys]
    flat, outside = flat_index(arguments, lows, [size(key) or 0 for key in table.keys])
    codes, present = _arrays(table)
    return codes[flat], "entry", outside | ~present[flat]


def _arrays(table: Table) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    kept: Any = table.__dict__.get("_arrays")
    if kept is None:
        kind = bool if isinstance(table.type, Bool) else np.int64
        codes: NDArray[Any] = np.array(table.codes, dtype=np.int64)
        if kind is bool:
            codes = codes > 0  # -1 stands for missing, and would be true
        kept = table.__dict__["_arrays"] = (codes.astype(kind), np.array(table.present, bool))
    return kept  # type: ignore[no-any-return]


def _index_of(step: Step, arguments: Sequence[Value], types: Sequence[Domain]) -> Special:
    wanted, others = arguments[0], arguments[1:]
    out: Value = np.int64(len(others))
    for place in range(len(others) - 1, -1, -1):
        out = np.where(equal(wanted, others[place]), place, out)
    return np.minimum(out, max(len(others) - 1, 0)), "no match", out == len(others)


def _to_int(step: Step, arguments: Sequence[Value], types: Sequence[Domain]) -> Special:
    match types[0]:
        case Enum(found) | Cyclic(found) if all(type(each) is int for each in found):
            return np.array(found, dtype=np.int64)[arguments[0]], None, None
        case _:
            return _integers(np.asarray(arguments[0])), None, None


def recoding(source: Domain, target: Domain) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Codes of the values of `source` in `source`, sorted, and in `target`."""
    there = {(isinstance(v, bool), v): _code(target, p) for p, v in enumerate(_values(target))}
    here = [
        (_code(source, p), there.get((isinstance(v, bool), v))) for p, v in _shared(source, target)
    ]
    kept = sorted((a, b) for a, b in here if b is not None)
    both = np.array(kept, dtype=np.int64).reshape(-1, 2)
    return both[:, 0], both[:, 1]


def _values(domain: Domain) -> Sequence[object]:
    return () if size(domain) is None else values(domain)  # type: ignore[arg-type]


def _shared(source: Domain, target: Domain) -> list[tuple[int, object]]:
    """Places and values of `source` worth trying: never all of a huge interval."""
    if isinstance(source, Interval):
        low, high = source.low, source.high
        found = (v for v in _values(target) if type(v) is int and low <= v <= high)
        return [(v - low, v) for v in found]
    if size(source) is None:
        return [(v, v) for v in _values(target) if type(v) is int]
    return list(enumerate(_values(source)))


def _code(domain: Domain, place: int) -> int:
    return place + domain.low if isinstance(domain, Interval) else place


def _recoded(step: Step, arguments: Sequence[Value], types: Sequence[Domain]) -> Special:
    codes, images = recoding(types[0], step.type)
    value = _integers(np.asarray(arguments[0]))
    if not len(codes):
        return np.zeros_like(value), "value", np.ones(value.shape, dtype=bool)
    at = np.minimum(np.searchsorted(codes, value), len(codes) - 1)
    out = images[at]
    missing = codes[at] != value
    return out.astype(bool) if isinstance(step.type, Bool) else out, "value", missing


_SPECIAL: dict[str, Callable[[Step, Sequence[Value], Sequence[Domain]], Special]] = {
    "floordiv": _divided,
    "mod": _divided,
    "choice": _choice,
    "pick": _picked,
    "lookup": _looked_up,
    "index_of": _index_of,
    "to_int": _to_int,
    "recode": _recoded,
}
