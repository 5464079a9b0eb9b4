"""A hypothesis moved to a compiled network: the same procedure at sites that such a one has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from causalabs.algorithm.homes import homes_from
from causalabs.algorithm.model import Algorithm
from causalabs.errors import RunError
from causalabs.hypothesis.model import (
    Alignment,
    Choice,
    Expectation,
    FeedVectors,
    Hypothesis,
    Member,
    NetworkSpec,
    Site,
    Space,
)
from causalabs.power.cases import choices_of, moves_inputs

OWN = ("whole", "neurons", "masked", "svd", "fixed", "sae", "transcoder")
"""Bases that speak of the file's own network: its neurons, its weights, files made for it."""


def check_bases(hypothesis: Hypothesis) -> None:
    """`RunError` where the procedure has no meaning on another network."""
    for alignment in hypothesis.alignments:
        for space in alignment.spaces:
            if space.basis.kind in OWN:
                names = ", ".join(f"`{member.variable}`" for member in space.members)
                what = {"whole": "a whole site"}.get(space.basis.kind, f"`{space.basis.kind}`")
                raise RunError(
                    f"the power of this file cannot be told: {names} is aligned to {what}, which "
                    "means something in its own network only",
                    "power is for bases found from data, such as `8 learned dims`",
                )


def kept(hypothesis: Hypothesis, *, controls: bool) -> tuple[Expectation, ...]:
    """Expectations that a verdict on a network rests on: of IIA, without controls unless asked."""
    found = []
    for each in hypothesis.expectations:
        metrics = {term.metric for term in each.quantity.terms}
        controlled = any(term.control.name for term in each.quantity.terms)
        if "iia" in metrics and metrics <= {"iia", "accuracy"} and (controls or not controlled):
            found.append(each)
    if not found:
        raise RunError(
            "the power of this file cannot be told: it expects nothing of `iia`"
            + ("" if controls else " without a control"),
            "add an expectation such as `expect iia >= 0.9 on heldout`",
        )
    return tuple(found)


def layers_needed(hypothesis: Hypothesis) -> int:
    """Hidden layers in which every choice of every alignment has a site."""
    first = int(moves_inputs(hypothesis))
    places = max((choices_of(each) for each in hypothesis.alignments), default=1)
    most = 1
    for alignment in hypothesis.alignments:
        algorithm = hypothesis.algorithm_named(alignment.algorithm)
        for layer in range(first, first + places):
            homes = homes_of(algorithm, layer)
            for space in alignment.spaces:
                spare = len(space.labels) - 1 - _true(space, layer - first)
                most = max([most, *(homes[m.variable] + spare + 1 for m in space.members)])
            most = max([most, *(homes[v.name] + 1 for v in algorithm.variables if v.role == "var")])
    return most


def homes_of(algorithm: Algorithm, layer: int) -> dict[str, int]:
    """Layer at which an interchange of a variable does what it should.

    Of an input it is the last before something is computed from it.
    """
    homes = homes_from(algorithm, layer)
    for variable in algorithm.inputs:
        uses = [homes[v.name] for v in algorithm.variables if variable.name in v.parents]
        homes[variable.name] = max(0, min(uses, default=1) - 1)
    return homes


def moved(
    hypothesis: Hypothesis, expectations: Sequence[Expectation], *, layer: int, seed: int
) -> Hypothesis:
    """The hypothesis about a compiled network whose variables lie from `layer` on.

    A search has as many choices as before, the right one where the variable lies.
    """
    inputs = tuple(v.name for v in hypothesis.algorithms[0].inputs)
    reads = tuple(
        replace(read, position=None, style="class", template=(), among=None)
        for read in hypothesis.network.reads
    )
    spec = NetworkSpec("compiled", (), FeedVectors(inputs), reads)
    return replace(
        hypothesis,
        network=spec,
        alignments=tuple(_alignment(hypothesis, each, layer) for each in hypothesis.alignments),
        expectations=tuple(expectations),
        reports=(),
        seeds=(seed,),
        unsupported=(),
    )


def _alignment(hypothesis: Hypothesis, alignment: Alignment, layer: int) -> Alignment:
    algorithm = hypothesis.algorithm_named(alignment.algorithm)
    homes = homes_of(algorithm, layer)
    first = int(moves_inputs(hypothesis))
    moved = []
    for space in alignment.spaces:
        shift = _true(space, layer - first)
        members = tuple(
            replace(member, choices=_choices(homes[member.variable] - shift, len(space.labels)))
            for member in space.members
        )
        labels = tuple(_label(choice) for choice in members[0].choices)
        moved += _parted(replace(space, members=members, labels=labels), hypothesis)
    return replace(alignment, spaces=tuple(moved))


def _true(space: Space, place: int) -> int:
    """Number of the choice where the variable is to lie."""
    return min(place, len(space.labels) - 1)


def _choices(start: int, count: int) -> tuple[Choice, ...]:
    sites = [(Site("hidden", start + number),) for number in range(count)]
    return tuple(Choice(site, site) for site in sites)


def _label(choice: Choice) -> str:
    return f"hidden {choice.writes[0].layer}"


def _parted(space: Space, hypothesis: Hypothesis) -> list[Space]:
    """Spaces whose members can share a rotation: one family at layers of its own, or one site."""
    members = space.members
    sites = [member.choices[0].writes for member in members]
    if len({member.block for member in members}) == 1 and len(set(sites)) == len(members):
        return [space]
    if _moved_about(space, hypothesis):
        raise RunError(
            "the power of this file cannot be told: "
            + ", ".join(f"`{member.variable}`" for member in members)
            + " take values from one another, and would lie at one layer of a compiled network",
            "interchange each from itself",
        )
    found = []
    for site in dict.fromkeys(sites):
        here = [m for m, own in zip(members, sites, strict=True) if own == site]
        apart = len({m.block for m in here}) == len(here)
        for group in [here] if apart else [[member] for member in here]:
            labels = tuple(_label(choice) for choice in group[0].choices)
            found.append(replace(space, members=_renumbered(group), labels=labels))
    return found


def _moved_about(space: Space, hypothesis: Hypothesis) -> bool:
    inside = {member.variable for member in space.members}
    return any(
        take.variable != take.origin and take.variable in inside
        for line in hypothesis.counterfactuals.lines
        for take in line.takes
    )


def _renumbered(members: Sequence[Member]) -> tuple[Member, ...]:
    """Blocks counted from 0 again, as wide as they were."""
    found, first = [], 0
    for member in members:
        block = tuple(range(first, first + len(member.block)))
        found.append(replace(member, block=block))
        first += len(block)
    return tuple(found)
