"""The recipes reach their accuracies on tasks of every kind (slow)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from causalabs.engine.networks.build import build
from causalabs.hypothesis.model import FeedVectors, Last, Readout
from tests.engine.networks_support import (
    bits_algorithm,
    draw_bits,
    draw_digits,
    draw_reals,
    gru_spec,
    mlp_spec,
    sum_algorithm,
    transformer_spec,
    xor_algorithm,
)

REALS = replace(
    mlp_spec((16, 16)), feed=FeedVectors(("a", "b", "c", "d")), reads=(Readout("odd", None),)
)
SUMS = replace(
    transformer_spec(2, 4, 32), reads=(Readout("total", Last()), Readout("equal", Last()))
)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize(
    ("spec", "algorithm", "draw", "until"),
    [
        (REALS, xor_algorithm(), draw_reals, 0.99),
        (mlp_spec((16,)), sum_algorithm(), draw_digits, 1.0),
        (gru_spec(8), bits_algorithm(), draw_bits, 1.0),
        (SUMS, sum_algorithm(), draw_digits, 1.0),
    ],
    ids=["reals", "digits", "bits", "prompts"],
)
def test_recipes(spec: Any, algorithm: Any, draw: Any, until: float, seed: int) -> None:
    network = build(replace(spec, until=until), [algorithm], seed=seed, draw_bases=draw)
    assert network.record["accuracy"] >= until
