"""What knows the last inputs only: the answer's distribution given them, counted on `train`.

The line from such a baseline to the network is where a replacement is placed.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from causalabs.algorithm.domains import Column, Real
from causalabs.algorithm.model import Algorithm
from causalabs.engine.answers import Answers
from causalabs.engine.errors import EngineError
from causalabs.engine.protocol import Scores


def ngram(
    known: int,
    algorithm: Algorithm,
    inputs: Mapping[str, Column],
    answers: Answers,
    classes: Mapping[str, int],
    train: NDArray[np.int64],
) -> Scores:
    """Logarithms of the answers' probabilities given the last `known` inputs: (rows, classes).

    Inputs are those of the algorithm in the order in which it declares them. With one
    observation's worth of belief in the shorter context's distribution,

        p(answer | x[-n:]) = (count(x[-n:], answer) + p(answer | x[-n+1:])) / (count(x[-n:]) + 1),

    the shortest being the uniform one (MacKay and Peto 1995, "A Hierarchical Dirichlet Language
    Model", with a concentration of 1). A set counts as its members, each a share.
    """
    named = [variable.name for variable in algorithm.inputs]
    real = [each.name for each in algorithm.inputs[-known:] if isinstance(each.domain, Real)]
    if known and real:
        raise EngineError(
            f"`{real[0]}` is a real number: no n-gram can count its values",
            "set the replacement against `mean` or `unigram`",
        )
    wanted = {name: _shares(column, classes[name]) for name, column in answers.items()}
    found = {name: torch.full_like(share, 1 / share.shape[1]) for name, share in wanted.items()}
    for length in range(min(known, len(named)) + 1):
        contexts = _contexts(inputs, named[len(named) - length :], len(inputs[named[0]]))
        for name, share in wanted.items():
            counts = share.new_zeros(int(contexts.max()) + 1, share.shape[1])
            counts.index_add_(0, contexts[train], share[train])
            mine = counts[contexts]  # (rows, classes)
            found[name] = (mine + found[name]) / (mine.sum(dim=1, keepdim=True) + 1)
    return {name: share.log() for name, share in found.items()}


def _shares(answer: Tensor, classes: int) -> Tensor:
    """Each row's answer as a distribution over classes: (rows, classes)."""
    if answer.dtype == torch.bool:
        each = answer.cpu().double()
        return each / each.sum(dim=1, keepdim=True).clamp(min=1)
    return torch.nn.functional.one_hot(answer.cpu(), classes).double()


def _contexts(inputs: Mapping[str, Column], names: list[str], rows: int) -> Tensor:
    """A number of each row that is equal where these inputs are: (rows,)."""
    found = np.zeros(rows, dtype=np.int64)
    for name in names:
        column = np.asarray(inputs[name]).reshape(rows, -1)
        _, values = np.unique(column, axis=0, return_inverse=True)
        both = np.stack([found, values.reshape(-1)], axis=1)
        _, found = np.unique(both, axis=0, return_inverse=True)
        found = found.reshape(-1)
    return torch.from_numpy(found)
