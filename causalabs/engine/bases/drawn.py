"""A rotation drawn at random, asked for in the file: what any subspace of that size does."""

from __future__ import annotations

from causalabs.engine.bases.rotation import Rotation, random_rotation
from causalabs.engine.bases.shared import Closed
from causalabs.engine.basis import Basis, Evidence
from causalabs.engine.streams import stream
from causalabs.hypothesis.model import Space


class Drawn(Closed):
    """Uniformly random orthonormal columns, from the job's seed."""

    name = "random"

    def needs_data(self, space: Space) -> bool:
        """It depends on none."""
        return False

    def closed(self, space: Space, width: int, evidence: Evidence) -> Basis:
        """(1, width, dims), the same for one seed."""
        names = [member.variable for member in space.members]
        generator = stream(evidence.seed, "random", names)
        drawn = random_rotation(1, width, self.dims(space, width), generator=generator)
        return Rotation(self.name, drawn)
