"""Rotations: orthonormal columns at a site, of which each variable takes some.

Most bases are one, whatever they are made from. Columns are (restarts, width, dims); they are
drawn and solved in double precision, and used in the network's own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from causalabs.engine.basis import Block
from causalabs.engine.errors import EngineError


def orthonormal(free: Tensor) -> Tensor:
    """The orthonormal columns that span those of `free`, which gradients flow through.

    QR with the signs of R's diagonal made positive, so that the map is continuous.
    (..., width, dims) -> the same shape.
    """
    q, r = torch.linalg.qr(free)
    signs = torch.sgn(torch.diagonal(r, dim1=-2, dim2=-1))
    turned: Tensor = q * torch.where(signs == 0, 1.0, signs).unsqueeze(-2)
    return turned


def random_rotation(restarts: int, width: int, dims: int, *, generator: torch.Generator) -> Tensor:
    """Uniformly random orthonormal columns: (restarts, width, dims)."""
    free = torch.randn(restarts, width, dims, generator=generator, dtype=torch.float64)
    return orthonormal(free)


@dataclass(frozen=True, eq=False)
class Rotation:
    """The coordinates `c = h Q` of orthonormal columns Q (restarts, width, dims).

    A write is `h + (v - h Q) Q^T`, over the columns of the block: what they do not span stays.
    A column of noughts stands for a coordinate that is not used. `values[v]` are (values of v,
    block) coordinates of each value, where they are known; a dim has `unit` columns (the
    numbers of a head) where it is not one.
    """

    kind: str
    columns: Tensor
    values: Mapping[str, Tensor] = field(default_factory=dict)
    unit: int = 1
    exact: bool = True
    additive: bool = True

    def part(self, block: Block) -> Tensor:
        """The block's columns: (restarts, width, block)."""
        if self.unit > 1:
            block = tuple(self.unit * dim + i for dim in block for i in range(self.unit))
        return self.columns[:, :, span_of(block)]

    def encode(self, activation: Tensor, block: Block) -> Tensor:
        """(restarts or 1, batch, width) -> (restarts, batch, block)."""
        return activation @ self.part(block)

    def write(self, activation: Tensor, values: Tensor, block: Block) -> Tensor:
        """The activation moved within the block's columns to where it has those coordinates."""
        here = self.part(block)
        return activation + (values - activation @ here) @ here.mT

    def swap(self, activation: Tensor, source: Tensor, block: Block) -> Tensor:
        """`h + (s - h) Q Q^T`."""
        here = self.part(block)
        return activation + ((source - activation) @ here) @ here.mT

    def value(self, variable: str, place: int) -> Tensor:
        """Coordinates (block,) of the value at `place` of the variable's domain."""
        if variable not in self.values:
            raise EngineError(
                f"`{variable}` cannot be set: its basis ({self.kind}) knows no values",
                "interchange it instead, or use `mean_difference` or `probe`",
            )
        found = self.values[variable][place]
        if not bool(torch.isfinite(found).all()):
            raise EngineError(
                f"`{variable}` cannot be set to its value number {place}: it never occurs in "
                "`train`",
                "draw more examples, or balance that variable",
            )
        return found

    def to(self, *, device: torch.device | str, dtype: torch.dtype) -> Rotation:
        """The same elsewhere, in other precision."""
        values = {name: each.to(device=device, dtype=dtype) for name, each in self.values.items()}
        return replace(self, columns=self.columns.to(device=device, dtype=dtype), values=values)

    def tensors(self) -> Mapping[str, Tensor]:
        """`columns` (width, dims), and `values.NAME` where there are any."""
        named = {f"values.{name}": each for name, each in self.values.items()}
        unit = {"unit": torch.tensor(self.unit)} if self.unit > 1 else {}
        return {"columns": self.columns[0], **named, **unit}


def restored(kind: str, tensors: Mapping[str, Tensor]) -> Rotation:
    """Inverse of `Rotation.tensors`."""
    values = {
        name.removeprefix("values."): each
        for name, each in tensors.items()
        if name.startswith("values.")
    }
    unit = int(tensors["unit"]) if "unit" in tensors else 1
    return Rotation(kind, tensors["columns"][None], values, unit)


def span_of(block: Sequence[int]) -> Any:
    """A slice where the block is one: slicing costs less than indexing, forth and back."""
    first = block[0] if block else 0
    if tuple(block) == tuple(range(first, first + len(block))):
        return slice(first, first + len(block))
    return list(block)


def completed(columns: Tensor, spread: Tensor) -> Tensor:
    """Gram-Schmidt; a column with nothing of its own takes what `spread` has most of.

    (width, dims) and (rows, width) -> (width, dims), orthonormal.
    """
    width, dims = columns.shape
    scale = float(columns.norm(dim=0).max()) or 1.0
    _, _, directions = torch.linalg.svd(spread, full_matrices=True)
    spare = [*directions, *torch.eye(width, dtype=torch.float64)]
    found: list[Tensor] = []
    for number in range(dims):
        for candidate in (columns[:, number] / scale, *spare):
            rest = candidate
            for _ in range(2):  # twice: once leaves rounding errors behind
                for other in found:
                    rest = rest - other * (other @ rest)
            if float(rest.norm()) > 1e-6:
                found.append(rest / rest.norm())
                break
    return torch.stack(found, dim=1)


def largest_positive(columns: Tensor) -> Tensor:
    """Each column with its largest entry positive: eigenvectors have no sign of their own."""
    largest = columns.abs().argmax(dim=0)
    signs = torch.sign(columns[largest, torch.arange(columns.shape[1], device=columns.device)])
    return columns * signs
