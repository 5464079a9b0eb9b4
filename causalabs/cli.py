"""The command line: `causalabs check | fmt | explain | graph | plan | run | ... | new`."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from causalabs import cli_runs
from causalabs.commands import understood
from causalabs.console import (
    BROKEN,
    CLEAN,
    FAULT,
    as_json_rows,
    count,
    load_all,
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
    for hypothesis in load_all(files, as_json=as_json):
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
    "run": cli_runs.run,
    "power": cli_runs.power,
    "log": cli_runs.log,
    "report": cli_runs.report,
    "models": cli_runs.models,
    "new": new,
}


# ----------------------------------------------------------------------- helpers


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
