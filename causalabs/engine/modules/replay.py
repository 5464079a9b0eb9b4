"""What is kept of clean runs of a module, and which of its calls that spares."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from causalabs.engine.modules.calls import (
    Call,
    Key,
    Moment,
    Trace,
    largest,
    numbers,
    outside,
)
from causalabs.engine.modules.feeding import Fed
from causalabs.engine.modules.trees import filled, leaves, mapped, plain
from causalabs.hypothesis.model import Site

SAME = 1e-4
"""Relative difference that rounding may make between two batches."""


@dataclass(frozen=True)
class Leaf:
    """A tensor of a kept call: `needed` False where nothing that still runs looks at it."""

    name: str
    shape: tuple[int, ...]
    dtype: torch.dtype
    needed: bool = True


@dataclass(frozen=True, eq=False)
class Held:
    """A call whose output is handed out: its tree, tensors taken out, and their names."""

    key: Key
    tree: Any
    parts: tuple[Leaf, ...]


@dataclass(frozen=True, eq=False)
class Replay:
    """Calls that are handed out; `order` are those that take place before the write."""

    moment: Moment
    held: tuple[Held, ...]
    numbers: Mapping[str, tuple[int, ...]]
    order: tuple[str, ...]

    @property
    def keys(self) -> frozenset[Key]:
        """The calls that are handed out."""
        return frozenset(each.key for each in self.held)

    @property
    def needed(self) -> frozenset[Key]:
        """Those of them whose tensors are kept."""
        return frozenset(h.key for h in self.held if any(part.needed for part in h.parts))


@dataclass(frozen=True, eq=False)
class KeptRun:
    """What is kept of clean runs: inputs, the outputs that are handed out, rows' positions.

    All of `tensors` have one row an input; the rest is the same for all rows.
    """

    tensors: Mapping[str, Tensor]
    sites: tuple[Site, ...]
    positional: int = 0
    named: tuple[str, ...] = ()
    replay: Replay | None = None
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    def with_tensors(self, tensors: Mapping[str, Tensor]) -> KeptRun:
        """The same of other rows."""
        return replace(self, tensors=tensors)

    def take(self, rows: Tensor) -> KeptRun:
        """These rows, in this order, repeats allowed."""
        return self.with_tensors({n: t.index_select(0, rows) for n, t in self.tensors.items()})

    @property
    def rows(self) -> int:
        """Inputs that it is of."""
        return len(next(iter(self.tensors.values())))

    def inputs(self) -> Fed:
        """What the module is fed again."""
        args = tuple(self.tensors[f"in.{i}"] for i in range(self.positional))
        return Fed(args, {name: self.tensors[f"in.{name}"] for name in self.named})


def input_tensors(fed: Fed) -> dict[str, Tensor]:
    """The inputs under the names by which they are kept."""
    found = {f"in.{i}": each for i, each in enumerate(fed.args)}
    return {**found, **{f"in.{name}": each for name, each in fed.kwargs.items()}}


# ------------------------------------------------------------------------ planning


def plan(one: Trace, two: Trace, moment: Moment, rows: int, again: Tensor) -> Replay | None:
    """What can be handed out when nothing before `moment` changes.

    `one` is a trace of some `rows`, `two` of more, which are rows `again` of the first: an
    output is handed out where it has a row for each input, the same in both runs. None
    where nothing can be, or the two runs call other modules.
    """
    theirs = {call.key: call for call in two.calls}

    def good(call: Call) -> bool:
        other = theirs.get(call.key)
        return other is not None and _by_rows(call.output, other.output, rows, again)

    until = one.when(moment)
    chosen = largest(one, good, until)
    keys = frozenset(call.key for call in chosen)
    held = tuple(_held(number, call) for number, call in enumerate(chosen))
    found = Replay(moment, held, numbers(outside(one, keys)), order_of(one, keys, until))
    same = moment.key in theirs and order_of(two, keys, two.when(moment)) == found.order
    return found if same and held else None


def order_of(trace: Trace, keys: frozenset[Key], until: int) -> tuple[str, ...]:
    """The calls outside those handed out that begin by an event, in order."""
    return tuple(
        f"{call.key.path}{'=' if call.key in keys else ''}"
        for call in outside(trace, keys)
        if call.start <= until
    )


def _by_rows(one: Any, two: Any, rows: int, again: Tensor) -> bool:
    if not (plain(one) and plain(two)):
        return False
    first, second = leaves(one), leaves(two)
    if not first or len(first) != len(second):
        return False
    for a, b in zip(first, second, strict=True):
        if a.dim() == 0 or b.dim() == 0 or a.shape[1:] != b.shape[1:] or a.dtype != b.dtype:
            return False
        if len(a) != rows or len(b) != len(again) or not alike(a[again.to(a.device)], b):
            return False
    return True


def alike(a: Tensor, b: Tensor, *, within: float = SAME) -> bool:
    """Equal but for rounding; what is no finite number must be so in both."""
    if not a.is_floating_point():
        return torch.equal(a, b)
    a, b = a.double(), b.double()
    finite = a[torch.isfinite(a)].abs()
    scale = float(finite.max()) if len(finite) else 0.0
    return torch.allclose(a, b, rtol=within, atol=within * scale, equal_nan=True)


def _held(number: int, call: Call) -> Held:
    found = leaves(call.output)
    parts = tuple(
        Leaf(f"kept.{number}.{i}", tuple(leaf.shape[1:]), leaf.dtype)
        for i, leaf in enumerate(found)
    )
    return Held(call.key, mapped(call.output, lambda leaf: leaf.new_empty(0)), parts)


def without(found: Replay, unneeded: frozenset[str]) -> Replay:
    """The replay with some tensors no longer kept."""
    held = tuple(
        replace(each, parts=tuple(replace(p, needed=p.name not in unneeded) for p in each.parts))
        for each in found.held
    )
    return replace(found, held=held)


# ------------------------------------------------------------------------- running


def handing_out(
    found: Replay | None, kept: Mapping[str, Tensor], rows: int, device: torch.device
) -> dict[Key, Callable[[], Any]]:
    """What each call that is not computed gives back."""

    def leaf(part: Leaf) -> Tensor:
        if part.needed:
            return kept[part.name].clone()  # a module after it may write in place
        blank = torch.full((), float("nan"), dtype=part.dtype, device=device)
        return blank.expand(rows, *part.shape)

    def give(held: Held) -> Callable[[], Any]:
        return lambda: filled(held.tree, [leaf(part) for part in held.parts])

    return {each.key: give(each) for each in (found.held if found is not None else ())}


def held_tensors(found: Replay, trace: Trace) -> dict[str, Tensor]:
    """The tensors of a clean run that are kept."""
    outputs = {call.key: leaves(call.output) for call in trace.calls if call.end >= 0}
    return {
        part.name: tensor
        for each in found.held
        for part, tensor in zip(each.parts, outputs.get(each.key, []), strict=False)
        if part.needed
    }
