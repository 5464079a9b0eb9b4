"""Pre-registration: what a file claimed before its results were seen, and what changed since.

The first run of `FILE` writes `FILE.lock` beside it: the claim part by part (expectations,
counterfactuals, alignment, seeds, data, ...), when and with which versions, and a history of
every claim that was run and what came out. Once a result is there, another claim under the
same name is *amended*: it is run, but said, with the difference, beside the one registered.
The lock carries a hash of itself, so that an edit by hand is noticed.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TypeAlias

from causalabs.errors import RunError
from causalabs.hypothesis.model import Hypothesis
from causalabs.results import Judged, Results
from causalabs.runs import write_atomically

FORMAT = 1
PARTS = {
    "hypothesis": "words",
    "network": "network",
    "alignment": "alignment",
    "circuit": "alignment",
    "replace": "alignment",
    "counterfactuals": "counterfactuals",
    "expect": "expectations",
    "report": "",  # measured, never judged
    "seeds": "",  # told by the seeds that are run
}
"""Which part of a claim a statement at the top of a file belongs to; others: the algorithm."""

PACKAGES = ("causalabs", "torch", "numpy")
Parts: TypeAlias = Mapping[str, tuple[str, ...]]
"""Lines of a claim, part by part, blanks made single."""


class LockError(RunError):
    """A run that `--locked` refuses."""

    status = 1


@dataclass(frozen=True)
class Change:
    """Lines of one part that went and that came."""

    part: str
    removed: tuple[str, ...]
    added: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"part": self.part, "removed": list(self.removed), "added": list(self.added)}


def parts_of(hypothesis: Hypothesis) -> Parts:
    """The claim of a hypothesis, seeds as they will be run and data files by their hash."""
    found: dict[str, list[str]] = {}
    part = ""
    for line in hypothesis.canonical.splitlines():
        words = line.split()
        if words and line[0] not in ' }"':
            part = PARTS.get(words[0], "algorithm")
        if words and part:
            found.setdefault(part, []).append(" ".join(words))
    found["seeds"] = [" ".join(map(str, hypothesis.seeds))]
    found["data"] = [f"{path} {digest}" for path, digest in hypothesis.files]
    return {name: tuple(lines) for name, lines in found.items() if lines}


def changes(before: Parts, after: Parts) -> tuple[Change, ...]:
    """What differs between two claims, part by part."""
    found = []
    for part in dict.fromkeys((*before, *after)):
        old, new = before.get(part, ()), after.get(part, ())
        if old != new:
            lines = list(difflib.ndiff(old, new))
            removed = tuple(line[2:] for line in lines if line.startswith("- "))
            added = tuple(line[2:] for line in lines if line.startswith("+ "))
            found.append(Change(part, removed, added))
    return tuple(found)


def _hash(document: Any) -> str:
    text = json.dumps(document, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


# ------------------------------------------------------------------------------ the lock


def lock_of(hypothesis: Hypothesis) -> Path | None:
    """Where a hypothesis' lock is; None for a text that is no file."""
    path = Path(hypothesis.source.name)
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, ValueError):
        return None
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return lock_path(path) if text == hypothesis.source.text else None


def lock_path(path: Path) -> Path:
    """The lock beside a file.

    >>> lock_path(Path("a/sum.causal")).name
    'sum.causal.lock'
    """
    return path.with_name(path.name + ".lock")


@dataclass(frozen=True)
class Lock:
    """What a lock file holds: the claim registered, all claims that were run, the history.

    `edited` is whether it was ever found edited by hand or unreadable.
    """

    registered: Mapping[str, Any]
    claims: Mapping[str, Parts]
    history: tuple[Mapping[str, Any], ...]

    @property
    def edited(self) -> bool:
        """Whether an edit by hand was ever noticed."""
        return any(each["event"] in ("edited", "unreadable") for each in self.history)

    @property
    def first_result(self) -> Mapping[str, Any] | None:
        """The first result seen of any claim."""
        return next((each for each in self.history if each["event"] == "result"), None)

    @property
    def claim(self) -> str:
        """Hash of the claim registered."""
        return str(self.registered["claim"])

    def to_json(self) -> dict[str, Any]:
        """The document in the file, its own hash last."""
        document = {
            "format": FORMAT,
            "registered": dict(self.registered),
            "claims": {
                name: {part: list(lines) for part, lines in parts.items()}
                for name, parts in self.claims.items()
            },
            "history": [dict(each) for each in self.history],
        }
        return {**document, "hash": _hash(document)}

    def with_event(self, event: str, **data: Any) -> Lock:
        """The lock with one more line of history."""
        return replace(self, history=(*self.history, {"time": now(), "event": event, **data}))


def read_lock(path: Path) -> Lock | None:
    """The lock in a file, None where there is none.

    One that was edited by hand has an `edited` event at its end; of one that cannot be read
    nothing is left but an `unreadable` one.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise RunError(
            f"{path} cannot be read: {error.strerror or error}",
            "make it readable: it holds what was registered",
        ) from error
    try:
        document = json.loads(content)
        own = document.pop("hash", "")
        claims = {
            str(name): {str(part): tuple(map(str, lines)) for part, lines in parts.items()}
            for name, parts in document["claims"].items()
        }
        lock = Lock(document["registered"], claims, tuple(document["history"]))
        if lock.claim not in claims or not all(
            "event" in each and "time" in each for each in lock.history
        ):
            raise ValueError(path)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return Lock({"claim": ""}, {"": {}}, ({"time": now(), "event": "unreadable"},))
    return lock if own == _hash(document) else lock.with_event("edited")


def now() -> str:
    """The time, to the second, in UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")


