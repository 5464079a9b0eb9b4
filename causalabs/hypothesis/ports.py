"""How a network is fed and where it is read, as every later stage reads it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from causalabs.hypothesis.places import Position


@dataclass(frozen=True)
class Part:
    """A slot in a template: `{start:02}` is `Part("start", "02")`."""

    input: str
    format: str = ""


Template: TypeAlias = tuple["str | Part", ...]


@dataclass(frozen=True)
class FeedVectors:
    """Real vectors and one-hot codes of `inputs`, concatenated."""

    inputs: tuple[str, ...]


@dataclass(frozen=True)
class FeedSteps:
    """For each step of a recurrent network the inputs concatenated there."""

    steps: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class FeedTokens:
    """One token each: literal strings and the values of inputs."""

    items: tuple[str | Part, ...]


@dataclass(frozen=True)
class FeedText:
    """Prompts; each example draws a template. `limits` restricts inputs for a template."""

    templates: tuple[Template, ...]
    limits: tuple[tuple[tuple[str, tuple[int, ...]], ...], ...] = ()
    chat: bool = False
    prefix: str = ""


Feed: TypeAlias = FeedVectors | FeedSteps | FeedTokens | FeedText


@dataclass(frozen=True)
class Readout:
    """Where an output element is read; `style` is "class" unless `as` or `spelled`."""

    output: str
    position: Position | None
    style: Literal["class", "as", "spelled"] = "class"
    template: Template = ()
    among: str | None = None
