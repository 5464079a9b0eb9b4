"""Writes at sites: a variable's coordinates in a basis are made those of a source, or set.

Values are those of the sources' clean runs (SEMANTICS I1). All writes at one site are one
write: each reads the activation as it is when the run gets there, none disturbs another (I2).

A home that has several sites is *joint*, their activations side by side having one basis; or,
where it is read at fewer numbers than it is written at, every written part of that width is
written alike (a direction found at one place and written everywhere).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeAlias, cast

import torch
from torch import Tensor

from causalabs.engine.bases.rotation import Rotation
from causalabs.engine.basis import Assigning, Basis
from causalabs.engine.errors import EngineError
from causalabs.engine.networks.naming import say_site
from causalabs.engine.protocol import Edit, Network
from causalabs.engine.store import Store, wide
from causalabs.hypothesis.model import Site

Bases: TypeAlias = Mapping[int, Basis]
"""The basis of each space, by the space's number."""


@dataclass(frozen=True)
class Home:
    """Where a variable lives once the choices are made: its space, sites and block of dims."""

    space: int
    kind: str
    writes: tuple[Site, ...]
    reads: tuple[Site, ...]
    block: tuple[int, ...]


@dataclass(frozen=True)
class Given:
    """A value that is set: its place in the variable's domain."""

    variable: str
    place: int


@dataclass(frozen=True)
class Write:
    """The value read at `origin`'s home, or given, is written at `target`'s."""

    target: Home
    origin: Home | Given


class Rows(Protocol):
    """What a batch says: see `interchange.Batch`."""

    @property
    def base(self) -> Tensor:
        """Inputs that are run: (batch,)."""
        ...

    @property
    def source(self) -> Tensor:
        """Inputs read, by write: (writes, batch)."""
        ...

    @property
    def used(self) -> Tensor:
        """Which writes are done: (writes, batch)."""
        ...


_Change: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""(activation as it came, as edited so far) -> edited: (restarts, batch, width) each."""


def edits(
    writes: Sequence[Write],
    bases: Bases,
    batch: Rows,
    store: Store,
    *,
    restarts: int = 1,
    read: Mapping[int, Tensor] | None = None,
) -> list[tuple[Site, Edit]]:
    """One edit per site that this batch writes; rows are (restarts, batch) flattened.

    `read` are activations (batch, width), by write, that stand in for the sources' clean ones.
    """
    instead = read or {}
    changes: dict[Site, list[_Change]] = {}
    done = [number for number in range(len(writes)) if bool(batch.used[number].any())]
    swaps: dict[tuple[Home, Home | Given, int], list[int]] = {}
    for number in done:
        if number not in instead and _is_plain_swap(writes[number], bases, store):
            swaps.setdefault(_place(writes[number]), []).append(number)
    for number in done:
        write, used = writes[number], batch.used[number]
        together = swaps.get(_place(write), [])
        if number in together:
            if number == together[0]:
                swapped = _swapped(writes, together, bases, batch, store)
                changes.setdefault(write.target.writes[0], []).append(swapped)
            continue
        mask = None if bool(used.all()) else used[:, None]  # (batch, 1)
        source = None
        if isinstance(write.origin, Home):
            found = instead.get(number)
            if found is None:
                found = store.rows(write.origin.reads, batch.source[number])
            source = found[None]
        left_alone = getattr(bases[write.target.space], "left_alone", ())
        for part, site in enumerate(write.target.writes):
            if part in left_alone:
                continue
            frame = frame_of(write.target, part, store, batch.base)
            changes.setdefault(site, []).append(_change(write, frame, bases, source, mask))
    return [(site, _edit(found, restarts)) for site, found in changes.items()]


def _place(write: Write) -> tuple[Home, Home | Given, int]:
    """Where a write is and where its value is read, whatever the block, and how long that is."""
    origin = write.origin
    if isinstance(origin, Home):
        origin = replace(origin, block=())
    return replace(write.target, block=()), origin, len(write.target.block)


def _edit(changes: Sequence[_Change], restarts: int) -> Edit:
    def edit(current: Tensor) -> Tensor:
        stacked = current.view(restarts, -1, current.shape[-1])  # (restarts, batch, width)
        stacked = stacked.to(wide(current.dtype))
        edited = stacked
        for change in changes:
            edited = change(stacked, edited)
        return edited.reshape(current.shape).to(current.dtype)

    return edit


# ------------------------------------------------------------------------- frames


@dataclass(frozen=True, eq=False)
class Frame:
    """How one written site lies in the activation that the home's basis is of.

    The site's numbers are `first` to `last` of it, `others` (batch, ...) standing before and
    after; or the site is `repeats` such activations.
    """

    first: int
    last: int
    before: tuple[Tensor, ...] = ()
    after: tuple[Tensor, ...] = ()
    repeats: int = 1

    def whole(self, current: Tensor) -> Tensor:
        """(restarts, batch, width of the site) -> (restarts, batch * repeats, width)."""
        if self.repeats > 1:
            return current.reshape(len(current), -1, self.last)
        if not self.before and not self.after:
            return current
        sides = [
            [each.expand(len(current), -1, -1) for each in side]
            for side in (self.before, self.after)
        ]
        return torch.cat([*sides[0], current, *sides[1]], dim=-1)

    def part(self, whole: Tensor, current: Tensor) -> Tensor:
        """The inverse, the site's numbers alone."""
        if self.repeats > 1:
            return whole.reshape(len(whole), *current.shape[1:])
        if not self.before and not self.after:
            return whole
        return whole[..., self.first : self.last]

    def spread(self, rows: Tensor | None, axis: int) -> Tensor | None:
        """One row an example -> one row for each of its activations."""
        if rows is None or self.repeats == 1:
            return rows
        return rows.repeat_interleave(self.repeats, dim=axis)


