"""Networks as graphs of nodes and edges (`contract.Wired`)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Generic, Literal

import torch
from torch import Tensor

from causalabs.engine.circuits.body import Body, S
from causalabs.engine.circuits.contract import Clean, Edge, Loss
from causalabs.engine.circuits.gradients import soften
from causalabs.engine.circuits.nodes import edge_text
from causalabs.engine.circuits.slopes import slopes
from causalabs.engine.circuits.tokens import Tokened
from causalabs.engine.circuits.walk import Given, terms_of, walk
from causalabs.engine.errors import EngineError
from causalabs.engine.networks.naming import say_site
from causalabs.engine.protocol import Inputs, Network, Scores
from causalabs.hypothesis.model import Site

BYTES_AT_ONCE = 256 * 2**20
"""What the terms of one batch may take."""

BYTES_OF_RUN, COLUMNS_OF_RUN = 8 * 2**20, 512
"""What the terms of one run with cut edges take, so that they stay near the processor, and the
tokens that it has at least, so that its matrix products are quick."""


class Graph(Generic[S]):
    """`Wired` of any network that comes in parts (`Body`)."""

    def __init__(self, body: Body[S], extra: tuple[Edge, ...] = ()) -> None:
        self.body = body
        self.network: Network = body.network
        self.writers = body.nodes.writers
        self.readers = body.nodes.readers
        self.extra = extra
        self.edges = body.nodes.edges + extra

    def with_edges(self, extra: Sequence[Edge]) -> Graph[S]:
        """The same with edges at some tokens beside."""
        known = set(self.body.nodes.edges)
        for edge in extra:
            plain = Edge(_everywhere(edge.writer), _everywhere(edge.reader))
            if plain not in known:
                raise EngineError(f"there is no edge `{edge_text(edge)}`", self._help(plain))
            if plain == edge:
                raise EngineError(f"the edge `{edge_text(edge)}` is there already")
        return Graph(self.body, (*self.extra, *extra))

    def rows_at_once(self, inputs: Inputs) -> int:
        """Rows whose clean terms take about `BYTES_AT_ONCE`."""
        return max(1, BYTES_AT_ONCE // self._bytes(self.body.columns(inputs)))

    @torch.no_grad()
    def clean(self, inputs: Inputs) -> Clean:
        """Terms of clean runs."""
        setting = self.body.begin(inputs)
        terms = terms_of(self.body, setting)
        return Clean(terms, setting, setting.lengths, setting.tokens)

    def scores(self, base: Clean, instead: Tensor, kept: Tensor) -> list[Scores]:
        """Scores of the base, one for each set of edges; in parts that fit into memory."""
        self._check_edges(kept.shape[-1])
        order = sorted(range(len(kept)), key=lambda s: kept[s].cpu().numpy().tobytes())
        found: list[list[Scores]] = [[] for _ in order]
        rows, sets = base.terms.shape[1], len(order)
        columns = base.terms.shape[2]
        room = max(BYTES_OF_RUN // self._bytes(columns), COLUMNS_OF_RUN // columns)
        for part in _parts(rows, max(1, room // max(1, min(sets, 8)))):
            given = self._given(base, instead, part)
            together = max(1, room // (part.stop - part.start))
            for few in _parts(sets, together):
                mine = order[few]
                for number, scores in zip(mine, walk(given, kept[mine]), strict=True):
                    found[number].append(scores)
        return [_joined(parts) for parts in found]

    def partly(self, base: Clean, instead: Tensor, kept: Tensor) -> Scores:
        """Scores with edges kept by shares."""
        self._check_edges(kept.shape[-1])
        return soften(self._given(base, instead, slice(0, base.terms.shape[1])), kept)

    def slopes(
        self,
        base: Clean,
        instead: Tensor,
        loss: Loss,
        *,
        at: Sequence[float] = (0.0,),
        between: Literal["inputs", "activations"] = "inputs",
    ) -> Tensor:
        """Every edge's slope in every row, in parts that fit into memory."""
        inputs = len(at) * len(self.body.nodes.stages)  # kept beside what writers differ by
        size = self._bytes(base.terms.shape[2])
        per_row = size * (len(self.writers) + inputs) // len(self.writers)
        parts = []
        for rows in _parts(base.terms.shape[1], max(1, 2 * BYTES_AT_ONCE // per_row)):
            given = self._given(base, instead, rows)
            parts.append(slopes(given, partial(_of_rows, loss, rows), at, between))
        return torch.cat(parts)

    # ------------------------------------------------------------------ helpers

    def _bytes(self, columns: int) -> int:
        """Bytes that one row's terms take."""
        size = torch.finfo(self.network.dtype).bits // 8
        return max(1, len(self.writers) * columns * self.body.width * size)

    def _given(self, base: Clean, instead: Tensor, rows: slice) -> Given[S]:
        setting: S = base.inputs.take(rows)
        found = self._fitting(base, instead)
        found = found[:, rows] if found.shape[1] > 1 else found
        return Given(
            self.body,
            setting,
            base.terms[:, rows],
            found.expand(len(self.writers), -1, -1, -1),
            self._tokened(setting, base.terms.shape[2]),
        )

    def _fitting(self, base: Clean, instead: Tensor) -> Tensor:
        """`instead` of as many columns as the base: its tokens, then those of answers."""
        columns, more = base.terms.shape[2], instead.shape[2]
        if more > columns:
            answers = columns - base.tokens
            there = [instead[:, :, : base.tokens], instead[:, :, more - answers :]]
            instead = torch.cat(there, dim=2) if answers else there[0]
        shape = instead.shape
        for axis, name in enumerate(("nodes", "inputs", "tokens", "numbers")):
            if shape[axis] not in (1, base.terms.shape[axis]):
                raise EngineError(
                    f"what cut edges carry has {shape[axis]} {name}, the base "
                    f"{base.terms.shape[axis]}",
                    "base and source must be as long; `mean` and `zero` suit all lengths",
                )
        return instead

    def _tokened(self, setting: S, columns: int) -> list[list[Tokened]]:
        """Edges at some tokens by stage, and where they are in these rows."""
        nodes = self.body.nodes
        found: list[list[Tokened]] = [[] for _ in nodes.stages]
        for number, edge in enumerate(self.extra, start=len(nodes.edges)):
            writer = self.writers.index(_everywhere(edge.writer))
            reader = self.readers.index(_everywhere(edge.reader))
            stage = next(i for i, s in enumerate(nodes.stages) if reader in s.readers)
            there = self._there(edge, setting, columns)
            found[stage].append(Tokened(number, writer, reader, there))
        return found

    def _there(self, edge: Edge, setting: S, columns: int) -> Tensor:
        """Where an edge is: (rows, columns)."""
        found = None
        for site in (edge.writer, edge.reader):
            if site.position is not None:
                at = self.body.places(site.position, setting)
                here = torch.zeros(len(at), columns, dtype=torch.bool, device=at.device)
                here.scatter_(1, at, True)
                found = here if found is None else found & here
        assert found is not None  # `with_edges` has seen a position
        if not bool(found.any(dim=1).all()):
            raise EngineError(
                f"the edge `{edge_text(edge)}` is at no token",
                "an edge stays at its token: name the same position at both ends",
            )
        return found

    def _check_edges(self, count: int) -> None:
        if count != len(self.edges):
            raise ValueError(f"{count} shares for {len(self.edges)} edges")

    def _help(self, edge: Edge) -> str:
        """Why two nodes have no edge."""
        if edge.writer not in self.writers:
            return f"{say_site(edge.writer)} writes nothing: {self._listed(self.writers)} write"
        if edge.reader not in self.readers:
            return f"{say_site(edge.reader)} reads nothing: {self._listed(self.readers)} read"
        return f"{say_site(edge.reader)} reads before {say_site(edge.writer)} writes"

    def _listed(self, sites: Sequence[Site]) -> str:
        shown = [say_site(site) for site in sites]
        return ", ".join(shown if len(shown) <= 8 else [*shown[:5], "...", *shown[-2:]])


def _everywhere(site: Site) -> Site:
    return replace(site, position=None)


def _parts(count: int, most: int) -> Iterator[slice]:
    """Parts as even as can be."""
    at_once = math.ceil(count / math.ceil(count / most)) if count else 1
    for first in range(0, count, at_once):
        yield slice(first, min(first + at_once, count))


def _of_rows(loss: Loss, rows: slice, scores: Scores) -> Tensor:
    return loss(scores, rows)


def _joined(parts: Sequence[Scores]) -> Scores:
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
