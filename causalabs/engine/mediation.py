"""Mediation: how much of an input's effect on the output goes through the aligned sites?

Two inputs are run: the base, and the base with some inputs taken from a source. The outcome of
a run is the logit difference between the algorithm's answer to the second and its answer to the
base. The total effect is how much more of it the second run has than the base's; the natural
indirect effect what the base's run gains when only the aligned sites hold what they held in the
second; the natural direct effect what it gains when all but them do (Pearl 2001, "Direct and
Indirect Effects"; Vig et al. 2020, "Investigating Gender Bias in Language Models Using Causal
Mediation Analysis", section 3). The sites mediate all of it where the indirect effect is the
total one and the direct effect is none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from causalabs.engine.answers import Answers, classes_of_outputs, logit_difference
from causalabs.engine.errors import EngineError
from causalabs.engine.interchange import Batch, Program
from causalabs.engine.measure import values
from causalabs.engine.protocol import Scores
from causalabs.engine.prove import line_notes, prove_writes
from causalabs.engine.resampled_inputs import Resampled, outputs_between, own_places, resample
from causalabs.engine.search import Setting, Settled
from causalabs.hypothesis.model import Hypothesis, Term
from causalabs.hypothesis.screening import DIRECT, MEDIATED, TOTAL
from causalabs.modified import linearised

CLEAR = 3.0
"""Standard errors by which a total effect must differ from 0 to be divided by."""


def effect(
    term: Term, number: int, split: int, hypothesis: Hypothesis, setting: Setting, found: Settled
) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """An effect example by example, in logits, and notes on what it was measured on.

    `proportion_mediated`, a ratio of means, is told by rows whose mean is the ratio and whose
    spread is its own to first order (the delta method).
    """
    rows = resample(term, number, split, hypothesis, setting)
    line = hypothesis.counterfactuals.lines[number]
    outcome, left = _outcome(term, rows, setting)
    program = own_places(line, setting, found.chosen)
    rows.store.capture(program.read)
    notes = [*left, *line_notes(_proofs(outcome, program, found), line.name)]
    total = outcome.clean(outcome.other) - outcome.clean(outcome.base)
    if term.metric == TOTAL:
        return total, tuple(notes)
    if term.metric == DIRECT:  # all but the sites are the other input's
        there = outcome.after(program, found, base=outcome.other, source=outcome.base)
        return there - outcome.clean(outcome.base), tuple(notes)
    there = outcome.after(program, found, base=outcome.base, source=outcome.other)
    indirect = there - outcome.clean(outcome.base)
    if term.metric != MEDIATED:
        return indirect, tuple(notes)
    return _proportion(term, indirect, total), tuple(notes)


@dataclass(frozen=True, eq=False)
class _Outcome:
    """The logit difference of runs: the algorithm's answer to `other` minus that to `base`."""

    rows: Resampled
    base: Tensor
    other: Tensor
    answers: Answers
    classes: Mapping[str, int]

    def of(self, scores: Scores, base: Tensor, other: Tensor) -> Tensor:
        asked = {name: scores[name] for name in self.answers}
        after = {name: column[other] for name, column in self.answers.items()}
        before = {name: column[base] for name, column in self.answers.items()}
        return logit_difference(asked, after, before, self.classes)

    def clean(self, rows: Tensor) -> NDArray[np.float64]:
        scores = {name: column[rows] for name, column in self.rows.store.scores().items()}
        return self.of(scores, self.base, self.other).double().cpu().numpy()

    def batch(self, program: Program, base: Tensor, source: Tensor) -> Batch:
        count = len(program.writes)
        used = torch.ones(count, len(base), dtype=torch.bool, device=base.device)
        answers = {name: column[base] for name, column in self.answers.items()}
        return Batch(base, source.expand(count, -1), used, answers)

    def after(
        self, program: Program, found: Settled, *, base: Tensor, source: Tensor
    ) -> NDArray[np.float64]:
        """The outcome of runs of `base` in which the sites hold what they held in `source`."""
        swapped = base is self.other
        metric: Callable[[Scores, Batch], Tensor] = lambda scores, batch: (  # noqa: E731
            self.of(scores, batch.source[0], batch.base)
            if swapped
            else self.of(scores, batch.base, batch.source[0])
        )
        batch = self.batch(program, base, source)
        return values(program, found.bases, batch, self.rows.store, {"effect": metric})["effect"]


def _outcome(term: Term, rows: Resampled, setting: Setting) -> tuple[_Outcome, tuple[str, ...]]:
    """What is compared, over the examples in which the algorithm's answer changes."""
    names = outputs_between(term, tuple(rows.answers))
    answers = {name: rows.answers[name] for name in names}
    device = rows.store.at_device
    base = torch.from_numpy(np.ascontiguousarray(rows.base)).to(device)
    other = torch.from_numpy(np.ascontiguousarray(rows.other)).to(device)
    alike = [(c[base] == c[other]).reshape(len(base), -1).all(dim=1) for c in answers.values()]
    changed = ~torch.stack(alike).all(dim=0)
    if not bool(changed.any()):
        raise EngineError(
            f"`{term.text}`: the algorithm's answer never changes when those inputs do",
            "name inputs that the output depends on after `between`",
        )
    told = []
    if rows.left_out:
        told.append(f"{rows.left_out:,} have an input that `where` does not admit")
    if not bool(changed.all()):
        told.append(f"in {int((~changed).sum()):,} the algorithm's answer does not change")
    classes = classes_of_outputs(setting.algorithm)
    asked = {name: classes[name] for name in names}
    found = _Outcome(rows, base[changed], other[changed], answers, asked)
    return found, (f"`{term.text}`: examples left out: {', and '.join(told)}",) if told else ()


def _proofs(outcome: _Outcome, program: Program, found: Settled) -> list[str]:
    batch = outcome.batch(program, outcome.base, outcome.other)
    return list(prove_writes(program, found.bases, batch, outcome.rows.store))


def _proportion(
    term: Term, indirect: NDArray[np.float64], total: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Rows of a ratio of means, to first order."""
    mean = float(total.mean())
    error = float(total.std(ddof=1)) / len(total) ** 0.5 if len(total) > 1 else 0.0
    if abs(mean) <= CLEAR * error or mean == 0.0:
        raise EngineError(
            f"`{term.text}`: the total effect, {mean:.3g}, is not clear of 0, so it has no parts",
            "ask for `natural_indirect_effect`, or draw more examples",
        )
    return linearised(indirect, total)
