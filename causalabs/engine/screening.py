"""Screening off: do the aligned sites determine the output, whatever the rest is?

The network runs another input, with what the aligned sites read in the base written there:
the rest of their layer, and every layer, position and stream beside it, is that of the other
input. If the sites determine the output, it stays the base's. The other input is the base with
some inputs taken from the line's first source, all of them unless the file names them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from causalabs.algorithm.domains import Column
from causalabs.engine.errors import EngineError
from causalabs.engine.interchange import Batch, Program, Write, homes
from causalabs.engine.measure import Value, values
from causalabs.engine.protocol import Scores
from causalabs.engine.prove import line_notes, prove_writes
from causalabs.engine.resources import all_columns
from causalabs.engine.rows import members_of
from causalabs.engine.search import Setting, Settled
from causalabs.engine.store import Store
from causalabs.engine.trials import admitted
from causalabs.hypothesis.model import Hypothesis, Line, Term
from causalabs.hypothesis.screening import SCREENS_OFF, resampled
from causalabs.plans import Job, procedure, quantities
from causalabs.results import WARNING


def asked_of(job: Job, hypothesis: Hypothesis, line: int | None = None) -> dict[str, Term]:
    """The terms of a job, of one line of it, that ask what screens off, by their rows' name."""
    return {
        term.measured: term
        for quantity in quantities(hypothesis)
        for term in quantity.terms
        if term.metric == SCREENS_OFF
        and procedure(term) == (job.control, job.alignment)
        and (line is None or line in term.lines)
    }


def screened(
    term: Term, number: int, split: int, hypothesis: Hypothesis, setting: Setting, found: Settled
) -> tuple[NDArray[np.bool_], tuple[str, ...]]:
    """Whether each example's output stays the base's, and notes on what that is worth."""
    line = hypothesis.counterfactuals.lines[number]
    rows = _rows(term, line, number, split, hypothesis, setting)
    program = _program(line, setting, found.chosen)
    rows.store.capture(program.read)
    batch = _batch(rows, program)
    outputs = _outputs(term, batch)
    notes = prove_writes(program, found.bases, batch, rows.store)
    kept = values(program, found.bases, batch, rows.store, {"iia": _same(outputs)})["iia"]
    answers = rows.store.answers()
    alone = torch.stack([answers[n][batch.base] == batch.answers[n] for n in outputs]).all(dim=0)
    worth = _worth(term, rows, float(alone.double().mean()))
    return kept, (*line_notes(notes, line.name), *worth)


@dataclass(frozen=True, eq=False)
class _Rows:
    """Rows of a store: the base's, and those of the input that is run instead.

    `left_out` examples have no such input: `where` admits none. `told` is the share in which
    the algorithm's own output stays the base's.
    """

    store: Store
    base: NDArray[np.int64]
    other: NDArray[np.int64]
    left_out: int
    told: float


def _rows(
    term: Term, line: Line, number: int, split: int, hypothesis: Hypothesis, setting: Setting
) -> _Rows:
    examples, algorithm = setting.examples, setting.algorithm
    members = members_of(examples, number, split)
    base = examples.lines[number].base[members]
    source = examples.lines[number].sources[0, members]
    inputs = [variable.name for variable in algorithm.inputs]
    taken = {take.variable for take in resampled(line, algorithm, term.between[0]).takes}
    every = taken.issuperset(inputs)
    mixed: dict[str, Column] = {
        name: examples.inputs[name][source if name in taken else base] for name in inputs
    }
    held = np.arange(len(base)) if every else np.flatnonzero(admitted(hypothesis, mixed))
    if len(held) == 0:
        raise EngineError(
            f"`{term.text}`: no example has an input that `where` admits",
            "name other inputs after `between`",
        )
    base, mixed = base[held], {name: column[held] for name, column in mixed.items()}
    told = _told(term, line, setting, mixed, base)
    if every:
        return _Rows(setting.store, base, source, 0, told)
    columns = {name: np.concatenate([examples.inputs[name][base], mixed[name]]) for name in inputs}
    clean = {each.name: each.evaluate(columns) for each in hypothesis.algorithms}
    store = Store(setting.store.network, all_columns(hypothesis, columns, clean))
    place = np.arange(2 * len(held)).reshape(2, -1)
    return _Rows(store, place[0], place[1], len(members) - len(held), told)


def _told(
    term: Term,
    line: Line,
    setting: Setting,
    mixed: Mapping[str, Column],
    base: NDArray[np.int64],
) -> float:
    """The share in which the algorithm's output stays, its own variables being kept."""
    algorithm = setting.algorithm
    clean = setting.examples.clean[algorithm.name]
    after = algorithm.evaluate(mixed, {name: clean[name][base] for name in line.variables})
    same = np.ones(len(base), dtype=np.bool_)
    for output in algorithm.outputs:
        if not term.between[1] or output.name in term.between[1]:
            equal = after[output.name] == clean[output.name][base]
            same &= equal.reshape(len(base), -1).all(axis=1)
    return float(same.mean())


def _program(line: Line, setting: Setting, chosen: Mapping[int, int]) -> Program:
    """Each variable of the line written where it lives, from where it is read."""
    home = homes(setting.alignment, chosen)
    writes = tuple(Write(home[name], home[name]) for name in line.variables)
    return Program(writes, {0: tuple((number, 0) for number in range(len(writes)))})


def _batch(rows: _Rows, program: Program) -> Batch:
    """The other input is run, and the base's coordinates are written; its answers must stay."""
    device = rows.store.at_device
    base = torch.from_numpy(np.ascontiguousarray(rows.base)).to(device)
    other = torch.from_numpy(np.ascontiguousarray(rows.other)).to(device)
    count = len(program.writes)
    answers = {name: column[base] for name, column in rows.store.answers().items()}
    used = torch.ones(count, len(base), dtype=torch.bool, device=device)
    return Batch(other, base.expand(count, -1), used, answers)


def _outputs(term: Term, batch: Batch) -> tuple[str, ...]:
    """The outputs that must stay; an error where the network is not asked for one of them."""
    unread = [name for name in term.between[1] if name not in batch.answers]
    if unread:
        what = unread[0]
        raise EngineError(f"`{what}` is not read from the network", f"write `read {what}`")
    return term.between[1] or tuple(batch.answers)


def _same(outputs: Sequence[str]) -> Value:
    def same(scores: Scores, batch: Batch) -> Tensor:
        each = [scores[name].argmax(dim=1) == batch.answers[name] for name in outputs]
        return torch.stack(each).all(dim=0)

    return same


def _worth(term: Term, rows: _Rows, alone: float) -> tuple[str, ...]:
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
