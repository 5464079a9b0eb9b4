"""The parse tables that Lark makes of `grammar/causal.lark`, kept between processes.

Lark needs 65 ms to import and 100 ms to build them, reading them takes 3 ms. They lie in the
user's cache folder under a name made of everything they depend on; a folder that cannot be
written, or a file that does not match its checksum, costs time and nothing else.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from causalabs.syntax.lexer import END

if TYPE_CHECKING:
    from lark import Lark

Row: TypeAlias = dict[str, int]
OPTIONS: dict[str, Any] = {
    "start": "file",
    "parser": "lalr",
    "lexer": "contextual",
    "maybe_placeholders": False,
    "keep_all_tokens": True,
}


@dataclass(frozen=True)
class Tables:
    """An LALR(1) automaton.

    `actions[state][kind]` is the state to shift to, or `-1 - rule` to reduce by a rule;
    `jumps[state][name]` is the state after a rule called `name`; `rules` are (name, length).
    """

    actions: tuple[Row, ...]
    jumps: tuple[Row, ...]
    rules: tuple[tuple[str, int], ...]
    start: int
    accept: int


def grammar_text() -> str:
    """The grammar, from the installed package or the checkout."""
    import causalabs.grammar

    # Reading it by importlib.resources would import zipfile and more: 10 ms.
    return Path(causalabs.grammar.__path__[0], "causal.lark").read_text("utf-8")


@cache
def tables() -> Tables:
    """The tables, from the cache where they are there."""
    grammar = grammar_text()
    path = cache_path(grammar)
    found = _load(path)
    if found is None:
        found = build(grammar)
        _save(found, path)
    return found


def build(grammar: str) -> Tables:
    """Lark's tables for `grammar`, in our form: signs and words are named by their text."""
    from lark import Lark

    return convert(Lark(grammar, **OPTIONS))


def convert(lark: Lark) -> Tables:
    """The tables of a parser that Lark has built."""
    from lark.lexer import PatternStr
    from lark.parsers.lalr_analysis import Shift

    kinds = {"$END": END}
    for terminal in lark.terminals:
        plain = isinstance(terminal.pattern, PatternStr)
        kinds[terminal.name] = terminal.pattern.value if plain else terminal.name
    table: Any = lark.parser.parser._parse_table
    number = {state: position for position, state in enumerate(table.states)}
    rules: dict[Any, int] = {}
    actions, jumps = [], []
    for row in table.states.values():
        act: Row = {}
        jump: Row = {}
        for symbol, (action, target) in row.items():
            if action is not Shift:
                act[kinds[symbol]] = -1 - rules.setdefault(target, len(rules))
            elif symbol in kinds:
                act[kinds[symbol]] = number[target]
            else:
                jump[symbol] = number[target]
        actions.append(act)
        jumps.append(jump)
    shapes = tuple((str(rule.origin.name), len(rule.expansion)) for rule in rules)
    start, accept = table.start_states["file"], table.end_states["file"]
    return Tables(tuple(actions), tuple(jumps), shapes, number[start], number[accept])


# ------------------------------------------------------------------------ cache


def cache_path(grammar: str) -> Path:
    """Where the tables of `grammar` are kept: by the grammar, whichever Lark made them."""
    key = repr((grammar, OPTIONS, sys.version, convert.__code__.co_code))
    home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    name = hashlib.sha256(key.encode()).hexdigest()[:16]
    return Path(home) / "causalabs" / f"grammar-{name}.tables"


def _load(path: Path) -> Tables | None:
    try:
        content = path.read_bytes()
        if hashlib.sha256(content[32:]).digest() != content[:32]:
            return None
        actions, jumps, rules, start, accept = json.loads(content[32:])
        return Tables(tuple(actions), tuple(jumps), tuple(map(tuple, rules)), start, accept)
    except (OSError, ValueError, EOFError, TypeError):
        return None


def _save(found: Tables, path: Path) -> None:
    """Writes to a temporary name and renames, so that no reader sees half a file."""
    import tempfile

    parts = (found.actions, found.jumps, found.rules, found.start, found.accept)
    packed = json.dumps(parts, separators=(",", ":")).encode()
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(hashlib.sha256(packed).digest() + packed)
            os.replace(temporary, path)
        except OSError:
            os.unlink(temporary)
