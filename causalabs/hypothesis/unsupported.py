"""What this version checks and cannot run yet, in sentences."""

from __future__ import annotations

from collections.abc import Iterator

from causalabs.hypothesis import registry
from causalabs.hypothesis.model import AnyOf, Hypothesis, Position, Quantity, Several
from causalabs.syntax import ast


def unsupported(hypothesis: Hypothesis, file: ast.File) -> tuple[str, ...]:
    """One sentence for each construct of the file that `run` refuses."""
    sentences = (
        f"{what}: checked, but not run by this version" for what in _found(hypothesis, file)
    )
    return tuple(dict.fromkeys(sentences))


def _found(hypothesis: Hypothesis, file: ast.File) -> Iterator[str]:
    network = registry.find(registry.NetworkKind, hypothesis.network.kind)
    if network is None or not network.runnable:
        yield f"network `{hypothesis.network.kind}`"
    for alignment in hypothesis.alignments:
        for space in alignment.spaces:
            basis = registry.find(registry.BasisKind, space.basis.kind)
            if basis is None or not basis.runnable:
                yield f"basis `{space.basis.kind}`"
    for circuit in hypothesis.circuits:
        if any(_searches(site.position) for edge in circuit.edges for site in edge):
            yield "`any token` in a circuit"
    for item in file.items:
        if isinstance(item, ast.Expect | ast.Report):
            for metric in item.metrics:
                modifier = registry.find(registry.Modifier, str(metric.modifier))
                if metric.modifier is not None and (modifier is None or not modifier.runnable):
                    yield f"`{metric.modifier} {metric.name}`"
    for quantity in (*(e.quantity for e in hypothesis.expectations), *hypothesis.reports):
        yield from _measured(quantity)


def _searches(position: Position | None) -> bool:
    """Whether a position is one of several, to be chosen."""
    if isinstance(position, Several):
        return any(map(_searches, position.positions))
    return isinstance(position, AnyOf)


def _measured(quantity: Quantity) -> Iterator[str]:
    by_size = [name for name, _ in quantity.axes] == ["edges"]
    if quantity.axes and not (by_size and all(term.subjects for term in quantity.terms)):
        yield "`report ... over`"
    for term in quantity.terms:
        kind = registry.find(registry.MetricKind, term.metric)
        if kind is None or not kind.runnable:
            yield f"metric `{term.metric}`"
        control = registry.find(registry.ControlKind, term.control.name)
        if term.control.name and (control is None or not control.runnable):
            yield f"control `{term.control.name}`"
