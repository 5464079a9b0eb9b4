"""Runs that gradients go through: edges kept by shares, and slopes of all edges at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from causalabs.engine.circuits.body import S, for_all_heads
from causalabs.engine.circuits.nodes import Stage
from causalabs.engine.circuits.tokens import Tokened, override
from causalabs.engine.circuits.walk import Given, Stream, at_columns, written_by
from causalabs.engine.protocol import Scores


def soften(given: Given[S], kept: Tensor) -> Scores:
    """Scores with each edge kept by its share (edges,); gradients reach the shares."""
    body, setting = given.body, given.setting
    blocks = [given.terms[: given.stages[0].before] - given.instead[: given.stages[0].before]]
    stream = Stream(given)
    for stage, tokened in zip(given.stages, given.tokened, strict=True):
        shares = kept[stage.edges.start : stage.edges.stop]
        shares = shares.view(len(stage.readers), stage.before)
        now = blocks if stage.half != "output" else [at_columns(b, setting.reads) for b in blocks]
        x = stream.at(stage)
        if stage.half == "output":
            x = at_columns(x.expand(given.terms.shape[1:]), setting.reads)
            tokened = [edge.at(setting.reads) for edge in tokened]
        first = 0
        for block in now:  # one by one: what is saved for the way back is never copied
            last = min(first + len(block), stage.before)
            if last > first:
                x = x + torch.tensordot(shares[:, first:last], block[: last - first], dims=1)
            first += len(block)
        x = override(x[None], _change_of(now), kept[None], stage, tokened)
        if stage.half == "output":
            return body.scores(x[:, 0], setting)
        x = body.normed(stage.layer, stage.half, x)
        written = slice(stage.writes.start, stage.writes.stop)
        blocks.append(written_by(body, stage, x, setting)[0] - given.instead[written])
    raise AssertionError("the last stage is the output")


def _change_of(blocks: Sequence[Tensor]) -> Callable[[int], Tensor]:
    rows = [each for block in blocks for each in block]
    return lambda writer: rows[writer]


@dataclass(frozen=True, eq=False)
class Tap:
    """A stage of an ordinary run: its readers' common input `x` (rows, columns, width).

    What is made of it is queries, keys and values (1, heads, rows, columns, dim) each, or the
    normed input alone (rows, columns, width).
    """

    stage: Stage
    x: Tensor
    made: tuple[Tensor, ...]


READERS_AT_ONCE = 64
"""Readers of one matrix product with writers: enough of them to be quick."""


def slopes(
    given: Given[S], loss: Callable[[Scores], Tensor], at: Sequence[float], between: str
) -> Tensor:
    """See `contract.Wired.slopes`: (rows, edges).

    One ordinary run each way at each share; what reaches a head's queries, keys and values
    is led back through the norm for each of them, and multiplied with what writers differ by
    once at the end.
    """
    nodes = given.body.nodes
    first = range(len(nodes.embeddings))
    each = [first, *(stage.writes for stage in given.stages[:-1])]
    edges = len(nodes.edges) + sum(map(len, given.tokened))
    found = given.terms.new_zeros(given.terms.shape[1], edges)
    change = given.instead - given.terms
    for moved in [first] if between == "inputs" else each:
        sums = given.terms.new_zeros(len(nodes.readers), *given.terms.shape[1:])
        for share in at:
            _add_gradients(given, loss, moved, share, sums)
        writers = range(len(change)) if between == "inputs" else moved
        _contract(given, sums, change, writers, found)
    return found / len(at)


def _add_gradients(
    given: Given[S],
    loss: Callable[[Scores], Tensor],
    moved: range,
    share: float,
    sums: Tensor,
) -> None:
    """Adds the loss's gradients at all readers' inputs: (readers, rows, columns, width)."""
    scores, taps = _ordinary(given, moved, share)
    with torch.enable_grad():
        total = loss(scores).sum()
    reached = iter(torch.autograd.grad(total, [each for tap in taps for each in tap.made]))
    for tap in taps:
        readers = tap.stage.readers
        gradients = _at_normed(given, tap, [next(reached) for _ in tap.made])
        sums[readers.start : readers.stop] += _through_norm(given, tap, gradients)


def _ordinary(given: Given[S], moved: range, share: float) -> tuple[Scores, list[Tap]]:
    """The network's run with some writers a share of the way to `instead`; who reads after."""
    body, setting, stages = given.body, given.setting, given.stages
    chosen = slice(moved.start, moved.stop)
    clean, instead = given.terms[chosen], given.instead[chosen]
    x = given.terms[: moved.start].sum(dim=0) + (clean + share * (instead - clean)).sum(dim=0)
    done = [s for s in stages if s.half == "attention" and s.writes.stop <= moved.stop]
    x = x + Stream(given).biases[len(done)]
    streams = {moved.stop: x.requires_grad_()}  # by the number of writers that have written
    taps: list[Tap] = []
    with torch.enable_grad():
        for stage in stages[:-1]:
            before, written = streams.get(stage.before), stage.writes
            if before is not None:
                normed = body.normed(stage.layer, stage.half, before)
                if stage.half == "attention":
                    each = body.projections(stage.layer)
                    made = tuple(for_all_heads(normed, *one) for one in each)
                    added = body.gather(stage.layer, made, setting, together=True)[0, 0]
                else:
                    made = (normed.view_as(normed),)  # what this stage alone reads
                    added = body.mlp(stage.layer, made[0][None, None], setting)[0, 0]
                taps.append(Tap(stage, before, made))
            elif written.start >= moved.stop:  # a parallel block's MLP, which is not reached
                added = given.terms[written.start : written.stop].sum(dim=0)
            else:
                continue
            bias = body.bias(stage.layer) if stage.half == "attention" else None
            added = added if bias is None else added + bias
            streams[written.stop] = streams[written.start] + added
        end = streams[stages[-1].before]
        made = (body.normed(stages[-1].layer, "output", end).view_as(end),)
        taps.append(Tap(stages[-1], end, made))
        return body.scores(at_columns(made[0], setting.reads)[None], setting), taps


