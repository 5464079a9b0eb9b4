"""Settling an alignment: fitting its spaces, and choosing where a place is searched.

Spaces that some line joins are settled together. The choices of a searched space are fitted
on `train`, in one race where they are alike, and all scored on `select`, by the mean IIA of
the interchanges its variables take part in; the best wins, the first of equals. Several
searched spaces that lines join are searched one after another, in file order: the earlier
ones at their winners, the later ones at their first choice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from causalabs.algorithm.model import Algorithm
from causalabs.counterfactuals.examples import Examples
from causalabs.engine.bases import find
from causalabs.engine.basis import Basis, Evidence
from causalabs.engine.errors import EngineError
from causalabs.engine.fit import Budget, Fitted, Free, Way, fit
from causalabs.engine.interchange import Bases, Program, compile_lines
from causalabs.engine.measure import hits_each
from causalabs.engine.networks.naming import say_position
from causalabs.engine.rows import Table, inputs_of, rows_hash, table
from causalabs.engine.spaces import evidence_of, space_width
from causalabs.engine.store import Store
from causalabs.engine.streams import stream
from causalabs.hypothesis.model import Alignment, AnyOf, Choice, Line, Member, Site, Space
from causalabs.results import FitRecord


@dataclass(frozen=True, eq=False)
class Setting:
    """Everything that settling an alignment depends on."""

    alignment: Alignment
    algorithm: Algorithm
    lines: Mapping[int, Line]
    splits: Mapping[str, int]
    examples: Examples
    store: Store
    seed: int
    budget: Budget
    random_basis: bool = False
    folder: Path | None = None
    """What paths in the file are relative to."""
    report: Callable[[str, float], None] | None = None

    def split(self, name: str) -> int:
        """Number of a split; an error where the file has none of that name."""
        if name not in self.splits:
            what = "fitted" if name == "train" else "searched"
            raise EngineError(
                f"an alignment is {what} but there is no split `{name}`",
                f"write `split {name} 20%, ...`",
            )
        return self.splits[name]


@dataclass(frozen=True, eq=False)
class Settled:
    """Choices made, bases found and how, space by space."""

    chosen: Mapping[int, int] = field(default_factory=dict)
    bases: Bases = field(default_factory=dict)
    records: tuple[FitRecord, ...] = ()


@dataclass(frozen=True, eq=False)
class Attempt:
    """One way to choose, fitted."""

    chosen: Mapping[int, int]
    program: Program
    bases: Bases
    steps: int
    train_iia: float


@dataclass(frozen=True)
class Search:
    """Each choice's IIA on `select`, and the steps it was fitted before it was dropped."""

    scores: tuple[float, ...] = ()
    steps: tuple[int, ...] = ()


def settle(setting: Setting) -> Settled:
    """Fit and choose for every space that some line uses."""
    for each in setting.alignment.spaces:
        find(each.basis.kind)  # an error where there is no such kind
    chosen: dict[int, int] = {}
    bases: dict[int, Basis] = {}
    records: dict[int, FitRecord] = {}
    for spaces, lines in components(setting.alignment, setting.lines):
        attempt, searches = _settle_together(setting, spaces, lines)
        chosen.update(attempt.chosen)
        bases.update(attempt.bases)
        for space in spaces:
            records[space] = _record(setting, space, lines, attempt, searches.get(space, Search()))
    return Settled(chosen, bases, tuple(records[space] for space in sorted(records)))


def components(
    alignment: Alignment, lines: Mapping[int, Line]
) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Spaces that lines join, with those lines; spaces that no line uses are left out."""
    home = {m.variable: i for i, space in enumerate(alignment.spaces) for m in space.members}
    groups: list[tuple[set[int], set[int]]] = []
    for number, line in lines.items():
        names = (*line.variables, *(take.origin for take in line.takes))
        spaces = {home[name] for name in names}
        numbers = {number}
        apart = []
        for group in groups:
            if group[0] & spaces:
                spaces |= group[0]
                numbers |= group[1]
            else:
                apart.append(group)
        groups = [*apart, (spaces, numbers)]
    found = [(tuple(sorted(spaces)), tuple(sorted(numbers))) for spaces, numbers in groups]
    return sorted(found)


def lines_of(setting: Setting, space: int, lines: Iterable[int]) -> tuple[int, ...]:
    """Lines in which some variable of a space takes part."""
    own = {member.variable for member in setting.alignment.spaces[space].members}
    return tuple(number for number in lines if own & set(setting.lines[number].variables))


def _settle_together(
    setting: Setting, spaces: Sequence[int], lines: Sequence[int]
) -> tuple[Attempt, dict[int, Search]]:
    searched = [s for s in spaces if len(setting.alignment.spaces[s].labels) > 1]
    chosen = dict.fromkeys(spaces, 0)
    found: dict[int, Search] = {}
    if not searched:
        return _attempts(setting, [chosen], lines)[0], found
    split = setting.split("select")
    best: Attempt | None = None
    for space in searched:
        own = lines_of(setting, space, lines)
        count = len(setting.alignment.spaces[space].labels)
        attempts = _attempts(setting, [{**chosen, space: n} for n in range(count)], lines)
        scores = _scores(setting, attempts, own, split)
        best = attempts[int(np.argmax(scores))]
        chosen = dict(best.chosen)
        found[space] = Search(tuple(scores), tuple(attempt.steps for attempt in attempts))
    assert best is not None  # some space is searched
    return best, found


def _scores(
    setting: Setting, attempts: Sequence[Attempt], lines: Sequence[int], split: int
) -> list[float]:
    """Each attempt's mean IIA over lines on a split."""
    ways = [(attempt.program, attempt.bases) for attempt in attempts]
    tables = _tables(setting, [program for program, _ in ways], lines, split)
    if min(tables[0].counts, default=0) == 0:
        raise EngineError("there is no example to choose by", "give `select` a larger share")
    return _mean_iias(setting, ways, tables)


