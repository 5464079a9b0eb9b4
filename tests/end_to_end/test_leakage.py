"""Nothing is judged on rows that a fit or a choice has seen; every control does it all again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from causalabs.counterfactuals.draw import draw
from causalabs.counterfactuals.examples import Examples
from causalabs.engine import fit as fitting, jobs, measure, search
from tests.end_to_end.running import TINY_BUDGET, quick, run_text
from tests.end_to_end.test_invariance import STEPS, TOKENS, VECTORS

torch.set_num_threads(1)

CONTROLS = ("", "untrained", "random_basis", "shuffled_sources", "random_sites")


def under_all(text: str, what: str) -> str:
    """The file with its expectations replaced by one report under each control."""
    kept = [line for line in text.splitlines() if not line.startswith(("expect", "report"))]
    reports = [f"report {what} on heldout{f' under {c}' if c else ''}" for c in CONTROLS]
    return "\n".join([*kept, *reports]) + "\n"


REALS = under_all(VECTORS.replace("[8, 8]", "[8, 8, 8, 8]"), "iia")
DEALT = under_all(STEPS.replace("[i in 0..1] -> state at step i", "[1] -> state at step 1")
                  .replace("interchange seen[i in 0..1]", "interchange seen[1]")
                  .replace("  interchange seen[0] from seen[1], seen[1] from seen[0] together as"
                           " shifted\n", ""), "iia")  # fmt: skip
BY_VALUE = under_all(TOKENS.replace("layers = 2", "layers = 4"), "iia")
CIRCLE = under_all(
    TOKENS.replace("layers = 2", "layers = 4")
    .replace("heavy -> residual 0..1", "way   -> residual 0..1")
    .replace("in 4 learned dims", "in 2 fourier(frequencies = [1]) dims")
    .replace("interchange heavy", "interchange way"),
    "iia of way",
)
FILES = {"reals": REALS, "dealt": DEALT, "by value": BY_VALUE, "circle": CIRCLE}

Pair = tuple[int, ...]


@dataclass
class Seen:
    """Rows that were run, as (base, source) and alone, while settling and while judging."""

    phase: str = "judge"
    pairs: dict[str, set[Pair]] = field(default_factory=lambda: {"settle": set(), "judge": set()})
    rows: dict[str, set[int]] = field(default_factory=lambda: {"settle": set(), "judge": set()})

    def batch(self, batch: Any) -> None:
        base = batch.base.tolist()
        for source, used in zip(batch.source.tolist(), batch.used.tolist(), strict=True):
            found = [(b, s) for b, s, u in zip(base, source, used, strict=True) if u]
            self.pairs[self.phase].update(found)
            self.rows[self.phase].update(row for pair in found for row in pair)
        self.rows[self.phase].update(base)


@pytest.fixture
def spied(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Seen]]:
    """What each job ran, by its name: every run of an interchange passes here."""
    found: dict[str, Seen] = {}
    now: list[Seen] = []
    plain_run, plain_settle, plain_job = fitting.run_each, jobs.settle, jobs.run_job
    plain_inputs = search.inputs_of

    def run_each(ways: Any, batch: Any, store: Any, **more: Any) -> Any:
        now[-1].batch(batch)
        return plain_run(ways, batch, store, **more)

    def inputs_of(*given: Any) -> Any:
        rows = plain_inputs(*given)
        now[-1].rows[now[-1].phase].update(rows.tolist())
        return rows

    def settle(setting: Any) -> Any:
        now[-1].phase = "settle"
        try:
            return plain_settle(setting)
        finally:
            now[-1].phase = "judge"

    def run_job(job: Any, *given: Any, **more: Any) -> Any:
        now.append(found.setdefault(job.name, Seen()))
        return plain_job(job, *given, **more)

    monkeypatch.setattr(fitting, "run_each", run_each)
    monkeypatch.setattr(measure, "run_each", run_each)
    monkeypatch.setattr(search, "inputs_of", inputs_of)
    monkeypatch.setattr(jobs, "settle", settle)
    monkeypatch.setattr("causalabs.engine.run.run_job", run_job)
    return found


def splits_of(examples: Examples, count: int) -> list[set[int]]:
    """Rows of the table of inputs that occur in each split."""
    found: list[set[int]] = [set() for _ in range(count)]
    for line in examples.lines:
        for split in range(count):
            here = line.split == split
            found[split] |= set(line.base[here].tolist())
            found[split] |= set(line.sources[:, here].ravel().tolist())
    return found


@pytest.mark.parametrize("which", list(FILES))
def test_no_row_judged_was_seen_by_a_fit_or_a_choice(
    which: str, spied: dict[str, Seen], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick(monkeypatch, tmp_path / "cache", steps=30)
    hypothesis, _, outcomes = run_text(FILES[which], tmp_path / "runs")
    assert {job.split("-")[1] for job in spied} == {c or "plain" for c in CONTROLS}
    names = [name for name, _ in hypothesis.counterfactuals.splits]
    dealt = splits_of(draw(hypothesis, seed=0), len(names))
    heldout = dealt[names.index("heldout")]
    others = set().union(*(rows for name, rows in zip(names, dealt, strict=True)
                           if name != "heldout"))  # fmt: skip
    assert not heldout & others  # reals never come twice, the others are dealt by input
    for name, seen in spied.items():
        assert seen.pairs["judge"], name
        assert seen.rows["judge"] <= heldout, name
        assert seen.rows["settle"] <= others, name
        assert not seen.pairs["settle"] & seen.pairs["judge"], name
        if "random_basis" not in name or "select" in names:
            assert seen.rows["settle"], name
        assert outcomes[name].measured


def test_values_that_are_dealt_are_new_when_judged(
    spied: dict[str, Seen], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick(monkeypatch, tmp_path / "cache", steps=30)
    hypothesis, _, _ = run_text(BY_VALUE, tmp_path / "runs")
    x = draw(hypothesis, seed=0).inputs["x"]
    for seen in spied.values():
        fitted = set(x[sorted(seen.rows["settle"])].tolist())
        judged = set(x[sorted(seen.rows["judge"])].tolist())
        assert fitted
        assert judged
        assert not fitted & judged


def test_a_leak_would_be_seen(
    spied: dict[str, Seen], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The spy itself: a fit that reads `heldout` is caught."""
    quick(monkeypatch, tmp_path / "cache", steps=30)
    plain = search.Setting.split
    monkeypatch.setattr(search.Setting, "split", lambda self, name: plain(self, "heldout"))
    run_text(DEALT, tmp_path / "runs")
    assert all(
        seen.rows["settle"] & seen.rows["judge"]
        for name, seen in spied.items()
        if "random_basis" not in name
    )


