"""Random hypothesis files: the text, and beside it what every part of it means."""

from __future__ import annotations

from random import Random
from typing import Any

from tests.end_to_end.meanings import Maker, Said
from tests.end_to_end.places import Placer
from tests.end_to_end.writer import Made, Move, sides


class Filer(Placer):
    """Makes the interchanges and how they are drawn."""

    # ---------------------------------------------------------- counterfactuals

    def lines(self) -> list[str]:
        rng, made = self.rng, self.made
        names, said = list(made.homes), []
        pairs = [
            (a, b)
            for a in names
            for b in names
            if a != b
            and made.kind_of(a).text == made.kind_of(b).text
            and made.kind_of(a).values == made.kind_of(b).values
            and self.same_width(a, b)
        ]
        family = [name for name in names if name.startswith("acc[")]
        everything: list[tuple[str, list[Move]]] = []
        for name in names:
            everything.append((name, [Move(((name, name, 0),), 1)]))
        if len(names) > 1:
            both = rng.sample(names, rng.choice([2, len(names)]))
            apart = tuple((name, name, i) for i, name in enumerate(both))
            once = tuple((name, name, 0) for name in both)
            everything.append((", ".join(both), [Move(apart, len(both))]))
            everything.append((f"{', '.join(both)} together", [Move(once, 1)]))
        for a, b in rng.sample(pairs, min(2, len(pairs))):
            everything.append((f"{a} from {b}", [Move(((a, b, 0),), 1)]))
            both_ways = ((a, b, 0), (b, a, 0))
            everything.append((f"{a} from {b}, {b} from {a} together", [Move(both_ways, 1)]))
        if len(family) > 1 and len(family) == self.families["acc"][0]:
            last = len(family) - 1
            each = [Move(((name, name, 0),), 1) for name in family]
            all_once = tuple((name, name, i) for i, name in enumerate(family))
            everything.append((f"acc[i in 0..{last}]", each))
            everything.append(("acc", [Move(all_once, len(family))]))
        rng.shuffle(everything)
        seen: set[Any] = set()
        for text, moves in everything:
            key = {(tuple(sorted(m.takes)), m.sources > 1) for m in moves}
            if key & seen or len(made.moves) >= 4:
                continue
            condition = self.move_condition(moves[0]) if len(moves) == 1 else None
            seen |= key
            for move in moves:
                made.moves.append(move if condition is None else condition[1])
            name = f" as line{len(said)}" if rng.random() < 0.5 and len(moves) == 1 else ""
            if len(moves[0].takes) > 1 or " from " in text or condition:
                name = f" as line{len(said)}"
            where = f" where {condition[0]}" if condition else ""
            said.append(f"  interchange {text}{name}{where}")
        return said

    def same_width(self, a: str, b: str) -> bool:
        one, two = self.made.homes[a], self.made.homes[b]
        if one.style == "whole":  # widths of sites: the same only for the same kind of place
            return self.made.kind == "gru" and len(one.writes) == len(two.writes) == 1
        return (one.dims == two.dims and len(one.writes) == len(two.writes) == 1) or (
            one.writes == two.writes and one.dims == two.dims
        )

    def move_condition(self, move: Move) -> tuple[str, Move] | None:
        """A condition that some tenth of the pairs satisfy."""
        rng, made = self.rng, self.made
        if self.dealt or rng.random() < 0.5:
            return None
        scope = {f"base.{name}": kind for name, kind in self.scope.items()}
        if move.sources == 1:
            scope.update({f"source.{name}": kind for name, kind in self.scope.items()})
        else:
            scope.update({f"source.{v}": self.scope[v] for v, _, _ in move.takes})
        every, name = made.all_inputs(), move.takes[0][0]
        for _ in range(5):
            said = Maker(rng, scope).truth(1)
            if rng.random() < 0.3:
                said = Said(
                    f"source.{name} != base.{name}",
                    lambda env: env[f"source.{name}"] != env[f"base.{name}"],
                    frozenset([f"source.{name}"]),
                )
            held = 0
            for _ in range(150):
                drawn = [rng.choice(every) for _ in range(move.sources + 1)]
                held += bool(said.value(sides(drawn[0], drawn[1:], move)))
            if 15 <= held < 150:
                return said.text, Move(move.takes, move.sources, said.value, said.uses)
        return None

    def counterfactuals(self) -> list[str]:
        rng, made = self.rng, self.made
        every = made.all_inputs()
        self.dealt = rng.random() < 0.25 and len(every) >= 8
        lines = self.lines()
        most = max(move.sources for move in made.moves) + 1
        plain = rng.random()
        if plain < 0.25 and len(every) ** most <= 3000:
            head = ["  exhaustive"]
        else:
            made.sample = rng.choice([20, 30])
            head = [f"  sample {made.sample}"]
            if plain > 0.7 and not self.dealt:
                names = [e.name for e in made.elements if e.role == "var"]
                made.balance = (rng.choice(names),)
                head.append(f"  balance {made.balance[0]}")
            if plain < 0.35 and not self.dealt:
                changed = {name.split("[")[0] for name in (e.name for e in made.inputs)}
                family = rng.choice(sorted(changed))
                held = [e.name for e in made.inputs if e.name.split("[")[0] == family]
                made.changes = tuple(held)
                head.append(f"  source changes only {family}")
        if rng.random() < 0.3 and not self.dealt and not made.balance and made.changes is None:
            name = rng.choice(list(made.homes))
            if all(move.sources == 1 and move.holds is None for move in made.moves):
                text = f"source.{name} != base.{name}"
                value = lambda env: env[f"source.{name}"] != env[f"base.{name}"]  # noqa: E731
                if len({each[name] for each in every}) > 1:
                    made.keep = Said(text, value)
                    head.append(f"  keep where {text}")
        split = self.split()
        parts = [*head, *lines, *split]
        return parts

    def split(self) -> list[str]:
        rng, made = self.rng, self.made
        if made.control == "" and not self.dealt and rng.random() < 0.2:
            return []
        made.splits = ("train", "heldout")
        if self.dealt:
            names = [e.name for e in made.inputs if "[" not in e.name]
            made.by = rng.choice(["input", "input", *names[:1]])
        return [f"  split train 50%, heldout 50%{f' by {made.by}' if made.by else ''}"]


def make(seed: int) -> Made:
    """The file of that seed."""
    rng = Random(seed)
    while True:
        made = Made(kind=rng.choice(["mlp", "mlp", "gru", "transformer", "transformer"]))
        writer = Filer(rng, made)
        writer.algorithm()
        if not 2 <= len(made.all_inputs()) <= 120:
            continue
        network = writer.network()
        places = writer.alignment()
        drawing = writer.counterfactuals()
        where = " on heldout" if made.splits else ""
        under = f" under {made.control}" if made.control else ""
        reports = [f"report accuracy{where}", f"report iia{where}{under}"]
        parts = [
            "hypothesis generated",
            '"Made at random."',
            *writer.domains,
            "algorithm {",
            *writer.body,
            *writer.tables,
            "}",
            *network,
            "alignment {",
            *places,
            "}",
            "counterfactuals {",
            *drawing,
            "}",
            *reports,
        ]
        made.text = "\n".join(parts) + "\n"
        return made
