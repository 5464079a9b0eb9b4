"""Whether each mechanism has a value in its domain for all that can be set.

Intervals settle most; what they cannot is enumerated, and past a million rows searched.
Mechanisms that differ only in the names of variables are settled once.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from causalabs.algorithm.domains import Domain, Interval
from causalabs.algorithm.expression import Expression, names
from causalabs.algorithm.model import Algorithm, Variable
from causalabs.algorithm.program import Interner, Program
from causalabs.algorithm.ranges import Ranges, type_bounds, under
from causalabs.algorithm.transfer import Bounds

if TYPE_CHECKING:
    from causalabs.algorithm.witness import Budget, Grid, Search


CONDITION = "where"
"""The name under which a condition is settled like a mechanism; no variable can have it."""


@dataclass(frozen=True)
class Case:
    """One mechanism and the conditions on its inputs, as a program of its own.

    `domains` are of the parents first, then of inputs that only conditions mention.
    """

    program: Program
    root: int
    conditions: tuple[int, ...]
    domains: Mapping[str, Domain]
    parents: int


@dataclass(frozen=True)
class Outcome:
    """What came of a case; names in it are those of `case`."""

    case: Case
    bounds: Bounds | None
    search: Search | None = None
    overflow: tuple[int, int, dict[str, object]] | None = None  # step, value, codes
    unsettled: tuple[str, ...] = ()
    idle: tuple[str, ...] = ()  # parents that never matter
    separates: tuple[str, ...] = ()  # parents no two values of which give the same results


@dataclass
class Settled:
    """Outcomes so far, and what they are found with."""

    algorithm: Algorithm
    budget: Budget
    satisfiable: bool = True
    interner: Interner = field(default_factory=Interner)
    _known: dict[Hashable, Outcome] = field(default_factory=dict)
    _conditions: dict[str, tuple[Expression, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for group in components(self.algorithm.where if self.satisfiable else ()):
            for condition in group:
                for name in names(condition):
                    self._conditions[name] = group

    def outcome(self, variable: Variable) -> tuple[Outcome, dict[str, str]]:
        """The outcome of a variable's case, and its names for the outcome's names."""
        case = self._case(variable)
        # The domain is part of what is asked, so two cases share only when it agrees.
        key = (
            self.interner.number(variable.domain), case.root, case.conditions,
            len(case.domains), case.parents, case.program.key,
        )  # fmt: skip
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = settle(case, variable.domain, self.budget)
        return known, dict(zip(known.case.domains, case.domains, strict=True))

    def _case(self, variable: Variable) -> Case:
        mechanism = variable.mechanism
        parents = variable.parents
        if mechanism is None:
            raise ValueError(f"`{variable.name}` has no mechanism")
        found = (self._conditions.get(name) for name in parents if variable.name != CONDITION)
        groups = {id(group): group for group in found if group}
        every = dict.fromkeys(parents)
        for group in groups.values():
            for condition in group:
                every.update(dict.fromkeys(names(condition)))
        program = Program(self.interner, {name: slot for slot, name in enumerate(every)})
        conditions = [program.add(each) for group in groups.values() for each in group]
        root = program.add(mechanism)
        domains = {name: self.algorithm[name].domain for name in every}
        return Case(program, root, tuple(conditions), domains, len(parents))


def components(where: tuple[Expression, ...]) -> list[tuple[Expression, ...]]:
    """Conditions that share inputs, directly or through others, together; in order."""
    groups: list[tuple[set[str], list[int]]] = []
    for place, condition in enumerate(where):
        mine, places = set(names(condition)), [place]
        rest = []
        for group in groups:
            if group[0].isdisjoint(mine):
                rest.append(group)
            else:
                mine |= group[0]
                places = group[1] + places
        groups = [*rest, (mine, places)]
    return [tuple(where[place] for place in sorted(places)) for _, places in groups]


def settle(case: Case, domain: Domain, budget: Budget) -> Outcome:
    """Intervals first, then every row, then a search."""
    ranges = under(case.program, case.conditions)
    if ranges is None:
        return Outcome(case, None)
    try:
        bounds = ranges.bounds(case.root)
        suspects = dict(ranges.suspects)
    except RecursionError:
        bounds, suspects = None, {case.root: "value"}
    inside = not isinstance(domain, Interval) or _within(bounds, domain)
    idle, separates = _effects(case, budget)
    if inside and not suspects:
        return Outcome(case, bounds, idle=idle, separates=separates)
    wide = [number for number, why in suspects.items() if why == "overflow"]
    if wide:
        return _overflowing(case, ranges, bounds, wide, idle)
    return _searched(case, domain, budget, bounds, tuple(suspects.values()), inside, idle)


def _within(bounds: Bounds | None, domain: Interval) -> bool:
    return bounds is not None and domain.low <= bounds[0] and bounds[1] <= domain.high


def _overflowing(
    case: Case, ranges: Ranges, bounds: Bounds | None, wide: list[int], idle: tuple[str, ...]
) -> Outcome:
    """Look for an overflow at the corners, in Python's own integers."""
    from itertools import islice, product

    from causalabs.algorithm.ranges import LIMIT

    program = case.program
    numbers = {
        str(program.steps[n].data): n
        for n in program.closure(case.root, *case.conditions)
        if program.steps[n].kind == "variable"
    }
    ends = [type_bounds(case.domains[name]) or (0, 0) for name in numbers]
    for values in islice(product(*((low, high) for low, high in ends)), 1024):
        facts = {n: (v, v) for n, v in zip(numbers.values(), values, strict=True)}
        point = Ranges(program, facts)
        if any(point.bounds(each) != (1, 1) for each in case.conditions):
            continue
        point.bounds(case.root)
        for number in sorted(wide):
            if point.suspects.get(number) == "overflow":
                found = (point.bounds(number) or (LIMIT, LIMIT))[0]
                codes: dict[str, object] = dict(zip(numbers, values, strict=True))
                return Outcome(case, bounds, overflow=(number, found, codes), idle=idle)
    return Outcome(case, bounds, unsettled=("overflow",), idle=idle)


