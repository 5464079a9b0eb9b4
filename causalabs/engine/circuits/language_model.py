"""Hugging Face models in parts, for circuits: families whose heads add up.

Norms, MLPs, the turning of queries and keys by position and attention itself are the model's own
modules. What a head is asked, its key and its value each come from an input of their own, so
the projections are done here, head by head; while the attention module runs, they hand out
what was projected and its output projection hands on what heads have gathered.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from causalabs.engine.circuits.body import Projected, heads_terms
from causalabs.engine.circuits.nodes import Half, Nodes
from causalabs.engine.circuits.norms import Norm, norm_of
from causalabs.engine.circuits.walk import terms_of
from causalabs.engine.errors import EngineError
from causalabs.engine.language_models import proof
from causalabs.engine.language_models.attention import Call, Columns, attending
from causalabs.engine.language_models.clean import columns_of, read_columns
from causalabs.engine.language_models.contract import Prompts
from causalabs.engine.language_models.families import Projection, Wiring
from causalabs.engine.language_models.model import LanguageModel
from causalabs.engine.protocol import Scores
from causalabs.hypothesis.model import Position


@dataclass(frozen=True, eq=False)
class Prompted:
    """Prompts of a run, and the tokens of answers that are run after them."""

    wiring: Wiring
    model: LanguageModel
    prompts: Prompts
    ids: Tensor  # (rows, tokens)
    read: Tensor  # (rows, positions): tokens read
    lengths: Tensor  # (rows,)

    @cached_property
    def columns(self) -> Columns:
        """Tokens, then answers' nodes."""
        nodes = self.model.readout.nodes
        return columns_of(torch.zeros_like(self.lengths), self.tokens, self.read, nodes)

    @cached_property
    def reads(self) -> Tensor:
        """Columns that the readout is given: (rows, reads)."""
        return read_columns(self.columns, self.read)

    @cached_property
    def angles(self) -> dict[str, Any]:
        """What positions turn queries and keys by, of all rows alike or of each."""
        columns = self.columns
        alike = columns.level and columns.sees is None
        positions = columns.positions[:1] if alike else columns.positions
        return self.wiring.angles(self.wiring.norm.weight, positions)  # type: ignore[arg-type]

    @property
    def tokens(self) -> int:
        """Tokens of the longest prompt."""
        return self.ids.shape[1]

    def take(self, rows: slice) -> Prompted:
        """Some rows, none of their columns cut off."""
        return Prompted(
            self.wiring,
            self.model,
            self.model.slice(self.prompts, rows),
            self.ids[rows],
            self.read[rows],
            self.lengths[rows],
        )


