"""What the search for circuits, and their measures, ask of a network.

A node writes a term into the residual stream or reads the sum of terms before its norm. Nodes
are sites: writers are `embedding` (or `tokens` and `positions`), `head L.H`, `mlp L`; readers
are `head L.H.q`, `.k`, `.v`, `mlp L` and `output`. An edge carries one writer's term to one
reader. Cut, it carries what another run, or a mean, or nothing would have written there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from torch import Tensor

from causalabs.engine.protocol import Inputs, Network, Scores
from causalabs.hypothesis.model import Site

Loss: TypeAlias = Callable[[Scores], Tensor]
"""A number of each row: (rows,). Differentiable."""


@dataclass(frozen=True)
class Edge:
    """From a writer to a reader."""

    writer: Site
    reader: Site


@dataclass(frozen=True, eq=False)
class Clean:
    """Clean runs of some rows: every writer's term, and what it takes to start again.

    `terms` is (writers, rows, positions, width), in the order of `Wired.writers`.
    """

    terms: Tensor
    inputs: Any


class Wired(Protocol):
    """A frozen network seen as a graph of nodes and edges."""

    network: Network
    writers: tuple[Site, ...]
    """In forward order."""
    readers: tuple[Site, ...]
    """In forward order."""
    edges: tuple[Edge, ...]
    """Every edge, reader by reader in forward order, writers in forward order within."""

    def clean(self, inputs: Inputs) -> Clean:
        """Terms of clean runs, no gradient."""
        ...

    def scores(self, base: Clean, instead: Tensor, kept: Tensor) -> list[Scores]:
        """Scores of the base with edges cut, one for each set, no gradient.

        `instead` is like `base.terms`: what cut edges carry, zeros under zero ablation. `kept`
        (sets, edges) are truths: False is cut. A kept edge carries what its writer writes in
        this very run; terms that belong to no node (output biases) always arrive.
        Sets share the prefix that is the same for them.
        """
        ...

    def partly(self, base: Clean, instead: Tensor, kept: Tensor) -> Scores:
        """Scores with each edge kept by a share (edges,) between 0 and 1; gradients reach it."""
        ...

    def slopes(
        self, base: Clean, instead: Tensor, loss: Loss, *, at: Sequence[float] = (0.0,)
    ) -> Tensor:
        """To first order, what cutting each edge adds to the loss: (rows, edges).

        The contraction of (instead - base) of the writer with the gradient at the reader's
        input, averaged over runs whose embedding stands at each share `at` of the way from
        the base to what is carried instead: (0,) is EAP (Syed et al. 2023), (1/5, .., 5/5) is
        EAP-IG over inputs (Hanna et al. 2024).
        """
        ...
