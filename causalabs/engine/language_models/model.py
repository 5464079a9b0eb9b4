"""A causal language model of Hugging Face as a network with sites.

The model's own `forward` runs once, to prove that the flow of `flow.py` gives the same; after
that only the modules that an intervention can change are called, and only on the tokens from
the first edited one on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from causalabs.algorithm.domains import Column
from causalabs.engine.batches import each_part
from causalabs.engine.errors import EngineError
from causalabs.engine.language_models import proof
from causalabs.engine.language_models.clean import Clean, ends_of
from causalabs.engine.language_models.contract import Prompter, Prompts, Read
from causalabs.engine.language_models.families import wire
from causalabs.engine.language_models.kept import Prefix, Start, join
from causalabs.engine.language_models.paths import place_of_path
from causalabs.engine.language_models.readout import Readout
from causalabs.engine.language_models.resume import Edits, run_groups
from causalabs.engine.language_models.sites import Place, place_of, width_of
from causalabs.engine.language_models.step import See, Touch
from causalabs.engine.networks.naming import say_position, say_site
from causalabs.engine.protocol import Scores
from causalabs.hypothesis.model import AllOf, AnyOf, Last, Position, Several, Site

TOKENS_AT_ONCE = 8192
"""Tokens of one batch of whole clean runs, where nothing better is known of the machine."""

T = TypeVar("T")


class LanguageModel:
    """A frozen causal language model (`Network`): `module` of transformers, its prompts, its reads.

    The module is put into evaluation mode and its parameters ask for no gradient; otherwise it
    is left as it is, and its own `forward` gives what it gave. `EngineError` where the
    architecture is unknown or does not do what its family's table says. `tokens_at_once` are
    run in one batch of clean runs (see `batch_size.py`).
    """

    kind = "huggingface"
    staggers = True

    def __init__(
        self,
        module: nn.Module,
        *,
        prompter: Prompter,
        reads: Sequence[Read],
        record: Mapping[str, Any] | None = None,
        tokens_at_once: int = TOKENS_AT_ONCE,
    ) -> None:
        module.eval()
        module.requires_grad_(False)
        self.module = module
        self.wiring = wire(module)
        self.prompter = prompter
        self.readout = Readout(self.wiring, reads)
        self.record: Mapping[str, Any] = _record(self, record or {})
        self._widths: dict[Place, int] = {}
        self.tokens_at_once = tokens_at_once
        self.rows_at_once = max(1, tokens_at_once // 32)
        proof.prove(self.wiring)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.module.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        """The numbers' type."""
        return next(self.module.parameters()).dtype

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
                where = ", ".join(f"`{say_position(at)}`" for at in self.readout.positions)
                raise EngineError(
                    f"{say_site(site)} does not exist: nothing is read there",
                    f"outputs are read at {where}",
                )
            return None
        module = site.component == "module"
        found = place_of_path(self.wiring, site) if module else place_of(self.wiring, site)
        if site.position is None:
            raise EngineError(f"{say_site(site)} needs a position", "write `at last`, or at a slot")
        return found

    def width(self, site: Site) -> int:
        """Numbers at one token, times the number of tokens."""
        place = self.place(site)
        if place is None:
            return sum(self.readout.columns[name] for name in self.readout.at(site))
        count = self.prompter.count(site.position or Last())
        if place.name == "pattern":
            return count * self._tokens()
        if place not in self._widths:
            self._widths[place] = (
                proof.module_width(self.wiring, place)
                if place.name == "module"
                else width_of(self.wiring, place)
            )
        return count * self._widths[place]

    def touch(self, place: Place, at: Tensor, see: See, slots: tuple[int, int] = (0, 1)) -> Touch:
        """An activation to be seen or edited at columns `at` (rows, count)."""
        return Touch(place, at, see, slots, self._tokens() if place.name == "pattern" else 0)

    def _tokens(self) -> int:
        """Tokens of every prompt: the length of a pattern's rows."""
        try:
            return self.prompter.count(AllOf())
        except EngineError as error:
            raise EngineError(
                f"a `.pattern` needs prompts of one length: {error.message}",
                "read the head's `.z`, or make all prompts as long",
            ) from error

    def tokens_at(self, position: Position | None, inputs: Prompts) -> Tensor:
        """Tokens that a position means, (rows, count); `EngineError` where one is not there."""
        found = self.prompter.resolve(position or Last(), inputs)  # (rows, count)
        self._check_tokens(found, position or Last(), inputs)
        return torch.from_numpy(np.ascontiguousarray(found)).to(self.device)

    def _check_tokens(self, found: NDArray[np.int64], position: Position, inputs: Prompts) -> None:
        """Tokens must be there; several positions different ones: what is written twice has no
        one value. (`every token` repeats the last of a short prompt, one value for all.)
        """
        outside = (found < 0).any(axis=1) | (found.max(axis=1) >= inputs.lengths.cpu().numpy())
        twice = (np.diff(np.sort(found, axis=1), axis=1) == 0).any(axis=1)
        twice &= isinstance(position, Several)
        for rows, problem, help in (
            (outside, "has no token at", "name a position that every prompt has"),
            (twice, "has one token twice at", "name positions that are different tokens"),
        ):
            if rows.any():
                text = self.prompter.text(inputs, int(rows.argmax()))
                where = f"`{say_position(position)}`"
                raise EngineError(f"the prompt `{text}` {problem} {where}", help)

    def reads_of(self, inputs: Prompts) -> Tensor:
        """Tokens at which something is read: (rows, positions)."""
        found = [self.tokens_at(position, inputs) for position in self.readout.positions]
        for at in found:
            if at.shape[1] != 1:
                raise EngineError(f"an output is read at {at.shape[1]} tokens at once")
        return torch.cat(found, dim=1)

    # --------------------------------------------------------------- clean runs

    @torch.no_grad()
    def scores(self, inputs: Any) -> Scores:
        """Clean scores of every row, per output (rows, columns)."""
        parts = [*self._in_parts(inputs, lambda batch: self._clean(batch, [])[1])]
        return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}

    @torch.no_grad()
    def capture(self, inputs: Any, sites: Sequence[Site]) -> list[Tensor]:
        """Clean activations of every row at each site, (rows, width) each."""
        if not sites:
            return []
        for site in sites:
            self.width(site)  # an error that names a site there is not
        parts = [*self._in_parts(inputs, lambda batch: self._clean(batch, sites)[0])]
        return [torch.cat(columns) for columns in zip(*parts, strict=True)]

    def _clean(self, inputs: Prompts, sites: Sequence[Site]) -> tuple[list[Tensor], Scores]:
        """Activations at the sites, and scores unless only sites before them are asked for."""
        found: dict[int, Tensor] = {}
        scores: Scores = {}
        places = [self.place(site) for site in sites]
        whole = not sites or None in places
        current = self._run(inputs, scored=whole)
        touches = [
            self.touch(place, self.tokens_at(site.position, inputs), _spy(found, number))
            for number, (site, place) in enumerate(zip(sites, places, strict=True))
            if place is not None
        ]
        if not whole:
            current.through(touches, max(place.done for place in places if place is not None))
        else:
            scores = current.scores(touches)
            for number, (site, place) in enumerate(zip(sites, places, strict=True)):
                if place is None:
                    parts = [scores[name] for name in self.readout.at(site)]
                    found[number] = torch.cat(parts, dim=1)
        if not all(bool(each.isfinite().all()) for each in (*found.values(), *scores.values())):
            proof.tell_where(current, lambda row: self.prompter.text(inputs, row))
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
        scores = self._leaves_reads(inputs, sites)
        keep = torch.no_grad()(lambda batch: self._keep(batch, tuple(sites), scores))
        for tensors in self._in_parts(inputs, keep):
            yield Prefix(tensors, tuple(sites))

    def _leaves_reads(self, inputs: Prompts, sites: Sequence[Site]) -> bool:
        """Whether an output may be read before all that is edited, in some row."""
        reads = self.reads_of(inputs).amin(dim=1)
        return any(
            self.place(site) is None
            or bool((self.tokens_at(site.position, inputs).amin(dim=1) > reads).any())
            for site in sites
        )

    def _keep(self, inputs: Prompts, sites: tuple[Site, ...], scores: bool) -> dict[str, Tensor]:
        found = {"reads": self.reads_of(inputs), "lengths": inputs.lengths.to(self.device)}
        ats: list[tuple[Place, Tensor]] = []
        for number, site in enumerate(sites):
            place = self.place(site)
            if place is not None:
                found[f"at{number}"] = at = self.tokens_at(site.position, inputs)
                ats.append((place, at))
        past = max((int(at.amin(dim=1).max()) for _, at in ats), default=0)
        starts: dict[Start, Tensor] = {}
        for start in dict.fromkeys(place.start for place, _ in ats):
            later = [at.amin(dim=1) for place, at in ats if place.start >= start]
            starts[start] = torch.stack(later).amin(dim=0)
        current = self._run(inputs, scored=True)
        ends = ends_of(found["reads"], found["lengths"], ats)
        return {**found, **current.keep(starts, ends, past, scores=scores)}

    def _run(self, inputs: Prompts, *, scored: bool) -> Clean:
        ids = inputs.ids.to(self.device)
        return Clean(self.wiring, self.readout, ids, self.reads_of(inputs), scored=scored)

    def _in_parts(self, inputs: Prompts, work: Callable[[Prompts], T]) -> Iterator[T]:
        """`work` on batches that fit into memory; on the empty one where there are no inputs."""
        if not len(inputs):
            yield work(inputs)
        step = self.tokens_at_once // max(1, inputs.ids.shape[1])
        at_once = max(1, min(self.rows_at_once, step))
        run = each_part(len(inputs), at_once, lambda rows: work(self.slice(inputs, rows)))
        for done, _ in run:
            yield done

    # ----------------------------------------------------------------- resuming

    def resume(self, prefix: Any, edits: Edits, *, slots: int = 1) -> Scores:
        """Scores with the edits applied, (slots * rows, columns) per output."""
        return run_groups(self, prefix, [edits], slots)[0]

    def resume_each(self, prefix: Any, groups: Sequence[Edits], *, slots: int = 1) -> list[Scores]:
        """One staggered pass for all groups whose first edited tokens are the same."""
        return run_groups(self, prefix, groups, slots)


def _spy(found: dict[int, Tensor], number: int) -> See:
    def see(current: Tensor) -> None:
        found[number] = current.clone()

    return see


def _record(network: LanguageModel, told: Mapping[str, Any]) -> dict[str, Any]:
    """What is told of the model; a hash of the weights that is known already is not made again."""
    module, wiring = network.module, network.wiring
    found = {
        "kind": LanguageModel.kind,
        "family": wiring.name,
        "layers": len(wiring.blocks),
        "heads": wiring.heads,
        "width": wiring.width,
        "parameters": sum(parameter.numel() for parameter in module.parameters()),
        "dtype": str(network.dtype).removeprefix("torch."),
        **told,
    }
    return found if "weights" in found else {**found, "weights": _hash(module)}


def _hash(module: nn.Module) -> str:
    found = hashlib.sha256()
    for name, parameter in module.named_parameters():
        found.update(f"{name}{tuple(parameter.shape)}{parameter.dtype}".encode())
        numbers = parameter.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy()
        found.update(numbers.data)
    return found.hexdigest()[:16]
