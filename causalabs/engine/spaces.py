"""Spaces on a network: how wide the activation of their basis is, and what is known there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from causalabs.algorithm.domains import places
from causalabs.algorithm.model import Algorithm
from causalabs.engine.bases.svd import weights_of
from causalabs.engine.basis import Evidence
from causalabs.engine.errors import EngineError
from causalabs.engine.networks.naming import say_site
from causalabs.engine.protocol import Network
from causalabs.engine.store import Store
from causalabs.engine.writes import basis_width
from causalabs.hypothesis.model import Site, Space


def space_width(space: Space, choice: int, store: Store | Network) -> int:
    """Width of the sites of a space, joint ones together; an error when members differ."""
    found: dict[int, Site] = {}
    for member in space.members:
        sites = member.choices[choice]
        found.setdefault(basis_width(sites.writes, sites.reads, store), sites.writes[0])
    if len(found) > 1:
        said = ", ".join(f"{say_site(site)} has {width}" for width, site in found.items())
        raise EngineError(f"sites that share a basis differ in width: {said}")
    return next(iter(found))


def evidence_of(
    space: Space,
    choice: int,
    store: Store,
    algorithm: Algorithm,
    clean: Mapping[str, NDArray[np.generic]],
    rows: NDArray[np.int64],
    *,
    seed: int,
    folder: Path | None = None,
) -> Evidence:
    """Clean activations and values of the inputs `rows`, variable by variable."""
    at = torch.from_numpy(rows).to(store.at_device)
    domains = {member.variable: algorithm[member.variable].domain for member in space.members}
    return Evidence(
        activations={
            member.variable: store.rows(tuple(dict.fromkeys(member.choices[choice].reads)), at)
            for member in space.members
        },
        places={
            name: places(domain, clean[name][rows])  # type: ignore[arg-type]
            for name, domain in domains.items()
        },
        domains=domains,
        weights=weights_of(store.network),
        seed=seed,
        folder=folder,
        sites=space.members[0].choices[choice].writes,
    )
