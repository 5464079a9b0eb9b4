"""Controls: one thing is changed, everything else is run again (SEMANTICS M8).

| control | what is changed |
|---|---|
| `untrained` | the network: the same architecture with fresh weights |
| `random_basis` | fitted bases: all blocks of a shared one are drawn at random |
| `shuffled_sources` | which source goes with which example, within line and split |
| `random_sites` | the sites: as many of the same kind, drawn elsewhere |
| `wrong_algorithm` | the algorithm: one mechanism is read wrongly (`causalabs.rivals.wrong`) |
| `whole_site` | the basis: all of the site is interchanged, nothing is fitted |
| `left_alone` | nothing is interchanged: the network answers as for the base |
| `random_circuit` | a circuit: as many edges drawn at random, a mean over several draws |
| `chance` | no network: of each interchange the answer that is right most often |

Examples, splits, seeds, budget and restarts stay, and so do the streams of random numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import torch

from causalabs.engine.errors import EngineError
from causalabs.engine.networks.naming import say_site
from causalabs.engine.protocol import Network
from causalabs.hypothesis.model import (
    Alignment,
    AtIndex,
    AtStep,
    BasisSpec,
    Choice,
    Member,
    Site,
    Space,
)
from causalabs.results import FitRecord

CONTROLS = (
    "untrained",
    "random_basis",
    "shuffled_sources",
    "random_sites",
    "wrong_algorithm",
    "whole_site",
    "random_circuit",
    "left_alone",
    "chance",
)

IDLE = ("left_alone", "chance")
"""Controls under which nothing is written, and so nothing fitted."""


def check_control(name: str) -> None:
    """An error where there is no such control; "" is the procedure as it stands."""
    if name and name not in CONTROLS:
        raise EngineError(f"there is no control `{name}`", f"use one of {', '.join(CONTROLS)}")


def whole_site(alignment: Alignment) -> Alignment:
    """The alignment with each variable in all of its site."""
    spaces = tuple(
        replace(
            space,
            basis=BasisSpec("whole"),
            members=tuple(replace(member, block=()) for member in space.members),
        )
        for space in alignment.spaces
    )
    return replace(alignment, spaces=spaces)


def pinned(alignment: Alignment, fits: Sequence[FitRecord]) -> Alignment:
    """The alignment with each searched space at the place that some fit chose."""
    chosen: Mapping[str, str] = {record.space: record.choice for record in fits}

    def at(space: Space) -> Space:
        label = chosen.get(", ".join(member.variable for member in space.members))
        number = space.labels.index(label) if label in space.labels else 0
        members = tuple(replace(m, choices=(m.choices[number],)) for m in space.members)
        return replace(space, members=members, labels=space.labels[number : number + 1])

    return replace(alignment, spaces=tuple(map(at, alignment.spaces)))


def sites_of(alignment: Alignment) -> tuple[Site, ...]:
    """Every site that an alignment names, written or read, searched ones too."""
    found = {
        site: None
        for space in alignment.spaces
        for member in space.members
        for choice in member.choices
        for site in choice.writes + choice.reads
    }
    return tuple(found)


def move_sites(alignment: Alignment, network: Network, *, generator: torch.Generator) -> Alignment:
    """The alignment with each site replaced by another of its kind that it does not name.

    Different sites stay different, equal ones equal, widths the same. `EngineError` where
    the network has too few others.
    """
    named = sites_of(alignment)
    moved: dict[Site, Site] = {}
    for site in named:
        taken = {*named, *moved.values()}
        others = [other for other in like(site, network) if other not in taken]
        if not others:
            raise EngineError(
                f"`random_sites` finds no other site like {say_site(site)}",
                "use another control, or align fewer sites of this kind",
            )
        moved[site] = others[int(torch.randint(len(others), (1,), generator=generator))]
    return _mapped(alignment, moved.__getitem__)


def like(site: Site, network: Network) -> list[Site]:
    """All sites of the same component and width: other layers, heads, steps or tokens."""
    width = network.width(site)
    if site.component == "module":
        alike: Callable[[Site], list[Site]] = getattr(network, "alike", lambda each: [])
        return [each for each in alike(site) if each != site]
    layers = counted(network, lambda n: replace(site, layer=n)) if site.layer is not None else [0]
    found = []
    for layer in layers:
        there = site if site.layer is None else replace(site, layer=layer)
        heads = [there]
        if site.head is not None:
            numbers = counted(network, lambda n, at=there: replace(at, head=n))  # type: ignore[misc]
            heads = [replace(there, head=number) for number in numbers]
        found += heads
    if len(found) <= 1 or all(each == site for each in found):
        found = _elsewhere(site, network)
    return [each for each in found if each != site and _width(network, each) == width]


def _elsewhere(site: Site, network: Network) -> list[Site]:
    """The same component at other steps or tokens."""
    match site.position:
        case AtStep():
            numbers = counted(network, lambda n: replace(site, position=AtStep(n)))
            return [replace(site, position=AtStep(number)) for number in numbers]
        case AtIndex():
            numbers = counted(network, lambda n: replace(site, position=AtIndex(n)))
            return [replace(site, position=AtIndex(number)) for number in numbers]
        case _:
            return []


def counted(network: Network, site: Callable[[int], Site]) -> list[int]:
    """Numbers for which the site exists, from 0 on."""
    found = 0
    while found < 4096 and _width(network, site(found)) is not None:
        found += 1
    return list(range(found))


def _width(network: Network, site: Site) -> int | None:
    try:
        return network.width(site)
    except EngineError:
        return None


def _mapped(alignment: Alignment, move: Callable[[Site], Site]) -> Alignment:
    def choice(old: Choice) -> Choice:
        return Choice(tuple(map(move, old.writes)), tuple(map(move, old.reads)))

    def member(old: Member) -> Member:
        return replace(old, choices=tuple(map(choice, old.choices)))

    def space(old: Space) -> Space:
        members = tuple(map(member, old.members))
        labels = tuple(
            " and ".join(say_site(site).strip("`") for site in members[0].choices[number].writes)
            for number in range(len(old.labels))
        )
        return replace(old, members=members, labels=labels)

    return replace(alignment, spaces=tuple(map(space, alignment.spaces)))
