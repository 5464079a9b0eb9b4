"""A whole `causalabs.run` of every family: how often blocks are called, and on what."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import causalabs
from causalabs.engine import jobs
from causalabs.engine.fit import LANGUAGE
from causalabs.extras import BATTERY
from tests.engine.language_models.support import NAMES, configs
from tests.engine.language_models.tiny import saved, tokenizer

FILE = """
hypothesis tiny
"The last name decides."

domain Word = {red, green, store, far}

algorithm {
  input  x, y   : Word
  var    seen   : Word = y
  output answer : Word = seen
}

network huggingface("model") {
  feed "When {x} and {y} went to"
  read answer at last as " {answer}"
}

alignment {
  seen -> residual 0..1 at last in 2 learned dims
}

counterfactuals {
  exhaustive
  interchange seen
  split train 50%, select 25%, heldout 25% by input
}

report iia of seen on heldout
"""
INPUTS = 16


@dataclass(frozen=True)
class Called:
    """A call of a block's attention: which, on how much, whether a gradient was kept."""

    block: int
    rows: int
    columns: int
    gradient: bool


@contextmanager
def watched() -> Iterator[tuple[list[Called], list[str]]]:
    """Attentions called, and whole models run, wherever in the process."""
    halves: list[Called] = []
    whole: list[str] = []

    def hook(module: nn.Module, args: Any, _: Any) -> None:
        kind = type(module).__name__
        if kind.endswith("ForCausalLM") or kind.endswith("LMHeadModel"):
            whole.append(kind)
        elif kind.endswith("Attention") and args:
            rows, columns = args[0].shape[:2]
            gradient = torch.is_grad_enabled()
            halves.append(Called(module.layer_idx, rows, columns, gradient))

    handle = nn.modules.module.register_module_forward_hook(hook)
    try:
        yield halves, whole
    finally:
        handle.remove()


@pytest.mark.parametrize("name", NAMES)
def test_blocks_and_positions_of_a_run(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import transformers as hf

    few = replace(LANGUAGE, steps=8, restarts=2, look=4)
    monkeypatch.setattr(jobs, "budget_for", lambda network: few)
    words = tokenizer()
    config = configs()[name]
    config.vocab_size = len(words)
    torch.manual_seed(0)
    hf.AutoModelForCausalLM.from_config(config).save_pretrained(tmp_path / "model")
    words.save_pretrained(tmp_path / "model")
    tokens = len(words("When red and green went to")["input_ids"])
    with watched() as (halves, whole):
        hypothesis = causalabs.loads(FILE, folder=tmp_path)
        causalabs.run(hypothesis, runs=tmp_path / "runs", bare=True)
    assert len(whole) == 1  # the proof
    proof, rest = halves[:6], halves[6:]
    assert [call.block for call in proof] == [0, 1, 2, 0, 1, 2]  # the model's own, and ours
    clean = [call for call in rest if call.columns > 1]
    again = [call for call in rest if call.columns == 1]
    # Every input once for its scores, once for what is taken (the last site is in block 1),
    # once for what is kept: however many pairs, ways, steps and restarts there are.
    for block, times in ((0, 3), (1, 3), (2, 2)):
        assert sum(call.rows for call in clean if call.block == block) <= times * INPUTS
    assert all(call.columns >= tokens - 2 and not call.gradient for call in clean)
    assert {call.block for call in again} == {1, 2}  # from `residual 0` and `residual 1` on
    assert any(call.gradient for call in again)


def test_controls_beside_a_language_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    few = replace(LANGUAGE, steps=8, restarts=2, look=4)
    monkeypatch.setattr(jobs, "budget_for", lambda network: few)
    saved(tmp_path / "model")
    results = causalabs.run(causalabs.loads(FILE, folder=tmp_path), runs=tmp_path / "runs")
    (found,) = results.batteries
    kept = [name for name in ("", *BATTERY) if name != "untrained"]
    assert [row.control for row in found.rows] == kept
    ((name, why),) = found.left_out
    assert name == "untrained"
    assert "asks for it" in why
    asked = FILE + "report iia of seen on heldout under untrained\n"
    again = causalabs.run(causalabs.loads(asked, folder=tmp_path), runs=tmp_path / "runs")
    assert [row.control for row in again.batteries[0].rows] == ["", *BATTERY]
    assert again.batteries[0].left_out == ()
