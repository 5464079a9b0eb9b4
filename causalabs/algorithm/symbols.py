"""The translation of typed expressions, step by step, into sympy's.

A number is kept as *cases*, ordered pairs of a condition and a value free of conditions,
and becomes a `Piecewise` only at the end: sympy 1.14 gives wrong results for a `Piecewise`
whose conditions compare another one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial, reduce
from itertools import product
from typing import Any, TypeAlias

from causalabs.algorithm.columns import value_text
from causalabs.algorithm.domains import (
    Bool,
    Cyclic,
    Domain,
    Enum,
    Interval,
    Mod,
    Real,
    SetOf,
    size,
    values,
)
from causalabs.algorithm.expression import Expression, Table
from causalabs.algorithm.program import Program, Step

Sympy: TypeAlias = Any
Cases: TypeAlias = list[tuple[Sympy, Sympy]]
"""(condition, value): the first condition that holds decides; the last is `true`."""
Part: TypeAlias = Any
"""A truth, a tuple of truths (of a set), or the cases of anything else."""

CELLS = 4096
UNDEFINED = "(undefined)"
"""Stands for a division by zero on a dead branch; no variable can have this name."""


class Translation:
    """Steps of a program to sympy; `written` shows enum values by name (for LaTeX)."""

    def __init__(self, *, written: bool) -> None:
        self.written = written

    def of(self, expression: Expression) -> Sympy:
        """The whole expression as one sympy object."""
        import sympy

        found = self.parts(expression)
        if isinstance(expression.type, Bool):
            return found
        if isinstance(expression.type, SetOf):
            return sympy.Tuple(*found)
        if len(found) == 1:
            return found[0][1]
        return sympy.Piecewise(*((value, condition) for condition, value in found))

    def parts(self, expression: Expression) -> Part:
        """The same with its cases apart; steps in order, so that depth costs no recursion."""
        program = Program()
        root = program.add(expression)
        found: dict[int, Part] = {}
        for number in program.closure(root):
            step = program.steps[number]
            below = [found[each] for each in step.arguments]
            kinds = [program.steps[each].type for each in step.arguments]
            found[number] = self._step(step, below, kinds)
            if isinstance(found[number], list) and len(found[number]) > CELLS:
                raise ValueError(f"more than {CELLS} cases are too many to write out")
        return found[root]

    def code(self, domain: Domain, code: Any) -> Part:
        """A coded value."""
        import sympy

        if isinstance(domain, Bool):
            return sympy.true if code else sympy.false
        if self.written and isinstance(domain, Enum | Cyclic):
            return _one(sympy.Symbol(f"\0{value_text(domain.values[code])}", integer=True))
        return _one(sympy.Float(code) if isinstance(code, float) else sympy.Integer(code))

    def _step(self, step: Step, below: list[Part], kinds: list[Domain]) -> Part:
        import sympy

        match step.kind:
            case "constant":
                return self.code(step.type, step.data)
            case "variable":
                return _symbol(str(step.data), step.type)
            case "choice":
                return chosen(below[0], below[1], below[2], step.type)
            case "eq":
                return equal(below[0], below[1], kinds[0])
            case "ne":
                return sympy.Not(equal(below[0], below[1], kinds[0]))
            case "lt" | "le" | "gt" | "ge":
                return _related(getattr(sympy, step.kind.capitalize()), below[0], below[1])
            case "distinct":
                pairs = [(x, y) for i, x in enumerate(below) for y in below[:i]]
                return sympy.And(*(sympy.Not(equal(x, y, kinds[0])) for x, y in pairs))
            case "index_of":
                tests = [equal(below[0], each, kinds[0]) for each in below[1:]]
                arms = [(test, _one(sympy.Integer(i))) for i, test in enumerate(tests)]
                return _first(arms, step.type)
            case "pick":
                return self._pick(step, below, kinds)
            case "lookup":
                return self._look_up(step.data, below)
            case "recode" | "to_int":
                return self._mapped(step, below[0], kinds[0])
            case "set_of":
                return tuple(below)
        if step.kind in _TRUTHS:
            return getattr(sympy, _TRUTHS[step.kind])(*below)
        return _applied(_NUMBERS[step.kind], [_number(each) for each in below], step.type)

    def _pick(self, step: Step, below: list[Part], kinds: list[Domain]) -> Part:
        import sympy

        lows, sizes = step.data
        items = below[len(lows) :]
        indices = [_number(each) for each in below[: len(lows)]]

        def flat(*places: Sympy) -> Sympy:
            total = sympy.Integer(0)
            for place, low, length in zip(places, lows, sizes, strict=True):
                total = total * length + (place - low)
            return total

        place = _applied(flat, indices, Interval(0, 0))
        tests = [_related(sympy.Eq, place, _one(sympy.Integer(i))) for i in range(len(items))]
        return _first(list(zip(tests, items, strict=True)), step.type)

    def _look_up(self, table: Table, below: list[Part]) -> Part:
        import sympy

        if len(table.codes) > CELLS:
            raise ValueError(f"table `{table.name}` has too many cells to write out")
        arms = []
        for flat, (code, here) in enumerate(zip(table.codes, table.present, strict=True)):
            if here:
                rest, tests = flat, []
                for key, argument in zip(reversed(table.keys), reversed(below), strict=True):
                    rest, place = divmod(rest, size(key) or 1)
                    low = key.low if isinstance(key, Interval) else 0
                    tests.append(equal(argument, self.code(key, place + low), key))
                arms.append((sympy.And(*tests), self.code(table.type, code)))
        return _first(arms, table.type)

    def _mapped(self, step: Step, argument: Part, source: Domain) -> Part:
        """Between enums by value, and from whatever has integers to integers."""
        if step.kind == "to_int":
            if isinstance(source, Enum | Cyclic) and all(type(v) is int for v in source.values):
                pairs = [(place, int(v)) for place, v in enumerate(source.values)]
                return self._arms(argument, source, pairs, Interval(0, 0))
            return _number(argument)
        if self.written and isinstance(source, Enum | Cyclic):
            return argument  # a value keeps its name
        from causalabs.algorithm.kernels import recoding

        here, there = recoding(source, step.type)
        return self._arms(
            argument, source, list(zip(here.tolist(), there.tolist(), strict=True)), step.type
        )

    def _arms(
        self, argument: Part, source: Domain, pairs: Sequence[tuple[int, int]], target: Domain
    ) -> Part:
        arms = [
            (equal(argument, self.code(source, a), source), self.code(target, b)) for a, b in pairs
        ]
        return _first(arms, target)


def equal(a: Part, b: Part, kind: Domain) -> Sympy:
    """The truth that two parts of one type are equal."""
    import sympy

    match kind:
        case Bool():
            return sympy.Equivalent(a, b)
        case SetOf():
            return sympy.And(*(sympy.Equivalent(x, y) for x, y in zip(a, b, strict=True)))
        case Real(size=width) if width is not None:
            return _related(_same_vector, a, b)
        case _:
            return _related(_same_number, a, b)


def either(condition: Sympy, yes: Sympy, no: Sympy) -> Sympy:
    """`yes` or `no`, both truths; not sympy's `ITE`, whose constants its solver misreads."""
    import sympy

    return sympy.Or(sympy.And(condition, yes), sympy.And(sympy.Not(condition), no))


