"""From the residual stream at the tokens read to scores: only what is asked is unembedded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from causalabs.engine.errors import EngineError
from causalabs.engine.language_models.contract import Read
from causalabs.engine.language_models.families import Wiring
from causalabs.engine.protocol import Scores
from causalabs.hypothesis.model import Position, Site


class Readout:
    """The outputs that are read, and the rows of the output matrix that they need."""

    def __init__(self, wiring: Wiring, reads: Sequence[Read]) -> None:
        if not reads:
            raise EngineError("the network has no output to read", "write `read NAME at last`")
        self.wiring = wiring
        self.reads = tuple(reads)
        self.positions: tuple[Position, ...] = tuple(dict.fromkeys(r.position for r in reads))
        self.group_of = {r.output: self.positions.index(r.position) for r in reads}
        device = next(wiring.unembedding.parameters()).device
        self.first = {
            r.output: torch.tensor([answer[0] for answer in r.answers], device=device)
            for r in reads
        }
        self.rows = {name: wiring.output_rows(ids) for name, ids in self.first.items()}

    @property
    def columns(self) -> Mapping[str, int]:
        """Columns of each output's scores."""
        return {r.output: len(r.answers) + r.vocabulary for r in self.reads}

    def scores(self, stream: Tensor) -> Scores:
        """(rows, positions, width) -> per output (rows, classes)."""
        normed = self.wiring.norm(stream)
        found: Scores = {}
        whole: dict[int, Tensor] = {}
        for read in self.reads:
            group = self.group_of[read.output]
            if not read.vocabulary:
                logits = self.wiring.unembed(normed[:, group], *self.rows[read.output])
                found[read.output] = _wide(logits)
                continue
            if group not in whole:
                whole[group] = _wide(self.wiring.unembed(normed[:, group])).log_softmax(dim=-1)
            found[read.output] = against_all(whole[group], self.first[read.output])
        return found

    def at(self, site: Site) -> tuple[str, ...]:
        """Outputs that `logits` at a position stands for."""
        if site.position is None:
            return tuple(self.group_of)
        if site.position not in self.positions:
            return ()
        wanted = self.positions.index(site.position)
        return tuple(name for name, group in self.group_of.items() if group == wanted)

    def split(self, together: Tensor) -> Scores:
        """All outputs' scores side by side -> per output."""
        parts = torch.split(together, list(self.columns.values()), dim=1)
        return dict(zip(self.columns, parts, strict=True))


def against_all(logs: Tensor, answers: Tensor) -> Tensor:
    """Logarithms of probabilities (rows, tokens) -> answers' and the best of all other tokens."""
    others = logs.index_fill(1, answers, -torch.inf).amax(dim=1, keepdim=True)
    return torch.cat([logs[:, answers], others], dim=1)


def _wide(logits: Tensor) -> Tensor:
    return logits if logits.dtype in (torch.float32, torch.float64) else logits.float()
