"""One job: the whole procedure for one seed under one control."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from causalabs.counterfactuals.answering import answered_by
from causalabs.counterfactuals.cut import interchange_keys
from causalabs.counterfactuals.examples import Examples
from causalabs.counterfactuals.shuffle import shuffle_sources
from causalabs.engine.apart import asked_of, measure_apart
from causalabs.engine.bases import find
from causalabs.engine.bases.saved import Label, save_basis, site_record
from causalabs.engine.circuits.job import circuit_terms, make_bench, measure_circuits
from causalabs.engine.circuits.records import circuit_records
from causalabs.engine.controls import IDLE, check_control, move_sites, whole_site
from causalabs.engine.counterexamples import MOST_SECONDS
from causalabs.engine.errors import EngineError
from causalabs.engine.failures import Scene, tell
from causalabs.engine.fit import budget_for
from causalabs.engine.idle import idle_values
from causalabs.engine.interchange import Program, compile_lines
from causalabs.engine.measure import metric_of, values
from causalabs.engine.prove import line_notes, prove_writes
from causalabs.engine.replacing import replaced, replacement_terms
from causalabs.engine.resources import Progress, Resources
from causalabs.engine.rows import members_of, table
from causalabs.engine.scrubbing import scrubs
from causalabs.engine.search import Setting, Settled, expand_tokens, settle
from causalabs.engine.store import Store
from causalabs.engine.streams import numpy_stream, stream
from causalabs.failing import failing
from causalabs.hypothesis.model import Alignment, Hypothesis, Line
from causalabs.hypothesis.scrubbing import SCRUBBED
from causalabs.hypothesis.whole import clash
from causalabs.plans import Job
from causalabs.results import Counterexample, Measured, Outcome, Residual
from causalabs.results_circuits import CircuitRecord


def run_job(
    job: Job,
    hypothesis: Hypothesis,
    *,
    resources: Resources,
    progress: Progress | None = None,
    device: str = "cpu",
    folder: Path | None = None,
    plan: str = "",
) -> Outcome:
    """Network, search, fit and measurement for one seed under one control.

    Measures `iia` and the job's metrics of its lines, and `accuracy` (line -1, over the bases
    of all lines of the file one after another), on its splits. `EngineError` says what cannot
    be run; a write that reaches nothing is one. Fitted bases are written below `folder`, and
    say that they are of the plan whose hash `plan` is.
    """
    del device  # resources were made for one
    check_control(job.control)
    seconds: dict[str, float] = {}
    trained = job.control != "untrained"
    with Clock(seconds, "network"):
        network = resources.network(job.seed, trained=trained)
    with Clock(seconds, "examples"):
        resources.drawn(job.seed)
    with Clock(seconds, "activations"):
        store = resources.store(job.seed, trained=trained)
        measured = _accuracy(job, hypothesis, resources, trained)
    fits = Settled()
    setting: Setting | None = None
    notes: tuple[str, ...] = ()
    if job.alignment:
        with Clock(seconds, "fit"):
            setting = setting_of(job, hypothesis, resources, store, progress)
            fits = Settled() if job.control in IDLE else settle(setting)
        with Clock(seconds, "measurement"):
            found, notes = measure_lines(job, hypothesis, setting, fits)
            measured += found
            if SCRUBBED in job.metrics:
                splits = {n: split_number(hypothesis, n) for n in asked_splits(job, hypothesis)}
                found, told = scrubs(job, hypothesis, setting, fits, splits)
                measured, notes = measured + found, notes + told
        if folder is not None and fits.bases:
            save_bases(folder, job, hypothesis, setting, fits, plan)
    circuits: tuple[CircuitRecord, ...] = ()
    if circuit_terms(hypothesis, job):
        with Clock(seconds, "circuits"):
            of_circuits, circuits = _circuits(job, hypothesis, resources, store, progress)
            measured += of_circuits
    if replacement_terms(hypothesis, job):
        with Clock(seconds, "replacements"):
            examples = resources.examples(job.seed)
            found, told = replaced(job, hypothesis, store, examples, resources.functions)
            measured, notes = measured + found, notes + told
    measured = tuple(_of_space(each, resources.examples(job.seed), hypothesis) for each in measured)
    failed = failing(hypothesis, job, measured)
    counterexamples, residuals, untold = tell_failures(
        Scene(
            job=job,
            hypothesis=hypothesis,
            network=network,
            examples=resources.examples(job.seed),
            drawn=resources.drawn(job.seed),
            alignment=None if setting is None else setting.alignment,
            chosen=fits.chosen,
            bases=fits.bases,
        ),
        failed,
        seconds,
    )
    return Outcome(
        job=job.name,
        measured=measured,
        fits=fits.records,
        network=dict(network.record),
        seconds=seconds,
        notes=tuple(dict.fromkeys((*resources.drawn(job.seed).notes, *notes, *untold))),
        counterexamples=counterexamples,
        residuals=residuals,
        circuits=circuits,
    )


def _circuits(
    job: Job,
    hypothesis: Hypothesis,
    resources: Resources,
    store: Store,
    progress: Progress | None,
) -> tuple[tuple[Measured, ...], tuple[CircuitRecord, ...]]:
    """Measures of circuits, and under no control what is told of each beside."""
    examples = resources.examples(job.seed)
    if job.control == "shuffled_sources":
        draws = numpy_stream(job.seed, "shuffled sources")
        examples = shuffle_sources(examples, generator=draws)
    bench = make_bench(job, hypothesis, store, examples, progress, resources.circuits)
    measured = measure_circuits(bench, job)
    if job.control:
        return measured, ()
    terms = circuit_terms(hypothesis, job).values()
    names = tuple(dict.fromkeys(name for term in terms for name in term.subjects))
    judged = [name for name, _ in hypothesis.counterfactuals.splits]
    split = (*job.splits, *judged[-1:], "")[0]
    return measured, circuit_records(bench, names, split)


def _of_space(measured: Measured, examples: Examples, hypothesis: Hypothesis) -> Measured:
    """A measurement with how many interchanges there are, and how many different ones it saw."""
    if measured.line < 0 or examples.continuous:
        return replace(measured, continuous=examples.continuous)
    split = split_number(hypothesis, measured.split)
    seen = len(np.unique(interchange_keys(examples, measured.line, split)))
    return replace(measured, space=examples.spaces.get((measured.line, split)), seen=(seen,))


def tell_failures(
    scene: Scene, failed: Sequence[Measured], seconds: dict[str, float]
) -> tuple[tuple[Counterexample, ...], tuple[Residual, ...], tuple[str, ...]]:
    """Counterexamples and residual rules of what fails, and notes on what could not be told."""
    if not failed:
        return (), (), ()
    hypothesis = scene.hypothesis
    notes, examples, rules = [], [], []
    with Clock(seconds, "counterexamples"):
        until = time.monotonic() + 3 * MOST_SECONDS
        for each in failed:
            split = split_number(hypothesis, each.split)
            left = min(MOST_SECONDS, until - time.monotonic())
            example, rule = tell(scene, each, split, seconds=left)
            examples += [] if example is None else [example]
            rules += [] if rule is None else [rule]
            if example is None:
                what = hypothesis.counterfactuals.lines[each.line].name if each.line >= 0 else ""
                what = f"{each.metric} of `{what}`" if what else each.metric
                notes.append(
                    f"{what}: no failing example is shown, since none failed again by itself"
                )
    return tuple(examples), tuple(rules), tuple(notes)


def setting_of(
    job: Job,
    hypothesis: Hypothesis,
    resources: Resources,
    store: Store,
    progress: Progress | None,
    examples: Examples | None = None,
) -> Setting:
    """Everything that settling a job's alignment depends on; `examples` may be a part of all."""
    alignment = hypothesis.alignment_named(job.alignment)
    alignment = expand_tokens(alignment, store.network)
    algorithm = hypothesis.algorithm_named(alignment.algorithm)
    if job.control == "random_sites":
        sites = stream(job.seed, "random sites")
        alignment = move_sites(alignment, store.network, generator=sites)
    elif job.control == "whole_site":
        alignment = whole_site(alignment)
    examples = resources.examples(job.seed) if examples is None else examples
    if job.control == "shuffled_sources":
        draws = numpy_stream(job.seed, "shuffled sources")
        examples = shuffle_sources(examples, generator=draws)
    elif job.control == "wrong_algorithm":
        algorithm = resources.rival(job.alignment).algorithm
        examples = answered_by(algorithm, hypothesis.counterfactuals.lines, examples)
    aligned = set(alignment.variables)
    lines = {
        number: line
        for number, line in enumerate(hypothesis.counterfactuals.lines)
        if line.algorithm == alignment.algorithm and set() < _names(line) <= aligned
    }
    if job.control == "whole_site":
        lines = _whole(lines, job, alignment)
    report = None
    if progress is not None:
        tell, control = progress, job.control
        report = lambda what, share: tell(f"{what} under {control}" if control else what, share)  # noqa: E731
    return Setting(
        alignment=alignment,
        algorithm=algorithm,
        lines=lines,
        splits=_splits(hypothesis),
        examples=examples,
        store=store,
        seed=job.seed,
        budget=budget_for(store.network),
        random_basis=job.control == "random_basis",
        folder=hypothesis.folder,
        report=report,
    )


