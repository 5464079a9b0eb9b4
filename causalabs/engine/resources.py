"""What jobs share: networks, drawn examples, activation stores. All made when first asked for.

Jobs come seed by seed: when another seed is asked for, the stores of the one before are let
go, so memory holds one seed's activations at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from causalabs.algorithm.domains import Column
from causalabs.counterfactuals.examples import Examples, LineExamples
from causalabs.engine.errors import EngineError
from causalabs.engine.protocol import Device, Network
from causalabs.engine.store import Store
from causalabs.hypothesis.model import Hypothesis

Progress = Callable[[str, float], None]
"""Told what is being done and the share done so far."""

MakeNetwork = Callable[[int, bool], Network]
"""(seed, trained) -> a frozen network."""

MakeExamples = Callable[[int], Examples]
"""(seed) -> examples as drawn, before `keep solved`."""


@dataclass(eq=False)
class Resources:
    """The shared parts of one hypothesis' jobs.

    `make_network` and `make_examples` stand in for the hypothesis' own network and sampler.
    """

    hypothesis: Hypothesis
    device: str | Device = "cpu"
    progress: Progress | None = None
    make_network: MakeNetwork | None = None
    make_examples: MakeExamples | None = None
    _seed: int | None = None
    _networks: dict[bool, Network] = field(default_factory=dict)
    _stores: dict[bool, Store] = field(default_factory=dict)
    _drawn: Examples | None = None
    _kept: Examples | None = None

    @property
    def on(self) -> Device:
        """Where and how numbers are computed."""
        return self.device if isinstance(self.device, Device) else Device(self.device)

    def network(self, seed: int, *, trained: bool = True) -> Network:
        """The network under test, or the same architecture with fresh weights."""
        self._turn_to(seed)
        if trained not in self._networks:
            make = self.make_network or self._built
            self._networks[trained] = make(seed, trained)
        return self._networks[trained]

    def drawn(self, seed: int) -> Examples:
        """The examples before `keep solved`: what `accuracy` is measured on (F3)."""
        self._turn_to(seed)
        if self._drawn is None:
            make = self.make_examples or self._sampled
            self._drawn = make(seed)
        return self._drawn

    def examples(self, seed: int) -> Examples:
        """The examples that are interchanged: of `keep solved`, those the network solves."""
        drawn = self.drawn(seed)
        if not self.hypothesis.counterfactuals.solved:
            return drawn
        if self._kept is None:
            self._kept = keep_solved(drawn, self.right(seed))
        return self._kept

    def store(self, seed: int, *, trained: bool = True) -> Store:
        """Clean runs of a network over the drawn inputs."""
        network, drawn = self.network(seed, trained=trained), self.drawn(seed)
        if trained not in self._stores:
            self._stores[trained] = Store(network, all_columns(self.hypothesis, drawn))
        return self._stores[trained]

    def right(self, seed: int, *, trained: bool = True, algorithm: str = "") -> NDArray[np.bool_]:
        """Inputs that a network answers as the algorithm does: (rows,)."""
        named = algorithm or self.hypothesis.algorithms[0].name
        clean = self.drawn(seed).clean[named]
        store = self.store(seed, trained=trained)
        return store.right(self.hypothesis.algorithm_named(named), clean)

    def _turn_to(self, seed: int) -> None:
        if seed != self._seed:
            self._seed, self._drawn, self._kept = seed, None, None
            self._networks.clear()
            self._stores.clear()

    def _built(self, seed: int, trained: bool) -> Network:
        from causalabs.engine.networks.build import build

        hypothesis = self.hypothesis
        algorithms = hypothesis.algorithms
        if not trained:
            return build(hypothesis.network, algorithms, seed=seed, trained=False, device=self.on)
        from causalabs.counterfactuals.draw import draw_bases

        def bases(count: int, generator: np.random.Generator) -> Mapping[str, Column]:
            found: Mapping[str, Column] = draw_bases(hypothesis, count, generator=generator)
            return found

        return build(
            hypothesis.network,
            algorithms,
            seed=seed,
            draw_bases=bases,
            draws=how_bases_are_drawn(hypothesis),
            progress=self.progress,
            device=self.on,
        )

    def _sampled(self, seed: int) -> Examples:
        from causalabs.counterfactuals.draw import draw

        found: Examples = draw(self.hypothesis, seed=seed)
        return found


def how_bases_are_drawn(hypothesis: Hypothesis) -> str:
    """A text of all that the draws of bases depend on: weights are found again by it."""
    counterfactuals = hypothesis.counterfactuals
    parts: list[Any] = [
        [(a.name, a.variables, a.where) for a in hypothesis.algorithms],
        counterfactuals.balance,
        counterfactuals.keep_where,
        hypothesis.files,
    ]
    return repr(parts)


def all_columns(hypothesis: Hypothesis, examples: Examples) -> dict[str, Column]:
    """Inputs and every algorithm's clean columns; of one name the first algorithm's count."""
    found: dict[str, Column] = {}
    for algorithm in reversed(hypothesis.algorithms):
        found.update(examples.clean.get(algorithm.name, {}))
    found.update(examples.inputs)
    return found


def keep_solved(examples: Examples, right: NDArray[np.bool_]) -> Examples:
    """The examples whose base and every source are in `right` (D8)."""

    def kept(line: LineExamples) -> LineExamples:
        keep = right[line.base] & right[line.sources].all(axis=0)
        return LineExamples(
            line.line,
            line.base[keep],
            line.sources[:, keep],
            line.split[keep],
            {name: column[keep] for name, column in line.answers.items()},
        )

    lines = tuple(kept(line) for line in examples.lines)
    if examples.lines and not any(len(line) for line in lines):
        raise EngineError(
            "`keep solved` leaves no example: the network solves no base with its sources",
            "leave out `keep solved`, or use a network that answers right more often",
        )
    return replace(examples, lines=lines)
