"""Interchange on algorithms: the base runs with some values taken from other runs."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from causalabs.algorithm.domains import Column, Columns
from causalabs.algorithm.evaluate import evaluate
from causalabs.algorithm.model import Algorithm


def interchange(
    algorithm: Algorithm,
    base: Columns,
    taken: Sequence[tuple[str, str, Columns]],
    *,
    only: Collection[str] | None = None,
) -> dict[str, Column]:
    """Columns of the base run in which each variable takes an origin's value from a source.

    `taken` holds (variable, origin, the source's inputs). Values come from clean runs of
    the sources, never from intervened ones; all variables are set at once, so that a set
    ancestor acts only through its other children (Geiger et al. 2021).
    """
    origins: dict[int, dict[str, None]] = {}
    sources: dict[int, Columns] = {}
    for _, origin, source in taken:
        sources[id(source)] = source
        origins.setdefault(id(source), {})[origin] = None
    clean = {
        key: evaluate(algorithm, sources[key], only=tuple(wanted))
        for key, wanted in origins.items()
    }
    given = {variable: clean[id(source)][origin] for variable, origin, source in taken}
    return evaluate(algorithm, base, given, only=only)