def _whole(lines: Mapping[int, Line], job: Job, alignment: Alignment) -> dict[int, Line]:
    """The lines that can be made with whole sites; an error where one that is measured cannot."""
    why = {number: clash(line, alignment.spaces) for number, line in lines.items()}
    for number in job.lines:
        if why[number]:
            raise EngineError(
                f"`{lines[number].name}` has no meaning under `whole_site`: {why[number]}",
                "measure the other interchanges under it, by name",
            )
    return {number: line for number, line in lines.items() if not why[number]}


def _splits(hypothesis: Hypothesis) -> dict[str, int]:
    return {name: i for i, (name, _) in enumerate(hypothesis.counterfactuals.splits)}


def _names(line: Line) -> set[str]:
    taken = {name for take in line.takes for name in (take.variable, take.origin)}
    return taken | {each.variable for each in line.assignments}


# --------------------------------------------------------------------- measuring


def _accuracy(
    job: Job, hypothesis: Hypothesis, resources: Resources, trained: bool
) -> tuple[Measured, ...]:
    """What the clean network answers, over the split's bases with multiplicity (M4).

    `accuracy` counts those right on every output; a job of no alignment has other metrics too.
    """
    examples = resources.drawn(job.seed)
    algorithm = hypothesis.algorithms[0].name
    if job.alignment:
        algorithm = hypothesis.alignment_named(job.alignment).algorithm
    clean: dict[str, NDArray[Any]]
    clean = {"accuracy": resources.right(job.seed, trained=trained, algorithm=algorithm)}
    terms = (circuit_terms(hypothesis, job), replacement_terms(hypothesis, job))
    named = {name for each in terms for name, _ in each}
    for name in () if job.alignment else job.metrics:
        if name in named:
            continue
        clean[name] = resources.clean(job.seed, name, trained=trained, algorithm=algorithm)
    found = []
    for name in asked_splits(job, hypothesis):
        split = split_number(hypothesis, name)
        bases: list[NDArray[np.int64]] = [
            line.base[members_of(examples, number, split)]
            for number, line in enumerate(examples.lines)
        ]
        rows = np.concatenate(bases) if bases else np.zeros(0, dtype=np.int64)
        exact = all(examples.exact_on(n, split) for n in range(len(examples.lines)))
        found += [Measured(each, -1, name, value[rows], exact) for each, value in clean.items()]
    return tuple(found)


