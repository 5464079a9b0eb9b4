"""A causal language model of Hugging Face as a network with sites.

The model's own `forward` runs once, to prove that the flow of `flow.py` gives the same; after
that only the modules that an intervention can change are called, and only on the tokens from
the first edited one on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from causalabs.algorithm.domains import Column
from causalabs.engine.errors import EngineError
from causalabs.engine.language_models import proof
from causalabs.engine.language_models.attention import Columns, attending
from causalabs.engine.language_models.contract import Prompter, Prompts, Read
from causalabs.engine.language_models.families import wire
from causalabs.engine.language_models.flow import Group, Pass, See, Touch
from causalabs.engine.language_models.kept import Prefix, Start, aligned, join
from causalabs.engine.language_models.readout import Readout
from causalabs.engine.language_models.sites import (
    AFTER,
    DONE,
    PATTERN,
    Place,
    carried,
    place_of,
    width_of,
)
from causalabs.engine.networks.base import apply_edit
from causalabs.engine.networks.naming import say_site
from causalabs.engine.protocol import Edit, Scores
from causalabs.hypothesis.model import AllOf, AnyOf, Last, Position, Site

Edits = Sequence[tuple[Site, Edit]]

TOKENS_AT_ONCE = 8192
"""Tokens of one batch of whole clean runs."""


class LanguageModel:
    """A frozen causal language model (`Network`): `module` of transformers, its prompts, its reads.

    The module is put into evaluation mode and its parameters ask for no gradient; otherwise it
    is left as it is, and its own `forward` gives what it gave. `EngineError` where the
    architecture is unknown or does not do what its family's table says.
    """

    kind = "huggingface"
    rows_at_once = 256
    staggers = True

    def __init__(
        self,
        module: nn.Module,
        *,
        prompter: Prompter,
        reads: Sequence[Read],
        record: Mapping[str, Any] | None = None,
        proved: bool = False,
    ) -> None:
        module.eval()
        module.requires_grad_(False)
        self.module = module
        self.wiring = wire(module)
        self.prompter = prompter
        self.readout = Readout(self.wiring, reads)
        self.record: Mapping[str, Any] = {**_describe(self), **(record or {})}
        if not proved:
            proof.prove(self.wiring)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.module.device  # type: ignore[return-value]

    @property
    def dtype(self) -> torch.dtype:
        """The numbers' type."""
        return self.module.dtype  # type: ignore[return-value]

    # ------------------------------------------------------------------- inputs

    def encode(self, columns: Mapping[str, Column]) -> Prompts:
        """Prompts, one a row."""
        return self.prompter.encode(columns)

    def slice(self, inputs: Any, rows: slice | Tensor) -> Any:
        """Some rows of the inputs."""
        return inputs.take(rows if isinstance(rows, slice) else rows.cpu())

    def expand(self, site: Site) -> tuple[Site, ...]:
        """The sites that a search over tokens, `at any token`, stands for."""
        if not isinstance(site.position, AnyOf):
            return (site,)
        found = self.prompter.expand(site.position)
        return tuple(replace(site, position=position) for position in found)

    # -------------------------------------------------------------------- sites

    def place(self, site: Site) -> Place | None:
        """Where a site is; None for `logits`, which are after all blocks."""
        if site.component == "logits" and site.layer is None and site.part is None:
            if not self.readout.at(site):
                raise EngineError(f"{say_site(site)} does not exist: nothing is read there")
            return None
        found = place_of(self.wiring, site)
        if site.position is None:
            raise EngineError(f"{say_site(site)} needs a position", "write `at last`, or at a slot")
        return found

    def width(self, site: Site) -> int:
        """Numbers at one token, times the number of tokens."""
        place = self.place(site)
        if place is None:
            return sum(self.readout.columns[name] for name in self.readout.at(site))
        count = self.prompter.count(site.position or Last())
        each = self._tokens() if place.name == "pattern" else width_of(self.wiring, place)
        return count * each

    def _tokens(self) -> int:
        """Tokens of every prompt: the length of a pattern's rows."""
        return self.prompter.count(AllOf())

    def _at(self, position: Position | None, inputs: Prompts) -> Tensor:
        found = self.prompter.resolve(position or Last(), inputs)  # (rows, count)
        return torch.from_numpy(np.ascontiguousarray(found)).to(self.device)

    def _reads(self, inputs: Prompts) -> Tensor:
        """Tokens at which something is read: (rows, positions)."""
        found = [self._at(position, inputs) for position in self.readout.positions]
        for at in found:
            if at.shape[1] != 1:
                raise EngineError(f"an output is read at {at.shape[1]} tokens at once")
        return torch.cat(found, dim=1)

    # --------------------------------------------------------------- clean runs

    @torch.no_grad()
    def scores(self, inputs: Any) -> Scores:
        """Clean scores of every row, per output (rows, columns)."""
        parts = [self._clean(batch, [])[1] for batch in self._batches(inputs)]
        return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}

    @torch.no_grad()
    def capture(self, inputs: Any, sites: Sequence[Site]) -> list[Tensor]:
        """Clean activations of every row at each site, (rows, width) each."""
        if not sites:
            return []
        for site in sites:
            self.width(site)  # an error that names a site there is not
        parts = [self._clean(batch, sites)[0] for batch in self._batches(inputs)]
        return [torch.cat(columns) for columns in zip(*parts, strict=True)]

    def _clean(self, inputs: Prompts, sites: Sequence[Site]) -> tuple[list[Tensor], Scores]:
        """Activations at the sites, and scores unless only sites before them are asked for."""
        found: dict[int, Tensor] = {}
        places = [self.place(site) for site in sites]
        touches = [
            self._touch(place, self._at(site.position, inputs), _spy(found, number))
            for number, (site, place) in enumerate(zip(sites, places, strict=True))
            if place is not None
        ]
        current = Pass(self.wiring, self._whole(inputs), touches)
        starts = [place.start for place in places if place is not None]
        whole = not sites or len(starts) < len(sites)
        last = (len(self.wiring.blocks) - 1, AFTER) if whole else max(starts)
        x = current.block(-1, {"after": self._embed(inputs)}, AFTER)["after"]
        with attending(self.module.config):
            for layer in range(last[0] + 1):
                stop = AFTER if layer < last[0] else DONE.get(last[1], last[1])
                x = current.block(layer, {"x": x}, stop=stop).get("after", x)
        scores: Scores = {}
        if whole:
            scores = self.readout.scores(_gather(x, self._reads(inputs)))
            for number, (site, place) in enumerate(zip(sites, places, strict=True)):
                if place is None:
                    parts = [scores[name] for name in self.readout.at(site)]
                    found[number] = torch.cat(parts, dim=1)
        return [found[number] for number in range(len(sites))], scores

    def prefix(self, inputs: Any, sites: Sequence[Site]) -> Prefix:
        """What every row needs to run again from any of `sites`; `resume` may edit no others."""
        parts = list(self.prefix_parts(inputs, sites))
        tensors = parts[0].tensors if len(parts) == 1 else join([part.tensors for part in parts])
        return parts[0].with_tensors(tensors)

    def prefix_parts(self, inputs: Any, sites: Sequence[Site]) -> Iterator[Prefix]:
        """The prefix in batches."""
        if not sites:
            raise ValueError("a prefix needs at least one site")
        for site in sites:
            self.width(site)
        for batch in self._batches(inputs):
            with torch.no_grad():
                tensors = self._keep(batch, tuple(sites), self._leaves_reads(inputs, sites))
            yield Prefix(tensors, tuple(sites))

    def _leaves_reads(self, inputs: Prompts, sites: Sequence[Site]) -> bool:
        """Whether an output may be read before all that is edited, in some row."""
        reads = self._reads(inputs).amin(dim=1)
        return any(
            self.place(site) is None
            or bool((self._at(site.position, inputs).amin(dim=1) > reads).any())
            for site in sites
        )

    def _keep(self, inputs: Prompts, sites: tuple[Site, ...], scores: bool) -> dict[str, Tensor]:
        places = [self.place(site) for site in sites]
        found = {"reads": self._reads(inputs), "lengths": inputs.lengths.to(self.device)}
        ats: list[tuple[Place, Tensor]] = []
        for number, (site, place) in enumerate(zip(sites, places, strict=True)):
            if place is not None:
                found[f"at{number}"] = at = self._at(site.position, inputs)
                ats.append((place, at))
        firsts = [at.amin(dim=1) for _, at in ats]
        past = max((int(first.max()) for first in firsts), default=0)
        ends = _ends(found["reads"], found["lengths"], ats)
        starts: dict[Start, Tensor] = {}
        for start in {place.start for place, _ in ats}:
            later = [at.amin(dim=1) for place, at in ats if place.start >= start]
            starts[start] = torch.stack(later).amin(dim=0)
        self._run_and_keep(inputs, starts, ends, past, scores, found)
        return found

    def _run_and_keep(
        self,
        inputs: Prompts,
        starts: Mapping[Start, Tensor],
        ends: Tensor,
        past: int,
        scores: bool,
        found: dict[str, Tensor],
    ) -> None:
        """One clean run; what `starts` need goes into `found`."""
        wiring = self.wiring
        inner = frozenset(layer for layer, stage in starts if stage == 7)
        current = Pass(wiring, self._whole(inputs), hidden_of=inner)
        lowest = min(starts, default=(len(wiring.blocks), 0))
        highest = max(starts, default=(-1, 0))
        state = {"after": self._embed(inputs)}
        with attending(self.module.config):
            for layer in range(-1, len(wiring.blocks)):
                if layer >= 0:
                    state = current.block(layer, {"x": state["after"]})
                if past and (layer, PATTERN) >= lowest:
                    found[f"k{layer}"] = state["k"][:, :, :past].clone()
                    found[f"v{layer}"] = state["v"][:, :, :past].clone()
                for stage in (stage for at, stage in starts if at == layer):
                    first = starts[layer, stage]
                    count = int((ends - first).max())
                    found[f"{layer}.{stage}.first"] = first
                    for name in carried(stage, parallel=wiring.parallel):
                        kept = aligned(state[name], first, count).clone()
                        found[f"{layer}.{stage}.{name}"] = kept
                if layer >= highest[0] and not past and not scores:
                    break
        if scores:
            clean = self.readout.scores(_gather(state["after"], found["reads"]))
            found["scores"] = torch.cat(list(clean.values()), dim=1)

    # ----------------------------------------------------------------- resuming

    def resume(self, prefix: Any, edits: Edits, *, slots: int = 1) -> Scores:
        """Scores with the edits applied, (slots * rows, columns) per output."""
        return self.resume_each(prefix, [edits], slots=slots)[0]

    def resume_each(self, prefix: Any, groups: Sequence[Edits], *, slots: int = 1) -> list[Scores]:
        """One staggered pass for all groups whose first edited tokens are the same."""
        made = [self._edited(prefix, edits) for edits in groups]
        found: list[Scores] = [{} for _ in groups]
        passes: list[list[int]] = []
        for number, each in enumerate(made):
            if each.first is None:
                clean = prefix.tensors["scores"].repeat(slots, 1)
                found[number] = self.readout.split(clean)
                continue
            for together in passes:
                other = made[together[0]].first
                if other is not None and torch.equal(other, each.first):
                    together.append(number)
                    break
            else:
                passes.append([number])
        for together in passes:
            together.sort(key=lambda number: made[number].start)
            results = self._pass(prefix, [made[number] for number in together], slots)
            for number, scores in zip(together, results, strict=True):
                found[number] = scores
        for number, edits in enumerate(groups):
            for site, edit in edits:
                if self.place(site) is None:
                    self._edit_logits(found[number], site, edit)
        return found

    def _edited(self, prefix: Prefix, edits: Edits) -> _Edits:
        inner: list[tuple[Site, Place, Tensor, Edit]] = []
        for site, edit in edits:
            if site not in prefix.sites:
                kept = ", ".join(say_site(kept) for kept in prefix.sites)
                problem = f"{say_site(site)} cannot be written: the run was kept for {kept}"
                raise EngineError(problem)
            place = self.place(site)
            if place is not None:
                at = prefix.tensors[f"at{prefix.sites.index(site)}"]
                inner.append((site, place, at, edit))
        if not inner:
            return _Edits((), (0, 0), None)
        firsts = [at.amin(dim=1) for _, _, at, _ in inner]
        first = firsts[0] if len(firsts) == 1 else torch.stack(firsts).amin(dim=0)
        return _Edits(tuple(inner), min(place.start for _, place, _, _ in inner), first)

    def _pass(self, prefix: Prefix, groups: Sequence[_Edits], slots: int) -> list[Scores]:
        """Groups in the order of their starts, all from the same tokens on."""
        kept, wiring = prefix.tensors, self.wiring
        first = groups[0].first
        assert first is not None
        reads = kept["reads"]
        ats = [(place, at) for group in groups for _, place, at, _ in group.inner]
        count = int((_ends(reads, kept["lengths"], ats) - first).max())
        least, past = int(first.min()), int(first.max())
        columns = Columns(
            first,
            count,
            past,
            first[:, None] + torch.arange(count, device=first.device),
            least == past,
        )
        lowest = groups[0].start[0] + (groups[0].start[1] > PATTERN)
        keys = {
            f"{name}{layer}": kept[f"{name}{layer}"][:, :, :past]
            for layer in range(max(lowest, 0), len(wiring.blocks) if past else 0)
            for name in "kv"
        }
        spans = [(number * slots, (number + 1) * slots) for number in range(len(groups))]
        touches = [
            self._touch(place, at - first[:, None], _writer(site, edit), span)
            for span, group in zip(spans, groups, strict=True)
            for site, place, at, edit in group.inner
        ]
        starting = [Group(g.start, self._state(kept, g, first, count), slots) for g in groups]
        current = Pass(wiring, columns, touches, slots=len(groups) * slots, past=keys)
        x = current.run(starting)
        at = (reads - first[:, None]).clamp(min=0).repeat(len(groups) * slots, 1)
        scores = self.readout.scores(_gather(x, at))
        if "scores" in kept:
            scores = self._where_changed(scores, kept, first, len(groups) * slots)
        parts = {name: column.chunk(len(groups)) for name, column in scores.items()}
        return [{name: chunks[i] for name, chunks in parts.items()} for i in range(len(groups))]

    def _state(
        self, kept: Mapping[str, Tensor], group: _Edits, first: Tensor, count: int
    ) -> dict[str, Tensor]:
        layer, stage = group.start
        shift = first - kept[f"{layer}.{stage}.first"]
        names = carried(stage, parallel=self.wiring.parallel)
        return {name: aligned(kept[f"{layer}.{stage}.{name}"], shift, count) for name in names}

    def _where_changed(
        self, scores: Scores, kept: Mapping[str, Tensor], first: Tensor, slots: int
    ) -> Scores:
        """Outputs read before the first edited token are the clean run's."""
        clean = self.readout.split(kept["scores"].repeat(slots, 1))
        later = (kept["reads"] >= first[:, None]).repeat(slots, 1)  # (rows, positions)
        return {
            name: torch.where(later[:, self.readout.group_of[name], None], column, clean[name])
            for name, column in scores.items()
        }

    def _edit_logits(self, scores: Scores, site: Site, edit: Edit) -> None:
        names = self.readout.at(site)
        whole = torch.cat([scores[name] for name in names], dim=1)
        sizes = [self.readout.columns[name] for name in names]
        parts = torch.split(apply_edit(site, edit, whole), sizes, dim=1)
        scores.update(zip(names, parts, strict=True))

    # ------------------------------------------------------------------ helpers

    def _touch(self, place: Place, at: Tensor, see: See, slots: tuple[int, int] = (0, 1)) -> Touch:
        tokens = self._tokens() if place.name == "pattern" else 0
        return Touch(place, at, see, slots, tokens)

    def _embed(self, inputs: Prompts) -> Tensor:
        ids = inputs.ids.to(self.device)
        return self.wiring.embed(ids, torch.arange(ids.shape[1], device=self.device)[None])

    def _whole(self, inputs: Prompts) -> Columns:
        """All tokens of every row."""
        rows, longest = inputs.ids.shape
        first = torch.zeros(rows, dtype=torch.long, device=self.device)
        positions = torch.arange(longest, device=self.device).expand(rows, -1)
        return Columns(first, longest, 0, positions, True)

    def _batches(self, inputs: Prompts) -> Iterator[Prompts]:
        rows = len(inputs)
        step = max(1, min(self.rows_at_once, TOKENS_AT_ONCE // max(1, inputs.ids.shape[1])))
        for first in range(0, max(rows, 1), step):
            yield self.slice(inputs, slice(first, first + step))


@dataclass(frozen=True, eq=False)
class _Edits:
    """Edits before the logits, where the earliest is, and each row's first edited token."""

    inner: tuple[tuple[Site, Place, Tensor, Edit], ...]
    start: Start
    first: Tensor | None


def _ends(reads: Tensor, lengths: Tensor, ats: Sequence[tuple[Place, Tensor]]) -> Tensor:
    """One past the last token of each row that is read or edited; a pattern reaches all."""
    found = [reads.amax(dim=1) + 1]
    for place, at in ats:
        found.append(lengths if place.name == "pattern" else at.amax(dim=1) + 1)
    return torch.stack(found).amax(dim=0)


def _gather(x: Tensor, at: Tensor) -> Tensor:
    """(rows, columns, width) at (rows, count) -> (rows, count, width)."""
    return x.gather(1, at[:, :, None].expand(-1, -1, x.shape[2]))


def _spy(found: dict[int, Tensor], number: int) -> See:
    def see(current: Tensor) -> None:
        found[number] = current.clone()

    return see


def _writer(site: Site, edit: Edit) -> Callable[[Tensor], Tensor]:
    return lambda current: apply_edit(site, edit, current)


def _hash(module: nn.Module) -> str:
    found = hashlib.sha256()
    for name, parameter in module.named_parameters():
        found.update(f"{name}{tuple(parameter.shape)}{parameter.dtype}".encode())
        numbers = parameter.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy()
        found.update(numbers.data)
    return found.hexdigest()[:16]


def _describe(network: LanguageModel) -> dict[str, Any]:
    """What is told of the model in a record."""
    module, wiring = network.module, network.wiring
    return {
        "kind": LanguageModel.kind,
        "family": wiring.name,
        "layers": len(wiring.blocks),
        "heads": wiring.heads,
        "width": wiring.width,
        "parameters": sum(p.numel() for p in module.parameters()),
        "dtype": str(network.dtype).removeprefix("torch."),
        "weights": _hash(module),
    }
