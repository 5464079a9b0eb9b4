"""Small edits: one place changes, the type stays, and what comes out can be evaluated."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from causalabs.algorithm.columns import encode_column
from causalabs.algorithm.domains import Bool, Integer, Interval, Mod
from causalabs.algorithm.edits import MOST_EDITS, edits, with_part
from causalabs.algorithm.evaluate import MechanismError, evaluate_expression
from causalabs.algorithm.expression import (
    Constant,
    LookUp,
    Operation,
    Table,
    Variable,
    names,
    parts,
    walk,
)
from causalabs.algorithm.written import text_of
from tests.algorithm.generated import ENUM, FINITE, KINDS, REALS, expressions, written

SCOPE = {f"v{i}": domain for i, domain in enumerate([*FINITE, Bool(), FINITE[1]])}
SCOPE |= {f"fallback {domain.size}": domain for domain in REALS}
X, Y, Z = (Variable(name, Interval(0, 9)) for name in "xyz")


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_an_edit_is_of_the_same_kind_and_reads_what_it_may(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(FINITE))
    mechanism = data.draw(expressions(kind, SCOPE, 3))
    others = [Variable(name, SCOPE[name]) for name in ("v0", "v1")]
    found = edits(mechanism, others, kind)
    assert len(found) == len(set(found)) <= MOST_EDITS
    assert mechanism not in found
    columns = {
        name: encode_column(domain, data.draw(st.lists(written(domain), min_size=3, max_size=3)))
        for name, domain in SCOPE.items()
    }
    for each in found[:20]:
        assert set(names(each)) <= {*names(mechanism), "v0", "v1"}
        try:
            column = evaluate_expression(each, columns, 3)
        except MechanismError:
            continue
        assert column.shape == (3,)
        assert (column.dtype == np.bool_) == isinstance(kind, Bool)


@given(st.data())
@settings(max_examples=25, deadline=None)
def test_a_part_is_replaced_and_nothing_else(data: st.DataObject) -> None:
    node = data.draw(expressions(data.draw(st.sampled_from(KINDS)), SCOPE, 2))
    below = parts(node)
    for place, part in enumerate(below):
        assert with_part(node, place, part) == node
        new = parts(with_part(node, place, Variable("new", part.type)))
        assert new[:place] == below[:place]
        assert new[place + 1 :] == below[place + 1 :]
        assert new[place] == Variable("new", part.type)
    with pytest.raises(IndexError):
        with_part(Constant(1, Integer()), 0, node)


def test_a_sum_can_be_read_in_other_ways() -> None:
    total = Operation("add", (X, Y), Integer())
    found = [text_of(each) for each in edits(total, [Z], Interval(0, 18))]
    assert found == ["x - y", "y", "x", "z + y", "x + z", "18 - (x + y)"]


def test_a_table_is_turned_by_one_entry_among_those_it_has() -> None:
    table = Table("t.c", (ENUM,), Bool(), (1, -1, 0), (True, False, True))
    key = Variable("k", ENUM)
    (turned,) = edits(LookUp(table, (key,), Bool()))
    assert isinstance(turned, LookUp)
    assert turned.table.codes == (0, -1, 1)
    assert turned.table.present == table.present


def test_mods_are_reversed_and_constants_moved() -> None:
    three = Constant(0, Mod(3))
    assert [each.value for each in edits(three) if isinstance(each, Constant)] == [1, 2]
    negated = edits(Variable("m", Mod(3)), domain=Mod(3))
    assert [text_of(each) for each in negated] == ["-m"]


def test_what_is_large_is_left_alone() -> None:
    node: Operation | Variable = X
    for _ in range(300):
        node = Operation("abs", (node,), Integer())
    assert sum(1 for _ in walk(node)) > 256
    assert edits(node, [Y], Interval(0, 9)) == ()
