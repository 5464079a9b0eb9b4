"""Importing pyvene: only when asked for, and quietly."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from functools import cache
from importlib.metadata import version
from typing import Any

from causalabs.engine.errors import AbsentError


@cache
def pyvene() -> Any:
    """The package; `EngineError` says how to install it."""
    try:
        with quiet():  # it prints what it did not find
            import pyvene as package
    except ModuleNotFoundError as error:
        raise AbsentError(
            f"the backend `pyvene` needs a package that is not installed: {error.name}",
            'type `pip install "causalabs[pyvene]"`',
        ) from error
    return package


def pyvene_version() -> str:
    """Its version."""
    pyvene()
    return version("pyvene")


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Nothing that pyvene prints, warns of or logs reaches a person: it is about its own use."""
    root = logging.getLogger()
    before = root.level
    root.setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        root.setLevel(before)