def asked_splits(job: Job, hypothesis: Hypothesis) -> tuple[str, ...]:
    """Splits to measure on; "" stands for all examples of a file that splits none."""
    return job.splits if hypothesis.counterfactuals.splits else ("",)


def split_number(hypothesis: Hypothesis, name: str) -> int:
    """A split's number; 0 where a file splits nothing, an error where it has none of that name."""
    splits = _splits(hypothesis)
    if not splits:
        return 0
    if name not in splits:
        raise EngineError(f"there is no split `{name}`", f"there are {', '.join(splits)}")
    return splits[name]


def measure_lines(
    job: Job, hypothesis: Hypothesis, setting: Setting, found: Settled, *, prove: bool = True
) -> tuple[tuple[Measured, ...], tuple[str, ...]]:
    """The job's lines on its splits; `prove` that the writes reach something, and notes on them."""
    measured: list[Measured] = []
    notes: list[str] = []
    clean = setting.examples.clean[setting.algorithm.name]
    base = setting.store.wanted(setting.algorithm, clean)
    apart = asked_of(job, hypothesis)
    named = ("iia", *(name for name in job.metrics if name not in {*apart, SCRUBBED}))
    metrics = {name: metric_of(name, setting.algorithm, base, setting.store) for name in named}
    for number in job.lines:
        line = hypothesis.counterfactuals.lines[number]
        idle = job.control in IDLE
        program = Program((), {number: ()})
        if not idle:
            program = compile_lines({number: line}, setting.alignment, found.chosen)
        setting.store.capture(program.read)
        proven = idle or not prove
        for name in asked_splits(job, hypothesis):
            split = split_number(hypothesis, name)
            device = setting.store.at_device
            rows = table(program, setting.examples, [number], split, device=device).rows
            if not proven:
                notes += line_notes(
                    prove_writes(program, found.bases, rows, setting.store), line.name
                )
                proven = True
            exact = setting.examples.exact_on(number, split)
            if idle:
                each = idle_values(job.control, rows, setting.store, metrics)
            else:
                each = values(program, found.bases, rows, setting.store, metrics)
            measured += [Measured(m, number, name, column, exact) for m, column in each.items()]
            for what, term in asked_of(job, hypothesis, number).items():
                kept, told = measure_apart(term, number, split, hypothesis, setting, found)
                measured.append(Measured(what, number, name, kept, exact))
                notes += told
    return tuple(measured), tuple(notes)


