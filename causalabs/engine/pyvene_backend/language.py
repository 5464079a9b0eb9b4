"""A language model of Hugging Face as pyvene runs it: its own `forward`, all tokens, all layers.

Sites are at pyvene's names where pyvene knows the architecture and the name means the same;
otherwise at a module's input or output, which pyvene takes by path.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from causalabs.engine.errors import EngineError
from causalabs.engine.language_models.contract import Prompts
from causalabs.engine.language_models.families import Wiring
from causalabs.engine.language_models.model import LanguageModel
from causalabs.engine.language_models.readout import against_all
from causalabs.engine.language_models.sites import place_of
from causalabs.engine.protocol import Scores
from causalabs.engine.pyvene_backend.body import Place, cannot
from causalabs.engine.pyvene_backend.importing import pyvene
from causalabs.hypothesis.model import Last, Site

NAMED: Mapping[str, str] = {
    "after": "block_output",
    "attention": "attention_output",
    "mlp": "mlp_output",
    "input": "mlp_input",
    "q": "head_query_output",
    "k": "head_key_output",
    "v": "head_value_output",
    "z": "head_attention_value_output",
}
"""Our name of a tensor, and pyvene's component."""

SPLIT = ("flat", "thirds")
"""Layouts of projections that pyvene takes apart by head as they are."""


class LanguageBody:
    """The module as it is; prompts, positions and reads are the native network's."""

    def __init__(self, network: LanguageModel) -> None:
        self.network = network
        self.module: Any = network.module
        self.names = pyvene().type_to_module_mapping.get(type(self.module), {})
        for read in network.readout.reads:
            if any(len(answer) > 1 for answer in read.answers):
                raise EngineError(
                    f"pyvene cannot read `{read.output}` spelled out: it runs the prompt alone",
                    "the native backend can: leave out `--backend pyvene`",
                )

    # -------------------------------------------------------------------- sites

    def place(self, site: Site) -> Place:
        """Where a site is."""
        self.network.width(site)
        wiring = self.network.wiring
        if site.component == "logits":
            raise cannot(site, "it is the scores of the answers alone")
        if site.path is not None:
            return Place(f"{_indexed(site.path)}.{site.part or 'output'}")
        found = place_of(wiring, site)
        if found.layer < 0:
            return Place(f"{self._block(0)}.input")
        path = self._path(wiring, found.name, found.layer)
        if path is not None:
            return Place(path)
        if site.component == "head":
            return self._head(site, found.name, found.layer, found.head)
        return Place(NAMED[found.name], found.layer)

    def _block(self, layer: int) -> str:
        family = self.network.wiring.family
        return f"{_indexed(family.decoder)}.{family.blocks}[{layer}]"

    def _path(self, wiring: Wiring, name: str, layer: int) -> str | None:
        """The module whose input or output a tensor is, where pyvene has no name for it."""
        family, block = wiring.family, self._block(layer)
        mapped = NAMED.get(name) in self.names
        match name:
            case "between":
                return f"{block}.{family.second_norm}.input"
            case "hidden":
                return f"{block}.{family.down}.input"
            case "after" if not mapped:
                return f"{block}.output"
            case "attention" if family.post_attention or not mapped:
                return f"{block}.{family.post_attention or family.attention}.output"
            case "mlp" if family.post_mlp or not mapped:
                return f"{block}.{family.post_mlp or family.mlp}.output"
            case "input" if not mapped:
                return f"{block}.{family.mlp}.input"
        return None

    def _head(self, site: Site, name: str, layer: int, head: int) -> Place:
        wiring = self.network.wiring
        family = wiring.family
        if name == "head":
            out = f"{self._block(layer)}.{family.out}"
            parts, dim = wiring.blocks[layer], wiring.dim
            first, last = head * dim, (head + 1) * dim
            share = lambda z: parts.share(z[..., first:last], first, last)  # noqa: E731
            return Place(f"{out}.input", into=f"{out}.output", share=share)
        layouts = {"q": family.query, "k": family.key, "v": family.value}
        apart = name == "z" or (name in layouts and layouts[name].layout in SPLIT)
        if not apart or NAMED.get(name) not in self.names:
            raise cannot(site, "no module of this architecture gives it out by head")
        return Place(NAMED[name], layer, head)

    def count(self, site: Site) -> int:
        """Tokens of a site."""
        return self.network.prompter.count(site.position or Last())

    def units(self, site: Site, inputs: Prompts) -> NDArray[np.int64]:
        """Token numbers."""
        return self.network.prompter.resolve(site.position or Last(), inputs)

    # ------------------------------------------------------------------ running

    def feed(self, inputs: Prompts) -> Mapping[str, Any]:
        """Token numbers, padded on the right; tokens past a prompt's end are masked."""
        device = self.network.device
        tokens = torch.arange(inputs.ids.shape[1], device=device)
        mask = tokens < inputs.lengths.to(device)[:, None]
        ids = inputs.ids.to(device)
        return {"input_ids": ids, "attention_mask": mask.long(), "use_cache": False}

    def scores(self, output: Any, inputs: Prompts) -> Scores:
        """Logits of all tokens (batch, position, vocabulary) -> each output's answers."""
        readout, found = self.network.readout, {}
        for read in readout.reads:
            at = self.network.prompter.resolve(read.position, inputs)[:, 0]
            rows = torch.arange(len(inputs), device=output.logits.device)
            logits: Tensor = output.logits[rows, torch.from_numpy(at).to(rows.device)]
            answers = readout.first[read.output]
            if read.vocabulary:
                found[read.output] = against_all(logits.log_softmax(dim=-1), answers)
            else:
                found[read.output] = logits[:, answers]
        return found


def _indexed(path: str) -> str:
    """A module path as pyvene writes it.

    >>> _indexed("model.layers.3.mlp")
    'model.layers[3].mlp'
    """
    return re.sub(r"\.(\d+)", r"[\1]", path)