def _mean_iias(
    setting: Setting, ways: Sequence[tuple[Program, Bases]], tables: Sequence[Table]
) -> list[float]:
    """Each way's mean IIA over the lines of its examples; those that share them run together."""
    alike: dict[int, list[int]] = {}
    for number, rows in enumerate(tables):
        alike.setdefault(id(rows), []).append(number)
    found: dict[int, float] = {}
    for numbers in alike.values():
        rows, some = tables[numbers[0]], [ways[n] for n in numbers]
        spans = list(zip(rows.bounds, rows.bounds[1:], strict=False))
        for number, right in zip(numbers, hits_each(some, rows.rows, setting.store), strict=True):
            found[number] = float(np.mean([right[a:b].mean() for a, b in spans if b > a] or [0.0]))
    return [found[number] for number in range(len(ways))]


def _tables(
    setting: Setting, programs: Sequence[Program], lines: Sequence[int], split: int
) -> list[Table]:
    """The examples of a split for each program; those that use their writes alike share one."""
    device = setting.store.at_device
    made: dict[object, Table] = {}
    found = []
    for program in programs:
        key = (len(program.writes), tuple(sorted(program.uses.items())))
        if key not in made:
            made[key] = table(program, setting.examples, lines, split, device=device)
        found.append(made[key])
    return found


# ----------------------------------------------------------------------- fitting


def _attempts(
    setting: Setting, choices: Sequence[Mapping[int, int]], lines: Sequence[int]
) -> list[Attempt]:
    """Each way to choose, with what must be fitted fitted on `train`.

    Ways whose spaces have the same widths, and that use the same writes for the same lines,
    are fitted in one race.
    """
    alignment, store = setting.alignment, setting.store
    own = {number: setting.lines[number] for number in lines}
    programs = [compile_lines(own, alignment, chosen) for chosen in choices]
    store.capture([site for program in programs for site in program.read])
    ways, frees = [], []
    for chosen, program in zip(choices, programs, strict=True):
        fixed, free = made_bases(setting, chosen, lines)
        draws = stream(setting.seed, "starts", tuple(sorted(chosen.items())))
        starts = {
            number: each.kind.start(
                each.space, each.width, setting.budget.restarts, generator=draws
            )
            for number, each in free.items()
        }
        ways.append(Way(program, fixed, starts))
        frees.append(free)
    if not frees[0]:
        told = _train_iias(setting, ways, lines)
        return [
            Attempt(chosen, way.program, way.fixed, 0, iia)
            for chosen, way, iia in zip(choices, ways, told, strict=True)
        ]
    tables = _tables(setting, programs, lines, setting.split("train"))
    races: dict[object, list[int]] = {}
    for number, (train, free) in enumerate(zip(tables, frees, strict=True)):
        key = (id(train), tuple((space, each.width) for space, each in free.items()))
        races.setdefault(key, []).append(number)
    found: dict[int, Attempt] = {}
    for numbers in races.values():
        fitted = _race(setting, [ways[n] for n in numbers], frees[numbers[0]], tables[numbers[0]])
        for number, each in zip(numbers, fitted, strict=True):
            way = ways[number]
            bases = {**way.fixed, **each.bases}
            found[number] = Attempt(choices[number], way.program, bases, each.steps, each.train_iia)
    return [found[number] for number in range(len(choices))]


def _race(
    setting: Setting, ways: Sequence[Way], free: Mapping[int, Free], train: Table
) -> list[Fitted]:
    names = ", ".join(m.variable for each in free.values() for m in each.space.members)
    return fit(
        ways,
        free,
        train,
        setting.store,
        budget=setting.budget,
        batches=stream(setting.seed, "batches", tuple(free)),
        report=lambda share: _tell(setting, f"fitting {names}", share),
    )


