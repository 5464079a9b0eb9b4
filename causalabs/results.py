"""What a run found: measurements job by job, verdicts, and their JSON form."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Verdict: TypeAlias = Literal["met", "not met", "undecided"]


@dataclass(frozen=True, eq=False)
class Measured:
    """Example by example, whether network and algorithm agree on every output.

    `metric` "iia" has a `line`; "accuracy" has line -1 and one entry per base of the split,
    with multiplicity. Two measurements of one line, split and seed are paired row by row.
    """

    metric: str
    line: int
    split: str
    hits: NDArray[np.bool_]
    exact: bool = False


@dataclass(frozen=True)
class FitRecord:
    """How one space was fitted: the choice made and what it cost.

    `data` is the hash of the rows the fit saw; `chosen_on` that of the rows that chose.
    `select_scores[j]` is choice j's mean IIA on `select` (empty without a search).
    """

    space: str
    choice: str
    select_scores: tuple[float, ...]
    restarts: int
    steps: int
    examples: int
    train_iia: float
    capacity: int
    data: str
    chosen_on: str = ""


@dataclass(frozen=True, eq=False)
class Outcome:
    """What one job found."""

    job: str
    measured: tuple[Measured, ...]
    fits: tuple[FitRecord, ...] = ()
    network: dict[str, Any] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Judged:
    """A quantity with its 95 % interval; `verdict` None for a `report`."""

    text: str
    line: int
    value: float
    low: float
    high: float
    samples: int
    exact: bool
    bound: float | None = None
    comparison: str | None = None
    verdict: Verdict | None = None
    per_seed: tuple[float, ...] = ()
