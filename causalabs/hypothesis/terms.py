"""Metrics: what each is asked of, resolved to lines, an alignment and a control."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from causalabs.algorithm.model import Algorithm
from causalabs.algorithm.names import nearest
from causalabs.diagnostics import Rule, Source, Span
from causalabs.hypothesis import registry
from causalabs.hypothesis import rules_expectations as rules
from causalabs.hypothesis.meaning import (
    Meant,
    World,
    constant,
    element_of,
    listed,
    meant,
    split_ref,
)
from causalabs.hypothesis.model import Alignment, Control, Counterfactuals, Line, Space, Term
from causalabs.hypothesis.refs import Findings
from causalabs.hypothesis.settings import call_settings
from causalabs.hypothesis.wording import metric_text
from causalabs.syntax import ast

MOST_INDICES = 10_000
UNFITTED = frozenset({"whole", "neurons", "fixed", "sae", "random"})
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


def fitted(space: Space) -> bool:
    """Whether the coordinates of a space are found from data."""
    return space.basis.kind not in UNFITTED


def read_metric(
    metric: ast.Metric, sign: Literal[1, -1], control: ast.Under | None, evidence: Evidence
) -> list[tuple[Indices, Term]] | None:
    """The terms that a metric stands for, by the values of its free indices.

    `control` is the line's own; None is returned for what cannot be resolved.
    """
    found, world = evidence.found, evidence.world
    before = len(found)
    kind = registry.find(registry.MetricKind, str(metric.name))
    if kind is None:
        metrics = registry.names(registry.MetricKind)
        found.append(
            rules.UnknownMetric(
                span=metric.name.span,
                name=str(metric.name),
                suggestion=nearest(metric.name, metrics),
                metrics=listed(metrics, 20),
            )
        )
    modifiers = registry.names(registry.Modifier)
    if metric.modifier is not None and str(metric.modifier) not in modifiers:
        found.append(
            rules.WrongQualifier(
                span=metric.modifier.span,
                metric=str(metric.name),
                problem=f"is not qualified by `{metric.modifier}`",
                usage=f"{nearest(metric.modifier, modifiers) or modifiers[0]} {metric.name}",
            )
        )
    under = next((q for q in metric.qualifiers if isinstance(q, ast.Under)), control)
    chosen = read_control(under, world.source, found)
    if kind is None:
        return None
    _qualifiers(metric, kind, world, found)
    if len(found) > before or (evidence.counts is None and kind.of != "circuit"):
        return None
    subjects = _subjects(metric, kind, evidence)
    if subjects is None:
        return None
    terms = []
    for each in subjects:
        term = _term(metric, kind, sign, chosen, each, evidence)
        if term is None:
            return None
        terms.append((each.indices, term))
    if under is not None and terms:
        _idle(under, metric, terms[0][1], evidence)
    return terms


def read_control(under: ast.Under | None, source: Source, found: list[Rule]) -> Control:
    """A control by name, with its settings."""
    if under is None:
        return Control()
    node = under.control
    name = node.function if isinstance(node, ast.Call) else node
    kind = registry.find(registry.ControlKind, str(name))
    controls = registry.names(registry.ControlKind)
    if kind is None:
        found.append(
            rules.UnknownControl(
                span=name.span,
                name=str(name),
                suggestion=nearest(name, controls),
                controls=listed(controls),
            )
        )
        return Control()
    told = Findings(source)
    settings = call_settings(node, kind, told)
    found += told.rules
    return Control(kind.name, settings or ())


def _qualifiers(
    metric: ast.Metric, kind: registry.MetricKind, world: World, found: list[Rule]
) -> None:
    """Whether a metric is given what it takes, each once."""
    name = str(metric.name)
    usage = {"network": name, "circuit": f"{name} of CIRCUIT against OTHER"}.get(
        kind.of, f"{name} of VARIABLE"
    )
    if kind.of == "circuit" and name not in ("precision", "recall"):
        usage = f"{name} of CIRCUIT"
    seen: set[type[ast.Node]] = set()
    for qualifier in metric.qualifiers:
        word = world.text(qualifier.span).partition(" ")[0]
        wrong = (
            (kind.of == "network" and not isinstance(qualifier, ast.Under))
            or (kind.of == "circuit" and isinstance(qualifier, ast.In))
            or (kind.of != "circuit" and isinstance(qualifier, ast.Against))
        )
        if wrong or type(qualifier) in seen:
            problem = f"is given two `{word}`" if not wrong else f"takes no `{word}`"
            found.append(
                rules.WrongQualifier(span=qualifier.span, metric=name, problem=problem, usage=usage)
            )
        seen.add(type(qualifier))
    if kind.of == "circuit":
        needed = {ast.Of: "of"} | (
            {ast.Against: "against"} if name in ("precision", "recall") else {}
        )
        missing = [f"`{word}`" for each, word in needed.items() if each not in seen]
        if missing:
            problem = f"needs {' and '.join(missing)}"
            found.append(
                rules.WrongQualifier(span=metric.span, metric=name, problem=problem, usage=usage)
            )


# ---------------------------------------------------------------------- subjects


def _subjects(
    metric: ast.Metric, kind: registry.MetricKind, evidence: Evidence
) -> list[Subjects] | None:
    refs = _refs(metric)
    if kind.of == "circuit":
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
        elif isinstance(qualifier, ast.Between):
            found += qualifier.left + qualifier.right
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
    inside = _inside(metric)
    if inside is not None:
        alignment = next((a for a in evidence.alignments if a.name == str(inside)), None)
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
    elif not circuits:
        options = f"write one of {listed(list(dict.fromkeys(names)))}"
    return rules.UnknownSubject(span=span, name=name, suggestion=suggestion, options=options)


# -------------------------------------------------------------------- alignments


def _inside(metric: ast.Metric) -> ast.Name | None:
    return next((q.name for q in metric.qualifiers if isinstance(q, ast.In)), None)


def _term(
    metric: ast.Metric,
    kind: registry.MetricKind,
    sign: Literal[1, -1],
    control: Control,
    subjects: Subjects,
    evidence: Evidence,
) -> Term | None:
    text = metric_text(metric, dict(subjects.indices), evidence.world)
    lines = [evidence.lines[i] for i in subjects.lines]
    algorithm = lines[0].algorithm if lines else ""
    alignment = ""
    if lines:
        place = _alignment(metric, text, lines, evidence)
        if place is None:
            return None
        alignment = place
    elif (inside := _inside(metric)) is not None and not _known(inside, evidence):
        return None
    return Term(
        metric=kind.name,
        text=text,
        sign=sign,
        lines=subjects.lines,
        alignment=alignment,
        algorithm=algorithm,
        control=control,
        subjects=subjects.names,
    )


def _known(name: ast.Name, evidence: Evidence) -> bool:
    names = [alignment.name for alignment in evidence.alignments]
    if str(name) in names:
        return True
    if evidence.whole:
        evidence.found.append(
            rules.UnknownAlignment(
                span=name.span,
                name=str(name),
                suggestion=nearest(name, names),
                options=f"the alignments are {listed(names)}",
            )
        )
    return False


def _alignment(
    metric: ast.Metric, text: str, lines: Sequence[Line], evidence: Evidence
) -> str | None:
    """The one alignment that places all variables of the lines, or the one that is named."""
    wanted = {variable for line in lines for variable in line.variables}
    about = {line.algorithm for line in lines}
    inside = _inside(metric)
    if inside is not None:
        if not _known(inside, evidence):
            return None
        chosen = next(a for a in evidence.alignments if a.name == str(inside))
        missing = sorted(wanted - evidence.aligned[chosen.name])
        if missing or about != {chosen.algorithm}:
            missing = missing or sorted(wanted)
            _not_placed(metric, f"alignment `{chosen.name}` nowhere", missing, evidence)
            return None
        return chosen.name
    mine = [a for a in evidence.alignments if {a.algorithm} == about]
    fitting = [a for a in mine if wanted <= evidence.aligned[a.name]]
    if len(fitting) == 1:
        return fitting[0].name
    if not fitting:
        _not_placed(metric, "no one alignment", sorted(wanted), evidence)
        return None
    names = [alignment.name for alignment in fitting]
    evidence.found.append(
        rules.WhichAlignment(
            span=metric.span, text=text, options=listed(names), example=f"{text} in {names[0]}"
        )
    )
    return None


def _not_placed(metric: ast.Metric, who: str, variables: Sequence[str], evidence: Evidence) -> None:
    if evidence.whole:
        evidence.found.append(
            rules.NotPlaced(span=metric.span, alignment=who, variables=listed(variables))
        )


# ---------------------------------------------------------------------- controls


def spaces_of(term: Term, evidence: Evidence) -> list[Space]:
    """The spaces that a term's interchanges are written in."""
    wanted = {v: None for i in term.lines for v in evidence.lines[i].variables}
    found = (s for v in wanted for s in evidence.places.get((term.alignment, v), ()))
    return list({id(space): space for space in found}.values())


def _idle(under: ast.Under, metric: ast.Metric, term: Term, evidence: Evidence) -> None:
    """Reports a control that leaves what is measured as it is."""
    spaces = spaces_of(term, evidence)
    lines = [evidence.lines[i] for i in term.lines]
    name, reason = term.control.name, ""
    if not lines and name in ("random_basis", "shuffled_sources", "random_sites"):
        if term.metric in ("accuracy",):
            reason = "it speaks of the network as it stands"
    elif name == "random_basis" and not any(fitted(space) for space in spaces):
        reason = "no basis is fitted"
    elif name == "shuffled_sources" and all(line.sources == 0 for line in lines):
        reason = "nothing is taken from a source"
    elif name == "random_sites" and not any(_movable(space) for space in spaces):
        reason = "there is no other site of the kind"
    if reason:
        evidence.found.append(
            rules.IdleControl(
                span=under.span,
                control=name,
                text=metric_text(metric, {}, evidence.world),
                reason=reason,
                change="use `under untrained`, or remove the control",
            )
        )


def _movable(space: Space) -> bool:
    return any(
        site.layer is not None or site.head is not None
        for member in space.members
        for choice in member.choices
        for site in choice.writes
    )
