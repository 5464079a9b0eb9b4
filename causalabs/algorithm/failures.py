"""Outcomes of mechanisms, told as rules: which values fail, and how one gets there."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from causalabs.algorithm.columns import value_text
from causalabs.algorithm.domains import Domain, Interval, Real, SetOf, values
from causalabs.algorithm.expression import (
    Expression,
    LookUp,
    Operation,
    Pick,
    Variable as Mention,
    parts,
)
from causalabs.algorithm.mechanisms import Case, Outcome
from causalabs.algorithm.model import Algorithm, Variable
from causalabs.algorithm.rules_analysis import NotProved
from causalabs.algorithm.rules_failures import (
    DivisionByZero,
    Failing,
    IndexOutside,
    LeavesDomain,
    MissingEntry,
    NoMatch,
    Overflow,
)
from causalabs.algorithm.written import code_text, text_of
from causalabs.diagnostics import NOWHERE, Label, Rule, Span

if TYPE_CHECKING:
    from causalabs.algorithm.responses import Whole
    from causalabs.algorithm.witness import Witness

SHORT = 48
Facts: TypeAlias = dict[str, Any]
_QUESTIONS = {
    "domain": "`{}` stays in its domain",
    "division": "`{}` never divides by zero",
    "index": "`{}` never takes an index out of range",
    "no match": "`{}` always finds a match",
    "entry": "`{}` always finds its entry in the table",
    "value": "`{}` stays in its domain",
    "overflow": "`{}` stays below 2^62",
}


def failures(
    algorithm: Algorithm,
    variable: Variable,
    outcome: Outcome,
    renamed: Mapping[str, str],
    seen: Whole | None,
) -> Iterator[Rule]:
    """Errors of one variable; a note for each question that stayed open."""
    if outcome.search is None and outcome.overflow is None and not outcome.unsettled:
        return
    teller = _Teller(algorithm, variable, outcome.case, renamed)
    if outcome.search is not None:
        for (kind, _), witness in sorted(outcome.search.faults.items(), key=lambda e: e[0][1]):
            yield teller.fault(kind, witness)
        if outcome.search.excess is not None and not outcome.search.faults:
            yield teller.excess(outcome, outcome.search.excess, seen)
    if outcome.overflow is not None:
        yield teller.overflow(*outcome.overflow)
    for question in outcome.unsettled:
        if question in _QUESTIONS:
            bounds = outcome.bounds
            yield NotProved(
                span=variable.span,
                variable=variable.name,
                question=_QUESTIONS[question].format(variable.name),
                interval=f"{bounds[0]}..{bounds[1]}" if bounds and question == "domain" else "",
            )


class _Teller:
    """Puts an outcome, shared by all mechanisms like it, in one variable's own names."""

    def __init__(
        self, algorithm: Algorithm, variable: Variable, case: Case, renamed: Mapping[str, str]
    ) -> None:
        self.algorithm, self.variable, self.case = algorithm, variable, case
        self.renamed = renamed
        mine = variable.mechanism
        theirs = case.program.expressions[case.root]
        self._mine = _matched(theirs, mine) if mine is not None else {}

    def expression(self, step: int) -> Expression:
        """The variable's own expression for a step of the case."""
        theirs = self.case.program.expressions[step]
        return self._mine.get(id(theirs), theirs)

    def written(
        self, codes: Mapping[str, object], kept: Collection[str] | None = None
    ) -> tuple[str, bool]:
        """The parents' values, and whether all of them are inputs."""
        given, free = [], True
        for name in tuple(self.case.domains)[: self.case.parents]:
            own = self.renamed[name]
            if name in codes and (kept is None or own in kept):
                free = free and (own not in self.algorithm or self.algorithm[own].role == "input")
                given += _shown(own, self.case.domains[name], codes[name])
        return ", ".join(given), free

    def fault(self, kind: str, witness: Witness) -> Rule:
        """A fault of one step."""
        expression = self.expression(witness.step)
        given, free = self.written(witness.codes, self._telling(expression))
        span = expression.span if expression.span != NOWHERE else self.variable.span
        facts: Facts = {
            "span": span, "variable": self.variable.name, "witness": given, "reached": free,
            "expression": text_of(expression, SHORT),
        }  # fmt: skip
        return _FAULTS[kind](self, expression, witness, facts)

    def _telling(self, failing: Expression) -> Collection[str] | None:
        """Names that say why an index is outside: not those of the family it points into."""
        if not isinstance(failing, Pick) or self.variable.mechanism is None:
            return None
        found: dict[str, None] = {}
        stack: list[Expression] = [self.variable.mechanism]
        while stack:
            top = stack.pop()
            if isinstance(top, Mention):
                found[top.name] = None
            stack.extend(failing.indices if top is failing else parts(top))
        return found

    def value_of(self, step: int, codes: Mapping[str, object]) -> str:
        """What one step is for given parents."""
        import numpy as np

        from causalabs.algorithm.evaluate import Evaluation

        columns = {name: np.array([code]) for name, code in codes.items()}
        value = np.ravel(Evaluation(self.case.program, columns).value(step))[0].item()
        return code_text(self.case.program.steps[step].type, value)

    def excess(self, outcome: Outcome, witness: Witness, seen: Whole | None) -> Rule:
        """The largest step out of the domain."""
        domain = self.variable.domain
        assert isinstance(domain, Interval)
        search, bounds = outcome.search, outcome.bounds or (domain.low, domain.high)
        low, high = bounds
        if search is not None and search.complete:
            low, high = search.low, search.high
        low, high = min(low, domain.low), max(high, domain.high)
        given, free = self.written(witness.codes)
        inputs = seen.reached.get((self.variable.name, witness.value)) if seen else None
        if inputs is not None and not free:
            given, free = self._inputs(inputs), True
        expression = self.expression(outcome.case.root)
        return LeavesDomain(
            span=_declared(self.variable),
            variable=self.variable.name,
            expression=text_of(expression, SHORT),
            witness=given,
            reached=free,
            value=str(witness.value),
            needed=f"{low}..{high}",
            modulus=domain.high + 1 if domain.low == 0 and domain.high > 0 else None,
            limits=tuple(self._limits(witness.codes)),
        )

    def _inputs(self, codes: Mapping[str, object]) -> str:
        above = {self.variable.name}
        for variable in reversed(self.algorithm.variables):
            if variable.name in above:
                above.update(variable.parents)
        given: list[str] = []
        for name, code in codes.items():
            if name in above:
                given += _shown(name, self.algorithm[name].domain, code)
        return ", ".join(given)

    def _limits(self, codes: Mapping[str, object]) -> Iterator[Label]:
        for name in tuple(self.case.domains)[: self.case.parents]:
            parent = self.renamed[name]
            domain = self.case.domains[name]
            computed = parent in self.algorithm and self.algorithm[parent].role != "input"
            if computed and isinstance(domain, Interval) and domain.low != domain.high:
                span = _declared(self.algorithm[parent])
                if codes.get(name) == domain.high:
                    yield Label(span, f"up to {domain.high}")
                elif codes.get(name) == domain.low:
                    yield Label(span, f"down to {domain.low}")

    def overflow(self, step: int, value: int, codes: dict[str, object]) -> Rule:
        """An integer of 2^62 or more on the way."""
        expression = self.expression(step)
        given, free = self.written(codes)
        return Overflow(
            span=expression.span if expression.span != NOWHERE else self.variable.span,
            variable=self.variable.name,
            expression=text_of(expression, SHORT),
            witness=given,
            reached=free,
            value=str(value),
        )


