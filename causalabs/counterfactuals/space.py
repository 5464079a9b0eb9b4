"""The space of inputs, as integers: which inputs there are, and uniform draws from them.

An *axis* is a finite input (its places) or a group of real inputs (its equality patterns).
An input as far as equality goes is a point, one place on each axis, packed into as few
64-bit words as hold it: a *cell*, `(words, rows)`. Nearly always one word is enough.

Axes tied by a condition of the algorithm's `where` form a *block*. A block is listed when
it is small enough, otherwise drawn by rejection; blocks are independent of one another.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod

import numpy as np
from numpy.typing import NDArray

from causalabs.algorithm.domains import Column, FiniteDomain, Real, at_places, size
from causalabs.algorithm.evaluate import evaluate_expression
from causalabs.algorithm.expression import Expression, Operation, names
from causalabs.counterfactuals.equality import Group, groups_of
from causalabs.counterfactuals.errors import DrawError, line_number, written
from causalabs.counterfactuals.templates import taken_by_some
from causalabs.hypothesis.model import Hypothesis

MOST_LISTED = 10_000_000
CHUNK = 1 << 18
WORD = 1 << 62
HOPELESS_AFTER = 1_000_000

Cells = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Axis:
    """A finite input (`domain`) or a group of real ones (`group`); `size` places."""

    inputs: tuple[str, ...]
    size: int
    domain: FiniteDomain | None = None
    group: Group | None = None


@dataclass(frozen=True, eq=False)
class Block:
    """Axes (by number) tied by conditions; `listed` are the admitted flat places, if few."""

    axes: tuple[int, ...]
    conditions: tuple[Expression, ...]
    listed: NDArray[np.int64] | None


@dataclass(frozen=True, eq=False)
class Space:
    """All inputs that `where` admits.

    `slots[i]` is (word, stride) of axis i: its place is `cell[word] // stride % size`.
    """

    axes: tuple[Axis, ...]
    slots: tuple[tuple[int, int], ...]
    blocks: tuple[Block, ...]
    reals: Mapping[str, Real]

    @property
    def words(self) -> int:
        """How many words a cell has."""
        return 1 + max((word for word, _ in self.slots), default=0)

    @property
    def real(self) -> bool:
        """Whether some input is real: then no two drawn inputs are the same."""
        return bool(self.reals)

    @cached_property
    def cases(self) -> int | None:
        """How many cells are admitted; None when not counted."""
        counts = [None if block.listed is None else len(block.listed) for block in self.blocks]
        return None if None in counts else prod(count for count in counts if count is not None)

    @cached_property
    def codes(self) -> int:
        """How many cells there are in one word, admitted or not (only with one word)."""
        return prod(axis.size for axis in self.axes)

    @cached_property
    def conditions(self) -> tuple[Expression, ...]:
        """The conditions of `where`, each once."""
        return tuple(found for block in self.blocks for found in block.conditions)

    def places(self, cells: Cells, axis: int) -> NDArray[np.int64]:
        """Place on an axis: (rows,)."""
        word, stride = self.slots[axis]
        found: NDArray[np.int64] = cells[word] // stride if stride > 1 else cells[word]
        last = not any(w == word and s > stride for w, s in self.slots)
        if not last:
            found = np.remainder(found, self.axes[axis].size)
        return found

    def pack(self, places: Mapping[int, NDArray[np.int64]], rows: int) -> Cells:
        """Cells from places by axis; an axis left out counts as 0."""
        cells = np.zeros((self.words, rows), dtype=np.int64)
        for axis, found in places.items():
            word, stride = self.slots[axis]
            cells[word] += found * stride
        return cells

    def sample(self, rows: int, *, generator: np.random.Generator) -> Cells:
        """Admitted cells, uniform and independent: (words, rows)."""
        cells = np.zeros((self.words, rows), dtype=np.int64)
        for block in self.blocks:
            if block.listed is not None:
                drawn = generator.integers(0, len(block.listed), rows)
                flat = drawn if not block.conditions else block.listed[drawn]
                places = _unravel(flat, [self.axes[a].size for a in block.axes])
                cells += self.pack(dict(zip(block.axes, places, strict=True)), rows)
            else:
                cells += self._rejected(block, rows, generator)
        return cells

    def _rejected(self, block: Block, rows: int, generator: np.random.Generator) -> Cells:
        kept: list[Cells] = []
        tried = got = 0
        while got < rows:
            count = min(CHUNK, 64 + int(1.2 * (rows - got) * (tried + 1) / (got + 1)))
            places = {a: generator.integers(0, self.axes[a].size, count) for a in block.axes}
            cells = self.pack(places, count)
            if block.conditions:
                cells = cells[:, self.admits(cells, block.conditions)]
            kept.append(cells)
            tried, got = tried + count, got + cells.shape[1]
            if tried >= HOPELESS_AFTER and got < tried * 1e-4:
                raise DrawError(
                    f"`where` admits {got} of {tried:,} inputs drawn at random: too few to "
                    "draw from",
                    "make the domains smaller, so that `where` excludes less",
                )
        return np.concatenate(kept, axis=1)[:, :rows]

    def admits(
        self, cells: Cells, conditions: Sequence[Expression] | None = None
    ) -> NDArray[np.bool_]:
        """Whether `where` (or the conditions given) holds: (rows,)."""
        rows = cells.shape[1]
        conditions = self.conditions if conditions is None else conditions
        needed = frozenset(name for condition in conditions for name in names(condition))
        columns = self.columns(cells, only=needed)
        held = np.ones(rows, dtype=np.bool_)
        for condition in conditions:
            held &= truths(condition, columns, rows)
        return held

    def columns(self, cells: Cells, *, only: frozenset[str] | None = None) -> dict[str, Column]:
        """Columns of the inputs; real ones as labels, (rows, 1) or (rows,) for scalars."""
        found: dict[str, Column] = {}
        for number, axis in enumerate(self.axes):
            if only is not None and only.isdisjoint(axis.inputs):
                continue
            places = self.places(cells, number)
            if axis.group is None:
                assert axis.domain is not None
                found[axis.inputs[0]] = at_places(axis.domain, places)
            else:
                for j, name in enumerate(axis.inputs):
                    found[name] = self.shaped(name, axis.group.labels[:, j][places])
        return found

    def shaped(self, name: str, labels: NDArray[np.float32]) -> NDArray[np.float32]:
        """Labels in the shape that a column of real input `name` has."""
        return labels if self.reals[name].size is None else labels[:, None]

    def listing(self) -> Cells | None:
        """All admitted cells, ascending in the first word: None above 10^7 of them."""
        if self.cases is None or self.cases > MOST_LISTED:
            return None
        flat = np.arange(self.cases, dtype=np.int64)
        cells = np.zeros((self.words, self.cases), dtype=np.int64)
        counts = [len(block.listed) for block in self.blocks if block.listed is not None]
        for block, drawn in zip(self.blocks, _unravel(flat, counts), strict=True):
            assert block.listed is not None
            places = _unravel(block.listed[drawn], [self.axes[a].size for a in block.axes])
            cells += self.pack(dict(zip(block.axes, places, strict=True)), self.cases)
        return cells[:, np.argsort(cells[0], kind="stable")]

    def distinct(self, cells: Cells) -> tuple[Cells, NDArray[np.int64]]:
        """The different cells, and for each cell its place among them."""
        if self.words > 1:
            unique, inverse = np.unique(cells, axis=1, return_inverse=True)
            return unique, inverse.reshape(-1)
        if self.codes <= max(CHUNK, 4 * cells.shape[1]):
            present = np.zeros(self.codes, dtype=np.bool_)
            present[cells[0]] = True
            ranks = np.cumsum(present) - 1
            return np.flatnonzero(present)[None, :], ranks[cells[0]]
        unique, inverse = np.unique(cells[0], return_inverse=True)
        return unique[None, :], inverse


def input_space(hypothesis: Hypothesis) -> Space:
    """The space of a hypothesis; DrawError when it is empty or cannot be drawn from."""
    algorithms, drawing = hypothesis.algorithms, hypothesis.counterfactuals
    pairwise = [line.condition for line in drawing.lines] + [drawing.keep_where]
    groups = groups_of(algorithms, [found for found in pairwise if found is not None])
    leading = {group.inputs[0]: group for group in groups}
    axes: list[Axis] = []
    for variable in algorithms[0].inputs:
        if variable.name in leading:
            group = leading[variable.name]
            axes.append(Axis(group.inputs, len(group.first), group=group))
        elif not isinstance(variable.domain, Real):
            places = size(variable.domain)
            if places is None or places >= WORD:
                raise DrawError(
                    f"`{variable.name}` has too many values to be drawn",
                    "give it a smaller domain",
                    line_number(hypothesis, variable.span),
                )
            axes.append(Axis((variable.name,), places, domain=variable.domain))  # type: ignore[arg-type]
    reals = {v.name: v.domain for v in algorithms[0].inputs if isinstance(v.domain, Real)}
    loose = Space(tuple(axes), _slots(axes), (), reals)
    where = dict.fromkeys(c for a in algorithms for w in a.where for c in conjuncts(w))
    taken = taken_by_some(hypothesis)
    templates = () if taken is None else conjuncts(taken)
    where.update(dict.fromkeys(templates))
    blocks = tuple(_blocks(hypothesis, loose, tuple(where), frozenset(templates)))
    return Space(loose.axes, loose.slots, blocks, reals)


def conjuncts(condition: Expression) -> tuple[Expression, ...]:
    """The conditions that a conjunction joins."""
    if isinstance(condition, Operation) and condition.operator == "and":
        return tuple(part for found in condition.arguments for part in conjuncts(found))
    return (condition,)


def truths(condition: Expression, columns: Mapping[str, Column], rows: int) -> NDArray[np.bool_]:
    """A condition's truth row by row: (rows,)."""
    found = evaluate_expression(condition, columns, rows)
    return np.broadcast_to(np.asarray(found, dtype=np.bool_), (rows,))