def _searched(
    case: Case,
    domain: Domain,
    budget: Budget,
    bounds: Bounds | None,
    suspects: tuple[str, ...],
    inside: bool,
    idle: tuple[str, ...],
) -> Outcome:
    from causalabs.algorithm import witness

    program, root, conditions = case.program, case.root, case.conditions
    space = witness.grid(program, (root, *conditions), dict(case.domains))
    unsettled = tuple(dict.fromkeys((*suspects, *(() if inside else ("domain",)))))
    if space is None:
        return Outcome(case, bounds, unsettled=unsettled, idle=idle)
    work = len(program.steps)
    if space.rows <= witness.ROWS:
        if not budget.take(space.rows, work):
            return Outcome(case, bounds, unsettled=("budget",), idle=idle)
        found = witness.enumerated(space, program, root, conditions, domain)
        return Outcome(case, bounds, found, idle=idle)
    projected = _projected(case, space, domain, budget)
    if projected is not None and projected.complete:
        found = projected
    else:
        if not budget.take(2 * witness.DRAWN, 16 * work):
            return Outcome(case, bounds, unsettled=("budget",), idle=idle)
        found = witness.sampled(space, program, root, conditions, domain)
    nothing = not found.faults and found.excess is None and not found.complete
    return Outcome(case, bounds, found, unsettled=unsettled if nothing else (), idle=idle)


def _projected(case: Case, space: Grid, domain: Domain, budget: Budget) -> Search | None:
    """Every row of the parents alone, under the conditions that mention nothing else.

    That admits too much, so it proves when it finds nothing; a witness must be completed.
    """
    from causalabs.algorithm import witness

    kept = set(tuple(case.domains)[: case.parents])
    program = case.program
    local = [c for c in case.conditions if set(names(program.expressions[c])) <= kept]
    domains = {name: case.domains[name] for name in case.domains if name in kept}
    parents = witness.grid(program, (case.root, *local), domains)
    if parents is None or parents.rows > witness.ROWS:
        return None
    if not budget.take(parents.rows, len(program.steps)):
        return None
    found = witness.enumerated(parents, program, case.root, local, domain)
    shown = [*found.faults.values(), *([found.excess] if found.excess else [])]
    found.complete = all(_completed(case, space, each.codes) for each in shown)
    return found


def _completed(case: Case, space: Grid, codes: Mapping[str, object]) -> bool:
    """Whether drawn values of the other inputs satisfy all conditions beside `codes`."""
    import numpy as np

    from causalabs.algorithm import witness
    from causalabs.algorithm.evaluate import Evaluation

    rows = witness.DRAWN
    columns = space.columns(space.drawn(rows))
    columns |= {name: np.array([code] * rows) for name, code in codes.items()}
    running = Evaluation(case.program, columns)
    return bool(witness.admitted(running, case.conditions, rows).any())


def _effects(case: Case, budget: Budget) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Parents along whose axis the mechanism's table never changes, and always does."""
    steps = case.program.steps
    if steps[case.root].kind == "variable":
        return (), (str(steps[case.root].data),)
    if case.parents == 0:
        return (), ()
    import numpy as np

    from causalabs.algorithm import witness
    from causalabs.algorithm.evaluate import Evaluation

    parents = dict(list(case.domains.items())[: case.parents])
    space = witness.grid(case.program, (case.root,), parents)
    if space is None or space.rows > witness.ROWS:
        return (), ()
    if not budget.take(space.rows, len(steps)):
        return (), ()
    running = Evaluation(case.program, space.at(np.arange(space.rows)))
    value = running.value(case.root)
    faulty = np.zeros(space.rows, dtype=bool)
    for _, rows in running.live_faults(case.root).values():
        faulty |= rows
    wide = np.shape(value)[1:] if np.ndim(value) > 1 else ()
    table = np.broadcast_to(value, (space.rows, *wide)).reshape(*space.sizes, *wide)
    holes = faulty.reshape(space.sizes)
    idle, separates = [], []
    for axis, name in enumerate(parents):
        # A row without a value counts as different: `where` may be what keeps it away.
        steady = not holes.any() and bool((table == np.take(table, [0], axis=axis)).all())
        if steady and space.sizes[axis] > 1:
            idle.append(name)
        slices = np.moveaxis(table, axis, 0).reshape(space.sizes[axis], -1)
        if not holes.any() and len({each.tobytes() for each in slices}) == len(slices):
            separates.append(name)
    return tuple(idle), tuple(separates)
