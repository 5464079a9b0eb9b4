"""What is done to a module's tensors as they pass: looked at, written, copied."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from causalabs.engine.errors import EngineError
from causalabs.engine.modules.calls import Change, Enough, Key
from causalabs.engine.modules.feeding import Fed
from causalabs.engine.modules.places import Place, Shape
from causalabs.engine.modules.trees import mapped
from causalabs.engine.networks.base import apply_edit
from causalabs.engine.networks.naming import say_position, say_site
from causalabs.engine.protocol import Edit
from causalabs.hypothesis.model import Site


def by_row(two: Shape | None, three: Shape | None) -> bool:
    """Whether a tensor has a row for each input, of two and of three."""
    return bool(two and three and two[0][:1] == (2,) and three[0][:1] == (3,))


def pair_of(fed: Fed) -> Fed:
    """Two rows, the only one twice where there are no two."""
    device = next(iter((*fed.args, *fed.kwargs.values()))).device
    return fed.take(torch.tensor([0, min(1, len(fed) - 1)], device=device))


def copied(key: Key, output: Any) -> Any:
    """An output as it is now: it may be written in place later."""
    return mapped(output, lambda leaf: leaf.detach().clone())


def mark(place: Place) -> str:
    """The mark under which a site's positions go along with the rows."""
    return f"at {say_position(place.site.position)}" if place.site.position is not None else ""


def writing(place: Place, edit: Edit, done: list[Site], rows: int, at: Tensor | None) -> Change:
    """Edits a site, and notes that it was done; `at` are its rows' positions (rows, count)."""

    def change(tensor: Tensor) -> Tensor:
        done.append(place.site)
        check_rows(place, tensor, rows)
        current = place.get(tensor, at if place.marked else None)
        edited = apply_edit(place.site, edit, current)
        return place.put(tensor, edited, at if place.marked else None)

    return change


def check_rows(place: Place, tensor: Tensor, rows: int) -> None:
    """An error where a tensor has not a row for each input."""
    if len(tensor) != rows:
        raise EngineError(
            f"{say_site(place.site)} has {len(tensor)} rows for {rows} inputs",
            "take a module around it, or after it",
        )


def looking(
    place: Place, found: dict[Site, Tensor], at: Tensor | None, rows: int, count: int
) -> Change:
    """Copies what stands at a site; the run ends when `count` sites were seen."""

    def change(tensor: Tensor) -> Tensor:
        check_rows(place, tensor, rows)
        found[place.site] = place.get(tensor, at).clone()
        if len(found) == count:
            raise Enough
        return tensor

    return change


@contextmanager
def slow_path() -> Iterator[None]:
    """torch's transformer layers call their modules one by one, in training as in use."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)
