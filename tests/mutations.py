"""Mutations of hypothesis files: the mistakes of tired people and of machines."""

from __future__ import annotations

import random
import re
from pathlib import Path

EXAMPLES = Path(__file__).parent.parent / "examples"
REFERENCES = tuple(sorted(EXAMPLES.glob("*.causal")))
TOKEN = re.compile(r'"[^"\n]*"|\w+|\s+|[^\w\s]')
STRANGE = ("", "{", "}", "(", ")", "[", "]", '"', "..", "->", "=", "==", "-", "%", ",", ":", "\0",
           "\t", "é", "\u2028", "𝟘", "0", "1e999", "9" * 40, "in", "if", "else", "where", "source",
           "x" * 300, "#", "\\", "'", "@", "not", "0..10**9", "mod 0", "real[0]")  # fmt: skip


def mutate(text: str, others: list[str], draws: random.Random) -> str:
    """`text` after one to four random changes; `others` are texts to splice in."""
    for _ in range(draws.randint(1, 4)):
        tokens = TOKEN.findall(text) or [""]
        place = draws.randrange(len(tokens))
        match draws.randrange(8):
            case 0:
                del tokens[place]
            case 1:
                tokens.insert(place, draws.choice(STRANGE))
            case 2:
                tokens[place] = draws.choice(STRANGE)
            case 3:
                other = draws.randrange(len(tokens))
                tokens[place], tokens[other] = tokens[other], tokens[place]
            case 4:
                end = min(len(tokens), place + draws.randint(1, 40))
                del tokens[place:end]
            case 5:
                end = min(len(tokens), place + draws.randint(1, 40))
                tokens[place:place] = tokens[place:end]
            case 6:
                words = [i for i, token in enumerate(tokens) if token.isidentifier()]
                if words:
                    tokens[draws.choice(words)] = tokens[draws.choice(words)]
            case 7:
                lines = draws.choice(others).splitlines(keepends=True)
                start = draws.randrange(len(lines))
                tokens.insert(place, "".join(lines[start : start + draws.randint(1, 5)]))
        text = "".join(tokens)
    return text
