"""Spaces, evidence and files for the tests of bases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from causalabs.algorithm.domains import Bool, Domain
from causalabs.engine.bases import find
from causalabs.engine.basis import Basis, Evidence
from causalabs.engine.streams import stream
from causalabs.hypothesis.model import BasisSpec, Choice, Member, Site, Space

HERE = Site("hidden", 0)


def space_of(
    kind: str,
    variables: Mapping[str, Sequence[int]],
    sites: tuple[Site, ...] = (HERE,),
    /,
    **settings: Any,
) -> Space:
    """One space at one place: variables and their blocks."""
    members = tuple(
        Member(name, (Choice(sites, sites),), tuple(block)) for name, block in variables.items()
    )
    return Space(BasisSpec(kind, tuple(settings.items())), members, ("here",))


def evidence_for(
    activations: Tensor,
    values: Mapping[str, Sequence[int]],
    domains: Mapping[str, Domain] | None = None,
    **more: Any,
) -> Evidence:
    """The same activations for each variable, whose places are `values`."""
    return Evidence(
        activations=dict.fromkeys(values, activations),
        places={name: np.array(each, dtype=np.int64) for name, each in values.items()},
        domains=domains or dict.fromkeys(values, Bool()),
        **more,
    )


def random_basis_of(
    kind: str, space: Space, width: int, *, seed: int = 0, folder: Path | None = None
) -> Basis:
    """A basis of the kind without any fit, in double precision."""
    evidence = None if folder is None else Evidence({}, {}, {}, folder=folder)
    return find(kind).random(space, width, generator=stream(seed, kind), evidence=evidence)


def dictionary_file(
    folder: Path, width: int, latents: int, *, out: int | None = None, **more: Tensor
) -> str:
    """A random dictionary in `folder`; its name."""
    draws = stream(7, width, latents)

    def drawn(*shape: int) -> Tensor:
        return torch.randn(shape, generator=draws, dtype=torch.float64)

    out = width if out is None else out
    tensors = {
        "W_enc": drawn(width, latents),
        "b_enc": 0.1 * drawn(latents),
        "W_dec": drawn(latents, out),
        "b_dec": drawn(out),
        **more,
    }
    save_file(tensors, folder / "dictionary.safetensors")
    return "dictionary.safetensors"
