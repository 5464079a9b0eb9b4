"""Fitting rotations by gradient descent (distributed alignment search, Geiger et al. 2024).

All learned spaces that some line joins are fitted in one optimisation: the columns minimise
the cross-entropy of every output against the algorithm's answer after the interchange.
Restarts are stacked in one batch, and the worse half is dropped twice on the way. Only
examples of the split `train` are seen.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from causalabs.engine.answers import agree, loss
from causalabs.engine.bases import orthonormal, random_rotation
from causalabs.engine.errors import EngineError
from causalabs.engine.interchange import Batch, Program, run
from causalabs.engine.protocol import Network
from causalabs.engine.rows import Table
from causalabs.engine.store import Store

Report = Callable[[float], None]
"""Told the share done."""


@dataclass(frozen=True)
class Budget:
    """What a fit may cost: the same for the hypothesis and for each of its controls.

    `halve` are shares of `steps` after which the worse half of the restarts is dropped;
    `judged` is how many training examples, over all lines, restarts are compared on.
    """

    restarts: int = 8
    steps: int = 2000
    batch: int = 512
    rate: float = 2e-2
    judged: int = 4096
    halve: tuple[float, ...] = (0.1, 0.25)
    look: int = 250


def budget_for(network: Network) -> Budget:
    """The budget for a network, by its size alone: a fit's time grows with both."""
    parameters = int(network.record.get("parameters", 0))
    if network.kind == "transformer" or parameters > 50_000:
        return Budget(restarts=4, steps=600, batch=256, judged=2048, look=100)
    return Budget()


@dataclass(frozen=True, eq=False)
class Fitted:
    """The best restart's columns per space, (1, width, dims), and what it took."""

    bases: Mapping[int, Tensor]
    steps: int
    train_iia: float


class Adam:
    """Adam (Kingma and Ba 2015) on a few stacked tensors, from which rows can be dropped."""

    def __init__(self, parameters: Mapping[int, Tensor]) -> None:
        self.parameters = {key: p.requires_grad_() for key, p in parameters.items()}
        self.means = {key: torch.zeros_like(p) for key, p in parameters.items()}
        self.squares = {key: torch.zeros_like(p) for key, p in parameters.items()}
        self.steps = 0

    @torch.no_grad()
    def step(self, gradients: Mapping[int, Tensor], rate: float) -> None:
        """One update."""
        self.steps += 1
        correction = math.sqrt(1 - 0.999**self.steps)
        size = rate * correction / (1 - 0.9**self.steps)
        for key, gradient in gradients.items():
            self.means[key].lerp_(gradient, 0.1)
            self.squares[key].mul_(0.999).addcmul_(gradient, gradient, value=0.001)
            below = self.squares[key].sqrt().add_(1e-8 * correction)
            self.parameters[key].addcdiv_(self.means[key], below, value=-size)

    def keep(self, rows: Tensor) -> None:
        """Drop all restarts but these."""
        self.parameters = {
            key: p.detach()[rows].requires_grad_() for key, p in self.parameters.items()
        }
        self.means = {key: mean[rows] for key, mean in self.means.items()}
        self.squares = {key: square[rows] for key, square in self.squares.items()}


def fit(
    program: Program,
    sizes: Mapping[int, tuple[int, int]],
    fixed: Mapping[int, Tensor],
    train: Table,
    store: Store,
    *,
    budget: Budget,
    starts: torch.Generator,
    batches: torch.Generator,
    report: Report | None = None,
) -> Fitted:
    """Fit the spaces of `sizes` (space -> width, dims) on `train`; `fixed` ones stay.

    A restart is judged by its mean IIA over lines on a fixed part of `train`; the fit ends
    early only when one is perfect there.
    """
    if min(train.counts) == 0:
        raise EngineError("there is no training example to fit on", "give `train` a larger share")
    judged = _part(train, budget.judged, batches)
    free = {
        key: random_rotation(budget.restarts, width, dims, generator=starts)
        for key, (width, dims) in sizes.items()
    }
    adam = Adam({key: store.place(start) for key, start in free.items()})
    drops = [round(share * budget.steps) for share in budget.halve]
    restarts = budget.restarts
    for step in range(budget.steps):
        rate = budget.rate * 0.5 * (1 + math.cos(math.pi * step / budget.steps))
        rows = _draw(train, budget.batch, batches).to(store.at_device)
        _step(program, adam, fixed, train.rows.take(rows), store, restarts, rate)
        done = step + 1
        if done % budget.look == 0 or done in drops or done == budget.steps:
            scores = _judge(program, adam, fixed, judged, store, restarts)
            if report is not None:
                report(done / budget.steps)
            if done in drops and restarts > 1:
                order = torch.argsort(scores, descending=True, stable=True)
                kept = order[: math.ceil(restarts / 2)].sort().values
                adam.keep(kept)
                restarts, scores = len(kept), scores[kept]
            if float(scores.max()) == 1.0:
                break
    best = int(scores.argmax())
    with torch.no_grad():
        found = {key: orthonormal(p[best : best + 1]) for key, p in adam.parameters.items()}
    return Fitted(found, done, float(scores[best]))


def _step(
    program: Program,
    adam: Adam,
    fixed: Mapping[int, Tensor],
    batch: Batch,
    store: Store,
    restarts: int,
    rate: float,
) -> None:
    bases = {key: orthonormal(p) for key, p in adam.parameters.items()}
    scores = run(program, {**fixed, **bases}, batch, store, restarts=restarts)
    value = loss(scores, batch.answers, restarts)
    keys = list(adam.parameters)
    gradients = torch.autograd.grad(value, [adam.parameters[key] for key in keys])
    adam.step(dict(zip(keys, gradients, strict=True)), rate)


@torch.no_grad()
def _judge(
    program: Program,
    adam: Adam,
    fixed: Mapping[int, Tensor],
    judged: Table,
    store: Store,
    restarts: int,
) -> Tensor:
    """Mean IIA over lines of each restart: (restarts,)."""
    bases = {key: orthonormal(p) for key, p in adam.parameters.items()}
    parts = []
    for first in range(0, len(judged.rows), 1024):
        batch = judged.rows.take(slice(first, first + 1024))
        scores = run(program, {**fixed, **bases}, batch, store, restarts=restarts)
        parts.append(agree(scores, batch.answers, restarts=restarts))
    hits = torch.cat(parts, dim=1).double()
    lines = [
        hits[:, a:b].mean(dim=1) for a, b in zip(judged.bounds, judged.bounds[1:], strict=False)
    ]
    return torch.stack(lines).mean(dim=0).cpu()


def _draw(train: Table, count: int, generator: torch.Generator) -> Tensor:
    """Random rows, as many of each line as of any other (the lines' mean is what counts)."""
    share = max(1, count // len(train.lines))
    spans = zip(train.bounds, train.bounds[1:], strict=False)
    drawn = [torch.randint(a, b, (share,), generator=generator) for a, b in spans]
    return drawn[0] if len(drawn) == 1 else torch.cat(drawn)


def _part(train: Table, count: int, generator: torch.Generator) -> Table:
    """A fixed part of the training rows, the same number of each line as far as it has them."""
    share = max(1, count // len(train.lines))
    picked: list[Tensor] = []
    bounds = [0]
    for a, b in zip(train.bounds, train.bounds[1:], strict=False):
        picked.append(a + torch.randperm(b - a, generator=generator)[:share])
        bounds.append(bounds[-1] + len(picked[-1]))
    rows = torch.cat(picked).to(train.rows.base.device)
    return Table(train.rows.take(rows), train.lines, tuple(bounds))
