"""What pyvene is told of a network: a torch module, and where its sites are in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from causalabs.engine.errors import EngineError
from causalabs.engine.networks.naming import say_site
from causalabs.engine.protocol import Scores
from causalabs.hypothesis.model import Site


@dataclass(frozen=True)
class Place:
    """A site in pyvene's words: a component, its layer, and a head where the unit is one.

    A head's own term is no module's output: `share` makes it from what the component holds,
    and a change of it is added at `into`.
    """

    component: str
    layer: int = 0
    head: int | None = None
    into: str = ""
    share: Callable[[Tensor], Tensor] | None = field(default=None, compare=False, repr=False)

    @property
    def unit(self) -> str:
        """pyvene's unit: a position, or a head at a position."""
        return "pos" if self.head is None else "h.pos"


class Body(Protocol):
    """A network as pyvene runs it."""

    module: nn.Module
    """Of a type that pyvene has a mapping for, weights shared with the network."""

    def place(self, site: Site) -> Place:
        """Where a site is; `EngineError` where pyvene cannot read and write it."""
        ...

    def count(self, site: Site) -> int:
        """Positions of a site, the same in every row."""
        ...

    def units(self, site: Site, inputs: Any) -> NDArray[np.int64]:
        """Positions of a site in every row: (rows, count)."""
        ...

    def feed(self, inputs: Any) -> Mapping[str, Tensor]:
        """What the module is called with."""
        ...

    def scores(self, output: Any, inputs: Any) -> Scores:
        """Scores from what the module returns."""
        ...


def cannot(site: Site, why: str) -> EngineError:
    """A site that pyvene has no way to."""
    return EngineError(
        f"pyvene cannot write {say_site(site)}: {why}",
        "the native backend can: leave out `--backend pyvene`",
    )
