"""How a command reads its files and answers: on stdout, on stderr, by its exit status."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NoReturn

from causalabs.diagnostics import Diagnostic, HypothesisError, Source, render
from causalabs.errors import RunError

if TYPE_CHECKING:
    from causalabs.hypothesis.model import Hypothesis

CLEAN, FAULT, BROKEN = 0, 1, 2


def read(name: str) -> tuple[Source | None, list[Diagnostic]]:
    """A file (`-`: stdin), or what is wrong with it as a file."""
    from causalabs.syntax.reading import read_source, source_of

    try:
        if name == "-":
            return source_of(sys.stdin.buffer.read().decode("utf-8"), name="<stdin>"), []
        return read_source(name), []
    except UnicodeDecodeError:
        usage("standard input is not UTF-8 text", "pipe in a hypothesis file")
    except HypothesisError as error:
        return None, list(error.diagnostics)


def load_all(files: Iterable[str], *, as_json: bool) -> list[Hypothesis]:
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


def refused(error: RunError, about: dict[str, Any], where: str, *, as_json: bool) -> int:
    """Tell what stopped a command, `about` beside it in JSON; gives its exit status."""
    if as_json:
        told = {"message": error.message, "help": error.help, "line": error.line}
        print_json({**about, "error": told})
    else:
        tell(f"error: {where}{error}")
    return error.status


def report(found: list[Diagnostic], *, as_json: bool) -> None:
    """Diagnostics for people on stderr, or as the one JSON document."""
    if as_json:
        print_json({"diagnostics": as_json_rows(found)})
        return
    if found:
        from causalabs.rendering import summary

        colour = sys.stderr.isatty() and "NO_COLOR" not in os.environ
        text = "\n\n".join(render(each, colour=colour) for each in found)
        tell(f"{text}\n\n{summary(found)}")


def as_json_rows(found: list[Diagnostic]) -> list[dict[str, Any]]:
    """Diagnostics as JSON values."""
    from causalabs.rendering import as_json

    return [as_json(each) for each in found]


def status_of(found: list[Diagnostic]) -> int:
    """The exit status that some diagnostics ask for."""
    from causalabs.syntax.reading import UNREADABLE

    if any(each.code in UNREADABLE for each in found):
        return BROKEN
    return FAULT if any(each.severity == "error" for each in found) else CLEAN


def count(files: list[str]) -> str:
    """`3 files`."""
    return f"{len(files)} file" + ("s" if len(files) != 1 else "")


def usage(message: str, help_text: str) -> NoReturn:
    """End with a message on how the command is used."""
    tell(f"error: {message}\n  = help: {help_text}")
    raise SystemExit(BROKEN)


def print_json(document: Any) -> None:
    """The one JSON document of a command."""
    say(json.dumps(document, indent=2, ensure_ascii=False))


def say(text: str) -> None:
    """A line on stdout."""
    sys.stdout.write(text + "\n")


def tell(text: str) -> None:
    """A line on stderr."""
    sys.stderr.write(text + "\n")
