"""The site as it is: all of it (`whole`), or some of its own numbers (`neurons`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from causalabs.engine.bases.rotation import span_of
from causalabs.engine.bases.shared import Closed, dims_of, where_of
from causalabs.engine.basis import Basis, Block, Evidence
from causalabs.engine.errors import EngineError
from causalabs.hypothesis.model import Space


@dataclass(frozen=True)
class Own:
    """The site's own numbers, copied as they are; the empty block is all of them."""

    kind: str
    width: int
    exact: bool = True
    additive: bool = False
    """A copy leaves no rounding, a sum of differences would."""

    def encode(self, activation: Tensor, block: Block) -> Tensor:
        """(restarts or 1, batch, width) -> (the same, batch, block)."""
        return activation[..., span_of(block)] if block else activation

    def write(self, activation: Tensor, values: Tensor, block: Block) -> Tensor:
        """The block's numbers replaced."""
        restarts = max(len(activation), len(values))
        values = values.expand(restarts, activation.shape[1], -1)
        if not block:
            return values
        at = torch.tensor(block, device=activation.device)
        return activation.expand(restarts, -1, -1).index_copy(-1, at, values)

    def swap(self, activation: Tensor, source: Tensor, block: Block) -> Tensor:
        """The source's numbers in the block."""
        return self.write(activation, self.encode(source, block), block)

    def to(self, *, device: torch.device | str, dtype: torch.dtype) -> Own:
        """Itself: it holds no tensor."""
        return self

    def tensors(self) -> Mapping[str, Tensor]:
        """The width alone."""
        return {"width": torch.tensor(self.width)}


class _OwnKind(Closed):
    drawable = False

    def needs_data(self, space: Space) -> bool:
        """It depends on none."""
        return False

    def closed(self, space: Space, width: int, evidence: Evidence) -> Basis:
        """It depends on nothing."""
        self.dims(space, width)
        return Own(self.name, width)

    def random(
        self,
        space: Space,
        width: int,
        *,
        generator: torch.Generator,
        evidence: Evidence | None = None,
    ) -> Basis:
        """Itself: the numbers that the file names are the claim, not a choice of a fit."""
        return Own(self.name, width)

    def restore(self, space: Space, tensors: Mapping[str, Tensor]) -> Basis:
        """Inverse of `Basis.tensors`."""
        return Own(self.name, int(tensors["width"]))


class Whole(_OwnKind):
    """The site as it is."""

    name = "whole"

    def dims(self, space: Space, width: int) -> int:
        """All of them."""
        return width


class Neurons(_OwnKind):
    """The site's own numbers, those that the file names."""

    name = "neurons"

    def dims(self, space: Space, width: int) -> int:
        """All of them; an error where a block names one beyond the last."""
        last = dims_of(space) - 1
        if last >= width:
            raise EngineError(f"{where_of(space)} has neurons 0..{width - 1}, not {last}")
        return width
