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
        self._needed = self._all_needed()

    @property
    def columns(self) -> Mapping[str, int]:
        """Columns of each output's scores."""
        return {r.output: len(r.answers) + r.vocabulary for r in self.reads}

    def scores(self, stream: Tensor) -> Scores:
        """(rows, positions and then nodes, width) -> per output (rows, columns)."""
        normed = self.wiring.norm(stream)
        logs: dict[int, Tensor] = {}
        others: dict[str, Tensor] = {}
        for column, tokens in self._needed.items():
            every = _wide(self.wiring.unembed(normed[:, column])).log_softmax(dim=-1)
            logs[column] = every[:, list(tokens)]  # a copy: the vocabulary is let go of
            for read in self.reads:
                if read.vocabulary and self.group_of[read.output] == column:
                    others[read.output] = best_other(every, self.first[read.output])
        found: Scores = {}
        for read in self.reads:
            name, group = read.output, self.group_of[read.output]
            if not _among_all(read):
                found[name] = _wide(self.wiring.unembed(normed[:, group], *self.rows[name]))
                continue
            first = logs[group][:, [self._needed[group][answer[0]] for answer in read.answers]]
            if any(len(answer) > 1 for answer in read.answers):
                first = self._spelled(read, first, logs)
            found[name] = torch.cat([first, others[name]], dim=1) if read.vocabulary else first
        return found

    def _spelled(self, read: Read, first: Tensor, logs: Mapping[int, Tensor]) -> Tensor:
        """Logarithms of the answers' first tokens (rows, classes) -> of the whole answers."""
        columns = list(first.unbind(dim=1))
        for number, answer in enumerate(read.answers):
            for column, token in self._steps(self.group_of[read.output], answer)[1:]:
                columns[number] = columns[number] + logs[column][:, self._needed[column][token]]
        return torch.stack(columns, dim=1)

    def _steps(self, group: int, answer: tuple[int, ...]) -> list[tuple[int, int]]:
        """Column of the stream and token that follows, of an answer's tokens."""
        nodes = [self._tree[group, answer[:end]] for end in range(1, len(answer))]
        columns = [group, *(len(self.positions) + node for node in nodes)]
        return list(zip(columns, answer, strict=True))

    def _all_needed(self) -> dict[int, dict[int, int]]:
        """Columns of the stream that are unembedded whole; tokens asked for there, numbered."""
        found: dict[int, dict[int, int]] = {}
        for read in filter(_among_all, self.reads):
            for answer in read.answers:
                for column, token in self._steps(self.group_of[read.output], answer):
                    tokens = found.setdefault(column, {})
                    tokens.setdefault(token, len(tokens))
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


def _among_all(read: Read) -> bool:
    """Whether scores are probabilities among all tokens: of whole answers they must be."""
    return read.vocabulary or any(len(answer) > 1 for answer in read.answers)


def best_other(logs: Tensor, answers: Tensor) -> Tensor:
    """Of logarithms (rows, tokens) the largest that is no answer's: (rows, 1)."""
    return logs.index_fill(1, answers, -torch.inf).amax(dim=1, keepdim=True)


def against_all(logs: Tensor, answers: Tensor) -> Tensor:
    """Logarithms of probabilities (rows, tokens) -> answers' and the best of all other tokens."""
    return torch.cat([logs[:, answers], best_other(logs, answers)], dim=1)


def _wide(logits: Tensor) -> Tensor:
    return logits if logits.dtype in (torch.float32, torch.float64) else logits.float()
