"""Interval analysis: what an expression can reach, branch by branch.

Bounds are Python integers over codes (truths are 0 and 1, enums their places), None for
reals and sets. A guard narrows what its branches see, so that `if x > 0 then y // x ...`
divides by `1..`. Whatever could not be proved is kept as a *suspect* for `witness`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Literal, TypeAlias

from causalabs.algorithm.domains import Cyclic, Domain, Enum, Interval, Mod, SetOf, size
from causalabs.algorithm.expression import Expression, Table
from causalabs.algorithm.program import Program
from causalabs.algorithm.transfer import (
    NEGATED,
    NO,
    TRANSFER,
    TRUTH,
    YES,
    Bounds,
    hull,
    inverted,
    met,
)

Suspicion: TypeAlias = Literal["division", "index", "no match", "entry", "value", "overflow"]

LIMIT = 2**62
EVERYTHING: Bounds = (-(2**200), 2**200)
CELLS = 4096  # of a table that are looked at one by one


@dataclass
class Ranges:
    """What is known of a program's steps under some assumptions.

    `facts` are the assumptions, `suspects` the steps that may fail on a live path.
    """

    program: Program
    facts: dict[int, Bounds] = field(default_factory=dict)
    suspects: dict[int, Suspicion] = field(default_factory=dict)
    _memo: dict[int, Bounds | None] = field(default_factory=dict)

    def bounds(self, number: int) -> Bounds | None:
        """Lowest and highest code of a step, None where codes have no order."""
        if number not in self._memo:
            found = self._computed(number)
            fact = self.facts.get(number)
            self._memo[number] = met(found, fact) or fact if found and fact else found or fact
        return self._memo[number]

    def _computed(self, number: int) -> Bounds | None:
        step = self.program.steps[number]
        match step.kind:
            case "constant":
                known = step.data
                return None if isinstance(known, float) else (int(known), int(known))
            case "variable":
                return type_bounds(step.type)
            case "choice":
                return self._choice(number)
            case "and" | "or":
                return self._short_circuit(step.arguments, step.kind == "and")
            case "pick":
                return self._pick(number)
            case "lookup":
                return self._look_up(number)
        below = [self.bounds(argument) for argument in step.arguments]
        if step.kind in ("eq", "ne"):
            same = YES if len(set(step.arguments)) == 1 else _equal(*below)
            return same if step.kind == "eq" else inverted(same)
        if any(each is None for each in below) or step.kind in ("distinct", "index_of", "set_of"):
            return self._opaque(number)
        return self._wrapped(number, self._applied(number, [each for each in below if each]))

    def _opaque(self, number: int) -> Bounds | None:
        step = self.program.steps[number]
        if step.kind == "index_of":
            if not self._matched(number):
                self.suspects[number] = "no match"
            return (0, max(len(step.arguments) - 2, 0))
        return type_bounds(step.type)

    def _matched(self, number: int) -> bool:
        """Whether some `x == a or x == b ...` over an `index_of`'s own list is known."""
        wanted, *others = self.program.steps[number].arguments
        for fact, bounds in self.facts.items():
            step = self.program.steps[fact]
            if bounds == YES and step.kind in ("or", "any", "eq"):
                atoms = [fact] if step.kind == "eq" else step.arguments
                if all(self._compares(atom, wanted, others) for atom in atoms):
                    return True
        return False

    def _compares(self, atom: int, wanted: int, others: Sequence[int]) -> bool:
        step = self.program.steps[atom]
        if step.kind != "eq" or wanted not in step.arguments:
            return False
        left, right = step.arguments
        return (right if left == wanted else left) in others

    def _applied(self, number: int, below: list[Bounds]) -> Bounds | None:
        step = self.program.steps[number]
        if step.kind in ("floordiv", "mod") and below[1][0] <= 0 <= below[1][1]:
            self.suspects[number] = "division"
        if step.kind == "recode":
            return self._recoded(number, below[0])
        if step.kind == "to_int":
            source = self.program.steps[step.arguments[0]].type
            if isinstance(source, Enum | Cyclic) and all(type(v) is int for v in source.values):
                seen = [v for v in source.values[below[0][0] : below[0][1] + 1] if type(v) is int]
                return (min(seen), max(seen)) if seen else below[0]
        return TRANSFER[step.kind](below)

    def _wrapped(self, number: int, found: Bounds | None) -> Bounds | None:
        """Back into a circle when the type is one; overflow is noticed elsewhere."""
        kind = self.program.steps[number].type
        if found is not None and isinstance(kind, Mod | Cyclic):
            length = size(kind) or 1
            if found[0] // length != found[1] // length:
                return (0, length - 1)
            return (found[0] % length, found[1] % length)
        if found is not None and (found[0] <= -LIMIT or found[1] >= LIMIT):
            self.suspects.setdefault(number, "overflow")
        return found

    def _choice(self, number: int) -> Bounds | None:
        # An `else if` chain is a loop here, so that long ones cost no recursion.
        found: list[Bounds | None] = []
        here: Ranges | None = self
        while here is not None and self.program.steps[number].kind == "choice":
            condition, yes, no = self.program.steps[number].arguments
            here.bounds(condition)
            taken = here.assume(condition, True)
            if taken is not None:
                found.append(taken.bounds(yes))
            here, number = here.assume(condition, False), no
        if here is not None:
            found.append(here.bounds(number))
        return hull(found)

    def _short_circuit(self, arguments: Sequence[int], wanted: bool) -> Bounds:
        here: Ranges = self
        certain = True
        for argument in arguments:
            bounds = here.bounds(argument) or TRUTH
            if bounds == (NO if wanted else YES):
                return bounds
            certain = certain and bounds[0] == bounds[1]
            following = here.assume(argument, wanted)
            if following is None:
                return NO if wanted else YES
            here = following
        if certain:
            return YES if wanted else NO
        return TRUTH

    def _pick(self, number: int) -> Bounds | None:
        step = self.program.steps[number]
        lows, sizes = step.data
        places = []
        for argument, low, length in zip(step.arguments, lows, sizes, strict=False):
            bounds = self.bounds(argument) or EVERYTHING
            if bounds[0] < low or bounds[1] >= low + length:
                self.suspects[number] = "index"
            places.append(range(max(bounds[0] - low, 0), min(bounds[1] - low + 1, length)))
        items = step.arguments[len(lows) :]
        flats = (_flat(place, sizes) for place in product(*places))
        return hull([self.bounds(items[flat]) for flat in flats])

    def _look_up(self, number: int) -> Bounds | None:
        step = self.program.steps[number]
        table: Table = step.data
        places, cells = [], 1
        for argument, key in zip(step.arguments, table.keys, strict=True):
            low = key.low if isinstance(key, Interval) else 0
            bounds = self.bounds(argument) or EVERYTHING
            length = size(key) or 0
            if bounds[0] < low or bounds[1] >= low + length:
                self.suspects[number] = "entry"
            places.append(range(max(bounds[0] - low, 0), min(bounds[1] - low + 1, length)))
            cells *= len(places[-1])
        sizes = [size(key) or 0 for key in table.keys]
        if cells > CELLS:
            if not all(table.present):
                self.suspects[number] = "entry"
            return type_bounds(step.type)
        flats = [_flat(place, sizes) for place in product(*places)]
        if not all(table.present[flat] for flat in flats):
            self.suspects[number] = "entry"
        return hull([(table.codes[f], table.codes[f]) for f in flats if table.present[f]])

    def _recoded(self, number: int, below: Bounds) -> Bounds | None:
        from causalabs.algorithm.kernels import recoding

        step = self.program.steps[number]
        here, there = recoding(self.program.steps[step.arguments[0]].type, step.type)
        inside = (here >= below[0]) & (here <= below[1])
        if int(inside.sum()) != below[1] - below[0] + 1:
            self.suspects[number] = "value"
        if not inside.any():
            return type_bounds(step.type)
        return (int(there[inside].min()), int(there[inside].max()))

    # ------------------------------------------------------------- assumptions

    def assume(self, number: int, truth: bool) -> Ranges | None:
        """What is known when step `number` is `truth`; None when it cannot be."""
        step = self.program.steps[number]
        if step.kind == "not":
            return self.assume(step.arguments[0], not truth)
        known = self.bounds(number)
        if known is not None and known[0] == known[1]:
            return self if bool(known[0]) == truth else None
        here = self._with(number, YES if truth else NO)
        if step.kind in ("and", "all", "or", "any"):
            conjunction = (step.kind in ("and", "all")) == truth
            return (here._every if conjunction else here._some)(step.arguments, truth)
        if step.kind in NEGATED and len(step.arguments) == 2:
            return here._compared(step.kind if truth else NEGATED[step.kind], *step.arguments)
        return here

    def _with(self, number: int, bounds: Bounds) -> Ranges:
        return Ranges(self.program, {**self.facts, number: bounds}, self.suspects)

    def _every(self, arguments: Sequence[int], truth: bool) -> Ranges | None:
        here: Ranges | None = self
        for argument in arguments:
            here = here.assume(argument, truth) if here is not None else None
        return here

    def _some(self, arguments: Sequence[int], truth: bool) -> Ranges | None:
        """At least one of `arguments` is `truth`: the hull of what each would tell."""
        if len(arguments) > 16:
            return self
        quiet = Ranges(self.program, self.facts)  # what is only supposed is no suspect
        ways = [way for each in arguments if (way := quiet.assume(each, truth)) is not None]
        if not ways:
            return None
        shared = set(ways[0].facts).intersection(*(way.facts for way in ways[1:]))
        facts = {n: hull([way.facts[n] for way in ways]) for n in shared}
        return Ranges(self.program, {n: b for n, b in facts.items() if b}, self.suspects)

    def _compared(self, kind: str, left: int, right: int) -> Ranges | None:
        a, b = self.bounds(left), self.bounds(right)
        if a is None or b is None:
            return self
        if kind in ("gt", "ge"):
            kind, left, right, a, b = {"gt": "lt", "ge": "le"}[kind], right, left, b, a
        match kind:
            case "eq":
                new = both if (both := met(a, b)) else None
                return self._narrowed(((left, new), (right, new)))
            case "ne":
                return self._narrowed(((left, _without(a, b)), (right, _without(b, a))))
            case _:
                gap = kind == "lt"
                below, above = (a[0], min(a[1], b[1] - gap)), (max(b[0], a[0] + gap), b[1])
                return self._narrowed(((left, below), (right, above)))

    def _narrowed(self, news: Sequence[tuple[int, Bounds | None]]) -> Ranges | None:
        here: Ranges = self
        for number, new in news:
            after = here.narrow(number, new)
            if after is None:
                return None
            here = after
        return here

    def narrow(self, number: int, new: Bounds | None) -> Ranges | None:
        """What is known when step `number` lies in `new`, its arguments included."""
        old = self.bounds(number)
        new = met(old, new) if old is not None and new is not None else None
        if new is None or new[0] > new[1]:
            return None
        if new == old:
            return self
        return self._with(number, new)._narrowed(tuple(self._backwards(number, new)))

    def _backwards(self, number: int, new: Bounds) -> Iterator[tuple[int, Bounds]]:
        step = self.program.steps[number]
        if step.kind == "to_int" and not isinstance(
            self.program.steps[step.arguments[0]].type, Enum | Cyclic
        ):
            yield step.arguments[0], new
        if isinstance(step.type, Mod | Cyclic) or step.kind not in ("neg", "add", "sum", "sub"):
            return
        signs = [1] * len(step.arguments)
        if step.kind == "neg":
            signs = [-1]
        elif step.kind == "sub":
            signs = [1, -1]
        below = [self.bounds(argument) or EVERYTHING for argument in step.arguments]
        signed = [b if s > 0 else (-b[1], -b[0]) for s, b in zip(signs, below, strict=True)]
        low, high = sum(b[0] for b in signed), sum(b[1] for b in signed)
        for argument, sign, (a, b) in zip(step.arguments, signs, signed, strict=True):
            left = (new[0] - (high - b), new[1] - (low - a))
            yield argument, left if sign > 0 else (-left[1], -left[0])


