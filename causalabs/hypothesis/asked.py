"""What a file asks of a network beside interchanges: circuits, replacements, maps of patches."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from causalabs.diagnostics import NOWHERE, Span

if TYPE_CHECKING:
    from causalabs.hypothesis.model import Line, Settings, Site


@dataclass(frozen=True)
class Tie:
    """`variable -> head 8.6` in a circuit: the node carries an algorithm's variable."""

    variable: str
    algorithm: str
    node: Site


@dataclass(frozen=True)
class Circuit:
    """A set of edges claimed to suffice, or how to find one.

    `edges` are (writer, reader) as written: a head that reads means its q, k and v, `attention`
    all heads of a layer, `input` everything that is embedded. Of a circuit that is found there
    are `methods` with their settings instead, each searching what the one before it left.
    `ablation` is what edges outside carry: "zero", "mean", "mean_by_position", "resample".
    """

    name: str
    ablation: str = "resample"
    edges: tuple[tuple[Site, Site], ...] = ()
    methods: tuple[tuple[str, Settings], ...] = ()
    ties: tuple[Tie, ...] = ()
    span: Span = field(default=NOWHERE, compare=False, repr=False)

    @property
    def found(self) -> bool:
        """Whether its edges are searched for."""
        return bool(self.methods)


@dataclass(frozen=True)
class Replacement:
    """A component whose output is put in its place: by a function, or by a variable's value.

    `function` is "module:function", "" where it is the value of `variable` of `algorithm` in
    the clean run, through a decoder fitted on `train`.
    """

    name: str
    site: Site
    function: str = ""
    variable: str = ""
    algorithm: str = ""
    span: Span = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True)
class Noise:
    """Gaussian noise on the embeddings of a slot's tokens, drawn anew `draws` times an input."""

    slot: str
    deviations: float = 3.0
    draws: int = 1


@dataclass(frozen=True)
class Patching:
    """A map: each place on the axes given to the base as the source has it, one at a time.

    `pairs` is the interchange whose bases and first sources are run; it says nothing else.
    `axes` are names and the numbers asked for, () for all there are. With `noise` the base is
    run with it, and each place is given what it holds in the base's own clean run.
    """

    text: str
    metric: str
    pairs: Line
    split: str
    axes: tuple[tuple[str, tuple[int, ...]], ...]
    method: Literal["exact", "attribution"] = "exact"
    line: int = 0
    noise: Noise | None = None
