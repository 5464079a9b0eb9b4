"""ACDC on tracr's `reverse`: chains of cuts against one forward an edge, and against one edge at
a time as it is published. Medians of the processor's time over interleaved repeats in one
process; ratios are told and never judged, circuits are."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np
import pytest
import torch

from causalabs.engine.circuits import ablation
from causalabs.engine.circuits.acdc import Search, visits
from causalabs.engine.circuits.build import wired
from causalabs.engine.circuits.edges import Kept, Wiring
from causalabs.engine.protocol import Scores
from tests.engine.circuits import oracle
from tests.engine.circuits.test_wired import by_site, share_of
from tests.engine.circuits.test_wired_programs import words
from tests.engine.test_tracr import loaded, prompts_of

pytestmark = pytest.mark.benchmark
INPUTS, REPEATS, THRESHOLD = 60, 5, 1e-6


def one_by_one(harm: Callable[[Kept], float], order: np.ndarray, count: int) -> Kept:
    """A forward an edge."""
    kept = np.ones(count, bool)
    value = harm(kept)
    for edge in order:
        kept[edge] = False
        without = harm(kept)
        if without - value < THRESHOLD:
            value = without
        else:
            kept[edge] = True
    return kept


@pytest.mark.parametrize(
    ("ablate", "lengths", "edges"),
    [("resample", (5,), 2), ("zero", (5,), 9), ("zero", (2, 3, 4, 5), 11)],
)
def test_acdc_of_reverse(ablate: str, lengths: tuple[int, ...], edges: int) -> None:
    torch.set_num_threads(1)
    _, network = loaded("reverse")
    graph = wired(network)
    wiring = Wiring.of(graph)
    inputs = prompts_of(network, words(INPUTS, lengths))
    base = graph.clean(inputs)
    source = graph.clean(prompts_of(network, words(INPUTS, lengths, seed=1)))
    instead = ablation.zero(base) if ablate == "zero" else ablation.resample(base, source)
    clean = graph.scores(base, instead, torch.ones(1, len(wiring), dtype=torch.bool))[0]
    there = by_site(graph, instead, base.terms)

    def of_scores(scores: Scores) -> float:
        return sum(float((scores[o] - clean[o]).square().sum(dim=1).mean()) for o in clean)

    def several(sets: Kept) -> np.ndarray:
        found = graph.scores(base, instead, torch.from_numpy(sets))
        return np.array([of_scores(each) for each in found])

    def edge_by_edge(kept: Kept) -> float:
        share = share_of(graph, torch.from_numpy(kept))
        return of_scores(oracle.transformer(graph, inputs, there, share)[0])

    order = visits(wiring, "latest", np.random.default_rng(0))
    search = Search(several, wiring, np.ones(len(wiring), bool))
    again = visits(wiring, "earliest", np.random.default_rng(0))
    known = search.cut(order, [THRESHOLD])[0].kept
    ways: dict[str, Callable[[], object]] = {
        "ours": lambda: search.cut(order, [THRESHOLD])[0].kept,
        "forward": lambda: one_by_one(lambda kept: several(kept[None])[0], order, len(wiring)),
        "sweep": lambda: search.sweep(order),
        "again": lambda: search.cut(again, [THRESHOLD], known),
    }
    spent: dict[str, list[float]] = {name: [] for name in ways}
    found: dict[str, object] = {}
    for _ in range(REPEATS):
        for name, work in ways.items():
            began = time.process_time()
            found[name] = work()
            spent[name].append(time.process_time() - began)
    began = time.process_time()
    published = one_by_one(edge_by_edge, order, len(wiring))
    hooks = time.process_time() - began
    assert int(published.sum()) == edges
    assert (published == found["ours"]).all()
    assert (published == found["forward"]).all()
    middle = {name: statistics.median(each) for name, each in spent.items()}
    print(
        f"\nACDC of reverse, {ablate}, lengths {lengths}, {INPUTS} inputs: {middle['ours']:.3f} s; "
        f"one forward an edge {middle['forward'] / middle['ours']:.1f} times as long, one edge at "
        f"a time {hooks / middle['ours']:.1f} times; a sweep of 30 thresholds "
        f"{middle['sweep'] / middle['ours']:.2f} times, another order of visits once a circuit is "
        f"known {middle['again'] / middle['ours']:.2f} times"
    )
