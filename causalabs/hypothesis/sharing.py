"""Variables at one site: whether they can share it, and which dims each of them gets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from causalabs.hypothesis.refs import Findings
from causalabs.hypothesis.registry import BasisKind, find
from causalabs.hypothesis.rules_alignment import (
    BasesDiffer,
    ChoicesDiffer,
    DimsOutside,
    DimsOverlap,
    SharedWhole,
    TooManyDims,
)
from causalabs.hypothesis.shape import Shape

if TYPE_CHECKING:
    from causalabs.hypothesis.spaces import Home


def judge_group(group: Sequence[Home], shape: Shape, found: Findings) -> bool:
    """Whether lines that share sites can share a basis; reports the first reason why not."""
    for one, other in _meeting(group):
        span, first = other.name_span, one.name_span
        same = one.basis.spec == other.basis.spec and one.layers == other.layers
        if same and not one.basis.whole:
            continue
        site = _shared(one, other)
        if one.basis.whole or other.basis.whole:
            half = _half(group, shape)
            found.report(
                SharedWhole(
                    span=span, first=first, name=other.name, other=one.name, site=site, half=half
                )
            )
            return False
        if one.basis.spec != other.basis.spec:
            found.report(
                BasesDiffer(span=span, first=first, name=other.name, other=one.name, site=site)
            )
            return False
        if one.layers != other.layers:
            found.report(
                ChoicesDiffer(span=span, first=first, name=other.name, other=one.name, site=site)
            )
            return False
    return True


def _meeting(group: Sequence[Home]) -> Iterator[tuple[Home, Home]]:
    """Each line with the first one at each of its sites: all others agree with that one."""
    first: dict[object, Home] = {}
    for home in group:
        met = {id(one): one for one in (first.setdefault(key, home) for key in home.keys)}
        yield from ((one, home) for one in met.values() if one is not home)


def _shared(one: Home, other: Home) -> str:
    """A site of both, as a person says it."""
    theirs = {site for sites in one.layers for site in sites}
    for label, sites in zip(other.labels, other.layers, strict=True):
        if not theirs.isdisjoint(sites):
            return label
    return other.labels[0]


def _half(group: Sequence[Home], shape: Shape) -> int:
    width = _width(group[0], shape)
    return max(1, (width[1] if width is not None else 16) // len(group))


def _width(home: Home, shape: Shape) -> tuple[str, int] | None:
    """The narrowest choice of a line and its dims; None where some are not known."""
    narrowest: tuple[str, int] | None = None
    for _, choices in home.members:
        for label, choice in zip(home.labels, choices, strict=True):
            sizes = [shape.size_of(site) for site in choice.writes]
            known = [size for size in sizes if size is not None]
            if len(known) < len(sizes):
                continue
            if narrowest is None or sum(known) < narrowest[1]:
                narrowest = (label, sum(known))
    return narrowest


def judge_dims(
    group: Sequence[Home], shape: Shape, found: Findings
) -> list[tuple[int, ...]] | None:
    """The block of each line; None after an error.

    Dims named in the file stay as they are; counted ones follow one another.
    """
    blocks: list[tuple[int, ...]] = []
    offset = 0
    for home in group:
        width = _width(home, shape)
        if home.basis.named:
            if not _inside(home, width, found) or not _apart(home, group, blocks, found):
                return None
            blocks.append(home.basis.named)
            continue
        block = tuple(range(offset, offset + home.basis.count))
        offset += home.basis.count
        blocks.append(block)
        if width is not None and offset > width[1]:
            counts = [str(each.basis.count) for each in group[: len(blocks)]]
            total = " + ".join(counts) + (f" = {offset}" if len(counts) > 1 else "")
            found.report(
                TooManyDims(
                    span=home.basis.span,
                    site=width[0],
                    width=width[1],
                    asked=offset,
                    sum=total,
                )
            )
            return None
    return blocks


def _inside(home: Home, width: tuple[str, int] | None, found: Findings) -> bool:
    kind = find(BasisKind, home.basis.spec.kind)
    of_file = kind is not None and kind.latents
    if of_file or width is None or max(home.basis.named) < width[1]:
        return True
    beyond = min(dim for dim in home.basis.named if dim >= width[1])
    found.report(DimsOutside(span=home.basis.span, site=width[0], dim=beyond, last=width[1] - 1))
    return False


def _apart(
    home: Home, group: Sequence[Home], blocks: Sequence[tuple[int, ...]], found: Findings
) -> bool:
    """Whether a line's dims are none of those of an earlier line at the same site."""
    for other, block in zip(group, blocks, strict=False):
        both = set(block) & set(home.basis.named)
        if both and not other.keys.isdisjoint(home.keys):
            found.report(
                DimsOverlap(
                    span=home.basis.span,
                    first=other.basis.span,
                    name=home.name,
                    other=other.name,
                    dim=min(both),
                    site=_shared(other, home),
                )
            )
            return False
    return True
