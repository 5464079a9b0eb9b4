"""The weights of one block of a transformer."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

EPSILON = 1e-5
"""What a norm's variance is at least."""


@dataclass(frozen=True)
class Sizes:
    """What a transformer is built of; `key` are the numbers in a head, `hidden` 0 no MLP."""

    layers: int
    heads: int
    width: int
    key: int
    hidden: int
    norms: bool = True


def usual_sizes(layers: int, heads: int, width: int, *, mlp: bool = True) -> Sizes:
    """Heads that share the width, an MLP four times as wide, norms."""
    return Sizes(layers, heads, width, width // heads, 4 * width if mlp else 0)


class Block(nn.ParameterDict):
    """Weights of one block: attention, MLP if there is one, two norms if there are."""

    def __init__(self, sizes: Sizes) -> None:
        width, norms = sizes.width, sizes.norms
        self.inner = inner = sizes.heads * sizes.key
        self.hidden = sizes.hidden
        first: dict[str, tuple[int, ...]] = {"first_weight": (width,), "first_bias": (width,)}
        second: dict[str, tuple[int, ...]] = {"second_weight": (width,), "second_bias": (width,)}
        shapes: dict[str, tuple[int, ...]] = {
            **(first if norms else {}),
            "qkv_weight": (3 * inner, width),
            "qkv_bias": (3 * inner,),
            "out_weight": (width, inner),
            "out_bias": (width,),
        }
        if self.hidden:
            shapes |= {
                **(second if norms else {}),
                "widen_weight": (self.hidden, width),
                "widen_bias": (self.hidden,),
                "narrow_weight": (width, self.hidden),
                "narrow_bias": (width,),
            }
        super().__init__({name: nn.Parameter(torch.empty(s)) for name, s in shapes.items()})

    def linear(self, x: Tensor, name: str) -> Tensor:
        """A matrix and its bias."""
        return functional.linear(x, self[f"{name}_weight"], self[f"{name}_bias"])

    def normed(self, x: Tensor, name: str) -> Tensor:
        """A layer norm, where there is one."""
        if f"{name}_weight" not in self:
            return x
        shape = (x.shape[-1],)
        weight, bias = self[f"{name}_weight"], self[f"{name}_bias"]
        return functional.layer_norm(x, shape, weight, bias, EPSILON)
