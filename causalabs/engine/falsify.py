"""Hunting for a failing interchange of a claim that was met.

First come the rows that were measured. Then interchanges are drawn as the file draws them, and
those on which the network is least sure of the right answer are changed, one input of one run
at a time, as long as that makes it less sure.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from causalabs.algorithm.domains import Bool, Column, Interval, Mod, Real, SetOf, size
from causalabs.algorithm.model import Variable
from causalabs.counterfactuals.draw import draw
from causalabs.engine.answers import classes_of_outputs, logit_difference
from causalabs.engine.counterexamples import MOST_SECONDS, rows_of, smallest
from causalabs.engine.failures import Scene, beginning, counterexample_of
from causalabs.engine.held import whole_of
from causalabs.engine.jobs import setting_of, split_number
from causalabs.engine.resources import MakeNetwork, Resources
from causalabs.engine.restoring import restored
from causalabs.engine.run import threads, usable
from causalabs.engine.trials import Runs, Trials
from causalabs.failing import wanted
from causalabs.hypothesis.model import Hypothesis, Line
from causalabs.judge import job_of
from causalabs.plans import Job, Plan
from causalabs.results import Hunt, Measured, Results
from causalabs.runs import RunFolder

BATCH = 1024
DRAWN = 16 * BATCH
"""Drawn at a time: a draw may list a large space of inputs first."""
BEST = 256
CLIMBS = 6
"""Rounds of changes between two draws."""

Progress = Callable[[str, float], None]


def falsify(
    hypothesis: Hypothesis,
    plan: Plan,
    folder: RunFolder,
    *,
    results: Results,
    seconds: float,
    device: str = "cpu",
    progress: Progress | None = None,
    make_network: MakeNetwork | None = None,
) -> Results:
    """The results with a hunt for each line whose expectation is met, at the first seed.

    The budget is shared evenly; loading the network and drawing are not part of it.
    """
    say = progress or (lambda text, share: None)
    targets = list(_targets(hypothesis, plan, folder, results))
    resources = Resources(
        hypothesis,
        device=usable(device, plan.dtype),
        progress=say,
        make_network=make_network,
        whole=whole_of(hypothesis, plan),
    )
    hunts: list[Hunt] = []
    with threads(hypothesis):
        scenes: dict[str, Scene] = {}
        for number, (job, measured, text) in enumerate(targets):
            say(f"falsifying {text}", number / len(targets))
            if job.name not in scenes:
                scenes[job.name] = _scene(job, hypothesis, resources, folder)
            hunts.append(_hunt(scenes[job.name], measured, text, seconds / len(targets)))
    return replace(results, hunts=tuple(hunts))


def _targets(
    hypothesis: Hypothesis, plan: Plan, folder: RunFolder, results: Results
) -> Iterator[tuple[Job, Measured, str]]:
    seen = set()
    for expectation, judged in zip(hypothesis.expectations, results.expectations, strict=True):
        for term in wanted(expectation) if judged.verdict == "met" else ():
            job = job_of(term, plan.seeds[0], plan)
            outcome = folder.load(job.name)
            for each in () if outcome is None else outcome.measured:
                key = (each.metric, each.line, each.split)
                mine = (term.metric, expectation.quantity.split or "")
                if (each.metric, each.split) != mine or each.line not in (term.lines or (-1,)):
                    continue
                if key not in seen:
                    seen.add(key)
                    yield job, each, judged.text


# ------------------------------------------------------------------------- the scene


def _scene(job: Job, hypothesis: Hypothesis, resources: Resources, folder: RunFolder) -> Scene:
    """A finished job's network, examples and bases, as it left them."""
    scene = Scene(
        job=job,
        hypothesis=hypothesis,
        network=resources.network(job.seed),
        examples=resources.examples(job.seed),
        drawn=resources.drawn(job.seed),
    )
    outcome = folder.load(job.name)
    if not job.alignment or outcome is None:
        return scene
    setting = setting_of(job, hypothesis, resources, resources.store(job.seed), None)
    settled = restored(setting, outcome.fits, folder.path / "bases", job.name)
    return replace(scene, alignment=setting.alignment, chosen=settled.chosen, bases=settled.bases)


# -------------------------------------------------------------------------- the hunt


def _hunt(scene: Scene, measured: Measured, text: str, seconds: float) -> Hunt:
    """One line's hunt."""
    began = time.monotonic()
    split = split_number(scene.hypothesis, measured.split)
    trials = scene.trials(measured.line)
    table = scene.examples if measured.line >= 0 else scene.drawn
    measured, rows = beginning(measured)
    wrong = ~measured.hits
    failed: Runs | None = None
    tried = 0
    if wrong.any():
        failed = rows_of(table.inputs, scene.inputs_of(measured.line, split, rows)[:, wrong])
    elif not measured.exact:
        chase = _Chase(trials, began + seconds, np.random.default_rng(scene.job.seed))
        failed, tried = chase.failing(), chase.tried
    found = None
    if failed is not None:
        least = smallest(trials, failed, seconds=MOST_SECONDS)
        found = None if least is None else counterexample_of(scene, measured, trials, least)
    line = trials.line
    return Hunt(
        metric=measured.metric,
        line=measured.line,
        name="" if line is None else line.name,
        expectation=text,
        tried=tried,
        seconds=round(time.monotonic() - began, 3),
        found=None if found is None else replace(found, expectation=text),
        every=measured.exact and not wrong.any(),
    )


