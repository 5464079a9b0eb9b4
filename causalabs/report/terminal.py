"""A run's results on a terminal: claim, verdicts, controls beside, what took how long."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from causalabs.report.circuits import circuit_sections
from causalabs.report.controls import battery_table, beyond, curve_table
from causalabs.report.failures import failure_texts, hunt_text
from causalabs.report.numbers import number as number
from causalabs.report.patching import map_table
from causalabs.report.registration import registration_text
from causalabs.results import WARNING, FitRecord, Judged, Results, Row

STYLES = {"met": "bold green", "not met": "bold red", "undecided": "bold yellow"}
MARKS = {"met": "✓", "not met": "✗", "undecided": "?"}
NETWORK = (
    ("kind", "{}"),
    ("parameters", "{:,} parameters"),
    ("accuracy", "accuracy {:.4f}"),
    ("interchange_accuracy", "interchange accuracy {:.4f}"),
    ("steps", "{:,} steps"),
    ("seconds", "trained in {:.1f} s"),
    ("weights", "weights {}"),
)
"""What is told of a network, as far as its record has it."""

PLAIN = "network"
"""Heading of the column that holds the procedure as it stands."""


def show(results: Results, console: Console) -> None:
    """Print a report of `results`."""
    console.print(Group(*_sections(results)))


def _sections(results: Results) -> list[RenderableType]:
    found: list[RenderableType] = [_headline(results), Text()]
    if results.registration is not None and _amended(results.registration):
        text = registration_text(results.registration)
        found += [Text(text, style="yellow"), Text()]
    if results.expectations:
        found += [_judged_table(results.expectations, judged=True), Text()]
        found += [Text(f"{each}\n") for each in failure_texts(results)]
        found += [Text(f"{hunt_text(each)}\n") for each in results.hunts]
    found += circuit_sections(results.circuits)
    if results.reports:
        found += [_judged_table(results.reports, judged=False), Text()]
    rows = beyond(results.table, results.batteries)
    for metric in dict.fromkeys(row.metric for row in rows):
        found += [_controls(tuple(row for row in rows if row.metric == metric)), Text()]
    for battery in results.batteries:
        found += [battery_table(battery), Text()]
    for curve in results.curves:
        found += [curve_table(curve), Text()]
    for each in results.maps:
        found += [map_table(each), Text()]
    warnings = [note for note in results.notes if note.startswith(WARNING)]
    found += [Text("\n".join(warnings) + "\n", style="yellow")] if warnings else []
    found += [_details(results)]
    return found


def _amended(told: Mapping[str, Any]) -> bool:
    """Whether what the lock says belongs at the top."""
    return bool(told["status"] == "amended" or told["edited"])


def _headline(results: Results) -> RenderableType:
    text = Text()
    text.append(results.hypothesis or "(no name)", style="bold")
    text.append("  ")
    text.append(f"{MARKS[results.verdict]} {results.verdict}", style=STYLES[results.verdict])
    if results.cached:
        text.append("  cached", style="dim")
    if results.claim:
        text.append("\n" + textwrap.fill(results.claim, 78), style="italic")
    return text


def _judged_table(rows: tuple[Judged, ...], *, judged: bool) -> RenderableType:
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    table.add_column("expected" if judged else "reported", overflow="fold")
    table.add_column("value", justify="right")
    table.add_column("95 % interval")
    if judged:
        table.add_column("bound", no_wrap=True)
        table.add_column("verdict", no_wrap=True)
    for row in rows:
        cells: list[RenderableType] = [
            Text(row.text),
            Text(number(row.value)),
            Text(interval(row)),
        ]
        if judged and row.verdict and row.bound is not None:
            cells.append(Text(f"{row.comparison} {number(row.bound)}"))
            cells.append(Text(f"{MARKS[row.verdict]} {row.verdict}", style=STYLES[row.verdict]))
        table.add_row(*cells)
    by_seed = [
        f"{row.text}, by seed:  "
        + "  ".join(f"{each.seed}:\u00a0{number(each.value)}" for each in row.seeds)
        for row in rows
        if len(row.seeds) > 1
    ]
    beside = [*rests_on(rows), *by_seed]
    return Group(table, Text("\n".join(["", *beside]), style="dim")) if beside else table


def interval(row: Judged) -> str:
    """The interval with its sample size, or `exact`."""
    if row.exact:
        return f"exact, n = {row.samples:,}"
    return f"{number(row.low)} .. {number(row.high)}, n = {row.samples:,}"


def rests_on(rows: Sequence[Judged]) -> list[str]:
    """What each value rests on, in a line; those that rest on the same share one."""
    told: dict[str, list[str]] = {}
    for row in rows:
        if row.certificate is not None:
            words = (row.certificate.text, row.certificate.share)
            told.setdefault("; ".join(filter(None, words)), []).append(row.text)
    if len(told) == 1:
        return list(told)
    return [f"{', '.join(texts)}: {words}" for words, texts in told.items()]


def _controls(rows: tuple[Row, ...]) -> RenderableType:
    names = list(dict.fromkeys(name for row in rows for name, _ in row.values))
    names.sort(key=lambda name: name != "")
    alignments = {row.alignment for row in rows}
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    table.add_column(f"{_title(rows[0].metric)} by interchange")
    for name in names:
        table.add_column(name or PLAIN, justify="right")
    for row in rows:
        title = row.line + (f" in {row.alignment}" if len(alignments) > 1 else "")
        values = dict(row.values)
        cells = [number(values[name]) if name in values else "" for name in names]
        table.add_row(f"{title}, {row.split}", *cells)
    return table


def _title(metric: str) -> str:
    return "IIA" if metric == "iia" else metric.replace("_", " ")


def _details(results: Results) -> RenderableType:
    lines = [_network_line(results.network)]
    for job, fits in results.fits.items():
        lines += [_fit_line(job, fit) for fit in fits if fit.steps or fit.select_scores]
    lines += [note for note in results.notes if not note.startswith(WARNING)]
    kinds = [f"{kind} {seconds:.1f} s" for kind, seconds in results.seconds.items()]
    lines += ["time: " + ", ".join(kinds), f"run: {results.run}"]
    if results.registration is not None and not _amended(results.registration):
        lines += [registration_text(results.registration)]
    return Text("\n".join(line for line in lines if line), style="dim")


def _network_line(network: Mapping[str, Any]) -> str:
    seeds = network.get("seeds")
    if isinstance(seeds, Mapping):
        return "\n".join(f"seed {seed}: {_network_line(each)}" for seed, each in seeds.items())
    told = [
        template.format(network[key])
        for key, template in NETWORK
        if isinstance(network.get(key), str | int | float)
    ]
    if network.get("origin") == "kept":
        told.append("kept from an earlier run")
    return "network: " + ", ".join(told) if told else ""


def _fit_line(job: str, fit: FitRecord) -> str:
    parts = [f"fit {job}: {fit.space}"]
    if fit.select_scores:
        scores = " ".join(number(score) for score in fit.select_scores)
        parts.append(f"chose {fit.choice} (select IIA {scores})")
    if fit.steps:
        parts.append(
            f"{fit.restarts} restarts, {fit.steps} steps, {fit.examples:,} examples, "
            f"{fit.capacity:,} numbers, train IIA {number(fit.train_iia)}"
        )
    return ", ".join(parts)
