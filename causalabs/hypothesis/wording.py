"""Quantities as the file says them, in canonical spacing."""

from __future__ import annotations

from collections.abc import Sequence

from causalabs.hypothesis.meaning import Binding, World, constant
from causalabs.syntax import ast
from causalabs.syntax.lexer import tokens

TIGHT_BEFORE = frozenset([",", ")", "]", "}", "."])
TIGHT_AFTER = frozenset(["(", "[", "{"])


def spaced(text: str) -> str:
    """A piece of the language with one space where the formatter puts one.

    >>> spaced("iia   of a ,b[ 1 ]-iia of c")
    'iia of a, b[1] - iia of c'
    """
    pieces: list[str] = []
    before = ""
    found = tokens(text)[:-1]
    for token in found:
        sign = token.text
        glued = (
            not pieces
            or sign in TIGHT_BEFORE
            or before in TIGHT_AFTER
            or before == "."
            or (sign == "%" and token is found[-1])
            or (sign in "([" and before.replace("_", "a").isalnum())
        )
        pieces.append(sign if glued else f" {sign}")
        before = sign
    return "".join(pieces)


def node_text(node: ast.Node, world: World) -> str:
    """What a node says."""
    return spaced(world.source.text[node.span[0] : node.span[1]])


def ref_text(ref: ast.Ref, binding: Binding, world: World) -> str:
    """A reference with its indices as `binding` has them."""
    text = str(ref.name)
    for part in ref.parts:
        if isinstance(part, ast.Field):
            text += f".{part.name}"
            continue
        shown = []
        for index in part.indices:
            bound = isinstance(index, ast.Binder)
            value = binding.get(str(index.name)) if bound else constant(index, binding)  # type: ignore[union-attr]
            shown.append(node_text(index, world) if value is None else str(value))
        text += f"[{', '.join(shown)}]"
    return text


def metric_text(metric: ast.Metric, binding: Binding, world: World) -> str:
    """A metric with its qualifiers, its family indices written out."""
    words = [str(metric.modifier)] if metric.modifier else []
    words.append(str(metric.name))
    for qualifier in metric.qualifiers:
        if isinstance(qualifier, ast.Of):
            refs = ", ".join(ref_text(ref, binding, world) for ref in qualifier.subjects)
            words.append(f"of {refs}")
        elif isinstance(qualifier, ast.Between):
            left = ", ".join(ref_text(ref, binding, world) for ref in qualifier.left)
            right = ", ".join(ref_text(ref, binding, world) for ref in qualifier.right)
            words.append(f"between {left} and {right}")
        else:
            words.append(node_text(qualifier, world))
    return " ".join(words)


def quantity_text(
    metrics: Sequence[ast.Metric],
    binding: Binding,
    world: World,
    split: str | None,
    control: ast.Under | None,
    rest: str = "",
) -> str:
    """A whole quantity: its metrics, then what holds for all of them."""
    text = " - ".join(metric_text(metric, binding, world) for metric in metrics)
    if rest:
        text += f" {rest}"
    if split is not None:
        text += f" on {split}"
    if control is not None:
        text += f" {node_text(control, world)}"
    return text
