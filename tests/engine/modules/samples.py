"""Modules of many shapes, each of which notes what it computes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from causalabs.engine.modules.network import ModuleNetwork
from causalabs.engine.networks.base import Output

torch.set_num_threads(1)  # the tests are small; threads only cost

RAN: list[nn.Module] = []
"""Modules of the kinds below whose own `forward` was entered."""


class Linear(nn.Linear):
    def forward(self, x: Tensor) -> Tensor:
        RAN.append(self)
        return super().forward(x)


class Block(nn.Module):
    """A residual branch that works in place."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.inner = nn.Sequential(
            Linear(width, 2 * width), nn.ReLU(inplace=True), Linear(2 * width, width)
        )

    def forward(self, x: Tensor) -> Tensor:
        RAN.append(self)
        return x + self.inner(self.norm(x))


class Tower(nn.Module):
    def __init__(self, width: int = 6, depth: int = 4) -> None:
        super().__init__()
        self.embed = nn.Embedding(5, width)
        self.blocks = nn.ModuleList([Block(width) for _ in range(depth)])
        self.head = Linear(width, 3)

    def forward(self, ids: Tensor) -> Tensor:
        x = self.embed(ids)  # (batch, position, width)
        for block in self.blocks:
            x = block(x)
        return self.head(x[:, -1])


class Recurrent(nn.Module):
    """A cell that is called once a step, and a GRU that gives back a tuple."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(5, 4)
        self.gru = nn.GRU(4, 4, batch_first=True)
        self.cell = nn.GRUCell(4, 4)
        self.head = Linear(4, 3)

    def forward(self, ids: Tensor) -> Tensor:
        x, _ = self.gru(self.embed(ids))
        state = x.new_zeros(len(x), 4)
        for step in range(x.shape[1]):
            state = self.cell(x[:, step], state)
        return self.head(state)


class Shared(nn.Module):
    """One layer called twice, the first time inside another module."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(5, 4)
        self.layer = Linear(4, 4)
        self.early = nn.Sequential(self.layer, nn.Tanh())
        self.head = Linear(12, 3)

    def forward(self, ids: Tensor) -> dict[str, Tensor]:
        x = self.early(self.embed(ids))
        return {"scores": self.head(self.layer(x).flatten(1))}


class Routed(nn.Module):
    """Experts that see only the rows sent to them: which are called depends on the batch."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(5, 4)
        self.gate = nn.Linear(4, 3)
        self.experts = nn.ModuleList([Linear(4, 4) for _ in range(3)])
        self.after = nn.Linear(4, 4)
        self.head = Linear(4, 3)

    def forward(self, ids: Tensor) -> Tensor:
        x = self.embed(ids)[:, -1]
        sent = self.gate(x).argmax(dim=-1)
        found = torch.zeros_like(x)
        for number, expert in enumerate(self.experts):
            rows = (sent == number).nonzero()[:, 0]
            if len(rows):
                found = found.index_copy(0, rows, expert(x[rows]))
        return self.head(torch.relu(self.after(found)))


class Encoder(nn.Module):
    """torch's own transformer layers, which have a fast path around their modules."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(5, 8)
        layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = Linear(8, 3)

    def forward(self, ids: Tensor) -> Tensor:
        return self.head(self.encoder(self.embed(ids)).mean(dim=1))


KINDS: Mapping[str, Callable[[], nn.Module]] = {
    each.__name__: each for each in (Tower, Recurrent, Shared, Routed, Encoder)
}


def columns(rows: int, seed: int = 0) -> dict[str, Any]:
    generator = np.random.default_rng(seed)
    return {name: generator.integers(0, 5, rows) for name in "xyz"}


def feed(columns: Mapping[str, Any]) -> Any:
    return np.stack([columns[name] for name in "xyz"], axis=1)


def wrapped(module: nn.Module, **more: Any) -> ModuleNetwork:
    return ModuleNetwork(
        module, outputs=[Output("answer", 3)], feed=feed, like=columns(2, 9), **more
    )


def made(name: str, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return KINDS[name]().eval().requires_grad_(False)
