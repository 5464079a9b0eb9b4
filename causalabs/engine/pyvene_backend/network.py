"""A network whose every run goes through `pyvene.IntervenableModel`.

Clean activations are collected by pyvene, and an edit is an intervention of pyvene's that calls
it: search, fit and measurement ask the same of it as of any network. Nothing is kept of clean
runs; every intervention runs the whole network, as pyvene does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from causalabs.algorithm.domains import Column
from causalabs.engine.errors import EngineError
from causalabs.engine.networks.base import apply_edit
from causalabs.engine.networks.naming import say_site
from causalabs.engine.protocol import Edit, Inputs, Network, Scores
from causalabs.engine.pyvene_backend.body import Body, Place
from causalabs.engine.pyvene_backend.importing import pyvene, quiet
from causalabs.engine.pyvene_backend.interventions import interventions
from causalabs.hypothesis.model import Site

MOST_MODELS = 32
"""Intervenable models kept at a time, one per tuple of sites."""


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows of encoded inputs: all that is kept of a clean run here."""

    inputs: Any
    tensors: Mapping[str, Tensor]
    sites: tuple[Site, ...]

    def take(self, rows: Tensor) -> Rows:
        """These rows, in this order, repeats allowed."""
        return self.with_tensors({"row": self.tensors["row"].index_select(0, rows)})

    def with_tensors(self, tensors: Mapping[str, Tensor]) -> Rows:
        """The same of other rows."""
        return replace(self, tensors=tensors)


@dataclass(frozen=True, eq=False)
class Hooked:
    """An intervenable model, where each of its interventions is, and those that edit."""

    model: Any
    where: tuple[tuple[Place, Site], ...]
    editors: tuple[Any, ...] = ()


