"""Choices fitted together end where they would alone; races repeat; memory may run out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from causalabs.engine.bases import find
from causalabs.engine.batches import in_parts
from causalabs.engine.errors import EngineError
from causalabs.engine.fit import Budget, Fitted, Free, Race, Way, decided, fit
from causalabs.engine.interchange import Batch, Program, run_each
from causalabs.engine.protocol import Edit, Scores
from causalabs.engine.rows import Table
from causalabs.engine.store import Store
from causalabs.engine.streams import stream
from causalabs.engine.writes import Home, Write
from causalabs.hypothesis.model import Last, Site, Slot
from tests.engine.jobs_support import space
from tests.engine.networks_support import fresh, rows_of, sum_algorithm, transformer_spec

torch.set_num_threads(1)

SITES = [Site("residual", layer, position=Last()) for layer in range(3)]
EARLY = [replace(site, position=Slot(("x",))) for site in SITES[:2]]
BUDGET = Budget(restarts=3, steps=12, batch=16, judged=48, halve=(), look=100)


def store_of(memory: int | None = None) -> Store:
    algorithm = sum_algorithm()
    network: Any = fresh(transformer_spec(layers=3), algorithm)
    with torch.no_grad():
        draws = torch.Generator().manual_seed(5)
        for each in network.parameters():
            noise = torch.randn(each.shape, generator=draws, dtype=each.dtype)
            each.add_(noise if each.dim() > 1 else 0.1 * noise)
        inputs = network.encode(rows_of(algorithm, 60))
        means = [column.mean(dim=0) for column in network.scores(inputs).values()]
        network.head_bias -= torch.cat(means)  # so that answers vary
    return Store(network, rows_of(algorithm, 60), memory=memory)


def train_of(store: Store, rows: int = 200) -> Table:
    """Two lines; the answer at the end is to be the source's, so there is something to learn."""
    draws = torch.Generator().manual_seed(2)
    base, source = (torch.randint(60, (rows,), generator=draws) for _ in range(2))
    own = store.answers()
    answers = {"total": own["total"][source], "equal": own["equal"][base]}
    used = torch.ones(1, rows, dtype=torch.bool)
    return Table(Batch(base, source[None], used, answers), (0, 1), (0, rows // 2, rows))


def way_of(site: Site, number: int, free: Free) -> Way:
    home = Home(0, "learned", (site,), (site,), (0, 1))
    program = Program((Write(home, home),), {0: ((0, 0),), 1: ((0, 0),)})
    draws = stream(0, "starts", number)
    starts = free.kind.start(free.space, free.width, BUDGET.restarts, generator=draws)
    return Way(program, {}, {0: starts})


def raced(
    sites: Sequence[Site], *, store: Store | None = None, budget: Budget = BUDGET
) -> list[Fitted]:
    store = store or store_of()
    free = Free(space("learned", {"v": [0, 1]}, *sites), find("learned"), 8)
    ways = [way_of(site, number, free) for number, site in enumerate(sites)]
    batches = stream(0, "batches")
    return fit(ways, {0: free}, train_of(store), store, budget=budget, batches=batches)


def columns(found: Fitted) -> Tensor:
    return found.bases[0].tensors()["columns"]


class Staggered:
    """A network that says that it staggers: groups are handed to it together."""

    staggers = True

    def __init__(self, inner: Any) -> None:
        self.inner, self.groups = inner, [0]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def resume_each(
        self, prefix: Any, groups: Sequence[Sequence[tuple[Site, Edit]]], *, slots: int = 1
    ) -> list[Scores]:
        self.groups.append(len(groups))
        return self.inner.resume_each(prefix, groups, slots=slots)


@pytest.mark.parametrize("staggered", [False, True])
def test_choices_fitted_together_end_where_each_ends_alone(staggered: bool) -> None:
    sites = [*SITES, *EARLY]
    store = store_of()
    if staggered:
        store.network = Staggered(store.network)  # type: ignore[assignment]
    together = raced(sites, store=store)
    for number, site in enumerate(sites):
        free = Free(space("learned", {"v": [0, 1]}, site), find("learned"), 8)
        batches = stream(0, "batches")
        (alone,) = fit(
            [way_of(site, number, free)],
            {0: free},
            train_of(store),
            store,
            budget=BUDGET,
            batches=batches,
        )
        torch.testing.assert_close(columns(together[number]), columns(alone), rtol=0, atol=1e-9)
        assert together[number].train_iia == alone.train_iia
        assert together[number].steps == alone.steps == BUDGET.steps
    if staggered:  # layers at one position join; other positions are another pass
        assert max(store.network.groups) == len(SITES)  # type: ignore[attr-defined]


def test_language_models_say_that_they_stagger() -> None:
    from causalabs.engine.language_models.model import LanguageModel

    assert LanguageModel.staggers


def test_fitting_moves_and_helps() -> None:
    budget = replace(BUDGET, steps=60, rate=5e-2)
    before = raced([SITES[2]], budget=replace(budget, steps=1, rate=0.0))[0]
    after = raced([SITES[2]], budget=budget)[0]
    assert after.train_iia > before.train_iia
    assert not torch.allclose(columns(before), columns(after), atol=1e-2)


def test_a_race_repeats_itself_and_says_how_far_each_was_fitted() -> None:
    budget = replace(BUDGET, halve=(0.25, 0.5))
    first, second = raced([*SITES, *EARLY], budget=budget), raced([*SITES, *EARLY], budget=budget)
    assert sorted(each.steps for each in first) == [3, 3, 6, 12, 12]
    for one, two in zip(first, second, strict=True):
        assert one.steps == two.steps
        assert torch.equal(columns(one), columns(two))


def test_the_worse_are_dropped_first_of_equals_last() -> None:
    store = store_of()
    free = Free(space("learned", {"v": [0, 1]}, *SITES), find("learned"), 8)
    ways = [way_of(site, number, free) for number, site in enumerate(SITES)]
    race = Race(ways, {0: free}, store, BUDGET)
    kept = race.adam.parameters[0, "free"].detach().clone().view(3, 3, 8, 2)
    scores = torch.tensor([[0.1, 0.5, 0.2], [0.4, 0.4, 0.4], [0.5, 0.1, 0.3]])
    race.halve(scores, 7)
    assert race.alive == [0, 2]
    assert race.restarts == 2
    assert race.done[1].steps == 7
    left = race.adam.parameters[0, "free"].view(2, 2, 8, 2)
    assert torch.equal(left[0], kept[0, 1:])
    assert torch.equal(left[1], kept[2, [0, 2]])


def test_a_fit_ends_when_it_has_stopped_rising_and_not_before_the_last_drop() -> None:
    still = replace(BUDGET, rate=0.0, look=1, halve=(0.5,), patience=2)
    assert {each.steps for each in raced([SITES[2]], budget=still)} == {8}  # two looks after 6
    rising = replace(BUDGET, steps=60, rate=5e-2, look=10, patience=3, rise=0.0)
    assert raced([SITES[2]], budget=rising)[0].steps >= 40
    assert not decided([0.5, 0.5], Budget(patience=2))
    assert decided([0.9, 1.0], Budget(patience=2))


def test_a_spilled_store_fits_the_same_bit_for_bit() -> None:
    for one, two in zip(raced(SITES), raced(SITES, store=store_of(memory=100)), strict=True):
        assert torch.equal(columns(one), columns(two))


# --------------------------------------------------------------------- memory


class Small(Staggered):
    """A network whose memory holds so many rows of a pass, slots counted."""

    def __init__(self, inner: Any, limit: int, error: type[Exception]) -> None:
        super().__init__(inner)
        self.limit, self.error, self.refused = limit, error, 0

    def resume_each(self, prefix: Any, groups: Any, *, slots: int = 1) -> list[Scores]:
        rows = len(prefix.tensors["reads"]) * slots * len(groups)
        if rows > self.limit:
            self.refused += 1
            raise self.error("CUDA out of memory. Tried to allocate 2.00 GiB")
        return self.inner.resume_each(prefix, groups, slots=slots)


@pytest.mark.parametrize("error", [torch.OutOfMemoryError, RuntimeError, MemoryError])
def test_a_batch_that_does_not_fit_is_halved_and_summed_up(error: type[Exception]) -> None:
    store = store_of()
    small = Small(store.network, 40, error)
    store.network = small  # type: ignore[assignment]
    found, wanted = raced(SITES, store=store), raced(SITES)
    for one, two in zip(found, wanted, strict=True):
        torch.testing.assert_close(columns(one), columns(two), rtol=0, atol=1e-9)
        assert one.train_iia == two.train_iia
    assert 0 < small.refused < 12  # what fits is remembered


def test_another_error_is_not_swallowed() -> None:
    store = store_of()
    network: Any = Small(store.network, 40, ZeroDivisionError)
    store.network = network
    with pytest.raises(ZeroDivisionError):
        raced(SITES, store=store)
    with pytest.raises(RuntimeError, match="something else"):
        in_parts(4, 2, lambda _: (_ for _ in ()).throw(RuntimeError("something else")))


def test_a_single_row_that_does_not_fit_is_one_clear_error() -> None:
    store = store_of()
    store.network = Small(store.network, 2, MemoryError)  # type: ignore[assignment]
    with pytest.raises(EngineError, match="memory does not hold a single example"):
        raced(SITES, store=store)


def test_programs_side_by_side_give_what_each_gives() -> None:
    store = store_of()
    network: Any = Staggered(store.network)
    free = Free(space("learned", {"v": [0, 1]}, *SITES), find("learned"), 8)
    ways = []
    for number, site in enumerate([*SITES, *EARLY]):
        way = way_of(site, number, free)
        ways.append((way.program, {0: free.kind.basis(free.space, way.starts[0], 1.0)}))
    batch = train_of(store).rows.take(torch.tensor(np.arange(9)))
    plain = run_each(ways, batch, store, restarts=3)
    store.network = network
    for one, two in zip(plain, run_each(ways, batch, store, restarts=3), strict=True):
        for name in one:
            torch.testing.assert_close(one[name], two[name], rtol=0, atol=1e-12)
