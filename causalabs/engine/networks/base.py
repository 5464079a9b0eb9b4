"""What all built-in networks share: outputs, batching, prefixes, initial weights.

A network computes three things with gradients (`run`, `read`, `start`); the protocol's
`scores`, `capture` and `prefix` are the same in batches without gradients. Training by
interchange uses the former, everything after training the latter.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn

from causalabs.algorithm.domains import Column
from causalabs.engine.errors import EngineError
from causalabs.engine.networks.naming import say_site
from causalabs.engine.protocol import Edit, Scores
from causalabs.hypothesis.model import Position, Site

Init = Callable[[nn.Module, torch.Generator], None]


@dataclass(frozen=True)
class Output:
    """An output element that is read: its classes, and where."""

    name: str
    classes: int
    position: Position | None = None


@dataclass(frozen=True, eq=False)
class Kept:
    """What is kept of clean runs: tensors with one row per input, and where to start.

    `start` is the network's own description of the place; it is the same for all rows.
    """

    tensors: Mapping[str, Tensor]
    start: Any
    sites: tuple[Site, ...] = field(default=())

    def with_tensors(self, tensors: Mapping[str, Tensor]) -> Kept:
        """The same of other rows."""
        return replace(self, tensors=tensors)

    def take(self, rows: Tensor) -> Kept:
        """These rows, in this order, repeats allowed."""
        taken = {name: kept.index_select(0, rows) for name, kept in self.tensors.items()}
        return Kept(taken, self.start, self.sites)


I = TypeVar("I")  # noqa: E741 - the encoded inputs of a network


class BuiltIn(nn.Module, ABC, Generic[I]):
    """A built-in network over encoded inputs `I`."""

    kind: str
    rows_at_once = 8192
    """Rows of one batch where no gradient is kept."""
    staggers = False

    def __init__(self, outputs: Sequence[Output]) -> None:
        super().__init__()
        self.outputs = tuple(outputs)
        self.record: Mapping[str, Any] = {}

    # ------------------------------------------------------- each network's own

    @abstractmethod
    def encode(self, columns: Mapping[str, Column]) -> I:
        """Inputs from the columns of all variables of a clean run."""

    @abstractmethod
    def slice(self, inputs: I, rows: slice | Tensor) -> I:
        """Some rows of the inputs."""

    @abstractmethod
    def run(self, inputs: I) -> Scores:
        """Scores, with gradients."""

    @abstractmethod
    def read(self, inputs: I, sites: Sequence[Site]) -> list[Tensor]:
        """Activations, with gradients."""

    @abstractmethod
    def start(self, inputs: I, sites: Sequence[Site], earliest: Any) -> Kept:
        """What must be kept to start at `earliest`, with gradients."""

    @abstractmethod
    def earliest(self, inputs: I, sites: Sequence[Site]) -> Any:
        """Where a run that edits `sites` must start, the same for all rows of `inputs`."""

    @abstractmethod
    def proceed(self, prefix: Any, edits: Sequence[tuple[Site, Edit]]) -> Scores:
        """Scores with the edits applied, started from `prefix`."""

    @abstractmethod
    def width(self, site: Site) -> int:
        """Numbers in the activation at `site`."""

    @abstractmethod
    def initialise(self, generator: torch.Generator) -> None:
        """Fresh weights."""

    # ----------------------------------------------------------- shared by all

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        """The numbers' type."""
        return next(self.parameters()).dtype

    def forward(self, inputs: I) -> Scores:
        """The same as `run`."""
        return self.run(inputs)

    @torch.no_grad()
    def scores(self, inputs: I) -> Scores:
        """Clean scores of every row, per output (rows, classes)."""
        parts = [self.run(batch) for batch in self._batches(inputs)]
        return {o.name: torch.cat([part[o.name] for part in parts]) for o in self.outputs}

    @torch.no_grad()
    def capture(self, inputs: I, sites: Sequence[Site]) -> list[Tensor]:
        """Clean activations of every row at each site, (rows, width) each."""
        if not sites:
            return []
        parts = [self.read(batch, sites) for batch in self._batches(inputs)]
        return [torch.cat(columns) for columns in zip(*parts, strict=True)]

    @torch.no_grad()
    def prefix(self, inputs: I, sites: Sequence[Site]) -> Kept:
        """What every row needs to run again from the earliest of `sites`.

        `resume` may then edit those sites and no others.
        """
        parts = list(self.prefix_parts(inputs, sites))
        names = parts[0].tensors
        joined = {name: torch.cat([part.tensors[name] for part in parts]) for name in names}
        return parts[0].with_tensors(joined)

    def prefix_parts(self, inputs: I, sites: Sequence[Site]) -> Iterator[Kept]:
        """The prefix in batches of `rows_at_once`, all started at the same place."""
        if not sites:
            raise ValueError("a prefix needs at least one site")
        earliest = self.earliest(inputs, sites)
        for batch in self._batches(inputs):
            with torch.no_grad():
                part = self.start(batch, sites, earliest)
            yield part

    def resume(self, prefix: Any, edits: Sequence[tuple[Site, Edit]], *, slots: int = 1) -> Scores:
        """Scores with the edits applied, each row of `prefix` run `slots` times."""
        if slots > 1:
            rows = len(next(iter(prefix.tensors.values())))
            prefix = prefix.take(torch.arange(rows, device=self.device).repeat(slots))
        return self.proceed(prefix, edits)

    def resume_each(
        self, prefix: Any, groups: Sequence[Sequence[tuple[Site, Edit]]], *, slots: int = 1
    ) -> list[Scores]:
        """One run per group of edits; a prefix for the sites of all groups serves each."""
        return [self.resume(prefix, edits, slots=slots) for edits in groups]

    def freeze(self) -> None:
        """No parameter is trained from here on."""
        self.eval()
        self.requires_grad_(False)

    def _batches(self, inputs: I) -> Iterator[I]:
        rows = len(inputs)  # type: ignore[arg-type]
        if rows == 0:
            yield inputs
        for first in range(0, rows, self.rows_at_once):
            yield self.slice(inputs, slice(first, first + self.rows_at_once))


