"""Bases: coordinates at a site in which a variable occupies some dimensions.

| kind | coordinates |
|---|---|
| `whole` | the site as it is |
| `neurons` | the site's own numbers |
| `learned` | a rotation found by gradient descent (DAS, Geiger et al. 2024) |
| `fourier` | one plane per frequency of the variable's values, in closed form |

A rotation is kept as its first columns, orthonormal: (restarts, width, dims). They are drawn
and solved in double precision, and used in the network's own.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from causalabs.algorithm.domains import Domain, places, size
from causalabs.algorithm.model import Algorithm
from causalabs.engine.errors import EngineError
from causalabs.engine.networks.naming import say_site
from causalabs.engine.protocol import Network
from causalabs.engine.store import Store
from causalabs.hypothesis.model import BasisSpec, Site, Space

FITTED = ("learned", "fourier")
"""Kinds that depend on data; the control `random_basis` replaces them."""

KINDS = ("whole", "neurons", *FITTED)


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


def dims_of(space: Space) -> int:
    """Columns of a space's rotation: enough for every member's block."""
    return 1 + max((dim for member in space.members for dim in member.block), default=-1)


def site_width(space: Space, choice: int, network: Network) -> int:
    """Width of the sites of a space, joint ones together; an error when members differ."""
    found: dict[int, Site] = {}
    for member in space.members:
        for sites in (member.choices[choice].writes, member.choices[choice].reads):
            found.setdefault(sum(network.width(site) for site in sites), sites[0])
    if len(found) > 1:
        said = ", ".join(f"{say_site(site)} has {width}" for width, site in found.items())
        raise EngineError(f"sites that share a basis differ in width: {said}")
    width, site = next(iter(found.items()))
    if space.basis.kind in FITTED and dims_of(space) > width:
        raise EngineError(
            f"{say_site(site)} has {width} numbers, {dims_of(space)} dims do not fit",
            f"ask for at most {width} dims in all",
        )
    return width


def capacity(space: Space, width: int) -> int:
    """Numbers that a fit of this space sets."""
    return width * dims_of(space) if space.basis.kind in FITTED else 0


# ----------------------------------------------------------------------- fourier


def fourier_rotation(
    space: Space,
    choice: int,
    store: Store,
    algorithm: Algorithm,
    clean: Mapping[str, NDArray[np.generic]],
    rows: NDArray[np.int64],
) -> Tensor:
    """The planes of a fourier space, (1, width, dims), from clean runs of the inputs `rows`.

    The activation's mean for each value of the variable is regressed on the cosine and the
    sine of each frequency; the coefficients, orthonormalised in order, are the columns. What
    is left over (the sine of half a turn is nought) takes the largest remaining direction.
    """
    width = site_width(space, choice, store.network)
    columns = torch.zeros(width, dims_of(space), dtype=torch.float64)
    blocks: dict[tuple[int, ...], list[Tensor]] = {}
    means: list[Tensor] = []
    for member in space.members:
        domain = algorithm[member.variable].domain
        activations = store.joined(member.choices[choice].reads)[torch.from_numpy(rows)].double()
        found, values = _class_means(activations, domain, clean[member.variable][rows])
        frequencies = frequencies_of(space.basis, len(member.block))
        waves = _waves(values, frequencies, size(domain) or 1)
        solved = torch.linalg.lstsq(waves, found, driver="gelsd").solution[1:]
        blocks.setdefault(member.block, []).append(solved)  # (dims, width)
        means.append(found - found.mean(dim=0))
    for block, solutions in blocks.items():
        best = torch.stack(solutions).mean(dim=0)[: len(block)]
        columns[:, list(block)] = best.T.to(columns.device)
    return _completed(columns, torch.cat(means))[None]


def frequencies_of(basis: BasisSpec, dims: int) -> tuple[int, ...]:
    """The frequencies asked for, 1, 2, .. where none are."""
    given = dict(basis.settings).get("frequencies")
    if isinstance(given, tuple) and given:
        return tuple(int(each) for each in given)  # type: ignore[arg-type]
    return tuple(range(1, 1 + math.ceil(dims / 2)))


def _class_means(
    activations: Tensor, domain: Domain, column: NDArray[np.generic]
) -> tuple[Tensor, Tensor]:
    """(values that occur, width) means and (values that occur,) places."""
    ranks = torch.from_numpy(places(domain, column))  # type: ignore[arg-type]
    values, index, counts = torch.unique(ranks, return_inverse=True, return_counts=True)
    sums = torch.zeros(len(values), activations.shape[1], dtype=torch.float64)
    sums.index_add_(0, index, activations.cpu())
    return sums / counts[:, None], values


def _waves(values: Tensor, frequencies: Sequence[int], period: int) -> Tensor:
    """(values, 1 + 2 frequencies): a constant, then cosine and sine of each frequency."""
    angles = 2 * math.pi * values.double()[:, None] * torch.tensor(frequencies) / period
    pairs = torch.stack([angles.cos(), angles.sin()], dim=2).flatten(1)
    pairs = torch.where(pairs.abs() < 1e-9, 0.0, pairs)
    return torch.cat([torch.ones(len(values), 1, dtype=torch.float64), pairs], dim=1)


def _completed(columns: Tensor, spread: Tensor) -> Tensor:
    """Gram-Schmidt; a column with nothing of its own takes what `spread` has most of."""
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
