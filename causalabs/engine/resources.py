"""What jobs share: networks, drawn examples, activation stores. All made when first asked for.

Jobs come seed by seed: when another seed is asked for, the stores of the one before are let
go, so memory holds one seed's activations at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from causalabs.algorithm.domains import Column
from causalabs.counterfactuals.draw import BaseSampler, draw, draw_more
from causalabs.counterfactuals.examples import Examples
from causalabs.counterfactuals.solving import Solved
from causalabs.counterfactuals.whole import Whole
from causalabs.engine.circuits.shelf import Shelf
from causalabs.engine.errors import EngineError
from causalabs.engine.measure import clean_values
from causalabs.engine.protocol import Device, Network
from causalabs.engine.store import Store
from causalabs.engine.streams import numpy_stream
from causalabs.hypothesis.bases import basis_paths
from causalabs.hypothesis.model import Hypothesis
from causalabs.hypothesis.replacements import function_paths
from causalabs.rivals.wrong import Wrong, wrong_algorithm

if TYPE_CHECKING:
    from causalabs.engine.language_models.build import LanguageModels

Progress = Callable[[str, float], None]
"""Told what is being done and the share done so far."""

MakeNetwork = Callable[[int, bool], Network]
"""(seed, trained) -> a frozen network."""

Wrap = Callable[[Network], Network]
"""Puts a network behind a backend."""

MakeExamples = Callable[[int, Solved | None], Examples]
"""(seed, which inputs the network solves) -> examples; None: as drawn, nothing filtered."""


@dataclass(eq=False)
class Resources:
    """The shared parts of one hypothesis' jobs.

    `make_network` and `make_examples` stand in for the hypothesis' own network and sampler;
    `wrap` is asked of every network. `functions` are those that a file's replacements name,
    where their code may be run. `whole` says which splits to take whole where they are small.
    `circuits` are those that were found already.
    """

    hypothesis: Hypothesis
    device: str | Device = "cpu"
    progress: Progress | None = None
    make_network: MakeNetwork | None = None
    make_examples: MakeExamples | None = None
    wrap: Wrap | None = None
    whole: Whole = field(default_factory=Whole)
    functions: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    circuits: Shelf = field(default_factory=Shelf)
    _seed: int | None = None
    _language_models: LanguageModels | None = None
    _networks: dict[bool, Network] = field(default_factory=dict)
    _stores: dict[bool, Store] = field(default_factory=dict)
    _drawn_stores: dict[bool, Store] = field(default_factory=dict)
    _right: dict[tuple[bool, str], NDArray[np.bool_]] = field(default_factory=dict)
    _rivals: dict[str, Wrong | None] = field(default_factory=dict)
    _drawn: Examples | None = None
    _solved: Examples | None = None

    @property
    def on(self) -> Device:
        """Where and how numbers are computed."""
        return self.device if isinstance(self.device, Device) else Device(self.device)

    def network(self, seed: int, *, trained: bool = True) -> Network:
        """The network under test, or the same architecture with fresh weights."""
        self._turn_to(seed)
        if trained not in self._networks:
            make = self.make_network or self._built
            made = make(seed, trained)
            self._networks[trained] = made if self.wrap is None else self.wrap(made)
        return self._networks[trained]

    def drawn(self, seed: int) -> Examples:
        """The examples before `keep solved`: what `accuracy` is measured on (F3)."""
        self._turn_to(seed)
        if self._drawn is None:
            make = self.make_examples or self._sampled
            self._drawn = make(seed, None)
        return self._drawn

    def examples(self, seed: int) -> Examples:
        """The examples that are interchanged; `keep solved` asks the network under test."""
        if not self.hypothesis.counterfactuals.solved:
            return self.drawn(seed)
        self._turn_to(seed)
        if self._solved is None:
            make = self.make_examples or self._sampled
            self._solved = make(seed, self._solves(seed))
        return self._solved

    def rival(self, alignment: str) -> Wrong:
        """The wrong algorithm that an alignment is measured against; the same for all seeds."""
        if alignment not in self._rivals:
            self._rivals[alignment] = wrong_algorithm(self.hypothesis, alignment)
        found = self._rivals[alignment]
        if found is None:
            raise EngineError(
                "no wrong algorithm was found: no small change of a mechanism answers otherwise",
                "write the rival yourself: another `algorithm` block with its own alignment",
            )
        return found

    def store(self, seed: int, *, trained: bool = True) -> Store:
        """Clean runs of a network over the inputs of the examples."""
        network, examples = self.network(seed, trained=trained), self.examples(seed)
        if trained not in self._stores:
            columns = all_columns(self.hypothesis, examples.inputs, examples.clean)
            self._stores[trained] = Store(network, columns)
        return self._stores[trained]

    def right(self, seed: int, *, trained: bool = True, algorithm: str = "") -> NDArray[np.bool_]:
        """Drawn inputs that a network answers as the algorithm does: (rows,)."""
        self._turn_to(seed)
        name = algorithm or self.hypothesis.algorithms[0].name
        if (trained, name) not in self._right:
            named = self.hypothesis.algorithm_named(name)
            store = self._drawn_store(seed, trained)
            self._right[trained, name] = store.right(named, self.drawn(seed).clean[name])
        return self._right[trained, name]

    def clean(
        self, seed: int, metric: str, *, trained: bool = True, algorithm: str = ""
    ) -> NDArray[np.float64]:
        """A metric of a network's clean answers to the drawn inputs: (rows,)."""
        named = self.hypothesis.algorithm_named(algorithm or self.hypothesis.algorithms[0].name)
        store = self._drawn_store(seed, trained)
        answers = store.wanted(named, self.drawn(seed).clean[named.name])
        return clean_values(metric, named, store, answers)

    def _drawn_store(self, seed: int, trained: bool) -> Store:
        """Clean runs over the inputs before `keep solved`."""
        drawn = self.drawn(seed)
        if drawn is self.examples(seed):
            return self.store(seed, trained=trained)
        if trained not in self._drawn_stores:
            columns = all_columns(self.hypothesis, drawn.inputs, drawn.clean)
            network = self.network(seed, trained=trained)
            self._drawn_stores[trained] = Store(network, columns)
        return self._drawn_stores[trained]

    def _turn_to(self, seed: int) -> None:
        if seed != self._seed:
            self._seed, self._drawn, self._solved = seed, None, None
            self._networks.clear()
            self._stores.clear()
            self._drawn_stores.clear()
            self._right.clear()

    def _solves(self, seed: int) -> Solved:
        first = self.hypothesis.algorithms[0]

        def solved(
            inputs: Mapping[str, Column], clean: Mapping[str, Mapping[str, Column]]
        ) -> NDArray[np.bool_]:
            columns = all_columns(self.hypothesis, inputs, clean)
            return Store(self.network(seed), columns).right(first, clean[first.name])

        return solved

    def _built(self, seed: int, trained: bool) -> Network:
        from causalabs.engine.networks.build import build

        hypothesis = self.hypothesis
        spec, algorithms = hypothesis.network, hypothesis.algorithms
        if spec.kind == "huggingface":
            return self._language_model(seed, trained)
        if spec.kind == "checkpoint":
            return self._checkpoint(seed, trained)
        if spec.kind == "tracr":
            return self._program(seed, trained)
        if spec.kind == "compiled":
            from causalabs.engine.networks.compiled import compiled

            made: Any = compiled(spec, algorithms, seed=seed, trained=trained, device=self.on)
            return made  # type: ignore[no-any-return]
        if not trained:
            return build(spec, algorithms, seed=seed, trained=False, device=self.on)
        bases = BaseSampler(hypothesis)
        return build(
            spec,
            algorithms,
            seed=seed,
            draw_bases=lambda count, generator: bases.draw(count, generator=generator),
            draws=how_bases_are_drawn(hypothesis),
            progress=self.progress,
            device=self.on,
        )

    def _checkpoint(self, seed: int, trained: bool) -> Network:
        from causalabs.engine.networks.checkpoint import from_checkpoint

        hypothesis = self.hypothesis
        return from_checkpoint(
            hypothesis.network,
            hypothesis.algorithms,
            folder=hypothesis.folder,
            seed=seed,
            trained=trained,
            device=self.on,
        )

    def _program(self, seed: int, trained: bool) -> Network:
        from causalabs.engine.networks.tracr import from_program

        hypothesis = self.hypothesis
        return from_program(
            hypothesis.network,
            hypothesis.algorithms,
            folder=hypothesis.folder,
            seed=seed,
            trained=trained,
            device=self.on,
        )

    def skeleton(self) -> Network | None:
        """The network without numbers, as far as that can be had; it knows its sites."""
        if self.make_network is not None:
            return None
        if self.hypothesis.network.kind == "huggingface":
            found: Any = self._models().skeleton()
            return found  # type: ignore[no-any-return]
        from causalabs.engine.shapes import skeleton

        return skeleton(self.hypothesis)

    def _language_model(self, seed: int, trained: bool) -> Network:
        """The weights are loaded once and shared by all seeds."""
        made: Any = self._models().network(seed, trained)
        return made  # type: ignore[no-any-return]

    def _models(self) -> LanguageModels:
        from causalabs.engine.language_models.build import LanguageModels

        if self._language_models is None:
            hypothesis = self.hypothesis
            self._language_models = LanguageModels(
                hypothesis.network,
                hypothesis.algorithms,
                folder=hypothesis.folder,
                device=self.on,
                progress=self.progress,
                like=lambda: few_columns(hypothesis),
            )
        return self._language_models

    def _sampled(self, seed: int, solved: Solved | None) -> Examples:
        return draw(self._filtered(solved), seed=seed, solved=solved, whole=self.whole)

    def more(self, seed: int, split: int, count: int, part: int, *, drawn: bool) -> Examples:
        """Further examples of a split; `drawn` are those before `keep solved`."""
        solved = None
        if self.hypothesis.counterfactuals.solved and not drawn:
            solved = self._solves(seed)
        return draw_more(
            self._filtered(solved), seed=seed, split=split, count=count, part=part, solved=solved
        )

    def _filtered(self, solved: Solved | None) -> Hypothesis:
        """The hypothesis, without `keep solved` where nobody can say what is."""
        if solved is not None:
            return self.hypothesis
        plain = replace(self.hypothesis.counterfactuals, solved=False)
        return replace(self.hypothesis, counterfactuals=plain)


