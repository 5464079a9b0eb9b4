"""Prompts of a real tokenizer, and which of their tokens a position means (SEMANTICS S4).

Each distinct prompt is written and tokenised once. A token belongs to a slot if it holds any
of the slot's characters: " John", space included, is the token of `{name}` after a space, and
where a token reaches over a slot's border it is the slot's all the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from causalabs.algorithm.domains import Column, Domain, places
from causalabs.engine.errors import EngineError
from causalabs.engine.language_models.contract import Prompts
from causalabs.engine.language_models.tokenising import Tokenised, shorten, tokenise
from causalabs.engine.language_models.writing import Key, Writer, slots, templates_of
from causalabs.engine.networks.naming import say_position
from causalabs.engine.networks.tokens import draw_templates, picked_input
from causalabs.hypothesis.model import (
    After,
    AllOf,
    AnyOf,
    AtIndex,
    AtStep,
    AtText,
    FeedText,
    FeedTokens,
    Last,
    Position,
    Several,
    Slot,
)

Numbers = NDArray[np.int64]

MARK = "prompt"
"""The mark of a row: the number of its prompt among those tokenised."""


class TokenPrompter:
    """A `contract.Prompter` on a fast tokenizer of transformers.

    `inputs` are the algorithm's inputs in order, by which templates are drawn; `longest` is
    the most tokens that the model takes.
    """

    def __init__(
        self,
        tokenizer: Any,
        feed: FeedText | FeedTokens,
        domains: Mapping[str, Domain],
        inputs: Sequence[str],
        *,
        longest: int | None = None,
    ) -> None:
        if not getattr(tokenizer, "is_fast", False):
            raise EngineError(
                "this model's tokenizer cannot tell which characters a token holds",
                "use a model with a `tokenizer.json` (a fast tokenizer)",
            )
        self.tokenizer = tokenizer
        self.writer = Writer.of(feed, domains, tokenizer)
        self.inputs = tuple(inputs)
        self.longest = longest
        self._prompts: list[Tokenised] = []
        self._numbers: dict[Key, int] = {}
        self._ends: dict[str | AtText, Numbers] = {}

    # ----------------------------------------------------------------- prompts

    def encode(self, columns: Mapping[str, Column]) -> Prompts:
        """Token rows padded on the right, each distinct prompt tokenised once."""
        feed, domains = self.writer.feed, self.writer.domains
        templates = templates_of(feed)
        drawn = draw_templates(len(templates), self.writer.limits, domains, columns, self.inputs)
        numbers = np.zeros(len(drawn), dtype=np.int64)
        for number, template in enumerate(templates):
            mine = np.flatnonzero(drawn == number)
            if len(mine):
                ranks = [_ranks(domains[p.input], columns[p.input][mine]) for p in slots(template)]
                numbers[mine] = self._numbered(number, ranks, len(mine))
        chosen = [self._prompts[number] for number in numbers]
        lengths = np.array([len(prompt) for prompt in chosen], dtype=np.int64)
        ids = np.full((len(chosen), int(lengths.max(initial=0))), self._pad, dtype=np.int64)
        for row, prompt in enumerate(chosen):
            ids[row, : len(prompt)] = prompt.ids
        return Prompts(
            torch.from_numpy(ids), torch.from_numpy(lengths), dict(columns), {MARK: numbers}
        )

    def text(self, prompts: Prompts, row: int) -> str:
        """A prompt as a person reads it."""
        return self._prompts[int(prompts.marks[MARK][row])].written.text

    def tokens(self, prompts: Prompts, row: int) -> list[str]:
        """A prompt's tokens as a person reads them."""
        ids = self._prompts[int(prompts.marks[MARK][row])].ids
        return [self.tokenizer.decode([int(each)]) for each in ids]

    def _numbered(self, template: int, ranks: Sequence[Numbers], rows: int) -> Numbers:
        """The number of each row's prompt; new ones are tokenised."""
        table = np.stack([np.full(rows, template, dtype=np.int64), *ranks], axis=1)
        distinct, back = np.unique(table, axis=0, return_inverse=True)
        keys = [tuple(map(int, row)) for row in distinct]
        self._learn([key for key in keys if key not in self._numbers])
        found = np.array([self._numbers[key] for key in keys], dtype=np.int64)
        return found[back.reshape(-1)]

    def _learn(self, keys: Sequence[Key]) -> None:
        if keys:
            first = len(self._prompts)
            self._prompts += self._tokenised(keys)
            self._numbers.update({key: first + i for i, key in enumerate(keys)})
            self._ends.clear()

    def _tokenised(self, keys: Sequence[Key]) -> list[Tokenised]:
        chat = isinstance(self.writer.feed, FeedText) and self.writer.feed.chat
        written = [self.writer.write(key) for key in keys]
        # A chat template writes the special tokens itself.
        prompts = tokenise(self.tokenizer, written, special=not chat)
        for prompt in prompts:
            shown = shorten(prompt.written.text)
            if not len(prompt):
                raise EngineError(f'the prompt "{shown}" has no tokens')
            if self.longest is not None and len(prompt) > self.longest:
                raise EngineError(
                    f'the prompt "{shown}" has {len(prompt):,} tokens, and the model takes '
                    f"{self.longest:,}",
                    "shorten the template or its prefix",
                )
        return prompts

    @property
    def _pad(self) -> int:
        found = self.tokenizer.pad_token_id
        return int(found) if found is not None else 0

    # --------------------------------------------------------------- positions

    def count(self, position: Position) -> int:
        """Tokens that a position stands for, the same in every prompt encoded so far."""
        match position:
            case Several(positions):
                return sum(map(self.count, positions))
            case AllOf(slot):
                return self._common_width(position, slot)
            case AnyOf():
                raise EngineError(f"`{say_position(position)}` is a search, not one position")
            case _:
                return 1

    def expand(self, position: AnyOf) -> tuple[Position, ...]:
        """What a search over tokens searches through, told by templates and values alone.

        Tokens with which all prompts begin alike are left out: what stands there is the same
        in base and source. Where prompts differ in length, the last token is one more place.
        """
        prompts = self._probed
        if position.slot is not None:
            slot = position.slot
            widths = {
                found[1] - found[0] + 1
                for prompt in prompts
                for name in slot.inputs
                if (found := prompt.slot(name)) is not None
            }
            if not widths:
                raise EngineError(f"`{say_position(position)}` stands for no token of any prompt")
            some = [Slot(slot.inputs, slot.pick, k) for k in range(min(widths))]
            return (*some, slot) if len(widths) > 1 else tuple(some)
        shortest = min(map(len, prompts))
        alike = 0
        first = prompts[0].ids
        while alike < shortest - 1 and all(p.ids[alike] == first[alike] for p in prompts):
            alike += 1
        indices = tuple(AtIndex(index) for index in range(alike, shortest))
        return indices if shortest == max(map(len, prompts)) else (*indices, Last())

    def resolve(self, position: Position, prompts: Prompts) -> Numbers:
        """Token numbers (rows, count); `EngineError` names the prompt that lacks it."""
        lengths = prompts.lengths.cpu().numpy()
        rows = len(prompts)
        match position:
            case Last():
                return (lengths - 1)[:, None]
            case AtIndex(index):
                return self._inside(position, prompts, np.full(rows, index), lengths)
            case After(inner, offset):
                found = self.resolve(inner, prompts)[:, -1] + offset
                return self._inside(position, prompts, found, lengths)
            case Slot(token=None):
                return self._slot(position, position, prompts)[:, 1:]
            case Slot(token=int(token)):
                ends = self._slot(position, position, prompts)
                found = np.where(ends[:, 0] + token <= ends[:, 1], ends[:, 0] + token, -1)
                return self._inside(position, prompts, found, lengths)
            case AtText():
                found = self._known(position)[prompts.marks[MARK]][:, 1]
                return self._inside(position, prompts, found, lengths)
            case AllOf(slot):
                return self._all(position, slot, prompts)
            case Several(positions):
                parts = [self.resolve(each, prompts) for each in positions]
                return self._distinct(position, prompts, np.concatenate(parts, axis=1))
            case AtStep():
                raise EngineError(
                    f"`{say_position(position)}` does not exist: a language model has no steps",
                    f"write `index {position.step}`",
                )
            case _:
                raise EngineError(f"`{say_position(position)}` is a search, not one position")

    def _slot(self, slot: Slot, position: Position, prompts: Prompts) -> Numbers:
        """First and last token of the slot that each row means: (rows, 2)."""
        numbers = prompts.marks[MARK]
        ends = np.stack([self._known(name)[numbers] for name in slot.inputs], axis=1)
        found: Numbers = ends[
            np.arange(len(prompts)), picked_input(slot, prompts.columns, len(prompts))
        ]
        if (found < 0).any():
            raise self._lacks(position, prompts, int(np.argmax((found < 0).any(axis=1))))
        return found

    def _known(self, position: str | AtText) -> Numbers:
        """First and last token of a slot or a text in each prompt: (prompts, 2), -1 for none."""
        if position not in self._ends:
            found = np.full((len(self._prompts), 2), -1, dtype=np.int64)
            for row, prompt in enumerate(self._prompts):
                if isinstance(position, str):
                    ends = prompt.slot(position)
                else:
                    ends = prompt.literal(position.text)
                found[row] = ends if ends is not None else -1
            self._ends[position] = found
        return self._ends[position]

    def _common_width(self, position: AllOf, slot: Slot | None) -> int:
        shown: dict[int, str] = {}
        for prompt in self._prompts or self._probed:
            ends = [prompt.slot(name) for name in slot.inputs] if slot else [(0, len(prompt) - 1)]
            for each in ends:
                if each is not None:
                    shown.setdefault(each[1] - each[0] + 1, shorten(prompt.written.text))
        if not shown:
            raise EngineError(f"`{say_position(position)}` stands for no token of any prompt")
        if len(shown) > 1 and not position.ragged:
            few, many = min(shown), max(shown)
            raise EngineError(
                f"`{say_position(position)}` differs in width: {few} in the prompt "
                f'"{shown[few]}", {many} in "{shown[many]}"',
                "name single tokens, or feed values of equally many tokens",
            )
        return max(shown)

    def _all(self, position: AllOf, slot: Slot | None, prompts: Prompts) -> Numbers:
        count = self.count(position)
        lengths = prompts.lengths.cpu().numpy()
        if slot is None:
            first, last = np.zeros(len(prompts), dtype=np.int64), lengths - 1
        else:
            ends = self._slot(slot, position, prompts)
            first, last = ends[:, 0], ends[:, 1]
        if not position.ragged and (last - first + 1 != count).any():
            raise self._lacks(position, prompts, int(np.argmax(last - first + 1 != count)))
        every: Numbers = np.minimum(first[:, None] + np.arange(count), last[:, None])
        return every

    def _inside(
        self, position: Position, prompts: Prompts, found: Numbers, lengths: Numbers
    ) -> Numbers:
        missing = (found < 0) | (found >= lengths)
        if missing.any():
            raise self._lacks(position, prompts, int(np.argmax(missing)))
        return found[:, None]

    def _distinct(self, position: Position, prompts: Prompts, found: Numbers) -> Numbers:
        ordered = np.sort(found, axis=1)
        twice = (ordered[:, 1:] == ordered[:, :-1]).any(axis=1)
        if twice.any():
            shown = shorten(self.text(prompts, int(np.argmax(twice))))
            raise EngineError(f'`{say_position(position)}` names a token twice in "{shown}"')
        return found

    def _lacks(self, position: Position, prompts: Prompts, row: int) -> EngineError:
        shown = "|".join(self.tokens(prompts, row))
        return EngineError(
            f'`{say_position(position)}` is missing from the prompt "'
            f'{shorten(self.text(prompts, row))}"',
            f"its tokens, counted from 0, are {shorten(shown, 300)}",
        )

    @cached_property
    def _probed(self) -> list[Tokenised]:
        """Prompts told by templates and values alone, whatever was drawn."""
        return self._tokenised(self.writer.probes())


def _ranks(domain: Domain, column: Column) -> Numbers:
    found: Numbers = np.asarray(places(domain, column), dtype=np.int64)  # type: ignore[arg-type]
    return found
