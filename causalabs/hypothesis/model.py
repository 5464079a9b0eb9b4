"""The checked meaning of a hypothesis file: what every later stage reads.

Names are resolved, families expanded to elements (`carry[2]`), ranges to choices. Nothing
here refers back to the syntax tree except through spans.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Literal, TypeAlias

from causalabs.algorithm.expression import Expression
from causalabs.algorithm.model import Algorithm
from causalabs.diagnostics import NOWHERE, Diagnostic, Source, Span
from causalabs.hypothesis.asked import (
    Circuit as Circuit,
    Noise as Noise,
    Patching as Patching,
    Replacement as Replacement,
    Tie as Tie,
)
from causalabs.hypothesis.places import (
    After as After,
    AllOf as AllOf,
    AnyOf as AnyOf,
    AtIndex as AtIndex,
    AtStep as AtStep,
    AtText as AtText,
    Last as Last,
    Position as Position,
    Several as Several,
    Slot as Slot,
)
from causalabs.hypothesis.ports import (
    Feed as Feed,
    FeedSteps as FeedSteps,
    FeedText as FeedText,
    FeedTokens as FeedTokens,
    FeedVectors as FeedVectors,
    Part as Part,
    Readout as Readout,
    Template as Template,
)

Setting: TypeAlias = bool | int | float | str | tuple["Setting", ...]
Settings: TypeAlias = tuple[tuple[str, Setting], ...]
"""Keyword arguments of a call in the file, in the order of the registry's signature.

A call inside another is a tuple: its name, then its own settings.
"""


def inner_settings(call: tuple[Setting, ...]) -> Settings:
    """Settings of a call that stands inside another.

    >>> inner_settings(("mlp", ("hidden", (16, 16))))
    (('hidden', (16, 16)),)
    """
    pairs = (each for each in call[1:] if isinstance(each, tuple))
    return tuple((str(name), value) for name, value in pairs)


# ----------------------------------------------------------------------- network


@dataclass(frozen=True)
class Implement:
    """`train to implement X {...}`: interchange intervention training (Geiger et al. 2022)."""

    algorithm: str
    spaces: tuple[Space, ...]


@dataclass(frozen=True)
class NetworkSpec:
    """A network as the file describes it; `until` is the accuracy training must reach."""

    kind: str
    settings: Settings
    feed: Feed
    reads: tuple[Readout, ...]
    until: float | None = None
    implement: Implement | None = None
    name: str = ""
    span: Span = field(default=NOWHERE, compare=False, repr=False)


# --------------------------------------------------------------------- alignment


@dataclass(frozen=True)
class Site:
    """A tensor in the network: `residual 2 at "="` is Site("residual", 2, position=...).

    `component` "module" has its `path`; `head` counts from 0 within the layer.
    """

    component: str
    layer: int | None = None
    head: int | None = None
    part: str | None = None
    path: str | None = None
    position: Position | None = None


@dataclass(frozen=True)
class BasisSpec:
    """Coordinates at a site: kind "whole", "neurons", "learned", "fourier", ...

    `count` dims in all for one line; `dims` are the neurons named by `dims a..b`.
    """

    kind: str
    settings: Settings = ()


@dataclass(frozen=True)
class Choice:
    """One place a variable may turn out to live: all `writes` are written jointly.

    `reads[j]` is where the source's value for `writes[j]` is taken; the same site unless
    the line says `from`. One site read for several written, or for several tokens, is read
    once, and the same coordinates are written at each.
    """

    writes: tuple[Site, ...]
    reads: tuple[Site, ...]


@dataclass(frozen=True)
class Member:
    """A variable's home in a space: its sites for each choice, and its block of dims.

    `block` counts in the basis's own coordinates: neurons named in the file for "neurons",
    0 .. k - 1 of the shared rotation for "learned", () for the whole site.
    """

    variable: str
    choices: tuple[Choice, ...]
    block: tuple[int, ...] = ()


@dataclass(frozen=True)
class Space:
    """Variables that share one basis (SEMANTICS S6), and the choices searched together.

    `labels[j]` says choice j as a person would (`residual 1`); one label: nothing to search.
    Members at the same sites have disjoint blocks; members of one family share a block.
    """

    basis: BasisSpec
    members: tuple[Member, ...]
    labels: tuple[str, ...]
    span: Span = field(default=NOWHERE, compare=False, repr=False)

    @property
    def width(self) -> int:
        """Dims used by all blocks together (0 for the whole site)."""
        return len({dim for member in self.members for dim in member.block})


@dataclass(frozen=True)
class Alignment:
    """Which variables of an algorithm live where."""

    name: str
    algorithm: str
    spaces: tuple[Space, ...]
    span: Span = field(default=NOWHERE, compare=False, repr=False)

    @property
    def variables(self) -> tuple[str, ...]:
        """Elements that are aligned, in file order."""
        return tuple(member.variable for space in self.spaces for member in space.members)


# --------------------------------------------------------------- counterfactuals


@dataclass(frozen=True)
class Take:
    """`variable` gets the value that `origin` has in source number `source`."""

    variable: str
    origin: str
    source: int


@dataclass(frozen=True)
class Assignment:
    """`set variable = value`; `value` is coded, `place` its rank in the variable's domain."""

    variable: str
    value: int
    place: int


