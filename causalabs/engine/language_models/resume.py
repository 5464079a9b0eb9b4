"""Running again from kept tensors: groups of edits in as few passes as there can be."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from causalabs.engine.errors import EngineError
from causalabs.engine.language_models.clean import columns_of, ends_of, read_columns
from causalabs.engine.language_models.flow import Group, Pass
from causalabs.engine.language_models.kept import Prefix, Start, aligned
from causalabs.engine.language_models.readout import Readout
from causalabs.engine.language_models.sites import PATTERN, Place, carried
from causalabs.engine.networks.base import apply_edit
from causalabs.engine.networks.naming import say_site
from causalabs.engine.protocol import Edit, Scores
from causalabs.hypothesis.model import Site

if TYPE_CHECKING:
    from causalabs.engine.language_models.model import LanguageModel

Edits = Sequence[tuple[Site, Edit]]


@dataclass(frozen=True, eq=False)
class Work:
    """A group's edits before the logits, where the earliest is, each row's first edited token."""

    inner: tuple[tuple[Site, Place, Tensor, Edit], ...]
    start: Start
    first: Tensor | None


def run_groups(
    network: LanguageModel, prefix: Prefix, groups: Sequence[Edits], slots: int
) -> list[Scores]:
    """Scores of each group; those that start at the same tokens share one staggered pass."""
    works = [_work(network, prefix, edits) for edits in groups]
    found: list[Scores] = [{} for _ in groups]
    for together in _passes(works):
        if works[together[0]].first is None:
            clean = network.readout.split(prefix.tensors["scores"].repeat(slots, 1))
            results = [dict(clean) for _ in together]
        else:
            results = _pass(network, prefix.tensors, [works[n] for n in together], slots)
        for number, scores in zip(together, results, strict=True):
            found[number] = scores
    for scores, edits in zip(found, groups, strict=True):
        for site, edit in edits:
            if network.place(site) is None:
                _edit_logits(network.readout, scores, site, edit)
    return found


def _work(network: LanguageModel, prefix: Prefix, edits: Edits) -> Work:
    inner: list[tuple[Site, Place, Tensor, Edit]] = []
    for site, edit in edits:
        if site not in prefix.sites:
            kept = ", ".join(say_site(kept) for kept in prefix.sites)
            raise EngineError(f"{say_site(site)} cannot be written: the run was kept for {kept}")
        place = network.place(site)
        if place is not None:
            at = prefix.tensors[f"at{prefix.sites.index(site)}"]
            inner.append((site, place, at, edit))
    if not inner:
        return Work((), (0, 0), None)
    firsts = [at.amin(dim=1) for _, _, at, _ in inner]
    first = firsts[0] if len(firsts) == 1 else torch.stack(firsts).amin(dim=0)
    return Work(tuple(inner), min(place.start for _, place, _, _ in inner), first)


def _passes(works: Sequence[Work]) -> list[list[int]]:
    """Numbers of the groups of each pass, in the order in which they start."""
    found: list[list[int]] = []
    for number, work in enumerate(works):
        for together in found:
            other = works[together[0]].first
            same = other is work.first
            if not same and other is not None and work.first is not None:
                same = torch.equal(other, work.first)
            if same:
                together.append(number)
                break
        else:
            found.append([number])
    return [sorted(together, key=lambda number: works[number].start) for together in found]


def _pass(
    network: LanguageModel, kept: Mapping[str, Tensor], works: Sequence[Work], slots: int
) -> list[Scores]:
    """Groups in the order of their starts, all from the same tokens on."""
    wiring, readout = network.wiring, network.readout
    first: Any = works[0].first
    reads = kept["reads"]
    ats = [(place, at) for work in works for _, place, at, _ in work.inner]
    count = int((ends_of(reads, kept["lengths"], ats) - first).max())
    columns = columns_of(first, count, reads, readout.nodes)
    lowest = works[0].start[0] + (works[0].start[1] > PATTERN)
    past = columns.past
    keys = {
        f"{name}{layer}": kept[f"{name}{layer}"][:, :, :past]
        for layer in range(max(lowest, 0), len(wiring.blocks) if past else 0)
        for name in "kv"
    }
    spans = [(number * slots, (number + 1) * slots) for number in range(len(works))]
    touches = [
        network.touch(place, at - first[:, None], _writer(site, edit), span)
        for span, work in zip(spans, works, strict=True)
        for site, place, at, edit in work.inner
    ]
    starting = [Group(w.start, _state(network, kept, w.start, first, count), slots) for w in works]
    copies = len(works) * slots
    at = read_columns(columns, reads)
    current = Pass(wiring, columns, touches, slots=copies, past=keys, reads=at)
    scores = readout.scores(current.run(starting))
    if "scores" in kept:
        scores = _where_changed(readout, scores, kept, first, copies)
    parts = {name: column.chunk(len(works)) for name, column in scores.items()}
    return [{name: chunks[i] for name, chunks in parts.items()} for i in range(len(works))]


def _state(
    network: LanguageModel, kept: Mapping[str, Tensor], start: Start, first: Tensor, count: int
) -> dict[str, Tensor]:
    """What a group is given, (rows, columns, ...) by name."""
    key = f"{start[0]}.{start[1]}"
    shift = first - kept[f"{key}.first"]
    found = {}
    for name in carried(start[1], parallel=network.wiring.parallel):
        found[name] = aligned(kept[f"{key}.{name}"], shift, count)
        if network.readout.nodes is not None:
            found[name] = torch.cat([found[name], kept[f"{key}.{name}.nodes"]], dim=1)
    return found


def _where_changed(
    readout: Readout, scores: Scores, kept: Mapping[str, Tensor], first: Tensor, copies: int
) -> Scores:
    """Outputs read before the first edited token are the clean run's."""
    clean = readout.split(kept["scores"].repeat(copies, 1))
    later = (kept["reads"] >= first[:, None]).repeat(copies, 1)  # (rows, positions)
    return {
        name: torch.where(later[:, readout.group_of[name], None], column, clean[name])
        for name, column in scores.items()
    }


def _edit_logits(readout: Readout, scores: Scores, site: Site, edit: Edit) -> None:
    names = readout.at(site)
    whole = torch.cat([scores[name] for name in names], dim=1)
    sizes = [readout.columns[name] for name in names]
    parts = torch.split(apply_edit(site, edit, whole), sizes, dim=1)
    scores.update(zip(names, parts, strict=True))


def _writer(site: Site, edit: Edit) -> Callable[[Tensor], Tensor]:
    return lambda current: apply_edit(site, edit, current)
