"""Random streams by name: a control never moves the draws of another purpose."""

from __future__ import annotations

import hashlib

import numpy as np
import torch


def stream(seed: int, *purpose: object) -> torch.Generator:
    """The generator of one purpose under a seed; independent of all others.

    >>> torch.equal(torch.rand(3, generator=stream(0, "fit", 1)),
    ...             torch.rand(3, generator=stream(0, "fit", 1)))
    True
    >>> torch.equal(torch.rand(3, generator=stream(0, "fit", 1)),
    ...             torch.rand(3, generator=stream(0, "fit", 2)))
    False
    """
    return torch.Generator().manual_seed(_number(seed, purpose))


def numpy_stream(seed: int, *purpose: object) -> np.random.Generator:
    """The same for numpy's draws."""
    return np.random.default_rng(_number(seed, purpose))


def _number(seed: int, purpose: tuple[object, ...]) -> int:
    digest = hashlib.sha256(repr((seed, *purpose)).encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1
