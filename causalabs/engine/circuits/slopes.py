"""Slopes of all edges at once: an ordinary run each way, then one contraction.

What reaches a reader's input is made by hand from what reaches the queries, keys, values and
normed inputs of an ordinary run. With `y = scale * x` the norm of a stage before its weight, `x`
less its mean where the norm is centred, a reader makes `A y + shift` of it: `A` is its
projection times the norm's weight. Of a gradient `g` there,

    scale * A^T g  -  scale^2 / width * (g . A y) * x

arrives at the reader's input. So runs add up `scale * g`, of the size of a head, and keep one
number a reader and token beside the common `x`; that many numbers as the stream is wide are made
once, after the last run, and for a few layers' readers at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from causalabs.engine.circuits.body import S, for_all_heads
from causalabs.engine.circuits.nodes import Stage
from causalabs.engine.circuits.tokens import Tokened
from causalabs.engine.circuits.walk import Given, Stream, at_columns
from causalabs.engine.protocol import Scores

READERS_AT_ONCE = 64
"""Readers of one matrix product with writers: enough of them to be quick."""


@dataclass(frozen=True, eq=False)
class Tap:
    """A stage of an ordinary run: its readers' common input `x` (rows, columns, width).

    What is made of it is queries, keys and values (1, heads, rows, columns, dim) each, or the
    normed input alone (rows, columns, width).
    """

    stage: Stage
    x: Tensor
    made: tuple[Tensor, ...]


def slopes(
    given: Given[S], loss: Callable[[Scores], Tensor], at: Sequence[float], between: str
) -> Tensor:
    """See `contract.Wired.slopes`: (rows, edges)."""
    nodes = given.body.nodes
    first = range(len(nodes.embeddings))
    each = [first, *(stage.writes for stage in given.stages[:-1])]
    rows = given.terms.shape[1]
    change = given.terms.new_empty(rows, len(given.terms), *given.terms.shape[2:])
    torch.sub(given.instead.transpose(0, 1), given.terms.transpose(0, 1), out=change)
    found = change.new_zeros(rows, len(nodes.edges) + sum(map(len, given.tokened)))
    for moved in [first] if between == "inputs" else each:
        reached: dict[int, Reached] = {}
        for share in at:
            _add_gradients(given, loss, moved, share, reached)
        writers = range(len(given.terms)) if between == "inputs" else moved
        _contract(given, list(reached.values()), change, writers, found)
    return found / len(at)


def _add_gradients(
    given: Given[S],
    loss: Callable[[Scores], Tensor],
    moved: range,
    share: float,
    reached: dict[int, Reached],
) -> None:
    """Adds the loss's gradients at all that readers make, by the stage's first reader."""
    scores, taps = _ordinary(given, moved, share)
    with torch.enable_grad():
        total = loss(scores).sum()
    gradients = iter(torch.autograd.grad(total, [each for tap in taps for each in tap.made]))
    for tap in taps:
        first = tap.stage.readers.start
        if first not in reached:
            reached[first] = Reached(given, tap.stage)
        reached[first].add(tap, [next(gradients) for _ in tap.made])


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


@dataclass(frozen=True, eq=False)
class Made:
    """What readers make alike of the scaled input: `weight` of it (None: all) and `shift`.

    (heads, dim, width) and (heads, 1, 1, dim) or (width,).
    """

    weight: Tensor | None
    shift: Tensor | None


class Reached:
    """Gradients at one stage's readers, summed over runs."""

    def __init__(self, given: Given[S], stage: Stage) -> None:
        self.stage = stage
        self.norm = given.body.norm(stage.layer, stage.half)
        self.made = list(self._made(given))
        self.sums: list[Tensor] = []  # by what is made: (heads, rows, columns, dim)
        self.pulls: list[Tensor] = []  # by run: (readers, rows, columns)
        self.inputs: list[Tensor] = []  # by run: (rows, columns, width)

    def add(self, tap: Tap, gradients: Sequence[Tensor]) -> None:
        """One run's gradients at what was made."""
        heads = self.stage.half == "attention"
        each = [gradient[0] if heads else gradient[None] for gradient in gradients]
        if self.norm is not None:
            x = self.norm.centre(tap.x.detach())
            scale = self.norm.scale(x)  # (rows, columns)
            along = []
            for gradient, what, made in zip(each, tap.made, self.made, strict=True):
                there = what.detach()[0] if heads else what.detach()[None]
                there = there if made.shift is None else there - made.shift
                along.append((gradient * there).sum(dim=-1))
            self.pulls.append(torch.cat(along) * (scale.square() / x.shape[-1]))
            self.inputs.append(x)
            each = [gradient * scale[..., None] for gradient in each]
        if self.sums:
            each = [total.add_(one) for total, one in zip(self.sums, each, strict=True)]
        self.sums = each

    def write(self, out: Tensor) -> None:
        """Into (rows, readers, columns, width): gradients at the readers' inputs."""
        first = 0
        for total, made in zip(self.sums, self.made, strict=True):
            part = out[:, first : first + len(total)].transpose(0, 1)
            if made.weight is None:
                part.copy_(total)
            else:
                wide = torch.bmm(total.flatten(1, 2), made.weight)
                part.copy_(wide.view(part.shape))
            first += len(total)
        if self.norm is None:
            return
        if self.made[0].weight is None:
            out.mul_(self.norm.weight)
            out.copy_(self.norm.centre(out))
        pulls, inputs = torch.stack(self.pulls, dim=3), torch.stack(self.inputs, dim=2)
        # (rows * columns, readers, runs) @ (rows * columns, runs, width)
        pulled = torch.bmm(pulls.permute(1, 2, 0, 3).flatten(0, 1), inputs.flatten(0, 1))
        out -= pulled.view(*inputs.shape[:2], *pulled.shape[1:]).transpose(1, 2)

    def _made(self, given: Given[S]) -> Iterator[Made]:
        norm = self.norm
        if self.stage.half != "attention":
            yield Made(None, None if norm is None else norm.bias)
            return
        for weight, bias in given.body.projections(self.stage.layer):
            shift = bias
            if norm is not None and norm.bias is not None:
                moved = weight @ norm.bias
                shift = moved if bias is None else moved + bias
            through = weight if norm is None else norm.centre(weight * norm.weight)
            yield Made(through, None if shift is None else shift[:, None, None])


