"""Latents of a sparse autoencoder (`sae`) or a transcoder as coordinates.

A write changes the latents of a block and carries what the dictionary cannot express:
`h + (c' - c) W_dec`. For a transcoder c is read at one site and the change is written at
another, so that its line names both: `x -> mlp_input 5, mlp 5 in ...`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from causalabs.engine.bases.dictionary import (
    Dictionary,
    read_dictionary,
    restored as restored_dictionary,
)
from causalabs.engine.bases.files import at_folder
from causalabs.engine.bases.rotation import span_of
from causalabs.engine.bases.shared import Closed, blocks_of, dims_of, setting, where_of
from causalabs.engine.basis import Basis, Block, Evidence
from causalabs.engine.errors import EngineError
from causalabs.hypothesis.model import Space

ROWS_AT_ONCE = 1024


@dataclass(frozen=True, eq=False)
class Latents:
    """Some latents of a dictionary: coordinate i is latent number `picked[i]`.

    The activation's first `reads` numbers are encoded and its last `writes` are changed; for an
    autoencoder both are all of it.
    """

    kind: str
    dictionary: Dictionary
    picked: Tensor
    exact: bool = False
    additive: bool = True
    left_alone: tuple[int, ...] = ()
    """Numbers of the line's sites that are only read, and of which no write is made."""

    def encode(self, activation: Tensor, block: Block) -> Tensor:
        """(restarts or 1, batch, width) -> (the same, batch, block)."""
        reads = self.dictionary.encoder.shape[0]
        return self.dictionary.latents(activation[..., :reads], self.picked[span_of(block)])

    def write(self, activation: Tensor, values: Tensor, block: Block) -> Tensor:
        """`h + (v - c) W_dec`: the reconstruction's error stays as it is."""
        decoder = self.dictionary.decoder.index_select(0, self.picked[span_of(block)])
        change = (values - self.encode(activation, block)) @ decoder
        beside = activation.shape[-1] - decoder.shape[1]
        if beside:
            change = torch.nn.functional.pad(change, (beside, 0))
        return activation + change

    def swap(self, activation: Tensor, source: Tensor, block: Block) -> Tensor:
        """The same."""
        return self.write(activation, self.encode(source, block), block)

    def to(self, *, device: torch.device | str, dtype: torch.dtype) -> Latents:
        """The same elsewhere, in other precision."""
        moved = self.dictionary.to(device=device, dtype=dtype)
        return replace(self, dictionary=moved, picked=self.picked.to(device))

    def tensors(self) -> Mapping[str, Tensor]:
        """The dictionary, of which only what is used where that is enough, and the latents."""
        kept, picked = self.dictionary, self.picked
        if not kept.k:
            kept = replace(
                kept,
                encoder=kept.encoder[:, picked],
                bias=kept.bias[picked],
                decoder=kept.decoder[picked],
                threshold=None if kept.threshold is None else kept.threshold[picked],
            )
            picked = torch.arange(len(picked), device=picked.device)
        return {**kept.tensors(), "picked": picked, "latents": self.picked}


class Sae(Closed):
    """`sae("path") dims 5..9`: these latents; `4 sae("path") dims`: the most informative.

    Informative is the share of a latent's variance over `train` that lies between the values
    of the variable; variables that share a site choose one after another, in file order.
    """

    name = "sae"
    transcodes = False
    left_alone: tuple[int, ...] = ()

    def needs_data(self, space: Space) -> bool:
        """Only to choose latents: those that are named depend on none."""
        return counted(space)

    def dims(self, space: Space, width: int) -> int:
        """As many as the blocks need: a dictionary has more latents than the site numbers."""
        return dims_of(space)

    def capacity(self, space: Space, width: int) -> int:
        """One number per latent that is chosen."""
        return dims_of(space) if counted(space) else 0

    def closed(self, space: Space, width: int, evidence: Evidence) -> Basis:
        """The dictionary of the file, and the latents named or chosen."""
        found = self._dictionary(space, width, evidence)
        latents = found.encoder.shape[1]
        if not counted(space):
            last = dims_of(space) - 1
            if last >= latents:
                raise EngineError(
                    f"the dictionary has latents 0..{latents - 1}, not {last}",
                    "name others",
                )
            return Latents(self.name, found, torch.arange(last + 1), left_alone=self.left_alone)
        picked = _informative(found, space, evidence)
        return Latents(self.name, found, picked, left_alone=self.left_alone)

    def random(
        self,
        space: Space,
        width: int,
        *,
        generator: torch.Generator,
        evidence: Evidence | None = None,
    ) -> Basis:
        """As many latents of the same dictionary, drawn without replacement."""
        found = self._dictionary(space, width, evidence or Evidence({}, {}, {}))
        wanted, latents = dims_of(space), found.encoder.shape[1]
        drawn = torch.randperm(latents, generator=generator)
        return Latents(self.name, found, drawn[:wanted], left_alone=self.left_alone)

    def restore(self, space: Space, tensors: Mapping[str, Tensor]) -> Basis:
        """Inverse of `Basis.tensors`."""
        found = restored_dictionary(tensors)
        return Latents(self.name, found, tensors["picked"], left_alone=self.left_alone)

    def _dictionary(self, space: Space, width: int, evidence: Evidence) -> Dictionary:
        path = at_folder(setting(space, "path"), evidence)
        found = read_dictionary(path, transcodes=self.transcodes)
        reads, writes = found.encoder.shape[0], found.decoder.shape[1]
        self._suits(reads, writes, width, space, evidence, path.name)
        return found

    def _suits(
        self, reads: int, writes: int, width: int, space: Space, evidence: Evidence, name: str
    ) -> None:
        """An error where the dictionary is for another site."""
        if reads != writes:
            raise EngineError(
                f"`{name}` reads {reads} numbers and writes {writes}: it is no autoencoder",
                "use `transcoder`",
            )
        if reads != width:
            raise EngineError(
                f"`{name}` is for a site of {reads} numbers, {where_of(space)} has {width}",
                "align the site that it was trained on",
            )


