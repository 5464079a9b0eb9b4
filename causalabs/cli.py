"""The command line: `causalabs check | fmt | explain | graph | plan | run | new`."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from causalabs.diagnostics import Diagnostic, HypothesisError, Source, render
from causalabs.errors import RunError

if TYPE_CHECKING:
    from causalabs.algorithm.model import Algorithm
    from causalabs.hypothesis.model import Hypothesis

CLEAN, FAULT, BROKEN = 0, 1, 2
INTERRUPTED = 130

app = typer.Typer(
    name="causalabs",
    help="Test a claim about what algorithm a neural network runs.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Files = Annotated[list[str], typer.Argument(help="Hypothesis files; `-` reads stdin.")]
OneFile = Annotated[str, typer.Argument(help="A hypothesis file; `-` reads stdin.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]


def main() -> None:
    """Entry point: no mistake and no failure reaches a person as a traceback."""
    try:
        app()
    except KeyboardInterrupt:
        _tell("interrupted; what was finished is kept, the same command goes on from there")
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(BROKEN)
    except Exception as error:
        if os.environ.get("CAUSALABS_TRACEBACK"):
            raise
        _tell(
            f"internal error: {type(error).__name__}: {error}\n"
            "  = help: this is a fault of causalabs, not of your file; "
            "CAUSALABS_TRACEBACK=1 shows where"
        )
        sys.exit(BROKEN)


# ---------------------------------------------------------------------- commands


@app.command()
def check(files: Files, as_json: Json = False) -> None:
    """Report every mistake at once; runs nothing."""
    from causalabs.hypothesis.check import check_source

    found: list[Diagnostic] = []
    for name in files:
        source, unread = _read(name)
        found += check_source(source) if source else unread
    _report(found, as_json=as_json)
    if not as_json and not found:
        _say(f"{_count(files)} checked, nothing to complain about")
    raise typer.Exit(_status(found))


@app.command()
def fmt(
    files: Files,
    only_check: Annotated[
        bool, typer.Option("--check", help="Change nothing; exit 1 if anything would change.")
    ] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Show changes, make none.")] = False,
    as_json: Json = False,
) -> None:
    """Rewrite files in the one canonical form; `-` goes to stdout."""
    from causalabs.formatting import format_file

    rows, found = [], []
    for name in files:
        source, unread = _read(name)
        if source is None:
            found += unread
            continue
        try:
            rows.append(format_file(name, source, write=not (only_check or diff)))
        except HypothesisError as error:
            found += error.diagnostics
    if as_json:
        _print_json(
            {
                "files": [{"file": row.name, "changed": row.changed} for row in rows],
                "diagnostics": _as_json(found),
            }
        )
    else:
        for row in rows:
            text = row.shown(diff=diff, only_check=only_check)
            if text:
                sys.stdout.write(text)
        _report(found, as_json=False)
    changed = (only_check or diff) and any(row.changed for row in rows)
    raise typer.Exit(max(_status(found), FAULT if changed else CLEAN))


@app.command()
def explain(
    code: Annotated[str, typer.Argument(help="A diagnostic's code, such as C201.")],
    as_json: Json = False,
) -> None:
    """Say what a rule means, why it stands, and how to do it right."""
    from causalabs.explain import explanation, find

    rule, near = find(code)
    if rule is None:
        help_text = f"did you mean {near}?" if near else "codes look like C201"
        _tell(f"error: there is no rule `{code}`\n  = help: {help_text}")
        raise typer.Exit(BROKEN)
    told = explanation(rule)
    if as_json:
        _print_json(told.to_json())
    else:
        _say(told.text())


@app.command()
def graph(
    file: OneFile,
    form: Annotated[str, typer.Option("--format", "-f", help="text, dot or svg.")] = "text",
    algorithm: Annotated[str, typer.Option(help="Which one, where there are several.")] = "",
    as_json: Json = False,
) -> None:
    """Draw the algorithm: variables, domains and who depends on whom."""
    from causalabs.algorithm.graph import as_dot, as_svg, as_text

    forms = {"text": as_text, "dot": as_dot, "svg": as_svg}
    if form not in forms:
        _usage(f"there is no format `{form}`", f"type one of {', '.join(forms)}")
    chosen = _algorithms(file, algorithm, as_json=as_json)
    if as_json:
        _print_json({"algorithms": [_graph_json(each) for each in chosen]})
    else:
        _say("\n".join(forms[form](each).rstrip("\n") for each in chosen))


@app.command()
def plan(files: Files, as_json: Json = False) -> None:
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
        _print_json(documents[0] if len(documents) == 1 else documents)
    else:
        _say("\n\n".join(texts))


@app.command()
def run(
    files: Files,
    seeds: Annotated[
        str, typer.Option(help="Use these instead of the file's: `3` or `0..9`.")
    ] = "",
    runs: Annotated[Path, typer.Option(help="Folder that keeps the runs.")] = Path("runs"),
    device: Annotated[str, typer.Option(help="cpu, cuda or mps.")] = "cpu",
    as_json: Json = False,
) -> None:
    """Intervene on the network, judge, and report: met, not met or undecided."""
    from causalabs import library
    from causalabs.report.progress import progress

    chosen = _seeds(seeds)
    documents, status = [], CLEAN
    for hypothesis in _load_all(files, as_json=as_json):
        if not as_json:
            _report([d for d in hypothesis.diagnostics if d.severity == "warning"], as_json=False)
        try:
            with progress(hypothesis.name) as say:
                results = library.run(
                    hypothesis, seeds=chosen, device=device, runs=runs, progress=say
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
        _print_json(documents[0] if len(files) == 1 else documents)
    raise typer.Exit(status)


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="Name of the hypothesis; writes NAME.causal.")],
    as_json: Json = False,
) -> None:
    """Write a starter hypothesis that runs as it is."""
    from causalabs.starter import starter

    path = Path(name if name.endswith(".causal") else f"{name}.causal")
    title = path.stem
    if not title.isidentifier() or not title.isascii():
        _usage(f"`{title}` cannot name a hypothesis", "type letters, digits and `_`")
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(starter(title))
    except FileExistsError:
        _usage(f"{path} exists already", "type another name")
    except OSError as error:
        _usage(f"{path} cannot be written: {error.strerror}", "type another place")
    if as_json:
        _print_json({"file": str(path)})
    else:
        _say(f"wrote {path}\nnow type: causalabs run {path}")


# ----------------------------------------------------------------------- helpers


def _read(name: str) -> tuple[Source | None, list[Diagnostic]]:
    from causalabs.syntax.reading import read_source, source_of

    try:
        if name == "-":
            return source_of(sys.stdin.buffer.read().decode("utf-8"), name="<stdin>"), []
        return read_source(name), []
    except UnicodeDecodeError:
        _usage("standard input is not UTF-8 text", "pipe in a hypothesis file")
    except HypothesisError as error:
        return None, list(error.diagnostics)


def _load_all(files: Iterable[str], *, as_json: bool) -> list[Hypothesis]:
    """All files checked before anything is run; mistakes of all of them at once."""
    from causalabs.hypothesis.load import load_source

    loaded, found = [], []
    for name in files:
        source, unread = _read(name)
        found += unread
        if source is not None:
            try:
                loaded.append(load_source(source))
            except HypothesisError as error:
                found += error.diagnostics
    if found:  # a warning that leaves nothing to run is a fault here
        _report(found, as_json=as_json)
        raise typer.Exit(max(FAULT, _status(found)))
    return loaded


def _algorithms(file: str, name: str, *, as_json: bool) -> tuple[Algorithm, ...]:
    from causalabs.hypothesis.check import examine

    source, found = _read(file)
    algorithms: tuple[Algorithm, ...] = ()
    if source is not None:
        checked = examine(source)
        algorithms, found = checked.algorithms, list(checked.diagnostics)
    if not algorithms and any(each.severity == "error" for each in found):
        _report(found, as_json=as_json)
        raise typer.Exit(_status(found))
    if name:
        names = ", ".join(each.name for each in algorithms)
        algorithms = tuple(each for each in algorithms if each.name == name)
        if not algorithms:
            _usage(f"there is no algorithm `{name}`", f"this file has {names or 'none'}")
    if not algorithms:
        _usage(f"{file} has no algorithm to draw", "write an `algorithm { .. }` block")
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
        _usage(f"`{text}` is not a seed or a range of seeds", "type `3` or `0..9`")
    seeds = range(int(low), int(high or low) + 1)
    if not 0 < len(seeds) <= 1000:
        _usage(f"`{text}` is {len(seeds)} seeds", "type a range of 1 to 1000, such as `0..9`")
    return tuple(seeds)


def _stopped(hypothesis: Hypothesis, error: RunError, *, as_json: bool) -> NoReturn:
    if as_json:
        told = {"message": error.message, "help": error.help, "line": error.line}
        _print_json({"hypothesis": hypothesis.name, "error": told})
        raise typer.Exit(BROKEN)
    where = f"{hypothesis.source.name}:{error.line}: " if error.line else ""
    _tell(f"error: {where}{error}")
    raise typer.Exit(BROKEN)


def _report(found: list[Diagnostic], *, as_json: bool) -> None:
    if as_json:
        _print_json({"diagnostics": _as_json(found)})
        return
    if found:
        from causalabs.rendering import summary

        colour = sys.stderr.isatty() and "NO_COLOR" not in os.environ
        text = "\n\n".join(render(each, colour=colour) for each in found)
        _tell(f"{text}\n\n{summary(found)}")


def _as_json(found: list[Diagnostic]) -> list[dict[str, Any]]:
    from causalabs.rendering import as_json

    return [as_json(each) for each in found]


def _status(found: list[Diagnostic]) -> int:
    from causalabs.syntax.reading import UNREADABLE

    if any(each.code in UNREADABLE for each in found):
        return BROKEN
    return FAULT if any(each.severity == "error" for each in found) else CLEAN


def _count(files: list[str]) -> str:
    return f"{len(files)} file" + ("s" if len(files) != 1 else "")


def _usage(message: str, help_text: str) -> NoReturn:
    _tell(f"error: {message}\n  = help: {help_text}")
    raise typer.Exit(BROKEN)


def _print_json(document: Any) -> None:
    _say(json.dumps(document, indent=2, ensure_ascii=False))


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")


def _tell(text: str) -> None:
    sys.stderr.write(text + "\n")
