"""`alignment` blocks to alignments."""

from __future__ import annotations

from collections.abc import Sequence

from causalabs.algorithm.model import Algorithm
from causalabs.algorithm.names import nearest
from causalabs.algorithm.scope import Scope
from causalabs.diagnostics import Rule, Source, Span
from causalabs.hypothesis.model import Alignment, NetworkSpec
from causalabs.hypothesis.refs import Findings, listed
from causalabs.hypothesis.rules_alignment import (
    AlignmentOf,
    EmptyAlignment,
    NamelessAlignment,
    UnknownAligned,
)
from causalabs.hypothesis.shape import Shape
from causalabs.hypothesis.spaces import aligned_elements, resolve_homes, spaces_of
from causalabs.syntax import ast

UNNAMED = "alignment"
"""What the only alignment of a file is called where it has no name."""


def resolve_alignments(
    nodes: Sequence[ast.Alignment],
    algorithms: Sequence[Algorithm],
    network: NetworkSpec | None,
    shape: Shape | None,
    scope: Scope,
    source: Source,
) -> tuple[tuple[Alignment, ...], list[Rule]]:
    """The alignments, and what is wrong in them.

    Without a shape (the network is wrong) only names are judged. Each alignment has spaces
    of its own: two never share a basis. Of several alignments one without a name is called
    by its algorithm's.
    """
    found = Findings(source, scope.poisoned)
    owners = [_algorithm(node, algorithms, found) for node in nodes]
    _judge_names(nodes, owners, found)
    alignments = []
    for node, algorithm in zip(nodes, owners, strict=True):
        if not node.places:
            found.report(_empty(node, algorithm))
        if algorithm is None:
            continue
        name = str(node.name) if node.name is not None else UNNAMED
        if node.name is None and len(nodes) > 1 and algorithm.name:
            name = algorithm.name
        if shape is None:
            _judge_variables(node, algorithm, found)
            continue
        homes = resolve_homes(node.places, algorithm, shape, found)
        spaces = spaces_of(homes, shape, found)
        alignments.append(Alignment(name, algorithm.name, spaces, node.span))
    return tuple(alignments), found.rules


def _word(node: ast.Alignment) -> Span:
    return Span(node.span.start, node.span.start + len("alignment"))


def _empty(node: ast.Alignment, algorithm: Algorithm | None) -> EmptyAlignment:
    families = algorithm.families if algorithm is not None else ()
    inner = [f.members[0] for f in families if f.role == "var" and f.members]
    example = f"{inner[0] if inner else 'variable'} -> hidden 0 in 8 learned dims"
    return EmptyAlignment(span=_word(node), example=example)


def _algorithm(
    node: ast.Alignment, algorithms: Sequence[Algorithm], found: Findings
) -> Algorithm | None:
    """The algorithm that an alignment is of; reports where that is not told."""
    if node.algorithm is None:
        if len(algorithms) > 1:
            found.report(AlignmentOf(span=_word(node), example=algorithms[0].name))
            return None
        return algorithms[0] if algorithms else None
    name = str(node.algorithm)
    algorithm = next((each for each in algorithms if each.name == name), None)
    if algorithm is None and algorithms and name not in found.poisoned:
        known = [each.name for each in algorithms if each.name]
        text = f"there are {listed(known)}" if known else "leave out `of`"
        hint = nearest(name, known)
        found.report(
            UnknownAligned(span=node.algorithm.span, name=name, known=text, suggestion=hint)
        )
    return algorithm


def _judge_names(
    nodes: Sequence[ast.Alignment], owners: Sequence[Algorithm | None], found: Findings
) -> None:
    """An alignment is measured by its name: without one, it is its algorithm's only one.

    That names differ is told where all names of the file are collected.
    """
    for node, owner in zip(nodes, owners, strict=True):
        count = sum(1 for other in owners if other is owner)
        if node.name is None and owner is not None and count > 1:
            found.report(NamelessAlignment(span=_word(node), count=count))


def _judge_variables(node: ast.Alignment, algorithm: Algorithm, found: Findings) -> None:
    """Names and repetitions only: nothing is known of the network."""
    aligned_elements(node.places, algorithm, found)
