"""Clean scores of each distinct prompt, computed once for one model.

`keep solved`, `accuracy` and the interchanges look at overlapping sets of inputs; a clean
run of all of them costs as much as many steps of a fit.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from causalabs.engine.language_models.model import LanguageModel
from causalabs.engine.language_models.prompts import MARK
from causalabs.engine.protocol import Scores


class RememberingModel(LanguageModel):
    """A language model on a `TokenPrompter`, by whose numbers prompts are known again."""

    def scores(self, inputs: Any) -> Scores:
        """Clean scores of every row; prompts that were asked before are not run again."""
        known: dict[int, int] = self.__dict__.setdefault("_known", {})
        kept: Scores = self.__dict__.setdefault("_kept", {})
        numbers = inputs.marks[MARK].tolist()
        first = {number: row for row, number in enumerate(numbers) if number not in known}
        if first or not kept:
            found = super().scores(self.slice(inputs, torch.tensor([*first.values()]).long()))
            known.update({number: len(known) + i for i, number in enumerate(first)})
            kept.update({n: torch.cat([kept[n], c]) if n in kept else c for n, c in found.items()})
        rows = np.array([known[number] for number in numbers], dtype=np.int64)
        at: Tensor = torch.from_numpy(rows).to(self.device)
        return {name: column.index_select(0, at) for name, column in kept.items()}
