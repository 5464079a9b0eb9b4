"""Fitting bases by gradient descent (distributed alignment search, Geiger et al. 2024).

All fitted spaces that some line joins are fitted in one optimisation: their parameters
minimise the cross-entropy of every output against the algorithm's answer after the
interchange. The ways to choose a searched place, and the restarts of each, are *slots* of one
stacked optimisation over the same batches, and race: after some shares of the steps the worse
half of each way's restarts is dropped, and the worse half of the ways. Only examples of the
split `train` are seen.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from causalabs.engine.adam import Adam
from causalabs.engine.answers import agree, loss
from causalabs.engine.basis import Basis, Kind, Parameters
from causalabs.engine.batches import in_parts
from causalabs.engine.errors import EngineError
from causalabs.engine.interchange import Bases, Program, run_each
from causalabs.engine.protocol import Network
from causalabs.engine.rows import Table
from causalabs.engine.store import Store
from causalabs.hypothesis.model import Space

Report = Callable[[float], None]
"""Told the share done."""


@dataclass(frozen=True)
class Budget:
    """What a fit may cost: the same for the hypothesis and for each of its controls.

    `halve` are shares of `steps` after which the worse half of the restarts, and of the ways
    that are searched, is dropped; `judged` is how many training examples, over all lines, they
    are compared on, every `look` steps; after all drops the fit ends when `patience` looks have
    not shown a score higher by `rise`. `together` is how many rows, over all slots, are run at
    once with gradients; what is more is summed up part by part.
    """

    restarts: int = 8
    steps: int = 2000
    batch: int = 512
    rate: float = 2e-2
    judged: int = 4096
    halve: tuple[float, ...] = (0.1, 0.25)
    look: int = 250
    patience: int = 3
    rise: float = 0.002
    together: int = 65_536


LANGUAGE = Budget(
    restarts=4,
    steps=100,
    batch=16,
    rate=5e-2,
    judged=128,
    halve=(0.05, 0.15, 0.4),
    look=30,
    patience=1,
    rise=0.01,
    together=2048,
)
"""For language models: a step takes as long for 16 prompts as for 4 stacked restarts of them."""


def budget_for(network: Network) -> Budget:
    """The budget for a network, by its kind and size alone: a fit's time grows with both.

    One that stands for another, so that its record says so, gets what the other would get.
    """
    like = network.record.get("stands_for", {})
    kind = like.get("kind", network.kind)
    if kind == "huggingface":
        return LANGUAGE
    parameters = int(like.get("parameters", network.record.get("parameters", 0)))
    if parameters > 10_000_000:  # a step takes tenths of a second, and QR needs few of them
        return Budget(restarts=1, steps=100, batch=32, rate=3e-2, judged=128, look=50, together=512)
    if kind == "transformer" or parameters > 50_000:
        return Budget(restarts=4, steps=600, batch=256, judged=2048, look=100)
    return Budget()


@dataclass(frozen=True, eq=False)
class Free:
    """A space that is fitted, of a kind, at sites of a width."""

    space: Space
    kind: Kind
    width: int


@dataclass(frozen=True, eq=False)
class Way:
    """One way to choose: its program, the bases that stay, and where fitted ones begin.

    `starts` are parameters by space, (restarts, ...) each.
    """

    program: Program
    fixed: Bases
    starts: Mapping[int, Parameters]


@dataclass(frozen=True, eq=False)
class Fitted:
    """A way's best restart: the bases fitted, the steps it took, its IIA on part of `train`."""

    bases: Bases
    steps: int
    train_iia: float


