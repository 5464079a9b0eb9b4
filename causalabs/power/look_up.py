"""An algorithm without its insides: each output straight from the inputs, as a table would."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from causalabs.algorithm.expression import (
    Choice,
    Expression,
    LookUp,
    Operation,
    Pick,
    Variable,
    names,
)
from causalabs.algorithm.model import Algorithm


def looked_up(algorithm: Algorithm) -> Algorithm:
    """The same outputs for the same inputs, by no variable in between."""
    mechanisms: dict[str, Expression] = {}
    kept = []
    for variable in algorithm.variables:
        if variable.mechanism is None:
            kept.append(variable)
            continue
        mechanism = substituted(variable.mechanism, mechanisms)
        mechanisms[variable.name] = mechanism
        if variable.role == "output":
            kept.append(replace(variable, mechanism=mechanism, parents=names(mechanism)))
    families = tuple(each for each in algorithm.families if each.role != "var")
    return replace(
        algorithm, name=f"{algorithm.name}_looked_up", variables=tuple(kept), families=families
    )


def substituted(expression: Expression, mechanisms: Mapping[str, Expression]) -> Expression:
    """`expression` with variables replaced by their mechanisms, shared parts staying shared.

    Recursion is as deep as the expression: mechanisms in `mechanisms` are not entered again.
    """
    made: dict[int, Expression] = {}

    def of(part: Expression) -> Expression:
        found = made.get(id(part))
        if found is None:
            found = made[id(part)] = rebuilt(part)
        return found

    def rebuilt(part: Expression) -> Expression:
        match part:
            case Variable(name):
                return mechanisms.get(name, part)
            case Operation(arguments=arguments):
                return replace(part, arguments=tuple(map(of, arguments)))
            case Choice(condition, yes, no):
                return replace(part, condition=of(condition), yes=of(yes), no=of(no))
            case Pick(indices=indices, items=items):
                return replace(part, indices=tuple(map(of, indices)), items=tuple(map(of, items)))
            case LookUp(keys=keys):
                return replace(part, keys=tuple(map(of, keys)))
            case _:
                return part

    return of(expression)
