"""The long tables: Sutter et al. 2025, hierarchical equality and the distributive law.

    python -m tests.known_answers.tables [--folder FOLDER] [--only WORD]
    python -m tests.known_answers.tables --print

Each cell is one `causalabs.run` of a text made by `claims`, three layers at once, for one seed of
the network. Finished cells are kept as lines of `tables.jsonl`; started again, the script goes on
where it was. Networks and unfinished runs lie below FOLDER (by default `.known_answers`).
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import torch

import causalabs
from tests.known_answers import claims, recipes

KEPT = Path(__file__).with_name("tables.jsonl")
SAMPLE = 60_000
"""Examples of each interchange, a fifth of them held out."""

BASES = {
    "rotation": "{half} learned",
    "revnet": "{half} revnet(blocks = 10, hidden = {width})",
    "revnet, wide": "{half} revnet(blocks = 10, hidden = 128)",
}

SUTTER: dict[tuple[str, str, str, str], tuple[float, float, float]] = {
    ("equality", "paper", "both", "rotation"): (0.842, 0.614, 0.498),
    ("equality", "paper", "left", "rotation"): (0.821, 0.613, 0.499),
    ("equality", "paper", "first argument", "rotation"): (0.500, 0.499, 0.499),
    ("equality", "paper", "both", "revnet"): (0.998, 0.999, 0.999),
    ("equality", "paper", "first argument", "revnet"): (0.511, 0.507, 0.510),
    ("distributive", "paper", "two_ands", "rotation"): (0.723, 0.660, 0.571),
    ("distributive", "paper", "gated_or", "rotation"): (0.792, 0.771, 0.770),
    ("distributive", "paper", "two_ands", "revnet"): (0.998, 0.999, 0.997),
    ("distributive", "paper", "gated_or", "revnet"): (0.974, 0.925, 0.885),
    ("distributive", "to two_ands", "two_ands", "rotation"): (0.990, 0.999, 0.880),
    ("distributive", "to two_ands", "gated_or", "rotation"): (0.782, 0.733, 0.723),
    ("distributive", "to gated_or", "gated_or", "rotation"): (0.988, 0.999, 0.834),
    ("distributive", "to gated_or", "two_ands", "rotation"): (0.674, 0.641, 0.572),
}
"""Published: task, network, row, basis -> IIA after layers 1, 2, 3; means over ten seeds."""


@dataclass(frozen=True)
class Cell:
    """One row of a table for one seed: task, how the network was trained, what was asked."""

    task: str
    network: str
    row: str
    basis: str
    seed: int


def cells() -> list[Cell]:
    """All of them, the most telling first."""
    ten, three = range(10), range(3)
    found = [
        *_cells("equality", "paper", ("both", "left", "first argument"), "rotation", ten),
        *_cells("equality", "untrained", ("both",), "rotation", ten),
        *_cells("distributive", "paper", ("two_ands", "gated_or"), "rotation", range(7)),
        *_trained_to(range(1)),
        *_cells("distributive", "paper", ("two_ands",), "revnet", range(1)),
        *_trained_to(three),
        *_cells("equality", "paper", ("first argument",), "revnet", range(1)),
        *_cells("equality", "untrained", ("both",), "revnet", range(1)),
        *_cells("distributive", "paper", ("gated_or",), "revnet", range(1)),
        *_cells("equality", "own", ("both",), "rotation", three),
        *_cells("distributive", "paper", ("two_ands", "gated_or"), "rotation", ten),
        *_cells("equality", "own", ("both",), "rotation", ten),
        *_trained_to(range(3, 10)),
        *_cells("equality", "paper", ("both", "first argument"), "revnet", three),
        *_cells("distributive", "paper", ("two_ands", "gated_or"), "revnet", three),
        *_cells("equality", "untrained", ("both",), "revnet", three),
        *_cells("equality", "untrained", ("both",), "revnet, wide", range(1)),
        *_cells("equality", "paper", ("left",), "revnet", three),
        *_cells("equality", "paper", ("both", "first argument"), "revnet", ten),
        *_cells("distributive", "paper", ("two_ands", "gated_or"), "revnet", ten),
        *_cells("equality", "untrained", ("both",), "revnet", ten),
    ]
    return list(dict.fromkeys(found))


def _cells(
    task: str, network: str, rows: Sequence[str], basis: str, seeds: Sequence[int]
) -> Iterator[Cell]:
    for seed in seeds:
        for row in rows:
            yield Cell(task, network, row, basis, seed)


def _trained_to(seeds: Sequence[int]) -> Iterator[Cell]:
    for seed in seeds:
        for network in ("to two_ands", "to gated_or"):
            for row in ("two_ands", "gated_or"):
                yield Cell("distributive", network, row, "rotation", seed)


def text_of(cell: Cell, folder: Path) -> str:
    """The hypothesis of a cell; trains its network first if need be."""
    width = recipes.TASKS[cell.task][1]
    basis = BASES[cell.basis].format(half=width // 2, width=width)
    weights = "" if cell.network.startswith(("to ", "own")) else str(_weights(cell, folder))
    if cell.task == "equality":
        return claims.equality(cell.row, basis, weights, sample=SAMPLE)
    towards = cell.network.removeprefix("to ")
    return claims.distributive(cell.row, basis, weights, trained_to=towards, sample=SAMPLE)


def _weights(cell: Cell, folder: Path) -> Path:
    """A file of the network's weights, made if it is not there."""
    name = f"{cell.task}-{cell.network}-{cell.seed}"
    path = folder / f"{name}.safetensors"
    in_words = folder / f"{name}-words.safetensors"
    if not path.exists():
        if cell.network == "untrained":
            network, accuracy = recipes.fresh(cell.task, cell.seed), 0.0
        else:
            network, accuracy = recipes.trained(cell.task, cell.seed)
        if cell.task == "equality":
            words = recipes.words_of(cell.seed, claims.WORDS)
            recipes.write(in_words, recipes.weights_of(network, words))
        recipes.write(path, recipes.weights_of(network))
        say(f"{name}: accuracy {accuracy:.4f}")
    return in_words if cell.row == "first argument" else path


