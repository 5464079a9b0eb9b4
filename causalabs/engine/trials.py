"""Interchanges between inputs that nobody drew: whether they are admitted, what comes out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from causalabs.algorithm.domains import Bool, Column
from causalabs.algorithm.evaluate import MechanismError
from causalabs.algorithm.expression import names
from causalabs.algorithm.model import Algorithm
from causalabs.counterfactuals.examples import Examples, LineExamples
from causalabs.counterfactuals.runs import as_places
from causalabs.counterfactuals.space import conjuncts, truths
from causalabs.counterfactuals.templates import taken_by_some
from causalabs.engine.answers import Answers, agree
from causalabs.engine.errors import EngineError
from causalabs.engine.interchange import Bases, Program, run
from causalabs.engine.protocol import Network, Scores
from causalabs.engine.resources import all_columns
from causalabs.engine.rows import table
from causalabs.engine.store import Store
from causalabs.hypothesis.model import Hypothesis, Line

Runs: TypeAlias = Sequence[Mapping[str, Column]]
"""Input columns of the base, then of each source; (rows,) or (rows, size) each."""


def admitted(hypothesis: Hypothesis, inputs: Mapping[str, Column]) -> NDArray[np.bool_]:
    """Inputs that every algorithm's `where`, and some template, admit: (rows,)."""
    rows = len(next(iter(inputs.values())))
    held = np.ones(rows, dtype=np.bool_)
    conditions = [c for a in hypothesis.algorithms for c in a.where]
    taken = taken_by_some(hypothesis)
    for condition in [*conditions, *([] if taken is None else [taken])]:
        held &= truths(condition, inputs, rows)
    return held


@dataclass(frozen=True, eq=False)
class Tried:
    """What came of the rows that were admitted.

    `rows` are their numbers, `right` (rows,) whether network and algorithm agree, `after` the
    algorithm's columns of every variable, `clean[run]` those of each clean run.
    """

    rows: NDArray[np.int64]
    right: NDArray[np.bool_]
    scores: Scores
    answers: Answers
    after: Mapping[str, Column]
    clean: Sequence[Mapping[str, Column]]


