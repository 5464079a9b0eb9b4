"""Random streams by name: a control never moves the draws of another purpose."""

from __future__ import annotations

import hashlib

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
    digest = hashlib.sha256(repr((seed, *purpose)).encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "little") >> 1)
