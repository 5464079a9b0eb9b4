"""Tiny tokenizers and models made on the spot, written to a folder as a hub's would be."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

Kind = Literal["bytes", "framed", "pieces"]
SENTENCES = (
    "When John and Mary went to the store, Anna gave a drink to Tom.",
    "The war lasted from the year 1702 to the year 1799.",
    "7 + 5 = 12, and red is no green: café, naïve, élan.",
    "The day after Monday is Tuesday; New York is far from Paris.",
)
CHAT = (
    "{% for message in messages %}<|{{ message['role'] }}|>\n{{ message['content'] | trim }}\n"
    "{% endfor %}{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)


def tokenizer(kind: Kind = "bytes", *, chat: str | None = None) -> Any:
    """`bytes`: byte-level as GPT-2's. `framed`: the same between <s> and </s>. `pieces`: words
    with a mark for the space before, as SentencePiece's."""
    inner = Tokenizer(models.BPE(unk_token="<unk>" if kind == "pieces" else None))
    if kind == "pieces":
        inner.pre_tokenizer = pre_tokenizers.Metaspace()
        inner.decoder = decoders.Metaspace()
        alphabet: list[str] = []
    else:
        inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        inner.decoder = decoders.ByteLevel()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
    special = ["<unk>", "<s>", "</s>"]
    trainer = trainers.BpeTrainer(
        vocab_size=420, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    inner.train_from_iterator(SENTENCES * 3, trainer)
    if kind == "framed":
        inner.post_processor = processors.TemplateProcessing(
            single="<s> $A </s>", special_tokens=[("<s>", 1), ("</s>", 2)]
        )
    return PreTrainedTokenizerFast(
        tokenizer_object=inner,
        bos_token="<s>",
        eos_token="</s>",
        unk_token="<unk>",
        chat_template=chat,
    )


def model(size: int, *, layers: int = 3, seed: int = 0) -> LlamaForCausalLM:
    """A Llama with grouped queries, its weights large enough that inputs matter."""
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=size,
        hidden_size=24,
        intermediate_size=48,
        num_hidden_layers=layers,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=64,
        initializer_range=0.5,
        tie_word_embeddings=True,
    )
    return LlamaForCausalLM(config).eval()


def saved(folder: Path, kind: Kind = "bytes", *, chat: str | None = None) -> Path:
    """A model and its tokenizer as `save_pretrained` writes them."""
    words = tokenizer(kind, chat=chat)
    model(len(words)).save_pretrained(folder)
    words.save_pretrained(folder)
    return folder
