"""`set v = e`: values that a basis knows, at one place or written everywhere (SEMANTICS I5, S5)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from causalabs.engine.rows import members_of
from causalabs.hypothesis.model import AllOf, AtText, Last, Site
from tests.end_to_end.running import as_run, quick, random_networks, run_text

torch.set_num_threads(1)

EVERYWHERE = "every residual 0..1 at every token from residual 0 at last"
TEXT = """
hypothesis refuses
"One direction says whether to refuse."

domain Topic   = {{tea, fish, bombs, poison, books, guns}}
domain Opening = {{sure, gladly, no, sorry}}

algorithm {{
  input  topic : Topic
  input  style : {{now, please, today}}
  var    harmful : bool = topic == bombs or topic == poison or topic == guns
  output opening : set of Opening = {{o in Opening where (o == no or o == sorry) == harmful}}
}}

network transformer(layers = 2, heads = 2, width = 16) {{
  feed any of "{{topic}} {{style}} ?", "tell me {{style}} about {{topic}} ?"
  read opening at last
  train until accuracy >= 0.9
}}

alignment {{
  harmful -> {place} in 1 mean_difference dims
}}

counterfactuals {{
  sample 200
  set harmful = false as bypass where base.harmful
  set harmful = true as induce where not base.harmful
  split train 40%, select 20%, heldout 40%
}}

{asked}
"""


def text_of(place: str, *asked: str) -> str:
    return TEXT.format(place=place, asked="\n".join(asked))


def direction(network: Any, examples: Any) -> tuple[torch.Tensor, list[float]]:
    """Difference of the classes' means at `residual 0 at last`, over the inputs of `train`."""
    rows = np.unique(
        np.concatenate(
            [line.base[members_of(examples, n, 0)] for n, line in enumerate(examples.lines)]
        )
    )
    (found,) = network.capture(network.encode(dict(examples.clean["algorithm"])), [READ])
    harmful = examples.clean["algorithm"]["harmful"][rows]
    means = [found[rows[harmful == flag]].mean(dim=0) for flag in (False, True)]
    unit = (means[1] - means[0]) / (means[1] - means[0]).norm()
    return unit, [float(mean @ unit) for mean in means]


READ = Site("residual", 0, position=Last())


@pytest.mark.parametrize(
    ("place", "written"),
    [
        ("residual 0 at last", [READ]),
        ('residual 1 at "?" from residual 0 at last', [Site("residual", 1, position=AtText("?"))]),
        (EVERYWHERE, [Site("residual", n, position=AllOf(ragged=True)) for n in (0, 1)]),
    ],
)
def test_the_value_set_is_the_mean_coordinate_of_its_class(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, place: str, written: list[Site]
) -> None:
    """Agreement and mass are those of a run with the coordinate written by hand."""
    made: dict[bool, Any] = {}
    random_networks(monkeypatch, made)
    text = text_of(place, "report mass of bypass on heldout", "report mass of induce on heldout")
    hypothesis, results, outcomes = run_text(text, tmp_path)
    examples, network = as_run(hypothesis), made[True]
    unit, values = direction(network, examples)

    def edit_to(value: float) -> Any:
        def edit(current: torch.Tensor) -> torch.Tensor:
            tokens = current.view(len(current), -1, len(unit))  # (batch, token, width)
            return (tokens + (value - tokens @ unit)[..., None] * unit).view(current.shape)

        return edit

    (outcome,) = outcomes.values()
    for number, value in enumerate((False, True)):
        rows = examples.lines[number].base[members_of(examples, number, 2)]
        assert (examples.clean["algorithm"]["harmful"][rows] != value).all()
        inputs = network.slice(
            network.encode(dict(examples.clean["algorithm"])), torch.from_numpy(rows)
        )
        edits = [(site, edit_to(values[value])) for site in written]
        scores = network.resume(network.prefix(inputs, written), edits)["opening"]
        members = torch.tensor([False, False, True, True]) == value
        mass = scores.softmax(dim=1)[:, members].sum(dim=1).numpy()
        found = {m.metric: m.values for m in outcome.measured if m.line == number}
        assert found["mass"] == pytest.approx(mass, abs=1e-9)
        assert (found["iia"] == members[scores.argmax(dim=1)].numpy()).all()
        assert results.reports[number].value == pytest.approx(mass.mean())
        assert mass.std() > 0


def test_a_direction_written_everywhere_is_met_and_a_random_one_is_not(monkeypatch, tmp_path):
    quick(monkeypatch, tmp_path / "cache", steps=250)
    text = text_of(
        EVERYWHERE.replace("from residual 0", "from residual 0..1"),
        "expect mass >= 0.9 on heldout",
        "expect mass of bypass >= 0.8 on heldout",
        "expect mass of induce >= 0.8 on heldout",
        "expect mass of bypass <= 0.5 on heldout under random_basis",
    )
    _, results, outcomes = run_text(text, tmp_path / "runs")
    assert [each.verdict for each in results.expectations] == ["met"] * 4, results.expectations
    (fit,) = outcomes["seed0-plain-alignment"].fits
    assert len(fit.select_scores) == 2
    assert fit.choice.endswith(
        f"from residual {fit.select_scores.index(max(fit.select_scores))} at last"
    )
    assert fit.examples == 2 * 80