def chosen(condition: Sympy, yes: Part, no: Part, kind: Domain) -> Part:
    """`yes` where the condition holds, else `no`."""
    import sympy

    if isinstance(kind, Bool):
        return either(condition, yes, no)
    if isinstance(kind, SetOf):
        return tuple(either(condition, a, b) for a, b in zip(yes, no, strict=True))
    return _pruned([*((sympy.And(condition, c), value) for c, value in yes), *no])


def _one(value: Sympy) -> Cases:
    import sympy

    return [(sympy.true, value)]


def _pruned(cases: Cases) -> Cases:
    """Without cases that never decide; the last condition is `true`."""
    import sympy

    kept: Cases = []
    for condition, value in cases:
        if condition != sympy.false:
            kept.append((condition, value))
        if condition == sympy.true:
            break
    return kept


def _applied(function: Callable[..., Sympy], below: Sequence[Cases], kind: Domain) -> Cases:
    """A function of values, for each combination of cases."""
    import sympy

    count = 1
    for each in below:
        count *= len(each)
    if count > CELLS:
        raise ValueError(f"{count} cases are too many to write out")
    found: Cases = []
    for combination in product(*below):
        value = function(*(value for _, value in combination))
        if isinstance(kind, Mod | Cyclic):
            value = sympy.Mod(value, size(kind))
        found.append((sympy.And(*(condition for condition, _ in combination)), value))
    return _pruned(found)


