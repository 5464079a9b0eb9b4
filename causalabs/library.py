"""The library's verbs: what `causalabs.load`, `run` and the others do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from causalabs.diagnostics import Diagnostic, Source

if TYPE_CHECKING:
    from causalabs.engine.modules.hand import Given
    from causalabs.hypothesis.model import Hypothesis
    from causalabs.plans import Plan
    from causalabs.registration import Registration
    from causalabs.results import Results
    from causalabs.runs import RunFolder


def check(text: str, *, folder: str | Path = ".") -> list[Diagnostic]:
    """Every mistake in a hypothesis text, in order of place; `folder` is where data lie.

    >>> [found.code for found in check("hypothesis empty")] != []
    True
    """
    from causalabs.hypothesis.check import check_source

    return check_source(Source(_normalised(text), folder=Path(folder)))


def format(text: str) -> str:
    """The canonical form of a hypothesis text, comments kept.

    Raises `HypothesisError` where the text does not parse.

    >>> format("seeds   0 ..  2")
    'seeds 0..2\\n'
    """
    from causalabs.syntax.format import format_source

    return format_source(Source(_normalised(text)))


def plan(hypothesis: Hypothesis) -> Plan:
    """What running a hypothesis would do; needs no network."""
    from causalabs.plans import make_plan

    return make_plan(hypothesis)


def run(
    hypothesis: Hypothesis,
    *,
    seed: int | None = None,
    seeds: tuple[int, ...] | None = None,
    device: str = "cpu",
    dtype: str = "float32",
    backend: str = "native",
    runs: str | Path = "runs",
    progress: Callable[[str, float], None] | None = None,
    network: Any = None,
    feed: Callable[..., Any] | None = None,
    read: Callable[..., Any] | None = None,
    allow_python: bool = False,
    locked: bool = False,
    falsify: float | None = None,
    every_example: bool = False,
    run_on: int = 4,
    bare: bool = False,
    curve: bool = False,
) -> Results:
    """Run a hypothesis, or hand out the finished run of the same plan.

    `seed` or `seeds` replace the file's own; `dtype` is the type of the network's numbers
    ("float32", "bfloat16", "float16", "float64"); `backend` "pyvene" makes every intervention by
    pyvene, which must be installed (docs/how-to/pyvene.md). Raises `RunError` where it cannot
    be run; jobs finished before that are kept below `runs` and not run again.

    `network` is a `torch.nn.Module` that stands in for the file's own network; `feed` takes
    columns of the variables to its inputs, `read` its output to scores of each output, where
    the file's `feed` and `read` do not say enough (docs/how-to/own-networks.md). Of a model of
    transformers `feed` is its tokenizer.
    `allow_python` lets a file's `python("module:function")` be called.

    A hypothesis from a file is registered in `FILE.lock` (docs/how-to/preregistration.md);
    `locked` refuses one whose claim is not the one registered.

    `falsify` is how many seconds to hunt for a failing interchange where an expectation is met
    (docs/how-to/falsify.md); verdicts stay what they are.

    Measuring stops once every expectation is decided, and goes on to `run_on` times the examples
    that the file draws while one is not; with `every_example` all that is drawn is measured
    and judged once.

    Each fitted alignment is set beside its controls (docs/how-to/controls.md); `bare` leaves
    those out that the file does not ask for. `curve` measures IIA against capacity too.
    """
    from causalabs.algorithm.evaluate import MechanismError
    from causalabs.errors import RunError, UnsupportedError
    from causalabs.folders import folder_fingerprint
    from causalabs.plans import BACKENDS, DTYPES, make_plan
    from causalabs.registration import Registration
    from causalabs.runs import RunFolder

    if seed is not None:
        seeds = (seed,)
    if seeds is not None:
        hypothesis = replace(hypothesis, seeds=seeds)
    refused = _refused(hypothesis, network)
    if refused:
        raise UnsupportedError(
            f"`{hypothesis.name}` cannot be run by this version: " + "; ".join(refused),
            "`causalabs check` and `causalabs plan` work on it as it is",
        )
    if backend not in BACKENDS:
        known = ", ".join(BACKENDS)
        raise RunError(f"there is no backend `{backend}`", f"use one of {known}")
    if dtype not in DTYPES:
        raise RunError(f"there is no type of numbers `{dtype}`", f"use one of {', '.join(DTYPES)}")
    given = _given(hypothesis, network, feed, read, allow_python)
    fingerprint = given.fingerprint if given else folder_fingerprint(hypothesis)
    dtype = given.numbers(dtype) if given else dtype
    planned = make_plan(
        hypothesis,
        backend=backend,
        network=fingerprint,
        dtype=dtype,
        every_example=every_example,
        run_on=run_on,
    )
    folder = RunFolder.open(Path(runs), planned)
    registration = Registration.open(hypothesis, plan=planned.hash, locked=locked)
    done = folder.finished()
    asked = _asked(hypothesis, planned, done, bare=bare, curve=curve)
    if done is not None and asked is None and falsify is None:
        return _closed(registration, done, folder)
    from causalabs.engine.falsify import falsify as hunt
    from causalabs.engine.run import execute

    functions = _functions(hypothesis, allow_python)

    def through(work: Callable[..., Results]) -> Results:
        if given is None:
            return work(hypothesis, planned, folder, device=device, progress=progress)
        return given.run(work, planned, folder, device=device, progress=progress)

    try:
        if done is None or asked is not None:
            battery, curve = asked or (False, False)
            done = through(partial(execute, battery=battery, curve=curve, functions=functions))
        found = _closed(registration, done, folder)
        if falsify is None:
            return found
        hunted = through(partial(hunt, results=found, seconds=falsify))
        folder.hunted(hunted.hunts)
        return hunted
    except MechanismError as error:
        raise RunError(str(error), _REPAIR, _line_of(hypothesis, error.variable)) from error
    except MemoryError as error:
        raise RunError(
            "there is not enough memory for this run",
            "ask for fewer examples or fewer dims; finished jobs are kept",
        ) from error
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        raise RunError(
            f"a file cannot be used: {place}{error.strerror or error}",
            "make room or name another place with --runs FOLDER; finished jobs are kept",
        ) from error


def _asked(
    hypothesis: Hypothesis, plan: Plan, done: Results | None, *, bare: bool, curve: bool
) -> tuple[bool, bool] | None:
    """Whether a battery and curves are to be measured; None where a finished run has them."""
    from causalabs.errors import RunError
    from causalabs.extras import subjects

    fitted = {job.alignment for job in subjects(hypothesis, plan)}
    if curve and not fitted:
        raise RunError(
            f"nothing is fitted in `{hypothesis.name}`, so there is no curve against capacity",
            "leave out `--curve`, or align a variable with `in k learned dims`",
        )
    battery = bool(fitted) and not bare
    if done is None:
        return battery, curve
    has = {each.alignment for each in done.batteries}, {each.alignment for each in done.curves}
    if (not battery or fitted <= has[0]) and (not curve or fitted <= has[1]):
        return None
    return battery or bool(has[0]), curve or bool(has[1])


def _closed(registration: Registration, results: Results, folder: RunFolder) -> Results:
    """The results with what the lock says of them, which their folder keeps as well."""
    told = registration.close(results)
    if told.registration is not None:
        folder.register(told.registration)
    return told


def _refused(hypothesis: Hypothesis, network: Any) -> list[str]:
    """What this version cannot run; the file's own network does not matter beside another."""
    own = f"network `{hypothesis.network.kind}`"
    return [each for each in hypothesis.unsupported if network is None or not each.startswith(own)]


