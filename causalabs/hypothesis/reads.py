"""Where a network's answer to each output is read (SEMANTICS F2)."""

from __future__ import annotations

from typing import Literal

from causalabs.algorithm import domains
from causalabs.algorithm.model import Algorithm
from causalabs.algorithm.names import nearest
from causalabs.diagnostics import Span
from causalabs.hypothesis.model import Part, Position, Readout, Template
from causalabs.hypothesis.positions import known_positions, resolve_position
from causalabs.hypothesis.refs import Env, Findings, elements, indices_of, listed
from causalabs.hypothesis.registry import NetworkKind
from causalabs.hypothesis.rules_feed import NeedsIndex
from causalabs.hypothesis.rules_network import (
    OutputNotRead,
    ReadNotOutput,
    ReadPlace,
    ReadReal,
    ReadStyle,
    ReadUnknown,
    WiringTwice,
)
from causalabs.hypothesis.shape import Shape
from causalabs.hypothesis.templates import template
from causalabs.syntax import ast

Style = Literal["class", "as", "spelled"]


def resolve_reads(
    node: ast.Network,
    kind: NetworkKind,
    algorithm: Algorithm,
    shape: Shape,
    placed: bool,
    found: Findings,
) -> tuple[tuple[Readout, ...], bool]:
    """Readouts in the order of the outputs, and whether every output has one.

    Positions are judged only where the feed is known (`placed`).
    """
    reads: dict[str, Readout] = {}
    first: dict[str, Span] = {}
    touched: set[str] = set()
    for each in node.wiring:
        if not isinstance(each, ast.Read):
            continue
        touched.add(str(each.variable.name))
        for readout in _read(each, kind, algorithm, shape, placed, found):
            if readout.output in reads:
                found.report(
                    WiringTwice(
                        span=each.variable.span,
                        what=f"read {readout.output}",
                        first=first[readout.output],
                    )
                )
                break
            reads[readout.output] = readout
            first[readout.output] = each.variable.span
    complete = True
    reported: set[str] = set()
    families = {variable.family for variable in algorithm.outputs}
    others = touched & algorithm.by_family.keys() - families  # read in place of an output
    for variable in algorithm.outputs:
        if variable.name in reads:
            continue
        complete = False
        # A line about this output that is wrong is the cause and was reported.
        partly = any(algorithm[name].family == variable.family for name in reads)
        silent = (variable.family in touched and not partly) or bool(others)
        if silent or variable.family in reported or _misspelt(variable.family, touched, algorithm):
            continue
        reported.add(variable.family)
        found.report(_not_read(node, variable.name, variable.span, kind))
    ordered = tuple(reads[v.name] for v in algorithm.outputs if v.name in reads)
    return ordered, complete


def _misspelt(family: str, touched: set[str], algorithm: Algorithm) -> bool:
    """Whether an unknown name in a `read` was probably meant for this family."""
    unknown = [name for name in touched if name not in algorithm.by_family]
    return any(nearest(name, [family]) is not None for name in unknown)


def _not_read(node: ast.Network, name: str, span: Span, kind: NetworkKind) -> OutputNotRead:
    example = name
    if kind.positions in ("steps", "tokens"):
        example += " at last" if kind.positions == "tokens" else " at last step"
    if not kind.classes:
        example += f' as " {{{name}}}"'
    return OutputNotRead(span=node.call.function.span, name=name, example=example, first=span)


def _read(
    node: ast.Read,
    kind: NetworkKind,
    algorithm: Algorithm,
    shape: Shape,
    placed: bool,
    found: Findings,
) -> list[Readout]:
    """Readouts of one line: one for each element of a family."""
    ref = node.variable
    if not _is_output(ref, algorithm, found):
        return []
    indices = indices_of(ref)
    if indices is None:
        problem = f"`{found.text(ref)}` is not a variable"
        found.report(NeedsIndex(span=ref.span, problem=problem, example=str(ref.name)))
        return []
    pairs = elements(str(ref.name), indices, ref.span, algorithm, {}, found, whole=True, free=True)
    if not _placed(node, kind, shape, found) or not _styled(node, kind, found):
        return []
    readouts = []
    for env, output in pairs:
        before = len(found.rules)
        position: Position | None = None
        if node.position is not None and placed:
            position = resolve_position(node.position, algorithm, shape, env, found)
        words = _words(node, output, algorithm, env, found)
        if len(found.rules) > before:
            return []
        style: Style = "as" if node.style == "as" else "spelled" if node.style else "class"
        among = str(node.among) if node.among is not None else None
        readouts.append(Readout(output, position, style, words, among))
    return readouts


def _is_output(ref: ast.Ref, algorithm: Algorithm, found: Findings) -> bool:
    name = str(ref.name)
    if name in found.poisoned:
        return False
    outputs = [family.name for family in algorithm.families if family.role == "output"]
    family = algorithm.by_family.get(name)
    if family is None:
        hint = nearest(name, outputs)
        known = listed(outputs)
        found.report(ReadUnknown(span=ref.name.span, name=name, suggestion=hint, known=known))
        return False
    if family.role != "output":
        found.report(ReadNotOutput(span=ref.name.span, name=name, known=listed(outputs)))
        return False
    if isinstance(family.domain, domains.Real | domains.Integer):
        found.report(ReadReal(span=ref.name.span, name=name))
        return False
    return True


def _placed(node: ast.Read, kind: NetworkKind, shape: Shape, found: Findings) -> bool:
    """Whether a position is there where one is needed."""
    name = found.text(node.variable)
    if kind.positions in ("none", "any") or node.position is not None:
        return True
    if kind.positions == "steps":
        advice = f"write `read {name} at last step`, or at `step i`"
        problem = f"`read {name}` does not say at which step"
    else:
        advice = f"write `read {name} at last`; there are {known_positions(shape)}"
        problem = f"`read {name}` does not say at which token"
    found.report(ReadPlace(span=node.variable.span, problem=problem, advice=advice))
    return False


def _styled(node: ast.Read, kind: NetworkKind, found: Findings) -> bool:
    name = found.text(node.variable)
    if kind.classes and node.style is not None:
        word = Span(node.style.span.start, (node.text or node.style).span.end)
        problem = f"`{kind.name}` has one score for each value and needs no `{node.style}`"
        advice = f"leave out `{node.style} ...`"
        found.report(ReadStyle(span=word, problem=problem, advice=advice))
        return False
    if not kind.classes and node.style is None:
        problem = f"`read {name}` does not say which tokens stand for the values"
        advice = f'add `as " {{{name}}}"`'
        found.report(ReadStyle(span=node.variable.span, problem=problem, advice=advice))
        return False
    if node.among is not None and (str(node.among) != "vocabulary" or kind.classes):
        if kind.classes:
            problem, advice = f"`{kind.name}` has no vocabulary to win against", "leave it out"
        else:
            problem = f"`{node.among}` is nothing that an answer can win against"
            advice = "write `among vocabulary`, or leave it out"
        found.report(ReadStyle(span=node.among.span, problem=problem, advice=advice))
        return False
    return True


def _words(
    node: ast.Read, output: str, algorithm: Algorithm, env: Env, found: Findings
) -> Template:
    """How a value is written in tokens."""
    if node.text is None:
        return ()
    words = template(node.text, algorithm, env, found, allowed=[output])
    if words is not None and not any(isinstance(item, Part) for item in words):
        problem = f"every value of `{output}` would be written alike"
        advice = f'write `{node.style} " {{{output}}}"`'
        found.report(ReadStyle(span=node.text.span, problem=problem, advice=advice))
    return words or ()
