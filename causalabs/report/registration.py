"""What was registered, what was amended, and the history of a lock, as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from causalabs.registration import Change, Lock

MARKS = {"met": "✓", "not met": "✗", "undecided": "?"}


def registration_text(told: Mapping[str, Any] | None) -> str:
    """What a report says of the lock: one line, or the difference where it was amended."""
    if told is None:
        return ""
    return "\n".join(_lines(told))


def _lines(told: Mapping[str, Any]) -> Iterator[str]:
    if told["edited"]:
        yield f"! {told['lock']} was edited by hand: what it says cannot be relied on"
    if told["status"] != "amended":
        yield f"registered {told['registered']} in {told['lock']}"
        return
    parts = ", ".join(each["part"] for each in told["changes"])
    yield f"! amended after results were seen: {parts} (registered {told['registered']})"
    for each in told["changes"]:
        yield from _change(each)
    original = told.get("original")
    if original is not None:
        yield f"  as registered: {MARKS[original['verdict']]} {original['verdict']}"
        for row in original["expectations"]:
            yield f"    {expectation_text(row)}"


def expectation_text(row: Mapping[str, Any]) -> str:
    """An expectation with its value and verdict, on one line."""
    return (
        f"{row['text']} {row['comparison']} {row['bound']}: {row['value']:.3f} "
        f"({row['low']:.3f} .. {row['high']:.3f}), {row['verdict']}"
    )


def _change(each: Mapping[str, Any]) -> Iterator[str]:
    yield f"  {each['part']}:"
    yield from (f"    - {line}" for line in each["removed"])
    yield from (f"    + {line}" for line in each["added"])


def history_text(name: str, lock: Lock, now: Sequence[Change] | None) -> str:
    """The history of a lock; `now` is what differs in the file as it stands, None: unknown."""
    return "\n".join(_history(name, lock, now))


def _history(name: str, lock: Lock, now: Sequence[Change] | None) -> Iterator[str]:
    for event in lock.history:
        yield from _event(event)
    if now is None:
        yield f"now         {name} cannot be read as a hypothesis: `causalabs check {name}`"
    elif not now:
        yield f"now         {name} is as registered"
    else:
        amended = lock.first_result is not None
        word = "amended since" if amended else "changed, no result was seen yet"
        yield f"now         {name} is {word}: {', '.join(each.part for each in now)}"
        for change in now:
            yield from _change(change.to_json())


def _event(event: Mapping[str, Any]) -> Iterator[str]:
    claim = str(event.get("claim", ""))[:12]
    match event["event"]:
        case "registered":
            yield f"{event['time']}  registered  claim {claim}"
        case "amended":
            yield f"{event['time']}  amended     claim {claim}"
            for each in event.get("changes", ()):
                yield from _change(each)
        case "result":
            verdict = event["verdict"]
            yield f"{event['time']}  result      claim {claim}  {MARKS.get(verdict, '')} {verdict}"
            for row in event.get("expectations", ()):
                yield f"    {expectation_text(row)}"
        case "edited":
            yield f"{event['time']}  edited      the lock was edited by hand"
        case "unreadable":
            yield f"{event['time']}  unreadable  the lock could not be read"
        case other:
            yield f"{event['time']}  {other}"
