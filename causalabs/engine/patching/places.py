"""The places that the axes of a map stand for, in a network."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from causalabs.engine.controls import counted
from causalabs.engine.errors import EngineError
from causalabs.engine.networks.naming import say_position, say_site
from causalabs.engine.protocol import Network
from causalabs.hypothesis.model import AllOf, AnyOf, AtIndex, AtStep, Last, Patching, Site

Axes: TypeAlias = Mapping[str, tuple[int, ...]]

NONE = 10**6
"""A layer that no network has."""

COMPONENTS = ("attention", "mlp")
"""What a block adds to the residual stream."""


@dataclass(frozen=True)
class PlaceOf:
    """A site in a row and a column of a map; `dims` are the numbers patched, () for all."""

    row: str
    column: str
    site: Site
    dims: tuple[int, ...] = ()

    @property
    def said(self) -> str:
        """The place as a person says it."""
        name = say_site(self.site).strip("`")
        return f"{name} dim {self.dims[0]}" if self.dims else name


def places_of(patching: Patching, network: Network) -> tuple[PlaceOf, ...]:
    """Every place on the axes, row by row; `EngineError` where the network has no such axes."""
    axes = dict(patching.axes)
    known = BY_KIND.get(network.kind, {})
    make = known.get(frozenset(axes))
    if make is None:
        told = ", ".join(" * ".join(sorted(names)) for names in known) or "none"
        raise EngineError(
            f"a network of kind `{network.kind}` has no map over {' * '.join(axes)}",
            f"its maps are over {told}" if known else "patch a built-in or a Hugging Face network",
        )
    found = tuple(make(axes, network))
    if not found:
        raise EngineError(f"`{patching.text}` names no place there is", "leave out the numbers")
    return found


def named(
    places: Sequence[PlaceOf], network: Network, inputs: Any, *, most: int = 64
) -> tuple[PlaceOf, ...]:
    """The places with their positions told by what stands there in the first of these prompts."""
    prompter = getattr(network, "prompter", None) or getattr(network, "tokenizer", None)
    if prompter is None or not hasattr(prompter, "tokens"):
        return tuple(places)
    prompts = [prompter.tokens(inputs, row) for row in range(min(len(inputs), most))]

    def told(place: PlaceOf) -> PlaceOf:
        position = place.site.position
        if not isinstance(position, AtIndex):
            return place
        there = dict.fromkeys(tokens[position.index].strip() for tokens in prompts)
        first = next(iter(there), "")
        more = ", .." if len(there) > 1 else ""
        return replace(place, column=f"{position.index}: {first}{more}")

    return tuple(map(told, places))


def _chosen(axes: Axes, name: str, count: int) -> list[int]:
    """Numbers of an axis, those the file names or all; an error for one there is not."""
    wanted = axes.get(name, ())
    missing = [number for number in wanted if number >= count]
    if missing:
        raise EngineError(
            f"there is no {name} {missing[0]}: this network has {count}",
            f"write `{name} 0..{count - 1}`, or `{name}` for all",
        )
    return list(wanted) or list(range(count))


# ------------------------------------------------------------------------- built-in vectors


def _hidden(axes: Axes, network: Network) -> list[PlaceOf]:
    layers = len(counted(network, lambda n: Site("hidden", n)))
    return [
        PlaceOf(f"hidden {n}", "whole layer", Site("hidden", n))
        for n in _chosen(axes, "layer", layers)
    ]


def _neurons(axes: Axes, network: Network) -> list[PlaceOf]:
    layers = len(counted(network, lambda n: Site("hidden", n)))
    return [
        PlaceOf(f"hidden {n}", f"dim {dim}", Site("hidden", n), (dim,))
        for n in _chosen(axes, "layer", layers)
        for dim in _chosen(axes, "dims", network.width(Site("hidden", n)))
    ]


def _steps(axes: Axes, network: Network) -> list[PlaceOf]:
    found = []
    for step in _chosen_steps(axes, network):
        site = Site("state", position=AtStep(step))
        found.append(PlaceOf("state", f"step {step}", site))
    return found


def _units(axes: Axes, network: Network) -> list[PlaceOf]:
    width = network.width(Site("state", position=AtStep(0)))
    return [
        PlaceOf(f"step {step}", f"dim {dim}", Site("state", position=AtStep(step)), (dim,))
        for step in _chosen_steps(axes, network)
        for dim in _chosen(axes, "dims", width)
    ]


def _chosen_steps(axes: Axes, network: Network) -> list[int]:
    steps = len(counted(network, lambda n: Site("state", position=AtStep(n))))
    return _chosen(axes, "step", steps)


# ----------------------------------------------------------------------------- transformers


def _stream(axes: Axes, network: Network) -> list[PlaceOf]:
    """The residual stream after each block at each position."""
    return [
        PlaceOf(f"residual {layer}", name, replace(site, component="residual", layer=layer))
        for layer in _layers(axes, network)
        for name, site in _positions(axes, network)
    ]


def _embedded(axes: Axes, network: Network) -> list[PlaceOf]:
    found = _positions(axes, network)
    return [PlaceOf("embedding", name, replace(s, component="embedding")) for name, s in found]


def _terms(axes: Axes, network: Network) -> list[PlaceOf]:
    """What attention and MLP of each block add, at all positions jointly."""
    _every(network)
    return [
        PlaceOf(f"layer {layer}", name, Site(name, layer, position=AllOf()))
        for layer in _layers(axes, network)
        for name in _components(network, layer)
    ]


def _terms_placed(axes: Axes, network: Network) -> list[PlaceOf]:
    return [
        PlaceOf(f"{name} {layer}", label, replace(site, component=name, layer=layer))
        for layer in _layers(axes, network)
        for name in _components(network, layer)
        for label, site in _positions(axes, network)
    ]


def _heads(axes: Axes, network: Network) -> list[PlaceOf]:
    """Each head's share, at all positions jointly."""
    _every(network)
    return [
        PlaceOf(f"layer {layer}", f"head {head}", Site("head", layer, head, position=AllOf()))
        for layer in _layers(axes, network)
        for head in _chosen(axes, "head", _head_count(network, layer))
    ]


