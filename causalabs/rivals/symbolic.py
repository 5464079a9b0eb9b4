"""What an interchange answers as one expression of base and sources, for proofs by sympy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from causalabs.algorithm.algebra import equivalent
from causalabs.algorithm.domains import Domain
from causalabs.algorithm.expression import (
    Choice,
    Constant,
    Expression,
    LookUp,
    Operation,
    Pick,
    Variable,
    walk,
)
from causalabs.algorithm.model import Algorithm
from causalabs.algorithm.moves import Move

MOST_NODES = 4_000


def replaced(
    expression: Expression, by: Mapping[str, Expression], known: dict[int, Expression] | None = None
) -> Expression:
    """The expression with variables replaced; shared parts stay shared."""
    known = {} if known is None else known
    if id(expression) not in known:
        known[id(expression)] = _replaced(expression, by, known)
    return known[id(expression)]


def _replaced(
    expression: Expression, by: Mapping[str, Expression], known: dict[int, Expression]
) -> Expression:
    def all_of(several: Sequence[Expression]) -> tuple[Expression, ...]:
        return tuple(replaced(each, by, known) for each in several)

    match expression:
        case Variable(name):
            return by.get(name, expression)
        case Operation(arguments=arguments):
            return replace(expression, arguments=all_of(arguments))
        case Choice(condition, yes, no):
            condition, yes, no = all_of((condition, yes, no))
            return replace(expression, condition=condition, yes=yes, no=no)
        case Pick(indices=indices, items=items):
            return replace(expression, indices=all_of(indices), items=all_of(items))
        case LookUp(keys=keys):
            return replace(expression, keys=all_of(keys))
        case Constant():
            return expression


def composed(
    algorithm: Algorithm, move: Move, outputs: Sequence[str]
) -> dict[str, Expression] | None:
    """Each output after a move, over inputs `0.x` of the base and `1.x`, ... of the sources.

    None where an expression would have more than 4,000 nodes.
    """
    clean: dict[int, dict[str, Expression]] = {}

    def run(number: int, given: Mapping[str, Expression]) -> dict[str, Expression]:
        found: dict[str, Expression] = {}
        for variable in algorithm.variables:
            if variable.name in given:
                found[variable.name] = given[variable.name]
            elif variable.mechanism is None:
                found[variable.name] = Variable(f"{number}.{variable.name}", variable.domain)
            else:
                found[variable.name] = replaced(variable.mechanism, found)
        return found

    for _, _, source in move.takes:
        clean.setdefault(source, run(source + 1, {}))
    given = {variable: clean[source][origin] for variable, origin, source in move.takes}
    after = run(0, given)
    found = {name: after[name] for name in outputs}
    if any(sum(1 for _ in walk(each)) > MOST_NODES for each in found.values()):
        return None
    return found


def proved_alike(
    upper: Algorithm,
    lower: Algorithm,
    found: Mapping[str, tuple[str, ...]],
    outputs: Sequence[str],
) -> bool:
    """Whether every interchange of a map is proved to give the same outputs."""
    from causalabs.rivals.relation import paired_moves

    domains = _domains(upper, len(found))
    for above, below in paired_moves(found):
        left, right = composed(upper, above, outputs), composed(lower, below, outputs)
        if left is None or right is None:
            return False
        for name in outputs:
            if _equivalent(left[name], right[name], domains) is not True:
                return False
    return True


def same_mechanisms(upper: Algorithm, lower: Algorithm, renamed: Mapping[str, str]) -> bool:
    """Whether the mechanisms are equivalent once variables are called as in `lower`."""
    domains = {v.name: v.domain for v in lower.variables}
    new = {v.name: Variable(renamed.get(v.name, v.name), v.domain) for v in upper.variables}
    for variable in upper.variables:
        other = renamed.get(variable.name, variable.name)
        theirs = lower[other].mechanism
        if variable.domain != lower[other].domain:
            return False
        if variable.mechanism is None or theirs is None:
            continue
        if _equivalent(replaced(variable.mechanism, new), theirs, domains) is not True:
            return False
    return True


def _domains(algorithm: Algorithm, sources: int) -> dict[str, Domain]:
    return {
        f"{run}.{variable.name}": variable.domain
        for run in range(sources + 1)
        for variable in algorithm.inputs
    }


def _equivalent(one: Expression, other: Expression, domains: Mapping[str, Domain]) -> bool | None:
    try:
        return equivalent(one, other, domains)
    except (RecursionError, ValueError, MemoryError):
        return None
