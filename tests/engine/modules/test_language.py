"""Models of transformers in hand: the same as when they are loaded from a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import causalabs
from causalabs.engine.errors import EngineError
from causalabs.engine.modules.language import in_hand
from causalabs.engine.resources import few_columns
from causalabs.engine.store import Store
from causalabs.hypothesis.model import Site, Slot

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
    told = {"runs": folder / "runs", "bare": True, **more}
    return causalabs.run(causalabs.loads(text, folder=folder), **told)


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


# ------------------------------------------------------------------------- encoders

MASKED = FILE.replace('"{x} then {y} is"', '"{x} then {y} is [MASK] ."').replace(
    'read last at last as " {last}"', 'read last at "[MASK]" as "{last}"'
)


def encoder(kind: str, seed: int = 0) -> Any:
    import transformers as hf

    torch.manual_seed(seed)
    sizes: dict[str, Any] = {
        "hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2,
        "intermediate_size": 24, "embedding_size": 16,
    }  # fmt: skip
    if kind == "distilbert":
        sizes = {"dim": 16, "n_layers": 3, "n_heads": 2, "hidden_dim": 24}
    config = hf.AutoConfig.for_model(
        kind, vocab_size=len(WORDS), max_position_embeddings=24, initializer_range=1.0,
        pad_token_id=1, **sizes,
    )  # fmt: skip
    return hf.AutoModelForMaskedLM.from_config(config)


@pytest.mark.parametrize("kind", ["bert", "roberta", "electra", "distilbert"])
def test_encoders_have_the_sites_of_decoders(kind: str, tmp_path: Path) -> None:
    hypothesis = causalabs.loads(MASKED, folder=tmp_path)
    model = encoder(kind)
    given = in_hand(hypothesis, model, tokenizer(), None)
    network = given.network
    store = Store(network, few_columns(hypothesis))
    embedded = network.module.base_model.embeddings
    hidden: list[Any] = []
    embedded.register_forward_hook(lambda _, __, out: hidden.append(out))
    fed = store.inputs
    states = model(**fed.kwargs, output_hidden_states=True).hidden_states
    slot = Slot(("x",))
    for layer in range(3):
        found = store.at(Site("residual", layer, position=slot))
        torch.testing.assert_close(found, states[layer + 1][:, 0])
        assert network.width(Site("mlp", layer, part="hidden", position=slot)) == 24
    layer = 1  # the norms put the terms together again
    block = model.base_model.get_submodule(
        "transformer.layer.1" if kind == "distilbert" else "encoder.layer.1"
    )
    first, second = (
        (block.sa_layer_norm, block.output_layer_norm)
        if kind == "distilbert"
        else (block.attention.output.LayerNorm, block.output.LayerNorm)
    )
    terms = {
        name: store.at(Site(name, layer, part=part, position=slot))
        for name, part in (("attention", None), ("mlp", None))
    }
    between = store.at(Site("residual", layer, part="between", position=slot))
    torch.testing.assert_close(between, first(states[1][:, 0] + terms["attention"]))
    torch.testing.assert_close(states[2][:, 0], second(between + terms["mlp"]))
    embedding = store.at(Site("embedding", position=slot))
    torch.testing.assert_close(embedding, hidden[-1][:, 0])
    with pytest.raises(EngineError, match="does not exist"):
        network.width(Site("residual", 3, position=slot))


@pytest.mark.parametrize("kind", ["bert", "distilbert"])
def test_an_encoder_is_run_from_a_folder(kind: str, tmp_path: Path) -> None:
    model = encoder(kind)
    model.save_pretrained(tmp_path / "model")
    tokenizer().save_pretrained(tmp_path / "model")
    here = run(MASKED, tmp_path, network=model, feed=tokenizer())
    assert values(here) == values(run(MASKED, tmp_path))


def test_an_encoder_is_written_where_the_prompt_says(tmp_path: Path) -> None:
    """Prompts of two lengths: what is written at a slot is what the plainest hook writes."""
    text = MASKED.replace('feed "', 'feed any of "then {x} is {y} [MASK]", "')
    hypothesis = causalabs.loads(text, folder=tmp_path)
    network = in_hand(hypothesis, encoder("bert"), tokenizer(), None).network
    inputs = network.encode(few_columns(hypothesis))
    assert len(set(inputs.texts.lengths.tolist())) == 2
    site = Site("residual", 1, position=Slot(("y",)))
    delta = torch.randn(len(inputs), 16)
    found = network.resume(network.prefix(inputs, [site]), [(site, lambda now: now + delta)])
    at = torch.from_numpy(network.prompter.resolve(Slot(("y",)), inputs.texts))[:, 0]
    rows = torch.arange(len(inputs))

    def write(_: Any, __: Any, out: Any) -> Any:
        tensor = out[0] if isinstance(out, tuple) else out
        tensor = tensor.clone()
        tensor[rows, at] += delta
        return (tensor, *out[1:]) if isinstance(out, tuple) else tensor

    hook = network.module.bert.encoder.layer[1].register_forward_hook(write)
    logits = network.module(**inputs.kwargs).logits
    hook.remove()
    masks = (inputs.kwargs["input_ids"] == WORDS.index("[MASK]")).int().argmax(dim=1)
    wanted = logits[rows, masks][:, [WORDS.index(w) for w in ("red", "blue", "green")]]
    torch.testing.assert_close(found["last"], wanted)
    assert not torch.allclose(found["last"], network.scores(inputs)["last"])


def test_a_decoder_without_a_table_has_its_modules(tmp_path: Path) -> None:
    from transformers import BloomConfig, BloomForCausalLM

    torch.manual_seed(0)
    config = BloomConfig(
        vocab_size=len(WORDS), hidden_size=16, n_layer=2, n_head=2, initializer_range=1.0
    )
    model = BloomForCausalLM(config)
    with pytest.raises(causalabs.RunError, match="does not exist in this bloom") as raised:
        run(FILE, tmp_path, network=model, feed=tokenizer())
    assert '"transformer.h.{0..1}"' in raised.value.help
    text = FILE.replace("residual 0", 'module "transformer.h.0".output')
    found = run(text, tmp_path, network=model, feed=tokenizer())
    inputs = torch.tensor([[5, 8, 6, 9]])  # red then blue is
    hypothesis = causalabs.loads(text, folder=tmp_path)
    network = in_hand(hypothesis, model, tokenizer(), None).network
    fed = network.encode(few_columns(hypothesis))
    row = int((fed.kwargs["input_ids"] == inputs).all(dim=1).nonzero()[0])
    wanted = model.eval()(inputs).logits[:, -1, [5, 6, 7]]
    torch.testing.assert_close(network.scores(fed)["last"][row : row + 1], wanted)
    assert 0 <= values(found)[1] <= 1
