"""A `torch.nn.Module` as a network: any module inside it is a site."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from causalabs.algorithm.domains import Column
from causalabs.engine.errors import EngineError
from causalabs.engine.modules.calls import (
    Change,
    Doing,
    Enough,
    Key,
    Moment,
    Recorder,
    Trace,
)
from causalabs.engine.modules.feeding import (
    Fed,
    FeedFunction,
    ReadFunction,
    feed_rows,
    last_line,
    read_rows,
    where_it_failed,
)
from causalabs.engine.modules.places import (
    Place,
    Positions,
    Seen,
    find_path,
    first_seen,
    place_of,
)
from causalabs.engine.modules.replay import (
    KeptRun,
    Replay,
    Untouched,
    alike,
    handing_out,
    held_tensors,
    input_tensors,
    order_of,
    plan,
    without,
)
from causalabs.engine.modules.touching import (
    by_row,
    copied,
    looking,
    mark,
    pair_of,
    slow_path,
    writing,
)
from causalabs.engine.networks.base import Output
from causalabs.engine.networks.naming import say_site
from causalabs.engine.protocol import Edit, Scores
from causalabs.hypothesis.model import Site

AGAIN = torch.tensor([1, 0, 1])
"""Rows of a pair that are run once more, in another batch: nothing may differ."""


class ModuleNetwork:
    """A module, how it is fed and read, and its submodules' inputs and outputs as sites.

    `like` are columns of a few inputs: a run on the first two tells the sites' shapes.
    A site is the first tensor that a module is given or gives back; (inputs, width), where
    `at` takes indices of its second axis. A module that is called several times in a run
    has one site a call: `at step i`. `EngineError` where a site does not exist, is never
    reached, or where an answer depends on what else is in its batch.
    """

    kind = "module"
    what = "this module"
    """What errors call it."""
    options: Mapping[str, Any] = {}
    """What the module is told beside its inputs."""

    def __init__(
        self,
        module: nn.Module,
        *,
        outputs: Sequence[Output],
        feed: FeedFunction,
        like: Mapping[str, Column],
        read: ReadFunction | None = None,
        texts: Positions | None = None,
    ) -> None:
        self.module: nn.Module = getattr(module, "_orig_mod", module)  # as before torch.compile
        self.outputs = tuple(outputs)
        self.read = read
        self.texts = texts
        self.feed = feed
        self.record: Mapping[str, Any] = {}
        first = {id(each): path for path, each in self.module.named_modules()}
        every = self.module.named_modules(remove_duplicate=False)
        self.paths = {path: first[id(each)] for path, each in every}
        parameters = sum(p.numel() for p in self.module.parameters())
        self.rows_at_once = 8192 if parameters < 10**6 else 256
        self._places: dict[Site, Place] = {}
        self._plans: dict[tuple[Moment, tuple[Any, ...]], Replay | None] = {}
        self._seen: dict[str, list[tuple[Key, Seen]]] = {}
        self._meet(self.encode(like))

    # ----------------------------------------------------------------- the protocol

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        tensors = [*self.module.parameters(), *self.module.buffers()]
        return tensors[0].device if tensors else torch.device("cpu")

    @property
    def dtype(self) -> torch.dtype:
        """The numbers' type."""
        real = (p.dtype for p in self.module.parameters() if p.is_floating_point())
        return next(real, torch.float32)

    def encode(self, columns: Mapping[str, Column]) -> Fed:
        """What the module is fed for the columns of all variables."""
        return feed_rows(self.feed, columns, device=self.device, dtype=self.dtype)

    def slice(self, inputs: Fed, rows: slice | Tensor) -> Fed:
        """Some rows of the inputs."""
        return inputs.take(rows)

    def width(self, site: Site) -> int:
        """Numbers in the activation at `site`."""
        return self.place(site).width

    @torch.no_grad()
    def scores(self, inputs: Any) -> Scores:
        """Clean scores of every row, per output (rows, classes)."""
        parts = [self._run(batch) for batch in self._batches(inputs)]
        return {o.name: torch.cat([part[o.name] for part in parts]) for o in self.outputs}

    @torch.no_grad()
    def capture(self, inputs: Any, sites: Sequence[Site]) -> list[Tensor]:
        """Clean activations of every row at each site, (rows, width) each."""
        if not sites:
            return []
        parts = [self._captured(batch, sites) for batch in self._batches(inputs)]
        return [torch.cat(columns) for columns in zip(*parts, strict=True)]

    def prefix(self, inputs: Any, sites: Sequence[Site]) -> KeptRun:
        """What every row needs to run again from the earliest of `sites`."""
        parts = list(self.prefix_parts(inputs, sites))
        names = parts[0].tensors
        return parts[0].with_tensors({n: torch.cat([p.tensors[n] for p in parts]) for n in names})

    def prefix_parts(self, inputs: Any, sites: Sequence[Site]) -> Iterator[KeptRun]:
        """The prefix in batches of `rows_at_once`."""
        if not sites:
            raise ValueError("a prefix needs at least one site")
        found = self._planned(inputs, sites)
        for batch in self._batches(inputs):
            with torch.no_grad():
                tensors = {**input_tensors(batch), **self._kept(batch, found)}
                places = map(self.place, dict.fromkeys(sites))
                tensors |= {f"mark.{mark(p)}": self._rows(p, batch) for p in places if p.marked}
            yield KeptRun(
                tensors, tuple(sites), len(batch.args), tuple(batch.kwargs), found, self.device
            )

    def resume(self, prefix: Any, edits: Sequence[tuple[Site, Edit]], *, slots: int = 1) -> Scores:
        """Scores with the edits applied; calls that ended before the first are not made."""
        kept: KeptRun = prefix
        if slots > 1:
            kept = kept.take(torch.arange(kept.rows, device=self.device).repeat(slots))
        changes: dict[Moment, list[Change]] = {}
        done: list[Site] = []
        fed = kept.inputs()
        for site, edit in edits:
            if site not in kept.sites:
                known = ", ".join(map(say_site, kept.sites))
                raise EngineError(
                    f"{say_site(site)} cannot be written: the run was kept for {known}"
                )
            place = self.place(site)
            changes.setdefault(place.moment, []).append(
                writing(place, edit, done, kept.rows, fed.marks.get(mark(place)))
            )
        instead = handing_out(kept.replay, kept.tensors, kept.rows, self.device, own=slots > 1)
        calls = kept.replay.numbers if kept.replay is not None else {}
        with Doing(changes, instead, calls).inside(self.module):
            found = self._run(fed)
        for site, _ in edits:
            if site not in done:
                raise EngineError(
                    f"{say_site(site)} was never reached: its module was not called in this run"
                )
        return found

    def resume_each(
        self, prefix: Any, groups: Sequence[Sequence[tuple[Site, Edit]]], *, slots: int = 1
    ) -> list[Scores]:
        """One run per group of edits; a prefix for the sites of all groups serves each."""
        return [self.resume(prefix, edits, slots=slots) for edits in groups]

    # ------------------------------------------------------------------------ sites

    def place(self, site: Site) -> Place:
        """Where a site is; an error says which module paths there are."""
        if site not in self._places:
            named = self.named(site)
            path = find_path(named, self.paths, self.what)
            calls = self._seen.get(self.paths[path], ())
            self._places[site] = replace(place_of(named, path, calls, self.texts), site=site)
        return self._places[site]

    def named(self, site: Site) -> Site:
        """The module that a site means."""
        return site

    def _rows(self, place: Place, fed: Fed) -> Tensor:
        """Positions of a site in each row, (rows, count)."""
        if self.texts is None or fed.texts is None or place.site.position is None:
            raise EngineError(f"{say_site(place.site)} cannot be found in what is fed")
        found = self.texts.resolve(place.site.position, fed.texts)
        return torch.from_numpy(np.ascontiguousarray(found)).to(self.device)

    def alike(self, site: Site) -> list[Site]:
        """Other modules whose input or output, as the site's, is as wide.

        A module that hands on what one inside it gives back is the same place, and no other.
        """
        width = self.width(site)
        found = []
        for path in filter(None, self._seen):
            other = Site("module", part=site.part, path=path, position=site.position)
            with suppress(EngineError):
                if self.width(other) == width:
                    found.append(other)
        here, *there = self.capture(self._few, [site, *found])
        pairs = zip(found, there, strict=True)
        return [other for other, tensor in pairs if not torch.equal(here, tensor)]

    # ---------------------------------------------------------------------- running

    def _batches(self, inputs: Fed) -> Iterator[Fed]:
        rows = len(inputs)
        if rows == 0:
            yield inputs
        for first in range(0, rows, self.rows_at_once):
            yield inputs.take(slice(first, first + self.rows_at_once))

    def _call(self, fed: Fed) -> Any:
        """The module's answer; what goes wrong inside it is told by its last line."""
        try:
            with slow_path():
                return self.module(*fed.args, **fed.kwargs, **self.options)
        except (EngineError, torch.OutOfMemoryError, MemoryError):
            raise
        except Exception as error:
            shapes = ", ".join(str(tuple(t.shape)) for t in (*fed.args, *fed.kwargs.values()))
            raise EngineError(
                f"the module failed on inputs {shapes}: {last_line(error)}", where_it_failed(error)
            ) from error

    def _run(self, fed: Fed) -> Scores:
        return read_rows(self.read, self._call(fed), self.outputs, len(fed))

    def _captured(self, batch: Fed, sites: Sequence[Site]) -> list[Tensor]:
        found: dict[Site, Tensor] = {}
        changes: dict[Moment, list[Change]] = {}
        for site in dict.fromkeys(sites):
            place = self.place(site)
            rows = self._rows(place, batch) if place.marked else None
            change = looking(place, found, rows, len(batch), len(set(sites)))
            changes.setdefault(place.moment, []).append(change)
        with Doing(changes).inside(self.module), suppress(Enough):
            self._call(batch)
        missing = [site for site in sites if site not in found]
        if missing:
            raise EngineError(f"{say_site(missing[0])} was never reached in a clean run")
        return [found[site] for site in sites]

    # -------------------------------------------------------------------- recording

    def _traced(self, fed: Fed, recorder: Recorder) -> tuple[Trace, Scores]:
        with recorder.inside(self.module) as trace:
            try:
                return trace, self._run(fed)
            except Enough:
                return trace, {}

    @torch.no_grad()
    def _meet(self, fed: Fed) -> None:
        """Run a few inputs twice: what is called, of which shapes, and whether rows mix."""
        self._few = fed
        pair = pair_of(fed)
        traces = [Recorder(lambda key, output: first_seen(output), look=first_seen) for _ in "ab"]
        self._trace, one = self._traced(pair, traces[0])
        other, two = self._traced(pair.take(AGAIN.to(self.device)), traces[1])
        again = {call.key: call for call in other.calls}
        for call in self._trace.calls:
            twin = again.get(call.key)
            given = twin is not None and by_row(call.given, twin.given)
            got = twin is not None and by_row(call.output, twin.output)
            seen = Seen(call.given, call.output, given, got)
            self._seen.setdefault(call.key.path, []).append((call.key, seen))
        for name, scores in one.items():
            if not alike(scores[AGAIN.to(scores.device)], two[name]):
                raise EngineError(
                    f"the module's answer `{name}` to one input differs from run to run",
                    "it draws at random or looks at other rows of its batch: call `.eval()`, "
                    "or take that out of its `forward`",
                )

    def _planned(self, inputs: Fed, sites: Sequence[Site]) -> Replay | None:
        """What need not be computed again when the earliest of `sites` is written."""
        moments = [self.place(site).moment for site in sites]
        if len(inputs) == 0:
            return None
        earliest = min(moments, key=self._trace.when)
        shapes = tuple(tuple(t.shape[1:]) for t in input_tensors(inputs).values())
        if (earliest, shapes) not in self._plans:
            self._plans[earliest, shapes] = self._made_plan(pair_of(inputs), earliest)
        return self._plans[earliest, shapes]

    @torch.no_grad()
    def _made_plan(self, pair: Fed, moment: Moment) -> Replay | None:
        """A plan that was tried: run with it, the pair's scores are what they were."""
        one, clean = self._traced(pair, Recorder(copied))
        two, _ = self._traced(pair.take(AGAIN.to(self.device)), Recorder(copied))
        found = plan(one, two, moment, len(pair), AGAIN)
        if found is None or not self._comes_to(found, one, pair, clean):
            return None
        lean = without(found, self._unneeded(found, one, pair))
        return lean if self._comes_to(lean, one, pair, clean) else found

    def _comes_to(self, found: Replay, trace: Trace, pair: Fed, clean: Scores) -> bool:
        """Whether a run that is handed kept outputs ends with the same scores."""
        try:
            again = self._replayed(found, held_tensors(found, trace), pair)
        except EngineError:
            return False
        return all(alike(scores, again[name], within=1e-6) for name, scores in clean.items())

    def _replayed(self, found: Replay, kept: Mapping[str, Tensor], fed: Fed, **more: Any) -> Scores:
        instead = handing_out(found, kept, len(fed), self.device, **more)
        with Doing({}, instead, found.numbers).inside(self.module):
            return self._run(fed)

    def _unneeded(self, found: Replay, trace: Trace, pair: Fed) -> frozenset[str]:
        """Kept tensors that go from one module that is spared to the next and nowhere else."""
        watch = Untouched()
        with watch:
            self._replayed(found, held_tensors(found, trace), pair, note=watch.note)
        return watch.names

    def _kept(self, batch: Fed, found: Replay | None) -> dict[str, Tensor]:
        """The outputs of a batch that will be handed out."""
        if found is None or len(batch) == 0:
            return {}
        needed = found.needed
        keep = lambda key, output: copied(key, output) if key in needed else None  # noqa: E731
        trace, _ = self._traced(batch, Recorder(keep, stop=found.moment))
        until = max(max(call.start, call.end) for call in trace.calls)
        if order_of(trace, found.moment, found.keys, until) != found.order:
            raise EngineError(
                "the module calls other parts of itself for some inputs than for others",
                f"so its runs cannot be cut at `{found.moment.key.path}`; "
                "take a site before it branches",
            )
        return held_tensors(found, trace)
