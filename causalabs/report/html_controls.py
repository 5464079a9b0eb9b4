"""Each fitted alignment beside its controls, and its IIA against capacity, on a page."""

from __future__ import annotations

import math
from collections.abc import Sequence

from causalabs.batteries import Battery, Controlled, Curve, CurvePoint
from causalabs.report.html_elements import Markup, element, figure_of, joined, scrolling, table
from causalabs.report.html_plot import LEFT, RIGHT, WIDTH, Scale, Shown, plots, shortened
from causalabs.report.html_search import BOTTOM, across, grid_of, height_of
from causalabs.report.numbers import capacity_text, number
from causalabs.results import Judged

HEIGHT = 276
PLAIN = "the alignment"
NAMES = {"": "the network", "untrained": "untrained"}


# ---------------------------------------------------------------------------- the battery


def battery_parts(found: Sequence[Battery]) -> list[Markup]:
    """A picture and a table of every battery."""
    return [part for each in found for part in _battery(each)]


def _battery(found: Battery) -> list[Markup]:
    title = f"{found.alignment} on {found.split}: IIA beside its controls"
    rows = [Shown(_as_judged(each)) for each in found.rows]
    parts = [element("h3", f"{found.alignment} on {found.split}")]
    parts += [element("p", each, class_="warning") for each in found.warnings]
    parts += plots(rows, title)
    head = ("control", "IIA", "95 % interval", "n", "numbers fitted", "what was done")
    parts.append(table(title, head, [_cells(each) for each in found.rows]))
    if found.rival:
        parts.append(element("p", f"The wrong algorithm: {found.rival}"))
    if found.left_out:
        told = (element("li", f"{name}: {why}") for name, why in found.left_out)
        parts += [element("p", "Not run:"), element("ul", *told)]
    return parts


def _name(control: str) -> str:
    return control.replace("_", " ") or PLAIN


def _as_judged(row: Controlled) -> Judged:
    text = f"{_name(row.control)}; numbers fitted: {capacity_text(row.capacity, linear=row.linear)}"
    return Judged(text, 0, row.value, row.low, row.high, row.samples, row.exact)


def _cells(row: Controlled) -> list[str]:
    spread = joined((figure_of(row.low), " .. ", figure_of(row.high)))
    interval = Markup("exact") if row.exact else spread
    capacity = capacity_text(row.capacity, linear=row.linear)
    cells = [_name(row.control), figure_of(row.value), interval, f"{row.samples:,}", capacity]
    return [*cells, row.text]


# ------------------------------------------------------------------------------ the curve


def curve_parts(found: Sequence[Curve]) -> list[Markup]:
    """A picture and a table of every curve."""
    return [part for each in found for part in _curve(each)]


def _curve(found: Curve) -> list[Markup]:
    title = f"{found.alignment} on {found.split}: IIA against capacity"
    head = ("basis", "numbers fitted", "dims", "weights", "IIA", "95 % interval", "n")
    parts = [
        element("h3", f"{found.alignment} on {found.split}"),
        _picture(found, title),
        table(title, head, [_point_cells(each) for each in found.points]),
    ]
    if found.left_out:
        told = (element("li", f"{name}: {why}") for name, why in found.left_out)
        parts += [element("p", "Not run:"), element("ul", *told)]
    return parts


def _point_cells(point: CurvePoint) -> list[str]:
    spread = joined((figure_of(point.low), " .. ", figure_of(point.high)))
    capacity = capacity_text(point.capacity, linear=point.linear)
    name = NAMES.get(point.control, point.control)
    return [point.label, capacity, f"{point.dims:,}", name, figure_of(point.value), spread,
            f"{point.samples:,}"]  # fmt: skip


def _picture(found: Curve, title: str) -> Markup:
    """Bases in order of capacity; lines join what is linear, single marks are what is not."""
    order = sorted(found.points, key=lambda each: (each.capacity, each.dims))
    labels = list(dict.fromkeys(each.label for each in order))
    capacities = {each.label: each.capacity for each in order}
    every = [each for p in found.points for each in (p.value, p.low, p.high)]
    scale = Scale.over([0.0, 1.0, *(each for each in every if math.isfinite(each))])
    controls = list(dict.fromkeys(each.control for each in found.points))
    drawn = grid_of(scale)
    for control in sorted(controls, key=lambda name: name == ""):  # the network on top
        points = [each for each in order if each.control == control]
        drawn.append(_series(points, labels, scale, beside=control != ""))
    picture = element(
        "svg",
        element("title", title),
        *drawn,
        *_below(labels, capacities),
        class_="plot",
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        role="img",
    )
    keys = [_key(NAMES.get(each, each), beside=each != "") for each in controls]
    odd = any(not each.linear for each in found.points)
    said = "A square is a map that is not linear. " if odd else ""
    caption = element("figcaption", f"Below each basis, the numbers fitted. {said}", *keys)
    return element("figure", scrolling(picture, title), caption)


def _series(
    points: Sequence[CurvePoint], labels: Sequence[str], scale: Scale, *, beside: bool
) -> Markup:
    kind = " beside" if beside else ""
    shift = 5.0 if beside else -5.0  # intervals of both stand side by side
    parts = [element("title", NAMES.get(points[0].control, points[0].control))]
    places = []
    for point in points:
        if not math.isfinite(point.value):
            continue
        x = across(labels.index(point.label), len(labels)) + shift
        y = height_of(scale, point.value)
        if math.isfinite(point.low) and math.isfinite(point.high):
            ends = {"y1": height_of(scale, point.low), "y2": height_of(scale, point.high)}
            parts.append(element("line", class_=f"line{kind}", x1=x, x2=x, **ends))
        if point.linear:
            places.append((x, y))
        told = element("title", f"{point.label}: {number(point.value)}")
        told_value = repr(point.value)
        if point.linear:
            mark = element("circle", told, class_=f"point{kind}", cx=x, cy=y, r=3.5,
                           data_value=told_value)  # fmt: skip
        else:
            mark = element("rect", told, class_=f"point{kind}", x=x - 4.0, y=y - 4.0, width=8,
                           height=8, data_value=told_value)  # fmt: skip
        parts.append(mark)
    if len(places) > 1:
        path = "M" + "L".join(f"{x:.2f} {y:.2f}" for x, y in places)
        dash = "6 4" if beside else None
        parts.insert(1, element("path", class_=f"line{kind}", d=path, stroke_dasharray=dash))
    return element("g", *parts, class_="series")


def _below(labels: Sequence[str], capacities: dict[str, int]) -> list[Markup]:
    """Names of the bases and their capacity, each cut to its room."""
    room = (RIGHT - LEFT - 60) / max(len(labels), 1)
    letters = max(2, int(room / 7.4) - 1)
    found = []
    for i, label in enumerate(labels):
        x = across(i, len(labels))
        for text, y in ((label, BOTTOM + 26), (f"{capacities[label]:,}", BOTTOM + 46)):
            cut = shortened(text, letters)
            found.append(
                element("text", cut, element("title", text), class_="axis", x=x, y=y,
                        text_anchor="middle")
            )  # fmt: skip
    return found


def _key(name: str, *, beside: bool) -> Markup:
    kind = "line beside" if beside else "line"
    sign = element("path", class_=kind, d="M-8 0H8", stroke_dasharray="6 4" if beside else None)
    picture = element("svg", sign, class_="plot", viewBox="-8 -8 16 16", aria_hidden="true")
    return element("span", picture, name, class_="key")
