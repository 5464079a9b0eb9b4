"""Jobs: what is measured, what is shared, what is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from causalabs.counterfactuals.examples import Examples
from causalabs.engine import jobs
from causalabs.engine.bases.saved import load_basis
from causalabs.engine.errors import EngineError
from causalabs.engine.fit import Budget, budget_for
from causalabs.engine.jobs import Resources, run_job
from causalabs.engine.rows import members_of
from causalabs.engine.search import expand_tokens
from causalabs.hypothesis.model import Alignment, AnyOf, AtIndex, Site
from causalabs.plans import Job
from tests.engine.jobs_support import (
    draw_pair,
    examples_of,
    iia,
    job_of,
    line,
    outcome_of,
    pair_hypothesis,
    pair_network,
    pair_resources,
    space,
)
from tests.engine.networks_support import fresh, sum_algorithm, transformer_spec

torch.set_num_threads(1)

EYE = torch.eye(5, dtype=torch.float64)
KNOWN = space("neurons", {"left": [0], "right": [1]}, Site("hidden", 0))
LEARNED = space("learned", {"left": [0], "right": [1]}, Site("hidden", 0))
SMALL = Budget(restarts=4, steps=150, batch=64, judged=300, look=50)


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "budget_for", lambda _: SMALL)


def broken_for(a: bool, b: bool) -> Any:
    """The known network, wrong on one input."""
    network = pair_network(EYE)

    def scores(inputs: torch.Tensor) -> Any:
        found = type(network).scores(network, inputs)
        wrong = (inputs == torch.tensor([a, b]).double()).all(dim=1)
        return {
            n: torch.where(wrong[:, None], column.flip(1), column) for n, column in found.items()
        }

    network.scores = scores  # type: ignore[method-assign]
    return network


def test_accuracy_counts_every_base_of_the_split() -> None:
    hypothesis = pair_hypothesis(KNOWN)
    resources = pair_resources(hypothesis, EYE)
    resources.make_network = lambda *_: broken_for(True, False)
    outcome = outcome_of(hypothesis, resources, splits=("train", "heldout"))
    examples = resources.examples(0)
    wrong = examples.inputs["a"] & ~examples.inputs["b"]
    for name, split in (("train", 0), ("heldout", 2)):
        (measured,) = [m for m in outcome.measured if (m.metric, m.split) == ("accuracy", name)]
        rows = [members_of(examples, n, split) for n in range(3)]
        base = np.concatenate([examples.lines[n].base[r] for n, r in enumerate(rows)])
        assert (measured.hits == ~wrong[base]).all()
        assert 0.6 < measured.hits.mean() < 0.9


def test_a_job_without_an_alignment_measures_accuracy_alone() -> None:
    hypothesis = pair_hypothesis(KNOWN)
    job = Job(0, "", "", (), ("heldout",))
    outcome = run_job(job, hypothesis, resources=pair_resources(hypothesis, EYE))
    assert [(m.metric, m.line, m.split) for m in outcome.measured] == [("accuracy", -1, "heldout")]
    assert outcome.measured[0].hits.all()
    assert outcome.fits == ()


def test_only_lines_and_splits_of_the_job_are_measured_but_all_are_fitted_on() -> None:
    hypothesis = pair_hypothesis(LEARNED)
    few = replace(job_of(hypothesis), lines=(1,), splits=("heldout", "train"))
    resources = pair_resources(hypothesis, EYE)
    part = run_job(few, hypothesis, resources=resources)
    assert [(m.line, m.split) for m in part.measured if m.metric == "iia"] == [
        (1, "heldout"),
        (1, "train"),
    ]
    assert part.fits == outcome_of(hypothesis, resources).fits


def test_what_the_network_does_not_solve_is_left_out_of_interchanges_alone() -> None:
    hypothesis = pair_hypothesis(KNOWN)
    solved = replace(hypothesis.counterfactuals, solved=True)
    hypothesis = replace(hypothesis, counterfactuals=solved)
    asked: list[Any] = []

    def examples(seed: int, right: Any) -> Examples:
        lines = hypothesis.counterfactuals.lines
        made = examples_of(hypothesis.algorithm, ["same"], lines, draw_pair, 200, seed=seed)
        if right is None:
            return made
        asked.append(right(made.inputs, made.clean))
        keep = [asked[-1][e.base] & asked[-1][e.sources].all(axis=0) for e in made.lines]
        return replace(
            made,
            lines=tuple(
                replace(
                    e,
                    base=e.base[k],
                    sources=e.sources[:, k],
                    split=e.split[k],
                    answers={n: a[k] for n, a in e.answers.items()},
                )
                for e, k in zip(made.lines, keep, strict=True)
            ),
        )

    def network(seed: int, trained: bool) -> Any:
        return broken_for(True, True) if trained else pair_network(EYE)

    resources = Resources(hypothesis, make_network=network, make_examples=examples)
    outcome = outcome_of(hypothesis, resources)
    control = outcome_of(hypothesis, resources, "untrained")
    assert len(asked) == 1  # judged once, on the network under test
    accuracy, interchange = outcome.measured[0], outcome.measured[1]
    assert accuracy.metric == "accuracy"
    assert len(accuracy.hits) == 3 * 40  # before any filter
    assert not accuracy.hits.all()
    assert len(interchange.hits) < 40
    assert [len(m.hits) for m in control.measured] == [len(m.hits) for m in outcome.measured]


def test_fitted_bases_are_kept_with_what_they_are(tmp_path: Path) -> None:
    hypothesis = pair_hypothesis(LEARNED)
    job = job_of(hypothesis)
    folder = tmp_path / "bases"
    run_job(job, hypothesis, resources=pair_resources(hypothesis, EYE), folder=folder)
    beside, path = sorted(folder.iterdir())
    assert path.name == f"{job.name}-0.safetensors"
    assert beside == path.with_suffix(".json")
    saved = load_basis(path)
    assert saved.basis.tensors()["columns"].shape == (5, 2)
    label = saved.label
    assert (label.basis, label.network, label.seed) == ("learned", "mlp", 0)
    assert label.written == ("hidden 0",)
    assert label.blocks == {"left": (0,), "right": (1,)}


def test_an_input_is_run_once_a_site_whatever_needs_it() -> None:
    hypothesis = pair_hypothesis(LEARNED)
    network = pair_network(EYE)
    calls: list[tuple[str, tuple[Site, ...]]] = []

    class Counted:
        def __getattr__(self, name: str) -> Any:
            return getattr(network, name)

        def capture(self, inputs: Any, sites: Sequence[Site]) -> Any:
            calls.append(("capture", tuple(sites)))
            return network.capture(inputs, sites)

        def prefix_parts(self, inputs: Any, sites: Sequence[Site]) -> Any:
            calls.append(("prefix", tuple(sites)))
            return network.prefix_parts(inputs, sites)

        def scores(self, inputs: Any) -> Any:
            calls.append(("scores", ()))
            return network.scores(inputs)

    resources = pair_resources(hypothesis, EYE)
    resources.make_network = lambda *_: Counted()  # type: ignore[assignment,return-value]
    for control in ("", "random_basis", "shuffled_sources"):
        outcome_of(hypothesis, resources, control)
    here = (Site("hidden", 0),)
    assert sorted(calls) == [("capture", here), ("prefix", here), ("scores", ())]


def test_seeds_do_not_share_and_one_is_kept_at_a_time() -> None:
    hypothesis = pair_hypothesis(KNOWN)
    resources = pair_resources(hypothesis, EYE)
    first = resources.examples(0)
    assert resources.examples(0) is first
    other = resources.examples(1)
    assert not np.array_equal(first.inputs["a"], other.inputs["a"])
    assert resources.examples(0) is not first


def test_a_line_about_what_is_not_aligned_is_no_part_of_a_fit() -> None:
    only_left = space("learned", {"left": [0]}, Site("hidden", 0))
    hypothesis = pair_hypothesis(only_left)
    job = replace(job_of(hypothesis), lines=(0,))
    outcome = run_job(job, hypothesis, resources=pair_resources(hypothesis, EYE))
    assert outcome.fits[0].examples == 240
    assert iia(outcome) == {0: 1.0}
    with pytest.raises(EngineError, match="`right` is interchanged but has no place"):
        outcome_of(hypothesis, pair_resources(hypothesis, EYE))


def test_any_token_is_searched_over_the_tokens_there_are() -> None:
    network = fresh(transformer_spec(), sum_algorithm())
    searched = space("learned", {"v": [0], "w": [1]}, Site("residual", 0, position=AnyOf()))
    found = expand_tokens(Alignment("", "adds", (searched,)), network).spaces[0]
    assert len(found.labels) == 6
    for member in found.members:
        assert [c.writes[0].position for c in member.choices] == [AtIndex(i) for i in range(6)]
    assert found.labels[1] == "residual 0: index 1"
    with pytest.raises(EngineError, match="fed tokens"):
        expand_tokens(Alignment("", "adds", (searched,)), pair_network(EYE))


def test_the_budget_depends_on_the_architecture_alone() -> None:
    trained, untrained = fresh(transformer_spec(), sum_algorithm()), pair_network(EYE)
    assert budget_for(trained) == budget_for(fresh(transformer_spec(), sum_algorithm(), seed=9))
    assert budget_for(untrained) == Budget()


def test_a_split_that_is_not_there_is_an_error() -> None:
    hypothesis = pair_hypothesis(KNOWN)
    with pytest.raises(EngineError, match="no split `test`"):
        outcome_of(hypothesis, pair_resources(hypothesis, EYE), splits=("test",))


def test_lines_are_made_with_a_source_each() -> None:
    both = line("both", pair_hypothesis(KNOWN).algorithm, "left", "right")
    assert [take.source for take in both.takes] == [0, 1]
