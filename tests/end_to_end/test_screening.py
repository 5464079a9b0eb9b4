"""`screens_off` on networks that are known number by number."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from causalabs.diagnostics import Source
from causalabs.engine.networks import build as building
from causalabs.engine.protocol import Device
from causalabs.hypothesis.check import check_source
from causalabs.hypothesis.model import AtIndex, AtStep, Site
from causalabs.results import WARNING, Results
from tests.end_to_end.running import quick, random_networks, run_text

torch.set_num_threads(1)

TEXT = """
hypothesis gated

algorithm {{
  input  a, b, c : bool
  var    both    : bool = a and b
  output answer  : bool = both or c
}}

network mlp(hidden = [4]) {{
  feed a, b, c
  read answer
  train until accuracy >= 0.5
}}

alignment {{
  both -> hidden 0 in dims {{0, 3}}
}}

counterfactuals {{
  exhaustive
  interchange both
  split heldout 100%
}}

{asked}
"""


def wired(leak: float, constant: bool = False) -> Any:
    """Hidden: a and b, c, a, nothing. Out: both or c, and `a` alone too where `leak` is 1."""

    def build(spec: Any, algorithms: Any, **_: Any) -> Any:
        network = building.untrained(spec, algorithms, seed=0, device=Device(dtype=torch.float64))
        first, last = torch.zeros(4, 3), torch.zeros(2, 4)
        first[0, :2] = first[1, 2] = first[2, 0] = 1.0
        last[1] = torch.tensor([2.0, 2.0, 2.0 * leak, 0.0])
        with torch.no_grad():
            network.weights[0].copy_(first)
            network.weights[1].copy_(last)
            network.biases[0].copy_(torch.tensor([-1.0, 0.0, 0.0, 0.0]))
            network.biases[1].copy_(torch.tensor([1.0, -9.0 if constant else 0.0]))
        return building.finish(network, {"origin": "wired", "accuracy": 1.0})

    return build


def results_of(
    monkeypatch: pytest.MonkeyPatch, folder: Path, *asked: str, leak: float = 0.0, **more: Any
) -> Results:
    monkeypatch.setattr(building, "build", wired(leak, **more))
    return run_text(TEXT.format(asked="\n".join(asked)), folder)[1]


def by_hand(leak: bool, inputs: str) -> float:
    """Share of pairs of inputs in which the answer stays when `both` does."""
    stays = []
    for base, source in itertools.product(itertools.product((False, True), repeat=3), repeat=2):
        a, _, c = (s if n in inputs else v for n, v, s in zip("abc", base, source, strict=True))
        both = base[0] and base[1]
        was = both or base[2] or (leak and base[0])
        stays.append(was == (both or c or (leak and a)))
    return float(np.mean(stays))


@pytest.mark.parametrize("leak", [False, True])
@pytest.mark.parametrize("inputs", ["ab", "abc", "c"])
def test_the_share_is_that_counted_by_hand(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, leak: bool, inputs: str
) -> None:
    asked = f"expect screens_off of both between {', '.join(inputs)} and answer >= 0.999"
    results = results_of(monkeypatch, tmp_path, asked, leak=float(leak))
    (judged,) = results.expectations
    assert judged.exact
    assert judged.value == by_hand(leak, inputs)
    assert (judged.value == 1.0) == (inputs == "ab" and not leak)
    assert judged.verdict == ("met" if judged.value == 1.0 else "not met")


def test_without_between_all_inputs_are_resampled(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked = ["expect screens_off of both >= 0.9", "report screens_off of both between a and answer"]
    results = results_of(monkeypatch, tmp_path, *asked)
    assert results.expectations[0].value == by_hand(False, "abc") == 0.625
    assert results.reports[0].value == by_hand(False, "a") == 1.0
    assert "`screens_off of both`: in the algorithm itself the output stays in 0.625 of the " in (
        "\n".join(results.notes)
    )


def test_the_share_with_nothing_kept_stands_beside(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked = "expect screens_off of both between a, b and answer >= 0.99"
    notes = results_of(monkeypatch, tmp_path, asked).notes
    # c settles half of the pairs; of the others the output stays in 1/16 + 9/16.
    assert any("with nothing kept the output stays the base's in 0.812" in note for note in notes)


def test_a_network_of_one_answer_is_warned_of(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked = "expect screens_off of both between a, b and answer >= 0.99"
    results = results_of(monkeypatch, tmp_path, asked, constant=True)
    assert results.expectations[0].value == 1.0
    assert any(
        each.startswith(WARNING) and "gives all these inputs the same answer" in each
        for each in results.notes
    )


# ---------------------------------------------------------------------- floors


def codes(asked: str) -> list[str]:
    found = check_source(Source(TEXT.format(asked=asked)))
    return [each.code for each in found if each.severity in ("warning", "error")]


def test_bounds_that_mean_nothing_are_told() -> None:
    between = "screens_off of both between a, b and answer"
    assert codes(f"expect {between} >= 0.99") == []
    assert codes(f"expect {between} >= 0.81") == ["C641"]  # .8125 with nothing kept

    under = f"expect {between} <= 0.95 on heldout under untrained"
    assert "C640" in codes(f"expect {between} >= 0.9\n{under}")


def test_wrong_words_are_told() -> None:
    for asked in (
        "expect screens_off of both between both and answer >= 0.9",
        "expect screens_off of both between a and c >= 0.9",
        "expect iia of both between a and answer >= 0.9",
    ):
        assert codes(asked) == ["C621"]


# ------------------------------------------------------- complements, by hand

STEPS = """
hypothesis sums

