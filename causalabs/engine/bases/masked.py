"""Which of the site's own numbers, or of its heads: a mask found by gradient descent.

Desiderata-based masking (Davies et al. 2023, arXiv 2307.03637). While it is fitted a write is
`h + m (s - h)` with `m = sigmoid(logits / temperature)`; the temperature falls, and what is
judged is a hard choice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from causalabs.engine.bases.rotation import Rotation
from causalabs.engine.bases.shared import (
    Descended,
    blocks_of,
    refuse_named,
    setting,
    weight_of,
    where_of,
)
from causalabs.engine.basis import Basis, Block, Evidence, Parameters
from causalabs.engine.errors import EngineError
from causalabs.hypothesis.model import Space

HOT, COLD = 1.0, 1e-2
"""Temperatures at the beginning and at the end of a fit; between them it falls geometrically."""


@dataclass(frozen=True, eq=False)
class SoftMask:
    """A mask (restarts, width) per block. Coordinates are the whole site's numbers."""

    kind: str
    masks: Mapping[Block, Tensor]
    exact: bool = False
    additive: bool = True

    def encode(self, activation: Tensor, block: Block) -> Tensor:
        """The site as it is: it is not yet decided which numbers are the block's."""
        return activation

    def write(self, activation: Tensor, values: Tensor, block: Block) -> Tensor:
        """`h + m (v - h)`."""
        return activation + self.masks[block].unsqueeze(1) * (values - activation)

    def swap(self, activation: Tensor, source: Tensor, block: Block) -> Tensor:
        """The same."""
        return self.write(activation, source, block)

    def to(self, *, device: torch.device | str, dtype: torch.dtype) -> SoftMask:
        """The same elsewhere, in other precision."""
        moved = {block: each.to(device=device, dtype=dtype) for block, each in self.masks.items()}
        return replace(self, masks=moved)

    def tensors(self) -> Mapping[str, Tensor]:
        """The masks of one restart, one row per block."""
        return {"masks": torch.stack([each[0] for each in self.masks.values()])}


class Masked(Descended):
    """At most as many of the site's own numbers as the line asks for, at least one.

    `k masked dims` are the k numbers whose mask is highest, fewer where fewer are above one
    half. Variables that share a site compete for each number. With `over = heads` whole heads
    are masked, of a line that names several, and k counts heads. `penalty` times the share of
    the site that is masked is added to the loss.
    """

    name = "masked"

    def dims(self, space: Space, width: int) -> int:
        """As many as the blocks need: numbers, also where heads are counted."""
        refuse_named(space)
        unit = _unit(space, width)
        wanted = sum(map(len, blocks_of(space)))
        if wanted * unit > width:
            what = "numbers" if unit == 1 else "heads"
            raise EngineError(
                f"{where_of(space)} has {width // unit} {what}, {wanted} dims of `masked` do "
                "not fit",
                f"ask for at most {width // unit} dims in all",
            )
        return wanted * unit

    def capacity(self, space: Space, width: int) -> int:
        """One entry per number, or head, and variable."""
        return width // _unit(space, width) * len(blocks_of(space))

    def start(
        self, space: Space, width: int, restarts: int, *, generator: torch.Generator
    ) -> Parameters:
        """Nearly even: `logits` (restarts, blocks, width); a head's are averaged."""
        self.dims(space, width)
        shape = restarts, len(blocks_of(space)), width
        return {"logits": 0.1 * torch.randn(shape, generator=generator, dtype=torch.float64)}

    def basis(self, space: Space, parameters: Parameters, share: float) -> Basis:
        """Soft masks; at 1 a choice."""
        logits, unit = _logits(space, parameters)
        if share < 1:
            masks = _shares(logits, share).repeat_interleave(unit, dim=-1)  # (.., blocks, width)
            return SoftMask(self.name, dict(zip(blocks_of(space), masks.unbind(1), strict=True)))
        return Rotation(self.name, _chosen(blocks_of(space), logits, unit), unit=unit)

    def penalty(self, space: Space, parameters: Parameters, share: float) -> Tensor | None:
        """The share of the site that is masked, for all variables together: (restarts,).

        Not None without weight either: masks are to become hard before the fit ends.
        """
        if share >= 1:
            return None
        logits, _ = _logits(space, parameters)
        return weight_of(space, "penalty") * _shares(logits, share).sum(dim=1).mean(dim=1)

    def random(
        self,
        space: Space,
        width: int,
        *,
        generator: torch.Generator,
        evidence: Evidence | None = None,
    ) -> Basis:
        """As many numbers, or heads, as the line asks for, drawn without replacement."""
        unit = _unit(space, width)
        wanted = self.dims(space, width) // unit
        drawn = torch.randperm(width // unit, generator=generator)[:wanted]
        logits = torch.full((1, len(blocks_of(space)), width // unit), -1.0, dtype=torch.float64)
        for number, block in enumerate(blocks_of(space)):
            logits[0, number, drawn[list(block)]] = 1.0
        return Rotation(self.name, _chosen(blocks_of(space), logits, unit), unit=unit)


def _unit(space: Space, width: int) -> int:
    """Numbers that share an entry of the mask: 1, or those of a head."""
    if setting(space, "over") != "heads":
        return 1
    heads = 0
    for member in space.members:
        for choice in member.choices:
            parts = {(site.component, site.part) for site in choice.writes}
            if len(parts) > 1 or choice.writes[0].component != "head":
                raise EngineError(
                    "`masked(over = heads)` is for a line that names heads, all of one part",
                    "write `head {0.1, 0.2, 1.0}`, or leave `over = heads` out",
                )
            heads = len(choice.writes)
    return width // heads


def _logits(space: Space, parameters: Parameters) -> tuple[Tensor, int]:
    """(restarts, blocks, numbers or heads), and the numbers of each."""
    logits = parameters["logits"]
    unit = _unit(space, logits.shape[-1])
    apart = logits.reshape(*logits.shape[:-1], -1, unit)
    return apart.mean(dim=-1), unit


def _shares(logits: Tensor, share: float) -> Tensor:
    """Soft masks (restarts, blocks, n), over blocks at most 1: a softmax beside nought."""
    temperature = HOT * (COLD / HOT) ** share
    beside = torch.cat([torch.zeros_like(logits[:, :1]), logits], dim=1) / temperature
    return torch.softmax(beside, dim=1)[:, 1:]


@torch.no_grad()
def _chosen(blocks: tuple[Block, ...], logits: Tensor, unit: int) -> Tensor:
    """Columns (restarts, width, dims * unit), each one number of the site or nought."""
    restarts, _, count = logits.shape
    dims = 1 + max(max(block) for block in blocks)
    columns = torch.zeros(restarts, count, dims, dtype=logits.dtype, device=logits.device)
    wins = (logits == logits.amax(dim=1, keepdim=True)) & (logits > 0)
    taken = wins.any(dim=1)  # (restarts, n)
    for number, block in enumerate(blocks):
        own = logits[:, number].masked_fill(~wins[:, number], -torch.inf)
        spare = logits[:, number].masked_fill(taken, -torch.inf).argmax(dim=1)
        for restart in range(restarts):
            best = own[restart].topk(len(block))
            found = best.indices[best.values > -torch.inf]
            if len(found) == 0:  # a write of nothing would be no claim
                found = spare[restart : restart + 1]
                taken[restart, found] = True
            at = torch.tensor(block[: len(found)], device=logits.device)
            columns[restart, found.sort().values, at] = 1.0
    if unit == 1:
        return columns
    return torch.kron(columns, torch.eye(unit, dtype=logits.dtype, device=logits.device))
