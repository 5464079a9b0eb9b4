"""Model objects built by hand: expressions, algorithms, hypotheses."""

from __future__ import annotations

from fractions import Fraction

from causalabs.algorithm.domains import Bool, Domain, Enum, Integer, Interval, Real
from causalabs.algorithm.expression import (
    Choice,
    Constant,
    Expression,
    Operation,
    Variable as Ref,
    names,
)
from causalabs.algorithm.model import Algorithm, Family, Role, Variable
from causalabs.hypothesis.model import (
    Assignment,
    Counterfactuals,
    FeedVectors,
    Hypothesis,
    Line,
    NetworkSpec,
    Take,
)

BOOL = Bool()
REAL = Real(4, -0.5, 0.5)
COLOUR = Enum(("red", "green", "blue", "black"))


def op(operator: str, *arguments: Expression, type: Domain = BOOL) -> Operation:
    return Operation(operator, arguments, type)  # type: ignore[arg-type]


def const(value: int, type: Domain | None = None) -> Constant:
    return Constant(value, type or Integer())


def var(name: str, domain: Domain, role: Role = "input", mechanism=None) -> Variable:
    parents = () if mechanism is None else names(mechanism)
    return Variable(name, name.split("[")[0], (), role, domain, mechanism, parents)


def algorithm(*variables: Variable, where=(), name="main") -> Algorithm:
    families = tuple(Family(v.name, v.role, v.domain, (), (v.name,)) for v in variables)
    return Algorithm(name, variables, families, tuple(where))


def line(*takes, name="line", algorithm="main", together=False, **more) -> Line:
    """Each of `takes` is `v` or (v, origin)."""
    found = []
    for number, take in enumerate(takes):
        variable, origin = (take, take) if isinstance(take, str) else take
        found.append(Take(variable, origin, 0 if together else number))
    sources = 1 if together and takes else len(takes)
    return Line(name, algorithm, tuple(found), sources=sources, **more)


def setting(variable: str, value: int, **more) -> Line:
    return Line("set", "main", (), (Assignment(variable, value, value),), sources=0, **more)


def hypothesis(algorithms, lines, *, splits=(("train", 80), ("heldout", 20)), **drawing):
    algorithms = algorithms if isinstance(algorithms, tuple) else (algorithms,)
    shares = tuple((name, Fraction(share, 100)) for name, share in splits)
    drawing.setdefault("sample", 1000)
    return Hypothesis(
        name="test",
        claim="",
        algorithms=algorithms,
        network=NetworkSpec("mlp", (), FeedVectors(()), ()),
        alignments=(),
        counterfactuals=Counterfactuals(lines=tuple(lines), splits=shares, **drawing),
        expectations=(),
        reports=(),
    )


def equality(prefix="", dim=4, letters="abcd", vars=("left", "right", "same"), low=-0.5):
    real = Real(dim, low, 0.5)
    a, b, c, d = (Ref(prefix + n, real) for n in letters)
    left, right, same = (prefix + name for name in vars)
    return algorithm(
        *(var(prefix + name, real) for name in letters),
        var(left, BOOL, "var", op("eq", a, b)),
        var(right, BOOL, "var", op("eq", c, d)),
        var(same, BOOL, "output", op("eq", Ref(left, BOOL), Ref(right, BOOL))),
    )


def addition(top=3, where=()):
    digit, partial, total = Interval(0, top), Interval(0, 2 * top), Interval(0, 3 * top)
    x, y, z = (Ref(n, digit) for n in "xyz")
    return algorithm(
        *(var(n, digit) for n in "xyz"),
        var("partial", partial, "var", op("add", x, y, type=Integer())),
        var("total", total, "output", op("add", Ref("partial", partial), z, type=Integer())),
        where=where,
    )


def carry():
    """Two bits each, added: carry[0] feeds carry[1], both are outputs' parents."""
    a = [Ref(f"a[{i}]", BOOL) for i in range(2)]
    b = [Ref(f"b[{i}]", BOOL) for i in range(2)]
    first = Ref("carry[0]", BOOL)
    inputs = [var(r.name, BOOL) for r in (*a, *b)]
    second = Choice(a[1], op("or", b[1], first), op("and", b[1], first), BOOL)
    return algorithm(
        *inputs,
        var("carry[0]", BOOL, "var", op("and", a[0], b[0])),
        var("carry[1]", BOOL, "var", second),
        var("sum", BOOL, "output", op("xor", a[1], b[1], first)),
        var("over", BOOL, "output", Ref("carry[1]", BOOL)),
    )
