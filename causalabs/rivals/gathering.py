"""Rivals from files: algorithms with the same inputs and the same read outputs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import combinations
from pathlib import PurePath

from causalabs.algorithm.model import Algorithm, Variable
from causalabs.algorithm.moves import computed
from causalabs.diagnostics import Source
from causalabs.errors import RunError
from causalabs.hypothesis.check import Checked
from causalabs.hypothesis.model import (
    Counterfactuals,
    FeedVectors,
    Hypothesis,
    Line,
    NetworkSpec,
    Take,
)

ANONYMOUS = "algorithm"
MOST_RIVALS = 16
WHOLE = (("heldout", Fraction(1)),)


@dataclass(frozen=True)
class Rival:
    """An algorithm, the name it is known by here, and how its own file draws examples.

    `home` holds every rival under a name that the file's own lines do not use for another, so
    that inputs are drawn with all of them in mind. `lines` are this algorithm's own;
    `written` is false where the file has none and single variables and pairs stand in.
    """

    label: str
    algorithm: Algorithm
    home: Hypothesis
    lines: tuple[Line, ...]
    written: bool


@dataclass(frozen=True)
class Rivals:
    """All rivals, the outputs they are compared on, and what a reader should know."""

    each: tuple[Rival, ...]
    outputs: tuple[str, ...]
    notes: tuple[str, ...] = ()


def gathered(files: Sequence[tuple[Source, Checked]]) -> Rivals:
    """The rivals of some checked files; raises `RunError` where they cannot be compared."""
    found = [(i, a) for i, (_, checked) in enumerate(files) for a in checked.algorithms]
    if len(found) < 2:
        there = "one algorithm" if found else "no algorithm"
        raise RunError(
            f"there is {there}: nothing to tell apart",
            "write a second `algorithm NAME { .. }`, or name a second file",
        )
    if len(found) > MOST_RIVALS:
        raise RunError(
            f"there are {len(found)} algorithms; at most {MOST_RIVALS} are compared at once",
            "name fewer files",
        )
    labels = _labels([(files[i][0].name, a.name) for i, a in found])
    first = found[0][1]
    for label, (_, algorithm) in zip(labels[1:], found[1:], strict=True):
        _same("inputs", first.inputs, algorithm.inputs, labels[0], label)
    outputs = _outputs(files, found, labels)
    rivals = []
    for (home, algorithm), label in zip(found, labels, strict=True):
        others = [
            replace(other, name=f"{name} (rival)")
            for (place, other), name in zip(found, labels, strict=True)
            if place != home
        ]
        hypothesis = _home(files[home], others)
        lines = tuple(x for x in hypothesis.counterfactuals.lines if x.algorithm == algorithm.name)
        written = bool(lines)
        rivals.append(
            Rival(label, algorithm, hypothesis, lines or default_lines(algorithm), written)
        )
    return Rivals(tuple(rivals), outputs, _notes(rivals))


def _labels(named: Sequence[tuple[str, str]]) -> list[str]:
    """The shortest names that tell all of them apart."""
    stems = [PurePath(file).stem.strip("<>") for file, _ in named]
    known = Counter(name for _, name in named)
    short = [
        name if known[name] == 1 and name != ANONYMOUS else f"{stem}.{name}"
        for stem, (_, name) in zip(stems, named, strict=True)
    ]
    short = [each.removesuffix(f".{ANONYMOUS}") for each in short]
    twice = Counter(short)
    return [
        each if twice[each] == 1 else f"{each} ({number})" for number, each in enumerate(short, 1)
    ]


def _same(
    what: str, mine: Sequence[Variable], theirs: Sequence[Variable], one: str, other: str
) -> None:
    left = {v.name: v.domain for v in mine}
    right = {v.name: v.domain for v in theirs}
    odd = [name for name in (*left, *right) if left.get(name) != right.get(name)]
    if odd:
        where = "is not the same in both"
        if odd[0] not in right:
            where = f"is missing in `{other}`"
        elif odd[0] not in left:
            where = f"is missing in `{one}`"
        raise RunError(
            f"`{one}` and `{other}` have different {what}: `{odd[0]}` {where}",
            f"rivals answer one question: declare the same {what}, names and domains",
        )


def _outputs(
    files: Sequence[tuple[Source, Checked]],
    found: Sequence[tuple[int, Algorithm]],
    labels: Sequence[str],
) -> tuple[str, ...]:
    """The outputs that are read where something is read, otherwise all."""

    def read(place: int, algorithm: Algorithm) -> list[Variable]:
        hypothesis = files[place][1].hypothesis
        if hypothesis is None or not hypothesis.network.reads:
            return list(algorithm.outputs)
        names = {each.output for each in hypothesis.network.reads}
        return [v for v in algorithm.outputs if v.name in names]

    first = read(*found[0])
    for label, (place, algorithm) in zip(labels[1:], found[1:], strict=True):
        _same("read outputs", first, read(place, algorithm), labels[0], label)
    return tuple(v.name for v in first)


def _home(file: tuple[Source, Checked], others: Sequence[Algorithm]) -> Hypothesis:
    source, checked = file
    algorithms = (*checked.algorithms, *others)
    if checked.hypothesis is not None:
        return replace(checked.hypothesis, algorithms=algorithms)
    counts = checked.counterfactuals or Counterfactuals(None, (), WHOLE)
    network = NetworkSpec("", (), FeedVectors(()), ())
    return Hypothesis("", "", algorithms, network, (), counts, (), (), source=source)


def default_lines(algorithm: Algorithm) -> tuple[Line, ...]:
    """Each variable alone, then each pair from two sources: what could be interchanged."""
    own = computed(algorithm)
    groups = [(name,) for name in own] + list(combinations(own, 2))
    return tuple(
        Line(
            ", ".join(group),
            algorithm.name,
            tuple(Take(name, name, i) for i, name in enumerate(group)),
            sources=len(group),
        )
        for group in groups[:64]
    )


def _notes(rivals: Sequence[Rival]) -> tuple[str, ...]:
    found = []
    for rival in rivals:
        if not rival.written and rival.lines:
            found.append(
                f"no line interchanges a variable of `{rival.label}`: single variables and "
                "pairs stand in"
            )
    homes = {id(r.home.counterfactuals): r.home for r in rivals}
    if any(home.counterfactuals.solved for home in homes.values()):
        found.append("`keep solved` needs a network: examples are those before it")
    wheres = {tuple(w for w in rival.algorithm.where) for rival in rivals}
    if len(wheres) > 1:
        found.append("the rivals' `where` differ: inputs are those that all of them admit")
    return tuple(found)
