"""A finished run as it lies in its folder, read without changing anything."""

from __future__ import annotations

import json
import types
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, Literal, NoReturn, Union, get_args, get_origin, get_type_hints

from causalabs.diagnostics import HypothesisError
from causalabs.errors import RunError
from causalabs.hypothesis.load import loads
from causalabs.hypothesis.model import Hypothesis
from causalabs.plans import Job, Plan
from causalabs.report.registration import registration_text
from causalabs.results import Results, hunt

RESULTS, PLAN, REGISTRATION = "results.json", "plan.json", "registration.json"
HUNTS = "hunts.json"


@dataclass(frozen=True)
class Run:
    """What a run folder holds; `hypothesis` None where its text cannot be read any more.

    `why` then says what stands in the way.
    """

    folder: Path
    plan: Plan
    results: Results
    registration: Mapping[str, Any] | None = None
    hypothesis: Hypothesis | None = None
    why: str = ""


def read_run(folder: Path, *, data: Path | None = None) -> Run:
    """The run in a folder; `data` is where files that its hypothesis names lie.

    Raises `RunError` where the folder is none of a run, or the run is unfinished or damaged.
    """
    planned = _document(folder / PLAN)
    if planned is None:
        _no_run(folder)
    plan = _plan(planned, folder / PLAN)
    document = _document(folder / RESULTS)
    if document is None:
        raise RunError(_unfinished(folder, plan), "the command that ran it goes on from there")
    results = _hunted(_results(document, folder / RESULTS), folder)
    registration = _document(folder / REGISTRATION)
    if registration is not None:
        try:
            registration_text(registration)
        except (KeyError, TypeError, ValueError, AttributeError):
            _damaged(folder / REGISTRATION, "it is not what a lock says")
    hypothesis, why = _hypothesis(plan, _data_folder(registration, data))
    return Run(folder, plan, results, registration, hypothesis, why)


def latest_run(file: Path, hypothesis: Hypothesis, runs: Path) -> Run:
    """The run of a hypothesis file that was finished last.

    Raises `RunError` where there is none, or only of another text.
    """
    done: list[tuple[float, Path]] = []
    begun, other = [], []
    for path in sorted(runs.glob(f"*/{PLAN}")):
        try:
            plan = _plan(_document(path) or {}, path)
        except RunError:
            continue
        if plan.hypothesis != hypothesis.name:
            continue
        if (plan.canonical, plan.files) != (hypothesis.canonical, hypothesis.files):
            other.append(path.parent)
        elif (path.parent / RESULTS).exists():
            done.append(((path.parent / RESULTS).stat().st_mtime, path.parent))
        else:
            begun.append((path.parent, plan))
    if done:
        return read_run(max(done)[1], data=hypothesis.folder)
    again = f"type `causalabs run {file}`"
    if begun:
        raise RunError(_unfinished(*begun[-1]), f"{again}: it goes on from there")
    if other:
        raise RunError(
            f"{file} was not run as it stands now",
            f"{again}, or name a run of its earlier text: {other[-1]}",
        )
    raise RunError(f"{file} was not run: nothing of it is in {runs}", f"{again} first")


def _no_run(folder: Path) -> NoReturn:
    if not folder.exists():
        raise RunError(f"there is no run {folder}", "name a run folder, or a hypothesis file")
    inside = sorted(path.parent for path in folder.glob(f"*/{PLAN}"))
    if inside:
        raise RunError(f"{folder} holds runs, it is none", f"name one of them: {inside[0]}")
    raise RunError(
        f"{folder} is no run folder: it has no {PLAN}",
        "name a folder that `causalabs run` made, or a hypothesis file",
    )


def _unfinished(folder: Path, plan: Plan) -> str:
    names = {job.name for job in plan.jobs}
    count = sum((folder / "jobs" / f"{name}.json").exists() for name in names)
    return f"the run in {folder} is not finished: {count} of its {len(names)} jobs are done"


def _data_folder(registration: Mapping[str, Any] | None, data: Path | None) -> Path:
    """Where data files lie: beside the hypothesis, which its lock tells, or here."""
    if data is not None:
        return data
    return Path() if registration is None else Path(str(registration["lock"])).parent


