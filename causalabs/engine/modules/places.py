"""Sites of a module: `module "path".output`, `.input`, and what of it a position takes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Protocol, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from causalabs.engine.errors import EngineError
from causalabs.engine.language_models.contract import Prompts
from causalabs.engine.modules.calls import Key, Moment
from causalabs.engine.modules.trees import leaves
from causalabs.engine.networks.naming import say_position, say_site
from causalabs.hypothesis.model import AllOf, AtIndex, AtStep, Last, Position, Several, Site

SHOWN = 12
"""Module paths that an error lists."""


Shape: TypeAlias = tuple[tuple[int, ...], torch.dtype]


@dataclass(frozen=True)
class Seen:
    """What a run gave and got at one call: shapes of its first input and its first output.

    `given_rows` and `got_rows` say whether those have a row for each input.
    """

    given: Shape | None
    got: Shape | None
    given_rows: bool = True
    got_rows: bool = True


@dataclass(frozen=True)
class Place:
    """Where a site is: a call's input or output, and positions of its tensor's second axis.

    `at` None is the whole tensor; `marked` says that each row has positions of its own, kept
    under the site's name.
    """

    site: Site
    key: Key
    end: bool
    shape: tuple[int, ...]
    at: tuple[int, ...] | None = None
    marked: bool = False
    count: int = 0

    @property
    def moment(self) -> Moment:
        """When it is written."""
        return Moment(self.key, self.end)

    @property
    def width(self) -> int:
        """Numbers of one row."""
        found = 1
        for size in self.shape[1 if self.count == 0 else 2 :]:
            found *= size
        return found * (self.count or 1)

    def get(self, tensor: Tensor, rows: Tensor | None) -> Tensor:
        """The site's numbers (batch, width) out of its tensor."""
        if self.at is not None:
            tensor = tensor[:, list(self.at)]
        elif rows is not None:
            tensor = tensor.gather(1, _spread(rows, tensor))
        return tensor.flatten(1)

    def put(self, tensor: Tensor, new: Tensor, rows: Tensor | None) -> Tensor:
        """The tensor with the site's numbers made `new`; gradients flow through both."""
        if self.at is not None:
            index = torch.tensor(self.at, device=tensor.device)
            shape = (len(tensor), len(self.at), *tensor.shape[2:])
            return tensor.index_copy(1, index, new.reshape(shape))
        if rows is not None:
            index = _spread(rows, tensor)
            return tensor.scatter(1, index, new.reshape(index.shape))
        return new.reshape(tensor.shape).clone()  # what comes after may write in place


def _spread(rows: Tensor, tensor: Tensor) -> Tensor:
    """(batch, count) -> an index of `tensor`'s shape but for its second axis."""
    index = rows.reshape(*rows.shape, *(1 for _ in tensor.shape[2:]))
    return index.expand(*rows.shape, *tensor.shape[2:])


class Positions(Protocol):
    """Positions that a text has, row by row."""

    def count(self, position: Position) -> int:
        """Tokens that a position stands for: the same in every prompt."""
        ...

    def resolve(self, position: Position, prompts: Prompts) -> NDArray[np.int64]:
        """Token numbers (rows, count)."""
        ...


def find_path(site: Site, paths: Iterable[str], what: str) -> str:
    """The module path of a site; an error tells which there are."""
    known = tuple(paths)
    if site.component != "module" or site.path is None:
        raise EngineError(
            f"{say_site(site)} does not exist in {what}",
            f'its sites are `module "path".output` and `.input`: {_listed(known)}',
        )
    if site.path not in known:
        near = get_close_matches(site.path, known, n=3, cutoff=0.5)
        near = near or [path for path in known if path.split(".")[-1] == site.path.split(".")[-1]]
        hint = "did you mean " + " or ".join(f'`module "{p}"`' for p in near[:3]) + "? "
        raise EngineError(
            f"{say_site(site)} does not exist",
            (hint if near else "") + f"{what} has {_listed(known)}",
        )
    return site.path


