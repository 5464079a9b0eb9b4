"""Encoders of Hugging Face: models that fill in a masked word, every token seeing all others.

An intervention at one token changes all of them from the next layer on, so there is nothing
to keep by positions: an encoder is run as any module is, its sites named as in a decoder.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from causalabs.algorithm.domains import Column
from causalabs.engine.errors import EngineError
from causalabs.engine.language_models.contract import Prompts, Read
from causalabs.engine.language_models.prompts import TokenPrompter
from causalabs.engine.language_models.readout import best_other
from causalabs.engine.modules.feeding import Fed
from causalabs.engine.modules.network import ModuleNetwork
from causalabs.engine.networks.base import Output
from causalabs.engine.networks.naming import say_site
from causalabs.engine.protocol import Scores
from causalabs.hypothesis.model import AnyOf, Site


@dataclass(frozen=True)
class Family:
    """Where an architecture keeps its parts; those of a layer are relative to the layer."""

    body: str
    layers: str = "encoder.layer"
    embedding: str = "embeddings"
    between: str = "attention.output"
    attention: str = "attention.output.dense"
    mlp: str = "output.dense"


FAMILIES: Mapping[str, Family] = {
    "bert": Family("bert"),
    "roberta": Family("roberta"),
    "electra": Family("electra"),
    "distilbert": Family(
        "distilbert",
        layers="transformer.layer",
        between="sa_layer_norm",
        attention="attention.out_lin",
        mlp="ffn.lin2",
    ),
}
"""By `model_type` of the config."""


class Encoder(ModuleNetwork):
    """A frozen encoder with a head over the vocabulary (`Network`).

    `residual i` is what layer i gives back, after its norm; `residual i.between` stands
    after the attention's, and `attention i` and `mlp i` are the terms that are added before
    the norms. An output is read at its own token: `read v at "[MASK]" as "{v}"`.
    """

    kind = "huggingface"

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
        self.family = FAMILIES[module.config.model_type]
        self.prompter = prompter
        self.reads = tuple(reads)
        for read in reads:
            if any(len(answer) > 1 for answer in read.answers):
                raise EngineError(
                    f"`{read.output}` cannot be spelled: an encoder fills in one token",
                    f'write `as "{{{read.output}}}"`',
                )
        outputs = [Output(r.output, len(r.answers) + r.vocabulary, r.position) for r in reads]
        super().__init__(
            module, outputs=outputs, feed=lambda columns: (), like=like, texts=prompter
        )
        self.rows_at_once = 256
        self.record = {"parameters": sum(p.numel() for p in module.parameters()), **record}

    def encode(self, columns: Mapping[str, Column]) -> Fed:
        """Prompts with the token that ends one, and where each output is read."""
        prompts = self.prompter.encode(columns)
        tokenizer = self.prompter.tokenizer
        ids, lengths = _ended(prompts, tokenizer.sep_token_id, tokenizer.pad_token_id or 0)
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

    def named(self, site: Site) -> Site:
        """The module that a component's name stands for."""
        family = self.family
        if site.component == "module":
            return site
        if site.component == "embedding" and site.layer is None:
            path = f"{family.body}.{family.embedding}"
            return Site("module", part="output", path=path, position=site.position)
        parts = {
            ("residual", None): ("", "output"),
            ("residual", "between"): (family.between, "output"),
            ("attention", None): (family.attention, "output"),
            ("mlp", None): (family.mlp, "output"),
            ("mlp", "hidden"): (family.mlp, "input"),
        }
        layers: Any = self.module.get_submodule(f"{family.body}.{family.layers}")
        last = len(layers) - 1
        if (site.component, site.part) not in parts or site.layer not in range(last + 1):
            raise EngineError(
                f"{say_site(site)} does not exist",
                f"this encoder has `embedding`, `residual 0..{last}` and `.between`, "
                f'`attention 0..{last}`, `mlp 0..{last}` and `.hidden`, and `module "path"`',
            )
        inside, end = parts[site.component, site.part]
        path = ".".join(filter(None, (family.body, family.layers, str(site.layer), inside)))
        return Site("module", part=end, path=path, position=site.position)

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


def is_encoder(module: nn.Module) -> bool:
    """Whether a model of transformers is an encoder that can be run here."""
    config: Any = getattr(module, "config", None)
    return getattr(config, "model_type", "") in FAMILIES


def _ended(prompts: Prompts, end: int | None, pad: int) -> tuple[Tensor, Tensor]:
    """Token rows and their lengths with the token that ends a text, where there is one."""
    if end is None:
        return prompts.ids, prompts.lengths
    room = prompts.ids.new_full((len(prompts), 1), pad)
    ids = torch.cat([prompts.ids, room], dim=1)
    return ids.scatter(1, prompts.lengths[:, None], end), prompts.lengths + 1
