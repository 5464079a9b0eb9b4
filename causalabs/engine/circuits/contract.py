"""What the search for circuits, and their measures, ask of a network.

A node writes a term into the residual stream or reads the sum of terms before its norm. Nodes
are sites: writers are `embedding` (or `tokens` and `positions`), `head L.H`, `mlp L`; readers
are `head L.H.q`, `.k`, `.v`, `mlp L` and `output`. An edge carries one writer's term to one
reader. Cut, it carries what another run, or a mean, or nothing would have written there.

A node's term is what its site holds: an MLP's has its output bias, a head's has none. Heads
that share keys and values have one `.k` and one `.v`, named by the first of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias

from torch import Tensor

from causalabs.engine.protocol import Inputs, Network, Scores
from causalabs.hypothesis.model import Site

Loss: TypeAlias = Callable[[Scores, slice], Tensor]
"""A number of each row, (rows,), from the scores of the rows in the slice. Differentiable."""


@dataclass(frozen=True)
class Edge:
    """From a writer to a reader.

    A position at either end, or the same at both, makes it the edge at those tokens only.
    """

    writer: Site
    reader: Site


@dataclass(frozen=True, eq=False)
class Clean:
    """Clean runs of some rows: every writer's term, and what it takes to start again.

    `terms` is (writers, rows, positions, width), in the order of `Wired.writers`; a row has
    `lengths` (rows,) positions that mean something, and after `tokens` of them those of the
    answers' own tokens, where answers are spelled.
    """

    terms: Tensor
    inputs: Any
    lengths: Tensor
    tokens: int


class Wired(Protocol):
    """A frozen network seen as a graph of nodes and edges."""

    network: Network
    writers: tuple[Site, ...]
    """In forward order."""
    readers: tuple[Site, ...]
    """In forward order."""
    edges: tuple[Edge, ...]
    """Every edge, reader by reader in forward order, writers in forward order within.

    Then those added by `with_edges`, in their order.
    """

    def with_edges(self, extra: Sequence[Edge]) -> Wired:
        """The same with more edges, each at some tokens only: `head 3.0 at index 2 -> mlp 3`.

        Where such an edge is, it says what is carried (if several are, any that is kept);
        elsewhere the edge between the same nodes without a position says it. `EngineError`
        names an edge that there is not.
        """
        ...

    def rows_at_once(self, inputs: Inputs) -> int:
        """Rows of these inputs whose clean terms together take about 256 MB.

        `clean` keeps all it is given: go through larger data in parts of so many rows.
        """
        ...

    def clean(self, inputs: Inputs) -> Clean:
        """Terms of clean runs, no gradient."""
        ...

    def scores(self, base: Clean, instead: Tensor, kept: Tensor) -> list[Scores]:
        """Scores of the base with edges cut, one for each set, no gradient.

        `instead` is what cut edges carry, broadcast against `base.terms` (see `ablation.py`);
        positions beyond the base's are not looked at. `kept` (sets, edges) are truths: False
        is cut. A kept edge carries what its writer writes in this very run; terms that
        belong to no node (attention's output biases) always arrive.
        Sets share the prefix that is the same for them.
        """
        ...

    def partly(self, base: Clean, instead: Tensor, kept: Tensor) -> Scores:
        """Scores with each edge kept by a share (edges,) between 0 and 1; gradients reach it."""
        ...

    def slopes(
        self,
        base: Clean,
        instead: Tensor,
        loss: Loss,
        *,
        at: Sequence[float] = (0.0,),
        between: Literal["inputs", "activations"] = "inputs",
    ) -> Tensor:
        """To first order, what cutting each edge adds to the loss: (rows, edges).

        The contraction of (instead - base) of the writer with the gradient at the reader's
        input, averaged over runs that stand at each share `at` of the way from the base to
        what is carried instead: (0,) is EAP (Syed et al. 2023), (0, 1/5, .., 4/5) is EAP-IG
        with 5 steps (Hanna et al. 2024). Between "inputs" it is the embedding that stands
        there, between "activations" the writers of one layer at a time.
        """
        ...