def _listed(paths: Sequence[str]) -> str:
    """Module paths, those that differ in numbers alone told together.

    >>> _listed(["", "embed", *(f"layers.{i}.mlp" for i in range(20))])
    '"embed", "layers.{0..19}.mlp"'
    """
    groups: dict[str, list[list[str]]] = {}
    for path in filter(None, paths):
        groups.setdefault(re.sub(r"\d+", "#", path), []).append(re.findall(r"\d+", path))
    told = [_together(pattern, found) for pattern, found in groups.items()]
    text = ", ".join(f'"{each}"' for each in told[:SHOWN]) or "no module inside it"
    return text + (f" and {len(told) - SHOWN} more" if len(told) > SHOWN else "")


def _together(pattern: str, numbers: Sequence[Sequence[str]]) -> str:
    pieces = pattern.split("#")
    text = pieces[0]
    for column, piece in zip(zip(*numbers, strict=True), pieces[1:], strict=True):
        ends = sorted(set(map(int, column)))
        text += f"{{{ends[0]}..{ends[-1]}}}" if len(ends) > 1 else str(ends[0])
        text += piece
    return text


def place_of(
    site: Site, path: str, calls: Sequence[tuple[Key, Seen]], texts: Positions | None
) -> Place:
    """The place of a site whose module was called so in a run."""
    if not calls:
        raise EngineError(
            f"{say_site(site)} cannot be reached: `{path}` is never called in a run",
            "its parent may use its weights or its `forward` directly; name a module around it",
        )
    position = site.position
    number = 0
    if len(calls) > 1:
        number = _call_number(site, path, len(calls))
        position = None
    key, seen = calls[number]
    end = site.part != "input"
    found = seen.got if end else seen.given
    if found is None:
        what = "gives back" if end else "is given"
        raise EngineError(f"{say_site(site)} has no numbers: `{path}` {what} no tensor")
    shape, dtype = found
    if not dtype.is_floating_point:
        raise EngineError(
            f"{say_site(site)} holds {str(dtype).removeprefix('torch.')}, no activations",
            f'take `module "{path}".output`' if not end else "take a later module",
        )
    if not (seen.got_rows if end else seen.given_rows):
        raise EngineError(
            f"{say_site(site)} has no row for each input: its tensor is {shape}",
            "take a module around it, or after it",
        )
    if position is None and texts is not None and len(shape) > 2:
        raise EngineError(f"{say_site(site)} needs a position", "write `at last`, or at a slot")
    if position is None:
        return Place(site, key, end, shape)
    if len(shape) < 3:
        raise EngineError(
            f"{say_site(site)} has no positions: its tensor is {_dims(shape)}",
            "leave out `at ...`, and name neurons by `in dims a..b`",
        )
    if texts is not None and not isinstance(position, AtStep):
        return Place(site, key, end, shape, marked=True, count=texts.count(position))
    at = _indices(position, shape[1], site)
    if at is None:
        raise EngineError(
            f"{say_site(site)} cannot be found: the network is not fed with text",
            f"write `at index i`, 0..{shape[1] - 1}, `at last`, or `at every token`",
        )
    return Place(site, key, end, shape, at=at, count=len(at))


def _dims(shape: Sequence[int]) -> str:
    return "(" + ", ".join(["inputs", *map(str, shape[1:])]) + ")"


def _call_number(site: Site, path: str, count: int) -> int:
    match site.position:
        case AtStep(step) if step < count:
            return step
        case _:
            raise EngineError(
                f"{say_site(site)} is not one place: `{path}` is called {count} times in a run",
                f"name one of its calls: `at step 0` to `at step {count - 1}`",
            )


def _indices(position: Position, length: int, site: Site) -> tuple[int, ...] | None:
    """Places in the second axis; None for positions that only a text has."""
    match position:
        case Last():
            return (length - 1,)
        case AllOf(None):
            return tuple(range(length))
        case AtIndex(number) | AtStep(number):
            if number >= length:
                raise EngineError(
                    f"{say_site(site)} does not exist",
                    f"its tensor has positions 0..{length - 1}",
                )
            return (number,)
        case Several(positions):
            parts = [_indices(each, length, site) for each in positions]
            if any(part is None for part in parts):
                return None
            found = tuple(number for part in parts if part is not None for number in part)
            if len(set(found)) < len(found):
                raise EngineError(f"{say_site(site)} names {say_position(position)} twice")
            return found
        case _:
            return None


def first_seen(tree: Any) -> Shape | None:
    """Shape and type of a tree's first tensor."""
    found = leaves(tree)
    return (tuple(found[0].shape), found[0].dtype) if found else None
