"""Networks whose answer is known, crossed with true, near-miss and false hypotheses.

    python -m tests.known_answers.crossing [--folder FOLDER]

For a claim that names its coordinates every interchange is run by the tool (`exhaustive`) and,
apart from it, by `enumerated`: each line is held against a bound of .99 and against the nearest
thousandths below and above its true value. A verdict is right if it is the one that the true value
calls for. Where coordinates have to be fitted it is right if it says whether there are such
coordinates; the true value told is then that of the basis that the run found.
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

import causalabs
from causalabs.results import Results
from tests.known_answers import recipes
from tests.known_answers.enumerated import (
    CROSSED,
    DIFFERENCES,
    EQUALITIES,
    SUMS,
    Numbers,
    Task,
    Truth,
    behaving,
    implementing,
    neurons,
    untrained,
    wired,
)
from tests.known_answers.tables import say

LOW, HIGH = range(8), range(8, 16)
BOUND, FITTED_BOUND = 0.99, 0.95


@dataclass(frozen=True, eq=False)
class Known:
    """A network: its weights, and the rotation that hides its first hidden layer, if any."""

    name: str
    tensors: Mapping[str, Tensor]
    turn: Numbers | None = None

    @property
    def hidden(self) -> str:
        """Sizes of the hidden layers, as a file says them."""
        sizes = [len(self.tensors[f"biases.{i}"]) for i in range(len(self.tensors) // 2 - 1)]
        return str(sizes)

    def module(self) -> nn.Sequential:
        """As a torch module: layer, ReLU, turn; then what undoes the turn, and so on."""
        assert self.turn is not None
        turn = torch.from_numpy(self.turn).float()
        count = len(self.tensors) // 2
        layers: list[nn.Module] = []
        for i in range(count):
            weight = self.tensors[f"weights.{i}"]
            layers.append(
                _linear(weight @ turn.T if i == 1 else weight, self.tensors[f"biases.{i}"])
            )
            layers += [nn.ReLU()] if i < count - 1 else []
            layers += [_linear(turn, torch.zeros(len(turn)))] if i == 0 else []
        return nn.Sequential(*layers)


def _linear(weight: Tensor, bias: Tensor) -> nn.Linear:
    made = nn.Linear(weight.shape[1], weight.shape[0])
    made.load_state_dict({"weight": weight, "bias": bias})
    return made


@dataclass(frozen=True, eq=False)
class Claim:
    """What is claimed of a network, and what is known of it.

    `places` are what stands behind the arrows; `columns` the coordinates they mean, None where
    they have to be fitted. `kind`: "true", "near miss" or "false".
    """

    network: Known
    task: Task
    kind: str
    what: str
    places: tuple[str, str]
    columns: tuple[Numbers, Numbers] | None

    @property
    def fitted(self) -> bool:
        """Whether coordinates are to be found."""
        return self.columns is None


@dataclass(frozen=True)
class Judgement:
    """One expectation of a claim: what it is worth, what the tool said."""

    network: str
    kind: str
    what: str
    line: str
    bound: float
    true: float
    value: float
    verdict: str
    fitted: bool

    @property
    def wanted(self) -> str:
        """The verdict that is called for."""
        holds = self.kind == "true" if self.fitted else self.true >= self.bound - 1e-9
        return "met" if holds else "not met"

    @property
    def right(self) -> bool:
        """Whether it is the one that was given."""
        return self.verdict == self.wanted


# ------------------------------------------------------------------------ claims


def networks(folder: Path) -> dict[str, Known]:
    """All networks, those trained kept below a folder."""
    by_hand = wired(recipes.words_of(0, 3))
    paths = {
        "trained to sums": implementing(folder / "sums.safetensors", steps=100),
        "trained to differences": implementing(
            folder / "differences.safetensors", steps=100, task=DIFFERENCES
        ),
        "trained on answers": behaving(folder / "answers.safetensors", steps=200),
        "untrained": untrained(folder / "untrained.safetensors"),
    }
    found = {name: Known(name, load_file(str(path))) for name, path in paths.items()}
    found["by hand"] = Known("by hand", by_hand)
    louder = {name: t * 1e4 if name.endswith("2") else t for name, t in by_hand.items()}
    found["by hand, scores times 10,000"] = Known("by hand, scores times 10,000", louder)
    found["by hand, turned"] = Known("by hand, turned", by_hand, _rotation(7))
    return found


def _rotation(seed: int) -> Numbers:
    free = np.random.default_rng(seed).normal(size=(16, 16))
    return np.linalg.qr(free)[0]


def claims(folder: Path) -> list[Claim]:
    """Every network with what is true of it, nearly true, and false."""
    known = networks(folder)
    own = ("hidden 0 in dims 0..7", "hidden 0 in dims 8..15")
    homes = (neurons(LOW), neurons(HIGH))
    found = []
    hand = known["by hand"]
    for task, kind, what in ((EQUALITIES, "true", "own"), (CROSSED, "false", "other pairs")):
        found.append(Claim(hand, task, kind, what, own, homes))
    fewer = ("hidden 0 in dims 0..6", "hidden 0 in dims 8..14")
    found += [
        Claim(
            hand,
            EQUALITIES,
            "near miss",
            "a neuron short",
            fewer,
            (neurons(range(7)), neurons(range(8, 15))),
        ),
        Claim(hand, EQUALITIES, "false", "homes exchanged", own[::-1], homes[::-1]),
        *_turned(known["by hand, turned"], folder),
    ]
    for name, right, wrong in (
        ("trained to sums", SUMS, DIFFERENCES),
        ("trained to differences", DIFFERENCES, SUMS),
    ):
        net = known[name]
        shifted = ("hidden 0 in dims 1..7", "hidden 0 in dims 9..15")
        less = (neurons(range(1, 8)), neurons(range(9, 16)))
        found += [
            Claim(net, right, "true", "own", own, homes),
            Claim(net, right, "near miss", "a neuron short", shifted, less),
            Claim(net, right, "false", "homes exchanged", own[::-1], homes[::-1]),
            Claim(net, wrong, "false", "rival algorithm", own, homes),
        ]
    for name in ("trained on answers", "untrained"):
        for task, what in ((SUMS, "sums"), (DIFFERENCES, "differences")):
            found.append(Claim(known[name], task, "false", what, own, homes))
    return [*found, *_to_be_found(known)]


def _turned(net: Known, folder: Path) -> list[Claim]:
    """The same network behind a rotation: its own columns, tilted ones, bare neurons."""
    assert net.turn is not None
    columns = net.turn  # h' = turn h: neuron i of the bare network is column i
    angle = math.radians(20)
    tilted = columns.copy()
    for i in LOW:
        a, b = columns[:, i], columns[:, i + 8]
        tilted[:, i] = math.cos(angle) * a + math.sin(angle) * b
        tilted[:, i + 8] = math.cos(angle) * b - math.sin(angle) * a
    found = []
    for kind, what, made in (
        ("true", "own columns", columns),
        ("near miss", "columns tilted by 20 degrees", tilted),
        ("near miss", "its neurons, not its columns", np.eye(16)),
    ):
        path = folder / f"{what.replace(' ', '-')}.safetensors"
        save_file({"columns": torch.from_numpy(made.copy())}, path)
        place = f'module "2".output in fixed("{path}") dims'
        parts = (made[:, list(LOW)], made[:, list(HIGH)])
        found.append(Claim(net, EQUALITIES, kind, what, (f"{place} 0..7", f"{place} 8..15"), parts))
    return found


def _to_be_found(known: Mapping[str, Known]) -> list[Claim]:
    """Claims of a number of learned dims."""
    place, turned = "hidden 0 in 8 learned dims", 'module "2".output in 8 learned dims'
    rows = (
        ("by hand", EQUALITIES, "true", place),
        ("by hand, scores times 10,000", EQUALITIES, "true", place),
        ("by hand, turned", EQUALITIES, "true", turned),
        ("by hand", CROSSED, "false", place),
        ("trained to sums", SUMS, "true", place),
        ("trained to sums", DIFFERENCES, "false", place),
        ("trained to differences", DIFFERENCES, "true", place),
        ("trained to differences", SUMS, "false", place),
        ("untrained", SUMS, "false", place),
        ("untrained", DIFFERENCES, "false", place),
    )
    return [
        Claim(known[name], task, kind, f"learned, {task.names[0]}", (where, where), None)
        for name, task, kind, where in rows
    ]


# ----------------------------------------------------------------------- judging


def truth_of(claim: Claim, columns: tuple[Numbers, Numbers]) -> dict[str, float]:
    """IIA of each line, every interchange run."""
    truth = Truth(claim.network.tensors, task=claim.task)
    turn = claim.network.turn
    if turn is not None:  # a swap of columns C of turn h is one of turn^T C of h
        columns = (turn.T @ columns[0], turn.T @ columns[1])
    bases = dict(zip(claim.task.names, columns, strict=True))
    return {which: truth.line(which, 0, bases)["iia"] for which in claim.task.lines}


def text(claim: Claim, bounds: Mapping[str, Sequence[float]], weights: Path) -> str:
    """The hypothesis: each line against each of its bounds."""
    task, (one, two) = claim.task, claim.task.names
    of = {one: one, two: two, "both": f"{one}, {two}"}
    on = " on heldout" if claim.fitted else ""
    expectations = [
        f"expect iia of {of[line]} >= {bound:.3f}{on}"
        for line, several in bounds.items()
        for bound in several
    ]
    network = (
        "given()"
        if claim.network.turn is not None
        else f'checkpoint("{weights}", mlp(hidden = {claim.network.hidden}))'
    )
    drawn = "sample 20_000" if claim.fitted else "exhaustive"
    return "\n".join(
        [
            "hypothesis crossing",
            task.text,
            f"network {network} {{\n  feed {', '.join(task.inputs)}\n  read {task.output}\n}}",
            f"alignment {{\n  {one} -> {claim.places[0]}\n  {two} -> {claim.places[1]}\n}}",
            "counterfactuals {",
            f"  {drawn}",
            *(f"  interchange {each}" for each in of.values()),
            *(["  split train 50%, heldout 50%"] if claim.fitted else []),
            "}",
            *expectations,
        ]
    )


def score(claim: Claim, folder: Path) -> list[Judgement]:
    """Run a claim; what was said of each line at each bound, and what is true of it."""
    if claim.columns is not None:
        true = truth_of(claim, claim.columns)
        bounds = {line: _around(value) for line, value in true.items()}
    else:
        bounds = {line: [FITTED_BOUND] for line in claim.task.lines}
    weights = folder / "crossing.safetensors"
    recipes.write(weights, dict(claim.network.tensors))
    hypothesis = causalabs.loads(text(claim, bounds, weights))
    network = None if claim.network.turn is None else claim.network.module()
    results = causalabs.run(
        hypothesis, network=network, runs=folder / "runs", every_example=True, bare=True
    )
    if claim.columns is None:
        true = truth_of(claim, _found(results, claim.task))
    found = iter(results.expectations)
    return [
        Judgement(
            claim.network.name,
            claim.kind,
            claim.what,
            line,
            bound,
            true[line],
            judged.value,
            str(judged.verdict),
            claim.fitted,
        )
        for line, several in bounds.items()
        for bound, judged in zip(several, found, strict=False)
    ]


def _around(value: float) -> list[float]:
    """.99, and the thousandths around a value; bounds that all or none would meet left out."""
    below = math.floor(value * 1000 + 1e-6) / 1000
    return sorted({b for b in (BOUND, below, below + 0.001) if 0 < b <= 1})


def _found(results: Results, task: Task) -> tuple[Numbers, Numbers]:
    path = next((Path(results.run) / "bases").glob("*.safetensors"))
    label: dict[str, Any] = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    columns = load_file(str(path))["columns"].double().numpy()
    one, two = (columns[:, list(label["blocks"][name])] for name in task.names)
    return one, two


COMPILED = """
hypothesis compiled
{algorithms}
network compiled(
  {network}, dims = 8, layer = {layer}, layers = 3, distractors = 12, noise = 0.01
) {{
  feed x, y, z, w
  read answer
}}

