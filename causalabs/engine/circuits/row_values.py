"""What a circuit's answers are worth, row by row: larger is better, or a distance from another's.

| name | of each row |
|---|---|
| `logit_difference` | by how much the right answer's score exceeds the best other's |
| `loss` | minus the logarithm of the right answer's probability |
| `mass` | the probability on the right answer, or on the members of the right set |
| `accuracy` | whether every output is right |
| `kl` | divergence of the answers' probabilities from the whole network's, outputs summed |
| `distance` | squared difference from the whole network's scores, summed |
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from causalabs.engine.answers import METRICS, Answers, agree, divergence
from causalabs.engine.circuits.contract import Loss
from causalabs.engine.protocol import Scores

RISES = ("loss", "kl", "distance")
"""Metrics that rise as a circuit gets worse."""


@dataclass(frozen=True, eq=False)
class Wanted:
    """What the rows should be answered: rightly, and as the whole network answers them."""

    answers: Answers
    whole: Scores
    classes: Mapping[str, int]

    def take(self, rows: Tensor | slice) -> Wanted:
        """The same of some rows."""
        return Wanted(
            {name: column[rows] for name, column in self.answers.items()},
            {name: column[rows] for name, column in self.whole.items()},
            self.classes,
        )


def row_values(metric: str, scores: Scores, wanted: Wanted) -> Tensor:
    """A metric of each row: (rows,)."""
    match metric:
        case "accuracy":
            return agree(scores, wanted.answers)[0].double()
        case "kl":
            return divergence(wanted.whole, scores)
        case "distance":
            return _summed(
                [(own - wanted.whole[name]).square().sum(dim=1) for name, own in scores.items()]
            )
        case _:
            return METRICS[metric](scores, wanted.answers, None, wanted.classes)


def harm(metric: str, wanted: Wanted) -> Loss:
    """How bad each row is by a metric, to be made small: (rows,) of the rows in a slice."""
    sign = 1.0 if metric in RISES else -1.0

    def value(scores: Scores, rows: slice) -> Tensor:
        return sign * row_values(metric, scores, wanted.take(rows))

    return value


def _summed(parts: list[Tensor]) -> Tensor:
    return torch.stack(parts).sum(dim=0)