def apply_edit(site: Site, edit: Edit, current: Tensor) -> Tensor:
    """The edited activation; an edit that changes the shape is an error naming the site."""
    edited = edit(current)
    if edited.shape != current.shape:
        was, now = tuple(current.shape), tuple(edited.shape)
        raise EngineError(f"the write to {say_site(site)} has shape {now}, the site {was}")
    return edited


def check_kept(prefix: Kept, edits: Sequence[tuple[Site, Edit]]) -> None:
    """An edit of a site that the prefix was not made for would start too late: an error."""
    for site, _ in edits:
        if site not in prefix.sites:
            kept = ", ".join(say_site(kept) for kept in prefix.sites)
            raise EngineError(f"{say_site(site)} cannot be written: the run was kept for {kept}")


def split_scores(outputs: Sequence[Output], logits: Tensor) -> Scores:
    """All outputs' scores side by side (batch, all classes) -> per output."""
    parts = torch.split(logits, [output.classes for output in outputs], dim=-1)
    return {output.name: part for output, part in zip(outputs, parts, strict=True)}


def fill_uniform(weight: Tensor, fan_in: int, generator: torch.Generator) -> None:
    """Uniform in plus or minus 1 / sqrt(fan_in), as torch's own layers begin."""
    bound = 1 / math.sqrt(fan_in)
    with torch.no_grad():
        drawn = torch.rand(weight.shape, generator=generator, dtype=torch.float32)
        weight.copy_((2 * drawn - 1) * bound)


def fill_normal(weight: Tensor, deviation: float, generator: torch.Generator) -> None:
    """Normal with this standard deviation."""
    with torch.no_grad():
        drawn = torch.randn(weight.shape, generator=generator, dtype=torch.float32)
        weight.copy_(drawn * deviation)
