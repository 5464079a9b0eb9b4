"""`circuit` blocks: names, nodes, edges, ties and the methods that find edges."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from causalabs.algorithm.model import Algorithm
from causalabs.algorithm.names import nearest
from causalabs.algorithm.scope import Scope
from causalabs.diagnostics import Rule, Source, Span
from causalabs.hypothesis.model import (
    Alignment,
    AllOf,
    BasisSpec,
    Choice,
    Circuit,
    Member,
    Setting,
    Settings,
    Site,
    Space,
    Tie,
)
from causalabs.hypothesis.positions import resolve_position
from causalabs.hypothesis.refs import Findings, listed
from causalabs.hypothesis.registry import Entry, Method, Parameter, find, names
from causalabs.hypothesis.rules_circuit import (
    CircuitTwice,
    DeadCircuit,
    EdgeBackwards,
    EdgeEnd,
    EdgeTwice,
    EmptyCircuit,
    GroupTwice,
    NotANode,
    OneSize,
    UnknownMethod,
    UnknownNode,
)
from causalabs.hypothesis.rules_sites import TooManyChoices
from causalabs.hypothesis.settings import call_settings
from causalabs.hypothesis.shape import Shape
from causalabs.hypothesis.sites import place_options
from causalabs.syntax import ast

ABLATIONS = ("resample", "zero", "mean", "mean_by_position")
ABLATE = Parameter("ablate", "name", default="resample", among=ABLATIONS)
CIRCUIT = Entry("circuit", (ABLATE,))
EMBEDDED = ("input", "embedding", "tokens", "positions")
"""What writes without reading."""
_ENDS = ("input", "output")
_NODES = ("embedding", "tokens", "positions", "head", "attention", "mlp", "logits")
_WITHIN = {"attention": 0, "head": 0, "mlp": 1}
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
) -> tuple[tuple[Circuit, ...], list[Rule]]:
    """The circuits of a file, as far as they can be read, and what is wrong in them."""
    found = Findings(source, scope.poisoned)
    circuits: dict[str, Circuit] = {}
    for node in nodes:
        title = node.title.function if isinstance(node.title, ast.Call) else node.title
        name = str(title)
        settings = dict(call_settings(node.title, CIRCUIT, found, name=name) or ())
        circuit = Circuit(name, str(settings.get("ablate", "resample")), span=title.span)
        if isinstance(node, ast.Discovery):
            circuit = replace(circuit, methods=_methods(node, found))
        else:
            edges, ties = _wires(node, name, title.span, algorithms, shape, found)
            circuit = replace(circuit, edges=edges, ties=ties)
        first = circuits.setdefault(name, circuit)
        if first is not circuit and first.span is not None:
            found.report(CircuitTwice(span=title.span, name=name, first=first.span))
    return tuple(circuits.values()), found.rules


def _methods(node: ast.Discovery, found: Findings) -> tuple[tuple[str, Settings], ...]:
    read: list[tuple[str, Settings]] = []
    for call in node.methods:
        name = str(call.function)
        method = find(Method, name)
        if method is not None:
            settings = call_settings(call, method, found)
            if settings is not None:
                _size(call, name, dict(settings), found)
                read.append((name, settings))
            continue
        known = names(Method)
        hint = nearest(name, known)
        found.report(
            UnknownMethod(span=call.function.span, name=name, known=listed(known), suggestion=hint)
        )
    return tuple(read)


def _size(call: ast.Call, name: str, settings: dict[str, Setting], found: Findings) -> None:
    """A method stops at a threshold or at a size, and is told which."""
    given = [each for each in ("threshold", "edges") if each in settings]
    if len(given) != 1:
        problem = "both `threshold` and `edges`" if given else "neither `threshold` nor `edges`"
        found.report(OneSize(span=call.span, name=name, problem=problem))


def _wires(
    node: ast.Circuit,
    name: str,
    span: Span,
    algorithms: Sequence[Algorithm],
    shape: Shape | None,
    found: Findings,
) -> tuple[tuple[tuple[Site, Site], ...], tuple[Tie, ...]]:
    edges = [wire for wire in node.wires if isinstance(wire, ast.Edge)]
    if not edges:
        found.report(EmptyCircuit(span=span, name=name))
    if shape is None:
        return (), ()
    algorithm = algorithms[0] if algorithms else None
    before = len(found.rules)
    groups: Groups = {}
    for wire in node.wires:
        if isinstance(wire, ast.Group):
            _group(wire, groups, algorithm, shape, found)
    seen: dict[tuple[Site, Site], Span] = {}
    ties: list[Tie] = []
    for edge in edges:
        owner = _tied(edge, groups, algorithms, shape)
        readers = _ends(edge.readers, groups, algorithm, shape, found)
        if owner is not None:
            ties += [Tie(str(edge.writers[0].place.name), owner, each.site) for each in readers]  # type: ignore[union-attr]
            continue
        writers = _ends(edge.writers, groups, algorithm, shape, found)
        if len(writers) * len(readers) + len(seen) > MOST_EDGES:
            found.report(TooManyChoices(span=edge.span, name=name, most=MOST_EDGES))
            continue
        _edges(writers, readers, edge.span, seen, found)
    if len(found.rules) == before and seen and not reaches_output(seen):
        found.report(DeadCircuit(span=span, name=name))
    return tuple(seen), tuple(ties)


def _tied(
    edge: ast.Edge, groups: Groups, algorithms: Sequence[Algorithm], shape: Shape
) -> str | None:
    """The algorithm whose variable stands where a writer would: it is tied to the reader."""
    place = edge.writers[0].place
    if len(edge.writers) > 1 or not isinstance(place, ast.Component) or place.part is not None:
        return None
    name = str(place.name)
    if name in groups or name in _ENDS or shape.component(name) is not None:
        return None
    having = (each for each in algorithms if name in each and each[name].role == "var")
    return next((each.name for each in having), None)


def tied(circuits: Iterable[Circuit]) -> tuple[Alignment, ...]:
    """What circuits tie to variables, as alignments of their names: each node as a whole.

    Without a position the node is exchanged at every token.
    """
    found = []
    for circuit in circuits:
        for algorithm in dict.fromkeys(tie.algorithm for tie in circuit.ties):
            mine = [tie for tie in circuit.ties if tie.algorithm == algorithm]
            spaces = []
            for variable in dict.fromkeys(tie.variable for tie in mine):
                nodes = [tie.node for tie in mine if tie.variable == variable]
                sites = tuple(replace(n, position=n.position or AllOf()) for n in nodes)
                member = Member(variable, (Choice(sites, sites),))
                label = ", ".join(map(site_text, nodes))
                spaces.append(Space(BasisSpec("whole"), (member,), (label,), circuit.span))
            found.append(Alignment(circuit.name, algorithm, tuple(spaces), circuit.span))
    return tuple(found)


def reaches_output(edges: Iterable[tuple[Site, Site]]) -> bool:
    """Whether a path leads from what is embedded to the output."""
    reached: set[tuple[str, int | None, int | None]] = set()
    for writer, reader in sorted(edges, key=lambda edge: _stage(edge[1])):
        if writer.component in EMBEDDED or not reached.isdisjoint(_same_node(writer)):
            if reader.component in ("output", "logits"):
                return True
            reached.update(_same_node(reader))
    return False


def _same_node(site: Site) -> set[tuple[str, int | None, int | None]]:
    """Names under which a node is known: a head is part of its layer's attention."""
    layer = site.layer
    match site.component:
        case "head":
            return {("head", layer, site.head), ("attention", layer, None)}
        case "attention":
            return {("attention", layer, None), ("any head", layer, None)}
        case _:
            return {(site.component, layer, None)}


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
    odd = next((site for site in sites if not _is_node(site)), None)
    if odd is not None:
        found.report(NotANode(span=node.span, node=text))
        return []
    # A layer's range and a list of heads are several nodes; each is called by its own name.
    several = len(sites) > 1
    return [
        Node(replace(site, position=position), site_text(site) if several else text, node.span)
        for site in sites
    ]


