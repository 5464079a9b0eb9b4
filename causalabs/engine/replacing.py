"""Replacement: how much of what a component is worth is left when something else stands there.

The network is run with what the component writes replaced: by what a person's function makes
of what the component reads, or by a vector for each value that a variable of the algorithm has
in the clean run. Of the loss L, minus the logarithm of the right answer's probability,

    loss recovered = (L(baseline) - L(replaced)) / (L(baseline) - L(network)),

a ratio of means over examples, where the baseline is the network with the component's mean in
its place, or an n-gram. Rows are linearised, so that their mean is the ratio and their spread
the delta method's. The vectors are the means of what the component writes on the examples of
`train` that have the value: of all decoders of the value the one with the least squared error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from causalabs.counterfactuals.examples import Examples, LineExamples
from causalabs.engine.answers import METRICS, classes_of_outputs
from causalabs.engine.batches import in_parts
from causalabs.engine.errors import EngineError
from causalabs.engine.modules.feeding import last_line, where_it_failed
from causalabs.engine.modules.python_file import not_allowed
from causalabs.engine.networks.naming import say_site
from causalabs.engine.ngrams import ngram
from causalabs.engine.protocol import Scores
from causalabs.engine.store import Store
from causalabs.hypothesis.circuit_rules import pairs_of
from causalabs.hypothesis.model import AllOf, Hypothesis, Last, Replacement, Site, Term
from causalabs.hypothesis.replacements import MEAN, NGRAMS, RECOVERED
from causalabs.modified import linearised
from causalabs.plans import Job, procedure, quantities
from causalabs.results import Measured

CLEAR = 3.0
"""Standard errors by which a baseline's loss must exceed the network's to be divided by."""

Rows: TypeAlias = NDArray[np.float64]
Instead: TypeAlias = Callable[[Tensor], Tensor]
"""Inputs' numbers (rows,) -> what stands at the site in place of what is written: (rows, width)."""


def replacement_terms(hypothesis: Hypothesis, job: Job) -> dict[tuple[str, str], Term]:
    """What a job measures of replacements: by what it is kept as, and split."""
    return {
        (term.measured, quantity.split or ""): term
        for quantity in quantities(hypothesis)
        for term in quantity.terms
        if term.metric == RECOVERED and procedure(term) == (job.control, job.alignment)
    }


def replaced(
    job: Job,
    hypothesis: Hypothesis,
    store: Store,
    examples: Examples,
    functions: Mapping[str, Callable[..., Any]],
) -> tuple[tuple[Measured, ...], tuple[str, ...]]:
    """Everything that a job is asked of replacements, example by example, and notes on it."""
    bench = Bench(hypothesis, store, examples, functions)
    measured, notes = [], []
    for (name, split), term in replacement_terms(hypothesis, job).items():
        values, note = _recovered(term, split, bench)
        exact = examples.exact_on(pairs_of(hypothesis), bench.split(split))
        measured.append(Measured(name, -1, split, values, exact))
        notes += [note]
    return tuple(measured), tuple(dict.fromkeys((*notes, *bench.notes)))


