"""Fitted alignments beside their controls, and IIA against capacity, on a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from causalabs.batteries import Battery, Controlled, Curve, CurvePoint
from causalabs.report.numbers import capacity_text, number
from causalabs.results import Row

NAMES = {
    "": "as fitted",
    "untrained": "untrained network",
    "shuffled_sources": "shuffled sources",
    "wrong_algorithm": "wrong algorithm",
    "random_basis": "random basis",
    "whole_site": "whole site",
    "left_alone": "output left alone",
    "chance": "chance",
}
WHOLE = (
    "the whole site is no upper bound: it also carries over what is not the variable's, "
    "and a part of it can score higher"
)
MOST_WORDS = 24
"""Characters of interchanges' names for which each gets a column of its own."""


def battery_table(found: Battery) -> RenderableType:
    """One table: a row for the alignment, one for each control; below it what to know of them."""
    lines = [name for name, _ in found.rows[0].by_line] if found.rows else []
    apart = len(lines) > 1 and len("".join(lines)) <= MOST_WORDS
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    table.add_column(f"controls of {found.alignment}, {found.split}", overflow="fold")
    table.add_column("IIA", justify="right", no_wrap=True)
    table.add_column("95 %", no_wrap=True)
    for name in lines if apart else ():
        table.add_column(name, justify="right")
    table.add_column("fitted", justify="right")
    for row in found.rows:
        by_line = dict(row.by_line)
        each = [by_line.get(name) for name in lines if apart]
        cells = ["" if value is None else number(value) for value in each]
        capacity = capacity_text(row.capacity, linear=row.linear).replace("none fitted", "none")
        style = "" if row.control else "bold"
        told = (NAMES.get(row.control, row.control), number(row.value), _spread(row))
        table.add_row(*told, *cells, capacity, style=style)
    parts: list[RenderableType] = [table]
    if found.warnings:
        parts.append(Text("\n".join(f"warning: {each}" for each in found.warnings), "yellow"))
    parts.append(Text("\n".join(_notes(found)), style="dim"))
    return Group(*parts)


def _notes(found: Battery) -> list[str]:
    notes = ["fitted: how many numbers a fit set; nothing is judged on these rows"]
    if found.rival:
        notes.append(f"wrong algorithm: {found.rival}")
    if found.row("whole_site") is not None:
        notes.append(WHOLE)
    chance = found.row("chance")
    if chance is not None:
        notes.append(f"chance: {chance.text}")
    notes += [f"{NAMES.get(name, name)} was not run: {why}" for name, why in found.left_out]
    return notes


def _spread(row: Controlled | CurvePoint) -> str:
    if isinstance(row, Controlled) and row.exact:
        return "exact"
    return f"{number(row.low)} .. {number(row.high)}"


def curve_table(found: Curve) -> RenderableType:
    """IIA against capacity: a row a basis, the network and the untrained one side by side."""
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    table.add_column(f"capacity of {found.alignment}, {found.split}", overflow="fold")
    for name in ("fitted", "IIA", "95 %", "untrained", "95 %"):
        table.add_column(name, justify="left" if name == "95 %" else "right", no_wrap=True)
    untrained = {point.label: point for point in found.under("untrained")}
    trained = {point.label: point for point in found.under("")}
    for label in dict.fromkeys(point.label for point in found.points):
        both = [trained.get(label), untrained.get(label)]
        first = next(point for point in both if point is not None)
        cells = [capacity_text(first.capacity, linear=first.linear).replace("none fitted", "none")]
        for point in both:
            cells += ["", ""] if point is None else [number(point.value), _spread(point)]
        table.add_row(label, *cells)
    notes = [f"{label} was not run: {why}" for label, why in found.left_out]
    return Group(table, Text("\n".join(notes), style="dim")) if notes else table


def beyond(rows: Sequence[Row], batteries: Sequence[Battery]) -> tuple[Row, ...]:
    """Rows of the table by interchange that no battery tells."""
    told = {(each.alignment, each.split): {row.control for row in each.rows} for each in batteries}
    return tuple(
        row
        for row in rows
        if row.metric != "iia"
        or not {name for name, _ in row.values} <= told.get((row.alignment, row.split), set())
    )
