"""What a file declares outside its blocks: domains, tables, definitions, imports."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from causalabs.algorithm import tables
from causalabs.algorithm.declared import Report, domain_of
from causalabs.algorithm.definitions import Definition, check_definitions
from causalabs.algorithm.domains import Cyclic, Domain, Enum, Scalar
from causalabs.algorithm.entries import literal_table
from causalabs.algorithm.expression import Table
from causalabs.algorithm.names import KEYWORDS
from causalabs.algorithm.rules_domains import BadUnion
from causalabs.algorithm.rules_names import DomainCircle, KeywordAsName, Redefinition
from causalabs.algorithm.tables import DataTable
from causalabs.algorithm.typing_ import domain_text
from causalabs.diagnostics import Rule, Source, Span
from causalabs.syntax import ast

if TYPE_CHECKING:
    from causalabs.algorithm.model import Algorithm


@dataclass(frozen=True)
class Scope:
    """Everything resolved that stands outside blocks.

    `every_domain` and `every_data` also hold, as None, names whose declaration failed: they
    are not reported again where they are used. `hashes` are of the data files, by path as
    written.
    """

    source: Source
    poisoned: frozenset[str] = frozenset()
    every_domain: Mapping[str, Domain | None] = field(default_factory=dict)
    every_data: Mapping[str, DataTable | None] = field(default_factory=dict)
    every_table: Mapping[str, Table | None] = field(default_factory=dict)
    definitions: Mapping[str, Definition] = field(default_factory=dict)
    algorithms: Mapping[str, Algorithm] = field(default_factory=dict)
    hashes: Mapping[str, str] = field(default_factory=dict)

    @property
    def domains(self) -> Mapping[str, Domain]:
        """Named domains that could be resolved."""
        return {name: found for name, found in self.every_domain.items() if found is not None}

    @property
    def data(self) -> Mapping[str, DataTable]:
        """Data tables that could be read."""
        return {name: found for name, found in self.every_data.items() if found is not None}

    @property
    def tables(self) -> Mapping[str, Table]:
        """Tables written out in the file."""
        return {name: found for name, found in self.every_table.items() if found is not None}

    @property
    def complete(self) -> bool:
        """Whether every declaration could be resolved."""
        every = (self.every_domain, self.every_data, self.every_table)
        return not self.poisoned and all(None not in names.values() for names in every)


def declare(
    file: ast.File, source: Source, poisoned: frozenset[str] = frozenset()
) -> tuple[Scope, list[Rule]]:
    """The scope of a file and what is wrong in its declarations."""
    from causalabs.algorithm.imports import import_all

    found: dict[tuple[type[Rule], Span], Rule] = {}

    def report(rule: Rule) -> None:
        found.setdefault((type(rule), rule.span), rule)

    imported = import_all(file.imports, source, report)
    scope = declared_items(file.items, source, poisoned, imported, report)
    return scope, list(found.values())


def declared_items(
    items: Iterable[ast.Item],
    source: Source,
    poisoned: frozenset[str],
    imported: Scope,
    report: Report,
) -> Scope:
    """What `items` declare on top of what was `imported`."""
    kept = list(items)
    data, hashes = dict(imported.every_data), dict(imported.hashes)
    spans: dict[str, Span] = {}
    for item in kept:
        if isinstance(item, ast.Data) and fresh(item.name, spans, report):
            table = tables.load(item, Path(source.folder), report)
            data[str(item.name)] = table
            if table is not None:
                hashes[str(item.path)] = table.digest
    named = [item for item in kept if isinstance(item, ast.DomainDefinition)]
    named = [item for item in named if fresh(item.name, spans, report)]
    domains = resolve_domains(named, imported.every_domain, data, poisoned, report)
    literal = dict(imported.every_table)
    for item in kept:
        if isinstance(item, ast.Table) and fresh(item.name, spans, report):
            literal[str(item.name)] = literal_table(item, domains, data, poisoned, report)
    defs = [item for item in kept if isinstance(item, ast.Def)]
    definitions = check_definitions(defs, imported.definitions, {}, report)
    return Scope(
        source=source,
        poisoned=poisoned | imported.poisoned,
        every_domain=domains,
        every_data=data,
        every_table=literal,
        definitions=definitions,
        algorithms=imported.algorithms,
        hashes=hashes,
    )


def fresh(name: ast.Name, spans: dict[str, Span], report: Report) -> bool:
    """Whether `name` may be declared here for the first time; reports why not."""
    if str(name) in KEYWORDS:
        report(KeywordAsName(span=name.span, name=str(name)))
    if str(name) in spans:
        report(Redefinition(span=name.span, name=str(name), first=spans[str(name)]))
        return False
    spans[str(name)] = name.span
    return True


# ---------------------------------------------------------------------- domains


def resolve_domains(
    nodes: list[ast.DomainDefinition],
    known: Mapping[str, Domain | None],
    data: Mapping[str, DataTable | None],
    poisoned: frozenset[str],
    report: Report,
) -> dict[str, Domain | None]:
    """Named domains in any order of definition; circles are reported and fail."""
    by_name = {str(node.name): node for node in nodes}
    uses = {name: _uses(node, by_name) for name, node in by_name.items()}
    result: dict[str, Domain | None] = {
        name: domain for name, domain in known.items() if name not in by_name
    }
    order, circles = causal_order(uses)
    for circle in circles:
        node = by_name[circle[0]]
        shown = " -> ".join([*circle, circle[0]])
        report(DomainCircle(span=node.name.span, name=circle[0], circle=shown))
        result.update(dict.fromkeys(circle))
    for name in order:
        if name not in result:
            result[name] = _resolve(by_name[name], result, data, poisoned, report)
    return result


def _uses(node: ast.DomainDefinition, by_name: Mapping[str, object]) -> list[str]:
    found: list[str] = []
    for part in ast.walk(node):
        if isinstance(part, ast.Named) and part.column is None and str(part.name) in by_name:
            found.append(str(part.name))
    return found


def causal_order(uses: Mapping[str, Iterable[str]]) -> tuple[list[str], list[list[str]]]:
    """Names with everything they use before them, and the circles met on the way.

    Depth first in the order given, so that what is already in order stays so. A circle
    whose members were all in earlier ones is left out.
    """
    order: list[str] = []
    circles: list[list[str]] = []
    state: dict[str, int] = {}
    for start in uses:
        if start in state:
            continue
        path: list[str] = [start]
        left = [iter(uses[start])]
        state[start] = 1
        while path:
            below = next(left[-1], None)
            if below is None:
                state[path[-1]] = 2
                order.append(path.pop())
                left.pop()
            elif below not in state:
                state[below] = 1
                path.append(below)
                left.append(iter(uses[below]))
            elif state[below] == 1:
                circles.append(path[path.index(below) :])
    return order, circles


def _resolve(
    node: ast.DomainDefinition,
    domains: Mapping[str, Domain | None],
    data: Mapping[str, DataTable | None],
    poisoned: frozenset[str],
    report: Report,
) -> Domain | None:
    found = [domain_of(type_, domains, data, poisoned, report) for type_ in node.types]
    if any(domain is None for domain in found):
        return None
    if len(found) == 1:
        domain = found[0]
        if isinstance(domain, (Enum, Cyclic)) and not domain.name:
            return replace(domain, name=str(node.name))
        return domain
    joined: dict[tuple[type, Scalar], None] = {}
    for domain, type_ in zip(found, node.types, strict=True):
        if not isinstance(domain, Enum):
            shown = domain_text(domain) if domain is not None else str(node.name)
            report(BadUnion(span=type_.span, found=f"`{shown}`"))
            return None
        joined.update(((type(value), value), None) for value in domain.values)
    return Enum(tuple(value for _, value in joined), str(node.name))
