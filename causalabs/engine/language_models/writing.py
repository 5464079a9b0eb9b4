"""Prompts as text: templates filled in, and where in the text each slot stands.

Slots are found by construction, never by searching the text: a value may occur elsewhere too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, TypeAlias

from causalabs.algorithm.domains import Domain, size
from causalabs.engine.errors import EngineError
from causalabs.engine.networks.tokens import Limits, slot_word
from causalabs.hypothesis.model import FeedText, FeedTokens, Part

Key: TypeAlias = tuple[int, ...]
"""What a prompt is made of: the template's number, then the place of each slot's value."""

Span: TypeAlias = tuple[int, int]
"""First character and the one after the last."""

SENTINEL = "\ue000\ue001\ue002"
"""Characters of private use, which no chat template has."""

MOST_PROBES = 2_000
"""Prompts looked at to tell how long prompts are before any is drawn."""


@dataclass(frozen=True)
class Written:
    """A prompt's text; `spans[name]` is where each slot of that input stands in it.

    `pieces` are the texts of its items where each is one token (`feed "BOS", x[0]`).
    """

    text: str
    spans: Mapping[str, tuple[Span, ...]]
    pieces: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Writer:
    """Writes prompts of a feed; `tokenizer` has the chat template."""

    feed: FeedText | FeedTokens
    domains: Mapping[str, Domain]
    tokenizer: Any

    @staticmethod
    def of(feed: FeedText | FeedTokens, domains: Mapping[str, Domain], tokenizer: Any) -> Writer:
        """A writer; an error where a slot has no list of values, or there is no chat template."""
        for part in {part for template in templates_of(feed) for part in slots(template)}:
            if size(domains[part.input]) is None:
                raise EngineError(
                    f"`{part.input}` has no finite list of values",
                    "declare it as bool, a..b, mod n or an enum",
                )
        chat = isinstance(feed, FeedText) and feed.chat
        if chat and not getattr(tokenizer, "chat_template", None):
            raise EngineError(
                "`feed chat` needs a chat template, and this model's tokenizer has none",
                'write `feed "..."`, or name a model that was trained to chat',
            )
        return Writer(feed, domains, tokenizer)

    @property
    def limits(self) -> Limits:
        """Per template the values that it admits."""
        return self.feed.limits if isinstance(self.feed, FeedText) else ()

    def write(self, key: Key) -> Written:
        """The prompt of one template and the places of its slots' values."""
        template = templates_of(self.feed)[key[0]]
        places = iter(key[1:])
        pieces = [
            item if isinstance(item, str) else self._word(item, next(places)) for item in template
        ]
        start = len(self.feed.prefix) if isinstance(self.feed, FeedText) else 0
        spans: dict[str, tuple[Span, ...]] = {}
        for item, piece in zip(template, pieces, strict=True):
            end = start + len(piece)
            if isinstance(item, Part):
                spans[item.input] = (*spans.get(item.input, ()), (start, end))
            start = end
        if isinstance(self.feed, FeedTokens):
            return Written("".join(pieces), spans, tuple(pieces))
        text = self.feed.prefix + "".join(pieces)
        return self._chat(text, spans) if self.feed.chat else Written(text, spans)

    def _word(self, part: Part, place: int) -> str:
        domain: Any = self.domains[part.input]
        return slot_word(part, domain, place)

    def _chat(self, content: str, spans: Mapping[str, tuple[Span, ...]]) -> Written:
        """The message inside the model's chat template, ready for the model's answer."""
        before, after = self._chat_frame()
        text = self._rendered(content)
        inside = text[len(before) : len(text) - len(after)]
        framed = text.startswith(before) and text.endswith(after)
        if not framed or inside not in (content, content.strip()):
            raise EngineError(
                f'the chat template rewrites the prompt "{content[-100:]}": where its slots stand '
                "cannot be told",
                'write `feed "..."` with the template spelled out',
            )
        dropped = 0 if inside == content else len(content) - len(content.lstrip())
        shift = len(before) - dropped
        moved = {
            name: tuple((start + shift, end + shift) for start, end in found)
            for name, found in spans.items()
        }
        return Written(text, moved)

    def _chat_frame(self) -> tuple[str, str]:
        """What the chat template puts before and after a message."""
        before, found, after = self._rendered(SENTINEL).partition(SENTINEL)
        if not found:
            raise EngineError("the chat template of this model does not show the message")
        return before, after

    def _rendered(self, content: str) -> str:
        message = [{"role": "user", "content": content}]
        try:
            return str(
                self.tokenizer.apply_chat_template(
                    message, tokenize=False, add_generation_prompt=True
                )
            )
        except Exception as error:  # whatever a template made by someone else raises
            raise EngineError(f"the chat template of this model fails: {error}") from error

    def probes(self) -> list[Key]:
        """Prompts that show what lengths there are, the same whatever is drawn.

        All of them if they are few; otherwise each slot's values with the others' first.
        """
        admitted = [self._admitted(number) for number in range(len(templates_of(self.feed)))]
        total = 0
        for choices in admitted:
            count = 1
            for choice in choices:
                count *= len(choice)
            total += count
        if total <= MOST_PROBES:
            return [(n, *key) for n, choices in enumerate(admitted) for key in product(*choices)]
        share = max(1, MOST_PROBES // len(admitted))
        return [(n, *key) for n, some in enumerate(admitted) for key in _one_by_one(some, share)]

    def _admitted(self, number: int) -> list[Sequence[int]]:
        limits = dict(self.limits[number]) if self.limits else {}
        template = templates_of(self.feed)[number]
        return [
            limits.get(part.input, range(size(self.domains[part.input]) or 0))
            for part in slots(template)
        ]


def _one_by_one(choices: Sequence[Sequence[int]], most: int) -> Iterator[Key]:
    first = tuple(choice[0] for choice in choices)
    yield first
    share = max(1, most // max(1, len(choices)))
    for at, choice in enumerate(choices):
        for place in choice[1:share]:
            yield (*first[:at], place, *first[at + 1 :])


def templates_of(feed: FeedText | FeedTokens) -> tuple[tuple[str | Part, ...], ...]:
    """A feed's templates."""
    return (feed.items,) if isinstance(feed, FeedTokens) else feed.templates


def slots(template: Sequence[str | Part]) -> tuple[Part, ...]:
    """The slots of a template in order, repeats included."""
    return tuple(item for item in template if isinstance(item, Part))
