"""Hypotheses, alignments and examples built by hand for the engine's tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import torch

from causalabs.algorithm.domains import Bool, Column, Real, places
from causalabs.algorithm.expression import Operation, Variable as Ref
from causalabs.algorithm.interchange import interchange
from causalabs.algorithm.model import Algorithm
from causalabs.counterfactuals.examples import Examples, LineExamples
from causalabs.engine.jobs import Resources, run_job
from causalabs.engine.networks.build import untrained
from causalabs.engine.protocol import Device
from causalabs.hypothesis.model import (
    Alignment,
    BasisSpec,
    Choice,
    Counterfactuals,
    FeedVectors,
    Hypothesis,
    Line,
    Member,
    NetworkSpec,
    Readout,
    Site,
    Space,
    Take,
)
from causalabs.plans import Job
from causalabs.results import Outcome
from tests.engine.networks_support import computed, given

Draw = Callable[[int, np.random.Generator], Mapping[str, Column]]

SPLITS = (("train", Fraction(3, 5)), ("select", Fraction(1, 5)), ("heldout", Fraction(1, 5)))


def equality(size: int = 4) -> Algorithm:
    """(a == b) == (c == d)."""
    real = Real(size, -0.5, 0.5)
    inner = [
        computed(name, Bool(), Operation("eq", (Ref(x, real), Ref(y, real)), Bool()))
        for name, x, y in (("left", "a", "b"), ("right", "c", "d"))
    ]
    both = (Ref("left", Bool()), Ref("right", Bool()))
    last = computed("same", Bool(), Operation("eq", both, Bool()), "output")
    return Algorithm("equality", (*(given(n, real) for n in "abcd"), *inner, last), ())


def draw_equality(count: int, generator: np.random.Generator, size: int = 4) -> dict[str, Column]:
    columns = {n: generator.random((count, size), dtype=np.float32) - 0.5 for n in "abcd"}
    for x, y in ("ab", "cd"):
        same = generator.random(count) < 0.5
        columns[y] = np.where(same[:, None], columns[x], columns[y])
    return columns


def equality_spec(hidden: tuple[int, ...] = (16, 16, 16)) -> NetworkSpec:
    return NetworkSpec(
        "mlp", (("hidden", hidden),), FeedVectors(tuple("abcd")), (Readout("same", None),), 0.99
    )


def line(name: str, algorithm: Algorithm, *variables: str) -> Line:
    """Each variable from a source of its own."""
    takes = tuple(Take(v, v, i) for i, v in enumerate(variables))
    return Line(name, algorithm.name, takes, sources=len(variables))


def space(
    kind: str,
    blocks: Mapping[str, Sequence[int]],
    *sites: Site,
    settings: Any = (),
) -> Space:
    """Variables in blocks of one basis; several sites are a search."""
    choices = tuple(Choice((site,), (site,)) for site in sites)
    members = tuple(Member(name, choices, tuple(block)) for name, block in blocks.items())
    labels = tuple(f"{site.component} {site.layer}" for site in sites)
    return Space(BasisSpec(kind, settings), members, labels)


def hypothesis_of(
    algorithm: Algorithm,
    spec: NetworkSpec,
    spaces: Sequence[Space],
    lines: Sequence[Line],
    *,
    splits: Any = SPLITS,
    solved: bool = False,
) -> Hypothesis:
    return Hypothesis(
        name="made",
        claim="",
        algorithms=(algorithm,),
        network=spec,
        alignments=(Alignment("", algorithm.name, tuple(spaces)),)
        if not spaces
        else (Alignment("places", algorithm.name, tuple(spaces)),),
        counterfactuals=Counterfactuals(100, tuple(lines), splits, solved=solved),
        expectations=(),
        reports=(),
    )


def examples_of(
    algorithm: Algorithm,
    outputs: Sequence[str],
    lines: Sequence[Line],
    draw: Draw,
    count: int,
    *,
    seed: int = 0,
    splits: Any = SPLITS,
) -> Examples:
    """`count` examples a line, every input drawn anew."""
    generator = np.random.default_rng(seed)
    parts: list[Mapping[str, Column]] = []
    found, rows = [], 0
    for number, each in enumerate(lines):
        base, *sources = (draw(count, generator) for _ in range(1 + each.sources))
        parts += [base, *sources]
        taken = [(t.variable, t.origin, sources[t.source]) for t in each.takes]
        columns = interchange(algorithm, base, taken)
        at = rows + np.arange(count * (1 + each.sources)).reshape(1 + each.sources, count)
        rows += count * (1 + each.sources)
        ends = np.cumsum([int(share * count) for _, share in splits])[:-1]
        split = np.searchsorted(ends, np.arange(count), side="right").astype(np.int8)
        answers = {n: places(algorithm[n].domain, columns[n]) for n in outputs}  # type: ignore[arg-type]
        found.append(LineExamples(number, at[0], at[1:], split, answers))
    inputs = {name: np.concatenate([p[name] for p in parts]) for name in parts[0]}
    clean = {algorithm.name: algorithm.evaluate(inputs)}
    return Examples(inputs, clean, tuple(found), (False,) * len(found))


def job_of(
    hypothesis: Hypothesis, control: str = "", *, seed: int = 0, splits: Any = ("heldout",)
) -> Job:
    lines = tuple(range(len(hypothesis.counterfactuals.lines)))
    return Job(seed, control, hypothesis.alignments[0].name, lines, splits)


def outcome_of(
    hypothesis: Hypothesis, resources: Resources, control: str = "", **more: Any
) -> Outcome:
    job = job_of(hypothesis, control, **more)
    return run_job(job, hypothesis, resources=resources)


def iia(outcome: Outcome) -> dict[int, float]:
    return {m.line: float(m.hits.mean()) for m in outcome.measured if m.metric == "iia"}


# ------------------------------------------------------- a network whose inside is known


def pair_algorithm() -> Algorithm:
    """Two bits are copied, then compared."""
    variables = [given("a", Bool()), given("b", Bool())]
    for name, copied in (("left", "a"), ("right", "b")):
        twice = (Ref(copied, Bool()), Ref(copied, Bool()))
        variables.append(computed(name, Bool(), Operation("and", twice, Bool())))
    both = (Ref("left", Bool()), Ref("right", Bool()))
    last = computed("same", Bool(), Operation("eq", both, Bool()), "output")
    return Algorithm("pair", (*variables, last), ())


def draw_pair(count: int, generator: np.random.Generator) -> dict[str, Column]:
    return {name: generator.random(count) < 0.5 for name in "ab"}


def pair_network(rotation: torch.Tensor) -> Any:
    """`hidden 0` holds a along the rotation's first column and b along its second."""
    width = len(rotation)
    reads = (Readout("same", None),)
    spec = NetworkSpec("mlp", (("hidden", (width, width)),), FeedVectors(("a", "b")), reads)
    network = untrained(spec, [pair_algorithm()], seed=0, device=Device(dtype=torch.float64))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
        network.weights[0].copy_(rotation[:, :2])
        network.biases[0].fill_(10.0)
        apart = rotation[:, 0] - rotation[:, 1]
        for row, sign in enumerate((1.0, -1.0)):
            network.weights[1][row].copy_(sign * apart)
            network.biases[1][row] = -sign * 10.0 * apart.sum()
        network.weights[2][0, :2] = 1.0  # different
        network.biases[2][1] = 0.5  # same
    network.freeze()
    network.record = {"parameters": sum(p.numel() for p in network.parameters())}
    return network