@dataclass(eq=False)
class Bench:
    """A network over a job's examples, and the losses of runs of it."""

    hypothesis: Hypothesis
    store: Store
    examples: Examples
    functions: Mapping[str, Callable[..., Any]]
    notes: list[str] = field(default_factory=list)

    @property
    def line(self) -> LineExamples:
        """The examples whose bases are run."""
        return self.examples.lines[pairs_of(self.hypothesis)]

    def split(self, name: str) -> int:
        """The number of a split."""
        names = [each for each, _ in self.hypothesis.counterfactuals.splits]
        return names.index(name) if name in names else 0

    def rows(self, split: str) -> NDArray[np.int64]:
        """The bases of a split, as often as they were drawn."""
        found: NDArray[np.int64] = self.line.base[self.line.split == self.split(split)]
        return found

    def loss(self, scores: Scores, rows: Tensor | None = None) -> Rows:
        """The loss of each row, (rows,); of all inputs without `rows`."""
        algorithm = self.hypothesis.algorithms[0]
        answers = self.store.wanted(algorithm, self.examples.clean[algorithm.name])
        if rows is not None:
            answers = {name: column[rows] for name, column in answers.items()}
        found = METRICS["loss"](scores, answers, None, classes_of_outputs(algorithm))
        if not bool(torch.isfinite(found).all()):
            raise EngineError(f"`{RECOVERED}` is not a finite number for some example")
        return found.double().cpu().numpy()

    def ngram(self, name: str) -> Rows:
        """The loss of an n-gram baseline on all inputs."""
        algorithm = self.hypothesis.algorithms[0]
        answers = self.store.wanted(algorithm, self.examples.clean[algorithm.name])
        classes = classes_of_outputs(algorithm)
        inputs, train = self.examples.inputs, self.rows("train")
        scores = ngram(NGRAMS[name], algorithm, inputs, answers, classes, train)
        return self.loss({each: column.to(self.store.at_device) for each, column in scores.items()})

    def replaced(self, site: Site, instead: Instead, rows: NDArray[np.int64]) -> Rows:
        """The loss of each row with `instead` at the site: (rows,)."""
        unique, back = np.unique(rows, return_inverse=True)
        numbers = torch.from_numpy(unique).to(self.store.at_device)

        def work(part: slice) -> Rows:
            mine = numbers[part]
            scores = _run(self.store, site, instead(mine), mine)
            return self.loss(scores, mine)

        with torch.no_grad():
            parts, self.store.at_once = in_parts(len(unique), self.store.at_once, work)
        return np.concatenate(parts)[back.reshape(-1)]


def _run(store: Store, site: Site, values: Tensor, rows: Tensor) -> Scores:
    """Scores of some inputs with these values at the site; an error where nothing was written."""
    reached = []

    def write(current: Tensor) -> Tensor:
        reached.append(current.shape == values.shape)
        return values.to(current.dtype)

    scores = store.network.resume(store.prefix((site,), rows), [(site, write)])
    if reached != [True]:
        raise EngineError(f"{say_site(site)} was never reached: nothing was written there")
    return scores


def _recovered(term: Term, split: str, bench: Bench) -> tuple[Rows, str]:
    """Rows of the ratio, to first order, and the losses that it is made of in words."""
    replacement = bench.hypothesis.replacement_named(term.subjects[0])
    against = (*term.subjects[1:], MEAN)[0]
    rows = bench.rows(split)
    if not len(rows) or not len(bench.rows("train")):
        raise EngineError(f"`{term.text}`: there is no example to measure it on, or to fit it on")
    network = bench.loss(bench.store.scores())[rows]
    own = bench.replaced(replacement.site, instead_of(replacement, bench), rows)
    mean = bench.replaced(replacement.site, _mean(replacement.site, bench), rows)
    worse = mean if against == MEAN else bench.ngram(against)[rows]
    what = f"the loss with {say_site(replacement.site)} at its mean"
    what = what if against == MEAN else f"the {against}'s loss"
    whole = worse - network
    room = float(whole.mean())
    error = float(whole.std(ddof=1)) / len(whole) ** 0.5 if len(whole) > 1 else 0.0
    if room <= CLEAR * error or room == 0.0:
        raise EngineError(
            f"`{term.text}`: {what}, {worse.mean():.4g}, is not clear of the network's, "
            f"{network.mean():.4g}: there is nothing to recover",
            "replace a component that the network needs, or draw more examples",
        )
    words = [("network's", network), ("replaced", own), ("mean-ablated", mean)]
    words += [] if against == MEAN else [(f"{against}'s", worse)]
    told = ", ".join(f"{name} {each.mean():.4g}" for name, each in words)
    note = f"`{replacement.name}`: loss on {split or 'all examples'}: {told}"
    return linearised(worse - own, whole), note


# ------------------------------------------------------------- what stands there instead


def instead_of(replacement: Replacement, bench: Bench) -> Instead:
    """What a replacement puts at its site; `EngineError` for code that is not allowed to run."""
    if replacement.function:
        return _by_function(replacement, bench)
    return _by_value(replacement, bench)


def _mean(site: Site, bench: Bench) -> Instead:
    """The mean of what the component writes over `train`, of each position by itself."""
    mean = _means(site, np.zeros(len(bench.store.inputs), dtype=np.int64), bench)[0]
    return lambda rows: mean.expand(len(rows), -1)


