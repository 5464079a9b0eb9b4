"""Files and their limits: everything that is settled before the grammar is asked."""

from __future__ import annotations

import re
from pathlib import Path

from causalabs.diagnostics import NOWHERE, HypothesisError, Rule, Source, Span
from causalabs.syntax import rules

LARGEST = 2**20
DEEPEST = 100
UNREADABLE = ("C001", "C002", "C003")
"""Codes for files that could not be opened: the place is wrong, not the text."""


def read_source(path: Path | str) -> Source:
    """The text of a hypothesis file; `HypothesisError` where there is none to be had."""
    path = Path(path)
    name = str(path)
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
        size = path.stat().st_size
    except FileNotFoundError:
        raise _refused(rules.NoSuchFile(span=NOWHERE, name=name, near=_near(path)), name) from None
    except IsADirectoryError:
        raise _refused(rules.IsFolder(span=NOWHERE, name=name), name) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise _refused(rules.Unreadable(span=NOWHERE, name=name, reason=reason), name) from None
    if len(content) > LARGEST:
        found = rules.TooLarge(span=NOWHERE, name=name, size=max(size, len(content)))
        raise _refused(found, name)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        looks = _looks(content)
        raise _refused(rules.NotText(span=NOWHERE, name=name, looks=looks), name)
    return source_of(text, name=name, folder=path.parent)


def source_of(text: str, *, name: str = "<text>", folder: Path = Path(".")) -> Source:
    """A `Source` with its newlines made `\\n` and its byte order mark removed."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    return Source(text, name, folder)


def _refused(found: Rule, name: str) -> HypothesisError:
    return HypothesisError([found.diagnostic(Source("", name))])


def _near(path: Path) -> str:
    from difflib import get_close_matches

    try:
        names = [each.name for each in path.parent.iterdir() if each.is_file()]
    except OSError:
        return ""
    close = get_close_matches(path.name, names, n=1)
    return str(path.parent / close[0]) if close else ""


def _looks(content: bytes) -> str:
    """What bytes that are no UTF-8 text seem to be."""
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "UTF-16 text"
    start = content[:4096]
    for encoding, zeros in (("UTF-16", start[1::2]), ("UTF-16", start[::2])):
        if zeros and zeros.count(0) > 0.7 * len(zeros):
            return f"{encoding} text"
    controls = sum(byte < 9 or 13 < byte < 32 for byte in start)
    return "binary data" if controls else "Latin-1 text or the like"


# ----------------------------------------------------------------------- limits

_NESTING = re.compile(
    r"""\#[^\n]*+|"(?:[^"\\\n]|\\[^\n])*+"
    | (?P<open>[(\[{]) | (?P<close>[)\]}])
    | (?P<deeper>\b(?:if|not|set\s+of)\b | -(?!>) | \btoken\s+[0-9_]+\s+(?:of|after)\b)
    | (?P<statement>\b(?:var|output|input|where|def|interchange|keep|expect|report|domain)\b)
    | [A-Za-z_0-9.]++""",
    re.VERBOSE,
)


def too_deep(text: str) -> Span | None:
    """Where brackets, `if`s or signs come to stand more than 100 deep in one another.

    Runs of `not`, of signs and of `set of` count while they last, an `if` until its bracket
    or statement ends: that is how deep the tree becomes.
    """
    depth, run, open_ifs = 0, 0, [0]
    for found in _NESTING.finditer(text):
        kind = found.lastgroup
        if kind == "open":
            depth += 1
            open_ifs.append(0)
        elif kind == "close":
            depth = max(0, depth - 1)
            if len(open_ifs) > 1:
                depth -= open_ifs.pop()
            run = 0
        elif kind == "deeper":
            if found[0] == "if":
                depth += 1
                open_ifs[-1] += 1
            else:
                run += 1
        elif kind == "statement":
            depth -= open_ifs[-1]
            open_ifs[-1] = 0
            run = 0
        elif found[0][0] not in '#"':
            run = 0
        if depth + run > DEEPEST:
            return Span(*found.span())
    return None
