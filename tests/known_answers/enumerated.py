"""Tasks small enough that every interchange can be run, and their truths by numpy alone.

Nothing here uses the engine: it is what the engine is held against.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tests.known_answers import recipes

Numbers = NDArray[np.float64]
Whole = NDArray[np.int64]

VALUES = 3
"""Each of the four inputs of every task is one of 0, 1, 2."""

INPUTS = np.array(list(product(range(VALUES), repeat=4)))
CODES = np.eye(VALUES)[INPUTS].reshape(len(INPUTS), -1)
"""(81, 12): one-hot codes side by side, which is what `feed x, y, z, w` gives."""


@dataclass(frozen=True, eq=False)
class Task:
    """An algorithm of two variables, told twice: as a file says it, and in numpy.

    `values` are the two variables' values on every input, `answer` takes any two such values
    to the place of the output's value.
    """

    text: str
    names: tuple[str, str]
    inputs: tuple[str, str, str, str]
    output: str
    values: tuple[Whole, Whole]
    answer: Callable[[Any, Any], Any]

    @property
    def lines(self) -> dict[str, tuple[int, ...]]:
        """Which of the two variables each line interchanges."""
        return {self.names[0]: (0,), self.names[1]: (1,), "both": (0, 1)}

    @property
    def wanted(self) -> Whole:
        """The place of the right answer to every input."""
        return np.asarray(self.answer(*self.values))


def _compared(left: Any, right: Any) -> Whole:
    return np.where(left < right, 0, np.where(left == right, 1, 2))


_LESS = "if {0} < {1} then 0 else if {0} == {1} then 1 else 2"
_X, _Y, _Z, _W = INPUTS.T

SUMS = Task(
    text=f"""
algorithm {{
  input  x, y, z, w : 0..2
  var    left  : 0..4 = x + y
  var    right : 0..4 = z + w
  output answer : 0..2 = {_LESS.format("left", "right")}
}}
""",
    names=("left", "right"),
    inputs=("x", "y", "z", "w"),
    output="answer",
    values=(_X + _Y, _Z + _W),
    answer=_compared,
)
"""x + y against z + w."""

DIFFERENCES = Task(
    text=f"""
algorithm {{
  input  x, y, z, w : 0..2
  var    gain : -2..2 = x - z
  var    need : -2..2 = w - y
  output answer : 0..2 = {_LESS.format("gain", "need")}
}}
""",
    names=("gain", "need"),
    inputs=("x", "y", "z", "w"),
    output="answer",
    values=(_X - _Z, _W - _Y),
    answer=_compared,
)
"""The same answers by x - z against w - y."""

EQUALITIES = Task(
    text="""
algorithm {
  input  a, b, c, d : 0..2
  var    left  : bool = a == b
  var    right : bool = c == d
  output same : bool = left == right
}
""",
    names=("left", "right"),
    inputs=("a", "b", "c", "d"),
    output="same",
    values=((_X == _Y).astype(int), (_Z == _W).astype(int)),
    answer=lambda left, right: (left == right).astype(int),
)
"""Hierarchical equality of three words."""

CROSSED = Task(
    text=EQUALITIES.text.replace("a == b", "a == c").replace("c == d", "b == d"),
    names=("left", "right"),
    inputs=("a", "b", "c", "d"),
    output="same",
    values=((_X == _Z).astype(int), (_Y == _W).astype(int)),
    answer=EQUALITIES.answer,
)
"""The wrong pairs compared: another function altogether."""


class Truth:
    """A network of hidden layers of ReLUs on a task, all of its interchanges.

    `weight` is how often an input is drawn, as base or as source.
    """

    def __init__(
        self, tensors: Mapping[str, Tensor], weight: Numbers | None = None, task: Task = SUMS
    ) -> None:
        self.task = task
        count = len(tensors) // 2
        self.weights = [tensors[f"weights.{i}"].double().numpy() for i in range(count)]
        self.biases = [tensors[f"biases.{i}"].double().numpy() for i in range(count)]
        self.weight = all_alike() if weight is None else weight
        hidden = CODES
        self.layers = []
        for layer in range(count - 1):
            hidden = np.maximum(hidden @ self.weights[layer].T + self.biases[layer], 0)
            self.layers.append(hidden)

    def after(self, layer: int, hidden: Numbers) -> Numbers:
        """Scores from the activation of a layer: (..., width) -> (..., classes)."""
        last = len(self.weights) - 1
        for number in range(layer + 1, last + 1):
            hidden = hidden @ self.weights[number].T + self.biases[number]
            hidden = np.maximum(hidden, 0) if number < last else hidden
        return hidden

    def accuracy(self) -> float:
        """The clean network's."""
        last = len(self.layers) - 1
        right = self.after(last, self.layers[last]).argmax(-1) == self.task.wanted
        return float(right @ self.weight)

    def line(self, which: str, layer: int, bases: Mapping[str, Numbers]) -> dict[str, float]:
        """Metrics of an interchange of one variable or "both", over all bases and sources.

        `bases` are each variable's own orthonormal columns: (width, dims).
        """
        task, hidden = self.task, self.layers[layer]
        places = task.lines[which]
        moved = {i: hidden @ bases[task.names[i]] for i in places}
        found = {"iia": 0.0, "logit_difference": 0.0, "mass": 0.0}
        for base in np.flatnonzero(self.weight):
            change = [(moved[i] - moved[i][base]) @ bases[task.names[i]].T for i in places]
            share = self.weight * self.weight[base]
            if len(places) == 2:
                scores = self.after(layer, hidden[base] + change[0][:, None] + change[1][None])
                wanted = task.answer(task.values[0][:, None], task.values[1][None])
                each = self.weight[:, None] * share[None]
                found["iia"] += float(((scores.argmax(-1) == wanted) * each).sum())
                continue
            scores = self.after(layer, hidden[base] + change[0])
            given = [task.values[i] if i in places else task.values[i][base] for i in (0, 1)]
            wanted = task.answer(*given)
            found["iia"] += float(((scores.argmax(-1) == wanted) * share).sum())
            logs = scores - np.logaddexp.reduce(scores, axis=-1, keepdims=True)
            of_answer = np.take_along_axis(logs, wanted[:, None], -1)[:, 0]
            found["logit_difference"] += float(
                ((of_answer - logs[:, task.wanted[base]]) * share).sum()
            )
            found["mass"] += float((np.exp(of_answer) * share).sum())
        return found


