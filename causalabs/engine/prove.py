"""Never a silent no-op: proof that writes reach their tensors, and nothing before them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

import torch
from torch import Tensor

from causalabs.engine.errors import EngineError
from causalabs.engine.interchange import Bases, Batch, Home, Program, Write
from causalabs.engine.networks.naming import say_site
from causalabs.engine.protocol import Edit, Scores
from causalabs.engine.store import Store
from causalabs.engine.writes import edits, given
from causalabs.hypothesis.model import AllOf, AtStep, Site
from causalabs.results import WARNING

OWN = ("whole", "neurons")
"""Kinds of basis that copy numbers as they are."""

VISIBLE = 1e-5
"""A difference of coordinates, relative to their size, that a write must show."""

SAME = 0.02
"""How far, relative to its size, an activation may be off when it is run in another way."""

ROWS = 64
"""Rows on which what lies upstream is run twice more."""


@torch.no_grad()
def prove_writes(program: Program, bases: Bases, rows: Batch, store: Store) -> tuple[str, ...]:
    """Prove on some rows that each write reaches its tensor; notes on writes without effect.

    A second edit at each site looks at what stands there after the first. `EngineError`
    naming the site when an edit is never called, when what it wrote is not what stands
    there, when nothing changed although the source's coordinates differ from the base's, when
    the base's own activation did not stand there before, or when something upstream changed.
    """
    batch = rows.take(slice(0, min(512, store.at_once)))
    if len(batch) == 0:
        return ()
    watched: list[tuple[Site, Edit]] = []
    seen: dict[Site, dict[str, Tensor]] = {}
    for site, edit in edits(program.writes, bases, batch, store):
        seen[site] = {}
        watched += [(site, _watch(edit, seen[site])), (site, _look(seen[site]))]
    prefix = store.prefix(program.written, batch.base)
    scores = store.network.resume(prefix, watched)
    notes = []
    _same_base(seen, batch, store)
    for site, found in seen.items():
        if "written" not in found or "stands" not in found:
            raise EngineError(f"{say_site(site)} was never reached: nothing was written there")
        if not _same(site, found["written"], found["stands"]):
            raise EngineError(f"the write to {say_site(site)} did not reach its tensor")
        if torch.equal(found["before"], found["written"]):
            if _must_change(program, bases, batch, store, site, found["before"]):
                raise EngineError(
                    f"the write to {say_site(site)} changed nothing, "
                    "though source and base differ there"
                )
            notes.append(
                f"{WARNING}source and base are the same at {say_site(site)}: nothing to write"
            )
    _same_upstream(program, bases, batch.take(slice(0, ROWS)), store)
    if not notes and _unmoved(scores, store, batch):
        where = ", ".join(say_site(site) for site in seen)
        notes.append(
            f"{WARNING}writing {where} changed no score of the network: "
            "nothing that is read depends on it"
        )
    return tuple(notes)


def _same(site: Site, written: Tensor, stands: Tensor) -> bool:
    """Bit for bit; but a token that stands for missing ones was written several times."""
    if isinstance(site.position, AllOf) and site.position.ragged:
        return torch.allclose(written, stands, rtol=1e-4, atol=1e-5)
    return torch.equal(written, stands)


def _same_base(seen: Mapping[Site, Mapping[str, Tensor]], batch: Batch, store: Store) -> None:
    """An error unless the earliest site written held what the base's clean run has there."""
    worst: dict[Site, float] = {}
    sites = [site for site, found in seen.items() if "before" in found]
    rows = batch.base[:ROWS]
    known = {site: store.rows((site,), rows) for site in sites if store.has(site)}
    # Sites that are only written stay out of the store, which would keep them of every input.
    unknown = [site for site in sites if site not in known]
    if unknown:
        few = store.network.slice(store.inputs, rows)
        known.update(zip(unknown, store.network.capture(few, unknown), strict=True))
    for site, clean in known.items():
        before = seen[site]["before"][:ROWS].to(clean.device)
        worst[site] = float((before - clean).abs().max() / clean.abs().max().clamp(min=1e-9))
    if worst and min(worst.values()) > SAME:
        where = say_site(min(worst, key=lambda site: worst[site]))
        raise EngineError(
            f"what stood at {where} before it was written is not the base's activation"
        )


