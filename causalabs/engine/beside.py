"""Measuring what stands beside a plan's jobs, after them: controls and capacity curves.

Networks, drawn examples and clean activations are those of the jobs; what a job has fitted is
read from its files, so only what no job fitted is fitted here, at the sites that the plain job
chose. All rows of one table are measured on the same examples.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from causalabs.algorithm.evaluate import MechanismError
from causalabs.compared import batteries, curves
from causalabs.counterfactuals.cut import cut
from causalabs.counterfactuals.examples import Examples
from causalabs.engine.controls import IDLE, pinned
from causalabs.engine.held import Held
from causalabs.engine.idle import idle_values
from causalabs.engine.interchange import Program, compile_lines
from causalabs.engine.jobs import setting_of, split_number
from causalabs.engine.measure import agreement, values
from causalabs.engine.restoring import restored
from causalabs.engine.rows import table
from causalabs.engine.search import Setting, Settled, settle
from causalabs.engine.spaces import space_width
from causalabs.engine.streams import numpy_stream
from causalabs.errors import RunError
from causalabs.extras import (
    Extra,
    battery as battery_of,
    curve as curve_through,
    in_basis,
    label,
    subjects,
)
from causalabs.hypothesis.model import Hypothesis
from causalabs.hypothesis.terms import fitted
from causalabs.hypothesis.whole import clash
from causalabs.plans import Job, Plan
from causalabs.results import FitRecord, Measured, Outcome, Results
from causalabs.runs import RunFolder

Progress = Callable[[str, float], None]

MEASURED = 4_000
"""Examples of each interchange and split that are measured, of more that are drawn."""

ENUMERATED = 65_536
"""Examples up to which all are measured, where they are every interchange there is."""


def beside(
    hypothesis: Hypothesis,
    plan: Plan,
    folder: RunFolder,
    held: Held,
    results: Results,
    wanted: str,
    progress: Progress | None = None,
) -> Results:
    """The results with the "battery" of controls, or with the capacity "curve"."""
    work = Beside(hypothesis, plan, folder, held, progress)
    if wanted == "battery":
        extras = battery_of(hypothesis, plan)
        work.measure(extras)
        rivals = {
            extra.alignment: held.resources.rival(extra.alignment).sentence
            for extra in extras
            if extra.control == "wrong_algorithm" and extra.name in work.outcomes
        }
        found = batteries(hypothesis, plan, extras, work.outcomes, work.failed, rivals)
        results = replace(results, batteries=found)
    else:
        extras = tuple(e for job in subjects(hypothesis, plan) for e in work.curve_of(job))
        work.measure(extras)
        results = replace(results, curves=curves(hypothesis, extras, work.outcomes, work.failed))
    spent = sum(sum(outcome.seconds.values()) for outcome in work.outcomes.values())
    seconds = {kind: each for kind, each in results.seconds.items() if kind != "total"}
    seconds[SECONDS[wanted]] = round(spent, 3)
    return replace(results, seconds={**seconds, "total": round(sum(seconds.values()), 3)})


SECONDS = {"battery": "controls", "curve": "capacity curve"}
"""What the time is told under."""


class Beside:
    """Measures extras of one run, one after another; what is finished is read from the folder."""

    def __init__(
        self,
        hypothesis: Hypothesis,
        plan: Plan,
        folder: RunFolder,
        held: Held,
        progress: Progress | None = None,
    ) -> None:
        self.hypothesis, self.plan, self.folder = hypothesis, plan, folder
        self.held, self.resources = held, held.resources
        self.say = progress or (lambda text, share: None)
        self.outcomes: dict[str, Outcome] = {}
        self.failed: dict[str, str] = {}

    def measure(self, extras: Sequence[Extra]) -> None:
        """Measure them, or note why one cannot be: no control may stop a run that is judged.

        Seeds come last first: what the jobs of the last one used is still at hand.
        """
        order = sorted(range(len(extras)), key=lambda n: (-extras[n].seed, n))
        for done, number in enumerate(order):
            extra = extras[number]
            found = self.folder.load(extra.name)
            if found is None:
                self.say(f"{_said(extra)} ({done + 1} of {len(extras)})", 0.0)
                try:
                    found = self._run(extra)
                except RunError as error:
                    self.failed[extra.name] = error.message
                    continue
                except MechanismError as error:
                    self.failed[extra.name] = str(error)
                    continue
                self.folder.save(found)
            self.outcomes[extra.name] = found

    def curve_of(self, job: Job) -> tuple[Extra, ...]:
        """The points of a plain job's capacity curve, at the sites that it chose."""
        plain = self._job("", job.alignment, job.seed)
        if plain is None:
            return ()
        setting = self._setting(job)
        store, there = setting.store, pinned(setting.alignment, plain.fits)
        widths, shares = [], []
        for space in there.spaces:
            if fitted(space):
                widths.append(space_width(space, 0, store))
                shares.append(widths[-1] // len({member.block for member in space.members}))
        return curve_through(self.hypothesis, job, max(widths), min(shares)) if widths else ()

    # ---------------------------------------------------------------------- one extra

    def _run(self, extra: Extra) -> Outcome:
        began = time.perf_counter()
        setting, found = self._settled(extra)
        measured = [
            each for name in extra.splits for each in self._measured(extra, setting, found, name)
        ]
        seconds = {"controls": time.perf_counter() - began}
        return Outcome(extra.name, tuple(measured), found.records, {}, seconds)

    def _settled(self, extra: Extra) -> tuple[Setting, Settled]:
        """Restored where a job of the plan has settled it, fitted otherwise."""
        setting = self._setting(extra.job)
        if extra.control in IDLE:
            return setting, Settled()
        if extra.basis is None:
            done = self._job(extra.control, extra.alignment, extra.seed)
            if done is not None:
                return setting, restored(setting, done.fits, self.folder.path / "bases", done.job)
        plain = self._job("", extra.alignment, extra.seed)
        fits: tuple[FitRecord, ...] = () if plain is None else plain.fits
        alignment = pinned(setting.alignment, fits)
        if extra.basis is not None:
            alignment = in_basis(alignment, *extra.basis)
        lines = {n: line for n, line in setting.lines.items() if n in _kept(extra, setting)}
        setting = replace(setting, alignment=alignment, lines=lines)
        return setting, settle(setting)

    def _setting(self, job: Job) -> Setting:
        examples, store = self.held.fitting(job.seed, trained=job.control != "untrained")
        return setting_of(job, self.hypothesis, self.resources, store, self.say, examples)

    def _job(self, control: str, alignment: str, seed: int) -> Outcome | None:
        """The outcome of a job of the plan, if it has one like that."""
        for job in self.plan.jobs:
            if (job.control, job.alignment, job.seed) == (control, alignment, seed):
                return self.folder.load(job.name)
        return None

    def _measured(
        self, extra: Extra, setting: Setting, found: Settled, split: str
    ) -> Iterator[Measured]:
        """The interchanges of an extra on a split, on the same examples under every control."""
        at = split_number(self.hypothesis, split)
        part, exact = self._part(extra, setting, at)
        network = setting.store.network
        changed = extra.control == "shuffled_sources"
        key = (extra.control == "untrained", "beside", at, changed)
        store = self.held.store(extra.seed, network, part, key)
        for number in extra.lines:
            line = self.hypothesis.counterfactuals.lines[number]
            program = Program((), {number: ()})
            if extra.control not in IDLE:
                program = compile_lines({number: line}, setting.alignment, found.chosen)
                store.capture(program.read)
            rows = table(program, part, [number], at, device=store.at_device).rows
            if extra.control in IDLE:
                hits = idle_values(extra.control, rows, store, {"iia": agreement})["iia"]
            else:
                hits = values(program, found.bases, rows, store, {"iia": agreement})["iia"]
            yield Measured("iia", number, split, hits, exact)

    def _part(self, extra: Extra, setting: Setting, split: int) -> tuple[Examples, bool]:
        """The examples of a split that are measured, as the control has them."""
        drawn = self.held.table(extra.seed, drawn=False)
        rows, exact = [], True
        for number, line in enumerate(drawn.lines):
            mine = np.flatnonzero(line.split == split)
            whole = drawn.exact_on(number, split)
            if len(mine) > (ENUMERATED if whole else MEASURED):
                draws = numpy_stream(extra.seed, "beside", number, split)
                mine = np.sort(draws.choice(mine, MEASURED, replace=False))
                whole = False
            rows.append(mine)
            exact = exact and whole
        job, resources = extra.job, self.resources
        there = setting_of(job, self.hypothesis, resources, setting.store, None, drawn).examples
        return cut(there, rows), exact


def _kept(extra: Extra, setting: Setting) -> set[int]:
    """Lines that take part in a fit: all but those that whole sites leave impossible."""
    if extra.basis is None or extra.basis[0].kind != "whole":
        return set(setting.lines)
    spaces = setting.alignment.spaces
    return {number for number, line in setting.lines.items() if not clash(line, spaces)}


def _said(extra: Extra) -> str:
    """An extra as a person would say it."""
    words = [f"seed {extra.seed}", *([extra.alignment] if extra.alignment else [])]
    if extra.basis is not None:
        words.append(label(*extra.basis))
    if extra.control:
        words.append(f"under {extra.control}")
    return ", ".join(["beside", *words]) if len(words) > 1 else "beside"
