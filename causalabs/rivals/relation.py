"""Whether one algorithm is an abstraction of another, or the same in other words.

A is an abstraction of B when A's variables map to disjoint sets of B's so that every
interchange of A, made in B by interchanging the sets, gives the same outputs (constructive
abstraction, Beckers and Halpern 2019, as interchanges see it: Geiger et al. 2021). They are
the same up to renaming when the sets are single variables, all of them, whose values
correspond one to one under every interchange.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, combinations
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from causalabs.algorithm.columns import value_text
from causalabs.algorithm.domains import Bool, Column, Real, SetOf, decode
from causalabs.algorithm.model import Algorithm, Variable
from causalabs.algorithm.moves import Move, computed, differ
from causalabs.counterfactuals.errors import DrawError
from causalabs.hypothesis.model import Line, Take
from causalabs.rivals.compare import answered, glance_of, inside
from causalabs.rivals.gathering import Rival
from causalabs.rivals.rows import Rows, Sheet
from causalabs.rivals.symbolic import proved_alike, same_mechanisms

MOST_ABOVE = 4
MOST_BELOW = 8
MOST_MAPS = 20_000

Kind: TypeAlias = Literal["same", "abstraction", "no", "not decided"]
Map: TypeAlias = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Relation:
    """Whether `above` is an abstraction of `below`, and how that is known.

    `kind` "same" is equality up to renaming; `map` then gives each variable its counterpart
    and `values` the counterparts of its values where they are not the same.
    """

    above: str
    below: str
    kind: Kind
    how: str
    map: tuple[tuple[str, tuple[str, ...]], ...] = ()
    values: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = ()


def relation(above: Rival, below: Rival, outputs: Sequence[str]) -> Relation:
    """What `above` is to `below`: by enumeration, by sympy where that is too large."""
    told = partial(Relation, above.label, below.label)
    upper, lower = computed(above.algorithm), computed(below.algorithm)
    if len(upper) > MOST_ABOVE or len(lower) > MOST_BELOW:
        many = f"{len(upper)} and {len(lower)} variables make too many maps to try"
        return told("not decided", many)
    takes = tuple(Take(name, name, place) for place, name in enumerate(upper))
    try:
        rows = Sheet(above.home, plain=True).rows(
            Line("", above.algorithm.name, takes, sources=len(upper))
        )
    except DrawError as error:
        return told("not decided", error.message)
    pair = inside(rows, above), inside(rows, below)
    surviving = _surviving(rows, pair, outputs)
    if not surviving:
        return told("no", _seen(rows))
    how = _seen(rows)
    if not rows.exact:
        surviving = [found for found in surviving if proved_alike(*pair, found, outputs)]
        how = "proved by sympy"
        if not surviving:
            drawn = f"no exception among {rows.count:,} draws, and no proof by sympy"
            return told("not decided", drawn)
    renamed = _same(rows, pair, surviving, len(lower))
    if renamed is not None and renamed[1] and not rows.exact:
        how = f"outputs {how}, values as in {rows.count:,} draws"
    if renamed is not None:
        return told("same", how, _items(renamed[0]), renamed[1])
    best = min(surviving, key=lambda found: sum(map(len, found.values())))
    return told("abstraction", how, _items(best))


def _surviving(rows: Rows, pair: tuple[Algorithm, Algorithm], outputs: Sequence[str]) -> list[Map]:
    """The maps under which every interchange agrees: on some rows first, then on all."""
    looked = glance_of(rows)
    if len(looked) == rows.count:
        return list(_maps(rows, *pair, outputs))
    promising = _maps(rows.some(looked), *pair, outputs)
    return [found for found in promising if all(_agrees(rows, *pair, found, outputs))]


def _items(found: Map) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return tuple(found.items())


def _seen(rows: Rows) -> str:
    if rows.exact:
        return f"by enumeration of {rows.count:,}"
    return f"an exception among {rows.count:,} draws"


def _maps(rows: Rows, upper: Algorithm, lower: Algorithm, outputs: Sequence[str]) -> Iterator[Map]:
    """Maps under which every interchange agrees on the rows."""
    fits = []
    for place, name in enumerate(computed(upper)):
        own = answered(rows, upper, Move(((name, name, place),)), outputs)
        every = [group for group in _subsets(computed(lower)) if group]
        made = (answered(rows, lower, _joint(group, place), outputs) for group in every)
        fits.append(
            [g for g, found in zip(every, made, strict=True) if not differ(own, found).any()]
        )
    for tried, groups in enumerate(_disjoint(fits)):
        if tried >= MOST_MAPS:
            return
        found = dict(zip(computed(upper), groups, strict=True))
        if all(_agrees(rows, upper, lower, found, outputs)):
            yield found


def _joint(group: Sequence[str], source: int) -> Move:
    return Move(tuple((name, name, source) for name in group))


def _subsets(names: Sequence[str]) -> Iterator[tuple[str, ...]]:
    return chain.from_iterable(combinations(names, n) for n in range(len(names) + 1))


def _disjoint(
    fits: Sequence[Sequence[tuple[str, ...]]], taken: frozenset[str] = frozenset()
) -> Iterator[tuple[tuple[str, ...], ...]]:
    if not fits:
        yield ()
        return
    for group in fits[0]:
        if taken.isdisjoint(group):
            for rest in _disjoint(fits[1:], taken | set(group)):
                yield (group, *rest)


def paired_moves(found: Map) -> Iterator[tuple[Move, Move]]:
    """Every interchange of a map's variables, each from a source of its own, on both sides."""
    numbers = {name: place for place, name in enumerate(found)}
    for chosen in _subsets(tuple(found)):
        above = tuple((name, name, numbers[name]) for name in chosen)
        below = tuple((each, each, numbers[name]) for name in chosen for each in found[name])
        yield Move(above), Move(below)


