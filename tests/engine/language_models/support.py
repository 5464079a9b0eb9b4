"""Tiny language models of every family, from config, and prompts of whole words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from causalabs.engine.language_models.contract import Prompts, Read
from causalabs.engine.language_models.model import LanguageModel
from causalabs.hypothesis.model import AllOf, AtIndex, Last, Position, Several

WORDS = 40
COMMON = {"vocab_size": WORDS, "hidden_size": 16, "num_hidden_layers": 3}
GROUPED = {
    **COMMON,
    "intermediate_size": 24,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
}
SLIDING = {"sliding_window": 3}


def configs() -> dict[str, Any]:
    """A config per family; windows are shorter than the prompts."""
    import transformers as hf

    types = ["sliding_attention", "full_attention", "sliding_attention"]
    gemma = {**GROUPED, "head_dim": 8, "layer_types": types, **SLIDING}
    neox = {**GROUPED, "num_key_value_heads": None, "rotary_pct": 0.5}
    del neox["num_key_value_heads"]
    return {
        "gpt2": hf.GPT2Config(
            vocab_size=WORDS, n_embd=16, n_layer=3, n_head=2, n_positions=64, attn_pdrop=0.1
        ),
        "llama": hf.LlamaConfig(**GROUPED),
        "mistral": hf.MistralConfig(**GROUPED, **SLIDING),
        "qwen2": hf.Qwen2Config(**GROUPED, **SLIDING, use_sliding_window=True, max_window_layers=1),
        "qwen3": hf.Qwen3Config(**GROUPED, head_dim=8),
        "gemma": hf.GemmaConfig(**GROUPED, head_dim=8),
        "gemma2": hf.Gemma2Config(**gemma, query_pre_attn_scalar=8, final_logit_softcapping=5.0),
        "gemma3_text": hf.Gemma3TextConfig(
            **gemma, query_pre_attn_scalar=8, final_logit_softcapping=5.0
        ),
        "gpt_neox": hf.GPTNeoXConfig(**neox),
        "gpt_neox_sequential": hf.GPTNeoXConfig(**neox, use_parallel_residual=False),
    }


NAMES = (
    "gpt2",
    "llama",
    "mistral",
    "qwen2",
    "qwen3",
    "gemma",
    "gemma2",
    "gemma3_text",
    "gpt_neox",
    "gpt_neox_sequential",
)


@cache
def module(name: str) -> nn.Module:
    """A tiny model with weights large enough that everything matters."""
    import transformers as hf

    torch.manual_seed(0)
    made: nn.Module = hf.AutoModelForCausalLM.from_config(configs()[name])
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for each in made.parameters():
            each.add_(torch.randn(each.shape, generator=generator) * 0.15)
    made.eval()
    return made


class WordPrompter:
    """Prompts of word numbers: the column `words` is (rows, longest), -1 past the end."""

    def encode(self, columns: Mapping[str, Any]) -> Prompts:
        words = torch.from_numpy(np.asarray(columns["words"]))
        return Prompts(words.clamp(min=0), (words >= 0).sum(dim=1), dict(columns))

    def count(self, position: Position) -> int:
        match position:
            case Several(positions):
                return sum(map(self.count, positions))
            case AllOf():
                return self.length
            case _:
                return 1

    length = 7

    def expand(self, position: Any) -> tuple[Position, ...]:
        return tuple(AtIndex(i) for i in range(self.length))

    def resolve(self, position: Position, prompts: Prompts) -> NDArray[np.int64]:
        match position:
            case Last():
                return (prompts.lengths - 1).numpy()[:, None]
            case AtIndex(index):
                return np.full((len(prompts), 1), index)
            case Several(positions):
                return np.concatenate([self.resolve(p, prompts) for p in positions], axis=1)
            case AllOf():
                return np.tile(np.arange(self.length), (len(prompts), 1))
            case _:
                raise AssertionError(position)

    def text(self, prompts: Prompts, row: int) -> str:
        return " ".join(map(str, prompts.ids[row, : prompts.lengths[row]].tolist()))


READS = (Read("answer", Last(), ((3,), (5,), (7,))),)


def network(name: str, reads: Sequence[Read] = READS) -> LanguageModel:
    return LanguageModel(module(name), prompter=WordPrompter(), reads=reads)


def columns(lengths: Sequence[int], seed: int = 0) -> dict[str, NDArray[np.int64]]:
    generator = np.random.default_rng(seed)
    words = generator.integers(0, WORDS, (len(lengths), max(lengths)))
    past = np.arange(max(lengths)) >= np.array(lengths)[:, None]
    return {"words": np.where(past, -1, words)}


def plain(name: str, inputs: Prompts) -> Tensor:
    """Logits of the model's own forward: (rows, tokens, words)."""
    mask = torch.arange(inputs.ids.shape[1]) < inputs.lengths[:, None]
    found: Tensor = module(name)(input_ids=inputs.ids, attention_mask=mask.long()).logits
    return found
