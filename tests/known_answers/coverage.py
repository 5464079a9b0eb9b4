"""How often a 95 % interval holds the truth, drawing, fitting and selection included.

    python -m tests.known_answers.coverage [--folder FOLDER] [--runs 500]
    python -m tests.known_answers.coverage --print

Each repetition is a `causalabs.run` with seeds of its own: it draws examples, fits a rotation in
each of two layers, chooses the layer on `select` and measures on `heldout`. The truth it is held
against is that of *its* bases: every interchange there is, by `enumerated`, which shares nothing
with the engine. Fits are cut to a few steps of two restarts, so that truths differ, and
counterexamples are not looked for. Repetitions are kept as lines of
`coverage.jsonl` in FOLDER, by default `.known_answers`.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from safetensors.torch import load_file

import causalabs
from causalabs.counterfactuals.draw import draw
from causalabs.engine.fit import Budget
from causalabs.hypothesis.model import Hypothesis
from causalabs.results import Judged, Results, SeedValue
from tests.known_answers import enumerated
from tests.known_answers.enumerated import SUMS, Numbers, Truth
from tests.known_answers.tables import say

AWAY = 0.03
"""How far the truth lies from a bound whose verdict should be right."""

TEXT = """
hypothesis coverage
{algorithm}
network checkpoint("{weights}", mlp(hidden = [16, 16])) {{
  feed x, y, z, w
  read answer
}}

alignment found {{
  left  -> hidden 0..1 in 4 learned dims
  right -> hidden 0..1 in 4 learned dims
}}

alignment closed {{
  left  -> hidden 0 in {left}
  right -> hidden 0 in {right}
}}

counterfactuals {{
  {count}
{balance}  interchange left
  interchange right
  interchange left, right
  split train 30%, select 20%, heldout 50%{by}
}}

{reports}
{expectations}
"""

QUANTITIES = {
    "iia of left in found": (0.67, 0.977),
    "iia of left in closed": (0.54, 0.978),
    "iia in found": (0.68, 0.979),
    "iia of left in found - iia of left in closed": (0.13, 0.0),
    "iia in found - iia in closed": (0.13, 0.0),
    "accuracy": (0.90, 0.975),
    "mass of left in found": (0.57, 0.744),
    "logit_difference of left in found": (0.10, 1.01),
}
"""What is measured as a file says it; about where it lies, not and near one."""

JUDGED = "iia of left in found"
BOUNDS = [number / 100 for number in range(30, 100)]
OFFSETS = (-0.08, -0.035, 0.0, 0.035, 0.08)
"""Where a bound lies about each quantity that is looked at until it is decided: each in turn."""


@dataclass(frozen=True)
class Case:
    """A way to draw, a network and how long to fit."""

    name: str
    count: str = "sample 800"
    balanced: bool = False
    by: str = ""
    implementing: bool = False
    steps: int = 40
    sequential: bool = False

    def weights(self, folder: Path) -> Path:
        """The network's, trained if need be: short of perfect."""
        if self.implementing:
            return enumerated.implementing(folder / "implementing.safetensors", steps=30)
        return enumerated.behaving(folder / "behaving.safetensors", steps=25)

    def text(self, weights: Path, seed: int = 0) -> str:
        """The hypothesis of a repetition."""
        return TEXT.format(
            algorithm=enumerated.SUMS.text,
            weights=weights,
            left="dims 0..7" if self.implementing else "pca dims 0..3",
            right="dims 8..15" if self.implementing else "pca dims 4..7",
            count=self.count,
            balance="  balance left, right\n" if self.balanced else "",
            by=self.by,
            reports="\n".join(f"report {each} on heldout" for each in self.reported),
            expectations="\n".join(
                f"expect {q} >= {b:.3f} on heldout" for q, b in self.judged(seed)
            ),
        )

    @property
    def reported(self) -> list[str]:
        """What is measured on a sample of a size told beforehand."""
        return [] if self.sequential else list(QUANTITIES)

    def judged(self, seed: int) -> list[tuple[str, float]]:
        """What is expected to be at least what; bounds that nothing can meet are left out."""
        if not self.sequential:
            return [(JUDGED, bound) for bound in BOUNDS]
        pairs = [
            (quantity, round(centres[self.implementing] + OFFSETS[(seed + n) % len(OFFSETS)], 3))
            for n, (quantity, centres) in enumerate(QUANTITIES.items())
        ]
        return [(quantity, bound) for quantity, bound in pairs if bound <= 1 or "logit" in quantity]


CASES = (
    Case("400 examples"),
    Case("60 examples", count="sample 120"),
    Case("balanced", balanced=True),
    Case("near one", implementing=True, steps=200),
    Case("inputs dealt to splits", by=" by input"),
    Case("every example, dealt to splits", count="exhaustive"),
    Case("until decided", sequential=True),
    Case("until decided, near one", sequential=True, implementing=True, steps=200),
    Case("until decided, by input", sequential=True, by=" by input"),
)