def made_bases(
    setting: Setting, chosen: Mapping[int, int], lines: Sequence[int]
) -> tuple[dict[int, Basis], dict[int, Free]]:
    """The bases that no fit moves, and the spaces that are to be fitted."""
    fixed: dict[int, Basis] = {}
    free: dict[int, Free] = {}
    for number, choice in chosen.items():
        space = setting.alignment.spaces[number]
        kind = find(space.basis.kind)
        width = space_width(space, choice, setting.store)
        kind.dims(space, width)  # an error where they do not fit
        drawn = setting.random_basis and kind.drawable
        if kind.fitted and not drawn:
            free[number] = Free(space, kind, width)
            continue
        needed = kind.needs_data(space) and not (drawn and "train" not in setting.splits)
        evidence = _evidence(setting, number, choice, lines if needed else ())
        if drawn:
            draws = stream(setting.seed, "random basis", number, choice)
            basis = kind.random(space, width, generator=draws, evidence=evidence)
        else:
            basis = kind.closed(space, width, evidence)
        fixed[number] = setting.store.placed(basis)
    return fixed, free


def _evidence(setting: Setting, number: int, choice: int, lines: Sequence[int]) -> Evidence:
    """What is known of the inputs that `train` holds for some lines: of none for no line."""
    space = setting.alignment.spaces[number]
    rows = np.zeros(0, dtype=np.int64)
    if lines:
        rows = inputs_of(setting.examples, lines, setting.split("train"))
    clean = setting.examples.clean[setting.algorithm.name]
    return evidence_of(
        space,
        choice,
        setting.store,
        setting.algorithm,
        clean,
        rows,
        seed=setting.seed,
        folder=setting.folder,
    )


def _train_iias(setting: Setting, ways: Sequence[Way], lines: Sequence[int]) -> list[float]:
    """Mean IIA over lines of some training examples, told where nothing is fitted by descent."""
    if "train" not in setting.splits:
        return [0.0] * len(ways)
    programs = [way.program for way in ways]
    tables = _tables(setting, programs, lines, setting.splits["train"])
    some = {id(rows): rows.head(setting.budget.judged) for rows in tables}
    fixed = [(way.program, way.fixed) for way in ways]
    return _mean_iias(setting, fixed, [some[id(rows)] for rows in tables])


def _tell(setting: Setting, what: str, share: float) -> None:
    if setting.report is not None:
        setting.report(what, share)


def _record(
    setting: Setting, number: int, lines: Sequence[int], attempt: Attempt, search: Search
) -> FitRecord:
    space = setting.alignment.spaces[number]
    kind, choice = find(space.basis.kind), attempt.chosen[number]
    saw = kind.needs_data(space) and not (setting.random_basis and kind.drawable)
    descended = saw and kind.fitted
    examples = setting.examples
    data, count = "", 0
    if saw:
        split = setting.split("train")
        data = rows_hash(examples, lines, split)
        count = sum(int((examples.lines[n].split == split).sum()) for n in lines)
    chosen_on = ""
    if search.scores:
        chosen_on = rows_hash(examples, lines_of(setting, number, lines), setting.split("select"))
    return FitRecord(
        space=", ".join(member.variable for member in space.members),
        choice=space.labels[choice] if space.labels else "",
        select_scores=search.scores,
        choice_steps=search.steps if descended else (),
        labels=space.labels if search.scores else (),
        restarts=setting.budget.restarts if descended else 0,
        steps=attempt.steps if descended else 0,
        examples=count,
        train_iia=attempt.train_iia,
        capacity=kind.capacity(space, space_width(space, choice, setting.store)) if saw else 0,
        data=data,
        chosen_on=chosen_on,
    )


# ----------------------------------------------------------------- any token


def expand_tokens(alignment: Alignment, network: object) -> Alignment:
    """The alignment with `any token` searched over the tokens that prompts have."""
    expand = getattr(network, "expand", None)

    def sites(site: Site) -> tuple[Site, ...]:
        if not isinstance(site.position, AnyOf):
            return (site,)
        if expand is None:
            raise EngineError("`any token` needs a network that is fed tokens")
        return tuple(expand(site))

    def choices(choice: Choice) -> tuple[Choice, ...]:
        lists = [sites(site) for site in choice.writes + choice.reads]
        count = max(len(found) for found in lists)
        if any(len(found) not in (1, count) for found in lists):
            raise EngineError("`any token` stands for different numbers of tokens in one line")
        rows = [[found[min(i, len(found) - 1)] for found in lists] for i in range(count)]
        cut = len(choice.writes)
        return tuple(Choice(tuple(row[:cut]), tuple(row[cut:])) for row in rows)

    def space(old: Space) -> Space:
        first = [choices(choice) for choice in old.members[0].choices]
        members = tuple(
            Member(m.variable, tuple(c for old in m.choices for c in choices(old)), m.block)
            for m in old.members
        )
        labels = tuple(
            label if len(found) == 1 else f"{label}: {_at(found[i])}"
            for label, found in zip(old.labels, first, strict=True)
            for i in range(len(found))
        )
        if any(len(member.choices) != len(labels) for member in members):
            raise EngineError("variables that share a basis are searched over different tokens")
        return replace(old, members=members, labels=labels)

    return replace(alignment, spaces=tuple(map(space, alignment.spaces)))


def _at(choice: Choice) -> str:
    position = choice.writes[0].position
    return "everywhere" if position is None else say_position(position)