def _by_value(replacement: Replacement, bench: Bench) -> Instead:
    """A vector for each value of the variable: what the component writes with it, on average."""
    column = bench.examples.clean[replacement.algorithm][replacement.variable]
    flat = np.asarray(column).reshape(len(bench.store.inputs), -1)
    _, codes = np.unique(flat, axis=0, return_inverse=True)
    codes = codes.reshape(-1)
    unseen = np.setdiff1d(codes, codes[bench.rows("train")])
    if len(unseen):
        bench.notes.append(
            f"`{replacement.name}`: {len(unseen)} values of `{replacement.variable}` are not in "
            "`train`: the mean stands for them"
        )
    means = _means(replacement.site, codes, bench)
    of_row = torch.from_numpy(codes).to(means.device)
    return lambda rows: means[of_row[rows]]


def _means(site: Site, codes: NDArray[np.int64], bench: Bench) -> Tensor:
    """Means over `train` of what stands at the site, by code: (codes, width).

    That of all of `train` where a code is not in it.
    """
    store = bench.store
    store.capture([site])
    rows = bench.rows("train")
    total = torch.zeros(int(codes.max()) + 1, store.width(site), dtype=torch.float64)
    count = torch.from_numpy(np.bincount(codes[rows], minlength=len(total))).double()
    for first in range(0, len(rows), store.at_once):
        some = rows[first : first + store.at_once]
        there = store.rows((site,), torch.from_numpy(some).to(store.at_device))
        total.index_add_(0, torch.from_numpy(codes[some]), there.double().cpu())
    means = total / count.clamp(min=1)[:, None]
    means[count == 0] = total.sum(dim=0) / len(rows)
    return store.place(means)


def _by_function(replacement: Replacement, bench: Bench) -> Instead:
    """What a person's function makes of what the component reads."""
    site, name, store = replacement.site, replacement.function, bench.store
    if name not in bench.functions:
        raise not_allowed(name)
    function, read = bench.functions[name], reads_of(site)
    width = _width_of_one(read, store)
    shape = (store.width(site) // _width_of_one(site, store), _width_of_one(site, store))
    store.capture([read])

    def made(rows: Tensor) -> Tensor:
        given = store.rows((read,), rows)
        given = given.to(store.network.dtype)
        wanted: tuple[int, ...] = (len(rows), *shape)
        if site.position is None:  # a layer without positions
            wanted = (len(rows), shape[1])
        else:
            given = given.reshape(len(rows), -1, width)  # (batch, position, width)
        try:
            found = function(given)
        except (Exception, SystemExit) as error:
            raise EngineError(
                f"`{name}` failed in the place of {say_site(site)}: {last_line(error)}",
                where_it_failed(error),
            ) from error
        _check(found, wanted, replacement)
        return store.place(found.detach().reshape(len(rows), -1))

    return made


def reads_of(site: Site) -> Site:
    """Where what a component reads stands, at every token, before any norm.

    >>> reads_of(Site("mlp", 1)).part, reads_of(Site("hidden", 2)).layer
    ('between', 1)
    """
    if site.component == "hidden":
        return replace(site, layer=(site.layer or 0) - 1)
    part = "between" if site.component == "mlp" else "before"
    return Site("residual", site.layer, part=part, position=AllOf(ragged=True))


def _width_of_one(site: Site, store: Store) -> int:
    """Numbers at one position."""
    return store.width(site if site.position is None else replace(site, position=Last()))


def _check(found: Any, wanted: tuple[int, ...], replacement: Replacement) -> None:
    """An error unless it is a tensor of finite numbers of this shape."""
    name, place = replacement.function, say_site(replacement.site)
    if not isinstance(found, Tensor):
        problem = f"a {type(found).__name__}"
    elif tuple(found.shape) != wanted:
        problem = f"a tensor of shape {tuple(found.shape)}"
    elif not found.is_floating_point():
        problem = f"a tensor of {str(found.dtype).removeprefix('torch.')}"
    elif not bool(torch.isfinite(found).all()):
        problem = "numbers that are not finite"
    else:
        return
    axes = "(batch, position, width)" if len(wanted) == 3 else "(batch, width)"
    raise EngineError(
        f"`{name}` returned {problem} in the place of {place}",
        f"return a float tensor {axes} = {wanted}: what {place} writes",
    )
