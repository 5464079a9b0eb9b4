"""Measuring: example by example, whether network and algorithm agree, and by how much."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from causalabs.algorithm.model import Algorithm
from causalabs.engine.answers import METRICS, Answers, agree, classes_of_outputs, divergence
from causalabs.engine.batches import in_parts
from causalabs.engine.errors import EngineError
from causalabs.engine.interchange import Bases, Batch, Program, run_each
from causalabs.engine.networks.naming import say_site
from causalabs.engine.protocol import Scores
from causalabs.engine.store import Store


def hits(program: Program, bases: Bases, rows: Batch, store: Store) -> NDArray[np.bool_]:
    """Whether every output is the algorithm's after each row's interchange: (rows,)."""
    return hits_each([(program, bases)], rows, store)[0]


def hits_each(
    ways: Sequence[tuple[Program, Bases]], rows: Batch, store: Store
) -> list[NDArray[np.bool_]]:
    """`hits` of programs that use their writes alike."""
    found = values_each(ways, rows, store, {"iia": agreement})
    return [each["iia"].astype(np.bool_) for each in found]


Value: TypeAlias = Callable[[Scores, Batch], Tensor]
"""A metric's value of each row of a batch: (batch,)."""


def agreement(scores: Scores, batch: Batch) -> Tensor:
    """`iia`: whether every output is the algorithm's."""
    return agree(scores, batch.answers)[0]


def metric_of(name: str, algorithm: Algorithm, base: Answers, store: Store) -> Value:
    """A metric of lines by name; `base` are the algorithm's clean answers by input.

    `base loss` is that of the base's clean run in place of the one after the interchange,
    `source loss` of the first source's.
    """
    if name == "iia":
        return agreement
    if name == "kl":
        return lambda scores, batch: divergence(_clean(store, batch.base), scores)
    run, _, plain = name.rpartition(" ")
    metric, classes = METRICS[plain], classes_of_outputs(algorithm)

    def value(scores: Scores, batch: Batch) -> Tensor:
        own = {output: column[batch.base] for output, column in base.items()}
        if run:
            scores = _clean(store, batch.base if run == "base" else batch.source[0])
        return metric(scores, batch.answers, own, classes)

    return value


def _clean(store: Store, rows: Tensor) -> Scores:
    return {name: column[rows] for name, column in store.scores().items()}


def values(
    program: Program, bases: Bases, rows: Batch, store: Store, metrics: Mapping[str, Value]
) -> dict[str, NDArray[Any]]:
    """Each metric after each row's interchange: (rows,), truths or doubles."""
    return values_each([(program, bases)], rows, store, metrics)[0]


@torch.no_grad()
def values_each(
    ways: Sequence[tuple[Program, Bases]],
    rows: Batch,
    store: Store,
    metrics: Mapping[str, Value],
) -> list[dict[str, NDArray[Any]]]:
    """`values` of programs that use their writes alike, run side by side where that is less.

    Rows that are the same run (an exhaustive table may hold them) are run once.
    """
    unique, back = _distinct(rows, len(store.inputs)) if len(rows) else (rows, None)

    def measured(part: slice) -> list[list[Tensor]]:
        batch = unique.take(part)
        found = []
        for (program, _), scores in zip(ways, run_each(ways, batch, store), strict=True):
            _check_finite(scores, program)
            found.append([metric(scores, batch) for metric in metrics.values()])
        return found  # (ways, metrics) of (batch,)

    parts, store.at_once = in_parts(len(unique), store.at_once, measured, shared=len(ways))
    return [
        {
            name: _joined(name, [part[way][i] for part in parts], back)
            for i, name in enumerate(metrics)
        }
        for way in range(len(ways))
    ]


def _check_finite(scores: Scores, program: Program) -> None:
    for name, column in scores.items():
        if not bool(torch.isfinite(column).all()):
            where = ", ".join(say_site(site) for site in program.written)
            raise EngineError(f"the scores of `{name}` are not finite after writing {where}")


@torch.no_grad()
def clean_values(name: str, algorithm: Algorithm, store: Store, answers: Answers) -> NDArray[Any]:
    """A metric of the network's clean runs, input by input: (inputs,)."""
    found = METRICS[name](store.scores(), answers, None, classes_of_outputs(algorithm))
    return _joined(name, [found], None)


def _joined(name: str, parts: Sequence[Tensor], back: Tensor | None) -> NDArray[Any]:
    kind = torch.bool if name == "iia" else torch.float64
    found = torch.cat([part.detach().to(kind) for part in parts] or [torch.zeros(0, dtype=kind)])
    if not bool(torch.isfinite(found).all()):
        raise EngineError(
            f"`{name}` is not a finite number for some example",
            "it needs an answer that is right and one that is not: no set may be empty or full",
        )
    return (found if back is None else found[back]).cpu().numpy()


def _distinct(rows: Batch, inputs: int) -> tuple[Batch, Tensor | None]:
    """The rows without repeats, and where each row went; only where repeats are likely."""
    if len(rows) <= inputs ** (1 + len(rows.source)):
        return rows, None
    answers = [a[None] if a.dim() == 1 else a.mT for a in rows.answers.values()]
    columns = [rows.base[None], rows.source, rows.used, *answers]
    keys = torch.cat([column.long() for column in columns])
    _, back = torch.unique(keys, dim=1, return_inverse=True)
    first = torch.full((int(back.max()) + 1,), len(rows), device=back.device)
    numbers = torch.arange(len(rows), device=back.device)
    first.scatter_reduce_(0, back, numbers, reduce="amin")
    return rows.take(first), back
