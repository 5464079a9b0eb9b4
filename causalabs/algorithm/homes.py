"""Where an algorithm's variables live in a network that is compiled from it.

Stage after stage computes what the stages before it allow: a variable whose parents are all
inputs at hidden layer `layer`, its children one layer later, and so on. At each hidden layer
stand the variables computed there, and those from before that something later still needs;
nothing else is read from it. Each takes a block of coordinates, which a rotation then hides.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

from causalabs.algorithm.domains import Domain, Real, SetOf, size
from causalabs.algorithm.expression import Expression, Operation, names, parts, walk
from causalabs.algorithm.model import Algorithm, Variable

MOST_ROWS = 8192
"""Most assignments of a variable's parents: each is a unit of the network."""

MOST_REALS = 7
"""Most real parents of one variable: their equality patterns are listed."""

LEAST_MARGIN = 0.02
"""How much nearer a code must be to itself than to the next one, its length being 1."""

WIDE_INPUT = 16
"""Dims that an input may take to be handed on, however few a variable takes."""

COMPARING = ("eq", "ne", "distinct", "index_of")


class HomelessError(ValueError):
    """An algorithm that cannot be compiled so: why, and what to change."""

    def __init__(self, message: str, help: str) -> None:
        self.message, self.help = message, help
        super().__init__(f"{message}; {help}")


@dataclass(frozen=True)
class Slot:
    """A variable's coordinates at one layer: `size` of them from `first` on."""

    variable: str
    first: int
    size: int


@dataclass(frozen=True)
class Layout:
    """What stands at each hidden layer; `homes` are the layers where variables are computed.

    All layers have the same `width`; what no slot takes is left to distractors.
    """

    layers: tuple[tuple[Slot, ...], ...]
    width: int
    homes: tuple[tuple[str, int], ...]

    @cached_property
    def home(self) -> Mapping[str, int]:
        """Layer of each computed variable; one past the last is computed with the answer."""
        return dict(self.homes)

    def slot(self, variable: str, layer: int) -> Slot | None:
        """Its coordinates at a layer, None where it is not there."""
        return next((each for each in self.layers[layer] if each.variable == variable), None)


def lay_out(
    algorithm: Algorithm,
    *,
    outputs: tuple[str, ...],
    dims: int | Mapping[str, int] = 8,
    layer: int = 0,
    layers: int | None = None,
    distractors: int = 8,
) -> Layout:
    """Homes and slots; `outputs` are those that are read, `dims` a number for all or by name.

    Members of a family that live at different layers have the same coordinates there.
    Raises `HomelessError` for what cannot be built, before anything is.
    """
    for variable in algorithm.variables:
        _buildable(variable, algorithm)
    homes = homes_from(algorithm, layer)
    inner = [homes[v.name] for v in algorithm.variables if v.role == "var"]
    least = max([layer, *inner]) + 1
    count = least if layers is None else layers
    if count < least:
        raise HomelessError(
            f"`layers = {count}` is too few, the last variable is computed at layer {least - 1}",
            f"write `layers = {least}`, or leave it out",
        )
    homes = {name: min(home, count) for name, home in homes.items()}
    given = {v.name: _dims(v, dims) for v in algorithm.variables}
    placed = _placed(algorithm, homes, given, outputs, count)
    used = max((slot.first + slot.size for slots in placed for slot in slots), default=0)
    return Layout(placed, used + distractors, tuple(homes.items()))


def values_of(domain: Domain) -> int | None:
    """How many values a code must tell apart, None for a real."""
    return None if isinstance(domain, Real) else size(domain)


def coded_dims(count: int, dims: int) -> int:
    """Dims that the code of `count` values takes of a block of `dims`.

    >>> coded_dims(2, 8), coded_dims(2, 1), coded_dims(19, 16)
    (2, 1, 16)
    """
    return min(count, dims)


def margin(count: int, dims: int) -> float:
    """How far a code of `count` values in `dims` is from the nearest other, as products.

    >>> margin(4, 8), margin(5, 1), round(margin(7, 2), 3)
    (1.0, 0.5, 0.377)
    """
    if count < 2 or dims >= count:
        return 1.0
    if dims == 1:
        return 2 / (count - 1)
    return 1 - max(_product(step, count, dims) for step in range(1, count))


