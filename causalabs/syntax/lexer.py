"""Text to tokens, and tokens to statements.

The lexer is contextual in one point only: a word such as `in` or `step` is a keyword where
the grammar can use it and a name elsewhere. So tokens are read once, by one regular
expression, and the parser settles what such a word is when it comes to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from causalabs.diagnostics import Span


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


LEADING = _words(
    """import hypothesis domain table def algorithm network alignment counterfactuals circuit
    replace seeds expect report input output var where feed read sample exhaustive balance keep
    interchange split if then else for match and or xor not true false"""
)
"""Words that begin a statement or steer an expression: never names, anywhere."""

SOFT = _words(
    """after against among any as at between bool by changes chat cyclic dims every from
    head implement in index key mod module of on only over prefix real seed set source
    spelled step to together token tokens train under until"""
)
"""Words that are names wherever the grammar has no use for them."""


class Token(NamedTuple):
    """A piece of text; `kind` is its text for words and signs of the grammar."""

    kind: str
    text: str
    start: int
    end: int

    @property
    def span(self) -> Span:
        """Where the token stands."""
        return Span(self.start, self.end)


SIGNS = _words("-> .. = + - * // % ( ) [ ] { } , : . |")
COMPARISONS = _words("== != <= >= < >")

_TOKEN = re.compile(
    r"""(?:\s++|\#[^\n]*+)*+
    (?: ([A-Za-z_][A-Za-z0-9_]*+)
      | ([0-9]+(?:_[0-9]+)*(?:\.[0-9]+(?:[eE][+-]?[0-9]+)?|[eE][+-]?[0-9]+)?(?![0-9A-Za-z_]))
      | ("(?:[^"\\\n]|\\[^\n])*+")
      | (->|\.\.|==|!=|<=|>=|//|[-=+*%(){}\[\],:.|<>])
      | (.)
      | \Z
    )""",
    re.VERBOSE,
)
END = "end of file"


def tokens(text: str) -> list[Token]:
    """The tokens of `text`; one of kind `BAD` for each sign that is none, `END` at the end.

    >>> [token.kind for token in tokens("var x = 1 $")]
    ['var', 'NAME', '=', 'INT', 'BAD', 'end of file']
    """
    found = []
    for piece in _TOKEN.finditer(text):
        group = piece.lastindex
        if group is None:
            continue
        part = piece[group]
        start, end = piece.span(group)
        if group == 1:
            kind = part if part in LEADING else "NAME"
        elif group == 4:
            kind = "COMPARE" if part in COMPARISONS else part
        elif group == 2:
            kind = "NUMBER" if "." in part or "e" in part or "E" in part else "INT"
        else:
            kind = "STRING" if group == 3 else "BAD"
        found.append(Token(kind, part, start, end))
    size = len(text)
    return [*found, Token(END, "", size, size)]


COMMENT = re.compile(r'"(?:[^"\\\n]|\\[^\n])*+"|(\#[^\n]*+)')


def comments(text: str) -> Iterator[Span]:
    """Where the comments stand."""
    for found in COMMENT.finditer(text):
        if found.lastindex:
            yield Span(*found.span(1))
