"""Expectations and reports: AST to quantities with bounds, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from causalabs.algorithm.names import nearest
from causalabs.diagnostics import Rule, Span
from causalabs.hypothesis import registry, rules_expectations as rules, rules_file
from causalabs.hypothesis.circuit_rules import COMPARED
from causalabs.hypothesis.meaning import listed, shortened
from causalabs.hypothesis.model import (
    AnyOf,
    Expectation,
    Patching,
    Quantity,
    Several,
    Space,
    Term,
)
from causalabs.hypothesis.modifiers import modifiers_fit
from causalabs.hypothesis.patching import is_patched, read_map
from causalabs.hypothesis.subjects import Evidence, Indices
from causalabs.hypothesis.terms import fitted, read_metric, spaces_of
from causalabs.hypothesis.wording import metric_text, node_text, quantity_text
from causalabs.syntax import ast

COMPARISONS = (">=", "<=", ">", "<")
AXES = ("layer", "head", "token", "dims", "step", "position", "module", "edges")


@dataclass(frozen=True)
class Stated:
    """What a file expects and reports; `split_span` is where its splits are dealt."""

    expectations: tuple[Expectation, ...]
    reports: tuple[Quantity, ...]
    maps: tuple[Patching, ...] = ()


def resolve_expectations(
    items: Sequence[ast.Expect | ast.Report],
    evidence: Evidence,
    split: ast.Split | None,
    seeds: tuple[int, ...],
) -> tuple[Stated, list[Rule]]:
    """Quantities and bounds; a family index makes one expectation for each of its values."""
    expectations: list[Expectation] = []
    reports: list[Quantity] = []
    maps: list[Patching] = []
    seen: dict[object, Span] = {}
    for item in items:
        before = len(evidence.found)
        if any(is_patched(metric) for metric in item.metrics):
            maps += [each for each in [read_map(item, _split(item, evidence), evidence)] if each]
            continue
        quantities = _quantities(item, evidence, split, seeds)
        if isinstance(item, ast.Report):
            _axes(item, evidence)
            reports += quantities
            _repeated(item, quantities, None, seen, evidence)
            continue
        comparison = str(item.operator)
        if comparison not in COMPARISONS:
            evidence.found.append(rules.NotABound(span=item.operator.span, comparison=comparison))
            continue
        _bound(item, evidence)
        _repeated(item, quantities, (comparison, item.bound.value), seen, evidence)
        if not any(rule.severity == "error" for rule in evidence.found[before:]):
            expectations += [
                Expectation(each, comparison, item.bound.value)  # type: ignore[arg-type]
                for each in quantities
            ]
    return Stated(tuple(expectations), tuple(reports), tuple(maps)), evidence.found


def _repeated(
    item: ast.Expect | ast.Report,
    quantities: Iterable[Quantity],
    bound: object,
    seen: dict[object, Span],
    evidence: Evidence,
) -> None:
    for each in quantities:
        key = (each.terms, each.split, each.axes, bound)
        first = seen.setdefault(key, item.span)
        if first != item.span:
            evidence.found.append(
                rules.SameExpectation(span=item.span, text=each.text, first=first)
            )
            return


# -------------------------------------------------------------------- quantities


def _quantities(
    item: ast.Expect | ast.Report,
    evidence: Evidence,
    split: ast.Split | None,
    seeds: tuple[int, ...],
) -> list[Quantity]:
    world, found = evidence.world, evidence.found
    read = [
        read_metric(metric, 1 if place == 0 else -1, item.control, evidence)
        for place, metric in enumerate(item.metrics)
    ]
    on = _split(item, evidence)
    every = isinstance(item, ast.Expect) and item.seeds
    if every and len(seeds) == 1:
        words = node_text(every, world)
        found.append(rules_file.OneSeed(span=every.span, words=words))
    parts = [terms for terms in read if terms is not None]
    if len(parts) < len(read):
        return []
    joined = _joined(parts)
    if not modifiers_fit(item, [term for _, terms in joined for term in terms], evidence):
        return []
    if not joined:
        found.append(
            rules.NoIndex(
                span=item.metrics[0].span, families="both sides", example="... for each index"
            )
        )
        return []
    rest = ""
    axes: tuple[tuple[str, tuple[int, ...]], ...] = ()
    if isinstance(item, ast.Report) and item.axes:
        rest = "over " + " * ".join(node_text(axis, world) for axis in item.axes)
        axes = tuple(
            (str(a.name), tuple(a.over.values[:1000]) if a.over else ()) for a in item.axes
        )
    line, _ = world.source.locate(item.span[0])
    quantities = [
        Quantity(
            text=quantity_text(item.metrics, dict(indices), world, on, item.control, rest),
            terms=terms,
            split=on,
            line=line,
            seeds="every" if isinstance(every, ast.EverySeed) else "over",
            axes=axes,
            span=item.span,
        )
        for indices, terms in joined
    ]
    if isinstance(item, ast.Expect):
        _judged_on_fitted(item, quantities[0], on, evidence, split)
    return quantities


def _joined(
    parts: Sequence[list[tuple[Indices, Term]]],
) -> list[tuple[Indices, tuple[Term, ...]]]:
    """Terms that go together: equal indices where they share a name."""
    found: list[tuple[dict[str, int], tuple[Term, ...]]] = [({}, ())]
    for terms in parts:
        found = [
            ({**known, **dict(indices)}, (*before, term))
            for known, before in found
            for indices, term in terms
            if all(known.get(name, value) == value for name, value in indices)
        ]
    return [(tuple(sorted(indices.items())), terms) for indices, terms in found]


def _split(item: ast.Expect | ast.Report, evidence: Evidence) -> str | None:
    """The split that a line is measured on; without `on` the one that judges."""
    kinds = [registry.find(registry.MetricKind, str(metric.name)) for metric in item.metrics]
    edges = all(str(metric.name) in (*COMPARED, "edges") for metric in item.metrics)
    if edges:
        if item.split is not None:
            evidence.found.append(
                rules.WrongQualifier(
                    span=item.split.span,
                    metric=str(item.metrics[0].name),
                    problem="compares edges and takes no split",
                    usage=node_text(item.metrics[0], evidence.world),
                )
            )
        return None
    if evidence.counts is None or None in kinds:
        return str(item.split) if item.split is not None else None
    names = [name for name, _ in evidence.counts.splits]
    if item.split is None:
        judging = [name for name in names if _use(name) == "judge"]
        if len(judging) == 1:
            return judging[0]
        text = " - ".join(metric_text(metric, {}, evidence.world) for metric in item.metrics)
        evidence.found.append(
            rules.WhichSplit(span=item.span, text=text, split=(judging or names)[0])
        )
        return None
    name = str(item.split)
    if name not in names:
        from causalabs.hypothesis.rules_drawing import UnknownSplit

        evidence.found.append(
            UnknownSplit(
                span=item.split.span,
                name=name,
                suggestion=nearest(name, names),
                splits=listed(names),
            )
        )
    return name


def _use(split: str) -> str:
    role = registry.find(registry.SplitRole, split)
    return role.use if role else "judge"


def _axes(item: ast.Report, evidence: Evidence) -> None:
    for axis in item.axes:
        if str(axis.name) not in AXES:
            evidence.found.append(
                rules.UnknownAxis(
                    span=axis.name.span,
                    name=str(axis.name),
                    suggestion=nearest(axis.name, AXES),
                    axes=listed(AXES),
                )
            )


# ------------------------------------------------------------------------ fitting


def searched(space: Space) -> int:
    """Number of places that are chosen among; 1 is no search, 0 an unknown number."""
    if len(space.labels) > 1:
        return len(space.labels)
    sites = (s for m in space.members for c in m.choices for s in (*c.writes, *c.reads))
    return 0 if any(_any(site.position) for site in sites) else 1


def _any(position: object) -> bool:
    if isinstance(position, Several):
        return any(_any(each) for each in position.positions)
    return isinstance(position, AnyOf)


def _judged_on_fitted(
    item: ast.Expect,
    quantity: Quantity,
    on: str | None,
    evidence: Evidence,
    split: ast.Split | None,
) -> None:
    use = _use(on) if on is not None else "judge"
    if use == "judge" or on is None or split is None:
        return
    share = next((each for each in split.shares if str(each.name) == on), None)
    if share is None:
        return
    for term in quantity.terms:
        for space in spaces_of(term, evidence):
            tainted = fitted(space) if use == "fit" else searched(space) != 1
            if tainted:
                evidence.found.append(
                    rules.JudgedOnFitted(
                        span=item.split.span if item.split is not None else item.span,
                        text=" - ".join(each.text for each in quantity.terms),
                        split=on,
                        verb="fits" if use == "fit" else "chooses",
                        name=space.members[0].variable,
                        aligned=space.span,
                        dealt=share.span,
                    )
                )
                return


def fitting_rules(
    items: Sequence[ast.Expect | ast.Report],
    evidence: Evidence,
    split: ast.Split | None,
    *,
    lost: bool = False,
) -> list[Rule]:
    """Fits without `train`, searches without `select`, and fits without any control.

    `lost`: some line of the file could not be read, which may have been the control.
    """
    if evidence.counts is None:
        return []
    found: list[Rule] = []
    names = {name for name, _ in evidence.counts.splits}
    spaces = [space for alignment in evidence.alignments for space in alignment.spaces]
    fits = [space for space in spaces if fitted(space)]
    dealt = split.span if split is not None else None
    if fits and "train" not in names:
        kind = f"{fits[0].basis.kind} dims"
        found.append(rules_file.NoTrain(span=fits[0].span, basis=kind, first=dealt))
    searches = [space for space in spaces if searched(space) != 1]
    if searches and "select" not in names:
        space = searches[0]
        count = f"{searched(space)} places" if searched(space) else "several places"
        name = space.members[0].variable
        found.append(rules_file.NoSelect(span=space.span, name=name, count=count, first=dealt))
    controlled = any(
        item.control is not None
        or any(isinstance(q, ast.Under) for metric in item.metrics for q in metric.qualifiers)
        for item in items
    )
    expected = [item for item in items if isinstance(item, ast.Expect)]
    if fits and not controlled and expected and not lost:
        # Accuracy is the network's own: a control of it would control nothing that was fitted.
        of_fits = [item for item in expected if item.metrics[0].name != "accuracy"]
        metric = metric_text(of_fits[0].metrics[0], {}, evidence.world) if of_fits else "iia"
        on = str((of_fits or expected)[0].split or "heldout")
        kind = f"{fits[0].basis.kind} dims"
        found.append(rules_file.NoControl(span=fits[0].span, basis=kind, metric=metric, split=on))
    return found


# ------------------------------------------------------------------------- bounds


def value_range(metrics: Sequence[ast.Metric]) -> tuple[float | None, float | None]:
    """Between which values a quantity lies, None where it is not bounded."""
    low: float | None = 0.0
    high: float | None = 0.0
    for place, metric in enumerate(metrics):
        kind = registry.find(registry.MetricKind, str(metric.name))
        below, above = (kind.low, kind.high) if kind else (None, None)
        if place:
            below, above = (
                None if above is None else -above,
                None if below is None else -below,
            )
        low = None if low is None or below is None else low + below
        high = None if high is None or above is None else high + above
    return low, high


def _bound(item: ast.Expect, evidence: Evidence) -> None:
    """Reports bounds that nothing, or everything, meets."""
    low, high = value_range(item.metrics)
    bound, comparison = item.bound.value, str(item.operator)
    if comparison in ("<", "<="):
        # The mirror image: `m <= b` is `-m >= -b`.
        low, high = (None if high is None else -high), (None if low is None else -low)
        bound = -bound
    strict = comparison in (">", "<")
    never = high is not None and (bound >= high if strict else bound > high)
    always = low is not None and (bound < low if strict else bound <= low)
    if not (never or always):
        return
    kind = rules.CannotBeMet if never else rules.AlwaysMet
    lowest, highest = value_range(item.metrics)
    evidence.found.append(
        kind(
            span=item.bound.span,
            comparison=comparison,
            bound=shortened(node_text(item.bound, evidence.world)),
            text=" - ".join(metric_text(each, {}, evidence.world) for each in item.metrics),
            low="-infinity" if lowest is None else f"{lowest:g}",
            high="infinity" if highest is None else f"{highest:g}",
        )
    )
