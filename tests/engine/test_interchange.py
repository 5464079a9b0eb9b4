"""Writes are what they are said to be, reach their tensors, and complain when they cannot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch

from causalabs.engine.answers import agree
from causalabs.engine.bases.plain import Own
from causalabs.engine.errors import EngineError
from causalabs.engine.interchange import Batch, compile_lines, run
from causalabs.engine.jobs import Resources
from causalabs.engine.measure import _distinct
from causalabs.engine.protocol import Edit, Scores
from causalabs.engine.rows import table
from causalabs.engine.search import components
from causalabs.hypothesis.model import Alignment, Assignment, Line, Site, Take
from tests.engine.jobs_support import (
    iia,
    outcome_of,
    pair_hypothesis,
    pair_network,
    pair_resources,
    space,
)

torch.set_num_threads(1)

EYE = torch.eye(5, dtype=torch.float64)
KNOWN = space("neurons", {"left": [0], "right": [1]}, Site("hidden", 0))
EMPTY = space("neurons", {"left": [3], "right": [4]}, Site("hidden", 0))


class Wrapped:
    """A network with something wrong in how it resumes."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


class NeverCalls(Wrapped):
    def resume(self, prefix: Any, edits: Sequence[tuple[Site, Edit]], *, slots: int = 1) -> Scores:
        return self.inner.resume(
            prefix, [(site, lambda now: now) for site, _ in edits], slots=slots
        )


class DropsWhatIsWritten(Wrapped):
    def resume(self, prefix: Any, edits: Sequence[tuple[Site, Edit]], *, slots: int = 1) -> Scores:
        def call(edit: Edit) -> Edit:
            return lambda now: (edit(now), now)[1]

        return self.inner.resume(prefix, [(site, call(edit)) for site, edit in edits], slots=slots)


class HandsOutNothing(Wrapped):
    def capture(self, inputs: Any, sites: Sequence[Site]) -> list[torch.Tensor]:
        return [found * float("nan") for found in self.inner.capture(inputs, sites)]


class Breaks(Wrapped):
    def resume(self, prefix: Any, edits: Sequence[tuple[Site, Edit]], *, slots: int = 1) -> Scores:
        return {
            name: found / 0 for name, found in self.inner.resume(prefix, edits, slots=slots).items()
        }


def wrapped(hypothesis: Any, kind: Any) -> Resources:
    resources = pair_resources(hypothesis, EYE)
    resources.make_network = lambda *_: kind(pair_network(EYE))
    return resources


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (NeverCalls, "`hidden 0` was never reached"),
        (DropsWhatIsWritten, "the write to `hidden 0` did not reach its tensor"),
        (HandsOutNothing, "the activation at `hidden 0` is not a finite number"),
        (Breaks, "the scores of `same` are not finite after writing `hidden 0`"),
    ],
)
def test_a_write_that_reaches_nothing_is_an_error_that_names_it(kind: Any, said: str) -> None:
    hypothesis = pair_hypothesis(KNOWN)
    with pytest.raises(EngineError) as caught:
        outcome_of(hypothesis, wrapped(hypothesis, kind))
    assert said in str(caught.value)


def test_a_place_where_base_and_source_never_differ_is_noted() -> None:
    hypothesis = pair_hypothesis(EMPTY)  # these neurons are always the same
    outcome = outcome_of(hypothesis, pair_resources(hypothesis, EYE))
    assert any("source and base are the same at `hidden 0`" in note for note in outcome.notes)
    good = outcome_of(pair_hypothesis(KNOWN), pair_resources(pair_hypothesis(KNOWN), EYE))
    assert good.notes == ()


def test_a_value_cannot_be_set_where_no_basis_produces_one() -> None:
    hypothesis = pair_hypothesis(KNOWN)
    forced = Line("forced", "pair", assignments=(Assignment("left", 1, 1),), sources=0)
    program = compile_lines({0: forced}, hypothesis.alignments[0], {})
    store = pair_resources(hypothesis, EYE).store(0)
    rows = torch.arange(3)
    batch = Batch(rows, rows[None], torch.ones(1, 3, dtype=torch.bool), {})
    bases = {0: Own("neurons", 5)}
    with pytest.raises(EngineError, match="`left` cannot be set: its basis \\(neurons\\)"):
        run(program, bases, batch, store)


def test_what_is_not_aligned_cannot_be_taken() -> None:
    alignment = pair_hypothesis(KNOWN).alignments[0]
    line = Line("wrong", "pair", (Take("left", "a", 0),))
    with pytest.raises(EngineError, match="`a` is interchanged but has no place"):
        compile_lines({0: line}, alignment, {})


def test_lines_join_spaces() -> None:
    spaces = tuple(space("learned", {name: [0]}, Site("hidden", 0)) for name in "abcd")
    alignment = Alignment("", "any", spaces)
    lines = {
        0: Line("0", "any", (Take("a", "a", 0),)),
        1: Line("1", "any", (Take("d", "b", 0),)),
        2: Line("2", "any", (Take("b", "b", 0),)),
    }
    assert components(alignment, lines) == [((0,), (0,)), ((1, 3), (1, 2))]
    lines[3] = Line("3", "any", (Take("a", "a", 0), Take("d", "d", 1)), sources=2)
    assert components(alignment, lines) == [((0, 1, 3), (0, 1, 2, 3))]


def test_repeated_rows_are_run_once_and_answered_each() -> None:
    hypothesis = pair_hypothesis(KNOWN)
    resources = pair_resources(hypothesis, EYE)
    program = compile_lines({2: hypothesis.counterfactuals.lines[2]}, hypothesis.alignments[0], {})
    rows = table(program, resources.examples(0), [2], 2, device="cpu").rows
    many = rows.take(torch.arange(len(rows)).repeat(3))
    few, back = _distinct(many, 1)  # as of one input: repeats are certain
    assert back is not None
    assert len(few) <= len(rows)
    assert torch.equal(few.base[back], many.base)
    assert torch.equal(few.source[:, back], many.source)
    assert torch.equal(few.answers["same"][back], many.answers["same"])


def test_every_output_must_agree_and_ties_go_to_the_first() -> None:
    scores = {
        "x": torch.tensor([[1.0, 1.0], [0.0, 1.0]]),
        "y": torch.tensor([[2.0, 1.0], [2.0, 1.0]]),
    }
    answers = {"x": torch.tensor([0, 1]), "y": torch.tensor([0, 1])}
    assert agree(scores, answers).tolist() == [[True, False]]


def test_a_directed_interchange_takes_the_other_variable_s_value() -> None:
    hypothesis = pair_hypothesis(KNOWN)
    swap = Line("swap", "pair", (Take("left", "right", 0), Take("right", "left", 0)))
    lines = (*hypothesis.counterfactuals.lines[:2], swap)
    hypothesis = replace(
        hypothesis, counterfactuals=replace(hypothesis.counterfactuals, lines=lines)
    )
    resources = pair_resources(hypothesis, EYE)
    assert iia(outcome_of(hypothesis, resources)) == {0: 1.0, 1: 1.0, 2: 1.0}
