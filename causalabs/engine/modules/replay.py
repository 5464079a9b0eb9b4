"""What is kept of clean runs of a module, and which of its calls that spares."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

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
    order: tuple[tuple[str, bool], ...]

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
        marks = {n[5:]: t for n, t in self.tensors.items() if n.startswith("mark.")}
        return Fed(args, {name: self.tensors[f"in.{name}"] for name in self.named}, marks)


def input_tensors(fed: Fed) -> dict[str, Tensor]:
    """The inputs under the names by which they are kept."""
    found = {f"in.{i}": each for i, each in enumerate(fed.args)}
    found |= {f"in.{name}": each for name, each in fed.kwargs.items()}
    return found | {f"mark.{name}": each for name, each in fed.marks.items()}


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
    found = Replay(moment, held, numbers(outside(one, keys)), order_of(one, moment, keys, until))
    if not held or moment.key not in theirs:
        return None
    return found if order_of(two, moment, keys, two.when(moment)) == found.order else None


def order_of(
    trace: Trace, moment: Moment, keys: frozenset[Key], until: int
) -> tuple[tuple[str, bool], ...]:
    """Calls of the modules that matter, in order, and which are handed out: up to an event.

    Modules matter that are handed out or written; others may be called or not, they are run.
    """
    paths = {key.path for key in keys} | {moment.key.path}
    return tuple(
        (call.key.path, call.key in keys)
        for call in outside(trace, keys)
        if call.start <= until and call.key.path in paths
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
    found: Replay | None,
    kept: Mapping[str, Tensor],
    rows: int,
    device: torch.device,
    *,
    note: Callable[[str, Tensor], None] = lambda name, tensor: None,
    own: bool = False,
) -> dict[Key, Callable[[], Any]]:
    """What each call that is not computed gives back; `note` is told each tensor.

    They are copies unless `kept` is for this run alone: a module may write in place.
    """

    def leaf(part: Leaf) -> Tensor:
        if part.needed:
            given = kept[part.name] if own else kept[part.name].clone()
            note(part.name, given)
            return given
        blank = torch.full((), float("nan"), dtype=part.dtype, device=device)
        return blank.expand(rows, *part.shape)

    def give(held: Held) -> Callable[[], Any]:
        return lambda: filled(held.tree, [leaf(part) for part in held.parts])

    return {each.key: give(each) for each in (found.held if found is not None else ())}


class Untouched(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Tensors that no operation reads while this lasts, told by their memory."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._noted: dict[str, Tensor] = {}
        self._read: set[int] = set()

    def note(self, name: str, tensor: Tensor) -> None:
        """Look out for this tensor; it is held, so that no other takes its memory."""
        self._noted[name] = tensor

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self._read.update(map(_memory, leaves((args, kwargs or {}))))
        return func(*args, **(kwargs or {}))

    @property
    def names(self) -> frozenset[str]:
        """Tensors that were handed out and never looked at."""
        return frozenset(n for n, t in self._noted.items() if _memory(t) not in self._read)


def _memory(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


def held_tensors(found: Replay, trace: Trace) -> dict[str, Tensor]:
    """The tensors of a clean run that are kept."""
    outputs = {call.key: leaves(call.output) for call in trace.calls if call.end >= 0}
    return {
        part.name: tensor
        for each in found.held
        for part, tensor in zip(each.parts, outputs.get(each.key, []), strict=False)
        if part.needed
    }
