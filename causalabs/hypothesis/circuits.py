"""`circuit` blocks: names, nodes, methods and edges are checked; a later version runs them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from causalabs.algorithm.model import Algorithm
from causalabs.algorithm.names import nearest
from causalabs.algorithm.scope import Scope
from causalabs.diagnostics import Rule, Source, Span
from causalabs.hypothesis.model import Site
from causalabs.hypothesis.positions import resolve_position
from causalabs.hypothesis.refs import Findings, listed
from causalabs.hypothesis.registry import Entry, Method, Parameter, find, names
from causalabs.hypothesis.rules_circuit import (
    EdgeBackwards,
    EdgeEnd,
    EdgeTwice,
    EmptyCircuit,
    GroupTwice,
    UnknownMethod,
    UnknownNode,
)
from causalabs.hypothesis.settings import call_settings
from causalabs.hypothesis.shape import Shape
from causalabs.hypothesis.sites import place_options
from causalabs.syntax import ast

ABLATE = Parameter("ablate", "name", among=("resample", "zero", "mean"), optional=True)
CIRCUIT = Entry("circuit", (ABLATE,), runnable=False)
_ENDS = ("input", "output")
_WITHIN = {"attention": 0, "head": 0, "mlp": 1, "hidden": 1, "residual": 2}
MOST_EDGES = 100_000


@dataclass(frozen=True)
class Node:
    """One node and where it stands."""

    site: Site
    text: str
    span: Span


Groups = dict[str, list[Node]]


def resolve_circuits(
    nodes: Sequence[ast.Circuit | ast.Discovery],
    algorithms: Sequence[Algorithm],
    shape: Shape | None,
    scope: Scope,
    source: Source,
) -> tuple[frozenset[str], list[Rule]]:
    """Names of the circuits there are, and what is wrong in them."""
    found = Findings(source, scope.poisoned)
    known: dict[str, None] = {}
    for node in nodes:
        title = node.title.function if isinstance(node.title, ast.Call) else node.title
        name = str(title)
        known[name] = None
        call_settings(node.title, CIRCUIT, found, name=name)
        if isinstance(node, ast.Discovery):
            _methods(node, found)
        else:
            _wires(node, name, title.span, algorithms, shape, found)
    return frozenset(known), found.rules


def _methods(node: ast.Discovery, found: Findings) -> None:
    for call in node.methods:
        name = str(call.function)
        method = find(Method, name)
        if method is not None:
            call_settings(call, method, found)
            continue
        known = names(Method)
        hint = nearest(name, known)
        found.report(
            UnknownMethod(span=call.function.span, name=name, known=listed(known), suggestion=hint)
        )


def _wires(
    node: ast.Circuit,
    name: str,
    span: Span,
    algorithms: Sequence[Algorithm],
    shape: Shape | None,
    found: Findings,
) -> None:
    edges = [wire for wire in node.wires if isinstance(wire, ast.Edge)]
    if not edges:
        found.report(EmptyCircuit(span=span, name=name))
    if shape is None:
        return
    algorithm = algorithms[0] if algorithms else None
    groups: Groups = {}
    for wire in node.wires:
        if isinstance(wire, ast.Group):
            _group(wire, groups, algorithm, shape, found)
    seen: dict[tuple[Site, Site], Span] = {}
    for edge in edges:
        writers = _ends(edge.writers, groups, algorithm, shape, found)
        readers = _ends(edge.readers, groups, algorithm, shape, found)
        if len(writers) * len(readers) + len(seen) <= MOST_EDGES:
            _edges(writers, readers, edge.span, seen, found)


def _group(
    wire: ast.Group, groups: Groups, algorithm: Algorithm | None, shape: Shape, found: Findings
) -> None:
    name = str(wire.name)
    what = ""
    if name in groups:
        what = "a group of this circuit"
    elif name in _ENDS or shape.component(name) is not None:
        what = "a component of the network"
    if what:
        found.report(GroupTwice(span=wire.name.span, name=name, what=what))
    nodes = _ends(wire.nodes, groups, algorithm, shape, found)
    groups.setdefault(name, nodes)


# ------------------------------------------------------------------------ nodes


def _ends(
    nodes: Sequence[ast.NodeAt],
    groups: Groups,
    algorithm: Algorithm | None,
    shape: Shape,
    found: Findings,
) -> list[Node]:
    """The nodes of one side of an edge, groups written out."""
    return [each for node in nodes for each in _node(node, groups, algorithm, shape, found)]


def _node(
    node: ast.NodeAt,
    groups: Groups,
    algorithm: Algorithm | None,
    shape: Shape,
    found: Findings,
) -> list[Node]:
    place = node.place
    named = place.name if isinstance(place, ast.Component) else None
    if (
        isinstance(place, ast.Head)
        and len(place.heads) == 1
        and isinstance(place.heads[0], ast.Name)
    ):
        named = place.heads[0]
    text = found.text(node)
    position = None
    if node.position is not None and algorithm is not None:
        position = resolve_position(node.position, algorithm, shape, {}, found)
    if named is not None and str(named) in groups:
        return [Node(each.site, each.text, node.span) for each in groups[str(named)]]
    if named is not None and str(named) in _ENDS:
        return [Node(Site(str(named), position=position), text, node.span)]
    if named is not None and (isinstance(place, ast.Head) or _unknown(str(named), shape)):
        if str(named) not in found.poisoned:
            found.report(_unknown_node(named, groups, shape))
        return []
    options = place_options(place, True, shape, found) or []
    sites = [site for option in options for site in option.sites]
    return [Node(site, text, node.span) for site in sites]


def _unknown(name: str, shape: Shape) -> bool:
    return shape.component(name) is None


def _unknown_node(name: ast.Name, groups: Groups, shape: Shape) -> UnknownNode:
    components = [component.example for component in shape.components]
    bare = [component.name for component in shape.components]
    hint = nearest(str(name), [*bare, *_ENDS, *groups])
    known = listed([*components, *_ENDS, *groups], most=12)
    return UnknownNode(span=name.span, name=str(name), known=known, suggestion=hint)


# ------------------------------------------------------------------------ edges


def _edges(
    writers: Sequence[Node],
    readers: Sequence[Node],
    span: Span,
    seen: dict[tuple[Site, Site], Span],
    found: Findings,
) -> None:
    for writer in writers:
        if not _may_write(writer, found):
            continue
        for reader in readers:
            if not _may_read(reader, found):
                continue
            if _stage(reader.site) <= _stage(writer.site) or reader.site == writer.site:
                found.report(
                    EdgeBackwards(span=reader.span, writer=writer.text, reader=reader.text)
                )
                continue
            key = writer.site, reader.site
            if key in seen:
                texts = writer.text, reader.text
                found.report(
                    EdgeTwice(span=span, first=seen[key], writer=texts[0], reader=texts[1])
                )
            seen.setdefault(key, span)


def _may_write(node: Node, found: Findings) -> bool:
    site = node.site
    instead = ""
    if site.component == "output":
        instead = "begin an edge at a component or at `input`"
    elif site.part in ("q", "k", "v"):
        instead = f"write `head {site.layer}.{site.head}`: a head writes as a whole"
    if instead:
        found.report(EdgeEnd(span=node.span, node=node.text, verb="write", instead=instead))
    return not instead


def _may_read(node: Node, found: Findings) -> bool:
    site = node.site
    instead = ""
    if site.component in ("input", "embedding", "tokens", "positions"):
        instead = "end an edge at a component or at `output`"
    elif site.part == "z":
        instead = f"write `head {site.layer}.{site.head}.v`, `.q` or `.k`"
    if instead:
        found.report(EdgeEnd(span=node.span, node=node.text, verb="read", instead=instead))
    return not instead


def _stage(site: Site) -> tuple[int, int]:
    """Place in the forward order; equal places do not read one another."""
    match site.component:
        case "input":
            return (-2, 0)
        case "embedding" | "tokens" | "positions":
            return (-1, 0)
        case "logits":
            return (10**9, 0)
        case "output":
            return (10**9, 1)
        case _:
            return (site.layer or 0, _WITHIN.get(site.component, 1))
