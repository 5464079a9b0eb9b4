"""Texts for the tests of the syntax layer: the examples, and mutations of them."""

from __future__ import annotations

import random
import re
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "examples"
REFERENCE = {path.name: path.read_text("utf-8") for path in sorted(FOLDER.glob("*.causal"))}

_PIECES = re.compile(r'"[^"\n]*"|#[^\n]*|\w+|\s+|->|\.\.|[=<>!]=|.')


def pieces(text: str) -> list[str]:
    """The text cut into tokens, spaces and comments."""
    return _PIECES.findall(text)


def mutated(text: str, rng: random.Random) -> str:
    """The text with one to three pieces dropped, doubled, swapped, replaced or cut off."""
    parts = pieces(text)
    for _ in range(rng.randint(1, 3)):
        at, other = rng.randrange(len(parts)), rng.randrange(len(parts))
        match rng.randrange(6):
            case 0:
                del parts[at]
            case 1:
                parts.insert(at, parts[other])
            case 2:
                parts[at], parts[other] = parts[other], parts[at]
            case 3:
                parts[at] = rng.choice(
                    ["}", "{", "(", "=", "==", "var", "$", '"', "table", "1.", "in"]
                )
            case 4:
                parts[at] = parts[at][: len(parts[at]) // 2]
            case _:
                parts = parts[: max(at, 3)]
        if len(parts) < 3:
            break
    return "".join(parts)


def commented(text: str, rng: random.Random, share: float = 0.1) -> str:
    """The text with comments put between its tokens, and spacing changed."""
    found = []
    parts = pieces(text)
    for number, part in enumerate(parts):
        behind_comment = number > 0 and parts[number - 1].startswith("#")
        if part.isspace() and not behind_comment and rng.random() < share:
            mark = f"# note {number}\n"
            part = rng.choice([f" {mark}", f"\n{mark}", f"\n\n  {mark}\n", "\n\n\n", "   ", "\n"])
        found.append(part)
    return "".join(found)