def _heads_placed(axes: Axes, network: Network) -> list[PlaceOf]:
    return [
        PlaceOf(
            f"head {layer}.{head}",
            label,
            replace(site, component="head", layer=layer, head=head),
        )
        for layer in _layers(axes, network)
        for head in _chosen(axes, "head", _head_count(network, layer))
        for label, site in _positions(axes, network)
    ]


def _layers(axes: Axes, network: Network) -> list[int]:
    count = len(counted(network, lambda n: Site("residual", n, position=Last())))
    return _chosen(axes, "layer", count)


def _head_count(network: Network, layer: int) -> int:
    return len(counted(network, lambda n: Site("head", layer, n, position=Last())))


def _components(network: Network, layer: int) -> list[str]:
    """Those that a block has: one of attention alone has no `mlp`."""
    return [name for name in COMPONENTS if counted(network, _only(name, layer))]


def _only(name: str, layer: int) -> Callable[[int], Site]:
    """Sites of one: number 0 is the component, there is no other."""
    return lambda n: Site(name, layer if n == 0 else NONE, position=Last())


def _every(network: Network) -> None:
    """An error where prompts differ in length: what stands at one token has no counterpart."""
    try:
        network.width(Site("embedding", position=AllOf()))
    except EngineError as error:
        raise EngineError(
            f"a map needs prompts of one length: {error.message}",
            "use one template, and values of as many tokens each",
        ) from error


def _positions(axes: Axes, network: Network) -> list[tuple[str, Site]]:
    """Positions with their labels; where all prompts begin alike nothing is to be patched."""
    _every(network)
    expand: Callable[[Site], Sequence[Site]] = getattr(network, "expand")  # noqa: B009
    sites = [replace(site) for site in expand(Site("embedding", position=AnyOf()))]
    wanted = axes.get("position", ())
    numbered = {getattr(site.position, "index", -1): site for site in sites}
    missing = [number for number in wanted if number not in numbered]
    if missing:
        there = ", ".join(str(number) for number in numbered)
        raise EngineError(
            f"position {missing[0]} is not there, or the same in every prompt",
            f"write one of {there}, or `position` for all",
        )
    chosen = [numbered[number] for number in wanted] if wanted else sites
    return [(say_position(s.position), s) for s in chosen if s.position is not None]


_Make: TypeAlias = Callable[[Axes, Network], list[PlaceOf]]

_TOKENS: Mapping[frozenset[str], _Make] = {
    frozenset({"layer", "position"}): _stream,
    frozenset({"position"}): _embedded,
    frozenset({"component"}): _terms,
    frozenset({"layer", "component"}): _terms,
    frozenset({"layer"}): _terms,
    frozenset({"component", "position"}): _terms_placed,
    frozenset({"head"}): _heads,
    frozenset({"layer", "head"}): _heads,
    frozenset({"head", "position"}): _heads_placed,
}
BY_KIND: Mapping[str, Mapping[frozenset[str], _Make]] = {
    "mlp": {frozenset({"layer"}): _hidden, frozenset({"layer", "dims"}): _neurons},
    "gru": {frozenset({"step"}): _steps, frozenset({"step", "dims"}): _units},
    "transformer": _TOKENS,
    "tracr": _TOKENS,
    "huggingface": _TOKENS,
}
"""What maps each kind of network has, by their axes."""
