"""Fits find what is there, repeat themselves, and see nothing but what they may see."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from causalabs.counterfactuals.examples import Examples, LineExamples
from causalabs.engine import jobs
from causalabs.engine.bases import random_rotation
from causalabs.engine.errors import EngineError
from causalabs.engine.fit import Budget
from causalabs.engine.rows import members_of, rows_hash
from causalabs.engine.streams import stream
from causalabs.hypothesis.model import Site
from tests.engine.jobs_support import (
    SPLITS,
    iia,
    job_of,
    outcome_of,
    pair_hypothesis,
    pair_network,
    pair_resources,
    space,
)

torch.set_num_threads(1)

HIDDEN = Site("hidden", 0)
LATER = Site("hidden", 1)
LEARNED = space("learned", {"left": [0], "right": [1]}, HIDDEN)
SEARCHED = space("learned", {"left": [0], "right": [1]}, LATER, HIDDEN)
SMALL = Budget(restarts=4, steps=300, batch=64, judged=300, look=50)


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "budget_for", lambda _: SMALL)


def rotation(width: int = 5) -> torch.Tensor:
    return random_rotation(1, width, width, generator=stream(1, "test"))[0].double()


def bases(folder: Path) -> dict[str, torch.Tensor]:
    return {path.name: load_file(path)["columns"] for path in sorted(folder.glob("*.safetensors"))}


def run(hypothesis: Any, folder: Path, *, change: Any = None, control: str = "") -> Any:
    resources = pair_resources(hypothesis, rotation(), change=change)
    job = job_of(hypothesis, control)
    outcome = jobs.run_job(job, hypothesis, resources=resources, folder=folder)
    return outcome, bases(folder) if folder.exists() else {}


def test_the_network_is_what_it_is_said_to_be() -> None:
    network = pair_network(rotation())
    columns = {"a": np.array([0, 0, 1, 1], bool), "b": np.array([0, 1, 0, 1], bool)}
    said = network.scores(network.encode(columns))["same"].argmax(dim=1)
    assert said.tolist() == [1, 0, 0, 1]


def test_a_fit_finds_the_subspaces_that_are_there(tmp_path: Path) -> None:
    outcome, found = run(pair_hypothesis(LEARNED), tmp_path / "bases")
    assert iia(outcome) == {0: 1.0, 1: 1.0, 2: 1.0}
    (record,) = outcome.fits
    assert record.train_iia == 1.0
    assert record.steps < SMALL.steps  # perfect: it stopped
    assert record.examples == 3 * 240
    assert record.capacity == 10
    (columns,) = found.values()
    torch.testing.assert_close(columns.T @ columns, torch.eye(2).double(), atol=1e-9, rtol=0)


def test_known_neurons_are_exact_and_wrong_ones_are_at_chance() -> None:
    eye = torch.eye(5, dtype=torch.float64)
    for left, right, expected in ((0, 1, 1.0), (1, 0, None), (3, 4, None)):
        placed = space("neurons", {"left": [left], "right": [right]}, HIDDEN)
        hypothesis = pair_hypothesis(placed)
        resources = pair_resources(hypothesis, eye, count=20_000)
        found = iia(outcome_of(hypothesis, resources))
        if expected is not None:
            assert set(found.values()) == {expected}
            continue
        # each source's value arrives where the other variable is read, or nowhere
        assert all(abs(value - 0.5) < 0.03 for value in found.values())


def test_a_whole_site_takes_everything_along() -> None:
    whole = space("whole", {"left": []}, HIDDEN)
    hypothesis = pair_hypothesis(whole)
    hypothesis = replace(
        hypothesis,
        counterfactuals=replace(
            hypothesis.counterfactuals, lines=hypothesis.counterfactuals.lines[:1]
        ),
    )
    resources = pair_resources(hypothesis, rotation(), count=4000)
    outcome = outcome_of(hypothesis, resources)
    drawn = resources.examples(0).lines[0]
    table, held = resources.examples(0).inputs, members_of(resources.examples(0), 0, 2)
    base, source = drawn.base[held], drawn.sources[0, held]
    network = table["a"][source] == table["b"][source]  # the source's own answer
    algorithm = table["a"][source] == table["b"][base]
    (measured,) = [m for m in outcome.measured if m.metric == "iia"]
    assert (measured.hits == (network == algorithm)).all()


def test_the_same_run_twice_is_the_same_bit_for_bit(tmp_path: Path) -> None:
    hypothesis = pair_hypothesis(SEARCHED)
    first, left = run(hypothesis, tmp_path / "one")
    second, right = run(hypothesis, tmp_path / "two")
    assert first.fits == second.fits
    assert left.keys() == right.keys()
    assert all(torch.equal(left[name], right[name]) for name in left)
    for one, two in zip(first.measured, second.measured, strict=True):
        assert (one.hits == two.hits).all()


def test_a_search_takes_the_layer_that_does_best_on_select(tmp_path: Path) -> None:
    # `hidden 1` holds only whether they differ and which way: no single bit of left
    outcome, _ = run(pair_hypothesis(SEARCHED), tmp_path / "bases")
    (record,) = outcome.fits
    assert record.choice == "hidden 0"
    assert record.select_scores[1] == 1.0 > record.select_scores[0]
    assert iia(outcome) == {0: 1.0, 1: 1.0, 2: 1.0}


def spoiled(split: int) -> Any:
    """Examples whose rows of one split have other answers and other sources."""

    def change(examples: Examples) -> Examples:
        def line(old: LineExamples) -> LineExamples:
            mine = old.split == split
            sources = old.sources.copy()
            sources[:, mine] = sources[:, mine][:, ::-1]
            answers = {n: np.where(mine, 1 - column, column) for n, column in old.answers.items()}
            return replace(old, sources=sources, answers=answers)

        return replace(examples, lines=tuple(map(line, examples.lines)))

    return change


def test_what_is_judged_was_seen_by_no_fit_and_no_choice(tmp_path: Path) -> None:
    hypothesis = pair_hypothesis(SEARCHED)
    plain, fitted = run(hypothesis, tmp_path / "plain")
    held, same = run(hypothesis, tmp_path / "held", change=spoiled(2))
    assert held.fits == plain.fits  # hashes, scores on select and IIA on train too
    assert all(torch.equal(fitted[name], same[name]) for name in fitted)
    assert iia(held) != iia(plain)
    chosen, _ = run(hypothesis, tmp_path / "select", change=spoiled(1))
    assert chosen.fits[0].select_scores != plain.fits[0].select_scores
    trained, other = run(hypothesis, tmp_path / "train", change=spoiled(0))
    assert trained.fits[0].train_iia != plain.fits[0].train_iia
    assert not all(name in other and torch.equal(fitted[name], other[name]) for name in fitted)


def test_hashes_tell_the_rows_that_were_seen(tmp_path: Path) -> None:
    hypothesis = pair_hypothesis(SEARCHED)
    resources = pair_resources(hypothesis, rotation())
    (record,) = outcome_of(hypothesis, resources).fits
    examples = resources.examples(0)
    lines = range(3)
    assert record.data == rows_hash(examples, lines, 0)
    assert record.chosen_on == rows_hash(examples, lines, 1)
    assert rows_hash(examples, lines, 2) not in (record.data, record.chosen_on)
    for number in lines:
        rows = [set(members_of(examples, number, split).tolist()) for split in range(len(SPLITS))]
        assert not (rows[0] & rows[2])
        assert not (rows[1] & rows[2])


def test_renaming_changes_nothing(tmp_path: Path) -> None:
    _, fitted = run(pair_hypothesis(LEARNED), tmp_path / "one")
    hypothesis = pair_hypothesis(LEARNED)
    renamed = replace(hypothesis, alignments=(replace(hypothesis.alignments[0], name="elsewhere"),))
    _, again = run(renamed, tmp_path / "two")
    assert [c.tolist() for c in fitted.values()] == [c.tolist() for c in again.values()]


def test_more_dims_than_numbers_is_an_error() -> None:
    wide = space("learned", {"left": range(4), "right": range(4, 8)}, HIDDEN)
    hypothesis = pair_hypothesis(wide)
    with pytest.raises(EngineError, match="8 dims do not fit"):
        outcome_of(hypothesis, pair_resources(hypothesis, rotation()))


def test_a_fit_without_training_examples_is_an_error() -> None:
    hypothesis = pair_hypothesis(LEARNED)
    only = (("heldout", SPLITS[0][1]),)
    hypothesis = replace(
        hypothesis, counterfactuals=replace(hypothesis.counterfactuals, splits=only)
    )
    with pytest.raises(EngineError, match="no split `train`"):
        outcome_of(hypothesis, pair_resources(hypothesis, rotation()))
