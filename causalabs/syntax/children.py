"""A rule's children, taken apart: what the builders have in common."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, TypeAlias

from causalabs.diagnostics import Span
from causalabs.syntax.ast import Digits, Name, Text
from causalabs.syntax.lexer import Token

Children: TypeAlias = Sequence[Any]

ESCAPES = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "\\": "\\"}
_ESCAPE = re.compile(r"\\(.)")


def decode(quoted: str) -> str:
    r"""The characters that a quoted string stands for.

    >>> decode('"a\\tb"')
    'a\tb'
    """
    inner = quoted[1:-1]
    if "\\" not in inner:
        return inner
    return _ESCAPE.sub(lambda found: ESCAPES.get(found[1], found[1]), inner)


def extent(children: Children) -> Span:
    """From the first child to the last."""
    return Span(children[0].span[0], children[-1].span[1])


def name_of(token: Token) -> Name:
    """A word as a name."""
    return Name(token.text, token.span)


def text_of(token: Token) -> Text:
    """A quoted token as the string it stands for."""
    return Text(decode(token.text), token.span)


def digits_of(token: Token) -> Digits:
    """A number as written."""
    return Digits(token.text, token.span)


def nodes_of(children: Children) -> tuple[Any, ...]:
    """The children that are nodes."""
    return tuple([child for child in children if type(child) is not Token])


def tokens_of(children: Children, kind: str) -> list[Token]:
    """The tokens of one kind."""
    return [child for child in children if type(child) is Token and child.kind == kind]


def names_of(children: Children) -> tuple[Name, ...]:
    """The tokens that are names."""
    return tuple(name_of(token) for token in tokens_of(children, "NAME"))


def texts_of(children: Children) -> tuple[Text, ...]:
    """The quoted strings."""
    return tuple(text_of(token) for token in tokens_of(children, "STRING"))


NUMBERS = frozenset({"INT", "NUMBER", "HEAD"})


def numbers_of(children: Children) -> tuple[Digits, ...]:
    """The numbers."""
    return tuple(
        digits_of(child) for child in children if type(child) is Token and child.kind in NUMBERS
    )


def behind(children: Children, word: str) -> Any:
    """The child behind the token `word`, None where there is no such token."""
    for position, child in enumerate(children):
        if type(child) is Token and child.text == word:
            return children[position + 1]
    return None


def name_behind(children: Children, word: str) -> Name | None:
    """The name behind the token `word`, if it is there."""
    found = behind(children, word)
    return name_of(found) if type(found) is Token else None


def cut(children: Children, mark: str) -> tuple[Children, Children]:
    """The children before and behind the token `mark`; all before where it is not."""
    for position, child in enumerate(children):
        if type(child) is Token and child.text == mark:
            return children[:position], children[position + 1 :]
    return children, ()


def named_or_node(child: Any) -> Any:
    """A bare word as a name, a node as it is."""
    return name_of(child) if type(child) is Token else child