def _given(
    hypothesis: Hypothesis,
    network: Any,
    feed: Callable[..., Any] | None,
    read: Callable[..., Any] | None,
    allow_python: bool,
) -> Given | None:
    """The network that comes from outside the file, if one does."""
    from causalabs.errors import RunError, UnsupportedError

    kind = hypothesis.network.kind
    if network is not None:
        from causalabs.engine.modules.language import in_hand

        return in_hand(hypothesis, network, feed, read)
    if feed is not None or read is not None:
        raise RunError(
            "`feed` and `read` belong to a `network` that is handed over", "add `network=module`"
        )
    if kind == "given":
        raise UnsupportedError(
            f"the network of `{hypothesis.name}` is not in the file",
            "hand it over: `causalabs.run(hypothesis, network=module)`",
        )
    if kind == "python":
        from causalabs.engine.modules.python_file import from_python

        return from_python(hypothesis, allowed=allow_python)
    return None


def _functions(hypothesis: Hypothesis, allow_python: bool) -> dict[str, Callable[..., Any]]:
    """The functions that a file's replacements name, imported where that is allowed."""
    if not any(each.function for each in hypothesis.replacements):
        return {}
    from causalabs.engine.modules.python_file import functions_from

    return functions_from(hypothesis, allowed=allow_python)


_REPAIR = "correct the mechanism, or declare a domain that holds its values"


def _line_of(hypothesis: Hypothesis, variable: str) -> int | None:
    """The line that declares a variable, None where none is known."""
    for algorithm in hypothesis.algorithms:
        if variable in algorithm:
            return hypothesis.source.locate(algorithm[variable].span.start)[0]
    return None


def _normalised(text: str) -> str:
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
