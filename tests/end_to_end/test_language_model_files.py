"""Hypotheses about a model in a folder, run whole, against transformers and plain hooks."""

from __future__ import annotations

import itertools
import json

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

import causalabs
from causalabs.engine.language_models.model import LanguageModel
from causalabs.errors import RunError
from tests.engine.language_models.tiny import CHAT, saved
from tests.test_cli import causalabs as command

WORDS = ("red", "green", "store", "far")
FILE = """\
hypothesis tiny
"Whoever is named last decides."

domain Word = {red, green, store, far}

algorithm {
  input  x, y   : Word
  var    seen   : Word = y
  output answer : Word = seen
}

network huggingface("model") {
  FEED
  read answer at last as " {answer}"
}

alignment {
  seen -> SITE
}

counterfactuals {
  exhaustive
  interchange seen
}

report accuracy on heldout
report iia of seen on heldout
"""
FEED = 'feed "When {x} and {y} went to"'


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("tiny")
    saved(place / "model", chat=CHAT)
    return place


def text(site="residual 1 at y", feed=FEED):
    return FILE.replace("FEED", feed).replace("SITE", site)


def run(folder, written, **told):
    return causalabs.run(
        causalabs.loads(written, folder=folder), runs=folder / "runs", bare=True, **told
    )


def by_hooks(folder, prompt, layer, token):
    """Accuracy and IIA of the whole residual stream there, by transformers alone."""
    model = AutoModelForCausalLM.from_pretrained(folder / "model").eval()
    words = AutoTokenizer.from_pretrained(folder / "model")
    answers = [words(" " + word, add_special_tokens=False)["input_ids"][0] for word in WORDS]
    inputs = list(itertools.product(range(4), repeat=2))

    def ask(x, y, write=None):
        found = words(prompt(WORDS[x], WORDS[y]), return_offsets_mapping=True)
        ids = torch.tensor([found["input_ids"]])
        at = token(found, WORDS[x], WORDS[y])
        seen = {}

        def hook(module, given, output):
            if write is not None:
                output[:, at] = write
            seen["here"] = output[:, at].clone()

        handle = model.model.layers[layer].register_forward_hook(hook)
        with torch.no_grad():
            logits = model(input_ids=ids).logits[0, -1, answers]
        handle.remove()
        return int(logits.argmax()), seen["here"]

    clean = {pair: ask(*pair) for pair in inputs}
    accuracy = sum(clean[pair][0] == pair[1] for pair in inputs) / len(inputs)
    agreed = [ask(*base, clean[source][1])[0] == source[1] for base in inputs for source in inputs]
    return accuracy, sum(agreed) / len(agreed)


def last_token_of_y(found, x, y):
    start = found_text(x, y).index(f" and {y} ") + len(" and ")
    ends = [
        i for i, (a, b) in enumerate(found["offset_mapping"]) if a < start + len(y) and b > start
    ]
    return ends[-1]


def found_text(x, y):
    return f"When {x} and {y} went to"


@pytest.mark.parametrize("layer", [0, 2])
def test_a_run_gives_what_hooks_on_the_plain_model_give(folder, layer):
    results = run(folder, text(f"residual {layer} at y"))
    accuracy, iia = by_hooks(folder, found_text, layer, last_token_of_y)
    values = {each.text: each.value for each in results.reports}
    assert values == pytest.approx(
        {"accuracy on heldout": accuracy, "iia of seen on heldout": iia}, abs=1e-9
    )
    assert all(each.exact for each in results.reports)
    record = results.network
    assert record["origin"] == "the folder model"
    assert record["weights"]
    assert record["parameters"] > 1000
    assert results.environment["dtype"] == "float32"


def test_clean_prompts_are_run_once(folder, monkeypatch):
    rows = []
    plain = LanguageModel.scores

    def counted(self, inputs):
        rows.append(len(inputs))
        return plain(self, inputs)

    monkeypatch.setattr(LanguageModel, "scores", counted)
    solved = text().replace("exhaustive", "sample 40")
    solved = solved.replace("interchange seen", "keep solved\n  interchange seen")
    try:
        run(folder, solved)
    except RunError as error:  # a tiny model may solve nothing: it was asked all the same
        assert "solves" in error.message  # noqa: PT017
    assert 0 < sum(rows) <= 16


def test_chat_prefix_and_several_templates_run(folder):
    (folder / "shots.txt").write_text("red gave to green.\n")
    feed = 'prefix "shots.txt"\n  feed chat "When {x} and {y} went to"'
    whole = run(folder, text(feed=feed))
    assert 0 <= whole.reports[1].value <= 1
    several = 'feed any of\n    "When {x} and {y} went to",\n    "A drink to {x}, far from {y}, is"'
    assert len(run(folder, text(feed=several)).reports) == 2


def test_the_type_of_numbers_is_part_of_the_plan(folder):
    wide, half = (run(folder, text(), dtype=each) for each in ("float32", "bfloat16"))
    assert wide.plan != half.plan
    assert (wide.network["dtype"], half.network["dtype"]) == ("float32", "bfloat16")
    with pytest.raises(RunError, match="no type of numbers `int8`"):
        run(folder, text(), dtype="int8")


def test_other_weights_in_the_folder_are_another_run(tmp_path):
    saved(tmp_path / "model", chat=CHAT)
    first = run(tmp_path, text())
    assert run(tmp_path, text()).cached
    weights = tmp_path / "model" / "model.safetensors"
    kept = {name: found * 2 for name, found in load_file(weights).items()}
    save_file(kept, weights, metadata={"format": "pt"})
    again = run(tmp_path, text())
    assert not again.cached
    assert again.network["weights"] != first.network["weights"]


def test_any_token_searches_positions(folder):
    searched = text("residual 1 at any token").replace("exhaustive", "sample 60") + (
        "report iia of seen on heldout under untrained\n"
    )
    searched = searched.replace(
        "interchange seen\n", "interchange seen\n  split select 50%, heldout 50%\n"
    )
    results = run(folder, searched)
    (fit,) = results.fits["seed0-plain-alignment"]
    assert "index" in fit.choice or "last" in fit.choice
    assert len(fit.select_scores) > 3


def test_a_network_that_solves_nothing_is_one_clear_error(folder):
    # Two bits that are asked as two words: at one token the network can say but one of them.
    never = text().replace("exhaustive", "sample 20\n  keep solved")
    never = never.replace(
        "output answer", "output other  : Word = if seen == red then far else red\n  output answer"
    )
    never = never.replace(
        "  read answer", '  read other at last as " {other}" among vocabulary\n  read answer'
    )
    never = never.replace('as " {answer}"', 'as " {answer}" among vocabulary')
    with pytest.raises(RunError, match=r"the network solves 0 of .* of .* inputs rightly"):
        run(folder, never)


def test_the_command_says_what_is_missing(folder, tmp_path):
    path = tmp_path / "nowhere.causal"
    path.write_text(text().replace('"model"', '"./nowhere"').replace("tiny", "nowhere"))
    done = command("run", path.name, "--json", folder=tmp_path)
    assert done.returncode == 2
    assert "there is no folder" in json.loads(done.stdout)["error"]["message"]


def test_a_write_that_nothing_read_depends_on_is_a_warning(folder):
    late = text("residual 2 at x")  # the last block's output at a token that is not read
    found = run(folder, late)
    assert any(
        note.startswith("warning: interchange `seen`: writing `residual 2 at x` changed no score")
        for note in found.notes
    )
    (folder / "late.causal").write_text(late)
    shown = command("run", "late.causal", folder=folder)
    assert "warning: interchange `seen`" in " ".join(shown.stdout.split())
