"""What is known of a frozen network's clean runs, computed once and shared.

An activation depends on (input, site) alone, so each distinct input is run once per site,
not once per pair, step, restart, variable or control.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from causalabs.algorithm.model import Algorithm
from causalabs.engine.answers import agree, clean_answers
from causalabs.engine.basis import Basis
from causalabs.engine.errors import EngineError
from causalabs.engine.networks.naming import say_site
from causalabs.engine.protocol import Network, Prefix, Scores
from causalabs.hypothesis.model import Site

PREFIXES = 4
"""Prefixes kept at a time: they can be as large as all activations of a network."""

PREFIX_BYTES = 2**30
"""Size of one kept prefix; a larger one is made batch by batch."""


class Store:
    """One network over one table of inputs: encoded inputs, activations, clean answers."""

    def __init__(self, network: Network, columns: Mapping[str, NDArray[np.generic]]) -> None:
        self.network = network
        self.inputs = network.encode(columns)
        self._activations: dict[Site, Tensor] = {}
        self._prefixes: dict[tuple[Site, ...], Prefix] = {}
        self._small: dict[tuple[Site, ...], bool] = {}
        self._widths: dict[Site, int] = {}
        self._scores: Scores | None = None

    @property
    def at_device(self) -> str:
        """Where this network's tensors are."""
        return str(getattr(self.network, "device", "cpu"))

    def place(self, tensor: Tensor) -> Tensor:
        """A tensor on the network's device, in its precision."""
        dtype = getattr(self.network, "dtype", torch.float32)
        return tensor.to(device=self.at_device, dtype=dtype)

    def placed(self, basis: Basis) -> Basis:
        """A basis on the network's device, in its precision."""
        dtype = getattr(self.network, "dtype", torch.float32)
        return basis.to(device=self.at_device, dtype=dtype)

    def capture(self, sites: Sequence[Site]) -> None:
        """Run what is missing, all sites in one pass."""
        missing = tuple(dict.fromkeys(site for site in sites if site not in self._activations))
        if not missing:
            return
        for site, found in zip(missing, self.network.capture(self.inputs, missing), strict=True):
            if not bool(torch.isfinite(found).all()):
                row = int((~torch.isfinite(found)).any(dim=1).nonzero()[0])
                raise EngineError(
                    f"the activation at {say_site(site)} is not a finite number (input {row})",
                    "a clean run of this network already breaks there",
                )
            self._activations[site] = found

    def at(self, site: Site) -> Tensor:
        """Clean activations at a site: (rows, width)."""
        if site not in self._activations:
            self.capture([site])
        return self._activations[site]

    def joined(self, sites: Sequence[Site]) -> Tensor:
        """Activations at several sites side by side: (rows, width of all)."""
        parts = [self.at(site) for site in sites]
        return parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)

    def rows(self, sites: Sequence[Site], rows: Tensor) -> Tensor:
        """Activations of some inputs at sites side by side: (rows, width of all)."""
        parts = [self.at(site).index_select(0, rows) for site in sites]
        return parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)

    def width(self, site: Site) -> int:
        """Numbers in the activation at `site`."""
        if site not in self._widths:
            self._widths[site] = self.network.width(site)
        return self._widths[site]

    def prefix(self, sites: Sequence[Site], rows: Tensor) -> Prefix:
        """What these inputs need to run again from the earliest of `sites`.

        Kept for all inputs, of a few sets of sites, where that is small; otherwise made
        again for the inputs asked for, each once.
        """
        wanted = tuple(dict.fromkeys(sites))
        if not self._fits(wanted):
            unique, back = torch.unique(rows, return_inverse=True)
            some = self.network.slice(self.inputs, unique)
            return self.network.prefix(some, wanted).take(back)
        found = self._prefixes.pop(wanted, None)
        if found is None:
            while len(self._prefixes) >= PREFIXES:  # let go of one before another is made
                del self._prefixes[next(iter(self._prefixes))]
            found = self.network.prefix(self.inputs, wanted)
        self._prefixes[wanted] = found  # the latest used is the last to go
        return found.take(rows)

    def _fits(self, sites: tuple[Site, ...]) -> bool:
        """Whether all inputs' prefix stays within the budget, judged by a few rows."""
        if sites not in self._small:
            cut = getattr(self.network, "slice", None)
            few = min(len(self.inputs), 16)
            if cut is None or few == 0:
                self._small[sites] = True
            else:
                kept = self.network.prefix(cut(self.inputs, slice(0, few)), sites)
                tensors = getattr(kept, "tensors", {}).values()
                size = sum(each.numel() * each.element_size() for each in tensors)
                self._small[sites] = size / few * len(self.inputs) <= PREFIX_BYTES
        return self._small[sites]

    def scores(self) -> Scores:
        """Clean scores of every input: per output (rows, classes)."""
        if self._scores is None:
            found = self.network.scores(self.inputs)
            for name, column in found.items():
                if not bool(torch.isfinite(column).all()):
                    raise EngineError(f"the network's scores of `{name}` are not finite numbers")
            self._scores = found
        return self._scores

    def answers(self) -> dict[str, Tensor]:
        """The network's clean answer to every input: per output (rows,), ties to the first."""
        return {name: column.argmax(dim=1) for name, column in self.scores().items()}

    def right(
        self, algorithm: Algorithm, clean: Mapping[str, NDArray[np.generic]]
    ) -> NDArray[np.bool_]:
        """Inputs whose every read output is the algorithm's clean one: (rows,)."""
        found = agree(self.scores(), self.wanted(algorithm, clean))[0]
        return found.cpu().numpy().astype(np.bool_)

    def wanted(
        self, algorithm: Algorithm, clean: Mapping[str, NDArray[np.generic]]
    ) -> dict[str, Tensor]:
        """The algorithm's clean answers to every input, of the outputs that are read."""
        scores = self.scores()
        found = clean_answers(algorithm, clean)
        return {name: found[name].to(scores[name].device) for name in scores}
