"""Causal scrubbing (Chan et al. 2022): an alignment read as a hypothesis of what matters.

The network's input is replaced by another. What is aligned is put back: each variable's
activation from an input that agrees on the variable's value, and it was itself made so, parent
by parent, each path with inputs of its own. If the alignment says all that matters, the loss on
the original answer stays.

    recovered = (loss random - loss scrubbed) / (loss random - loss clean)

where "random" are the network's answers to other inputs. It is a ratio of means; each example's
value is its linearisation, whose mean is the ratio and whose spread is that of the delta method.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from causalabs.engine.answers import METRICS, classes_of_outputs
from causalabs.engine.bases import find
from causalabs.engine.batches import in_parts
from causalabs.engine.controls import IDLE
from causalabs.engine.errors import EngineError
from causalabs.engine.interchange import Bases, Batch, homes
from causalabs.engine.protocol import Edit, Scores
from causalabs.engine.rows import inputs_of, members_of
from causalabs.engine.scrub_tree import Drawn, Node, Pool, Rows, draw_tree, treeified
from causalabs.engine.search import Setting, Settled, made_bases
from causalabs.engine.store import Store
from causalabs.engine.streams import numpy_stream
from causalabs.engine.writes import Home, Write, edits
from causalabs.hypothesis.model import Hypothesis, Site
from causalabs.hypothesis.scrubbing import SCRUBBED
from causalabs.plans import Job
from causalabs.results import WARNING, Measured

MOST = 20_000
"""Examples scrubbed, drawn where a split has more."""

LEAST = 1_000
"""Examples that are scrubbed of a file that says no number, where a split is taken whole."""

FEW = 32
"""Examples on which it is seen which site is upstream of which."""

Doubles = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Scrubbed:
    """Each example's share of the loss recovered, and what to tell beside it."""

    values: Doubles
    notes: tuple[str, ...]


def scrubs(
    job: Job,
    hypothesis: Hypothesis,
    setting: Setting,
    found: Settled,
    splits: Mapping[str, int],
) -> tuple[tuple[Measured, ...], tuple[str, ...]]:
    """What a job's scrubbing recovers on each split, and notes on it."""
    if job.control in IDLE:
        raise EngineError(
            f"`{SCRUBBED}` has no meaning under `{job.control}`: nothing is aligned there",
            "use `random_sites` or `random_basis`",
        )
    outputs = [read.output for read in hypothesis.network.reads]
    least = hypothesis.counterfactuals.sample or LEAST
    measured: list[Measured] = []
    notes: list[str] = []
    for name, split in splits.items():
        scrubbed = scrub(setting, found, split=split, outputs=outputs, least=least)
        measured.append(Measured(SCRUBBED, -1, name, scrubbed.values))
        notes += scrubbed.notes if not job.control else ()
    return tuple(measured), tuple(notes)


