"""`train to implement X {...}`: interchange intervention training (Geiger et al. 2022).

Beside its own answers, the network is taught what the algorithm answers when some of its
variables take the values they have in sources: the activations at the places given are
taken from those sources, gradients flowing through both runs. Each example interchanges
one set of variables, all sets in turn, every variable from a source of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import torch
from torch import Tensor

from causalabs.algorithm.domains import Column
from causalabs.algorithm.model import Algorithm
from causalabs.engine.errors import EngineError
from causalabs.engine.networks.base import BuiltIn
from causalabs.engine.networks.naming import say_site
from causalabs.engine.networks.train import (
    Loss,
    Recipe,
    Teacher,
    cross_entropy,
    pool_size,
    right,
)
from causalabs.engine.protocol import Edit, Scores
from causalabs.hypothesis.model import Implement, Site

MOST_SETS = 64
"""Sets of variables interchanged; of more variables only single ones, pairs and all."""


@dataclass(frozen=True)
class Home:
    """Where one variable is to live: coordinates at sites."""

    variable: str
    sites: tuple[Site, ...]
    coordinates: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, eq=False)
class Pairs:
    """Interchanges: inputs, and per example the rows of its base and its sources.

    `taken` (pairs, variables) says which variables are interchanged, `sources` (pairs,
    variables) from which rows; `answers` are the algorithm's after the interchange.
    """

    inputs: Any
    clean: Mapping[str, Tensor]
    base: Tensor
    sources: Tensor
    taken: Tensor
    answers: Mapping[str, Tensor]

    def __len__(self) -> int:
        return len(self.base)


def homes(network: BuiltIn[Any], implement: Implement) -> tuple[Home, ...]:
    """Where each variable is to live; an error where a place is not one fixed set of neurons."""
    found = []
    for space in implement.spaces:
        for member in space.members:
            if space.basis.kind not in ("neurons", "whole") or len(member.choices) != 1:
                raise EngineError(
                    f"`{member.variable}` cannot be trained into a place still to be found",
                    "name one site, whole or `in dims a..b`",
                )
            choice = member.choices[0]
            if choice.writes != choice.reads:
                raise EngineError(
                    f"`{member.variable}` cannot be trained into two places at once",
                    "leave out `from ...`",
                )
            found.append(_home(network, member.variable, choice.writes, member.block))
    return tuple(found)


def _home(
    network: BuiltIn[Any], variable: str, sites: tuple[Site, ...], block: tuple[int, ...]
) -> Home:
    """`block` counts through the sites' activations side by side; empty: all of them."""
    coordinates, first = [], 0
    for site in sites:
        width = network.width(site)
        last = first + width
        inside = tuple(dim - first for dim in block if first <= dim < last)
        coordinates.append(inside if block else tuple(range(width)))
        first = last
    if block and max(block) >= first:
        raise EngineError(
            f"`dims {min(block)}..{max(block)}` do not fit {say_site(sites[-1])}",
            f"it has dims 0..{first - 1}",
        )
    return Home(variable, sites, tuple(coordinates))


