"""Metrics: terms of lines, an alignment and a control."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from causalabs.algorithm.names import nearest
from causalabs.diagnostics import Rule, Source
from causalabs.hypothesis import registry, rules_expectations as rules
from causalabs.hypothesis.bases import COUNTED
from causalabs.hypothesis.circuit_rules import BY, COMPARED, MADE_OF
from causalabs.hypothesis.meaning import (
    World,
    listed,
)
from causalabs.hypothesis.model import AtIndex, AtStep, Control, Line, Space, Term
from causalabs.hypothesis.modifiers import modifier_of
from causalabs.hypothesis.refs import Findings
from causalabs.hypothesis.replacements import RECOVERED, recovered
from causalabs.hypothesis.rules_controls import NoMeaning
from causalabs.hypothesis.screening import BETWEEN, SCREENS_OFF, read_between
from causalabs.hypothesis.scrubbing import SCRUBBED, scrubbed_alignment
from causalabs.hypothesis.settings import call_settings
from causalabs.hypothesis.subjects import Evidence, Indices, Subjects, inside, subjects_of
from causalabs.hypothesis.whole import clash
from causalabs.hypothesis.wording import metric_text
from causalabs.syntax import ast

KL = "kl"


def fitted(space: Space) -> bool:
    """Whether the coordinates of a space are found from data."""
    kind = registry.find(registry.BasisKind, space.basis.kind)
    if kind is None or kind.learns == "always":
        return True
    return kind.learns == "counted" and COUNTED in dict(space.basis.settings)


def drawn(space: Space) -> bool:
    """Whether `random_basis` draws other coordinates in place of a space's."""
    kind = registry.find(registry.BasisKind, space.basis.kind)
    return kind is None or kind.drawn


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
                metrics=listed(metrics, 40),
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
    if kind.of == "alignment":
        subjects: list[Subjects] | None = [Subjects((), ())]
    elif kind.of == "replacement":
        subjects = recovered(metric, evidence)
    else:
        subjects = subjects_of(metric, kind, evidence)
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
    usages = {
        "network": name,
        "circuit": f"{name} of CIRCUIT against OTHER",
        "alignment": f"{name} in ALIGNMENT",
        "replacement": f"{name} of REPLACEMENT",
    }
    usage = usages.get(kind.of, f"{name} of VARIABLE")
    if kind.of == "circuit" and name not in COMPARED:
        usage = f"{name} of CIRCUIT"
    seen: set[type[ast.Node]] = set()
    for qualifier in metric.qualifiers:
        word = world.text(qualifier.span).partition(" ")[0]
        wrong = (
            (kind.of == "network" and not isinstance(qualifier, ast.Under))
            or (kind.of in ("circuit", "replacement") and isinstance(qualifier, ast.In))
            or (name not in (*COMPARED, RECOVERED) and isinstance(qualifier, ast.Against))
            or (name not in BY and isinstance(qualifier, ast.By))
            or (name not in BETWEEN and isinstance(qualifier, ast.Between))
        )
        if wrong or type(qualifier) in seen:
            problem = f"is given two `{word}`" if not wrong else f"takes no `{word}`"
            found.append(
                rules.WrongQualifier(span=qualifier.span, metric=name, problem=problem, usage=usage)
            )
        seen.add(type(qualifier))
    if kind.of == "circuit":
        needed = {ast.Of: "of"} | ({ast.Against: "against"} if name in COMPARED else {})
        missing = [f"`{word}`" for each, word in needed.items() if each not in seen]
        if missing:
            problem = f"needs {' and '.join(missing)}"
            found.append(
                rules.WrongQualifier(span=metric.span, metric=name, problem=problem, usage=usage)
            )


# -------------------------------------------------------------------- alignments


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
    if kind.of == "alignment":
        scrubbed = scrubbed_alignment(metric, evidence)
        if scrubbed is None:
            return None
        alignment, algorithm = scrubbed.name, scrubbed.algorithm
    elif lines:
        place = _alignment(metric, text, lines, evidence)
        if place is None:
            return None
        alignment = place
    elif (named := inside(metric)) is not None and not _known(named, evidence):
        return None
    if kind.name == KL and not lines and not subjects.names:
        usage = "kl of an interchange, or `loss` of the network"
        problem = "compares two runs of the network"
        evidence.found.append(
            rules.WrongQualifier(span=metric.span, metric=KL, problem=problem, usage=usage)
        )
        return None
    between = read_between(metric, lines, dict(subjects.indices), evidence)
    if between is None:
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
        between=between,
        by=_made_of(metric, evidence) if subjects.names else "",
        modifier=modifier_of(metric),
    )


