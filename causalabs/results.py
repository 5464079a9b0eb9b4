"""What a run found: measurements job by job, verdicts, and their JSON form."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from causalabs.batteries import Battery, Curve, battery, curve
from causalabs.certificates import Certificate
from causalabs.intervals import Values
from causalabs.patching import PatchMap, patch_map
from causalabs.results_circuits import CircuitRecord, circuit_record

WARNING = "warning: "
"""How a note begins that says a measurement may mean nothing."""

Verdict: TypeAlias = Literal["met", "not met", "undecided"]


@dataclass(frozen=True, eq=False)
class Measured:
    """A metric's value example by example: truths of a proportion, otherwise numbers.

    `metric` "iia" has a `line`: whether network and algorithm agree on every output after
    it. "accuracy" (and any metric of the clean network) has line -1 and one entry per base
    of the split, with multiplicity. Two measurements of one metric, line, split and seed are
    paired row by row.

    `drawn` is 0 where `values` is all there is to measure. Otherwise they are a beginning (or
    more) of a sequence: `drawn` rows of `width` values each, of which more can be had up to
    `most` rows. `space` and `continuous` are those of a `Certificate`; `seen` counts different
    interchanges after each round of rows.
    """

    metric: str
    line: int
    split: str
    values: Values
    exact: bool = False
    drawn: int = 0
    most: int = 0
    width: int = 1
    space: int | None = None
    seen: tuple[int, ...] = ()
    continuous: bool = False

    @property
    def hits(self) -> NDArray[np.bool_]:
        """The values of a proportion."""
        return self.values.astype(np.bool_)


@dataclass(frozen=True)
class FitRecord:
    """How one space was fitted: the choice made and what it cost.

    `data` is the hash of the rows the fit saw; `chosen_on` that of the rows that chose.
    `select_scores[j]` is choice j's mean IIA on `select` (empty without a search), and
    `choice_steps[j]` how many steps it was fitted: a race drops the worse ones early;
    `labels[j]` is what a person calls it.
    """

    space: str
    choice: str
    select_scores: tuple[float, ...]
    restarts: int
    steps: int
    examples: int
    train_iia: float
    capacity: int
    data: str
    chosen_on: str = ""
    choice_steps: tuple[int, ...] = ()
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Exchanged:
    """A variable that an interchange sets: what it was, what it is set to, and from where.

    `source` counts from 0; None where the value was written in the file.
    """

    variable: str
    was: Any
    value: Any
    origin: str
    source: int | None


@dataclass(frozen=True)
class Counterexample:
    """An interchange (line -1: a clean run) after which network and algorithm differ.

    Values are as people write them, those of vectors lists. `failing` of `measured` examples
    fail; this one was made from one of them in `runs` runs of the network, 0 where it is the
    simplest of those measured (`shrunk` false). `rival` is the algorithm that it fails, where that
    is not the one claimed.
    """

    metric: str
    line: int
    name: str
    split: str
    alignment: str
    seed: int
    base: Mapping[str, Any]
    sources: tuple[Mapping[str, Any], ...]
    exchanged: tuple[Exchanged, ...]
    algorithm: Mapping[str, Any]
    network: Mapping[str, Any]
    failing: int
    measured: int
    shrunk: bool
    runs: int
    expectation: str = ""
    rival: str = ""


@dataclass(frozen=True)
class Hunt:
    """A search for a failing interchange of a line whose expectation is met.

    `tried` interchanges were run beside those measured; `every` says that the measured ones
    are all there are.
    """

    metric: str
    line: int
    name: str
    expectation: str
    tried: int
    seconds: float
    found: Counterexample | None = None
    every: bool = False


@dataclass(frozen=True)
class Residual:
    """Where an interchange fails: a rule found on some inputs and scored on others.

    `inside` and `elsewhere` are shares of wrong answers among `inside_rows` and
    `elsewhere_rows` other examples, `fitted_on` those that the rule was found on.
    `z` is their difference in standard errors, inputs and not examples counting.
    """

    metric: str
    line: int
    name: str
    split: str
    alignment: str
    seed: int
    rule: str
    inside: float
    elsewhere: float
    inside_rows: int
    elsewhere_rows: int
    fitted_on: int
    z: float
    expectation: str = ""
    rival: str = ""


@dataclass(frozen=True, eq=False)
class Outcome:
    """What one job found."""

    job: str
    measured: tuple[Measured, ...]
    fits: tuple[FitRecord, ...] = ()
    network: Mapping[str, Any] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    counterexamples: tuple[Counterexample, ...] = ()
    residuals: tuple[Residual, ...] = ()
    circuits: tuple[CircuitRecord, ...] = ()


@dataclass(frozen=True)
class SeedValue:
    """One seed's value with its interval; `verdict` where each seed is judged."""

    seed: int
    value: float
    low: float
    high: float
    verdict: Verdict | None = None


@dataclass(frozen=True)
class Judged:
    """A quantity with its 95 % interval; `verdict` None for a `report`.

    `samples` counts the examples behind it. With `in every seed` value, low and high are
    those of the seed furthest on the wrong side of the bound. `certificate` says what the value
    rests on.
    """

    text: str
    line: int
    value: float
    low: float
    high: float
    samples: int
    exact: bool
    bound: float | None = None
    comparison: str | None = None
    verdict: Verdict | None = None
    seeds: tuple[SeedValue, ...] = ()
    certificate: Certificate | None = None