def _blocks(
    hypothesis: Hypothesis,
    space: Space,
    where: tuple[Expression, ...],
    templates: frozenset[Expression],
) -> Iterator[Block]:
    axis_of = {name: i for i, axis in enumerate(space.axes) for name in axis.inputs}
    block_of = list(range(len(space.axes)))
    for condition in where:
        touched = sorted({block_of[axis_of[name]] for name in names(condition)})
        block_of = [touched[0] if block in touched else block for block in block_of]
    for first in dict.fromkeys(block_of):
        axes = tuple(axis for axis, block in enumerate(block_of) if block == first)
        within = [c for c in where if names(c) and axis_of[names(c)[0]] in axes]
        total = prod(space.axes[axis].size for axis in axes)
        listed = None
        if total <= MOST_LISTED:
            listed = _admitted(space, axes, within, total)
            if len(listed) == 0 and not templates.isdisjoint(within):
                raise DrawError(
                    "no template takes an input that `where` admits",
                    "add a template for such inputs, or loosen `where`",
                    line_number(hypothesis, hypothesis.network.span),
                )
            if len(listed) == 0:
                text = written(hypothesis, within[0].span, "`where`")
                raise DrawError(
                    f"no input satisfies {text} together with what else `where` says",
                    "remove or loosen a condition",
                    line_number(hypothesis, within[0].span),
                )
        yield Block(axes, tuple(within), listed)


