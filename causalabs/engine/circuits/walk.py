"""One run of many graphs: each reader's input rebuilt from what its edges carry.

What a reader is given is the sum of all writers' terms; an edge that is cut carries what is
to be there instead. With `change` the difference of a writer's term in this run from that,

    input = biases + sum of all `instead` + sum over kept edges of `change`,

the last of which is a matrix product over all readers of a stage. Below the first stage with a
cut edge writers write what they wrote in the clean run. After it each set of edges is a copy
of the run; copies part only where their sets first differ. A stage that leads to the output in
none of the sets is not run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from causalabs.engine.circuits.body import Body, S, attend, for_all_heads
from causalabs.engine.circuits.nodes import Stage
from causalabs.engine.circuits.tokens import Tokened, override
from causalabs.engine.protocol import Scores


@dataclass(frozen=True, eq=False)
class Given(Generic[S]):
    """Some rows of a base, and what cut edges carry: (writers, rows, columns, width) each.

    `instead` broadcasts. `tokened` are the edges at some tokens, by their stage.
    """

    body: Body[S]
    setting: S
    terms: Tensor
    instead: Tensor
    tokened: Sequence[Sequence[Tokened]]

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The body's."""
        return self.body.nodes.stages


class Stream:
    """What every reader is given whatever its edges carry: biases and the sum of `instead`."""

    def __init__(self, given: Given[S]) -> None:
        self.given = given
        self.summed = 0
        self.instead = given.terms.new_zeros(())
        self.biases: list[Tensor] = [given.terms.new_zeros(())]
        for layer in range(given.body.nodes.layers):
            bias = given.body.bias(layer)
            last = self.biases[-1]
            self.biases.append(last if bias is None else last + bias)

    def at(self, stage: Stage) -> Tensor:
        """What broadcasts to (rows, columns, width); stages in forward order."""
        more = self.given.instead[self.summed : stage.before]
        if len(more):
            self.instead = self.instead + more.sum(dim=0)
            self.summed = stage.before
        after = stage.half == "mlp" and not self.given.body.nodes.parallel
        return self.instead + self.biases[stage.layer + after]


def parting(
    kept: NDArray[np.bool_], columns: Sequence[NDArray[np.int64]]
) -> list[NDArray[np.int64]]:
    """For every stage the number of each set's copy of the run: equal for sets equal so far.

    `columns` are the edges that stages read.

    >>> kept = np.ones((3, 8), dtype=bool)
    >>> kept[2, 3] = kept[1, 7] = False
    >>> stages = [np.arange(3), np.arange(3, 5), np.arange(5, 8)]
    >>> [copies.tolist() for copies in parting(kept, stages)]
    [[0, 0, 0], [0, 0, 1], [0, 1, 2]]
    """
    copies = [0] * len(kept)
    found = []
    for of_stage in columns:
        bits = np.packbits(kept[:, of_stage], axis=1)
        known: dict[tuple[int, bytes], int] = {}
        keys = [(copy, row.tobytes()) for copy, row in zip(copies, bits, strict=True)]
        copies = [known.setdefault(key, len(known)) for key in keys]
        found.append(np.array(copies))
    return found


def living(
    stages: Sequence[Stage], kept: NDArray[np.bool_], tokened: Sequence[Sequence[Tokened]]
) -> NDArray[np.bool_]:
    """Whether kept edges lead from what a stage writes to the output: (sets, stages).

    >>> from causalabs.engine.circuits.nodes import Nodes
    >>> stages = Nodes(("embedding",), layers=1, heads=1).stages
    >>> kept = np.ones((3, 8), dtype=bool)
    >>> kept[1, 6] = kept[2, 7] = kept[1, 4] = False
    >>> living(stages, kept, ((), (), ())).tolist()
    [[True, True, True], [False, True, True], [True, False, True]]
    """
    found = np.ones((len(kept), len(stages)), bool)
    leads = np.zeros((len(kept), stages[-1].before), bool)
    for number in reversed(range(len(stages))):
        stage = stages[number]
        if stage.half != "output":
            found[:, number] = leads[:, stage.writes.start : stage.writes.stop].any(axis=1)
        of_stage = kept[:, stage.edges.start : stage.edges.stop]
        by_reader = of_stage.reshape(len(kept), len(stage.readers), stage.before)
        leads[:, : stage.before] |= by_reader.any(axis=1) & found[:, number, None]
        for edge in tokened[number]:
            leads[:, edge.writer] |= kept[:, edge.column] & found[:, number]
    return found


