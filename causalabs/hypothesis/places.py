"""Positions in a prompt or a recurrent run, as every later stage reads them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from causalabs.algorithm.expression import Expression


@dataclass(frozen=True)
class Last:
    """`last`: the last token of the prompt."""


@dataclass(frozen=True)
class AtIndex:
    """`index i`, from 0."""

    index: int


@dataclass(frozen=True)
class AtStep:
    """`step i` of a recurrent network, from 0; `last step` is resolved to its number."""

    step: int


@dataclass(frozen=True)
class Slot:
    """A slot of the template.

    `inputs` has one name, or, for `symbol[pointer]`, all that `pick` chooses among: `pick`
    evaluates to a place in `inputs`, in base and in source separately.
    `token` None is the slot's last token, otherwise its token of that number, from 0.
    """

    inputs: tuple[str, ...]
    pick: Expression | None = None
    token: int | None = None


@dataclass(frozen=True)
class AtText:
    """A literal that occurs exactly once in every prompt: its last token."""

    text: str


@dataclass(frozen=True)
class After:
    """`token k after position`: k tokens further on."""

    position: Position
    offset: int


@dataclass(frozen=True)
class AllOf:
    """`tokens of slot` (every token of it, jointly); `slot` None is `every token`.

    `ragged` where one value is written at each token: prompts may then have different numbers
    of them, the last standing for those that a shorter one lacks.
    """

    slot: Slot | None = None
    ragged: bool = False


@dataclass(frozen=True)
class Several:
    """Several positions, jointly."""

    positions: tuple[Position, ...]


@dataclass(frozen=True)
class AnyOf:
    """`any token [of slot]`: searched over; the engine expands it where lengths are known."""

    slot: Slot | None = None


Position: TypeAlias = Last | AtIndex | AtStep | Slot | AtText | After | AllOf | Several | AnyOf