def _agrees(
    rows: Rows, upper: Algorithm, lower: Algorithm, found: Map, outputs: Sequence[str]
) -> Iterator[bool]:
    """For each interchange of `upper` whether it agrees on all rows."""
    for above, below in paired_moves(found):
        own = answered(rows, upper, above, outputs)
        yield not differ(own, answered(rows, lower, below, outputs)).any()


# ---------------------------------------------------------------------- renaming

Values: TypeAlias = "tuple[tuple[str, tuple[tuple[str, str], ...]], ...]"


def _same(
    rows: Rows, pair: tuple[Algorithm, Algorithm], maps: Sequence[Map], below: int
) -> tuple[Map, Values] | None:
    """The map that only renames, with values that have other names; None without one."""
    upper, lower = pair
    for found in maps:
        if len(found) != below or any(len(group) != 1 for group in found.values()):
            continue
        renamed = {name: group[0] for name, group in found.items()}
        if not rows.exact and same_mechanisms(upper, lower, renamed):
            return found, ()
        made = {name: _codes(rows, pair, name, to) for name, to in renamed.items()}
        codes = {name: each for name, each in made.items() if each is not None}
        if len(codes) == len(made) and _commutes(rows, pair, found, codes):
            told = ((n, _told(upper[n], lower[renamed[n]], c)) for n, c in codes.items())
            return found, tuple((n, t) for n, t in told if t)
    return None


Codes: TypeAlias = "dict[int, int]"


def _codes(rows: Rows, pair: tuple[Algorithm, Algorithm], name: str, other: str) -> Codes | None:
    """Which value of `other` goes with each value of `name`; None unless one to one."""
    left = _plain(pair[0][name], rows.columns(pair[0], 0, frozenset({name}))[name])
    right = _plain(pair[1][other], rows.columns(pair[1], 0, frozenset({other}))[other])
    if left is None or right is None:
        return None
    seen: set[tuple[int, int]] = set(zip(left.tolist(), right.tolist(), strict=True))
    forth: Codes = dict(seen)
    return forth if len(forth) == len(seen) == len(set(forth.values())) else None


def _plain(variable: Variable, column: Column) -> NDArray[np.int64] | None:
    """A column of numbers, None for sets and vectors."""
    if isinstance(variable.domain, Real | SetOf):
        return None
    return np.asarray(column).astype(np.int64)


def _commutes(
    rows: Rows, pair: tuple[Algorithm, Algorithm], found: Map, codes: Mapping[str, Codes]
) -> bool:
    """Whether all variables correspond after every interchange, not outputs alone."""
    upper, lower = pair
    names = {name: group[0] for name, group in found.items()}
    for above, below in paired_moves(found):
        mine = answered(rows, upper, above, tuple(names))
        theirs = answered(rows, lower, below, tuple(names.values()))
        for name, other in names.items():
            seen = set(zip(mine[name].tolist(), theirs[other].tolist(), strict=True))
            if any(codes[name].get(left) != right for left, right in seen):
                return False
    return True


def _told(mine: Variable, theirs: Variable, codes: Codes) -> tuple[tuple[str, str], ...]:
    """Values and their counterparts as people write them, () where all keep their names."""
    pairs = [(_written(mine, a), _written(theirs, b)) for a, b in sorted(codes.items())]
    return tuple(pairs) if any(a != b for a, b in pairs) else ()


def _written(variable: Variable, code: int) -> str:
    kind = np.bool_ if isinstance(variable.domain, Bool) else np.int64
    return value_text(decode(variable.domain, np.array([code], dtype=kind))[0])
