"""References to variables outside expressions: `x[2]`, `carry[i in 0..2]`, `symbol[pointer]`.

Indices here are known before anything runs: numbers, binders, and sums of them. Only a
position may be picked by a variable (`at symbol[pointer]`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product

from causalabs.algorithm import domains
from causalabs.algorithm.expression import Constant, Expression, Operation, Operator, Pick, Variable
from causalabs.algorithm.model import Algorithm, Family
from causalabs.diagnostics import Rule, Source, Span
from causalabs.hypothesis.rules_feed import IndexOutside, NeedsIndex, NotConstant
from causalabs.syntax import ast

Env = Mapping[str, int]
"""Binders in sight and their values."""
MOST_ELEMENTS = 10_000


@dataclass
class Findings:
    """What was found so far, each rule once for each place; `source` is the text judged."""

    source: Source
    poisoned: frozenset[str] = frozenset()
    rules: list[Rule] = field(default_factory=list)
    _seen: set[tuple[str, Span]] = field(default_factory=set)

    def report(self, rule: Rule) -> None:
        """Keep a finding."""
        if (rule.code, rule.span) not in self._seen:
            self._seen.add((rule.code, rule.span))
            self.rules.append(rule)

    def text(self, node: ast.Node) -> str:
        """What stands in the file, on one line."""
        return self.text_at(node.span)

    def text_at(self, span: Span) -> str:
        """What stands at a span, on one line."""
        return " ".join(self.source.text[span.start : span.end].split())


def listed(names: Iterable[str], most: int = 8) -> str:
    """Names in backticks, as a sentence lists them.

    >>> listed(["a", "b", "c"]), listed([])
    ('`a`, `b` and `c`', 'none')
    """
    quoted = [f"`{name}`" for name in names]
    if len(quoted) > most:
        quoted = [*quoted[:most], f"{len(quoted) - most} more"]
    if len(quoted) < 2:
        return quoted[0] if quoted else "none"
    return ", ".join(quoted[:-1]) + " and " + quoted[-1]


# -------------------------------------------------------------------- constants


def constant(expression: ast.Node, env: Env, found: Findings) -> int | None:
    """The number an index is, None where it is none, which is reported."""
    value = value_of(expression, env)
    if value is None:
        found.report(NotConstant(span=expression.span, text=found.text(expression)))
    return value


def value_of(expression: ast.Node, env: Env) -> int | None:
    """The number that `expression` is, None where it is none."""
    match expression:
        case ast.Literal(value=ast.Digits() as digits):
            return digits.value if isinstance(digits.value, int) else None
        case ast.Ref(name=name, parts=()):
            return env.get(str(name))
        case ast.Negative(term=term):
            inner = value_of(term, env)
            return None if inner is None else -inner
        case ast.Sum(terms, operators) | ast.Product(terms, operators):
            values = [value_of(term, env) for term in terms]
            return _folded(values, operators)
        case _:
            return None


def _folded(values: Sequence[int | None], operators: Sequence[str]) -> int | None:
    total = values[0]
    for operator, value in zip(operators, values[1:], strict=True):
        if total is None or value is None or (operator in ("//", "%") and value == 0):
            return None
        match str(operator):
            case "+":
                total += value
            case "-":
                total -= value
            case "*":
                total *= value
            case "//":
                total //= value
            case _:
                total %= value
        if abs(total) > 2**62:
            return None
    return total


def unbound(indices: Iterable[ast.Node], env: Env, known: Iterable[str]) -> list[str]:
    """Bare names in indices that are neither bound nor variables."""
    taken = set(env) | set(known)
    names: dict[str, None] = {}
    for index in indices:
        for node in ast.walk(index):
            if isinstance(node, ast.Ref) and str(node.name) not in taken:
                names[str(node.name)] = None
    return list(names)


# --------------------------------------------------------------------- elements


def indices_of(ref: ast.Ref) -> tuple[ast.Node, ...] | None:
    """The indices of a reference; None where it has fields or is indexed twice."""
    if not ref.parts:
        return ()
    part = ref.parts[0]
    if len(ref.parts) > 1 or not isinstance(part, ast.AtIndex):
        return None
    return tuple(part.indices)


def elements(
    name: str,
    indices: Sequence[ast.Node],
    span: Span,
    algorithm: Algorithm,
    env: Env,
    found: Findings,
    *,
    whole: bool = False,
    free: bool = False,
) -> list[tuple[dict[str, int], str]]:
    """Elements of a family and the binders' values for each; [] after an error.

    `whole` lets a family without index mean all its elements, `free` lets a bare name that
    is unbound run over the family (`read sum[i]`).
    """
    family = algorithm.by_family[name]
    dims = _dims(family, algorithm)
    if len(indices) != len(dims):
        if not indices and dims and whole:
            return [(dict(env), member) for member in family.members]
        found.report(_miscounted(family, len(indices), span))
        return []
    axes = []
    for position, index in enumerate(indices):
        axis = _axis(index, position, family, algorithm, env, found, free)
        if axis is None:
            return []
        axes.append(axis)
    members = {algorithm[member].index: member for member in family.members}
    result = []
    for combination in product(*axes):
        values = tuple(value for _, value in combination)
        if values not in members:
            found.report(outside(family, values, span))
            return []
        bound = {binder: value for binder, value in combination if binder}
        if any(bound[binder] != value for binder, value in combination if binder):
            continue
        result.append(({**env, **bound}, members[values]))
    return result


def _dims(family: Family, algorithm: Algorithm) -> tuple[int, ...]:
    return algorithm[family.members[0]].index if family.members else ()


def _axis(
    index: ast.Node,
    position: int,
    family: Family,
    algorithm: Algorithm,
    env: Env,
    found: Findings,
    free: bool,
) -> list[tuple[str, int]] | None:
    """Values of one index, each with the binder it is a value of ("" for none)."""
    if isinstance(index, ast.Binder):
        low, high = constant(index.low, env, found), constant(index.high, env, found)
        if low is None or high is None:
            return None
        span = range(low, min(high, low + MOST_ELEMENTS) + 1)
        return [(str(index.name), value) for value in span]
    if free and isinstance(index, ast.Ref) and not index.parts and index.name not in env:
        every = sorted({algorithm[member].index[position] for member in family.members})
        return [(str(index.name), value) for value in every]
    value = constant(index, env, found)
    return None if value is None else [("", value)]


def outside(family: Family, values: Sequence[int], span: Span) -> IndexOutside:
    """The finding for an index that its family does not have."""
    shown = ", ".join(map(str, values))
    ends = family.members[0], family.members[-1]
    return IndexOutside(span=span, name=family.name, index=shown, lowest=ends[0], last=ends[1])


def _miscounted(family: Family, given: int, span: Span) -> NeedsIndex:
    name = family.name
    if len(family.members) == 1 and family.members[0] == name:
        return NeedsIndex(span=span, problem=f"`{name}` is no family", example=name)
    if given:
        problem = f"`{name}` has another number of indices than {given}"
    else:
        problem = f"`{name}` is a family, and one element is wanted"
    return NeedsIndex(span=span, problem=problem, example=family.members[0])


# ---------------------------------------------------------------- picked slots

_OPERATORS: Mapping[str, Operator] = {
    "+": "add",
    "-": "sub",
    "*": "mul",
    "//": "floordiv",
    "%": "mod",
}


def picked(index: ast.Node, algorithm: Algorithm, env: Env) -> Expression | None:
    """An index made of variables as an expression of type integer; None where it is none."""
    value = value_of(index, env)
    if value is not None:
        return Constant(value, domains.Integer(), span=index.span)
    match index:
        case ast.Ref():
            return _read(index, algorithm, env)
        case ast.Negative(term=term):
            inner = picked(term, algorithm, env)
            return inner and Operation("neg", (inner,), domains.Integer(), span=index.span)
        case ast.Sum(terms, operators) | ast.Product(terms, operators):
            total = picked(terms[0], algorithm, env)
            for operator, term in zip(operators, terms[1:], strict=True):
                right = picked(term, algorithm, env)
                if total is None or right is None:
                    return None
                pair = (total, right)
                total = Operation(_OPERATORS[operator], pair, domains.Integer(), span=index.span)
            return total
        case _:
            return None


def _read(ref: ast.Ref, algorithm: Algorithm, env: Env) -> Expression | None:
    indices = indices_of(ref)
    family = algorithm.by_family.get(str(ref.name))
    if family is None or indices is None:
        return None
    values = tuple(value_of(index, env) for index in indices)
    for member in family.members:
        variable = algorithm[member]
        if variable.index == values:
            if isinstance(variable.domain, domains.Interval | domains.Mod):
                return Variable(member, variable.domain, span=ref.span)
            return None
    by_index = len(indices) == 1 and picked(indices[0], algorithm, env)
    if not by_index or not family.members:
        return None
    variables = [algorithm[member] for member in family.members]
    if not isinstance(variables[0].domain, domains.Interval | domains.Mod):
        return None
    items = tuple(Variable(v.name, v.domain, span=ref.span) for v in variables)
    low = variables[0].index[0]
    return Pick((by_index,), (low,), (len(items),), items, variables[0].domain, span=ref.span)


def reach(expression: Expression) -> tuple[int, int] | None:
    """Least and greatest value, by intervals; None where it cannot be told."""
    match expression:
        case Constant(value=int(value)):
            return value, value
        case Variable(type=domains.Interval(low, high)) | Pick(type=domains.Interval(low, high)):
            return low, high
        case Variable(type=domains.Mod(modulus)) | Pick(type=domains.Mod(modulus)):
            return 0, modulus - 1
        case Operation(operator=operator, arguments=arguments):
            return _reached(operator, [reach(argument) for argument in arguments])
        case _:
            return None


def _reached(operator: str, ends: Sequence[tuple[int, int] | None]) -> tuple[int, int] | None:
    if any(end is None for end in ends):
        return None
    known = [end for end in ends if end is not None]
    if operator == "neg":
        return -known[0][1], -known[0][0]
    (a, b), (c, d) = known
    if operator == "add":
        return a + c, b + d
    if operator == "sub":
        return a - d, b - c
    if operator == "mul":
        corners = (a * c, a * d, b * c, b * d)
        return min(corners), max(corners)
    if c != d or c <= 0:
        return None
    return (a // c, b // c) if operator == "floordiv" else (0, c - 1)