def _declared(variable: Variable) -> Span:
    return variable.declared if variable.declared != NOWHERE else variable.span


def _matched(theirs: Expression, mine: Expression) -> dict[int, Expression]:
    """Parts of one expression by those of another of the same shape."""
    found: dict[int, Expression] = {}
    stack = [(theirs, mine)]
    while stack:
        their, own = stack.pop()
        if id(their) not in found:
            found[id(their)] = own
            stack.extend(zip(parts(their), parts(own), strict=False))
    return found


def _shown(name: str, domain: Domain, code: object) -> list[str]:
    if isinstance(domain, Real):
        return []  # a stand-in, no value that a person could type
    if isinstance(domain, SetOf) and isinstance(code, list):
        members = zip(values(domain.of), code, strict=True)
        return [f"{name} = {value_text(frozenset(v for v, inside in members if inside))}"]
    return [f"{name} = {code_text(domain, code)}"]


def _division(teller: _Teller, expression: Expression, _: Witness, facts: Facts) -> Failing:
    assert isinstance(expression, Operation)
    return DivisionByZero(divisor=text_of(expression.arguments[1], SHORT), **facts)


def _index(teller: _Teller, expression: Expression, witness: Witness, facts: Facts) -> Failing:
    assert isinstance(expression, Pick)
    step = teller.case.program.steps[witness.step]
    dimensions = list(zip(expression.indices, expression.lows, expression.sizes, strict=True))
    values_ = [teller.value_of(n, witness.codes) for n in step.arguments[: len(dimensions)]]
    outside = [
        each
        for each, value in zip(dimensions, values_, strict=True)
        if not value.lstrip("-").isdigit() or not each[1] <= int(value) < each[1] + each[2]
    ]
    index, low, length = (outside or dimensions)[0]
    facts["expression"] = text_of(index, SHORT)
    return IndexOutside(allowed=f"{low}..{low + length - 1}", **facts)


def _no_match(teller: _Teller, expression: Expression, _: Witness, facts: Facts) -> Failing:
    assert isinstance(expression, Operation)
    wanted, *others = (text_of(each, SHORT) for each in expression.arguments)
    return NoMatch(condition=" or ".join(f"{wanted} == {each}" for each in others), **facts)


def _entry(teller: _Teller, expression: Expression, _: Witness, facts: Facts) -> Failing:
    assert isinstance(expression, LookUp)
    return MissingEntry(table=expression.table.name, **facts)


def _value(teller: _Teller, expression: Expression, witness: Witness, facts: Facts) -> Failing:
    below = teller.case.program.steps[witness.step].arguments
    value = teller.value_of(below[0], witness.codes) if below else "another value"
    facts["span"] = _declared(teller.variable)
    return LeavesDomain(value=value, needed="", **facts)


_FAULTS: dict[str, Callable[[_Teller, Expression, Witness, Facts], Failing]] = {
    "division": _division,
    "index": _index,
    "no match": _no_match,
    "entry": _entry,
    "value": _value,
}
