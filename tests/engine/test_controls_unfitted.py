"""Controls that answer otherwise, take the whole site, or do nothing at all."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from causalabs.engine import jobs
from causalabs.engine.bases import random_rotation
from causalabs.engine.controls import pinned
from causalabs.engine.errors import EngineError
from causalabs.engine.fit import Budget
from causalabs.engine.idle import constant
from causalabs.engine.jobs import Resources, run_job
from causalabs.engine.rows import members_of
from causalabs.engine.streams import stream
from causalabs.hypothesis.model import Hypothesis, Site
from causalabs.hypothesis.whole import clash
from causalabs.results import Outcome
from tests.engine.jobs_support import iia, job_of, line, pair_hypothesis, pair_resources, space

torch.set_num_threads(1)

SMALL = Budget(restarts=4, steps=200, batch=64, judged=300, look=50)
LEARNED = space("learned", {"left": [0], "right": [1]}, Site("hidden", 0))
HELDOUT = 2


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "budget_for", lambda _: SMALL)


def known(count: int = 2000) -> tuple[Hypothesis, Resources]:
    rotation = random_rotation(1, 5, 5, generator=stream(1, "test"))[0].double()
    hypothesis = pair_hypothesis(LEARNED)
    return hypothesis, pair_resources(hypothesis, rotation, count=count)


def under(control: str, lines: tuple[int, ...] = (0, 1), metrics: Any = ()) -> Outcome:
    hypothesis, resources = known()
    job = replace(job_of(hypothesis, control), lines=lines, metrics=metrics)
    return run_job(job, hypothesis, resources=resources)


def heldout(number: int) -> tuple[Any, Any]:
    """Answers after a line, and of its bases left alone, counted by hand."""
    _, resources = known()
    examples = resources.examples(0)
    rows = examples.lines[number]
    mine = members_of(examples, number, HELDOUT)
    return rows.answers["same"][mine], examples.clean["pair"]["same"][rows.base[mine]]


def test_left_alone_is_the_share_whose_answer_stays() -> None:
    found = under("left_alone", (0, 1, 2))
    for number, value in iia(found).items():
        after, before = heldout(number)
        assert value == (after == before).mean()
    assert found.fits == ()


def test_chance_is_the_best_single_answer_of_each_interchange() -> None:
    for number, value in iia(under("chance", (0, 1, 2))).items():
        after, _ = heldout(number)
        assert value == max(after.mean(), 1 - after.mean())


def test_the_whole_site_carries_the_other_variable_along() -> None:
    found = under("whole_site")
    for number, value in iia(found).items():
        # All of the site comes from the source: the network answers as the source alone would.
        _, resources = known()
        examples = resources.examples(0)
        rows = examples.lines[number]
        mine = members_of(examples, number, HELDOUT)
        source = examples.clean["pair"]["same"][rows.sources[0, mine]]
        assert value == (rows.answers["same"][mine] == source).mean()
    assert all((fit.capacity, fit.steps) == (0, 0) for fit in found.fits)


def test_two_variables_of_one_site_cannot_both_have_all_of_it() -> None:
    with pytest.raises(EngineError, match="`both` has no meaning under `whole_site`") as raised:
        under("whole_site", (0, 2))
    assert "`left` and `right` are both written at hidden 0" in raised.value.message


def test_what_comes_from_one_place_may_be_written_twice() -> None:
    hypothesis, _ = known()
    both = hypothesis.counterfactuals.lines[2]
    together = replace(both, takes=tuple(replace(t, source=0) for t in both.takes), sources=1)
    spaces = hypothesis.alignments[0].spaces
    assert clash(together, spaces) == ""
    assert clash(both, spaces) != ""
    apart = (
        space("learned", {"left": [0]}, Site("hidden", 0)),
        space("learned", {"right": [0]}, Site("hidden", 1)),
    )
    assert clash(both, apart) == ""
    assert clash(line("left", hypothesis.algorithm, "left"), spaces) == ""


def test_the_wrong_algorithm_is_refitted_and_judged_by_its_own_answers() -> None:
    hypothesis, resources = known()
    plain = run_job(job_of(hypothesis), hypothesis, resources=resources)
    wrong = run_job(job_of(hypothesis, "wrong_algorithm"), hypothesis, resources=resources)
    (mine,), (theirs,) = plain.fits, wrong.fits
    assert (mine.data, mine.capacity, mine.restarts) == (
        theirs.data,
        theirs.capacity,
        theirs.restarts,
    )
    assert iia(plain)[0] == 1.0
    assert min(iia(wrong).values()) < 0.9
    assert resources.examples(0).clean["pair"] is not None


def test_one_answer_has_no_scores() -> None:
    with pytest.raises(EngineError, match="`mass` has no meaning under `chance`"):
        under("chance", metrics=("mass",))
    found = {m.metric: m.values for m in under("left_alone", (0,), ("mass",)).measured}
    assert set(found) == {"accuracy", "iia", "mass"}
    assert ((found["mass"] > 0.5) == found["iia"]).all()


def test_the_best_constant_of_sets_and_of_several_outputs() -> None:
    places = {"x": torch.tensor([0, 0, 1, 1]), "y": torch.tensor([0, 0, 0, 1])}
    assert constant(places).tolist() == [True, True, False, False]
    flags = torch.tensor([[1, 1], [0, 1], [1, 0], [0, 1]]).bool()
    assert constant({"x": flags}).tolist() == [True, True, False, True]
    assert constant({"x": flags, "y": places["y"]}).tolist() == [True, True, False, False]
    assert constant({"x": torch.zeros(0, dtype=torch.long)}).tolist() == []


def test_a_pinned_alignment_stays_where_a_fit_chose() -> None:
    hypothesis, resources = known()
    sites = Site("hidden", 1), Site("hidden", 0)
    searched = space("learned", {"left": [0], "right": [1]}, *sites)
    hypothesis = pair_hypothesis(searched)
    plain = run_job(job_of(hypothesis), hypothesis, resources=resources)
    there = pinned(hypothesis.alignments[0], plain.fits)
    assert [each.labels for each in there.spaces] == [(plain.fits[0].choice,)] == [("hidden 0",)]
    assert there.spaces[0].members[1].choices == searched.members[1].choices[1:]
    assert np.argmax(plain.fits[0].select_scores) == 1
