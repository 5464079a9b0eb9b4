"""Files beside the hypothesis that prompts come from (SEMANTICS F1)."""

from __future__ import annotations

import json
from pathlib import Path

from causalabs.algorithm import domains
from causalabs.algorithm.domains import FiniteDomain
from causalabs.algorithm.model import Algorithm
from causalabs.algorithm.names import nearest
from causalabs.hypothesis.model import Template
from causalabs.hypothesis.refs import Findings
from causalabs.hypothesis.rules_feed import TemplateRow, UnreadableFile
from causalabs.hypothesis.templates import template
from causalabs.syntax import ast

MOST_BYTES = 16 * 2**20
"""Largest file of prompts that is read."""
Limits = tuple[tuple[str, tuple[int, ...]], ...]


def read_text(path: ast.Text, found: Findings) -> tuple[str, bytes] | None:
    """A text file beside the hypothesis, its newlines normalised; None after an error."""
    place = Path(found.source.folder) / str(path)
    problem = ""
    content = b""
    try:
        if place.is_dir():
            problem = "is a folder"
        elif not place.is_file():
            problem = "does not exist"
        elif place.stat().st_size > MOST_BYTES:
            problem = f"is larger than {MOST_BYTES // 2**20} MiB"
        else:
            content = place.read_bytes()
    except (OSError, ValueError):
        problem = "cannot be read"
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text, problem = "", "is not text in UTF-8"
    if problem:
        found.report(UnreadableFile(span=path.span, path=str(path), problem=problem))
        return None
    return text.replace("\r\n", "\n").replace("\r", "\n"), content


def templates_of(
    path: ast.Text, algorithm: Algorithm, found: Findings
) -> tuple[tuple[Template, ...], tuple[Limits, ...], bytes] | None:
    """Templates of a JSON Lines file, what each restricts, and the file's bytes."""
    read = read_text(path, found)
    if read is None:
        return None
    templates: list[Template] = []
    limits: list[Limits] = []
    before = len(found.rules)
    for number, line in enumerate(read[0].split("\n"), 1):
        if not line.strip() or len(found.rules) > before:
            continue
        row = _row(line)
        if isinstance(row, str):
            _bad_row(path, number, row, found)
            continue
        text = ast.Text(str(row.pop("text")), path.span)
        inside = Findings(found.source, found.poisoned)
        resolved = template(text, algorithm, {}, inside)
        if resolved is None:
            why = inside.rules[0].headline() if inside.rules else "cannot be used"
            _bad_row(path, number, f"has a bad template: {why}", found)
            continue
        limit = _limits(row, algorithm)
        if isinstance(limit, str):
            _bad_row(path, number, limit, found)
            continue
        templates.append(resolved)
        limits.append(limit)
    if len(found.rules) > before:
        return None
    if not templates:
        found.report(UnreadableFile(span=path.span, path=str(path), problem="has no template"))
        return None
    return tuple(templates), tuple(limits), read[1]


def _bad_row(path: ast.Text, number: int, problem: str, found: Findings) -> None:
    found.report(TemplateRow(span=path.span, row=number, path=str(path), problem=problem))


def _row(line: str) -> dict[str, object] | str:
    """A row's fields, `text` a string; or what is wrong with it."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return "is not JSON"
    if not isinstance(row, dict):
        return "is not a JSON object"
    text = row.get("text")
    if not isinstance(text, str):
        return "has no `text`"
    return row if text.strip() else "has an empty `text`"


def _limits(row: dict[str, object], algorithm: Algorithm) -> Limits | str:
    limits = []
    inputs = {variable.name: variable.domain for variable in algorithm.inputs}
    for name, wanted in row.items():
        domain = inputs.get(name)
        if domain is None:
            hint = nearest(name, inputs)
            return f"names `{name}`, which is no input" + (
                f": did you mean `{hint}`?" if hint else ""
            )
        if isinstance(domain, domains.Real | domains.SetOf | domains.Integer):
            return f"restricts `{name}`, which has no list of values"
        allowed = []
        for value in wanted if isinstance(wanted, list) else [wanted]:
            place = _place(domain, value)
            if place is None:
                return f"restricts `{name}` to {json.dumps(value)}, which is not in its domain"
            allowed.append(place)
        limits.append((name, tuple(sorted(set(allowed)))))
    return tuple(limits)


def _place(domain: FiniteDomain, value: object) -> int | None:
    """Place of a JSON value in a domain; `true` and 1 are told apart."""
    if not isinstance(value, bool | int | str):
        return None
    found = domains.values(domain)
    if isinstance(found, range):
        whole = isinstance(value, int) and not isinstance(value, bool) and value in found
        return found.index(value) if whole and isinstance(value, int) else None
    places = (i for i, each in enumerate(found) if each == value and type(each) is type(value))
    return next(places, None)
