"""Where single inputs come from: a split's inputs under conditions of their own, balanced."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from causalabs.algorithm.expression import Expression
from causalabs.counterfactuals.deal import Deal
from causalabs.counterfactuals.errors import DrawError, line_number, written
from causalabs.counterfactuals.runs import Model, Runs, value_text
from causalabs.counterfactuals.space import CHUNK, MOST_LISTED, Cells
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

FEW = 1 << 20
"""Up to so many inputs are listed whenever that makes drawing exact."""


class Pool:
    """Inputs of one split (None: all) that satisfy conditions on themselves alone."""

    def __init__(
        self,
        model: Model,
        deal: Deal,
        split: int | None,
        conditions: Sequence[Expression] = (),
        line: Line | None = None,
    ) -> None:
        self.model, self.deal, self.line = model, deal, line
        self.split = None if deal.by == "example" else split
        self.conditions = tuple(conditions)
        self._quotas: Quotas | None = None

    @cached_property
    def listed(self) -> Cells | None:
        """All inputs of the pool, (words, inputs); None when there are too many to list."""
        cases = self.model.space.cases
        must = bool(self.model.balance) or self.deal.by == "cells"
        if cases is None or cases > (MOST_LISTED if must else FEW):
            return None
        cells = self.model.listing
        assert cells is not None
        if self.split is not None:
            cells = cells[:, self.deal.of(self.model, cells) == self.split]
        if self.conditions:
            cells = cells[:, in_chunks(cells, self._held)]
        if cells.shape[1] == 0:
            raise self._impossible("no input")
        return cells

    @property
    def size(self) -> int | None:
        """How many inputs the pool has; None where they are not counted."""
        if self.listed is not None:
            return int(self.listed.shape[1])
        return None if self.split is not None or self.conditions else self.model.space.cases

    @cached_property
    def groups(self) -> Grouped:
        """The listing by balanced tuple."""
        assert self.listed is not None
        count = self.listed.shape[1]
        if not self.model.balance:
            return grouped(count, None)
        codes = in_chunks(self.listed, self.codes)
        return grouped(count, (np.zeros(count, dtype=np.int64), codes))

    def draw(self, rows: int, *, generator: np.random.Generator) -> Cells:
        """Inputs, uniform over balanced tuples if any, and within them: (words, rows)."""
        plain = self.split is None and not self.conditions
        if plain and not self.model.balance:
            return self.model.space.sample(rows, generator=generator)
        if self.listed is not None:
            return self.listed[:, self.groups.draw(rows, generator=generator)]
        try:
            if not self.model.balance:
                gathered: Cells = gather(lambda n: self._proposed(n, generator), rows)[0]
                return gathered
            if self._quotas is None:
                self._quotas = Quotas(
                    lambda n: self._proposed(n, self._generator), self._keys, False, True
                )
            self._generator = generator
            drawn: Cells = self._quotas.draw(rows, generator=generator)[0]
            return drawn
        except HopelessError as failed:
            raise self._impossible(f"{failed.got} of {failed.tried:,} inputs") from None
        except RareError as rare:
            raise too_rare(self.model, rare.key, rare.frequency) from None

    def codes(self, cells: Cells) -> NDArray[np.int64]:
        """Code of each input's balanced tuple: (rows,)."""
        return Runs(self.model, cells[None]).tuples(0)

    def _proposed(self, rows: int, generator: np.random.Generator) -> NDArray[np.int64]:
        cells = self.model.space.sample(rows, generator=generator)
        if self.split is not None:
            cells = cells[:, self.deal.of(self.model, cells) == self.split]
        if self.conditions:
            cells = cells[:, self._held(cells)]
        return cells[None]  # (1, words, rows)

    def _held(self, cells: Cells) -> NDArray[np.bool_]:
        return Runs(self.model, cells[None]).hold(self.conditions, self.line, single=True)

    def _keys(self, cells: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        codes = self.codes(cells[0])
        return np.zeros_like(codes), codes

    def _impossible(self, many: str) -> DrawError:
        hypothesis = self.model.hypothesis
        where = ""
        if self.split is not None:
            where = f" in split `{self.model.drawing.splits[self.split][0]}`"
        if not self.conditions:
            return DrawError(
                f"{many}{where} can be drawn",
                "give the split a larger share, or split by example",
            )
        span = self.conditions[0].span
        texts = [written(hypothesis, c.span, "its condition") for c in self.conditions]
        return DrawError(
            f"{many}{where} satisfies {' and '.join(texts)}",
            "loosen the condition",
            line_number(hypothesis, span),
        )


def too_rare(model: Model, key: int, frequency: float) -> DrawError:
    """The error of D4: a balanced tuple that hardly ever comes up."""
    text = value_text(model.balance, key)
    return DrawError(
        f"`{text}` is too rare to be balanced: it came up {round(frequency * PILOT)} times in "
        f"{PILOT:,} draws",
        f"leave a variable out of `balance`, or make `{text}` more frequent by other domains",
    )


def in_chunks(cells: Cells, compute: Callable[[Cells], NDArray[Any]]) -> NDArray[Any]:
    """`compute` for some cells at a time, its results joined: bounds memory."""
    if cells.shape[1] <= CHUNK:
        return compute(cells)
    starts = range(0, cells.shape[1], CHUNK)
    return np.concatenate([compute(cells[:, s : s + CHUNK]) for s in starts])
