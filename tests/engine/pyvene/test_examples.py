"""Whole examples by both backends: the same verdicts, the same numbers."""

from __future__ import annotations

from pathlib import Path

import pytest

import causalabs
from tests.engine.pyvene.support import needs_pyvene

pytestmark = [needs_pyvene, pytest.mark.slow]

EXAMPLES = Path(__file__).parents[3] / "examples"


@pytest.mark.parametrize("name", ["carry_adder", "hierarchical_equality"])
def test_an_example_comes_to_the_same(name, tmp_path):
    hypothesis = causalabs.load(EXAMPLES / f"{name}.causal")
    ours, theirs = (
        causalabs.run(hypothesis, runs=tmp_path, backend=backend)
        for backend in ("native", "pyvene")
    )
    assert ours.verdict == theirs.verdict
    for mine, other in zip(ours.expectations, theirs.expectations, strict=True):
        assert (mine.text, mine.verdict) == (other.text, other.verdict)
        assert mine.value == pytest.approx(other.value, abs=0.01)
    assert ours.plan != theirs.plan
    assert not theirs.cached