def fit(
    ways: Sequence[Way],
    free: Mapping[int, Free],
    train: Table,
    store: Store,
    *,
    budget: Budget,
    batches: torch.Generator,
    report: Report | None = None,
) -> list[Fitted]:
    """Fit the spaces `free` in every way, on `train`.

    All ways must use the same writes for the same lines, at sites of the same widths. Slots
    are compared by their mean IIA over lines on a fixed part of `train`. The fit ends early
    when one is perfect there, or when the best has stopped rising after all drops; not while
    a basis has a penalty that further steps could lower.
    """
    if min(train.counts) == 0:
        raise EngineError("there is no training example to fit on", "give `train` a larger share")
    judged = _part(train, budget.judged, batches)
    race = Race(ways, free, store, budget)
    drops = [round(share * budget.steps) for share in budget.halve]
    looks: list[float] = []  # the best slot's score, from the last drop on
    for step in range(budget.steps):
        rate = budget.rate * 0.5 * (1 + math.cos(math.pi * step / budget.steps))
        rows = _draw(train, budget.batch, batches).to(store.at_device)
        race.step(train, rows, rate, step / budget.steps)
        done = step + 1
        if done % budget.look == 0 or done in drops or done == budget.steps:
            scores = race.judge(judged)
            if report is not None:
                report(done / budget.steps)
            best = float(scores.max())
            looks = [*looks, best] if not drops or done > drops[-1] else [best]
            if done == budget.steps or (not race.pressed and decided(looks, budget)):
                race.finish(scores, done)
                break
            if done in drops:
                race.halve(scores, done)
    return [race.done[number] for number in range(len(ways))]


def decided(looks: Sequence[float], budget: Budget) -> bool:
    """Whether the last score is perfect, or the last few have not risen above those before.

    >>> decided([0.5, 0.6, 0.601, 0.6, 0.599], Budget(patience=3, rise=0.002))
    True
    """
    if looks[-1] == 1.0:
        return True
    before, late = looks[: -budget.patience], looks[-budget.patience :]
    return bool(before) and max(late) <= max(before) + budget.rise


