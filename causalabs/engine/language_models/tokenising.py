"""Written prompts in tokens, each token with the characters that it holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from causalabs.engine.errors import EngineError
from causalabs.engine.language_models.writing import Span, Written


@dataclass(frozen=True, eq=False)
class Tokenised:
    """A prompt in tokens, each with its first character and the one after its last."""

    written: Written
    ids: NDArray[np.int64]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.ids)

    def holding(self, span: Span) -> Span | None:
        """First and last token that hold some character of a span of text."""
        start, end = span
        inside = np.flatnonzero((self.starts < end) & (self.ends > start))
        return (int(inside[0]), int(inside[-1])) if len(inside) else None

    def slot(self, name: str) -> Span | None:
        """First and last token of an input's slot; None where this prompt has none."""
        spans = self.written.spans.get(name, ())
        if len(spans) > 1:
            raise EngineError(
                f"`{name}` occurs {len(spans)} times in the prompt "
                f'"{shorten(self.written.text)}": `at {name}` is unclear',
                "write `index i`, or a literal text beside it",
            )
        return self.holding(spans[0]) if spans else None

    def literal(self, text: str) -> Span | None:
        """First and last token of a text that must not occur twice."""
        at = self.written.text.find(text) if text else -1
        if at >= 0 and self.written.text.find(text, at + 1) >= 0:
            raise EngineError(
                f'"{text}" occurs more than once in the prompt "{shorten(self.written.text)}"',
                "name a slot, take more of the text around it, or write `index i`",
            )
        return self.holding((at, at + len(text))) if at >= 0 else None


def tokenise(tokenizer: Any, written: Sequence[Written], *, special: bool) -> list[Tokenised]:
    """Prompts in tokens, all in one call of a fast tokenizer.

    `special`: the tokenizer's own special tokens stand in front as it was made to put them.
    Those that it would put behind the prompt are left out: the answer comes there.
    """
    if not written:
        return []
    if written[0].pieces:
        return [_one_each(tokenizer, each) for each in written]
    found = tokenizer(
        [each.text for each in written],
        add_special_tokens=special,
        padding=False,
        truncation=False,
        return_offsets_mapping=True,
        return_special_tokens_mask=True,
        return_attention_mask=False,
        verbose=False,
    )
    prompts = []
    for row, each in enumerate(written):
        ids = np.array(found["input_ids"][row], dtype=np.int64)
        spans = np.array(found["offset_mapping"][row], dtype=np.int64).reshape(-1, 2)
        added = np.array(found["special_tokens_mask"][row], dtype=bool)
        added &= spans[:, 0] == spans[:, 1]
        end = len(ids)
        while end and added[end - 1]:
            end -= 1
        prompts.append(Tokenised(each, ids[:end], spans[:end, 0], spans[:end, 1]))
    return prompts


def _one_each(tokenizer: Any, written: Written) -> Tokenised:
    """Each piece is one token, whatever stands beside it."""
    ends = np.cumsum([len(piece) for piece in written.pieces], dtype=np.int64)
    starts = np.concatenate([np.zeros(1, dtype=np.int64), ends[:-1]])
    ids = np.array([_token(tokenizer, piece) for piece in written.pieces], dtype=np.int64)
    return Tokenised(written, ids, starts, ends)


def _token(tokenizer: Any, piece: str) -> int:
    ids = tokenizer(piece, add_special_tokens=False)["input_ids"]
    if len(ids) != 1:
        raise EngineError(
            f'"{piece}" is {len(ids)} tokens of this model, and `feed` lists one each',
            'write the prompt as one text: `feed "{x} {y}"`',
        )
    return int(ids[0])


def shorten(text: str, most: int = 100) -> str:
    """A prompt for a message: its end, where the slots usually are.

    >>> shorten("7 + 5 ="), shorten("a" * 200, 10)
    ('7 + 5 =', '...aaaaaaa')
    """
    return text if len(text) <= most else "..." + text[3 - most :]