def site_text(site: Site) -> str:
    """A node as the file writes it.

    >>> site_text(Site("head", 3, 0, "v")), site_text(Site("mlp", 1)), site_text(Site("output"))
    ('head 3.0.v', 'mlp 1', 'output')
    """
    number = "" if site.layer is None else f" {site.layer}"
    head = "" if site.head is None else f".{site.head}"
    return f"{site.component}{number}{head}" + (f".{site.part}" if site.part else "")


def _is_node(site: Site) -> bool:
    """Whether a site writes into the residual stream, or reads it."""
    parts = {"head": (None, "q", "k", "v", "z")}.get(site.component, (None,))
    return site.component in _NODES and site.part in parts


def _unknown(name: str, shape: Shape) -> bool:
    return shape.component(name) is None


def _unknown_node(name: ast.Name, groups: Groups, shape: Shape) -> UnknownNode:
    nodes = [component for component in shape.components if component.name in _NODES]
    components = [component.example for component in nodes]
    bare = [component.name for component in nodes]
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
    """The edges between two lists of nodes: of several nodes those that run forwards."""
    writers = [each for each in writers if _may_write(each, found)]
    readers = [each for each in readers if _may_read(each, found)]
    forwards = {
        (i, j)
        for i, writer in enumerate(writers)
        for j, reader in enumerate(readers)
        if _stage(writer.site) < _stage(reader.site)
    }
    sending, reading = {i for i, _ in forwards}, {j for _, j in forwards}
    # Of a group that leads to itself the first nodes read nothing in it, the last write nothing.
    both = {w.site for w in writers} & {r.site for r in readers} if forwards else set()
    for i, writer in enumerate(writers):
        if i not in sending and readers and writer.site not in both:
            _backwards(writer, readers[0], found)
    for j, reader in enumerate(readers):
        if j not in reading and writers and sending and reader.site not in both:
            _backwards(writers[0], reader, found)
    for i, j in sorted(forwards):
        writer, reader = writers[i], readers[j]
        key = writer.site, reader.site
        if key in seen and seen[key] != span:
            texts = writer.text, reader.text
            found.report(EdgeTwice(span=span, first=seen[key], writer=texts[0], reader=texts[1]))
        seen.setdefault(key, span)


def _backwards(writer: Node, reader: Node, found: Findings) -> None:
    found.report(EdgeBackwards(span=reader.span, writer=writer.text, reader=reader.text))


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
        case "logits" | "output":
            return (10**9, 0)
        case _:
            return (site.layer or 0, _WITHIN.get(site.component, 1))
