"""What elaboration carries along: names in sight, findings so far, and how much is left.

Bounded time is promised here: every node of an expanded mechanism is paid for by `spend`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from causalabs.algorithm import names
from causalabs.algorithm.domains import Cyclic, Domain, Enum, Scalar
from causalabs.algorithm.expression import Constant, Expression
from causalabs.algorithm.rules_types import TooLarge
from causalabs.diagnostics import Rule, Span
from causalabs.syntax import ast

if TYPE_CHECKING:
    from causalabs.algorithm.definitions import Definition
    from causalabs.algorithm.scope import Scope

NODES = 100_000
"""Most nodes of one mechanism, written out."""
ALL_NODES = 500_000
"""Most nodes of all mechanisms of an algorithm together."""
DEPTH = 150
"""Deepest nesting of an expanded mechanism: evaluators recurse over it."""
ELEMENTS = 10_000
"""Most elements of a family, of an algorithm, and of a set."""
SUGGESTIONS = 200
"""Most suggestions searched for in one file."""


@dataclass(frozen=True)
class Readable:
    """A variable or family that expressions may read; domain None is one that failed."""

    domain: Domain | None
    ranges: tuple[tuple[int, int], ...] = ()
    role: str = "input"
    span: Span | None = None


@dataclass(slots=True)
class Thunk:
    """An argument of a definition, elaborated where it is used and then kept."""

    node: ast.Expr
    env: Env
    done: Expression | None = None
    cost: int = 0


@dataclass(frozen=True, slots=True)
class Env:
    """Binders and parameters in sight; `definition` is the one whose body this is."""

    bound: Mapping[str, Constant | Thunk] = field(default_factory=dict)
    definition: str | None = None

    def bind(self, name: str, value: Constant) -> Env:
        """This and one name more."""
        return Env({**self.bound, name: value}, self.definition)


class OutOfBudget(Exception):  # noqa: N818 - control flow, no error of the program
    """A mechanism is too large: left by the way it came, reported where it began."""

    def __init__(self, problem: str) -> None:
        self.problem = problem
        super().__init__(problem)


@dataclass
class Context:
    """One elaboration: of an algorithm, or of a condition outside it."""

    scope: Scope
    variables: Mapping[str, Readable]
    tables: Mapping[str, object]
    definitions: Mapping[str, Definition]
    poisoned: frozenset[str]
    site: Span | None = None
    incomplete: bool = False
    inputs_only: bool = False
    findings: dict[tuple[type[Rule], Span], Rule] = field(default_factory=dict)
    spent: int = 0
    limit: int = NODES
    depth: int = 0
    suggested: int = 0
    _places: dict[int, tuple[object, dict[object, int]]] = field(default_factory=dict)
    _owners: dict[str, list[Enum | Cyclic]] | None = None

    def spend(self, nodes: int = 1) -> None:
        """Pays for `nodes` nodes of the expanded expression."""
        self.spent += nodes
        if self.spent > self.limit:
            raise OutOfBudget(f"has more than {NODES:,} operations")

    def at(self, span: Span) -> Span:
        """`span`, or where a definition of another file is called."""
        return span if self.site is None else self.site

    def report(self, rule: Rule) -> None:
        """Keeps a finding, one for each rule and place."""
        if self.site is not None:
            rule = replace(rule, span=self.site)
        self.findings.setdefault((type(rule), rule.span), rule)

    def mark(self) -> int:
        """How many findings there are, for `forget`."""
        return len(self.findings)

    def forget(self, mark: int) -> None:
        """Takes back the findings since `mark`: what they are about is dead."""
        while len(self.findings) > mark:
            self.findings.popitem()

    def suggest(self, name: str, candidates: Iterable[str]) -> str | None:
        """The nearest candidate, as long as suggestions are left."""
        self.suggested += 1
        return names.nearest(name, candidates) if self.suggested <= SUGGESTIONS else None

    def shown(self, node: ast.Node) -> str:
        """The text of `node`, shortened."""
        return snippet(self.scope, self.at(node.span))

    def place(self, domain: Enum | Cyclic, value: Scalar) -> int | None:
        """Place of `value` in `domain`; `true` and 1 are told apart."""
        found = self._places.get(id(domain.values))
        if found is None:
            index: dict[object, int] = {}
            for place, each in enumerate(domain.values):
                index[type(each), each] = place
            found = (domain.values, index)
            self._places[id(domain.values)] = found
        return found[1].get((type(value), value))

    def owners(self, name: str) -> list[Enum | Cyclic]:
        """The domains in sight that have the value `name`, equal ones once."""
        if self._owners is None:
            self._owners = {}
            known: dict[Domain, None] = {}
            for domain in self.scope.domains.values():
                known.setdefault(domain)
            for table in self.scope.data.values():
                for domain in table.columns.values():
                    known.setdefault(domain)
            for variable in self.variables.values():
                if isinstance(variable.domain, (Enum, Cyclic)):
                    known.setdefault(variable.domain)
            for domain in known:
                if isinstance(domain, (Enum, Cyclic)):
                    for value in domain.values:
                        if isinstance(value, str):
                            self._owners.setdefault(value, []).append(domain)
        return self._owners.get(name, [])


def snippet(scope: Scope, span: Span) -> str:
    """The source text of `span` on one line, shortened."""
    text = " ".join(scope.source.text[span.start : span.end].split())
    if not text:
        return "this"
    return text if len(text) <= 40 else text[:37] + "..."


def too_large(context: Context, what: str, problem: str, span: Span) -> TooLarge:
    """The finding for an expansion that ran out of its budget."""
    return TooLarge(span=context.at(span), what=what, problem=problem)
