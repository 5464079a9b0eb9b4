"""Trained weights, kept by content hash so that no network is trained twice.

They lie as safetensors in `networks` of the user's cache folder: `CAUSALABS_CACHE` if it is
set, otherwise `causalabs` in `XDG_CACHE_HOME` or `~/.cache`. A file that cannot be used is
renamed to `.corrupt` and the network trained again; a folder that cannot be written costs
the next run its time and nothing else.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from causalabs.algorithm.model import Algorithm
from causalabs.engine.protocol import Device
from causalabs.hypothesis.model import NetworkSpec

TRAINER_VERSION = 1
"""Raised whenever training would end with other weights."""


def cache_folder() -> Path:
    """Where weights are kept."""
    if chosen := os.environ.get("CAUSALABS_CACHE"):
        return Path(chosen) / "networks"
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "causalabs" / "networks"


def key_of(
    spec: NetworkSpec,
    algorithms: Sequence[Algorithm],
    *,
    draws: str,
    recipe: object,
    seed: int,
    device: Device,
) -> str:
    """Hash of all that training depends on; `draws` says how bases are drawn."""
    parts = (TRAINER_VERSION, spec, tuple(algorithms), draws, recipe, seed, device)
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:40]


def weight_hash(tensors: Mapping[str, Tensor]) -> str:
    """Hash of the weights themselves."""
    found = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        found.update(f"{name}{tuple(tensor.shape)}{tensor.dtype}".encode())
        numbers = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
        found.update(numbers.numpy().data)  # bytes: numpy has no bfloat16
    return found.hexdigest()[:16]


def save(network: nn.Module, record: Mapping[str, Any], path: Path) -> str | None:
    """Write weights and record under a temporary name, then rename; says why it could not."""
    from safetensors.torch import save as to_bytes

    tensors = {n: t.detach().cpu().contiguous() for n, t in network.state_dict().items()}
    written: str | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, written = tempfile.mkstemp(dir=path.parent, prefix=path.stem, suffix=".part")
        with os.fdopen(handle, "wb") as file:
            file.write(to_bytes(tensors, {"record": json.dumps(dict(record), sort_keys=True)}))
        os.replace(written, path)
    except OSError as error:
        return f"the trained weights cannot be kept in {path.parent}: {error.strerror or error}"
    finally:
        if written is not None:
            with suppress(OSError):
                os.unlink(written)
    return None


def load(network: nn.Module, path: Path) -> tuple[dict[str, Any] | None, str | None]:
    """Set the network's weights from `path`: the record, or why there is none to be had.

    Both None: nothing is kept there. A file that cannot be used is renamed to `.corrupt`.
    """
    try:
        return _load(network, path), None
    except (FileNotFoundError, NotADirectoryError):
        return None, None
    except PermissionError as error:
        return None, f"the kept weights {path} cannot be read: {error.strerror}"
    except Exception as error:  # whatever a damaged file makes its readers raise
        aside = path.with_suffix(".corrupt")
        with suppress(OSError):
            os.replace(path, aside)
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        return None, f"the kept weights {path} cannot be used ({reason}); now {aside.name}"


def _load(network: nn.Module, path: Path) -> dict[str, Any]:
    from safetensors import safe_open

    with open(path, "rb"):
        pass  # a missing file and a forbidden one, told apart before safetensors sees them
    with safe_open(str(path), framework="pt") as file:
        record = json.loads((file.metadata() or {})["record"])
        tensors: dict[str, Tensor] = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    wanted = network.state_dict()
    if tensors.keys() != wanted.keys():
        raise ValueError("it holds other tensors than this network has")
    for name, tensor in tensors.items():
        if tensor.shape != wanted[name].shape or tensor.dtype != wanted[name].dtype:
            raise ValueError(f"`{name}` has another shape or type than in this network")
        if not torch.isfinite(tensor).all():
            raise ValueError(f"`{name}` holds numbers that are not finite")
    if not isinstance(record, dict):
        raise ValueError("its record is not a dictionary")
    if record.get("weights") != weight_hash(tensors):
        raise ValueError("its weights are not those it was written with")
    network.load_state_dict(tensors)  # only now: a bad file leaves the network as it was
    return record
