"""What an algorithm does on drawn cells: clean runs, conditions, tuples, answers.

Examples are held as `(runs, words, rows)` cells: run 0 is the base, run j + 1 source j.
Real inputs are labels (see `equality`): those of different runs differ, unless `source
changes only` hands the base's value to the source.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from math import prod

import numpy as np
from numpy.typing import NDArray

from causalabs.algorithm.domains import (
    Bool,
    Column,
    Integer,
    Real,
    SetOf,
    at_places,
    decode,
    places,
    size,
)
from causalabs.algorithm.expression import Expression, names
from causalabs.algorithm.model import Algorithm, Variable
from causalabs.counterfactuals.errors import DrawError, line_number
from causalabs.counterfactuals.space import CHUNK, Cells, Space, input_space, truths
from causalabs.hypothesis.model import Hypothesis, Line


class Model:
    """A hypothesis and its space of inputs: all that drawing needs to know."""

    def __init__(self, hypothesis: Hypothesis) -> None:
        self.hypothesis = hypothesis
        self.drawing = hypothesis.counterfactuals
        self.space: Space = input_space(hypothesis)
        self.algorithms = {algorithm.name: algorithm for algorithm in hypothesis.algorithms}
        self.unchanged = self._unchanged()
        self.balance = tuple(self.algorithms[a][v] for a, v in self.drawing.balance)
        for variable in self.balance:
            _countable(hypothesis, variable)
        self.tuples = prod(size(variable.domain) or 1 for variable in self.balance)
        most = max((line.sources for line in self.drawing.lines), default=0) + 1
        if self.tuples**most >= 1 << 62:
            raise DrawError(
                f"`balance` has {self.tuples:,} tuples of values", "balance fewer variables"
            )

    def _unchanged(self) -> frozenset[str]:
        """Inputs that `source changes only` keeps; empty without it."""
        only = self.drawing.changes_only
        if only is None:
            return frozenset()
        inputs = self.hypothesis.algorithms[0].inputs
        return frozenset(v.name for v in inputs if not {v.name, v.family} & set(only))

    @cached_property
    def listing(self) -> Cells | None:
        """All inputs, if they are few enough to list."""
        return self.space.listing()

    @property
    def changing(self) -> bool:
        """Whether sources are made from bases by changing some inputs."""
        return self.drawing.changes_only is not None

    def holder(self, name: str, preferred: str) -> tuple[Algorithm, str]:
        """The algorithm and element that `v` (or `algorithm.v`) in a condition means."""
        candidates = [self.algorithms[preferred], *self.algorithms.values()]
        for algorithm in candidates:
            if name in algorithm:
                return algorithm, name
        first, _, rest = name.partition(".")
        return self.algorithms[first], rest

    def changed_axes(self) -> list[int]:
        """Axes that a source may differ on under `source changes only`."""
        return [
            number
            for number, axis in enumerate(self.space.axes)
            if not self.unchanged.issuperset(axis.inputs)
        ]


class Runs:
    """Some examples of a line and their clean runs, computed when first asked for."""

    def __init__(self, model: Model, cells: Cells) -> None:
        self.model = model
        self.cells = cells  # (runs, words, rows)
        self.rows = cells.shape[2]
        self._inputs: dict[int, dict[str, Column]] = {}
        self._clean: dict[tuple[str, int], dict[str, Column]] = {}

    def inputs(self, run: int) -> dict[str, Column]:
        """Input columns of one run."""
        if run not in self._inputs:
            space = self.model.space
            columns = space.columns(self.cells[run])
            if run and self.model.changing:
                base = self.inputs(0)
                for name in self.model.unchanged:
                    columns[name] = base[name]
            if run and space.real:
                self._relabel(run, columns)
            self._inputs[run] = columns
        return self._inputs[run]

    def _relabel(self, run: int, columns: dict[str, Column]) -> None:
        """Give a source's vectors labels of their own, but the base's where it shares them."""
        space, unchanged = self.model.space, self.model.unchanged
        base = self.inputs(0)
        for number, axis in enumerate(space.axes):
            if axis.group is None:
                continue
            first = axis.group.first[space.places(self.cells[run], number)]  # (rows, inputs)
            for i, name in enumerate(axis.inputs):
                if name in unchanged:
                    continue
                own = np.asarray(axis.group.numbers, dtype=np.float32)[first[:, i]]
                own += np.float32(run * len(space.reals))
                for j, other in enumerate(axis.inputs):
                    if other in unchanged:
                        np.copyto(own, base[other].reshape(-1), where=first[:, j] == first[:, i])
                columns[name] = space.shaped(name, own)

    def clean(self, algorithm: str, run: int) -> dict[str, Column]:
        """Columns of every variable of one run."""
        if (algorithm, run) not in self._clean:
            found = self.model.algorithms[algorithm].evaluate(self.inputs(run))
            self._clean[algorithm, run] = found
        return self._clean[algorithm, run]

    def consistent(self) -> NDArray[np.bool_]:
        """Under `source changes only`: whether each source is admitted and keeps the rest.

        What needs a check is a group of real inputs of which only some change: the kept
        ones must be equal to one another where the base's are.
        """
        space, held = self.model.space, np.ones(self.rows, dtype=np.bool_)
        for run in range(1, len(self.cells)):
            held &= space.admits(self.cells[run])
            for number, axis in enumerate(space.axes):
                kept = [j for j, name in enumerate(axis.inputs) if name in self.model.unchanged]
                if axis.group is None or len(kept) < 2:
                    continue
                first = axis.group.first
                base = first[space.places(self.cells[0], number)]
                mine = first[space.places(self.cells[run], number)]
                for place, j in enumerate(kept):
                    for i in kept[:place]:
                        held &= (base[:, i] == base[:, j]) == (mine[:, i] == mine[:, j])
        return held

    def hold(
        self, conditions: Sequence[Expression], line: Line | None, *, single: bool = False
    ) -> NDArray[np.bool_]:
        """Whether all conditions on `base.v` and `source.v` hold: (rows,).

        `single`: there is one run only, and both words mean it.
        """
        held = np.ones(self.rows, dtype=np.bool_)
        for condition in conditions:
            columns = {name: self._named(name, line, single=single) for name in names(condition)}
            held &= truths(condition, columns, self.rows)
        return held

    def _named(self, name: str, line: Line | None, *, single: bool) -> Column:
        side, _, rest = name.partition(".")
        model = self.model
        preferred = line.algorithm if line is not None else next(iter(model.algorithms))
        algorithm, element = model.holder(rest, preferred)
        if single or side == "base":
            run = 0
        else:
            run = 1 + ((line.source_of(element) if line is not None else 0) or 0)
        return self.clean(algorithm.name, run)[element]

    def tuples(self, run: int) -> NDArray[np.int64]:
        """Code of the balanced variables' values in one run: (rows,)."""
        columns = []
        for (algorithm, name), variable in zip(
            self.model.drawing.balance, self.model.balance, strict=True
        ):
            columns.append((variable, self.clean(algorithm, run)[name]))
        return value_codes(columns, self.rows)

    def after(self, line: Line) -> dict[str, Column]:
        """Columns of the algorithm's outputs after the line's interchange."""
        algorithm = self.model.algorithms[line.algorithm]
        given: dict[str, Column] = {}
        for take in line.takes:
            given[take.variable] = self.clean(line.algorithm, take.source + 1)[take.origin]
        for fixed in line.assignments:
            kind = np.bool_ if isinstance(algorithm[fixed.variable].domain, Bool) else np.int64
            given[fixed.variable] = np.full(self.rows, fixed.value, dtype=kind)
        found = algorithm.evaluate(self.inputs(0), given)
        return {variable.name: found[variable.name] for variable in algorithm.outputs}

    def outcomes(self, line: Line) -> NDArray[np.int64]:
        """Code of the outputs that `balance .. after` names, after the interchange: (rows,)."""
        algorithm, after = self.model.algorithms[line.algorithm], self.after(line)
        return value_codes([(algorithm[n], after[n]) for n in line.balance_after], self.rows)

    def answers(self, line: Line) -> dict[str, Column]:
        """Places of the outputs after the interchange; membership flags for sets."""
        algorithm, found = self.model.algorithms[line.algorithm], {}
        for name, column in self.after(line).items():
            answer = as_places(algorithm[name], column)
            if answer is not None:
                found[name] = answer
        return found