def _admitted(
    space: Space, axes: tuple[int, ...], conditions: list[Expression], total: int
) -> NDArray[np.int64]:
    if not conditions:
        return np.arange(total, dtype=np.int64)
    kept = []
    for start in range(0, total, CHUNK):
        flat = np.arange(start, min(total, start + CHUNK), dtype=np.int64)
        places = _unravel(flat, [space.axes[axis].size for axis in axes])
        cells = space.pack(dict(zip(axes, places, strict=True)), len(flat))
        kept.append(flat[space.admits(cells, conditions)])
    return np.concatenate(kept)


def _unravel(flat: NDArray[np.int64], sizes: Sequence[int]) -> list[NDArray[np.int64]]:
    """Places axis by axis of row-major flat numbers."""
    found: list[NDArray[np.int64]] = []
    for count in reversed(sizes[1:]):
        flat, place = np.divmod(flat, count)
        found.append(place)
    return [flat, *reversed(found)]


def _slots(axes: Sequence[Axis]) -> tuple[tuple[int, int], ...]:
    """Words and strides: axes are packed in order until a word is full."""
    found = []
    word, stride = 0, 1
    for axis in axes:
        if stride * axis.size > WORD:
            word, stride = word + 1, 1
        found.append((word, stride))
        stride *= axis.size
    return tuple(found)
