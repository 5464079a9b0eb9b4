"""What inputs and values the outputs show: found on the whole space of inputs, or of a cone."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from causalabs.algorithm.domains import Column, Domain, Interval, Real, SetOf, places, size
from causalabs.algorithm.evaluate import Evaluation, full, program_of
from causalabs.algorithm.model import Algorithm, Variable
from causalabs.algorithm.witness import ROWS, Grid, admitted, grid

if TYPE_CHECKING:
    from causalabs.algorithm.witness import Budget

CONE = 64  # descendants that are followed
VALUES = 10**5  # of one variable that are compared
Hashes: TypeAlias = NDArray[np.uint64]


@dataclass
class Whole:
    """What all inputs that `where` admits lead to.

    `seen[v]` tells which places of `v` occur; `unused` are inputs that no output depends
    on; `reached[v, value]` are inputs (as codes) at which `v` has a value outside its domain.
    """

    seen: dict[str, NDArray[np.bool_]] = field(default_factory=dict)
    unused: tuple[str, ...] = ()
    reached: dict[tuple[str, int], dict[str, object]] = field(default_factory=dict)


def whole(
    algorithm: Algorithm, budget: Budget, outside: Collection[tuple[str, int]] = ()
) -> Whole | None:
    """Run all inputs; None when there are more than a million, or the budget is spent."""
    program, roots = program_of(algorithm)
    conditions = [program.add(each) for each in algorithm.where]
    domains = {v.name: v.domain for v in algorithm.inputs}
    space = grid(program, (*roots.values(), *conditions), domains)
    if space is None or space.rows > ROWS:
        return None
    cost = max(1, len(program.steps) // 16)
    if not budget.take(space.rows * cost, len(program.steps) + 4 * len(algorithm.variables)):
        return None
    found = Whole()
    for variable in algorithm.variables:
        if variable.role != "input" and _countable(variable.domain):
            found.seen[variable.name] = np.zeros(size(variable.domain) or 0, dtype=bool)
    hashes = []
    for columns in space.chunks():
        rows = len(next(iter(columns.values()), np.empty(1)))
        running = Evaluation(program, columns)
        inputs = dict(columns)
        bad = _run(algorithm, running, columns, rows, algorithm.variables)
        hashes.append(_hashed(algorithm.outputs, columns, rows, bad))
        _collect(found, algorithm, columns, inputs, admitted(running, conditions, rows), outside)
    found.unused = _without_effect(space, np.concatenate(hashes))
    return found


def _countable(domain: Domain) -> bool:
    count = size(domain)
    return not isinstance(domain, SetOf | Real) and count is not None and count <= VALUES


def _run(
    algorithm: Algorithm,
    running: Evaluation,
    columns: dict[str, Column],
    rows: int,
    variables: Sequence[Variable],
) -> NDArray[np.bool_]:
    """Fill `columns`; gives the rows in which some variable has no value in its domain."""
    _, roots = program_of(algorithm)
    bad = np.zeros(rows, dtype=bool)
    for variable in variables:
        if variable.name in columns:
            continue
        root = roots[variable.name]
        running.value(root)
        for _, failed in running.live_faults(root).values():
            bad |= failed
        domain = variable.domain
        value: Any = full(running.value(root), domain, rows)
        if isinstance(domain, Interval):
            outside = (value < domain.low) | (value > domain.high)
            if outside.any():
                bad |= outside
        columns[variable.name] = value
    return bad


def _collect(
    found: Whole,
    algorithm: Algorithm,
    columns: Mapping[str, Column],
    inputs: Mapping[str, Column],
    live: NDArray[np.bool_],
    outside: Collection[tuple[str, int]],
) -> None:
    everywhere = bool(live.all())
    for name, seen in found.seen.items():
        if not seen.all():
            column = columns[name] if everywhere else columns[name][live]
            ranks = places(algorithm[name].domain, column)  # type: ignore[arg-type]
            seen[ranks[(ranks >= 0) & (ranks < len(seen))]] = True
    for name, value in outside:
        if (name, value) not in found.reached:
            rows = live & np.equal(columns[name], value)
            if rows.any():
                row = int(rows.argmax())
                codes = {each: column[row].tolist() for each, column in inputs.items()}
                found.reached[name, value] = codes


def _hashed(
    outputs: Sequence[Variable],
    columns: Mapping[str, Column],
    rows: int,
    bad: NDArray[np.bool_],
) -> Hashes:
    """One number a row for all outputs; a row without values gets one of its own."""
    found = np.zeros(rows, dtype=np.uint64)
    for variable in outputs:
        column: NDArray[np.generic] = columns[variable.name]
        for part in column.reshape(rows, -1).T:
            code = part.view(np.int32) if part.dtype == np.float32 else part
            found = _mixed(found ^ code.astype(np.int64).view(np.uint64))
    if bad.any():
        found[bad] = _mixed(np.flatnonzero(bad).astype(np.uint64) + np.uint64(1 << 62))
    return found


def _mixed(x: Hashes) -> Hashes:
    """splitmix64's finisher: near numbers become far ones."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def _without_effect(space: Grid, hashes: Hashes) -> tuple[str, ...]:
    table = hashes.reshape(space.sizes)
    found = []
    for axis, (name, count) in enumerate(zip(space.names, space.sizes, strict=True)):
        if count > 1 and bool((table == np.take(table, [0], axis=axis)).all()):
            found.append(name)
    return tuple(found)


