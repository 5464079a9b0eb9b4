"""Whole files by both backends: the same verdicts, the same numbers."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

import causalabs
from causalabs.engine.fit import Budget
from tests.end_to_end.stand_ins import load_example, save_stand_in
from tests.engine.pyvene.support import needs_pyvene

pytestmark = needs_pyvene
torch.set_num_threads(1)

FEW = Budget(restarts=2, steps=3, batch=16, judged=16, halve=(), look=3)


def both(hypothesis, runs):
    """The same file natively and by pyvene."""
    return [
        causalabs.run(hypothesis, runs=runs, backend=b, bare=True) for b in ("native", "pyvene")
    ]


def assert_same(ours, theirs, *, within: float) -> None:
    assert ours.verdict == theirs.verdict
    for mine, other in zip(ours.expectations, theirs.expectations, strict=True):
        assert (mine.text, mine.verdict) == (other.text, other.verdict)
        assert mine.value == pytest.approx(other.value, abs=within)
    for mine, other in zip(ours.reports, theirs.reports, strict=True):
        assert mine.value == pytest.approx(other.value, abs=within)
    assert ours.plan != theirs.plan
    assert not theirs.cached


@pytest.mark.slow
@pytest.mark.parametrize("name", ["carry_adder", "hierarchical_equality"])
def test_an_example_comes_to_the_same(name, tmp_path):
    hypothesis = load_example(name, tmp_path)
    assert_same(*both(hypothesis, tmp_path), within=0.01)


@pytest.mark.parametrize(
    ("name", "layers", "sample"),
    [
        ("indirect_object", 9, 60),
        ("greater_than", 4, 200),
        pytest.param("refusal", 28, 40, marks=pytest.mark.slow),
        pytest.param("binding", 25, 60, marks=pytest.mark.slow),
        pytest.param("multiple_choice", 24, 40, marks=pytest.mark.slow),
    ],
)
def test_a_reference_file_on_a_tiny_model_comes_to_the_same(
    name, layers, sample, monkeypatch, tmp_path
):
    hypothesis = load_example(name, tmp_path)
    fewer = replace(hypothesis.counterfactuals, sample=sample)
    folder = tmp_path / "model"
    save_stand_in(hypothesis, folder, layers=layers, taught=fewer.solved)
    network = replace(hypothesis.network, settings=(("id", str(folder)),))
    hypothesis = replace(hypothesis, counterfactuals=fewer, network=network)
    monkeypatch.setattr("causalabs.engine.jobs.budget_for", lambda network: FEW)
    assert_same(*both(hypothesis, tmp_path / "runs"), within=1e-3)
