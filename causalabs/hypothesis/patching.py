"""`report patched METRIC over AXES`: what is patched place by place, and between which runs.

`report restored METRIC by noise(slot = ...) over AXES` is causal tracing: noise on a slot, and
one place after another restored to what it holds without.
"""

from __future__ import annotations

from collections.abc import Sequence

from causalabs.algorithm.names import nearest
from causalabs.hypothesis import registry, rules_expectations as rules
from causalabs.hypothesis.meaning import listed
from causalabs.hypothesis.model import Line, Noise, Patching
from causalabs.hypothesis.refs import Findings
from causalabs.hypothesis.settings import call_settings
from causalabs.hypothesis.subjects import Evidence, subjects_of
from causalabs.hypothesis.wording import node_text, quantity_text
from causalabs.syntax import ast

PATCHED = "patched"
RESTORED = "restored"
METRICS = ("logit_difference", "mass", "loss", "kl")
AXES = ("layer", "position", "head", "component", "step", "dims")
METHODS = ("exact", "attribution")
NOISE = registry.Entry(
    "noise",
    (
        registry.Parameter("slot", "name"),
        registry.Parameter("deviations", "number", default=3.0, low=0.01, high=1000.0),
        registry.Parameter("draws", "int", default=1, low=1, high=100),
    ),
)
USAGE = "report patched logit_difference over layer * position"


def is_patched(metric: ast.Metric) -> bool:
    """Whether a metric is asked of patched runs."""
    return metric.modifier is not None and str(metric.modifier) in (PATCHED, RESTORED)


def read_map(
    item: ast.Expect | ast.Report, split: str | None, evidence: Evidence
) -> Patching | None:
    """The map that a line asks for; None, reported, where it cannot be read."""
    metric = item.metrics[0]
    if not isinstance(item, ast.Report) or not item.axes or len(item.metrics) > 1:
        _wrong(metric, "is a map: it is reported over places, and has no bound", evidence)
        return None
    if item.control is not None:
        _wrong(metric, "takes no `under`: nothing is fitted", evidence)
        return None
    if str(metric.name) not in METRICS:
        shown = listed(METRICS).replace("`", "")
        _wrong(metric, f"cannot be patched: it is none of {shown}", evidence)
        return None
    noise = _noise(metric, evidence) if str(metric.modifier) == RESTORED else None
    if str(metric.modifier) == RESTORED and noise is None:
        return None
    method = _method(metric, evidence)
    axes = _axes(item, evidence)
    pairs = _pairs(metric, evidence)
    if method is None or axes is None or pairs is None:
        return None
    world = evidence.world
    rest = "over " + " * ".join(node_text(axis, world) for axis in item.axes)
    line, _ = world.source.locate(item.span[0])
    return Patching(
        text=quantity_text(item.metrics, {}, world, split, None, rest),
        metric=str(metric.name),
        pairs=pairs,
        split=split or "",
        axes=axes,
        method="attribution" if method == "attribution" else "exact",
        line=line,
        noise=noise,
    )


def _wrong(metric: ast.Metric, problem: str, evidence: Evidence, usage: str = USAGE) -> None:
    evidence.found.append(
        rules.WrongQualifier(
            span=metric.span,
            metric=f"{metric.modifier} {metric.name}",
            problem=problem,
            usage=usage,
        )
    )


def _noise(metric: ast.Metric, evidence: Evidence) -> Noise | None:
    """The noise that a restored metric is asked under; None, reported, where it is unclear."""
    by = next((q for q in metric.qualifiers if isinstance(q, ast.By)), None)
    call = by.method if by is not None else None
    usage = f"restored {metric.name} by noise(slot = NAME)"
    if not isinstance(call, ast.Call) or str(call.function) != NOISE.name:
        _wrong(metric, "says no noise to restore it from", evidence, usage)
        return None
    found = Findings(evidence.world.source)
    settings = call_settings(call, NOISE, found)
    evidence.found += found.rules
    if settings is None:
        return None
    given = dict(settings)
    slot, algorithms = str(given["slot"]), evidence.world.algorithms
    inputs = [variable.name for variable in algorithms[0].inputs] if algorithms else [slot]
    if slot not in inputs:
        near = nearest(slot, inputs) or inputs[0]
        usage = f"restored {metric.name} by noise(slot = {near})"
        _wrong(metric, f"has noise on `{slot}`, which is no input", evidence, usage)
        return None
    return Noise(slot, float(str(given["deviations"])), int(str(given["draws"])))


def _method(metric: ast.Metric, evidence: Evidence) -> str | None:
    for qualifier in metric.qualifiers:
        if isinstance(qualifier, ast.By) and str(metric.modifier) == PATCHED:
            name = str(qualifier.method)
            if isinstance(qualifier.method, ast.Call) or name not in METHODS:
                shown = node_text(qualifier, evidence.world)
                near = nearest(name, METHODS) or METHODS[1]
                usage = f"patched {metric.name} by {near}"
                _wrong(metric, f"knows no `{shown}`", evidence, usage)
                return None
            return name
        if not isinstance(qualifier, ast.Of | ast.By):
            word = evidence.world.text(qualifier.span).partition(" ")[0]
            _wrong(metric, f"takes no `{word}`", evidence)
            return None
    return METHODS[0]


def _axes(item: ast.Report, evidence: Evidence) -> tuple[tuple[str, tuple[int, ...]], ...] | None:
    found: dict[str, tuple[int, ...]] = {}
    for axis in item.axes:
        name = "position" if str(axis.name) == "token" else str(axis.name)
        if name not in AXES:
            evidence.found.append(
                rules.UnknownAxis(
                    span=axis.name.span,
                    name=str(axis.name),
                    suggestion=nearest(axis.name, AXES),
                    axes=listed(AXES),
                )
            )
            return None
        if name in found:
            _wrong(item.metrics[0], f"has two axes `{name}`", evidence)
            return None
        found[name] = tuple(axis.over.values[:10_000]) if axis.over else ()
    if len(found) > 2:
        _wrong(item.metrics[0], "is one picture, of at most two axes", evidence)
        return None
    return tuple(found.items())


def _pairs(metric: ast.Metric, evidence: Evidence) -> Line | None:
    """The line whose bases and first sources are the pairs; of a file that has none, any two."""
    if any(isinstance(each, ast.Of) for each in metric.qualifiers):
        kind = registry.find(registry.MetricKind, str(metric.name))
        subjects = subjects_of(metric, kind, evidence) if kind is not None else None
        if subjects is None:
            return None
        numbers: Sequence[int] = [number for each in subjects for number in each.lines]
    else:
        numbers = range(len(evidence.lines))
    lines = [evidence.lines[number] for number in numbers if evidence.lines[number].sources]
    if not lines and evidence.world.algorithms:
        return Line("any two inputs", evidence.world.algorithms[0].name, sources=1)
    if len(lines) == 1:
        return lines[0]
    if lines:
        usage = f"patched {metric.name} of {lines[0].name}"
        _wrong(metric, "needs one interchange, whose bases and sources it takes", evidence, usage)
    return None
