"""What can be said about an algorithm before it is run: failures, idle parts, blind spots."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from causalabs.algorithm.conditions import judge_conditions
from causalabs.algorithm.domains import (
    Bool,
    FiniteDomain,
    Interval,
    Mod,
    Real,
    encode,
    places,
    size,
)
from causalabs.algorithm.expression import Expression, Variable as Mention, names, walk
from causalabs.algorithm.failures import failures
from causalabs.algorithm.mechanisms import CONDITION, Outcome, Settled
from causalabs.algorithm.model import Algorithm, Variable
from causalabs.algorithm.rules_analysis import (
    Alike,
    NeverOccurs,
    NeverSatisfied,
    NotChecked,
    ParentNeverMatters,
    Unused,
)
from causalabs.algorithm.written import code_text
from causalabs.diagnostics import NOWHERE, Rule, Span

if TYPE_CHECKING:
    from causalabs.algorithm.responses import Whole
    from causalabs.algorithm.witness import Budget

SHOWN = 5


@dataclass(frozen=True)
class ValuesOf:
    """In `settable`: whatever values another variable takes (`a from b`)."""

    variable: str


def new_budget() -> Budget:
    """The rows and operations that the analysis of one file may spend."""
    from causalabs.algorithm.witness import Budget

    return Budget()


def analyse(
    algorithm: Algorithm,
    *,
    fed: frozenset[str] = frozenset(),
    settable: Mapping[str, Collection[object]] | None = None,
    budget: Budget | None = None,
) -> list[Rule]:
    """All findings about an algorithm's mechanisms and conditions, in file order.

    `fed` are inputs (elements or families) that the network is given. `settable` holds, for
    a variable, further values it may get: as people write them (`set v = e`), or `ValuesOf`
    another variable (`v from w`). One `budget` serves all algorithms of a file.
    """
    budget = budget or new_budget()
    found = list(judge_conditions(algorithm, budget)) if algorithm.where else []
    satisfiable = not any(isinstance(rule, NeverSatisfied) for rule in found)
    settled = Settled(algorithm, budget, satisfiable)
    outcomes: list[tuple[Variable, Outcome, dict[str, str]]] = []
    skipped: list[Variable] = []
    for variable in (*_condition_cases(algorithm), *algorithm.variables):
        if variable.mechanism is not None:
            outcome, renamed = settled.outcome(variable)
            outcomes.append((variable, outcome, renamed))
            if "budget" in outcome.unsettled:
                skipped.append(variable)
    outside = {
        (v.name, o.search.excess.value)
        for v, o, _ in outcomes
        if o.search is not None and o.search.excess is not None
    }
    seen = _whole(algorithm, budget, outside) if satisfiable else None
    failing: set[str] = set()
    for variable, outcome, renamed in outcomes:
        rules = list(failures(algorithm, variable, outcome, renamed, seen))
        if any(rule.severity == "error" for rule in rules):
            failing.add(variable.name)
        found += rules
        if not rules:
            found += _idle_parents(algorithm, variable, outcome, renamed)
    if seen is not None and not failing:
        found += _never(algorithm, seen, settable or {})
    idle = {rule.parent for rule in found if isinstance(rule, ParentNeverMatters)}
    if satisfiable:
        found += _unused(algorithm, None if failing else seen, fed | idle)
    if satisfiable and not failing:
        separates = {v.name: [r[n] for n in o.separates] for v, o, r in outcomes}
        found += _alike(algorithm, budget, separates)
    if skipped or budget.refused:
        first = skipped[0] if skipped else algorithm.variables[0]
        found.append(NotChecked(span=first.span, variables=max(len(skipped), 1)))
    return _once(found)


def _condition_cases(algorithm: Algorithm) -> Iterator[Variable]:
    """Conditions as mechanisms: each may fail where those before it hold."""
    from causalabs.algorithm.expression import Operation

    quick = {"floordiv", "mod", "index_of", "recode"}
    risky = [
        place
        for place, condition in enumerate(algorithm.where)
        if any(_risky(part, quick) for part in walk(condition))
    ]
    for place in risky[:64]:
        before = algorithm.where[: place + 1]
        whole = Operation("and", before, Bool(), before[-1].span)
        yield Variable(
            CONDITION, CONDITION, (), "var", Bool(), whole, names(whole), before[-1].span
        )


def _risky(part: Expression, operators: Collection[str]) -> bool:
    return (
        getattr(part, "operator", None) in operators
        or hasattr(part, "items")
        or (hasattr(part, "keys"))
    )


def _whole(
    algorithm: Algorithm, budget: Budget, outside: Collection[tuple[str, int]]
) -> Whole | None:
    total = 1
    reals = sum(isinstance(v.domain, Real) for v in algorithm.inputs)
    for variable in algorithm.inputs:
        total *= reals if isinstance(variable.domain, Real) else size(variable.domain) or 1
        if total > 10**6:
            return None
    from causalabs.algorithm.responses import whole

    return whole(algorithm, budget, outside)


def _idle_parents(
    algorithm: Algorithm, variable: Variable, outcome: Outcome, renamed: Mapping[str, str]
) -> Iterator[Rule]:
    if variable.mechanism is None or variable.name == CONDITION:
        return
    for idle in outcome.idle:
        parent = renamed[idle]
        span = _mention(variable.mechanism, parent)
        yield ParentNeverMatters(
            span=span if span != NOWHERE else variable.span,
            variable=variable.name,
            parent=parent,
            declared=variable.span,
        )


def _mention(expression: Expression, name: str) -> Span:
    spans = [e.span for e in walk(expression) if isinstance(e, Mention) and e.name == name]
    return min(spans, default=NOWHERE)


def _never(
    algorithm: Algorithm, seen: Whole, settable: Mapping[str, Collection[object]]
) -> Iterator[Rule]:
    import numpy as np

    for name, occurs in seen.seen.items():
        if occurs.all():
            continue
        variable = algorithm[name]
        domain: FiniteDomain = variable.domain  # type: ignore[assignment]
        occurs = occurs.copy()
        for value in (*settable.get(name, ()), *settable.get(variable.family, ())):
            if isinstance(value, ValuesOf):
                if len(other := seen.seen.get(value.variable, occurs)) == len(occurs):
                    occurs |= other
                elif value.variable not in seen.seen:
                    occurs[:] = True  # an input's values: all of them
            else:
                occurs[places(domain, encode(domain, [value]))] = True
        missing = np.flatnonzero(~occurs)
        if len(missing):
            yield NeverOccurs(
                span=variable.span,
                variable=name,
                values=tuple(_place_text(domain, int(place)) for place in missing[:SHOWN]),
                count=len(missing),
            )


def _place_text(domain: FiniteDomain, place: int) -> str:
    match domain:
        case Bool():
            return code_text(domain, bool(place))
        case Interval(low):
            return str(low + place)
        case Mod():
            return str(place)
        case _:
            return code_text(domain, place)


def _unused(algorithm: Algorithm, seen: Whole | None, fed: frozenset[str]) -> Iterator[Rule]:
    from causalabs.algorithm.responses import sighted

    if not algorithm.outputs:
        return
    linked = sighted(algorithm)
    blind = set(seen.unused) if seen is not None else set()
    for variable in algorithm.inputs:
        known = variable.name in fed or variable.family in fed
        if not known and (variable.name not in linked or variable.name in blind):
            yield Unused(span=variable.span, variable=variable.name)


def _alike(
    algorithm: Algorithm, budget: Budget, separates: Mapping[str, Collection[str]]
) -> Iterator[Rule]:
    from causalabs.algorithm.responses import alike, sighted

    if not algorithm.outputs:
        return
    linked = sighted(algorithm)
    for variable in algorithm.variables:
        if variable.role == "var" and variable.name not in linked:
            yield Alike(span=variable.span, variable=variable.name, values=())
    for variable, group in alike(algorithm, budget, separates):
        domain: FiniteDomain = variable.domain  # type: ignore[assignment]
        shown = group[: SHOWN - 1] + group[-1:] if len(group) > SHOWN else group
        texts = tuple(_place_text(domain, place) for place in shown)
        yield Alike(span=variable.span, variable=variable.name, values=texts)


def _once(found: list[Rule]) -> list[Rule]:
    """One finding of a kind for a line: the elements of a family share theirs."""
    kept: dict[tuple[str, Span, str], Rule] = {}
    for rule in found:
        name = getattr(rule, "variable", "") if rule.span == NOWHERE else ""
        kept.setdefault((rule.code, rule.span, name), rule)
    return sorted(kept.values(), key=lambda rule: (rule.span, rule.code))