algorithm {
  input  x[3]    : 0..2
  var    partial : 0..4 = x[0] + x[1]
  output total   : 0..6 = partial + x[2]
}

network gru(width = 6) {
  feed step i: x[i]
  read total at last step
  train until accuracy >= 0.5
}

alignment {
  partial -> state at step 1 in dims 0..2
}

counterfactuals {
  exhaustive
  interchange partial
  split heldout 100%
}

report screens_off of partial between x[0], x[1] and total
"""

TOKENS = """
hypothesis tokens

algorithm {
  input  x, y  : 0..4
  output first : 0..4 = x
}

network transformer(layers = 2, heads = 2, width = 8) {
  feed x, y, "="
  read first at last
  train until accuracy >= 0.5
}

alignment {
  x -> residual 0 at last in dims 0..4
}

counterfactuals {
  exhaustive
  interchange x
  split heldout 100%
}

report screens_off of x
"""


def measured(
    monkeypatch: pytest.MonkeyPatch, folder: Path, text: str
) -> tuple[Any, Any, np.ndarray, np.ndarray]:
    """The network, its examples' inputs as base and source, and the rows measured."""
    from causalabs.counterfactuals.draw import draw

    made: dict[bool, Any] = {}
    quick(monkeypatch, folder / "cache")
    random_networks(monkeypatch, made)
    hypothesis, _, outcomes = run_text(text, folder / "runs")
    examples = draw(hypothesis, seed=0)
    (rows,) = [
        each.hits
        for outcome in outcomes.values()
        for each in outcome.measured
        if each.metric.startswith("screens_off")
    ]
    return made[True], hypothesis, examples, rows


def test_the_rest_of_a_state_is_resampled_and_later_inputs_are_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    network, _, examples, rows = measured(monkeypatch, tmp_path, STEPS)
    line, names = examples.lines[0], ("x[0]", "x[1]", "x[2]")
    base = {name: examples.inputs[name][line.base] for name in names}
    source = {name: examples.inputs[name][line.sources[0]] for name in names}
    site = Site("state", position=AtStep(1))
    kept, rest = (network.capture(network.encode(each), [site])[0] for each in (base, source))
    inputs = network.encode(base)
    mixed = torch.cat([kept[:, :3], rest[:, 3:]], dim=1)
    after = network.resume(network.prefix(inputs, [site]), [(site, lambda _: mixed)])["total"]
    stays = after.argmax(dim=1) == network.scores(inputs)["total"].argmax(dim=1)
    assert 0.1 < rows.mean() < 0.99
    assert (rows == stays.numpy()).all()


def test_other_positions_are_resampled_with_the_rest(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    network, _, examples, rows = measured(monkeypatch, tmp_path, TOKENS)
    line = examples.lines[0]
    pick = lambda at: {name: column[at] for name, column in examples.inputs.items()}  # noqa: E731
    base, source = network.encode(pick(line.base)), network.encode(pick(line.sources[0]))
    sites = [Site("residual", 0, position=AtIndex(i)) for i in range(3)]
    kept, rest = (network.capture(each, sites) for each in (base, source))
    last = torch.cat([kept[2][:, :5], rest[2][:, 5:]], dim=1)
    written = [*rest[:2], last]
    edits = [(site, lambda _, new=new: new) for site, new in zip(sites, written, strict=True)]
    after = network.resume(network.prefix(base, sites), edits)["first"]
    stays = after.argmax(dim=1) == network.scores(base)["first"].argmax(dim=1)
    assert 0.1 < rows.mean() < 0.99
    assert (rows == stays.numpy()).all()