def how_bases_are_drawn(hypothesis: Hypothesis) -> str:
    """A text of all that the draws of bases depend on: weights are found again by it."""
    counterfactuals = hypothesis.counterfactuals
    apart = {*basis_paths(hypothesis.alignments), *function_paths(hypothesis.replacements)}
    parts: list[Any] = [
        [(a.name, a.variables, a.where) for a in hypothesis.algorithms],
        counterfactuals.balance,
        counterfactuals.keep_where,
        tuple(each for each in hypothesis.files if each[0] not in apart),
    ]
    return repr(parts)


FEW = 16
"""Inputs that a network from elsewhere is met by."""


def few_columns(hypothesis: Hypothesis) -> dict[str, Column]:
    """Columns of all variables on a few inputs, the same ones each time."""
    generator = numpy_stream(0, "inputs to meet a network by")
    inputs = BaseSampler(hypothesis).draw(FEW, generator=generator)
    clean = {
        each.name: each.evaluate({v.name: inputs[v.name] for v in each.inputs})
        for each in hypothesis.algorithms
    }
    return all_columns(hypothesis, inputs, clean)


def all_columns(
    hypothesis: Hypothesis,
    inputs: Mapping[str, Column],
    clean: Mapping[str, Mapping[str, Column]],
) -> dict[str, Column]:
    """Inputs and every algorithm's clean columns; of one name the first algorithm's count."""
    found: dict[str, Column] = {}
    for algorithm in reversed(hypothesis.algorithms):
        found.update(clean.get(algorithm.name, {}))
    found.update(inputs)
    return found
