"""`transformer(layers, heads, width, mlp = true)`: causal, pre-norm, with learned positions.

Its sites, each `at` a position: `embedding`; `residual i`, the output of block i, and
`residual i.before` and `.between` its two halves; `attention i` and `mlp i`, the terms they add
to the residual stream; `mlp i.input` and `.hidden`; `head i.j`, one head's share of the
attention's term without the bias, `head i.j.q`, `.k`, `.v`, `.z` in the head's own coordinates and
`head i.j.pattern`, its attention to each token; and `logits`. Attention alone, `mlp = false`, has
neither `mlp i` nor what stands between.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from causalabs.algorithm.domains import Column
from causalabs.engine.errors import EngineError
from causalabs.engine.networks import flow
from causalabs.engine.networks.base import (
    BuiltIn,
    Kept,
    Output,
    apply_edit,
    check_kept,
    fill_normal,
)
from causalabs.engine.networks.block import Block, Sizes
from causalabs.engine.networks.flow import (
    ATTENTION,
    BETWEEN,
    HEADS,
    HIDDEN,
    INPUT,
    MLP,
    PATTERN,
    QKV,
    RESIDUAL,
    STAGES,
    Edited,
    Flow,
    Z,
)
from causalabs.engine.networks.naming import say_site, span_of
from causalabs.engine.networks.prompts import Prompts, Tokenizer
from causalabs.engine.networks.tokens import PAD
from causalabs.engine.protocol import Edit, Scores
from causalabs.hypothesis.model import AnyOf, Last, Position, Site

HEAD_PARTS = {None: HEADS, "q": QKV, "k": QKV, "v": QKV, "pattern": PATTERN, "z": Z}
LAYER_PARTS: Mapping[tuple[str, str | None], tuple[int, str]] = {
    ("residual", "before"): (QKV - 1, "x"),  # what stands before the block's first stage
    ("residual", "between"): (BETWEEN, "x"),
    ("residual", None): (RESIDUAL, "x"),
    ("attention", None): (ATTENTION, "attention"),
    ("mlp", "input"): (INPUT, "normed"),
    ("mlp", "hidden"): (HIDDEN, "inner"),
    ("mlp", None): (MLP, "mlp"),
}
"""Per component and part of a layer: its stage, and the tensor's name in the flow."""


@dataclass(frozen=True)
class Start:
    """Where a kept run starts: after `stage`, from token `first` on.

    `scores` says whether some output is read earlier, and so comes from the clean run.
    """

    stage: int
    first: int
    scores: bool


