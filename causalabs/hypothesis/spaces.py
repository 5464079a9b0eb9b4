"""Lines of an alignment to spaces: which variables share a basis, in which blocks of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from causalabs.algorithm.model import Algorithm
from causalabs.algorithm.names import nearest
from causalabs.diagnostics import Span
from causalabs.hypothesis.bases import Basis, resolve_basis
from causalabs.hypothesis.model import AllOf, Choice, Member, Position, Several, Site, Space
from causalabs.hypothesis.positions import places_in
from causalabs.hypothesis.refs import Env, Findings, elements, listed
from causalabs.hypothesis.rules_alignment import (
    AlignedOutput,
    AlignedTwice,
    FromCount,
    FromWidth,
    SiteTwice,
    UnknownVariable,
)
from causalabs.hypothesis.rules_sites import TooManyChoices
from causalabs.hypothesis.shape import Shape
from causalabs.hypothesis.sharing import judge_dims, judge_group
from causalabs.hypothesis.sites import MOST_CHOICES, Option, resolve_sites
from causalabs.syntax import ast

Key = tuple[object, ...]
"""One tensor at one token, as far as the file tells tokens apart."""
MOST_WRITES = 10**6
"""Most sites of all elements and choices of a line together."""


@dataclass(frozen=True)
class Home:
    """One line: a variable or family, its choices element by element, and its basis."""

    name: str
    members: tuple[tuple[str, tuple[Choice, ...]], ...]
    labels: tuple[str, ...]
    basis: Basis
    keys: frozenset[Key]
    span: Span
    name_span: Span

    @property
    def layers(self) -> tuple[tuple[tuple[object, ...], ...], ...]:
        """The components of each choice, positions aside."""
        _, choices = self.members[0]
        return tuple(tuple(_component(site) for site in choice.writes) for choice in choices)


def _component(site: Site) -> tuple[object, ...]:
    return (site.component, site.layer, site.head, site.part, site.path)


def resolve_homes(
    places: Sequence[ast.Place], algorithm: Algorithm, shape: Shape, found: Findings
) -> list[Home]:
    """The lines that hold; what is wrong with the others is reported."""
    homes: list[Home] = []
    for place, pairs, twice in aligned_elements(places, algorithm, found):
        home = _home(place, pairs, algorithm, shape, found)
        if home is not None and not twice:
            homes.append(home)
    return homes


def aligned_elements(
    places: Sequence[ast.Place], algorithm: Algorithm, found: Findings
) -> list[tuple[ast.Place, list[tuple[dict[str, int], str]], bool]]:
    """Each line, its elements with their binders, and whether one was aligned before."""
    lines = []
    first: dict[str, Span] = {}
    for place in places:
        pairs = _elements(place, algorithm, found)
        twice = [name for _, name in pairs if name in first]
        span = _variable_span(place)
        if twice:
            found.report(AlignedTwice(span=span, name=twice[0], first=first[twice[0]]))
        first.update({name: span for _, name in pairs if name not in first})
        lines.append((place, pairs, bool(twice)))
    return lines


def _variable_span(place: ast.Place) -> Span:
    """Where the variable and its indices stand."""
    if not place.indices:
        return place.variable.span
    return Span(place.variable.span.start, place.indices[-1].span.end + 1)


def _elements(
    place: ast.Place, algorithm: Algorithm, found: Findings
) -> list[tuple[dict[str, int], str]]:
    """Elements that a line aligns, each with its binders."""
    name = str(place.variable)
    family = algorithm.by_family.get(name)
    if family is None:
        if name not in found.poisoned:
            known = [each.name for each in algorithm.families if each.role != "output"]
            found.report(
                UnknownVariable(
                    span=place.variable.span,
                    name=name,
                    known=f"there are {listed(known)}",
                    suggestion=nearest(name, known),
                )
            )
        return []
    if family.role == "output":
        found.report(AlignedOutput(span=place.variable.span, name=name))
        return []
    return elements(name, place.indices, _variable_span(place), algorithm, {}, found)


def _home(
    place: ast.Place,
    pairs: Sequence[tuple[Env, str]],
    algorithm: Algorithm,
    shape: Shape,
    found: Findings,
) -> Home | None:
    before = len(found.rules)
    envs = pairs or [({}, "")]
    members: list[tuple[str, tuple[Choice, ...]]] = []
    labels: tuple[str, ...] = ()
    for env, name in envs:
        if not pairs and place.indices:
            break  # the binders' values are not known: nothing more can be told
        resolved = _choices(place, algorithm, shape, env, found)
        if resolved is None:
            break
        labels, choices = resolved
        members.append((name, choices))
        if sum(len(c.writes) for c in choices) * len(envs) > MOST_WRITES:
            span = place.sites[0].span
            found.report(TooManyChoices(span=span, name=str(place.variable), most=MOST_CHOICES))
            break
    basis = None
    if pairs:
        basis = resolve_basis(place.basis, algorithm[pairs[0][1]], found)
    if len(found.rules) > before or basis is None or len(members) < len(envs):
        return None
    every = _distinct(place, members, shape, found)
    if every is None:
        return None
    return Home(
        name=str(place.variable) if len(members) > 1 else members[0][0],
        members=tuple(members),
        labels=labels,
        basis=basis,
        keys=every,
        span=place.span,
        name_span=_variable_span(place),
    )


# ---------------------------------------------------------------------- choices


def _choices(
    place: ast.Place, algorithm: Algorithm, shape: Shape, env: Env, found: Findings
) -> tuple[tuple[str, ...], tuple[Choice, ...]] | None:
    name = str(place.variable)
    writes = resolve_sites(place.sites, place.every, algorithm, shape, env, found, name=name)
    origin: tuple[Option, ...] | None = None
    if place.origin is not None:
        origin = resolve_sites([place.origin], False, algorithm, shape, env, found, name=name)
        if origin is None:
            return None
    if writes is None:
        return None
    if origin is None:
        labels = tuple(option.label for option in writes)
        return labels, tuple(Choice(option.sites, option.sites) for option in writes)
    if len(writes) * len(origin) > MOST_CHOICES:
        span = place.sites[0].span
        found.report(TooManyChoices(span=span, name=name, most=MOST_CHOICES))
        return None
    pairs = []
    for written in writes:
        for read in origin:
            choice = _joined(place, written, read, shape, found)
            if choice is None:
                return None
            pairs.append((f"{written.label} from {read.label}", choice))
    return tuple(label for label, _ in pairs), tuple(choice for _, choice in pairs)


def _joined(
    place: ast.Place, written: Option, read: Option, shape: Shape, found: Findings
) -> Choice | None:
    """Where each written site takes its value from."""
    reads = read.sites
    span = place.origin.span if place.origin is not None else place.span
    if len(reads) == 1:
        reads = reads * len(written.sites)
    if len(reads) != len(written.sites):
        name = str(place.variable)
        counts = len(written.sites), len(reads)
        found.report(FromCount(span=span, name=name, writes=counts[0], reads=counts[1]))
        return None
    for site, origin in zip(written.sites, reads, strict=True):
        wants, has = shape.width_of(site), shape.width_of(origin)
        tokens, given = shape.positions_of(site.position), shape.positions_of(origin.position)
        if wants is not None and has is not None and tokens is not None and given is not None:
            # One value may be written at several tokens; several cannot become others.
            if given != 1:
                wants, has = wants * tokens, has * given
            if wants != has:
                found.report(
                    FromWidth(
                        span=span, origin=read.label, has=has, site=written.label, wants=wants
                    )
                )
                return None
    spread = len(read.sites) == 1 and shape.positions_of(read.sites[0].position) == 1
    return Choice(tuple(map(_ragged, written.sites)) if spread else written.sites, reads)


def _ragged(site: Site) -> Site:
    """The site with one value for each of its tokens, however many a prompt has."""
    if not isinstance(site.position, AllOf):
        return site
    return replace(site, position=replace(site.position, ragged=True))


# ------------------------------------------------------------------------- keys


def site_keys(site: Site, shape: Shape) -> list[Key]:
    """What a site overlaps with: one key for each tensor at each token."""
    component = _component(site)
    if not shape.word_level:
        return [(*component, position) for position in _single(site.position)]
    return [
        (*component, number, token)
        for number, template in enumerate(shape.templates)
        for token in dict.fromkeys(places_in(site.position, template))
    ]


def _single(position: Position | None) -> list[Position | None]:
    if isinstance(position, Several):
        return [inner for each in position.positions for inner in _single(each)]
    return [position]


def _distinct(
    place: ast.Place,
    members: Sequence[tuple[str, tuple[Choice, ...]]],
    shape: Shape,
    found: Findings,
) -> frozenset[Key] | None:
    """All keys of a line; None where a site is written twice, which is reported."""
    every: set[Key] = set()
    span = Span(place.sites[0].span.start, place.sites[-1].span.end)
    for number in range(len(members[0][1])):
        owner: dict[Key, str] = {}
        for name, choices in members:
            own: set[Key] = set()
            for site in choices[number].writes:
                keys = site_keys(site, shape)
                if own.intersection(keys):
                    problem = f"`{name}` is written twice at one site"
                    found.report(
                        SiteTwice(span=span, problem=problem, instead="name each site once")
                    )
                    return None
                own.update(keys)
            shared = [owner[key] for key in own if key in owner]
            if shared:
                problem = f"`{min(shared)}` and `{name}` would live in the same dims"
                instead = "let the site depend on the index, or align the elements in own lines"
                found.report(SiteTwice(span=span, problem=problem, instead=instead))
                return None
            owner.update(dict.fromkeys(own, name))
        every.update(owner)
    return frozenset(every)


# ----------------------------------------------------------------------- spaces


def spaces_of(homes: Sequence[Home], shape: Shape, found: Findings) -> tuple[Space, ...]:
    """Spaces in file order: lines whose sites overlap share one (SEMANTICS S6)."""
    spaces = []
    for group in _groups(homes):
        if not judge_group(group, shape, found):
            continue
        blocks = judge_dims(group, shape, found)
        if blocks is None:
            continue
        members = tuple(
            Member(name, choices, block)
            for home, block in zip(group, blocks, strict=True)
            for name, choices in home.members
        )
        span = Span(group[0].span.start, group[-1].span.end)
        spaces.append(Space(group[0].basis.spec, members, group[0].labels, span))
    return tuple(spaces)


def _groups(homes: Sequence[Home]) -> list[list[Home]]:
    """Lines that are connected by shared sites."""
    groups: list[list[Home]] = []
    owner: dict[Key, list[Home]] = {}
    for home in homes:
        mine = [home]
        touched = {id(owner[key]): owner[key] for key in home.keys if key in owner}
        for group in touched.values():
            mine = group + mine
            groups = [each for each in groups if each is not group]
        mine.sort(key=lambda each: each.span.start)
        groups.append(mine)
        for member in mine:
            owner.update(dict.fromkeys(member.keys, mine))
    return sorted(groups, key=lambda group: group[0].span.start)
