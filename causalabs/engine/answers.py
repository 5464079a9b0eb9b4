"""From scores to what is said of them: agreement with the algorithm, and the loss of a fit."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

from causalabs.engine.errors import EngineError
from causalabs.engine.protocol import Scores


def agree(scores: Scores, answers: Mapping[str, Tensor], *, restarts: int = 1) -> Tensor:
    """Whether every output is the algorithm's: (restarts, batch)."""
    found: Tensor | None = None
    for name, column in scores.items():
        hits = column.argmax(dim=1).view(restarts, -1) == answers[name]
        found = hits if found is None else found & hits
    if found is None:
        raise EngineError("the network has no output to read", "write `read NAME`")
    return found


def loss(scores: Scores, answers: Mapping[str, Tensor], restarts: int) -> Tensor:
    """Cross-entropy, a mean over rows and outputs, summed over restarts."""
    total = torch.stack(
        [
            functional.cross_entropy(
                column, answers[name] if restarts == 1 else answers[name].repeat(restarts)
            )
            for name, column in scores.items()
        ]
    )
    return total.mean() * restarts
