"""What stands beside a fitted alignment: its controls, and IIA against capacity."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Controlled:
    """What an alignment reaches under a control; `control` "" is the alignment itself.

    `value` is the mean IIA over interchanges, over seeds where there are several, and lies
    between `low` and `high` with 95 %; `by_line` are (interchange, IIA), only of those that
    the control leaves possible. `capacity` counts the numbers that a fit sets, 0 where none
    is fitted; `linear` is whether what is fitted is a linear map. `text` says in a few words
    what was done.
    """

    control: str
    value: float
    low: float
    high: float
    samples: int
    exact: bool
    by_line: tuple[tuple[str, float], ...] = ()
    capacity: int = 0
    linear: bool = True
    text: str = ""


@dataclass(frozen=True)
class Battery:
    """A fitted alignment on a split, beside its controls.

    `rows[0]` is the alignment itself. `rival` is the wrong algorithm as a sentence, "" where
    there is none; `left_out` are (control, why it was not run); `warnings` say in words where
    a control reaches what the alignment does.
    """

    alignment: str
    split: str
    rows: tuple[Controlled, ...]
    rival: str = ""
    left_out: tuple[tuple[str, str], ...] = ()
    warnings: tuple[str, ...] = ()

    def row(self, control: str) -> Controlled | None:
        """The row of a control, None where it was not run."""
        return next((each for each in self.rows if each.control == control), None)


@dataclass(frozen=True)
class CurvePoint:
    """IIA of an alignment with its variables in some basis; `control` "" or "untrained".

    `dims` counts the dims of all variables of a space together, those of the whole site where
    that is the basis. `label` is what a person calls the basis: `4 learned dims`.
    """

    control: str
    basis: str
    label: str
    dims: int
    capacity: int
    linear: bool
    value: float
    low: float
    high: float
    samples: int


@dataclass(frozen=True)
class Curve:
    """IIA against capacity at the site of an alignment, points in order of capacity.

    The points of the network and those of the untrained one stand in one list; `left_out`
    are (label, why it was not run).
    """

    alignment: str
    split: str
    points: tuple[CurvePoint, ...]
    left_out: tuple[tuple[str, str], ...] = ()

    def under(self, control: str) -> tuple[CurvePoint, ...]:
        """The points of the network ("") or of a control."""
        return tuple(each for each in self.points if each.control == control)


def battery(document: Mapping[str, Any]) -> Battery:
    """A `Battery` from its JSON form."""
    rows = tuple(
        Controlled(**{**_open(row), "by_line": _pairs(row["by_line"])}) for row in document["rows"]
    )
    left_out, warnings = _pairs(document["left_out"]), tuple(document["warnings"])
    return Battery(**{**document, "rows": rows, "left_out": left_out, "warnings": warnings})


def curve(document: Mapping[str, Any]) -> Curve:
    """A `Curve` from its JSON form."""
    points = tuple(CurvePoint(**_open(point)) for point in document["points"])
    return Curve(**{**document, "points": points, "left_out": _pairs(document["left_out"])})


def _pairs(rows: Any) -> tuple[tuple[Any, Any], ...]:
    return tuple((first, second) for first, second in rows)


def _open(bounds: Mapping[str, Any]) -> dict[str, Any]:
    """An end that is open is null in JSON."""
    ends = {"low": -math.inf, "high": math.inf}
    return {**bounds, **{end: value for end, value in ends.items() if bounds[end] is None}}