@pytest.mark.parametrize("which", ["reals", "by value"])
def test_each_control_does_everything_again(
    which: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick(monkeypatch, tmp_path / "cache", steps=500)  # enough for answers to vary
    text = FILES[which].replace("in 3 learned", "in 4 learned").replace("sample 120", "sample 400")
    hypothesis, results, outcomes = run_text(text, tmp_path / "runs")
    bases = Path(results.run) / "bases"

    def columns(control: str) -> list[Any]:
        found = sorted(bases.glob(f"seed0-{control}-*.safetensors"))
        return [load_file(path)["columns"] for path in found]

    fits = {name.split("-")[1]: found.fits for name, found in outcomes.items()}
    plain = fits["plain"]
    for control in CONTROLS[1:]:
        assert len(fits[control]) == len(plain)
        for mine, its in zip(plain, fits[control], strict=True):
            assert its.space == mine.space
            assert (its.chosen_on, len(its.select_scores)) == (
                mine.chosen_on,
                len(mine.select_scores),
            )
            if control == "random_basis":
                assert (its.restarts, its.steps, its.examples, its.data) == (0, 0, 0, "")
            else:
                assert (its.data, its.examples) == (mine.data, mine.examples)
                assert its.restarts == mine.restarts == TINY_BUDGET.restarts
                for each in (its, mine):  # a choice given up early may still be the one chosen
                    assert max((each.steps, *each.choice_steps)) == TINY_BUDGET.steps
                assert mine.data
        assert not any(
            here.shape == there.shape and torch.equal(here, there)
            for here, there in zip(columns("plain"), columns(control), strict=True)
        )
        names = [n for n in sorted(outcomes) if n.split("-")[1] in ("plain", control)]
        iias = [[m.hits for m in outcomes[n].measured if m.metric == "iia"] for n in names]
        assert any((a != b).any() for a, b in zip(*iias, strict=True)), control
    named = {label for s in hypothesis.alignments[0].spaces for label in s.labels}
    assert all(fit.choice in named for fit in plain)
    assert all(fit.choice not in named for fit in fits["random_sites"])


def test_controls_keep_the_pairs_but_shuffled_sources(
    spied: dict[str, Seen], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick(monkeypatch, tmp_path / "cache", steps=30)
    run_text(REALS, tmp_path / "runs")
    by = {name.split("-")[1]: seen.pairs["judge"] for name, seen in spied.items()}
    for control in ("untrained", "random_basis", "random_sites"):
        assert by[control] == by["plain"]
    assert not by["shuffled_sources"] & by["plain"]
    assert {b for b, _ in by["shuffled_sources"]} == {b for b, _ in by["plain"]}
    assert {s for _, s in by["shuffled_sources"]} == {s for _, s in by["plain"]}


def test_judged_examples_satisfy_what_is_said_of_sources(
    spied: dict[str, Seen], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick(monkeypatch, tmp_path / "cache", steps=30)
    text = REALS.replace("  interchange left\n", "").replace(
        "  interchange left, right as both_of_them\n", ""
    )
    hypothesis, _, _ = run_text(text, tmp_path / "runs")
    inputs = draw(hypothesis, seed=0).inputs
    left = (inputs["a"] == inputs["b"]).all(axis=1)
    right = inputs["c"] == inputs["d"]
    for control in ("plain", "untrained", "random_basis", "random_sites"):
        (seen,) = (found for name, found in spied.items() if name.split("-")[1] == control)
        base, source = np.array(sorted(seen.pairs["judge"])).T
        assert (right[base] != right[source]).all()
        assert (left[base] | left[source]).all()
        assert (~right | left)[np.concatenate([base, source])].all()  # the algorithm's `where`
