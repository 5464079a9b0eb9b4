"""Interchange interventions on a network: from lines to a program, and running it.

A line says which variables are taken from which sources, or set to which values. A *program*
holds, for one alignment with its choices made, every write that some line needs; a *batch*
says row by row which of them are done and from which inputs. Rows of different lines may
stand in one batch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from torch import Tensor

from causalabs.engine.errors import EngineError
from causalabs.engine.protocol import Scores
from causalabs.engine.store import Store
from causalabs.engine.writes import Bases, Given, Home, Write, edits
from causalabs.hypothesis.model import Alignment, Line, Site

NO_SOURCE = -1
"""In place of a source's number: the value is set."""


@dataclass(frozen=True)
class Program:
    """The distinct writes of some lines; `uses[line]` are (write, number of its source)."""

    writes: tuple[Write, ...]
    uses: Mapping[int, tuple[tuple[int, int], ...]]

    @cached_property
    def written(self) -> tuple[Site, ...]:
        """Sites that some line writes."""
        return tuple(dict.fromkeys(site for w in self.writes for site in w.target.writes))

    @cached_property
    def read(self) -> tuple[Site, ...]:
        """Sites whose clean activations are needed."""
        found = [s for w in self.writes if isinstance(w.origin, Home) for s in w.origin.reads]
        joint = [s for w in self.writes if len(w.target.reads) > 1 for s in w.target.writes]
        return tuple(dict.fromkeys(found + joint))


@dataclass(frozen=True, eq=False)
class Batch:
    """Rows to run: `base` (batch,); per write its `source` rows and whether it is `used`.

    `source` and `used` are (writes, batch); answers per output (batch, ...).
    """

    base: Tensor
    source: Tensor
    used: Tensor
    answers: Mapping[str, Tensor]

    def __len__(self) -> int:
        return len(self.base)

    def take(self, rows: Tensor | slice) -> Batch:
        """Some of the rows."""
        if isinstance(rows, slice):
            answers = {name: column[rows] for name, column in self.answers.items()}
            return Batch(self.base[rows], self.source[:, rows], self.used[:, rows], answers)
        answers = {name: each.index_select(0, rows) for name, each in self.answers.items()}
        return Batch(
            self.base.index_select(0, rows),
            self.source.index_select(1, rows),
            self.used.index_select(1, rows),
            answers,
        )


def homes(alignment: Alignment, chosen: Mapping[int, int]) -> dict[str, Home]:
    """Each aligned variable's home under the choice made for its space (0 if none is)."""
    found = {}
    for number, space in enumerate(alignment.spaces):
        for member in space.members:
            choice = member.choices[chosen.get(number, 0)]
            reads = tuple(dict.fromkeys(choice.reads))  # once, whatever number is written
            found[member.variable] = Home(
                number, space.basis.kind, choice.writes, reads, member.block
            )
    return found


def compile_lines(
    lines: Mapping[int, Line], alignment: Alignment, chosen: Mapping[int, int]
) -> Program:
    """The program of `lines` (by number); an error names what the alignment cannot do."""
    home = homes(alignment, chosen)

    def place(name: str, what: str) -> Home:
        if name not in home:
            raise EngineError(f"`{name}` is {what} but has no place in the network")
        return home[name]

    writes: dict[Write, int] = {}
    uses: dict[int, tuple[tuple[int, int], ...]] = {}
    for number, line in lines.items():
        wanted: list[tuple[Write, int]] = []
        for take in line.takes:
            target, origin = (place(n, "interchanged") for n in (take.variable, take.origin))
            wanted.append((Write(target, origin), take.source))
        for each in line.assignments:
            target = place(each.variable, "set")
            wanted.append((Write(target, Given(each.variable, each.place)), NO_SOURCE))
        uses[number] = tuple(
            (writes.setdefault(write, len(writes)), source) for write, source in wanted
        )
    return Program(tuple(writes), uses)


# ----------------------------------------------------------------------- running


def run(program: Program, bases: Bases, batch: Batch, store: Store, *, restarts: int = 1) -> Scores:
    """Scores after each row's interchange, rows (restarts, batch) flattened."""
    prefix = store.prefix(program.written, batch.base)
    wanted = edits(program.writes, bases, batch, store, restarts=restarts)
    return store.network.resume(prefix, wanted, slots=restarts)


def run_each(
    ways: Sequence[tuple[Program, Bases]], batch: Batch, store: Store, *, restarts: int = 1
) -> list[Scores]:
    """`run` of each program over the same rows.

    Where the network lets groups of edits join one pass, programs that write at the same
    positions share it, and one prefix.
    """
    if len(ways) == 1 or not getattr(store.network, "staggers", False):
        return [run(program, bases, batch, store, restarts=restarts) for program, bases in ways]
    together: dict[object, list[int]] = {}
    for number, (program, _) in enumerate(ways):
        key = frozenset(site.position for site in program.written)
        together.setdefault(key, []).append(number)
    found: dict[int, Scores] = {}
    for numbers in together.values():
        sites = [site for number in numbers for site in ways[number][0].written]
        prefix = store.prefix(sites, batch.base)
        groups = []
        for program, bases in (ways[number] for number in numbers):
            groups.append(edits(program.writes, bases, batch, store, restarts=restarts))
        scores = store.network.resume_each(prefix, groups, slots=restarts)
        found.update(zip(numbers, scores, strict=True))
    return [found[number] for number in range(len(ways))]


__all__ = [
    "Bases",
    "Batch",
    "Given",
    "Home",
    "Program",
    "Write",
    "compile_lines",
    "homes",
    "run",
    "run_each",
]
