"""A nonlinear invertible map: additive couplings (RevNet, Gomez et al. 2017).

As an alignment map: Sutter et al. 2025 (arXiv 2507.08802), who show that one powerful enough
aligns nearly anything, untrained networks too. A file that judges it must therefore say
what it reaches under `untrained`; the checker sees to that.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from causalabs.engine.bases.rotation import span_of
from causalabs.engine.bases.shared import Descended, setting, where_of
from causalabs.engine.basis import Basis, Block, Evidence, Parameters
from causalabs.engine.errors import EngineError
from causalabs.hypothesis.model import Space

SCALE = 8.0
"""Parameters are kept so many times larger: a step of the fit, which suits rotations, then
moves the map as Adam at a rate as much smaller would (the paper's is 1e-3)."""

NAMES = ("one.in", "one.bias", "one.out", "one.end", "two.in", "two.bias", "two.out", "two.end")


@dataclass(frozen=True, eq=False)
class Coupled:
    """Blocks `y1 = x1 + F(x2), y2 = x2 + G(y1)`; F and G have one hidden layer of ReLUs.

    `weights` are stacked (restarts, blocks, ...). Coordinates are y1, y2 of the last block.
    """

    kind: str
    weights: Mapping[str, Tensor]
    exact: bool = True
    additive: bool = False

    def encode(self, activation: Tensor, block: Block) -> Tensor:
        """(restarts or 1, batch, width) -> (restarts, batch, block)."""
        return self.forward(activation)[..., span_of(block)]

    def write(self, activation: Tensor, values: Tensor, block: Block) -> Tensor:
        """Through the map, the block's coordinates replaced, and back."""
        there = self.forward(activation)  # (restarts, batch, width)
        at = torch.tensor(block, device=there.device)
        values = values.to(there.dtype).expand(*there.shape[:-1], -1)
        return self.inverse(there.index_copy(-1, at, values)).to(activation.dtype)

    def swap(self, activation: Tensor, source: Tensor, block: Block) -> Tensor:
        """The same."""
        return self.write(activation, self.encode(source, block), block)

    def forward(self, activation: Tensor) -> Tensor:
        """(restarts or 1, batch, width) -> coordinates (restarts, batch, width)."""
        one, two = self._halves(activation)
        for number in range(self.blocks):
            one = one + self._step("one", number, two)
            two = two + self._step("two", number, one)
        return torch.cat([one, two], dim=-1)

    def inverse(self, coordinates: Tensor) -> Tensor:
        """Coordinates -> the activation, exactly but for rounding."""
        one, two = self._halves(coordinates)
        for number in reversed(range(self.blocks)):
            two = two - self._step("two", number, one)
            one = one - self._step("one", number, two)
        return torch.cat([one, two], dim=-1)

    @property
    def blocks(self) -> int:
        """Couplings, each of both halves."""
        return self.weights["one.in"].shape[1]

    def _halves(self, tensor: Tensor) -> tuple[Tensor, Tensor]:
        weight = self.weights["one.out"]
        restarts, half = weight.shape[0], weight.shape[-1]
        wide = tensor.to(weight.dtype).expand(max(restarts, len(tensor)), -1, -1)
        return wide[..., :half], wide[..., half:]

    def _step(self, name: str, number: int, given: Tensor) -> Tensor:
        w = self.weights
        bias, end = w[f"{name}.bias"][:, number, None], w[f"{name}.end"][:, number, None]
        hidden = torch.relu(given @ w[f"{name}.in"][:, number] + bias)  # (restarts, batch, hidden)
        return hidden @ w[f"{name}.out"][:, number] + end

    def to(self, *, device: torch.device | str, dtype: torch.dtype) -> Coupled:
        """The same elsewhere; never in less than single precision, or it is no inverse."""
        wide = dtype if torch.finfo(dtype).bits >= 32 else torch.float32
        weights = {name: each.to(device=device, dtype=wide) for name, each in self.weights.items()}
        return replace(self, weights=weights)

    def tensors(self) -> Mapping[str, Tensor]:
        """All weights of one restart, (blocks, ...) each."""
        return {name: each[0] for name, each in self.weights.items()}


class RevNet(Descended):
    """`k revnet(blocks = 10, hidden = 16) dims` of the map's coordinates."""

    name = "revnet"

    def dims(self, space: Space, width: int) -> int:
        """All of the site's, if the blocks fit; it needs two numbers to couple."""
        super().dims(space, width)
        if width < 2:
            raise EngineError(
                f"{where_of(space)} has one number: `revnet` couples two halves",
                "use `learned`",
            )
        return width

    def capacity(self, space: Space, width: int) -> int:
        """Every weight and bias."""
        return sum(math.prod(shape) for shape in _shapes(space, width).values())

    def start(
        self, space: Space, width: int, restarts: int, *, generator: torch.Generator
    ) -> Parameters:
        """Weights and biases uniform within one over the root of what comes in, as torch's."""
        self.dims(space, width)
        found = {}
        for name, shape in _shapes(space, width).items():
            fan = _fan_in(space, width, name)
            drawn = torch.rand((restarts, *shape), generator=generator, dtype=torch.float64)
            found[name] = SCALE * (2 * drawn - 1) / math.sqrt(fan)
        return found

    def basis(self, space: Space, parameters: Parameters, share: float) -> Basis:
        """The map; the same at every share."""
        return Coupled(self.name, {name: each / SCALE for name, each in parameters.items()})

    def random(
        self,
        space: Space,
        width: int,
        *,
        generator: torch.Generator,
        evidence: Evidence | None = None,
    ) -> Basis:
        """The map before any fit."""
        return self.basis(space, self.start(space, width, 1, generator=generator), 1.0)

    def restore(self, space: Space, tensors: Mapping[str, Tensor]) -> Basis:
        """Inverse of `Basis.tensors`."""
        return Coupled(self.name, {name: tensors[name][None] for name in NAMES})


def _shapes(space: Space, width: int) -> dict[str, tuple[int, ...]]:
    """Of each parameter, restarts aside: the first half has the middle number."""
    blocks, hidden = _size(space, "blocks"), _size(space, "hidden")
    one = (width + 1) // 2
    two = width - one
    found: dict[str, tuple[int, ...]] = {}
    for name, given, gives in (("one", two, one), ("two", one, two)):
        found[f"{name}.in"] = (blocks, given, hidden)
        found[f"{name}.bias"] = (blocks, hidden)
        found[f"{name}.out"] = (blocks, hidden, gives)
        found[f"{name}.end"] = (blocks, gives)
    return found


def _fan_in(space: Space, width: int, name: str) -> int:
    part, which = name.split(".")
    one = (width + 1) // 2
    given = width - one if part == "one" else one
    return given if which in ("in", "bias") else _size(space, "hidden")


def _size(space: Space, name: str) -> int:
    given = setting(space, name)
    return given if isinstance(given, int) else {"blocks": 10, "hidden": 16}[name]
