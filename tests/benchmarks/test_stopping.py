"""What stopping early saves where the truth is a tenth away from the bound, in one process."""

from __future__ import annotations

import time
from statistics import median

import pytest

from causalabs.engine import jobs, rounds
from tests.known_share import Erring, run

pytestmark = pytest.mark.benchmark

REPEATS = 5
SAMPLES = (4_000, 40_000)
"""Half of them are held out."""


@pytest.mark.parametrize("sample", SAMPLES)
@pytest.mark.parametrize(("bound", "errs"), [(0.8, 100), (0.8, 300), (0.5, 400)])
def test_stopping_early(sample, bound, errs, tmp_path, monkeypatch, capsys):
    settled = [0]
    plain = rounds.settle

    def settle(setting):
        before = module.rows
        found = plain(setting)
        settled[0] += module.rows - before
        return found

    monkeypatch.setattr(rounds, "settle", settle)
    monkeypatch.setattr(jobs, "settle", settle)
    seen = {False: [], True: []}
    for repeat in range(REPEATS):
        for every in (False, True):
            module, settled[0] = Erring(errs), 0
            began = time.perf_counter()
            results = run(
                tmp_path / f"{repeat}{every}",
                module,
                f"expect iia of partial >= {bound} on heldout",
                sample=sample,
                seed=repeat,
                every_example=every,
            )
            total = time.perf_counter() - began
            (found,) = results.expectations
            assert found.verdict == ("met" if 1 - errs / 1000 > bound else "not met")
            kinds = ("activations", "measurement")
            spent = sum(results.seconds.get(kind, 0.0) for kind in kinds)
            seen[every].append((found.samples, module.rows - settled[0], spent, total))
    early, every = ([median(column) for column in zip(*seen[e], strict=True)] for e in seen)
    ratios = [b / a if a else float("inf") for a, b in zip(early, every, strict=True)]
    with capsys.disabled():
        print(
            f"\n{sample // 2:,} held out, truth {1 - errs / 1000:.1f}, bound {bound}: "
            f"{early[0]:.0f} examples, saving {ratios[0]:.1f}x of the examples judged, "
            f"{ratios[1]:.1f}x of the rows run beside fits, {ratios[2]:.1f}x of measuring seconds, "
            f"{ratios[3]:.1f}x of the whole run's"
        )
    assert ratios[0] >= 5
