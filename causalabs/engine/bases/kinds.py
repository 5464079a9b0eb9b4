"""Kinds of basis by name: those that come along, and those that plug-ins add.

A plug-in is an entry point of the group `causalabs.bases`, named as its basis is called in a
file. It loads to a `causalabs.engine.basis.Kind`, or to a function or class that makes one.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module, metadata

from causalabs.engine.basis import Kind
from causalabs.engine.errors import EngineError

GROUP = "causalabs.bases"

_OWN = {
    "whole": "plain:Whole",
    "neurons": "plain:Neurons",
    "learned": "learned:Learned",
    "fourier": "fourier:Fourier",
    "pca": "pca:Pca",
    "svd": "svd:Svd",
    "probe": "directions:Probe",
    "mean_difference": "directions:MeanDifference",
    "fixed": "fixed:Fixed",
    "sae": "latents:Sae",
    "transcoder": "latents:Transcoder",
    "masked": "masked:Masked",
    "boundless": "boundless:Boundless",
    "revnet": "revnet:RevNet",
    "random": "drawn:Drawn",
}


def names() -> tuple[str, ...]:
    """Every kind there is, plug-ins last."""
    return tuple(
        dict.fromkeys((*_OWN, *(each.name for each in metadata.entry_points(group=GROUP))))
    )


def find(name: str) -> Kind:
    """The kind of that name; `EngineError` where there is none, or a plug-in is broken.

    >>> find("learned").fitted, find("fourier").fitted
    (True, False)
    """
    if name in _OWN:
        return _own(name)
    for entry in metadata.entry_points(group=GROUP):
        if entry.name == name:
            return _plugged(entry)
    raise EngineError(
        f"this version cannot run the basis `{name}`", f"use one of {', '.join(names())}"
    )


@cache
def _own(name: str) -> Kind:
    module, attribute = _OWN[name].split(":")
    kind: Kind = getattr(import_module(f"causalabs.engine.bases.{module}"), attribute)()
    return kind


def _plugged(entry: metadata.EntryPoint) -> Kind:
    """A plug-in's kind; what it raises on loading is told by its name."""
    try:
        loaded = entry.load()
        kind = loaded() if callable(loaded) else loaded
    except Exception as error:  # a plug-in can fail in any way
        raise EngineError(
            f"the plug-in of the basis `{entry.name}` ({entry.value}) cannot be loaded: "
            f"{type(error).__name__}: {error}",
            "repair or uninstall the package that brings it",
        ) from error
    missing = [each for each in _NEEDED if not hasattr(kind, each)]
    if missing:
        raise EngineError(
            f"the plug-in of the basis `{entry.name}` ({entry.value}) is not a kind of basis: "
            f"it has no `{missing[0]}`",
            "see `Kind` in causalabs.engine.basis",
        )
    found: Kind = kind
    return found


_NEEDED = (
    "name",
    "fitted",
    "needs_data",
    "drawable",
    "dims",
    "capacity",
    "penalty",
    "random",
    "restore",
)