# -------------------------------------------------------------------- the truth


def weight_of(case: Case, hypothesis: Hypothesis, seed: int) -> Numbers:
    """How often each input stands on `heldout`."""
    if case.balanced:
        return enumerated.balanced()
    if not case.by:
        return enumerated.all_alike()
    drawn = draw(hypothesis, seed=seed)
    held = [name for name, _ in hypothesis.counterfactuals.splits].index("heldout")
    rows = np.unique(
        np.concatenate(
            [
                np.concatenate([line.base, *line.sources])[
                    np.tile(line.split == held, 1 + len(line.sources))
                ]
                for line in drawn.lines
            ]
        )
    )
    columns = np.stack([np.asarray(drawn.inputs[name])[rows] for name in ("x", "y", "z", "w")], 1)
    places = columns @ np.array([27, 9, 3, 1])
    return enumerated.only(places)


def truths(results: Results, truth: Truth, seed: int) -> dict[str, float]:
    """What each quantity would be with every interchange measured, with the run's own bases."""
    found = {}
    for alignment in ("found", "closed"):
        layer, bases = _bases(results, alignment, seed)
        found[alignment] = {which: truth.line(which, layer, bases) for which in SUMS.lines}
    mean = {name: np.mean([line["iia"] for line in f.values()]) for name, f in found.items()}
    own, closed = found["found"]["left"], found["closed"]["left"]
    return {
        "iia of left in found": own["iia"],
        "iia of left in closed": closed["iia"],
        "iia in found": float(mean["found"]),
        "iia of left in found - iia of left in closed": own["iia"] - closed["iia"],
        "iia in found - iia in closed": float(mean["found"] - mean["closed"]),
        "accuracy": truth.accuracy(),
        "mass of left in found": own["mass"],
        "logit_difference of left in found": own["logit_difference"],
    }


def _bases(results: Results, alignment: str, seed: int) -> tuple[int, Mapping[str, Numbers]]:
    """Layer and columns of each variable, as the run kept them; neurons are kept nowhere."""
    path = Path(results.run) / "bases" / f"seed{seed}-plain-{alignment}-0.safetensors"
    if not path.exists():
        eye = np.eye(16)
        return 0, {"left": eye[:, :8], "right": eye[:, 8:]}
    columns = load_file(str(path))["columns"].double().numpy()
    label = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    bases = {name: columns[:, list(block)] for name, block in label["blocks"].items()}
    return label["sites"]["left"][0]["layer"], bases


# ------------------------------------------------------------------ repetitions


WHERE = ("causalabs.engine.jobs", "causalabs.engine.rounds")


@contextmanager
def short(case: Case) -> Iterator[None]:
    """Fits of a few steps: what is asked is whether intervals are right, not fits good."""
    budget = Budget(restarts=2, steps=case.steps, batch=64, judged=256, halve=(0.5,), look=20)
    with ExitStack() as stack:
        stack.enter_context(patch("causalabs.engine.jobs.budget_for", lambda network: budget))
        stack.enter_context(patch("causalabs.engine.run.told", lambda *given: ((), ())))
        for module in WHERE:
            stack.enter_context(patch(f"{module}.failing", lambda *given: ()))
        yield


def repeat(case: Case, seeds: tuple[int, ...], folder: Path) -> list[dict[str, Any]]:
    """One run of several seeds: a record for each quantity, seed by seed and over them."""
    weights = case.weights(folder)
    hypothesis = replace(causalabs.loads(case.text(weights, seeds[0])), seeds=seeds)
    with short(case):
        results = causalabs.run(
            hypothesis, runs=folder / "runs", every_example=not case.sequential, bare=True
        )
    tensors = load_file(str(weights))
    true = {
        seed: truths(results, Truth(tensors, weight_of(case, hypothesis, seed)), seed)
        for seed in seeds
    }
    found = []
    for judged in results.reports:
        name = judged.text.removesuffix(" on heldout")
        mean = float(np.mean([true[seed][name] for seed in seeds]))
        for each, truth in [*((each, true[each.seed][name]) for each in judged.seeds)]:
            found.append(_record(case, name, (each.seed,), each, truth))
        if len(seeds) > 1:
            found.append(_record(case, name, seeds, judged, mean))
        if name == JUDGED:
            found[-1]["verdicts"] = _verdicts(results, mean)
    if case.sequential:
        found += [_judged(case, each, seeds, true) for each in results.expectations]
    shutil.rmtree(results.run)
    return found


