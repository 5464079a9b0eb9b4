"""An automatic rival: the file's own algorithm with one mechanism read wrongly.

A fitted alignment that reaches as much for a wrong algorithm says nothing for the right one.
The most telling wrong algorithm gives the same outputs for every input and differs only inside,
so that the network cannot refute it without an interchange. It is searched among small edits of
the mechanisms of aligned variables, alone or with an edit of a variable computed from them that
makes up for it; where none has the same outputs, the one whose outputs are closest is taken.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from causalabs.algorithm.domains import Column
from causalabs.algorithm.edits import edits
from causalabs.algorithm.evaluate import MechanismError, evaluate, evaluate_expression
from causalabs.algorithm.expression import Expression, Variable as Named, names
from causalabs.algorithm.model import Algorithm, Variable
from causalabs.algorithm.moves import differ
from causalabs.algorithm.written import text_of
from causalabs.counterfactuals.answering import columns_after
from causalabs.counterfactuals.draw import BaseSampler, draw
from causalabs.counterfactuals.errors import DrawError
from causalabs.counterfactuals.examples import Examples
from causalabs.hypothesis.model import Hypothesis, Line

SAMPLE = 1024
"""Examples of each interchange that candidates are compared on."""

GLANCE = 256
"""Bases that a pair of edits must agree on before it is looked at further."""

MOST_PAIRS = 20_000
MOST_INPUTS = 100_000
"""Inputs up to which the same outputs are verified on all of them."""

TELLING = 0.2
"""Share of interchanges that a rival answers differently, if one can be had that does."""

MOVES = 0.05
"""Share of interchanges that must change the rival's own output: it is about its variable too.

