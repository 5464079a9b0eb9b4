"""How much a verdict rests on: every interchange, or how many of how many."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

How: TypeAlias = Literal["exact", "stopped early", "every drawn example", "ran on", "part"]

FIRST = 100
"""Examples of each interchange that are measured before anything is judged."""

GROWTH = 1.5
"""How much a round of measuring adds to the examples measured before it."""

REPORTED = 2_000
"""Most examples of each interchange behind a `report`, where something is judged beside it."""


@dataclass(frozen=True)
class Certificate:
    """What a value rests on; counts are of each interchange that takes part.

    `examples` were measured, `drawn` is how many the file asks for. `space` is how many
    interchanges there are, None where they were not counted; of these `seen` different ones were
    measured. "part" is a `report` of the first so many. `continuous`: some input is real, so that
    no number of examples sees them all.
    """

    how: How
    examples: int
    drawn: int
    space: int | None = None
    seen: int = 0
    continuous: bool = False

    @property
    def text(self) -> str:
        """How it was certified, in few words.

        >>> Certificate("stopped early", 150, 20_000).text
        'stopped early after 150 of 20,000'
        """
        match self.how:
            case "exact":
                return "exact"
            case "stopped early":
                return f"stopped early after {self.examples:,} of {self.drawn:,}"
            case "part":
                return f"the first {self.examples:,} of {self.drawn:,}"
            case "ran on":
                return f"ran on from {self.drawn:,} to {self.examples:,}"
            case _:
                return f"every drawn example ({self.drawn:,})"

    @property
    def share(self) -> str:
        """How much of the space of interchanges was seen, in few words; "" where not known.

        >>> Certificate("ran on", 400, 100, space=10_000, seen=391).share
        '391 of 10,000 interchanges seen (3.9 %)'
        """
        if self.continuous:
            return "a sample of a continuous space"
        if self.space is None:
            return ""
        if self.how == "exact":
            return f"all {self.space:,} interchanges run"
        share = 100 * self.seen / self.space
        shown = f"{share:.1f} %" if share >= 0.1 else "under .1 %"
        return f"{self.seen:,} of {self.space:,} interchanges seen ({shown})"


def rounds(drawn: int, most: int) -> tuple[int, ...]:
    """How many examples are measured before each look at them; the last is `most`.

    Up to `drawn` they grow by half, after that they double.

    >>> rounds(400, 1600)
    (100, 150, 225, 338, 400, 800, 1600)
    """
    found = [min(FIRST, drawn)]
    while found[-1] < drawn:
        found.append(min(math.ceil(found[-1] * GROWTH), drawn))
    while found[-1] < most:
        found.append(min(2 * found[-1], most))
    return tuple(found)
