"""Hunting for failing interchanges of claims that are met."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

import causalabs
from causalabs.report.failures import hunt_text
from causalabs.results import Hunt, Results

torch.set_num_threads(1)

FILE = """
algorithm {
  input  a, b, c, d : 0..9
  var    partial : 0..18 = a + b
  output total   : 0..36 = partial + c + d
}

network given() {
  feed a, b, c, d
  read total
}

alignment {
  partial -> module "first".output in dims 0..0
}

counterfactuals {
  sample 300
  interchange partial
  split train 50%, heldout 50%
}

expect iia of partial >= 0.9 on heldout
"""


class Adder(nn.Module):
    """a + b in one number, c and d in two others; wrong where 1 interchange in 10,000 leads."""

    def __init__(self, planted: tuple[int, int, int]) -> None:
        super().__init__()
        self.first = nn.Linear(4, 3, bias=False)
        with torch.no_grad():
            self.first.weight.copy_(torch.tensor([[1.0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]))
        self.planted = planted

    def forward(self, x: Tensor) -> Tensor:
        here = self.first(x)
        answer = here.sum(dim=1)
        off = (here - torch.tensor(self.planted, dtype=x.dtype)).abs()
        sure = off.sum(dim=1).clamp(max=30) / 30 + 0.01
        wrong = (off < 0.5).all(dim=1).to(x.dtype)
        return -(torch.arange(37) - (answer - wrong)[:, None]).abs() * sure[:, None]


def feed(columns: dict[str, object]) -> Tensor:
    return torch.stack([torch.as_tensor(columns[name]).float() for name in "abcd"], dim=1)


def run(folder: Path, text: str = FILE, **more: object) -> Results:
    module = Adder((18, 3, 7))  # 1 in 10,000: a source with 9 and 9, a base with 3 and 7
    hypothesis = causalabs.loads(text, folder=folder)
    return causalabs.run(hypothesis, network=module, feed=feed, runs=folder / "runs", **more)  # type: ignore[arg-type]


def test_a_planted_failure_is_found_and_shrunk(tmp_path: Path) -> None:
    results = run(tmp_path, falsify=20.0)
    (hunt,) = results.hunts
    assert results.verdict == "met"
    assert not results.counterexamples
    assert hunt.found is not None
    assert hunt.found.base == {"a": 0, "b": 0, "c": 3, "d": 7}
    assert hunt.found.sources == ({"a": 9, "b": 9, "c": 0, "d": 0},)
    assert (hunt.found.algorithm, hunt.found.network) == ({"total": 28}, {"total": 27})
    assert hunt.tried > 0
    assert "met, but a failing interchange of partial" in hunt_text(hunt)
    document = json.loads(json.dumps(results.to_json()))
    assert Results.from_json(document).hunts == results.hunts
    cached = run(tmp_path)
    assert cached.cached
    assert not cached.hunts
    assert run(tmp_path, falsify=20.0).hunts[0].found == hunt.found


def test_nothing_is_found_where_nothing_fails(tmp_path: Path) -> None:
    text = FILE.replace("interchange partial", "interchange partial where source.partial < 18")
    (hunt,) = run(tmp_path, text, falsify=0.5).hunts
    assert hunt.found is None
    assert hunt.tried > 1_000
    assert hunt.seconds < 5
    assert "no failing interchange of partial found" in hunt_text(hunt)


def test_only_what_is_met_is_hunted(tmp_path: Path) -> None:
    more = "expect accuracy >= 0.5 on heldout\nexpect iia of partial <= 0.5 on heldout\n"
    hunts = run(tmp_path, FILE + more, falsify=0.4).hunts
    assert [(hunt.metric, hunt.line) for hunt in hunts] == [("iia", 0), ("accuracy", -1)]


@pytest.mark.parametrize("every", [True, False])
def test_what_was_run_in_full_is_not_hunted(every: bool, tmp_path: Path) -> None:
    text = """
    algorithm { input a, b, c, d : 0..1  var partial : 0..18 = a + b
                output total : 0..36 = partial + c + d }
    network given() { feed a, b, c, d read total }
    alignment { partial -> module "first".output in dims 0..0 }
    counterfactuals { exhaustive interchange partial }
    expect iia of partial >= 0.9
    """
    (hunt,) = run(
        tmp_path, text if every else text.replace("exhaustive", "sample 50"), falsify=0.3
    ).hunts
    assert hunt.every == every
    assert (hunt.tried == 0) == every
    assert hunt.found is None


def test_a_hunt_says_in_words_what_it_saw() -> None:
    assert hunt_text(Hunt("iia", 0, "v", "iia of v", 1200, 3.0)) == (
        "iia of v: no failing interchange of v found (1,200 more tried in 3.0 s)"
    )
    assert "all there are were run" in hunt_text(Hunt("iia", 0, "v", "iia", 0, 0.0, every=True))


CHECKPOINT = FILE.replace("given()", 'checkpoint("w.safetensors", mlp(hidden = [5, 2]))').replace(
    'module "first".output', "hidden 0"
)


def planted_weights(path: Path) -> None:
    """The built-in MLP, by hand: one too few at a + b = 18, c = 3, d = 7, else right."""
    digits = torch.arange(10.0)
    first = torch.zeros(5, 40)
    first[0, :10] = first[0, 10:20] = first[1, 20:30] = first[2, 30:] = digits
    first[3, 20 + 3] = first[4, 30 + 7] = 1.0
    second = torch.tensor([[1.0, 1, 1, 0, 0], [1, 0, 0, 1, 1]])  # the sum; 1 where it is planted
    answers = torch.arange(37.0)
    last = torch.stack([2 * answers, -2 * answers], dim=1)  # 2 t s - t^2 is largest at t = s
    biases = (torch.zeros(5), torch.tensor([0.0, -19]), -(answers**2))
    tensors = {f"weights.{i}": each for i, each in enumerate((first, second, last))}
    save_file({**tensors, **{f"biases.{i}": each for i, each in enumerate(biases)}}, path)


def test_one_in_ten_thousand_is_found_on_the_built_in_network(tmp_path: Path) -> None:
    planted_weights(tmp_path / "w.safetensors")
    text = CHECKPOINT.replace("sample 300", "sample 1_000")
    hypothesis = causalabs.loads(text, folder=tmp_path)
    (hunt,) = causalabs.run(hypothesis, runs=tmp_path / "runs", falsify=30.0).hunts
    assert hunt.found is not None
    assert [hunt.found.base[name] for name in "cd"] == [3, 7]
    assert [hunt.found.sources[0][name] for name in "ab"] == [9, 9]
    assert hunt.tried > 0  # none of those measured
    assert hunt.seconds < 30


class Lattice(nn.Module):
    """a + b, and five more numbers; wrong at one point in 2.5 million, less sure near it."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(7, 6, bias=False)
        with torch.no_grad():
            self.first.weight.copy_(torch.cat([torch.eye(6)[:, :1], torch.eye(6)], dim=1))

    def forward(self, x: Tensor) -> Tensor:
        here = self.first(x)
        off = (here - torch.tensor([15.0, 3, 7, 5, 1, 8])).abs()
        wrong = (off < 0.5).all(dim=1).to(x.dtype)
        sure = off.sum(dim=1) / 40 + 0.01
        return -(torch.arange(64) - (here.sum(dim=1) - wrong)[:, None]).abs() * sure[:, None]


def test_moves_towards_a_smaller_margin_find_what_draws_would_not(tmp_path: Path) -> None:
    text = FILE.replace("a, b, c, d", "a, b, c, d, e, f, g").replace("0..36", "0..63")
    text = text.replace("partial + c + d", "partial + c + d + e + f + g")
    hypothesis = causalabs.loads(text, folder=tmp_path)

    def wide(columns: dict[str, object]) -> Tensor:
        return torch.stack([torch.as_tensor(columns[n]).float() for n in "abcdefg"], dim=1)

    (hunt,) = causalabs.run(
        hypothesis, network=Lattice(), feed=wide, runs=tmp_path / "runs", falsify=30.0
    ).hunts
    assert hunt.found is not None
    assert 0 < hunt.tried < 250_000
