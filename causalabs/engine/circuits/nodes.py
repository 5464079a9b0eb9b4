"""The graph of a transformer's nodes: who writes, who reads, and in which order."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from causalabs.engine.circuits.contract import Edge
from causalabs.engine.networks.naming import say_site
from causalabs.hypothesis.model import Site

Half = Literal["attention", "mlp", "output"]


def edge_text(edge: Edge) -> str:
    """An edge as the file writes it.

    >>> edge_text(Edge(Site("tokens"), Site("head", 3, 0, "v")))
    'tokens -> head 3.0.v'
    >>> from causalabs.hypothesis.model import AtIndex
    >>> edge_text(Edge(Site("mlp", 1, position=AtIndex(2)), Site("output")))
    'mlp 1 at index 2 -> output'
    """
    return f"{say_site(edge.writer).strip('`')} -> {say_site(edge.reader).strip('`')}"


@dataclass(frozen=True)
class Stage:
    """Readers that are run together: they read the same first `before` writers.

    `edges` are their columns, reader by reader; `writes` are the writers that they make.
    """

    layer: int
    half: Half
    readers: range
    before: int
    edges: range
    writes: range


@dataclass(frozen=True)
class Nodes:
    """All nodes of a network; `shared` heads use one key and one value.

    `parallel` blocks give attention and MLP the same input; `mlps` False is attention alone.

    >>> nodes = Nodes(("embedding",), layers=1, heads=2, shared=2)
    >>> len(nodes.writers), len(nodes.readers), len(nodes.edges)
    (4, 6, 11)
    """

    embeddings: tuple[str, ...]
    layers: int
    heads: int
    shared: int = 1
    parallel: bool = False
    mlps: bool = True

    @property
    def groups(self) -> int:
        """Keys, and values, of a layer."""
        return self.heads // self.shared

    @cached_property
    def writers(self) -> tuple[Site, ...]:
        """In forward order."""
        found = [Site(name) for name in self.embeddings]
        for layer in range(self.layers):
            found += [Site("head", layer, head=head) for head in range(self.heads)]
            found += [Site("mlp", layer)] * self.mlps
        return tuple(found)

    @cached_property
    def readers(self) -> tuple[Site, ...]:
        """In forward order."""
        found = []
        for layer in range(self.layers):
            found += [Site("head", layer, head=head, part="q") for head in range(self.heads)]
            for part in ("k", "v"):
                first = range(0, self.heads, self.shared)
                found += [Site("head", layer, head=head, part=part) for head in first]
            found += [Site("mlp", layer)] * self.mlps
        return (*found, Site("output"))

    @cached_property
    def stages(self) -> tuple[Stage, ...]:
        """In forward order."""
        found: list[Stage] = []
        reader = edge = 0
        writer = len(self.embeddings)

        def add(layer: int, half: Half, readers: int, before: int, writes: int) -> None:
            nonlocal reader, edge, writer
            found.append(
                Stage(
                    layer,
                    half,
                    range(reader, reader + readers),
                    before,
                    range(edge, edge + readers * before),
                    range(writer, writer + writes),
                )
            )
            reader, edge, writer = reader + readers, edge + readers * before, writer + writes

        for layer in range(self.layers):
            before = writer
            add(layer, "attention", self.heads + 2 * self.groups, before, self.heads)
            if self.mlps:
                add(layer, "mlp", 1, before if self.parallel else writer, 1)
        add(self.layers, "output", 1, writer, 0)
        return tuple(found)

    @cached_property
    def edges(self) -> tuple[Edge, ...]:
        """Reader by reader, writers in forward order within."""
        return tuple(
            Edge(writer, self.readers[reader])
            for stage in self.stages
            for reader in stage.readers
            for writer in self.writers[: stage.before]
        )
