"""`network huggingface("...")` to networks: the weights loaded once, whatever asks for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from causalabs.algorithm.domains import Column
from causalabs.algorithm.model import Algorithm
from causalabs.engine.errors import EngineError
from causalabs.engine.language_models.batch_size import tokens_at_once
from causalabs.engine.language_models.contract import Read
from causalabs.engine.language_models.families import FAMILIES
from causalabs.engine.language_models.loading import ENCODERS, Loaded, load, outline
from causalabs.engine.language_models.model import LanguageModel
from causalabs.engine.language_models.prompts import TokenPrompter
from causalabs.engine.language_models.reads import make_reads
from causalabs.engine.language_models.remembering import RememberingModel
from causalabs.engine.language_models.skeleton import Skeleton
from causalabs.engine.networks.build import domains_of
from causalabs.engine.protocol import Device
from causalabs.hypothesis.model import FeedText, FeedTokens, NetworkSpec

if TYPE_CHECKING:
    from causalabs.engine.modules.text import TextModule

KIND = "huggingface"


@dataclass(eq=False)
class LanguageModels:
    """The model of a hypothesis, trained as it comes, or untrained for a seed.

    `loaded` is a model in hand, which is then not looked for; `like` gives columns of a few
    inputs, which an encoder is met by. Weights do not depend on a seed: all seeds share them.
    """

    spec: NetworkSpec
    algorithms: Sequence[Algorithm]
    folder: Path
    device: Device
    progress: Callable[[str, float], None] | None = None
    like: Callable[[], Mapping[str, Column]] | None = None
    loaded: Loaded | None = None
    _trained: LanguageModel | TextModule | None = field(default=None, init=False)

    @property
    def name(self) -> str:
        """What the file calls it."""
        return str(dict(self.spec.settings)["id"])

    def network(self, seed: int, trained: bool) -> LanguageModel | TextModule:
        """The model under test, or its architecture with weights drawn from the seed."""
        loaded = self._load()
        if trained:
            if self._trained is None:
                self._trained = self._made(loaded.module, {"origin": loaded.origin})
            return self._trained
        from causalabs.engine.modules.fresh import untrained

        self._say(f"drawing fresh weights for {self.name}")
        return self._made(
            untrained(loaded.module, seed=seed), {"origin": "untrained", "seed": seed}
        )

    def skeleton(self) -> Skeleton | None:
        """The model without numbers, which knows its sites; None where it has to be loaded."""
        found = None if self.loaded else outline(self.name, folder=self.folder)
        config: Any = None if found is None else found.module.config
        if found is None or config.model_type not in FAMILIES:
            return None
        prompter, reads = self._asked(found)
        return Skeleton(found.module, prompter=prompter, reads=reads)

    def _load(self) -> Loaded:
        if self.loaded is None:
            self._say(f"loading {self.name}")
            self.loaded = load(self.name, folder=self.folder, device=self.device)
        return self.loaded

    def _made(self, module: Any, record: dict[str, Any]) -> LanguageModel | TextModule:
        prompter, reads = self._asked(self._load())
        told = {"model": self.name, **record}
        kind = module.config.model_type
        if kind not in FAMILIES and self.like is not None:
            from causalabs.engine.modules.encoders import Encoder
            from causalabs.engine.modules.text import TextModule

            made = Encoder if kind in ENCODERS else TextModule
            return made(module, prompter=prompter, reads=reads, like=self.like(), record=told)
        at_once = tokens_at_once(module, name=self.name)
        return RememberingModel(
            module, prompter=prompter, reads=reads, record=told, tokens_at_once=at_once
        )

    def _asked(self, loaded: Loaded) -> tuple[TokenPrompter, tuple[Read, ...]]:
        """What is fed, and what is read, in the model's own tokens."""
        feed, domains = self.spec.feed, domains_of(self.algorithms)
        if not isinstance(feed, FeedText | FeedTokens):
            raise EngineError("a language model is fed text", 'write `feed "..."`')
        prompter = TokenPrompter(
            loaded.tokenizer,
            feed,
            domains,
            [variable.name for variable in self.algorithms[0].inputs],
            longest=loaded.longest,
        )
        return prompter, make_reads(self.spec.reads, domains, loaded.tokenizer)

    def _say(self, what: str) -> None:
        if self.progress is not None:
            self.progress(what, 0.0)


__all__ = ["KIND", "LanguageModels"]
