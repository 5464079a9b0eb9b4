"""Random hypothesis files: the text, and beside it what every part of it means."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import product
from random import Random
from typing import Any

from tests.end_to_end.meanings import BOOL, Env, Kind, Maker, Said, integers, modulo

COLOURS = ("red", "green", "blue", "black", "white")
DAYS = ("Mon", "Tue", "Wed", "Thu")


@dataclass(frozen=True)
class Element:
    """One variable of the algorithm; inputs have no `value`."""

    name: str
    role: str
    kind: Kind
    value: Callable[[Env], Any] | None = None


@dataclass(frozen=True)
class Spot:
    """Sites written jointly: component, layer, and the tokens or steps for one example."""

    component: str
    layer: int | None
    at: Callable[[Env, int], tuple[int | None, ...]] = lambda env, template: (None,)


@dataclass(frozen=True)
class Home:
    """Where an element lives; `block` None is the whole site, `dims` how many it has."""

    writes: tuple[Spot, ...]
    reads: tuple[Spot, ...]
    style: str
    block: tuple[int, ...] = ()
    dims: int = 0


@dataclass(frozen=True)
class Move:
    """One line after expansion: (variable, origin, number of its source)."""

    takes: tuple[tuple[str, str, int], ...]
    sources: int
    holds: Callable[[Env], bool] | None = None
    uses: frozenset[str] = frozenset()


@dataclass
class Made:
    """A file and its meaning."""

    text: str = ""
    kind: str = ""
    elements: list[Element] = field(default_factory=list)
    where: Said | None = None
    feed: Any = None  # names, steps of names, or templates of words and {names}
    reads: list[tuple[str, Any]] = field(default_factory=list)
    homes: dict[str, Home] = field(default_factory=dict)
    control: str = ""
    moves: list[Move] = field(default_factory=list)
    keep: Said | None = None
    balance: tuple[str, ...] = ()
    changes: tuple[str, ...] | None = None
    sample: int | None = None
    splits: tuple[str, ...] = ()
    by: str | None = None

    def run(self, inputs: Env, forced: Env | None = None) -> dict[str, Any]:
        """Every variable's value, one example."""
        forced, found = forced or {}, {}
        for element in self.elements:
            name = element.name
            if name in forced:
                found[name] = forced[name]
            elif element.value is None:
                found[name] = inputs[name]
            else:
                found[name] = element.value(found)
        return found

    @property
    def inputs(self) -> list[Element]:
        return [element for element in self.elements if element.role == "input"]

    def all_inputs(self) -> list[dict[str, Any]]:
        """Clean runs of all inputs that `where` admits."""
        names = [element.name for element in self.inputs]
        every = product(*(element.kind.values for element in self.inputs))
        found = [dict(zip(names, values, strict=True)) for values in every]
        return [self.run(each) for each in found if self.where is None or self.where.value(each)]

    def kind_of(self, name: str) -> Kind:
        return next(element.kind for element in self.elements if element.name == name)


def sides(base: Env, sources: Sequence[Env], move: Move) -> dict[str, Any]:
    """What conditions may name: `base.v`, and `source.v` of v's own source."""
    found = {f"base.{name}": value for name, value in base.items()}
    if move.sources == 1:
        found.update({f"source.{name}": value for name, value in sources[0].items()})
    else:
        for variable, _, number in move.takes:
            found[f"source.{variable}"] = sources[number][variable]
    return found


# ------------------------------------------------------------------------ making


