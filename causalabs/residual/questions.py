"""What can be asked of an example: truths over the algorithm's variables, with their words.

`base.v` and `source.v` are written as in conditions: with several sources `source.v` is v's
own, and only what is interchanged has one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from causalabs.algorithm.columns import value_text
from causalabs.algorithm.domains import (
    Bool,
    Column,
    Domain,
    Interval,
    Mod,
    Real,
    SetOf,
    at_places,
    decode,
    places,
    size,
)
from causalabs.algorithm.model import Algorithm, Variable
from causalabs.counterfactuals.examples import LineExamples
from causalabs.hypothesis.model import Line

Truths: TypeAlias = NDArray[np.bool_]

MOST_VALUES = 24
MOST_THRESHOLDS = 16
MOST_PAIRS = 400


@dataclass(frozen=True, eq=False)
class Question:
    """Its words, their opposite, and the answer row by row: (rows,)."""

    yes: str
    no: str
    truths: Truths


def of_clean(
    algorithm: Algorithm, clean: Mapping[str, Column], rows: NDArray[np.int64]
) -> list[Question]:
    """What can be asked of clean runs; `rows` are those of `clean`."""
    columns = {name: (algorithm[name].domain, clean[name][rows]) for name in _names(algorithm)}
    return list(_asked(columns))


def of_line(
    algorithm: Algorithm,
    line: Line,
    clean: Mapping[str, Column],
    examples: LineExamples,
    members: NDArray[np.int64],
) -> list[Question]:
    """What can be asked of a line's examples: base, sources, and what becomes of the outputs."""
    taken = dict.fromkeys(take.origin for take in line.takes)
    names = sorted(_names(algorithm), key=lambda name: name not in taken)
    base, columns = examples.base[members], {}
    for name in names:
        columns[f"base.{name}"] = (algorithm[name].domain, clean[name][base])
        number = line.source_of(name) if len(examples.sources) else None
        if number is not None and (len(examples.sources) == 1 or name in taken):
            source = examples.sources[number, members]
            columns[f"source.{name}"] = (algorithm[name].domain, clean[name][source])
    found = list(_asked(columns))
    for output in algorithm.outputs:
        after = examples.answers.get(output.name)
        if after is not None and not isinstance(output.domain, SetOf):
            found += _outcome(output, clean[output.name][base], after[members])
    return found


def _names(algorithm: Algorithm) -> list[str]:
    """Computed variables first: a rule in their words says more than one in the inputs'."""
    ordered = sorted(algorithm.variables, key=lambda v: ("var", "output", "input").index(v.role))
    return [v.name for v in ordered if not isinstance(v.domain, SetOf)]


def _asked(columns: Mapping[str, tuple[Domain, Column]]) -> Iterator[Question]:
    for name, (domain, column) in columns.items():
        if not (isinstance(domain, Real) and domain.size is not None):
            yield from _values(name, domain, column)
    pairs = [
        (one, other)
        for one, other in combinations(columns, 2)
        if columns[one][0] == columns[other][0] and not isinstance(columns[one][0], Bool)
    ]
    same = [(f"base.{n}", f"source.{n}") for n in (c.partition(".")[2] for c in columns)]
    pairs += [pair for pair in dict.fromkeys(same) if set(pair) <= set(columns)]
    for one, other in list(dict.fromkeys(pairs))[:MOST_PAIRS]:
        equal = columns[one][1] == columns[other][1]
        truths = equal if equal.ndim == 1 else equal.all(axis=1)
        yield Question(f"{one} == {other}", f"{one} != {other}", truths)


def _values(name: str, domain: Domain, column: Column) -> Iterator[Question]:
    """Thresholds of numbers; single values where they are few."""
    if isinstance(domain, Bool):
        yield Question(name, f"not {name}", column.astype(np.bool_))
        return
    if isinstance(domain, Interval | Mod | Real):
        for threshold in _thresholds(column):
            said = value_text(threshold.item())
            yield Question(f"{name} >= {said}", f"{name} < {said}", column >= threshold)
    if not isinstance(domain, Real) and (size(domain) or MOST_VALUES + 1) <= MOST_VALUES:
        for code in np.unique(column):
            said = value_text(decode(domain, np.array([code]))[0])
            yield Question(f"{name} == {said}", f"{name} != {said}", column == code)


def _thresholds(column: Column) -> Column:
    """Values that cut a column in parts, all of them where they are few: (thresholds,)."""
    different = np.unique(column)[1:]
    if len(different) <= 2 * MOST_THRESHOLDS:
        return different
    cuts = np.linspace(0, 1, MOST_THRESHOLDS + 2)[1:-1]
    quantiles = np.quantile(column.astype(np.float64), cuts, method="nearest")
    return np.unique(quantiles).astype(column.dtype)


def _outcome(output: Variable, before: Column, after: Column) -> Iterator[Question]:
    """Questions about the algorithm's answer after the interchange."""
    name, domain = output.name, output.domain
    if isinstance(domain, Real):
        return
    was = places(domain, before)  # type: ignore[arg-type]
    changed = was != after
    yield Question(f"{name} is to change", f"{name} is to stay", changed)
    if (size(domain) or MOST_VALUES + 1) <= MOST_VALUES:
        for place in np.unique(after):
            value = decode(domain, at_places(domain, np.array([place])))[0]  # type: ignore[arg-type]
            said = f"{name} is to be {value_text(value)}"
            yield Question(said, said.replace(" is ", " is not ", 1), after == place)