def _same_upstream(program: Program, bases: Bases, batch: Batch, store: Store) -> None:
    """An error where the writes change a site before all of them, bit by bit."""
    earlier = _before(program.written, store)
    if earlier is None:
        return
    network = store.network
    sites = (earlier, *program.written)
    prefix = network.prefix(network.slice(store.inputs, batch.base), sites)
    plain: dict[str, Tensor] = {}
    written: dict[str, Tensor] = {}
    network.resume(prefix, [(earlier, _hold(plain))])
    network.resume(prefix, [(earlier, _hold(written)), *edits(program.writes, bases, batch, store)])
    if not torch.equal(plain["held"], written["held"]):
        where = ", ".join(say_site(site) for site in program.written)
        raise EngineError(f"writing {where} changed {say_site(earlier)}, which comes before")


def _before(sites: Sequence[Site], store: Store) -> Site | None:
    """A site of the same kind before all of these; None where there is none."""
    first = min(sites, key=lambda site: -1 if site.layer is None else site.layer)
    earlier: Site | None = None
    if first.layer:
        earlier = replace(first, layer=first.layer - 1)
    elif all(isinstance(site.position, AtStep) for site in sites):
        step = min(site.position.step for site in sites if isinstance(site.position, AtStep))
        earlier = replace(first, position=AtStep(step - 1)) if step else None
    if earlier is not None:
        with suppress(EngineError):
            store.width(earlier)
            return earlier
    return None


def _hold(seen: dict[str, Tensor]) -> Edit:
    """Looks at an activation, and keeps it as it is: a later change in place would show."""

    def hold(current: Tensor) -> Tensor:
        seen["held"] = current
        return current

    return hold


def _watch(edit: Edit, seen: dict[str, Tensor]) -> Edit:
    def watched(current: Tensor) -> Tensor:
        seen["before"] = current.clone()
        written = edit(current)
        seen["written"] = written.clone()
        return written

    return watched


def _look(seen: dict[str, Tensor]) -> Edit:
    def look(current: Tensor) -> Tensor:
        seen["stands"] = current.clone()
        return current

    return look


def _must_change(
    program: Program, bases: Bases, batch: Batch, store: Store, site: Site, before: Tensor
) -> bool:
    """Whether some row's source differs, in the coordinates written, from what stood there."""
    for number, write in enumerate(program.writes):
        used = batch.used[number]
        if site in write.target.writes and bool(used.any()):
            moved = _difference(write, bases, batch.source[number][used], before[used], store, site)
            slack = 0.0 if write.target.kind in OWN else VISIBLE * (1 + before.abs().max())
            if bool((moved.abs() > slack).any()):
                return True
    return False


def _difference(
    write: Write, bases: Bases, rows: Tensor, before: Tensor, store: Store, site: Site
) -> Tensor:
    """The coordinates to be written less those that stood there: (1, rows, dims)."""
    target, origin = write.target, write.origin
    basis = bases[target.space]
    whole = before[None].to(store.dtype)
    if len(target.writes) > 1:  # other sites have a part in these coordinates
        if target.kind not in OWN or not isinstance(origin, Home):
            return before[:, :0]
        parts = [store.rows((each,), rows) for each in target.reads]
        parts[target.writes.index(site)] = before
        whole = torch.cat(parts, dim=1)[None]
    elif whole.shape[-1] != sum(store.width(each) for each in target.reads):
        return before[:, :0]
    if isinstance(origin, Home):
        theirs = bases[origin.space].encode(store.rows(origin.reads, rows)[None], origin.block)
    else:
        theirs = given(basis, origin)
    return theirs - basis.encode(whole, target.block)


def _unmoved(scores: Scores, store: Store, batch: Batch) -> bool:
    """Whether every row's scores are those of its clean run."""
    clean = store.scores()
    return all(
        torch.allclose(column, clean[name][batch.base], rtol=1e-6, atol=1e-7)
        for name, column in scores.items()
    )


def line_notes(found: Sequence[str], name: str) -> tuple[str, ...]:
    """Notes with the interchange they are about; a warning stays one."""
    about = f"interchange `{name}`: "
    return tuple(
        WARNING + about + note.removeprefix(WARNING) if note.startswith(WARNING) else about + note
        for note in found
    )