def _record(
    case: Case, name: str, seeds: tuple[int, ...], found: Judged | SeedValue, true: float
) -> dict[str, Any]:
    numbers = {"value": found.value, "low": found.low, "high": found.high, "true": true}
    rounded = {key: round(number, 7) for key, number in numbers.items()}
    return {"case": case.name, "quantity": name, "seeds": list(seeds), **rounded}


def _judged(
    case: Case, found: Judged, seeds: tuple[int, ...], true: Mapping[int, Mapping[str, float]]
) -> dict[str, Any]:
    """An expectation's interval when it was decided, or given up."""
    name, bound = found.text.removesuffix(" on heldout"), found.bound or 0.0
    mean = float(np.mean([true[seed][name] for seed in seeds]))
    record = _record(case, name, seeds, found, mean)
    record |= {"bound": bound, "samples": found.samples, "exact": found.exact, "verdicts": {}}
    if abs(bound - mean) >= AWAY:
        record["verdicts"] = {"above" if bound > mean else "below": str(found.verdict)}
    return record


def _verdicts(results: Results, true: float) -> dict[str, str]:
    """Verdicts on the nearest bounds that lie `AWAY` or more above and below the truth."""
    verdicts = {each.bound: each.verdict for each in results.expectations}
    above = [bound for bound in BOUNDS if bound >= true + AWAY]
    below = [bound for bound in BOUNDS if bound <= true - AWAY]
    found = {}
    if above:
        found["above"] = str(verdicts[min(above)])
    if below:
        found["below"] = str(verdicts[max(below)])
    return found


# ------------------------------------------------------------------------ table


def kept(path: Path) -> list[dict[str, Any]]:
    """All repetitions made so far."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def covered(records: Sequence[Mapping[str, Any]]) -> float:
    """The share of intervals that hold their truth, both ends belonging to them."""
    slack = 1e-6
    held = [r["low"] - slack <= r["true"] <= r["high"] + slack for r in records]
    return float(np.mean(held))


def table(records: Sequence[Mapping[str, Any]]) -> str:
    """Coverage by case and quantity, of one seed and of the mean over two."""
    groups: dict[tuple[str, str, int], list[Mapping[str, Any]]] = {}
    for each in records:
        key = (each["case"], each["quantity"], len(each["seeds"]))
        groups.setdefault(key, []).append(each)
    lines = [
        "| case | quantity | seeds | repetitions | truths (mean, least, most) | mean width "
        "| coverage |",
        "|---|---|---|---|---|---|---|",
    ]
    for (case, quantity, seeds), found in groups.items():
        true = [each["true"] for each in found]
        width = np.mean([each["high"] - each["low"] for each in found])
        lines.append(
            f"| {case} | `{quantity}` | {seeds} | {len(found)} "
            f"| {np.mean(true):.3f}, {min(true):.3f}, {max(true):.3f} "
            f"| {width:.3f} | {covered(found):.3f} |"
        )
    return "\n".join([*lines, "", *_wrong(records)])


def _wrong(records: Sequence[Mapping[str, Any]]) -> list[str]:
    """How often a verdict is wrong where the truth is `AWAY` from the bound."""
    lines = ["| case | side | judged | met | not met | undecided |", "|---|---|---|---|---|---|"]
    for case in dict.fromkeys(each["case"] for each in records):
        own = [e["verdicts"] for e in records if e["case"] == case and "verdicts" in e]
        for side in ("above", "below"):
            said = [each[side] for each in own if side in each]
            counts = [said.count(verdict) for verdict in ("met", "not met", "undecided")]
            where = f"bound {AWAY} or more {side} the truth"
            lines.append(f"| {case} | {where} | {len(said)} | {' | '.join(map(str, counts))} |")
    return lines


def main(arguments: Sequence[str] | None = None) -> None:
    """Make the repetitions that are missing, or print what there is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path(".known_answers"))
    parser.add_argument("--runs", type=int, default=500, help="runs for each case")
    parser.add_argument("--only", default="", help="cases whose name holds this")
    parser.add_argument("--print", action="store_true", dest="show")
    given = parser.parse_args(arguments)
    folder = given.folder.resolve()
    path = folder / "coverage.jsonl"
    if given.show:
        say(table(kept(path)))
        return
    torch.set_num_threads(1)
    done = {(each["case"], *each["seeds"]) for each in kept(path)}
    for case in CASES:
        if given.only not in case.name:
            continue
        for number in range(given.runs):
            seeds = (number,) if case.sequential else (2 * number, 2 * number + 1)
            if (case.name, *seeds) in done:
                continue
            records = repeat(case, seeds, folder)
            with path.open("a", encoding="utf-8") as file:
                file.write("".join(json.dumps(each) + "\n" for each in records))
            if number % 50 == 49:
                say(f"{case.name}: {number + 1} of {given.runs}")


if __name__ == "__main__":
    main()