class Transcoder(Sae):
    """As `sae`, over two sites that the line names: where it reads, then where it writes.

    The change of the latents is written at the second; the first is left as it is. Latents are
    those of the base's clean run unless both sites are one tensor's.
    """

    name = "transcoder"
    transcodes = True
    left_alone = (0,)

    def _suits(
        self, reads: int, writes: int, width: int, space: Space, evidence: Evidence, name: str
    ) -> None:
        for member in space.members:
            if any(len(choice.writes) != 2 for choice in member.choices):
                raise EngineError(
                    f"`{member.variable}` in `transcoder` dims needs the site that is read and "
                    "the site that is written",
                    f"write `{member.variable} -> mlp 0.input, mlp 0 in ... dims`",
                )
        if reads + writes != width:
            raise EngineError(
                f"`{name}` reads {reads} numbers and writes {writes}, the two sites of "
                f"`{space.members[0].variable}` have {width}",
                "name the sites that it was trained on, the one read first",
            )


def counted(space: Space) -> bool:
    """Whether latents are to be chosen: the line gives their number, not their names."""
    return bool(setting(space, "counted"))


def _informative(found: Dictionary, space: Space, evidence: Evidence) -> Tensor:
    """Numbers (dims,) of the latents chosen, block by block."""
    picked = torch.zeros(dims_of(space), dtype=torch.long)
    taken: list[int] = []
    for block in blocks_of(space):
        names = [member.variable for member in space.members if member.block == block]
        activations = torch.cat([evidence.activations[name] for name in names])
        ranks = np.concatenate([evidence.places[name] for name in names])
        shares = between(found, activations, ranks)
        shares[taken] = -1.0
        best = torch.sort(shares, descending=True, stable=True).indices[: len(block)]
        if len(best) < len(block) or float(shares[best[-1]]) <= 0:
            count = int((shares > 0).sum())
            raise EngineError(
                f"{count} latents tell values of `{names[0]}` apart over `train`, {len(block)} "
                "are asked for",
                f"ask for at most {count} dims" if count else "align another site",
            )
        picked[list(block)] = best
        taken += best.tolist()
    return picked


@torch.no_grad()
def between(found: Dictionary, activations: Tensor, ranks: NDArray[np.int64]) -> Tensor:
    """Per latent the share of its variance that lies between values: (latents,)."""
    reads = found.encoder.shape[0]
    values, index = torch.unique(torch.from_numpy(ranks), return_inverse=True)
    latents = found.encoder.shape[1]
    sums = torch.zeros(len(values), latents, dtype=torch.float64)
    squares = torch.zeros(latents, dtype=torch.float64)
    for first in range(0, len(activations), ROWS_AT_ONCE):
        rows = activations[first : first + ROWS_AT_ONCE, :reads].cpu().double()
        active = found.latents(rows)
        sums.index_add_(0, index[first : first + len(rows)], active)
        squares += active.square().sum(dim=0)
    counts = torch.bincount(index).double()
    centre = sums.sum(dim=0) / counts.sum()
    total = squares - counts.sum() * centre.square()
    parted = (counts[:, None] * (sums / counts[:, None] - centre).square()).sum(dim=0)
    return torch.where(total > 1e-12 * squares.max().clamp(min=1e-30), parted / total, 0.0)
