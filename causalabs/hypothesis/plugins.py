"""Entries that plug-ins add to the registry, found when a name is not known otherwise.

An entry point of the group `causalabs.basis_kinds`, named as its basis is called in a file,
loads to a `causalabs.hypothesis.registry.BasisKind`. Its module must import no torch: a file is
checked without. What runs is another entry point, of the group `causalabs.bases`.
"""

from __future__ import annotations

from causalabs.hypothesis.registry import BasisKind, register

GROUP = "causalabs.basis_kinds"


class PluginError(Exception):
    """A plug-in that cannot be loaded; the text says which and why."""


def basis_names() -> tuple[str, ...]:
    """Names of all plug-ins' bases."""
    from importlib import metadata  # a file that needs no plug-in does not look for any

    return tuple(entry.name for entry in metadata.entry_points(group=GROUP))


def plugged_basis(name: str) -> BasisKind | None:
    """The plug-in's entry of that name, which is registered; None where there is none."""
    from importlib import metadata

    for entry in metadata.entry_points(group=GROUP):
        if entry.name != name:
            continue
        try:
            kind = entry.load()
        except Exception as error:  # a plug-in can fail in any way
            why = f"{type(error).__name__}: {error}"
            raise PluginError(f"its plug-in ({entry.value}) cannot be loaded: {why}") from error
        if not isinstance(kind, BasisKind) or kind.name != name:
            raise PluginError(f"its plug-in ({entry.value}) is no BasisKind of that name")
        register(kind)
        return kind
    return None