# ------------------------------------------------------------------------ saving


def save_bases(
    folder: Path, job: Job, hypothesis: Hypothesis, setting: Setting, found: Settled, plan: str
) -> None:
    """Write each basis that was made as `<job>-<space>.safetensors`, and whose it is."""
    network = setting.store.network
    for number, basis in found.bases.items():
        space = setting.alignment.spaces[number]
        if not find(space.basis.kind).drawable:
            continue
        chosen = found.chosen[number]
        homes = {member.variable: member.choices[chosen] for member in space.members}
        label = Label(
            basis=basis.kind,
            blocks={member.variable: member.block for member in space.members},
            sites={name: tuple(map(site_record, home.writes)) for name, home in homes.items()},
            reads={name: tuple(map(site_record, home.reads)) for name, home in homes.items()},
            settings=dict(space.basis.settings),
            choice=space.labels[chosen] if space.labels else "",
            hypothesis=hypothesis.name,
            alignment=setting.alignment.name,
            network=network.kind,
            weights=str(network.record.get("weights", "")),
            plan=plan,
            seed=job.seed,
            control=job.control,
        )
        save_basis(folder / f"{job.name}-{number}.safetensors", basis, label)


class Clock:
    """Adds the seconds spent inside to an entry."""

    def __init__(self, seconds: dict[str, float], name: str) -> None:
        self.seconds, self.name = seconds, name

    def __enter__(self) -> None:
        self.began = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        spent = time.perf_counter() - self.began
        self.seconds[self.name] = self.seconds.get(self.name, 0.0) + spent


__all__ = ["Resources", "run_job", "save_bases"]
