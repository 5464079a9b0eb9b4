"""What circuits are run on: pairs of a base and a source, in parts that fit into memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from causalabs.engine.circuits import ablation
from causalabs.engine.circuits.contract import Clean, Wired
from causalabs.engine.circuits.edges import Kept, Wiring
from causalabs.engine.circuits.row_values import Wanted, row_values
from causalabs.engine.errors import EngineError
from causalabs.engine.protocol import Inputs

SMALL = 64
"""Rows that are run together however little they are; of small networks a 32nd of what would
fit, which stays in the processor's own memory and is twice as fast."""
KEPT_BYTES = 2**30
"""Clean terms that are kept in memory while a search asks for the same rows again."""


@dataclass(frozen=True, eq=False)
class Pairs:
    """Rows of the table of inputs: a base each, and the source that cut edges carry.

    Without resampling the source is the base, and is not looked at.
    """

    base: NDArray[np.int64]
    source: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.base)

    def take(self, rows: NDArray[np.int64] | slice) -> Pairs:
        """Some pairs, in this order."""
        return Pairs(self.base[rows], self.source[rows])


@dataclass(frozen=True, eq=False)
class Part:
    """Some pairs, ready to run: `instead` is what cut edges carry."""

    base: Clean
    instead: Tensor
    wanted: Wanted


@dataclass(eq=False)
class Ground:
    """A network's graph over a table of inputs, under one ablation.

    `wanted` is of every input; `mean` (writers, 1, positions or 1, width) what a mean ablation
    carries.
    """

    wired: Wired
    inputs: Inputs
    wanted: Wanted
    ablation: str
    mean: Tensor | None = None
    wiring: Wiring = field(init=False)
    runs: int = 0
    """Sets of edges that were run over some rows."""
    _known: dict[tuple[bytes, bytes, str], NDArray[np.float64]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.wiring = Wiring.of(self.wired)

    def parts(self, pairs: Pairs) -> Iterator[Part]:
        """The pairs in parts, each with its clean terms."""
        most = self.wired.rows_at_once(self.inputs)
        step = max(1, min(most // 2, max(SMALL, most // 32)))
        for first in range(0, len(pairs), step):
            yield self._part(pairs.take(slice(first, first + step)))

    def _part(self, pairs: Pairs) -> Part:
        rows = torch.from_numpy(pairs.base)
        base = self.clean(rows)
        wanted = self.wanted.take(rows.to(self.wired.network.device))
        if self.ablation == "zero":
            return Part(base, ablation.zero(base), wanted)
        if self.mean is not None:
            return Part(base, self.mean, wanted)
        source = self.clean(torch.from_numpy(pairs.source))
        self._same_lengths(base, source, pairs)
        return Part(base, ablation.resample(base, source), wanted)

    def clean(self, rows: Tensor) -> Clean:
        """Clean runs of some inputs."""
        return self.wired.clean(self.wired.network.slice(self.inputs, rows))

    def _same_lengths(self, base: Clean, source: Clean, pairs: Pairs) -> None:
        """Token by token one run's terms stand for another's only where both have as many."""
        differ = (base.lengths != source.lengths).nonzero().flatten()
        if len(differ):
            at = int(differ[0])
            raise EngineError(
                f"{self._said(int(pairs.base[at]))} has {int(base.lengths[at])} tokens and its "
                f"source {self._said(int(pairs.source[at]))} has {int(source.lengths[at])}",
                "draw bases and sources of one length, or use `ablate = mean` or `zero`",
            )

    def _said(self, row: int) -> str:
        """A prompt as a person knows it."""
        text = getattr(getattr(self.wired.network, "prompter", None), "text", None)
        return f"`{text(self.inputs, row)}`" if text is not None else f"input {row}"

    # ------------------------------------------------------------------- running

    def keep(self, pairs: Pairs) -> Held:
        """The pairs with their clean terms kept, where memory has room for them."""
        return Held(self, pairs)

    def values(self, pairs: Pairs, sets: Sequence[Kept], metrics: Sequence[str]) -> Values:
        """Each metric of each set of edges, row by row: (metrics, sets, rows).

        Sets that were run over these pairs before are not run again.
        """
        rows = pairs.base.tobytes() + pairs.source.tobytes()
        keys = [(rows, np.packbits(each).tobytes()) for each in sets]
        new = {
            key: each
            for key, each in zip(keys, sets, strict=True)
            if any((*key, metric) not in self._known for metric in metrics)
        }
        if new:
            table = np.stack(list(new.values()))
            parts = [self.of_part(part, table, metrics) for part in self.parts(pairs)]
            for metric, by_set in zip(metrics, np.concatenate(parts, axis=2), strict=True):
                self._known |= {(*key, metric): by_set[i] for i, key in enumerate(new)}
        return np.stack([np.stack([self._known[*key, m] for key in keys]) for m in metrics])

    def of_part(self, part: Part, sets: Kept, metrics: Sequence[str]) -> Values:
        """The same of one part."""
        self.runs += len(sets)
        kept = torch.from_numpy(sets).to(part.base.terms.device)
        found = self.wired.scores(part.base, part.instead, kept)
        each = [[row_values(name, scores, part.wanted) for scores in found] for name in metrics]
        values = torch.stack([torch.stack(sets) for sets in each]).double().cpu().numpy()
        if not np.isfinite(values).all():
            raise EngineError(
                f"`{' and '.join(metrics)}` of a circuit is not a finite number",
                "it needs an answer that is right and one that is not",
            )
        return values


Values = NDArray[np.float64]


@dataclass(eq=False)
class Held:
    """Pairs that a search runs again and again."""

    ground: Ground
    pairs: Pairs
    _parts: list[Part] | None = None

    def parts(self) -> Iterator[Part]:
        """The parts; kept after the first time if they are few enough."""
        if self._parts is not None:
            yield from self._parts
            return
        kept: list[Part] | None = []
        size = 0
        for part in self.ground.parts(self.pairs):
            terms = (part.base.terms, part.instead)
            size += sum(each.numel() * each.element_size() for each in terms)
            kept = kept if kept is not None and size <= KEPT_BYTES else None
            if kept is not None:
                kept.append(part)
            yield part
        self._parts = kept

    def means(self, sets: Kept, metric: str) -> Values:
        """A metric's mean over the pairs, of each of (sets, edges): (sets,)."""
        totals: Any = 0.0
        for part in self.parts():
            totals = totals + self.ground.of_part(part, sets, [metric])[0].sum(axis=1)
        return np.asarray(totals / len(self.pairs))


def reference(ground: Ground, rows: NDArray[np.int64]) -> Tensor | None:
    """What cut edges carry whatever the row: the mean over some inputs, None without a mean."""
    step = ground.wired.rows_at_once(ground.inputs)
    runs = (
        ground.clean(torch.from_numpy(rows[first : first + step]))
        for first in range(0, len(rows), step)
    )
    match ground.ablation:
        case "mean":
            return ablation.mean(runs)
        case "mean_by_position":
            return ablation.mean_by_position(runs)
        case _:
            return None
