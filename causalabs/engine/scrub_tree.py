"""What a scrubbing hypothesis resamples: the tree of an alignment, and rows that agree.

Chan et al. 2022 (causal scrubbing, "Behavior-preserving resampling ablations"): every path from
a node to the output gets inputs of its own, so that the graph is made a tree. A variable's
parents there are its nearest aligned ancestors whose sites are upstream of its own; inputs that
reach it past none of them are its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from causalabs.algorithm.domains import Column
from causalabs.algorithm.model import Algorithm
from causalabs.engine.errors import EngineError

MOST_NODES = 1_000
"""Nodes of a tree: a graph of many paths has far more of them than it has variables."""

Rows = NDArray[np.int64]
"""Rows of the table of inputs: (examples,)."""


@dataclass(frozen=True)
class Node:
    """A variable in the tree, "" the output; `own` are the inputs that it needs beside."""

    variable: str
    own: tuple[str, ...]
    children: tuple[Node, ...] = ()

    @cached_property
    def count(self) -> int:
        """Nodes of this tree."""
        return 1 + sum(child.count for child in self.children)

    @cached_property
    def variables(self) -> tuple[str, ...]:
        """Variables of the tree, each once."""
        below = [name for child in self.children for name in (child.variable, *child.variables)]
        return tuple(dict.fromkeys(below))


def treeified(
    algorithm: Algorithm,
    outputs: Iterable[str],
    placed: Iterable[str],
    feeds: Callable[[str, str], bool],
) -> Node:
    """The tree of the outputs over the variables that have a place.

    `feeds(a, b)` says whether a's place is upstream of b's.
    """
    there = set(placed)
    known: dict[str, Node] = {}

    def node(name: str, roots: Iterable[str]) -> Node:
        own: dict[str, None] = {}
        found: dict[str, None] = {}
        waiting, seen = list(roots), set()
        while waiting:
            each = waiting.pop(0)
            if each in seen:
                continue
            seen.add(each)
            if each in there and (not name or feeds(each, name)):
                found[each] = None
            elif algorithm[each].role == "input":
                own[each] = None
            else:
                waiting += algorithm[each].parents
        made = Node(name, tuple(own), tuple(child(each) for each in found))
        if made.count > MOST_NODES:
            raise EngineError(
                f"made a tree, the alignment has more than {MOST_NODES:,} nodes",
                "align fewer variables",
            )
        return made

    def child(name: str) -> Node:
        if name not in known:
            known[name] = node(name, algorithm[name].parents)
        return known[name]

    return node("", outputs)


class Pool:
    """Inputs to resample from, by the values of variables.

    `rows` are those of a split; `clean` has every variable's column by input.
    """

    def __init__(
        self, rows: Rows, clean: Mapping[str, Column], *, generator: np.random.Generator
    ) -> None:
        self.rows, self.clean, self.generator = rows, clean, generator
        self._groups: dict[tuple[str, ...], tuple[Rows, Rows, Rows, Rows]] = {}

    def agreeing(self, names: tuple[str, ...], with_: Rows) -> Rows:
        """For each row one of the pool that agrees with it on these variables."""
        if not names:
            return self.generator.choice(self.rows, len(with_))
        group, ordered, first, size = self._grouped(names)
        mine = group[with_]
        drawn = (self.generator.random(len(with_)) * size[mine]).astype(np.int64)
        found: Rows = ordered[first[mine] + drawn]
        return found

    def alone(self, names: tuple[str, ...], rows: Rows) -> float:
        """The share of rows with which no other of the pool agrees: those are not resampled."""
        if not names:
            return 0.0
        group, _, _, size = self._grouped(names)
        return float((size[group[rows]] == 1).mean())

    def _grouped(self, names: tuple[str, ...]) -> tuple[Rows, Rows, Rows, Rows]:
        """Each input's group, the pool in order of groups, where each begins and its size."""
        if names not in self._groups:
            columns = [np.asarray(self.clean[name]) for name in names]
            whole = np.concatenate([c.reshape(len(c), -1).astype(np.float64) for c in columns], 1)
            _, group = np.unique(whole, axis=0, return_inverse=True)
            group = group.reshape(-1)
            mine = group[self.rows]
            size = np.bincount(mine, minlength=int(group.max()) + 1)
            ordered = self.rows[np.argsort(mine, kind="stable")]
            self._groups[names] = (group, ordered, np.cumsum(size) - size, size)
        return self._groups[names]


@dataclass(frozen=True, eq=False)
class Drawn:
    """A node with its inputs drawn: what is read is run on `rows`, its rest on `base`."""

    node: Node
    rows: Rows
    base: Rows
    children: tuple[Drawn, ...] = ()

    def take(self, part: slice) -> Drawn:
        """Some examples."""
        below = tuple(child.take(part) for child in self.children)
        return Drawn(self.node, self.rows[part], self.base[part], below)


def draw_tree(node: Node, rows: Rows, pool: Pool) -> Drawn:
    """Draw the inputs of a node and all below: those of a child agree with `rows` on its value.

    What is not aligned comes from an input that agrees with `rows` on the node's own inputs
    alone, from anywhere where it has none.
    """
    base = pool.agreeing(node.own, rows) if node.children else rows
    below = tuple(
        draw_tree(child, pool.agreeing((child.variable,), rows), pool) for child in node.children
    )
    return Drawn(node, rows, base, below)
