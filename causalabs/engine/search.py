"""Settling an alignment: fitting its spaces, and choosing where a place is searched.

Spaces that some line joins are settled together. Each choice of a searched space is fitted
on `train` and scored on `select`, by the mean IIA of the interchanges its variables take
part in; the best wins, the first of equals. Several searched spaces that lines join are
searched one after another, in file order: the earlier ones at their winners, the later ones
at their first choice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from torch import Tensor

from causalabs.algorithm.model import Algorithm
from causalabs.counterfactuals.examples import Examples
from causalabs.engine.bases import (
    FITTED,
    KINDS,
    capacity,
    dims_of,
    fourier_rotation,
    random_rotation,
    site_width,
)
from causalabs.engine.errors import EngineError
from causalabs.engine.fit import Budget, fit
from causalabs.engine.interchange import Program, compile_lines
from causalabs.engine.measure import hits
from causalabs.engine.networks.naming import say_position
from causalabs.engine.rows import inputs_of, rows_hash, table
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
    """Choices made, bases found (1, width, dims) and how, space by space."""

    chosen: Mapping[int, int] = field(default_factory=dict)
    bases: Mapping[int, Tensor] = field(default_factory=dict)
    records: tuple[FitRecord, ...] = ()


@dataclass(frozen=True, eq=False)
class Attempt:
    """One way to choose, fitted."""

    chosen: Mapping[int, int]
    program: Program
    bases: Mapping[int, Tensor]
    steps: int
    train_iia: float


def settle(setting: Setting) -> Settled:
    """Fit and choose for every space that some line uses."""
    for each in setting.alignment.spaces:
        if each.basis.kind not in KINDS:
            raise EngineError(
                f"this version cannot run the basis `{each.basis.kind}`",
                f"use one of {', '.join(KINDS)}",
            )
    chosen: dict[int, int] = {}
    bases: dict[int, Tensor] = {}
    records: dict[int, FitRecord] = {}
    for spaces, lines in components(setting.alignment, setting.lines):
        attempt, scores = _settle_together(setting, spaces, lines)
        chosen.update(attempt.chosen)
        bases.update(attempt.bases)
        for space in spaces:
            records[space] = _record(setting, space, lines, attempt, scores.get(space, ()))
    return Settled(chosen, bases, tuple(records[space] for space in sorted(records)))


def components(
    alignment: Alignment, lines: Mapping[int, Line]
) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Spaces that lines join, with those lines; spaces that no line uses are left out."""
    home = {m.variable: i for i, space in enumerate(alignment.spaces) for m in space.members}
    groups: list[tuple[set[int], set[int]]] = []
    for number, line in lines.items():
        spaces = {home[name] for take in line.takes for name in (take.variable, take.origin)}
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
) -> tuple[Attempt, dict[int, tuple[float, ...]]]:
    searched = [s for s in spaces if len(setting.alignment.spaces[s].labels) > 1]
    chosen = dict.fromkeys(spaces, 0)
    scores: dict[int, tuple[float, ...]] = {}
    if not searched:
        return _attempt(setting, chosen, lines), scores
    split = setting.split("select")
    known: dict[tuple[int, ...], Attempt] = {}
    for space in searched:
        own = lines_of(setting, space, lines)
        ways = [{**chosen, space: n} for n in range(len(setting.alignment.spaces[space].labels))]
        keys = [tuple(way[s] for s in spaces) for way in ways]
        for way, key in zip(ways, keys, strict=True):
            if key not in known:
                known[key] = _attempt(setting, way, lines)
        scores[space] = tuple(_score(setting, known[key], own, split) for key in keys)
        best = int(np.argmax(scores[space]))
        chosen, known = ways[best], {keys[best]: known[keys[best]]}
    return known[tuple(chosen[s] for s in spaces)], scores


