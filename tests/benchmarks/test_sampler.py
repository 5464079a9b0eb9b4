"""How many counterfactual pairs a second: told, never judged against a clock."""

from __future__ import annotations

import time

import numpy as np
import pytest

from causalabs.counterfactuals.draw import BaseSampler, draw
from tests.counterfactuals.build import addition, equality, hypothesis, line

pytestmark = pytest.mark.benchmark


def three_lines():
    return [
        line("left", name="l"),
        line("right", name="r"),
        line("left", "right", name="both"),
    ]


def pairs(examples) -> int:
    return sum(len(found) for found in examples.lines)


def timed(call, times=5):
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        result = call()
        seconds.append(time.perf_counter() - start)
    return result, float(np.median(seconds))


@pytest.mark.parametrize("sample", [100_000, 1_000_000])
def test_pairs_of_hierarchical_equality(sample, capsys):
    balance = (("main", "left"), ("main", "right"))
    one = hypothesis(equality(), [line("left")], sample=sample, balance=balance)
    three = hypothesis(equality(), three_lines(), sample=min(sample, 300_000), balance=balance)
    for what, asked in (("one source", one), ("three lines", three)):
        examples, seconds = timed(lambda asked=asked: draw(asked, seed=0))
        count = pairs(examples)
        with capsys.disabled():
            print(f"\n{what}: {count:,} pairs, {count / seconds / 1e6:.2f} million a second")
        assert count == sum(len(found.base) for found in examples.lines)


def test_pairs_of_finite_inputs(capsys):
    asked = hypothesis(addition(9), [line("partial")], sample=200_000, by="input")
    examples, seconds = timed(lambda: draw(asked, seed=0))
    with capsys.disabled():
        print(f"\nfinite, by input: {pairs(examples) / seconds / 1e6:.2f} million a second")
    assert pairs(examples) == 200_000


def test_bases_for_training(capsys):
    balance = (("main", "left"), ("main", "right"))
    sampler = BaseSampler(hypothesis(equality(), three_lines(), balance=balance))
    generator = np.random.default_rng(0)
    sampler.draw(2048, generator=generator)
    columns, seconds = timed(lambda: sampler.draw(2048, generator=generator), 50)
    with capsys.disabled():
        print(f"\n2,048 bases: {seconds * 1e6:.0f} microseconds")
    assert columns["a"].shape == (2048, 4)
