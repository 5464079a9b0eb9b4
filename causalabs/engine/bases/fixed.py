"""Columns from a file: a basis that was fitted elsewhere, or a person's own directions."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from causalabs.algorithm.domains import size
from causalabs.engine.bases.files import at_folder, read_tensors
from causalabs.engine.bases.rotation import Rotation, random_rotation
from causalabs.engine.bases.shared import Closed, dims_of, setting, where_of
from causalabs.engine.basis import Basis, Evidence
from causalabs.engine.errors import EngineError
from causalabs.hypothesis.model import Space

ORTHONORMAL = 1e-4
"""How far from orthonormal columns may be: they may have been saved in single precision."""


class Fixed(Closed):
    """`columns` (width, dims) of a safetensors file, and `values` (values, dims) if it has any.

    Columns are orthonormal, or nought where a basis that was saved uses fewer. Bases that a
    run saved are such files. `values` are coordinates of the values of the one variable
    aligned; `values.NAME` (values, block) those of the variable of that name.
    """

    name = "fixed"

    def needs_data(self, space: Space) -> bool:
        """It depends on none."""
        return False

    def closed(self, space: Space, width: int, evidence: Evidence) -> Basis:
        """(1, width, dims); errors where the file does not suit the site."""
        path = at_folder(setting(space, "path"), evidence)
        tensors = read_tensors(path)
        columns = tensors.get("columns")
        if columns is None or columns.dim() != 2:
            raise EngineError(
                f"`{path.name}` has no `columns` (width, dims)",
                f"it has {', '.join(sorted(tensors))}; only rotations can be fixed",
            )
        columns = columns.double()
        if columns.shape[0] != width:
            raise EngineError(
                f"`{path.name}` is for a site of {columns.shape[0]} numbers, "
                f"{where_of(space)} has {width}",
                "align the site that it was made for",
            )
        unit = _unit(tensors, path)
        there = columns.shape[1] // unit
        if dims_of(space) > there:
            raise EngineError(
                f"`{path.name}` has {there} dims, {dims_of(space)} are asked for",
                f"ask for at most {there} dims in all",
            )
        _check(columns, path)
        _check_used(columns, unit, space, path)
        return Rotation(self.name, columns[None], _values(tensors, space, path, evidence), unit)

    def random(
        self,
        space: Space,
        width: int,
        *,
        generator: torch.Generator,
        evidence: Evidence | None = None,
    ) -> Basis:
        """Random columns with the file's values: they are what would be written."""
        drawn = random_rotation(1, width, self.dims(space, width), generator=generator)
        values: Mapping[str, Tensor] = {}
        if evidence is not None:
            path = at_folder(setting(space, "path"), evidence)
            values = _values(read_tensors(path), space, path, evidence)
        return Rotation(self.name, drawn, values)


def _check(columns: Tensor, path: Path) -> None:
    products = columns.T @ columns
    used = torch.diagonal(products) > ORTHONORMAL
    wanted = torch.diag(used.double())
    if not bool(torch.isfinite(columns).all()):
        raise EngineError(f"the columns of `{path.name}` are not all finite numbers")
    if float((products - wanted).abs().max()) > ORTHONORMAL:
        raise EngineError(
            f"the columns of `{path.name}` are not orthonormal",
            "save the Q of a QR decomposition (torch.linalg.qr) instead",
        )


def _unit(tensors: Mapping[str, Tensor], path: Path) -> int:
    """Columns a dim: more than one where heads were masked."""
    given = tensors.get("unit", torch.tensor(1))
    if given.numel() != 1 or given.is_floating_point() or int(given) < 1:
        raise EngineError(
            f"the `unit` of `{path.name}` is no number of columns",
            "leave it out, or take the file from the run again",
        )
    return int(given)


def _check_used(columns: Tensor, unit: int, space: Space, path: Path) -> None:
    """An error where all columns of a variable are nought: writing them would change nothing."""
    whole = columns.shape[1] // unit * unit
    used = columns[:, :whole].abs().amax(dim=0).reshape(-1, unit).amax(dim=1)
    for member in space.members:
        if member.block and not bool(used[list(member.block)].any()):
            raise EngineError(
                f"the columns of `{path.name}` that `{member.variable}` would take are all nought",
                "name dims that the file uses",
            )


def _values(
    tensors: Mapping[str, Tensor], space: Space, path: Path, evidence: Evidence
) -> dict[str, Tensor]:
    found = {}
    for member in space.members:
        table = tensors.get(f"values.{member.variable}")
        if table is None and len(space.members) == 1 and "values" in tensors:
            table = tensors["values"]
            most = max(member.block, default=-1)
            inside = table.dim() == 2 and most < table.shape[1]
            table = table[:, list(member.block)] if inside else table
        if table is None:
            continue
        domain = evidence.domains.get(member.variable)
        rows = size(domain) if domain is not None else None
        shape = (rows or table.shape[:1].numel(), len(member.block))
        if tuple(table.shape) != shape:
            raise EngineError(
                f"the values of `{member.variable}` in `{path.name}` are {tuple(table.shape)}, "
                f"not ({rows or 'values'}, {len(member.block)})",
                "save one row for each value of its domain, one column for each dim",
            )
        found[member.variable] = table.double()
    return found
