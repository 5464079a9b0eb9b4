"""What metrics are asked of: variables, lines, algorithms and circuits by name."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from causalabs.algorithm.model import Algorithm
from causalabs.algorithm.names import nearest
from causalabs.diagnostics import Rule, Span
from causalabs.hypothesis import registry, rules_expectations as rules
from causalabs.hypothesis.meaning import (
    Meant,
    World,
    constant,
    element_of,
    listed,
    meant,
    split_ref,
)
from causalabs.hypothesis.model import Alignment, Counterfactuals, Line, Space
from causalabs.hypothesis.wording import metric_text
from causalabs.syntax import ast

MOST_INDICES = 10_000
Indices = tuple[tuple[str, int], ...]
"""Values of the free index names of a line, sorted by name."""


@dataclass
class Evidence:
    """What quantities may speak of. `counts` None: counterfactuals could not be read."""

    world: World
    counts: Counterfactuals | None
    alignments: tuple[Alignment, ...]
    circuits: frozenset[str]
    whole: bool
    """Whether all alignments could be read: otherwise nothing is said of missing ones."""
    found: list[Rule] = field(default_factory=list)
    replacements: tuple[str, ...] = ()
    replaced_whole: bool = True
    """Whether all replacements could be read."""

    @property
    def lines(self) -> tuple[Line, ...]:
        """The interchange lines."""
        return self.counts.lines if self.counts else ()

    @cached_property
    def titled(self) -> dict[str, list[int]]:
        """Lines that the file gives a name to, by that name, and by it without an index."""
        found: dict[str, list[int]] = {}
        for number, line in enumerate(self.lines):
            if line.name != ", ".join(line.variables):
                plain = line.name.replace(" ", "")
                for name in {plain, plain.partition("[")[0]}:
                    found.setdefault(name, []).append(number)
        return found

    def titles(self) -> list[str]:
        """Names that the file gives to lines."""
        return list(
            dict.fromkeys(self.lines[i].name for each in self.titled.values() for i in each)
        )

    @cached_property
    def by_set(self) -> dict[tuple[str, frozenset[str]], tuple[int, ...]]:
        """Lines by algorithm and by the variables that they set."""
        found: dict[tuple[str, frozenset[str]], tuple[int, ...]] = {}
        for number, line in enumerate(self.lines):
            key = (line.algorithm, frozenset(line.variables))
            found[key] = (*found.get(key, ()), number)
        return found

    @cached_property
    def owners(self) -> dict[str, set[str]]:
        """The algorithms whose lines set an element of a family, by its name."""
        found: dict[str, set[str]] = {}
        for line in self.lines:
            for variable in line.variables:
                found.setdefault(variable.partition("[")[0], set()).add(line.algorithm)
        return found

    @cached_property
    def of_algorithm(self) -> dict[str, tuple[int, ...]]:
        """Lines by algorithm."""
        found: dict[str, list[int]] = {}
        for number, line in enumerate(self.lines):
            found.setdefault(line.algorithm, []).append(number)
        return {name: tuple(numbers) for name, numbers in found.items()}

    @cached_property
    def places(self) -> dict[tuple[str, str], list[Space]]:
        """Spaces by alignment and by variable."""
        found: dict[tuple[str, str], list[Space]] = {}
        for alignment in self.alignments:
            for space in alignment.spaces:
                for member in space.members:
                    found.setdefault((alignment.name, member.variable), []).append(space)
        return found

    @cached_property
    def aligned(self) -> dict[str, frozenset[str]]:
        """Variables that each alignment places."""
        return {each.name: frozenset(each.variables) for each in self.alignments}


@dataclass(frozen=True)
class Subjects:
    """Lines that a metric is asked of, for one way to give its indices values."""

    indices: Indices
    lines: tuple[int, ...]
    names: tuple[str, ...] = ()


def inside(metric: ast.Metric) -> ast.Name | None:
    """The alignment that `in NAME` names."""
    return next((q.name for q in metric.qualifiers if isinstance(q, ast.In)), None)


def subjects_of(
    metric: ast.Metric, kind: registry.MetricKind, evidence: Evidence
) -> list[Subjects] | None:
    """The lines that a metric is asked of, by the values of its free indices (M1 to M3)."""
    refs = _refs(metric)
    of_circuits = refs and all(not r.parts and str(r.name) in evidence.circuits for r in refs)
    if kind.of == "circuit" or (kind.of == "either" and of_circuits):
        return _circuits(metric, refs, evidence)
    if not refs:
        if kind.of in ("network", "either"):
            return [Subjects((), ())]
        return _every_line(metric, evidence)
    named = [_lines_named(ref, evidence) for ref in refs]
    if all(named):
        return [Subjects((), tuple(sorted({i for group in named for i in group or ()})))]
    return _by_variables(metric, refs, evidence)


def _refs(metric: ast.Metric) -> tuple[ast.Ref, ...]:
    found: tuple[ast.Ref, ...] = ()
    for qualifier in metric.qualifiers:
        if isinstance(qualifier, ast.Of):
            found += qualifier.subjects
    return found


def _circuits(
    metric: ast.Metric, refs: Sequence[ast.Ref], evidence: Evidence
) -> list[Subjects] | None:
    names = [(str(ref.name), ref.span) for ref in refs]
    names += [(str(q.name), q.name.span) for q in metric.qualifiers if isinstance(q, ast.Against)]
    for name, span in names:
        if name not in evidence.circuits:
            if not evidence.world.silent(name):
                evidence.found.append(_unknown(name, span, evidence, circuits=True))
            return None
    return [Subjects((), (), tuple(name for name, _ in names))]


def _every_line(metric: ast.Metric, evidence: Evidence) -> list[Subjects] | None:
    """Plain `iia`: all lines, of the one algorithm there is or that `in` speaks of."""
    lines = evidence.lines
    text = metric_text(metric, {}, evidence.world)
    named = inside(metric)
    if named is not None:
        alignment = next((a for a in evidence.alignments if a.name == str(named)), None)
        if alignment is not None:
            mine = evidence.of_algorithm.get(alignment.algorithm)
            if mine:
                return [Subjects((), mine)]
            _nothing(metric, text, evidence)
            return None
    about = list(evidence.of_algorithm)
    if not lines:
        _nothing(metric, text, evidence)
        return None
    if len(about) > 1:
        evidence.found.append(
            rules.WhichAlignment(
                span=metric.span,
                text=text,
                options=listed(about),
                example=f"{metric.name} of {about[0]}",
            )
        )
        return None
    return [Subjects((), tuple(range(len(lines))))]


def _nothing(metric: ast.Metric, text: str, evidence: Evidence) -> None:
    evidence.found.append(
        rules.NothingInterchanged(
            span=metric.span, text=text, problem="no line interchanges anything"
        )
    )


def _lines_named(ref: ast.Ref, evidence: Evidence) -> tuple[int, ...] | None:
    """Lines by their own name (`moved`, `moved[1]`) or by that of their algorithm."""
    text = evidence.world.text(ref.span).replace(" ", "")
    exact = evidence.titled.get(text)
    if exact:
        return tuple(exact)
    if not ref.parts and evidence.world.named(str(ref.name)) is not None:
        return evidence.of_algorithm.get(str(ref.name))
    return None


def _by_variables(
    metric: ast.Metric, refs: Sequence[ast.Ref], evidence: Evidence
) -> list[Subjects] | None:
    """Lines that set exactly the variables named, for each value of free indices (M1, M3)."""
    world, found = evidence.world, evidence.found
    families: list[Meant] = []
    for ref in refs:
        if not ref.parts and world.named(str(ref.name)) is not None:
            text = metric_text(metric, {}, world)
            found.append(
                rules.NothingInterchanged(
                    span=ref.span, text=text, problem=f"no line is about `{ref.name}`"
                )
            )
            return None
        shape = split_ref(ref)
        if shape is None or not any(shape[1] in each.by_family for each in world.algorithms):
            name = str(ref.name)
            if not world.silent(name):
                found.append(_unknown(world.text(ref.span), ref.span, evidence))
            return None
        family = meant(ref, world, found, about=_about(ref, shape[1], evidence))
        if family is None:
            return None
        families.append(family)
    lines = evidence.by_set
    free = _free(families)
    if not free:
        return _one_set(metric, families, lines, evidence)
    count = 1
    for span in free.values():
        count *= len(span)
    matched = []
    for values in itertools.product(*free.values()) if count <= MOST_INDICES else ():
        binding = dict(zip(free, values, strict=True))
        wanted = _elements(families, binding, world, [])
        hits = lines.get((families[0].algorithm.name, wanted), ()) if wanted else ()
        if len(hits) > 1:
            _several(metric, wanted or frozenset(), hits, evidence)
            return None
        if hits:
            matched.append(Subjects(tuple(sorted(binding.items())), tuple(hits)))
    if not matched:
        names = [f"`{family.family.name}`" for family in families]
        found.append(
            rules.NoIndex(
                span=metric.span,
                families=" and ".join(names),
                example=families[0].family.members[0],
            )
        )
        return None
    return matched


def _about(ref: ast.Ref, name: str, evidence: Evidence) -> Algorithm | None:
    """With rivals that share a variable: the one whose lines set it, if that is one only."""
    if ref.parts and isinstance(ref.parts[0], ast.Field):
        return None
    world = evidence.world
    having = evidence.owners.get(name, set())
    return world.named(next(iter(having))) if len(having) == 1 else None


def _free(families: Sequence[Meant]) -> dict[str, range]:
    """Free index names and the values worth trying."""
    found: dict[str, range] = {}
    for family in families:
        for place, index in enumerate(family.indices):
            if isinstance(index, ast.Binder):
                low, high = constant(index.low, {}), constant(index.high, {})
                if low is not None and high is not None:
                    found[str(index.name)] = range(low, high + 1)
                continue
            for part in ast.walk(index):
                if not isinstance(part, ast.Ref) or part.parts:
                    continue
                if place < len(family.family.ranges):
                    low, high = family.family.ranges[place]
                    found.setdefault(str(part.name), range(low, high + 1))
    return found


def _elements(
    families: Sequence[Meant], binding: Mapping[str, int], world: World, found: list[Rule]
) -> frozenset[str] | None:
    chosen: set[str] = set()
    for family in families:
        if not family.indices:
            chosen.update(family.family.members)
            continue
        one = element_of(family, binding, world, found)
        if one is None:
            return None
        chosen.add(one)
    return frozenset(chosen)


def _one_set(
    metric: ast.Metric,
    families: Sequence[Meant],
    lines: Mapping[tuple[str, frozenset[str]], tuple[int, ...]],
    evidence: Evidence,
) -> list[Subjects] | None:
    wanted = _elements(families, {}, evidence.world, evidence.found)
    if wanted is None:
        return None
    hits = lines.get((families[0].algorithm.name, wanted), ())
    if len(hits) == 1:
        return [Subjects((), hits)]
    if hits:
        _several(metric, wanted, hits, evidence)
        return None
    names = [name for family in families for name in sorted(wanted) if _in(name, family)]
    near = [line.name for line in evidence.lines if not wanted.isdisjoint(line.variables)]
    change = (
        f"there is {listed(near, 3)}; or add `interchange {', '.join(dict.fromkeys(names))}`"
        if near
        else f"add `interchange {', '.join(dict.fromkeys(names))}` to the counterfactuals"
    )
    evidence.found.append(
        rules.NoSuchLine(span=metric.span, variables=listed(names), change=change)
    )
    return None


def _in(name: str, family: Meant) -> bool:
    return name in family.family.members


def _several(
    metric: ast.Metric, wanted: frozenset[str], hits: Sequence[int], evidence: Evidence
) -> None:
    lines = [evidence.lines[i] for i in hits]
    titles = [line.name for line in lines if line.name in evidence.titles()]
    change = (
        f"write `{metric.name} of {titles[0]}`"
        if titles
        else f"name the line: `interchange {', '.join(lines[0].variables)} as NAME`"
    )
    evidence.found.append(
        rules.SeveralLines(
            span=metric.span,
            count=str(len(hits)),
            variables=listed(sorted(wanted)),
            change=change,
            first=lines[0].span,
        )
    )


def _unknown(
    name: str, span: Span, evidence: Evidence, *, circuits: bool = False
) -> rules.UnknownSubject:
    families = [f for a in evidence.world.algorithms for f in a.by_family]
    names = [*evidence.titles(), *families, *(a.name for a in evidence.world.algorithms)]
    names = sorted(evidence.circuits) if circuits else [*names, *evidence.circuits]
    suggestion = nearest(name, names)
    options = f"write the name of a circuit: {listed(names)}" if circuits else ""
    if any(alignment.name == name for alignment in evidence.alignments):
        options, suggestion = f"`{name}` is an alignment: write `in {name}`", None
    elif name in evidence.circuits:
        options = f"`{name}` is a circuit: ask its `faithfulness`, or `iia` of a variable"
        suggestion = None
    elif not circuits:
        options = f"write one of {listed(list(dict.fromkeys(names)))}"
    return rules.UnknownSubject(span=span, name=name, suggestion=suggestion, options=options)