def frame_of(home: Home, part: int, store: Store, base: Tensor) -> Frame:
    """The frame of the home's written site number `part`.

    Of several joint sites the one being written counts as it is then, the others as in the
    base's clean run; with all dims this is the whole site's replacement.
    """
    widths = [store.width(site) for site in home.writes]
    of_basis = basis_width(home.writes, home.reads, store)
    if len(widths) == 1 and widths[0] == of_basis:
        return Frame(0, of_basis)
    if sum(widths) != of_basis:
        return Frame(0, of_basis, repeats=widths[part] // of_basis)
    first = sum(widths[:part])
    others = [store.rows((site,), base)[None] for site in home.writes]
    before, after = tuple(others[:part]), tuple(others[part + 1 :])
    return Frame(first, first + widths[part], before, after)


def basis_width(writes: Sequence[Site], reads: Sequence[Site], store: Store | Network) -> int:
    """Width of the activation that a basis is of: that which is read.

    An error where what is written is neither as wide nor made of parts that are.
    """
    read = sum(store.width(site) for site in dict.fromkeys(reads))
    written = {site: store.width(site) for site in writes}
    if sum(written.values()) == read:
        return read
    odd = [site for site, width in written.items() if width % read]
    if odd:
        raise EngineError(
            f"{say_site(odd[0])} has {written[odd[0]]} numbers, the source's site {read}",
            "write where as many numbers stand as are read, or a multiple of them",
        )
    return read


# ------------------------------------------------------------------------ changes


def _change(
    write: Write, frame: Frame, bases: Bases, source: Tensor | None, mask: Tensor | None
) -> _Change:
    """What a write does at one site; `source` is (1, batch, width of the read sites)."""
    target, origin = write.target, write.origin
    basis = bases[target.space]
    mask = frame.spread(mask, 0)
    values: Tensor | None = None
    if isinstance(origin, Given):
        values = given(basis, origin)[None, None]  # (1, 1, block)
    elif source is not None:
        if origin.space != target.space or origin.block != target.block:
            values = frame.spread(bases[origin.space].encode(source, origin.block), 1)
        source = frame.spread(source, 1)
    if isinstance(basis, Rotation):
        return _rotated(basis, target.block, frame, source, values, mask)
    return _written(basis, target.block, frame, source, values, mask)


def given(basis: Basis, value: Given) -> Tensor:
    """Coordinates (block,) of a value that is set; an error where the basis knows none."""
    if not hasattr(basis, "value"):
        raise EngineError(
            f"`{value.variable}` cannot be set: its basis ({basis.kind}) takes values from "
            "sources only",
            "interchange it instead, or use `mean_difference` or `probe`",
        )
    return cast(Assigning, basis).value(value.variable, value.place)


def _is_plain_swap(write: Write, bases: Bases, store: Store) -> bool:
    """Whether a single site is given another's coordinates in the same block of a rotation."""
    target, origin = write.target, write.origin
    return (
        isinstance(origin, Home)
        and origin.space == target.space
        and origin.block == target.block
        and len(target.writes) == len(origin.reads) == 1
        and isinstance(bases[target.space], Rotation)
        and store.width(target.writes[0]) == store.width(origin.reads[0])
    )


def _swapped(
    writes: Sequence[Write], numbers: Sequence[int], bases: Bases, batch: Rows, store: Store
) -> _Change:
    """`h + (s - h) Q Q^T`, all writes of one length at one place at once."""
    home, origin = writes[numbers[0]].target, cast(Home, writes[numbers[0]].origin)
    basis, blocks = bases[home.space], [writes[number].target.block for number in numbers]
    rows, used = batch.source, batch.used
    if len(numbers) < len(rows):
        rows, used = rows[numbers], used[numbers]
    source = store.rows(origin.reads, rows.flatten())
    source = source.view(*rows.shape, source.shape[1])  # (writes, batch, width)
    together = tuple(dim for block in blocks for dim in block)
    columns = cast(Rotation, basis).part(together)  # (restarts, width, writes * block)
    here = columns.reshape(*columns.shape[:2], len(blocks), len(blocks[0])).transpose(1, 2)
    mask = None if bool(used.all()) else used[:, :, None]  # (writes, batch, 1)

    def swap(current: Tensor, edited: Tensor) -> Tensor:
        moved = (source - current[:, None]) @ here  # (restarts, writes, batch, block)
        if mask is not None:
            moved = moved * mask
        change: Tensor = moved.transpose(1, 2).flatten(2) @ columns.mT
        return edited + change

    return swap


def _rotated(
    basis: Rotation,
    block: tuple[int, ...],
    frame: Frame,
    source: Tensor | None,
    values: Tensor | None,
    mask: Tensor | None,
) -> _Change:
    """`h + (c_source - c_base) Q^T` in the coordinates `c = h Q` of the target's block."""
    here = basis.part(block)  # (restarts, width, block)
    back = here[:, frame.first : frame.last].mT if frame.before or frame.after else here.mT

    def rotate(current: Tensor, edited: Tensor) -> Tensor:
        whole = frame.whole(current)
        moved = (source - whole) @ here if values is None else values - whole @ here  # type: ignore[operator]
        if mask is not None:
            moved = moved * mask
        change = moved @ back
        return edited + (change if frame.repeats == 1 else change.reshape(edited.shape))

    return rotate


def _written(
    basis: Basis,
    block: tuple[int, ...],
    frame: Frame,
    source: Tensor | None,
    values: Tensor | None,
    mask: Tensor | None,
) -> _Change:
    """The same in any basis: changes are summed where they add up, otherwise done in turn."""

    def write(current: Tensor, edited: Tensor) -> Tensor:
        old = current if basis.additive else edited
        whole = frame.whole(old)
        if values is None:
            new = basis.swap(whole, source, block)  # type: ignore[arg-type]
        else:
            new = basis.write(whole, values.expand(-1, whole.shape[1], -1), block)
        if basis.additive:
            change = new - whole
            if mask is not None:
                change = change * mask
            return edited + frame.part(change, current)
        if mask is not None:
            new = torch.where(mask, new, whole)
        return frame.part(new, current)

    return write
