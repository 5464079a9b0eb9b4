"""A language model without numbers, on torch's `meta` device: it knows its sites."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from causalabs.engine.language_models.contract import Prompter, Read
from causalabs.engine.language_models.families import wire
from causalabs.engine.language_models.model import LanguageModel
from causalabs.engine.language_models.readout import Readout


class Skeleton(LanguageModel):
    """Asked for widths and positions before gigabytes of weights are read."""

    def __init__(self, module: nn.Module, *, prompter: Prompter, reads: Sequence[Read]) -> None:
        self.module = module
        self.wiring = wire(module)
        self.prompter = prompter
        self.readout = Readout(self.wiring, reads)
        self.record = {}
        self._widths = {}
