"""Searching the values that make a mechanism fail, and grids of values in general."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from causalabs.algorithm.domains import (
    Column,
    Domain,
    FiniteDomain,
    Interval,
    Real,
    SetOf,
    at_places,
    size,
    values,
)
from causalabs.algorithm.evaluate import Evaluation
from causalabs.algorithm.kernels import Fault
from causalabs.algorithm.program import Program

CHUNK = 1 << 18
ROWS = 10**6
DRAWN = 65_536
SEED = 20_250_101
_BLIND = frozenset({"variable", "eq", "ne", "distinct", "index_of", "choice", "pick"})


@dataclass
class Budget:
    """How many rows, and how many array operations, the analysis of a file may spend."""

    rows: int = 2 * 10**7
    operations: int = 60_000
    refused: bool = False

    def take(self, rows: int, operations: int) -> bool:
        """Spend, or refuse and remember that something was left out."""
        if rows > self.rows or operations > self.operations:
            self.refused = True
            return False
        self.rows -= rows
        self.operations -= operations
        return True


@dataclass(frozen=True)
class Grid:
    """All assignments to some variables, the first the slowest; rows are numbered.

    Reals take `classes` stand-in values: enough where they are only tested for equality.
    """

    names: tuple[str, ...]
    domains: tuple[Domain, ...]
    sizes: tuple[int, ...]

    @property
    def rows(self) -> int:
        """How many assignments there are."""
        total = 1
        for each in self.sizes:
            total *= each
        return total

    def chunks(self) -> Iterator[dict[str, Column]]:
        """Columns of all rows, `CHUNK` rows at a time."""
        for start in range(0, self.rows, CHUNK):
            yield self.at(np.arange(start, min(start + CHUNK, self.rows)))

    def at(self, rows: NDArray[np.int64]) -> dict[str, Column]:
        """Columns of the rows with these numbers."""
        places: list[NDArray[np.int64]] = []
        for each in reversed(self.sizes):
            places.append(rows % each)
            rows = rows // each
        return self.columns(places[::-1])

    def columns(self, places: Sequence[NDArray[np.int64]]) -> dict[str, Column]:
        """Columns from each variable's places."""
        found = zip(self.names, self.domains, places, strict=True)
        return {name: _column(domain, each) for name, domain, each in found}

    def drawn(self, rows: int, seed: int = SEED) -> list[NDArray[np.int64]]:
        """Places of rows drawn uniformly."""
        generator = np.random.default_rng(seed)
        return [generator.integers(0, each, rows) for each in self.sizes]


def _column(domain: Domain, places: NDArray[np.int64]) -> Column:
    if isinstance(domain, Real):
        return places
    if isinstance(domain, SetOf):
        bits = places[:, None] >> np.arange(len(values(domain.of)))  # (rows, places)
        flags: Column = np.equal(bits & 1, 1)
        return flags
    finite: FiniteDomain = domain  # type: ignore[assignment]
    return at_places(finite, places)


def grid(program: Program, roots: Sequence[int], domains: dict[str, Domain]) -> Grid | None:
    """The grid over `domains`; None where reals do more than being compared, or
    where a variable has too many values to be numbered."""
    reals = sum(isinstance(domain, Real) for domain in domains.values())
    if reals and not _blind(program, roots):
        return None
    sizes = tuple(reals if isinstance(d, Real) else size(d) or 1 for d in domains.values())
    if any(each >= 2**62 for each in sizes):
        return None
    return Grid(tuple(domains), tuple(domains.values()), sizes)


def _blind(program: Program, roots: Sequence[int]) -> bool:
    for number in program.closure(*roots):
        step = program.steps[number]
        below = (program.steps[each].type for each in step.arguments)
        if step.kind not in _BLIND and any(isinstance(kind, Real) for kind in below):
            return False
        if step.kind == "constant" and isinstance(step.type, Real):
            return False
    return True


@dataclass(frozen=True)
class Witness:
    """The row, as codes, in which `step` fails, or in which the root has `value`."""

    step: int
    codes: dict[str, object]
    value: int = 0


