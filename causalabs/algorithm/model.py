"""The high-level causal model: variables in causal order, their domains and mechanisms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from causalabs.algorithm.domains import Column, Columns, Domain
from causalabs.algorithm.expression import Expression
from causalabs.diagnostics import NOWHERE, Span

if TYPE_CHECKING:
    import networkx

Role = Literal["input", "var", "output"]


@dataclass(frozen=True)
class Variable:
    """One variable, or one element of a family (`carry[2]`).

    `parents` are element names, in order of first occurrence in the mechanism. `span` is
    where its name stands, `declared` where its domain does.
    """

    name: str
    family: str
    index: tuple[int, ...]
    role: Role
    domain: Domain
    mechanism: Expression | None = None
    parents: tuple[str, ...] = ()
    span: Span = field(default=NOWHERE, compare=False, repr=False)
    declared: Span = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True)
class Family:
    """What one line declares: a variable (`ranges` empty) or an indexed family of them."""

    name: str
    role: Role
    domain: Domain
    ranges: tuple[tuple[int, int], ...]
    members: tuple[str, ...]
    span: Span = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True)
class Algorithm:
    """A directed acyclic causal model.

    `variables` are in causal order (parents first; inputs first, as declared). `where` are
    conditions on inputs that every base and every source satisfies.
    """

    name: str
    variables: tuple[Variable, ...]
    families: tuple[Family, ...]
    where: tuple[Expression, ...] = ()

    def __getitem__(self, name: str) -> Variable:
        return self._by_name[name]

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    @cached_property
    def _by_name(self) -> Mapping[str, Variable]:
        return {variable.name: variable for variable in self.variables}

    @cached_property
    def inputs(self) -> tuple[Variable, ...]:
        """Input elements, as declared."""
        return tuple(v for v in self.variables if v.role == "input")

    @cached_property
    def outputs(self) -> tuple[Variable, ...]:
        """Output elements, in causal order."""
        return tuple(v for v in self.variables if v.role == "output")

    @cached_property
    def by_family(self) -> Mapping[str, Family]:
        """Families by name."""
        return {family.name: family for family in self.families}

    def descendants(self, names: frozenset[str]) -> frozenset[str]:
        """`names` and everything computed from them."""
        found = set(names)
        for variable in self.variables:
            if not found.isdisjoint(variable.parents):
                found.add(variable.name)
        return frozenset(found)

    def run(
        self, inputs: Mapping[str, object], interventions: Mapping[str, object] | None = None
    ) -> dict[str, list[object]]:
        """Values of every variable for inputs (and interventions) as people write them.

        Each mapping gives a list of values, or one value, per element name.
        """
        from causalabs.algorithm.evaluate import run_written

        return run_written(self, inputs, interventions or {})

    def interchange(
        self, base: Mapping[str, object], sources: Mapping[str, Mapping[str, object]]
    ) -> dict[str, list[object]]:
        """Values of every variable for `base`, each key of `sources` set as in its source.

        Values are those of the sources' clean runs; all variables are set at once, so a set
        ancestor acts only through its other children (Geiger et al. 2021).
        """
        taken = {name: self.run(source)[name] for name, source in sources.items()}
        return self.run(base, taken)

    def evaluate(self, inputs: Columns, interventions: Columns | None = None) -> dict[str, Column]:
        """Columns of every variable; an intervened variable keeps the column given."""
        from causalabs.algorithm.evaluate import evaluate

        return evaluate(self, inputs, interventions or {})

    def _repr_html_(self) -> str:
        from causalabs.algorithm.graph import as_svg

        return f'<div style="overflow-x:auto">{as_svg(self)}</div>'

    def graph(self) -> networkx.DiGraph:
        """The causal graph, with `role`, `domain` and `mechanism` as node attributes."""
        from causalabs.algorithm.graph import digraph

        return digraph(self)
