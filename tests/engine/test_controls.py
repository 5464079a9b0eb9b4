"""Each control changes one thing, and runs everything else again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from causalabs.engine import fit, jobs, search
from causalabs.engine.bases import random_rotation
from causalabs.engine.controls import like, move_sites, sites_of
from causalabs.engine.errors import EngineError
from causalabs.engine.fit import Budget
from causalabs.engine.streams import stream
from causalabs.hypothesis.model import Alignment, AtStep, Last, Site
from tests.engine.jobs_support import (
    iia,
    outcome_of,
    pair_algorithm,
    pair_hypothesis,
    pair_network,
    pair_resources,
    space,
)
from tests.engine.networks_support import (
    bits_algorithm,
    fresh,
    gru_spec,
    sum_algorithm,
    transformer_spec,
)

torch.set_num_threads(1)

SMALL = Budget(restarts=4, steps=200, batch=64, judged=300, look=50)
LEARNED = space("learned", {"left": [0], "right": [1]}, Site("hidden", 0))


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "budget_for", lambda _: SMALL)


def rotation() -> torch.Tensor:
    return random_rotation(1, 5, 5, generator=stream(1, "test"))[0].double()


def test_each_control_refits_on_the_same_rows_with_the_same_budget() -> None:
    hypothesis = pair_hypothesis(LEARNED)
    resources = pair_resources(hypothesis, rotation(), count=2000)
    plain = outcome_of(hypothesis, resources)
    for control in ("untrained", "shuffled_sources"):
        other = outcome_of(hypothesis, resources, control)
        (mine,), (theirs,) = plain.fits, other.fits
        assert (mine.data, mine.examples) == (theirs.data, theirs.examples)
        assert (mine.restarts, mine.capacity) == (theirs.restarts, theirs.capacity)
        assert theirs.steps == SMALL.steps  # never perfect, so all of the budget is used
        assert theirs.train_iia != mine.train_iia
        assert iia(plain)[0] == 1.0 > 0.8 > iia(other)[0]
        for one, two in zip(plain.measured, other.measured, strict=True):
            assert len(one.hits) == len(two.hits)  # row by row the same examples


def test_a_control_does_not_move_the_streams_of_a_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    hypothesis = pair_hypothesis(LEARNED)
    seen: dict[str, list[Any]] = {}

    def spy(ways: Any, free: Any, train: Any, store: Any, **more: Any) -> Any:
        drawn = [more["batches"].get_state(), *(each.starts[0]["free"] for each in ways)]
        seen[control] = [*drawn, more["budget"], train.counts, train.rows.base]
        return fit.fit(ways, free, train, store, **more)

    monkeypatch.setattr(search, "fit", spy)
    resources = pair_resources(hypothesis, rotation())
    for control in ("", "untrained", "shuffled_sources"):
        outcome_of(hypothesis, resources, control)
    for control in ("untrained", "shuffled_sources"):
        for mine, theirs in zip(seen[""], seen[control], strict=True):
            assert torch.equal(mine, theirs) if torch.is_tensor(mine) else mine == theirs


def test_a_random_basis_is_not_fitted_and_is_orthonormal_over_all_blocks() -> None:
    hypothesis = pair_hypothesis(LEARNED)
    resources = pair_resources(hypothesis, rotation(), count=2000)
    outcome = outcome_of(hypothesis, resources, "random_basis")
    (record,) = outcome.fits
    assert (record.steps, record.restarts, record.data, record.capacity) == (0, 0, "", 0)
    again = outcome_of(hypothesis, resources, "random_basis")
    other = outcome_of(hypothesis, resources, "random_basis", seed=1)
    assert iia(outcome) == iia(again) != iia(other)
    assert min(iia(outcome).values()) < 0.8


def test_a_random_basis_leaves_neurons_as_they_are() -> None:
    placed = space("neurons", {"left": [0], "right": [1]}, Site("hidden", 0))
    hypothesis = pair_hypothesis(placed)
    resources = pair_resources(hypothesis, torch.eye(5, dtype=torch.float64))
    assert iia(outcome_of(hypothesis, resources, "random_basis"))[0] == 1.0


def test_shuffled_sources_keep_rows_and_answers() -> None:
    hypothesis = pair_hypothesis(LEARNED)
    resources = pair_resources(hypothesis, rotation())
    before = resources.examples(0)
    outcome_of(hypothesis, resources, "shuffled_sources")
    assert resources.examples(0) is before  # the shared examples are not touched
    assert iia(outcome_of(hypothesis, resources))[0] == 1.0


def test_the_untrained_network_is_searched_anew() -> None:
    searched = space("learned", {"left": [0], "right": [1]}, Site("hidden", 1), Site("hidden", 0))
    hypothesis = pair_hypothesis(searched)
    resources = pair_resources(hypothesis, rotation())
    plain = outcome_of(hypothesis, resources).fits[0]
    other = outcome_of(hypothesis, resources, "untrained").fits[0]
    assert plain.chosen_on == other.chosen_on
    assert len(other.select_scores) == 2
    assert plain.select_scores != other.select_scores


def test_an_unknown_control_is_an_error() -> None:
    hypothesis = pair_hypothesis(LEARNED)
    with pytest.raises(EngineError, match="no control `untraind`"):
        outcome_of(hypothesis, pair_resources(hypothesis, rotation()), "untraind")


# --------------------------------------------------------------------- random sites


def test_random_sites_are_others_of_the_same_kind() -> None:
    network = fresh(transformer_spec(3, 2), sum_algorithm())
    cases = [
        (Site("residual", 1, position=Last()), 2),
        (Site("head", 0, 1, position=Last()), 5),
        (Site("head", 0, 1, "v", position=Last()), 5),
        (Site("mlp", 2, position=Last()), 2),
    ]
    for site, count in cases:
        found = like(site, network)
        assert len(found) == count
        assert site not in found
        assert {(each.component, each.part, each.position) for each in found} == {
            (site.component, site.part, site.position)
        }
    steps = like(Site("state", position=AtStep(0)), fresh(gru_spec(), bits_algorithm()))
    assert [each.position for each in steps] == [AtStep(1), AtStep(2)]


def test_random_sites_move_an_alignment_off_what_it_names() -> None:
    network = fresh(transformer_spec(4, 2), sum_algorithm())
    sites = [Site("residual", layer, position=Last()) for layer in (0, 1)]
    spaces = (space("learned", {"v": [0]}, sites[0]), space("learned", {"w": [0]}, sites[1]))
    alignment = Alignment("", "adds", spaces)
    drawn = set()
    for seed in range(8):
        moved = move_sites(alignment, network, generator=stream(seed, "random sites"))
        found = sites_of(moved)
        assert len(set(found)) == 2
        assert not set(found) & set(sites)
        assert [s.labels for s in moved.spaces] == [
            (f"residual {site.layer} at last",) for site in found
        ]
        drawn.add(found)
    assert len(drawn) == 2
    both = Alignment(
        "", "adds", (space("learned", {"v": [0]}, *sites, Site("mlp", 0, position=Last())),)
    )
    move_sites(both, network, generator=stream(0, "random sites"))


def test_random_sites_need_somewhere_else() -> None:
    network = pair_network(rotation())
    only = Alignment(
        "", "pair", (space("learned", {"left": [0]}, Site("hidden", 0), Site("hidden", 1)),)
    )
    with pytest.raises(EngineError, match="no other site like `hidden 0`"):
        move_sites(only, network, generator=stream(0, "random sites"))


def test_random_sites_run() -> None:
    hypothesis = pair_hypothesis(LEARNED)
    resources = pair_resources(hypothesis, rotation(), count=1000)
    outcome = outcome_of(hypothesis, resources, "random_sites")
    assert outcome.fits[0].choice == "hidden 1"
    assert iia(outcome)[0] < 1.0


def test_the_algorithm_of_these_tests_answers_as_it_should() -> None:
    columns = {"a": np.array([True, False]), "b": np.array([True, True])}
    assert pair_algorithm().evaluate(columns)["same"].tolist() == [True, False]
    assert replace(LEARNED).width == 2
