"""`kl`, `median`, `normalised` and `mean` beside what is computed from the scores by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from causalabs.counterfactuals.draw import draw
from causalabs.diagnostics import Source
from causalabs.hypothesis.check import check_source
from causalabs.hypothesis.model import Site
from causalabs.modified import median, over_seeds, ratio
from tests.end_to_end.running import quick, random_networks, run_text

torch.set_num_threads(1)

TEXT = """
hypothesis small

algorithm {{
  input  x, y  : 0..3
  var    seen  : 0..3 = x
  output total : 0..6 = seen + y
}}

network mlp(hidden = [8]) {{
  feed x, y
  read total
  train until accuracy >= 0.5
}}

alignment {{
  seen -> hidden 0 in dims 0..4
}}

counterfactuals {{
  exhaustive
  interchange seen where source.x != base.x
  split heldout 100%
}}

{asked}
"""
ASKED = (
    "report kl of seen",
    "report logit_difference of seen",
    "report mean logit_difference of seen",
    "report median logit_difference of seen",
    "report normalised logit_difference of seen",
    "report median loss",
)


def logs(scores: torch.Tensor) -> np.ndarray:
    return scores.log_softmax(dim=1).numpy()


def test_each_is_what_the_scores_say(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    made: dict[bool, Any] = {}
    quick(monkeypatch, tmp_path / "cache")
    random_networks(monkeypatch, made)
    text = TEXT.format(asked="\n".join(ASKED))
    hypothesis, results, _ = run_text(text, tmp_path / "runs")
    network, (line,) = made[True], draw(hypothesis, seed=0).lines
    inputs = network.encode(draw(hypothesis, seed=0).inputs)
    clean, site = network.scores(inputs)["total"], Site("hidden", 0)
    held = network.capture(inputs, [site])[0]
    mixed = torch.cat([held[line.sources[0]][:, :5], held[line.base][:, 5:]], dim=1)
    prefix = network.prefix(network.slice(inputs, torch.from_numpy(line.base)), [site])
    after = logs(network.resume(prefix, [(site, lambda _: mixed)])["total"])
    base, source = logs(clean[line.base]), logs(clean[line.sources[0]])
    rows, answer = np.arange(len(after)), line.answers["total"]
    columns = draw(hypothesis, seed=0).clean["algorithm"]["total"]
    own = columns[line.base]

    def difference(scores: np.ndarray) -> np.ndarray:
        found: np.ndarray = scores[rows, answer] - scores[rows, own]
        return found

    kl, plain, mean, middle, share, losses = results.reports
    divergence = (np.exp(base) * (base - after)).sum(axis=1)
    assert kl.value == pytest.approx(divergence.mean(), rel=1e-9)
    assert kl.exact
    assert plain.value == mean.value == pytest.approx(difference(after).mean(), rel=1e-9)
    assert middle.value == pytest.approx(np.median(difference(after)), rel=1e-9)
    moved, whole = difference(after) - difference(base), difference(source) - difference(base)
    assert share.value == pytest.approx(moved.mean() / whole.mean(), rel=1e-9)
    assert losses.value == pytest.approx(np.median(-base[rows, own]), rel=1e-9)
    assert not any(row.metric.startswith(("base", "source")) for row in results.table)


def test_intervals_hold_the_truth() -> None:
    generator = np.random.default_rng(1)
    held = np.zeros(2)
    for _ in range(1000):
        skewed = generator.exponential(1.0, 60)
        _, low, high = median(skewed)
        held[0] += low <= np.log(2) <= high
        whole = 1 + skewed
        _, low, high = ratio(whole * generator.beta(1, 3, 60), whole)
        held[1] += low <= 0.25 <= high
    assert (held >= 930).all(), held
    assert (held <= 980).all(), held
    assert over_seeds([(1.0, 0.7, 1.3), (2.0, 1.6, 2.4)]) == pytest.approx((1.5, 1.25, 1.75))


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("report kl", "compares two runs"),
        ("expect median loss of seen <= 0.5", "is reported by itself"),
        ("report median loss of seen - loss of seen", "is reported by itself"),
        ("report median iia of seen", "counts truths"),
        ("report normalised loss", "after one interchange"),
        ("report normalised kl of seen", "after one interchange"),
    ],
)
def test_what_they_do_not_take_is_said(asked: str, said: str) -> None:
    found = check_source(Source(TEXT.format(asked=asked)))
    errors = [each.message for each in found if each.severity == "error"]
    assert len(errors) == 1
    assert said in errors[0]