class Transformer(BuiltIn[Prompts]):
    """A transformer over the tokens of prompts; a token sees earlier ones only if `causal`."""

    kind = "transformer"
    rows_at_once = 2048
    causal = True
    apart = False
    """Whether `tokens` and `positions` are sites."""

    def __init__(
        self, sizes: Sizes, *, tokenizer: Tokenizer, outputs: Sequence[Output], longest: int = 0
    ) -> None:
        super().__init__(outputs)
        layers, width = sizes.layers, sizes.width
        self.heads, self.head_width = sizes.heads, sizes.key
        self.tokenizer = tokenizer
        self.residual_width = width
        where = [output.position or Last() for output in outputs]
        self.groups: tuple[Position, ...] = tuple(dict.fromkeys(where))
        self.group_of = tuple(self.groups.index(position) for position in where)
        self.blocks: Sequence[Block] = nn.ModuleList(  # type: ignore[assignment]
            Block(sizes) for _ in range(layers)
        )
        classes = sum(output.classes for output in outputs)
        self.token_weight = nn.Parameter(torch.empty(len(tokenizer.vocabulary.words), width))
        self.position_weight = nn.Parameter(torch.empty(longest or tokenizer.longest, width))
        if sizes.norms:
            self.norm_weight = nn.Parameter(torch.empty(width))
            self.norm_bias = nn.Parameter(torch.empty(width))
        self.head_weight = nn.Parameter(torch.empty(classes, width))
        self.head_bias = nn.Parameter(torch.empty(classes))
        self.end = flow.stage_of(layers, QKV)  # the stage of `logits`

    def initialise(self, generator: torch.Generator) -> None:
        """Normal weights of variance 1 / fan-in, smaller where a block writes its residual."""
        for name, parameter in self.named_parameters():
            kind = name.rsplit(".", 1)[-1]
            if kind in ("first_weight", "second_weight", "norm_weight"):
                nn.init.ones_(parameter)
            elif parameter.dim() == 1:
                nn.init.zeros_(parameter)
            else:
                fan_in = parameter.shape[1] * (
                    2 * len(self.blocks) if kind in ("out_weight", "narrow_weight") else 1
                )
                fill_normal(parameter, 1 / math.sqrt(fan_in), generator)

    def encode(self, columns: Mapping[str, Column]) -> Prompts:
        """Prompts, one a row."""
        return self.tokenizer.encode(columns, self.device)

    def slice(self, inputs: Prompts, rows: slice | Tensor) -> Prompts:
        """Some rows of the inputs."""
        return inputs.take(rows)

    def expand(self, site: Site) -> tuple[Site, ...]:
        """The sites that a search over tokens, `at any token`, stands for."""
        if not isinstance(site.position, AnyOf):
            return (site,)
        found = self.tokenizer.expand(site.position)
        return tuple(
            Site(site.component, site.layer, site.head, site.part, site.path, position)
            for position in found
        )

    # -------------------------------------------------------------------- sites

    def stage(self, site: Site) -> int:
        """The stage after which the site is read and written."""
        plain = site.head is None and site.path is None
        layer = site.layer if site.layer in range(len(self.blocks)) else None
        match site.component:
            case "logits" if plain and site.layer is None and site.part is None:
                if site.position is not None and site.position not in self.groups:
                    raise EngineError(f"{say_site(site)} does not exist: nothing is read there")
                return self.end
            case "embedding" if plain and site.layer is None and site.part is None:
                found = flow.EMBEDDING
            case "tokens" | "positions" if (
                self.apart and plain and site.layer is None and site.part is None
            ):
                found = flow.APART
            case "mlp" if not any(block.hidden for block in self.blocks):
                raise EngineError(f"{say_site(site)} does not exist", self._sites_there_are())
            case component if plain and layer is not None and (component, site.part) in LAYER_PARTS:
                found = flow.stage_of(layer, LAYER_PARTS[component, site.part][0])
            case "head" if (
                layer is not None
                and site.path is None
                and site.head in range(self.heads)
                and site.part in HEAD_PARTS
            ):
                found = flow.stage_of(layer, HEAD_PARTS[site.part])
            case _:
                raise EngineError(f"{say_site(site)} does not exist", self._sites_there_are())
        if site.position is None:
            raise EngineError(f"{say_site(site)} needs a position", "write `at last`, or at a slot")
        return found

    def _sites_there_are(self) -> str:
        layers = len(self.blocks)
        mlp = bool(self.blocks[0].hidden)
        named = ("residual", "attention", "mlp") if mlp else ("residual", "attention")
        spans = ", ".join(span_of(name, layers) for name in named)
        heads = f"`head 0.0` to `head {layers - 1}.{self.heads - 1}` (.q, .k, .v, .z, .pattern)"
        parts = f"(residual: .before, .between{'; mlp: .input, .hidden' if mlp else ''})"
        first = "`tokens`, `positions`, `embedding`" if self.apart else "`embedding`"
        return f"this {self.kind} has {first}, {spans} {parts}, {heads} and `logits`"

    def width(self, site: Site) -> int:
        """Width of the stream or the head, times the number of positions."""
        if self.stage(site) == self.end:
            return sum(output.classes for output in self._outputs_at(site))
        count = self.tokenizer.count(site.position or Last())
        return count * self._width_of_one(site)

    def _width_of_one(self, site: Site) -> int:
        match site.component, site.part:
            case "head", "pattern":
                return self.tokenizer.longest
            case "head", str():
                return self.head_width
            case "mlp", "hidden":
                return self.blocks[0].hidden
            case _:
                return self.residual_width

    def _outputs_at(self, site: Site) -> list[Output]:
        pairs = zip(self.outputs, self.group_of, strict=True)
        return [o for o, group in pairs if site.position in (None, self.groups[group])]

    def _edited(self, site: Site, at: Tensor, touch: flow.Touch) -> Edited:
        stage, head = self.stage(site), site.head or 0
        if site.component == "head":
            first, last = head * self.head_width, (head + 1) * self.head_width
            return Edited(stage, site.part or "head", first, last, at, touch, head)
        whole = site.component if stage == flow.APART else "x"
        name = LAYER_PARTS.get((site.component, site.part), (0, whole))[1]
        return Edited(stage, name, 0, self._width_of_one(site), at, touch)

    # ------------------------------------------------------------------ running

    def run(self, inputs: Prompts) -> Scores:
        """Scores of all outputs."""
        current = self._begin(inputs, ())
        self._walk(current, flow.APART, self.end)
        return self._scores(current)

    def read(self, inputs: Prompts, sites: Sequence[Site]) -> list[Tensor]:
        """Activations at the sites; no stage after the last of them is run."""
        found: dict[int, Tensor] = {}
        edits = []
        for number, site in enumerate(sites):
            self.width(site)  # an error that names a site there is not
            if self.stage(site) < self.end:
                at = self._at(site.position or Last(), inputs)
                edits.append(self._edited(site, at, _spy(found, number)))
        current = self._begin(inputs, edits)
        last = max(self.stage(site) for site in sites)
        self._walk(current, flow.APART, last)
        if last == self.end:
            scores = self._scores(current)
            for number, site in enumerate(sites):
                if self.stage(site) == self.end:
                    parts = [scores[output.name] for output in self._outputs_at(site)]
                    found[number] = torch.cat(parts, dim=1)
        return [found[number] for number in range(len(sites))]

    def earliest(self, inputs: Prompts, sites: Sequence[Site]) -> Start:
        """The first edited stage and, over all rows, the first edited token."""
        for site in sites:
            self.width(site)
        stage = min(self.stage(site) for site in sites)
        places = [
            self.tokenizer.resolve(site.position or Last(), inputs)
            for site in sites
            if self.stage(site) < self.end
        ]
        if not places:
            return Start(stage, 0, True)
        if not self.causal:
            return Start(stage, 0, False)
        first = min((int(at.min()) for at in places if at.size), default=0)
        reads = [self.tokenizer.resolve(position, inputs) for position in self.groups]
        return Start(stage, first, any((at < first).any() for at in reads))

    def start(self, inputs: Prompts, sites: Sequence[Site], earliest: Start) -> Kept:
        """The tensors after the first edited stage, and keys and values of earlier tokens."""
        first, stage = earliest.first, earliest.stage
        tensors = {"reads": self.reads_of(inputs), **self.ends_of(inputs)}
        for number, site in enumerate(sites):
            if self.stage(site) < self.end:
                tensors[f"at{number}"] = self._at(site.position or Last(), inputs)
        current = self._begin(inputs, ())
        current.may_narrow = False
        last_keys = flow.stage_of(len(self.blocks) - 1, QKV)
        needed = self.end if earliest.scores else max(stage, last_keys if first else 0)
        for now in range(flow.APART, needed + 1):
            if flow.APART < now < self.end:
                current.compute(now)
            if first and (now - 1) % STAGES == QKV and 0 < now < self.end:
                for name in _past_names(now, stage):
                    tensors[f"{name}{(now - 1) // STAGES}"] = current.tensors[name][:, :first]
            if now == stage and stage < self.end:
                for name in flow.carried(stage):
                    tensors[name] = current.tensors[name][:, first:]
        if earliest.scores:
            scores = self._scores(current)
            tensors["scores"] = torch.cat([scores[o.name] for o in self.outputs], dim=1)
        return Kept(tensors, earliest, tuple(sites))

    def proceed(self, prefix: Kept, edits: Sequence[tuple[Site, Edit]]) -> Scores:
        """Run the stages after the first edited one, over the tokens from the first edited."""
        check_kept(prefix, edits)
        start: Start = prefix.start
        tensors = prefix.tensors
        inner = []
        for site, edit in edits:
            if self.stage(site) < self.end:
                at = tensors[f"at{prefix.sites.index(site)}"]
                inner.append(self._edited(site, at, _writer(site, edit)))
        inner.sort(key=lambda edited: edited.stage)
        if start.stage == self.end:
            scores = self._clean(prefix)
        else:
            carried = {name: tensors[name] for name in flow.carried(start.stage)}
            reads = tensors["reads"]
            current = Flow(
                self,
                carried,
                first=start.first,
                past=tensors,
                reads=reads,
                ends=tensors.get("ends"),
                edits=inner,
            )
            current.edit(start.stage)
            self._walk(current, start.stage + 1, self.end)
            scores = self._scores(current)
            if start.scores:
                scores = self._where_changed(scores, prefix)
        for site, edit in edits:
            if self.stage(site) == self.end:
                self._edit_logits(scores, site, edit)
        return scores

    # ------------------------------------------------------------------ helpers

    def _begin(self, inputs: Prompts, edits: Sequence[Edited]) -> Flow:
        tokens = functional.embedding(inputs.ids, self.token_weight)
        positions = self.position_weight[: inputs.ids.shape[1]].expand_as(tokens)
        return Flow(
            self,
            {"tokens": tokens, "positions": positions},  # (batch, position, width)
            first=0,
            past={},
            reads=self.reads_of(inputs),
            ends=self.ends_of(inputs).get("ends"),
            edits=edits,
        )

    def _walk(self, current: Flow, first: int, last: int) -> None:
        for stage in range(first, min(last, self.end - 1) + 1):
            if stage > flow.APART:
                current.compute(stage)
            current.edit(stage)

    def _at(self, position: Position, inputs: Prompts) -> Tensor:
        return torch.from_numpy(self.tokenizer.resolve(position, inputs)).to(inputs.ids.device)

    def reads_of(self, inputs: Prompts) -> Tensor:
        """Tokens at which something is read: (rows, groups)."""
        found = [self.tokenizer.resolve(position, inputs) for position in self.groups]
        for position, at in zip(self.groups, found, strict=True):
            if at.shape[1] != 1:
                raise EngineError(f"an output is read at {at.shape[1]} tokens at once: {position}")
        return torch.from_numpy(np.concatenate(found, axis=1)).to(inputs.ids.device)

    def ends_of(self, inputs: Prompts) -> dict[str, Tensor]:
        """Each prompt's number of tokens, (rows, 1): what is to be known if not `causal`."""
        if self.causal:
            return {}
        return {"ends": (inputs.ids != PAD).sum(dim=1, keepdim=True)}

    def _scores(self, current: Flow) -> Scores:
        late = None if current.ends is None else current.reads >= current.ends  # (batch, groups)
        return self.unembed(current.read(), late)

    def unembed(self, stream: Tensor, late: Tensor | None = None) -> Scores:
        """What is read of the residual stream (batch, groups, width) -> outputs' (batch, classes).

        `late` (batch, groups) are those read after the end of the prompt, where that can be.
        """
        shape = (self.residual_width,)
        normed = functional.layer_norm(stream, shape, self.norm_weight, self.norm_bias)
        scores, first = {}, 0
        for output, group in zip(self.outputs, self.group_of, strict=True):
            rows = slice(first, first + output.classes)
            scores[output.name] = functional.linear(
                normed[:, group], self.head_weight[rows], self.head_bias[rows]
            )
            first += output.classes
        return scores

    def _clean(self, prefix: Kept) -> Scores:
        sizes = [output.classes for output in self.outputs]
        parts = torch.split(prefix.tensors["scores"], sizes, dim=1)
        return {output.name: part for output, part in zip(self.outputs, parts, strict=True)}

    def _where_changed(self, scores: Scores, prefix: Kept) -> Scores:
        """Outputs read before the first edited token are the clean run's."""
        clean = self._clean(prefix)
        later = prefix.tensors["reads"] >= prefix.start.first  # (batch, groups)
        return {
            output.name: torch.where(later[:, group, None], scores[output.name], clean[output.name])
            for output, group in zip(self.outputs, self.group_of, strict=True)
        }

    def _edit_logits(self, scores: Scores, site: Site, edit: Edit) -> None:
        outputs = self._outputs_at(site)
        whole = torch.cat([scores[output.name] for output in outputs], dim=1)
        sizes = [output.classes for output in outputs]
        parts = torch.split(apply_edit(site, edit, whole), sizes, dim=1)
        scores.update({o.name: part for o, part in zip(outputs, parts, strict=True)})


def _past_names(now: int, stage: int) -> str:
    """What a run started after `stage` needs of earlier tokens from the keys-and-values stage
    `now`: of its own block, the values alone if it starts between pattern and values.
    """
    return "kv" if now >= stage else "v" if stage == now + PATTERN else ""


def _spy(found: dict[int, Tensor], number: int) -> flow.Touch:
    def see(current: Tensor) -> Any:
        found[number] = current

    return see


def _writer(site: Site, edit: Edit) -> Callable[[Tensor], Tensor]:
    def write(current: Tensor) -> Tensor:
        return apply_edit(site, edit, current)

    return write
