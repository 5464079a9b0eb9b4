"""What is told of circuits beside their measures: edges, null, sweep, search."""

from __future__ import annotations

import numpy as np

from causalabs.engine.circuits.ground import Pairs
from causalabs.engine.circuits.job import USUAL, Bench, Subject, random_edges, swept
from causalabs.engine.circuits.measures import ladder, scale_of
from causalabs.engine.circuits.nodes import edge_text
from causalabs.engine.streams import numpy_stream
from causalabs.hypothesis import registry
from causalabs.hypothesis.model import Circuit, Setting, Settings
from causalabs.intervals import mean_interval
from causalabs.results_circuits import CircuitRecord, SweepPoint

NULL_DRAWS = 8
NULL_ROWS = 24
"""Random circuits are run on so many examples at most: they are all much alike."""


def circuit_records(bench: Bench, names: tuple[str, ...], split: str) -> tuple[CircuitRecord, ...]:
    """A record of each circuit, its faithfulness on a split."""
    return tuple(_record(bench, bench.subject(name), split) for name in names)


def _record(bench: Bench, subject: Subject, split: str) -> CircuitRecord:
    circuit, kept, found = subject.circuit, subject.kept, subject.found
    ground, pairs = subject.ground, bench.pairs(split)
    scale, (values,) = scale_of(ground, pairs, USUAL, [kept])
    rows = scale.faithfulness(values)
    low, high = mean_interval(rows)
    exact = bench.exact(split)
    order = np.flatnonzero(kept)
    scores = halves = np.zeros(0)
    if found is not None and found.ranked is not None:
        order = order[np.argsort(-np.abs(found.ranked.scores[order]), kind="stable")]
        scores, halves = found.ranked.scores[order], found.ranked.halves[order]
        halves = halves if np.isfinite(halves).all() else np.zeros(0)
    return CircuitRecord(
        name=circuit.name,
        ablation=circuit.ablation,
        count=int(kept.sum()),
        of=len(bench.graph.edges),
        edges=tuple(edge_text(ground.wired.edges[i]) for i in order),
        split=split,
        metric=USUAL,
        value=float(rows.mean()),
        low=float(rows.mean()) if exact else low,
        high=float(rows.mean()) if exact else high,
        exact=exact,
        method=method_text(circuit),
        null=_null(bench, subject, pairs),
        scores=tuple(scores.tolist()),
        halves=tuple(halves.tolist()),
        orders=() if found is None else found.orders,
        redundant=() if found is None else found.redundant,
        sweep=_sweep(bench, subject, split) if circuit.name in swept(bench.hypothesis) else (),
        runs=0 if found is None else found.runs,
        examples=0 if found is None else found.examples,
        seconds=0.0 if found is None else round(found.seconds, 3),
    )


def method_text(circuit: Circuit) -> str:
    """How a circuit is found, as the file says it; "" of one that is written.

    >>> method_text(Circuit("found", methods=(("eap", (("edges", 9),)),)))
    'eap(edges = 9)'
    """
    return " then ".join(
        f"{name}({', '.join(f'{key} = {_shown(value)}' for key, value in _said(name, settings))})"
        for name, settings in circuit.methods
    )


def _said(method: str, settings: Settings) -> Settings:
    """The settings that are not what they would be if left out."""
    entry = registry.find(registry.Method, method)
    usual = {each.name: each.default for each in entry.parameters} if entry is not None else {}
    return tuple((name, value) for name, value in settings if value != usual.get(name))


def _shown(value: Setting) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _few(pairs: Pairs, bench: Bench) -> Pairs:
    if len(pairs) <= NULL_ROWS:
        return pairs
    generator = numpy_stream(bench.seed, "examples of random circuits")
    return pairs.take(np.sort(generator.permutation(len(pairs))[:NULL_ROWS]))


def _null(bench: Bench, subject: Subject, pairs: Pairs) -> tuple[float, ...]:
    """Faithfulness of as many random edges, draw by draw."""
    generator = numpy_stream(bench.seed, "null", subject.circuit.name)
    count = int(subject.kept.sum())
    ground = bench.ground(subject.circuit.ablation)
    drawn = [random_edges(len(ground.wiring), count, generator) for _ in range(NULL_DRAWS)]
    scale, values = scale_of(ground, _few(pairs, bench), USUAL, drawn)
    return tuple(float(scale.faithfulness(each).mean()) for each in values)


def _sweep(bench: Bench, subject: Subject, split: str) -> tuple[SweepPoint, ...]:
    """Faithfulness against size: by the thresholds of a sweep, else by the ranking."""
    found = subject.found
    if found is None or found.ranked is None:
        return ()
    ground, pairs = subject.ground, bench.pairs(split)
    wiring, exact = ground.wiring, bench.exact(split)
    thresholds: dict[int, float] = {}
    circuits = {int(subject.kept.sum()): subject.kept}
    if found.sweep:
        for cut in found.sweep:
            kept = wiring.pruned(cut.kept)
            circuits.setdefault(int(kept.sum()), kept)
            thresholds[int(kept.sum())] = cut.threshold
    else:
        for _, kept in ladder(wiring, found.ranked.scores, found.among):
            circuits.setdefault(int(kept.sum()), kept)
    counts = sorted(circuits)
    generator = numpy_stream(bench.seed, "sweep's null", subject.circuit.name)
    random = [random_edges(len(wiring), count, generator) for count in counts]
    scale, values = scale_of(ground, pairs, USUAL, [circuits[count] for count in counts])
    few, chance = scale_of(ground, _few(pairs, bench), USUAL, random)
    points = []
    for i, count in enumerate(counts):
        rows = scale.faithfulness(values[i])
        value = float(rows.mean())
        low, high = (value, value) if exact else mean_interval(rows)
        beside = float(few.faithfulness(chance[i]).mean())
        points.append(SweepPoint(count, value, low, high, beside, thresholds.get(count)))
    return tuple(points)
