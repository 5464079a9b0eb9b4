"""Singular directions of one of the network's own weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from causalabs.algorithm.names import nearest
from causalabs.engine.bases.rotation import Rotation, largest_positive
from causalabs.engine.bases.shared import Closed, setting, where_of
from causalabs.engine.basis import Basis, Evidence
from causalabs.engine.errors import EngineError
from causalabs.hypothesis.model import Space

SIDES = ("rows", "columns")


class Svd(Closed):
    """The singular vectors of a weight, of the largest singular values first.

    The weight is named as the network names its parameters. Of its two sides the one that is
    as wide as the site counts; where both are, `side = rows` (what a `torch.nn.Linear` gives)
    or `side = columns` (what it takes) says which.
    """

    name = "svd"

    def needs_data(self, space: Space) -> bool:
        """It depends on none."""
        return False

    def closed(self, space: Space, width: int, evidence: Evidence) -> Basis:
        """(1, width, dims) of the weight that the file names."""
        dims = self.dims(space, width)
        name = str(setting(space, "weight"))
        weight = evidence.weights.get(name)
        if weight is None:
            close = nearest(name, list(evidence.weights))
            known = ", ".join([*evidence.weights][:8])
            shown = known + (", ..." if len(evidence.weights) > 8 else "")
            raise EngineError(
                f"this network has no weight `{name}`",
                f"did you mean `{close}`?" if close else f"it has {shown or 'none by name'}",
            )
        if weight.dim() != 2:
            raise EngineError(f"the weight `{name}` is no matrix", "name a matrix")
        left, sizes, right = torch.linalg.svd(weight.detach().cpu().double(), full_matrices=False)
        side = _side(space, name, weight, width)
        directions = left if side == "rows" else right.T  # (width, singular values)
        found = int((sizes > sizes[0] * 1e-12).sum())
        if found < dims:
            raise EngineError(
                f"the weight `{name}` has {found} singular directions, {dims} dims of `svd` are "
                "asked for",
                f"ask for at most {found} dims in all",
            )
        return Rotation(self.name, largest_positive(directions[:, :dims])[None])


def _side(space: Space, name: str, weight: Tensor, width: int) -> str:
    """Which side of the weight the site is on."""
    sides = [side for side, size in zip(SIDES, weight.shape, strict=True) if size == width]
    asked = setting(space, "side")
    shape = " by ".join(map(str, weight.shape))
    if asked is not None and asked in sides:
        return str(asked)
    if asked is not None or not sides:
        raise EngineError(
            f"{where_of(space)} has {width} numbers, the weight `{name}` is {shape}",
            "name a weight that reads this site or writes to it",
        )
    if len(sides) > 1:
        raise EngineError(
            f"the weight `{name}` is {shape}: either side fits {where_of(space)}",
            "write `side = rows` (of a torch Linear: what it gives) or `side = columns`",
        )
    return sides[0]


def weights_of(network: Any) -> Mapping[str, Tensor]:
    """A network's parameters by name, whatever holds them; empty where none can be found."""
    for module in (network, *(getattr(network, name, None) for name in ("module", "model"))):
        if isinstance(module, nn.Module):
            return {name: each.detach() for name, each in module.named_parameters()}
    return {}
