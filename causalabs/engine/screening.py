"""Screening off: do the aligned sites determine the output, whatever the rest is?

The network runs another input, with what the aligned sites read in the base written there:
the rest of their layer, and every layer, position and stream beside it, is that of the other
input. If the sites determine the output, it stays the base's.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from causalabs.engine.interchange import Batch, Program
from causalabs.engine.measure import Value, values
from causalabs.engine.protocol import Scores
from causalabs.engine.prove import line_notes, prove_writes
from causalabs.engine.resampled_inputs import Resampled, outputs_between, own_places, resample
from causalabs.engine.search import Setting, Settled
from causalabs.hypothesis.model import Hypothesis, Term
from causalabs.results import WARNING


def screened(
    term: Term, number: int, split: int, hypothesis: Hypothesis, setting: Setting, found: Settled
) -> tuple[NDArray[np.bool_], tuple[str, ...]]:
    """Whether each example's output stays the base's, and notes on what that is worth."""
    line = hypothesis.counterfactuals.lines[number]
    rows = resample(term, number, split, hypothesis, setting)
    program = own_places(line, setting, found.chosen)
    rows.store.capture(program.read)
    batch = _batch(rows, program)
    outputs = outputs_between(term, tuple(batch.answers))
    notes = prove_writes(program, found.bases, batch, rows.store)
    kept = values(program, found.bases, batch, rows.store, {"iia": _same(outputs)})["iia"]
    answers = rows.store.answers()
    alone = torch.stack([answers[n][batch.base] == batch.answers[n] for n in outputs]).all(dim=0)
    worth = _worth(term, rows, float(alone.double().mean()))
    return kept, (*line_notes(notes, line.name), *worth)


def _batch(rows: Resampled, program: Program) -> Batch:
    """The other input is run, and the base's coordinates are written; its answers must stay."""
    device = rows.store.at_device
    base = torch.from_numpy(np.ascontiguousarray(rows.base)).to(device)
    other = torch.from_numpy(np.ascontiguousarray(rows.other)).to(device)
    count = len(program.writes)
    answers = {name: column[base] for name, column in rows.store.answers().items()}
    used = torch.ones(count, len(base), dtype=torch.bool, device=device)
    return Batch(other, base.expand(count, -1), used, answers)


def _same(outputs: Sequence[str]) -> Value:
    def same(scores: Scores, batch: Batch) -> Tensor:
        each = [scores[name].argmax(dim=1) == batch.answers[name] for name in outputs]
        return torch.stack(each).all(dim=0)

    return same


def _worth(term: Term, rows: Resampled, alone: float) -> tuple[str, ...]:
    """What the share must be read beside: that with nothing kept, and the algorithm's own."""
    found = []
    if alone == 1.0:
        found.append(
            f"{WARNING}`{term.text}`: the output stays the base's with nothing kept, too: "
            "the network gives all these inputs the same answer"
        )
    else:
        found.append(
            f"`{term.text}`: with nothing kept the output stays the base's in {alone:.3f} of the "
            "examples"
        )
    if rows.told < 1.0:
        found.append(
            f"`{term.text}`: in the algorithm itself the output stays in {rows.told:.3f} of the "
            "examples"
        )
    if rows.left_out:
        found.append(
            f"`{term.text}`: {rows.left_out:,} examples are left out, whose resampled input "
            "`where` does not admit"
        )
    return tuple(found)