@torch.no_grad()
def scrub(
    setting: Setting, found: Settled, *, split: int, outputs: Sequence[str], least: int = LEAST
) -> Scrubbed:
    """Scrub a split's bases by the alignment as it was settled.

    Where a split holds every input there is, each is scrubbed as often as makes `least` examples
    of them: their answers differ with what is drawn. Other bases are scrubbed once.
    `EngineError` where no aligned variable matters to the outputs read, a place is still to be
    found, or the network's own loss is no lower than that of its answers to other inputs.
    """
    place = homes(setting.alignment, found.chosen)
    runner = Runner(setting.store, place, _all_bases(setting, found))
    draws = numpy_stream(setting.seed, "scrubbing", setting.alignment.name, split)
    examples = setting.examples
    every = range(len(examples.lines))
    rows = np.concatenate([examples.lines[n].base[members_of(examples, n, split)] for n in every])
    if 0 < len(rows) < least and all(examples.exact_on(n, split) for n in every):
        rows = np.tile(rows, -(-min(least, MOST) // len(rows)))
    elif len(rows) > MOST:
        rows = draws.choice(rows, MOST, replace=False)
    clean = examples.clean[setting.algorithm.name]
    pool = Pool(inputs_of(examples, every, split), clean, generator=draws)
    root = treeified(setting.algorithm, outputs, place, Upstream(runner, pool.rows).feeds)
    if not root.children:
        raise EngineError(
            f"no variable of alignment `{setting.alignment.name}` matters to what is read",
            "align a variable that an output depends on",
        )
    losses = _Losses(setting, runner, rows)
    whole = draw_tree(root, rows, pool)
    own = losses.clean()
    other = losses.of(Drawn(Node("", ()), rows, pool.agreeing((), rows)))
    gap = other - own
    span = float(gap.mean())
    if span <= 3 * float(gap.std()) / np.sqrt(len(gap)):
        raise EngineError(
            f"nothing can be recovered: the network's loss is {own.mean():.3f} on its own inputs "
            f"and {other.mean():.3f} on others'",
            "`scrubbed_loss_recovered` needs a network that solves the task",
        )
    lost = other - losses.of(whole)
    share = float(lost.mean()) / span
    notes = _told(setting, root, rows, pool, losses, other, span)
    return Scrubbed(share + (lost - share * gap) / span, (*notes, *_unresampled(whole, pool)))


def _told(
    setting: Setting,
    root: Node,
    rows: Rows,
    pool: Pool,
    losses: _Losses,
    other: Doubles,
    span: float,
) -> tuple[str, ...]:
    """What each variable alone loses, and all that is not aligned."""

    def recovered(drawn: Drawn) -> str:
        return f"{float((other - losses.of(drawn)).mean()) / span:.3f}"

    alone = []
    for name in root.variables:
        node = _find(root, name)
        below = draw_tree(node, pool.agreeing((name,), rows), pool)
        alone.append(f"`{name}` {recovered(Drawn(Node('', (), (node,)), rows, rows, (below,)))}")
    kept = tuple(Drawn(Node(child.variable, ()), rows, rows) for child in root.children)
    rest = Drawn(root, rows, pool.agreeing(root.own, rows), kept)
    return (
        f"scrubbing in `{setting.alignment.name}`, loss recovered when only one thing is "
        f"resampled: {', '.join(alone)}; what is not aligned {recovered(rest)}",
    )


def _find(root: Node, name: str) -> Node:
    waiting = list(root.children)
    while waiting:
        node = waiting.pop(0)
        if node.variable == name:
            return node
        waiting += node.children
    raise KeyError(name)


def _unresampled(whole: Drawn, pool: Pool) -> tuple[str, ...]:
    """Warnings of nodes whose rest is hardly ever another input's."""
    share = pool.alone(whole.node.own, whole.rows)
    if share <= 0.5:
        return ()
    names = ", ".join(f"`{name}`" for name in whole.node.own[:4])
    return (
        f"{WARNING}in {share:.0%} of the examples no other input agrees on {names}, which no "
        "aligned variable carries: what is not aligned was not resampled there",
    )


def _all_bases(setting: Setting, found: Settled) -> Bases:
    """The bases that were settled, and those of spaces in no interchange, where none is needed."""
    bases = dict(found.bases)
    for number, space in enumerate(setting.alignment.spaces):
        if number in bases:
            continue
        kind = find(space.basis.kind)
        name = space.members[0].variable
        if len(space.labels) > 1 or kind.fitted or kind.needs_data(space):
            raise EngineError(
                f"`{name}` has no place yet: no interchange finds it",
                f"add `interchange {name}` to the counterfactuals",
            )
        fixed, _ = made_bases(setting, {number: 0}, ())
        bases.update(fixed)
    return bases


# ------------------------------------------------------------------------ running


@dataclass(frozen=True, eq=False)
class Runner:
    """Runs drawn trees on a network."""

    store: Store
    place: Mapping[str, Home]
    bases: Bases

    def scores(self, drawn: Drawn) -> Scores:
        """The outputs' scores, all that stands below the root being written."""
        if not drawn.children:
            return {name: each[self._at(drawn.base)] for name, each in self.store.scores().items()}
        return self._run(drawn, {})

    def activation(self, drawn: Drawn) -> Tensor:
        """What is read where the node's variable lives: (examples, width)."""
        sites = self.place[drawn.node.variable].reads
        if not drawn.children:
            return self.store.rows(sites, self._at(drawn.rows))
        seen: dict[Site, Tensor] = {}
        self._run(drawn, seen, sites)
        return torch.cat([seen[site] for site in sites], dim=1).to(self.store.dtype)

    def _run(self, drawn: Drawn, seen: dict[Site, Tensor], sites: Sequence[Site] = ()) -> Scores:
        read = {number: self.activation(child) for number, child in enumerate(drawn.children)}
        target = [self.place[child.node.variable] for child in drawn.children]
        writes = [Write(home, home) for home in target]
        base = self._at(drawn.base)
        used = torch.ones(len(writes), len(base), dtype=torch.bool, device=base.device)
        batch = Batch(base, base.expand(len(writes), -1), used, {})
        wanted = edits(writes, self.bases, batch, self.store, read=read)
        wanted += [(site, _look(seen, site)) for site in sites]
        prefix = self.store.prefix([site for site, _ in wanted], base)
        return self.store.network.resume(prefix, wanted)

    def _at(self, rows: Rows) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(rows)).to(self.store.at_device)


def _look(seen: dict[Site, Tensor], site: Site) -> Edit:
    def look(current: Tensor) -> Tensor:
        seen[site] = current
        return current

    return look


@dataclass(frozen=True, eq=False)
class _Losses:
    """Losses on the original inputs' answers, example by example."""

    setting: Setting
    runner: Runner
    rows: Rows

    def clean(self) -> Doubles:
        """Of the network as it is."""
        return self.of(Drawn(Node("", ()), self.rows, self.rows))

    def of(self, drawn: Drawn) -> Doubles:
        """Of a drawn tree."""
        algorithm, store = self.setting.algorithm, self.runner.store
        answers = store.wanted(algorithm, self.setting.examples.clean[algorithm.name])
        classes = classes_of_outputs(algorithm)

        def measured(part: slice) -> Tensor:
            at = torch.from_numpy(self.rows[part]).to(store.at_device)
            scores = self.runner.scores(drawn.take(part))
            own = {name: column[at] for name, column in answers.items()}
            return METRICS["loss"](scores, own, None, classes)

        parts, store.at_once = in_parts(len(self.rows), store.at_once, measured)
        found: Doubles = torch.cat(parts).double().cpu().numpy()
        if not np.isfinite(found).all():
            raise EngineError("the loss after scrubbing is not a finite number")
        return found


class Upstream:
    """Whether a write at one variable's place is seen at another's: tried on a few inputs."""

    def __init__(self, runner: Runner, rows: Rows) -> None:
        self.runner, self.rows = runner, rows[:FEW]
        self._known: dict[tuple[str, str], bool] = {}

    def feeds(self, writer: str, reader: str) -> bool:
        """Not where they share a site: there neither comes first."""
        if (writer, reader) not in self._known:
            self._known[writer, reader] = self._tried(writer, reader)
        return self._known[writer, reader]

    def _tried(self, writer: str, reader: str) -> bool:
        written, read = self.runner.place[writer].writes, self.runner.place[reader].reads
        if set(written) & set(read):
            return False
        store = self.runner.store
        rows = torch.from_numpy(self.rows).to(store.at_device)
        prefix = store.prefix([*written, *read], rows)
        before: dict[Site, Tensor] = {}
        after: dict[Site, Tensor] = {}
        store.network.resume(prefix, [(site, _look(before, site)) for site in read])
        noise = [(site, _shuffle) for site in written]
        store.network.resume(prefix, [*noise, *((site, _look(after, site)) for site in read)])
        return any(not torch.equal(before[site], after[site]) for site in read)


def _shuffle(current: Tensor) -> Tensor:
    """Another activation of the same size: each row moved, far from where it was."""
    return current.roll(1, dims=0) + 3 * current.std() + 1
