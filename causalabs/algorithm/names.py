"""Names: which are free to be declared, how elements are called, which one was meant."""

from __future__ import annotations

from collections.abc import Iterable

_WORDS = """
    after against algorithm alignment among and any as at balance between bool by changes
    chat circuit counterfactuals cyclic def dims domain else every exhaustive expect false
    feed for from head hypothesis if implement import in index input interchange keep key
    match mod module network not of on only or output over prefix read real report sample
    seed seeds set source spelled split step table then to together token tokens train true
    under until var where xor
"""
KEYWORDS = frozenset(_WORDS.split())
"""Every word that the grammar gives a meaning: none of them may be declared."""

MOST_COMPARED = 300
"""Names that are compared in full for one suggestion: bounds the time of bad files."""


def element(family: str, index: Iterable[int]) -> str:
    """The name of a family's element.

    >>> element("carry", (2,)), element("grid", (1, 2)), element("left", ())
    ('carry[2]', 'grid[1, 2]', 'left')
    """
    inside = ", ".join(map(str, index))
    return f"{family}[{inside}]" if inside else family


def nearest(name: str, candidates: Iterable[str]) -> str | None:
    """The candidate most like `name`, or None when none is near.

    Distance counts insertions, deletions, substitutions and swaps of neighbours, a change
    of case for half; ties go to the first candidate. A name that differs in case alone is
    always near, and the one name that begins with three letters or more of `name` nearer yet.

    >>> nearest("partail", ["total", "partial"])
    'partial'
    >>> nearest("IIA", ["accuracy", "iia"]), nearest("resid", ["hidden", "residual"])
    ('iia', 'residual')
    >>> nearest("x", ["y", "total"])
    """
    limit = max(1.0, len(name) / 3)
    if len(name) > 60 or not name:
        return None
    candidates = tuple(candidates)
    for candidate in candidates:
        if candidate != name and candidate.lower() == name.lower():
            return candidate
    begun = [c for c in candidates if len(name) >= 3 and c.startswith(name) and c != name]
    if len(begun) == 1:
        return begun[0]
    letters = set(name.lower())
    close = [
        candidate
        for candidate in candidates
        if candidate != name
        and abs(len(candidate) - len(name)) <= limit
        and len(letters.symmetric_difference(candidate.lower())) <= 2 * limit
    ]
    best, found = limit + 0.01, None
    for candidate in close[:MOST_COMPARED]:
        distance = _distance(name, candidate)
        if distance < best and distance < max(len(name), len(candidate)):
            best, found = distance, candidate
    return found


def _distance(left: str, right: str) -> float:
    """Optimal string alignment distance."""
    before: list[float] = []
    row: list[float] = [float(column) for column in range(len(right) + 1)]
    for i, a in enumerate(left, 1):
        last, row = row, [float(i)]
        for j, b in enumerate(right, 1):
            change = 0.0 if a == b else 0.5 if a.lower() == b.lower() else 1.0
            cost = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + change)
            if i > 1 and j > 1 and a == right[j - 2] and left[i - 2] == b and a != b:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        before = last
    return row[-1]
