"""Encoders of Hugging Face: models that fill in a masked word, every token seeing all others.

An intervention at one token changes all of them from the next layer on, so there is nothing
to keep by positions: an encoder is run as any module is, its sites named as in a decoder.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from causalabs.engine.errors import EngineError
from causalabs.engine.modules.text import TextModule
from causalabs.engine.networks.naming import say_site
from causalabs.hypothesis.model import Site


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


class Encoder(TextModule):
    """A frozen encoder with a head over the vocabulary (`Network`).

    `residual i` is what layer i gives back, after its norm; `residual i.between` stands
    after the attention's, and `attention i` and `mlp i` are the terms that are added before
    the norms. An output is read at its own token: `read v at "[MASK]" as "{v}"`.
    """

    ends = True
    options: Mapping[str, Any] = {}

    @property
    def family(self) -> Family:
        """Where this architecture keeps its parts."""
        config: Any = self.module.config
        return FAMILIES[config.model_type]

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