def _at_normed(given: Given[S], tap: Tap, gradients: Sequence[Tensor]) -> Tensor:
    """Gradients at what a stage makes -> at its readers' normed inputs, each its own.

    (readers, rows, columns, width).
    """
    if tap.stage.half != "attention":
        return gradients[0][None]
    found = gradients[0].new_empty(len(tap.stage.readers), *tap.x.shape)
    first = 0
    projections = given.body.projections(tap.stage.layer)
    for gradient, (weight, _) in zip(gradients, projections, strict=True):
        mine = found[first : first + len(weight)].flatten(1, 2)
        torch.bmm(gradient[0].flatten(1, 2), weight, out=mine)
        first += len(weight)
    return found


def _through_norm(given: Given[S], tap: Tap, gradients: Tensor) -> Tensor:
    """Gradients at readers' normed inputs -> at their inputs: (readers, rows, columns, width)."""
    with torch.enable_grad():
        x = tap.x.detach().requires_grad_()
        normed = given.body.normed(tap.stage.layer, tap.stage.half, x)
        if normed is x:
            return gradients
        return torch.autograd.grad(normed, x, gradients, is_grads_batched=True)[0]


def _contract(given: Given[S], sums: Tensor, change: Tensor, writers: range, found: Tensor) -> None:
    """Adds to `found` (rows, edges) what `writers` differ by, times the gradients at readers."""
    by_row = change.transpose(0, 1).flatten(2)  # (rows, writers, columns * width)
    first = 0
    while first < len(given.stages):
        last = first + 1
        start = given.stages[first].readers.start
        while (
            last < len(given.stages) and given.stages[last].readers.start - start < READERS_AT_ONCE
        ):
            last += 1
        stages = given.stages[first:last]
        low, high = writers.start, min(writers.stop, max(stage.before for stage in stages))
        first = last
        if high <= low:
            continue
        gradients = sums[start : stages[-1].readers.stop].transpose(0, 1).flatten(2)
        # (rows, readers, columns * width) @ (rows, columns * width, writers)
        slope = torch.bmm(gradients, by_row[:, low:high].transpose(1, 2))
        for stage in stages:
            upto = min(high, stage.before)
            if upto > low:
                mine = found[:, stage.edges.start : stage.edges.stop]
                mine = mine.view(len(found), len(stage.readers), -1)[:, :, low:upto]
                readers = slice(stage.readers.start - start, stage.readers.stop - start)
                mine += slope[:, readers, : upto - low]
    for stage, tokened in zip(given.stages, given.tokened, strict=True):
        for edge in tokened:
            if edge.writer in writers:
                _at_tokens(stage, edge, (change[edge.writer] * sums[edge.reader]).sum(dim=2), found)


def _at_tokens(stage: Stage, edge: Tokened, products: Tensor, found: Tensor) -> None:
    """An edge's own tokens' part of products (rows, columns) is its, and no more the whole's."""
    there = (products * edge.there).sum(dim=1)
    whole = (edge.reader - stage.readers.start) * stage.before + edge.writer
    found[:, edge.column] += there
    found[:, stage.edges.start + whole] -= there