VALUES = """
hypothesis shifted
"Values are set by name."

algorithm {
  input  start : 2..5
  input  other : 0..2
  var    seen  : 2..5 = start
  output total : 2..7 = seen + other
}

network mlp(hidden = [10, 10]) {
  feed start, other
  read total
  train until accuracy >= 0.9
}

alignment {
  seen -> hidden 0 in 3 mean_difference dims
}

counterfactuals {
  exhaustive
  set seen = 4 as four where base.seen != 4
  interchange seen
  split train 50%, heldout 50%
}

report iia of four on heldout
report logit_difference of four on heldout
"""


def test_a_number_is_set_whatever_its_domain_begins_with(monkeypatch, tmp_path):
    made: dict[bool, Any] = {}
    random_networks(monkeypatch, made)
    hypothesis, _, outcomes = run_text(VALUES, tmp_path)
    examples, network = as_run(hypothesis), made[True]
    line, clean = examples.lines[0], dict(examples.clean["algorithm"])
    site = Site("hidden", 0)
    inputs = network.encode(clean)
    (hidden,) = network.capture(inputs, [site])
    train = np.unique(
        np.concatenate(
            [
                each[..., members_of(examples, n, 0)].ravel()
                for n, e in enumerate(examples.lines)
                for each in (e.base, e.sources)
            ]
        )
    )
    means = torch.stack(
        [hidden[train[clean["seen"][train] == value]].mean(dim=0) for value in range(2, 6)]
    )
    # Three directions hold all differences between four means: the rest of a row stays.
    within = torch.linalg.svd(means - means.mean(dim=0), full_matrices=False)[2][:3]
    rows = line.base[members_of(examples, 0, 1)]
    base = network.slice(inputs, torch.from_numpy(rows))
    edits = [(site, lambda current: current + (means[2] - current) @ within.T @ within)]
    scores = network.resume(network.prefix(base, [site]), edits)["total"].numpy()
    at, new = np.arange(len(rows)), 4 + clean["other"][rows] - 2
    (outcome,) = outcomes.values()
    found = {each.metric: each.values for each in outcome.measured if each.line == 0}
    assert set(clean["seen"][rows]) == {2, 3, 5}
    assert (found["iia"] == (scores.argmax(axis=1) == new)).all()
    difference = scores[at, new] - scores[at, clean["total"][rows] - 2]
    assert found["logit_difference"] == pytest.approx(difference, abs=1e-9)
    assert difference.std() > 0


BOTH = """
hypothesis pairs
"Two values are set at once."

algorithm {
  input  a, b, c : 0..2
  var    left    : bool = a == b
  var    right   : bool = b == c
  output same    : bool = left == right
}

network mlp(hidden = [10, 10]) {
  feed a, b, c
  read same
  train until accuracy >= 0.9
}

alignment {
  left  -> hidden 0 in 1 mean_difference dims
  right -> hidden 0 in 1 mean_difference dims
}

counterfactuals {
  exhaustive
  set left = true, right = false as apart
  split train 50%, heldout 50% by input
}

report logit_difference of apart on heldout
"""


def test_two_values_are_set_in_directions_of_their_own(monkeypatch, tmp_path):
    """One write: neither of two variables at a site disturbs the other (I2)."""
    made: dict[bool, Any] = {}
    random_networks(monkeypatch, made)
    hypothesis, results, outcomes = run_text(BOTH, tmp_path)
    examples, network = as_run(hypothesis), made[True]
    line, clean = examples.lines[0], dict(examples.clean["algorithm"])
    site = Site("hidden", 0)
    inputs = network.encode(clean)
    (hidden,) = network.capture(inputs, [site])
    train = line.base[members_of(examples, 0, 0)]
    means = {
        (name, flag): hidden[train[clean[name][train] == flag]].mean(dim=0)
        for name in ("left", "right")
        for flag in (False, True)
    }
    first = means["left", True] - means["left", False]
    first = first / first.norm()
    second = means["right", True] - means["right", False]
    second = second - (second @ first) * first
    second = second / second.norm()
    values = means["left", True] @ first, means["right", False] @ second

    def edit(current: torch.Tensor) -> torch.Tensor:
        moved = (values[0] - current @ first)[:, None] * first
        return current + moved + (values[1] - current @ second)[:, None] * second

    rows = line.base[members_of(examples, 0, 1)]
    base = network.slice(inputs, torch.from_numpy(rows))
    scores = network.resume(network.prefix(base, [site]), [(site, edit)])["same"].numpy()
    found = {each.metric: each.values for each in outcomes["seed0-plain-alignment"].measured}
    # `left` and not `right`: the answer is false, whatever it was
    difference = np.where(clean["same"][rows], scores[:, 0] - scores[:, 1], 0.0)
    assert found["logit_difference"] == pytest.approx(difference, abs=1e-9)
    assert (found["iia"] == (scores.argmax(axis=1) == 0)).all()
    assert results.reports[0].exact
    assert np.abs(difference).max() > 0.1