def measure(cell: Cell, folder: Path) -> dict[str, Any]:
    """Run a cell: IIA after each layer, how many examples it is measured on, seconds."""
    began = time.perf_counter()
    hypothesis = causalabs.loads(text_of(cell, folder))
    results = causalabs.run(hypothesis, seed=cell.seed, runs=folder / "runs", bare=True)
    found = {judged.text: judged for judged in results.reports}
    layers = [found[f"iia in layer{layer} on heldout"] for layer in range(claims.LAYERS)]
    return {
        **asdict(cell),
        "iia": [round(each.value, 5) for each in layers],
        "samples": layers[0].samples,
        "accuracy": round(found["accuracy on heldout"].value, 5),
        "seconds": round(time.perf_counter() - began, 1),
    }


def kept() -> dict[Cell, dict[str, Any]]:
    """Finished cells."""
    if not KEPT.exists():
        return {}
    found = {}
    for line in KEPT.read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        found[Cell(*(record[name] for name in Cell.__dataclass_fields__))] = record
    return found


def table() -> str:
    """Means over seeds as far as they are there, the published ones and the differences."""
    groups: dict[tuple[str, str, str, str], list[dict[str, Any]]] = {}
    for cell, record in kept().items():
        groups.setdefault((cell.task, cell.network, cell.row, cell.basis), []).append(record)
    lines = [
        "| task | network | row | basis | seeds | accuracy | ours, layers 1 / 2 / 3 (± s.d.) "
        "| published | ours less published |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for key, records in groups.items():
        columns = list(zip(*(record["iia"] for record in records), strict=True))
        means = [mean(column) for column in columns]
        spread = [stdev(column) if len(column) > 1 else 0.0 for column in columns]
        ours = " / ".join(f"{m:.3f}±{s:.3f}" for m, s in zip(means, spread, strict=True))
        published, less = "", ""
        if key in SUTTER:
            published = " / ".join(f"{value:.3f}" for value in SUTTER[key])
            less = " / ".join(f"{a - b:+.3f}" for a, b in zip(means, SUTTER[key], strict=True))
        accuracy = mean(record["accuracy"] for record in records)
        lines.append(
            f"| {' | '.join(key)} | {len(records)} | {accuracy:.4f} "
            f"| {ours} | {published} | {less} |"
        )
    return "\n".join(lines)


def say(text: str) -> None:
    """One line, at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what is missing, or print what there is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path(".known_answers"))
    parser.add_argument("--only", default="", help="cells whose description holds this")
    parser.add_argument("--print", action="store_true", dest="show")
    given = parser.parse_args(arguments)
    if given.show:
        say(table())
        return
    torch.set_num_threads(1)
    folder = given.folder.resolve()
    done = kept()
    todo = [cell for cell in cells() if cell not in done and given.only in str(cell)]
    for number, cell in enumerate(todo):
        record = measure(cell, folder)
        with KEPT.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")
        say(f"{number + 1}/{len(todo)} {cell}: {record['iia']} in {record['seconds']} s")


if __name__ == "__main__":
    main()