# ---------------------------------------------------------------------------- around a run


@dataclass
class Registration:
    """The lock of one run: opened before it, closed with its results.

    `path` None means that there is none to write: `note` then says why, if a person cares.
    """

    path: Path | None
    claim: str
    parts: Parts
    lock: Lock | None = None
    note: str = ""
    found: tuple[Change, ...] = field(default=())

    @staticmethod
    def open(hypothesis: Hypothesis, *, plan: str, locked: bool = False) -> Registration:
        """Register the claim, or set it beside the one registered; writes the lock.

        Raises `LockError` where `locked` and the claim is not the one registered.
        """
        parts = parts_of(hypothesis)
        path = lock_of(hypothesis)
        lock = None if path is None else read_lock(path)
        mine = Registration(path, _hash(parts), parts, lock)
        if locked:
            mine._refuse(hypothesis)
        if path is not None:
            mine._begin(plan)
        return mine

    def _refuse(self, hypothesis: Hypothesis) -> None:
        name = hypothesis.source.name
        if self.lock is None:
            raise LockError(
                f"{name} is not registered: it has no lock",
                f"type `causalabs run {name}` without --locked once; a file alone has a lock",
            )
        if self.lock.edited:
            raise LockError(
                f"{self.path} was edited by hand",
                f"`causalabs log {name}` shows its history; take it back from version control",
            )
        found = changes(self.lock.claims[self.lock.claim], self.parts)
        if found:
            what = ", ".join(each.part for each in found)
            raise LockError(
                f"{name} is not what was registered: {what} changed",
                f"`causalabs log {name}` shows the difference; run without --locked to amend",
            )

    def _begin(self, plan: str) -> None:
        lock = self.lock
        if lock is None or lock.claim == "" or lock.first_result is None:
            lock = self._registered(lock, plan)
        else:
            self.found = changes(lock.claims[lock.claim], self.parts)
            told = [e for e in lock.history if e["event"] in ("registered", "amended")]
            if self.found and (not told or told[-1].get("claim") != self.claim):
                what = [each.to_json() for each in self.found]
                lock = lock.with_event("amended", claim=self.claim, plan=plan, changes=what)
        self._write(replace(lock, claims={**lock.claims, self.claim: self.parts}))

    def _registered(self, old: Lock | None, plan: str) -> Lock:
        """A new registration: no result was seen of any before it."""
        if old is not None and old.claim == self.claim:
            return old
        if old is not None and old.claim == "" and self.path is not None:
            with suppress(OSError):
                os.replace(self.path, self.path.with_name(self.path.name + ".damaged"))
        registered = {
            "claim": self.claim,
            "time": now(),
            "plan": plan,
            "versions": _versions(),
            **{part: list(lines) for part, lines in self.parts.items()},
        }
        history = () if old is None else old.history
        lock = Lock(registered, {self.claim: self.parts}, history)
        return lock.with_event("registered", claim=self.claim, plan=plan)

    def close(self, results: Results) -> Results:
        """The results with what the lock says of them; the lock with the results."""
        if self.path is None or self.lock is None:
            return replace(results, notes=(*results.notes, self.note)) if self.note else results
        outcome = {
            "claim": self.claim,
            "plan": results.plan,
            "verdict": results.verdict,
            "expectations": [_brief(each) for each in results.expectations],
        }
        seen = [each for each in self.lock.history if each["event"] == "result"]
        if not any(_same(each, outcome) for each in seen):
            self._write(self.lock.with_event("result", run=results.run, **outcome))
        notes = (*results.notes, self.note) if self.note else results.notes
        return replace(results, registration=self._told(), notes=notes)

    def _told(self) -> dict[str, Any]:
        assert self.lock is not None
        original = next(
            (
                each
                for each in self.lock.history
                if each["event"] == "result" and each.get("claim") == self.lock.claim
            ),
            None,
        )
        return {
            "lock": str(self.path),
            "status": "amended" if self.found else "registered",
            "registered": self.lock.registered.get("time", ""),
            "claim": self.claim,
            "changes": [each.to_json() for each in self.found],
            "original": dict(original) if original is not None and self.found else None,
            "edited": self.lock.edited,
        }

    def _write(self, lock: Lock) -> None:
        self.lock = lock
        if self.path is None or self.note:
            return
        document = json.dumps(lock.to_json(), indent=1, ensure_ascii=False) + "\n"
        try:
            if self.path.exists() and self.path.read_bytes() == document.encode():
                return
            write_atomically(self.path, document.encode())
            os.chmod(self.path, 0o644)  # a temporary file is its owner's alone
        except OSError as error:
            self.note = f"nothing registered: {self.path} cannot be written ({error.strerror})"


def _same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return all(one.get(name) == other[name] for name in ("claim", "plan", "verdict"))


def _brief(each: Judged) -> dict[str, Any]:
    return {
        "text": each.text,
        "comparison": each.comparison,
        "bound": each.bound,
        "value": each.value,
        "low": each.low,
        "high": each.high,
        "verdict": each.verdict,
    }


def _versions() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def differs_from_lock(hypothesis: Hypothesis, lock: Lock) -> Sequence[Change]:
    """What of a hypothesis is not what its lock registered."""
    return changes(lock.claims[lock.claim], parts_of(hypothesis))
