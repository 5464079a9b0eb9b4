"""A graph of nodes that is small enough to be known by heart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from causalabs.engine.circuits.contract import Clean, Edge, Loss
from causalabs.engine.protocol import Scores
from causalabs.hypothesis.model import Site

Node = Callable[[dict[str, Tensor]], Tensor]
"""What a node's readers are given by part -> its term; (rows, width) each."""

EMBEDDING, OUTPUT = Site("embedding"), Site("output")


class Numbers:
    """A network of the toy's: inputs are the embeddings themselves."""

    kind = "transformer"
    device = torch.device("cpu")
    dtype = torch.float64

    def slice(self, inputs: Tensor, rows: Any) -> Tensor:
        """Some rows."""
        return inputs[rows]


@dataclass
class Toy:
    """Nodes in forward order with their parts; the output's first two numbers are scores of `y`."""

    nodes: Sequence[tuple[Site, tuple[str, ...], Node]]
    network: Any = None
    calls: int = 0
    sets: int = 0

    def __post_init__(self) -> None:
        self.network = Numbers()
        self.writers = (EMBEDDING, *(site for site, _, _ in self.nodes))
        read = [
            Site(site.component, site.layer, site.head, part or None)
            for site, parts, _ in self.nodes
            for part in parts
        ]
        self.readers = (*read, OUTPUT)
        self.edges = tuple(
            Edge(writer, reader)
            for reader in self.readers
            for writer in self.writers
            if self._stage(writer) < self._stage(reader)
        )

    def _stage(self, site: Site) -> tuple[int, int]:
        if site == EMBEDDING:
            return -1, 0
        return (10**6, 0) if site == OUTPUT else (site.layer or 0, site.component == "mlp")

    def with_edges(self, extra: Sequence[Edge]) -> Toy:
        raise ValueError("a toy has no positions")

    def rows_at_once(self, inputs: Tensor) -> int:
        """Any number."""
        return 1_000

    def clean(self, inputs: Tensor) -> Clean:
        """Terms of clean runs: one position."""
        kept = torch.ones(len(self.edges), dtype=torch.float64)
        terms, _ = self._run(inputs, torch.zeros(1, 1, 1), kept)
        rows = len(inputs)
        return Clean(terms[:, :, None], inputs, torch.ones(rows, dtype=torch.long), 1)

    def _run(
        self, inputs: Tensor, instead: Tensor, kept: Tensor, extra: Tensor | None = None
    ) -> tuple[Tensor, Scores]:
        terms = {EMBEDDING: inputs}
        width = inputs.shape[1]
        instead = instead.expand(len(self.writers), len(inputs), width)
        share = {(e.writer, e.reader): kept[i] for i, e in enumerate(self.edges)}
        column = {(e.writer, e.reader): i for i, e in enumerate(self.edges)}

        def given(reader: Site) -> Tensor:
            total = torch.zeros_like(inputs)
            for i, writer in enumerate(self.writers):
                if (writer, reader) in share:
                    one = share[writer, reader]
                    total = total + one * terms[writer] + (1 - one) * instead[i]
                    if extra is not None:
                        total = total + extra[:, column[writer, reader]]
            return total

        for site, parts, node in self.nodes:
            at = {p: Site(site.component, site.layer, site.head, p or None) for p in parts}
            terms[site] = node({part: given(reader) for part, reader in at.items()})
        stacked = torch.stack([terms[writer] for writer in self.writers])
        return stacked, {"y": given(OUTPUT)[:, :2]}

    def scores(self, base: Clean, instead: Tensor, kept: Tensor) -> list[Scores]:
        """One run a set."""
        self.calls += 1
        self.sets += len(kept)
        return [self._run(base.inputs, instead[:, :, 0], each.double())[1] for each in kept]

    def partly(self, base: Clean, instead: Tensor, kept: Tensor) -> Scores:
        """One run that gradients go through."""
        return self._run(base.inputs, instead[:, :, 0], kept.double())[1]

    def slopes(
        self,
        base: Clean,
        instead: Tensor,
        loss: Loss,
        *,
        at: Sequence[float] = (0.0,),
        between: str = "inputs",
    ) -> Tensor:
        """By what is added to each edge: (rows, edges)."""
        rows, width = base.inputs.shape
        found = torch.zeros(rows, len(self.edges), dtype=torch.float64)
        carried = instead[:, :, 0].expand(len(self.writers), rows, width)
        for share in at:
            inputs = base.inputs + share * (carried[0] - base.inputs)
            extra = torch.zeros(rows, len(self.edges), width, dtype=torch.float64)
            extra.requires_grad_()
            kept = torch.ones(len(self.edges), dtype=torch.float64)
            _, scores = self._run(inputs, instead[:, :, 0], kept, extra)
            gradient = torch.autograd.grad(loss(scores, slice(0, rows)).sum(), extra)[0]
            change = carried - base.terms[:, :, 0]  # (writers, rows, width)
            column = [self.writers.index(edge.writer) for edge in self.edges]
            found += (gradient * change[column].transpose(0, 1)).sum(dim=2)
        return found / len(at)


def head(layer: int, number: int, node: Node) -> tuple[Site, tuple[str, ...], Node]:
    """A head that reads its value alone matters; q and k are read and ignored."""
    return Site("head", layer, number), ("q", "k", "v"), node


def mlp(layer: int, node: Callable[[Tensor], Tensor]) -> tuple[Site, tuple[str, ...], Node]:
    """An MLP."""
    return Site("mlp", layer), ("",), lambda given: node(given[""])
