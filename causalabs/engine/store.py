"""What is known of a frozen network's clean runs, computed once and shared.

An activation depends on (input, site) alone, so each distinct input is run once per site,
not once per pair, step, restart, variable or control. What exceeds a budget of memory is kept
in a file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from causalabs.algorithm.model import Algorithm
from causalabs.engine.answers import agree, clean_answers
from causalabs.engine.basis import Basis
from causalabs.engine.errors import EngineError
from causalabs.engine.networks.naming import say_site
from causalabs.engine.networks.weights import cache_folder
from causalabs.engine.protocol import Network, Prefix, Scores
from causalabs.engine.spill import Spill, Spilled, bytes_of, joined
from causalabs.hypothesis.model import Site

MEMORY = 2**30
"""Bytes of activations and prefixes, of one store, that are kept in memory."""

PREFIXES = 8
"""Prefixes kept at a time: they can be as large as all activations of a network."""

_Kept: TypeAlias = tuple[Prefix, Spill | None]
"""All inputs' prefix; or one without its tensors, and the file that has them."""


def wide(dtype: torch.dtype) -> torch.dtype:
    """A type at least as wide as single precision."""
    return dtype if dtype.itemsize >= 4 else torch.float32


class Store:
    """One network over one table of inputs: encoded inputs, activations, clean answers.

    `at_once` is how many rows are run at once without gradients, less where memory ran out.
    `memory` is a budget in bytes, `MEMORY` if not given; `folder` is where what exceeds it is kept.
    """

    def __init__(
        self,
        network: Network,
        columns: Mapping[str, NDArray[np.generic]],
        *,
        memory: int | None = None,
        folder: Path | None = None,
    ) -> None:
        self.network = network
        self.inputs = network.encode(columns)
        self._memory = MEMORY if memory is None else memory
        self._folder = folder
        self.at_once: int = getattr(network, "rows_at_once", 8192)
        self._activations: dict[Site, Tensor | Spill] = {}
        self._prefixes: dict[tuple[Site, ...], _Kept] = {}
        self._widths: dict[Site, int] = {}
        self._scores: Scores | None = None

    @property
    def at_device(self) -> str:
        """Where this network's tensors are."""
        return str(getattr(self.network, "device", "cpu"))

    @property
    def dtype(self) -> torch.dtype:
        """What bases compute in: the network's own type, and no half precision.

        There are no decompositions of half numbers, and a fit's steps would be lost in them.
        """
        return wide(getattr(self.network, "dtype", torch.float32))

    def place(self, tensor: Tensor) -> Tensor:
        """A tensor on the network's device, in the precision of bases."""
        return tensor.to(device=self.at_device, dtype=self.dtype)

    def placed(self, basis: Basis) -> Basis:
        """A basis on the network's device, in the precision of bases."""
        return basis.to(device=self.at_device, dtype=self.dtype)

    def width(self, site: Site) -> int:
        """Numbers in the activation at `site`."""
        if site not in self._widths:
            self._widths[site] = self.network.width(site)
        return self._widths[site]

    # -------------------------------------------------------------- activations

    def capture(self, sites: Sequence[Site]) -> None:
        """Run what is missing, all sites in one pass."""
        missing = tuple(dict.fromkeys(site for site in sites if site not in self._activations))
        if not missing:
            return
        itemsize = getattr(self.network, "dtype", torch.float32).itemsize
        size = sum(self.width(site) for site in missing) * len(self.inputs) * itemsize
        if size <= self._left():
            found = self.network.capture(self.inputs, missing)
            self._check(missing, found, 0)
            self._activations.update(zip(missing, found, strict=True))
            return
        spill = self._spill()
        step = self.network.rows_at_once
        for first in range(0, len(self.inputs), step):
            some = self.network.slice(self.inputs, slice(first, first + step))
            found = self.network.capture(some, missing)
            self._check(missing, found, first)
            spill.append({_name(site): each for site, each in zip(missing, found, strict=True)})
        self._activations.update(dict.fromkeys(missing, spill))

    def has(self, site: Site) -> bool:
        """Whether the activations at a site have been captured."""
        return site in self._activations

    def at(self, site: Site) -> Tensor:
        """Clean activations at a site: (rows, width)."""
        self.capture([site])
        found = self._activations[site]
        if isinstance(found, Tensor):
            return found
        return found.read(_name(site), torch.arange(len(self.inputs)))

    def rows(self, sites: Sequence[Site], rows: Tensor) -> Tensor:
        """Activations of some inputs at sites side by side: (rows, width of all)."""
        self.capture(sites)
        parts = []
        for site in sites:
            found = self._activations[site]
            if isinstance(found, Tensor):
                parts.append(found.index_select(0, rows))
            else:
                parts.append(found.read(_name(site), rows))
        return (parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)).to(self.dtype)

    def _check(self, sites: Sequence[Site], found: Sequence[Tensor], first: int) -> None:
        """An error where a number is not finite: which input's, and from what layer on."""
        for site, each in zip(sites, found, strict=True):
            finite = torch.isfinite(each).all(dim=1)
            if not bool(finite.all()):
                row = first + int((~finite).nonzero()[0])
                where = self._first_broken(site, row)
                text = getattr(getattr(self.network, "prompter", None), "text", None)
                said = f": {text(self.inputs, row)!r}" if text is not None else ""
                raise EngineError(
                    f"the activation at {say_site(where)} is not a finite number (input {row})",
                    f"a clean run of this network already breaks there{said}",
                )

    def _first_broken(self, site: Site, row: int) -> Site:
        """The first layer at which that input's activation is not finite."""
        some = self.network.slice(self.inputs, slice(row, row + 1))
        for layer in range(site.layer or 0):
            earlier = replace(site, layer=layer)
            with suppress(EngineError):
                if not bool(torch.isfinite(self.network.capture(some, [earlier])[0]).all()):
                    return earlier
        return site

    # ----------------------------------------------------------------- prefixes

    def prefix(self, sites: Sequence[Site], rows: Tensor) -> Prefix:
        """What these inputs need to run again from the earliest of `sites`.

        It is made once for all inputs, and kept for a few sets of sites. Where the network
        can start anew at any of a prefix's sites, one made for more sites serves as well.
        """
        wanted = tuple(dict.fromkeys(sites))
        key = self._known(wanted)
        if key is None:
            while len(self._prefixes) >= PREFIXES:  # let go of one before another is made
                _, spill = self._prefixes.pop(next(iter(self._prefixes)))
                if spill is not None:
                    spill.close()
            key, kept = wanted, self._made(wanted)
        else:
            kept = self._prefixes.pop(key)
        self._prefixes[key] = kept  # the latest used is the last to go
        found, spill = kept
        return found.take(rows) if spill is None else found.with_tensors(Spilled(spill, rows))

    def _known(self, sites: tuple[Site, ...]) -> tuple[Site, ...] | None:
        if sites in self._prefixes or not getattr(self.network, "staggers", False):
            return sites if sites in self._prefixes else None
        return next((key for key in self._prefixes if set(sites) <= set(key)), None)

    def _made(self, sites: tuple[Site, ...]) -> _Kept:
        """The prefix of all inputs, part by part; in a file from where memory is used up."""
        left, spill = self._left(), None
        empty: Prefix | None = None
        parts: list[dict[str, Tensor]] = []
        for part in self._parts(sites):
            empty = empty or part.with_tensors({})
            parts.append(dict(part.tensors))
            left -= bytes_of(parts[-1])
            if left < 0:
                spill = spill or self._spill()
                while parts:
                    spill.append(parts.pop(0))
        if empty is None:
            raise EngineError("there is no example to run")
        return (empty, spill) if spill is not None else (empty.with_tensors(joined(parts)), None)

    def _parts(self, sites: tuple[Site, ...]) -> Iterator[Prefix]:
        parts = getattr(self.network, "prefix_parts", None)
        if parts is None:
            yield self.network.prefix(self.inputs, sites)
        else:
            yield from parts(self.inputs, sites)

    def _left(self) -> int:
        """Bytes of memory that are left."""
        used = sum(bytes_of(kept.tensors) for kept, _ in self._prefixes.values())
        tensors = [each for each in self._activations.values() if isinstance(each, Tensor)]
        return self._memory - used - sum(each.numel() * each.element_size() for each in tensors)

    def _spill(self) -> Spill:
        return Spill(self._folder or cache_folder().parent / "spilled")

    # ------------------------------------------------------------------- answers

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


def _name(site: Site) -> str:
    return repr(site)
