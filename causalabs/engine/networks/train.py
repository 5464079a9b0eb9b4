"""Training a built-in network on the algorithm's own input-output behaviour.

The recipe knows nothing of the task. A round is a fixed number of steps of AdamW with
gradient clipping, the rate rising briefly and then falling along a cosine to nothing. The
accuracy is judged at the end of a round, on freshly drawn bases, and never during one: a
network stopped in the moment it touches its bound has a worse inside than one that was
trained out. A round that misses the bound is followed by another from its weights, three in
all. Weight decay (0.1) matters for what is found inside, hardly for the accuracy.

Bases are drawn once into a pool that batches are taken from at random; where a batch holds
all distinct inputs there are, each step sees every one of them, weighted by its frequency.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from causalabs.algorithm.domains import Column
from causalabs.algorithm.model import Algorithm
from causalabs.engine.answers import agree, clean_answers, lesson_losses
from causalabs.engine.errors import EngineError
from causalabs.engine.networks.base import BuiltIn
from causalabs.engine.protocol import Scores

DrawBases: TypeAlias = Callable[[int, np.random.Generator], Mapping[str, Column]]
"""(count, generator) -> columns of the inputs of that many freshly drawn bases."""

Progress: TypeAlias = Callable[[str, float], None]
"""(what is being done, share done so far)."""


@dataclass(frozen=True)
class Recipe:
    """How a network is trained; one for each kind, whatever the task."""

    steps: int
    batch: int
    rate: float
    weight_decay: float = 0.1
    warm_up: float = 0.02
    clip: float = 1.0
    rounds: int = 3
    pool: int = 2**20
    judged: int = 20_000


RECIPES: Mapping[str, Recipe] = {
    "mlp": Recipe(steps=10_000, batch=1024, rate=3e-3),
    "gru": Recipe(steps=2000, batch=512, rate=1e-2),
    "transformer": Recipe(steps=2000, batch=256, rate=3e-3, pool=2**17),
}


@dataclass(frozen=True, eq=False)
class Pool:
    """Encoded inputs, the right class of each output, and how often each row counts."""

    inputs: Any
    answers: Mapping[str, Tensor]
    weights: Tensor | None = None

    def __len__(self) -> int:
        return len(self.inputs)


class Teacher:
    """What the algorithm answers: draws bases and labels them for one network."""

    def __init__(
        self, network: BuiltIn[Any], algorithms: Sequence[Algorithm], draw_bases: DrawBases
    ) -> None:
        self.network = network
        self.algorithms = tuple(algorithms)
        self.draw_bases = draw_bases

    def columns(self, inputs: Mapping[str, Column]) -> dict[str, Column]:
        """Every variable of every algorithm on these inputs."""
        found: dict[str, Column] = {}
        for algorithm in reversed(self.algorithms):
            given = {v.name: inputs[v.name] for v in algorithm.inputs}
            found.update(algorithm.evaluate(given))
        return found

    def answers(self, columns: Mapping[str, Column]) -> dict[str, Tensor]:
        """Class of each output, (rows,); of a set the flags of its members."""
        found = clean_answers(self.algorithms[0], columns, self.network.device)
        return {output.name: found[output.name] for output in self.network.outputs}

    def draw(self, count: int, generator: np.random.Generator, *, distinct: int = 0) -> Pool:
        """Freshly drawn bases; once each, with weights, where at most `distinct` differ."""
        inputs = dict(self.draw_bases(count, generator))
        weights = None
        if distinct:
            first, times = _distinct(inputs)
            if len(first) <= distinct:
                inputs = {name: column[first] for name, column in inputs.items()}
                weights = torch.from_numpy(times / times.mean()).to(
                    self.network.device, self.network.dtype
                )
        columns = self.columns(inputs)
        return Pool(self.network.encode(columns), self.answers(columns), weights)


Loss: TypeAlias = Callable[[torch.Generator], Tensor]
"""The loss of one batch, drawn with the generator."""


def train(
    teacher: Teacher,
    *,
    recipe: Recipe,
    until: float | None,
    draws: np.random.Generator,
    batches: torch.Generator,
    loss: Loss | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Train the teacher's network in place and tell what came of it.

    `loss` replaces the behavioural loss. `EngineError` where the accuracy `until` is not
    reached within the recipe's rounds.
    """
    network, started = teacher.network, time.perf_counter()
    loss = loss or behaviour(teacher, recipe, draws)
    accuracy, steps, value = 0.0, 0, math.nan
    with one_thread():
        for number in range(recipe.rounds):
            label = f"training {network.kind}" + (f", round {number + 1}" if number else "")
            value = _round(network, recipe, loss, batches, label, progress)
            steps += recipe.steps
            accuracy = judge(teacher, recipe.judged, draws)
            if until is None or accuracy >= until:
                break
        else:
            raise EngineError(
                f"the {network.kind} reached accuracy {accuracy:.4f} in {steps:,} steps, "
                f"not {until:g}",
                "make the network larger, or ask for less: "
                f"`train until accuracy >= {math.floor(accuracy * 100) / 100:g}`",
            )
    seconds = time.perf_counter() - started
    return {"accuracy": accuracy, "steps": steps, "loss": value, "seconds": seconds}


