"""Functions of the search that stand for kinds of basis until it asks those themselves."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from causalabs.algorithm.domains import places
from causalabs.algorithm.model import Algorithm
from causalabs.engine.bases.kinds import find
from causalabs.engine.bases.shared import dims_of
from causalabs.engine.basis import Evidence
from causalabs.engine.errors import EngineError
from causalabs.engine.networks.naming import say_site
from causalabs.engine.protocol import Network
from causalabs.engine.store import Store
from causalabs.hypothesis.model import Site, Space

FITTED = ("learned", "fourier")
"""Kinds that depend on data; the control `random_basis` replaces them."""

KINDS = ("whole", "neurons", *FITTED)


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
    return find(space.basis.kind).capacity(space, width)


def evidence_of(
    space: Space,
    choice: int,
    store: Store,
    algorithm: Algorithm,
    clean: Mapping[str, NDArray[np.generic]],
    rows: NDArray[np.int64],
) -> Evidence:
    """Clean activations and values of the inputs `rows`, variable by variable."""
    at = torch.from_numpy(rows)
    domains = {member.variable: algorithm[member.variable].domain for member in space.members}
    return Evidence(
        activations={
            member.variable: store.rows(member.choices[choice].reads, at.to(store.at_device))
            for member in space.members
        },
        places={
            name: places(domain, clean[name][rows])  # type: ignore[arg-type]
            for name, domain in domains.items()
        },
        domains=domains,
        sites=space.members[0].choices[choice].writes,
    )


def fourier_rotation(
    space: Space,
    choice: int,
    store: Store,
    algorithm: Algorithm,
    clean: Mapping[str, NDArray[np.generic]],
    rows: NDArray[np.int64],
) -> Tensor:
    """The planes of a fourier space, (1, width, dims), from clean runs of the inputs `rows`."""
    width = site_width(space, choice, store.network)
    evidence = evidence_of(space, choice, store, algorithm, clean, rows)
    found = find("fourier").closed(space, width, evidence).tensors()["columns"]
    return found[None]
