"""One plane per frequency of a cyclic variable's values, in closed form."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from causalabs.algorithm.domains import size
from causalabs.engine.bases.rotation import Rotation, completed
from causalabs.engine.bases.shared import Closed
from causalabs.engine.basis import Basis, Evidence
from causalabs.hypothesis.model import BasisSpec, Space


class Fourier(Closed):
    """The activation's mean for each value, regressed on cosine and sine of each frequency.

    The coefficients, orthonormalised in order, are the columns. What is left over (the sine
    of half a turn is nought) takes the largest remaining direction.
    """

    name = "fourier"

    def closed(self, space: Space, width: int, evidence: Evidence) -> Basis:
        """The planes, (1, width, dims), from clean activations of `train`."""
        columns = torch.zeros(width, self.dims(space, width), dtype=torch.float64)
        blocks: dict[tuple[int, ...], list[Tensor]] = {}
        means: list[Tensor] = []
        for member in space.members:
            name = member.variable
            found, values = class_means(evidence.activations[name], evidence.places[name])
            frequencies = frequencies_of(space.basis, len(member.block))
            waves = _waves(values, frequencies, size(evidence.domains[name]) or 1)
            solved = torch.linalg.lstsq(waves, found, driver="gelsd").solution[1:]
            blocks.setdefault(member.block, []).append(solved)  # (dims, width)
            means.append(found - found.mean(dim=0))
        for block, solutions in blocks.items():
            best = torch.stack(solutions).mean(dim=0)[: len(block)]
            columns[:, list(block)] = best.T
        return Rotation(self.name, completed(columns, torch.cat(means))[None])


def frequencies_of(basis: BasisSpec, dims: int) -> tuple[int, ...]:
    """The frequencies asked for, 1, 2, .. where none are."""
    given = dict(basis.settings).get("frequencies")
    if isinstance(given, tuple) and given:
        return tuple(int(each) for each in given)  # type: ignore[arg-type]
    return tuple(range(1, 1 + math.ceil(dims / 2)))


def class_means(activations: Tensor, ranks: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
    """(values that occur, width) means and (values that occur,) places, in double."""
    values, index, counts = torch.unique(
        torch.from_numpy(ranks), return_inverse=True, return_counts=True
    )
    sums = torch.zeros(len(values), activations.shape[1], dtype=torch.float64)
    sums.index_add_(0, index, activations.cpu().double())
    return sums / counts[:, None], values


def _waves(values: Tensor, frequencies: Sequence[int], period: int) -> Tensor:
    """(values, 1 + 2 frequencies): a constant, then cosine and sine of each frequency."""
    angles = 2 * math.pi * values.double()[:, None] * torch.tensor(frequencies) / period
    pairs = torch.stack([angles.cos(), angles.sin()], dim=2).flatten(1)
    pairs = torch.where(pairs.abs() < 1e-9, 0.0, pairs)
    return torch.cat([torch.ones(len(values), 1, dtype=torch.float64), pairs], dim=1)
