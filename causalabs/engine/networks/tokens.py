"""Prompts of a built-in transformer: word-level tokens made from the feed's templates.

Literal text falls into words at white space; each slot is one token, whatever its value,
also where punctuation is glued to it. The vocabulary is every literal word and every value
that a slot can have. Of several templates an example is given the one that a hash of its
inputs picks among those that admit it, so that one input is always the same prompt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from causalabs.algorithm.domains import Bool, Column, Domain, FiniteDomain, places, values
from causalabs.algorithm.expression import names
from causalabs.engine.encode import classes_of
from causalabs.engine.errors import EngineError
from causalabs.engine.networks.naming import say_position
from causalabs.hypothesis.model import FeedText, FeedTokens, Part, Slot

Tokens = tuple["str | Part", ...]
"""One template, token by token: literal words and slots."""

Limits = tuple[tuple[tuple[str, tuple[int, ...]], ...], ...]
"""Per template the inputs that it restricts, each with the places that it admits."""

PAD = 0
"""The token after the end of a prompt that is shorter than the longest."""


@dataclass(frozen=True)
class Vocabulary:
    """Templates cut into tokens, and the number of each word."""

    templates: tuple[Tokens, ...]
    limits: Limits
    domains: Mapping[str, Domain]
    words: tuple[str, ...]

    @property
    def lengths(self) -> tuple[int, ...]:
        """Tokens of each template."""
        return tuple(map(len, self.templates))

    def number(self, word: str) -> int:
        """A word's number; `ValueError` where no prompt can hold it."""
        return self.words.index(word)

    def slot(self, part: Part) -> NDArray[np.int64]:
        """Numbers of the values of a slot, by place."""
        numbers = {word: number for number, word in enumerate(self.words)}
        return np.array([numbers[word] for word in slot_words(part, self.domains)], np.int64)


def make_vocabulary(feed: FeedText | FeedTokens, domains: Mapping[str, Domain]) -> Vocabulary:
    """Cut a feed's templates into tokens and number the words."""
    if isinstance(feed, FeedTokens):
        templates: tuple[Tokens, ...] = (feed.items,)
        limits: Limits = ()
    else:
        if feed.chat:
            raise EngineError("a built-in transformer has no chat template", 'write `feed "..."`')
        prefix = tuple(feed.prefix.split())
        templates = tuple(prefix + cut(template) for template in feed.templates)
        limits = feed.limits
    if not templates or not all(templates):
        raise EngineError("a prompt has no tokens", 'write the text to feed: `feed "{x} ="`')
    words: dict[str, None] = {"<pad>": None}
    for template in templates:
        for item in template:
            found = [item] if isinstance(item, str) else slot_words(item, domains)
            words.update(dict.fromkeys(found))
    return Vocabulary(templates, limits, dict(domains), tuple(words))


def cut(template: Sequence[str | Part]) -> Tokens:
    """A template's tokens.

    >>> cut((Part("x"), ", then add ", Part("y"), "."))
    (Part(input='x', format=''), ',', 'then', 'add', Part(input='y', format=''), '.')
    """
    found: list[str | Part] = []
    for piece in template:
        if isinstance(piece, Part):
            found.append(piece)
        else:
            found.extend(piece.split())
    return tuple(found)


def slot_words(part: Part, domains: Mapping[str, Domain]) -> list[str]:
    """How each value of a slot is written, by place."""
    domain = domains[part.input]
    classes_of(part.input, domain)  # an error that names the input where it is not finite
    finite: FiniteDomain = domain  # type: ignore[assignment]
    return [slot_word(part, finite, place) for place in range(len(values(finite)))]


def slot_word(part: Part, domain: FiniteDomain, place: int) -> str:
    """How one value of a slot is written."""
    try:
        return format(_shown(values(domain)[place], domain), part.format)
    except ValueError as error:
        spelled = f"{{{part.input}:{part.format}}}"
        raise EngineError(f"`{spelled}` cannot be written: {error}") from None


def _shown(value: object, domain: Domain) -> object:
    """The value as the file writes it: truths are `true` and `false`."""
    return str(value).lower() if isinstance(domain, Bool) or isinstance(value, bool) else value


def draw_templates(
    count: int,
    limits: Limits,
    domains: Mapping[str, Domain],
    columns: Mapping[str, Column],
    inputs: Sequence[str],
) -> NDArray[np.int64]:
    """The template of each row, (rows,) of `count`, by a hash of its inputs."""
    rows = len(next(iter(columns.values())))
    if count == 1 and not any(limits):
        return np.zeros(rows, dtype=np.int64)
    admits = np.ones((rows, count), dtype=bool)
    for template, limited in enumerate(limits):
        for name, allowed in limited:
            ranks = places(domains[name], columns[name])  # type: ignore[arg-type]
            admits[:, template] &= np.isin(ranks, allowed)
    choices = admits.sum(axis=1)
    if not choices.all():
        row = int(np.argmin(choices))
        given = ", ".join(f"{name} = {columns[name][row]}" for name in inputs)
        raise EngineError(f"no template takes the input {given}", "add a template that does")
    nth = _hash(columns, inputs, rows) % choices.astype(np.uint64)
    order = np.cumsum(admits, axis=1) - 1
    chosen = admits & (order == nth[:, None].astype(np.int64))
    found: NDArray[np.int64] = np.argmax(chosen, axis=1).astype(np.int64)
    return found


def _hash(columns: Mapping[str, Column], inputs: Sequence[str], rows: int) -> NDArray[np.uint64]:
    """One number a row that depends on all its inputs (splitmix64)."""
    mixed = np.full(rows, 0x9E3779B97F4A7C15, dtype=np.uint64)
    for name in inputs:  # as declared: their names have no say
        raw = np.ascontiguousarray(columns[name]).reshape(rows, -1)
        if raw.dtype.kind == "f":
            raw = raw.astype(np.float32).view(np.int32)
        for column in raw.T:
            mixed ^= column.astype(np.int64).view(np.uint64)
            mixed += np.uint64(0x9E3779B97F4A7C15)
            mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            mixed ^= mixed >> np.uint64(31)
    return mixed


def picked_input(slot: Slot, columns: Mapping[str, Column], rows: int) -> NDArray[np.int64]:
    """Which of a slot's inputs each row means, (rows,): all the first where there is no choice."""
    if slot.pick is None:
        return np.zeros(rows, dtype=np.int64)
    missing = [name for name in names(slot.pick) if name not in columns]
    if missing:
        raise EngineError(f"`{say_position(slot)}` needs `{missing[0]}`, which is not given")
    from causalabs.algorithm.evaluate import evaluate_expression

    found = evaluate_expression(slot.pick, columns, rows)
    return np.broadcast_to(np.asarray(found, dtype=np.int64), (rows,))
