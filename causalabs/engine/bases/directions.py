"""Directions in which the values of a variable lie apart: `mean_difference` and `probe`.

Both know a coordinate for each value (its mean over `train`), so that values can be set.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from causalabs.algorithm.domains import size
from causalabs.engine.bases.fourier import class_means
from causalabs.engine.bases.rotation import Rotation, random_rotation
from causalabs.engine.bases.shared import Closed, blocks_of, refuse_named
from causalabs.engine.basis import Basis, Evidence
from causalabs.engine.errors import EngineError
from causalabs.hypothesis.model import Space

DECAY = 1e-3
"""Weight decay of a probe on activations of unit scale: values that a plane parts have no
optimum without."""


class Directions(Closed, ABC):
    """Directions per variable, made orthonormal over all variables of the site in file order."""

    @abstractmethod
    def directions(self, activations: Tensor, ranks: NDArray[np.int64]) -> Tensor:
        """(rows, width) and (rows,) places -> (directions, width), the most telling first."""

    def closed(self, space: Space, width: int, evidence: Evidence) -> Basis:
        """(1, width, dims), and each value's coordinates."""
        refuse_named(space)
        columns = torch.zeros(width, self.dims(space, width), dtype=torch.float64)
        done: list[int] = []
        for block in blocks_of(space):
            names = [member.variable for member in space.members if member.block == block]
            found = self.directions(*_pooled(names, evidence))
            if len(found) < len(block):
                raise EngineError(
                    f"the values of `{names[0]}` lie apart in {_count(len(found))} over `train`, "
                    f"{len(block)} dims of `{self.name}` are asked for",
                    f"ask for {len(found)}" if len(found) else "draw other examples",
                )
            for at, direction in zip(block, found, strict=False):
                columns[:, at] = _own_part(direction, columns[:, done], names[0])
                done.append(at)
        return Rotation(self.name, columns[None], _values(columns, space, evidence))

    def random(
        self,
        space: Space,
        width: int,
        *,
        generator: torch.Generator,
        evidence: Evidence | None = None,
    ) -> Basis:
        """Random columns, and the values' coordinates in them where there is evidence."""
        drawn = random_rotation(1, width, self.dims(space, width), generator=generator)
        values = {} if evidence is None else _values(drawn[0], space, evidence)
        return Rotation(self.name, drawn, values)


class MeanDifference(Directions):
    """Of two values the difference of their means; of more, where their means spread most."""

    name = "mean_difference"

    def directions(self, activations: Tensor, ranks: NDArray[np.int64]) -> Tensor:
        """One fewer than there are values, unit vectors."""
        means, _ = class_means(activations, ranks)
        return _spread(means)


class Probe(Directions):
    """The directions that a multinomial logistic regression reads the values by."""

    name = "probe"

    def directions(self, activations: Tensor, ranks: NDArray[np.int64]) -> Tensor:
        """One fewer than there are values, unit vectors."""
        values, index = torch.unique(torch.from_numpy(ranks), return_inverse=True)
        return _spread(_logistic(activations.cpu().double(), index, len(values)))


def _logistic(activations: Tensor, classes: Tensor, count: int) -> Tensor:
    """Weights (classes, width) of the regression, by L-BFGS in double precision."""
    centred = activations - activations.mean(dim=0)
    scale = float(centred.square().mean().sqrt()) or 1.0
    rows = centred / scale
    free = torch.zeros(count, rows.shape[1] + 1, dtype=torch.float64, requires_grad=True)
    descent = torch.optim.LBFGS(
        [free], max_iter=300, tolerance_grad=1e-9, line_search_fn="strong_wolfe"
    )

    def loss() -> Tensor:
        descent.zero_grad()
        scores = rows @ free[:, :-1].T + free[:, -1]
        value = torch.nn.functional.cross_entropy(scores, classes)
        value = value + DECAY / 2 * free[:, :-1].square().sum()
        torch.autograd.backward(value)
        return value

    with torch.enable_grad():
        descent.step(loss)  # type: ignore[no-untyped-call]
    return free.detach()[:, :-1]


def _spread(points: Tensor) -> Tensor:
    """Directions in which points spread around their centre: (at most points - 1, width).

    Each points to where later points lie.
    """
    centred = points - points.mean(dim=0)
    _, sizes, directions = torch.linalg.svd(centred, full_matrices=False)
    found = directions[sizes > max(float(sizes[0]), 1e-12) * 1e-9][: len(points) - 1]
    later = torch.arange(len(points), dtype=torch.float64) - (len(points) - 1) / 2
    signs = torch.sign(found @ (later @ centred))
    pointed: Tensor = found * torch.where(signs == 0, 1.0, signs)[:, None]
    return pointed


def _pooled(names: Sequence[str], evidence: Evidence) -> tuple[Tensor, NDArray[np.int64]]:
    """Rows of the members of a family, which share their directions."""
    activations = torch.cat([evidence.activations[name] for name in names])
    return activations, np.concatenate([evidence.places[name] for name in names])


def _own_part(direction: Tensor, others: Tensor, name: str) -> Tensor:
    """What a direction has besides those of other columns, of unit length."""
    rest = direction
    for _ in range(2):  # twice: once leaves rounding errors behind
        rest = rest - others @ (others.T @ rest)
    if float(rest.norm()) < 1e-6:
        raise EngineError(
            f"`{name}` has no direction of its own: others at its site take all of it",
            "align it elsewhere, or in fewer dims",
        )
    own: Tensor = rest / rest.norm()
    return own


def _values(columns: Tensor, space: Space, evidence: Evidence) -> Mapping[str, Tensor]:
    """Per variable the mean coordinates (values, block) of each; NaN where one never occurs."""
    found = {}
    for name, block in ((m.variable, m.block) for m in space.members):
        if name not in evidence.activations:
            continue
        means, values = class_means(evidence.activations[name], evidence.places[name])
        count = size(evidence.domains[name]) or int(values.max()) + 1
        table = torch.full((count, len(block)), torch.nan, dtype=torch.float64)
        table[values] = means @ columns[:, list(block)]
        found[name] = table
    return found


def _count(number: int) -> str:
    return "no direction" if number == 0 else f"{number} direction{'s' * (number > 1)}"
