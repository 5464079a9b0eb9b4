"""Metrics `between INPUTS and OUTPUTS`: what is resampled, and which outputs are compared."""

from __future__ import annotations

from collections.abc import Sequence

from causalabs.algorithm.model import Algorithm
from causalabs.hypothesis import rules_expectations as rules
from causalabs.hypothesis.meaning import Binding, listed, meant, members
from causalabs.hypothesis.model import Line, Take
from causalabs.hypothesis.subjects import Evidence
from causalabs.syntax import ast

SCREENS_OFF = "screens_off"
TOTAL, DIRECT, INDIRECT = "total_effect", "natural_direct_effect", "natural_indirect_effect"
MEDIATED = "proportion_mediated"
EFFECTS = (TOTAL, DIRECT, INDIRECT, MEDIATED)
BETWEEN = (SCREENS_OFF, *EFFECTS)
"""Metrics that resample inputs."""

Between = tuple[tuple[str, ...], tuple[str, ...]]


def read_between(
    metric: ast.Metric, lines: Sequence[Line], binding: Binding, evidence: Evidence
) -> Between | None:
    """The inputs that are resampled and the outputs compared; None, reported, where unclear."""
    if str(metric.name) not in BETWEEN:
        return (), ()
    world, found = evidence.world, evidence.found
    given = [line for line in lines if not line.sources]
    if given:
        problem = f"resamples from a source, and `{given[0].name}` has none"
        found.append(_wrong(metric, metric, problem, f"{metric.name} of an interchange"))
        return None
    qualifier = next((q for q in metric.qualifiers if isinstance(q, ast.Between)), None)
    if qualifier is None:
        return (), ()
    about = world.named(lines[0].algorithm)
    inputs = _elements(metric, qualifier.left, "input", about, binding, evidence)
    outputs = _elements(metric, qualifier.right, "output", about, binding, evidence)
    return None if inputs is None or outputs is None else (inputs, outputs)


def _elements(
    metric: ast.Metric,
    refs: Sequence[ast.Ref],
    role: str,
    about: Algorithm | None,
    binding: Binding,
    evidence: Evidence,
) -> tuple[str, ...] | None:
    world, found = evidence.world, evidence.found
    names: dict[str, None] = {}
    for ref in refs:
        family = meant(ref, world, found, about=about)
        if family is None:
            return None
        if family.family.role != role:
            there = [f.name for f in family.algorithm.families if f.role == role]
            place = "before" if role == "input" else "after"
            problem = f"takes {role}s {place} `and`, and `{family.family.name}` is none"
            usage = f"{metric.name} of VARIABLE between INPUTS and OUTPUTS"
            usage = usage.replace(f"{role.upper()}S", listed(there).replace("`", ""))
            found.append(_wrong(metric, ref, problem, usage))
            return None
        names.update(dict.fromkeys(members(family, binding, world, found)))
    return tuple(names) or None


def _wrong(metric: ast.Metric, node: ast.Node, problem: str, usage: str) -> rules.WrongQualifier:
    name = str(metric.name)
    return rules.WrongQualifier(span=node.span, metric=name, problem=problem, usage=usage)


def resampled(line: Line, algorithm: Algorithm, inputs: Sequence[str]) -> Line:
    """An interchange of those inputs, all of them if none is named, from the line's first source.

    After it the algorithm's output is that of the run in which the line's variables are kept.
    """
    names = inputs or tuple(variable.name for variable in algorithm.inputs)
    takes = tuple(Take(name, name, 0) for name in names)
    return Line(
        name=line.name,
        algorithm=line.algorithm,
        takes=takes,
        sources=line.sources,
        condition=line.condition,
        span=line.span,
    )
