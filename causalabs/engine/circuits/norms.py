"""Norms as formulas, so that gradients go back through them without being recorded."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from causalabs.engine.errors import EngineError


@dataclass(frozen=True, eq=False)
class Norm:
    """`weight * (x - mean) / sqrt(mean square + epsilon) + bias`; of no mean if not `centred`.

    >>> norm = Norm(torch.ones(2), None, 0.0, centred=False)
    >>> norm(torch.tensor([3.0, 3.0])).tolist()
    [1.0, 1.0]
    """

    weight: Tensor  # (width,)
    bias: Tensor | None  # (width,)
    epsilon: float
    centred: bool

    def centre(self, x: Tensor) -> Tensor:
        """What is scaled."""
        return x - x.mean(dim=-1, keepdim=True) if self.centred else x

    def scale(self, centred: Tensor) -> Tensor:
        """By how much: (...,) of (..., width)."""
        return torch.rsqrt(centred.square().mean(dim=-1) + self.epsilon)

    def __call__(self, x: Tensor) -> Tensor:
        """(..., width) of (..., width)."""
        centred = self.centre(x)
        found = centred * self.scale(centred)[..., None] * self.weight
        return found if self.bias is None else found + self.bias


@torch.no_grad()
def norm_of(module: nn.Module, width: int, tolerance: float) -> Norm:
    """A model's own layer norm or root-mean-square norm as a formula.

    The weight of the latter is read off what it makes of ones, as some models keep it less 1.
    `EngineError` where the module does something else.
    """
    like = next(module.parameters(), torch.empty(0))
    ones = torch.ones(width, dtype=like.dtype, device=like.device)
    epsilon = next((e for e in map(module.__dict__.get, _EPSILONS) if e is not None), None)
    if isinstance(module, nn.LayerNorm):
        weight = ones if module.weight is None else module.weight.detach()
        bias = None if module.bias is None else module.bias.detach()
        return Norm(weight, bias, module.eps, centred=True)
    if isinstance(epsilon, float):
        norm = Norm(module(ones) * (1 + epsilon) ** 0.5, None, epsilon, centred=False)
        probe = torch.linspace(-1, 3, width, dtype=like.dtype, device=like.device)
        wanted = module(probe)
        off = (norm(probe) - wanted).abs().max()
        if off <= tolerance * wanted.abs().max():
            return norm
    raise EngineError(
        f"gradients at edges do not go through the norm `{type(module).__name__}`",
        "search by `acdc`, which needs none, or take a GPT-2, Llama, Qwen, Gemma or NeoX model",
    )


_EPSILONS = ("variance_epsilon", "eps")
