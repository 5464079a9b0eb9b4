"""What stands between prompts and the model: token rows in, token numbers to read out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from causalabs.algorithm.domains import Column
from causalabs.hypothesis.model import AnyOf, Position


@dataclass(frozen=True, eq=False)
class Prompts:
    """Encoded prompts, one a row, padded on the right.

    `columns` are the columns of all variables of a clean run, for positions that depend on
    them (`at symbol[pointer]`); `marks` are the prompter's own, one row a prompt each.
    """

    ids: Tensor  # (rows, longest)
    lengths: Tensor  # (rows,)
    columns: Mapping[str, Column]
    marks: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: slice | Tensor) -> Prompts:
        """Some rows; padding that none of them needs is cut off."""
        index = rows if isinstance(rows, slice) else rows.cpu().numpy()
        lengths = self.lengths[rows]
        longest = int(lengths.max()) if len(lengths) else 0
        return Prompts(
            self.ids[rows][:, :longest],
            lengths,
            {name: column[index] for name, column in self.columns.items()},
            {name: mark[index] for name, mark in self.marks.items()},
        )


@dataclass(frozen=True)
class Read:
    """An output element that is read at the token after `position`.

    `answers[c]` are the tokens of class c: one, or several where it is `spelled`. With
    `vocabulary` the answer must win against every token, and the scores have one more column
    (see `protocol.Scores`).
    """

    output: str
    position: Position
    answers: tuple[tuple[int, ...], ...]
    vocabulary: bool = False


class Prompter(Protocol):
    """From variables to prompts, and from positions to token numbers."""

    def encode(self, columns: Mapping[str, Column]) -> Prompts:
        """Prompts from the columns of all variables of a clean run, on the cpu."""
        ...

    def count(self, position: Position) -> int:
        """Tokens that a position stands for: the same in every prompt, else `EngineError`."""
        ...

    def expand(self, position: AnyOf) -> tuple[Position, ...]:
        """The positions that a search over tokens searches through."""
        ...

    def resolve(self, position: Position, prompts: Prompts) -> NDArray[np.int64]:
        """Token numbers (rows, count); `EngineError` names the prompt that lacks it."""
        ...

    def text(self, prompts: Prompts, row: int) -> str:
        """A prompt as a person reads it."""
        ...
