"""Random expressions: what a file says, and what it means, made side by side.

The meaning is a plain Python function of an environment of written values, so no part of
causalabs has a say in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

Env = Mapping[str, Any]


@dataclass(frozen=True)
class Kind:
    """A domain: its sort, its values in order, and how a declaration writes it."""

    sort: str  # "bool", "int", "mod", "enum", "cyclic"
    values: tuple[Any, ...]
    text: str


BOOL = Kind("bool", (False, True), "bool")


def integers(low: int, high: int) -> Kind:
    return Kind("int", tuple(range(low, high + 1)), f"{low}..{high}")


def modulo(count: int) -> Kind:
    return Kind("mod", tuple(range(count)), f"mod {count}")


@dataclass(frozen=True)
class Said:
    """An expression: its text, its value, and the variables it names."""

    text: str
    value: Callable[[Env], Any]
    uses: frozenset[str] = frozenset()
    low: int = 0
    high: int = 0


def spelled(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


@dataclass
class Maker:
    """Makes expressions over the variables of `scope`; tables it needs are collected."""

    rng: Random
    scope: Mapping[str, Kind]
    families: Mapping[str, tuple[int, Kind]] = field(default_factory=dict)
    tables: list[str] | None = None
    defs: bool = False

    # ------------------------------------------------------------------ leaves

    def variable(self, *sorts: str, like: Kind | None = None) -> tuple[Said, Kind] | None:
        found = [
            (name, kind)
            for name, kind in self.scope.items()
            if kind.sort in sorts and (like is None or kind.values == like.values)
        ]
        if not found:
            return None
        name, kind = self.rng.choice(found)
        low, high = (kind.values[0], kind.values[-1]) if kind.sort == "int" else (0, 0)
        return Said(name, lambda env: env[name], frozenset([name]), low, high), kind

    def literal(self, kind: Kind) -> Said:
        value = self.rng.choice(kind.values)
        return Said(spelled(value), lambda env: value)

    # ------------------------------------------------------------------- truth

    def truth(self, depth: int) -> Said:
        ways = [self._plain, self._named_value, self._less]
        if depth:
            ways += [self._joined, self._joined, self._negated, self._counted, self._equal]
            ways += [self._over_family, self._matched, self._at_least, self._looked_up]
        while True:
            found = self.rng.choice(ways)(depth - 1)
            if found is not None:
                return found

    def _plain(self, depth: int) -> Said | None:
        found = self.variable("bool")
        return found[0] if found else None

    def _named_value(self, depth: int) -> Said | None:
        found = self.variable("enum", "cyclic", "mod", "int")
        if not found:
            return None
        (left, kind), sign = found, self.rng.choice(["==", "!="])
        value = self.rng.choice(kind.values)
        even = sign == "=="
        text = f"{left.text} {sign} {spelled(value)}"
        return Said(f"({text})", lambda env: (left.value(env) == value) == even, left.uses)

    def _less(self, depth: int) -> Said:
        left, sign = self.number(max(0, depth)), self.rng.choice(["<", "<=", ">", ">="])
        bound = self.rng.randint(left.low, left.high)
        compare = {
            "<": lambda a: a < bound,
            "<=": lambda a: a <= bound,
            ">": lambda a: a > bound,
            ">=": lambda a: a >= bound,
        }[sign]
        shown = f"-{-bound}" if bound < 0 else str(bound)
        text = f"({left.text} {sign} {shown})"
        return Said(text, lambda env: compare(left.value(env)), left.uses)

    def _joined(self, depth: int) -> Said:
        parts = [self.truth(depth) for _ in range(self.rng.choice([2, 2, 3]))]
        word = self.rng.choice(["and", "or", "xor"])
        fold = {"and": all, "or": any, "xor": lambda found: sum(found) % 2 == 1}[word]
        text = "(" + f" {word} ".join(part.text for part in parts) + ")"
        uses = frozenset().union(*(part.uses for part in parts))
        return Said(text, lambda env: fold([part.value(env) for part in parts]), uses)

    def _negated(self, depth: int) -> Said:
        part = self.truth(depth)
        return Said(f"(not {part.text})", lambda env: not part.value(env), part.uses)

    def _counted(self, depth: int) -> Said:
        parts = [self.truth(depth) for _ in range(3)]
        bound = self.rng.choice([1, 2, 3])
        text = f"(count({', '.join(part.text for part in parts)}) >= {bound})"
        uses = frozenset().union(*(part.uses for part in parts))
        return Said(text, lambda env: sum(part.value(env) for part in parts) >= bound, uses)

    def _equal(self, depth: int) -> Said | None:
        found = self.variable("enum", "cyclic", "mod", "bool")
        other = found and self.variable(found[1].sort, like=found[1])
        if not found or not other or found[0].text == other[0].text:
            return None
        left, right = found[0], other[0]
        text = f"({left.text} == {right.text})"
        return Said(text, lambda env: left.value(env) == right.value(env), left.uses | right.uses)

    def _over_family(self, depth: int) -> Said | None:
        found = [(n, c, k) for n, (c, k) in self.families.items() if k.sort in ("bool", "enum")]
        if not found:
            return None
        name, count, kind = self.rng.choice(found)
        word = self.rng.choice(["any", "all"])
        value = True if kind.sort == "bool" else self.rng.choice(kind.values)
        test = f"{name}[j]" if kind.sort == "bool" else f"{name}[j] == {spelled(value)}"
        fold = {"any": any, "all": all}[word]
        names = [f"{name}[{j}]" for j in range(count)]
        return Said(
            f"{word}({test} for j in 0..{count - 1})",
            lambda env: fold(env[each] == value for each in names),
            frozenset(names),
        )

    def _at_least(self, depth: int) -> Said | None:
        if not self.defs:
            return None
        parts = [self.truth(depth) for _ in range(2)]
        text = f"either({parts[0].text}, {parts[1].text})"
        uses = parts[0].uses | parts[1].uses
        return Said(text, lambda env: parts[0].value(env) != parts[1].value(env), uses)

    def _matched(self, depth: int) -> Said | None:
        found = self.variable("enum", "cyclic", "int")
        if not found or len(found[1].values) < 3 or self.tables is None:
            return None
        on, kind = found
        cut = self.rng.randint(1, 2)
        first, rest = self.truth(max(0, depth)), self.truth(max(0, depth))
        named = kind.values[:cut]
        if any(isinstance(value, int) and value < 0 for value in named):
            return None
        pattern = " | ".join(spelled(value) for value in named)
        text = f"match {on.text} {{ {pattern} -> {first.text}, else -> {rest.text} }}"
        return Said(
            f"({text})",
            lambda env: (first if on.value(env) in named else rest).value(env),
            on.uses | first.uses | rest.uses,
        )

    def _looked_up(self, depth: int) -> Said | None:
        return self.looked_up(BOOL)

    # ----------------------------------------------------------------- numbers

    def number(self, depth: int) -> Said:
        ways = [self._digit]
        if depth > 0:
            ways += [self._sum, self._times, self._clipped, self._tally, self._chosen_number]
            ways += [self._divided, self._residue]
        while True:
            found = self.rng.choice(ways)(depth - 1)
            if found is not None and found.high - found.low <= 12:
                return found

    def _digit(self, depth: int) -> Said:
        found = self.variable("int")
        if found and self.rng.random() < 0.8:
            return found[0]
        if self.rng.random() < 0.7:
            test = self._plain(0) or self._named_value(0)
            if test is not None:
                text = f"(if {test.text} then 1 else 0)"
                return Said(text, lambda env: int(test.value(env)), test.uses, 0, 1)
        if found:
            return found[0]
        value = self.rng.randint(0, 2)
        return Said(str(value), lambda env: value, frozenset(), value, value)

    def _sum(self, depth: int) -> Said:
        a, b = self.number(depth), self.number(depth)
        if self.rng.random() < 0.5:
            text, low, high = f"({a.text} + {b.text})", a.low + b.low, a.high + b.high
            return Said(text, lambda env: a.value(env) + b.value(env), a.uses | b.uses, low, high)
        text, low, high = f"({a.text} - {b.text})", a.low - b.high, a.high - b.low
        return Said(text, lambda env: a.value(env) - b.value(env), a.uses | b.uses, low, high)

    def _times(self, depth: int) -> Said:
        a, factor = self.number(depth), self.rng.randint(2, 3)
        text = f"({factor} * {a.text})"
        return Said(
            text, lambda env: factor * a.value(env), a.uses, factor * a.low, factor * a.high
        )

    def _clipped(self, depth: int) -> Said:
        a, b = self.number(depth), self.number(depth)
        word = self.rng.choice(["min", "max"])
        pick = {"min": min, "max": max}[word]
        return Said(
            f"{word}({a.text}, {b.text})",
            lambda env: pick(a.value(env), b.value(env)),
            a.uses | b.uses,
            pick(a.low, b.low),
            pick(a.high, b.high),
        )

    def _tally(self, depth: int) -> Said:
        found = [(n, c) for n, (c, kind) in self.families.items() if kind.sort == "bool"]
        if found and self.rng.random() < 0.6:
            name, count = self.rng.choice(found)
            names = [f"{name}[{j}]" for j in range(count)]
            text = f"count({name}[j] for j in 0..{count - 1})"
            return Said(text, lambda env: sum(env[n] for n in names), frozenset(names), 0, count)
        parts = [self.truth(max(0, depth)) for _ in range(2)]
        text = f"count({parts[0].text}, {parts[1].text})"
        uses = parts[0].uses | parts[1].uses
        return Said(text, lambda env: sum(part.value(env) for part in parts), uses, 0, 2)

    def _chosen_number(self, depth: int) -> Said:
        test, a, b = self.truth(max(0, depth)), self.number(depth), self.number(depth)
        return Said(
            f"(if {test.text} then {a.text} else {b.text})",
            lambda env: (a if test.value(env) else b).value(env),
            test.uses | a.uses | b.uses,
            min(a.low, b.low),
            max(a.high, b.high),
        )

    def _divided(self, depth: int) -> Said:
        a, by = self.number(depth), self.rng.randint(2, 3)
        if self.rng.random() < 0.5:
            text = f"({a.text} // {by})"
            return Said(text, lambda env: a.value(env) // by, a.uses, a.low // by, a.high // by)
        return Said(f"({a.text} % {by})", lambda env: a.value(env) % by, a.uses, 0, by - 1)

    def _residue(self, depth: int) -> Said | None:
        found = self.variable("mod")
        if found:
            part, kind = found
            return Said(f"int({part.text})", part.value, part.uses, 0, len(kind.values) - 1)
        found = self.variable("cyclic")
        other = found and self.variable("cyclic", like=found[1])
        if not found or not other or found[0].text == other[0].text:
            return None
        (a, kind), b = found, other[0]
        place, count = kind.values.index, len(kind.values)
        return Said(
            f"int({a.text} - {b.text})",
            lambda env: (place(a.value(env)) - place(b.value(env))) % count,
            a.uses | b.uses,
            0,
            count - 1,
        )

    # ------------------------------------------------------------- other kinds

    def of(self, kind: Kind, depth: int) -> Said:
        """An expression of an enumerated, cyclic or modular kind."""
        if kind.sort == "bool":
            return self.truth(depth)
        if kind.sort == "mod":
            part, count = self.number(depth), len(kind.values)
            found = self.variable("mod", like=kind)
            if found and self.rng.random() < 0.6:
                text = f"({found[0].text} + {part.text})"
                turned = found[0]
                return Said(
                    text,
                    lambda env: (turned.value(env) + part.value(env)) % count,
                    turned.uses | part.uses,
                )
            return Said(part.text, lambda env: part.value(env) % count, part.uses)
        found = self.variable(kind.sort, like=kind)
        if kind.sort == "cyclic" and found and self.rng.random() < 0.5:
            start, part, count = found[0], self.number(depth), len(kind.values)
            return Said(
                f"({start.text} + {part.text})",
                lambda env: kind.values[
                    (kind.values.index(start.value(env)) + part.value(env)) % count
                ],
                start.uses | part.uses,
            )
        if self.rng.random() < 0.3:
            table = self.looked_up(kind)
            if table is not None:
                return table
        test = self.truth(depth)
        a = found[0] if found and self.rng.random() < 0.5 else self.literal(kind)
        b = self.literal(kind)
        return Said(
            f"(if {test.text} then {a.text} else {b.text})",
            lambda env: (a if test.value(env) else b).value(env),
            test.uses | a.uses,
        )

    def looked_up(self, kind: Kind) -> Said | None:
        """A look-up in a table made for it."""
        found = self.variable("enum", "bool", "cyclic", "int")
        other = self.variable("enum", "bool") if self.rng.random() < 0.5 else None
        if self.tables is None or not found:
            return None
        keys = [found] + ([other] if other else [])
        name = f"tab{len(self.tables)}"
        rows: list[tuple[Any, ...]] = [()]
        for _, domain in keys:
            rows = [(*row, value) for row in rows for value in domain.values]
        if any(isinstance(part, int) and part < 0 for row in rows for part in row):
            return None
        entries = {row: self.rng.choice(kind.values) for row in rows}
        lines = []
        for row, value in entries.items():
            shown = [spelled(part) for part in row]
            key = shown[0] if len(shown) == 1 else f"({', '.join(shown)})"
            lines.append(f"    {key} -> {spelled(value)}")
        over = ", ".join(domain.text for _, domain in keys)
        entry_lines = ",\n".join(lines)
        self.tables.append(f"  table {name}[{over}] : {kind.text} = {{\n{entry_lines}\n  }}")
        parts = [part for part, _ in keys]
        return Said(
            f"{name}[{', '.join(part.text for part in parts)}]",
            lambda env: entries[tuple(part.value(env) for part in parts)],
            frozenset().union(*(part.uses for part in parts)),
        )