def _contract(
    given: Given[S], reached: list[Reached], change: Tensor, writers: range, found: Tensor
) -> None:
    """Adds to `found` (rows, edges) what `writers` differ by, times the gradients at readers.

    `change` is (rows, writers, columns, width).
    """
    rows, _, columns, width = change.shape
    first = 0
    while first < len(reached):
        last, start = first + 1, reached[first].stage.readers.start
        while last < len(reached) and (reached[last].stage.readers.start - start < READERS_AT_ONCE):
            last += 1
        group = reached[first:last]
        stages = [each.stage for each in group]
        first = last
        readers = stages[-1].readers.stop - start
        gradients = change.new_empty(rows, readers, columns, width)
        for each in group:
            asked = each.stage.readers
            each.write(gradients[:, asked.start - start : asked.stop - start])
        low, high = writers.start, min(writers.stop, max(stage.before for stage in stages))
        # (rows, readers, columns * width) @ (rows, columns * width, writers)
        slope = torch.bmm(gradients.flatten(2), change[:, low:high].flatten(2).transpose(1, 2))
        for stage in stages:
            upto = min(high, stage.before)
            whole = found[:, stage.edges.start : stage.edges.stop]
            whole = whole.view(rows, len(stage.readers), -1)[:, :, low:upto]
            mine = slice(stage.readers.start - start, stage.readers.stop - start)
            whole += slope[:, mine, : upto - low]
            for edge in given.tokened[given.stages.index(stage)]:
                if edge.writer in writers:
                    reader = gradients[:, edge.reader - start]
                    products = (change[:, edge.writer] * reader).sum(dim=2)
                    _at_tokens(stage, edge, products, found)


def _at_tokens(stage: Stage, edge: Tokened, products: Tensor, found: Tensor) -> None:
    """An edge's own tokens' part of products (rows, columns) is its, and no more the whole's."""
    there = (products * edge.there).sum(dim=1)
    whole = (edge.reader - stage.readers.start) * stage.before + edge.writer
    found[:, edge.column] += there
    found[:, stage.edges.start + whole] -= there
