"""`checkpoint("weights.safetensors", mlp(...))`: weights from a file in a built-in network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from causalabs.algorithm.model import Algorithm
from causalabs.engine.errors import AbsentError, EngineError
from causalabs.engine.networks.base import BuiltIn
from causalabs.engine.networks.build import architecture, finish, untrained
from causalabs.engine.protocol import Device
from causalabs.hypothesis.model import NetworkSpec, inner_settings

SHOWN = 4
"""Tensors of one sort that an error names."""


def from_checkpoint(
    spec: NetworkSpec,
    algorithms: Sequence[Algorithm],
    *,
    folder: Path,
    seed: int,
    trained: bool = True,
    device: Device | None = None,
) -> BuiltIn[Any]:
    """The network inside with the file's weights, or with freshly drawn ones; never trained.

    Tensors are named as in `state_dict()` of the network inside. `EngineError` names those
    that are missing, unknown, of another shape or not finite.
    """
    device = device or Device()
    inside = inner(spec)
    if not trained:
        fresh = untrained(inside, algorithms, seed=seed, device=device)
        return finish(fresh, {"origin": "untrained", "seed": seed})
    network = architecture(inside, algorithms)
    path = folder / str(dict(spec.settings)["path"])
    network.load_state_dict(fitting(network, read_tensors(path), path))
    network.to(device=device.name, dtype=device.dtype)
    return finish(network, {"origin": "checkpoint", "path": path.name})


def inner(spec: NetworkSpec) -> NetworkSpec:
    """The network that a checkpoint's weights belong to; any other as it is."""
    net = dict(spec.settings).get("net")
    if not isinstance(net, tuple):
        return spec
    return replace(spec, kind=str(net[0]), settings=inner_settings(net))


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file; an error says why they cannot be had."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if not path.is_file():
        what = "are a folder" if path.is_dir() else "do not exist"
        raise AbsentError(f"the weights {path} {what}", "paths are relative to the hypothesis file")
    try:
        found: dict[str, Tensor] = load_file(str(path))
    except (SafetensorError, OSError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise EngineError(
            f"the weights {path} cannot be read: {reason}",
            "write them by `safetensors.torch.save_file(module.state_dict(), path)`",
        ) from error
    return found


def fitting(network: BuiltIn[Any], tensors: Mapping[str, Tensor], path: Path) -> dict[str, Tensor]:
    """The tensors of a file in the network's own types; one error for all that does not fit."""
    wanted = network.state_dict()
    problems = [
        *_listed("lack", [n for n in wanted if n not in tensors], wanted),
        *_listed("hold unknown", [n for n in tensors if n not in wanted], tensors),
    ]
    for name, tensor in tensors.items():
        if name in wanted and tensor.shape != wanted[name].shape:
            problems.append(f"have `{name}` {tuple(tensor.shape)}, not {tuple(wanted[name].shape)}")
        elif name in wanted and not bool(torch.isfinite(tensor).all()):
            problems.append(f"hold numbers in `{name}` that are not finite")
    if problems:
        names = ", ".join(f"`{name}` {tuple(each.shape)}" for name, each in wanted.items())
        raise EngineError(
            f"the weights {path.name} do not fit this {network.kind}: they " + "; ".join(problems),
            f"it has {names}",
        )
    return {name: tensors[name].to(each.dtype) for name, each in wanted.items()}


def _listed(what: str, names: Sequence[str], tensors: Mapping[str, Tensor]) -> list[str]:
    if not names:
        return []
    shown = ", ".join(f"`{name}` {tuple(tensors[name].shape)}" for name in names[:SHOWN])
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return [f"{what} {shown}{more}"]
