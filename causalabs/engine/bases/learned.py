"""A rotation found by gradient descent (distributed alignment search, Geiger et al. 2024)."""

from __future__ import annotations

import torch

from causalabs.engine.bases.rotation import Rotation, orthonormal, random_rotation
from causalabs.engine.bases.shared import Descended
from causalabs.engine.basis import Basis, Evidence, Parameters
from causalabs.hypothesis.model import Space


class Learned(Descended):
    """The first columns of a rotation, kept orthonormal by QR with fixed signs."""

    name = "learned"

    def start(
        self, space: Space, width: int, restarts: int, *, generator: torch.Generator
    ) -> Parameters:
        """Uniformly random orthonormal columns: `free` (restarts, width, dims)."""
        dims = self.dims(space, width)
        return {"free": random_rotation(restarts, width, dims, generator=generator)}

    def basis(self, space: Space, parameters: Parameters, share: float) -> Basis:
        """The orthonormal columns that span those of `free`; the same at every share."""
        return Rotation(self.name, orthonormal(parameters["free"]))

    def random(
        self,
        space: Space,
        width: int,
        *,
        generator: torch.Generator,
        evidence: Evidence | None = None,
    ) -> Basis:
        """Uniformly random orthonormal columns."""
        drawn = random_rotation(1, width, self.dims(space, width), generator=generator)
        return Rotation(self.name, drawn)
