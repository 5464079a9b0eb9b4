"""In which order a network calls its modules, and running it again without those that are done.

A call that ended before anything was written cannot come out differently. The largest such
calls are kept, input by input; run again, their modules hand out what was kept instead of
computing it. What lies between modules, in the `forward` of one that is still running, is
always computed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

from torch import Tensor, nn

from causalabs.engine.modules.trees import with_first


class Key(NamedTuple):
    """A call: the module's path, and which of its calls in a run it is, from 0."""

    path: str
    number: int


class Moment(NamedTuple):
    """The start or the end of a call: when something is written."""

    key: Key
    end: bool


@dataclass
class Call:
    """One call of a run: `start` and `end` count the starts and ends of all calls.

    `given` and `output` are what was noted of its inputs and its output.
    """

    key: Key
    parent: int | None
    start: int
    end: int = -1
    given: Any = None
    output: Any = None


@dataclass
class Trace:
    """The calls of one run, in the order in which they started."""

    calls: list[Call] = field(default_factory=list)

    def of(self, path: str) -> list[Call]:
        """All calls of one module."""
        return [call for call in self.calls if call.key.path == path]

    def when(self, moment: Moment) -> int:
        """The event that a moment is."""
        call = next(call for call in self.calls if call.key == moment.key)
        return call.end if moment.end else call.start


class Enough(BaseException):
    """Raised inside a run when all that was wanted of it is there."""


@contextmanager
def replaced(module: nn.Module, forward: Callable[..., Any]) -> Iterator[None]:
    """`forward` in place of the module's own, which comes back whatever happens."""
    before = module.__dict__.get("forward")
    module.__dict__["forward"] = forward
    try:
        yield
    finally:
        if before is None:
            del module.__dict__["forward"]
        else:
            module.__dict__["forward"] = before


class Recorder:
    """Notes each call of a run: what `keep` makes of what the call gives back, and `look` of
    what it is given. Ends the run at `stop`.
    """

    def __init__(
        self,
        keep: Callable[[Key, Any], Any],
        *,
        look: Callable[[Any], Any] = lambda given: None,
        stop: Moment | None = None,
    ) -> None:
        self.trace = Trace()
        self._keep = keep
        self._look = look
        self._stop = stop
        self._open: list[int] = []
        self._counts: dict[str, int] = {}
        self._clock = -1

    def _around(self, path: str, module: nn.Module) -> Callable[..., Any]:
        inner = module.forward

        def forward(*args: Any, **kwargs: Any) -> Any:
            number = self._counts.get(path, 0)
            self._counts[path] = number + 1
            key = Key(path, number)
            call = Call(key, self._open[-1] if self._open else None, self._tick())
            call.given = self._look((args, kwargs))
            self._open.append(len(self.trace.calls))
            self.trace.calls.append(call)
            if self._stop == Moment(key, False):
                raise Enough
            output = inner(*args, **kwargs)
            self._open.pop()
            call.end = self._tick()
            call.output = self._keep(key, output)
            if self._stop == Moment(key, True):
                raise Enough
            return output

        return forward

    @contextmanager
    def inside(self, module: nn.Module) -> Iterator[Trace]:
        """While this lasts, the module's runs are noted; a module counts by its first path."""
        with ExitStack() as stack:
            for path, each in module.named_modules():
                stack.enter_context(replaced(each, self._around(path, each)))
            yield self.trace

    def _tick(self) -> int:
        self._clock += 1
        return self._clock


def largest(trace: Trace, good: Callable[[Call], bool], until: int) -> list[Call]:
    """Calls that ended by `until` and are `good`, none inside another."""
    chosen: list[Call] = []
    inside: set[int] = set()
    for number, call in enumerate(trace.calls):
        if call.parent is not None and call.parent in inside:
            inside.add(number)
        elif 0 <= call.end <= until and good(call):
            chosen.append(call)
            inside.add(number)
    return chosen


def outside(trace: Trace, chosen: frozenset[Key]) -> list[Call]:
    """The calls that still take place when the insides of `chosen` do not."""
    inside: set[int] = set()
    found = []
    for number, call in enumerate(trace.calls):
        if call.parent is not None and call.parent in inside:
            inside.add(number)
            continue
        if call.key in chosen:
            inside.add(number)
        found.append(call)
    return found


def numbers(calls: Sequence[Call]) -> dict[str, tuple[int, ...]]:
    """Per module the numbers of its calls."""
    found: dict[str, tuple[int, ...]] = {}
    for call in calls:
        found[call.key.path] = (*found.get(call.key.path, ()), call.key.number)
    return found


class Numbering:
    """Which call of a module is going on, in a run where some do not take place."""

    def __init__(self, known: Mapping[str, Sequence[int]]) -> None:
        self._known = known
        self._counts: dict[str, int] = {}

    def following(self, path: str) -> int:
        """The number of the call that begins."""
        count = self._counts.get(path, 0)
        self._counts[path] = count + 1
        known = self._known.get(path, ())
        if count < len(known):
            return known[count]
        return known[-1] + 1 + count - len(known) if known else count


Change: TypeAlias = Callable[[Tensor], Tensor]
"""What becomes of the first tensor that a call is given, or gives back."""


@dataclass(frozen=True, eq=False)
class Doing:
    """What is done to the calls of a run: tensors changed, outputs handed out.

    `instead` gives the output of a call that is not to be computed.
    """

    changes: Mapping[Moment, Sequence[Change]]
    instead: Mapping[Key, Callable[[], Any]] = field(default_factory=dict)
    known: Mapping[str, Sequence[int]] = field(default_factory=dict)

    @contextmanager
    def inside(self, module: nn.Module) -> Iterator[None]:
        """While this lasts, the module runs so."""
        numbering = Numbering(self.known)
        paths = [moment.key.path for moment in self.changes] + [key.path for key in self.instead]
        with ExitStack() as stack:
            for path in dict.fromkeys(paths):
                target = module.get_submodule(path)
                stack.enter_context(replaced(target, self._around(path, target, numbering)))
            yield

    def _around(self, path: str, target: nn.Module, numbering: Numbering) -> Callable[..., Any]:
        inner = target.forward

        def forward(*args: Any, **kwargs: Any) -> Any:
            key = Key(path, numbering.following(path))
            for change in self.changes.get(Moment(key, False), ()):
                args, kwargs = with_first((args, kwargs), change)
            kept = self.instead.get(key)
            output = inner(*args, **kwargs) if kept is None else kept()
            for change in self.changes.get(Moment(key, True), ()):
                output = with_first(output, change)
            return output

        return forward