And share after which the output must not just be the source's, unless it always is in the right
algorithm: a variable that is the answer in other words is found wherever the answer is.
"""


@dataclass(frozen=True)
class Change:
    """A variable, its mechanism, and what the rival reads instead."""

    variable: str
    mechanism: str
    instead: str


@dataclass(frozen=True)
class Wrong:
    """A wrong algorithm, by the name of the right one.

    `agrees` is the share of inputs that both answer alike with nothing interchanged, `apart`
    that of interchanges after which they do not. `every`: all inputs were tried, not a sample.
    """

    algorithm: Algorithm
    changes: tuple[Change, ...]
    agrees: float
    apart: float
    every: bool = False

    @property
    def sentence(self) -> str:
        """The rival in words: "`left : a == b` read as `a == c`"."""
        read = " and ".join(
            f"`{each.variable} : {each.mechanism}` read as `{each.instead}`"
            for each in self.changes
        )
        inputs = "all inputs" if self.every else "inputs drawn"
        share = f"{_percent(self.agrees)} of {inputs}" if self.agrees < 1 else inputs
        return (
            f"{read}; the same output on {share}, "
            f"another answer after {_percent(self.apart)} of interchanges"
        )


def _percent(share: float) -> str:
    """Never 100 % of what is less.

    >>> _percent(0.5), _percent(0.99999), _percent(1.0)
    ('50 %', '99.9 %', '100 %')
    """
    shown = share if share == 1 else min(share, 0.999)
    return f"{shown:.1%}".replace(".0%", "%").replace("%", " %")


def wrong_algorithm(hypothesis: Hypothesis, alignment: str) -> Wrong | None:
    """The rival that an alignment is measured against; None where no small edit makes one.

    A pure function of the hypothesis: what it draws has a seed of its own.
    """
    aligned = hypothesis.alignment_named(alignment)
    right = hypothesis.algorithm_named(aligned.algorithm)
    inside = set(aligned.variables)
    lines = tuple(
        line
        for line in hypothesis.counterfactuals.lines
        if line.algorithm == right.name and set(line.variables) <= inside
    )
    trial = _trial(hypothesis, right, lines)
    if trial is None:
        return None
    moved = {variable for line in lines for variable in line.variables}
    own = [v for v in right.variables if v.name in moved and v.mechanism is not None]
    own = own or [v for v in right.variables if moved & set(v.parents)]
    best = _best([*_singles(trial, own), *_pairs(trial, own)])
    return None if best is None else _proved(hypothesis, trial, best)


# ------------------------------------------------------------------------ candidates


@dataclass(frozen=True, eq=False)
class _Trial:
    """The right algorithm on some examples: what candidates are compared with.

    `clean` are its values by input, `outputs` those of its outputs, `after` those after each
    line's interchange; `bases` are the inputs that occur as bases, with multiplicity.
    """

    right: Algorithm
    lines: tuple[Line, ...]
    examples: Examples
    clean: Mapping[str, Column]
    outputs: Mapping[str, Column]
    after: tuple[dict[str, Column], ...]
    bases: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class _Candidate:
    """An algorithm with some mechanisms replaced, and how it compares."""

    algorithm: Algorithm
    edited: tuple[tuple[Variable, Expression], ...]
    agrees: float
    apart: float


def _trial(hypothesis: Hypothesis, right: Algorithm, lines: tuple[Line, ...]) -> _Trial | None:
    counts = hypothesis.counterfactuals
    few = min(SAMPLE, counts.sample or SAMPLE)
    plain = replace(counts, lines=lines, sample=few, solved=False)
    if not lines:
        return None
    try:
        examples = draw(replace(hypothesis, counterfactuals=plain), seed=0)
        clean = evaluate(right, examples.inputs)
        after = tuple(
            columns_after(right, line, examples, rows, clean)
            for line, rows in zip(lines, examples.lines, strict=True)
        )
    except (DrawError, MechanismError):
        return None
    outputs = {output.name: clean[output.name] for output in right.outputs}
    bases = np.concatenate([rows.base for rows in examples.lines])
    return _Trial(right, lines, examples, clean, outputs, after, bases)


def _singles(trial: _Trial, own: Sequence[Variable]) -> Iterator[_Candidate]:
    """One mechanism edited."""
    for variable in own:
        for mechanism in _edits(trial.right, variable):
            found = _judged(trial, ((variable, mechanism),))
            if found is not None:
                yield found


def _pairs(trial: _Trial, own: Sequence[Variable]) -> Iterator[_Candidate]:
    """An edit, and one of the only variable computed from it that leaves that as it was."""
    right, left = trial.right, MOST_PAIRS
    few = np.unique(trial.bases)[:GLANCE]
    columns = {name: column[few] for name, column in trial.clean.items()}
    for variable in own:
        children = [v for v in right.variables if variable.name in v.parents]
        if len(children) != 1:
            continue
        child = children[0]
        wanted = columns[child.name]
        second = _edits(right, child)
        for mechanism in _edits(right, variable):
            left -= len(second)
            if left < 0:
                return
            new = _column(mechanism, columns, len(few))
            if new is None or np.array_equal(new, columns[variable.name]):
                continue
            given = {**columns, variable.name: new}
            for other in second:
                made = _column(other, given, len(few))
                if made is not None and np.array_equal(made, wanted):
                    found = _judged(trial, ((variable, mechanism), (child, other)))
                    if found is not None and found.agrees == 1:
                        yield found


def _column(mechanism: Expression, columns: Mapping[str, Column], rows: int) -> Column | None:
    try:
        return evaluate_expression(mechanism, columns, rows)
    except MechanismError:
        return None


def _edits(right: Algorithm, variable: Variable) -> tuple[Expression, ...]:
    if variable.mechanism is None:
        return ()
    after = right.descendants(frozenset([variable.name]))
    others = [Named(v.name, v.domain) for v in right.variables if v.name not in after]
    return edits(variable.mechanism, others, variable.domain)


def _judged(trial: _Trial, edited: tuple[tuple[Variable, Expression], ...]) -> _Candidate | None:
    """A candidate with its shares; None where it has no answer, or is not about its variable."""
    rival = _with(trial.right, edited)
    if rival is None:
        return None
    try:
        clean = evaluate(rival, trial.examples.inputs, checked=True)
        after = [
            columns_after(rival, line, trial.examples, rows, clean)
            for line, rows in zip(trial.lines, trial.examples.lines, strict=True)
        ]
    except MechanismError:
        return None
    changed = edited[0][0].name
    moves = [
        float(differ(mine, {name: clean[name][rows.base] for name in mine}).mean())
        for line, rows, mine in zip(trial.lines, trial.examples.lines, after, strict=True)
        if changed in line.variables
    ]
    if moves and float(np.mean(moves)) < MOVES:
        return None
    if (
        _carried(trial, changed, clean, after)
        < MOVES
        <= _carried(trial, changed, trial.clean, trial.after)
    ):
        return None
    same = ~differ(trial.outputs, clean)[trial.bases]
    apart = [differ(mine, yours).mean() for mine, yours in zip(trial.after, after, strict=True)]
    return _Candidate(rival, edited, float(same.mean()), float(np.mean(apart)))


def _carried(
    trial: _Trial,
    changed: str,
    clean: Mapping[str, Column],
    after: Sequence[Mapping[str, Column]],
) -> float:
    """Share of a variable's interchanges after which the output is not the source's clean one."""
    found = []
    for line, rows, mine in zip(trial.lines, trial.examples.lines, after, strict=True):
        source = line.source_of(changed) if changed in line.variables and line.sources else None
        if source is not None:
            theirs = {name: clean[name][rows.sources[source]] for name in mine}
            found.append(float(differ(mine, theirs).mean()))
    return float(np.mean(found)) if found else 1.0


def _with(right: Algorithm, edited: Sequence[tuple[Variable, Expression]]) -> Algorithm | None:
    """The algorithm with some mechanisms replaced, in causal order; None where that is a circle."""
    instead = {variable.name: mechanism for variable, mechanism in edited}
    waiting = [
        v
        if v.name not in instead
        else replace(v, mechanism=instead[v.name], parents=names(instead[v.name]))
        for v in right.variables
    ]
    ordered: list[Variable] = []
    known: set[str] = set()
    while waiting:
        ready = next((v for v in waiting if known.issuperset(v.parents)), None)
        if ready is None:
            return None
        waiting.remove(ready)
        ordered.append(ready)
        known.add(ready.name)
    return replace(right, variables=tuple(ordered))


# ---------------------------------------------------------------------------- choice


def _best(found: Sequence[_Candidate]) -> _Candidate | None:
    """The same outputs and most apart inside; else the closest outputs that are telling."""
    same = [each for each in found if each.agrees == 1 and each.apart >= MOVES]
    if same:
        return max(same, key=lambda each: each.apart)
    telling = [each for each in found if each.apart >= TELLING]
    if telling:
        return max(telling, key=lambda each: (each.agrees, each.apart))
    apart = [each for each in found if each.apart > 0]
    return max(apart, key=lambda each: each.apart, default=None)


def _proved(hypothesis: Hypothesis, trial: _Trial, best: _Candidate) -> Wrong:
    """With the share of inputs on which outputs are the same, of all where they are few."""
    agrees, every = best.agrees, BaseSampler(hypothesis).every(MOST_INPUTS)
    if every is not None:
        try:
            only = tuple(trial.outputs)
            mine = evaluate(trial.right, every, only=only)
            theirs = evaluate(best.algorithm, every, only=only, checked=True)
            agrees = 1 - float(differ(mine, theirs).mean())
        except MechanismError:
            every = None
    changes = tuple(
        Change(variable.name, text_of(variable.mechanism, 120), text_of(mechanism, 120))
        for variable, mechanism in best.edited
        if variable.mechanism is not None
    )
    return Wrong(best.algorithm, changes, agrees, best.apart, every is not None)
