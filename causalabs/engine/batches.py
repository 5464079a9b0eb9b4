"""Work in parts that fit into memory: a part that does not is halved and tried again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from causalabs.engine.errors import EngineError

T = TypeVar("T")


def each_part(
    count: int, at_once: int, work: Callable[[slice], T], *, shared: int = 1
) -> Iterator[tuple[T, int]]:
    """`work` over consecutive parts of `count` rows, and after each how many fit at once.

    With `shared` every row is that many rows for `work`, and takes as much of `at_once`.
    """
    first = 0
    while first < count:
        last = min(first + max(1, at_once // shared), count)
        try:
            done = work(slice(first, last))
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            if last - first == 1:
                raise EngineError(
                    "this machine's memory does not hold a single example's run",
                    "use a machine with more memory, a smaller network or `--dtype bfloat16`",
                ) from error
            at_once = (last - first + 1) // 2 * shared
        else:
            yield done, at_once
            first = last


def in_parts(
    count: int, at_once: int, work: Callable[[slice], T], *, shared: int = 1
) -> tuple[list[T], int]:
    """All of `each_part`, and how many rows were done at once in the end.

    >>> in_parts(5, 2, lambda rows: (rows.start, rows.stop))
    ([(0, 2), (2, 4), (4, 5)], 2)
    """
    found: list[T] = []
    fits = at_once
    for done, fits in each_part(count, at_once, work, shared=shared):  # noqa: B007
        found.append(done)
    return found, fits


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out, on whatever device.

    torch raises `OutOfMemoryError`, a RuntimeError, for accelerators, and a plain RuntimeError
    that speaks of memory on the cpu.
    """
    return isinstance(error, MemoryError) or "memory" in str(error).lower()
