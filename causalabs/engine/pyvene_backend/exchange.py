"""Rotations to pyvene and back: `save_pyvene` and `load_pyvene`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from causalabs.engine.bases import Rotation
from causalabs.engine.basis import Block
from causalabs.engine.errors import EngineError
from causalabs.engine.networks.naming import say_site
from causalabs.engine.protocol import Network
from causalabs.engine.pyvene_backend.body import Place, cannot
from causalabs.engine.pyvene_backend.saved import Turned, read_rotations, write_rotations
from causalabs.engine.pyvene_backend.wrap import body_of
from causalabs.hypothesis.model import Site

SQUARE = 1e-3
"""How far columns may be from orthonormal and still share one rotation."""


@dataclass(frozen=True, eq=False)
class Exchanged:
    """A rotation that came from pyvene: which variable has which columns, and where it turns."""

    rotation: Rotation
    blocks: Mapping[str, Block]
    place: Place


def save_pyvene(
    rotation: Rotation,
    blocks: Mapping[str, Block],
    site: Site,
    folder: str | Path,
    network: Network,
) -> None:
    """Write a rotation at `site` of `network` as pyvene saves interventions.

    Each variable becomes one `LowRankRotatedSpaceIntervention` of its block's columns, in
    the order of `blocks`; `pyvene.IntervenableModel.load(folder, module)` reads them.
    `EngineError` where pyvene has no name for the site.
    """
    body = body_of(network)
    place = body.place(site)
    if "." in place.component:
        raise EngineError(
            f"pyvene has no name of its own for {say_site(site)}, it cannot load a rotation there",
            "rotations of `residual`, `attention`, `mlp` and head parts can be written",
        )
    width = rotation.columns.shape[1]
    each = network.width(site)
    if each != width:
        raise EngineError(f"{say_site(site)} has {each} numbers, the rotation {width}")
    units = body.count(site)
    if place.head is not None and units > 1:
        raise cannot(site, "it rotates the head at each token apart")
    columns = rotation.columns[0].detach()
    parts = [Turned(place, columns, (tuple(b),), units, name) for name, b in blocks.items()]
    write_rotations(parts, Path(folder), body)


def load_pyvene(folder: str | Path, *, variables: Sequence[str] = ()) -> tuple[Exchanged, ...]:
    """The rotations in a folder that `IntervenableModel.save` wrote, pyvene not needed.

    Interventions at one place whose columns are orthogonal share one rotation again; parts of
    a `subspace_partition` are blocks. Columns are named by `variables`, in order, or as they
    were when we saved them, or `part0`, `part1`, ...
    """
    found = read_rotations(Path(folder))
    once = [each for i, each in enumerate(found) if not any(_same(each, o) for o in found[:i])]
    names = list(variables)
    wanted = sum(len(each.parts) for each in once)
    if names and len(names) != wanted:
        raise EngineError(
            f"{folder} has {wanted} parts, {len(names)} variables are named",
            "name each of them, in order",
        )
    groups: list[list[Turned]] = []
    for each in once:
        for group in groups:
            if _joins(group, each):
                group.append(each)
                break
        else:
            groups.append([each])
    numbers = {id(each): sum(len(o.parts) for o in once[:i]) for i, each in enumerate(once)}
    return tuple(_together(group, names, numbers) for group in groups)


def _same(one: Turned, other: Turned) -> bool:
    """Two interventions that pyvene links are saved twice."""
    alike = one.place == other.place and one.columns.shape == other.columns.shape
    return alike and one.parts == other.parts and torch.equal(one.columns, other.columns)


def _joins(group: Sequence[Turned], one: Turned) -> bool:
    first = group[0]
    if first.place != one.place or first.units != one.units:
        return False
    return all(bool((each.columns.T @ one.columns).abs().max() < SQUARE) for each in group)


def _together(
    group: Sequence[Turned], names: Sequence[str], numbers: Mapping[int, int]
) -> Exchanged:
    blocks: dict[str, Block] = {}
    first = 0
    for each in group:
        for i, part in enumerate(each.parts):
            number = numbers[id(each)] + i
            name = names[number] if names else each.variable or f"part{number}"
            blocks[name] = tuple(first + dim for dim in part)
        first += each.columns.shape[1]
    columns = torch.cat([each.columns for each in group], dim=1)
    return Exchanged(Rotation("learned", columns[None]), blocks, group[0].place)
