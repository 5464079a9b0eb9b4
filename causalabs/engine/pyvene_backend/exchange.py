"""Rotations to pyvene and back.

| function | from | to |
|---|---|---|
| `save_pyvene` | a basis that a run saved | a folder of pyvene's |
| `write_pyvene` | a rotation in hand | a folder of pyvene's |
| `load_pyvene` | a folder of pyvene's | rotations in hand |
| `keep_pyvene` | one of those | a basis as a run saves it, for `fixed(..)` or `load_basis` |
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from causalabs.engine.bases import Rotation
from causalabs.engine.bases.saved import Label, load_basis, save_basis, site_record
from causalabs.engine.basis import Block
from causalabs.engine.errors import EngineError
from causalabs.engine.networks.naming import say_site
from causalabs.engine.protocol import Network
from causalabs.engine.pyvene_backend.body import Place, cannot
from causalabs.engine.pyvene_backend.saved import Turned, read_rotations, write_rotations
from causalabs.engine.pyvene_backend.wrap import body_of
from causalabs.hypothesis.model import AtStep, Last, Position, Site

SQUARE = 1e-3
"""How far columns may be from orthonormal and still share one rotation."""


@dataclass(frozen=True, eq=False)
class Exchanged:
    """A rotation that came from pyvene: which variable has which columns, and where it turns."""

    rotation: Rotation
    blocks: Mapping[str, Block]
    place: Place


def save_pyvene(path: str | Path, folder: str | Path, network: Network) -> None:
    """Write a fitted basis of a run, `runs/.../bases/NAME.safetensors`, as pyvene saves it.

    `EngineError` where the basis is no rotation of one site, or was made for another network.
    """
    saved = load_basis(path, network=network)
    rotation, label = saved.basis, saved.label
    if not isinstance(rotation, Rotation):
        raise EngineError(
            f"a `{label.basis}` basis is no rotation: pyvene cannot load it",
            "write one of `learned`, `fourier`, `pca`, `svd`, `fixed` dims",
        )
    if len(label.written) != 1 or label.sites != label.reads:
        raise EngineError(
            f"`{Path(path).name}` is read and written at several sites, pyvene rotates one",
            "align each site by itself",
        )
    site = _site(next(iter(label.sites.values()))[0])
    each = network.width(site)
    units = max(1, rotation.columns.shape[1] // each)
    write_pyvene(rotation, label.blocks, site, folder, network, units=units)


def _site(told: Mapping[str, Any]) -> Site:
    """The site of a label, its position by any one token: a place has only their number."""
    parts = {name: told[name] for name in ("component", "layer", "head", "part", "path")}
    text = str(told["position"])
    position: Position | None = Last() if text else None
    if text.startswith("step "):
        position = AtStep(int(text.removeprefix("step ")))
    return Site(**parts, position=position)


def write_pyvene(
    rotation: Rotation,
    blocks: Mapping[str, Block],
    site: Site,
    folder: str | Path,
    network: Network,
    *,
    units: int | None = None,
) -> None:
    """Write a rotation at `site` of `network` as pyvene saves interventions.

    Each variable becomes one `LowRankRotatedSpaceIntervention` of its block's columns, in
    the order of `blocks`; `pyvene.IntervenableModel.load(folder, module)` reads them.
    `units` tokens are rotated as one, those of the site unless told. `EngineError` where
    pyvene has no name for the site.
    """
    body = body_of(network)
    place = body.place(site)
    if "." in place.component:
        raise EngineError(
            f"pyvene has no name of its own for {say_site(site)}, it cannot load a rotation there",
            "rotations of `residual`, `attention`, `mlp` and head parts can be written",
        )
    width = rotation.columns.shape[1]
    count = body.count(site)
    units = units or count
    there = network.width(site) // count * units
    if there != width:
        raise EngineError(f"{say_site(site)} has {there} numbers, the rotation {width}")
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


def keep_pyvene(found: Exchanged, path: str | Path, site: Site, network: Network) -> Path:
    """Save a rotation that came from pyvene as a run saves its own, for `site` of `network`."""
    width, there = found.rotation.columns.shape[1], network.width(site)
    if width != there:
        raise EngineError(f"{say_site(site)} has {there} numbers, the rotation {width}")
    label = Label(
        basis=found.rotation.kind,
        blocks=found.blocks,
        sites=dict.fromkeys(found.blocks, (site_record(site),)),
        reads=dict.fromkeys(found.blocks, (site_record(site),)),
        network=network.kind,
        weights=str(network.record.get("weights", "")),
    )
    return save_basis(path, found.rotation, label)


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
