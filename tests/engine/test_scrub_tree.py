"""The tree of an alignment, and rows that agree on a variable's value."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import causalabs
from causalabs.engine.errors import EngineError
from causalabs.engine.scrub_tree import Drawn, Node, Pool, draw_tree, treeified

ALGORITHM = causalabs.loads(
    """
hypothesis chain

algorithm {
  input  a, b, c, d : bool
  var    inner  : bool = a and b
  var    middle : bool = inner or c
  var    outer  : bool = middle xor inner
  output answer : bool = outer xor d
}

network mlp(hidden = [4]) {
  feed a, b, c, d
  read answer
  train until accuracy >= 0.5
}

counterfactuals {
  exhaustive
}

expect accuracy >= 0.9
"""
).algorithm


def tree(placed: list[str], before: list[str] | None = None) -> Node:
    """Upstream: what stands earlier in `before`."""
    order = before or ["a", "b", "c", "d", "inner", "middle", "outer"]
    return treeified(ALGORITHM, ["answer"], placed, lambda x, y: order.index(x) < order.index(y))


def test_a_variable_is_reached_past_those_that_have_no_place() -> None:
    assert tree(["inner"]) == Node("", ("d", "c"), (Node("inner", ("a", "b")),))


def test_what_a_variable_carries_is_not_the_outputs_own() -> None:
    assert tree(["outer"]) == Node("", ("d",), (Node("outer", ("c", "a", "b")),))


def test_each_path_has_a_node_of_its_own() -> None:
    inner = Node("inner", ("a", "b"))
    middle = Node("middle", ("c",), (inner,))
    found = tree(["inner", "middle", "outer"])
    assert found == Node("", ("d",), (Node("outer", (), (middle, inner)),))
    assert found.count == 5
    assert found.variables == ("outer", "middle", "inner")


def test_a_place_that_is_not_upstream_is_passed_by() -> None:
    """`inner` placed after `middle`: what middle holds cannot come from there."""
    order = ["a", "b", "c", "d", "middle", "inner", "outer"]
    outer = tree(["inner", "middle", "outer"], order).children[0]
    assert outer == Node("outer", (), (Node("middle", ("c", "a", "b")), Node("inner", ("a", "b"))))


def test_an_aligned_input_is_a_node() -> None:
    found = tree(["a", "inner"])
    assert found.children == (Node("inner", ("b",), (Node("a", ()),)),)


def test_a_tree_too_large_is_refused() -> None:
    text = """
hypothesis wide

algorithm {
  input  a : bool
  var    v[i in 0..11] : bool = if i == 0 then a else v[i - 1] xor w[i - 1]
  var    w[i in 0..11] : bool = if i == 0 then a else v[i - 1] and w[i - 1]
  output answer : bool = v[11]
}

network mlp(hidden = [4]) {
  feed a
  read answer
  train until accuracy >= 0.5
}

counterfactuals {
  exhaustive
}

expect accuracy >= 0.9
"""
    algorithm = causalabs.loads(text).algorithm
    placed = [v.name for v in algorithm.variables if v.role == "var"]
    with pytest.raises(EngineError, match="more than 1,000 nodes"):
        treeified(algorithm, ["answer"], placed, lambda x, y: True)


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_what_is_drawn_agrees_and_is_of_the_pool(data: st.DataObject) -> None:
    count = data.draw(st.integers(2, 40))
    draws = np.random.default_rng(data.draw(st.integers(0, 99)))
    clean = {
        "x": draws.integers(0, 3, count),
        "y": draws.integers(0, 2, count).astype(bool),
        "r": draws.integers(0, 2, (count, 3)).astype(np.float32),
    }
    rows = np.sort(draws.choice(count, data.draw(st.integers(1, count)), replace=False))
    names = tuple(data.draw(st.lists(st.sampled_from(["x", "y", "r"]), unique=True)))
    pool = Pool(rows, clean, generator=draws)
    asked = draws.choice(rows, 30)
    found = pool.agreeing(names, asked)
    assert set(found) <= set(rows)
    for name in names:
        assert np.array_equal(clean[name][found], clean[name][asked])
    whole = np.concatenate([np.zeros((count, 1))] + [clean[n].reshape(count, -1) for n in names], 1)
    alone = [(whole[rows] == whole[row]).all(axis=1).sum() == 1 for row in asked]
    assert pool.alone(names, asked) == (np.mean(alone) if names else 0.0)


def test_every_row_that_agrees_is_drawn_as_often() -> None:
    clean = {"x": np.array([0, 0, 0, 1, 1])}
    pool = Pool(np.array([0, 2, 3, 4]), clean, generator=np.random.default_rng(0))
    found = pool.agreeing(("x",), np.zeros(20_000, dtype=np.int64))
    assert set(found) == {0, 2}
    assert abs((found == 0).mean() - 0.5) < 0.02


def test_a_child_agrees_on_its_value_and_the_rest_on_nothing() -> None:
    inputs = {n: np.array([(k >> i) & 1 for k in range(16)], bool) for i, n in enumerate("abcd")}
    clean = ALGORITHM.evaluate(inputs)
    pool = Pool(np.arange(16), clean, generator=np.random.default_rng(0))
    rows = np.tile(np.arange(16), 50)
    drawn = draw_tree(tree(["inner", "middle", "outer"]), rows, pool)

    def check(each: Drawn, above: np.ndarray) -> None:
        name = each.node.variable
        if name:
            assert np.array_equal(clean[name][each.rows], clean[name][above])
        for own in each.node.own:
            assert np.array_equal(clean[own][each.base], clean[own][each.rows])
        free = set("abcd") - set(each.node.own)
        if each.children:
            assert all((clean[n][each.base] != clean[n][each.rows]).any() for n in free)
        for child in each.children:
            check(child, each.rows)

    check(drawn, rows)
    assert (drawn.children[0].rows != rows).any()