def _product(step: int, count: int, dims: int) -> float:
    """Product of two codes whose places differ by `step`: circles, and one to and fro."""
    circles = [math.cos(2 * math.pi * f * step / count) for f in range(1, dims // 2 + 1)]
    if dims % 2:
        circles.append(-1.0 if step % 2 else 1.0)
    return sum(circles) / len(circles)


def real_pairs(mechanism: Expression) -> tuple[tuple[str, str], ...]:
    """Pairs of real variables whose equality a mechanism may ask for."""
    found: dict[tuple[str, str], None] = {}
    for part in walk(mechanism):
        if isinstance(part, Operation) and part.operator in COMPARING:
            if not any(isinstance(each.type, Real) for each in part.arguments):
                continue
            reals = _reals(part)
            found.update(dict.fromkeys(combinations(sorted(reals), 2)))
    return tuple(found)


def _measured(mechanism: Expression) -> bool:
    """Whether a real is used otherwise than to be compared for equality."""
    return any(
        isinstance(below.type, Real)
        for part in walk(mechanism)
        if not (isinstance(part, Operation) and part.operator in COMPARING)
        for below in parts(part)
    )


def _reals(expression: Expression) -> set[str]:
    typed = {part.name: part.type for part in walk(expression) if hasattr(part, "name")}
    return {name for name in names(expression) if isinstance(typed.get(name), Real)}


def rows_of(variable: Variable, algorithm: Algorithm) -> int:
    """Assignments of a variable's parents; equality patterns count for real ones."""
    total, reals = 1, 0
    for parent in variable.parents:
        domain = algorithm[parent].domain
        reals += isinstance(domain, Real)
        total *= values_of(domain) or 1
    patterns: int = min(_partitions(reals), 1 << min(64, reals * (reals - 1) // 2))
    return total * patterns


def _partitions(count: int) -> int:
    row = [1]
    for _ in range(max(0, count - 1)):
        following = [row[-1]]
        for value in row:
            following.append(following[-1] + value)
        row = following
    return row[-1]


def _buildable(variable: Variable, algorithm: Algorithm) -> None:
    domain = variable.domain
    if isinstance(domain, SetOf):
        raise HomelessError(
            f"`{variable.name}` is a set, and sets are not compiled", "declare one bool a member"
        )
    if variable.mechanism is None:
        if isinstance(domain, Real) and (domain.low is None or domain.high is None):
            raise HomelessError(f"`{variable.name}` has no bounds", "write `in -1..1`")
        return
    if isinstance(domain, Real):
        raise HomelessError(
            f"`{variable.name}` is computed and real: it has no list of values to be coded by",
            "declare it as bool, a..b, mod n or an enum",
        )
    if _measured(variable.mechanism):
        raise HomelessError(
            f"`{variable.name}` measures real inputs, and they are compiled for `==` only",
            "make a finite input of what is measured",
        )
    reals = sum(isinstance(algorithm[parent].domain, Real) for parent in variable.parents)
    rows = rows_of(variable, algorithm)
    steps = "compute it in steps, or from smaller domains"
    if reals > MOST_REALS:
        raise HomelessError(
            f"`{variable.name}` compares {reals} real vectors, at most {MOST_REALS} can be", steps
        )
    if rows > MOST_ROWS:
        raise HomelessError(
            f"`{variable.name}` has {rows:,} assignments of its parents, each a unit of the "
            f"network, and there can be {MOST_ROWS:,}",
            steps,
        )


def homes_from(algorithm: Algorithm, layer: int) -> dict[str, int]:
    """Layer of each computed variable, the first ones being computed at `layer`."""
    homes: dict[str, int] = {}
    for variable in algorithm.variables:
        if variable.mechanism is not None:
            before = [homes[parent] for parent in variable.parents if parent in homes]
            homes[variable.name] = max(before, default=layer - 1) + 1
    return homes


def _dims(variable: Variable, dims: int | Mapping[str, int]) -> int:
    """Size of a variable's block; an error where its values cannot be told apart there."""
    domain = variable.domain
    if isinstance(domain, Real):
        return domain.size or 1
    given = dims if isinstance(dims, int) else dims.get(variable.name, 8)
    count = values_of(domain) or 1
    if variable.mechanism is None:  # an input, handed on: no larger than it needs to be
        given = 1 if count == 2 else min(count, max(given, WIDE_INPUT))
    if margin(count, coded_dims(count, given)) < LEAST_MARGIN:
        enough = next(d for d in range(2, count + 1) if margin(count, d) >= LEAST_MARGIN)
        raise HomelessError(
            f"the {count:,} values of `{variable.name}` cannot be told apart in {given} dims",
            f"write `dims = {enough}`",
        )
    return given


def _placed(
    algorithm: Algorithm,
    homes: Mapping[str, int],
    dims: Mapping[str, int],
    outputs: tuple[str, ...],
    count: int,
) -> tuple[tuple[Slot, ...], ...]:
    fixed = _family_slots(algorithm, homes, dims)
    start = max((first + size for first, size in fixed.values()), default=0)
    layers = []
    for layer in range(count):
        slots, first = [], start
        for variable in algorithm.variables:
            if not _present(variable, layer, algorithm, homes, outputs):
                continue
            at_home = homes.get(variable.name) == layer
            if at_home and variable.family in fixed:
                slots.append(Slot(variable.name, *fixed[variable.family]))
            else:
                size = dims[variable.name]
                if not at_home or variable.role == "output":  # handed on: no room to spare
                    size = coded_dims(values_of(variable.domain) or size, size)
                slots.append(Slot(variable.name, first, size))
                first += size
        layers.append(tuple(slots))
    return tuple(layers)


def _family_slots(
    algorithm: Algorithm, homes: Mapping[str, int], dims: Mapping[str, int]
) -> dict[str, tuple[int, int]]:
    """First coordinate and size for families whose members live at layers of their own."""
    found, first = {}, 0
    for family in algorithm.families:
        members = [name for name in family.members if name in homes]
        at = {homes[name] for name in members}
        if family.role == "var" and len(members) > 1 and len(at) == len(members):
            width = max(dims[name] for name in members)
            found[family.name] = (first, width)
            first += width
    return found


def _present(
    variable: Variable,
    layer: int,
    algorithm: Algorithm,
    homes: Mapping[str, int],
    outputs: tuple[str, ...],
) -> bool:
    """Whether a variable stands at a layer: computed there, or by then and still needed."""
    home = homes.get(variable.name, -1)
    if home > layer:
        return False
    if home == layer or (home >= 0 and variable.name in outputs):
        return True
    return any(
        variable.name in each.parents and homes[each.name] > layer
        for each in algorithm.variables
        if each.mechanism is not None
    )
