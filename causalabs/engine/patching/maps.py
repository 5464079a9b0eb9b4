"""A file's patching maps: pairs drawn, places patched, effects with their intervals."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from causalabs.engine.answers import METRICS, classes_of_outputs, divergence
from causalabs.engine.errors import EngineError
from causalabs.engine.patching.effects import Pairs, attributed, patched
from causalabs.engine.patching.places import PlaceOf, named, places_of
from causalabs.engine.protocol import Device, Network, Scores
from causalabs.engine.resources import MakeNetwork, Resources, Wrap, all_columns
from causalabs.engine.rows import members_of
from causalabs.engine.store import Store
from causalabs.hypothesis.model import Hypothesis, Patching
from causalabs.modified import ratio
from causalabs.patching import PatchCell, PatchMap
from causalabs.plans import Plan
from causalabs.runs import RunFolder

MOST_OF = {"huggingface": 32}
MOST = 512
"""Pairs that are patched: a language model's run costs seconds, a small network's nothing."""
PAIRS_APART = "pairs whose answers differ, as with `where source.v != base.v`"
CHECKED = 8
"""Places that are patched after all where a map is asked for by attribution: the strongest."""

Progress = Callable[[str, float], None]
Report: TypeAlias = Callable[[float], None]


def run_maps(
    hypothesis: Hypothesis,
    plan: Plan,
    folder: RunFolder,
    *,
    device: Device,
    progress: Progress,
    make_network: MakeNetwork | None = None,
    wrap: Wrap | None = None,
) -> tuple[PatchMap, ...]:
    """The maps of a file on its first seed; those that the folder has are not made again."""
    found = []
    for number, patching in enumerate(hypothesis.maps):
        kept = folder.load_map(number)
        if kept is None:
            drawing = replace(hypothesis.counterfactuals, lines=(patching.pairs,))
            resources = Resources(
                replace(hypothesis, counterfactuals=drawing),
                device=device,
                progress=progress,
                make_network=make_network,
                wrap=wrap,
            )
            seed = plan.seeds[0]
            report = _told(progress, patching.text)
            if patching.noise is not None:
                from causalabs.engine.patching.tracing import run_trace

                kept = run_trace(
                    patching, patching.noise, hypothesis, resources, seed=seed, report=report
                )
            else:
                kept = run_map(patching, hypothesis, resources, seed=seed, report=report)
            folder.save_map(number, kept)
        found.append(kept)
    return tuple(found)


def _told(progress: Progress, text: str) -> Report:
    return lambda share: progress(text, share)


def run_map(
    patching: Patching,
    hypothesis: Hypothesis,
    resources: Resources,
    *,
    seed: int,
    report: Report | None = None,
) -> PatchMap:
    """One map; `resources` draw nothing but its pairs.

    Raises `EngineError` where the network lacks the places, or where base and source do not
    differ in the metric.
    """
    network = resources.network(seed)
    pairs, same = pairs_of(patching, hypothesis, resources, network, seed)
    places = named(places_of(patching, network), network, pairs.store.inputs)
    pairs.store.capture([place.site for place in places])
    before, after = pairs.clean(pairs.base), pairs.clean(pairs.source)
    check_apart(patching, before, after, PAIRS_APART)
    slopes = attributed(pairs, places, report if patching.method == "attribution" else None)
    by_slope = slopes.mean(axis=1) / float((after - before).mean())
    chosen = list(range(len(places)))
    if patching.method == "attribution":
        chosen = np.argsort(-np.abs(by_slope), kind="stable")[:CHECKED].tolist()
    values = patched(pairs, [places[number] for number in chosen], report)
    exact = dict(zip(chosen, values, strict=True))
    return map_of(patching, places, exact, before, after, seed=seed, slopes=by_slope, same=same)


def map_of(
    patching: Patching,
    places: Sequence[PlaceOf],
    values: Mapping[int, NDArray[np.float64]],
    before: NDArray[np.float64],
    after: NDArray[np.float64],
    *,
    seed: int,
    slopes: NDArray[np.float64] | None = None,
    same: int = 0,
    noise: str = "",
) -> PatchMap:
    """A map of effects: `values` by place, between the metric `before` and `after`, (pairs,)."""
    exact = {number: effect(value, before, after) for number, value in values.items()}
    cells = tuple(
        _cell(place, exact.get(number), None if slopes is None else float(slopes[number]))
        for number, place in enumerate(places)
    )
    return PatchMap(
        text=patching.text,
        line=patching.line,
        metric=patching.metric,
        pairs=patching.pairs.name,
        split=patching.split,
        seed=seed,
        method=patching.method,
        rows=tuple(dict.fromkeys(place.row for place in places)),
        columns=tuple(dict.fromkeys(place.column for place in places)),
        cells=cells,
        base=float(before.mean()),
        source=float(after.mean()),
        examples=len(before),
        same=same,
        noise=noise,
    )


def _cell(
    place: PlaceOf, exact: tuple[float, float, float] | None, slope: float | None
) -> PatchCell:
    value, low, high = exact if exact is not None else (None, None, None)
    if low is not None and np.isinf(low):  # of one pair
        low = high = None
    return PatchCell(place.row, place.column, place.said, value, low, high, slope)


def effect(
    value: NDArray[np.float64], before: NDArray[np.float64], after: NDArray[np.float64]
) -> tuple[float, float, float]:
    """The mean change as a share of that from base to source, with its 95 % interval."""
    return ratio(value - before, after - before)


def check_apart(
    patching: Patching, before: NDArray[np.float64], after: NDArray[np.float64], take: str
) -> None:
    """An error where there is no difference to share out; `take` is what would make one."""
    apart = after - before
    if abs(float(apart.mean())) <= 1e-6 * max(1.0, float(np.abs(before).mean())):
        runs = "with the noise and without" if patching.noise else "in base and source"
        raise EngineError(
            f"`{patching.metric}` is the same {runs}, on average: there is no effect to share out",
            f"take {take}",
        )


# --------------------------------------------------------------------------------- pairs


def pairs_of(
    patching: Patching,
    hypothesis: Hypothesis,
    resources: Resources,
    network: Network,
    seed: int,
) -> tuple[Pairs, int]:
    """The first pairs of the split, over a store of their own, and how many were left out.

    Pairs of one answer are left out where the metric compares answers: it is 0 there, always.
    """
    examples = resources.examples(seed)
    algorithm = hypothesis.algorithm_named(patching.pairs.algorithm)
    names = [name for name, _ in hypothesis.counterfactuals.splits]
    split = names.index(patching.split) if patching.split in names else 0
    members = members_of(examples, 0, split)
    line = examples.lines[0]
    base, source = line.base[members], line.sources[0, members]
    most = MOST_OF.get(network.kind, MOST)
    kept = base != source
    if patching.metric != "kl":
        clean = examples.clean[algorithm.name]
        differ = np.zeros(len(base), dtype=np.bool_)
        for output in algorithm.outputs:
            column = clean[output.name]
            unequal = column[base] != column[source]
            differ |= unequal.reshape(len(base), -1).any(axis=1)
        kept &= differ
    if not kept.any():
        raise EngineError(
            f"`{patching.text}`: base and source have the same answer in every pair",
            f"take {PAIRS_APART}",
        )
    chosen = np.flatnonzero(kept)[:most]
    seen = int(chosen[-1]) + 1
    rows, place = np.unique(np.concatenate([base[chosen], source[chosen]]), return_inverse=True)
    inputs = {name: column[rows] for name, column in examples.inputs.items()}
    every = {
        name: {element: column[rows] for element, column in found.items()}
        for name, found in examples.clean.items()
    }
    store = Store(network, all_columns(hypothesis, inputs, every))
    at = torch.from_numpy(place.reshape(2, -1)).to(store.at_device)
    answers = store.wanted(algorithm, every[algorithm.name])
    classes = classes_of_outputs(algorithm)
    clean_scores = store.scores()

    def value(scores: Scores, part: slice) -> torch.Tensor:
        mine, theirs = at[0, part], at[1, part]
        wanted = {name: column[theirs] for name, column in answers.items()}
        if patching.metric == "kl":
            return divergence({n: c[theirs] for n, c in clean_scores.items()}, scores)
        own: Mapping[str, torch.Tensor] | None = None
        if patching.metric == "logit_difference":
            own = {name: column[mine] for name, column in answers.items()}
        return METRICS[patching.metric](scores, wanted, own, classes)

    return Pairs(store, at[0], at[1], value), seen - len(chosen)
