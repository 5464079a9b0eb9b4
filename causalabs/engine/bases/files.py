"""Reading a basis from a file that a hypothesis names."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from causalabs.engine.basis import Evidence
from causalabs.engine.errors import EngineError


def at_folder(path: object, evidence: Evidence) -> Path:
    """A path of the file, relative to the file's folder."""
    return Path(evidence.folder or ".") / str(path)


def read_tensors(path: Path) -> dict[str, Tensor]:
    """All tensors of a safetensors file; `EngineError` where it cannot be read."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if not path.is_file():
        raise EngineError(f"there is no file `{path}`", "paths are relative to the hypothesis file")
    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise EngineError(
            f"`{path}` cannot be read as safetensors: {error}",
            "save it by `safetensors.torch.save_file`",
        ) from error


def read_json(path: Path) -> Mapping[str, Any]:
    """A JSON object."""
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise EngineError(f"`{path}` cannot be read as JSON: {error}") from error
    if not isinstance(found, dict):
        raise EngineError(f"`{path}` is no JSON object")
    return found
