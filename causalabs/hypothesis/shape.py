"""What a file alone tells of its network: layers, widths, tokens; None where it does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from causalabs.algorithm.names import nearest
from causalabs.hypothesis.model import (
    AllOf,
    AnyOf,
    FeedSteps,
    FeedText,
    FeedTokens,
    Part,
    Position,
    Setting,
    Several,
    Site,
)
from causalabs.hypothesis.registry import Component, NetworkKind

Tokens = tuple["str | Part", ...]
"""A template cut into words and slots, each one token of a built-in transformer."""


@dataclass(frozen=True)
class Shape:
    """A network's sites as far as they are known before it is loaded.

    `widths` are the layers' own where they differ (an mlp's hidden layers); `templates` are
    in tokens where each word is one, otherwise only their slots and text are known.
    """

    kind: NetworkKind
    layers: int | None = None
    width: int | None = None
    widths: tuple[int, ...] | None = None
    heads: int | None = None
    steps: int | None = None
    templates: tuple[Tokens, ...] = ()
    word_level: bool = False
    logits: int | None = None
    unfed: frozenset[str] = frozenset()
    """Inputs that a template lacks by mistake: told once, not again where they are used."""

    @property
    def components(self) -> tuple[Component, ...]:
        """What it is made of."""
        return self.kind.components

    def component(self, name: str) -> Component | None:
        """The component of that name."""
        return next((each for each in self.components if each.name == name), None)

    def nearest_component(self, name: str) -> str | None:
        """The component that was meant."""
        return nearest(name, [each.name for each in self.components])

    @property
    def slots(self) -> tuple[str, ...]:
        """Inputs that stand in a template, in order."""
        every = (item.input for template in self.templates for item in template_parts(template))
        return tuple(dict.fromkeys(every))

    @property
    def length(self) -> int | None:
        """Tokens of the shortest prompt."""
        if not self.word_level or not self.templates:
            return None
        return min(map(len, self.templates))

    def width_of(self, site: Site) -> int | None:
        """Numbers at one position of the site."""
        if site.component == "hidden" and self.widths is not None and site.layer is not None:
            return self.widths[site.layer] if site.layer < len(self.widths) else None
        if site.component == "logits":
            return self.logits
        if site.component == "module" or self.width is None:
            return None
        if site.component == "head" and site.part is not None:
            return self.width // self.heads if self.heads else None
        return self.width

    def positions_of(self, position: Position | None) -> int | None:
        """How many tokens or steps a position is."""
        match position:
            case AllOf(None):
                lengths = set(map(len, self.templates))
                if self.kind.positions == "steps":
                    return self.steps
                return lengths.pop() if self.word_level and len(lengths) == 1 else None
            case AllOf():
                return 1 if self.word_level else None
            case AnyOf():
                return 1
            case Several(positions):
                counts = [self.positions_of(each) for each in positions]
                known = [count for count in counts if count is not None]
                return sum(known) if len(known) == len(counts) else None
            case _:
                return 1

    def size_of(self, site: Site) -> int | None:
        """Numbers at all positions of the site together."""
        width, count = self.width_of(site), self.positions_of(site.position)
        return None if width is None or count is None else width * count


def template_parts(template: Sequence[str | Part]) -> tuple[Part, ...]:
    """The slots of a template."""
    return tuple(item for item in template if isinstance(item, Part))


def cut(template: Sequence[str | Part]) -> Tokens:
    """Word-level tokens: text falls into words at white space, a slot is one token.

    >>> cut((Part("x"), ", then add ", Part("y")))
    (Part(input='x', format=''), ',', 'then', 'add', Part(input='y', format=''))
    """
    found: list[str | Part] = []
    for piece in template:
        found.extend([piece] if isinstance(piece, Part) else piece.split())
    return tuple(found)


def shape_of(
    kind: NetworkKind,
    settings: Sequence[tuple[str, Setting]],
    feed: object,
    logits: int | None,
) -> Shape:
    """The shape that a network's settings and feed tell."""
    known = dict(settings)
    numbers = {name: value for name, value in known.items() if isinstance(value, int)}
    hidden = known.get("hidden")
    widths = None
    if isinstance(hidden, tuple):
        widths = tuple(value for value in hidden if isinstance(value, int))
    templates: tuple[Tokens, ...] = ()
    word_level = kind.name == "transformer" or isinstance(feed, FeedTokens)
    if isinstance(feed, FeedTokens):
        templates = (feed.items,)
    elif isinstance(feed, FeedText):
        prefix = tuple(feed.prefix.split()) if word_level else (feed.prefix,) * bool(feed.prefix)
        cutting = cut if word_level else tuple
        templates = tuple(prefix + cutting(template) for template in feed.templates)
    return Shape(
        kind=kind,
        layers=len(widths) if widths is not None else numbers.get("layers"),
        width=numbers.get("width"),
        widths=widths,
        heads=numbers.get("heads"),
        steps=len(feed.steps) if isinstance(feed, FeedSteps) else None,
        templates=templates,
        word_level=word_level,
        logits=logits,
    )
