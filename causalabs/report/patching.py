"""Patching maps on a terminal: a compact table, or the strongest places of a wide one."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from causalabs.patching import PatchCell, PatchMap
from causalabs.report.numbers import number

WIDEST = 12
"""Columns of a map that a terminal shows; of a wider one it shows the strongest places."""

STRONG = 0.5
"""Effects, either way, that are printed bold."""


def map_table(found: PatchMap) -> RenderableType:
    """A map with what it rests on, and where attribution and patching disagree."""
    parts: list[RenderableType] = [Text(found.text, style="bold")]
    parts.append(_grid(found) if len(found.columns) <= WIDEST else _list(found))
    parts.append(Text("\n".join(map_notes(found)), style="dim"))
    return Group(*parts)


def map_notes(found: PatchMap) -> list[str]:
    """What the numbers are, in sentences."""
    if found.noise:
        return [
            f"restored: 0 is the {found.metric} with noise of {found.noise} "
            f"({number(found.base)}), 1 the clean one ({number(found.source)}); "
            f"{found.examples:,} runs, seed {found.seed}"
        ]
    what = "attributed, the strongest also patched" if found.method == "attribution" else "patched"
    notes = [
        f"{what}: 0 is the base's {found.metric} ({number(found.base)}), 1 the source's "
        f"({number(found.source)}); {found.examples:,} pairs of {found.pairs}, seed {found.seed}"
    ]
    if found.same:
        notes.append(f"{found.same:,} pairs left out: base and source have the same answer")
    compared = [c for c in found.cells if c.exact is not None and c.attributed is not None]
    off = found.disagreements(most=len(found.cells))
    if compared:
        told = "; ".join(_off(cell) for cell in off[:3])
        notes.append(
            f"attribution is off by more than .1 at {len(off)} of the {len(compared)} places "
            f"patched{': ' if told else ''}{told}"
        )
    return notes


def _off(cell: PatchCell) -> str:
    return f"{cell.place} {number(cell.attributed or 0.0)} for {number(cell.exact or 0.0)}"


def _grid(found: PatchMap) -> RenderableType:
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    table.add_column("")
    for column in found.columns:
        table.add_column(column, justify="right")
    for row in found.rows:
        cells = [found.cell(row, column) for column in found.columns]
        table.add_row(row, *(_shown(cell) for cell in cells))
    return table


def _shown(cell: PatchCell | None) -> Text:
    if cell is None or cell.value is None:
        return Text("")
    # What was only attributed says so: it may be far off.
    text = number(cell.value) if cell.exact is not None else f"~{number(cell.value)}"
    return Text(text, style="bold" if abs(cell.value) >= STRONG else "")


def _list(found: PatchMap) -> RenderableType:
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    table.add_column(f"strongest of {len(found.cells):,} places")
    table.add_column(found.verb, justify="right")
    table.add_column("95 % interval")
    table.add_column("attributed", justify="right")
    for cell in found.strongest(WIDEST):
        low, high = cell.low, cell.high
        spread = "" if low is None or high is None else f"{number(low)} .. {number(high)}"
        exact = "" if cell.exact is None else number(cell.exact)
        slope = "" if cell.attributed is None else number(cell.attributed)
        table.add_row(cell.place, exact, spread, slope)
    return table
