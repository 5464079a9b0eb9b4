"""Circuits: slopes of all edges of SmolLM2 against plain runs of it each way, and many sets of
edges in one call against one run each. Ratios of one process, told and never judged."""

from __future__ import annotations

import resource
import statistics
import time
from collections.abc import Callable

import numpy as np
import pytest
import torch

from causalabs.engine.circuits import ablation
from causalabs.engine.circuits.build import wired
from tests.benchmarks.test_language_models import TOKENS, network  # noqa: F401
from tests.engine.circuits.test_wired_programs import words
from tests.engine.test_tracr import loaded, prompts_of

pytestmark = pytest.mark.benchmark


def seconds(work: Callable[[], object]) -> float:
    """Of this process alone: others on the machine do not count."""
    start = time.process_time()
    work()
    return time.process_time() - start


@pytest.mark.timeout(1200)
def test_slopes_of_every_edge_of_a_real_model(network):  # noqa: F811
    """EAP-IG of 5 steps on 100 prompts against forward and backward runs of the plain model."""
    graph = wired(network)
    draw = np.random.default_rng(0)
    base_words, source_words = draw.integers(0, 40_000, (2, 100, TOKENS))
    base_inputs = network.encode({"words": base_words})
    source_inputs = network.encode({"words": source_words})

    def plain() -> None:
        for first in range(0, 100, 20):
            embedded = network.module.model.embed_tokens(base_inputs.ids[first : first + 20])
            embedded = embedded.detach().requires_grad_()
            states = network.module.model(inputs_embeds=embedded).last_hidden_state[:, -1]
            logits = states @ network.module.lm_head.weight[100:114].T
            torch.autograd.grad((logits[:, 0] - logits[:, 1]).sum(), embedded)

    def loss(scores, rows):
        return scores["answer"][:, 0] - scores["answer"][:, 1]

    together = graph.rows_at_once(base_inputs)

    def ours() -> None:
        for first in range(0, 100, together):
            rows = torch.arange(first, min(first + together, 100))
            base = graph.clean(network.slice(base_inputs, rows))
            source = graph.clean(network.slice(source_inputs, rows))
            instead = ablation.resample(base, source)
            graph.slopes(base, instead, loss, at=(0.0, 0.2, 0.4, 0.6, 0.8))

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    plain()
    first, mine, second = seconds(plain), seconds(ours), seconds(plain)
    ratio = 2 * mine / (first + second)
    # of the whole process, the model and what its file took to read among it
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"\n{len(graph.writers)} writers, {len(graph.readers)} readers, {len(graph.edges):,} edges;"
        f" EAP-IG of 5 steps, 100 prompts of {TOKENS} tokens: {ratio:.1f} runs forward and back"
        f" ({mine:.0f} s), peak {peak:.1f} GB ({before:.1f} before)"
    )


@pytest.mark.parametrize("chain", [True, False], ids=["chain of cuts", "unlike sets"])
def test_many_sets_of_edges_in_one_call(chain: bool) -> None:
    """All sets at once against one call a set, on a compiled program and 64 inputs."""
    torch.set_num_threads(1)
    _, program = loaded("reverse")
    graph = wired(program.float())
    base = graph.clean(prompts_of(program, words(64, (5,))))
    instead = ablation.zero(base)
    edges = len(graph.edges)
    kept = torch.rand(edges, edges, generator=torch.Generator().manual_seed(0)) < 0.5
    if chain:  # each cuts one edge more than the one before, from the output back
        kept = torch.ones(edges, edges, dtype=torch.bool).triu(1).flip(0, 1)
    ratios = []
    for _ in range(5):
        alone = seconds(lambda: [graph.scores(base, instead, one[None]) for one in kept])
        ratios.append(alone / seconds(lambda: graph.scores(base, instead, kept)))
    print(f"\n{edges} sets of {edges} edges, 64 inputs: {statistics.median(ratios):.1f} times")
