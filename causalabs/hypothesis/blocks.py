"""The blocks that other modules resolve: network, alignments, circuits, replacements."""

from __future__ import annotations

from causalabs.algorithm.analysis import ValuesOf, analyse, new_budget
from causalabs.algorithm.domains import Bool, Cyclic, Enum
from causalabs.algorithm.model import Algorithm
from causalabs.algorithm.scope import Scope
from causalabs.diagnostics import Rule
from causalabs.hypothesis.alignment import resolve_alignments
from causalabs.hypothesis.circuits import resolve_circuits, tied
from causalabs.hypothesis.meaning import World
from causalabs.hypothesis.model import (
    Alignment,
    Circuit,
    Counterfactuals,
    Feed,
    FeedSteps,
    FeedText,
    FeedTokens,
    FeedVectors,
    NetworkSpec,
    Part,
    Replacement,
)
from causalabs.hypothesis.network import resolve_network
from causalabs.hypothesis.replacements import resolve_replacements
from causalabs.syntax import ast


def placed(
    file: ast.File, node: ast.Network | None, world: World, scope: Scope, found: list[Rule]
) -> tuple[
    NetworkSpec | None,
    tuple[Alignment, ...],
    bool,
    tuple[Circuit, ...],
    tuple[Replacement, ...],
]:
    """Network and alignments, whether all alignments could be read, circuits and replacements.

    Where an algorithm could not be read, nothing is said of what would speak of it.
    """
    network, shape = None, None
    algorithms = () if world.partial else world.algorithms
    if node is not None:
        network, shape, mistakes = resolve_network(node, algorithms, scope, world.source)
        found += mistakes
    drawn = [item for item in file.items if isinstance(item, ast.Circuit | ast.Discovery)]
    circuits, mistakes = resolve_circuits(drawn, algorithms, shape, scope, world.source)
    found += mistakes
    replaced = [item for item in file.items if isinstance(item, ast.Replace)]
    replacements, mistakes = resolve_replacements(replaced, world, shape)
    found += mistakes
    nodes = [item for item in file.items if isinstance(item, ast.Alignment)]
    if not nodes or not algorithms:
        whole = not nodes and not world.partial
        return network, tied(circuits), whole, circuits, replacements
    alignments, mistakes = resolve_alignments(
        nodes, algorithms, network, shape, scope, world.source
    )
    found += mistakes
    whole = shape is not None and not any(rule.severity == "error" for rule in mistakes)
    return network, (*alignments, *tied(circuits)), whole, circuits, replacements


def analysed(
    file: ast.File, world: World, network: NetworkSpec | None, counts: Counterfactuals | None
) -> list[Rule]:
    """What is wrong or odd about the algorithms themselves; one budget serves them all."""
    budget = new_budget()
    found: list[Rule] = []
    for algorithm in world.algorithms:
        if network is not None:
            fed = fed_inputs(network.feed)
        elif any(isinstance(item, ast.Network) for item in file.items):
            # Its feed could not be read: nothing is said of inputs that nothing uses.
            fed = frozenset(variable.name for variable in algorithm.inputs)
        else:
            fed = frozenset()
        settable = _settable(algorithm, counts)
        found += analyse(algorithm, fed=fed, settable=settable, budget=budget)
    return found


def fed_inputs(feed: Feed) -> frozenset[str]:
    """The inputs that a network is given."""
    match feed:
        case FeedVectors(inputs=inputs):
            return frozenset(inputs)
        case FeedSteps(steps=steps):
            return frozenset(name for step in steps for name in step)
        case FeedTokens(items=items):
            return frozenset(item.input for item in items if isinstance(item, Part))
        case FeedText(templates=templates):
            parts = (part for template in templates for part in template)
            return frozenset(part.input for part in parts if isinstance(part, Part))


def _settable(
    algorithm: Algorithm, counts: Counterfactuals | None
) -> dict[str, tuple[object, ...]]:
    """Values that lines give to variables beyond those of clean runs."""
    found: dict[str, tuple[object, ...]] = {}
    for line in counts.lines if counts is not None else ():
        if line.algorithm != algorithm.name:
            continue
        for take in line.takes:
            if take.origin != take.variable:
                before = found.get(take.variable, ())
                found[take.variable] = (*before, ValuesOf(take.origin))
        for each in line.assignments:
            domain = algorithm[each.variable].domain
            value = domain.values[each.value] if isinstance(domain, Enum | Cyclic) else each.value
            value = bool(value) if isinstance(domain, Bool) else value
            found[each.variable] = (*found.get(each.variable, ()), value)
    return found
