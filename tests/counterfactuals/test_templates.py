"""Templates that take some inputs only (SEMANTICS F1)."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import causalabs
from causalabs.algorithm.domains import decode
from causalabs.counterfactuals.draw import BaseSampler, DrawError, draw
from causalabs.engine.networks.tokens import draw_templates

TEXT = """
hypothesis limited
"Some inputs have no template."

algorithm {{
  input  x : 0..9
  input  y : {{red, green, blue}}
  {where}
  var    z : 0..9 = x
  output o : 0..9 = z
}}

network transformer(layers = 1, heads = 1, width = 8) {{
  feed any from "prompts.jsonl"
  read o at last
}}

alignment {{
  z -> residual 0 at last
}}

counterfactuals {{
  {amount}
  interchange z
  split heldout 100%{by}
}}

report iia of z on heldout
"""

ROWS = [
    {"text": "{x} is", "x": [1, 2, 3], "y": "red"},
    {"text": "and {x} is", "x": [2, 7], "y": ["red", "blue"]},
]
TAKEN = {(1, "red"), (2, "red"), (3, "red"), (7, "red"), (2, "blue"), (7, "blue")}


def limited(folder: Path, rows=ROWS, amount="sample 600", where="", by=""):
    (folder / "prompts.jsonl").write_text("\n".join(map(json.dumps, rows)))
    path = folder / "limited.causal"
    path.write_text(TEXT.format(amount=amount, where=where, by=by))
    return causalabs.load(path)


def inputs_of(asked, columns):
    names = [variable.name for variable in asked.algorithm.inputs]
    said = [decode(asked.algorithm[name].domain, columns[name]) for name in names]
    return list(zip(*said, strict=True))


@pytest.mark.parametrize(("amount", "by"), [("sample 600", ""), ("exhaustive", " by input")])
def test_exactly_the_inputs_that_some_template_takes_are_drawn(tmp_path, amount, by):
    asked = limited(tmp_path, amount=amount, by=by)
    examples = draw(asked, seed=0)
    assert set(inputs_of(asked, examples.inputs)) == TAKEN
    assert len(examples.lines[0]) == (600 if amount != "exhaustive" else len(TAKEN) ** 2)


def test_networks_are_trained_on_no_other_inputs(tmp_path):
    asked = limited(tmp_path)
    columns = BaseSampler(asked).draw(500, generator=np.random.default_rng(0))
    assert set(inputs_of(asked, columns)) == TAKEN


def test_every_drawn_input_finds_its_template(tmp_path):
    asked = limited(tmp_path)
    examples = draw(asked, seed=0)
    domains = {v.name: v.domain for v in asked.algorithm.variables}
    chosen = draw_templates(2, asked.network.feed.limits, domains, examples.inputs, ["x", "y"])
    assert set(chosen) == {0, 1}
    for template, given in zip(chosen, inputs_of(asked, examples.inputs), strict=True):
        limits = ROWS[template]
        assert given[0] in limits["x"]
        assert given[1] in limits["y"]


def test_a_template_without_limits_takes_every_input(tmp_path):
    asked = limited(tmp_path, [*ROWS, {"text": "{y} {x}"}])
    assert len(set(inputs_of(asked, draw(asked, seed=0).inputs))) == 30


def test_that_no_template_takes_an_input_is_an_error(tmp_path):
    asked = limited(tmp_path, where="where x == 9")
    with pytest.raises(DrawError, match="no template takes an input that `where` admits"):
        draw(asked, seed=0)
