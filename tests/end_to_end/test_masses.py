"""`mass`, `logit_difference` and `loss`, beside what is computed by hand from the scores."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from causalabs.engine.fit import Budget
from causalabs.hypothesis.model import Hypothesis
from tests.end_to_end.running import as_run, quick, random_networks, run_text

torch.set_num_threads(1)

TEXT = """
hypothesis later
"The answer is a set."

algorithm {{
  input  start : 0..5
  input  shift : 0..1
  var    seen  : 0..5 = start
  output above : set of 0..7 = {{y in 0..7 where y > seen and y <= 6 + shift}}
  {more}
}}

network mlp(hidden = [12, 12]) {{
  feed start, shift
  read above
  {read}
  train until accuracy >= 0.9
}}

alignment {{
  seen -> hidden 0
}}

counterfactuals {{
  exhaustive
  interchange seen as raised where source.start > base.start
  {drawn}
}}

{asked}
"""
PARITY = "output even : bool = start == 2 or start == 4 or shift == 0"


def text_of(*asked: str, more: str = "", drawn: str = "split heldout 100% by input") -> str:
    read = "read even" if more else ""
    return TEXT.format(asked="\n".join(asked), more=more, read=read, drawn=drawn)


def members(start: int, shift: int) -> np.ndarray:
    return np.array([start < y <= 6 + shift for y in range(8)])


def shares(scores: Any) -> np.ndarray:
    logits = scores.numpy()
    found = np.exp(logits - logits.max(axis=1, keepdims=True))
    return found / found.sum(axis=1, keepdims=True)


def ran(
    monkeypatch: pytest.MonkeyPatch, folder: Path, text: str
) -> tuple[Hypothesis, Any, dict[tuple[str, int], np.ndarray], Any, Any]:
    made: dict[bool, Any] = {}
    random_networks(monkeypatch, made)
    hypothesis, results, outcomes = run_text(text, folder)
    found = {
        (each.metric, each.line): each.values
        for outcome in outcomes.values()
        for each in outcome.measured
    }
    examples = as_run(hypothesis)
    network = made[True]
    scores = network.scores(network.encode(dict(examples.inputs)))
    return hypothesis, results, found, examples, scores


def test_mass_is_the_probability_on_the_set(monkeypatch, tmp_path):
    """Writing all of a hidden layer makes the network answer as it answers the source."""
    asked = ("report mass on heldout", "report mass of raised on heldout")
    _, results, found, examples, scores = ran(monkeypatch, tmp_path, text_of(*asked))
    line, inputs = examples.lines[0], examples.inputs
    probability = shares(scores["above"])
    own = np.array([members(*each) for each in zip(inputs["start"], inputs["shift"], strict=True)])
    clean = (probability * own).sum(axis=1)
    assert found["mass", -1] == pytest.approx(clean[line.base], abs=1e-12)
    # after the interchange `seen` is the source's and `shift` the base's
    after = np.array(
        [
            members(inputs["start"][s], inputs["shift"][b])
            for b, s in zip(line.base, line.sources[0], strict=True)
        ]
    )
    masses = (probability[line.sources[0]] * after).sum(axis=1)
    assert found["mass", 0] == pytest.approx(masses, abs=1e-12)
    assert masses.std() > 0.05
    best = scores["above"].argmax(dim=1).numpy()
    assert (found["accuracy", -1] == own[np.arange(len(best)), best][line.base]).all()
    assert (found["iia", 0] == after[np.arange(len(after)), best[line.sources[0]]]).all()
    shown = [report.value for report in results.reports]
    assert shown == pytest.approx([clean[line.base].mean(), masses.mean()])
    assert all(report.exact for report in results.reports)
    assert [row.metric for row in results.table] == ["iia", "mass"]


def test_a_logit_difference_is_the_new_answer_minus_the_old(monkeypatch, tmp_path):
    text = text_of(
        "report logit_difference of raised on heldout", "report loss of raised on heldout"
    ).replace("set of 0..7 = {y in 0..7 where y > seen and y <= 6 + shift}", "0..6 = seen + shift")
    _, results, found, examples, scores = ran(monkeypatch, tmp_path, text)
    line, inputs = examples.lines[0], examples.inputs
    logits = scores["above"].numpy()[line.sources[0]]
    rows = np.arange(len(line))
    new = inputs["start"][line.sources[0]] + inputs["shift"][line.base]
    old = inputs["start"][line.base] + inputs["shift"][line.base]
    difference = logits[rows, new] - logits[rows, old]
    assert found["logit_difference", 0] == pytest.approx(difference, abs=1e-12)
    assert (difference > 0).any()
    assert (difference < 0).any()
    probability = shares(scores["above"])[line.sources[0]]
    assert found["loss", 0] == pytest.approx(-np.log(probability[rows, new]), abs=1e-12)
    assert results.reports[0].value == pytest.approx(difference.mean())


def test_the_networks_own_logit_difference_is_its_margin(monkeypatch, tmp_path):
    """Of several outputs, by how much the best other answer falls behind."""
    text = text_of("report logit_difference on heldout", more=PARITY).replace(
        "set of 0..7 = {y in 0..7 where y > seen and y <= 6 + shift}", "0..6 = seen + shift"
    )
    _, _, found, examples, scores = ran(monkeypatch, tmp_path, text)
    inputs, base = examples.inputs, examples.lines[0].base
    start, shift = inputs["start"], inputs["shift"]
    even = (start == 2) | (start == 4) | (shift == 0)
    first, second = scores["above"].numpy(), scores["even"].numpy()
    for row, value in zip(base[:200], found["logit_difference", -1][:200], strict=True):
        every = first[row][:, None] + second[row][None, :]  # each pair of answers
        right = (start[row] + shift[row], int(even[row]))
        others = every.copy()
        others[right] = -np.inf
        assert value == pytest.approx(every[right] - others.max(), abs=1e-12)


def test_several_outputs_share_their_mass_as_one_answer(monkeypatch, tmp_path):
    _, _, found, examples, scores = ran(
        monkeypatch, tmp_path, text_of("report mass on heldout", more=PARITY)
    )
    inputs, base = examples.inputs, examples.lines[0].base
    start, shift = inputs["start"], inputs["shift"]
    even = (start == 2) | (start == 4) | (shift == 0)
    own = np.array([members(*each) for each in zip(start, shift, strict=True)])
    rows = np.arange(len(start))
    joint = (shares(scores["above"]) * own).sum(axis=1)
    joint = joint * shares(scores["even"])[rows, even.astype(int)]
    assert found["mass", -1] == pytest.approx(joint[base], abs=1e-12)


def test_a_network_learns_to_answer_with_a_set(monkeypatch, tmp_path):
    """Training brings probability onto the set; the untrained control has chance there."""
    quick(monkeypatch, tmp_path / "cache", steps=400)
    text = text_of(
        "expect accuracy >= 0.95 on heldout",
        "expect mass >= 0.9 on heldout",
        "expect mass of raised >= 0.9 on heldout",
        "expect mass of raised <= 0.8 on heldout under untrained",
        "expect mass of raised - mass of raised under shuffled_sources >= 0.05 on heldout",
    ).replace("and y <= 6 + shift", "")
    _, results, _ = run_text(text, tmp_path / "runs")
    assert [each.verdict for each in results.expectations] == ["met"] * 5, results.expectations


def test_a_sampled_mass_has_an_interval(monkeypatch, tmp_path):
    asked = "report mass of raised - mass of raised under shuffled_sources on heldout"
    text = text_of(asked, drawn="split heldout 100%").replace("exhaustive", "sample 300")
    _, results, _, _, _ = ran(monkeypatch, tmp_path, text)
    (report,) = results.reports
    assert not report.exact  # which sources are shuffled to which bases is chance
    assert report.samples == 60  # fewer than asked: there are no more
    assert report.low < report.value < report.high
    assert report.high - report.low < 0.4


def test_solved_examples_are_those_of_the_network_under_test_whatever_the_control(
    monkeypatch, tmp_path
):
    """A set is answered rightly where the best value is a member; controls ask nothing anew."""
    asked = (
        "report accuracy on heldout",
        "report mass of raised on heldout",
        "report mass of raised on heldout under untrained",
    )
    drawn = "keep solved\n  split heldout 100%"
    text = text_of(*asked, drawn=drawn).replace("exhaustive", "sample 200")
    harder = "y == seen or y == seen + 2 or y == seen + shift"
    text = text.replace("y > seen and y <= 6 + shift", harder)
    made: dict[bool, Any] = {}
    random_networks(monkeypatch, made)
    hypothesis, results, outcomes = run_text(text, tmp_path)

    def right(network: Any) -> Any:
        def solved(inputs: Any, clean: Any) -> np.ndarray:
            best = network.scores(network.encode(dict(inputs)))["above"].argmax(dim=1).numpy()
            return clean["algorithm"]["above"][np.arange(len(best)), best]

        return solved

    examples = as_run(hypothesis, solved=right(made[True]))
    line = examples.lines[0]
    assert 0 < results.reports[0].value < 1  # measured before the filter
    used = np.concatenate([line.base, line.sources[0]])
    assert right(made[True])(examples.inputs, examples.clean)[used].all()
    assert not right(made[False])(examples.inputs, examples.clean)[used].all()
    after = line.answers["above"]
    for job, trained in (("seed0-plain-alignment", True), ("seed0-untrained-alignment", False)):
        network = made[trained]
        probability = shares(network.scores(network.encode(dict(examples.inputs)))["above"])
        masses = (probability[line.sources[0]] * after).sum(axis=1)
        found = {each.metric: each.values for each in outcomes[job].measured if each.line == 0}
        assert found["mass"] == pytest.approx(masses, abs=1e-12)


def test_learned_dims_are_fitted_by_the_mass_on_the_set(monkeypatch, tmp_path):
    """The answers of a fit are sets too: what it finds is better than dims at random."""
    budget = Budget(restarts=2, steps=150, batch=64, judged=128, halve=(0.5,), look=50)
    quick(monkeypatch, tmp_path / "cache", steps=400, budget=budget)
    text = text_of(
        "expect mass of raised >= 0.98 on heldout",
        "expect mass of raised - mass of raised under random_basis >= 0.02 on heldout",
        drawn="split train 50%, heldout 50%",
    )
    text = text.replace("and y <= 6 + shift", "").replace("exhaustive", "sample 400")
    text = text.replace("seen -> hidden 0", "seen -> hidden 0..1 in 4 learned dims").replace(
        "split train 50%", "split select 10%, train 40%"
    )
    _, results, _ = run_text(text, tmp_path / "runs")
    assert [each.verdict for each in results.expectations] == ["met"] * 2, results.expectations
