"""All that can be said of rivals without a network, as one document."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from causalabs.algorithm.moves import Move
from causalabs.hypothesis.drawn_pairs import move_of
from causalabs.hypothesis.model import Line
from causalabs.rivals.compare import (
    Against,
    against,
    answered,
    inside,
    outputs_differ,
    plainly,
)
from causalabs.rivals.cover import smallest_cover
from causalabs.rivals.gathering import Rival, Rivals, default_lines
from causalabs.rivals.relation import Relation, relation
from causalabs.rivals.rows import MOST_ROWS, Rows, Share, Sheet
from causalabs.rivals.written import input_texts, output_text

MOST_LINES = 64


@dataclass(frozen=True)
class Compared:
    """Two rivals: how often their outputs differ, line by line what tells them apart.

    `suggested` is an interchange that no line makes and that would tell them apart, where
    none of the file's does.
    """

    one: str
    other: str
    outputs: Share
    lines: tuple[Against, ...]
    relations: tuple[Relation, ...]
    suggested: Against | None = None

    @property
    def apart(self) -> bool:
        """Whether the file's counterfactuals tell the two apart."""
        return self.outputs.value > 0 or any(each.apart for each in self.lines)


@dataclass(frozen=True)
class Example:
    """One base with its sources, an interchange, and what the rivals answer to it."""

    of: str
    interchange: str
    base: tuple[tuple[str, str], ...]
    sources: tuple[tuple[tuple[str, str], ...], ...]
    answers: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Distinguished:
    """What `causalabs distinguish` finds."""

    algorithms: tuple[str, ...]
    outputs: tuple[str, ...]
    pairs: tuple[Compared, ...]
    examples: tuple[Example, ...]
    fewest: bool
    looked_at: int
    notes: tuple[str, ...]

    @property
    def apart(self) -> bool:
        """Whether every pair is told apart."""
        return all(pair.apart for pair in self.pairs)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "algorithms": list(self.algorithms),
            "outputs": list(self.outputs),
            "told_apart": self.apart,
            "pairs": [_pair_json(pair) for pair in self.pairs],
            "examples": [
                {
                    "of": each.of,
                    "interchange": each.interchange,
                    "base": dict(each.base),
                    "sources": [dict(source) for source in each.sources],
                    "answers": dict(each.answers),
                }
                for each in self.examples
            ],
            "cover": {"exact": self.fewest, "examples_looked_at": self.looked_at},
            "notes": list(self.notes),
        }


def _pair_json(pair: Compared) -> dict[str, Any]:
    return {
        "algorithms": [pair.one, pair.other],
        "told_apart": pair.apart,
        "outputs": asdict(pair.outputs),
        "interchanges": [_against_json(each) for each in pair.lines],
        "suggested": None if pair.suggested is None else _against_json(pair.suggested),
        "relations": [
            {
                "above": each.above,
                "below": each.below,
                "kind": each.kind,
                "how": each.how,
                "map": {name: list(group) for name, group in each.map},
                "values": {name: dict(values) for name, values in each.values},
            }
            for each in pair.relations
        ],
    }


def _against_json(each: Against) -> dict[str, Any]:
    return {
        "of": each.of,
        "interchange": line_text(each.line),
        "against": each.other,
        "closest": each.closest.text,
        "told_apart": each.apart,
        "share": asdict(each.share),
        "tried": each.tried,
        "all_tried": each.all_tried,
    }


def line_text(line: Line) -> str:
    """A line's name, or what it interchanges."""
    return line.name or move_of(line).text


class _Work:
    """Rows and comparisons, each made once."""

    def __init__(self, rivals: Rivals) -> None:
        self.rivals = rivals
        self.by_label = {rival.label: rival for rival in rivals.each}
        self._rows: dict[tuple[str, Line, bool], Rows] = {}
        self._sheets: dict[tuple[str, bool], Sheet] = {}

    def sheet(self, rival: Rival, *, plain: bool = False) -> Sheet:
        key = (rival.label, plain)
        if key not in self._sheets:
            self._sheets[key] = Sheet(rival.home, plain=plain)
        return self._sheets[key]

    def rows(self, rival: Rival, line: Line, *, plain: bool = False) -> Rows:
        key = (rival.label, line, plain)
        if key not in self._rows:
            self._rows[key] = self.sheet(rival, plain=plain).rows(line)
        return self._rows[key]

    @property
    def all_rows(self) -> list[Rows]:
        """Every table of examples that was made."""
        return [*self._rows.values(), self.inputs]

    @cached_property
    def inputs(self) -> Rows:
        first = self.rivals.each[0]
        return self.sheet(first).inputs(first.algorithm)


def distinguish(rivals: Rivals) -> Distinguished:
    """Compare every pair of rivals; raises `RunError` where examples cannot be drawn."""
    work = _Work(rivals)
    pairs = tuple(_compared(work, a, b) for a, b in combinations(rivals.each, 2))
    examples, fewest, looked = _separating(work, pairs)
    return Distinguished(
        algorithms=tuple(rival.label for rival in rivals.each),
        outputs=rivals.outputs,
        pairs=pairs,
        examples=examples,
        fewest=fewest,
        looked_at=looked,
        notes=(*rivals.notes, *_sizes(work)),
    )


def _compared(work: _Work, one: Rival, other: Rival) -> Compared:
    outputs = work.rivals.outputs
    found = tuple(
        against(work.rows(mine, line), mine, theirs, outputs)
        for mine, theirs in ((one, other), (other, one))
        for line in mine.lines[:MOST_LINES]
    )
    plain = outputs_differ(work.inputs, one, other, outputs)
    relations = _relations(one, other, outputs)
    pair = Compared(one.label, other.label, plain, found, relations)
    return pair if pair.apart else replace(pair, suggested=_suggested(work, one, other))


