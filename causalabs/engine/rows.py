"""From drawn examples to batches, and to hashes that say which examples were seen."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from causalabs.counterfactuals.examples import Examples
from causalabs.engine.interchange import NO_SOURCE, Batch, Program


@dataclass(frozen=True, eq=False)
class Table:
    """All examples of some lines on one split, as one batch; `bounds` are the lines' ends."""

    rows: Batch
    lines: tuple[int, ...]
    bounds: tuple[int, ...]

    def line(self, number: int) -> Batch:
        """The examples of one line."""
        at = self.lines.index(number)
        return self.rows.take(slice(self.bounds[at], self.bounds[at + 1]))

    def head(self, count: int) -> Table:
        """The first examples of each line, as many as it has."""
        spans = [(a, min(b, a + count)) for a, b in zip(self.bounds, self.bounds[1:], strict=False)]
        bounds = (0, *np.cumsum([b - a for a, b in spans]).tolist())
        rows = torch.cat([torch.arange(a, b) for a, b in spans]).to(self.rows.base.device)
        return Table(self.rows.take(rows), self.lines, bounds)

    @property
    def counts(self) -> tuple[int, ...]:
        """Examples of each line."""
        return tuple(b - a for a, b in zip(self.bounds, self.bounds[1:], strict=False))


def members_of(examples: Examples, line: int, split: int) -> NDArray[np.int64]:
    """Numbers of a line's examples that are in a split."""
    return np.flatnonzero(examples.lines[line].split == split).astype(np.int64)


def table(
    program: Program, examples: Examples, lines: Sequence[int], split: int, *, device: str
) -> Table:
    """The examples of `lines` on a split, as a batch of the program's writes."""
    bases, sources, used, bounds = [], [], [], [0]
    answers: dict[str, list[NDArray[np.int64]]] = {}
    writes = len(program.writes)
    for number in lines:
        line = examples.lines[number]
        members = members_of(examples, number, split)
        base = line.base[members]
        source = np.broadcast_to(base, (writes, len(base))).copy()
        here = np.zeros((writes, len(base)), dtype=np.bool_)
        for write, origin in program.uses[number]:
            here[write] = True
            if origin != NO_SOURCE:
                source[write] = line.sources[origin, members]
        bases.append(base)
        sources.append(source)
        used.append(here)
        bounds.append(bounds[-1] + len(base))
        for name, column in line.answers.items():
            answers.setdefault(name, []).append(column[members])
    batch = Batch(
        _tensor(np.concatenate(bases), device),
        _tensor(np.concatenate(sources, axis=1), device),
        _tensor(np.concatenate(used, axis=1), device),
        {name: _tensor(np.concatenate(found), device) for name, found in answers.items()},
    )
    return Table(batch, tuple(lines), tuple(bounds))


def inputs_of(examples: Examples, lines: Iterable[int], split: int) -> NDArray[np.int64]:
    """Distinct inputs that occur, as base or as source, in a split's examples of `lines`."""
    found = []
    for number in lines:
        members = members_of(examples, number, split)
        line = examples.lines[number]
        found += [line.base[members], line.sources[:, members].ravel()]
    return np.unique(np.concatenate(found))


def rows_hash(examples: Examples, lines: Iterable[int], split: int) -> str:
    """Which examples these are: line, split, number and base of each.

    Sources are left out on purpose: shuffling them leaves the examples what they are.
    """
    digest = hashlib.sha256()
    for number in sorted(lines):
        members = members_of(examples, number, split)
        digest.update(np.array([number, split, len(members)], dtype=np.int64).tobytes())
        digest.update(members.tobytes())
        digest.update(np.ascontiguousarray(examples.lines[number].base[members]).tobytes())
    return digest.hexdigest()


def _tensor(column: NDArray[np.generic], device: str) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(column)).to(device)
