from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st

from causalabs.algorithm.domains import (
    Bool,
    Cyclic,
    Enum,
    Interval,
    Mod,
    Real,
    SetOf,
    at_places,
    decode,
    encode,
    places,
    size,
)  # fmt: skip
from tests.algorithm.generated import FINITE, REALS, written


@given(st.data())
def test_decode_undoes_encode(data):
    domain = data.draw(st.sampled_from([*FINITE, *REALS, SetOf(Interval(3, 5)), SetOf(Bool())]))
    rows = data.draw(st.lists(written(domain)))
    column = encode(domain, rows)
    assert len(column) == len(rows)
    assert decode(domain, column) == rows


@pytest.mark.parametrize("domain", FINITE)
def test_places_and_at_places_are_inverse(domain):
    ranks = np.arange(size(domain))
    column = at_places(domain, ranks)
    assert places(domain, column).tolist() == ranks.tolist()
    assert encode(domain, decode(domain, column)).dtype == column.dtype


@pytest.mark.parametrize(
    ("domain", "value", "message"),
    [
        (Interval(0, 3), 4, "4 is not in 0..3"),
        (Mod(3), -1, "-1 is not in mod 3"),
        (Bool(), 1, "1 is not in bool"),
        (Enum(("a", "b")), "c", "c is not in {a, b}"),
        (Enum((1, 2)), True, "true is not in {1, 2}"),
        (Cyclic(("a b",), "Day"), [], r"\[\] is not in Day"),
        (Real(2, 0.0, 1.0), [0.5, 2.0], r"\[0.5, 2\] is not in real\[2\] in 0..1"),
        (Real(2), [0.5], r"\[0.5\] is not in real\[2\]"),
        (Real(), float("nan"), "nan is not in real"),
        (SetOf(Interval(0, 3)), {4}, "4 is not in 0..3"),
        (SetOf(Enum(("a",))), "a", "a is not in set of {a}"),
    ],
)
def test_what_is_outside_is_named(domain, value, message):
    with pytest.raises(ValueError, match=message):
        encode(domain, [value])
