"""Clean runs: activations at sites, scores, and what must be kept to start again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from causalabs.engine.language_models.attention import Columns, attending
from causalabs.engine.language_models.families import Wiring
from causalabs.engine.language_models.flow import Group, Pass
from causalabs.engine.language_models.kept import Start, aligned
from causalabs.engine.language_models.readout import Nodes, Readout
from causalabs.engine.language_models.sites import AFTER, HIDDEN, PATTERN, Place, Z, carried
from causalabs.engine.language_models.step import Touch
from causalabs.engine.protocol import Scores


def columns_of(first: Tensor, count: int, reads: Tensor, nodes: Nodes | None) -> Columns:
    """The columns of a run of `count` tokens from `first` (rows,) on, and of answers' nodes."""
    least, most = int(first.min()), int(first.max())
    positions = first[:, None] + torch.arange(count, device=first.device)
    if nodes is None:
        return Columns(first, count, most, positions, least == most)
    sees = reads[:, nodes.group]  # (rows, nodes)
    positions = torch.cat([positions, sees + nodes.depth], dim=1)
    return Columns(first, count, most, positions, least == most, sees, nodes.ancestors)


def read_columns(columns: Columns, reads: Tensor) -> Tensor:
    """Columns of the stream that the readout is given: tokens read, then nodes."""
    at = (reads - columns.first[:, None]).clamp(min=0)
    nodes = torch.arange(columns.count, columns.all, device=at.device)
    return torch.cat([at, nodes.expand(len(at), -1)], dim=1)


def gather(x: Tensor, at: Tensor) -> Tensor:
    """(rows, columns, width) at (rows, count) -> (rows, count, width)."""
    return x.gather(1, at[:, :, None].expand(-1, -1, x.shape[2]))


class Clean:
    """A run of whole prompts (rows, longest), with answers' nodes where scores are wanted."""

    def __init__(
        self, wiring: Wiring, readout: Readout, ids: Tensor, reads: Tensor, *, scored: bool
    ) -> None:
        self.wiring, self.readout, self.ids, self.reads = wiring, readout, ids, reads
        self.nodes = readout.nodes if scored else None
        first = torch.zeros(len(ids), dtype=torch.long, device=ids.device)
        self.columns = columns_of(first, ids.shape[1], reads, self.nodes)

    def embed(self) -> Tensor:
        """What the first block is given: (rows, columns, width)."""
        ids = self.ids
        if self.nodes is not None:
            ids = torch.cat([ids, self.nodes.tokens.expand(len(ids), -1)], dim=1)
        return self.wiring.embed(ids, self.columns.positions)

    def scores(self, touches: Sequence[Touch]) -> Scores:
        """A run to the end."""
        current = Pass(self.wiring, self.columns, touches, reads=self._read)
        x = current.run([Group((-1, AFTER), {"after": self.embed()}, 1)])
        return self.readout.scores(x)

    def through(self, touches: Sequence[Touch], last: Start) -> None:
        """A run until stage `last` is done."""
        current = Pass(self.wiring, self.columns, touches)
        x = current.block(-1, {"after": self.embed()}, AFTER)["after"]
        with attending(self.wiring.config):
            for layer in range(last[0]):
                x = current.block(layer, {"x": x})["after"]
            if last[0] >= 0:
                current.block(last[0], {"x": x}, stop=last[1])

    @property
    def _read(self) -> Tensor:
        return read_columns(self.columns, self.reads)

    def keep(
        self, starts: Mapping[Start, Tensor], ends: Tensor, past: int, *, scores: bool
    ) -> dict[str, Tensor]:
        """What runs from `starts` (each from some token of a row on) need, by name.

        Keys and values are kept of `past` tokens, tensors up to `ends` (rows,), and the
        clean scores where they are asked for.
        """
        found: dict[str, Tensor] = {}
        inner = frozenset(layer for layer, stage in starts if stage == HIDDEN)
        current = Pass(self.wiring, self.columns, hidden_of=inner)
        lowest, highest = min(starts, default=(0, 0)), max(starts, default=(-1, 0))
        state = {"after": self.embed()}
        with attending(self.wiring.config):
            for layer in range(-1, len(self.wiring.blocks)):
                if layer >= 0:
                    end = layer == len(self.wiring.blocks) - 1
                    only_keys = end and layer > highest[0] and not scores
                    stop = Z if only_keys else AFTER
                    state = current.block(layer, {"x": state["after"]}, stop=stop)
                if past and layer >= 0 and (layer, PATTERN) >= lowest:
                    found[f"k{layer}"] = state["k"][:, :, :past].clone()
                    found[f"v{layer}"] = state["v"][:, :, :past].clone()
                for stage in (stage for at, stage in starts if at == layer):
                    self._keep_stage(layer, stage, state, starts[layer, stage], ends, found)
                if layer >= highest[0] and not past and not scores:
                    break
        if scores:
            clean = self.readout.scores(gather(state["after"], self._read))
            found["scores"] = torch.cat(list(clean.values()), dim=1)
        return found

    def _keep_stage(
        self,
        layer: int,
        stage: int,
        state: Mapping[str, Tensor],
        first: Tensor,
        ends: Tensor,
        found: dict[str, Tensor],
    ) -> None:
        tokens, count = self.columns.count, int((ends - first).max())
        found[f"{layer}.{stage}.first"] = first
        for name in carried(stage, parallel=self.wiring.parallel):
            kept = state[name]
            found[f"{layer}.{stage}.{name}"] = aligned(kept[:, :tokens], first, count).clone()
            if self.nodes is not None:
                found[f"{layer}.{stage}.{name}.nodes"] = kept[:, tokens:].clone()


def ends_of(reads: Tensor, lengths: Tensor, ats: Sequence[tuple[Place, Tensor]]) -> Tensor:
    """One past the last token of each row that is read or edited; a pattern reaches all."""
    found = [reads.amax(dim=1) + 1]
    for place, at in ats:
        found.append(lengths if place.name == "pattern" else at.amax(dim=1) + 1)
    return torch.stack(found).amax(dim=0)
