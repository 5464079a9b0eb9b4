"""Rotations in pyvene's saved form: a folder of `config.json` and one binary an intervention.

Written through pyvene itself; read without it. Of a rotation that several variables share,
each variable's columns become an intervention of their own: any call of pyvene's can then use
one or several of them, from one source or from several, and no subspaces need be given.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from causalabs.engine.errors import EngineError
from causalabs.engine.pyvene_backend.body import Body, Place
from causalabs.engine.pyvene_backend.importing import pyvene, quiet
from causalabs.engine.pyvene_backend.oracle import set_columns

ROTATED = ("LowRankRotatedSpaceIntervention", "RotatedSpaceIntervention")
"""pyvene's interventions that are rotations."""


@dataclass(frozen=True, eq=False)
class Turned:
    """Orthonormal columns (width, dims) at a place, and which of them each part takes.

    `units` positions are rotated as one. `parts` has one block, unless the intervention was
    made with a `subspace_partition`; `variable` is "" where pyvene's file does not tell.
    """

    place: Place
    columns: Tensor
    parts: tuple[tuple[int, ...], ...]
    units: int = 1
    variable: str = ""


# ----------------------------------------------------------------------- writing


def write_rotations(rotations: Sequence[Turned], folder: Path, body: Body) -> None:
    """Save one `LowRankRotatedSpaceIntervention` each, by `IntervenableModel.save`.

    `pyvene.IntervenableModel.load(folder, body.module)` reads them back, for Hugging Face
    models with any model of the same type.
    """
    package = pyvene()
    columns = [part_of(each) for each in rotations]
    with quiet(), torch.random.fork_rng(devices=[]):
        representations = [
            package.RepresentationConfig(
                layer=each.place.layer,
                component=each.place.component,
                unit=each.place.unit,
                max_number_of_units=each.units,
                low_rank_dimension=part.shape[1],
                intervention_type=package.LowRankRotatedSpaceIntervention,
            )
            for each, part in zip(rotations, columns, strict=True)
        ]
        told = {"variables": [each.variable for each in rotations]}
        config = package.IntervenableConfig(representations, causalabs=told)
        model = package.IntervenableModel(config, body.module)
        for intervention, part in zip(model.interventions.values(), columns, strict=True):
            set_columns(intervention, part)
        model.save(str(folder))


def part_of(rotation: Turned) -> Tensor:
    """The columns of a rotation with one part: (width, dims of it)."""
    if len(rotation.parts) != 1:
        raise ValueError("a rotation is written part by part")
    return rotation.columns[:, list(rotation.parts[0])].contiguous()


# ----------------------------------------------------------------------- reading


def read_rotations(folder: Path) -> tuple[Turned, ...]:
    """The rotations that pyvene saved; nothing in the folder is executed.

    `EngineError` where it is not such a folder, or an intervention is not a rotation.
    """
    config = _config(folder)
    try:
        kinds, keys = config["intervention_types"], config["sorted_keys"]
        described = [_described(each) for each in config["representations"]]
        swapped = config.get("intervention_dimensions") or [None] * len(keys)
        named = (config.get("causalabs") or {}).get("variables") or [""] * len(keys)
        rows = list(zip(kinds, keys, described, swapped, named, strict=True))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _unreadable(folder / "config.json", error) from error
    return tuple(_turned(folder, *row) for row in rows)


def _turned(
    folder: Path,
    kind: str,
    key: str,
    told: Mapping[str, Any],
    swapped: int | None,
    variable: str,
) -> Turned:
    name = kind.removesuffix("'>").rsplit(".", 1)[-1]
    if name not in ROTATED:
        raise EngineError(
            f"pyvene's `{name}` at `{told['component']}` is no rotation",
            f"save one of {', '.join(ROTATED)}",
        )
    columns = _columns(folder / f"intkey_{key}.bin")
    dims = columns.shape[1]
    if name == "RotatedSpaceIntervention" and swapped is not None:
        dims = min(dims, int(swapped))
    parts: tuple[tuple[int, ...], ...] = (tuple(range(dims)),)
    if told["subspace_partition"]:
        parts = tuple(_span(part) for part in told["subspace_partition"])
    head = 0 if "h" in told["unit"].split(".") else None
    place = Place(told["component"], int(told["layer"]), head)
    return Turned(place, columns, parts, int(told["max_number_of_units"]), variable)


def _span(part: Sequence[int]) -> tuple[int, ...]:
    """pyvene reads two numbers as a range, anything else as a list."""
    if len(part) == 2:
        return tuple(range(part[0], part[1]))
    return tuple(part)


def _config(folder: Path) -> dict[str, Any]:
    try:
        found = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise EngineError(
            f"{folder} has no `config.json`",
            "name the folder that `IntervenableModel.save` wrote",
        ) from error
    except (OSError, ValueError) as error:
        raise _unreadable(folder / "config.json", error) from error
    if not isinstance(found, dict) or "representations" not in found:
        raise EngineError(
            f"{folder / 'config.json'} describes no interventions",
            "name the folder that `IntervenableModel.save` wrote",
        )
    return found


FIELDS = (
    "layer",
    "component",
    "unit",
    "max_number_of_units",
    "low_rank_dimension",
    "intervention_type",
    "intervention",
    "subspace_partition",
)
"""What pyvene writes of a representation, in its order, as far as it matters here."""


def _described(representation: Any) -> Mapping[str, Any]:
    if isinstance(representation, Mapping):
        return representation
    return dict(zip(FIELDS, representation, strict=False))


class _Rotate(nn.Module):
    """pyvene's rotating layer as far as its weight goes."""

    def __init__(self, width: int, dims: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.eye(width, dims))


def _columns(path: Path) -> Tensor:
    """The columns that torch's orthogonal parametrization stands for: (width, dims)."""
    inner = "rotate_layer."
    try:
        with quiet():
            state = torch.load(path, map_location="cpu", weights_only=True)
        kept = {k.removeprefix(inner): each for k, each in state.items() if k.startswith(inner)}
        original = kept["parametrizations.weight.original"]
        layer = _Rotate(*original.shape).to(original.dtype)
        with torch.random.fork_rng(devices=[]):
            nn.utils.parametrizations.orthogonal(layer)
        layer.load_state_dict(kept)
    except Exception as error:  # torch, zipfile and pickle each have their own
        raise _unreadable(path, error) from error
    columns: Tensor = layer.weight.detach().clone()
    return columns


def _unreadable(path: Path, error: Exception) -> EngineError:
    said = str(error).splitlines()[0] if str(error) else type(error).__name__
    return EngineError(f"{path} is not what pyvene saves: {said}", "save it again with pyvene")
