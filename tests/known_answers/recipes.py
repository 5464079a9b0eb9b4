"""Networks of the long tables, trained as the paper's code trains them.

Sutter et al. 2025 (arXiv 2507.08802): 1,048,576 rows, Adam at 1e-3 without weight decay, batches
of 1024, at most 20 epochs, ended when the accuracy on 10,000 other rows has not risen for 1024
steps; the best weights are kept. Here that accuracy is looked at every 16 steps, not every step.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor, nn

ROWS, LOOKED_AT, BATCH, EPOCHS = 1_048_576, 10_000, 1024, 20
EVERY, PATIENCE = 16, 1024
WIDTH = 4


def equality_rows(count: int, draws: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Two pairs, each equal half of the time; whether both are or none is."""
    vectors, equal = _pairs(count, 2, draws)
    return _tensors(vectors, equal[:, 0] == equal[:, 1])


def distributive_rows(count: int, draws: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Three pairs, drawn until half of the answers to (p and r) or (r and t) are true."""
    _, equal = _pairs(4 * count, 3, draws)
    answer = (equal[:, 0] & equal[:, 1]) | (equal[:, 1] & equal[:, 2])
    half = count // 2
    rows = np.concatenate([np.flatnonzero(answer)[:half], np.flatnonzero(~answer)[:half]])
    rows = draws.permutation(rows)
    return _tensors(_vectors(equal[rows], draws), answer[rows])


def _pairs(
    count: int, pairs: int, draws: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    equal = draws.random((count, pairs)) < 0.5
    return _vectors(equal, draws), equal


def _vectors(equal: NDArray[np.bool_], draws: np.random.Generator) -> NDArray[np.float32]:
    """(rows, pairs) -> (rows, pairs * 2 * WIDTH)."""
    count, pairs = equal.shape
    found = draws.random((count, pairs, 2, WIDTH), dtype=np.float32) - np.float32(0.5)
    found[:, :, 1] = np.where(equal[:, :, None], found[:, :, 0], found[:, :, 1])
    return found.reshape(count, pairs * 2 * WIDTH)


def _tensors(vectors: NDArray[np.float32], answer: NDArray[np.bool_]) -> tuple[Tensor, Tensor]:
    return torch.from_numpy(vectors), torch.from_numpy(answer.astype(np.int64))


TASKS = {"equality": (equality_rows, 16), "distributive": (distributive_rows, 24)}


def fresh(task: str, seed: int) -> nn.Sequential:
    """Three hidden layers as wide as the input, ReLUs, two scores; torch's own first weights."""
    width = TASKS[task][1]
    torch.manual_seed(seed)
    layers: list[nn.Module] = []
    for _ in range(3):
        layers += [nn.Linear(width, width), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(width, 2))


def trained(task: str, seed: int, *, epochs: int = EPOCHS) -> tuple[nn.Sequential, float]:
    """A network and its accuracy on the rows that ended its training."""
    rows, _ = TASKS[task]
    draws = np.random.default_rng([seed, 2025])
    inputs, answers = rows(ROWS, draws)
    seen, wanted = rows(LOOKED_AT, draws)
    network = fresh(task, seed)
    adam = torch.optim.Adam(network.parameters(), lr=1e-3, fused=True)
    best, since, kept = -1.0, 0, dict(network.state_dict())
    for _ in range(epochs):
        order = torch.randperm(len(inputs))
        for number, batch in enumerate(order.split(BATCH)):
            loss = nn.functional.cross_entropy(network(inputs[batch]), answers[batch])
            adam.zero_grad(set_to_none=True)
            loss.backward()
            adam.step()
            since += 1
            if number % EVERY:
                continue
            with torch.no_grad():
                accuracy = float((network(seen).argmax(1) == wanted).double().mean())
            if accuracy > best:
                best, since = accuracy, 0
                kept = {name: each.clone() for name, each in network.state_dict().items()}
        if since >= PATIENCE:
            break
    network.load_state_dict(kept)
    return network, best


def weights_of(network: nn.Sequential, words: Tensor | None = None) -> dict[str, Tensor]:
    """Named as the built-in mlp names them.

    `words` (count, WIDTH): the network is fed one-hot codes of words, in place of their vectors.
    """
    layers = [each for each in network if isinstance(each, nn.Linear)]
    found: dict[str, Tensor] = {}
    for number, layer in enumerate(layers):
        weight = layer.weight.detach()
        if number == 0 and words is not None:
            slots: Sequence[Tensor] = weight.split(WIDTH, dim=1)
            weight = torch.cat([slot @ words.T for slot in slots], dim=1)
        found[f"weights.{number}"] = weight.contiguous()
        found[f"biases.{number}"] = layer.bias.detach().clone()
    return found


def words_of(seed: int, count: int) -> Tensor:
    """Random vectors that words stand for: (count, WIDTH)."""
    draws = np.random.default_rng([seed, 32])
    return torch.from_numpy(draws.random((count, WIDTH), dtype=np.float32) - np.float32(0.5))


def write(path: Path, tensors: dict[str, Tensor]) -> None:
    """Under a temporary name first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path.with_suffix(".part"))
    path.with_suffix(".part").replace(path)
