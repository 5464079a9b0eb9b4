"""What a generated file means, and the making of its algorithm."""

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