alignment of {claimed} {{
  {one} -> hidden {layer}..2 in 8 learned dims
  {two} -> hidden {layer}..2 in 8 learned dims
}}

counterfactuals {{
  sample 20_000
  interchange {claimed}.{one}
  interchange {claimed}.{two}
  interchange {claimed}.{one}, {claimed}.{two}
  split train 40%, select 20%, heldout 40%
}}

expect iia of {one} >= {bound} on heldout
expect iia of {two} >= {bound} on heldout
expect iia of {one}, {two} >= {bound} on heldout
"""
"""Two algorithms that answer alike, one of them built in, the other or the same one claimed."""

NAMED = {"sums": SUMS, "differences": DIFFERENCES}


def score_compiled(folder: Path) -> list[Judgement]:
    """Networks whose weights are written: what is built in is to be found, its rival not.

    Searched from the layer on that the variables are built into: before it the inputs themselves
    stand apart, and there the rival's variables can be exchanged just as well.
    Nothing here says what is true of a basis that was found, so that column is empty.
    """
    algorithms = "".join(
        task.text.replace("algorithm {", f"algorithm {name} {{") for name, task in NAMED.items()
    )
    found = []
    for layer, network, claimed in product((0, 1), NAMED, NAMED):
        one, two = NAMED[claimed].names
        hypothesis = causalabs.loads(
            COMPILED.format(
                algorithms=algorithms,
                network=network,
                claimed=claimed,
                layer=layer,
                one=one,
                two=two,
                bound=FITTED_BOUND,
            )
        )
        results = causalabs.run(hypothesis, seed=layer, runs=folder / "runs", bare=True)
        what = f"learned in a layer from there on, {claimed}"
        kind = "true" if network == claimed else "false"
        name = f"compiled from {network}, at layer {layer}"
        found += [
            Judgement(
                name,
                kind,
                what,
                line,
                FITTED_BOUND,
                math.nan,
                judged.value,
                str(judged.verdict),
                True,
            )
            for line, judged in zip((one, two, "both"), results.expectations, strict=True)
        ]
    return found


def table(judgements: Sequence[Judgement]) -> str:
    """One row for each claim."""
    rows: dict[tuple[str, str, str], list[Judgement]] = {}
    for each in judgements:
        rows.setdefault((each.network, each.kind, each.what), []).append(each)
    lines = [
        "| network | claim | | true IIA of its lines | measured | verdicts | right |",
        "|---|---|---|---|---|---|---|",
    ]
    for (network, kind, what), found in rows.items():
        true = {each.line: f"{each.true:.4f}".replace("nan", "") for each in found}
        value = {each.line: f"{each.value:.4f}" for each in found}
        verdicts = [each.verdict for each in found]
        said = ", ".join(f"{verdicts.count(v)} {v}" for v in dict.fromkeys(verdicts))
        right = sum(each.right for each in found)
        lines.append(
            f"| {network} | {kind} | {what} | {' / '.join(true.values())} "
            f"| {' / '.join(value.values())} | {said} "
            f"| {right} of {len(found)} |"
        )
    right = sum(each.right for each in judgements)
    return "\n".join([*lines, "", f"{right} of {len(judgements)} verdicts right"])


def main(arguments: Sequence[str] | None = None) -> None:
    """Judge all claims and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=None)
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as made:
        folder = given.folder.resolve() if given.folder else Path(made)
        folder.mkdir(parents=True, exist_ok=True)
        found = [each for claim in claims(folder) for each in score(claim, folder)]
        say(table([*found, *score_compiled(folder)]))


if __name__ == "__main__":
    main()
