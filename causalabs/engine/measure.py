"""Measuring: example by example, whether network and algorithm agree, and by how much."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from causalabs.algorithm.model import Algorithm
from causalabs.engine.answers import METRICS, Answers, agree, classes_of_outputs
from causalabs.engine.errors import EngineError
from causalabs.engine.interchange import Bases, Batch, Home, Program, Write, run
from causalabs.engine.networks.naming import say_site
from causalabs.engine.protocol import Edit, Scores
from causalabs.engine.store import Store
from causalabs.engine.writes import edits, given
from causalabs.hypothesis.model import Site

ROWS_AT_ONCE = 8192

OWN = ("whole", "neurons")
"""Kinds of basis that copy numbers as they are."""

VISIBLE = 1e-5
"""A difference of coordinates, relative to their size, that a write must show."""


def hits(program: Program, bases: Bases, rows: Batch, store: Store) -> NDArray[np.bool_]:
    """Whether every output is the algorithm's after each row's interchange: (rows,)."""
    found = values(program, bases, rows, store, {"iia": agreement})["iia"]
    return found.astype(np.bool_)


Value: TypeAlias = Callable[[Scores, Batch], Tensor]
"""A metric's value of each row of a batch: (batch,)."""


def agreement(scores: Scores, batch: Batch) -> Tensor:
    """`iia`: whether every output is the algorithm's."""
    return agree(scores, batch.answers)[0]


def metric_of(name: str, algorithm: Algorithm, base: Answers) -> Value:
    """A metric of lines by name; `base` are the algorithm's clean answers by input."""
    if name == "iia":
        return agreement
    metric, classes = METRICS[name], classes_of_outputs(algorithm)

    def value(scores: Scores, batch: Batch) -> Tensor:
        own = {output: column[batch.base] for output, column in base.items()}
        return metric(scores, batch.answers, own, classes)

    return value


@torch.no_grad()
def values(
    program: Program, bases: Bases, rows: Batch, store: Store, metrics: Mapping[str, Value]
) -> dict[str, NDArray[Any]]:
    """Each metric after each row's interchange: (rows,), truths or doubles.

    Rows that are the same run (an exhaustive table may hold them) are run once.
    """
    unique, back = _distinct(rows, len(store.inputs)) if len(rows) else (rows, None)
    at_once = getattr(store.network, "rows_at_once", ROWS_AT_ONCE)
    found: dict[str, list[Tensor]] = {name: [] for name in metrics}
    for first in range(0, len(unique), at_once):
        batch = unique.take(slice(first, first + at_once))
        scores = run(program, bases, batch, store)
        for name, column in scores.items():
            if not bool(torch.isfinite(column).all()):
                where = ", ".join(say_site(site) for site in program.written)
                raise EngineError(f"the scores of `{name}` are not finite after writing {where}")
        for name, metric in metrics.items():
            found[name].append(metric(scores, batch))
    return {name: _joined(name, parts, back) for name, parts in found.items()}


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


# ------------------------------------------------------------- no silent no-op


@torch.no_grad()
def prove_writes(program: Program, bases: Bases, rows: Batch, store: Store) -> tuple[str, ...]:
    """Prove on some rows that each write reaches its tensor; notes on writes without effect.

    A second edit at each site looks at what stands there after the first. `EngineError`
    naming the site when an edit is never called, when what it wrote is not what stands
    there, or when nothing changed although the source's coordinates differ from the base's.
    """
    batch = rows.take(slice(0, 512))
    if len(batch) == 0:
        return ()
    watched: list[tuple[Site, Edit]] = []
    seen: dict[Site, dict[str, Tensor]] = {}
    for site, edit in edits(program.writes, bases, batch, store):
        seen[site] = {}
        watched += [(site, _watch(edit, seen[site])), (site, _look(seen[site]))]
    prefix = store.prefix(program.written, batch.base)
    scores = store.network.resume(prefix, watched)
    notes = []
    for site, found in seen.items():
        if "written" not in found or "stands" not in found:
            raise EngineError(f"{say_site(site)} was never reached: nothing was written there")
        if not torch.equal(found["written"], found["stands"]):
            raise EngineError(f"the write to {say_site(site)} did not reach its tensor")
        if torch.equal(found["before"], found["written"]):
            if _must_change(program, bases, batch, store, site, found["before"]):
                raise EngineError(
                    f"the write to {say_site(site)} changed nothing, "
                    "though source and base differ there"
                )
            notes.append(f"source and base are the same at {say_site(site)}: nothing to write")
    if not notes and _unmoved(scores, store, batch):
        where = ", ".join(say_site(site) for site in seen)
        notes.append(f"writing {where} changed no score of the network")
    return tuple(notes)


def _watch(edit: Edit, seen: dict[str, Tensor]) -> Edit:
    def watched(current: Tensor) -> Tensor:
        seen["before"] = current.clone()
        written = edit(current)
        seen["written"] = written.clone()
        return written

    return watched


def _look(seen: dict[str, Tensor]) -> Edit:
    def look(current: Tensor) -> Tensor:
        seen["stands"] = current.clone()
        return current

    return look


def _must_change(
    program: Program, bases: Bases, batch: Batch, store: Store, site: Site, before: Tensor
) -> bool:
    """Whether some row's source differs, in the coordinates written, from what stood there."""
    for number, write in enumerate(program.writes):
        used = batch.used[number]
        if site in write.target.writes and bool(used.any()):
            moved = _difference(write, bases, batch.source[number][used], before[used], store, site)
            slack = 0.0 if write.target.kind in OWN else VISIBLE * (1 + before.abs().max())
            if bool((moved.abs() > slack).any()):
                return True
    return False


def _difference(
    write: Write, bases: Bases, rows: Tensor, before: Tensor, store: Store, site: Site
) -> Tensor:
    """The coordinates to be written less those that stood there: (1, rows, dims)."""
    target, origin = write.target, write.origin
    basis = bases[target.space]
    whole = before[None]
    if len(target.writes) > 1:  # other sites have a part in these coordinates
        if target.kind not in OWN or not isinstance(origin, Home):
            return before[:, :0]
        parts = [store.rows((each,), rows) for each in target.reads]
        parts[target.writes.index(site)] = before
        whole = torch.cat(parts, dim=1)[None]
    elif whole.shape[-1] != sum(store.width(each) for each in target.reads):
        return before[:, :0]
    if isinstance(origin, Home):
        theirs = bases[origin.space].encode(store.rows(origin.reads, rows)[None], origin.block)
    else:
        theirs = given(basis, origin)
    return theirs - basis.encode(whole, target.block)


def _unmoved(scores: Scores, store: Store, batch: Batch) -> bool:
    """Whether every row's scores are those of its clean run."""
    clean = store.scores()
    return all(
        torch.allclose(column, clean[name][batch.base], rtol=1e-6, atol=1e-7)
        for name, column in scores.items()
    )


def line_notes(found: Sequence[str], name: str) -> tuple[str, ...]:
    """Notes with the interchange they are about."""
    return tuple(f"interchange `{name}`: {note}" for note in found)