def behaviour(teacher: Teacher, recipe: Recipe, draws: np.random.Generator) -> Loss:
    """Cross-entropy of the algorithm's own outputs on drawn bases."""
    network = teacher.network
    pool = teacher.draw(pool_size(recipe), draws, distinct=recipe.batch)

    def loss(generator: torch.Generator) -> Tensor:
        if pool.weights is not None:
            return cross_entropy(network.run(pool.inputs), pool.answers, pool.weights)
        rows = torch.randint(len(pool), (recipe.batch,), generator=generator)
        rows = rows.to(network.device)
        answers = {name: column[rows] for name, column in pool.answers.items()}
        return cross_entropy(network.run(network.slice(pool.inputs, rows)), answers)

    return loss


def pool_size(recipe: Recipe) -> int:
    """Bases drawn for a pool: no more than are ever used."""
    return min(recipe.pool, recipe.steps * recipe.batch)


def cross_entropy(
    scores: Scores, answers: Mapping[str, Tensor], weights: Tensor | None = None
) -> Tensor:
    """Mean over outputs and rows."""
    total = []
    for name, column in scores.items():
        each = lesson_losses(column, answers[name])
        total.append(each.mean() if weights is None else (each * weights).mean())
    return torch.stack(total).mean()


def judge(teacher: Teacher, count: int, draws: np.random.Generator) -> float:
    """Accuracy on freshly drawn bases: the share on which every output is right."""
    pool = teacher.draw(count, draws)
    return float(right(teacher.network.scores(pool.inputs), pool.answers).double().mean())


def right(scores: Scores, answers: Mapping[str, Tensor]) -> Tensor:
    """Rows on which every output is right: (rows,)."""
    return agree(scores, answers)[0]


def rate_at(step: int, steps: int, warm_up: float) -> float:
    """Share of the full learning rate.

    >>> [round(rate_at(step, 100, 0.02), 2) for step in (0, 1, 2, 51, 100)]
    [0.5, 1.0, 1.0, 0.5, 0.0]
    """
    rising = max(1, round(steps * warm_up))
    if step < rising:
        return (step + 1) / rising
    return 0.5 * (1 + math.cos(math.pi * (step - rising) / max(1, steps - rising)))


def _round(
    network: BuiltIn[Any],
    recipe: Recipe,
    loss: Loss,
    batches: torch.Generator,
    label: str,
    progress: Progress | None,
) -> float:
    network.train()
    network.requires_grad_(True)
    parameters = list(network.parameters())
    matrices = [p for p in parameters if p.dim() > 1]
    vectors = [p for p in parameters if p.dim() <= 1]
    groups: list[dict[str, Any]] = [
        {"params": matrices},
        {"params": vectors, "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(
        groups,
        lr=recipe.rate,
        weight_decay=recipe.weight_decay,
        fused=True,
    )
    value = torch.tensor(math.nan)
    for step in range(recipe.steps):
        for group in optimizer.param_groups:
            group["lr"] = recipe.rate * rate_at(step, recipe.steps, recipe.warm_up)
        value = loss(batches)
        optimizer.zero_grad(set_to_none=True)
        value.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(parameters, recipe.clip)
        optimizer.step()
        if progress is not None and step % 100 == 0:
            progress(label, step / recipe.steps)
    network.freeze()
    if progress is not None:
        progress(label, 1.0)
    return value.item()


def _distinct(inputs: Mapping[str, Column]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """First row of each distinct input, and how often it occurs."""
    columns = [np.ascontiguousarray(column).reshape(len(column), -1) for column in inputs.values()]
    if any(column.dtype.kind == "f" for column in columns):  # reals hardly ever come twice
        rows = len(columns[0])
        return np.arange(rows), np.ones(rows)
    _, first, times = np.unique(
        np.concatenate(columns, axis=1).astype(np.int64),
        axis=0,
        return_index=True,
        return_counts=True,
    )
    return first.astype(np.int64), times.astype(np.float64)


@contextmanager
def one_thread() -> Iterator[None]:
    """Small networks train fastest, and bit for bit alike, on one thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
