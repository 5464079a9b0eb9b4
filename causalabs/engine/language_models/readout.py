"""From the residual stream at the tokens read to scores: only what is asked is unembedded.

Answers of several tokens are scored by the whole string: all but the last token of each are
run after the prompt, merged into a tree, every one seeing the prompt and what comes before
it in its own answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from causalabs.engine.errors import EngineError
from causalabs.engine.language_models.contract import Read
from causalabs.engine.language_models.families import Wiring
from causalabs.engine.protocol import Scores
from causalabs.hypothesis.model import Position, Site


@dataclass(frozen=True, eq=False)
class Nodes:
    """The tokens of answers that are run: (nodes,) each, parents before children.

    `group` is the position read that a node comes after, `depth` how far; `ancestors`
    (nodes, nodes) says which nodes one sees, itself among them.
    """

    tokens: Tensor
    depth: Tensor
    group: Tensor
    ancestors: Tensor

    def __len__(self) -> int:
        return len(self.tokens)


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
        self._tree: dict[tuple[int, tuple[int, ...]], int] = {}
        for read in reads:
            for answer in read.answers:
                for end in range(1, len(answer)):
                    path = (self.group_of[read.output], answer[:end])
                    self._tree.setdefault(path, len(self._tree))
        self.nodes = _nodes(self._tree, device)

    @property
    def columns(self) -> Mapping[str, int]:
        """Columns of each output's scores."""
        return {r.output: len(r.answers) + r.vocabulary for r in self.reads}

    def scores(self, stream: Tensor) -> Scores:
        """(rows, positions and then nodes, width) -> per output (rows, columns)."""
        normed = self.wiring.norm(stream)
        found: Scores = {}
        logs: dict[int, Tensor] = {}

        def log(column: int) -> Tensor:
            if column not in logs:
                logs[column] = _wide(self.wiring.unembed(normed[:, column])).log_softmax(dim=-1)
            return logs[column]

        for read in self.reads:
            group, name = self.group_of[read.output], read.output
            spelled = any(len(answer) > 1 for answer in read.answers)
            if not spelled and not read.vocabulary:
                found[name] = _wide(self.wiring.unembed(normed[:, group], *self.rows[name]))
                continue
            columns = log(group)[:, self.first[name]]
            if spelled:
                later = [
                    sum((log(at)[:, token] for at, token in self._steps(group, answer)), start)
                    for answer, start in zip(read.answers, columns.unbind(dim=1), strict=True)
                ]
                columns = torch.stack(later, dim=1)
            if read.vocabulary:
                columns = torch.cat([columns, best_other(log(group), self.first[name])], dim=1)
            found[name] = columns
        return found

    def _steps(self, group: int, answer: tuple[int, ...]) -> list[tuple[int, int]]:
        """Column of the stream and token that follows, of an answer's later tokens."""
        found = []
        for end in range(1, len(answer)):
            node = self._tree[group, answer[:end]]
            found.append((len(self.positions) + node, answer[end]))
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


def _nodes(tree: Mapping[tuple[int, tuple[int, ...]], int], device: torch.device) -> Nodes | None:
    if not tree:
        return None
    ancestors = torch.zeros(len(tree), len(tree), dtype=torch.bool)
    for (group, path), number in tree.items():
        for end in range(1, len(path) + 1):
            ancestors[number, tree[group, path[:end]]] = True
    return Nodes(
        torch.tensor([path[-1] for _, path in tree], device=device),
        torch.tensor([len(path) for _, path in tree], device=device),
        torch.tensor([group for group, _ in tree], device=device),
        ancestors.to(device),
    )


def best_other(logs: Tensor, answers: Tensor) -> Tensor:
    """Of logarithms (rows, tokens) the largest that is no answer's: (rows, 1)."""
    return logs.index_fill(1, answers, -torch.inf).amax(dim=1, keepdim=True)


def against_all(logs: Tensor, answers: Tensor) -> Tensor:
    """Logarithms of probabilities (rows, tokens) -> answers' and the best of all other tokens."""
    return torch.cat([logs[:, answers], best_other(logs, answers)], dim=1)


def _wide(logits: Tensor) -> Tensor:
    return logits if logits.dtype in (torch.float32, torch.float64) else logits.float()
