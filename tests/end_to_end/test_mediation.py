"""Effects and their parts on networks that are known number by number."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
import torch

from causalabs.engine.errors import EngineError
from causalabs.engine.networks import build as building
from causalabs.engine.protocol import Device
from causalabs.results import Results
from tests.end_to_end.running import run_text

torch.set_num_threads(1)

TEXT = """
hypothesis routes

algorithm {{
  input  x, c   : bool
  var    inside : bool = x
  output answer : bool = inside
}}

network mlp(hidden = [3]) {{
  feed x, c
  read answer
  train until accuracy >= 0.5
}}

alignment {{
  inside -> hidden 0 in dims {{0}}
}}

counterfactuals {{
  exhaustive
  interchange inside
  split heldout 100%
}}

{asked}
"""


def wired(through: float, past: float, interaction: float = 0.0) -> Any:
    """Hidden: x, x again, both at once. Scores of `true`: what each of them weighs."""

    def build(spec: Any, algorithms: Any, **_: Any) -> Any:
        network = building.untrained(spec, algorithms, seed=0, device=Device(dtype=torch.float64))
        first, last = torch.zeros(3, 2), torch.zeros(2, 3)
        first[0, 0] = first[1, 0] = first[2, 1] = 1.0
        last[1] = torch.tensor([through, past, interaction])
        with torch.no_grad():
            network.weights[0].copy_(first)
            network.weights[1].copy_(last)
            for bias in network.biases:
                bias.zero_()
        return building.finish(network, {"origin": "wired", "accuracy": 1.0})

    return build


EFFECTS = (
    "total_effect",
    "natural_direct_effect",
    "natural_indirect_effect",
    "proportion_mediated",
)


def results_of(monkeypatch: pytest.MonkeyPatch, folder: Path, *asked: str, network: Any) -> Results:
    monkeypatch.setattr(building, "build", network)
    return run_text(TEXT.format(asked="\n".join(asked)), folder)[1]


@pytest.mark.parametrize(("through", "past"), [(3.0, 1.0), (4.0, 0.0), (0.5, 2.0)])
def test_a_linear_network_splits_its_effect_by_its_weights(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, through: float, past: float
) -> None:
    asked = [f"report {name} of inside between x and answer on heldout" for name in EFFECTS]
    results = results_of(monkeypatch, tmp_path, *asked, network=wired(through, past))
    total, direct, indirect, share = (each.value for each in results.reports)
    # An answer's sign turns with x, so each effect is counted towards the second answer.
    assert total == pytest.approx(through + past)
    assert indirect == pytest.approx(through)
    assert direct == pytest.approx(past)
    assert share == pytest.approx(through / (through + past))


def test_examples_whose_answer_stays_are_left_out_and_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    results = results_of(
        monkeypatch, tmp_path, "report total_effect of inside on heldout", network=wired(3.0, 1.0)
    )
    pairs = itertools.product(itertools.product((0, 1), repeat=2), repeat=2)
    assert results.reports[0].samples == sum(base[0] != source[0] for base, source in pairs)
    assert any("examples left out: in 8 the algorithm's" in note for note in results.notes)


def test_the_shares_interval_is_that_of_a_ratio(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Exact data have none; the rows behind it average to the ratio of the averages."""
    asked = [f"report {name} of inside on heldout" for name in EFFECTS]
    results = results_of(monkeypatch, tmp_path, *asked, network=wired(3.0, 1.0, interaction=2.0))
    total, _, indirect, share = (each.value for each in results.reports)
    assert share == pytest.approx(indirect / total)


def test_an_input_that_changes_no_answer_has_no_effect_to_speak_of(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked = "report total_effect of inside between c and answer on heldout"
    with pytest.raises(EngineError, match="never changes"):
        results_of(monkeypatch, tmp_path, asked, network=wired(3.0, 1.0))


def test_effects_of_the_same_inputs_are_paired(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked = (
        "report total_effect of inside on heldout",
        "report total_effect of inside - natural_direct_effect of inside on heldout",
    )
    results = results_of(monkeypatch, tmp_path, *asked, network=wired(3.0, 1.0))
    alone, difference = results.reports
    assert difference.value == pytest.approx(3.0)
    assert difference.samples == alone.samples  # the same examples, asked twice
