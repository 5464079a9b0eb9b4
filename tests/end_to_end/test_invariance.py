"""Nothing knows a name: renamed, reordered, respaced and commented files run bit for bit alike."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import causalabs
from causalabs.counterfactuals.draw import draw
from causalabs.results import Results
from tests.end_to_end.running import quick, run_text

torch.set_num_threads(1)

VECTORS = """
hypothesis pairs
"Two comparisons, then one."

domain Shade = {pale, dark, deep}

algorithm {
  input  a, b  : real[3] in -0.5..0.5
  input  c, d  : Shade
  where  different(c, d) or a == b
  var    left  : bool = a == b
  var    right : bool = c == d
  var    both  : 0..2 = count(left, right)
  output same  : bool = left == right
  output many  : bool = both >= 1

  def different(p, q) = p != q
}

network mlp(hidden = [8, 8]) {
  feed a, b, c, d
  read same
  read many
  train until accuracy >= 0.1
}

alignment {
  left  -> hidden 0..1 in 3 learned dims
  right -> hidden 0..1 in 2 learned dims
}

counterfactuals {
  sample 120
  balance left
  interchange left
  interchange right where source.right != base.right
  interchange left, right as both_of_them
  keep where source.left or base.left
  split train 50%, select 25%, heldout 25%
}

expect iia >= 0.5 on heldout
expect iia of left <= 0.9 on heldout under untrained
report iia of both_of_them on heldout under shuffled_sources
report iia of right on heldout under random_basis
report accuracy on heldout
"""

STEPS = """
hypothesis counting
"The state counts."

domain Token = {stay, move, jump}

algorithm {
  input  t[3] : Token
  input  u[3] : bool
  var    seen[i in 0..2] : mod 3 =
           if i == 0 then (if t[0] == move then 1 else 0)
           else seen[i - 1] + (if t[i] == move and u[i] then 1 else 0)
  output out[i in 0..2] : mod 3 = seen[i]
  output end : bool = seen[2] == 0
}

network gru(width = 6) {
  feed step i: t[i], u[i]
  read out[i] at step i
  read end at last step
}

alignment {
  seen[i in 0..1] -> state at step i in 3 learned dims
}

counterfactuals {
  sample 100
  interchange seen[i in 0..1]
  interchange seen[0] from seen[1], seen[1] from seen[0] together as shifted
  split train 50%, heldout 50% by input
}

expect iia of seen[i] >= 0.2 on heldout
report iia of shifted on heldout
report iia of shifted on heldout under random_basis
"""

TOKENS = """
hypothesis adding
"A sum is formed at the sign."

domain Digit = 0..3
domain Turn = cyclic {north, east, south}

table weight[Digit] : 0..3 = { 0 -> 1, 1 -> 3, 2 -> 0, 3 -> 2 }

algorithm {
  input  x, y : Digit
  input  way  : Turn
  var    heavy : 0..6 = weight[x] + y
  var    last  : Turn = way + heavy
  output total : 0..6 = heavy
  output face  : Turn = last
}

network transformer(layers = 2, heads = 2, width = 8) {
  feed any of "add {x} and {y} going {way} =", "{way} first then {y} and {x} ="
  read total at "="
  read face at last
}

alignment {
  heavy -> residual 0..1 at "=" in 4 learned dims
  last  -> mlp 1 at last from mlp 0 at way in 2 learned dims
}

counterfactuals {
  sample 100
  interchange heavy
  interchange last
  split train 50%, select 25%, heldout 25% by x
}

