"""`scrubbed_loss_recovered`: against every draw there is, enumerated by hand."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import causalabs
from causalabs.diagnostics import Source
from causalabs.engine.networks import build as building
from causalabs.engine.protocol import Device
from causalabs.errors import RunError
from causalabs.hypothesis.check import check_source
from tests.end_to_end.running import quick, run_text

torch.set_num_threads(1)

SCRUBBED = "scrubbed_loss_recovered"
TEXT = """
hypothesis chain

algorithm {{
  input  a, b, c, d : bool
  var    inner  : bool = a and b
  var    outer  : bool = inner or c
  output answer : bool = outer or d
}}

network mlp(hidden = [5, 4]) {{
  feed a, b, c, d
  read answer
  train until accuracy >= 0.5
}}

{alignments}

counterfactuals {{
  sample {sample}
}}

{asked}
"""
CHAIN = """alignment {
  inner -> hidden 0 in dims 0..0
  outer -> hidden 1 in dims 0..1
}"""
INPUTS = list(itertools.product([0, 1], repeat=4))


def wired(noise: float) -> Any:
    """Hidden 0: a and b, c, d, a, b. Hidden 1: inner + c, inner and c, d, nothing."""

    def build(spec: Any, algorithms: Any, **_: Any) -> Any:
        network = building.untrained(spec, algorithms, seed=0, device=Device(dtype=torch.float64))
        weights = [torch.zeros(5, 4), torch.zeros(4, 5), torch.zeros(2, 4)]
        biases = [torch.zeros(5), torch.zeros(4), torch.zeros(2)]
        weights[0][0, :2] = 1.0
        biases[0][0] = -1.0
        for row, column in ((1, 2), (2, 3), (3, 0), (4, 1)):
            weights[0][row, column] = 1.0
        weights[1][0, :2] = 1.0  # inner + c: 0, 1 or 2
        weights[1][1, :2] = 1.0
        biases[1][1] = -1.0  # 1 where both: outer is the difference
        weights[1][2, 2] = 1.0  # d
        weights[2][1] = torch.tensor([6.0, -6.0, 6.0, 0.0])
        biases[2][0] = 3.0
        draws = torch.Generator().manual_seed(3)
        with torch.no_grad():
            for own, given in zip(network.weights, weights, strict=True):
                own.copy_(given + noise * torch.randn(given.shape, generator=draws))
            for own, given in zip(network.biases, biases, strict=True):
                own.copy_(given)
        return building.finish(network, {"origin": "wired"})

    return build


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    quick(monkeypatch, tmp_path)


def run(
    alignments: str, *asked: str, folder: Path, sample: int = 4_000, **more: Any
) -> tuple[Any, ...]:
    text = TEXT.format(alignments=alignments, asked="\n".join(asked), sample=sample)
    results = run_text(text, folder, **more)[1]
    return (*results.expectations, *results.reports), results.notes


# ---------------------------------------------------------------------------- by hand


class ByHand:
    """Expected losses of the chain, over every choice of every input that is resampled."""

    def __init__(self, network: Any) -> None:
        self.w = [w.detach().numpy() for w in network.weights]
        self.b = [b.detach().numpy() for b in network.biases]

    def first(self, x: Any) -> Any:
        return np.maximum(self.w[0] @ np.array(x, float) + self.b[0], 0)

    def second(self, h: Any) -> Any:
        return np.maximum(self.w[1] @ h + self.b[1], 0)

    def loss(self, h: Any, answer: int) -> float:
        scores = self.w[2] @ h + self.b[2]
        return float(np.log(np.exp(scores - scores.max()).sum()) + scores.max() - scores[answer])

    def clean(self) -> float:
        return float(np.mean([self.loss(self.second(self.first(x)), right(x)) for x in INPUTS]))

    def other(self) -> float:
        pairs = itertools.product(INPUTS, INPUTS)
        return float(np.mean([self.loss(self.second(self.first(z)), right(x)) for x, z in pairs]))

    def carried(self, outer: int) -> list[Any]:
        """Hidden 1, each way to draw what stands for an `outer` of that value, and how likely."""
        found = []
        for x in agreeing(lambda each: outer_of(each) == outer):
            bases = agreeing(lambda each, x=x: each[2] == x[2])  # `c` is outer's own
            inners = agreeing(lambda each, x=x: inner_of(each) == inner_of(x))
            for z, y in itertools.product(bases, inners):
                hidden = self.first(z)
                hidden[0] = self.first(y)[0]
                found.append((1 / (len(bases) * len(inners)), self.second(hidden)))
        return found

    def scrubbed(self) -> float:
        carried = {value: self.carried(value) for value in (0, 1)}
        total = []
        for x in INPUTS:
            ways = carried[outer_of(x)]
            weights = sum(weight for weight, _ in ways)
            for z in agreeing(lambda each, x=x: each[3] == x[3]):  # `d` is the output's own
                mean = 0.0
                for weight, hidden in ways:
                    there = self.second(self.first(z))
                    there[:2] = hidden[:2]
                    mean += weight / weights * self.loss(there, right(x))
                total.append(mean)
        return float(np.mean(total))

    def recovered(self) -> float:
        return (self.other() - self.scrubbed()) / (self.other() - self.clean())


def inner_of(x: Any) -> int:
    return int(x[0] and x[1])


def outer_of(x: Any) -> int:
    return int(inner_of(x) or x[2])


def right(x: Any) -> int:
    return outer_of(x) | x[3]


def agreeing(same: Any) -> list[Any]:
    return [x for x in INPUTS if same(x)]


def chain(noise: float) -> ByHand:
    hypothesis = causalabs.loads(
        TEXT.format(alignments=CHAIN, asked="expect accuracy >= 0.5", sample=9)
    )
    return ByHand(wired(noise)(hypothesis.network, hypothesis.algorithms))


@pytest.mark.parametrize("noise", [0.0, 0.2, 0.4])
def test_a_chain_recovers_what_all_draws_do_on_average(
    noise: float, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(building, "build", wired(noise))
    ((found,), _) = run(CHAIN, f"expect {SCRUBBED} >= 0.5", folder=tmp_path, sample=8_000)
    wanted = chain(noise).recovered()
    error = (found.high - found.low) / (2 * 1.96)
    assert found.value == pytest.approx(wanted, abs=4 * error + 1e-9)
    assert (wanted > 0.999) == (noise == 0.0)


def test_the_interval_holds_the_truth_as_often_as_it_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The ratio of two means, in 100 repetitions of 400 examples: 95 % is 88 to 100."""
    monkeypatch.setattr(building, "build", wired(0.3))
    asked = f"expect {SCRUBBED} >= 0.5\nseeds 0..99"
    ((found,), _) = run(CHAIN, asked, folder=tmp_path, sample=400)
    wanted = chain(0.3).recovered()
    held = sum(each.low <= wanted <= each.high for each in found.seeds)
    assert 88 <= held <= 100
    spread = np.std([each.value for each in found.seeds])
    told = np.mean([(each.high - each.low) / (2 * 1.96) for each in found.seeds])
    assert told == pytest.approx(spread, rel=0.25)