class PyveneNetwork:
    """The network `native`, run by pyvene as `body`."""

    def __init__(self, native: Network, body: Body) -> None:
        self.native = native
        self.body = body
        self.kind = native.kind
        self.rows_at_once = native.rows_at_once
        self.record = native.record
        self._models: dict[tuple[Site, ...], Hooked] = {}

    # ------------------------------------------------------- as the network's own

    @property
    def device(self) -> torch.device:
        """Where its tensors are."""
        return self.native.device

    @property
    def dtype(self) -> torch.dtype:
        """The numbers' type."""
        return self.native.dtype

    def encode(self, columns: Mapping[str, Column]) -> Inputs:
        """Inputs from the columns of all variables of a clean run."""
        return self.native.encode(columns)

    def slice(self, inputs: Any, rows: slice | Tensor) -> Any:
        """Some rows of the inputs."""
        return self.native.slice(inputs, rows)

    def width(self, site: Site) -> int:
        """Numbers at a site; an error names one that pyvene cannot write."""
        found = self.native.width(site)
        self.body.place(site)
        return found

    def expand(self, site: Site) -> tuple[Site, ...]:
        """The sites that a search over tokens stands for."""
        expand = getattr(self.native, "expand", None)
        return (site,) if expand is None else tuple(expand(site))

    # ------------------------------------------------------------------ running

    @torch.no_grad()
    def scores(self, inputs: Inputs) -> Scores:
        """Clean scores of every row."""
        parts = [
            self.body.scores(self.body.module(**self.body.feed(batch)), batch)
            for batch in self._batches(inputs)
        ]
        return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}

    @torch.no_grad()
    def capture(self, inputs: Inputs, sites: Sequence[Site]) -> list[Tensor]:
        """Clean activations of every row at each site, collected by pyvene."""
        if not sites:
            return []
        places = [self.body.place(site) for site in sites]
        collect = [pyvene().CollectIntervention(keep_last_dim=True) for _ in sites]
        hooked = Hooked(
            intervenable(self.body, places, collect), tuple(zip(places, sites, strict=True))
        )
        parts = []
        for batch in self._batches(inputs):
            (_, collected), _ = self._run(hooked, batch)
            pairs = zip(places, collected, strict=True)
            shared = [
                found if place.share is None else place.share(found) for place, found in pairs
            ]
            parts.append([found.flatten(1) for found in shared])
        return [torch.cat(columns) for columns in zip(*parts, strict=True)]

    def prefix(self, inputs: Inputs, sites: Sequence[Site]) -> Rows:
        """The rows themselves: every run starts at the beginning."""
        if not sites:
            raise ValueError("a prefix needs at least one site")
        for site in sites:
            self.width(site)
        rows = torch.arange(len(inputs), device=self.device)
        return Rows(inputs, {"row": rows}, tuple(sites))

    def prefix_parts(self, inputs: Inputs, sites: Sequence[Site]) -> Iterator[Rows]:
        """`prefix` in batches."""
        whole = self.prefix(inputs, sites)
        for rows in torch.split(whole.tensors["row"], self.rows_at_once):
            yield whole.with_tensors({"row": rows})

    def resume(self, prefix: Any, edits: Sequence[tuple[Site, Edit]], *, slots: int = 1) -> Scores:
        """Scores with the edits applied: each is one intervention of pyvene's."""
        for site, _ in edits:
            if site not in prefix.sites:
                raise EngineError(f"{say_site(site)} cannot be written: no run was kept for it")
        inputs = self.slice(prefix.inputs, prefix.tensors["row"].repeat(slots))
        if not edits:
            return self.body.scores(self.body.module(**self.body.feed(inputs)), inputs)
        sites = tuple(site for site, _ in edits)
        hooked = self._editing(sites)
        for editor, (site, edit) in zip(hooked.editors, edits, strict=True):
            editor.edit = _named(site, edit)
        try:
            _, output = self._run(hooked, inputs)
        finally:
            for editor in hooked.editors:
                editor.forget()  # it holds the batch
        return self.body.scores(output, inputs)

    def resume_each(
        self,
        prefix: Any,
        groups: Sequence[Sequence[tuple[Site, Edit]]],
        *,
        slots: int = 1,
    ) -> list[Scores]:
        """`resume` once per group of edits."""
        return [self.resume(prefix, edits, slots=slots) for edits in groups]

    # ------------------------------------------------------------------ helpers

    def _batches(self, inputs: Inputs) -> Iterator[Any]:
        for first in range(0, max(len(inputs), 1), self.rows_at_once):
            yield self.slice(inputs, slice(first, first + self.rows_at_once))

    def _editing(self, sites: tuple[Site, ...]) -> Hooked:
        """The intervenable model that writes these sites."""
        if sites not in self._models:
            while len(self._models) >= MOST_MODELS:
                del self._models[next(iter(self._models))]
            self._models[sites] = self._hooked(sites)
        return self._models[sites]

    def _hooked(self, sites: tuple[Site, ...]) -> Hooked:
        kinds = interventions()
        editors: dict[int, Any] = {}
        written: list[tuple[Place, Site, Any]] = []
        read: list[tuple[Place, Site, Any]] = []
        for number, site in enumerate(sites):
            place = self.body.place(site)
            if place.share is None:
                editors[number] = kinds.edits()
                written.append((place, site, editors[number]))
                continue
            earlier = [editors[n] for n in range(number) if sites[n] == site]
            if not earlier:
                read.append((place, site, kinds.reads(keep_last_dim=True)))
            editors[number] = kinds.adds(keep_last_dim=True)
            editors[number].follow(read[-1][2], place.share, earlier)
            written.append((Place(place.into), site, editors[number]))
        hooks = written + read  # read last: after what is written at the same module
        model = intervenable(self.body, [p for p, _, _ in hooks], [i for _, _, i in hooks])
        where = tuple((place, site) for place, site, _ in hooks)
        return Hooked(model, where, tuple(editors[number] for number in range(len(sites))))

    def _run(self, hooked: Hooked, inputs: Any) -> Any:
        where = [locations(self.body, place, site, inputs) for place, site in hooked.where]
        with quiet():
            return hooked.model(
                self.body.feed(inputs), unit_locations={"sources->base": (None, where)}
            )


def intervenable(body: Body, places: Sequence[Place], interventions: Sequence[Any]) -> Any:
    """A `pyvene.IntervenableModel` with these interventions at these places."""
    package = pyvene()
    with quiet():
        representations = [
            package.RepresentationConfig(
                layer=place.layer,
                component=place.component,
                unit=place.unit,
                intervention=intervention,
            )
            for place, intervention in zip(places, interventions, strict=True)
        ]
        return package.IntervenableModel(package.IntervenableConfig(representations), body.module)


def locations(body: Body, place: Place, site: Site, inputs: Any) -> Any:
    """pyvene's unit locations of one site: (rows, positions), and heads beside them."""
    units = body.units(site, inputs)
    if place.head is None:
        return units
    return np.full((len(units), 1), place.head), units


def _named(site: Site, edit: Edit) -> Edit:
    return lambda current: apply_edit(site, edit, current)