def bounds_of(expression: Expression, where: Sequence[Expression] = ()) -> Bounds | None:
    """Lowest and highest code that `expression` may reach, given `where`.

    >>> from causalabs.algorithm.expression import Operation, Variable
    >>> from causalabs.algorithm.domains import Integer
    >>> x = Variable("x", Interval(0, 9))
    >>> bounds_of(Operation("add", (x, x), Integer()))
    (0, 18)
    """
    program = Program()
    conditions = [program.add(condition) for condition in where]
    root = program.add(expression)
    found = under(program, conditions)
    return None if found is None else found.bounds(root)


def under(program: Program, conditions: Sequence[int]) -> Ranges | None:
    """What is known when all `conditions` hold; None when they contradict each other."""
    here: Ranges | None = Ranges(program)
    for _ in range(2):  # a later condition may sharpen what an earlier one tells
        for condition in conditions:
            here = here.assume(condition, True) if here is not None else None
    if here is not None:
        here.suspects.clear()
    return here


def type_bounds(domain: Domain) -> Bounds | None:
    """Bounds of the codes of a domain."""
    match domain:
        case Interval(low, high):
            return (low, high)
        case SetOf():
            return None
        case _:
            count = size(domain)
            if count is not None:
                return (0, count - 1)
            return EVERYTHING if type(domain).__name__ == "Integer" else None


def _flat(place: Sequence[int], sizes: Sequence[int]) -> int:
    flat = 0
    for each, length in zip(place, sizes, strict=True):
        flat = flat * length + each
    return flat


def _without(a: Bounds, b: Bounds) -> Bounds:
    """`a` less the single value `b`, where that leaves an interval (maybe an empty one)."""
    if b[0] != b[1]:
        return a
    return (a[0] + (a[0] == b[0]), a[1] - (a[1] == b[0]))


def _equal(a: Bounds | None, b: Bounds | None) -> Bounds:
    if a is None or b is None:
        return TRUTH
    if met(a, b) is None:
        return NO
    return YES if a == b and a[0] == a[1] else TRUTH