def _made_of(metric: ast.Metric, evidence: Evidence) -> str:
    """The metric that a circuit's is made of, "" where the file does not say."""
    node = next((q.method for q in metric.qualifiers if isinstance(q, ast.By)), None)
    if node is None:
        return ""
    name = str(node.function if isinstance(node, ast.Call) else node)
    if name not in MADE_OF:
        evidence.found.append(
            rules.WrongQualifier(
                span=node.span,
                metric=str(metric.name),
                problem=f"cannot be made by `{name}`",
                usage=f"by {nearest(name, MADE_OF) or MADE_OF[0]}",
            )
        )
    return name


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
    named = inside(metric)
    if named is not None:
        if not _known(named, evidence):
            return None
        chosen = next(a for a in evidence.alignments if a.name == str(named))
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


OF_LINES = (
    "random_basis",
    "shuffled_sources",
    "random_sites",
    "wrong_algorithm",
    "whole_site",
    "left_alone",
    "chance",
)
"""Controls that change what is interchanged, and so nothing about the network as it stands."""


def spaces_of(term: Term, evidence: Evidence) -> list[Space]:
    """The spaces that are written for a term."""
    if term.metric == SCRUBBED:  # of all that is aligned
        named = (each for each in evidence.alignments if each.name == term.alignment)
        return [space for alignment in named for space in alignment.spaces]
    wanted = {v: None for i in term.lines for v in evidence.lines[i].variables}
    found = (s for v in wanted for s in evidence.places.get((term.alignment, v), ()))
    return list({id(space): space for space in found}.values())


def _idle(under: ast.Under, metric: ast.Metric, term: Term, evidence: Evidence) -> None:
    """Reports a control that leaves what is measured as it is."""
    spaces = spaces_of(term, evidence)
    lines = [evidence.lines[i] for i in term.lines]
    name, reason = term.control.name, ""
    if (unmeant := _unmeant(name, term, lines, spaces)) != ("", ""):
        why, change = unmeant
        text = metric_text(metric, {}, evidence.world)
        evidence.found.append(
            NoMeaning(span=under.span, text=text, control=name, reason=why, change=change)
        )
    elif term.subjects and name in OF_LINES:
        if name != "shuffled_sources" or term.metric in COMPARED:
            reason = "it speaks of edges, and no variable is interchanged"
    elif name == "random_circuit":
        reason = "" if term.subjects else "no circuit is measured"
    elif not lines and name in OF_LINES:
        if term.metric in ("accuracy",):
            reason = "it speaks of the network as it stands"
    elif name == "random_basis" and not any(drawn(space) for space in spaces):
        reason = "no basis is fitted"
    elif (
        name == "shuffled_sources"
        and all(line.sources == 0 for line in lines)
        and (term.metric != SCRUBBED or not any(fitted(space) for space in spaces))
    ):
        reason = "nothing is taken from a source"
    elif name == "whole_site" and all(s.basis.kind == "whole" for s in spaces):
        reason = "the whole site is interchanged as it is"
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


def _unmeant(
    name: str, term: Term, lines: Sequence[Line], spaces: Sequence[Space]
) -> tuple[str, str]:
    """Why a metric has no meaning under a control, and what to write instead."""
    if name == "chance" and term.metric not in ("iia", "accuracy"):
        return "one answer has no scores", "use `under left_alone`, or measure `iia`"
    if name in ("chance", "left_alone") and term.metric == SCREENS_OFF:
        return "nothing is interchanged", "use `under untrained`"
    if name and term.metric == RECOVERED:
        beside = "replace it `by` another variable `as NAME`, and expect less of that"
        return "a replacement fits one network as it stands", beside
    clashes = [clash(line, spaces) for line in lines if name == "whole_site"]
    why = next((each for each in clashes if each), "")
    return (
        (why, "name the interchanges that can be made, or remove the control") if why else ("", "")
    )


def _movable(space: Space) -> bool:
    return any(
        site.layer is not None
        or site.head is not None
        or site.component == "module"
        or isinstance(site.position, (AtStep, AtIndex))
        for member in space.members
        for choice in member.choices
        for site in choice.writes
    )
