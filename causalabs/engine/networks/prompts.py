"""Encoded prompts, and where in each of them a position is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from causalabs.algorithm.domains import Column
from causalabs.algorithm.expression import Expression
from causalabs.engine.errors import EngineError
from causalabs.engine.networks.naming import say_position
from causalabs.engine.networks.tokens import PAD, Vocabulary, draw_templates, picked_input
from causalabs.hypothesis.model import (
    After,
    AllOf,
    AnyOf,
    AtIndex,
    AtStep,
    AtText,
    Last,
    Part,
    Position,
    Several,
    Slot,
)

Evaluate = Callable[[Expression, Mapping[str, Column]], Column]


@dataclass(frozen=True, eq=False)
class Prompts:
    """Token numbers (rows, longest), each row's template, and its columns for slots."""

    ids: Tensor
    templates: NDArray[np.int64]
    columns: Mapping[str, Column]

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: slice | Tensor) -> Prompts:
        """Some rows."""
        index = rows if isinstance(rows, slice) else rows.cpu().numpy()
        kept = {name: column[index] for name, column in self.columns.items()}
        return Prompts(self.ids[rows], self.templates[index], kept)


class Tokenizer:
    """Turns columns into prompts and positions into token numbers.

    `picks` are the variables that positions such as `symbol[pointer]` are evaluated from.
    """

    def __init__(self, vocabulary: Vocabulary, inputs: Sequence[str]) -> None:
        self.vocabulary = vocabulary
        self.inputs = tuple(inputs)
        self.longest = max(vocabulary.lengths)
        self._numbers = {word: number for number, word in enumerate(vocabulary.words)}

    def encode(self, columns: Mapping[str, Column], device: torch.device) -> Prompts:
        """Token numbers of every row, (rows, longest), padded at the end."""
        said = self.vocabulary
        count = len(said.templates)
        templates = draw_templates(count, said.limits, said.domains, columns, self.inputs)
        ids = np.full((len(templates), self.longest), PAD, dtype=np.int64)
        for number, template in enumerate(self.vocabulary.templates):
            mine = np.flatnonzero(templates == number)
            for place, item in enumerate(template):
                if isinstance(item, str):
                    ids[mine, place] = self._numbers[item]
                else:
                    ids[mine, place] = self._slot(item, columns)[mine]
        return Prompts(torch.from_numpy(ids).to(device), templates, dict(columns))

    def _slot(self, part: Part, columns: Mapping[str, Column]) -> NDArray[np.int64]:
        from causalabs.algorithm.domains import places

        domain = self.vocabulary.domains[part.input]
        ranks = places(domain, columns[part.input])  # type: ignore[arg-type]
        return self.vocabulary.slot(part)[ranks]

    def text(self, prompts: Prompts, row: int) -> str:
        """A prompt's tokens, for messages."""
        return " ".join(self.tokens(prompts, row))

    def tokens(self, prompts: Prompts, row: int) -> list[str]:
        """A prompt's tokens, one by one."""
        return [self.vocabulary.words[i] for i in prompts.ids[row].tolist() if i != PAD]

    # ---------------------------------------------------------------- positions

    def count(self, position: Position) -> int:
        """Tokens that a position speaks of, the same in every prompt."""
        match position:
            case Several(positions):
                return sum(map(self.count, positions))
            case AllOf(None, ragged=True):
                return self.longest
            case AllOf(None):
                lengths = set(self.vocabulary.lengths)
                if len(lengths) > 1:
                    few, many = min(lengths), max(lengths)
                    raise EngineError(
                        f"`every token` differs in width: {few} tokens in one template, {many} in "
                        "another",
                        "name the positions, or make the templates equally long",
                    )
                return self.longest
            case AnyOf():
                raise EngineError(f"`{say_position(position)}` is a search, not one position")
            case _:
                return 1

    def expand(self, position: AnyOf) -> tuple[Position, ...]:
        """What a search over tokens searches through."""
        if position.slot is not None:
            return (position.slot,)
        return tuple(AtIndex(index) for index in range(min(self.vocabulary.lengths)))

    def resolve(self, position: Position, prompts: Prompts) -> NDArray[np.int64]:
        """Token numbers, (rows, count); an error names the prompt that lacks the position."""
        rows = len(prompts)
        lengths = np.array(self.vocabulary.lengths)[prompts.templates]
        match position:
            case Last():
                return (lengths - 1)[:, None]
            case AtIndex(index):
                return self._checked(position, prompts, np.full(rows, index), lengths)
            case After(inner, offset):
                found = self.resolve(inner, prompts)[:, -1] + offset
                return self._checked(position, prompts, found, lengths)
            case Slot() | AllOf(Slot()):
                return self._of_slot(position, prompts)[:, None]
            case AllOf(None):
                every = np.tile(np.arange(self.count(position)), (rows, 1))
                held: NDArray[np.int64] = np.minimum(every, lengths[:, None] - 1)
                return held
            case AtText(text):
                return self._of_text(text, prompts)[:, None]
            case Several(positions):
                found = np.concatenate([self.resolve(p, prompts) for p in positions], axis=1)
                self._distinct(position, prompts, found)
                return found
            case AtStep():
                raise EngineError(
                    f"`{say_position(position)}` does not exist: a transformer has no steps",
                    f"write `index {position.step}`",
                )
            case _:
                raise EngineError(f"`{say_position(position)}` is a search, not one position")

    def _checked(
        self,
        position: Position,
        prompts: Prompts,
        found: NDArray[np.int64],
        lengths: NDArray[np.int64],
    ) -> NDArray[np.int64]:
        missing = (found < 0) | (found >= lengths)
        if missing.any():
            raise self._lacks(position, prompts, int(np.argmax(missing)))
        return found[:, None]

    def _of_slot(self, position: Slot | AllOf, prompts: Prompts) -> NDArray[np.int64]:
        slot = position if isinstance(position, Slot) else position.slot
        if slot is None or slot.token not in (None, 0):
            raise EngineError(
                f"`{say_position(position)}` does not exist: each slot is one token",
                f"write `{say_position(Slot(slot.inputs, slot.pick))}`" if slot else "",
            )
        table = np.full((len(self.vocabulary.templates), len(slot.inputs)), -1)
        for number, template in enumerate(self.vocabulary.templates):
            for column, name in enumerate(slot.inputs):
                at = [i for i, t in enumerate(template) if isinstance(t, Part) and t.input == name]
                if len(at) > 1:
                    raise EngineError(
                        f"`{name}` occurs {len(at)} times in a prompt: `at {name}` is unclear",
                        "write `index i`",
                    )
                table[number, column] = at[0] if at else -1
        picked = picked_input(slot, prompts.columns, len(prompts))
        found: NDArray[np.int64] = table[prompts.templates, picked]
        if (found < 0).any():
            raise self._lacks(position, prompts, int(np.argmax(found < 0)))
        return found

    def _of_text(self, text: str, prompts: Prompts) -> NDArray[np.int64]:
        ids = prompts.ids.cpu().numpy()
        wanted = [self._numbers.get(word, -1) for word in text.split()]
        starts = ids.shape[1] - len(wanted) + 1
        if not wanted or starts < 1:
            raise self._lacks(AtText(text), prompts, 0)
        hits = np.ones((len(ids), starts), dtype=bool)
        for offset, number in enumerate(wanted):
            hits &= ids[:, offset : offset + starts] == number
        times = hits.sum(axis=1)
        if (times != 1).any():
            row = int(np.argmax(times != 1))
            if times[row] == 0:
                raise self._lacks(AtText(text), prompts, row)
            shown = self.text(prompts, row)
            raise EngineError(
                f'"{text}" occurs {times[row]} times in the prompt "{shown}"',
                "name a slot, or write `index i`",
            )
        found: NDArray[np.int64] = np.argmax(hits, axis=1) + (len(wanted) - 1)
        return found

    def _distinct(self, position: Position, prompts: Prompts, found: NDArray[np.int64]) -> None:
        ordered = np.sort(found, axis=1)
        twice = (ordered[:, 1:] == ordered[:, :-1]).any(axis=1)
        if twice.any():
            shown = self.text(prompts, int(np.argmax(twice)))
            raise EngineError(f'`{say_position(position)}` names a token twice in "{shown}"')

    def _lacks(self, position: Position, prompts: Prompts, row: int) -> EngineError:
        shown = self.text(prompts, row) if len(prompts) else ""
        return EngineError(
            f'`{say_position(position)}` is missing from the prompt "{shown}"',
            "its tokens are the words and slots of the template, counted from 0",
        )
