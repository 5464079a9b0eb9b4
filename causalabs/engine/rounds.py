"""Jobs measured in rounds: settled first, then as many rows as the expectations need.

A job is settled in its turn and measured on a first round of rows. An expectation is looked at
once all its jobs are settled, and its jobs measured on until it is decided or no more rows may
be had; a job is finished, and kept, when every expectation that it takes part in is done with.
Which rows come next depends on the rows before and on nothing else, so that a run that was
killed ends with the numbers of one that was not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from causalabs.certificates import REPORTED, rounds
from causalabs.counterfactuals.cut import interchange_keys, stretch
from causalabs.counterfactuals.draw import MOST_SAMPLED
from causalabs.counterfactuals.examples import Examples
from causalabs.engine.answers import METRICS
from causalabs.engine.circuits.job import circuit_terms
from causalabs.engine.controls import IDLE, check_control
from causalabs.engine.failures import Scene
from causalabs.engine.held import FITTED, Held, Stretch, clean_rows
from causalabs.engine.jobs import (
    Clock,
    asked_splits,
    measure_lines,
    save_bases,
    setting_of,
    split_number,
    tell_failures,
)
from causalabs.engine.protocol import Network
from causalabs.engine.resources import Progress, Resources
from causalabs.engine.restoring import read_settled, write_settled
from causalabs.engine.search import Setting, Settled, settle
from causalabs.engine.store import Store
from causalabs.failing import failing
from causalabs.hypothesis.model import Expectation, Hypothesis
from causalabs.judge import groups_of, job_of, rows_wanted
from causalabs.plans import ALWAYS, Job, Plan, procedure
from causalabs.results import Measured, Outcome


def in_rounds(job: Job, hypothesis: Hypothesis, plan: Plan) -> bool:
    """Whether a job's rows may come in rounds: drawn ones, judged, by metrics row by row."""
    known = {*METRICS, *ALWAYS}
    return (
        not plan.every_example
        and bool(hypothesis.expectations)
        and not hypothesis.counterfactuals.exhaustive
        and known.issuperset(job.metrics)
        and not circuit_terms(hypothesis, job)
        and not set(job.splits) & set(FITTED)
    )


@dataclass(eq=False)
class Rows:
    """What was measured on one split, stretch after stretch; `drawn` 0 where it is all there is."""

    drawn: int
    most: int
    done: int = 0
    found: list[tuple[Measured, ...]] = field(default_factory=list)
    seen: dict[int, NDArray[np.uint64]] = field(default_factory=dict)
    counts: dict[int, list[int]] = field(default_factory=dict)

    def see(self, line: int, keys: NDArray[np.uint64]) -> None:
        """Count the different interchanges of a line with those of a further stretch."""
        before = self.seen.get(line)
        self.seen[line] = np.unique(keys if before is None else np.concatenate([before, keys]))
        self.counts.setdefault(line, []).append(len(self.seen[line]))

    def joined(self, table: Examples, split: int) -> Iterator[Measured]:
        """The measurements, each as one."""
        for parts in zip(*self.found, strict=True):
            first: Measured = parts[0]
            yield replace(
                first,
                values=np.concatenate([part.values for part in parts]),
                drawn=self.drawn,
                most=self.most,
                width=len(table.lines) if self.drawn and first.line < 0 else 1,
                space=table.spaces.get((first.line, split)),
                seen=tuple(self.counts.get(first.line, ())),
                continuous=table.continuous,
            )


