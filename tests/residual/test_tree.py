"""The tree finds rules that are there, and says nothing of noise."""

from __future__ import annotations

import numpy as np
import pytest

from causalabs.residual.questions import Question
from causalabs.residual.tree import Rule, find_rule


def asked(columns: dict[str, np.ndarray]) -> list[Question]:
    return [
        Question(f"{name} >= {t}", f"{name} < {t}", column >= t)
        for name, column in columns.items()
        for t in range(1, 10)
    ]


def found(
    columns: dict[str, np.ndarray], wrong: np.ndarray, inputs: np.ndarray, seed: int = 0
) -> Rule | None:
    generator = np.random.default_rng(seed)
    return find_rule(asked(columns), wrong, inputs, generator=generator)


def drawn(rows: int, seed: int) -> tuple[np.random.Generator, dict[str, np.ndarray], np.ndarray]:
    generator = np.random.default_rng(seed)
    columns = {name: generator.integers(0, 10, rows) for name in "xyz"}
    return generator, columns, np.arange(2 * rows).reshape(2, rows)


def test_a_planted_rule_is_found_and_scored_on_other_examples() -> None:
    generator, columns, inputs = drawn(4_000, 0)
    planted = (columns["x"] >= 6) & (columns["z"] < 4)
    wrong = np.where(planted, generator.random(4_000) < 0.94, generator.random(4_000) < 0.02)
    rule = found(columns, wrong, inputs)
    assert rule is not None
    assert rule.text == "x >= 6 and z < 4" or rule.text == "z < 4 and x >= 6"
    assert rule.inside == pytest.approx(0.94, abs=0.05)
    assert rule.elsewhere == pytest.approx(0.02, abs=0.02)
    assert rule.fitted_on == rule.inside_rows + rule.elsewhere_rows == 2_000


def test_two_regions_are_told_as_either() -> None:
    _, columns, inputs = drawn(4_000, 1)
    wrong = (columns["x"] >= 7) | (columns["z"] < 2)
    rule = found(columns, wrong, inputs)
    assert rule is not None
    assert (rule.inside, rule.elsewhere) == (1.0, 0.0)
    assert rule.text == "x >= 7 or x < 7 and z < 2"


@pytest.mark.parametrize("share", [0.03, 0.5])
def test_nothing_is_said_of_noise(share: float) -> None:
    said = 0
    for seed in range(40):
        generator, columns, inputs = drawn(2_000, seed)
        said += found(columns, generator.random(2_000) < share, inputs, seed) is not None
    assert said == 0


def test_noise_that_belongs_to_inputs_is_noise_however_often_they_are_used() -> None:
    said = 0
    for seed in range(40):
        generator = np.random.default_rng(seed)
        values = generator.integers(0, 10, (3, 100))  # of 100 inputs
        inputs = np.stack(np.divmod(np.arange(10_000), 100))  # all pairs of base and source
        bad = generator.random(100) < 0.3
        columns = dict(zip("xyz", values[:, inputs[seed % 2]], strict=True))
        said += found(columns, bad[inputs[seed % 2]], inputs, seed) is not None
    assert said <= 1


def test_few_failures_and_only_failures_are_no_rule() -> None:
    _, columns, inputs = drawn(1_000, 3)
    assert found(columns, np.arange(1_000) < 4, inputs) is None
    assert found(columns, np.ones(1_000, dtype=bool), inputs) is None
    assert found(columns, np.zeros(0, dtype=bool), inputs[:, :0]) is None
