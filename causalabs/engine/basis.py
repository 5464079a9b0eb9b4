"""What the rest of the engine asks of a basis: coordinates at a site, and a way to write them.

A basis is a plain value. A *kind* of basis makes it: in closed form from clean activations
(`pca`, `probe`, ...), or by descent from parameters that a fit moves (`learned`, `masked`, ...).
Everything is stacked by restarts: the first axis of what is fitted is the restart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from causalabs.algorithm.domains import Domain
from causalabs.hypothesis.model import Site, Space

Block: TypeAlias = tuple[int, ...]
"""Coordinates that a variable occupies."""

Parameters: TypeAlias = dict[str, Tensor]
"""What a fit moves, by name: (restarts, ...) each."""


class Basis(Protocol):
    """Coordinates at the sites of a space, for one or more restarts at once."""

    @property
    def kind(self) -> str:
        """The name of its kind."""
        ...

    @property
    def exact(self) -> bool:
        """Whether what is written is what is read: `encode(write(h, v, b), b)` is `v`."""
        ...

    @property
    def additive(self) -> bool:
        """Whether writes of disjoint blocks to one activation add up: their changes are summed.

        Otherwise they are done one after another, which for such a basis is the same as at
        once: no block disturbs another.
        """
        ...

    def encode(self, activation: Tensor, block: Block) -> Tensor:
        """(restarts or 1, batch, width) -> the block's coordinates (restarts, batch, n).

        n is the length of the block, or more where the basis has not yet decided which
        coordinates are in it (a soft mask). What is encoded goes to `write` as it is.
        """
        ...

    def write(self, activation: Tensor, values: Tensor, block: Block) -> Tensor:
        """`activation` with the block's coordinates made `values`, all else as it was.

        (restarts or 1, batch, width) and (restarts or 1, batch, n) -> (restarts, batch, width).
        What the basis cannot express (an SAE's reconstruction error, the directions outside a
        rotation) is carried over from `activation`, never dropped. Writing what `encode` gives
        changes nothing but rounding, in every basis.
        """
        ...

    def swap(self, activation: Tensor, source: Tensor, block: Block) -> Tensor:
        """`write(activation, encode(source, block), block)`, with less work where there is a way.

        The usual interchange: the value comes from the same site in the same basis.
        """
        ...

    def to(self, *, device: torch.device | str, dtype: torch.dtype) -> Basis:
        """The same elsewhere, in other precision."""
        ...

    def tensors(self) -> Mapping[str, Tensor]:
        """What is saved, one restart: enough for `Kind.restore`."""
        ...


class Assigning(Basis, Protocol):
    """A basis that can produce a value without a source (SEMANTICS I5)."""

    def value(self, variable: str, place: int) -> Tensor:
        """Coordinates (block,) of the value at `place` of the variable's domain."""
        ...


@dataclass(frozen=True, eq=False)
class Evidence:
    """What a closed-form basis is made from, all of it of the split `train`.

    `activations[v]` are (rows, width) clean activations at the place that variable v is read
    (its member's sites, joint ones side by side); `places[v]` the places (rows,) of v's value
    in its domain; `domains[v]` that domain. `weights` gives a weight of the network by name
    (for `svd`); `folder` is what paths in the file are relative to; `sites` are those of the
    choice that is settled, in the order in which they stand side by side.
    """

    activations: Mapping[str, Tensor]
    places: Mapping[str, NDArray[np.int64]]
    domains: Mapping[str, Domain]
    weights: Mapping[str, Tensor] = field(default_factory=dict)
    folder: Any = None
    seed: int = 0
    sites: tuple[Site, ...] = ()


class Kind(Protocol):
    """A kind of basis, registered by name (entry point group `causalabs.bases`)."""

    @property
    def name(self) -> str:
        """What it is called in a file."""
        ...

    @property
    def fitted(self) -> bool:
        """Whether a fit moves its parameters; otherwise it is closed form."""
        ...

    def needs_data(self, space: Space) -> bool:
        """Whether it depends on the split `train` at all (`neurons` and `whole` do not)."""
        ...

    @property
    def drawable(self) -> bool:
        """Whether the control `random_basis` replaces it: coordinates somebody or a fit chose."""
        ...

    def dims(self, space: Space, width: int) -> int:
        """Coordinates it has at a site of `width`; `EngineError` where they do not fit."""
        ...

    def capacity(self, space: Space, width: int) -> int:
        """Numbers that a fit of this space sets."""
        ...

    def closed(self, space: Space, width: int, evidence: Evidence) -> Basis:
        """The basis, of a kind that no fit moves."""
        ...

    def start(
        self, space: Space, width: int, restarts: int, *, generator: torch.Generator
    ) -> Parameters:
        """Fresh parameters of a fitted kind, (restarts, ...) each."""
        ...

    def basis(self, space: Space, parameters: Parameters, share: float) -> Basis:
        """The basis at a share of the fit done (0 to 1: temperatures fall with it).

        Gradients flow to the parameters. At 1 it is what is judged: hard masks, whole counts.
        """
        ...

    def penalty(self, space: Space, parameters: Parameters, share: float) -> Tensor | None:
        """What is added to the loss, per restart (restarts,); None for nothing."""
        ...

    def random(
        self,
        space: Space,
        width: int,
        *,
        generator: torch.Generator,
        evidence: Evidence | None = None,
    ) -> Basis:
        """The control `random_basis`: of this kind, drawn without looking at data.

        `evidence` is for what must be known besides: the file of an SAE whose latents are
        drawn, the class means of a basis in which values can be set.
        """
        ...

    def restore(self, space: Space, tensors: Mapping[str, Tensor]) -> Basis:
        """Inverse of `Basis.tensors`."""
        ...
