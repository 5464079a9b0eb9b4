"""The weights of one block of the built-in transformer."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class Block(nn.ParameterDict):
    """Weights of one block: two norms, attention and MLP."""

    def __init__(self, width: int) -> None:
        shapes = {
            "first_weight": (width,),
            "first_bias": (width,),
            "qkv_weight": (3 * width, width),
            "qkv_bias": (3 * width,),
            "out_weight": (width, width),
            "out_bias": (width,),
            "second_weight": (width,),
            "second_bias": (width,),
            "widen_weight": (4 * width, width),
            "widen_bias": (4 * width,),
            "narrow_weight": (width, 4 * width),
            "narrow_bias": (width,),
        }
        super().__init__({name: nn.Parameter(torch.empty(s)) for name, s in shapes.items()})

    def linear(self, x: Tensor, name: str) -> Tensor:
        """A matrix and its bias."""
        return functional.linear(x, self[f"{name}_weight"], self[f"{name}_bias"])

    def normed(self, x: Tensor, name: str) -> Tensor:
        """A layer norm."""
        shape = (x.shape[-1],)
        return functional.layer_norm(x, shape, self[f"{name}_weight"], self[f"{name}_bias"])
