"""What a model must be: known, wired as its family's table says, finite; and batches of it."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from causalabs.engine.errors import EngineError
from causalabs.engine.language_models.families import FAMILIES, wire
from causalabs.engine.language_models.model import LanguageModel
from causalabs.hypothesis.model import AtIndex, Last, Several, Site
from tests.engine.language_models.support import (
    NAMES,
    READS,
    WordPrompter,
    columns,
    configs,
    module,
    network,
)


def made(module: nn.Module, **more: Any) -> LanguageModel:
    return LanguageModel(module, prompter=WordPrompter(), reads=READS, **more)


def test_an_unknown_architecture_says_which_paths_there_are() -> None:
    import transformers as hf

    config = hf.BloomConfig(vocab_size=20, hidden_size=8, n_layer=2, n_head=2)
    with pytest.raises(EngineError) as caught:
        made(hf.BloomForCausalLM(config))
    assert "no table for the architecture `bloom`" in caught.value.message
    assert "`transformer.h.*.self_attention.query_key_value`" in caught.value.help
    assert all(name in caught.value.help for name in FAMILIES)


def test_a_table_that_does_not_fit_names_the_missing_module() -> None:
    broken = copy.deepcopy(module("llama"))
    del broken.model.norm  # type: ignore[union-attr]
    with pytest.raises(EngineError, match="this `llama` model has no module `norm`"):
        made(broken)


@pytest.mark.parametrize("part", ["layer", "embedding"])
def test_wiring_of_another_kind_is_found_out(part: str) -> None:
    changed = copy.deepcopy(module("llama"))
    wiring = wire(changed)
    where = wiring.layers[1] if part == "layer" else wiring.tokens

    def scale(_: Any, __: Any, output: Tensor) -> Tensor:
        return output * 1.5

    if part == "layer":  # a block's own sum is not called by the flow
        where.register_forward_hook(scale)
    else:
        changed.model.register_forward_pre_hook(  # type: ignore[union-attr, operator]
            lambda _, args, kwargs: (
                args,
                {**kwargs, "inputs_embeds": wiring.tokens(kwargs["input_ids"]) * 2}
                | {"input_ids": None},
            ),
            with_kwargs=True,
        )
    with pytest.raises(EngineError, match="wired otherwise than others of its family"):
        made(changed)


def test_weights_that_are_not_finite_are_named() -> None:
    broken = copy.deepcopy(module("llama"))
    with torch.no_grad():
        broken.model.layers[1].mlp.up_proj.weight[0, 0] = torch.nan  # type: ignore
    net = made(broken)
    with pytest.raises(EngineError, match=r"weights `model.layers.1.mlp.up_proj.weight` are not"):
        net.scores(net.encode(columns((7, 5))))


def test_the_first_activation_that_is_not_finite_is_named() -> None:
    broken = copy.deepcopy(module("gpt2"))
    with torch.no_grad():
        broken.transformer.h[1].mlp.c_fc.bias.fill_(1e30)  # type: ignore[union-attr]
        broken.transformer.h[1].mlp.c_proj.weight.fill_(1e30)  # type: ignore[union-attr]
    net = made(broken)
    inputs = net.encode(columns((7, 5)))
    with pytest.raises(EngineError, match=r"`mlp 1` is the first activation that is not a finite"):
        net.capture(inputs, [Site("residual", 2, position=Last())])


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_other_numbers(dtype: torch.dtype) -> None:
    for name in ("llama", "gemma3_text", "gpt_neox"):
        net = made(copy.deepcopy(module(name)).to(dtype))
        inputs = net.encode(columns((7, 5)))
        site = Site("attention", 1, position=Last())
        (own,) = net.capture(inputs, [site])
        assert own.dtype == net.dtype == dtype
        clean, prefix = net.scores(inputs)["answer"], net.prefix(inputs, [site])
        again = net.resume(prefix, [(site, lambda current: own)])["answer"]  # noqa: B023
        torch.testing.assert_close(again, clean, atol=3e-2, rtol=3e-2)
        assert clean.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
        exact = network(name).scores(inputs)["answer"]
        torch.testing.assert_close(clean.float(), exact, atol=0.1, rtol=0.1)


def test_the_record_says_what_it_is() -> None:
    net = network("qwen3")
    json.dumps(net.record)
    assert net.record["kind"] == "huggingface"
    assert net.record["family"] == "qwen3"
    assert (net.record["layers"], net.record["heads"], net.record["dtype"]) == (3, 4, "float32")
    assert net.record["parameters"] == sum(p.numel() for p in net.module.parameters())
    assert net.record["weights"] == network("qwen3").record["weights"]
    assert net.record["weights"] != network("llama").record["weights"]
    assert made(module("llama"), record={"weights": "known"}).record["weights"] == "known"


@pytest.mark.parametrize("name", NAMES)
def test_batches_are_joined(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    net = network(name)
    inputs = net.encode(columns((5, 6, 4, 7, 4)))
    found = [
        Site("residual", 1, position=Several((AtIndex(1), Last()))),
        Site("mlp", 0, position=Last()),
        Site("logits"),
    ]
    edits = [(found[0], lambda current: current + 1)]
    whole = net.capture(inputs, found), net.scores(inputs)["answer"]
    resumed = net.resume(net.prefix(inputs, found), edits)["answer"]
    monkeypatch.setattr(net, "tokens_at_once", 14)
    assert len(list(net.prefix_parts(inputs, found))) == 3
    parts = net.capture(inputs, found), net.scores(inputs)["answer"]
    for one, other in zip((*whole[0], whole[1]), (*parts[0], parts[1]), strict=True):
        torch.testing.assert_close(one, other, atol=2e-6, rtol=1e-5)
    again = net.resume(net.prefix(inputs, found), edits)["answer"]
    torch.testing.assert_close(again, resumed, atol=2e-6, rtol=1e-5)


@pytest.mark.parametrize(
    ("position", "problem"),
    [
        (AtIndex(5), "has no token at `index 5`"),
        (Several((AtIndex(4), Last())), "has one token twice at `{index 4, last}`"),
    ],
)
def test_a_token_that_a_prompt_lacks_or_has_twice_is_told_with_the_prompt(
    position: Any, problem: str
) -> None:
    net = network("llama")
    inputs = net.encode(columns((7, 5)))
    with pytest.raises(EngineError) as caught:
        net.prefix(inputs, [Site("residual", 0, position=position)])
    assert problem in caught.value.message
    assert net.prompter.text(inputs, 1) in caught.value.message


def test_the_text_half_of_a_model_that_also_sees() -> None:
    import transformers as hf

    told = configs()["gemma3_text"].to_dict()
    text = {key: told[key] for key in told if key not in ("model_type", "transformers_version")}
    eyes = {
        "hidden_size": 8,
        "intermediate_size": 8,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "image_size": 28,
        "patch_size": 14,
    }
    marks = {"image_token_index": 39, "boi_token_index": 37, "eoi_token_index": 38}
    config = hf.Gemma3Config(text_config=text, vision_config=eyes, mm_tokens_per_image=4, **marks)
    seeing = hf.AutoModelForImageTextToText.from_config(config)
    before = config.vision_config._attn_implementation
    net = made(seeing)
    assert net.record["family"] == "gemma3"
    inputs = net.encode({"words": columns((7, 5))["words"] % 36})
    site = Site("mlp", 1, position=Last())
    (own,) = net.capture(inputs, [site])
    again = net.resume(net.prefix(inputs, [site]), [(site, lambda current: own)])
    torch.testing.assert_close(again["answer"], net.scores(inputs)["answer"])
    assert config.vision_config._attn_implementation == before


def test_a_batch_of_clean_runs_that_does_not_fit_is_halved(monkeypatch: pytest.MonkeyPatch) -> None:
    net = network("llama")
    inputs = net.encode(columns((5, 6, 4, 7, 4)))
    site = Site("residual", 1, position=Last())
    clean, asked = net._clean, []

    def small(batch: Any, sites: Any) -> Any:
        asked.append(len(batch))
        if len(batch) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return clean(batch, sites)

    whole = net.capture(inputs, [site])[0]
    monkeypatch.setattr(net, "_clean", small)
    torch.testing.assert_close(net.capture(inputs, [site])[0], whole, atol=2e-6, rtol=1e-5)
    assert asked == [5, 3, 2, 2, 1]
