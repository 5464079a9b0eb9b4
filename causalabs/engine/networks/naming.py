"""Sites and positions in a person's words, for messages."""

from __future__ import annotations

from causalabs.hypothesis.model import (
    After,
    AllOf,
    AnyOf,
    AtIndex,
    AtStep,
    AtText,
    Last,
    Position,
    Several,
    Site,
    Slot,
)


def say_site(site: Site) -> str:
    """A site as the file writes it, in backticks.

    >>> say_site(Site("residual", 2, position=AtText("=")))
    '`residual 2 at "="`'
    >>> say_site(Site("head", 7, head=3, part="v", position=Last()))
    '`head 7.3.v at last`'
    """
    words = site.component
    if site.path is not None:
        words += f' "{site.path}"'
    if site.layer is not None:
        words += f" {site.layer}"
    if site.head is not None:
        words += f".{site.head}"
    if site.part is not None:
        words += f".{site.part}"
    if site.position is not None:
        words += f" at {say_position(site.position)}"
    return f"`{words}`"


def say_position(position: Position) -> str:
    """A position as the file writes it.

    >>> say_position(After(Slot(("x",)), 2))
    'token 2 after x'
    """
    match position:
        case Last():
            return "last"
        case AtIndex(index):
            return f"index {index}"
        case AtStep(step):
            return f"step {step}"
        case Slot(inputs, pick, token):
            name = " or ".join(inputs) if pick is not None else inputs[0]
            return name if token is None else f"token {token} of {name}"
        case AtText(text):
            return f'"{text}"'
        case After(inner, offset):
            return f"token {offset} after {say_position(inner)}"
        case AllOf(slot):
            return "every token" if slot is None else f"tokens of {say_position(slot)}"
        case Several(positions):
            return "{" + ", ".join(map(say_position, positions)) + "}"
        case AnyOf(slot):
            return "any token" if slot is None else f"any token of {say_position(slot)}"


def span_of(name: str, count: int) -> str:
    """Layers that exist: `hidden 0..2`.

    >>> span_of("hidden", 3), span_of("hidden", 1)
    ('`hidden 0..2`', '`hidden 0`')
    """
    return f"`{name} 0..{count - 1}`" if count > 1 else f"`{name} 0`"