def _related(relation: Callable[[Sympy, Sympy], Sympy], a: Cases, b: Cases) -> Sympy:
    """A relation of two numbers as one truth, without a conditional inside a comparison."""

    cases = _applied(relation, (a, b), Interval(0, 0))
    return reduce(
        lambda rest, case: either(case[0], case[1], rest), reversed(cases[:-1]), cases[-1][1]
    )


def _same_number(a: Sympy, b: Sympy) -> Sympy:
    import sympy

    return sympy.Eq(a, b)


def _same_vector(a: Sympy, b: Sympy) -> Sympy:
    import sympy

    if a == b:
        return sympy.true
    left, right = sorted((str(a), str(b)))
    return sympy.Symbol(f"{left} == {right}")


def _first(arms: list[tuple[Sympy, Part]], kind: Domain) -> Part:
    """The result of the first test that holds; the last arm is taken for granted.

    Whoever compares such results asks beforehand whether some row has none.
    """
    if not arms:
        raise ValueError("a table without entries has no value")
    return reduce(
        lambda no, arm: chosen(arm[0], arm[1], no, kind), reversed(arms[:-1]), arms[-1][1]
    )


def _number(value: Part) -> Cases:
    import sympy

    if isinstance(value, list):
        return value
    return _pruned([(value, sympy.Integer(1)), (sympy.true, sympy.Integer(0))])


def _symbol(name: str, domain: Domain) -> Part:
    import sympy

    match domain:
        case Bool():
            return sympy.Symbol(name)
        case SetOf(of):
            return tuple(sympy.Symbol(f"{value_text(v)} in {name}") for v in values(of))
        case Real():
            return _one(sympy.Symbol(name, real=True))
        case _:
            return _one(sympy.Symbol(name, integer=True))


def _on(name: str) -> Callable[..., Sympy]:
    def apply(*below: Sympy) -> Sympy:
        import sympy

        return getattr(sympy, name)(*below)

    return apply


def _divided(above: Sympy, below: Sympy, *, floor: bool) -> Sympy:
    import sympy

    if below == 0:  # sympy raises, though this may stand on a branch that is never taken
        return sympy.Symbol(UNDEFINED, integer=True)
    return sympy.floor(above / below) if floor else sympy.Mod(above, below)


_TRUTHS = {"and": "And", "all": "And", "or": "Or", "any": "Or", "xor": "Xor", "not": "Not"}
_NUMBERS: dict[str, Callable[..., Sympy]] = {
    "neg": lambda a: -a,
    "sub": lambda a, b: a - b,
    "to_mod": lambda a: a,
    "abs": _on("Abs"),
    "add": _on("Add"),
    "sum": _on("Add"),
    "count": _on("Add"),
    "mul": _on("Mul"),
    "min": _on("Min"),
    "max": _on("Max"),
    "floordiv": partial(_divided, floor=True),
    "mod": partial(_divided, floor=False),
}
