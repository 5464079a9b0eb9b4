"""A language model in hand: a model of transformers with its tokenizer."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from causalabs.engine.errors import EngineError
from causalabs.engine.language_models.build import KIND, LanguageModels
from causalabs.engine.language_models.loading import Loaded
from causalabs.engine.modules.hand import Given
from causalabs.engine.protocol import Device, Network
from causalabs.engine.resources import few_columns
from causalabs.hypothesis.model import Hypothesis


@dataclass(eq=False)
class GivenLanguageModel(Given):
    """Sites, prompts and answers are those of `network huggingface(...)`."""

    tokenizer: Any = None

    @cached_property
    def fingerprint(self) -> str:
        """What a plan knows the model and its tokenizer by."""
        text = repr(sorted(self.tokenizer.get_vocab().items())) + repr(self.tokenizer)
        return hashlib.sha256((super().fingerprint + text).encode()).hexdigest()[:16]

    @cached_property
    def models(self) -> LanguageModels:
        """The model, trained as it is or drawn anew."""
        like = next(self.module.parameters())
        config: Any = getattr(self.module, "config", None)
        longest = getattr(config, "max_position_embeddings", None)
        return LanguageModels(
            self.hypothesis.network,
            self.hypothesis.algorithms,
            self.hypothesis.folder,
            Device(str(like.device), like.dtype),
            like=lambda: few_columns(self.hypothesis),
            loaded=Loaded(self.module, self.tokenizer, longest, self.origin),
        )

    @cached_property
    def network(self) -> Any:
        """The network under test."""
        return self.models.network(0, True)

    def make(self, seed: int, trained: bool) -> Network:
        """The model, the same for each seed; or one with weights drawn by it."""
        found: Any = self.network if trained else self.models.network(seed, False)
        return found  # type: ignore[no-any-return]


def in_hand(hypothesis: Hypothesis, module: Any, feed: Any, read: Any) -> Given:
    """What a person handed over: a language model with its tokenizer, or any module."""
    if hypothesis.network.kind != KIND or (feed is not None and not _tokenizes(feed)):
        return Given(hypothesis, module, feed, read)
    if feed is None:
        raise EngineError(
            f"`{hypothesis.name}` feeds text, and the model in hand has no tokenizer",
            "hand it over: `run(hypothesis, network=model, feed=tokenizer)`",
        )
    if read is not None:
        raise EngineError("what a language model is read for is said in the file", "drop `read=`")
    return GivenLanguageModel(hypothesis, module, tokenizer=feed)


def _tokenizes(feed: Any) -> bool:
    return hasattr(feed, "get_vocab") and hasattr(feed, "decode")
