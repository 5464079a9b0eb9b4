"""Subnetwork probing: edges are kept by chance, and the chances are learnt.

Each edge is kept by a share drawn from a hard concrete distribution (Louizos et al. 2018), the
harm plus a price on every edge that is kept is made small (Cao et al. 2021).
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from causalabs.engine.circuits.edges import Kept
from causalabs.engine.circuits.ground import Held
from causalabs.engine.circuits.ranking import Ranked
from causalabs.engine.circuits.row_values import harm
from causalabs.engine.streams import stream

TEMPERATURE, LOW, HIGH = 2 / 3, -0.1, 1.1
"""The distribution's own settings, as published."""
RATE = 0.1
BEGIN = 2.0
"""Logarithm of the odds that an edge is kept at first."""


def by_probing(
    held: Held, metric: str, among: Kept, *, steps: int, penalty: float, seed: int
) -> Ranked:
    """The chance that each edge is kept; `penalty` is the price of all edges together.

    It is paid in units of the harm that cutting every edge does, so that it means the same for
    every metric.
    """
    ground = held.ground
    device = ground.wired.network.device
    candidates = torch.from_numpy(among).to(device)
    log_odds = torch.full((int(among.sum()),), BEGIN, device=device, requires_grad=True)
    optimiser = torch.optim.Adam([log_odds], lr=RATE)
    generator = stream(seed, "subnetwork probing")
    both = np.stack([among, np.zeros_like(among)])
    whole, empty = held.means(both, metric)
    unit = max(abs(float(empty - whole)), 1e-9)
    parts = list(held.parts())
    for step in range(steps):
        part = parts[step % len(parts)]
        loss = harm(metric, part.wanted)
        noise = torch.rand(len(log_odds), generator=generator).to(device)
        kept = torch.zeros(len(among), device=device).masked_scatter(
            candidates, _share(log_odds, noise)
        )
        scores = ground.wired.partly(part.base, part.instead, kept)
        rows = slice(0, part.base.terms.shape[1])
        price = penalty * unit * chance(log_odds).mean()
        total = loss(scores, rows).mean() + price
        optimiser.zero_grad()
        total.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        ground.runs += 1
    found = np.zeros(len(among))
    found[among] = chance(log_odds).detach().double().cpu().numpy()
    return Ranked(found, np.zeros_like(found))


def chance(log_odds: Tensor) -> Tensor:
    """How probable it is that an edge's share is above 0."""
    return torch.sigmoid(log_odds - TEMPERATURE * math.log(-LOW / HIGH))


def _share(log_odds: Tensor, noise: Tensor) -> Tensor:
    """A draw of each share: 0 and 1 have a probability of their own."""
    noise = noise.clamp(1e-6, 1 - 1e-6)
    soft = torch.sigmoid((noise.log() - (1 - noise).log() + log_odds) / TEMPERATURE)
    return (soft * (HIGH - LOW) + LOW).clamp(0, 1)
