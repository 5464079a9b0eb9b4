"""A name for a module and for how it is fed and read, so that a run is found again by it.

Weights, buffers, settings and the code of classes and functions all count: a finished run is
never handed out for another network.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Iterable
from types import CodeType
from typing import Any

import torch
from torch import Tensor, nn

from causalabs.engine.networks.weights import weight_hash

LIBRARIES = ("torch", "transformers", "builtins")
"""Packages whose code is told by their version, not by its text."""


def fingerprint(module: nn.Module, *functions: Callable[..., Any] | None) -> str:
    """Hash of a module and of the functions that feed and read it.

    >>> torch.manual_seed(0) and None
    >>> one, two = nn.Linear(2, 2), nn.Linear(2, 2)
    >>> fingerprint(one) == fingerprint(one), fingerprint(one) == fingerprint(two)
    (True, False)
    """
    found = hashlib.sha256()
    tensors = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    found.update(weight_hash(tensors).encode())
    for path, each in module.named_modules():
        found.update(f"\0{path}:{type(each).__module__}.{type(each).__qualname__}".encode())
        found.update(repr(sorted(_settings(each).items())).encode())
    for kind in sorted({type(each) for each in module.modules()}, key=repr):
        found.update(_class_text(kind).encode())
    for function in functions:
        _add_function(found.update, function, 0)
    return found.hexdigest()[:16]


def _settings(module: nn.Module) -> dict[str, str]:
    """A module's plain attributes; how it happens to be set for training is none."""
    kinds = (bool, int, float, str, tuple, list, torch.dtype)
    return {
        name: repr(value)
        for name, value in vars(module).items()
        if isinstance(value, kinds) and name != "training" and not name.startswith("_")
    }


def _class_text(kind: type) -> str:
    """The source of a person's own class, nothing where there is none to be had."""
    if kind.__module__.split(".")[0] in LIBRARIES:
        return ""
    try:
        return inspect.getsource(kind)
    except (OSError, TypeError):
        return ""


def _add_function(update: Callable[[bytes], None], function: Any, depth: int) -> None:
    code = getattr(function, "__code__", None)
    if code is None and function is not None:  # an object that is called
        update(f"{type(function).__module__}.{type(function).__qualname__}".encode())
        code = getattr(vars(type(function)).get("__call__"), "__code__", None)
    if code is not None:
        update(_code_text(code).encode())
    closure: Iterable[Any] = getattr(function, "__closure__", None) or ()
    for cell in closure:
        _add_value(update, cell.cell_contents, depth)
    for value in getattr(function, "__defaults__", None) or ():
        _add_value(update, value, depth)


def _add_value(update: Callable[[bytes], None], value: Any, depth: int) -> None:
    if isinstance(value, Tensor):
        update(weight_hash({"": value}).encode())
    elif isinstance(value, nn.Module):
        update(fingerprint(value).encode())
    elif callable(value) and depth < 4:
        _add_function(update, value, depth + 1)
    elif isinstance(value, bool | int | float | str | bytes | tuple | list | dict | None):
        update(repr(value).encode())
    else:
        update(type(value).__qualname__.encode())


def _code_text(code: CodeType) -> str:
    parts = [
        _code_text(each) if isinstance(each, CodeType) else repr(each) for each in code.co_consts
    ]
    return code.co_code.hex() + repr(code.co_names) + "".join(parts)
