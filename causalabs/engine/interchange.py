"""Interchange interventions on a network: from lines to edits of its sites.

A line says which variables are taken from which sources. A *program* holds, for one alignment
with its choices made, every write that some line needs; a *batch* says row by row which of
them are done and from which inputs. Rows of different lines may stand in one batch.

Values are those of the sources' clean runs (SEMANTICS I1). All writes at one site are one
write: each reads the activation as it is when the run gets there, none sees another (I2).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import torch
from torch import Tensor

from causalabs.engine.errors import EngineError
from causalabs.engine.networks.naming import say_site
from causalabs.engine.protocol import Edit, Scores
from causalabs.engine.store import Store
from causalabs.hypothesis.model import Alignment, Line, Site

Bases: TypeAlias = Mapping[int, Tensor]
"""Per rotated space its orthonormal columns: (restarts, width of the sites, dims)."""

UNROTATED = ("whole", "neurons")
"""Kinds of basis in which a write replaces numbers as they are."""


@dataclass(frozen=True)
class Home:
    """Where a variable lives once the choices are made: its space, sites and block of dims."""

    space: int
    kind: str
    writes: tuple[Site, ...]
    reads: tuple[Site, ...]
    block: tuple[int, ...]


@dataclass(frozen=True)
class Write:
    """The value read at `origin`'s home is written at `target`'s."""

    target: Home
    origin: Home


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
        found = [site for w in self.writes for site in w.origin.reads]
        joint = [s for w in self.writes if len(w.target.writes) > 1 for s in w.target.writes]
        return tuple(dict.fromkeys(found + joint))


@dataclass(frozen=True, eq=False)
class Batch:
    """Rows to run: `base` (batch,); per write its `source` rows and whether it is `used`.

    `source` and `used` are (writes, batch); answers per output (batch,).
    """

    base: Tensor
    source: Tensor
    used: Tensor
    answers: Mapping[str, Tensor]

    def __len__(self) -> int:
        return len(self.base)

    def take(self, rows: Tensor | slice) -> Batch:
        """Some of the rows."""
        answers = {name: column[rows] for name, column in self.answers.items()}
        return Batch(self.base[rows], self.source[:, rows], self.used[:, rows], answers)


def homes(alignment: Alignment, chosen: Mapping[int, int]) -> dict[str, Home]:
    """Each aligned variable's home under the choice made for its space (0 if none is)."""
    found = {}
    for number, space in enumerate(alignment.spaces):
        for member in space.members:
            choice = member.choices[chosen.get(number, 0)]
            found[member.variable] = Home(
                number, space.basis.kind, choice.writes, choice.reads, member.block
            )
    return found


def compile_lines(
    lines: Mapping[int, Line], alignment: Alignment, chosen: Mapping[int, int]
) -> Program:
    """The program of `lines` (by number); an error names what the alignment cannot do."""
    home = homes(alignment, chosen)
    writes: dict[Write, int] = {}
    uses: dict[int, tuple[tuple[int, int], ...]] = {}
    for number, line in lines.items():
        if line.assignments:
            kinds = {home[a.variable].kind for a in line.assignments if a.variable in home}
            raise EngineError(
                f"`{line.assignments[0].variable}` cannot be set: its basis "
                f"({', '.join(sorted(kinds)) or 'none'}) takes values from sources only",
                "interchange it instead",
            )
        found = []
        for take in line.takes:
            for name in (take.variable, take.origin):
                if name not in home:
                    raise EngineError(f"`{name}` is interchanged but has no place in the network")
            write = Write(home[take.variable], home[take.origin])
            found.append((writes.setdefault(write, len(writes)), take.source))
        uses[number] = tuple(found)
    return Program(tuple(writes), uses)


# ------------------------------------------------------------------------- edits


def edits(
    program: Program, bases: Bases, batch: Batch, store: Store, *, restarts: int = 1
) -> list[tuple[Site, Edit]]:
    """One edit per site that this batch writes; rows are (restarts, batch) flattened."""
    actions: dict[Site, list[_Action]] = {}
    for number, write in enumerate(program.writes):
        used = batch.used[number]
        if not bool(used.any()):
            continue
        value = _rows(store, write.origin.reads, batch.source[number])
        everywhere = bool(used.all())
        mask = None if everywhere else used
        for part, site in enumerate(write.target.writes):
            action = _action(write, part, value, mask, bases, batch, store)
            actions.setdefault(site, []).append(action)
    return [(site, _edit(found, restarts)) for site, found in actions.items()]


