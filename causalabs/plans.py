"""What a hypothesis will make the machine do: frozen, hashable, JSON.

A plan is a list of jobs. A job is one run of the whole procedure (network, search, fit,
measurement) for one seed under one control; jobs are what a killed run resumes by.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from causalabs.counterfactuals.pairing import twins
from causalabs.hypothesis.model import Alignment, Hypothesis, Quantity, Term
from causalabs.hypothesis.terms import fitted

ALWAYS = ("accuracy", "iia")
"""Metrics that every job measures: `keep solved`, fits and searches need them anyway."""

PLAN_VERSION = 4
"""Raised whenever the same file would be run differently: old runs are then not reused."""

BACKENDS = ("native", "pyvene")
"""What can make the interventions."""


RUN_ON = 4
"""Times the drawn examples that are measured at most, while an expectation is undecided."""

DTYPES = ("float32", "bfloat16", "float16", "float64")
"""Types of numbers that a network can compute with."""


@dataclass(frozen=True)
class Job:
    """One alignment (or "" for accuracy alone) for one seed under one control.

    `control` is "" for the procedure as it stands. `lines` are measured on `splits`:
    `accuracy` and `iia` always, and `metrics` beside them.
    """

    seed: int
    control: str
    alignment: str
    lines: tuple[int, ...]
    splits: tuple[str, ...]
    metrics: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """A file name for the outcome: `seed0-untrained-alignment`."""
        words = (f"seed{self.seed}", self.control or "plain", self.alignment or "network")
        return "-".join(words)


@dataclass(frozen=True)
class Plan:
    """`canonical` is the claim in its formatted form; `files` are data files' hashes.

    `network` is the fingerprint of a network that the file does not describe; `dtype` the type
    of the numbers it computes with. `twins` are the lines whose examples the lines have: their
    own, or those of a rival's line that is drawn alike. With `every_example` all that is drawn is
    measured and then judged; otherwise measuring ends once everything is decided, and goes on to
    `run_on` times what is drawn while something is not.
    """

    hypothesis: str
    canonical: str
    files: tuple[tuple[str, str], ...]
    jobs: tuple[Job, ...]
    seeds: tuple[int, ...]
    backend: str = "native"
    network: str = ""
    dtype: str = "float32"
    version: int = PLAN_VERSION
    twins: tuple[int, ...] = ()
    every_example: bool = False
    run_on: int = RUN_ON

    def drawn_as(self, line: int) -> int:
        """The line whose examples a line has; a clean run (-1) has none but its own."""
        return self.twins[line] if 0 <= line < len(self.twins) else line

    def to_json(self) -> dict[str, Any]:
        """The plan as plain JSON values."""
        return json.loads(json.dumps(asdict(self)))  # type: ignore[no-any-return]

    @property
    def hash(self) -> str:
        """Name of the plan: equal for equal plans, whatever the machine."""
        text = json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def folder(self) -> str:
        """Name of its run folder, which tells a backend that is not ours."""
        return self.hash if self.backend == "native" else f"{self.hash}-{self.backend}"


def quantities(hypothesis: Hypothesis) -> Iterator[Quantity]:
    """Everything that is to be measured: expectations first, then reports."""
    for expectation in hypothesis.expectations:
        yield expectation.quantity
    yield from hypothesis.reports


def make_plan(
    hypothesis: Hypothesis,
    *,
    backend: str = "native",
    network: str = "",
    dtype: str = "float32",
    every_example: bool = False,
    run_on: int = RUN_ON,
) -> Plan:
    """The jobs that measure what the hypothesis expects and reports, and no more.

    Terms that need the same procedure (seed, control, alignment) share one job.
    """
    wanted: dict[tuple[str, str], tuple[dict[int, None], dict[str, None], dict[str, None]]] = {}
    for quantity in quantities(hypothesis):
        for term in quantity.terms:
            lines, splits, metrics = wanted.setdefault(procedure(term), ({}, {}, {}))
            lines.update(dict.fromkeys(term.lines))
            if term.metric not in ALWAYS:
                metrics.update(dict.fromkeys(term.columns))
            if quantity.split:
                splits[quantity.split] = None
    jobs = tuple(
        Job(seed, control, alignment, tuple(sorted(lines)), tuple(splits), tuple(metrics))
        for seed in hypothesis.seeds
        for (control, alignment), (lines, splits, metrics) in wanted.items()
    )
    return Plan(
        hypothesis=hypothesis.name,
        canonical=hypothesis.canonical,
        files=hypothesis.files,
        jobs=jobs,
        seeds=hypothesis.seeds,
        backend=backend,
        network=network,
        dtype=dtype,
        twins=tuple(twins(hypothesis).values()),
        every_example=every_example,
        run_on=1 if every_example else run_on,
    )


def procedure(term: Term) -> tuple[str, str]:
    """Control and alignment of the job that measures a term."""
    return term.control.name, term.alignment


@dataclass(frozen=True)
class Cost:
    """What a plan will cost, as far as the file alone tells.

    `examples` is per seed, None where an exhaustive count is not known before drawing;
    `fits` counts fitted spaces, each choice of a search once.
    """

    networks: int
    jobs: int
    fits: int
    examples: int | None
    choices: int

    def to_json(self) -> dict[str, Any]:
        """The cost as plain JSON values."""
        return asdict(self)


def cost(hypothesis: Hypothesis, plan: Plan) -> Cost:
    """Networks to train, jobs, fits and examples of a plan."""
    fits = choices = 0
    for job in plan.jobs:
        if job.alignment:
            alignment = hypothesis.alignment_named(job.alignment)
            count = sum(len(space.labels) for space in alignment.spaces)
            choices += count
            fits += 0 if job.control == "random_basis" else _fitted(alignment)
    counterfactuals = hypothesis.counterfactuals
    sample = counterfactuals.sample
    return Cost(
        networks=len(plan.seeds),
        jobs=len(plan.jobs),
        fits=fits,
        examples=None if sample is None else sample * len(counterfactuals.lines),
        choices=choices,
    )


def _fitted(alignment: Alignment) -> int:
    return sum(len(space.labels) for space in alignment.spaces if fitted(space))


def not_measured(hypothesis: Hypothesis) -> tuple[str, ...]:
    """Aligned variables that no interchange line sets: nothing is claimed of them."""
    moved = {
        (line.algorithm, variable)
        for line in hypothesis.counterfactuals.lines
        for variable in line.variables
    }
    return tuple(
        variable
        for alignment in hypothesis.alignments
        for variable in alignment.variables
        if (alignment.algorithm, variable) not in moved
    )
