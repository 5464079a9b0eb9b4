"""The LALR(1) automaton at work: a stack of states and a stack of what was read.

Lark builds the tables; they are run here because an error must be survived: the stacks are
cut back to where the bad statement began, and reading goes on behind it.
"""

from __future__ import annotations

import re
from typing import Any, TypeAlias

from causalabs.syntax.build import BUILDERS, Builder
from causalabs.syntax.lexer import SOFT, Token
from causalabs.syntax.tables import Row, Tables

_HEAD = re.compile(r"[0-9]+\.[0-9]+")
Plan: TypeAlias = tuple[str, int, Builder | None]


class Machine:
    """Reads tokens one at a time; `read` says whether the grammar allows the token."""

    def __init__(self, tables: Tables) -> None:
        self.actions = tables.actions
        self.jumps = tables.jumps
        self.accept = tables.accept
        self.states = [tables.start]
        self.values: list[Any] = []
        self.rules: list[Plan] = [
            (name, size, None if name.startswith("_") else BUILDERS[name])
            for name, size in tables.rules
        ]
        self.climbs: dict[tuple[int, str, str], tuple[int, int | None]] = {}

    def settle(self, token: Token) -> Token:
        """The token as the present state takes it: a keyword or a name, a head or a number."""
        if token.kind == "NAME":
            if token.text in SOFT and token.text in self.actions[self.states[-1]]:
                return token._replace(kind=token.text)
        elif (
            token.kind == "NUMBER"
            and "HEAD" in self.actions[self.states[-1]]
            and _HEAD.fullmatch(token.text)
        ):
            return token._replace(kind="HEAD")
        return token

    def read(self, token: Token) -> bool:
        """Takes a settled `token` in; False where it may not stand.

        Where it may not, reductions may have been made before this was seen: ask `accepts`
        first if the stacks are needed as they were.
        """
        states, values, actions, jumps = self.states, self.values, self.actions, self.jumps
        kind = token.kind
        action = actions[states[-1]].get(kind)
        while action is not None and action < 0:
            name, size, builder = self.rules[-1 - action]
            if size == 1 and builder is None:
                states[-1], action = self._climb(states[-2], name, kind)
                continue
            made = values[len(values) - size :]
            if size:
                del values[-size:], states[-size:]
            made = _spliced(made)
            values.append(made if builder is None else builder(made))
            states.append(jumps[states[-1]][name])
            if states[-1] == self.accept:
                return True
            action = actions[states[-1]].get(kind)
        if action is None:
            return False
        states.append(action)
        values.append(token)
        return True

    def _climb(self, below: int, name: str, kind: str) -> tuple[int, int | None]:
        """The state on top of `below` after all reductions that only rename, and its action.

        An operand climbs through ten levels of precedence this way; it is worth remembering.
        """
        key = (below, name, kind)
        found = self.climbs.get(key)
        if found is None:
            state = self.jumps[below][name]
            action = self.actions[state].get(kind)
            while action is not None and action < 0:
                name, size, builder = self.rules[-1 - action]
                if size != 1 or builder is not None or state == self.accept:
                    break
                state = self.jumps[below][name]
                action = self.actions[state].get(kind)
            found = self.climbs[key] = (state, action)
        return found

    def accepts(self, kind: str) -> bool:
        """Whether a token of this kind may come next."""
        states, actions, jumps = list(self.states), self.actions, self.jumps
        while True:
            action = actions[states[-1]].get(kind)
            if action is None:
                return False
            if action >= 0:
                return True
            name, size, _ = self.rules[-1 - action]
            if size:
                del states[-size:]
            states.append(jumps[states[-1]][name])
            if states[-1] == self.accept:
                return True

    def expected(self) -> list[str]:
        """All kinds of token that may come next."""
        row: Row = self.actions[self.states[-1]]
        return [kind for kind in row if self.accepts(kind)]

    def cut(self, depth: int) -> None:
        """Forgets everything above `depth`."""
        del self.states[depth:], self.values[depth - 1 :]


def _spliced(children: list[Any]) -> list[Any]:
    """Children with those of nameless rules put in; a list that grows, grows in place."""
    if list not in map(type, children):
        return children
    flat: list[Any] = children[0] if type(children[0]) is list else [children[0]]
    for child in children[1:]:
        if type(child) is list:
            flat.extend(child)
        else:
            flat.append(child)
    return flat
