"""Models of transformers that are run as any module is, on prompts: no table tells their inside.

Encoders and decoders whose architecture has no table; where there is one, a `LanguageModel`
spares what comes before the tokens that are written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from causalabs.algorithm.domains import Column
from causalabs.engine.errors import EngineError
from causalabs.engine.language_models.contract import Prompts, Read
from causalabs.engine.language_models.prompts import TokenPrompter
from causalabs.engine.language_models.readout import best_other
from causalabs.engine.modules.feeding import Fed
from causalabs.engine.modules.network import ModuleNetwork
from causalabs.engine.networks.base import Output
from causalabs.engine.protocol import Scores
from causalabs.hypothesis.model import AnyOf, Site


class TextModule(ModuleNetwork):
    """A frozen model with a head over the vocabulary (`Network`): fed prompts, read by words.

    Its sites are `module "path"`, at positions of the prompts. `ends` says that a text's last
    token is the tokenizer's own, as encoders want it.
    """

    kind = "huggingface"
    ends = False
    options: Mapping[str, Any] = {"use_cache": False}

    def __init__(
        self,
        module: Any,
        *,
        prompter: TokenPrompter,
        reads: Sequence[Read],
        like: Mapping[str, Column],
        record: Mapping[str, Any],
    ) -> None:
        module.eval()
        module.requires_grad_(False)
        self.what = f"this {module.config.model_type}"
        self.prompter = prompter
        self.reads = tuple(reads)
        for read in reads:
            if any(len(answer) > 1 for answer in read.answers):
                raise EngineError(
                    f"`{read.output}` cannot be spelled: {self.what} is asked for one token",
                    f'write `as "{{{read.output}}}"`',
                )
        outputs = [Output(r.output, len(r.answers) + r.vocabulary, r.position) for r in reads]
        super().__init__(
            module, outputs=outputs, feed=lambda columns: (), like=like, texts=prompter
        )
        self.rows_at_once = 256
        self.record = {"parameters": sum(p.numel() for p in module.parameters()), **record}

    def encode(self, columns: Mapping[str, Column]) -> Fed:
        """Prompts, and where each output is read."""
        prompts = self.prompter.encode(columns)
        tokenizer = self.prompter.tokenizer
        end = tokenizer.sep_token_id if self.ends else None
        ids, lengths = _ended(prompts, end, tokenizer.pad_token_id or 0)
        seen = torch.arange(ids.shape[1]) < lengths[:, None]  # (rows, tokens)
        kwargs = {"input_ids": ids, "attention_mask": seen.long()}
        found = {r.output: self.prompter.resolve(r.position, prompts) for r in self.reads}
        return Fed(
            (),
            {name: each.to(self.device) for name, each in kwargs.items()},
            {f"read {name}": torch.from_numpy(at).to(self.device) for name, at in found.items()},
            prompts,
        )

    def expand(self, site: Site) -> tuple[Site, ...]:
        """The sites that a search over tokens, `at any token`, stands for."""
        if not isinstance(site.position, AnyOf):
            return (site,)
        found = self.prompter.expand(site.position)
        return tuple(replace(site, position=position) for position in found)

    def _run(self, fed: Fed) -> Scores:
        logits = self._call(fed).logits  # (rows, tokens, vocabulary)
        rows = torch.arange(len(fed), device=logits.device)
        found: Scores = {}
        for read in self.reads:
            at = fed.marks[f"read {read.output}"][:, 0]
            here = logits[rows, at]  # (rows, vocabulary)
            here = here.float() if here.dtype.itemsize < 4 else here
            answers = torch.tensor([each[0] for each in read.answers], device=here.device)
            if read.vocabulary:
                logs = here.log_softmax(dim=-1)
                found[read.output] = torch.cat([logs[:, answers], best_other(logs, answers)], 1)
            else:
                found[read.output] = here[:, answers]
        return found


def _ended(prompts: Prompts, end: int | None, pad: int) -> tuple[Tensor, Tensor]:
    """Token rows and their lengths with the token that ends a text, where there is one."""
    if end is None:
        return prompts.ids, prompts.lengths
    room = prompts.ids.new_full((len(prompts), 1), pad)
    ids = torch.cat([prompts.ids, room], dim=1)
    return ids.scatter(1, prompts.lengths[:, None], end), prompts.lengths + 1