class LanguageModelBody:
    """`Body` of a causal language model; `EngineError` where its heads do not add up."""

    def __init__(self, network: LanguageModel) -> None:
        self.network = network
        self.wiring = wiring = network.wiring
        if any(block.post_attention is not None for block in wiring.blocks):
            raise EngineError(
                f"heads of this `{wiring.name}` do not add up: a norm stands between the sum of "
                "their terms and the residual stream, so that it has no edges",
                "take a GPT-2, Llama, Qwen, Mistral or NeoX model, or align variables with "
                "`attention i` and measure `iia`",
            )
        self.nodes = Nodes(
            ("embedding",),
            len(wiring.blocks),
            wiring.heads,
            shared=wiring.heads // wiring.groups,
            parallel=wiring.parallel,
        )
        self.width = wiring.width
        self._prove()

    def columns(self, inputs: Prompts) -> int:
        """Tokens of the longest prompt, and answers' nodes."""
        return inputs.ids.shape[1] + len(self.network.readout.nodes or ())

    def begin(self, inputs: Prompts) -> Prompted:
        """Where the prompts are read."""
        device = self.network.device
        ids, lengths = inputs.ids.to(device), inputs.lengths.to(device)
        read = self.network.reads_of(inputs)
        return Prompted(self.wiring, self.network, inputs, ids, read, lengths)

    def embed(self, setting: Prompted) -> Tensor:
        """Tokens, and their positions where the model adds some: (1, rows, columns, width)."""
        nodes = self.network.readout.nodes
        ids = setting.ids
        if nodes is not None:
            ids = torch.cat([ids, nodes.tokens.expand(len(ids), -1)], dim=1)
        return self.wiring.embed(ids, setting.columns.positions)[None]

    def bias(self, layer: int) -> Tensor | None:
        """Attention's output bias, where it has one."""
        bias: Tensor | None = getattr(self.wiring.blocks[layer].out, "bias", None)
        return bias

    def normed(self, layer: int, half: Half, x: Tensor) -> Tensor:
        """The block's own norms; what is read at the end is normed with the scores."""
        if half == "output":
            return x
        found: Tensor = self._norm(layer, half)(x)
        return found

    def norm(self, layer: int, half: Half) -> Norm | None:
        """The formula of `normed`, if it does anything."""
        if half == "output":
            return None
        tolerance = proof.TOLERANCE.get(self.network.dtype, 5e-2)
        return norm_of(self._norm(layer, half), self.width, tolerance)

    def projections(self, layer: int) -> list[Projected]:
        """Views of the model's weights."""
        each = self._projections(layer)
        return [_heads_of(module, projection, self.wiring.dim) for module, projection in each]

    def gather(
        self, layer: int, asked: Sequence[Tensor], setting: Prompted, *, together: bool = False
    ) -> Tensor:
        """Heads' terms, each without the output bias."""
        wiring, block = self.wiring, self.wiring.blocks[layer]
        copies, _, rows, columns, _ = asked[0].shape
        # (copies * rows, columns, heads, dim), copy by copy
        projected = [each.permute(0, 2, 3, 1, 4).flatten(0, 1) for each in asked]
        call = Call(setting.columns, copies)
        extra: dict[str, Any] = {}
        if setting.angles:
            angles = setting.angles.get(block.kind) or setting.angles[""]
            extra["position_embeddings"] = tuple(
                each if len(each) == 1 else each.repeat(copies, 1, 1) for each in angles
            )
        hidden = asked[0].new_zeros(1).expand(copies * rows, columns, wiring.width)
        with attending(wiring.config), self._handing_out(layer, projected):
            block.attention(hidden, attention_mask=None, causalabs=call, **extra)
        if call.z is None:
            raise RuntimeError("the attention module did not call the registered attention")
        z = call.z.view(copies, rows, columns, wiring.heads, wiring.dim)
        out = _weight(block.out).view(wiring.width, wiring.heads, wiring.dim)
        return heads_terms(z, out, together=together)

    def mlp(self, layer: int, given: Tensor, setting: Prompted) -> Tensor:
        """The MLP's term, with its bias."""
        found: Tensor = self.wiring.blocks[layer].mlp(given.flatten(0, 2))
        return found.view(given.shape)

    def scores(self, x: Tensor, setting: Prompted) -> Scores:
        """Final norm and unembedding of what is read."""
        return self.network.readout.scores(x.flatten(0, 1))

    def places(self, position: Position, setting: Prompted) -> Tensor:
        """Tokens of each row."""
        return self.network.tokens_at(position, setting.prompts)

    # ------------------------------------------------------------------ helpers

    def _norm(self, layer: int, half: Half) -> nn.Module:
        block = self.wiring.blocks[layer]
        return block.first_norm if half == "attention" else block.second_norm

    @torch.no_grad()
    def _prove(self) -> None:
        """The parts of two rows add up to the model's stream; `EngineError` where they do not."""
        ids, lengths = proof.sample_rows(self.wiring)
        nothing = Prompts(ids.cpu(), lengths.cpu(), {})
        read = (lengths - 1)[:, None]
        setting = Prompted(self.wiring, self.network, nothing, ids, read, lengths)
        terms = terms_of(self, setting)[:, :, : ids.shape[1]]
        biases = [self.bias(layer) for layer in range(self.nodes.layers)]
        found = terms.sum(dim=0) + sum(bias for bias in biases if bias is not None)
        wanted = proof.stream(self.wiring, ids)
        size = float(wanted.float().abs().max())
        difference = float((found - wanted).float().abs().max())
        if not difference <= proof.TOLERANCE.get(wanted.dtype, 5e-2) * max(size, 1e-3):
            raise EngineError(
                f"the nodes of this `{self.wiring.name}` do not add up to its residual stream: "
                f"they are {difference:.2g} off",
                "align variables with its sites and measure `iia`",
            )

    def _projections(self, layer: int) -> list[tuple[nn.Module, Projection]]:
        """Modules of queries, keys and values; a norm over heads stays in its place after it."""
        block, family = self.wiring.blocks[layer], self.wiring.family
        found = []
        for module, projection in (
            (block.query, family.query),
            (block.key, family.key),
            (block.value, family.value),
        ):
            if projection.layout in ("heads", "swapped"):
                path = projection.path.replace("_norm", "_proj")
                module, projection = self.wiring.layers[layer].get_submodule(path), Projection(path)
            found.append((module, projection))
        return found

    @contextmanager
    def _handing_out(self, layer: int, projected: list[Tensor]) -> Iterator[None]:
        """Projections hand out what was projected; the output projection hands through."""
        modules: dict[nn.Module, dict[int, tuple[Projection, Tensor]]] = {}
        for part, (module, projection) in enumerate(self._projections(layer)):
            modules.setdefault(module, {})[part] = projection, projected[part]
        with ExitStack() as stack:
            for module, parts in modules.items():
                first, _ = parts[min(parts)]
                handed = _whole(first, [parts[part][1] for part in sorted(parts)])
                stack.enter_context(_handing(module, handed))
            stack.enter_context(_handing(self.wiring.blocks[layer].out, None))
            yield


def _heads_of(module: nn.Module, projection: Projection, dim: int) -> Projected:
    """A projection's weights by head: (heads, dim, width) and (heads, dim)."""
    weight = _weight(module)
    bias: Tensor | None = getattr(module, "bias", None)
    if projection.layout == "thirds":
        weight = weight.view(3, -1, dim, weight.shape[1])[projection.third]
        return weight, None if bias is None else bias.view(3, -1, dim)[projection.third]
    if projection.layout == "interleaved":
        weight = weight.view(-1, 3, dim, weight.shape[1])[:, projection.third]
        return weight, None if bias is None else bias.view(-1, 3, dim)[:, projection.third]
    return weight.view(-1, dim, weight.shape[1]), None if bias is None else bias.view(-1, dim)


def _weight(module: nn.Module) -> Tensor:
    """(out, in), as a Linear's; GPT-2 keeps them the other way round."""
    weight: Tensor = module.weight  # type: ignore[assignment]
    return weight if isinstance(module, nn.Linear) else weight.t()


def _whole(projection: Projection, parts: list[Tensor]) -> Tensor:
    """Parts (rows, columns, heads, dim) as the module's output (rows, columns, all)."""
    if projection.layout == "interleaved":
        return torch.stack(parts, dim=3).flatten(2)
    return torch.cat([part.flatten(2) for part in parts], dim=2)


@contextmanager
def _handing(module: nn.Module, handed: Tensor | None) -> Iterator[None]:
    """A module hands out this for a while, or what it is given."""
    module.forward = lambda given: given if handed is None else handed
    try:
        yield
    finally:
        del module.forward