@dataclass(frozen=True)
class Line:
    """One interchange (or `set`) line; a family line with a binder is several of these.

    `condition` and `Counterfactuals.keep_where` speak of "base.v" and "source.v"; with
    several sources "source.v" is v's own source (`source_of`).
    """

    name: str
    algorithm: str
    takes: tuple[Take, ...] = ()
    assignments: tuple[Assignment, ...] = ()
    sources: int = 1
    condition: Expression | None = None
    balance_after: tuple[str, ...] = ()
    span: Span = field(default=NOWHERE, compare=False, repr=False)

    @property
    def variables(self) -> tuple[str, ...]:
        """The elements this line sets."""
        return tuple(t.variable for t in self.takes) + tuple(a.variable for a in self.assignments)

    def source_of(self, variable: str) -> int | None:
        """Number of the source that `source.variable` means here."""
        if self.sources == 1:
            return 0
        return next((take.source for take in self.takes if take.variable == variable), None)


@dataclass(frozen=True)
class Counterfactuals:
    """How bases and sources are drawn. `sample` is per line; None is exhaustive.

    `balance` are (algorithm, element) pairs; `by` is None, "input" or an input's name.
    """

    sample: int | None
    lines: tuple[Line, ...]
    splits: tuple[tuple[str, Fraction], ...]
    by: str | None = None
    balance: tuple[tuple[str, str], ...] = ()
    changes_only: tuple[str, ...] | None = None
    keep_where: Expression | None = None
    solved: bool = False

    @property
    def exhaustive(self) -> bool:
        """Whether every interchange between a split's inputs is made."""
        return self.sample is None


# ------------------------------------------------------------------ expectations


@dataclass(frozen=True)
class Control:
    """What is done to the whole procedure; name "" is the procedure as it stands."""

    name: str = ""
    settings: Settings = ()


@dataclass(frozen=True)
class Term:
    """A metric, added or subtracted.

    `lines` index `Counterfactuals.lines`: the value is their unweighted mean (M2). Empty for
    `accuracy`. `alignment` names the alignment measured, "" where a metric needs none.
    `subjects` are the circuits that a metric speaks of, or a replacement and its baseline.
    `between` are the inputs that `screens_off` resamples and the outputs that it compares, ()
    for all. `by` is the metric that a circuit's is made of; `modifier` says how rows become
    one number where it is not by their mean.
    """

    metric: str
    text: str
    sign: Literal[1, -1] = 1
    lines: tuple[int, ...] = ()
    alignment: str = ""
    algorithm: str = ""
    control: Control = Control()
    subjects: tuple[str, ...] = ()
    between: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())
    by: str = ""
    modifier: str = ""

    @property
    def columns(self) -> tuple[str, ...]:
        """All that is kept of its rows: base and source beside it, to normalise by."""
        beside = (f"base {self.metric}", f"source {self.metric}")
        return (self.measured, *(beside if self.modifier == "normalised" else ()))

    @property
    def measured(self) -> str:
        """What its rows are kept as: the metric, with what tells it from others of its name."""
        if self.subjects:
            by = f" by {self.by}" if self.by else ""
            return f"{self.metric} of {' against '.join(self.subjects)}{by}"
        inputs, outputs = (", ".join(names) for names in self.between)
        return f"{self.metric} between {inputs} and {outputs}" if inputs else self.metric


@dataclass(frozen=True)
class Quantity:
    """Terms on one split, as the file says it; `seeds` "every" judges each seed."""

    text: str
    terms: tuple[Term, ...]
    split: str | None
    line: int
    seeds: Literal["over", "every"] = "over"
    axes: tuple[tuple[str, tuple[int, ...]], ...] = ()
    span: Span = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True)
class Expectation:
    """A quantity and its bound; a family in it (`iia of carry[i]`) is several of these."""

    quantity: Quantity
    comparison: Literal[">=", "<=", ">", "<"]
    bound: float


# -------------------------------------------------------------------- hypothesis


@dataclass(frozen=True)
class Hypothesis:
    """A checked hypothesis file: what `causalabs.load` hands out.

    `canonical` is the formatted text without comments: two files that mean the same in the
    same words have the same. `files` are the data files read, with their sha256.
    `unsupported` says, construct by construct, what this version checks but cannot run.
    """

    name: str
    claim: str
    algorithms: tuple[Algorithm, ...]
    network: NetworkSpec
    alignments: tuple[Alignment, ...]
    counterfactuals: Counterfactuals
    expectations: tuple[Expectation, ...]
    reports: tuple[Quantity, ...]
    seeds: tuple[int, ...] = (0,)
    canonical: str = ""
    files: tuple[tuple[str, str], ...] = ()
    unsupported: tuple[str, ...] = ()
    circuits: tuple[Circuit, ...] = ()
    maps: tuple[Patching, ...] = ()
    replacements: tuple[Replacement, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = field(default=(), compare=False, repr=False)
    source: Source = field(default=Source(""), compare=False, repr=False)

    @property
    def folder(self) -> Path:
        """Where paths in the file are relative to."""
        return self.source.folder

    def _repr_html_(self) -> str:
        from causalabs.hypothesis.display import hypothesis_html

        return hypothesis_html(self)

    @property
    def algorithm(self) -> Algorithm:
        """The first algorithm; with rivals use `algorithms`."""
        return self.algorithms[0]

    def algorithm_named(self, name: str) -> Algorithm:
        """The algorithm of that name."""
        return next(algorithm for algorithm in self.algorithms if algorithm.name == name)

    def circuit_named(self, name: str) -> Circuit:
        """The circuit of that name."""
        return next(circuit for circuit in self.circuits if circuit.name == name)

    def replacement_named(self, name: str) -> Replacement:
        """The replacement of that name."""
        return next(each for each in self.replacements if each.name == name)

    def alignment_named(self, name: str) -> Alignment:
        """The alignment of that name."""
        return next(alignment for alignment in self.alignments if alignment.name == name)
