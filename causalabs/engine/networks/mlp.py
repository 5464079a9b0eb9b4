"""`mlp(hidden = [...])`: ReLU layers, then one class score per value of each output."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from causalabs.algorithm.domains import Column, Domain
from causalabs.engine.encode import vectors, vectors_width
from causalabs.engine.errors import EngineError
from causalabs.engine.networks.base import (
    BuiltIn,
    Kept,
    Output,
    apply_edit,
    check_kept,
    fill_uniform,
    split_scores,
)
from causalabs.engine.networks.naming import say_site, span_of
from causalabs.engine.protocol import Edit, Scores
from causalabs.hypothesis.model import Site


class Mlp(BuiltIn[Tensor]):
    """A multilayer perceptron; its sites are `hidden i`, after the ReLU, and `logits`.

    Inputs are (rows, features): real vectors and one-hot codes side by side.
    """

    kind = "mlp"
    called = "an mlp"
    rows_at_once = 65_536

    def __init__(
        self,
        hidden: Sequence[int],
        *,
        feed: Sequence[str],
        domains: Mapping[str, Domain],
        outputs: Sequence[Output],
    ) -> None:
        super().__init__(outputs)
        self.feed = tuple(feed)
        self.domains = {name: domains[name] for name in feed}
        self.hidden = tuple(hidden)
        features = vectors_width(self.feed, self.domains)
        sizes = (features, *self.hidden, sum(output.classes for output in outputs))
        pairs = list(pairwise(sizes))
        self.weights = nn.ParameterList(torch.empty(after, before) for before, after in pairs)
        self.biases = nn.ParameterList(torch.empty(after) for _, after in pairs)

    def initialise(self, generator: torch.Generator) -> None:
        """Uniform weights and biases, bounded by 1 / sqrt(fan-in)."""
        for weight, bias in zip(self.weights, self.biases, strict=True):
            fill_uniform(weight, weight.shape[1], generator)
            fill_uniform(bias, weight.shape[1], generator)

    def encode(self, columns: Mapping[str, Column]) -> Tensor:
        """(rows, features)."""
        found = torch.from_numpy(vectors(columns, self.feed, self.domains))
        return found.to(self.device, self.dtype)

    def slice(self, inputs: Tensor, rows: slice | Tensor) -> Tensor:
        """Some rows of the inputs."""
        return inputs[rows]

    def stage(self, site: Site) -> int:
        """Layer whose output the site is: `hidden i` is i, `logits` comes last."""
        if site.position is not None:
            raise EngineError(
                f"{say_site(site)} does not exist: {self.called} has no positions",
                f"leave out `at ...`: {say_site(Site(site.component, site.layer))}",
            )
        plain = site.head is None and site.part is None and site.path is None
        if plain and site.component == "logits" and site.layer is None:
            return len(self.hidden)
        if plain and site.component == "hidden" and site.layer in range(len(self.hidden)):
            return site.layer  # type: ignore[return-value]
        layers = span_of("hidden", len(self.hidden)) + " and " if self.hidden else ""
        this = "this " + self.called.partition(" ")[2]
        raise EngineError(f"{say_site(site)} does not exist", f"{this} has {layers}`logits`")

    def width(self, site: Site) -> int:
        """Neurons of the layer."""
        return len(self.biases[self.stage(site)])

    def run(self, inputs: Tensor) -> Scores:
        """Scores of all outputs."""
        return split_scores(self.outputs, self._on(inputs, 0, {}))

    def read(self, inputs: Tensor, sites: Sequence[Site]) -> list[Tensor]:
        """Activations at the sites; nothing after the last of them is run."""
        stages = [self.stage(site) for site in sites]
        found = {}
        current = inputs
        for stage in range(max(stages) + 1):
            current = self._layer(stage, current)
            found[stage] = current
        return [found[stage] for stage in stages]

    def earliest(self, inputs: Tensor, sites: Sequence[Site]) -> int:
        """The first edited layer."""
        return min(self.stage(site) for site in sites)

    def start(self, inputs: Tensor, sites: Sequence[Site], earliest: int) -> Kept:
        """The activation of the first edited layer."""
        current = inputs
        for stage in range(earliest + 1):
            current = self._layer(stage, current)
        return Kept({"activation": current}, earliest, tuple(sites))

    def proceed(self, prefix: Kept, edits: Sequence[tuple[Site, Edit]]) -> Scores:
        """Edit the kept layer and run those after it."""
        check_kept(prefix, edits)
        first: int = prefix.start
        by_stage: dict[int, list[tuple[Site, Edit]]] = {}
        for site, edit in edits:
            by_stage.setdefault(self.stage(site), []).append((site, edit))
        current = _edited(by_stage, first, prefix.tensors["activation"])
        return split_scores(self.outputs, self._on(current, first + 1, by_stage))

    def _on(
        self, current: Tensor, first: int, edits: Mapping[int, Sequence[tuple[Site, Edit]]]
    ) -> Tensor:
        """Layers `first` and after: (batch, width) -> (batch, all classes)."""
        for stage in range(first, len(self.hidden) + 1):
            current = _edited(edits, stage, self._layer(stage, current))
        return current

    def _layer(self, stage: int, current: Tensor) -> Tensor:
        current = functional.linear(current, self.weights[stage], self.biases[stage])
        return functional.relu(current) if stage < len(self.hidden) else current


def _edited(
    edits: Mapping[int, Sequence[tuple[Site, Edit]]], stage: int, current: Tensor
) -> Tensor:
    for site, edit in edits.get(stage, ()):
        current = apply_edit(site, edit, current)
    return current