def sighted(algorithm: Algorithm) -> frozenset[str]:
    """Variables from which a path leads to an output."""
    found: set[str] = set()
    for variable in reversed(algorithm.variables):
        if variable.role == "output" or variable.name in found:
            found.add(variable.name)
            found.update(variable.parents)
    return frozenset(found)


def alike(
    algorithm: Algorithm, budget: Budget, separates: Mapping[str, Collection[str]]
) -> Iterator[tuple[Variable, tuple[int, ...]]]:
    """Computed variables with places of theirs that no output can tell apart.

    `separates[v]` are the parents all of whose values `v` tells apart. A variable with one
    child is told apart through it; the others by the table of their descendants' responses.
    """
    children: dict[str, list[int]] = {}
    for place, variable in enumerate(algorithm.variables):
        for parent in variable.parents:
            children.setdefault(parent, []).append(place)
    told = {v.name for v in algorithm.outputs}
    seen = sighted(algorithm)
    for variable in reversed(algorithm.variables):
        if variable.role != "var" or variable.name not in seen:
            continue
        below = children.get(variable.name, [])
        if len(below) == 1:
            child = algorithm.variables[below[0]].name
            if child in told and variable.name in separates.get(child, ()):
                told.add(variable.name)
                continue
        groups = _responses(algorithm, variable, children, budget)
        if groups == ():
            told.add(variable.name)
        elif groups:
            yield variable, groups


def _responses(
    algorithm: Algorithm, variable: Variable, children: Mapping[str, list[int]], budget: Budget
) -> tuple[int, ...] | None:
    """Places that respond alike: none is (), and None that it is too much to tell."""
    count = size(variable.domain)
    if not _countable(variable.domain) or count is None or count > ROWS:
        return None
    cone = _cone(algorithm, variable, children)
    if cone is None:
        return None
    inside = {variable.name, *(each.name for each in cone)}
    free = dict.fromkeys(p for each in cone for p in each.parents if p not in inside)
    domains = {n: algorithm[n].domain for n in (variable.name, *free)}
    program, roots = program_of(algorithm)
    space = grid(program, [roots[each.name] for each in cone], domains)
    if space is None or space.rows > ROWS:
        return None
    if not budget.take(space.rows, 8 * len(cone)):
        return None
    columns = space.at(np.arange(space.rows))
    running = Evaluation(program, columns)
    bad = _run(algorithm, running, columns, space.rows, cone)
    outputs = [each for each in cone if each.role == "output"]
    table = _hashed(outputs, columns, space.rows, bad).reshape(count, -1)
    groups: dict[bytes, list[int]] = {}
    for place, row in enumerate(table):
        groups.setdefault(row.tobytes(), []).append(place)
    for group in groups.values():
        if len(group) > 1:
            return tuple(group)
    return ()


def _cone(
    algorithm: Algorithm, variable: Variable, children: Mapping[str, list[int]]
) -> list[Variable] | None:
    """All descendants in causal order, None when there are many."""
    found: set[int] = set()
    stack = list(children.get(variable.name, ()))
    while stack:
        place = stack.pop()
        if place not in found:
            found.add(place)
            if len(found) > CONE:
                return None
            stack.extend(children.get(algorithm.variables[place].name, ()))
    return [algorithm.variables[place] for place in sorted(found)]