def pair_resources(
    hypothesis: Hypothesis, rotation: torch.Tensor, *, count: int = 400, change: Any = None
) -> Resources:
    """The known network, and examples that `change` may alter."""
    algorithm = hypothesis.algorithms[0]
    lines = hypothesis.counterfactuals.lines

    def network(seed: int, trained: bool) -> Any:
        if trained:
            return pair_network(rotation)
        spec = replace(hypothesis.network, settings=(("hidden", (len(rotation),) * 2),))
        made = untrained(spec, [algorithm], seed=seed, device=Device(dtype=torch.float64))
        made.freeze()
        return made

    def examples(seed: int, _: object) -> Examples:
        splits = hypothesis.counterfactuals.splits
        drawn = examples_of(algorithm, ["same"], lines, draw_pair, count, seed=seed, splits=splits)
        return drawn if change is None else change(drawn)

    return Resources(hypothesis, make_network=network, make_examples=examples)


def pair_hypothesis(*spaces: Space) -> Hypothesis:
    algorithm = pair_algorithm()
    spec = NetworkSpec("mlp", (), FeedVectors(("a", "b")), (Readout("same", None),))
    lines = [line(name, algorithm, name) for name in ("left", "right")]
    lines.append(line("both", algorithm, "left", "right"))
    return hypothesis_of(algorithm, spec, spaces, lines)
