"""The parser that Lark builds from `grammar/causal.lark`, kept from one process to the next.

Building takes about 100 ms, reading the finished tables about 10 ms. The tables lie in the
user's cache folder under a name made of everything they depend on; a folder that cannot be
written, or a file that does not match its checksum, costs time and nothing else.
"""

from __future__ import annotations

import contextlib
import hashlib
import marshal
import os
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from lark import Lark, Token
from lark import __version__ as lark_version
from lark.lexer import TerminalDef

from causalabs.syntax.build import TRANSFORMER

LEADING = tuple(
    """IMPORT HYPOTHESIS DOMAIN TABLE DEF ALGORITHM NETWORK ALIGNMENT COUNTERFACTUALS CIRCUIT
    SEEDS EXPECT REPORT INPUT OUTPUT VAR WHERE FEED READ SAMPLE EXHAUSTIVE BALANCE KEEP
    INTERCHANGE SPLIT IF THEN ELSE FOR MATCH AND OR XOR NOT TRUE FALSE""".split()
)
"""Words that begin a statement or steer an expression: never names, anywhere."""


class Words:
    """What the lexer reads in every state, wanted or not (see the grammar's head)."""

    always_accept = ("NAME", "INT", "NUMBER", "STRING", "COMPARE", *LEADING)

    @staticmethod
    def process(stream: Iterator[Token]) -> Iterator[Token]:
        """The tokens as they are."""
        return stream


def grammar_text() -> str:
    """The grammar, from the installed package or the checkout."""
    return resources.files("causalabs.grammar").joinpath("causal.lark").read_text("utf-8")


OPTIONS: dict[str, Any] = {
    "start": "file",
    "parser": "lalr",
    "lexer": "contextual",
    "maybe_placeholders": False,
    "keep_all_tokens": True,
}


@cache
def parser() -> Lark:
    """The parser, from the cache where it is there."""
    grammar = grammar_text()
    path = cache_path(grammar)
    found = _load(path)
    if found is None:
        found = Lark(grammar, transformer=TRANSFORMER, postlex=Words(), **OPTIONS)
        _save(found, path)
    return found


# ------------------------------------------------------------------------ cache


def cache_path(grammar: str) -> Path:
    """Where the tables of `grammar` are kept."""
    key = hashlib.sha256(repr((grammar, OPTIONS, lark_version, sys.version)).encode())
    home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(home) / "causalabs" / f"grammar-{key.hexdigest()[:16]}.tables"


def _load(path: Path) -> Lark | None:
    try:
        content = path.read_bytes()
        checksum, packed = content[:32], content[32:]
        if hashlib.sha256(packed).digest() != checksum:
            return None
        data, memo = marshal.loads(packed)
        return Lark._load_from_dict(data, memo, transformer=TRANSFORMER, postlex=Words())
    except Exception:
        # Whatever is wrong with the file, the grammar is at hand and makes a new one.
        return None


def _save(built: Lark, path: Path) -> None:
    """Writes to a temporary name and renames, so that no reader sees half a file."""
    from lark.grammar import Rule

    with contextlib.suppress(OSError, ValueError):
        data, memo = built.memo_serialize([TerminalDef, Rule])
        packed = marshal.dumps((data, memo))
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(hashlib.sha256(packed).digest() + packed)
            os.replace(temporary, path)
        except OSError:
            os.unlink(temporary)
