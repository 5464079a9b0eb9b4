"""Hypotheses, alignments and examples built by hand for the engine's tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from networks_support import computed, given

from causalabs.algorithm.domains import Bool, Column, Real, places
from causalabs.algorithm.expression import Operation
from causalabs.algorithm.expression import Variable as Ref
from causalabs.algorithm.interchange import interchange
from causalabs.algorithm.model import Algorithm
from causalabs.counterfactuals.examples import Examples, LineExamples
from causalabs.engine.jobs import Resources, run_job
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
