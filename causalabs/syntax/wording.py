"""Tokens in people's words."""

from __future__ import annotations

from collections.abc import Iterable

from causalabs.syntax.lexer import END, Token

NAMED = {
    "NAME": "a name",
    "INT": "a whole number",
    "NUMBER": "a number",
    "HEAD": "a head such as 7.3",
    "STRING": "a string",
    "COMPARE": "a comparison",
    END: "the end of the file",
}
_MOST = 8
_OPERATORS = frozenset({"COMPARE", "+", "-", "*", "//", "%", "and", "or", "xor", ".", "[", "("})


def shown(token: Token) -> str:
    """A token that was found."""
    if token.kind == END:
        return "the end of the file"
    text = token.text if len(token.text) <= 30 else token.text[:27] + "..."
    return f"`{text}`"


def listed(kinds: Iterable[str]) -> str:
    """What could have come, most general first: `a name, a number or `(``."""
    kinds = set(kinds)
    if "NUMBER" in kinds:
        kinds.discard("INT")
    operators = {"+", "*"} <= kinds  # behind a value: no need to list what could go on with it
    if operators:
        kinds -= _OPERATORS
    parts = [NAMED[kind] for kind in NAMED if kind in kinds]
    parts += [f"`{kind}`" for kind in sorted(kinds - NAMED.keys(), key=lambda k: (k.isalpha(), k))]
    if operators:
        parts.insert(0, "an operator")
    if len(parts) > _MOST:
        parts = [*parts[:_MOST], "another word"]
    if not parts:
        return "nothing"
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} or {parts[-1]}"
