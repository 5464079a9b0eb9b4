"""The effect of each place: measured by patching it, or attributed by the base's gradient.

Patching runs the base with one place as it is in the source's clean run (activation patching:
Vig et al. 2020; Meng et al. 2022). Attribution patching (Nanda 2023) is its first-order
approximation, `(source - base) . gradient`, for all places in one forward and backward pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from causalabs.engine.batches import in_parts
from causalabs.engine.patching.places import PlaceOf
from causalabs.engine.protocol import Edit, Scores
from causalabs.engine.store import Store
from causalabs.hypothesis.model import Site

TOGETHER = 32
"""Places of one pass, where a network lets groups of edits join it."""

Value: TypeAlias = Callable[[Scores, slice], Tensor]
"""The metric of the rows of a slice: (rows,)."""

Report: TypeAlias = Callable[[float], None]


@dataclass(frozen=True, eq=False)
class Pairs:
    """Pairs of inputs of a store: `base` and `source` (pairs,), and the metric of a run."""

    store: Store
    base: Tensor
    source: Tensor
    value: Value

    def __len__(self) -> int:
        return len(self.base)

    def clean(self, rows: Tensor) -> NDArray[np.float64]:
        """The metric of clean runs of these inputs, in the pairs' places: (pairs,)."""
        scores = {name: column[rows] for name, column in self.store.scores().items()}
        return numbers(self.value(scores, slice(0, len(rows))))


@torch.no_grad()
def patched(
    pairs: Pairs, places: Sequence[PlaceOf], report: Report | None = None
) -> NDArray[np.float64]:
    """The metric after each place is patched: (places, pairs)."""
    found = np.zeros((len(places), len(pairs)))
    done = 0
    for group in _groups(places, pairs.store):
        sites = list(dict.fromkeys(places[number].site for number in group))

        def run(
            part: slice, group: Sequence[int] = group, sites: Sequence[Site] = sites
        ) -> list[NDArray[np.float64]]:
            prefix = pairs.store.prefix(sites, pairs.base[part])
            edits = [[_edit(pairs, places[number], part)] for number in group]
            scores = pairs.store.network.resume_each(prefix, edits)
            return [numbers(pairs.value(each, part)) for each in scores]

        together = len(group) if _staggers(pairs.store) else 1
        parts, pairs.store.at_once = in_parts(len(pairs), pairs.store.at_once, run, shared=together)
        for i, number in enumerate(group):
            found[number] = np.concatenate([part[i] for part in parts])
        done += len(group)
        if report is not None:
            report(done / len(places))
    return found


def _staggers(store: Store) -> bool:
    return bool(getattr(store.network, "staggers", False))


def _groups(places: Sequence[PlaceOf], store: Store) -> Iterator[list[int]]:
    """Places of one prefix: of one position where passes are shared, otherwise of one layer."""
    groups: dict[object, list[int]] = {}
    for number, place in enumerate(places):
        site = place.site
        key = site.position if _staggers(store) else (site.component, site.layer, site.position)
        groups.setdefault(key, []).append(number)
    for group in groups.values():
        for first in range(0, len(group), TOGETHER):
            yield group[first : first + TOGETHER]


def _edit(pairs: Pairs, place: PlaceOf, part: slice) -> tuple[Site, Edit]:
    """The place of the pairs in a slice as their sources have it."""
    return place.site, put(place, pairs.store.rows((place.site,), pairs.source[part]))


def put(place: PlaceOf, values: Tensor) -> Edit:
    """What is at a place replaced by these values of its site: (rows, width)."""

    def edit(current: Tensor) -> Tensor:
        given = values.to(current.dtype)
        if not place.dims:
            return given
        edited = current.clone()
        edited[:, list(place.dims)] = given[:, list(place.dims)]
        return edited

    return edit


def attributed(
    pairs: Pairs, places: Sequence[PlaceOf], report: Report | None = None
) -> NDArray[np.float64]:
    """What the gradient at the base says each place changes the metric by: (places, pairs)."""
    sites = tuple(dict.fromkeys(place.site for place in places))
    store = pairs.store

    def run(part: slice) -> NDArray[np.float64]:
        rows = range(len(pairs))[part]
        shape = (len(rows), 1)
        like = [store.rows((site,), pairs.base[part]) for site in sites]
        moves = [torch.zeros_like(each, requires_grad=True) for each in like]
        prefix = store.prefix(sites, pairs.base[part])
        edits = [(site, add(move)) for site, move in zip(sites, moves, strict=True)]
        total = pairs.value(store.network.resume(prefix, edits), part).sum()
        slopes = torch.autograd.grad(total, moves, allow_unused=True)
        products = {
            site: (store.rows((site,), pairs.source[part]) - base)
            * (torch.zeros(shape) if slope is None else slope)
            for site, base, slope in zip(sites, like, slopes, strict=True)
        }
        if report is not None:
            report(rows[-1] / len(pairs))
        return np.stack([numbers(_summed(products[p.site], p.dims)) for p in places])

    parts, _ = in_parts(len(pairs), max(1, store.at_once // 8), run)
    return np.concatenate(parts, axis=1)


def add(move: Tensor) -> Edit:
    """What is there, moved by so much: (rows, width)."""
    return lambda current: current + move.to(current.device, current.dtype)


def _summed(product: Tensor, dims: Sequence[int]) -> Tensor:
    return product[:, list(dims)].sum(dim=1) if dims else product.sum(dim=1)


def numbers(column: Tensor) -> NDArray[np.float64]:
    """A column as numpy's doubles."""
    return column.detach().cpu().double().numpy()
