"""Circuits on a page: drawn node by node, and faithfulness against the number of edges."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence

from causalabs.report.circuits import distinct, edge_lines, search_lines
from causalabs.report.html_elements import Markup, element, figure_of, joined, scrolling, table
from causalabs.report.html_plot import LEFT, RIGHT, WIDTH, Scale, shortened
from causalabs.report.html_search import BOTTOM, grid_of, height_of
from causalabs.report.numbers import number
from causalabs.results_circuits import CircuitRecord, SweepPoint

HEIGHT = 276
LEVEL, ACROSS, MARGIN = 64, 92, 34
"""Room of a row of nodes, of a node in it, and around the drawing."""
MOST_DRAWN = 300
"""Edges of a circuit that is drawn: more are a black field."""


def circuit_parts(circuits: Mapping[str, Sequence[CircuitRecord]]) -> list[Markup]:
    """What is told of every circuit."""
    return [part for each in distinct(circuits) for part in _circuit(each)]


def _circuit(found: CircuitRecord) -> list[Markup]:
    how = f", found by {found.method}" if found.method else ""
    ablation = found.ablation.replace("_", " ")
    said = f"{found.count:,} of {found.of:,} edges, {ablation} ablation{how}."
    parts = [element("h3", f"circuit {found.name}"), element("p", said), _faithful(found)]
    told = search_lines(found)
    if told:
        parts.append(element("ul", *(element("li", each) for each in told)))
    if found.edges and found.count <= MOST_DRAWN:
        parts.append(_drawing(found))
    elif found.edges:
        parts.append(element("p", f"Not drawn: it has more than {MOST_DRAWN} edges."))
    if found.edges:
        parts.append(element("pre", "\n".join(edge_lines(found.edges, 60))))
    if len(found.sweep) > 1:
        parts += [_sweep(found), _sweep_table(found)]
    return parts


def _faithful(found: CircuitRecord) -> Markup:
    spread = Markup("exact")
    if not found.exact:
        spread = joined((figure_of(found.low), " .. ", figure_of(found.high)))
    on = f" on {found.split}" if found.split else ""
    parts: list[str] = [f"Faithfulness{on} ", figure_of(found.value), " (", spread, ")"]
    if found.null:
        mean = sum(found.null) / len(found.null)
        parts += ["; as many random edges ", figure_of(mean), ", at most "]
        parts += [figure_of(max(found.null)), f" in {len(found.null)} draws"]
    return element("p", *parts, ".")


# --------------------------------------------------------------------------- the circuit


def _drawing(found: CircuitRecord) -> Markup:
    """Nodes layer by layer, what is embedded at the bottom; an edge leads upwards."""
    edges = [_ends(each) for each in found.edges]
    names = {end: None for writer, reader, _ in edges for end in (writer, reader)}
    levels: dict[tuple[int, int], list[str]] = {}
    for name in sorted(names, key=_order):
        levels.setdefault(_order(name)[:2], []).append(name)
    rows = [levels[each] for each in sorted(levels)]
    width = max(420.0, 2 * MARGIN + ACROSS * max(map(len, rows)))
    height = 2 * MARGIN + LEVEL * (len(rows) - 1)
    places = {
        name: (width * (i + 1) / (len(row) + 1), height - MARGIN - level * LEVEL)
        for level, row in enumerate(rows)
        for i, name in enumerate(row)
    }
    between: dict[tuple[str, str], list[str]] = {}
    for writer, reader, part in edges:
        between.setdefault((writer, reader), []).append(part)
    title = f"circuit {found.name}"
    picture = element(
        "svg",
        element("title", title),
        *(_line(ends, parts, places) for ends, parts in between.items()),
        *(_node(name, place) for name, place in places.items()),
        viewBox=f"0 0 {width:.0f} {height:.0f}",
        width=width,
        height=float(height),
        class_="plot circuit",
        style=f"max-width: {max(width, 544.0):.0f}px",
        role="img",
    )
    caption = "Edges lead upwards; below, by what a head reads: its query, key or value."
    return element("figure", scrolling(picture, title), element("figcaption", caption))


def _ends(edge: str) -> tuple[str, str, str]:
    """Writer, reader without its part, and the part."""
    writer, _, reader = edge.partition(" -> ")
    found = re.fullmatch(r"(head \d+\.\d+)\.([qkv])", reader)
    return (writer, found[1], found[2]) if found else (writer, reader, "")


def _order(name: str) -> tuple[int, int, int, str]:
    """Layer, half of the layer, head: where a node stands."""
    word, _, rest = name.partition(" ")
    if word == "output":
        return 10**9, 0, 0, name
    numbers = [int(each) for each in re.findall(r"\d+", rest)]
    if not numbers:
        return -1, 0, 0, name
    head = numbers[1] if len(numbers) > 1 else 0
    return numbers[0], int(word == "mlp"), head, name


def _line(
    ends: tuple[str, str], parts: Sequence[str], places: Mapping[str, tuple[float, float]]
) -> Markup:
    (x1, y1), (x2, y2) = places[ends[0]], places[ends[1]]
    bend = 0.0 if x1 != x2 or y1 - y2 <= LEVEL else 40.0  # round nodes that stand between
    middle = ((x1 + x2) / 2 + bend, (y1 + y2) / 2)
    path = f"M{x1:.2f} {y1:.2f}Q{middle[0]:.2f} {middle[1]:.2f} {x2:.2f} {y2:.2f}"
    letters = ", ".join(each for each in parts if each)
    told = element("title", f"{ends[0]} -> {ends[1]}{f' by {letters}' if letters else ''}")
    return element("path", told, class_="line beside", d=path)


def _node(name: str, place: tuple[float, float]) -> Markup:
    x, y = place
    return element(
        "g",
        element("circle", class_="point", cx=x, cy=y, r=5.0),
        element("text", shortened(name, 12), x=x, y=y - 9.0, text_anchor="middle"),
        class_="node",
    )


# ----------------------------------------------------------------------------- the sweep


def _sweep(found: CircuitRecord) -> Markup:
    """Faithfulness against the number of edges, on a logarithmic scale."""
    title = f"{found.name}: faithfulness against edges"
    points = found.sweep
    numbers = (each for p in points for each in (p.value, p.low, p.high, p.random))
    scale = Scale.over([0.0, 1.0, *(each for each in numbers if math.isfinite(each))])
    most = max(max(each.edges for each in points), 2)
    drawn = grid_of(scale)
    random = [(each.edges, each.random) for each in points]
    drawn.append(_series(random, most, scale, beside=True))
    drawn.append(_series([(p.edges, p.value) for p in points], most, scale, whiskers=points))
    picture = element(
        "svg",
        element("title", title),
        *drawn,
        *_counts(sorted({each.edges for each in points}), most),
        class_="plot",
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        role="img",
    )
    keys = (_key(found.name, beside=False), _key("random edges", beside=True))
    caption = element("figcaption", "Below, the number of edges kept. ", *keys)
    return element("figure", scrolling(picture, title), caption)


def _along(edges: int, most: int) -> float:
    """Where a number of edges is drawn; none at the left end."""
    left = LEFT + 60
    return left + (RIGHT - 16 - left) * math.log1p(max(edges, 0)) / math.log1p(most)


def _series(
    values: Iterable[tuple[int, float]],
    most: int,
    scale: Scale,
    *,
    whiskers: Sequence[SweepPoint] = (),
    beside: bool = False,
) -> Markup:
    kind = " beside" if beside else ""
    marks, places = [], []
    for each in whiskers:
        if math.isfinite(each.low) and math.isfinite(each.high):
            x = _along(each.edges, most)
            ends = {"y1": height_of(scale, each.low), "y2": height_of(scale, each.high)}
            marks.append(element("line", class_="line", x1=x, x2=x, **ends))
    for edges, value in values:
        if not math.isfinite(value):
            continue
        x, y = _along(edges, most), height_of(scale, value)
        places.append(f"{x:.2f} {y:.2f}")
        told = element("title", f"{edges:,} edges: {number(value)}")
        marks.append(element("circle", told, class_=f"point{kind}", cx=x, cy=y, r=3.5,
                             data_value=repr(value)))  # fmt: skip
    path = "M" + "L".join(places)
    dash = "6 4" if beside else None
    line = element("path", class_=f"line{kind}", d=path, stroke_dasharray=dash)
    return element("g", line, *marks, class_="by-size")


def _counts(counts: Sequence[int], most: int) -> list[Markup]:
    """Some numbers of edges below the picture: none so close that two would touch."""
    found, last = [], -math.inf
    for count in reversed(counts):
        x = _along(count, most)
        if abs(last - x) < 56 and last != -math.inf:
            continue
        last = x
        found.append(element("text", f"{count:,}", class_="axis", x=x, y=BOTTOM + 26,
                             text_anchor="middle"))  # fmt: skip
    return found


def _sweep_table(found: CircuitRecord) -> Markup:
    head = ["edges", "faithfulness", "95 % interval", "random edges"]
    thresholds = any(each.threshold is not None for each in found.sweep)
    rows = []
    for each in found.sweep:
        spread = joined((figure_of(each.low), " .. ", figure_of(each.high)))
        exact = each.low == each.high
        cells = [f"{each.edges:,}", figure_of(each.value), Markup("exact") if exact else spread]
        cells.append(figure_of(each.random))
        if thresholds:
            cells.append("" if each.threshold is None else f"{each.threshold:.3g}")
        rows.append(cells)
    return table("Faithfulness against size", head + ["threshold"] * thresholds, rows)


def _key(name: str, *, beside: bool) -> Markup:
    kind = "line beside" if beside else "line"
    sign = element("path", class_=kind, d="M-8 0H8", stroke_dasharray="6 4" if beside else None)
    picture = element("svg", sign, class_="plot", viewBox="-8 -8 16 16", aria_hidden="true")
    return element("span", picture, name, class_="key")
