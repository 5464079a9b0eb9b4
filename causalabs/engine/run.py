"""A plan's jobs in order, each kept as soon as it is done; then the verdict."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch

from causalabs.counterfactuals.pairing import unpaired
from causalabs.engine.beside import beside
from causalabs.engine.circuits.shelf import Shelf
from causalabs.engine.errors import EngineError
from causalabs.engine.held import Held, whole_of
from causalabs.engine.jobs import Resources, run_job
from causalabs.engine.patching.maps import run_maps
from causalabs.engine.protocol import Device
from causalabs.engine.resources import MakeNetwork, Wrap
from causalabs.engine.rounds import Staging, in_rounds
from causalabs.engine.shapes import check_shapes
from causalabs.failing import told
from causalabs.hypothesis.model import Hypothesis
from causalabs.judge import judge, overall, table
from causalabs.plans import Job, Plan
from causalabs.results import Outcome, Results
from causalabs.runs import RunFolder

Progress = Callable[[str, float], None]
"""What is being done, and which share of it is done (0 to 1)."""


def execute(
    hypothesis: Hypothesis,
    plan: Plan,
    folder: RunFolder,
    *,
    device: str = "cpu",
    progress: Progress | None = None,
    make_network: MakeNetwork | None = None,
    battery: bool = False,
    curve: bool = False,
    functions: Mapping[str, Callable[..., Any]] | None = None,
) -> Results:
    """Run what is not done yet, judge, keep the results.

    `make_network` stands in for the file's own network. `battery` sets each fitted alignment
    beside its controls once everything is judged, `curve` measures IIA against capacity.
    `functions` are those that replacements name, where their code may be run.
    Raises `RunError` when a run cannot go on; finished jobs stay in the folder.
    """
    say = progress or (lambda text, share: None)
    on = usable(device, plan.dtype)
    wrap = _wrapper(plan.backend)  # what is not installed is said before minutes of training
    with threads(hypothesis) as count:
        outcomes, held = _outcomes(
            hypothesis, plan, folder, on, say, wrap, make_network, functions or {}
        )
        maps = run_maps(
            hypothesis,
            plan,
            folder,
            device=on,
            progress=say,
            make_network=make_network,
            wrap=wrap,
        )
    expectations, reports = judge(hypothesis, plan, outcomes)
    counterexamples, residuals = told(hypothesis, plan, expectations, outcomes)
    results = Results(
        hypothesis=hypothesis.name,
        claim=hypothesis.claim,
        verdict=overall(expectations),
        expectations=expectations,
        reports=reports,
        table=table(hypothesis, plan, outcomes),
        network=_network(plan, outcomes),
        fits={name: outcome.fits for name, outcome in outcomes.items() if outcome.fits},
        plan=plan.hash,
        run=str(folder.path),
        environment=environment(on, plan.backend, count),
        seconds=_seconds(outcomes),
        notes=tuple(
            dict.fromkeys(
                [note for each in outcomes.values() for note in _notes(each)]
                + list(unpaired(hypothesis))
            )
        ),
        circuits={name: each.circuits for name, each in outcomes.items() if each.circuits},
        counterexamples=counterexamples,
        residuals=residuals,
        maps=maps,
    )
    folder.finish(results)
    asked = {"battery": battery, "curve": curve}
    for wanted in (name for name, yes in asked.items() if yes):
        with threads(hypothesis):
            results = beside(hypothesis, plan, folder, held, results, wanted, say)
        folder.finish(results)
    return results


def _outcomes(
    hypothesis: Hypothesis,
    plan: Plan,
    folder: RunFolder,
    device: Device,
    say: Progress,
    wrap: Wrap | None = None,
    make_network: MakeNetwork | None = None,
    functions: Mapping[str, Callable[..., Any]] | None = None,
) -> tuple[dict[str, Outcome], Held]:
    resources = Resources(
        hypothesis,
        device=device,
        progress=say,
        make_network=make_network,
        wrap=wrap,
        whole=whole_of(hypothesis, plan),
        functions=functions or {},
        circuits=Shelf(folder.path / "circuits"),
    )
    staging = Staging(hypothesis, plan, resources, folder.path, say)
    outcomes: dict[str, Outcome] = {}
    looked = False
    for number, job in enumerate(plan.jobs):
        done = folder.load(job.name)
        if done is None:
            say(f"{describe(job)} ({number + 1} of {len(plan.jobs)})", 0.0)
            resources.drawn(job.seed)  # what cannot be drawn is said before minutes of training
            if not looked:
                _look(hypothesis, plan, resources)
                looked = True
            if in_rounds(job, hypothesis, plan):
                staging.begin(job)
            else:
                done = run_job(
                    job,
                    hypothesis,
                    resources=resources,
                    progress=say,
                    folder=folder.path / "bases",
                    plan=plan.hash,
                )
                folder.save(done)
        if done is not None:
            outcomes[job.name] = staging.known[job.name] = done
        for finished in staging.advance():
            folder.save(finished)
            outcomes[finished.job] = finished
    return {job.name: outcomes[job.name] for job in plan.jobs}, staging.held


def _look(hypothesis: Hypothesis, plan: Plan, resources: Resources) -> None:
    """Sites and dims are judged before a network is trained, or weights are loaded."""
    aligned = [job.alignment for job in plan.jobs if job.alignment]
    network = resources.skeleton()
    if network is not None:
        check_shapes(hypothesis, network, aligned)
    if network is None or hypothesis.network.kind == "huggingface":
        check_shapes(hypothesis, resources.network(plan.seeds[0]), aligned)


@contextmanager
def threads(hypothesis: Hypothesis) -> Iterator[int]:
    """Threads of one run: one for small networks, as many as torch is given for large ones.

    Built-in networks are small: a second thread costs more than it brings, tenfold when the
    machine is busy, and one thread adds numbers in one order. A language model gets what torch
    takes by itself (`OMP_NUM_THREADS` says otherwise).
    """
    before = torch.get_num_threads()
    count = before if hypothesis.network.kind == "huggingface" else 1
    torch.set_num_threads(count)
    try:
        yield count
    finally:
        torch.set_num_threads(before)


def usable(name: str, dtype: str = "float32") -> Device:
    """A device by name; raises `EngineError` where this machine has none of it."""
    device = Device(name, getattr(torch, dtype))
    try:
        torch.zeros(1, device=name, dtype=device.dtype)
    except (RuntimeError, AssertionError, NotImplementedError, TypeError) as error:
        raise EngineError(
            f"there is no device `{name}` on this machine, or it has no `{dtype}`",
            "use `--device cpu --dtype float32`",
        ) from error
    return device


def describe(job: Job) -> str:
    """A job as a person would say it: `seed 0, free, under untrained`."""
    words = [f"seed {job.seed}"]
    words += [job.alignment] if job.alignment else []
    words += [f"under {job.control}"] if job.control else []
    return ", ".join(words)


def _wrapper(backend: str) -> Wrap | None:
    """What puts a network behind a backend; None for our own."""
    if backend == "native":
        return None
    from causalabs.engine.pyvene_backend.importing import pyvene
    from causalabs.engine.pyvene_backend.wrap import through_pyvene

    pyvene()
    return through_pyvene


def environment(device: Device, backend: str = "native", threads: int = 1) -> dict[str, Any]:
    """What numbers may depend on beside plan and seed."""
    return {
        "backend": backend if backend == "native" else f"{backend} {_version(backend)}",
        "causalabs": _version("causalabs"),
        "torch": torch.__version__,
        "numpy": _version("numpy"),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "device": device.name,
        "dtype": str(device.dtype).removeprefix("torch."),
        "threads": threads,
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"


def _network(plan: Plan, outcomes: Mapping[str, Outcome]) -> dict[str, Any]:
    """Records of the networks under test, by seed where there are several."""
    found = {
        str(job.seed): dict(outcomes[job.name].network)
        for job in reversed(plan.jobs)
        if job.control != "untrained"
    }
    if len(plan.seeds) == 1 and found:
        return next(iter(found.values()))
    return {"seeds": {str(seed): found.get(str(seed), {}) for seed in plan.seeds}}


def _notes(outcome: Outcome) -> tuple[str, ...]:
    """What a person should know of a job, and of the weights that it found."""
    return (*outcome.network.get("notes", ()), *outcome.notes)


def _seconds(outcomes: Mapping[str, Outcome]) -> dict[str, float]:
    """Seconds by kind of work over all jobs, those of a run that was killed included."""
    found: dict[str, float] = {}
    for outcome in outcomes.values():
        for kind, seconds in outcome.seconds.items():
            found[kind] = round(found.get(kind, 0.0) + seconds, 3)
    return {**found, "total": round(sum(found.values()), 3)}