def _hypothesis(plan: Plan, data: Path) -> tuple[Hypothesis | None, str]:
    """The hypothesis that a plan states, or why it cannot be had."""
    try:
        hypothesis = loads(plan.canonical, folder=data)
    except HypothesisError as error:
        return None, error.diagnostics[0].message
    changed = [path for path, digest in hypothesis.files if (path, digest) not in plan.files]
    if changed:
        return None, f"{', '.join(changed)} changed since"
    return hypothesis, ""


# ---------------------------------------------------------------------------- documents


def _document(path: Path) -> dict[str, Any] | None:
    """A JSON object, None where there is no such file."""
    try:
        found = json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, RecursionError):
        _damaged(path, "it is no JSON document")
    except OSError as error:
        raise RunError(
            f"{path} cannot be read: {error.strerror or error}", "make it readable"
        ) from error
    if not isinstance(found, dict):
        _damaged(path, "it is no JSON object")
    return found


def _damaged(path: Path, what: str) -> NoReturn:
    raise RunError(
        f"{path} is damaged: {what}",
        f"run the hypothesis again: jobs that are done are kept, {RESULTS} is written anew",
    )


def _results(document: dict[str, Any], path: Path) -> Results:
    try:
        found = Results.from_json(document)
    except (KeyError, TypeError, ValueError, AttributeError):
        _damaged(path, "it does not hold what a run found")
    wrong = _wrong(found)
    if wrong:
        _damaged(path, f"`{wrong}` is not what it should be")
    return found


def _hunted(results: Results, folder: Path) -> Results:
    """The results with the hunts of the last `--falsify`, which lie beside them."""
    told = _document(folder / HUNTS)
    if told is None:
        return results
    try:
        found = replace(results, hunts=tuple(hunt(each) for each in told["hunts"]))
    except (KeyError, TypeError, ValueError, AttributeError):
        raise RunError(f"{folder / HUNTS} is damaged", "remove it, or hunt again") from None
    if _wrong(found):
        raise RunError(f"{folder / HUNTS} is damaged", "remove it, or hunt again")
    return found


def _plan(document: dict[str, Any], path: Path) -> Plan:
    try:
        jobs = tuple(_job(job) for job in document["jobs"])
        files = tuple((str(name), str(digest)) for name, digest in document["files"])
        lists = {"seeds": tuple(document["seeds"]), "twins": tuple(document.get("twins", ()))}
        found = Plan(**{**document, "jobs": jobs, "files": files, **lists})
    except (KeyError, TypeError, ValueError, AttributeError):
        _damaged(path, "it is no plan")
    wrong = _wrong(found)
    if wrong:
        _damaged(path, f"`{wrong}` is not what it should be")
    return found


def _job(document: Mapping[str, Any]) -> Job:
    told: dict[str, Any] = dict(document)
    lists = {name: tuple(each) for name, each in told.items() if isinstance(each, list)}
    return Job(**{**told, **lists})


def _wrong(value: Any) -> str:
    """Which field of a dataclass does not hold what it is declared to hold; "" where all do."""
    hints = get_type_hints(type(value))
    for each in fields(value):
        if not _fits(getattr(value, each.name), hints[each.name]):
            return each.name
    return ""


def _fits(value: Any, hint: Any) -> bool:
    """Whether a value is of a declared type, as far as results and plans use types."""
    if hint is Any:
        return True
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return any(_fits(value, each) for each in inner)
    if origin is Literal:
        return value in inner
    if origin is tuple:
        if not isinstance(value, tuple):
            return False
        if inner[-1] is Ellipsis:
            return all(_fits(each, inner[0]) for each in value)
        return len(value) == len(inner) and all(map(_fits, value, inner))
    if origin is not None:
        return isinstance(value, Mapping) and all(
            _fits(key, inner[0]) and _fits(each, inner[1]) for key, each in value.items()
        )
    if hint is type(None):
        return value is None
    if is_dataclass(hint):
        return isinstance(value, hint) and not _wrong(value)  # type: ignore[arg-type]
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, hint) and (hint is bool or not isinstance(value, bool))
