"""What `causalabs power` found: verdicts on networks of which the right one is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from causalabs.intervals import wilson
from causalabs.results import Verdict

VERDICTS: tuple[Verdict, ...] = ("met", "not met", "undecided")


@dataclass(frozen=True)
class Tried:
    """One network and what the file's procedure said of it.

    `means` is what it was compiled from, `layer` where its variables begin. `values` are the
    expectations' texts and values, `chosen` the places that a search chose; `run` is where its
    run is kept.
    """

    number: int
    implements: bool
    means: str
    layer: int
    verdict: Verdict
    values: tuple[tuple[str, float], ...]
    chosen: tuple[str, ...]
    steps: int
    seconds: float
    run: str
    cached: bool = False

    @property
    def right(self) -> bool:
        """Met where the network implements the claim, not met where it does not."""
        return self.verdict == ("met" if self.implements else "not met")


@dataclass(frozen=True)
class Share:
    """How many of some networks got each verdict, and the share that is right, with 95 %."""

    networks: int
    met: int
    not_met: int
    undecided: int
    right: int
    share: float
    low: float
    high: float


@dataclass(frozen=True)
class Power:
    """Power of a file's procedure.

    `budget` tells at which sample size, rank and effort; `left_out` are expectations that were
    not judged, and `notes` what else a reader should know.
    """

    hypothesis: str
    claimed: str
    tried: tuple[Tried, ...]
    budget: Mapping[str, Any]
    expectations: tuple[str, ...]
    left_out: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def implementing(self) -> Share:
        """Of networks that implement the claim; `share` of them are met."""
        return shares([each for each in self.tried if each.implements])

    @property
    def others(self) -> Share:
        """Of networks that do not; `share` of them are not met."""
        return shares([each for each in self.tried if not each.implements])

    @property
    def by_means(self) -> tuple[tuple[str, Share], ...]:
        """The same for each way in which networks were made."""
        kinds = dict.fromkeys(each.means for each in self.tried)
        return tuple(
            (kind, shares([each for each in self.tried if each.means == kind])) for kind in kinds
        )

    def to_json(self) -> dict[str, Any]:
        """The document that `causalabs power --json` prints."""
        means = [{"means": kind, **asdict(share)} for kind, share in self.by_means]
        tried = [{**asdict(each), "right": each.right} for each in self.tried]
        return {
            **asdict(self),
            "tried": tried,
            "implementing": asdict(self.implementing),
            "others": asdict(self.others),
            "all": asdict(shares(self.tried)),
            "by_means": means,
        }


def shares(tried: Sequence[Tried]) -> Share:
    """Verdicts counted."""
    met, not_met, undecided = (sum(each.verdict == v for each in tried) for v in VERDICTS)
    right = sum(each.right for each in tried)
    low, high = wilson(right, len(tried))
    share = right / len(tried) if tried else 0.0
    return Share(len(tried), met, not_met, undecided, right, share, low, high)
