"""Tensors by row in a file, for what does not fit into memory.

A row's tensors stand together; each is read by its own `pread`, of the rows that are needed,
so that memory holds no more. Every tensor of every row has a checksum. The file has no name
once it is open, so that nothing is left behind however the process ends.
"""

from __future__ import annotations

import errno
import os
import tempfile
import weakref
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from causalabs.engine.errors import EngineError


@dataclass(frozen=True, eq=False)
class _Part:
    """Rows that were appended together; `places[name]` are its bytes' begin in a row, shape."""

    first: int
    count: int
    offset: int
    size: int
    places: Mapping[str, tuple[int, tuple[int, ...]]]
    sums: Mapping[str, NDArray[np.uint32]]


class Spill:
    """A file of tensors by name, one row an input, appended in batches."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file, name = tempfile.mkstemp(prefix="activations-", dir=folder)
            os.unlink(name)
        except OSError as error:
            raise self._refused(error, 0) from error
        self._close = weakref.finalize(self, os.close, self._file)
        self._parts: list[_Part] = []
        self._starts: list[int] = []
        self._dtypes: dict[str, torch.dtype] = {}
        self._devices: dict[str, torch.device] = {}
        self._end = 0
        self.rows = 0

    def close(self) -> None:
        """Let go of the file; what was not read is gone."""
        self._close()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the tensors."""
        return tuple(self._dtypes)

    def append(self, tensors: Mapping[str, Tensor]) -> None:
        """More rows; `EngineError` where the disk is full. (rows, ...) each."""
        count = len(next(iter(tensors.values())))
        places: dict[str, tuple[int, tuple[int, ...]]] = {}
        sums: dict[str, NDArray[np.uint32]] = {}
        columns, size = [], 0
        for name, tensor in tensors.items():
            self._dtypes[name], self._devices[name] = tensor.dtype, tensor.device
            flat = torch.empty(tensor.numel(), dtype=tensor.dtype)  # strides may be 0 elsewhere
            flat.copy_(tensor.detach().reshape(-1))
            width = len(flat) // max(1, count) * tensor.element_size()
            raw = flat.view(torch.uint8).reshape(count, width).numpy()  # (rows, bytes)
            places[name] = (size, tuple(tensor.shape[1:]))
            sums[name] = np.array([zlib.crc32(row) for row in raw], dtype=np.uint32)
            columns.append(raw)
            size += raw.shape[1]
        self._write(np.concatenate(columns, axis=1))
        self._parts.append(_Part(self.rows, count, self._end, size, places, sums))
        self._starts.append(self.rows)
        self.rows += count
        self._end += count * size

    def read(self, name: str, rows: Tensor) -> Tensor:
        """One tensor of some rows, in this order, repeats allowed.

        Rows of parts whose shapes differ are filled up with zeros at the end of each axis.
        """
        unique, back = torch.unique(rows.cpu(), return_inverse=True)
        numbers = unique.numpy()
        parts = [self._parts[i] for i in np.searchsorted(self._starts, numbers, side="right") - 1]
        shapes = {part.places[name][1] for part in parts}
        longest = tuple(max(sizes) for sizes in zip(*shapes, strict=True))
        found = torch.zeros((len(numbers), *longest), dtype=self._dtypes[name])
        for at, (row, part) in enumerate(zip(numbers.tolist(), parts, strict=True)):
            shape = part.places[name][1]
            target = found[at]
            if shape != longest:
                target = target[tuple(slice(size) for size in shape)]
            target.copy_(self._row(name, row, part, shape))
        return found.index_select(0, back).to(self._devices[name])

    def _row(self, name: str, row: int, part: _Part, shape: tuple[int, ...]) -> Tensor:
        dtype = self._dtypes[name]
        size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
        if size == 0:
            return torch.zeros(shape, dtype=dtype)
        offset = part.offset + (row - part.first) * part.size + part.places[name][0]
        found = bytearray(size)
        read = os.preadv(self._file, [found], offset)
        if read != size or zlib.crc32(found) != part.sums[name][row - part.first]:
            raise EngineError(
                f"activations that were kept in `{self._folder}` are not what was written",
                "run again; if it comes back, that disk is failing",
            )
        return torch.frombuffer(found, dtype=dtype).view(shape)

    def _write(self, block: NDArray[np.uint8]) -> None:
        left, offset = memoryview(block.data).cast("B"), self._end
        while left:
            try:
                done = os.pwrite(self._file, left, offset)
            except OSError as error:
                self.close()
                raise self._refused(error, len(left)) from error
            left, offset = left[done:], offset + done

    def _refused(self, error: OSError, wanted: int) -> EngineError:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return EngineError(
                f"the disk of `{self._folder}` is full: {self._end + wanted:,} bytes of "
                "activations were to be kept there",
                "free some space, or set CAUSALABS_CACHE to a folder on a larger disk; "
                "jobs that are finished are kept, and the same command goes on",
            )
        return EngineError(
            f"activations cannot be kept in `{self._folder}`: {error.strerror or error}",
            "set CAUSALABS_CACHE to a folder that can be written",
        )


class Spilled(Mapping[str, Tensor]):
    """Some rows of a file, each tensor read when it is first asked for: a run asks for few."""

    def __init__(self, spill: Spill, rows: Tensor) -> None:
        self._spill, self._rows = spill, rows
        self._read: dict[str, Tensor] = {}

    def __getitem__(self, name: str) -> Tensor:
        if name not in self._read:
            if name not in self._spill.names:
                raise KeyError(name)
            self._read[name] = self._spill.read(name, self._rows)
        return self._read[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._spill.names)

    def __len__(self) -> int:
        return len(self._spill.names)


def joined(parts: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
    """Rows of several parts, shorter ones filled up with zeros at the end of each axis.

    The parts are emptied on the way, so that memory never holds all twice.
    """
    if len(parts) == 1:
        return parts[0]
    found = {}
    for name in list(parts[0]):
        tensors = [part.pop(name) for part in parts]
        longest = [max(sizes) for sizes in zip(*(t.shape[1:] for t in tensors), strict=True)]
        found[name] = torch.cat([_filled(tensor, longest) for tensor in tensors])
    return found


def _filled(tensor: Tensor, longest: Sequence[int]) -> Tensor:
    missing = [size - have for have, size in zip(tensor.shape[1:], longest, strict=True)]
    pads = [pad for count in reversed(missing) for pad in (0, count)]
    return functional.pad(tensor, pads) if any(missing) else tensor


def bytes_of(tensors: Mapping[str, Tensor]) -> int:
    """Bytes that tensors take."""
    return sum(each.numel() * each.element_size() for each in tensors.values())