@dataclass(frozen=True, eq=False)
class Trials:
    """A line with the bases it was measured in; without a line, clean runs of the network.

    `program` has the line as number 0.
    """

    hypothesis: Hypothesis
    algorithm: Algorithm
    network: Network
    line: Line | None = None
    program: Program | None = None
    bases: Bases | None = None

    def run(self, runs: Runs) -> Tried | None:
        """What comes of the admitted rows; None where there is none.

        Inputs that the algorithm has no value for, or the network no place, are not admitted:
        nobody drew them.
        """
        try:
            return self._run(runs)
        except (MechanismError, EngineError):
            return None

    @torch.no_grad()
    def _run(self, runs: Runs) -> Tried | None:
        kept = np.flatnonzero(self._where(runs))
        if len(kept) == 0:
            return None
        runs = [{name: column[kept] for name, column in each.items()} for each in runs]
        clean = [self._clean(each) for each in runs]
        held = np.flatnonzero(self._conditions(runs, clean, len(kept)))
        if len(held) == 0:
            return None
        if len(held) < len(kept):
            kept = kept[held]
            runs = [{n: column[held] for n, column in each.items()} for each in runs]
            clean = [{a: {n: c[held] for n, c in f.items()} for a, f in e.items()} for e in clean]
        return self._through(kept, runs, clean)

    # ------------------------------------------------------------------- admitted

    def _where(self, runs: Runs) -> NDArray[np.bool_]:
        """Rows that `where`, some template and `source changes only` admit."""
        rows = len(next(iter(runs[0].values())))
        held = np.ones(rows, dtype=np.bool_)
        for each in runs:
            held &= admitted(self.hypothesis, each)
        for name in self.unchanged:
            for each in runs[1:]:
                same = each[name] == runs[0][name]
                held &= same.reshape(rows, -1).all(axis=1)
        return held

    @property
    def unchanged(self) -> tuple[str, ...]:
        """Inputs that a source shares with its base."""
        only = self.hypothesis.counterfactuals.changes_only
        if only is None:
            return ()
        inputs = self.hypothesis.algorithms[0].inputs
        return tuple(v.name for v in inputs if not {v.name, v.family} & set(only))

    def _clean(self, inputs: Mapping[str, Column]) -> dict[str, dict[str, Column]]:
        return {each.name: each.evaluate(inputs) for each in self.hypothesis.algorithms}

    def _conditions(
        self, runs: Runs, clean: Sequence[Mapping[str, Mapping[str, Column]]], rows: int
    ) -> NDArray[np.bool_]:
        """Rows that `keep where` and the line's own condition admit."""
        drawing = self.hypothesis.counterfactuals
        own = None if self.line is None else self.line.condition
        held = np.ones(rows, dtype=np.bool_)
        for condition in [
            c for e in (drawing.keep_where, own) if e is not None for c in conjuncts(e)
        ]:
            if self.line is None and any(not n.startswith("base.") for n in names(condition)):
                continue  # a clean run has no source
            columns = {name: self._named(name, clean) for name in names(condition)}
            held &= truths(condition, columns, rows)
        return held

    def _named(self, name: str, clean: Sequence[Mapping[str, Mapping[str, Column]]]) -> Column:
        side, _, rest = name.partition(".")
        algorithms = [self.algorithm, *self.hypothesis.algorithms]
        holder = next((each for each in algorithms if rest in each), None)
        element = rest
        if holder is None:
            first, _, element = rest.partition(".")
            holder = self.hypothesis.algorithm_named(first)
        source = None if self.line is None else self.line.source_of(element)
        number = 0 if side == "base" else 1 + (source or 0)
        return clean[number][holder.name][element]

    # -------------------------------------------------------------------- running

    def _through(
        self,
        kept: NDArray[np.int64],
        runs: Runs,
        clean: Sequence[Mapping[str, Mapping[str, Column]]],
    ) -> Tried | None:
        """The network's answers beside the algorithm's."""
        inputs = {n: np.concatenate([each[n] for each in runs]) for n in runs[0]}
        every = {
            each.name: {
                n: np.concatenate([found[each.name][n] for found in clean])
                for n in clean[0][each.name]
            }
            for each in self.hypothesis.algorithms
        }
        store = Store(self.network, all_columns(self.hypothesis, inputs, every))
        own = [found[self.algorithm.name] for found in clean]
        place = np.arange(len(runs) * len(kept)).reshape(len(runs), len(kept))
        if self.line is None or self.program is None or self.bases is None:
            answers: Answers = store.wanted(self.algorithm, every[self.algorithm.name])
            scores, after = store.scores(), own[0]
        else:
            after = self._after(self.line, runs[0], own)
            columns = {v.name: as_places(v, after[v.name]) for v in self.algorithm.outputs}
            known = {n: c for n, c in columns.items() if c is not None}
            split = np.zeros(len(kept), dtype=np.int8)
            line: Any = LineExamples(0, place[0], place[1:], split, known)  # type: ignore[arg-type]
            examples = Examples(inputs, every, (line,))
            batch = table(self.program, examples, [0], 0, device=store.at_device).rows
            scores, answers = run(self.program, self.bases, batch, store), batch.answers
        right = agree(scores, answers)[0].cpu().numpy().astype(np.bool_)
        for column in scores.values():  # what is no number is no answer
            right |= ~torch.isfinite(column).all(dim=1).cpu().numpy()
        tried = Tried(kept, right, scores, answers, after, own)
        if not self.hypothesis.counterfactuals.solved or self.line is None:
            return tried
        first = self.hypothesis.algorithms[0]
        solved = store.right(first, every[first.name])[place].all(axis=0)
        return _some(tried, np.flatnonzero(solved)) if solved.any() else None

    def _after(
        self, line: Line, base: Mapping[str, Column], clean: Sequence[Mapping[str, Column]]
    ) -> dict[str, Column]:
        given: dict[str, Column] = {t.variable: clean[t.source + 1][t.origin] for t in line.takes}
        rows = len(next(iter(base.values())))
        for fixed in line.assignments:
            is_truth = isinstance(self.algorithm[fixed.variable].domain, Bool)
            kind = np.bool_ if is_truth else np.int64
            given[fixed.variable] = np.full(rows, fixed.value, dtype=kind)
        return self.algorithm.evaluate(base, given)


def _some(tried: Tried, rows: NDArray[np.int64]) -> Tried:
    index = torch.from_numpy(rows)
    return Tried(
        tried.rows[rows],
        tried.right[rows],
        {n: c[index.to(c.device)] for n, c in tried.scores.items()},
        {n: c[index.to(c.device)] for n, c in tried.answers.items()},
        {n: c[rows] for n, c in tried.after.items()},
        [{n: c[rows] for n, c in each.items()} for each in tried.clean],
    )