def all_alike() -> Numbers:
    """Inputs drawn uniformly."""
    return np.full(len(INPUTS), 1 / len(INPUTS))


def balanced(task: Task = SUMS) -> Numbers:
    """`balance` of both variables: each pair of values alike, uniform inside."""
    code = task.values[0] * 10 + task.values[1]
    _, which, counts = np.unique(code, return_inverse=True, return_counts=True)
    return np.asarray(1 / (counts[which] * len(counts)))


def only(rows: Whole) -> Numbers:
    """Some inputs alone, each alike: those of a split."""
    found = np.zeros(len(INPUTS))
    found[rows] = 1 / len(rows)
    return found


def neurons(numbers: range, width: int = 16) -> Numbers:
    """The coordinates themselves: (width, dims)."""
    return np.eye(width)[:, list(numbers)]


# ---------------------------------------------------------------------- networks


def fresh(seed: int) -> nn.Sequential:
    """Two hidden layers of 16, three scores; torch's own first weights."""
    torch.manual_seed(seed)
    sizes = [(CODES.shape[1], 16), (16, 16), (16, 3)]
    first, second, last = (nn.Linear(before, after) for before, after in sizes)
    return nn.Sequential(first, nn.ReLU(), second, nn.ReLU(), last)


def untrained(path: Path, *, seed: int = 0) -> Path:
    """Weights as they are before training."""
    if not path.exists():
        recipes.write(path, recipes.weights_of(fresh(seed)))
    return path


def behaving(path: Path, *, steps: int, seed: int = 0, task: Task = SUMS) -> Path:
    """Weights trained on the task's answers for some steps."""
    made, codes = fresh(seed), torch.from_numpy(CODES).float()
    wanted = torch.from_numpy(task.wanted)
    if not path.exists():
        _descend(made, steps, lambda: nn.functional.cross_entropy(made(codes), wanted))
        recipes.write(path, recipes.weights_of(made))
    return path


def implementing(path: Path, *, steps: int, seed: int = 0, task: Task = SUMS) -> Path:
    """Weights trained by interchange interventions (Geiger et al. 2022) for some steps.

    The first variable is put into neurons 0..7 of `hidden 0`, the second into 8..15.
    """
    made, codes = fresh(seed), torch.from_numpy(CODES).float()
    draws = torch.Generator().manual_seed(seed)

    def loss() -> Tensor:
        one, two = torch.randint(len(codes), (2, 1024), generator=draws)
        hidden = made[1](made[0](codes))
        joined = torch.cat([hidden[one, :8], hidden[two, 8:]], dim=1)
        wanted = task.answer(task.values[0][one.numpy()], task.values[1][two.numpy()])
        return nn.functional.cross_entropy(made[2:](joined), torch.from_numpy(wanted))

    if not path.exists():
        _descend(made, steps, loss)
        recipes.write(path, recipes.weights_of(made))
    return path


def _descend(made: nn.Sequential, steps: int, loss: Callable[[], Tensor]) -> None:
    adam = torch.optim.Adam(made.parameters(), lr=1e-2)
    for _ in range(steps):
        adam.zero_grad()
        loss().backward()
        adam.step()


def wired(words: Tensor | None = None) -> dict[str, Tensor]:
    """Hierarchical equality by hand, of four vectors of four numbers, or of words.

    `hidden 0`: the positive parts of a - b and b - a in neurons 0..7, of c - d and d - c in 8..15.
    `hidden 1`: of their sums l and r the positive parts of l - r, r - l and l + r. Not the same
    where |l - r| = l + r, that is where exactly one of them is nought (Geiger et al. 2024).
    """
    one, none = torch.eye(4), torch.zeros(4, 4)
    left = torch.cat([torch.cat([one, -one, none, none], 1), torch.cat([-one, one, none, none], 1)])
    right = left.roll(8, dims=1)
    first = torch.cat([left, right])
    ones = torch.ones(8)
    second = torch.stack(
        [torch.cat([ones, -ones]), torch.cat([-ones, ones]), torch.cat([ones, ones])]
    )
    last = torch.tensor([[1.0, 1.0, 0.0], [0.0, 0.0, 0.999]])
    if words is not None:
        first = torch.cat([slot @ words.T for slot in first.split(4, dim=1)], dim=1)
    biases = [torch.zeros(16), torch.zeros(3), torch.tensor([0.0, 1e-6])]
    found = {f"weights.{i}": w.contiguous() for i, w in enumerate((first, second, last))}
    return {**found, **{f"biases.{i}": b for i, b in enumerate(biases)}}
