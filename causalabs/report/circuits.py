"""Circuits in words: edges found, faithfulness beside random edges, sweeps, other orders."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from causalabs.report.numbers import number
from causalabs.results_circuits import CircuitRecord, SweepPoint

SHOWN = 12
"""Readers whose edges are listed."""
POINTS = 10
"""Points of a sweep that are listed; the page of a run draws all of them."""


def circuit_sections(
    circuits: Mapping[str, Sequence[CircuitRecord]],
) -> list[RenderableType]:
    """What is told of circuits, those of the first job of each name."""
    found: list[RenderableType] = []
    for each in distinct(circuits):
        found += [Text("\n".join(circuit_lines(each)))]
        if each.sweep:
            found += [_sweep_table(each.sweep)]
        found += [Text()]
    return found


def distinct(circuits: Mapping[str, Sequence[CircuitRecord]]) -> list[CircuitRecord]:
    """Each circuit once, as the first job found it."""
    known: dict[str, CircuitRecord] = {}
    for records in circuits.values():
        for each in records:
            known.setdefault(each.name, each)
    return list(known.values())


def circuit_lines(record: CircuitRecord) -> list[str]:
    """A circuit line by line: what it is, how faithful, its edges, what to know of its search."""
    how = f", found by {record.method}" if record.method else ""
    lines = [
        f"circuit {record.name}: {record.count:,} of {record.of:,} edges, "
        f"{record.ablation.replace('_', ' ')} ablation{how}"
    ]
    spread = "exact" if record.exact else f"{number(record.low)} .. {number(record.high)}"
    where = f" on {record.split}" if record.split else ""
    line = f"  faithfulness{where} {number(record.value)} ({spread})"
    if record.null:
        mean = sum(record.null) / len(record.null)
        line += f"; as many random edges {number(mean)}, at most {number(max(record.null))}"
    lines.append(line)
    lines += [f"  {each}" for each in edge_lines(record.edges)]
    return lines + [f"  {each}" for each in search_lines(record)]


def edge_lines(edges: Iterable[str], most: int = SHOWN) -> list[str]:
    """Edges by what they lead to, the output first.

    >>> edge_lines(["head 3.0 -> output", "tokens -> head 3.0.v", "mlp 2 -> output"])
    ['head 3.0, mlp 2 -> output', 'tokens -> head 3.0.v']
    """
    by_reader: dict[str, list[str]] = {}
    for edge in edges:
        writer, _, reader = edge.partition(" -> ")
        by_reader.setdefault(reader, []).append(writer)
    readers = sorted(by_reader, key=lambda each: each != "output")
    shown = [f"{_few(by_reader[reader])} -> {reader}" for reader in readers[:most]]
    left = sum(len(by_reader[reader]) for reader in readers[most:])
    return [*shown, f"and {left:,} more edges"] if left else shown


def _few(names: Sequence[str], most: int = 8) -> str:
    more = [f"{len(names) - most} more"] if len(names) > most else []
    return ", ".join([*names[:most], *more])


def search_lines(record: CircuitRecord) -> list[str]:
    """What to know of a search: its cost, other orders of visits, nodes that stand in."""
    lines = []
    if record.method:
        runs = f" in {record.runs:,} runs" if record.runs else ""  # slopes take none
        lines.append(f"searched{runs} over {record.examples:,} examples, {record.seconds:.1f} s")
    for order, count, shared in record.orders:
        lines.append(f"order {order}: {count:,} edges, {shared:,} of them in the circuit")
    for node, other in record.redundant:
        lines.append(f"redundant: `{other}` does as well in place of `{node}`")
    return lines


def picked(points: Sequence[SweepPoint], most: int = POINTS) -> list[SweepPoint]:
    """Some points of a sweep, evenly, the ends among them."""
    if len(points) <= most:
        return list(points)
    step = (len(points) - 1) / (most - 1)
    return [points[round(i * step)] for i in range(most)]


def _sweep_table(points: Sequence[SweepPoint]) -> RenderableType:
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 2))
    for name in ("edges", "faithfulness", "95 % interval", "random edges", "threshold"):
        table.add_column(name, justify="left" if name.startswith("95") else "right")
    for each in picked(points):
        table.add_row(
            f"{each.edges:,}",
            number(each.value),
            "" if each.low == each.high else f"{number(each.low)} .. {number(each.high)}",
            number(each.random),
            "" if each.threshold is None else f"{each.threshold:.2g}",
        )
    return Group(Text("  faithfulness against size"), table)