@dataclass
class Writer:
    """Makes one file, part by part."""

    rng: Random
    made: Made = field(default_factory=Made)
    scope: dict[str, Kind] = field(default_factory=dict)
    families: dict[str, tuple[int, Kind]] = field(default_factory=dict)
    tables: list[str] = field(default_factory=list)
    domains: list[str] = field(default_factory=list)
    body: list[str] = field(default_factory=list)
    length: int = 0
    dealt: bool = False  # inputs are dealt to splits: no conditions, which a deal may defeat

    def add(self, name: str, role: str, kind: Kind, value: Any = None) -> None:
        self.made.elements.append(Element(name, role, kind, value))
        self.scope[name] = kind

    # -------------------------------------------------------------- algorithm

    def kinds(self) -> list[Kind]:
        colours, days = COLOURS[: self.rng.choice([2, 3])], DAYS[: self.rng.choice([3, 4])]
        self.domains += [f"domain Colour = {{{', '.join(colours)}}}"]
        self.domains += [f"domain Day = cyclic {{{', '.join(days)}}}"]
        colour, day = Kind("enum", colours, "Colour"), Kind("cyclic", days, "Day")
        return [BOOL, integers(0, 2), integers(-1, 1), modulo(3), colour, day]

    def algorithm(self) -> None:
        rng, kinds = self.rng, self.kinds()
        if self.made.kind == "gru":
            self.length = rng.choice([2, 3])
            shapes = [(f"f{i}", self.length) for i in range(rng.choice([1, 2]))]
        else:
            shapes = [(f"x{i}", 0) for i in range(rng.choice([2, 3]))]
            if rng.random() < 0.4:
                shapes.append(("g", 2))
        for name, count in shapes:
            kind = rng.choice(kinds[:2] if count else kinds)
            self.body.append(f"  input {name}{f'[{count}]' if count else ''} : {kind.text}")
            if count:
                self.families[name] = (count, kind)
            for i in range(count):
                self.add(f"{name}[{i}]", "input", kind)
            if not count:
                self.add(name, "input", kind)
        self.condition()
        if self.families:
            self.recurrence("acc")
        for i in range(rng.choice([1, 2, 3])):
            self.single(f"v{i}", "var", rng.choice(kinds))
        if self.made.kind == "gru" and rng.random() < 0.6:
            self.recurrence("o", role="output")
        for i in range(rng.choice([1, 1, 2])):
            self.single(f"out{i}", "output", rng.choice(kinds))
        self.body.append("  def either(p, q) = p xor q")

    def condition(self) -> None:
        every = self.made.all_inputs()
        if self.rng.random() < 0.4:
            said = Maker(self.rng, dict(self.scope), self.families).truth(1)
            share = sum(bool(said.value(each)) for each in every) / len(every)
            if 0.4 < share < 1:
                self.made.where = said
                self.body.append(f"  where {said.text}")

    def single(self, name: str, role: str, kind: Kind) -> None:
        scope = {n: k for n, k in self.scope.items() if not n.startswith("o")}
        maker = Maker(self.rng, scope, self.families, self.tables, defs=True)
        every = [self.made.run(each) for each in self.made.all_inputs()]
        for _ in range(200):
            tables = len(self.tables)
            said = maker.number(2) if kind.sort == "int" else maker.of(kind, 2)
            if said.uses and len({said.value(each) for each in every}) > 1:
                break
            del self.tables[tables:]
        if kind.sort == "int":
            kind = integers(said.low, said.high)
        self.body.append(f"  {role} {name} : {kind.text} = {said.text}")
        self.add(name, role, kind, said.value)

    def recurrence(self, name: str, role: str = "var") -> None:
        rng = self.rng
        ordered = [each for each in self.families.items() if each[1][1].sort in ("bool", "int")]
        over, (count, kind) = rng.choice(ordered)
        if kind.sort == "bool":
            cut, test = 1, f"{over}[%s]"
        else:
            cut = rng.choice(kind.values[1:])
            test = f"{over}[%s] >= {cut}"
        if rng.random() < 0.5:
            declared, word = BOOL, rng.choice(["xor", "and", "or"])
            step = {
                "xor": lambda a, b: a != b,
                "and": lambda a, b: a and b,
                "or": lambda a, b: a or b,
            }[word]
            text = f"if i == 0 then {test % '0'} else {name}[i - 1] {word} {test % 'i'}"
        else:
            declared = modulo(3)
            one, more = f"(if {test % '0'} then 1 else 0)", f"(if {test % 'i'} then 1 else 0)"
            text = f"if i == 0 then {one} else {name}[i - 1] + {more}"
            step = lambda a, b: (a + b) % 3  # noqa: E731
        self.body.append(f"  {role} {name}[i in 0..{count - 1}] : {declared.text} = {text}")

        def value(i: int) -> Callable[[Env], Any]:
            def found(env: Env) -> Any:
                here = env[f"{over}[{i}]"] >= cut
                here = here if declared is BOOL else int(here)
                return here if i == 0 else step(env[f"{name}[{i - 1}]"], here)

            return found

        for i in range(count):
            self.add(f"{name}[{i}]", role, declared, value(i))
        if role == "var":
            self.families[name] = (count, declared)

    # ---------------------------------------------------------------- network

    def network(self) -> list[str]:
        rng, made = self.rng, self.made
        names = [element.name for element in made.inputs]
        outputs = [e.name for e in made.elements if e.role == "output"]
        if made.kind == "mlp":
            rng.shuffle(names)
            made.feed = names
            made.reads = [(name, None) for name in outputs]
            hidden = [8 + rng.randrange(3)] * rng.choice([1, 2, 3])
            self.widths = hidden
            head = f"network mlp(hidden = [{', '.join(map(str, hidden))}]) {{"
            return [head, f"  feed {', '.join(names)}", *(f"  read {n}" for n in outputs), "}"]
        if made.kind == "gru":
            inputs = sorted({name.split("[")[0] for name in names})
            made.feed = [[f"{n}[{i}]" for n in inputs] for i in range(self.length)]
            lines = ["network gru(width = 6) {"]
            lines.append(f"  feed step i: {', '.join(f'{n}[i]' for n in inputs)}")
            if any(name.startswith("o[") for name in outputs):
                lines.append("  read o[i] at step i")
            made.reads = [(f"o[{i}]", i) for i in range(self.length) if f"o[{i}]" in outputs]
            for name in outputs:
                if not name.startswith("o["):
                    lines.append(f"  read {name} at last step")
                    made.reads.append((name, self.length - 1))
            return [*lines, "}"]
        return self.transformer(names, outputs)

    def transformer(self, names: list[str], outputs: list[str]) -> list[str]:
        rng, made = self.rng, self.made
        templates = []
        for _ in range(rng.choice([1, 1, 2])):
            order = rng.sample(names, len(names))
            words: list[str] = ["say"] if rng.random() < 0.5 else []
            for name in order:
                words += [f"{{{name}}}", *(["and"] if rng.random() < 0.3 else [])]
            templates.append([*words, "=", *(["now"] if rng.random() < 0.3 else [])])
        made.feed = templates
        self.layers = rng.choice([1, 2])
        lines = [f"network transformer(layers = {self.layers}, heads = 2, width = 8) {{"]
        if len(templates) == 1 and rng.random() < 0.3:
            items = [w[1:-1] if w[0] == "{" else f'"{w}"' for w in templates[0]]
            lines.append(f"  feed {', '.join(items)}")
        else:
            shown = ", ".join(f'"{" ".join(words)}"' for words in templates)
            lines.append(f"  feed {'any of ' if len(templates) > 1 else ''}{shown}")
        for name in outputs:
            where, at = rng.choice([("last", self.last), ('"="', self.literal)])
            lines.append(f"  read {name} at {where}")
            made.reads.append((name, at))
        return [*lines, "}"]

    def last(self, env: Env, template: int) -> tuple[int, ...]:
        return (len(self.made.feed[template]) - 1,)

    def literal(self, env: Env, template: int) -> tuple[int, ...]:
        return (self.made.feed[template].index("="),)

    # -------------------------------------------------------------- alignment

    def token(self) -> tuple[str, Any]:
        """A position of a transformer: its text, and its tokens for an example."""
        rng, feed = self.rng, self.made.feed
        names = [element.name for element in self.made.inputs]
        name = rng.choice(names)

        def slot(env: Env, template: int) -> tuple[int, ...]:
            return (feed[template].index(f"{{{name}}}"),)

        ways = [("last", self.last), ('"="', self.literal), (name, slot), (name, slot)]
        shortest = min(map(len, feed))
        index = rng.randrange(shortest)
        ways.append((f"index {index}", lambda env, template: (index,)))
        ways.append((f"token 1 after {name}", lambda e, t: (slot(e, t)[0] + 1,)))
        ways.append((f'{{{name}, "="}}', lambda e, t: (*slot(e, t), *self.literal(e, t))))
        if len({len(words) for words in feed}) == 1:
            ways.append(("every token", lambda e, t: tuple(range(len(feed[t])))))
        pointers = [n for n, k in self.scope.items() if k.values in ((0, 1), (False, True))]
        pointers = [n for n in pointers if self.scope[n].sort == "int"]
        if "g[0]" in names and pointers:
            pick = rng.choice(pointers)
            found = lambda e, t: (feed[t].index(f"{{g[{e[pick]}]}}"),)  # noqa: E731
            ways += [(f"g[{pick}]", found)] * 3
        return rng.choice(ways)

    def spots(self) -> list[tuple[str, Spot, int]]:
        """All sites of one width, no two of them overlapping: text, meaning, width."""
        rng, made = self.rng, self.made
        if made.kind == "mlp":
            return [(f"hidden {i}", Spot("hidden", i), w) for i, w in enumerate(self.widths)]
        if made.kind == "gru":
            found = []
            for i in range(self.length):
                last = i == self.length - 1 and rng.random() < 0.5
                text = "state at last step" if last else f"state at step {i}"
                found.append((text, Spot("state", None, lambda e, t, i=i: (i,)), 6))
            return found
        parts = ["embedding"]
        for layer in range(self.layers):
            parts += [f"residual {layer}", f"attention {layer}", f"mlp {layer}"]
            parts += [f"head {layer}.{rng.randrange(2)}"]
        position, at = self.token()
        count = len(at(made.all_inputs()[0], 0))
        if rng.random() < 0.2:
            heads = [(layer, head) for layer in range(self.layers) for head in range(2)]
            parts = [f"head {layer}.{head}.{rng.choice('qkvz')}" for layer, head in heads]
        found = []
        for part in parts:
            if rng.random() < 0.5 and count == 1:
                position, at = self.token()
                while len(at(made.all_inputs()[0], 0)) != 1:
                    position, at = self.token()
            component, _, rest = part.partition(" ")
            layer, _, head = rest.partition(".")
            name = f"head.{head}" if head else component
            width = 4 if "." in head else 8
            spot = Spot(name, int(layer) if layer else None, at)
            found.append((f"{part} at {position}", spot, width * count))
        return found

    def alignment(self) -> list[str]:
        rng, made = self.rng, self.made
        spots = self.spots()
        rng.shuffle(spots)
        inner = [e.name for e in made.elements if e.role != "output"]
        names = rng.sample(inner, min(len(inner), rng.choice([1, 2, 2, 3])))
        style = rng.choice(["whole", "neurons", "neurons", "learned", "learned"])
        made.control = "random_basis" if style == "learned" else ""
        shape = rng.choice(["shared", "apart", "joint", "from", "family", "family"])
        if shape == "family" and made.kind == "gru" and "acc" in self.families:
            return self.family(style)
        if shape == "joint" and len(spots) > 1 and style != "neurons":
            return self.joint(names[:1] if style == "whole" else names, spots, style)
        if style == "whole":
            lines = []
            for name, (text, spot, _) in zip(names, spots, strict=False):
                made.homes[name] = Home((spot,), (spot,), style)
                lines.append(f"  {name} -> {text}")
            return lines
        if shape == "apart" and len(spots) >= len(names):
            lines = []
            for name, (text, spot, width) in zip(names, spots, strict=False):
                lines += self.shared([name], text, (spot,), (spot,), width, style)
            return lines
        (text, spot, width), read = spots[0], spots[0][1]
        if shape == "from" and len(spots) > 1:
            other = rng.choice([each for each in spots[1:]])
            if other[2] == width:
                text, read = f"{text} from {other[0]}", other[1]
        return self.shared(names, text, (spot,), (read,), width, style)

    def shared(
        self, names: list[str], text: str, writes: Any, reads: Any, width: int, style: str
    ) -> list[str]:
        """Disjoint dims at one place."""
        lines, size = [], self.rng.randint(1, width // len(names))
        for number, name in enumerate(names):
            block = tuple(range(number * size, (number + 1) * size))
            self.made.homes[name] = Home(writes, reads, style, block, size)
            said = f"{size} learned dims"
            if style == "neurons":
                said = f"dims {block[0]}..{block[-1]}" if size > 1 else f"dims {block[0]}"
            lines.append(f"  {name} -> {text} in {said}")
        return lines

    def joint(self, names: list[str], spots: list[Any], style: str) -> list[str]:
        (one, first, wide), (two, second, wider) = spots[:2]
        both = (first, second)
        text = f"{one}, {two}"
        if style == "whole":
            self.made.homes[names[0]] = Home(both, both, style)
            return [f"  {names[0]} -> {text}"]
        return self.shared(names, text, both, both, wide + wider, style)

    def family(self, style: str) -> list[str]:
        count = self.families["acc"][0]
        block = (1, 2, 3)
        for i in range(count):
            spot = Spot("state", None, lambda e, t, i=i: (i,))
            dims = () if style == "whole" else block
            self.made.homes[f"acc[{i}]"] = Home((spot,), (spot,), style, dims, len(dims))
        basis = {"whole": "", "neurons": " in dims 1..3", "learned": " in 3 learned dims"}[style]
        return [f"  acc[i in 0..{count - 1}] -> state at step i{basis}"]

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
        every = made.all_inputs()
        for _ in range(5):
            said = Maker(rng, scope).truth(1)
            name = move.takes[0][0]
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
        writer = Writer(rng, made)
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
