"""Which interchanges make rivals answer differently, whatever a rival does in reply.

An interchange of one algorithm tells it from a rival when no move of the rival with the same
base and sources gives the same answers on all examples. A network that computes the rival
would then fail the interchange at every site; where some move does give them, it would pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from causalabs.algorithm.domains import Column
from causalabs.algorithm.evaluate import MechanismError
from causalabs.algorithm.model import Algorithm
from causalabs.algorithm.moves import Move, answers, differ, moves
from causalabs.errors import RunError
from causalabs.hypothesis.drawn_pairs import move_of
from causalabs.hypothesis.model import Line
from causalabs.rivals.gathering import Rival
from causalabs.rivals.rows import Rows, Share

GLANCE = 1 << 14
"""Examples on which every move of a rival is tried; the rest sees the promising ones."""


@dataclass(frozen=True, eq=False)
class Against:
    """One line of a rival against one other: the move of the other that comes closest.

    `share` is what that move still answers differently; `apart` that none answers alike.
    `tried` moves were tried, `all_tried` says whether there are no others. `flags` (looked,
    tried) tells which of the examples `looked` at each move answers differently: those of the
    glance, and one for each move that differs only beyond it.
    """

    line: Line
    of: str
    other: str
    closest: Move
    share: Share
    tried: int
    all_tried: bool
    looked: NDArray[np.int64] = field(repr=False)
    flags: NDArray[np.bool_] = field(repr=False)

    @property
    def apart(self) -> bool:
        """Whether the line tells the two apart on the examples there are."""
        return bool(self.share.value > 0)


def answered(
    rows: Rows, algorithm: Algorithm, move: Move, outputs: Sequence[str]
) -> dict[str, Column]:
    """An algorithm's answers to all examples with a move made."""
    names = frozenset(v.name for v in algorithm.inputs)
    base = rows.columns(algorithm, 0, names)
    sources = []
    for run in range(1, rows.line.sources + 1):
        origins = frozenset(origin for _, origin, s in move.takes if s == run - 1)
        sources.append(rows.columns(algorithm, run, origins) if origins else {})
    try:
        return answers(algorithm, move, base, sources, outputs)
    except MechanismError as error:
        raise RunError(
            f"`{algorithm.name}` has no answer after `{move.text}`: {error}",
            "correct the mechanism, or restrict the inputs by `where`",
        ) from error


def glance_of(rows: Rows) -> NDArray[np.int64]:
    """The examples that every move is tried on: all of few, some of many."""
    if rows.count <= GLANCE:
        return np.arange(rows.count)
    return np.sort(np.random.default_rng(0).choice(rows.count, GLANCE, replace=False))


def against(rows: Rows, rival: Rival, other: Rival, outputs: Sequence[str]) -> Against:
    """The line of `rows`, which is one of `rival`, against the other's moves."""
    mine, theirs = inside(rows, rival), inside(rows, other)
    wanted = [move_of(x) for x in other.lines if x.sources == rows.line.sources]
    candidates, complete = moves(theirs, rows.line.sources, wanted)
    looked = glance_of(rows)
    flags = _flags(rows, looked, mine, theirs, candidates, outputs)
    if len(looked) == rows.count:
        best = min(range(len(candidates)), key=lambda k: rows.share(flags[:, k]).value)
        share = rows.share(flags[:, best])
    else:
        share, best, beyond = _whole(rows, mine, theirs, candidates, flags, outputs)
        if len(beyond):
            more = _flags(rows, beyond, mine, theirs, candidates, outputs)
            looked, flags = np.concatenate([looked, beyond]), np.concatenate([flags, more])
    found = (candidates[best], share, len(candidates), complete, looked, flags)
    return Against(rows.line, rival.label, other.label, *found)


def _flags(
    rows: Rows,
    looked: NDArray[np.int64],
    mine: Algorithm,
    theirs: Algorithm,
    candidates: Sequence[Move],
    outputs: Sequence[str],
) -> NDArray[np.bool_]:
    """Which of some examples each move answers differently: (looked, moves)."""
    few = rows if len(looked) == rows.count else rows.some(looked)
    own = answered(few, mine, move_of(rows.line), outputs)
    found = [differ(own, answered(few, theirs, each, outputs)) for each in candidates]
    return np.stack(found, axis=1)


def _whole(
    rows: Rows,
    mine: Algorithm,
    theirs: Algorithm,
    candidates: Sequence[Move],
    flags: NDArray[np.bool_],
    outputs: Sequence[str],
) -> tuple[Share, int, NDArray[np.int64]]:
    """The closest move over all rows, of those that the glance could not rule out.

    Also an example for each of them that differs all the same, where the closest does.
    """
    own = answered(rows, mine, move_of(rows.line), outputs)
    counts = flags.sum(axis=0)
    open_ = np.flatnonzero(counts == 0) if counts.min() == 0 else counts.argmin()[None]
    found: list[tuple[float, int, Share]] = []
    beyond: list[int] = []
    for place in open_.tolist():
        different = differ(own, answered(rows, theirs, candidates[place], outputs))
        share = rows.share(different)
        found.append((share.value, place, share))
        if share.value == 0:
            break
        if counts[place] == 0:
            beyond.append(int(different.argmax()))
    _, best, share = min(found, key=lambda each: each[:2])
    return share, best, np.array(sorted(set(beyond)), dtype=np.int64)


def inside(rows: Rows, rival: Rival) -> Algorithm:
    """The rival as the rows' own home knows it: by itself, or as a guest from another file."""
    algorithms = rows.model.algorithms
    for name in (f"{rival.label} (rival)", rival.algorithm.name):
        if name in algorithms and algorithms[name].variables == rival.algorithm.variables:
            return algorithms[name]
    raise KeyError(rival.label)


def outputs_differ(rows: Rows, one: Rival, other: Rival, outputs: Sequence[str]) -> Share:
    """How often two rivals answer differently with nothing interchanged."""
    flags = plainly(rows, one, other, outputs)
    return rows.share(flags)


def plainly(rows: Rows, one: Rival, other: Rival, outputs: Sequence[str]) -> NDArray[np.bool_]:
    """Rows on which two rivals answer differently with nothing interchanged."""
    wanted = frozenset(outputs)
    left = rows.columns(inside(rows, one), 0, wanted)
    return differ(left, rows.columns(inside(rows, other), 0, wanted))
