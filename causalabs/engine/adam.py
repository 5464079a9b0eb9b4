"""Adam on stacked tensors, from which rows can be dropped."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from typing import Generic, TypeVar

import torch
from torch import Tensor

K = TypeVar("K", bound=Hashable)


class Adam(Generic[K]):
    """Adam (Kingma and Ba 2015) on a few tensors whose first axis is what is stacked."""

    def __init__(self, parameters: Mapping[K, Tensor]) -> None:
        self.parameters = {key: p.requires_grad_() for key, p in parameters.items()}
        self.means = {key: torch.zeros_like(p) for key, p in parameters.items()}
        self.squares = {key: torch.zeros_like(p) for key, p in parameters.items()}
        self.steps = 0

    @torch.no_grad()
    def step(self, gradients: Mapping[K, Tensor], rate: float) -> None:
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
        """Drop all rows but these."""
        self.parameters = {
            key: p.detach()[rows].requires_grad_() for key, p in self.parameters.items()
        }
        self.means = {key: mean[rows] for key, mean in self.means.items()}
        self.squares = {key: square[rows] for key, square in self.squares.items()}
