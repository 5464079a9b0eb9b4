"""Results as a notebook shows them, and as a pandas frame."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Any

from causalabs.errors import RunError
from causalabs.results import Judged, Results, Row

COLOURS = {"met": "#1a7f37", "not met": "#cf222e", "undecided": "#9a6700"}
MARKS = {"met": "✓", "not met": "✗", "undecided": "?"}
COLUMNS = (
    "kind", "text", "value", "low", "high", "comparison", "bound", "verdict", "samples", "exact",
    "line",
)  # fmt: skip

JUDGED = ("expected", "value", "95 % interval", "bound", "verdict")


def results_html(results: Results) -> str:
    """Headline, expectations with their verdicts, reports, controls beside: one HTML fragment."""
    parts = [_headline(results)]
    if results.registration is not None and results.registration["status"] == "amended":
        what = ", ".join(each["part"] for each in results.registration["changes"])
        parts.append(f"<p><b>amended after results were seen:</b> {escape(what)}</p>")
    if results.expectations:
        body = [_cells(each) for each in results.expectations]
        parts.append(_table(JUDGED, body))
    if results.reports:
        body = [_cells(each)[:3] for each in results.reports]
        parts.append(_table(("reported", *JUDGED[1:3]), body))
    parts += [_controls(rows) for rows in _by_metric(results.table)]
    parts += [f"<p><small>{escape(note)}</small></p>" for note in results.notes]
    return "<div>" + "".join(parts) + "</div>"


def _headline(results: Results) -> str:
    name = escape(results.hypothesis or "(no name)")
    cached = " <small>cached</small>" if results.cached else ""
    claim = f"<br><i>{escape(results.claim)}</i>" if results.claim else ""
    return f"<p><b>{name}</b> {_verdict(results.verdict)}{cached}{claim}</p>"


def _verdict(verdict: str) -> str:
    return f'<b style="color:{COLOURS[verdict]}">{MARKS[verdict]} {verdict}</b>'


def _cells(each: Judged) -> list[str]:
    spread = f"{each.low:.3f} .. {each.high:.3f}, n = {each.samples:,}"
    if each.exact:
        spread = f"exact, n = {each.samples:,}"
    bound = "" if each.bound is None else f"{each.comparison} {each.bound:g}"
    verdict = "" if each.verdict is None else _verdict(each.verdict)
    return [escape(each.text), _number(each.value), spread, escape(bound), verdict]


def _number(value: float) -> str:
    """Three decimals, and never 1 for less than 1.

    >>> _number(0.99996), _number(1.0)
    ('0.9999', '1.000')
    """
    return f"{int(value * 10_000) / 10_000:.4f}" if 0.9995 <= value < 1 else f"{value:.3f}"


def _by_metric(rows: tuple[Row, ...]) -> Iterator[list[Row]]:
    for metric in dict.fromkeys(row.metric for row in rows):
        yield [row for row in rows if row.metric == metric]


def _controls(rows: list[Row]) -> str:
    names = list(dict.fromkeys(name for row in rows for name, _ in row.values))
    names.sort(key=lambda name: name != "")
    title = "IIA" if rows[0].metric == "iia" else rows[0].metric.replace("_", " ")
    body = []
    for row in rows:
        values = dict(row.values)
        place = f" in {row.alignment}" if len({each.alignment for each in rows}) > 1 else ""
        numbers = [_number(values[name]) if name in values else "" for name in names]
        body.append([escape(f"{row.line}{place}, {row.split}"), *numbers])
    return _table((f"{title} by interchange", *(name or "network" for name in names)), body)


def _table(head: tuple[str, ...], body: list[list[str]]) -> str:
    top = "".join(f'<th style="text-align:left">{escape(each)}</th>' for each in head)
    rows = "".join(
        "<tr>" + "".join(f'<td style="text-align:left">{cell}</td>' for cell in row) + "</tr>"
        for row in body
    )
    return f"<table><thead><tr>{top}</tr></thead><tbody>{rows}</tbody></table>"


def results_frame(results: Results) -> Any:
    """A `pandas.DataFrame`, one row an expectation or report; `RunError` without pandas."""
    try:
        from pandas import DataFrame
    except ImportError as error:
        raise RunError(
            "`to_frame` needs the package pandas, which is not installed",
            "type `pip install pandas`, or use `to_json()`",
        ) from error
    judged = [("expect", each) for each in results.expectations]
    judged += [("report", each) for each in results.reports]
    return DataFrame(
        [
            {name: kind if name == "kind" else getattr(each, name) for name in COLUMNS}
            for kind, each in judged
        ],
        columns=list(COLUMNS),
    )
