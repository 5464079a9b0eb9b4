"""A rotation of which a variable takes a learned number of dims.

Boundless distributed alignment search (Wu et al. 2023, arXiv 2305.08809, section 3.2). While it
is fitted, coordinate i of a block of n counts by `sigmoid((b n - i - 1/2) / temperature)`, where
the boundary b between 0 and 1 is learned and the temperature falls; what is judged is a whole
number of dims.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from causalabs.engine.bases.rotation import Rotation, orthonormal, random_rotation, span_of
from causalabs.engine.bases.shared import Descended, blocks_of, dims_of, refuse_named, weight_of
from causalabs.engine.basis import Basis, Block, Evidence, Parameters
from causalabs.hypothesis.model import Space

HOT, COLD = 50.0, 0.1
"""Temperatures at the beginning and at the end of a fit; between them it falls geometrically.
The first is no more than the block has dims: far above it all coordinates count one quarter."""


QUICK = 5.0
"""Boundaries move so much faster than columns, as in pyvene's recipe (1e-2 against 1e-3)."""


@dataclass(frozen=True, eq=False)
class SoftRotation:
    """Orthonormal columns (restarts, width, dims), each counting in part (restarts, dims)."""

    kind: str
    columns: Tensor
    weights: Tensor
    exact: bool = False
    additive: bool = True

    def encode(self, activation: Tensor, block: Block) -> Tensor:
        """All coordinates of the block, (restarts, batch, block)."""
        return activation @ self.columns[:, :, span_of(block)]

    def write(self, activation: Tensor, values: Tensor, block: Block) -> Tensor:
        """`h + m (v - h Q) Q^T`."""
        at = span_of(block)
        here, share = self.columns[:, :, at], self.weights[:, None, at]
        return activation + (share * (values - activation @ here)) @ here.mT

    def swap(self, activation: Tensor, source: Tensor, block: Block) -> Tensor:
        """`h + m (s - h) Q Q^T`."""
        at = span_of(block)
        here, share = self.columns[:, :, at], self.weights[:, None, at]
        return activation + (share * ((source - activation) @ here)) @ here.mT

    def to(self, *, device: torch.device | str, dtype: torch.dtype) -> SoftRotation:
        """The same elsewhere, in other precision."""
        columns = self.columns.to(device=device, dtype=dtype)
        return replace(self, columns=columns, weights=self.weights.to(device=device, dtype=dtype))

    def tensors(self) -> Mapping[str, Tensor]:
        """Columns and weights of one restart."""
        return {"columns": self.columns[0], "weights": self.weights[0]}


class Boundless(Descended):
    """At most as many dims as the line asks for, at least one; a boundary for each variable.

    The rotation has as many columns as the lines ask for, not as many as the site is wide: a
    square one of a wide site costs as much as the network. `penalty` times the sum of the
    boundaries is added to the loss.
    """

    name = "boundless"

    def capacity(self, space: Space, width: int) -> int:
        """The columns and the boundaries."""
        return width * dims_of(space) + len(blocks_of(space))

    def start(
        self, space: Space, width: int, restarts: int, *, generator: torch.Generator
    ) -> Parameters:
        """Random columns `free`, and boundaries half-way: `bounds` (restarts, blocks)."""
        refuse_named(space)
        free = random_rotation(restarts, width, self.dims(space, width), generator=generator)
        bounds = torch.zeros(restarts, len(blocks_of(space)), dtype=torch.float64)
        return {"free": free, "bounds": bounds}

    def basis(self, space: Space, parameters: Parameters, share: float) -> Basis:
        """Columns that count in part; at 1 wholly or not at all."""
        columns = orthonormal(parameters["free"])
        weights = _weights(space, parameters["bounds"], share)
        if share < 1:
            return SoftRotation(self.name, columns, weights)
        return Rotation(self.name, columns * weights[:, None])

    def penalty(self, space: Space, parameters: Parameters, share: float) -> Tensor | None:
        """The boundaries' sum, weighted: (restarts,).

        Not None without weight either: the temperature is to fall before the fit ends.
        """
        if share >= 1:
            return None
        return weight_of(space, "penalty") * torch.sigmoid(QUICK * parameters["bounds"]).sum(dim=1)

    def random(
        self,
        space: Space,
        width: int,
        *,
        generator: torch.Generator,
        evidence: Evidence | None = None,
    ) -> Basis:
        """Random columns, all of them used."""
        drawn = random_rotation(1, width, self.dims(space, width), generator=generator)
        return Rotation(self.name, drawn)


def _weights(space: Space, bounds: Tensor, share: float) -> Tensor:
    """How much each column counts: (restarts, dims)."""
    blocks = blocks_of(space)
    found = torch.zeros(len(bounds), dims_of(space), dtype=bounds.dtype, device=bounds.device)
    parts: list[Tensor] = []
    order: list[int] = []
    for number, block in enumerate(blocks):
        size = len(block)
        ends = torch.sigmoid(QUICK * bounds[:, number : number + 1]) * size  # (restarts, 1)
        places = torch.arange(size, dtype=bounds.dtype, device=bounds.device)
        if share < 1:
            hot = min(HOT, float(size))
            temperature = hot * (COLD / hot) ** share
            parts.append(torch.sigmoid((ends - places - 0.5) / temperature))
        else:
            parts.append((places < ends.round().clamp(min=1)).to(bounds.dtype))
        order += block
    return found.index_copy(1, torch.tensor(order, device=bounds.device), torch.cat(parts, dim=1))
