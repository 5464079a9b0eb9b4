"""What a kind of network does between its nodes: all that differs from one to another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, Self, TypeAlias, TypeVar

import torch
from torch import Tensor
from torch.nn import functional

from causalabs.engine.circuits.nodes import Half, Nodes
from causalabs.engine.circuits.norms import Norm
from causalabs.engine.protocol import Scores
from causalabs.hypothesis.model import Position


class Setting(Protocol):
    """What a run of some rows needs beside terms; opaque to all but its body."""

    @property
    def reads(self) -> Tensor:
        """Columns that the output reads: (rows, reads)."""
        ...

    @property
    def lengths(self) -> Tensor:
        """See `contract.Clean`."""
        ...

    @property
    def tokens(self) -> int:
        """See `contract.Clean`."""
        ...

    def take(self, rows: slice) -> Self:
        """Consecutive rows, as many columns."""
        ...


S = TypeVar("S", bound=Setting)


Projected: TypeAlias = tuple[Tensor, "Tensor | None"]
"""Weights by head, (heads, dim, width), and biases (heads, dim)."""


class Body(Protocol[S]):
    """A network in parts. Tensors are (copies, nodes, rows, columns, width) where not said."""

    @property
    def network(self) -> Any:
        """The whole: a `Network` over inputs of its own."""
        ...

    @property
    def nodes(self) -> Nodes:
        """Who writes and who reads."""
        ...

    @property
    def width(self) -> int:
        """Of the residual stream."""
        ...

    def columns(self, inputs: Any) -> int:
        """Columns of a run of these inputs."""
        ...

    def begin(self, inputs: Any) -> S:
        """What runs of these inputs need."""
        ...

    def embed(self, setting: S) -> Tensor:
        """Terms of the embeddings: (embeddings, rows, columns, width)."""
        ...

    def bias(self, layer: int) -> Tensor | None:
        """What attention adds that belongs to no head: (width,)."""
        ...

    def normed(self, layer: int, half: Half, x: Tensor) -> Tensor:
        """What readers make of their input first, whatever its leading axes."""
        ...

    def norm(self, layer: int, half: Half) -> Norm | None:
        """The formula of `normed`, if it does anything."""
        ...

    def projections(self, layer: int) -> Sequence[Projected]:
        """How queries, keys and values are made of their normed inputs."""
        ...

    def gather(
        self, layer: int, asked: Sequence[Tensor], setting: S, *, together: bool = False
    ) -> Tensor:
        """Heads' terms from queries, keys and values (copies, heads, rows, columns, dim).

        Or, `together`, only their sum, as one node.
        """
        ...

    def mlp(self, layer: int, given: Tensor, setting: S) -> Tensor:
        """The MLP's term from its normed input, one node each."""
        ...

    def scores(self, x: Tensor, setting: S) -> Scores:
        """From the stream at the columns read, (copies, rows, reads, width), to scores.

        Of (copies * rows) rows, copy by copy.
        """
        ...

    def places(self, position: Position, setting: S) -> Tensor:
        """Columns that a position means in each row: (rows, count)."""
        ...


def attend(body: Body[S], layer: int, given: Tensor, setting: S) -> Tensor:
    """Heads' terms, each of whose queries, keys and values has a normed input of its own."""
    projections = body.projections(layer)
    sizes = [len(weight) for weight, _ in projections]
    inputs = torch.split(given, sizes, dim=1)
    asked = [by_head(x, *each) for x, each in zip(inputs, projections, strict=True)]
    return body.gather(layer, asked, setting)


def by_head(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Each head's own projection of its own input.

    (copies, heads, rows, columns, width) and (heads, dim, width), (heads, dim)
    -> (copies, heads, rows, columns, dim).
    """
    found = torch.einsum("ghrcw,hdw->ghrcd", x, weight)
    return found if bias is None else found + bias[:, None, None]


def for_all_heads(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """The same of one input (rows, columns, width) for all heads, of one copy."""
    found = functional.linear(x, weight.flatten(0, 1), None if bias is None else bias.flatten())
    return found.view(*x.shape[:2], *weight.shape[:2]).permute(2, 0, 1, 3)[None]


def heads_terms(z: Tensor, weight: Tensor, *, together: bool) -> Tensor:
    """What heads add from what they gathered, each or all together.

    (copies, rows, columns, heads, dim) and (width, heads, dim)
    -> (copies, heads or 1, rows, columns, width).
    """
    if together:
        return functional.linear(z.flatten(3), weight.flatten(1))[:, None]
    return torch.einsum("grchd,whd->ghrcw", z, weight)
