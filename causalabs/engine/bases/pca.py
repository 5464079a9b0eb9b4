"""Principal components of the activations of `train`, centred."""

from __future__ import annotations

import torch

from causalabs.engine.bases.rotation import Rotation, largest_positive
from causalabs.engine.bases.shared import Closed, where_of
from causalabs.engine.basis import Basis, Evidence
from causalabs.engine.errors import EngineError
from causalabs.hypothesis.model import Space


class Pca(Closed):
    """The directions of largest variance, in that order, over all variables' places together."""

    name = "pca"

    def closed(self, space: Space, width: int, evidence: Evidence) -> Basis:
        """(1, width, dims); an error where `train` varies in fewer directions."""
        dims = self.dims(space, width)
        parts = [evidence.activations[member.variable] for member in space.members]
        rows = torch.cat([each.cpu().double() for each in parts])  # (rows, width)
        rows = rows - rows.mean(dim=0)
        variances, directions = torch.linalg.eigh(rows.T @ rows)
        found = int((variances > variances[-1] * 1e-12).sum()) if float(variances[-1]) > 0 else 0
        if found < dims:
            raise EngineError(
                f"{where_of(space)} varies in {found} directions over `train`, {dims} dims of "
                "`pca` are asked for",
                f"ask for at most {found} dims in all" if found else "its activations are constant",
            )
        columns = directions.flip(1)[:, :dims]
        return Rotation(self.name, largest_positive(columns)[None])
