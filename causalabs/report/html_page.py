"""A finished run as one HTML page that needs nothing beside itself."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from causalabs.algorithm.graph import as_svg
from causalabs.algorithm.model import Algorithm
from causalabs.hypothesis.model import Hypothesis, Quantity
from causalabs.plans import quantities
from causalabs.report.html_circuits import circuit_parts
from causalabs.report.html_controls import battery_parts, curve_parts
from causalabs.report.html_elements import (
    Markup,
    element,
    figure_of,
    joined,
    scrolling,
    section,
    table as table_of,
)
from causalabs.report.html_failures import failures_section, hunt_parts
from causalabs.report.html_patching import map_parts
from causalabs.report.html_plot import Shown, kind_of, plots
from causalabs.report.html_record import (
    environment_section,
    fits_section,
    network_section,
    registration_section,
    repeat_section,
)
from causalabs.report.html_search import search_parts, searches
from causalabs.report.html_style import STYLE
from causalabs.report.reading import Run
from causalabs.report.terminal import MARKS, PLAIN, number
from causalabs.results import Judged, Results, Row

SMALLEST = 0.7
"""How far a graph is made smaller to fit the page: its letters must stay readable."""

HEAD = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="generator" content="causalabs">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
"""


def page(run: Run) -> str:
    """The whole page: what was claimed, what came out, how, and how to repeat it."""
    results = run.results
    shown = _shown(results, run.hypothesis)
    parts = [
        _headline(run),
        section("Expected", *plots(shown[: len(results.expectations)], "expectations"),
                _judged(results.expectations)),
        section("Reported", *plots(shown[len(results.expectations) :], "reports"),
                _judged(results.reports)),
        failures_section(results),
        section("Hunted", *hunt_parts(results)),
        section("Controls beside", *battery_parts(results.batteries), *_controls(results.table)),
        section("Capacity", *curve_parts(results.curves)),
        section("Circuits", *circuit_parts(results.circuits)),
        section("Patched", *map_parts(results.maps)),
        _algorithms(run),
        _places(run),
        fits_section(run),
        section("Notes", element("ul", *(element("li", each) for each in results.notes)))
        if results.notes else None,
        registration_section(run),
        network_section(run),
        environment_section(run),
        repeat_section(run),
    ]  # fmt: skip
    title = f"{results.hypothesis or 'hypothesis'}: {results.verdict}"
    head = HEAD.format(title=escape(title), style=STYLE)
    body = element("main", *(part for part in parts if part))
    return f"{head}{body}\n</body>\n</html>\n"


def _headline(run: Run) -> Markup:
    results = run.results
    told = run.registration
    amended = None
    if told is not None and (told["status"] == "amended" or told["edited"]):
        why = "amended after results were seen" if told["status"] == "amended" else "edited by hand"
        amended = element("p", f"The claim was {why}: see Pre-registration.", class_="warning")
    return element(
        "header",
        element("h1", results.hypothesis or "(no name)"),
        element("p", results.claim, class_="claim", dir="auto") if results.claim else None,
        element("p", _verdict(results.verdict), _counted(results.expectations)),
        amended,
    )


def _verdict(verdict: str) -> Markup:
    return element("span", f"{MARKS[verdict]} {verdict}", class_=f"verdict {kind_of(verdict)}")


def _counted(rows: Sequence[Judged]) -> str:
    met = sum(row.verdict == "met" for row in rows)
    return f": {met} of {len(rows)} expectations met" if rows else ""


# ------------------------------------------------------------------------------ what was found


def _judged(rows: Sequence[Judged]) -> Markup | None:
    """Every number of the picture above it, and those that it has no room for."""
    if not rows:
        return None
    bounded = any(row.bound is not None for row in rows)
    head = ["expected" if bounded else "reported", "value", "95 % interval", "n"]
    head += ["bound", "verdict"] if bounded else []
    head += ["rests on"] if any(row.certificate for row in rows) else []
    head += ["by seed"] if any(len(row.seeds) > 1 for row in rows) else []
    return table_of("In numbers", head, [_cells(row, head) for row in rows])


