"""A run with edges kept by shares, that gradients go through."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from causalabs.engine.circuits.body import S
from causalabs.engine.circuits.tokens import override
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
