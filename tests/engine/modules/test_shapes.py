"""Wrong sites are told before anything is trained or loaded."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import causalabs
from causalabs.engine.language_models import build as language_models
from causalabs.engine.networks import build, train
from causalabs.engine.shapes import check_shapes, skeleton
from causalabs.hypothesis.model import Choice, Site
from tests.engine.modules.test_hand import file
from tests.engine.modules.test_language import FILE, gpt2, tokenizer


def nothing(*_: Any, **__: Any) -> None:
    raise AssertionError("something was trained or loaded")


@pytest.fixture(autouse=True)
def unloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train, "train", nothing)
    monkeypatch.setattr(build, "train", nothing)
    monkeypatch.setattr(language_models, "load", nothing)


def test_a_built_in_network_is_laid_out_without_numbers() -> None:
    hypothesis = causalabs.loads(file("mlp(hidden = [4, 3])", "hidden 0"))
    found = skeleton(hypothesis)
    assert found is not None
    assert found.device.type == "meta"
    assert [found.width(Site("hidden", layer)) for layer in (0, 1)] == [4, 3]
    seven = Site("hidden", 7)
    wrong = replace(
        hypothesis.alignments[0].spaces[0].members[0], choices=(Choice((seven,), (seven,)),)
    )
    space = replace(hypothesis.alignments[0].spaces[0], members=(wrong,))
    alignment = replace(hypothesis.alignments[0], spaces=(space,))
    with pytest.raises(causalabs.RunError, match="`hidden 7` does not exist"):
        check_shapes(replace(hypothesis, alignments=(alignment,)), found, [alignment.name])


@pytest.mark.parametrize(
    ("place", "says"),
    [
        ("residual 2 at x", "`residual 2 at x` does not exist"),
        ("head 0.5 at x", "does not exist"),
        ('module "transformer.h.7".output at x', "does not exist"),
        ("residual 0 at x from mlp 0.hidden at x", "numbers"),
    ],
)
def test_a_language_model_is_judged_by_its_config(place: str, says: str, tmp_path: Path) -> None:
    gpt2().save_pretrained(tmp_path / "model")
    tokenizer().save_pretrained(tmp_path / "model")
    hypothesis = causalabs.loads(FILE.replace("residual 0 at x", place), folder=tmp_path)
    with pytest.raises(causalabs.RunError, match=says):
        causalabs.run(hypothesis, runs=tmp_path / "runs")


def test_a_right_site_goes_on_to_the_weights(tmp_path: Path) -> None:
    gpt2().save_pretrained(tmp_path / "model")
    tokenizer().save_pretrained(tmp_path / "model")
    with pytest.raises(AssertionError, match="trained or loaded"):
        causalabs.run(causalabs.loads(FILE, folder=tmp_path), runs=tmp_path / "runs")
    text = file("mlp(hidden = [4, 3])", "hidden 0")
    with pytest.raises(AssertionError, match="trained or loaded"):
        causalabs.run(causalabs.loads(text), runs=tmp_path)
