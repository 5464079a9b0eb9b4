"""What is kept of clean runs of a language model, by name, one row an input."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

from causalabs.hypothesis.model import Site

Start = tuple[int, int]
"""Block and stage."""


@dataclass(frozen=True, eq=False)
class Prefix:
    """Clean runs, kept for edits of `sites`.

    | name | of each row |
    |---|---|
    | `L.S.NAME` | tensors of stage S of block L, tokens from `L.S.first` on (see `sites`) |
    | `kL`, `vL` | keys and values of earlier tokens: (groups of heads, tokens, dim) |
    | `reads`, `lengths` | tokens read, tokens there are |
    | `atI` | tokens of site number I |
    | `scores` | clean scores, all outputs side by side, where an edit may leave some as they are |
    """

    tensors: Mapping[str, Tensor]
    sites: tuple[Site, ...]

    def with_tensors(self, tensors: Mapping[str, Tensor]) -> Prefix:
        """The same of other rows."""
        return replace(self, tensors=tensors)

    def take(self, rows: Tensor) -> Prefix:
        """These rows, in this order, repeats allowed; taken when they are looked at."""
        return self.with_tensors(Taken(self.tensors, rows))


class Taken(Mapping[str, Tensor]):
    """Some rows of tensors, each taken when it is first asked for: a run asks for few."""

    def __init__(self, tensors: Mapping[str, Tensor], rows: Tensor) -> None:
        self._tensors, self._rows = tensors, rows
        self._taken: dict[str, Tensor] = {}

    def __getitem__(self, name: str) -> Tensor:
        if name not in self._taken:
            self._taken[name] = self._tensors[name].index_select(0, self._rows)
        return self._taken[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._tensors)

    def __len__(self) -> int:
        return len(self._tensors)


def join(parts: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Rows of several parts; shorter ones are filled up with zeros at the end of each axis."""
    return {name: _stacked([part[name] for part in parts]) for name in parts[0]}


def _stacked(tensors: Sequence[Tensor]) -> Tensor:
    longest = [max(sizes) for sizes in zip(*(t.shape[1:] for t in tensors), strict=True)]
    return torch.cat([_filled(tensor, longest) for tensor in tensors])


def _filled(tensor: Tensor, sizes: Sequence[int]) -> Tensor:
    missing = [size - have for have, size in zip(tensor.shape[1:], sizes, strict=True)]
    if not any(missing):
        return tensor
    pads = [pad for count in reversed(missing) for pad in (0, count)]
    return functional.pad(tensor, pads)


def aligned(kept: Tensor, shift: Tensor, count: int) -> Tensor:
    """Columns `shift` (rows,) and on of `kept` (rows, columns, ...): (rows, count, ...).

    Past the end of a row the last column is repeated; nothing looks at it.
    """
    least, most = int(shift.min()), int(shift.max())
    if least == most and least + count <= kept.shape[1]:
        return kept[:, least : least + count]
    at = shift[:, None] + torch.arange(count, device=kept.device)
    at = at.clamp(max=kept.shape[1] - 1)  # (rows, count)
    index = at.view(*at.shape, *[1] * (kept.dim() - 2)).expand(-1, -1, *kept.shape[2:])
    return kept.gather(1, index)