def _cells(row: Judged, head: Sequence[str]) -> list[str]:
    spread = joined((figure_of(row.low), " .. ", figure_of(row.high)))
    cells: list[str] = [row.text, figure_of(row.value), Markup("exact") if row.exact else spread]
    cells.append(f"{row.samples:,}")
    if "bound" in head:
        bound = "" if row.bound is None else joined((f"{row.comparison} ", figure_of(row.bound)))
        cells += [bound, "" if row.verdict is None else _verdict(row.verdict)]
    if "rests on" in head:
        cells.append(_certified(row))
    if "by seed" in head:
        told = [
            joined((f"{each.seed}: ", figure_of(each.value), f" {MARKS[each.verdict]}"))
            if each.verdict
            else joined((f"{each.seed}: ", figure_of(each.value)))
            for each in row.seeds
        ]
        cells.append(Markup("<br>".join(told)))
    return cells


def _certified(row: Judged) -> str:
    """How a value was certified, and how much of all interchanges was seen for it."""
    if row.certificate is None:
        return ""
    told = [row.certificate.text, row.certificate.share]
    return Markup("<br>".join(escape(each) for each in told if each))


def _shown(results: Results, hypothesis: Hypothesis | None) -> list[Shown]:
    """Rows of the picture, a plain interchange metric beside what its controls gave."""
    rows = (*results.expectations, *results.reports)
    known = list(quantities(hypothesis)) if hypothesis is not None else []
    if [each.text for each in known] != [row.text for row in rows] or hypothesis is None:
        return [Shown(row) for row in rows]
    return [
        Shown(row, _beside(quantity, results.table, hypothesis))
        for row, quantity in zip(rows, known, strict=True)
    ]


def _beside(
    quantity: Quantity, found: Sequence[Row], hypothesis: Hypothesis
) -> tuple[tuple[str, float], ...]:
    """Each control's value of a single plain term, the mean over its lines as the term's is."""
    term = quantity.terms[0]
    if len(quantity.terms) > 1 or term.control.name or not term.lines:
        return ()
    names = [hypothesis.counterfactuals.lines[line].name for line in term.lines]
    key = (term.metric, term.alignment, quantity.split or "")
    values: dict[str, list[float]] = {}
    for row in found:
        if row.line in names and (row.metric, row.alignment, row.split) == key:
            for name, value in row.values:
                values.setdefault(name, []).append(value)
    return tuple(
        (name, sum(each) / len(each))
        for name, each in values.items()
        if name and len(each) == len(names)
    )


def _controls(rows: Sequence[Row]) -> list[Markup]:
    return [
        _control_table([row for row in rows if row.metric == metric], metric)
        for metric in dict.fromkeys(row.metric for row in rows)
    ]


def _control_table(rows: Sequence[Row], metric: str) -> Markup:
    names = list(dict.fromkeys(name for row in rows for name, _ in row.values))
    names.sort(key=lambda name: name != "")
    several = len({row.alignment for row in rows}) > 1
    title = "IIA" if metric == "iia" else metric.replace("_", " ")
    body = []
    for row in rows:
        values = dict(row.values)
        place = f" in {row.alignment}" if several else ""
        cells = [figure_of(values[name]) if name in values else Markup("") for name in names]
        body.append([f"{row.line}{place}, {row.split}", *cells])
    head = ("interchange", *(name or PLAIN for name in names))
    return table_of(f"{title} by interchange; an empty cell was not asked for", head, body)


# ------------------------------------------------------------------------- algorithm and places


def _algorithms(run: Run) -> Markup | None:
    if run.hypothesis is None:
        said = f"It is not drawn, since its text cannot be read here: {run.why}."
        return section("Algorithm", element("p", said))
    found = run.hypothesis.algorithms
    title = "Algorithm" if len(found) == 1 else "Algorithms"
    return section(title, *(_graph(each, i) for i, each in enumerate(found)))


def _graph(algorithm: Algorithm, place: int) -> Markup:
    drawn = as_svg(algorithm, tip=f"tip{place}")
    width = int(drawn.split('width="', 1)[1].split('"', 1)[0])
    least = f"min-width: {SMALLEST * width:.0f}px"  # smaller than that it scrolls
    drawn = drawn.replace("<svg ", f'<svg role="img" style="{least}" ', 1)
    name = algorithm.name
    box = scrolling(Markup(f'<div class="graph">{drawn}</div>'), f"graph of {name}")
    return element("figure", box, element("figcaption", name))


def _places(run: Run) -> Markup | None:
    """Which place each variable ended with, and what the others scored."""
    found = searches(run.results.fits, run.hypothesis)
    if not found:
        return None
    told = [
        element("li", f"{each.job}: {each.space} at ", element("b", each.labels[each.chosen]),
                f", {number(each.scores[each.chosen])} on select")
        for each in found
    ]  # fmt: skip
    return section("Places searched", element("ul", *told), *search_parts(found))