def _relations(one: Rival, other: Rival, outputs: Sequence[str]) -> tuple[Relation, ...]:
    first = relation(one, other, outputs)
    if first.kind == "same":
        return (first,)
    return first, relation(other, one, outputs)


def _suggested(work: _Work, one: Rival, other: Rival) -> Against | None:
    """The interchange that no line makes and that tells two rivals apart most often."""
    best: Against | None = None
    for mine, theirs in ((one, other), (other, one)):
        made = {frozenset(line.variables) for line in mine.lines} if mine.written else set()
        for line in default_lines(mine.algorithm):
            if not mine.written or frozenset(line.variables) in made:
                continue
            found = against(work.rows(mine, line, plain=True), mine, theirs, work.rivals.outputs)
            if found.apart and (best is None or found.share.value > best.share.value):
                best = found
    return best


# ------------------------------------------------------------ the smallest examples


@dataclass
class _Experiment:
    """One interchange (or none), and what its examples can rule out: bits of a mask."""

    rival: Rival
    rows: Rows
    looked: NDArray[np.int64]
    found: list[Against]
    plain: bool = False


def _separating(work: _Work, pairs: Sequence[Compared]) -> tuple[tuple[Example, ...], bool, int]:
    """The fewest examples to which no rival can answer as another does."""
    chosen, flags = _experiments(work, pairs)
    numbers: list[tuple[_Experiment, int]] = []
    masks: list[int] = []
    bit = 0
    for experiment, columns in zip(chosen, flags, strict=True):
        width = columns.shape[1]
        for place in _first_of_kind(columns):
            row = columns[place]
            masks.append(sum(1 << (bit + i) for i in np.flatnonzero(row).tolist()))
            numbers.append((experiment, place))
        bit += width
    if not masks:
        return (), True, 0
    cover, fewest = smallest_cover(masks)
    looked = sum(len(each.looked) for each in chosen)
    return tuple(_example(work, *numbers[place]) for place in cover), fewest, looked


def _first_of_kind(columns: NDArray[np.bool_]) -> list[int]:
    """The first row of each kind: rows alike are as good as one another."""
    if columns.shape[1] <= 62:
        codes = columns @ (1 << np.arange(columns.shape[1]))
        return np.unique(codes, return_index=True)[1].tolist()  # type: ignore[no-any-return]
    packed = np.packbits(columns, axis=1)
    return np.unique(packed, axis=0, return_index=True)[1].tolist()  # type: ignore[no-any-return]


def _experiments(work: _Work, pairs: Sequence[Compared]) -> tuple[list[_Experiment], list[Any]]:
    """For each pair what tells it apart: plain inputs, else the line that does so most."""
    outputs = work.rivals.outputs
    made: dict[object, _Experiment] = {}
    flags: dict[object, list[Any]] = {}
    for pair in pairs:
        if pair.outputs.value > 0:
            rows = work.inputs
            one, other = work.by_label[pair.one], work.by_label[pair.other]
            every = np.arange(rows.count)
            made.setdefault("", _Experiment(one, rows, every, [], plain=True))
            column = plainly(rows, one, other, outputs)
            flags.setdefault("", []).append(column[:, None])
            continue
        told = [each for each in pair.lines if each.apart]
        if not told:
            continue
        best = max(told, key=lambda each: each.share.value)
        rival = work.by_label[best.of]
        rows = work.rows(rival, best.line)
        key = (best.of, best.line, best.looked.tobytes())
        experiment = made.setdefault(key, _Experiment(rival, rows, best.looked, []))
        experiment.found.append(best)
        flags.setdefault(key, []).append(best.flags)
    return list(made.values()), [np.concatenate(flags[key], axis=1) for key in made]


def _example(work: _Work, experiment: _Experiment, place: int) -> Example:
    row = experiment.looked[place : place + 1]
    rows = experiment.rows.some(row)
    outputs, mine = work.rivals.outputs, experiment.rival
    text = "none"
    if not experiment.plain:
        line = experiment.rows.line
        text, told = line_text(line), {mine.label: move_of(line)}
        told |= {each.other: each.closest for each in experiment.found}
    else:
        told = {rival.label: Move() for rival in work.rivals.each}
    answers = tuple(
        (label, _answer(rows, work.by_label[label], move, outputs)) for label, move in told.items()
    )
    base, *sources = (input_texts(rows, run) for run in range(rows.cells.shape[0]))
    of = "" if experiment.plain else mine.label
    return Example(of, text, base, tuple(sources), answers)


def _answer(rows: Rows, rival: Rival, move: Move, outputs: Sequence[str]) -> str:
    algorithm = inside(rows, rival)
    return output_text(algorithm, answered(rows, algorithm, move, outputs))


def _sizes(work: _Work) -> Iterator[str]:
    """What was too large to enumerate, how large, and what was done instead."""
    drawn = [rows for rows in work.all_rows if not rows.exact]
    if drawn:
        most = max(drawn, key=lambda rows: rows.combinations)
        size = most.combinations
        many = f"{size:,}" if size < 10**12 else f"about 10^{len(str(size)) - 1}"
        lines = f"{len(drawn)} interchanges have" if len(drawn) > 1 else "one interchange has"
        yield (
            f"{lines} too many examples to make all of them (up to {many}, at most "
            f"{MOST_ROWS:,}): {most.count:,} were drawn, shares carry 95 % intervals"
        )
