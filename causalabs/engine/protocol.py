"""What the rest of the engine asks of a network.

A network is frozen. Its inputs are encoded once into a table; an activation is a function of
(row, site), captured once. An intervention starts at the earliest site written and runs only
what can change from there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import torch
from torch import Tensor

from causalabs.algorithm.domains import Column
from causalabs.hypothesis.model import Site

Scores: TypeAlias = dict[str, Tensor]
"""Per output element: (batch, classes), classes in the order of the domain's places.

An output read `among vocabulary` has one more column than classes, and all are logarithms of
probabilities over the whole vocabulary: of each answer, and last of the best token that is no
answer. Its argmax is then the network's answer, or `classes` for something else.
"""

Edit: TypeAlias = Callable[[Tensor], Tensor]
"""Current activation at a site (batch, width) -> new activation of the same shape.

For a site of several positions they are concatenated: width = positions * width of one.
"""


class Inputs(Protocol):
    """Encoded inputs, one row per distinct input; opaque to all but their network."""

    def __len__(self) -> int: ...


class Prefix(Protocol):
    """What must be kept of clean runs to start again at the earliest of some sites."""

    @property
    def tensors(self) -> Mapping[str, Tensor]:
        """All that is kept of the rows: their axis is the first; the rest is as long as need be.

        What the prefix has beside them (where to start) is the same for all rows. Rows that
        were made in different batches may have different lengths: put together, the shorter
        ones are filled up with zeros at the end of each axis, which a run must not look at.
        """
        ...

    def with_tensors(self, tensors: Mapping[str, Tensor]) -> Prefix:
        """The same prefix of other rows: a store keeps the tensors where it likes."""
        ...

    def take(self, rows: Tensor) -> Prefix:
        """The prefix of these rows, in this order, repeats allowed."""
        ...


class Network(Protocol):
    """A frozen network with named sites."""

    kind: str
    rows_at_once: int
    """Rows of one batch where no gradient is kept."""
    record: Mapping[str, Any]
    """What to tell about it: accuracy, parameters, steps trained, weight hash."""

    @property
    def device(self) -> torch.device:
        """Where its tensors are."""
        ...

    @property
    def dtype(self) -> torch.dtype:
        """The numbers' type."""
        ...

    def encode(self, columns: Mapping[str, Column]) -> Inputs:
        """Inputs from the columns of *all* variables of a clean run (slots may need them)."""
        ...

    def width(self, site: Site) -> int:
        """Numbers in the activation at `site` (all its positions together)."""
        ...

    def slice(self, inputs: Any, rows: slice | Tensor) -> Any:
        """Some rows of the inputs."""
        ...

    def scores(self, inputs: Inputs) -> Scores:
        """Clean scores of every row, batched inside, no gradient."""
        ...

    def capture(self, inputs: Inputs, sites: Sequence[Site]) -> list[Tensor]:
        """Clean activations of every row at each site: (rows, width) each, no gradient."""
        ...

    def prefix(self, inputs: Inputs, sites: Sequence[Site]) -> Prefix:
        """What is needed of every row to run again from the earliest of `sites`."""
        ...

    def prefix_parts(self, inputs: Inputs, sites: Sequence[Site]) -> Iterator[Prefix]:
        """`prefix` in batches of `rows_at_once`, one after another: no more is in memory.

        All parts start at the same place, the one right for every row of `inputs`.
        """
        ...

    def resume(
        self, prefix: Prefix, edits: Sequence[tuple[Site, Edit]], *, slots: int = 1
    ) -> Scores:
        """Scores with the edits applied in forward order; gradients flow through edits.

        Only what comes after the earliest edited site is run. An edit's argument is the
        activation as it is then: changed by upstream edits, otherwise the base's.

        With `slots` every row of the prefix is run so many times side by side, what is kept
        of it being shared: edits see, and scores have, (slots * rows) rows, slot by slot.
        """
        ...

    def resume_each(
        self, prefix: Prefix, groups: Sequence[Sequence[tuple[Site, Edit]]], *, slots: int = 1
    ) -> list[Scores]:
        """`resume` once per group of edits, over the same rows and one prefix.

        The prefix must have been made for the sites of all groups. A network that can lets
        the groups join one pass where each begins (a staggered search over layers), and says
        so by an attribute `staggers`; the scores are those of separate calls to rounding.
        """
        ...


@dataclass(frozen=True)
class Device:
    """Where and how numbers are computed."""

    name: str = "cpu"
    dtype: torch.dtype = torch.float32