# ------------------------------------------------------------------------- hypotheses

PLACES = """alignment right {
  outer -> hidden 1 in dims 0..1
}
alignment leaky {
  outer -> hidden 1 in dims 0..0
}
alignment false {
  outer -> hidden 1 in dims 3..3
}
alignment all {
  outer -> hidden 1
}
"""


def test_true_and_false_hypotheses_are_told_apart(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(building, "build", wired(0.0))
    places = PLACES.replace(" false ", " elsewhere ")
    names = ("right", "leaky", "elsewhere", "all")
    asked = [f"report {SCRUBBED} in {name}" for name in names]
    found, notes = run(places, *asked, "expect accuracy >= 0.9", folder=tmp_path)
    values = {name: each.value for name, each in zip(names, found[1:], strict=True)}
    assert values["right"] == pytest.approx(1.0, abs=1e-9)
    assert abs(values["elsewhere"]) < 0.6
    assert values["leaky"] < 0.9
    assert values["all"] < 0.6  # the whole layer holds d, too
    told = next(note for note in notes if "`right`" in note)
    assert "`outer` 1.000; what is not aligned 1.000" in told


def test_what_is_lost_is_told_apart(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In the whole layer it is the aligned site that loses, not the rest."""
    monkeypatch.setattr(building, "build", wired(0.0))
    places = "alignment {\n  outer -> hidden 1\n}"
    _, notes = run(places, f"expect {SCRUBBED} >= 0.9", folder=tmp_path)
    (told,) = (note for note in notes if note.startswith("scrubbing"))
    assert "what is not aligned 1.000" in told
    assert "`outer` 1.000" not in told


def test_the_same_seed_gives_the_same_numbers(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(building, "build", wired(0.3))
    asked = f"expect {SCRUBBED} >= 0.9"
    ((first,), _) = run(CHAIN, asked, folder=tmp_path / "a")
    ((again,), _) = run(CHAIN, asked, folder=tmp_path / "b")
    ((other,), _) = run(CHAIN, asked, folder=tmp_path / "c", seed=1)
    assert first.value == again.value != other.value


def test_fitted_dims_are_scrubbed_on_data_that_fitted_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(building, "build", wired(0.0))
    text = TEXT.format(
        alignments="alignment {\n  outer -> hidden 1 in 2 learned dims\n}",
        sample="4_000\n  interchange outer\n  split train 50%, heldout 50%",
        asked=f"expect {SCRUBBED} >= 0.9 on heldout\n"
        f"expect {SCRUBBED} <= 0.9 on heldout under random_basis",
    )
    _, results, _ = run_text(text, tmp_path)
    fitted, drawn = results.expectations
    assert fitted.value > 0.9
    assert drawn.value < fitted.value
    codes = [
        d.code for d in check_source(Source(text.replace("0.9 on heldout\n", "0.9 on train\n")))
    ]
    assert "C634" in codes or any(code.startswith("C6") for code in codes)


# ------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("alignments", "asked", "code"),
    [
        ("", f"expect {SCRUBBED} >= 0.9", "C601"),
        (PLACES.replace(" false ", " odd "), f"expect {SCRUBBED} >= 0.9", "C625"),
        (CHAIN, f"expect {SCRUBBED} in nowhere >= 0.9", "C621"),
        (CHAIN, f"expect {SCRUBBED} of outer >= 0.9", "C621"),
    ],
)
def test_which_alignment_must_be_clear(alignments: str, asked: str, code: str) -> None:
    text = TEXT.format(alignments=alignments, asked=asked, sample=100)
    assert code in [each.code for each in check_source(Source(text))]


@pytest.mark.parametrize(
    ("alignments", "asked", "said"),
    [
        (CHAIN, f"report {SCRUBBED} under untrained", "nothing can be recovered"),
        (CHAIN, f"report {SCRUBBED} under chance", "has no meaning under `chance`"),
    ],
)
def test_what_cannot_be_scrubbed_says_why(
    alignments: str, asked: str, said: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def build(spec: Any, algorithms: Any, *, trained: bool = True, **more: Any) -> Any:
        made = wired(0.0)(spec, algorithms, **more)
        if not trained:
            with torch.no_grad():
                made.weights[2].zero_()
        return made

    monkeypatch.setattr(building, "build", build)
    with pytest.raises((RunError, causalabs.HypothesisError)) as caught:
        run(alignments, asked, "expect accuracy >= 0.5", folder=tmp_path)
    assert said in str(caught.value)
