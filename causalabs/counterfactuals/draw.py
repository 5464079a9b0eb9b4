"""Drawing: from a hypothesis to its examples, line by line and split by split.

The order is that of SEMANTICS D1: inputs that `where` admits, pairs under the conditions,
`balance`, `keep solved`, split; `sample N` counts what is left. Nothing here runs example
by example.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from causalabs.algorithm.domains import Column
from causalabs.algorithm.expression import names
from causalabs.counterfactuals.deal import Deal, deal, share_out
from causalabs.counterfactuals.errors import DrawError, line_number
from causalabs.counterfactuals.examples import Examples
from causalabs.counterfactuals.lines import MOST_PAIRS, Sampler
from causalabs.counterfactuals.pairing import drawing_keys
from causalabs.counterfactuals.pools import Pool
from causalabs.counterfactuals.runs import Model, answers_of, fresh_columns
from causalabs.counterfactuals.seeding import DEALING, MORE, generator_for
from causalabs.counterfactuals.shuffle import shuffle_sources
from causalabs.counterfactuals.solving import Solved, Solver
from causalabs.counterfactuals.space import CHUNK, Cells, conjuncts
from causalabs.counterfactuals.table import Drawn, tabulate
from causalabs.counterfactuals.whole import Whole, listed
from causalabs.hypothesis.model import Hypothesis, Line

__all__ = [
    "BaseSampler",
    "DrawError",
    "Examples",
    "draw",
    "draw_bases",
    "draw_more",
    "shuffle_sources",
]

MOST_SAMPLED = 50_000_000
"""Most examples of all lines together: what still fits in memory."""

Progress = Callable[[int, int], None]


def draw(
    hypothesis: Hypothesis,
    *,
    seed: int,
    solved: Solved | None = None,
    progress: Progress | None = None,
    whole: Whole | None = None,
) -> Examples:
    """Draw the examples that a hypothesis' `counterfactuals` block asks for.

    `solved(inputs, clean)` says row by row whether the network answers every read output
    rightly; it is asked only under `keep solved`. Without it the examples are those before
    `keep solved`, which is what `accuracy` is measured on. `progress(done, lines)` is called after
    each line. `whole` says where every interchange is to be taken in place of a sample. The same
    hypothesis and seed give the same examples bit for bit; they depend on no name, and a line's
    not on other lines, but for those of rivals that share theirs. A file that interchanges
    nothing has bases all the same, as the one line of its examples: what `accuracy` is measured
    on.

    Raises DrawError, which says what to change, when the examples cannot be drawn.
    """
    hypothesis = _with_a_line(hypothesis)
    drawing = hypothesis.counterfactuals
    _refuse_large(hypothesis)
    model = Model(hypothesis)
    dealt = deal(model, generator=generator_for(seed, DEALING))
    solver = Solver(model, solved) if drawing.solved and solved is not None else None
    found: list[Drawn] = []
    exact: list[bool] = []
    keys = drawing_keys(hypothesis)
    for number, (line, key) in enumerate(zip(drawing.lines, keys, strict=True)):
        make = _exhaustive if drawing.exhaustive else _sampled
        found.append(make(model, number, dealt, solver, generator_for(seed, *key)))
        apart = dealt.by != "example" or len(drawing.splits) == 1 or line.sources == 0
        exact.append(drawing.exhaustive and apart)
        if progress is not None:
            progress(number + 1, len(drawing.lines))
    every = listed(model, found, dealt, solver, whole or Whole())
    examples = tabulate(model, every.lines, exact=tuple(exact))
    return replace(examples, whole=every.whole, spaces=every.spaces, continuous=model.space.real)


def draw_more(
    hypothesis: Hypothesis, *, seed: int, split: int, count: int, part: int, solved: Solved | None
) -> Examples:
    """`count` further examples of each line in one split, drawn as the file says.

    They are fresh: a stream of their own, by `part`, and by input no input of another split.
    Nothing but that split is in the result. Raises DrawError like `draw`.
    """
    hypothesis = _with_a_line(hypothesis)
    model = Model(hypothesis)
    dealt = deal(model, generator=generator_for(seed, DEALING))
    solver = Solver(model, solved) if hypothesis.counterfactuals.solved and solved else None
    found = []
    keys = drawing_keys(hypothesis)
    place = None if dealt.by == "example" else split
    for number, (line, key) in enumerate(zip(model.drawing.lines, keys, strict=True)):
        generator = generator_for(seed, *key, MORE, split, part)
        sampler = Sampler(model, line, dealt, place)
        cells, vectors = _filled(sampler, count, solver, generator)
        of_split = np.full(count, split, dtype=np.int8)
        answers = answers_of(model, line, [cells])
        found.append(Drawn(number, cells, of_split, vectors, answers))
    return tabulate(model, found, exact=(False,) * len(found))


def _with_a_line(hypothesis: Hypothesis) -> Hypothesis:
    """Where nothing is interchanged there are bases all the same."""
    if hypothesis.counterfactuals.lines:
        return hypothesis
    bases = Line("", hypothesis.algorithms[0].name, sources=0)
    drawing = replace(hypothesis.counterfactuals, lines=(bases,))
    return replace(hypothesis, counterfactuals=drawing)


def _refuse_large(hypothesis: Hypothesis) -> None:
    drawing = hypothesis.counterfactuals
    total = (drawing.sample or 0) * len(drawing.lines)
    if total > MOST_SAMPLED:
        raise DrawError(
            f"`sample {drawing.sample:_}` for {len(drawing.lines)} interchanges is "
            f"{total:,} examples; at most {MOST_SAMPLED:,} can be drawn",
            f"write `sample {MOST_SAMPLED // max(1, len(drawing.lines)):_}` or less",
        )
    counts = _counts(MOST_SAMPLED if drawing.sample is None else drawing.sample, hypothesis)
    for (name, _), count in zip(drawing.splits, counts, strict=True):
        if count == 0:
            raise DrawError(
                f"split `{name}` gets none of the {drawing.sample:,} examples",
                f"give `{name}` a larger share, or sample more",
            )


def _counts(count: int, hypothesis: Hypothesis) -> list[int]:
    return share_out(count, [share for _, share in hypothesis.counterfactuals.splits])


def _sampled(
    model: Model, number: int, dealt: Deal, solver: Solver | None, generator: np.random.Generator
) -> Drawn:
    """`sample N`: N examples of a line, shared among the splits."""
    line = model.drawing.lines[number]
    counts = _counts(model.drawing.sample or 0, model.hypothesis)
    split = np.repeat(np.arange(len(counts), dtype=np.int8), counts)
    if dealt.by == "example":
        parts = [_filled(Sampler(model, line, dealt, None), sum(counts), solver, generator)]
    else:
        parts = [
            _filled(Sampler(model, line, dealt, place), count, solver, generator)
            for place, count in enumerate(counts)
        ]
    cells = [cells for cells, _ in parts]
    vectors = [found for _, found in parts]
    return Drawn(
        number,
        np.concatenate(cells, axis=2),
        split,
        _joined(vectors),
        answers_of(model, line, cells),
    )


def _filled(
    sampler: Sampler, count: int, solver: Solver | None, generator: np.random.Generator
) -> tuple[NDArray[np.int64], list[dict[str, Column]]]:
    """`count` examples that are left after all filters, with their real vectors."""
    model = sampler.model
    if solver is None:
        cells = sampler.draw(count, generator=generator)
        return cells, fresh_columns(model, cells, generator=generator)
    kept_cells: list[NDArray[np.int64]] = []
    kept_vectors: list[list[dict[str, Column]]] = []
    tried = got = 0
    while got < count:
        wanted = min(CHUNK, 64 + int(1.1 * (count - got) * (tried + 1) / (got + 1)))
        cells = sampler.draw(wanted, generator=generator)
        vectors = fresh_columns(model, cells, generator=generator)
        held = solver.holds(cells, vectors)
        rows = np.flatnonzero(held)[: count - got]
        kept_cells.append(cells[:, :, rows])
        kept_vectors.append([{n: c[rows] for n, c in run.items()} for run in vectors])
        tried, got = tried + wanted, got + len(rows)
        hopeless = tried >= 2_000 and got == 0  # each try is a run of the network
        if hopeless or (tried >= 20_000 + 10 * count and got < tried * 1e-3):
            raise _unsolved(sampler, solver, got, tried)
    return np.concatenate(kept_cells, axis=2), _joined(kept_vectors)


def _unsolved(sampler: Sampler, solver: Solver, got: int, tried: int) -> DrawError:
    right, inputs = solver.found
    return DrawError(
        f"the network solves {got} of {tried:,} examples of `{sampler.line.name}` (it answers "
        f"{right:,} of {inputs:,} inputs rightly): too few are left by `keep solved`",
        "remove `keep solved`, or take a network that solves the task",
        line_number(sampler.model.hypothesis, sampler.line.span),
    )


def _exhaustive(
    model: Model, number: int, dealt: Deal, solver: Solver | None, generator: np.random.Generator
) -> Drawn:
    """`exhaustive`: every admitted example of a line, within splits."""
    line = model.drawing.lines[number]
    _refuse_endless(model, line)
    places: list[int | None] = [None]
    if dealt.by != "example":
        places = list(range(len(model.drawing.splits)))
    samplers = [Sampler(model, line, dealt, place) for place in places]
    totals = [sampler.total() for sampler in samplers]
    known = [total for total in totals if total is not None]
    if len(known) < len(totals) or sum(known) > MOST_PAIRS:
        raise _too_many(model, line, sum(known) if len(known) == len(totals) else None)
    found = []
    for sampler in samplers:
        cells = sampler.every()
        if cells.shape[2] == 0:
            raise sampler.nothing()
        if solver is not None:
            listed = cells.shape[2]
            cells = cells[:, :, solver.holds(cells, [])]
            if cells.shape[2] == 0:
                raise _unsolved(sampler, solver, 0, listed)
        found.append(cells)
    if dealt.by == "example":
        total = found[0].shape[2]
        counts = _counts(total, model.hypothesis)
        found[0] = found[0][:, :, generator.permutation(total)]
    else:
        counts = [cells.shape[2] for cells in found]
    for (name, _), count in zip(model.drawing.splits, counts, strict=True):
        if count == 0:
            raise DrawError(
                f"split `{name}` gets none of the examples of `{line.name}`",
                f"give `{name}` a larger share",
                line_number(model.hypothesis, line.span),
            )
    split = np.repeat(np.arange(len(counts), dtype=np.int8), counts)
    vectors: list[dict[str, Column]] = [{} for _ in range(line.sources + 1)]
    return Drawn(
        number, np.concatenate(found, axis=2), split, vectors, answers_of(model, line, found)
    )


def _refuse_endless(model: Model, line: Line) -> None:
    if model.space.real:
        name = next(iter(model.space.reals))
        raise DrawError(
            f"`exhaustive` cannot list the values of `{name}`, which is real",
            "write `sample 10_000`",
        )
    if model.drawing.balance or line.balance_after:
        raise DrawError(
            "`exhaustive` takes every example there is: it cannot be balanced",
            "write `sample 10_000` instead of `exhaustive`, or remove `balance`",
        )


def _too_many(model: Model, line: Line, total: int | None) -> DrawError:
    if total is None:
        cases = model.space.cases
        inputs = "more than 10,000,000" if cases is None else f"{cases:,}"
        many = f"all combinations of {inputs} inputs"
    else:
        many = f"{total:,} rows"
    return DrawError(
        f"`exhaustive` gives {many} for `{line.name}`; at most {MOST_PAIRS:,} can be run",
        "write `sample 20_000` instead of `exhaustive`",
        line_number(model.hypothesis, line.span),
    )


def _joined(parts: list[list[dict[str, Column]]]) -> list[dict[str, Column]]:
    if len(parts) == 1:
        return parts[0]
    return [
        {name: np.concatenate([part[run][name] for part in parts]) for name in columns}
        for run, columns in enumerate(parts[0])
    ]


# ------------------------------------------------------------------------------ bases


@dataclass(eq=False)
class BaseSampler:
    """Inputs as bases are drawn: `balance` included, whatever mentions `source` left out.

    What a network is trained and first measured on (D9). Keep one for many draws.
    """

    hypothesis: Hypothesis

    @cached_property
    def model(self) -> Model:
        """The hypothesis' space of inputs."""
        return Model(self.hypothesis)

    @cached_property
    def _pool(self) -> Pool:
        keep = self.hypothesis.counterfactuals.keep_where
        conditions = () if keep is None else conjuncts(keep)
        own = [c for c in conditions if all(n.startswith("base.") for n in names(c))]
        return Pool(self.model, Deal("example", np.zeros(0, dtype=np.int8)), None, own)

    def draw(self, count: int, *, generator: np.random.Generator) -> dict[str, Column]:
        """`count` inputs, one column an input element."""
        return self._columns(self._pool.draw(count, generator=generator), generator)

    def every(self, most: int) -> dict[str, Column] | None:
        """All inputs, each once and unbalanced; None when real or more than `most`."""
        cases = self.model.space.cases
        if self.model.space.real or cases is None or cases > most:
            return None
        cells = self._pool.listed
        return None if cells is None else self.model.space.columns(cells)

    def _columns(self, cells: Cells, generator: np.random.Generator) -> dict[str, Column]:
        columns = self.model.space.columns(cells)
        columns.update(fresh_columns(self.model, cells[None], generator=generator)[0])
        return columns


def draw_bases(
    hypothesis: Hypothesis, count: int, *, generator: np.random.Generator
) -> dict[str, Column]:
    """Inputs as bases are drawn, `balance` included (D9), one column an input element.

    Conditions that mention `source` are ignored. Raises DrawError like `draw`.
    """
    # Kept on the hypothesis: training asks thousands of times, and hashing it is slow.
    kept = hypothesis.__dict__.get("_bases")
    if kept is None:
        kept = hypothesis.__dict__["_bases"] = BaseSampler(hypothesis)
    found: dict[str, Column] = kept.draw(count, generator=generator)
    return found
