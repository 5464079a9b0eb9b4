"""A task small enough that every interchange can be run, and its truths by numpy alone.

Nothing here uses the engine: it is what the engine is held against.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tests.known_answers import recipes

Numbers = NDArray[np.float64]

VALUES = 3
"""Each of the four inputs is one of 0, 1, 2."""

ALGORITHM = """
algorithm {
  input  x, y, z, w : 0..2
  var    left  : 0..4 = x + y
  var    right : 0..4 = z + w
  output answer : 0..2 = if left < right then 0 else if left == right then 1 else 2
}
"""
LINES = ("left", "right", "both")

INPUTS = np.array(list(product(range(VALUES), repeat=4)))
LEFT, RIGHT = INPUTS[:, 0] + INPUTS[:, 1], INPUTS[:, 2] + INPUTS[:, 3]
CODES = np.eye(VALUES)[INPUTS].reshape(len(INPUTS), -1)


def answer(left: Any, right: Any) -> NDArray[np.int64]:
    """The algorithm's output from its variables."""
    return np.where(left < right, 0, np.where(left == right, 1, 2))


class Truth:
    """A network of two hidden layers on this task, all of its interchanges.

    `weight` is how often an input is drawn, as base or as source.
    """

    def __init__(self, tensors: Mapping[str, Tensor], weight: Numbers) -> None:
        self.weights = [tensors[f"weights.{i}"].double().numpy() for i in range(3)]
        self.biases = [tensors[f"biases.{i}"].double().numpy() for i in range(3)]
        self.weight = weight
        hidden = CODES
        self.layers = []
        for layer in range(2):
            hidden = np.maximum(hidden @ self.weights[layer].T + self.biases[layer], 0)
            self.layers.append(hidden)

    def after(self, layer: int, hidden: Numbers) -> Numbers:
        """Scores from the activation of a layer: (..., 16) -> (..., 3)."""
        for number in range(layer + 1, 3):
            hidden = hidden @ self.weights[number].T + self.biases[number]
            hidden = np.maximum(hidden, 0) if number < 2 else hidden
        return hidden

    def accuracy(self) -> float:
        """The clean network's."""
        right = self.after(1, self.layers[1]).argmax(-1) == answer(LEFT, RIGHT)
        return float(right @ self.weight)

    def line(self, which: str, layer: int, bases: Mapping[str, Numbers]) -> dict[str, float]:
        """Metrics of an interchange of "left", "right" or "both", over all bases and sources.

        `bases` are each variable's own orthonormal columns: (16, dims).
        """
        hidden = self.layers[layer]
        moved = {name: hidden @ columns for name, columns in bases.items()}
        found = {"iia": 0.0, "logit_difference": 0.0, "mass": 0.0}
        for base in np.flatnonzero(self.weight):
            change = {name: (moved[name] - moved[name][base]) @ bases[name].T for name in bases}
            share = self.weight * self.weight[base]
            if which == "both":
                scores = self.after(
                    layer, hidden[base] + change["left"][:, None] + change["right"][None]
                )
                wanted = answer(LEFT[:, None], RIGHT[None])
                each = self.weight[:, None] * share[None]
                found["iia"] += float(((scores.argmax(-1) == wanted) * each).sum())
                continue
            scores = self.after(layer, hidden[base] + change[which])
            wanted = answer(
                LEFT if which == "left" else LEFT[base], RIGHT if which == "right" else RIGHT[base]
            )
            found["iia"] += float(((scores.argmax(-1) == wanted) * share).sum())
            logs = scores - np.log(np.exp(scores).sum(-1, keepdims=True))
            of_answer = np.take_along_axis(logs, wanted[:, None], -1)[:, 0]
            before = int(answer(LEFT[base], RIGHT[base]))
            found["logit_difference"] += float(((of_answer - logs[:, before]) * share).sum())
            found["mass"] += float((np.exp(of_answer) * share).sum())
        return found


def all_alike() -> Numbers:
    """Inputs drawn uniformly."""
    return np.full(len(INPUTS), 1 / len(INPUTS))


def balanced() -> Numbers:
    """`balance left, right`: each pair of values alike, uniform inside."""
    _, which, counts = np.unique(LEFT * 10 + RIGHT, return_inverse=True, return_counts=True)
    return np.asarray(1 / (counts[which] * len(counts)))


def only(rows: NDArray[np.int64]) -> Numbers:
    """Some inputs alone, each alike: those of a split."""
    found = np.zeros(len(INPUTS))
    found[rows] = 1 / len(rows)
    return found


# ---------------------------------------------------------------------- networks


def _made(seed: int) -> nn.Sequential:
    torch.manual_seed(seed)
    sizes = [(CODES.shape[1], 16), (16, 16), (16, 3)]
    first, second, last = (nn.Linear(before, after) for before, after in sizes)
    return nn.Sequential(first, nn.ReLU(), second, nn.ReLU(), last)


def behaving(path: Path, *, steps: int, seed: int = 0) -> Path:
    """Weights trained on the task's answers for some steps."""
    if path.exists():
        return path
    made, codes = _made(seed), torch.from_numpy(CODES).float()
    wanted = torch.from_numpy(answer(LEFT, RIGHT))
    adam = torch.optim.Adam(made.parameters(), lr=1e-2)
    for _ in range(steps):
        loss = nn.functional.cross_entropy(made(codes), wanted)
        adam.zero_grad()
        loss.backward()
        adam.step()
    recipes.write(path, recipes.weights_of(made))
    return path


def implementing(path: Path, *, steps: int, seed: int = 0) -> Path:
    """Weights trained by interchange interventions: left in neurons 0..7 of `hidden 0`, right in
    8..15 (Geiger et al. 2022), for some steps."""
    if path.exists():
        return path
    made, codes = _made(seed), torch.from_numpy(CODES).float()
    draws = torch.Generator().manual_seed(seed)
    left, right = torch.from_numpy(LEFT), torch.from_numpy(RIGHT)
    adam = torch.optim.Adam(made.parameters(), lr=1e-2)
    for _ in range(steps):
        of_left, of_right = torch.randint(len(codes), (2, 1024), generator=draws)
        hidden = made[1](made[0](codes))
        joined = torch.cat([hidden[of_left, :8], hidden[of_right, 8:]], dim=1)
        wanted = torch.from_numpy(answer(left[of_left].numpy(), right[of_right].numpy()))
        loss = nn.functional.cross_entropy(made[2:](joined), wanted)
        adam.zero_grad()
        loss.backward()
        adam.step()
    recipes.write(path, recipes.weights_of(made))
    return path
