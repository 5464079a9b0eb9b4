"""pyvene's own rotated interventions with real source inputs: nothing of ours but the columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from causalabs.engine.protocol import Scores
from causalabs.engine.pyvene_backend.body import cannot
from causalabs.engine.pyvene_backend.importing import pyvene, quiet
from causalabs.engine.pyvene_backend.network import PyveneNetwork, intervenable, locations
from causalabs.hypothesis.model import Site


def interchanged(
    network: PyveneNetwork,
    base: Any,
    sources: Sequence[Any],
    writes: Sequence[tuple[Site, Tensor]],
) -> Scores:
    """Scores of `base` with, at each write's site, its columns' part taken from its source.

    `sources[j]` are the inputs of write j, as many rows as `base`; columns are orthonormal,
    (width of the site, dims). pyvene runs base and sources through the network and rotates by
    its own `LowRankRotatedSpaceIntervention`.
    """
    places = [network.body.place(site) for site, _ in writes]
    for (site, columns), place in zip(writes, places, strict=True):
        if place.share is not None:
            raise cannot(site, "it is no module's output")
        if place.head is not None and network.body.units(site, base).shape[1] > 1:
            raise cannot(site, f"it rotates {len(columns)} numbers of each token apart")
    interventions = [low_rank(columns) for _, columns in writes]
    model = intervenable(network.body, places, interventions)
    pairs = list(zip((site for site, _ in writes), sources, strict=True))
    body = network.body
    there = [locations(body, body.place(site), site, source) for site, source in pairs]
    here = [locations(body, body.place(site), site, base) for site, _ in writes]
    with quiet():
        _, output = model(
            network.body.feed(base),
            [network.body.feed(source) for source in sources],
            {"sources->base": (there, here)},
        )
    return network.body.scores(output, base)


def low_rank(columns: Tensor) -> Any:
    """pyvene's intervention in the span of `columns` (width, dims)."""
    width, dims = columns.shape
    with quiet(), torch.random.fork_rng():
        found = pyvene().LowRankRotatedSpaceIntervention(embed_dim=width, low_rank_dimension=dims)
    found.to(device=columns.device, dtype=columns.dtype)
    set_columns(found, columns)
    return found


def set_columns(intervention: Any, columns: Tensor) -> None:
    """Make these the columns of a rotated intervention, (width, dims) orthonormal.

    Torch completes them to a square matrix by random directions, which nothing depends on.
    """
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        weight = intervention.rotate_layer.weight
        intervention.rotate_layer.weight = columns.to(device=weight.device, dtype=weight.dtype)