@dataclass(eq=False)
class _Chase:
    """Interchanges by how sure the network is of the right answer."""

    trials: Trials
    until: float
    generator: np.random.Generator
    tried: int = 0
    _left: Runs = ()

    def failing(self) -> Runs | None:
        """Some interchanges that fail, once there are any; None when time is up."""
        pool: tuple[Runs, NDArray[np.float64]] | None = None
        while time.monotonic() < self.until:
            drawn = self._fresh()
            for climb in range(1 + CLIMBS):
                runs = self._changed(pool[0]) if pool and climb else drawn
                came, wrong, margins = self._try(runs)
                if wrong.any():
                    return _rows(came, np.flatnonzero(wrong))
                pool = _best(pool, came, margins)
                if time.monotonic() >= self.until:
                    break
        return None

    def _try(self, runs: Runs) -> tuple[Runs, NDArray[np.bool_], NDArray[np.float64]]:
        """The admitted rows, whether each is wrong, and by how much it is right."""
        tried = self.trials.run(runs)
        if tried is None:
            nothing = np.zeros(0, dtype=np.int64)
            return _rows(runs, nothing), nothing.astype(np.bool_), nothing.astype(np.float64)
        self.tried += len(tried.rows)
        classes = classes_of_outputs(self.trials.algorithm)
        margins = logit_difference(tried.scores, tried.answers, None, classes)
        return _rows(runs, tried.rows), ~tried.right, margins.double().cpu().numpy()

    def _fresh(self) -> Runs:
        """Some interchanges that were drawn and not tried yet."""
        if not self._left or len(next(iter(self._left[0].values()))) == 0:
            self._left = self._drawn()
        count = min(BATCH, getattr(self.trials.network, "rows_at_once", BATCH))
        some = [{name: column[:count] for name, column in run.items()} for run in self._left]
        self._left = [{n: column[count:] for n, column in run.items()} for run in self._left]
        return some

    def _drawn(self) -> Runs:
        """New interchanges as the file draws them, in no split and whatever the network solves."""
        hypothesis = self.trials.hypothesis
        own = self.trials.line or Line("", self.trials.algorithm.name, sources=0)
        drawing = replace(
            hypothesis.counterfactuals,
            sample=DRAWN,
            lines=(own,),
            splits=(("all", Fraction(1)),),
            by=None,
            solved=False,
            keep_where=hypothesis.counterfactuals.keep_where if self.trials.line else None,
        )
        seed = int(self.generator.integers(1 << 40))
        examples = draw(replace(hypothesis, counterfactuals=drawing), seed=seed)
        line = examples.lines[0]
        return rows_of(examples.inputs, np.concatenate([line.base[None], line.sources]))

    def _changed(self, runs: Runs) -> Runs:
        """Each row with one input of one run changed, and what `where` ties to it left alone."""
        copied = self.trials.unchanged
        inputs = self.trials.hypothesis.algorithms[0].inputs
        places = [
            (run, variable)
            for run in range(len(runs))
            for variable in inputs
            if not (run and variable.name in copied)
        ]
        which = self.generator.integers(0, len(places), len(next(iter(runs[0].values()))))
        found = [{name: column.copy() for name, column in run.items()} for run in runs]
        for number, (run, variable) in enumerate(places):
            rows = np.flatnonzero(which == number)
            if len(rows):
                column = found[run][variable.name]
                column[rows] = self._moved(variable, column[rows], runs, rows)
        for source in found[1:]:
            source.update({name: found[0][name] for name in copied})
        return found

    def _moved(
        self, variable: Variable, column: Column, runs: Runs, rows: NDArray[np.int64]
    ) -> Column:
        """Other values of an input: near ones, any ones, and another input's vector."""
        domain, count = variable.domain, len(rows)
        near = self.generator.random(count) < 0.5
        if isinstance(domain, Real):
            low, high = domain.low or 0.0, domain.high or 0.0
            step = self.generator.normal(0, 0.1 * (high - low), column.shape)
            stepped = np.clip(column.astype(np.float64) + step, low, high).astype(np.float32)
            inputs = self.trials.hypothesis.algorithms[0].inputs
            alike = [each.name for each in inputs if each.domain == domain]
            run = runs[int(self.generator.integers(len(runs)))]
            other = run[alike[int(self.generator.integers(len(alike)))]][rows]
            return np.where(near if column.ndim == 1 else near[:, None], stepped, other)
        if isinstance(domain, SetOf):
            return column
        any_of = self.generator.integers(0, size(domain) or 1, count)
        if isinstance(domain, Bool):
            return ~column.astype(np.bool_)
        if isinstance(domain, Interval):
            any_of += domain.low
            beside = column.astype(np.int64) + self.generator.choice([-1, 1], count)
            return np.where(near, np.clip(beside, domain.low, domain.high), any_of)
        if isinstance(domain, Mod):
            beside = column.astype(np.int64) + self.generator.choice([-1, 1], count)
            return np.where(near, beside % domain.modulus, any_of)
        return any_of


def _rows(runs: Runs, rows: NDArray[np.int64]) -> Runs:
    return [{name: column[rows] for name, column in run.items()} for run in runs]


def _best(
    pool: tuple[Runs, NDArray[np.float64]] | None, runs: Runs, margins: NDArray[np.float64]
) -> tuple[Runs, NDArray[np.float64]] | None:
    """The rows of both that the network is least sure of, none twice."""
    if len(margins) == 0:
        return pool
    if pool is not None:
        runs = [
            {name: np.concatenate([old[name], column]) for name, column in new.items()}
            for old, new in zip(pool[0], runs, strict=True)
        ]
        margins = np.concatenate([pool[1], margins])
    _, first = np.unique(margins, return_index=True)  # equal margins: the same run, mostly
    kept = first[:BEST]
    return _rows(runs, kept), margins[kept]