def as_places(variable: Variable, column: Column) -> Column | None:
    """An output's column as places, as flags for a set, None for what cannot be read."""
    match variable.domain:
        case Real() | Integer():
            return None
        case SetOf():
            return column
        case domain:
            return places(domain, column)


def value_codes(columns: Sequence[tuple[Variable, Column]], rows: int) -> NDArray[np.int64]:
    """One integer for a row of values of countable variables: (rows,)."""
    code = np.zeros(rows, dtype=np.int64)
    for variable, column in columns:
        code *= size(variable.domain) or 1
        code += places(variable.domain, column)  # type: ignore[arg-type]
    return code


def value_text(columns: Sequence[Variable], code: int) -> str:
    """The values behind a code of `value_codes`, as a person writes them."""
    found = []
    for variable in reversed(columns):
        code, place = divmod(code, size(variable.domain) or 1)
        domain = variable.domain
        value = decode(domain, at_places(domain, np.array([place])))[0]  # type: ignore[arg-type]
        text = str(value).lower() if isinstance(value, bool) else str(value)
        found.append(f"{variable.name} = {text}")
    return ", ".join(reversed(found))


def fresh_columns(
    model: Model, cells: Cells, *, generator: np.random.Generator
) -> list[dict[str, Column]]:
    """Real vectors for examples: for each run the columns of its real inputs.

    A source keeps the base's vectors of what `source changes only` leaves alone, and of what
    equals it.
    """
    space, unchanged = model.space, model.unchanged
    found: list[dict[str, Column]] = [{} for _ in cells]
    for run, columns in enumerate(found):
        for number, axis in enumerate(space.axes):
            if axis.group is None:
                continue
            patterns = space.places(cells[run], number)
            drawn = axis.group.vectors(patterns, generator=generator)
            columns.update(zip(axis.inputs, drawn, strict=True))
            kept = [j for j, name in enumerate(axis.inputs) if name in unchanged]
            if not run or not kept:
                continue
            first = axis.group.first[patterns]  # (rows, inputs)
            for i, name in enumerate(axis.inputs):
                for j in kept:
                    shared = first[:, i] == first[:, j]
                    flags = shared if drawn[i].ndim == 1 else shared[:, None]
                    np.copyto(drawn[i], found[0][axis.inputs[j]], where=flags)
                if name in unchanged:
                    columns[name] = found[0][name]
    return found


def _countable(hypothesis: Hypothesis, variable: Variable) -> None:
    uncountable = isinstance(variable.domain, Real | Integer | SetOf)
    if uncountable or (size(variable.domain) or 0) >= 1 << 31:
        raise DrawError(
            f"`{variable.name}` cannot be balanced: its values cannot be counted",
            "balance a variable with few values",
            line_number(hypothesis, variable.span),
        )


def answers_of(
    model: Model, line: Line, parts: Sequence[NDArray[np.int64]]
) -> dict[str, NDArray[np.int64]]:
    """The algorithm's answers after the interchange, some examples at a time."""
    found = [
        Runs(model, cells[:, :, start : start + CHUNK]).answers(line)
        for cells in parts
        for start in range(0, max(1, cells.shape[2]), CHUNK)
    ]
    return {name: np.concatenate([part[name] for part in found]) for name in found[0]}
