"""Sets of edges: what a written circuit names, what leads from input to output, in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from causalabs.engine.circuits.contract import Edge, Wired
from causalabs.engine.circuits.nodes import edge_text
from causalabs.engine.errors import EngineError
from causalabs.hypothesis.circuits import EMBEDDED, site_text
from causalabs.hypothesis.model import Circuit, Site

Kept = NDArray[np.bool_]
"""(edges,): True is kept, False is cut."""


@dataclass(frozen=True, eq=False)
class Wiring:
    """The nodes and edges of a network as numbers.

    `writer[e]` and `reader[e]` are columns of `writers` and `readers`.
    """

    writers: tuple[Site, ...]
    readers: tuple[Site, ...]
    writer: NDArray[np.int64]
    reader: NDArray[np.int64]

    @staticmethod
    def of(wired: Wired) -> Wiring:
        """The graph of a network."""
        writers = {site: i for i, site in enumerate(wired.writers)}
        readers = {site: i for i, site in enumerate(wired.readers)}
        return Wiring(
            wired.writers,
            wired.readers,
            np.array([writers[bare(edge.writer)] for edge in wired.edges], np.int64),
            np.array([readers[bare(edge.reader)] for edge in wired.edges], np.int64),
        )

    def __len__(self) -> int:
        return len(self.writer)

    @cached_property
    def sends(self) -> tuple[NDArray[np.int64], ...]:
        """Per writer the edges that it sends along."""
        return tuple(np.flatnonzero(self.writer == i) for i in range(len(self.writers)))

    @cached_property
    def reads(self) -> tuple[NDArray[np.int64], ...]:
        """Per reader the edges that it reads, writers in forward order."""
        return tuple(np.flatnonzero(self.reader == i) for i in range(len(self.readers)))

    @cached_property
    def makes(self) -> tuple[tuple[int, ...], ...]:
        """Per reader the writers that are computed from it: a shared key has several heads."""
        return tuple(self._makes(site) for site in self.readers)

    def _makes(self, reader: Site) -> tuple[int, ...]:
        if reader.component != "head":
            return tuple(i for i, site in enumerate(self.writers) if site == reader)
        of_part = sorted(
            site.head or 0
            for site in self.readers
            if (site.component, site.layer, site.part) == ("head", reader.layer, reader.part)
        )
        mine = reader.head or 0
        after = next((head for head in of_part if head > mine), None)
        return tuple(
            i
            for i, site in enumerate(self.writers)
            if (site.component, site.layer) == ("head", reader.layer)
            and (site.head or 0) >= mine
            and (after is None or (site.head or 0) < after)
        )

    @cached_property
    def sources(self) -> tuple[int, ...]:
        """Writers that read nothing."""
        made = {i for each in self.makes for i in each}
        return tuple(i for i in range(len(self.writers)) if i not in made)

    def leading(self, kept: Kept) -> NDArray[np.bool_]:
        """Readers from which kept edges lead to the output: (readers,)."""
        found = np.zeros(len(self.readers), bool)
        for i in reversed(range(len(self.readers))):
            found[i] = self.leads(i, kept, found)
        return found

    def leads(self, reader: int, kept: Kept, later: NDArray[np.bool_]) -> bool:
        """Whether a reader leads to the output, where that is known of `later` ones."""
        if not self.makes[reader]:
            return True
        return any(
            bool((kept[self.sends[i]] & later[self.reader[self.sends[i]]]).any())
            for i in self.makes[reader]
        )

    def reached(self, kept: Kept) -> NDArray[np.bool_]:
        """Writers to which kept edges lead from what is embedded: (writers,)."""
        found = np.zeros(len(self.writers), bool)
        found[list(self.sources)] = True
        for i, edges in enumerate(self.reads):
            if bool((kept[edges] & found[self.writer[edges]]).any()):
                found[list(self.makes[i])] = True
        return found

    def pruned(self, kept: Kept) -> Kept:
        """The kept edges that lie on a path from what is embedded to the output."""
        lead, reached = self.leading(kept), self.reached(kept)
        return kept & lead[self.reader] & reached[self.writer]


def bare(site: Site) -> Site:
    """A node without its position."""
    return Site(site.component, site.layer, site.head, site.part)


def whole(edge: Edge) -> Edge:
    """An edge at every token."""
    return Edge(bare(edge.writer), bare(edge.reader))


def written(circuit: Circuit, wired: Wired) -> tuple[Edge, ...]:
    """The edges of the network that a circuit's lines mean, each once.

    A head that reads means its q, k and v; `attention` all heads of its layer; `input` all that
    is embedded. What stands at some tokens is an edge at those tokens. `EngineError` names an
    edge that the network has not.
    """
    graph, known = Wiring.of(wired), frozenset(wired.edges)
    found: dict[Edge, None] = {}
    for writer, reader in circuit.edges:
        pairs = [
            Edge(one, other)
            for one in _writers(writer, wired.writers)
            for other in _readers(reader, graph)
        ]
        mine = [edge for edge in pairs if edge in known]
        if not mine:
            text = edge_text(Edge(writer, reader))
            raise EngineError(
                f"this network has no edge `{text}` (circuit `{circuit.name}`)",
                _known(writer, reader, wired),
            )
        for edge in mine:
            at = replace(edge.writer, position=writer.position)
            found[Edge(at, replace(edge.reader, position=reader.position))] = None
    return tuple(found)


def with_written(edges: Sequence[Edge], wired: Wired) -> tuple[Wired, Kept]:
    """The graph with those of the edges that are at some tokens, and what is kept: (edges,)."""
    extra = [edge for edge in edges if edge != whole(edge)]
    graph = wired.with_edges(extra) if extra else wired
    mine = frozenset(edges)
    return graph, np.array([edge in mine for edge in graph.edges], bool)


def within(mine: Sequence[Edge], other: Sequence[Edge]) -> Kept:
    """Which of some edges are among others: one at some tokens is part of the whole edge.

    >>> from causalabs.hypothesis.model import AtIndex
    >>> part = Edge(Site("mlp", 1, position=AtIndex(2)), Site("output"))
    >>> within([part], [whole(part)]), within([whole(part)], [part])
    (array([ True]), array([False]))
    """
    known = frozenset(other)
    return np.array([edge in known or whole(edge) in known for edge in mine], bool)


def _writers(site: Site, writers: Sequence[Site]) -> list[Site]:
    if site.component in ("input", "embedding"):
        return [each for each in writers if each.component in EMBEDDED]
    if site.component == "attention":
        return [each for each in writers if (each.component, each.layer) == ("head", site.layer)]
    plain = Site(site.component, site.layer, site.head)
    return [each for each in writers if each == plain]


def _readers(site: Site, graph: Wiring) -> list[Site]:
    if site.component in ("output", "logits"):
        return [each for each in graph.readers if each.component == "output"]
    if site.component not in ("head", "attention"):
        return [each for each in graph.readers if each == bare(site)]
    mine = {
        i
        for i, each in enumerate(graph.writers)
        if (each.component, each.layer) == ("head", site.layer)
        and (site.component == "attention" or each.head == site.head)
    }
    return [
        each
        for each, made in zip(graph.readers, graph.makes, strict=True)
        if not mine.isdisjoint(made) and site.part in (None, each.part)
    ]


def _known(writer: Site, reader: Site, wired: Wired) -> str:
    writers = [site_text(each) for each in wired.writers]
    if not _writers(writer, wired.writers):
        return f"what writes is {_few(writers)}"
    readers = [site_text(each) for each in wired.readers]
    if not _readers(reader, Wiring.of(wired)):
        return f"what reads is {_few(readers)}"
    return "the two are computed side by side, and neither reads the other"


def _few(names: Iterable[str], most: int = 12) -> str:
    known = [f"`{name}`" for name in names]
    more = [f"{len(known) - most} more"] if len(known) > most else []
    return ", ".join([*known[:most], *more])