class Live:
    """A job under way: its network and fits, and what was measured so far."""

    def __init__(
        self,
        job: Job,
        hypothesis: Hypothesis,
        held: Held,
        plan: Plan,
        say: Progress,
        folder: Path,
    ) -> None:
        check_control(job.control)
        self.folder = folder
        self.job, self.hypothesis, self.held, self.plan = job, hypothesis, held, plan
        self.seconds: dict[str, float] = {}
        self.notes: tuple[str, ...] = ()
        self.fits = Settled()
        self.setting: Setting | None = None
        self.rows: dict[str, Rows] = {}
        self.say = say
        resources = held.resources
        with Clock(self.seconds, "network"):
            self.network: Network = resources.network(job.seed, trained=self.trained)
        with Clock(self.seconds, "examples"):
            resources.drawn(job.seed)
        if job.alignment:
            with Clock(self.seconds, "fit"):
                self._settle(resources)

    @property
    def trained(self) -> bool:
        """Whether the network is the one under test."""
        return self.job.control != "untrained"

    def _settle(self, resources: Resources) -> None:
        """Fit and choose; what is judged is looked at afterwards."""
        examples, store = self.held.fitting(self.job.seed, trained=self.trained)
        setting = setting_of(self.job, self.hypothesis, resources, store, self.say, examples)
        if self.job.control not in IDLE:
            kept = read_settled(setting, self.folder, self.job.name)
            self.fits = settle(setting) if kept is None else kept
            if kept is None:  # a run that is killed while it measures need not fit again
                bases = self.folder / "bases"
                save_bases(bases, self.job, self.hypothesis, setting, self.fits, self.plan.hash)
                write_settled(self.fits, self.folder, self.job.name)
        self.setting = replace(setting, examples=self._controlled(self._table(), setting))

    def _controlled(self, examples: Examples, setting: Setting) -> Examples:
        """Examples as the job's control has them."""
        resources = self.held.resources
        return setting_of(
            self.job, self.hypothesis, resources, setting.store, None, examples
        ).examples

    def _table(self, *, drawn: bool = False) -> Examples:
        return self.held.table(self.job.seed, drawn=drawn)

    # ----------------------------------------------------------------- measuring

    def begin(self, *, reported: bool) -> None:
        """The first round of every split, and the further ones that a report needs."""
        table = self._table()
        for name in asked_splits(self.job, self.hypothesis):
            split = split_number(self.hypothesis, name)
            counts = [int((line.split == split).sum()) for line in table.lines]
            if all(table.exact_on(number, split) for number in range(len(counts))):
                self.rows[name] = Rows(0, 0)
                self._stretch(name, split, 0, max(counts))
                continue
            count = min(counts)
            fresh = self.held.resources.make_examples is None
            most = min(count * self.plan.run_on, MOST_SAMPLED // len(counts)) if fresh else 0
            self.rows[name] = Rows(count, max(count, most))
            self.grow(name, min(count, REPORTED) if reported else 1)

    def grow(self, name: str, rows: int) -> None:
        """Measure a split round by round until there are so many rows."""
        found = self.rows[name]
        split = split_number(self.hypothesis, name)
        for last in rounds(found.drawn, found.most) if found.drawn else ():
            if found.done < min(rows, last):
                self._stretch(name, split, found.done, last)

    def _stretch(self, name: str, split: int, first: int, last: int) -> None:
        """Measure the rows of one round."""
        found, at = self.rows[name], (split, first, last)
        whole = not found.drawn
        measured: tuple[Measured, ...] = ()
        with Clock(self.seconds, "activations"):
            asked = self._part(at, drawn=True)
            store = self._store(asked, at, "drawn")
            clean = clean_rows(self.job, self.hypothesis, asked, store, whole=whole)
            measured += tuple(Measured(each, -1, name, v, whole) for each, v in clean.items())
        if self.setting is not None:
            with Clock(self.seconds, "measurement"):
                measured += self._lines(self.setting, name, at)
        found.found.append(measured)
        found.done = last

    def _lines(self, setting: Setting, name: str, at: Stretch) -> tuple[Measured, ...]:
        found, (split, first, last) = self.rows[name], at
        plain = self._part(at, drawn=False)
        if found.drawn and first >= found.drawn:
            part = self._controlled(plain, setting)
        else:
            part = stretch(setting.examples, split, first, last)
        shuffled = self.job.control == "shuffled_sources"
        store = self._store(part if shuffled else plain, at, "shuffled" if shuffled else "")
        begun = bool(found.found)
        if not begun:
            self.setting = replace(setting, store=store)  # that of the fit may go
        measured, notes = measure_lines(
            replace(self.job, splits=(name,)),
            self.hypothesis,
            replace(setting, examples=part, store=store),
            self.fits,
            prove=not begun,
        )
        self.notes += notes
        for number in () if plain.continuous else self.job.lines:
            found.see(number, interchange_keys(plain, number, split))
        return measured

    def _part(self, at: Stretch, *, drawn: bool) -> Examples:
        """Rows of a round as they were drawn, or drawn now."""
        split, first, last = at
        count = self.rows[self._name(split)].drawn
        if count and first >= count:
            return self.held.more(self.job.seed, at, drawn=drawn)
        return stretch(self._table(drawn=drawn), split, first, last)

    def _name(self, split: int) -> str:
        names = [name for name, _ in self.hypothesis.counterfactuals.splits]
        return names[split] if names else ""

    def _store(self, part: Examples, at: Stretch, kind: str) -> Store:
        if kind == "drawn" and not self.hypothesis.counterfactuals.solved:
            kind = ""
        return self.held.store(self.job.seed, self.network, part, (self.trained, kind, at))

    # ----------------------------------------------------------------- finishing

    def outcome(self) -> Outcome:
        """What is known so far."""
        return Outcome(job=self.job.name, measured=tuple(self._measured()))

    def _measured(self) -> Iterator[Measured]:
        for name, found in self.rows.items():
            yield from found.joined(self._table(), split_number(self.hypothesis, name))

    def finished(self) -> Outcome:
        """The outcome to keep, with what is to be told of failures."""
        job, setting = self.job, self.setting
        for each in failing(self.hypothesis, job, tuple(self._measured())):
            found = self.rows[each.split]
            self.grow(each.split, min(found.drawn, REPORTED))  # a rule needs rows to be found on
        measured = tuple(self._measured())
        scene = Scene(
            job=job,
            hypothesis=self.hypothesis,
            network=self.network,
            examples=self._table(),
            drawn=self._table(drawn=True),
            alignment=None if setting is None else setting.alignment,
            chosen=self.fits.chosen,
            bases=self.fits.bases,
        )
        failed = failing(self.hypothesis, job, measured)
        counterexamples, residuals, untold = tell_failures(scene, failed, self.seconds)
        return Outcome(
            job=job.name,
            measured=measured,
            fits=self.fits.records,
            network=dict(self.network.record),
            seconds=self.seconds,
            notes=tuple(dict.fromkeys((*self._table().notes, *self.notes, *untold))),
            counterexamples=counterexamples,
            residuals=residuals,
        )


@dataclass(eq=False)
class Staging:
    """Jobs under way and expectations not yet decided."""

    hypothesis: Hypothesis
    plan: Plan
    resources: Resources
    folder: Path
    say: Progress
    known: dict[str, Outcome] = field(default_factory=dict)
    _live: dict[str, Live] = field(default_factory=dict)
    _closed: set[tuple[int, tuple[int, ...]]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.held = Held(self.resources)

    def begin(self, job: Job) -> None:
        """Settle a job and measure its first rows."""
        live = Live(job, self.hypothesis, self.held, self.plan, self.say, self.folder)
        judged = {name for _, _, names in self._groups() for name in names}
        reports = [term for each in self.hypothesis.reports for term in each.terms]
        reported = any(procedure(term) == (job.control, job.alignment) for term in reports)
        live.begin(reported=reported or job.name not in judged)
        self._live[job.name] = live

    def advance(self) -> Iterator[Outcome]:
        """Decide what can be decided; the jobs that are finished with that."""
        for number, seeds, names in self._groups():
            if (number, seeds) not in self._closed and self._there(names):
                self._decide(self.hypothesis.expectations[number], seeds, names)
                self._closed.add((number, seeds))
        open_ = {
            name
            for number, seeds, names in self._groups()
            if (number, seeds) not in self._closed
            for name in names
        }
        for name in [name for name in self._live if name not in open_]:
            done = self._live.pop(name).finished()
            self.known[name] = done
            yield done

    def _groups(self) -> Iterator[tuple[int, tuple[int, ...], tuple[str, ...]]]:
        """Each expectation's number, the seeds that are judged together, and their jobs."""
        for number, each in enumerate(self.hypothesis.expectations):
            for seeds in groups_of(each, self.plan):
                names = (
                    job_of(term, seed, self.plan).name
                    for seed in seeds
                    for term in each.quantity.terms
                )
                yield number, seeds, tuple(dict.fromkeys(names))

    def _there(self, names: Sequence[str]) -> bool:
        return all(name in self.known or name in self._live for name in names)

    def _decide(
        self, expectation: Expectation, seeds: tuple[int, ...], names: Sequence[str]
    ) -> None:
        """Measure on until an expectation is decided, or no more rows may be had."""
        split = expectation.quantity.split or ""
        while True:
            rows = rows_wanted(expectation, self.plan, self._outcomes(names), seeds)
            if rows is None:
                return
            self.say(f"measuring {expectation.quantity.text}", 0.0)
            for name in names:
                if name in self._live:
                    self._live[name].grow(split, rows)

    def _outcomes(self, names: Sequence[str]) -> Mapping[str, Outcome]:
        return {
            name: self._live[name].outcome() if name in self._live else self.known[name]
            for name in names
        }