@dataclass
class Search:
    """What a search among assignments came to.

    `faults` has the first witness of each failing step, `excess` the largest step out of
    the domain, `low` and `high` what was reached at all; `complete` says that every
    assignment was seen.
    """

    faults: dict[tuple[Fault, int], Witness] = field(default_factory=dict)
    excess: Witness | None = None
    distance: int = 0
    low: int = 2**62
    high: int = -(2**62)
    complete: bool = True


def admitted(running: Evaluation, conditions: Sequence[int], rows: int) -> NDArray[np.bool_]:
    """Rows in which all conditions hold, none of them failing."""
    found = np.ones(rows, dtype=bool)
    for condition in conditions:
        found &= running.value(condition)
        for _, failed in running.live_faults(condition).values():
            found &= ~failed
    return found


def inspect(
    found: Search,
    program: Program,
    root: int,
    conditions: Sequence[int],
    columns: dict[str, Column],
    domain: Domain,
) -> NDArray[np.int64]:
    """Look at some rows; gives how far each leaves the domain (0 where it does not)."""
    rows = len(next(iter(columns.values()), np.empty(1)))
    running = Evaluation(program, columns)
    live = admitted(running, conditions, rows)
    value = np.broadcast_to(running.value(root), (rows,)) if _ordered(domain) else None
    if value is None:
        running.value(root)
    for number, (kind, failed) in running.live_faults(root).items():
        failed = failed & live
        if failed.any() and (kind, number) not in found.faults:
            found.faults[kind, number] = Witness(number, _codes(columns, int(failed.argmax())))
        live = live & ~failed
    if value is None or not isinstance(domain, Interval):
        return np.zeros(rows, dtype=np.int64)
    if live.any():
        found.low = min(found.low, int(value[live].min()))
        found.high = max(found.high, int(value[live].max()))
    beyond = np.maximum(domain.low - value, value - domain.high)
    beyond = np.where(live, np.maximum(beyond, 0), 0)
    row = int(beyond.argmax())
    if beyond[row] > found.distance:
        found.distance = int(beyond[row])
        found.excess = Witness(root, _codes(columns, row), int(value[row]))
    return beyond


def _ordered(domain: Domain) -> bool:
    return isinstance(domain, Interval)


def _codes(columns: dict[str, Column], row: int) -> dict[str, object]:
    return {name: column[row].tolist() for name, column in columns.items()}


def enumerated(
    space: Grid, program: Program, root: int, conditions: Sequence[int], domain: Domain
) -> Search:
    """Every row of a grid; ties go to the lexicographically smallest."""
    found = Search()
    for columns in space.chunks():
        inspect(found, program, root, conditions, columns, domain)
    return found


def sampled(
    space: Grid, program: Program, root: int, conditions: Sequence[int], domain: Domain
) -> Search:
    """Corners, drawn rows, then a climb from the best: finds failures, proves nothing."""
    found = Search(complete=False)
    corners = _corners(space)
    best = corners
    for places in (corners, space.drawn(DRAWN)):
        beyond = inspect(found, program, root, conditions, space.columns(places), domain)
        order = np.argsort(-beyond, kind="stable")[:16]
        best = [np.concatenate([a, b[order]]) for a, b in zip(best, places, strict=True)]
    for _ in range(8):
        before = found.distance
        places = _neighbours(space, [each[-16:] for each in best])
        beyond = inspect(found, program, root, conditions, space.columns(places), domain)
        order = np.argsort(-beyond, kind="stable")[:16]
        best = [each[order] for each in places]
        if found.distance <= before:
            break
    return found


def _corners(space: Grid) -> list[NDArray[np.int64]]:
    free = min(len(space.sizes), 12)
    rows = np.arange(1 << free)
    return [
        ((rows >> (free - 1 - min(i, free - 1))) & 1) * (each - 1)
        for i, each in enumerate(space.sizes)
    ]


def _neighbours(space: Grid, best: list[NDArray[np.int64]]) -> list[NDArray[np.int64]]:
    """Each row with each coordinate moved to its ends, by one, and by halves."""
    rows: list[list[NDArray[np.int64]]] = [list(best)]
    for i, each in enumerate(space.sizes[:64]):
        here = best[i]
        for moved in (here * 0, here * 0 + each - 1, here - 1, here + 1, here // 2):
            rows.append([*best[:i], np.clip(moved, 0, each - 1), *best[i + 1 :]])
    return [np.concatenate(column) for column in zip(*rows, strict=True)]
