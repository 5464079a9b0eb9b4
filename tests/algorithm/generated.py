"""Random algorithms over all domains and operators, by the `hypothesis` library."""

from __future__ import annotations

from hypothesis import strategies as st

from causalabs.algorithm.domains import (
    Bool,
    Cyclic,
    Domain,
    Enum,
    Integer,
    Interval,
    Mod,
    Real,
    SetOf,
    size,
    values,
)
from causalabs.algorithm.expression import (
    Choice,
    Constant,
    Expression,
    LookUp,
    Operation,
    Pick,
    Table,
    Variable,
    names,
)
from causalabs.algorithm.model import Algorithm, Family, Variable as ModelVariable

ENUM = Enum(("a", "b", "c"))
WIDER = Enum(("d", "c", "b", "a"))
NUMBERS = Enum((2, 5, 7))
DAY = Cyclic(("Mon", "Tue", "Wed", "Thu"))
SMALL = Interval(-2, 3)
BIG = Interval(-(10**6), 10**6)
FINITE = [Bool(), SMALL, Mod(5), ENUM, WIDER, NUMBERS, DAY]
REALS = [Real(None, -1.0, 1.0), Real(4, -1.0, 1.0), Real(3, -1.0, 1.0)]
KINDS = [*FINITE, Integer(), *REALS, SetOf(SMALL), SetOf(ENUM)]


def written(domain: Domain) -> st.SearchStrategy:
    match domain:
        case SetOf(of):
            return st.frozensets(st.sampled_from(list(values(of))))
        case Real(None):
            return st.sampled_from([-1.0, 0.0, 0.5])
        case Real(width):
            return st.lists(st.sampled_from([-0.5, 0.0]), min_size=width, max_size=width)
        case Interval(low, high):
            return st.integers(low, high)
        case _:
            return st.sampled_from(list(values(domain)))


@st.composite
def expressions(draw, kind: Domain, scope: dict[str, Domain], depth: int) -> Expression:
    """An expression of type `kind` over the variables in `scope`."""
    leaves = [n for n, d in scope.items() if d == kind]
    if isinstance(kind, Integer):
        leaves = [n for n, d in scope.items() if isinstance(d, Interval)]
    vectors = isinstance(kind, Real)
    if depth <= 0 or draw(st.integers(0, 4)) == 0 or (vectors and draw(st.booleans())):
        if leaves and (vectors or draw(st.integers(0, 3))):
            name = draw(st.sampled_from(leaves))
            return Variable(name, scope[name])
        if not vectors and not isinstance(kind, SetOf):
            return draw(constants(kind))
    if vectors and not leaves:
        return Variable(f"fallback {kind.size}", kind)

    def of(other: Domain, down: int = 1) -> Expression:
        return draw(expressions(other, scope, depth - down))

    def many(other: Domain, least: int = 1) -> tuple[Expression, ...]:
        return tuple(of(other) for _ in range(draw(st.integers(least, 3))))

    every = [_choice, _pick]
    if not vectors and not isinstance(kind, SetOf | Integer):
        every.append(_lookup)
    every += _MAKERS.get(type(kind), [])
    return draw(st.sampled_from(every))(draw, kind, of, many)


def constants(kind: Domain) -> st.SearchStrategy:
    match kind:
        case Integer():
            codes = st.integers(-4, 4)
        case Bool():
            codes = st.booleans()
        case Interval(low, high):
            codes = st.integers(low, high)
        case _:
            codes = st.integers(0, size(kind) - 1)
    return codes.map(lambda code: Constant(code, kind))


def _choice(draw, kind, of, many):
    return Choice(of(Bool()), of(kind), of(kind), kind)


def _pick(draw, kind, of, many):
    low = draw(st.integers(-1, 1))
    items = tuple(of(kind) for _ in range(draw(st.sampled_from([1, 2, 4]))))
    if len(items) == 4 and draw(st.booleans()):
        return Pick((of(Integer()), of(SMALL)), (low, 0), (2, 2), items, kind)
    return Pick((of(Integer()),), (low,), (len(items),), items, kind)


def _lookup(draw, kind, of, many):
    keys = tuple(draw(st.lists(st.sampled_from(FINITE), min_size=1, max_size=2)))
    cells = 1
    for key in keys:
        cells *= size(key)
    present = tuple(draw(st.lists(st.integers(0, 9).map(bool), min_size=cells, max_size=cells)))
    codes = tuple(int(draw(constants(kind)).value) if here else -1 for here in present)
    types = [Integer() if key == SMALL and draw(st.booleans()) else key for key in keys]
    return LookUp(Table("t", keys, kind, codes, present), tuple(map(of, types)), kind)


