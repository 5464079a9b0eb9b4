"""Tiny language models that stand in for the ones that reference files name."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

import causalabs
from causalabs.algorithm.domains import SetOf, places
from causalabs.counterfactuals.draw import BaseSampler
from causalabs.engine.language_models.model import LanguageModel
from causalabs.engine.language_models.prompts import TokenPrompter
from causalabs.engine.language_models.reads import make_reads, spelled_out
from causalabs.engine.networks.build import domains_of
from causalabs.engine.networks.tokens import slot_words
from causalabs.hypothesis.model import FeedText, Hypothesis, Last, Site
from tests.mutations import EXAMPLES

PIECE = r"\d\d| ?[A-Za-z']+|\s|[^\sA-Za-z0-9]|\d"
CHAT = "{% for m in messages %}<{{ m['role'] }}>{{ m['content'] }}{% endfor %}<assistant>"


def texts_of(hypothesis: Hypothesis) -> Iterator[str]:
    """Everything that prompts and answers may hold."""
    feed, domains = hypothesis.network.feed, domains_of(hypothesis.algorithms)
    assert isinstance(feed, FeedText)
    yield from (feed.prefix, "=", CHAT)
    for template in feed.templates:
        for number, piece in enumerate(template):
            if isinstance(piece, str):
                yield piece
                continue
            before = template[number - 1] if number else ""
            glue = before[-1:] if isinstance(before, str) else ""
            yield from (glue + word for word in slot_words(piece, domains))
            yield from slot_words(piece, domains)
    for read in hypothesis.network.reads:
        domain = domains[read.output]
        values = domain.of if isinstance(domain, SetOf) else domain
        yield from spelled_out(read, {**domains, read.output: values})


def tokenizer_of(hypothesis: Hypothesis) -> Any:
    """Words with the space before them, pairs of digits, signs: a token each."""
    import tokenizers
    from transformers import PreTrainedTokenizerFast

    pieces = (piece for text in texts_of(hypothesis) for piece in re.findall(PIECE, text))
    words = ["[PAD]", "[UNK]", *dict.fromkeys(pieces)]
    model = tokenizers.models.WordLevel({w: i for i, w in enumerate(words)}, unk_token="[UNK]")
    made = tokenizers.Tokenizer(model)
    made.pre_tokenizer = tokenizers.pre_tokenizers.Split(tokenizers.Regex(PIECE), "isolated")
    found = PreTrainedTokenizerFast(
        tokenizer_object=made, unk_token="[UNK]", pad_token="[PAD]", chat_template=CHAT
    )
    return found


def module_of(name: str, words: int, *, layers: int) -> Any:
    """A model much like the named one, of so many layers and random weights."""
    import transformers as hf

    common = {
        "vocab_size": words,
        "hidden_size": 64,
        "intermediate_size": 32,
        "num_hidden_layers": layers,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 512,
        "tie_word_embeddings": False,
    }
    torch.manual_seed(0)
    if "gpt2" in name:
        config = hf.GPT2Config(
            vocab_size=words,
            n_embd=48,
            n_layer=layers,
            n_head=12,
            n_positions=512,
            tie_word_embeddings=False,
            bos_token_id=0,
            eos_token_id=0,
        )
    elif "Qwen" in name:
        config = hf.Qwen3Config(**common, head_dim=16)  # of 2 the tokenizer is never its own
    else:
        config = hf.LlamaConfig(**common)
    made = hf.AutoModelForCausalLM.from_config(config)
    with torch.no_grad():
        for each in made.parameters():
            each.add_(0.05 * torch.randn(each.shape))
    return made.float().eval()


def save_stand_in(hypothesis: Hypothesis, folder: Path, *, layers: int, taught: bool) -> None:
    """A folder of what the hypothesis' model would be, tiny; `taught` some of the answers."""
    tokenizer = tokenizer_of(hypothesis)
    name = str(dict(hypothesis.network.settings)["id"])
    module = module_of(name, len(tokenizer), layers=layers)
    if taught:
        teach(module, tokenizer, hypothesis, layers)
    module.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def teach(module: Any, tokenizer: Any, hypothesis: Hypothesis, layers: int) -> None:
    """Solve for the output matrix, so that some of the answers are right."""
    feed, domains = hypothesis.network.feed, domains_of(hypothesis.algorithms)
    assert isinstance(feed, FeedText)
    inputs = [variable.name for variable in hypothesis.algorithm.inputs]
    network = LanguageModel(
        module,
        prompter=TokenPrompter(tokenizer, feed, domains, inputs, longest=512),
        reads=make_reads(hypothesis.network.reads, domains, tokenizer),
    )
    drawn = BaseSampler(hypothesis).draw(1000, generator=np.random.default_rng(0))
    columns = {**drawn, **hypothesis.algorithm.evaluate(drawn)}
    (stream,) = network.capture(
        network.encode(columns), [Site("residual", layers - 1, position=Last())]
    )
    (read,) = network.readout.reads
    domain = hypothesis.algorithm[read.output].domain
    right = torch.tensor([read.answers[place][0] for place in places(domain, columns[read.output])])
    matrix = network.module.lm_head.weight
    with torch.no_grad():
        normed = network.wiring.norm(stream)
        wanted = functional.one_hot(right, len(matrix)).to(normed.dtype) - 1 / len(matrix)
        matrix.copy_(30 * torch.linalg.lstsq(normed, wanted).solution.T)


def load_example(name: str, folder: Path) -> Hypothesis:
    """An example from a copy of all of them below `folder`: a run leaves its lock there."""
    copy = folder / "examples"
    if not copy.exists():
        shutil.copytree(EXAMPLES, copy, ignore=shutil.ignore_patterns("*.lock"))
    return causalabs.load(copy / f"{name}.causal")
