"""Models of transformers in hand: the same as when they are loaded from a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import causalabs

torch.set_num_threads(1)

WORDS = ["[UNK]", "[PAD]", "[MASK]", "[CLS]", "[SEP]", "red", "blue", "green", "then", "is", "."]

FILE = """
algorithm {
  input  x, y  : {red, blue, green}
  var    first : {red, blue, green} = x
  output last  : {red, blue, green} = if first == red then y else first
}

network huggingface("model") {
  feed "{x} then {y} is"
  read last at last as " {last}"
}

alignment {
  first -> residual 0 at x
}

counterfactuals {
  exhaustive
  interchange first
}

report accuracy
report iia
report iia under untrained
"""


def tokenizer() -> Any:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = Tokenizer(models.WordLevel({w: i for i, w in enumerate(WORDS)}, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(
        tokenizer_object=words, unk_token="[UNK]", pad_token="[PAD]", mask_token="[MASK]"
    )


def gpt2(seed: int = 0) -> Any:
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(seed)
    config = GPT2Config(
        vocab_size=len(WORDS), n_embd=16, n_layer=2, n_head=2, n_positions=16,
        bos_token_id=1, eos_token_id=1, initializer_range=1.0,
    )  # fmt: skip
    return GPT2LMHeadModel(config)


def run(text: str, folder: Path, **more: Any) -> causalabs.Results:
    return causalabs.run(causalabs.loads(text, folder=folder), runs=folder / "runs", **more)


def values(results: causalabs.Results) -> list[float]:
    return [each.value for each in results.reports]


def test_a_model_in_hand_is_the_model_in_a_folder(tmp_path: Path) -> None:
    model = gpt2()
    model.save_pretrained(tmp_path / "model")
    tokenizer().save_pretrained(tmp_path / "model")
    here = run(FILE, tmp_path, network=model, feed=tokenizer())
    assert values(here) == values(run(FILE, tmp_path))
    assert model.training
    assert model.lm_head.weight.requires_grad
    assert run(FILE, tmp_path, network=model, feed=tokenizer()).cached
    assert not run(FILE, tmp_path, network=gpt2(1), feed=tokenizer()).cached


def test_a_model_in_hand_needs_its_tokenizer(tmp_path: Path) -> None:
    with pytest.raises(causalabs.RunError, match="has no tokenizer"):
        run(FILE, tmp_path, network=gpt2())
