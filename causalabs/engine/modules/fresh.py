"""The control `untrained`: a module like another, its weights drawn anew."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import nn

from causalabs.engine.errors import EngineError

RESETS = ("reset_parameters", "_reset_parameters")
"""What modules call the method that draws their weights."""


def untrained(module: nn.Module, *, seed: int) -> nn.Module:
    """A copy with fresh weights, by each module's own `reset_parameters`.

    A model of transformers is made again from its config. `EngineError` where parameters
    belong to no module that can draw them.
    """
    devices = [p.device for p in module.parameters() if p.device.type == "cuda"][:1]
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        if hasattr(module, "config") and hasattr(module, "init_weights"):
            return _from_config(module)
        return _reset(module)


def _from_config(module: Any) -> nn.Module:
    fresh: nn.Module = type(module)(copy.deepcopy(module.config))
    like = next(module.parameters())
    return fresh.to(device=like.device, dtype=like.dtype).eval().requires_grad_(False)


def _reset(module: nn.Module) -> nn.Module:
    left = unowned(module)
    if left:
        shown = ", ".join(f"`{name}`" for name in left[:4]) + (", ..." if len(left) > 4 else "")
        raise EngineError(
            f"`untrained` cannot draw {shown} anew: no module with a `reset_parameters` has it",
            "give the module that owns it a method `reset_parameters`, or leave the control out",
        )
    try:
        fresh = copy.deepcopy(module)
    except Exception as error:
        raise EngineError(
            f"`untrained` needs a copy of the module, which cannot be copied: {error}",
            "leave the control out",
        ) from error
    for each in fresh.modules():
        reset = next((getattr(each, name) for name in RESETS if hasattr(each, name)), None)
        if reset is not None:
            reset()
    return fresh.eval().requires_grad_(False)


def unowned(module: nn.Module) -> list[str]:
    """Parameters that neither their module nor one around it can draw."""
    owners = {
        path for path, each in module.named_modules() if any(hasattr(each, n) for n in RESETS)
    }
    found = []
    for name, _ in module.named_parameters():
        parts = name.split(".")[:-1]
        around = {".".join(parts[:count]) for count in range(len(parts) + 1)}
        if not around & owners:
            found.append(name)
    return found
