"""The causal graph of an algorithm: for networkx, the terminal, Graphviz and the web."""

from __future__ import annotations

from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING

from causalabs.algorithm.columns import domain_text
from causalabs.algorithm.model import Algorithm, Variable
from causalabs.algorithm.written import text_of

if TYPE_CHECKING:
    import networkx

_FILL = {"input": "#e8eef7", "var": "#ffffff", "output": "#e9f5e9"}
_CHARACTER, _LINE, _GAP, _LAYER = 7.3, 40, 24, 84
LABEL = 60


def digraph(algorithm: Algorithm) -> networkx.DiGraph:
    """The graph with `role`, `domain` and `mechanism` (an expression or None) at each node."""
    import networkx

    graph = networkx.DiGraph(name=algorithm.name)
    for variable in algorithm.variables:
        graph.add_node(
            variable.name,
            role=variable.role,
            domain=variable.domain,
            mechanism=variable.mechanism,
        )
    for variable in algorithm.variables:
        graph.add_edges_from((parent, variable.name) for parent in variable.parents)
    return graph


def layers(algorithm: Algorithm) -> list[list[Variable]]:
    """Variables by the length of the longest path that leads to them."""
    depth: dict[str, int] = {}
    found: list[list[Variable]] = []
    for variable in algorithm.variables:
        deepest = max((depth[parent] for parent in variable.parents), default=-1)
        depth[variable.name] = 0 if variable.role == "input" else max(deepest + 1, 1)
        while len(found) <= depth[variable.name]:
            found.append([])
        found[depth[variable.name]].append(variable)
    return [layer for layer in found if layer]


def as_text(algorithm: Algorithm) -> str:
    """The graph for a terminal: layer by layer, each variable with the arrows into it.

    >>> from causalabs.algorithm.domains import Bool
    >>> from causalabs.algorithm.expression import Operation, Variable as Mention
    >>> no = Operation("not", (Mention("x", Bool()),), Bool())
    >>> x = Variable("x", "x", (), "input", Bool())
    >>> y = Variable("y", "y", (), "output", Bool(), no, ("x",))
    >>> print(as_text(Algorithm("small", (x, y), ())))
    small
    │
    ├─ input   x : bool
    │
    └─ output  y : bool  ◀── x
                 = not x
    """
    every = layers(algorithm)
    width = max((len(_title(v)) for layer in every for v in layer), default=0)
    lines = [algorithm.name]
    last = every[-1][-1] if every else None
    for layer in every:
        lines.append("│")
        for variable in layer:
            bar, branch = (" ", "└─") if variable is last else ("│", "├─")
            arrow = f"  ◀── {', '.join(variable.parents)}" if variable.parents else ""
            title = _title(variable).ljust(width) if arrow else _title(variable)
            lines.append(f"{branch} {variable.role:<6}  {title}{arrow}")
            if variable.mechanism is not None:
                lines.append(f"{bar}            = {text_of(variable.mechanism, LABEL)}")
    return "\n".join(lines)


def _title(variable: Variable) -> str:
    return f"{variable.name} : {domain_text(variable.domain)}"


def as_dot(algorithm: Algorithm) -> str:
    """The graph in Graphviz' language."""
    lines = [
        f"digraph {_quoted(algorithm.name)} {{",
        "  rankdir=TB;",
        '  node [shape=box, style="rounded,filled"];',
    ]
    for variable in algorithm.variables:
        label = _quoted(_title(variable))
        fill = _quoted(_FILL[variable.role])
        lines.append(f"  {_quoted(variable.name)} [label={label}, fillcolor={fill}];")
    for variable in algorithm.variables:
        lines += [
            f"  {_quoted(parent)} -> {_quoted(variable.name)};" for parent in variable.parents
        ]
    return "\n".join([*lines, "}"]) + "\n"


def _quoted(text: str) -> str:
    inner = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{inner}"'


def as_svg(algorithm: Algorithm, *, tip: str = "tip") -> str:
    """The graph as one SVG document that needs nothing else; names are escaped.

    `tip` is the id of its arrow head, which no other drawing on one page may have.
    """
    rows = _ordered(layers(algorithm))
    widths = {v.name: max(len(_title(v)) * _CHARACTER + 20, 48) for row in rows for v in row}
    spans = [sum(widths[v.name] + _GAP for v in row) - _GAP for row in rows]
    total = max(spans, default=0.0) + 2 * _GAP
    places: dict[str, tuple[float, float]] = {}  # centre of each box
    for depth, (row, span) in enumerate(zip(rows, spans, strict=True)):
        left = (total - span) / 2
        for variable in row:
            width = widths[variable.name]
            places[variable.name] = (left + width / 2, _GAP + depth * _LAYER + _LINE / 2)
            left += width + _GAP
    height = 2 * _GAP + max(len(rows) - 1, 0) * _LAYER + _LINE
    shown = [_arrow(places[p], places[v.name], tip) for v in algorithm.variables for p in v.parents]
    shown += [_box(v, places[v.name], widths[v.name]) for row in rows for v in row]
    return "\n".join([_head(algorithm.name, total, height, tip), *shown, "</svg>"]) + "\n"


def _head(name: str, width: float, height: float, tip: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" font-family="monospace" font-size="12">\n'
        f"<title>{escape(name)}</title>\n"
        f'<defs><marker id="{tip}" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" fill="#555"/></marker></defs>'
    )


def _arrow(start: tuple[float, float], end: tuple[float, float], tip: str) -> str:
    x0, y0, x1, y1 = start[0], start[1] + _LINE / 2, end[0], end[1] - _LINE / 2
    middle = (y0 + y1) / 2
    return (
        f'<path d="M{x0:.1f} {y0:.1f}C{x0:.1f} {middle:.1f} {x1:.1f} {middle:.1f} '
        f'{x1:.1f} {y1:.1f}" fill="none" stroke="#555" marker-end="url(#{tip})"/>'
    )


def _box(variable: Variable, place: tuple[float, float], width: float) -> str:
    x, y = place
    mechanism = "" if variable.mechanism is None else " = " + text_of(variable.mechanism, 400)
    title = escape(_title(variable))
    return (
        f"<g><title>{escape(_title(variable) + mechanism)}</title>"
        f'<rect x="{x - width / 2:.1f}" y="{y - _LINE / 2:.1f}" width="{width:.1f}" '
        f'height="{_LINE}" rx="6" fill="{_FILL[variable.role]}" stroke="#555"/>'
        f'<text x="{x:.1f}" y="{y + 4:.1f}" text-anchor="middle">{title}</text></g>'
    )


def _ordered(rows: list[list[Variable]]) -> list[list[Variable]]:
    """Each row in the order of its parents' mean place, so that fewer arrows cross."""
    if not rows:
        return rows
    found = [rows[0]]
    place = {v.name: float(i) for i, v in enumerate(rows[0])}
    for _, row in pairwise(rows):

        def weight(variable: Variable) -> float:
            known = [place[parent] for parent in variable.parents if parent in place]
            return sum(known) / len(known) if known else 0.0

        ordered = sorted(row, key=weight)
        scale = max(len(rows[0]), 1) / max(len(ordered), 1)
        place.update({v.name: i * scale for i, v in enumerate(ordered)})
        found.append(ordered)
    return found