@dataclass(frozen=True)
class Row:
    """A metric of one line in one alignment, plain and under each control that was run."""

    line: str
    alignment: str
    split: str
    values: tuple[tuple[str, float], ...]
    metric: str = "iia"


@dataclass(frozen=True)
class Results:
    """A finished run.

    `network` tells of the network under test; `fits[job]` how its spaces were fitted;
    `seconds` what took how long. `cached` is true when nothing was run for it now.
    `registration` is what the lock beside the file says of its claim (see `registration`).
    `counterexamples` and `residuals` tell of expectations that are not met, or undecided;
    `hunts` of those that are, where `--falsify` asked for it: kept beside the results, not in them.
    `batteries` set each fitted alignment beside its controls; `curves` are IIA against
    capacity, where `--curve` asked for them. `circuits[job]` are those measured there; `maps`
    are effects of patching place by place.
    """

    hypothesis: str
    claim: str
    verdict: Verdict
    expectations: tuple[Judged, ...]
    reports: tuple[Judged, ...]
    table: tuple[Row, ...]
    network: Mapping[str, Any]
    fits: Mapping[str, tuple[FitRecord, ...]]
    plan: str
    run: str
    environment: Mapping[str, Any]
    seconds: Mapping[str, float]
    notes: tuple[str, ...] = ()
    cached: bool = False
    registration: Mapping[str, Any] | None = field(default=None, compare=False)
    counterexamples: tuple[Counterexample, ...] = ()
    residuals: tuple[Residual, ...] = ()
    hunts: tuple[Hunt, ...] = field(default=(), compare=False)
    circuits: Mapping[str, tuple[CircuitRecord, ...]] = field(default_factory=dict)
    batteries: tuple[Battery, ...] = ()
    curves: tuple[Curve, ...] = ()
    maps: tuple[PatchMap, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The document that `causalabs run --json` prints."""
        document = asdict(self)
        for judged in (*document["expectations"], *document["reports"]):
            for bounds in (judged, *judged["seeds"]):
                _close(bounds)
        for each in (*document["batteries"], *document["curves"]):
            for bounds in each.get("rows", each.get("points")):
                _close(bounds)
        return document

    def to_frame(self) -> Any:
        """A `pandas.DataFrame`, one row an expectation or report.

        Raises `RunError` where pandas is not installed.
        """
        from causalabs.results_display import results_frame

        return results_frame(self)

    def _repr_html_(self) -> str:
        from causalabs.results_display import results_html

        return results_html(self)

    @staticmethod
    def from_json(document: Mapping[str, Any]) -> Results:
        """Inverse of `to_json`; KeyError or TypeError when it is not such a document."""
        fields = dict(document)
        fields["expectations"] = tuple(_judged(each) for each in fields["expectations"])
        fields["reports"] = tuple(_judged(each) for each in fields["reports"])
        fields["table"] = tuple(
            Row(**{**row, "values": tuple((name, value) for name, value in row["values"])})
            for row in fields["table"]
        )
        fields["fits"] = {
            job: tuple(fit_record(record) for record in records)
            for job, records in fields["fits"].items()
        }
        fields["notes"] = tuple(fields["notes"])
        failed = fields.get("counterexamples", ())
        fields["counterexamples"] = tuple(counterexample(each) for each in failed)
        fields["residuals"] = tuple(Residual(**each) for each in fields.get("residuals", ()))
        fields["hunts"] = tuple(hunt(each) for each in fields.get("hunts", ()))
        fields["circuits"] = {
            job: tuple(circuit_record(each) for each in records)
            for job, records in fields.get("circuits", {}).items()
        }
        fields["batteries"] = tuple(battery(each) for each in fields.get("batteries", ()))
        fields["maps"] = tuple(patch_map(each) for each in fields.get("maps", ()))
        fields["curves"] = tuple(curve(each) for each in fields.get("curves", ()))
        return Results(**fields)


def fit_record(document: Mapping[str, Any]) -> FitRecord:
    """A `FitRecord` from its JSON form."""
    names = ("select_scores", "choice_steps", "labels")
    lists = {name: tuple(document.get(name, ())) for name in names}
    return FitRecord(**{**document, **lists})


def counterexample(document: Mapping[str, Any]) -> Counterexample:
    """A `Counterexample` from its JSON form."""
    exchanged = tuple(Exchanged(**each) for each in document["exchanged"])
    return Counterexample(
        **{**document, "sources": tuple(document["sources"]), "exchanged": exchanged}
    )


def hunt(document: Mapping[str, Any]) -> Hunt:
    """A `Hunt` from its JSON form."""
    found = document["found"]
    return Hunt(**{**document, "found": None if found is None else counterexample(found)})


def _judged(document: Mapping[str, Any]) -> Judged:
    seeds = tuple(SeedValue(**{**seed, **_open(seed)}) for seed in document["seeds"])
    told = document.get("certificate")
    certificate = None if told is None else Certificate(**told)
    fields = {"seeds": seeds, "certificate": certificate}
    return Judged(**{**document, **_open(document), **fields})


def _close(bounds: dict[str, Any]) -> None:
    """An end that is open, as of the mean of one number, is null: JSON knows no infinity."""
    bounds.update({end: None for end in ("low", "high") if math.isinf(bounds[end])})


def _open(bounds: Mapping[str, Any]) -> dict[str, float]:
    """The inverse of `_close`, for the ends that are null."""
    ends = {"low": -math.inf, "high": math.inf}
    return {end: value for end, value in ends.items() if bounds[end] is None}