_Action: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""(activation as it came, as edited so far) -> edited: (restarts, batch, width) each."""


def _edit(actions: Sequence[_Action], restarts: int) -> Edit:
    def edit(current: Tensor) -> Tensor:
        stacked = current.view(restarts, -1, current.shape[-1])  # (restarts, batch, width)
        edited = stacked
        for action in actions:
            edited = action(stacked, edited)
        return edited.reshape(current.shape)

    return edit


def _action(
    write: Write,
    part: int,
    value: Tensor,
    mask: Tensor | None,
    bases: Bases,
    batch: Batch,
    store: Store,
) -> _Action:
    site = write.target.writes[part]
    widths = [store.network.width(each) for each in write.target.writes]
    first = sum(widths[:part])
    last = first + widths[part]
    if write.target.kind not in UNROTATED:
        return _rotated(write, part, (first, last), value, mask, bases, batch, store)
    if write.target.kind == "whole":
        if value.shape[1] != sum(widths):
            raise EngineError(
                f"{say_site(site)} has {sum(widths)} numbers, the source's site {value.shape[1]}"
            )
        return _replaced(None, value[:, first:last], mask)
    pairs = zip(write.target.block, write.origin.block, strict=True)
    inside = [(to - first, at) for to, at in pairs if first <= to < last]
    to = torch.tensor([to for to, _ in inside], dtype=torch.long, device=value.device)
    at = torch.tensor([at for _, at in inside], dtype=torch.long, device=value.device)
    if write.target.block and max(write.target.block) >= sum(widths):
        raise EngineError(
            f"{say_site(site)} has neurons 0..{sum(widths) - 1}, not {max(write.target.block)}"
        )
    return _replaced(to, value[:, at], mask)


def _replaced(dims: Tensor | None, value: Tensor, mask: Tensor | None) -> _Action:
    def replace(_: Tensor, edited: Tensor) -> Tensor:
        old = edited if dims is None else edited[..., dims]
        new = value.expand(old.shape)
        if mask is not None:
            new = torch.where(mask[:, None], new, old)
        return new if dims is None else edited.index_copy(-1, dims, new)

    return replace


def _rotated(
    write: Write,
    part: int,
    span: tuple[int, int],
    value: Tensor,
    mask: Tensor | None,
    bases: Bases,
    batch: Batch,
    store: Store,
) -> _Action:
    """`h + (c_source - c_base) Q^T` in the coordinates `c = h Q` of the target's block.

    Of several joint sites the one being written counts as it is then, the others as in the
    base's clean run; with all dims this is the whole site's replacement.
    """
    target, origin = write.target, write.origin
    basis = bases[target.space][:, :, _columns(target.block)]  # (restarts, all widths, dims)
    here = basis[:, span[0] : span[1]]  # (restarts, width, dims)
    alone = len(target.writes) == 1
    same = alone and origin.space == target.space and origin.block == target.block
    wanted = None
    if not same:
        wanted = value @ bases[origin.space][:, :, _columns(origin.block)]
    for other, site in enumerate(target.writes):
        if other != part and wanted is not None:
            low = sum(store.network.width(each) for each in target.writes[:other])
            there = basis[:, low : low + store.network.width(site)]
            wanted = wanted - _rows(store, (site,), batch.base) @ there

    def rotate(current: Tensor, edited: Tensor) -> Tensor:
        moved = (value - current) @ here if wanted is None else wanted - current @ here
        if mask is not None:
            moved = moved * mask[:, None]
        return edited + moved @ here.mT  # (restarts, batch, width)

    return rotate


def _columns(block: tuple[int, ...]) -> slice | list[int]:
    """A slice where the block is one: slicing costs less than indexing, forth and back."""
    first = block[0] if block else 0
    if block == tuple(range(first, first + len(block))):
        return slice(first, first + len(block))
    return list(block)


def _rows(store: Store, sites: Sequence[Site], rows: Tensor) -> Tensor:
    parts = [store.at(site).index_select(0, rows) for site in sites]
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)


# ----------------------------------------------------------------------- running


def run(program: Program, bases: Bases, batch: Batch, store: Store, *, restarts: int = 1) -> Scores:
    """Scores after each row's interchange, rows (restarts, batch) flattened."""
    prefix = store.prefix(program.written, batch.base)
    wanted = edits(program, bases, batch, store, restarts=restarts)
    return store.network.resume(prefix, wanted, slots=restarts)
