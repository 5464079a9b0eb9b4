"""Causal tracing: noise on a span of the prompt, and one place restored to its clean state.

The base is run with Gaussian noise on the embeddings of a slot's tokens; then again with one
place set to what it holds in the clean run. A place matters as far as it brings the metric back
(Meng et al. 2022, "Locating and Editing Factual Associations in GPT", section 2.1). The noise is
in standard deviations of the slot's embeddings over the inputs traced, as in the paper.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from causalabs.engine.answers import METRICS, classes_of_outputs, divergence
from causalabs.engine.batches import in_parts
from causalabs.engine.errors import EngineError
from causalabs.engine.patching.effects import add, numbers, put
from causalabs.engine.patching.maps import MOST, MOST_OF, Report, check_apart, map_of
from causalabs.engine.patching.places import PlaceOf, places_of
from causalabs.engine.protocol import Network, Scores
from causalabs.engine.resources import Resources, all_columns
from causalabs.engine.rows import members_of
from causalabs.engine.store import Store
from causalabs.engine.streams import stream
from causalabs.hypothesis.model import AllOf, Hypothesis, Noise, Patching, Site, Slot
from causalabs.patching import PatchMap


def run_trace(
    patching: Patching,
    noise: Noise,
    hypothesis: Hypothesis,
    resources: Resources,
    *,
    seed: int,
    report: Report | None = None,
) -> PatchMap:
    """One map of what restoring each place brings back.

    Raises `EngineError` where the network has no embeddings or lacks the places, or where the
    noise does not change the metric.
    """
    network = resources.network(seed)
    traced = _traced(patching, noise, hypothesis, resources, network, seed)
    places = places_of(patching, network)
    traced.store.capture([place.site for place in places])
    clean, noised = traced.clean(), traced.noised([])
    check_apart(patching, noised, clean, "noise that changes it: more deviations, another slot")
    values = {}
    for number, place in enumerate(places):
        values[number] = traced.noised([place])
        if report is not None:
            report((number + 1) / len(places))
    told = f"{noise.deviations:g} standard deviations on `{noise.slot}`"
    return map_of(patching, places, values, noised, clean, seed=seed, noise=told)


@dataclass(frozen=True, eq=False)
class _Traced:
    """Inputs of a store, `rows` (inputs * draws,), and the noise on each: (.., width)."""

    store: Store
    rows: Tensor
    span: Site
    noise: Tensor
    value: Callable[[Scores, Tensor], Tensor]

    def clean(self) -> NDArray[np.float64]:
        """The metric of clean runs: (rows,)."""
        scores = {name: column[self.rows] for name, column in self.store.scores().items()}
        return numbers(self.value(scores, self.rows))

    @torch.no_grad()
    def noised(self, restored: Sequence[PlaceOf]) -> NDArray[np.float64]:
        """The metric of runs with the noise, and with these places as they were: (rows,)."""
        sites = [self.span, *(place.site for place in restored)]

        def run(part: slice) -> NDArray[np.float64]:
            rows = self.rows[part]
            prefix = self.store.prefix(sites, rows)
            edits = [(self.span, add(self.noise[part]))]
            for place in restored:
                edits.append((place.site, put(place, self.store.rows((place.site,), rows))))
            return numbers(self.value(self.store.network.resume(prefix, edits), rows))

        parts, self.store.at_once = in_parts(len(self.rows), self.store.at_once, run)
        return np.concatenate(parts)


def _traced(
    patching: Patching,
    noise: Noise,
    hypothesis: Hypothesis,
    resources: Resources,
    network: Network,
    seed: int,
) -> _Traced:
    """The first inputs of the split, over a store of their own, each with its noise."""
    examples = resources.examples(seed)
    algorithm = hypothesis.algorithm_named(patching.pairs.algorithm)
    names = [name for name, _ in hypothesis.counterfactuals.splits]
    split = names.index(patching.split) if patching.split in names else 0
    base = examples.lines[0].base[members_of(examples, 0, split)]
    kept = np.unique(base, return_index=True)[1]
    rows = base[np.sort(kept)][: MOST_OF.get(network.kind, MOST)]
    inputs = {name: column[rows] for name, column in examples.inputs.items()}
    every = {
        name: {element: column[rows] for element, column in found.items()}
        for name, found in examples.clean.items()
    }
    store = Store(network, all_columns(hypothesis, inputs, every))
    span = Site("embedding", position=AllOf(Slot((noise.slot,))))
    try:
        network.width(span)
    except EngineError as error:
        raise EngineError(
            f"`{patching.text}`: there are no embeddings to put noise on: {error.message}",
            "trace a transformer, and a slot of as many tokens in every prompt",
        ) from error
    store.capture([span])
    at = torch.arange(len(rows), device=store.at_device).repeat(noise.draws)
    embedded = store.rows((span,), at)
    draws = torch.randn(embedded.shape, generator=stream(seed, "noise", patching.line))
    spread = embedded[: len(rows)].std(correction=0)
    value = _value(patching, store, store.wanted(algorithm, every[algorithm.name]), hypothesis)
    return _Traced(store, at, span, draws * noise.deviations * spread.cpu(), value)


def _value(
    patching: Patching, store: Store, answers: Mapping[str, Tensor], hypothesis: Hypothesis
) -> Callable[[Scores, Tensor], Tensor]:
    clean = store.scores()
    classes = classes_of_outputs(hypothesis.algorithm_named(patching.pairs.algorithm))

    def value(scores: Scores, rows: Tensor) -> Tensor:
        if patching.metric == "kl":
            return divergence({name: column[rows] for name, column in clean.items()}, scores)
        wanted = {name: column[rows] for name, column in answers.items()}
        return METRICS[patching.metric](scores, wanted, None, classes)

    return value
