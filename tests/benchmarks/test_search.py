"""A search over a language model's layers against its fits one by one: told as ratios.

What is fitted is the same on both sides; the store is charged once on each. Seconds are the
processor's, of one thread.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
import torch

from causalabs.engine.fit import LANGUAGE
from causalabs.engine.store import Store
from causalabs.hypothesis.model import Last, Site
from tests.benchmarks.search_support import Search, seconds, smollm2_shaped
from tests.engine.language_models.support import WORDS

pytestmark = pytest.mark.benchmark

RESTARTS, BATCH, STEPS = 4, 16, 100


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_a_search_over_layers_against_its_fits_one_by_one(capsys):
    search = Search(smollm2_shaped(), 96, 512)
    store = search.fill()
    together = search.stepper(search.sites, RESTARTS)
    alone = [search.stepper([site], 1) for site in search.sites]
    pairs = []
    for block in range(3):  # in turn, so that a drift of the machine meets both
        rows = torch.arange(BATCH) + BATCH * block
        one = sum(seconds(step, rows) for step in alone)
        pairs.append((seconds(together, rows), one * RESTARTS))
    pairs = pairs[1:]
    stacked, single = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median((store + STEPS * a) / (store + STEPS * b) for a, b in pairs)
    budget = replace(LANGUAGE, steps=STEPS)
    start = time.process_time()
    found = search.race(budget)
    raced = time.process_time() - start
    with capsys.disabled():
        print(
            f"\n30 layers x {RESTARTS} restarts, batch {BATCH}: {stacked:.2f} s a step, "
            f"{single:.2f} s one by one; ratio {ratio:.3f} (store {store:.1f} s on each side)"
            f"\nwith racing, {STEPS} steps: {raced:.1f} s; "
            f"ratio {(store + raced) / (store + STEPS * single):.3f}"
            f"\nsteps: {[each.steps for each in found]}"
        )


def test_ten_times_the_pairs_over_the_same_inputs(capsys):
    network = smollm2_shaped(6)
    words = np.random.default_rng(0).integers(0, WORDS, (256, 14))
    sites = [Site("residual", layer, position=Last()) for layer in range(6)]
    pairs = []
    for block in range(6):
        spent = []
        for count in (256, 2560) if block % 2 else (2560, 256):
            store = Store(network, {"words": words})
            draws = torch.Generator().manual_seed(block)
            rows = torch.randint(256, (2, count), generator=draws)
            start = time.process_time()
            store.rows(sites, rows[0])
            store.prefix(sites, rows[1])
            spent.append((count, time.process_time() - start))
        pairs.append(dict(spent))
    ratio = statistics.median(each[2560] / each[256] for each in pairs[1:])
    with capsys.disabled():
        print(f"\nactivations and prefixes of 10 times the pairs: {ratio:.2f} times the time")


def test_peak_memory_of_four_thousand_prompts(tmp_path, capsys):
    prompts = os.environ.get("CAUSALABS_BENCHMARK_PROMPTS", "4000")
    inner = os.environ.get("CAUSALABS_BENCHMARK_INNER", "1536")
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.search_support", prompts, inner],
        env={**os.environ, "CAUSALABS_CACHE": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    filled, step, peak = map(float, done.stdout.split())
    with capsys.disabled():
        print(f"\n{prompts} prompts: store {filled} s, {step} s a step, peak {peak} GiB")
    assert list(tmp_path.rglob("activations-*")) == []