def _truth(draw, kind, of, many):
    operator = draw(st.sampled_from(
        ["eq", "ne", "lt", "and", "or", "all", "any", "xor", "not", "distinct", "le", "gt", "ge"]
    ))  # fmt: skip
    if operator in ("eq", "ne", "distinct"):
        other = draw(st.sampled_from(KINDS))
        count = draw(st.integers(2, 3)) if operator == "distinct" else 2
        return Operation(operator, tuple(of(other) for _ in range(count)), kind)
    if operator in ("lt", "le", "gt", "ge"):
        return Operation(operator, (of(Integer()), of(Integer())), kind)
    if operator == "not":
        return Operation(operator, (of(Bool()),), kind)
    return Operation(operator, many(Bool(), 0 if operator in ("all", "any") else 1), kind)


def _whole(draw, kind, of, many):
    operator = draw(st.sampled_from(
        ["add", "sub", "mul", "neg", "abs", "sum", "count", "min", "max", "floordiv", "mod",
         "index_of", "to_int"]
    ))  # fmt: skip
    match operator:
        case "sub" | "floordiv" | "mod":
            return Operation(operator, (of(Integer()), of(Integer())), kind)
        case "add" | "mul" | "min" | "max":
            return Operation(operator, many(Integer()), kind)
        case "neg" | "abs":
            return Operation(operator, (of(Integer()),), kind)
        case "sum" | "count":
            return Operation(operator, many(Integer() if operator == "sum" else Bool(), 0), kind)
        case "index_of":
            other = draw(st.sampled_from([ENUM, Integer(), REALS[0]]))
            return Operation(operator, (of(other), *many(other)), kind)
        case _:
            return Operation(
                operator, (of(draw(st.sampled_from([Mod(5), NUMBERS, Bool()]))),), kind
            )


def _residue(draw, kind, of, many):
    operator = draw(st.sampled_from(["to_mod", "add", "sub", "mul", "neg", "turn"]))
    if operator == "to_mod":
        return Operation("to_mod", (of(Integer()),), kind)
    if operator == "neg":
        return Operation("neg", (of(kind),), kind)
    return Operation("sub" if operator == "turn" else operator, (of(kind), of(kind)), kind)


def _turn(draw, kind, of, many):
    step = of(Integer()) if draw(st.booleans()) else of(Mod(5))
    if isinstance(step.type, Mod):
        step = Operation("to_int", (step,), Integer())
    return Operation(draw(st.sampled_from(["add", "sub"])), (of(kind), step), kind)


def _enum(draw, kind, of, many):
    return Operation("recode", (of(ENUM if kind == WIDER else WIDER),), kind)


def _set(draw, kind, of, many):
    return Operation("set_of", tuple(of(Bool()) for _ in range(size(kind.of))), kind)


_MAKERS = {
    Bool: [_truth] * 4,
    Integer: [_whole] * 4,
    Interval: [],
    Mod: [_residue] * 3,
    Cyclic: [_turn] * 3,
    Enum: [],
    SetOf: [_set] * 3,
}
_MAKERS_BY_DOMAIN = {ENUM: _enum, WIDER: _enum}


@st.composite
def algorithms(draw, kinds=None, depth: int = 3) -> Algorithm:
    """An algorithm of 3 to 6 inputs and 1 to 4 computed variables."""
    kinds = kinds or [*FINITE, *REALS, SetOf(SMALL)]
    inputs = draw(st.lists(st.sampled_from(kinds), min_size=3, max_size=6))
    every = {f"x{i}": domain for i, domain in enumerate(inputs)}
    every |= {f"fallback {d.size}": d for d in REALS}
    variables = [ModelVariable(name, name, (), "input", domain) for name, domain in every.items()]
    for place in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from([*kinds, Bool(), Integer()]))
        mechanism = draw(expressions(kind, every, depth))
        domain = BIG if isinstance(kind, Integer) else kind
        role = draw(st.sampled_from(["var", "output"]))
        name = f"v{place}"
        variables.append(ModelVariable(name, name, (), role, domain, mechanism, names(mechanism)))
        every[name] = domain
    families = tuple(Family(v.name, v.role, v.domain, (), (v.name,)) for v in variables)
    return Algorithm("made", tuple(variables), families)


@st.composite
def examples(draw, algorithm: Algorithm, rows: int) -> list[dict]:
    domains = {v.name: v.domain for v in algorithm.inputs}
    return [{n: draw(written(d)) for n, d in domains.items()} for _ in range(rows)]
