"""Where statements begin, by the look of the text alone: that is where reading resumes.

This must work on texts that do not parse, so it knows the words that begin statements and
counts brackets, nothing more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from causalabs.syntax.lexer import END, LEADING, Token

TOP = (
    "import", "hypothesis", "domain", "table", "def", "algorithm", "network", "alignment",
    "counterfactuals", "circuit", "replace", "seeds", "expect", "report",
)  # fmt: skip
INSIDE = {
    "algorithm": ("input", "var", "output", "where", "def", "table"),
    "network": ("feed", "read", "prefix", "train"),
    "counterfactuals": (
        "sample", "exhaustive", "source", "balance", "keep", "interchange", "set", "split",
    ),
}  # fmt: skip
BLOCKS = (*INSIDE, "alignment", "circuit")
HOMES = {word: block for block, words in INSIDE.items() for word in words}
CLOSERS = {"(": ")", "[": "]", "{": "}"}
_LIST_LIKE = frozenset({"alignment", "circuit", "implement"})
_GOES_ON = frozenset({"from", "in", "at", "of", "after", "as", "every", "on", "by", "then"})
_NAME_FOLLOWS = frozenset({"->", ":", "=", ",", ".", "|"})
_WANTS_MORE = (LEADING - {"true", "false", "exhaustive", "input", "output"}) | {
    "COMPARE", "=", ",", ".", ":", "->", "+", "-", "*", "//", "(", "[", "|", "..",
}  # fmt: skip


@dataclass(frozen=True)
class Outline:
    """By token number: the block in which a statement begins there, and blocks' brackets."""

    starts: dict[int, str] = field(default_factory=dict)
    openers: dict[int, str] = field(default_factory=dict)
    closers: dict[int, str] = field(default_factory=dict)


def outline(text: str, tokens: Sequence[Token]) -> Outline:
    """Finds the statements of a text."""
    found = Outline()
    brackets: list[tuple[str, str]] = []  # the bracket, and the block that it opens or ""
    head = ""
    for number, token in enumerate(tokens):
        fresh = number == 0 or "\n" in text[tokens[number - 1].end : token.start]
        block = next((name for _, name in reversed(brackets) if name), "file")
        if token.kind == END:
            break
        if _top(tokens, number, fresh, block):
            brackets.clear()
            head = token.kind
            found.starts[number] = "file"
        elif block != "file" and _inner(tokens, number, fresh, block, not brackets[-1][1]):
            while not brackets[-1][1]:
                brackets.pop()
            found.starts[number] = block
        if token.kind in CLOSERS:
            opens = ""
            if token.kind == "{" and not brackets and head in BLOCKS:
                opens = head
            elif (
                token.kind == "{" and block == "network" and tokens[number - 2].text == "implement"
            ):
                opens = "implement"
            if opens:
                found.openers[token.start] = opens
            brackets.append((token.kind, opens))
        elif token.kind in (")", "]", "}"):
            _close(found, brackets, number, token.kind)
    return found


def _close(found: Outline, brackets: list[tuple[str, str]], number: int, closer: str) -> None:
    """Takes brackets away up to the one that `closer` closes, a block's only by `}`."""
    for depth in range(len(brackets) - 1, -1, -1):
        sign, block = brackets[depth]
        if CLOSERS[sign] == closer:
            del brackets[depth:]
            if block:
                found.closers[number] = block
            return
        if block:
            return


def _top(tokens: Sequence[Token], number: int, fresh: bool, block: str) -> bool:
    token = tokens[number]
    if token.kind not in TOP:
        return False
    if token.kind in ("table", "def") and block == "algorithm":
        return False
    before = tokens[number - 1] if number else None
    if before is not None and before.text == "over":
        return False
    if block == "file" and fresh:
        return True
    if tokens[number + 1].kind in _NAME_FOLLOWS:
        return False
    return fresh or before is None or before.kind not in _WANTS_MORE


def _inner(tokens: Sequence[Token], number: int, fresh: bool, block: str, deep: bool) -> bool:
    """Whether a statement of a block begins here; `deep` is inside brackets of a statement."""
    token = tokens[number]
    word = token.text
    if block in _LIST_LIKE:
        wordy = token.kind == "NAME" or token.kind in LEADING
        return fresh and not deep and wordy and word not in _GOES_ON
    if word not in HOMES or tokens[number + 1].kind in ("->", "=", ",", ".", "|", "COMPARE"):
        return False
    if token.kind == "NAME":  # `set`, `source`, `train`, `prefix` are names elsewhere
        return fresh and not deep and word in INSIDE[block]
    if word == "where":
        return block == "algorithm" and not deep and fresh
    if word in ("input", "output") and tokens[number - 1].text == "by":
        return False
    before = tokens[number - 1].kind
    return fresh or (not deep and before not in _WANTS_MORE and word in INSIDE[block])
