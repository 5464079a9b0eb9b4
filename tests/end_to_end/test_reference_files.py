"""Reference files on tiny models of the families they name: each runs through to a verdict."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

import causalabs
from causalabs.engine.fit import Budget
from tests.end_to_end.stand_ins import load_example, save_stand_in

torch.set_num_threads(1)

FEW = Budget(restarts=2, steps=3, batch=16, judged=16, halve=(), look=3)
FILES = {
    "binding": (25, 60),
    "city_country": (32, 60),
    "greater_than": (4, 200),
    "indirect_object": (9, 60),
    "multiple_choice": (24, 40),
    "refusal": (28, 40),
}
"""Layers that a file asks for, and examples enough to measure on."""


SLOW = ("binding", "city_country", "multiple_choice")


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[pytest.mark.slow] * (n in SLOW)) for n in FILES]
)
def test_a_reference_file_runs_to_a_verdict(name, monkeypatch, tmp_path):
    layers, sample = FILES[name]
    hypothesis = load_example(name, tmp_path)
    assert hypothesis.unsupported == ()
    fewer = replace(hypothesis.counterfactuals, sample=sample)
    folder = tmp_path / "model"
    save_stand_in(hypothesis, folder, layers=layers, taught=fewer.solved)
    network = replace(hypothesis.network, settings=(("id", str(folder)),))
    hypothesis = replace(hypothesis, counterfactuals=fewer, network=network)
    monkeypatch.setattr("causalabs.engine.jobs.budget_for", lambda network: FEW)
    results = causalabs.run(hypothesis, runs=tmp_path / "runs", bare=True)
    assert results.verdict in ("met", "not met", "undecided")
    assert len(results.expectations) == len(hypothesis.expectations)
    assert len(results.reports) == len(hypothesis.reports)
    for each in (*results.expectations, *results.reports):
        assert math.isfinite(each.value), each.text
        assert each.low <= each.value <= each.high
        assert each.samples > 0
