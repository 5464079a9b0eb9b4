"""Sites as the file writes them to the tensors they mean, and to what a range searches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import prod

from causalabs.algorithm.model import Algorithm
from causalabs.algorithm.names import nearest
from causalabs.diagnostics import Span
from causalabs.hypothesis.model import Position, Site
from causalabs.hypothesis.positions import article, known_positions, resolve_position
from causalabs.hypothesis.refs import Env, Findings, listed
from causalabs.hypothesis.registry import Component
from causalabs.hypothesis.rules_sites import (
    HeadOutside,
    LayerNeeded,
    LayerOutside,
    PositionNeeded,
    RangeBackwards,
    TooManyChoices,
    UnknownComponent,
    UnknownHead,
    UnknownPart,
)
from causalabs.hypothesis.shape import Shape
from causalabs.syntax import ast

MOST_CHOICES = 10_000
MOST_LAYERS = 10_000
"""Layers that are taken where their number is not known."""


@dataclass(frozen=True)
class Option:
    """Sites written jointly, and what a person calls them."""

    label: str
    sites: tuple[Site, ...]


def resolve_sites(
    nodes: Sequence[ast.Site],
    every: bool,
    algorithm: Algorithm,
    shape: Shape,
    env: Env,
    found: Findings,
    *,
    name: str = "",
) -> tuple[Option, ...] | None:
    """What `every residual 0..2 at last, mlp 0 at last` may mean; None after an error.

    A range is a search (one option a layer), `every`, braces and commas are joint.
    """
    groups = [_options(node, every, algorithm, shape, env, found) for node in nodes]
    kept = [group for group in groups if group is not None]
    if len(kept) < len(groups):
        return None
    count = prod(map(len, kept))
    sites = max((len(option.sites) for group in kept for option in group), default=0)
    if max(count, sites) > MOST_CHOICES:
        span = Span(nodes[0].span.start, nodes[-1].span.end)
        found.report(TooManyChoices(span=span, name=name or "this site", most=MOST_CHOICES))
        return None
    options = []
    for combination in product(*kept):
        label = ", ".join(option.label for option in combination)
        joint = tuple(site for option in combination for site in option.sites)
        options.append(Option(label, joint))
    return tuple(options)


def _options(
    node: ast.Site, every: bool, algorithm: Algorithm, shape: Shape, env: Env, found: Findings
) -> list[Option] | None:
    options = place_options(node.place, every, shape, found)
    if options is None:
        # The position is judged too, so that all mistakes are told at once.
        if node.position is not None and shape.kind.positions != "none":
            resolve_position(node.position, algorithm, shape, env, found)
        return None
    position: Position | None = None
    text = found.text(node.place)
    if node.position is not None:
        position = resolve_position(node.position, algorithm, shape, env, found)
        if position is None:
            return None
        placed = " at " + found.text(node.position)
    else:
        component = shape.component(options[0].sites[0].component)
        if component is not None and component.placed and shape.kind.positions != "none":
            found.report(_needs_position(node, text, shape))
            return None
        placed = ""
    return [
        Option(
            option.label + placed,
            tuple(replace(site, position=position) for site in option.sites),
        )
        for option in options
    ]


def _needs_position(node: ast.Site, text: str, shape: Shape) -> PositionNeeded:
    if shape.kind.positions == "steps":
        return PositionNeeded(span=node.span, site=text, example="step 0", known="`step i`")
    known = known_positions(shape)
    return PositionNeeded(span=node.span, site=text, example="last", known=known)


# ------------------------------------------------------------------- components


def place_options(
    place: ast.Head | ast.Module | ast.Component, every: bool, shape: Shape, found: Findings
) -> list[Option] | None:
    """The options of a site without its position."""
    match place:
        case ast.Module():
            return _module(place, shape, found)
        case ast.Head():
            return _heads(place, shape, found)
        case ast.Component():
            return _component(place, every, shape, found)


def unknown_component(name: str, span: Span, shape: Shape) -> UnknownComponent:
    """The finding for a component that the network lacks."""
    known = listed(component.example for component in shape.components)
    return UnknownComponent(
        span=span,
        name=name,
        network=article(shape.kind.name),
        known=known,
        suggestion=shape.nearest_component(name),
    )


def _module(node: ast.Module, shape: Shape, found: Findings) -> list[Option] | None:
    if shape.component("module") is None:
        word = Span(node.span.start, node.span.start + len("module"))
        found.report(unknown_component("module", word, shape))
        return None
    part = str(node.part) if node.part is not None else "output"
    if part not in ("input", "output"):
        found.report(
            UnknownPart(
                span=node.span if node.part is None else node.part.span,
                component="module",
                name=part,
                known="`input` and `output`",
                suggestion=nearest(part, ["input", "output"]),
            )
        )
        return None
    return [Option(found.text(node), (Site("module", part=part, path=str(node.path)),))]


def _heads(node: ast.Head, shape: Shape, found: Findings) -> list[Option] | None:
    component = shape.component("head")
    if component is None:
        word = Span(node.span.start, node.span.start + len("head"))
        found.report(unknown_component("head", word, shape))
        return None
    if not _part(node.part, component, found):
        return None
    part = str(node.part) if node.part is not None else None
    sites: list[Site] = []
    failed = False
    for head in node.heads:
        if isinstance(head, ast.Name):
            found.report(UnknownHead(span=head.span, name=str(head)))
            failed = True
            continue
        layer, number = (int(ast.Digits(part).value) for part in head.split("."))
        if not head_exists(layer, number, shape):
            found.report(head_outside(head, shape))
            failed = True
            continue
        site = Site("head", layer, number, part)
        if site in sites:
            text, problem = str(head), "is named twice"
            found.report(
                RangeBackwards(span=head.span, text=text, problem=problem, example=f"head {text}")
            )
            failed = True
        sites.append(site)
    return None if failed else [Option(found.text(node), tuple(sites))]


def head_exists(layer: int, head: int, shape: Shape) -> bool:
    """Whether there is such a head, as far as the file tells."""
    layers = shape.layers if shape.layers is not None else MOST_LAYERS
    heads = shape.heads if shape.heads is not None else MOST_LAYERS
    return layer < layers and head < heads


def head_outside(head: ast.Digits, shape: Shape) -> HeadOutside:
    """The finding for a head that does not exist."""
    layers, heads = shape.layers or MOST_LAYERS, shape.heads or MOST_LAYERS
    network = article(shape.kind.name) if shape.layers is None else f"this {shape.kind.name}"
    return HeadOutside(span=head.span, head=str(head), network=network, layers=layers, heads=heads)


def _component(
    node: ast.Component, every: bool, shape: Shape, found: Findings
) -> list[Option] | None:
    name = str(node.name)
    component = shape.component(name)
    if component is None:
        found.report(unknown_component(name, node.name.span, shape))
        return None
    if not _part(node.part, component, found):
        return None
    part = str(node.part) if node.part is not None else None
    suffix = f".{part}" if part else ""
    if component.indexed == "no":
        if node.layers is not None:
            problem = f"`{name}` stands alone, in no layer"
            found.report(LayerNeeded(span=node.layers.span, problem=problem, example=name))
            return None
        return [Option(name + suffix, (Site(name, part=part),))]
    if node.layers is None:
        problem = f"`{name}` needs a layer"
        example = component.example
        if shape.layers is not None and shape.layers > 1:
            example += f"` or `{name} 0..{shape.layers - 1}"
        found.report(LayerNeeded(span=node.span, problem=problem, example=example))
        return None
    if not layers_exist(node.layers, name, shape, found):
        return None
    layers = list(node.layers.values)
    if node.layers.style == "range" and not every:
        return [Option(f"{name} {i}{suffix}", (Site(name, i, part=part),)) for i in layers]
    sites = tuple(Site(name, layer, part=part) for layer in layers)
    label = ("every " if every else "") + found.text(node)
    return [Option(label, sites)]


def layers_exist(layers: ast.SpanOf, name: str, shape: Shape, found: Findings) -> bool:
    """Whether the layers are in order and the network has them; reports why not."""
    text = f"{name} {found.text(layers)}"
    values = layers.values
    if not values:
        example = f"{name} {layers.numbers[1]}..{layers.numbers[0]}"
        problem = "ends before it begins"
        found.report(RangeBackwards(span=layers.span, text=text, problem=problem, example=example))
        return False
    if len(set(layers.numbers)) < len(layers.numbers) and layers.style == "set":
        example = f"{name} {{" + ", ".join(dict.fromkeys(layers.numbers)) + "}"
        problem = "names a layer twice"
        found.report(RangeBackwards(span=layers.span, text=text, problem=problem, example=example))
        return False
    count = shape.layers if shape.layers is not None else MOST_LAYERS
    beyond = [digits for digits in layers.numbers if int(digits.value) >= count]
    if beyond:
        known = f"this {shape.kind.name}" if shape.layers is not None else "a network"
        found.report(
            LayerOutside(
                span=beyond[0].span,
                component=name,
                layer=int(beyond[0].value),
                network=known,
                count=count,
                last=count - 1,
            )
        )
    return not beyond


def _part(part: ast.Name | None, component: Component, found: Findings) -> bool:
    if part is None or str(part) in component.parts:
        return True
    found.report(
        UnknownPart(
            span=part.span,
            component=component.name,
            name=str(part),
            known=listed(component.parts),
            suggestion=nearest(str(part), component.parts),
        )
    )
    return False