expect iia of heavy >= 0.2 on heldout
report iia of last on heldout
report accuracy on heldout
"""

NAMES = {
    "VECTORS": [
        "a",
        "b",
        "c",
        "d",
        "left",
        "right",
        "both",
        "same",
        "many",
        "different",
        "p",
        "q",
        "Shade",
        "pale",
        "dark",
        "deep",
        "both_of_them",
        "pairs",
    ],
    "STEPS": [
        "t",
        "u",
        "seen",
        "out",
        "end",
        "Token",
        "stay",
        "move",
        "jump",
        "shifted",
        "counting",
    ],
    "TOKENS": [
        "x",
        "y",
        "way",
        "heavy",
        "total",
        "face",
        "Digit",
        "Turn",
        "weight",
        "north",
        "east",
        "south",
        "adding",
    ],
}
TEXTS = {"VECTORS": VECTORS, "STEPS": STEPS, "TOKENS": TOKENS}


def tried(
    which: str, text: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Mapping[str, Any]:
    """Everything that must not change: data, weights, fits, hits, verdicts."""
    quick(monkeypatch, folder / "cache")
    hypothesis, results, outcomes = run_text(text, folder / "runs")
    examples = draw(hypothesis, seed=0)
    found: dict[str, Any] = {
        "inputs": [column.tobytes() for column in examples.inputs.values()],
        "lines": [
            (
                x.base.tobytes(),
                x.sources.tobytes(),
                x.split.tobytes(),
                *tuple(answer.tobytes() for answer in x.answers.values()),
            )
            for x in examples.lines
        ],
        "clean": [[c.tobytes() for c in run.values()] for run in examples.clean.values()],
        "weights": results.network["weights"],
        "bases": [
            load_file(path)["columns"].numpy().tobytes()
            for path in sorted(Path(results.run).glob("bases/*.safetensors"))
        ],
        "numbers": [numbers(results)],
    }
    for outcome in outcomes.values():
        found[outcome.job] = (
            [(m.metric, m.line, m.hits.tobytes(), m.exact) for m in outcome.measured],
            [replace(fit, space="", choice="") for fit in outcome.fits],
        )
    return found


def numbers(results: Results) -> list[Any]:
    return [
        (each.value, each.low, each.high, each.verdict, each.samples)
        for each in (*results.expectations, *results.reports)
    ]


def renamed(text: str, names: list[str], seed: int) -> str:
    """Every name another, so that no alphabetical order survives."""
    order = Random(seed).sample(range(len(names)), len(names))
    new = {
        name: f"{'zkqm'[at % 4]}{at}_{name[::-1]}" for name, at in zip(names, order, strict=True)
    }
    words = "|".join(sorted(map(re.escape, names), key=len, reverse=True))

    def code(part: str) -> str:
        return re.sub(rf"\b({words})\b", lambda m: new[m[1]], part)

    def quoted(part: str) -> str:  # only what stands in a slot is a name
        return re.sub(r"\{([^}]*)\}", lambda m: "{" + code(m[1]) + "}", part)

    pieces = re.split(r'("[^"\n]*")', text)
    return "".join(quoted(p) if p.startswith('"') else code(p) for p in pieces)


def blocks_of(text: str) -> list[str]:
    """Top-level statements: a block up to its closing brace, or one line."""
    found, depth, held = [], 0, []
    for line in text.strip().splitlines():
        if not line.strip():
            continue
        held.append(line)
        depth += line.count("{") - line.count("}")
        if depth == 0 and not line.startswith("hypothesis"):
            found.append("\n".join(held))
            held = []
    return found


def block_order(text: str) -> str:
    """All blocks the other way round; expectations and reports keep their own order."""
    blocks = blocks_of(text)
    judged = [b for b in blocks if b.startswith(("expect", "report"))]
    rest = [b for b in blocks if b not in judged and not b.startswith("hypothesis")]
    (head,) = [b for b in blocks if b.startswith("hypothesis")]
    return "\n".join([head, *judged[:1], *reversed(rest), *judged[1:]]) + "\n"


def statement_order(text: str) -> str:
    """Statements whose order says nothing, elsewhere: definitions after uses, and the like."""
    for first, second in [
        ("  sample 120\n  balance left\n", ""),
        ("heldout 25%\n", "heldout 25%\n  balance left\n  sample 120\n"),
        ("  keep where source.left or base.left\n", ""),
        ("  interchange left\n", "  keep where source.left or base.left\n  interchange left\n"),
        ("  def different(p, q) = p != q\n", ""),
        ("  input  a, b  :", "  def different(p, q) = p != q\n  input  a, b  :"),
        ("  where  different(c, d) or a == b\n", ""),
        ("  output same ", "  where  different(c, d) or a == b\n  output same "),
        ("  train until accuracy >= 0.1\n", ""),
        ("  feed a, b, c, d\n", "  train until accuracy >= 0.1\n  feed a, b, c, d\n"),
    ]:  # fmt: skip
        assert text.count(first) == 1, first
        text = text.replace(first, second)
    return text


def spaced(text: str, seed: int) -> str:
    """Other white space between words, none inside strings."""
    rng = Random(seed)
    pieces = re.split(r'("[^"\n]*")', text)
    return "".join(
        p
        if p.startswith('"')
        else re.sub(r"\s+", lambda m: rng.choice([" ", "\n", "\t ", "  \n\n"]), p)
        for p in pieces
    )


def commented(text: str) -> str:
    lines = [f"{line}  # {'left a {' * (i % 2)} note" for i, line in enumerate(text.splitlines())]
    return "# before\n" + "\n# expect iia >= 1\n".join(lines)


@pytest.mark.parametrize("which", list(TEXTS))
def test_names_order_space_and_comments_change_nothing(
    which: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = TEXTS[which]
    plain = tried(which, text, tmp_path / "plain", monkeypatch)
    others = {
        "renamed": renamed(text, NAMES[which], 1),
        "renamed again": renamed(text, NAMES[which], 2),
        "blocks": block_order(text),
        "spaced": spaced(text, 3),
        "commented": commented(text),
        "formatted": causalabs.format(text),
        "all": commented(spaced(renamed(block_order(text), NAMES[which], 4), 5)),
    }
    if which == "VECTORS":
        others["statements"] = statement_order(text)
    for how, other in others.items():
        found = tried(which, other, tmp_path / how, monkeypatch)
        assert found.keys() == plain.keys()
        for part, value in plain.items():
            assert found[part] == value, f"{how}: {part}"


def test_the_renamed_names_are_other_names() -> None:
    for which, text in TEXTS.items():
        found = renamed(text, NAMES[which], 1)
        code = re.sub(r'"[^"\n]*"', "", found)
        for name in NAMES[which]:
            assert not re.search(rf"\b{name}\b", code), name


def test_another_line_leaves_the_draws_of_lines_as_they_were() -> None:
    text = VECTORS.replace("  interchange left\n", "  interchange right, left together as new\n"
                           "  interchange left\n")  # fmt: skip
    before, after = (draw(causalabs.loads(each), seed=3) for each in (VECTORS, text))
    for old, new in zip(before.lines, after.lines[1:], strict=True):
        np.testing.assert_array_equal(old.split, new.split)
        for name, column in before.inputs.items():
            np.testing.assert_array_equal(column[old.base], after.inputs[name][new.base])
            np.testing.assert_array_equal(column[old.sources], after.inputs[name][new.sources])


def test_the_order_of_lines_leaves_each_line_its_draws() -> None:
    first, second = "  interchange left\n", "  interchange left, right as both_of_them\n"
    text = VECTORS.replace(second, "").replace(first, second + first)
    before, after = (draw(causalabs.loads(each), seed=3) for each in (VECTORS, text))
    order = [1, 2, 0]
    for old, at in zip(before.lines, order, strict=True):
        new = after.lines[at]
        for name, column in before.inputs.items():
            np.testing.assert_array_equal(column[old.base], after.inputs[name][new.base])
            np.testing.assert_array_equal(column[old.sources], after.inputs[name][new.sources])


SIZES = [
    ("VECTORS", "hidden = [8, 8]", "hidden = [9, 12, 7]"),
    ("VECTORS", "real[3]", "real[5]"),
    ("VECTORS", "{pale, dark, deep}", "{pale, dark}"),
    ("VECTORS", "in 2 learned dims", "in 4 learned dims"),
    ("VECTORS", "sample 120", "sample 61"),
    ("VECTORS", "hidden 0..1 in 3", "hidden 0 in 3"),
    ("STEPS", "width = 6", "width = 11"),
    ("STEPS", "0..2", "0..3"),
    ("STEPS", "in 3 learned", "in 6 learned"),
    ("TOKENS", "layers = 2, heads = 2, width = 8", "layers = 3, heads = 3, width = 12"),
    ("TOKENS", "{north, east, south}", "{north, east, south, west, up}"),
    ("TOKENS", "heavy -> residual 0..1", "heavy -> residual 0"),
]


@pytest.mark.parametrize(("which", "old", "new"), SIZES)
def test_other_sizes_run_just_as_well(
    which: str, old: str, new: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick(monkeypatch, tmp_path / "cache", steps=30)
    text = TEXTS[which].replace(old, new)
    if which == "VECTORS" and "0 in 3" in new:
        text = text.replace("hidden 0..1", "hidden 0")
    if (which, new) == ("STEPS", "0..3"):
        text = text.replace("[3]", "[4]").replace("i in 0..1", "i in 0..2")
        text = text.replace("seen[2] == 0", "seen[3] == 0")
    assert text != TEXTS[which]
    hypothesis, results, outcomes = run_text(text, tmp_path / "runs")
    plain = set(range(len(hypothesis.counterfactuals.lines)))
    found = {m.line for o in outcomes.values() for m in o.measured if m.metric == "iia"}
    assert found == plain
    assert all(0 <= each.value <= 1 and each.samples for each in results.expectations)
