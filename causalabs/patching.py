"""What patching one place after another does, as a map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

Method: TypeAlias = Literal["exact", "attribution"]


@dataclass(frozen=True)
class PatchCell:
    """The effect of giving the base's run one place as the source's run has it.

    0 is the base's own value of the metric, 1 the source's: `exact` with its 95 % interval is
    measured, `attributed` is what the gradient at the base says of it; None was not asked for.
    """

    row: str
    column: str
    place: str
    exact: float | None = None
    low: float | None = None
    high: float | None = None
    attributed: float | None = None

    @property
    def value(self) -> float | None:
        """The measured effect, or else the attributed one."""
        return self.attributed if self.exact is None else self.exact

    @property
    def difference(self) -> float:
        """By how much attribution is off, 0 where only one of both is known."""
        if self.exact is None or self.attributed is None:
            return 0.0
        return abs(self.exact - self.attributed)


@dataclass(frozen=True)
class PatchMap:
    """Effects place by place, over `rows` and `columns` of a picture.

    `base` and `source` are the metric's means in their clean runs, over `examples` pairs;
    `same` pairs were left out, whose answers are the same. `line` is the file's. Where there is
    `noise`, `base` is the metric with it and `source` the clean one: each place is restored.
    """

    text: str
    line: int
    metric: str
    pairs: str
    split: str
    seed: int
    method: Method
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    cells: tuple[PatchCell, ...]
    base: float
    source: float
    examples: int
    same: int = 0
    noise: str = ""

    @property
    def verb(self) -> str:
        """What is done to a place."""
        return "restored" if self.noise else "patched"

    def cell(self, row: str, column: str) -> PatchCell | None:
        """The cell in a row and a column, None where there is no such place."""
        return next((c for c in self.cells if (c.row, c.column) == (row, column)), None)

    def strongest(self, most: int) -> tuple[PatchCell, ...]:
        """The cells of the largest effects, either way."""
        known = [cell for cell in self.cells if cell.value is not None]
        return tuple(sorted(known, key=lambda cell: -abs(cell.value or 0.0))[:most])

    def disagreements(self, least: float = 0.1, most: int = 5) -> tuple[PatchCell, ...]:
        """Cells whose attribution is off by more than `least`, the worst first."""
        off = [cell for cell in self.cells if cell.difference > least]
        return tuple(sorted(off, key=lambda cell: -cell.difference)[:most])


def patch_map(document: Mapping[str, Any]) -> PatchMap:
    """A `PatchMap` from its JSON form."""
    cells: Sequence[Mapping[str, Any]] = document["cells"]
    lists = {
        "rows": tuple(document["rows"]),
        "columns": tuple(document["columns"]),
        "cells": tuple(PatchCell(**cell) for cell in cells),
    }
    return PatchMap(**{**document, **lists})