def interchange_loss(
    teacher: Teacher, implement: Implement, *, recipe: Recipe, draws: np.random.Generator
) -> Loss:
    """The mean of the behavioural loss and the loss after interchanges."""
    network = teacher.network
    placed = homes(network, implement)
    algorithm = next(a for a in teacher.algorithms if a.name == implement.algorithm)
    pairs = draw_pairs(teacher, algorithm, placed, pool_size(recipe) // 2, draws)
    half = max(1, recipe.batch // 2)

    def loss(generator: torch.Generator) -> Tensor:
        rows = torch.randint(len(pairs), (half,), generator=generator).to(network.device)
        base = network.slice(pairs.inputs, pairs.base[rows])
        clean = {name: column[pairs.base[rows]] for name, column in pairs.clean.items()}
        answers = {name: column[rows] for name, column in pairs.answers.items()}
        own = cross_entropy(network.run(base), clean)
        swapped = cross_entropy(interchanged(network, placed, pairs, rows), answers)
        return (own + swapped) / 2

    return loss


@torch.no_grad()
def interchange_accuracy(
    teacher: Teacher, implement: Implement, *, count: int, draws: np.random.Generator
) -> float:
    """Share of freshly drawn interchanges after which every output is the algorithm's."""
    placed = homes(teacher.network, implement)
    algorithm = next(a for a in teacher.algorithms if a.name == implement.algorithm)
    pairs = draw_pairs(teacher, algorithm, placed, count, draws)
    hits = []
    for rows in torch.split(torch.arange(len(pairs), device=teacher.network.device), 4096):
        answers = {name: column[rows] for name, column in pairs.answers.items()}
        hits.append(right(interchanged(teacher.network, placed, pairs, rows), answers))
    return float(torch.cat(hits).double().mean())


def interchanged(
    network: BuiltIn[Any], placed: Sequence[Home], pairs: Pairs, rows: Tensor
) -> Scores:
    """Scores of some pairs after their interchanges, with gradients."""
    base = network.slice(pairs.inputs, pairs.base[rows])
    edits: list[tuple[Site, Edit]] = []
    for number, home in enumerate(placed):
        source = network.slice(pairs.inputs, pairs.sources[rows, number])
        values = network.read(source, home.sites)
        taken = pairs.taken[rows, number]
        for site, inside, value in zip(home.sites, home.coordinates, values, strict=True):
            mask = torch.zeros(value.shape[1], dtype=torch.bool, device=value.device)
            mask[list(inside)] = True
            edits.append((site, _swap(value, taken[:, None] & mask)))
    sites = tuple(dict.fromkeys(site for site, _ in edits))
    kept = network.start(base, sites, network.earliest(base, sites))
    return network.resume(kept, edits)


def _swap(value: Tensor, where: Tensor) -> Edit:
    return lambda current: torch.where(where, value, current)


def draw_pairs(
    teacher: Teacher,
    algorithm: Algorithm,
    placed: Sequence[Home],
    count: int,
    draws: np.random.Generator,
) -> Pairs:
    """Bases and sources are drawn alike; the sets of variables share the pairs equally."""
    inputs = dict(teacher.draw_bases(count, draws))
    columns = teacher.columns(inputs)
    own = algorithm.evaluate({v.name: inputs[v.name] for v in algorithm.inputs})
    sources = draws.integers(0, count, size=(count, len(placed)))
    sets = _sets(len(placed))
    taken = np.zeros((count, len(placed)), dtype=bool)
    clean = teacher.answers(columns)
    answers = {name: torch.zeros_like(column) for name, column in clean.items()}
    for number, chosen in enumerate(sets):
        rows = np.arange(number, count, len(sets))
        for variable in chosen:
            taken[rows, variable] = True
        given: dict[str, Column] = {
            placed[i].variable: own[placed[i].variable][sources[rows, i]] for i in chosen
        }
        bases = {v.name: inputs[v.name][rows] for v in algorithm.inputs}
        after = algorithm.evaluate(bases, given)
        for name, found in teacher.answers(after).items():
            answers[name][rows] = found
    device = teacher.network.device
    return Pairs(
        inputs=teacher.network.encode(columns),
        clean=clean,
        base=torch.arange(count, device=device),
        sources=torch.from_numpy(sources).to(device),
        taken=torch.from_numpy(taken).to(device),
        answers=answers,
    )


def _sets(variables: int) -> list[tuple[int, ...]]:
    """Sets of variables that are interchanged together.

    >>> _sets(2)
    [(0,), (1,), (0, 1)]
    """
    every = range(variables)
    if 2**variables <= MOST_SETS:
        return [s for size in range(1, variables + 1) for s in combinations(every, size)]
    pairs = list(combinations(every, 2)) if variables <= MOST_SETS else []
    return [*((i,) for i in every), *pairs, tuple(every)]
