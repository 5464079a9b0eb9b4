"""Inputs and answers of one example as people write them."""

from __future__ import annotations

from collections.abc import Mapping

from causalabs.algorithm.columns import value_text
from causalabs.algorithm.domains import Column, Real, decode
from causalabs.algorithm.model import Algorithm
from causalabs.rivals.rows import Rows


def input_texts(rows: Rows, run: int) -> tuple[tuple[str, str], ...]:
    """The first row's inputs in one run; vectors by which of them are equal: `v1`, `v2`.

    A vector keeps its name through base and sources of an example.
    """
    algorithm = next(iter(rows.model.algorithms.values()))
    names = frozenset(v.name for v in algorithm.inputs)
    vectors: dict[float, int] = {}
    columns: Mapping[str, Column] = {}
    for each in range(run + 1):
        columns = rows.columns(algorithm, each, names)
        for variable in algorithm.inputs:
            if isinstance(variable.domain, Real):
                label = float(columns[variable.name].reshape(-1)[0])
                vectors.setdefault(label, len(vectors) + 1)
    found = []
    for variable in algorithm.inputs:
        column = columns[variable.name]
        if isinstance(variable.domain, Real):
            text = f"v{vectors[float(column.reshape(-1)[0])]}"
        else:
            text = value_text(decode(variable.domain, column[:1])[0])
        found.append((variable.name, text))
    return tuple(found)


def output_text(algorithm: Algorithm, columns: Mapping[str, Column]) -> str:
    """The first row's outputs: the value of one, `name = value` of several."""
    told = {
        name: value_text(decode(algorithm[name].domain, column[:1])[0])
        for name, column in columns.items()
    }
    if len(told) == 1:
        return next(iter(told.values()))
    return ", ".join(f"{name} = {value}" for name, value in told.items())