@torch.no_grad()
def walk(given: Given[S], kept: Tensor) -> list[Scores]:
    """Scores of the rows, one for each set of `kept` (sets, edges), all in one pass."""
    body, stages, setting = given.body, given.stages, given.setting
    table = np.array(kept.cpu().numpy())
    alive = living(stages, table, given.tokened)
    columns = [_columns(*each) for each in zip(stages, given.tokened, strict=True)]
    cut = [
        not (table[:, of_stage].all(axis=1) | ~alive[:, i]).all()
        for i, of_stage in enumerate(columns)
    ]
    # What leads nowhere may be given anything: all edges to it are cut, so that copies stay one.
    for i, of_stage in enumerate(columns):
        if not alive[:, i].all():
            table[np.ix_(~alive[:, i], of_stage)] = False
    kept = torch.from_numpy(table).to(kept.device)
    copies = parting(table, columns)
    begin = cut.index(True) if True in cut else len(stages) - 1
    shared = stages[begin].writes.start
    # changes of shared writers, and of others as they come: (copies, writers, rows, columns, width)
    clean = given.terms[:shared] - given.instead[:shared]
    own = given.terms.new_empty(
        int(copies[begin].max()) + 1, len(given.terms) - shared, *given.terms.shape[1:]
    )
    stream = Stream(given)
    for number in range(begin, len(stages)):
        stage, now = stages[number], copies[number]
        first = np.unique(now, return_index=True)[1]  # a set of each copy
        if number > begin and len(first) > len(own):
            parents = torch.from_numpy(copies[number - 1][first]).to(own.device)
            used = stage.writes.start - shared
            spread = own.new_empty(len(first), *own.shape[1:])
            torch.index_select(own[:, :used], 0, parents, out=spread[:, :used])
            own = spread
        written = slice(stage.writes.start, stage.writes.stop)
        if not alive[:, number].any():
            own[:, written.start - shared : written.stop - shared] = 0
            continue
        of_copy = kept[torch.from_numpy(first).to(kept.device)]
        shares = of_copy[:, stage.edges.start : stage.edges.stop].to(own.dtype)
        shares = shares.view(len(first), len(stage.readers), stage.before)
        changes = (clean[: stage.before], own[:, : max(0, stage.before - shared)])
        tokened = given.tokened[number]
        if stage.half == "output":
            reads = setting.reads
            changes = (at_columns(changes[0], reads), at_columns(changes[1], reads))
            tokened = [edge.at(reads) for edge in tokened]
            x = at_columns(stream.at(stage).expand(given.terms.shape[1:]), reads)
        else:
            x = stream.at(stage)
        x = x + mixed(shares, *changes)  # (copies, readers, rows, columns, width)
        x = override(x, _change_of(*changes), of_copy, stage, tokened)
        if stage.half == "output":
            return _of_sets(body.scores(x[:, 0], setting), now, len(setting.reads))
        x = body.normed(stage.layer, stage.half, x)
        terms = written_by(body, stage, x, setting)
        instead = given.instead[written]
        own[:, written.start - shared : written.stop - shared] = terms - instead
    raise AssertionError("the last stage is the output")


def terms_of(body: Body[S], setting: S) -> Tensor:
    """All writers' terms in clean runs: (writers, rows, columns, width)."""
    first = body.embed(setting)
    found = first.new_empty(len(body.nodes.writers), *first.shape[1:])
    found[: len(first)] = first
    stream = {len(first): first.sum(dim=0)}  # by the number of writers that have written
    for stage in body.nodes.stages[:-1]:
        x = body.normed(stage.layer, stage.half, stream[stage.before])
        if stage.half == "attention":
            asked = [for_all_heads(x, *each) for each in body.projections(stage.layer)]
            terms = body.gather(stage.layer, asked, setting)[0]
        else:
            terms = body.mlp(stage.layer, x[None, None], setting)[0]
        found[stage.writes.start : stage.writes.stop] = terms
        bias = body.bias(stage.layer) if stage.half == "attention" else None
        added = terms.sum(dim=0) if bias is None else terms.sum(dim=0) + bias
        stream[stage.writes.stop] = stream[stage.writes.start] + added
    return found


def written_by(body: Body[S], stage: Stage, x: Tensor, setting: S) -> Tensor:
    """A stage's terms (copies, writers, ...) from its readers' normed inputs."""
    if stage.half == "attention":
        return attend(body, stage.layer, x, setting)
    return body.mlp(stage.layer, x, setting)


def mixed(shares: Tensor, clean: Tensor, own: Tensor) -> Tensor:
    """Sums over writers by shares (copies, readers, writers).

    `clean` (writers, ...) come first and are the same for all copies, `own` is
    (copies, writers, ...) -> (copies, readers, ...).
    """
    shape = (*shares.shape[:2], *own.shape[2:])
    known = shares[:, :, : len(clean)].flatten(0, 1) @ clean.flatten(1)
    if own.shape[1] == 0:
        return known.view(shape)
    known = known.view(*shares.shape[:2], -1)
    return torch.baddbmm(known, shares[:, :, len(clean) :], own.flatten(2)).view(shape)


def _change_of(clean: Tensor, own: Tensor) -> Callable[[int], Tensor]:
    count = len(clean)
    return lambda writer: clean[writer] if writer < count else own[:, writer - count]


def at_columns(x: Tensor, at: Tensor) -> Tensor:
    """(..., rows, columns, width) at (rows, count) -> (..., rows, count, width)."""
    rows = torch.arange(len(at), device=at.device)[:, None]
    return x[..., rows, at, :]


def _columns(stage: Stage, extra: Sequence[Tokened]) -> NDArray[np.int64]:
    """The edges that a stage reads."""
    more = [edge.column for edge in extra]
    return np.concatenate([np.arange(stage.edges.start, stage.edges.stop), np.array(more, int)])


def _of_sets(scores: Scores, copies: NDArray[np.int64], rows: int) -> list[Scores]:
    """Scores of (copies * rows) rows -> of each set, by the copy that it shares."""
    by_copy = {name: found.view(-1, rows, found.shape[-1]) for name, found in scores.items()}
    return [{name: found[copy] for name, found in by_copy.items()} for copy in copies.tolist()]