class Race:
    """The slots that are still fitted: `alive` ways, the same number of restarts of each."""

    def __init__(
        self, ways: Sequence[Way], free: Mapping[int, Free], store: Store, budget: Budget
    ) -> None:
        self.ways, self.free, self.store, self.budget = ways, free, store, budget
        self.alive = list(range(len(ways)))
        self.restarts = budget.restarts
        self.done: dict[int, Fitted] = {}
        self.at_once = max(1, budget.together // (len(ways) * budget.restarts))
        names = [(number, name) for number in free for name in ways[0].starts[number]]
        stacked = {
            (number, name): store.place(torch.cat([way.starts[number][name] for way in ways]))
            for number, name in names
        }  # (ways * restarts, ...) each, way by way
        self.adam: Adam[tuple[int, str]] = Adam(stacked)

    def step(self, train: Table, rows: Tensor, rate: float, share: float) -> None:
        """One step of Adam over these rows of `train`, at a share of the fit done."""
        leaves = list(self.adam.parameters.values())

        def gradients(part: slice) -> tuple[Tensor, ...]:
            batch = train.rows.take(rows[part])
            found = run_each(self._ways(share), batch, self.store, restarts=self.restarts)
            losses = [loss(scores, batch.answers, self.restarts) for scores in found]
            value = sum(losses[1:], losses[0])
            if len(batch) < len(rows):
                value = value * (len(batch) / len(rows))
            for penalty in self._penalties(share) if part.start == 0 else ():
                value = value + penalty
            return torch.autograd.grad(value, leaves)

        parts, self.at_once = in_parts(len(rows), self.at_once, gradients)
        summed = [sum(each[1:], each[0]) for each in zip(*parts, strict=True)]
        self.adam.step(dict(zip(self.adam.parameters, summed, strict=True)), rate)

    @torch.no_grad()
    def judge(self, judged: Table) -> Tensor:
        """Mean IIA over lines of each slot: (ways alive, restarts)."""
        ways = self._ways(1.0)

        def hits(part: slice) -> Tensor:
            batch = judged.rows.take(part)
            found = run_each(ways, batch, self.store, restarts=self.restarts)
            each = [agree(scores, batch.answers, restarts=self.restarts) for scores in found]
            return torch.stack(each).double()  # (ways, restarts, batch)

        at_once = max(1, min(1024, 4 * self.at_once))
        parts, _ = in_parts(len(judged.rows), at_once, hits)
        whole = torch.cat(parts, dim=2)
        spans = zip(judged.bounds, judged.bounds[1:], strict=False)
        return torch.stack([whole[..., a:b].mean(dim=2) for a, b in spans]).mean(dim=0).cpu()

    def halve(self, scores: Tensor, steps: int) -> None:
        """Drop the worse half of every way's restarts, and of the ways by their best one."""
        ways, restarts = scores.shape
        order = scores.max(dim=1).values.argsort(descending=True, stable=True)
        stay = order[: math.ceil(ways / 2)].sort().values
        self._let_go(sorted(set(range(ways)) - set(stay.tolist())), scores, steps)
        best = scores[stay].argsort(dim=1, descending=True, stable=True)
        kept = best[:, : math.ceil(restarts / 2)].sort(dim=1).values  # (ways kept, restarts kept)
        self.adam.keep((stay[:, None] * restarts + kept).flatten().to(self.store.at_device))
        self.alive = [self.alive[number] for number in stay.tolist()]
        self.at_once *= math.ceil(scores.numel() / kept.numel())
        self.restarts = kept.shape[1]

    @property
    def pressed(self) -> bool:
        """Whether something besides the loss is asked of the fit: it then goes to its end."""
        with torch.no_grad():
            return bool(self._penalties(0.0))

    def finish(self, scores: Tensor, steps: int) -> None:
        """All ways that are left are done."""
        self._let_go(range(len(self.alive)), scores, steps)

    @torch.no_grad()
    def _let_go(self, numbers: Sequence[int], scores: Tensor, steps: int) -> None:
        for number in numbers:
            best = int(scores[number].argmax())
            slot = number * self.restarts + best
            found = self._basis_of(self.adam.parameters, slice(slot, slot + 1), 1.0)
            score = float(scores[number, best])
            self.done[self.alive[number]] = Fitted(found, steps, score)

    # ---------------------------------------------------------- bases and penalties

    def _ways(self, share: float) -> list[tuple[Program, Bases]]:
        """Programs and bases of the ways that are alive."""
        found: list[tuple[Program, Bases]] = []
        for number, parameters in zip(self.alive, self._split(), strict=True):
            way = self.ways[number]
            found.append((way.program, {**way.fixed, **self._basis_of(parameters, None, share)}))
        return found

    def _split(self) -> list[Mapping[tuple[int, str], Tensor]]:
        """Each way's own parameters, (restarts, ...)."""
        if len(self.alive) == 1:
            return [self.adam.parameters]
        pieces = {key: torch.split(p, self.restarts) for key, p in self.adam.parameters.items()}
        return [
            {key: each[number] for key, each in pieces.items()} for number in range(len(self.alive))
        ]

    def _basis_of(
        self, stacked: Mapping[tuple[int, str], Tensor], rows: slice | None, share: float
    ) -> dict[int, Basis]:
        found = {}
        for number, free in self.free.items():
            own = {
                name: p if rows is None else p[rows]
                for (space, name), p in stacked.items()
                if space == number
            }
            found[number] = free.kind.basis(free.space, own, share)
        return found

    def _penalties(self, share: float) -> list[Tensor]:
        """What the kinds add to the loss, summed over all slots."""
        found = []
        for number, free in self.free.items():
            own = {name: p for (space, name), p in self.adam.parameters.items() if space == number}
            penalty = free.kind.penalty(free.space, own, share)
            if penalty is not None:
                found.append(penalty.sum())
        return found


def _draw(train: Table, count: int, generator: torch.Generator) -> Tensor:
    """Random rows, as many of each line as of any other (the lines' mean is what counts)."""
    share = max(1, count // len(train.lines))
    spans = zip(train.bounds, train.bounds[1:], strict=False)
    drawn = [torch.randint(a, b, (share,), generator=generator) for a, b in spans]
    return drawn[0] if len(drawn) == 1 else torch.cat(drawn)


def _part(train: Table, count: int, generator: torch.Generator) -> Table:
    """A fixed part of the training rows, the same number of each line as far as it has them."""
    share = max(1, count // len(train.lines))
    picked: list[Tensor] = []
    bounds = [0]
    for a, b in zip(train.bounds, train.bounds[1:], strict=False):
        picked.append(a + torch.randperm(b - a, generator=generator)[:share])
        bounds.append(bounds[-1] + len(picked[-1]))
    rows = torch.cat(picked).to(train.rows.base.device)
    return Table(train.rows.take(rows), train.lines, tuple(bounds))
