"""Patching maps on a page: the picture, what attribution makes of it, where both disagree."""

from __future__ import annotations

from collections.abc import Sequence

from causalabs.patching import PatchCell, PatchMap
from causalabs.report.html_elements import Cell, Markup, cell, element, figure_of, joined, table
from causalabs.report.html_search import heat
from causalabs.report.patching import map_notes

MOST = 40
"""Places of a table of disagreements or of the strongest."""


def map_parts(found: Sequence[PatchMap]) -> list[Markup]:
    """Pictures and tables of every map."""
    return [part for each in found for part in _map(each)]


def _map(found: PatchMap) -> list[Markup]:
    parts = [element("h3", found.text)]
    parts += [element("p", note[:1].upper() + note[1:] + ".") for note in map_notes(found)]
    pictures = [(found.verb, "exact"), ("attributed", "attributed")]
    if found.noise:
        del pictures[1]
    elif found.method == "attribution":
        del pictures[0]
    best = _largest(found, [name for _, name in pictures])
    for told, name in pictures:
        caption = f"{found.text}, {told}"
        body = [[row, *(_cell(found.cell(row, c), name, best) for c in found.columns)]
                for row in found.rows]  # fmt: skip
        parts.append(table(caption, ("", *found.columns), body, kind="heat"))
    strongest = [each for each in found.strongest(len(found.cells)) if each.exact is not None]
    head = ("place", found.verb, "95 % interval", "attributed")
    caption = f"{found.text}: the strongest places that were {found.verb}"
    parts.append(table(caption, head, [_row(each) for each in strongest[:MOST]]))
    off = found.disagreements(most=MOST)
    if off:
        caption = f"{found.text}: attribution off by more than .1"
        parts.append(table(caption, head, [_row(each) for each in off]))
    return parts


def _largest(found: PatchMap, names: Sequence[str]) -> float:
    values = [getattr(each, name) for each in found.cells for name in names]
    return max((abs(value) for value in values if value is not None), default=1.0)


def _cell(place: PatchCell | None, name: str, best: float) -> Cell:
    """Coloured by the size of the effect; its sign is in the number."""
    value = None if place is None else getattr(place, name)
    if value is None:
        return cell("")
    return heat(value, best, chosen=False, size=abs(value))


def _row(place: PatchCell) -> list[str]:
    spread: str = ""
    if place.low is not None and place.high is not None:
        spread = joined((figure_of(place.low), " .. ", figure_of(place.high)))
    exact = "" if place.exact is None else figure_of(place.exact)
    slope = "" if place.attributed is None else figure_of(place.attributed)
    return [place.place, exact, spread, slope]
