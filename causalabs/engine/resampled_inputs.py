"""The base and, beside it, the base with some of its inputs taken from a source.

What is resampled are the inputs that a metric names `between`, all of them where it names none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from causalabs.algorithm.domains import Column
from causalabs.engine.errors import EngineError
from causalabs.engine.interchange import Program, Write, homes
from causalabs.engine.resources import all_columns
from causalabs.engine.rows import members_of
from causalabs.engine.search import Setting
from causalabs.engine.store import Store
from causalabs.engine.trials import admitted
from causalabs.hypothesis.model import Hypothesis, Line, Term
from causalabs.hypothesis.screening import resampled


@dataclass(frozen=True, eq=False)
class Resampled:
    """Rows of a store: the base's, and those of the input that is run beside it.

    `answers` are the algorithm's, input by input. `left_out` examples have no such other input:
    `where` admits none. `told` is the share in which the algorithm's own output stays the base's
    when the line's variables do.
    """

    store: Store
    answers: Mapping[str, Tensor]
    base: NDArray[np.int64]
    other: NDArray[np.int64]
    left_out: int
    told: float


def resample(
    term: Term, number: int, split: int, hypothesis: Hypothesis, setting: Setting
) -> Resampled:
    """A line's examples of a split, each with its base in which inputs are the source's."""
    line = hypothesis.counterfactuals.lines[number]
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
        answers = setting.store.wanted(algorithm, examples.clean[algorithm.name])
        return Resampled(setting.store, answers, base, source, 0, told)
    columns = {name: np.concatenate([examples.inputs[name][base], mixed[name]]) for name in inputs}
    clean = {each.name: each.evaluate(columns) for each in hypothesis.algorithms}
    store = Store(setting.store.network, all_columns(hypothesis, columns, clean))
    place = np.arange(2 * len(held)).reshape(2, -1)
    answers = store.wanted(algorithm, clean[algorithm.name])
    return Resampled(store, answers, place[0], place[1], len(members) - len(held), told)


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


def own_places(line: Line, setting: Setting, chosen: Mapping[int, int]) -> Program:
    """Each variable of the line written where it lives, from where it is read."""
    home = homes(setting.alignment, chosen)
    writes = tuple(Write(home[name], home[name]) for name in line.variables)
    return Program(writes, {0: tuple((number, 0) for number in range(len(writes)))})


def outputs_between(term: Term, read: Sequence[str]) -> tuple[str, ...]:
    """The outputs that a metric compares; an error where the network is not asked for one."""
    unread = [name for name in term.between[1] if name not in read]
    if unread:
        what = unread[0]
        raise EngineError(f"`{what}` is not read from the network", f"write `read {what}`")
    return term.between[1] or tuple(read)
