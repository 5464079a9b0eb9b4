"""One line's examples in one split: which (base, sources) there are, and draws of them.

Conditions on the base alone, or on the sources alone, restrict what each is drawn from. What
is left ties them: then admitted combinations are listed when there are few, and found by
rejection otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from math import prod

import numpy as np
from numpy.typing import NDArray

from causalabs.algorithm.expression import Expression, names
from causalabs.counterfactuals.deal import Deal
from causalabs.counterfactuals.errors import DrawError, line_number, written
from causalabs.counterfactuals.pools import Pool
from causalabs.counterfactuals.runs import Model, Runs, value_text
from causalabs.counterfactuals.space import CHUNK, Cells, conjuncts
from causalabs.counterfactuals.strata import (
    PILOT,
    Grouped,
    HopelessError,
    Quotas,
    RareError,
    gather,
    grouped,
)
from causalabs.hypothesis.model import Line

FEW_PAIRS = 1 << 18
MOST_PAIRS = 20_000_000
"""Most rows of an exhaustive line (D7)."""


class Sampler:
    """Examples of one line within one split (None: of all inputs)."""

    def __init__(self, model: Model, line: Line, deal: Deal, split: int | None) -> None:
        self.model, self.line, self.deal = model, line, deal
        self.split = None if deal.by == "example" else split
        drawing = model.drawing
        wanted = [c for c in (drawing.keep_where, line.condition) if c is not None]
        conditions = tuple(dict.fromkeys(p for c in wanted for p in conjuncts(c)))
        self.runs = line.sources + 1
        sides = [_sides(condition) for condition in conditions]
        own: list[list[Expression]] = [[] for _ in range(self.runs)]
        self.joint: list[Expression] = []
        for condition, side in zip(conditions, sides, strict=True):
            run = self._single_run(condition, side)
            if run is None:
                self.joint.append(condition)
            else:
                own[run].append(condition)
        self.conditions = conditions
        self.pools = [Pool(model, deal, split, found, line) for found in own]
        self._quotas: Quotas | None = None

    def _single_run(self, condition: Expression, sides: frozenset[str]) -> int | None:
        """The run that a condition speaks of alone, None for several."""
        if sides <= {"base"}:
            return 0
        if self.model.changing or "base" in sides or self.runs == 1:
            return None
        elements = {name.partition(".")[2] for name in names(condition)}
        runs = {(self.line.source_of(self._element(e)) or 0) + 1 for e in elements}
        return runs.pop() if len(runs) == 1 else None

    def _element(self, name: str) -> str:
        return self.model.holder(name, self.line.algorithm)[1]

    @property
    def independent(self) -> bool:
        """Whether base and sources can be drawn each by itself."""
        return not (self.joint or self.line.balance_after or self._changing)

    @property
    def free(self) -> bool:
        """Whether any base goes with any sources."""
        return not (self.joint or self._changing)

    @property
    def _changing(self) -> bool:
        return self.model.changing and self.runs > 1

    # ------------------------------------------------------------------- drawing

    def draw(self, rows: int, *, generator: np.random.Generator) -> NDArray[np.int64]:
        """Examples: (runs, words, rows)."""
        if self.independent:
            return np.stack([pool.draw(rows, generator=generator) for pool in self.pools])
        count = self._count()
        if count is not None and count <= FEW_PAIRS:
            return self._listed_draw(rows, generator)
        try:
            self._generator = generator
            if not (self.model.balance or self.line.balance_after):
                return gather(self._proposed, rows)
            if self._quotas is None:
                self._quotas = Quotas(self._proposed, self._keys, bool(self.line.balance_after))
            return self._quotas.draw(rows, generator=generator)
        except (HopelessError, RareError) as failed:
            if count is not None and count <= MOST_PAIRS:
                return self._listed_draw(rows, generator)
            raise self._explained(failed) from None

    def _listed_draw(self, rows: int, generator: np.random.Generator) -> NDArray[np.int64]:
        items = self._groups.draw(rows, generator=generator)
        return self._pairs[:, :, items]

    @cached_property
    def _pairs(self) -> NDArray[np.int64]:
        pairs = self.every()
        if pairs.shape[2] == 0:
            raise self.nothing()
        return pairs

    @cached_property
    def _groups(self) -> Grouped:
        count = self._pairs.shape[2]
        if not (self.model.balance or self.line.balance_after):
            return grouped(count, None)
        found = [self._keys(part) for part in _chunks(self._pairs)]
        outer, inner = (np.concatenate(keys) for keys in zip(*found, strict=True))
        return grouped(count, (outer, inner))

    def _keys(self, cells: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Outcome of `balance .. after`, and the tuples of all runs together."""
        runs = Runs(self.model, cells)
        inner = np.zeros(runs.rows, dtype=np.int64)
        if self.model.balance:
            for run in range(self.runs):
                inner = inner * self.model.tuples + runs.tuples(run)
        outer = runs.outcomes(self.line) if self.line.balance_after else np.zeros_like(inner)
        return outer, inner

    def _proposed(self, rows: int) -> NDArray[np.int64]:
        """Combinations as they come, those admitted: (runs, words, fewer rows)."""
        generator = self._generator
        base = self.pools[0].draw(rows, generator=generator)
        if self._changing:
            sources = [self._changed(base, generator) for _ in range(self.runs - 1)]
        else:
            sources = [pool.draw(rows, generator=generator) for pool in self.pools[1:]]
        return self._kept(np.stack([base, *sources]))

    def _changed(self, base: Cells, generator: np.random.Generator) -> Cells:
        """The base with what `source changes only` names drawn anew."""
        space, rows = self.model.space, base.shape[1]
        places: dict[int, NDArray[np.int64]] = {}
        for axis in self._changed_axes:
            places[axis] = np.asarray(generator.integers(0, space.axes[axis].size, rows))
        return self._replaced(base, places)

    def _replaced(self, base: Cells, places: dict[int, NDArray[np.int64]]) -> Cells:
        space, rows = self.model.space, base.shape[1]
        old = {axis: space.places(base, axis) for axis in places}
        return base - space.pack(old, rows) + space.pack(places, rows)

    @cached_property
    def _changed_axes(self) -> list[int]:
        return self.model.changed_axes()

    def _kept(self, cells: NDArray[np.int64]) -> NDArray[np.int64]:
        """The examples that all conditions on several runs admit."""
        runs = Runs(self.model, cells)
        held = np.ones(runs.rows, dtype=np.bool_)
        if self._changing:
            held &= runs.consistent()
            if self.split is not None:
                for source in cells[1:]:
                    held &= self.deal.of(self.model, source) == self.split
            runs = Runs(self.model, cells[:, :, held])
            cells, held = runs.cells, np.ones(runs.rows, dtype=np.bool_)
        if self.joint:
            held &= runs.hold(self.joint, self.line)
        return cells if held.all() else cells[:, :, held]

    # ----------------------------------------------------------------- exhaustive

    def _count(self) -> int | None:
        """How many combinations there are before conditions on several runs."""
        base = self.pools[0].listed
        if base is None:
            return None
        if self._changing:
            sizes = [self.model.space.axes[axis].size for axis in self._changed_axes]
            return int(base.shape[1]) * int(prod(sizes) ** (self.runs - 1))
        listed = [pool.listed for pool in self.pools[1:]]
        if any(found is None for found in listed):
            return None
        return int(base.shape[1]) * prod(int(f.shape[1]) for f in listed if f is not None)

    def total(self) -> int | None:
        """Rows of the exhaustive line before any condition, None when not countable."""
        return self._count()

    def every(self) -> NDArray[np.int64]:
        """Every admitted combination, base by base: (runs, words, rows)."""
        count = self._count()
        assert count is not None
        kept = [
            self._kept(self._numbered(np.arange(s, min(count, s + CHUNK), dtype=np.int64)))
            for s in range(0, count, CHUNK)
        ]
        return np.concatenate(kept, axis=2)

    def _numbered(self, flat: NDArray[np.int64]) -> NDArray[np.int64]:
        """Combinations by their numbers: (runs, words, rows)."""
        found: list[Cells] = []
        base = self.pools[0].listed
        assert base is not None
        if not self._changing:
            for pool in reversed(self.pools[1:]):
                assert pool.listed is not None
                flat, item = np.divmod(flat, pool.listed.shape[1])
                found.append(pool.listed[:, item])
            return np.stack([base[:, flat], *reversed(found)])
        changes: list[dict[int, NDArray[np.int64]]] = []
        for _ in range(self.runs - 1):
            places = {}
            for axis in self._changed_axes:
                flat, places[axis] = np.divmod(flat, self.model.space.axes[axis].size)
            changes.append(places)
        bases = base[:, flat]
        return np.stack([bases, *(self._replaced(bases, places) for places in changes)])

    # --------------------------------------------------------------------- errors

    def nothing(self, many: str = "no") -> DrawError:
        """The error of a line that has (hardly) any example."""
        hypothesis, line = self.model.hypothesis, self.line
        texts = [written(hypothesis, c.span, "its condition") for c in self.conditions]
        where = ""
        if self.split is not None:
            where = f" in split `{self.model.drawing.splits[self.split][0]}`"
        what = f" satisfies {' and '.join(texts)}" if texts else " can be drawn"
        return DrawError(
            f"{many} pair of base and source for `{line.name}`{where}{what}",
            "loosen the condition" if texts else "change more inputs, or fewer splits",
            line_number(hypothesis, line.span),
        )

    def _explained(self, failed: HopelessError | RareError) -> DrawError:
        if isinstance(failed, HopelessError):
            return self.nothing(f"only {failed.got} of {failed.tried:,} draws: hardly any")
        algorithm = self.model.algorithms[self.line.algorithm]
        outputs = [algorithm[name] for name in self.line.balance_after]
        return DrawError(
            f"`{value_text(outputs, failed.key)}` after `{self.line.name}` is too rare to be "
            f"balanced: it came up {round(failed.frequency * PILOT)} times in {PILOT:,} draws",
            "leave out `balance ... after`, or loosen the conditions",
            line_number(self.model.hypothesis, self.line.span),
        )


def _sides(condition: Expression) -> frozenset[str]:
    return frozenset(name.partition(".")[0] for name in names(condition))


def _chunks(cells: NDArray[np.int64]) -> Sequence[NDArray[np.int64]]:
    return [cells[:, :, s : s + CHUNK] for s in range(0, max(1, cells.shape[2]), CHUNK)]
