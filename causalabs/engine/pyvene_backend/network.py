"""A network whose every run goes through `pyvene.IntervenableModel`.

Clean activations are collected by pyvene, and an edit is an intervention of pyvene's that calls
it: search, fit and measurement ask the same of it as of any network. Nothing is kept of clean
runs; every intervention runs the whole network, as pyvene does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
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


class PyveneNetwork:
    """The network `native`, run by pyvene as `body`."""

    def __init__(self, native: Network, body: Body) -> None:
        self.native = native
        self.body = body
        self.kind = native.kind
        self.rows_at_once = native.rows_at_once
        self.record = native.record
        self._models: dict[tuple[Site, ...], tuple[Any, list[Any]]] = {}

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
        collect = [pyvene().CollectIntervention() for _ in sites]
        model = self._model(sites, collect)
        parts = []
        for batch in self._batches(inputs):
            (_, collected), _ = self._run(model, sites, batch)
            parts.append([each.flatten(1) for each in collected])
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
        model, interventions = self._editing(sites)
        for intervention, (site, edit) in zip(interventions, edits, strict=True):
            intervention.edit = _named(site, edit)
        try:
            _, output = self._run(model, sites, inputs)
        finally:
            for intervention in interventions:
                intervention.edit = None  # it holds the batch
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

    def _editing(self, sites: tuple[Site, ...]) -> tuple[Any, list[Any]]:
        """The intervenable model that writes these sites, and its interventions."""
        if sites not in self._models:
            while len(self._models) >= MOST_MODELS:
                del self._models[next(iter(self._models))]
            interventions = [_editing_intervention()() for _ in sites]
            self._models[sites] = self._model(sites, interventions), interventions
        return self._models[sites]

    def _model(self, sites: Sequence[Site], interventions: Sequence[Any]) -> Any:
        places = [self.body.place(site) for site in sites]
        return intervenable(self.body, places, interventions)

    def _run(self, model: Any, sites: Sequence[Site], inputs: Any) -> Any:
        where = [locations(self.body, site, inputs) for site in sites]
        with quiet():
            return model(self.body.feed(inputs), unit_locations={"sources->base": (None, where)})


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


def locations(body: Body, site: Site, inputs: Any) -> Any:
    """pyvene's unit locations of one site: (rows, positions), and heads beside them."""
    units = body.units(site, inputs)
    head = body.place(site).head
    if head is None:
        return units
    return np.full((len(units), 1), head), units


def _named(site: Site, edit: Edit) -> Edit:
    return lambda current: apply_edit(site, edit, current)


@cache
def _editing_intervention() -> type[Any]:
    """pyvene's intervention that calls an edit; made once its base class is there."""

    class EditIntervention(pyvene().ConstantSourceIntervention):  # type: ignore[misc]
        """Hands what stands at a site to an edit: (batch, positions * width)."""

        edit: Edit | None = None

        def forward(self, base: Tensor, source: Any = None, subspaces: Any = None) -> Tensor:
            """The edited activation."""
            if self.edit is None:
                raise ValueError("no edit was given")
            return self.edit(base.flatten(1)).reshape(base.shape)

    return EditIntervention