def _score(setting: Setting, attempt: Attempt, lines: Sequence[int], split: int) -> float:
    """Mean IIA over lines on a split."""
    device = setting.store.at_device
    rows = table(attempt.program, setting.examples, lines, split, device=device)
    if min(rows.counts, default=0) == 0:
        raise EngineError("there is no example to choose by", "give `select` a larger share")
    found = hits(attempt.program, attempt.bases, rows.rows, setting.store)
    spans = zip(rows.bounds, rows.bounds[1:], strict=False)
    return float(np.mean([found[a:b].mean() for a, b in spans]))


def _attempt(setting: Setting, chosen: Mapping[int, int], lines: Sequence[int]) -> Attempt:
    """Fit what must be fitted, with these choices, on `train`."""
    alignment, store = setting.alignment, setting.store
    program = compile_lines({n: setting.lines[n] for n in lines}, alignment, chosen)
    store.capture(program.read)
    fixed: dict[int, Tensor] = {}
    sizes: dict[int, tuple[int, int]] = {}
    for number, choice in chosen.items():
        space = alignment.spaces[number]
        width = site_width(space, choice, store.network)
        if space.basis.kind not in FITTED:
            continue
        if setting.random_basis:
            draws = stream(setting.seed, "random basis", number, choice)
            drawn = random_rotation(1, width, dims_of(space), generator=draws)
            fixed[number] = store.place(drawn)
        elif space.basis.kind == "fourier":
            inputs = inputs_of(setting.examples, lines, setting.split("train"))
            clean = setting.examples.clean[setting.algorithm.name]
            found = fourier_rotation(space, choice, store, setting.algorithm, clean, inputs)
            fixed[number] = store.place(found)
        else:
            sizes[number] = (width, dims_of(space))
    if not sizes:
        return Attempt(chosen, program, fixed, 0, _train_iia(setting, program, fixed, lines))
    train = table(program, setting.examples, lines, setting.split("train"), device=store.at_device)
    names = ", ".join(m.variable for s in sizes for m in alignment.spaces[s].members)
    key = tuple(sorted(chosen.items()))
    fitted = fit(
        program,
        sizes,
        fixed,
        train,
        store,
        budget=setting.budget,
        starts=stream(setting.seed, "starts", key),
        batches=stream(setting.seed, "batches", key),
        report=lambda share: _tell(setting, f"fitting {names}", share),
    )
    bases = {**fixed, **fitted.bases}
    return Attempt(chosen, program, bases, fitted.steps, fitted.train_iia)


def _train_iia(
    setting: Setting, program: Program, bases: Mapping[int, Tensor], lines: Sequence[int]
) -> float:
    """Mean IIA over lines of some training examples, told where nothing is fitted by descent."""
    if "train" not in setting.splits:
        return 0.0
    split, device = setting.splits["train"], setting.store.at_device
    rows = table(program, setting.examples, lines, split, device=device)
    found = [
        hits(program, bases, rows.line(n).take(slice(0, setting.budget.judged)), setting.store)
        for n in lines
    ]
    return float(np.mean([each.mean() for each in found if len(each)] or [0.0]))


def _tell(setting: Setting, what: str, share: float) -> None:
    if setting.report is not None:
        setting.report(what, share)


def _record(
    setting: Setting, number: int, lines: Sequence[int], attempt: Attempt, scores: tuple[float, ...]
) -> FitRecord:
    space = setting.alignment.spaces[number]
    choice = attempt.chosen[number]
    saw = space.basis.kind in FITTED and not setting.random_basis
    descended = saw and space.basis.kind == "learned"
    examples = setting.examples
    data, count = "", 0
    if saw:
        split = setting.split("train")
        data = rows_hash(examples, lines, split)
        count = sum(int((examples.lines[n].split == split).sum()) for n in lines)
    chosen_on = ""
    if scores:
        chosen_on = rows_hash(examples, lines_of(setting, number, lines), setting.split("select"))
    return FitRecord(
        space=", ".join(member.variable for member in space.members),
        choice=space.labels[choice] if space.labels else "",
        select_scores=scores,
        restarts=setting.budget.restarts if descended else 0,
        steps=attempt.steps if descended else 0,
        examples=count,
        train_iia=attempt.train_iia,
        capacity=capacity(space, site_width(space, choice, setting.store.network)) if saw else 0,
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
