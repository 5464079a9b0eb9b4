"""From scores to what is said of them: agreement with the algorithm, losses, metrics.

An answer is the place of a value, (batch,), or of a set-valued output the flags of its
members, (batch, classes). Several outputs are one answer together: it is right when each is,
and its logarithmic score is the sum of theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from causalabs.algorithm.domains import Column, SetOf, size
from causalabs.algorithm.model import Algorithm
from causalabs.counterfactuals.runs import as_places
from causalabs.engine.errors import EngineError
from causalabs.engine.protocol import Scores

Answers: TypeAlias = Mapping[str, Tensor]
"""Per output (batch,) places, or (batch, classes) flags."""


def clean_answers(
    algorithm: Algorithm, clean: Mapping[str, Column], device: torch.device | str = "cpu"
) -> dict[str, Tensor]:
    """The algorithm's answers to every input, of all outputs that can be read."""
    columns = {v.name: as_places(v, clean[v.name]) for v in algorithm.outputs}
    return {
        name: torch.from_numpy(np.ascontiguousarray(column)).to(device)
        for name, column in columns.items()
        if column is not None
    }


def classes_of_outputs(algorithm: Algorithm) -> dict[str, int]:
    """How many classes each output has: its values, or the possible members of a set."""
    found = {}
    for variable in algorithm.outputs:
        domain = variable.domain
        found[variable.name] = size(domain.of if isinstance(domain, SetOf) else domain) or 0
    return found


def agree(scores: Scores, answers: Answers, *, restarts: int = 1) -> Tensor:
    """Whether every output is the algorithm's: (restarts, batch).

    Of a set-valued output the best class must be a member.
    """
    found: Tensor | None = None
    for name, column in scores.items():
        best = column.argmax(dim=1).view(restarts, -1)
        answer = answers[name]
        if answer.dtype == torch.bool:
            members = _widened(answer, column.shape[1])
            hits = members.gather(1, best.mT).mT  # (restarts, batch)
        else:
            hits = best == answer
        found = hits if found is None else found & hits
    if found is None:
        raise EngineError("the network has no output to read", "write `read NAME`")
    return found


def loss(scores: Scores, answers: Answers, restarts: int) -> Tensor:
    """Cross-entropy, a mean over rows and outputs, summed over restarts."""
    total = []
    for name, column in scores.items():
        answer = answers[name]
        if restarts > 1:
            answer = answer.repeat(restarts, *(1,) * (answer.dim() - 1))
        total.append(row_losses(column, answer).mean())
    return torch.stack(total).mean() * restarts


def row_losses(column: Tensor, answer: Tensor) -> Tensor:
    """Cross-entropy of one output row by row: (batch,).

    Of a set-valued output it is minus the logarithm of the mass on the set; where the set is
    empty nothing is right, and nothing can be learnt.
    """
    if answer.dtype != torch.bool:
        return functional.cross_entropy(column, answer, reduction="none")
    share = _log_mass(_logs(column, answer.shape[1]), answer)
    return torch.where(answer.any(dim=1), -share, 0.0)


def lesson_losses(column: Tensor, answer: Tensor) -> Tensor:
    """What a network is taught by, of one output row by row: (batch,).

    Of a set each member is taught alike: minus the logarithm of the mass would be content
    with one member, and with the same one for all sets that share it.
    """
    if answer.dtype != torch.bool:
        return functional.cross_entropy(column, answer, reduction="none")
    each = column.log_softmax(dim=1) * answer  # (batch, classes)
    return -each.sum(dim=1) / answer.sum(dim=1).clamp(min=1)


# ------------------------------------------------------------------------ metrics

Metric: TypeAlias = Callable[[Scores, Answers, "Answers | None", Mapping[str, int]], Tensor]
"""(scores, the right answers, the base's own after an interchange, classes) -> (batch,)."""


def mass(
    scores: Scores, answers: Answers, base: Answers | None, classes: Mapping[str, int]
) -> Tensor:
    """The probability on the right answer, or on the members of the right set: (batch,)."""
    return _log_answer(scores, answers, classes).exp().clamp(max=1.0)


def negative_log(
    scores: Scores, answers: Answers, base: Answers | None, classes: Mapping[str, int]
) -> Tensor:
    """Minus the logarithm of `mass`: (batch,)."""
    return -_log_answer(scores, answers, classes)


def logit_difference(
    scores: Scores, answers: Answers, base: Answers | None, classes: Mapping[str, int]
) -> Tensor:
    """By how much the right answer's score exceeds another's: (batch,).

    After an interchange the other is the base's own answer (SEMANTICS F3); of the clean
    network it is the best answer that is not right.
    """
    if base is not None:
        return _log_answer(scores, answers, classes) - _log_answer(scores, base, classes)
    margins = []
    for name, column in scores.items():
        members = _flags(answers[name], classes[name], column.shape[1])
        inside = column.masked_fill(~members, -torch.inf).logsumexp(dim=1)
        margins.append(inside - column.masked_fill(members, -torch.inf).amax(dim=1))
    each = torch.stack(margins)  # (outputs, batch)
    # Where all outputs are right the best other answer differs in the least certain one.
    least = each.amin(dim=0)
    return torch.where(least > 0, least, each.clamp(max=0).sum(dim=0))


def divergence(whole: Scores, own: Scores) -> Tensor:
    """KL(whole || own) of the probabilities of what is read, outputs summed: (batch,)."""
    found = []
    for name, column in own.items():
        target, given = whole[name].log_softmax(dim=1), column.log_softmax(dim=1)
        found.append((target.exp() * (target - given)).sum(dim=1))
    return torch.stack(found).sum(dim=0)


METRICS: Mapping[str, Metric] = {
    "mass": mass,
    "loss": negative_log,
    "logit_difference": logit_difference,
}
"""Numbers that are measured row by row, by name; truths are `agree`'s."""


def _log_answer(scores: Scores, answers: Answers, classes: Mapping[str, int]) -> Tensor:
    """Logarithm of the probability of the whole answer: (batch,)."""
    total: Tensor | None = None
    for name, column in scores.items():
        members = _flags(answers[name], classes[name], classes[name])
        share = _log_mass(_logs(column, classes[name]), members)
        total = share if total is None else total + share
    if total is None:
        raise EngineError("the network has no output to read", "write `read NAME`")
    return total


def _logs(column: Tensor, classes: int) -> Tensor:
    """Logarithms of the classes' probabilities; those over a vocabulary are so already."""
    if column.shape[1] > classes:
        return column
    return column.log_softmax(dim=1)


def _log_mass(logs: Tensor, members: Tensor) -> Tensor:
    """Logarithm of the probability on the members: (batch,)."""
    inside = logs[:, : members.shape[1]].masked_fill(~members, -torch.inf)
    return inside.logsumexp(dim=1)


def _flags(answer: Tensor, classes: int, width: int) -> Tensor:
    """The answer as flags of classes: (batch, width)."""
    if answer.dtype != torch.bool:
        answer = functional.one_hot(answer, classes).bool()
    return _widened(answer, width)


def _widened(flags: Tensor, width: int) -> Tensor:
    """Flags for more columns: what is no answer is no member."""
    return functional.pad(flags, (0, width - flags.shape[1]))
