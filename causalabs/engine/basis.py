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
from causalabs.hypothesis.model import Space

Block: TypeAlias = tuple[int, ...]
"""Coordinates that a variable occupies."""

Parameters: TypeAlias = dict[str, Tensor]
"""What a fit moves, by name: (restarts, ...) each."""


class Basis(Protocol):
    """Coordinates at the sites of a space, for one or more restarts at once."""

    kind: str
    exact: bool
    """Whether writing the coordinates that are there already changes nothing but rounding."""

    def encode(self, activation: Tensor, block: Block) -> Tensor:
        """(restarts or 1, batch, width) -> the block's coordinates (restarts, batch, block)."""
        ...

    def write(self, activation: Tensor, values: Tensor, block: Block) -> Tensor:
        """`activation` with the block's coordinates made `values`, all else as it was.

        (restarts, batch, width) and (restarts or 1, batch, block) -> (restarts, batch, width).
        What the basis cannot express (an SAE's reconstruction error, the directions outside a
        rotation) is carried over from `activation`, never dropped.
        """
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
    (for `svd`); `folder` is what paths in the file are relative to.
    """

    activations: Mapping[str, Tensor]
    places: Mapping[str, NDArray[np.int64]]
    domains: Mapping[str, Domain]
    weights: Mapping[str, Tensor] = field(default_factory=dict)
    folder: Any = None
    seed: int = 0


class Kind(Protocol):
    """A kind of basis, registered by name (entry point group `causalabs.bases`)."""

    name: str
    fitted: bool
    """Whether a fit moves its parameters; otherwise it is closed form."""
    needs_data: bool
    """Whether it depends on the split `train` at all (`neurons` and `whole` do not)."""

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

    def random(self, space: Space, width: int, *, generator: torch.Generator) -> Basis:
        """The control `random_basis`: of this kind, drawn without looking at data."""
        ...

    def restore(self, space: Space, tensors: Mapping[str, Tensor]) -> Basis:
        """Inverse of `Basis.tensors`."""
        ...
