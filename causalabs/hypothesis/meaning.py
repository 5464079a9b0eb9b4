"""Which elements of which algorithm a reference in counterfactuals or expectations means.

A variable is written there `v`, `v[2]`, `v[i in 0..2]`, or `algorithm.v` where rivals both
have it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from causalabs.algorithm.model import Algorithm, Family
from causalabs.algorithm.names import element, nearest
from causalabs.algorithm.rules_names import IndexOutOfRange, NotAnIndex, WrongIndices
from causalabs.diagnostics import Rule, Source, Span
from causalabs.hypothesis.rules_interchange import (
    MixedAlgorithms,
    TwoBinders,
    UnknownVariable,
    WhichAlgorithm,
)
from causalabs.syntax import ast

MOST_LINES = 1_000
Binding = Mapping[str, int]


@dataclass(frozen=True)
class World:
    """What references may speak of; `partial` says that some algorithm could not be read."""

    algorithms: tuple[Algorithm, ...]
    source: Source
    poisoned: frozenset[str] = frozenset()
    partial: bool = False

    def named(self, name: str) -> Algorithm | None:
        """The algorithm of that name."""
        return next((found for found in self.algorithms if found.name == name), None)

    def text(self, span: Span) -> str:
        """What the file says there, on one line."""
        return " ".join(self.source.text[span.start : span.end].split())

    def silent(self, name: str) -> bool:
        """Whether the absence of `name` follows from a mistake that is already told."""
        return self.partial or name in self.poisoned


@dataclass(frozen=True)
class Meant:
    """A family (or plain variable) of an algorithm, and the indices as written."""

    algorithm: Algorithm
    family: Family
    indices: tuple[ast.Expr | ast.Binder, ...]
    span: Span = field(compare=False)


def split_ref(ref: ast.Ref) -> tuple[str | None, str, tuple[ast.Expr | ast.Binder, ...]] | None:
    """A reference as (algorithm or None, name, indices); None for any other shape."""
    match ref.parts:
        case ():
            return None, str(ref.name), ()
        case (ast.AtIndex(indices=indices),):
            return None, str(ref.name), indices
        case (ast.Field(name=name),):
            return str(ref.name), str(name), ()
        case (ast.Field(name=name), ast.AtIndex(indices=indices)):
            return str(ref.name), str(name), indices
    return None


def meant(
    ref: ast.Ref, world: World, found: list[Rule], *, about: Algorithm | None = None
) -> Meant | None:
    """The family that `ref` names; `about` is the algorithm that its line speaks of."""
    shape = split_ref(ref)
    owner, name, indices = shape if shape else (None, world.text(ref.span), ())
    having = [each for each in world.algorithms if name in each.by_family]
    if owner is not None:
        having = [each for each in having if each.name == owner]
    if not having:
        if not world.silent(name) and not world.silent(owner or name):
            found.append(unknown(ref, world))
        return None
    if owner is None and about is not None and about in having:
        having = [about]
    if len(having) > 1:
        names = " and ".join(f"`{each.name}`" for each in having)
        example = f"{having[0].name}.{world.text(ref.span)}"
        found.append(WhichAlgorithm(span=ref.span, name=name, algorithms=names, example=example))
        return None
    algorithm = having[0]
    if about is not None and about is not algorithm:
        found.append(
            MixedAlgorithms(span=ref.span, name=name, algorithm=algorithm.name, other=about.name)
        )
        return None
    return Meant(algorithm, algorithm.by_family[name], indices, ref.span)


def unknown(ref: ast.Ref, world: World) -> UnknownVariable:
    """The finding for a reference that names nothing."""
    plain = list(dict.fromkeys(name for each in world.algorithms for name in each.by_family))
    dotted = [f"{each.name}.{name}" for each in world.algorithms for name in each.by_family]
    qualified = bool(ref.parts) and isinstance(ref.parts[0], ast.Field)
    name = world.text(ref.span) if qualified else str(ref.name)
    return UnknownVariable(
        span=ref.span,
        name=name,
        suggestion=nearest(name, dotted if qualified else plain),
        variables=listed(plain),
    )


def listed(names: Sequence[str], most: int = 8) -> str:
    """Names in backticks, a long list cut short.

    >>> listed(["a", "b", "c"], 2), listed([])
    ('`a`, `b`, ...', 'none')
    """
    shown = ", ".join(f"`{name}`" for name in names[:most])
    return shown + (", ..." if len(names) > most else "") if names else "none"


def shortened(text: str, most: int = 40) -> str:
    """A text that fits into a message.

    >>> shortened("9" * 50, 10)
    '9999999...'
    """
    return text if len(text) <= most else text[: most - 3] + "..."


# ---------------------------------------------------------------------- indices


def constant(node: ast.Node, binding: Binding) -> int | None:
    """An index as a number, None where it is none."""
    match node:
        case ast.Literal(value=ast.Digits() as digits):
            value = digits.value
            return value if isinstance(value, int) else None
        case ast.Ref(name=name, parts=()):
            return binding.get(str(name))
        case ast.Negative(term=term):
            inner = constant(term, binding)
            return None if inner is None else -inner
        case ast.Sum(terms=terms, operators=operators):
            total = 0
            signs = [1] + [1 if operator == "+" else -1 for operator in operators]
            for sign, term in zip(signs, terms, strict=True):
                inner = constant(term, binding)
                if inner is None:
                    return None
                total += sign * inner
            return total
    return None


def element_of(family: Meant, binding: Binding, world: World, found: list[Rule]) -> str | None:
    """The element at the indices as `binding` has them; None, reported, where there is none."""
    index = []
    for node in family.indices:
        value = (
            binding.get(str(node.name)) if isinstance(node, ast.Binder) else constant(node, binding)
        )
        if value is None:
            shown = world.text(node.span)
            found.append(NotAnIndex(span=node.span, shown=shown, found="not a number"))
            return None
        index.append(value)
    ranges, name = family.family.ranges, family.family.name
    if len(index) != len(ranges):
        found.append(
            WrongIndices(
                span=family.span,
                name=name,
                wanted=_indices(len(ranges)),
                found=_indices(len(index)),
                usage=element(name, [low for low, _ in ranges]),
                first=family.family.span,
            )
        )
        return None
    shown = element(name, index)
    if all(low <= value <= high for value, (low, high) in zip(index, ranges, strict=True)):
        return shown
    runs = " and ".join(f"{low}..{high}" for low, high in ranges)
    found.append(
        IndexOutOfRange(
            span=family.span, name=name, shown=shown, ranges=runs, first=family.family.span
        )
    )
    return None


def _indices(count: int) -> str:
    return "no index" if count == 0 else "one index" if count == 1 else f"{count} indices"


def members(family: Meant, binding: Binding, world: World, found: list[Rule]) -> tuple[str, ...]:
    """The elements meant: all of a family without index, otherwise one."""
    if not family.indices:
        return family.family.members
    one = element_of(family, binding, world, found)
    return () if one is None else (one,)


def binders(families: Sequence[Meant], found: list[Rule]) -> dict[str, range] | None:
    """The index names bound in a line and their ranges; None, reported, if they disagree."""
    ranges: dict[str, range] = {}
    total = 1
    for node in (index for family in families for index in family.indices):
        if not isinstance(node, ast.Binder):
            continue
        name = str(node.name)
        low, high = constant(node.low, {}), constant(node.high, {})
        problem = ""
        if low is None or high is None:
            problem = f"the range of `{name}` is not constant"
        elif high < low:
            problem = f"the range `{low}..{high}` is empty"
        elif name in ranges and ranges[name] != range(low, high + 1):
            problem = f"`{name}` has two ranges in one line"
        elif name not in ranges:
            ranges[name] = range(low, high + 1)
            total *= high - low + 1
            if total > MOST_LINES:
                problem = f"this makes {total:,} lines of one"
        if problem:
            found.append(TwoBinders(span=node.span, problem=problem))
            return None
    return ranges


def bindings(ranges: Mapping[str, range]) -> Iterator[dict[str, int]]:
    """Every way to give the bound indices values, in order."""
    for values in itertools.product(*ranges.values()):
        yield dict(zip(ranges, values, strict=True))
