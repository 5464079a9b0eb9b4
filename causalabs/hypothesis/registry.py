"""What can be said by name: networks, bases, positions, metrics, controls and the like.

The grammar knows none of these; the checker looks them up here, so a plug-in adds one by
`register`. `runnable` False is what this version checks but cannot run.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, TypeAlias, TypeVar

from causalabs.hypothesis.model import Setting

Kind: TypeAlias = Literal["int", "number", "text", "bool", "ints", "name", "call"]
PARAMETER_BUDGET = 10**8
"""Most parameters of a network that is trained here."""


@dataclass(frozen=True)
class Parameter:
    """A setting of a call: `default` None and not `optional` must be given."""

    name: str
    kind: Kind
    default: Setting | None = None
    low: float | None = None
    high: float | None = None
    optional: bool = False
    among: tuple[str, ...] = ()

    @property
    def example(self) -> str:
        """What a person could type."""
        if self.among:
            return f"{self.name} = {self.among[0]}"
        shown = {"int": "16", "number": "0.5", "text": '"..."', "bool": "true", "name": "zero"}
        shown["call"] = "mlp(hidden = [16, 16])"
        return f"{self.name} = {shown.get(self.kind, '[16, 16]')}"


@dataclass(frozen=True)
class Entry:
    """Anything registered."""

    name: str
    parameters: tuple[Parameter, ...] = ()
    runnable: bool = True


@dataclass(frozen=True)
class Component:
    """A part of a network: `indexed` by layer, by layer and head, or not at all."""

    name: str
    indexed: Literal["layer", "head", "no"] = "no"
    parts: tuple[str, ...] = ()
    placed: bool = True

    @property
    def example(self) -> str:
        """How a site of this component is written."""
        return self.name + {"layer": " 0", "head": " 0.0", "no": ""}[self.indexed]


@dataclass(frozen=True)
class NetworkKind(Entry):
    """`positions`: what tells its sites apart; `feeds` is what `feed` may be.

    "any" is for networks that a file does not know the inside of.
    """

    components: tuple[Component, ...] = ()
    positions: Literal["none", "steps", "tokens", "any"] = "tokens"
    feeds: Literal["vectors", "steps", "text", "any"] = "text"
    built_in: bool = False
    classes: bool = False
    """Whether it has one score per value of the domain read."""
    one_hot: bool = False
    """Whether its outputs are codes, and no logarithms of probabilities."""


@dataclass(frozen=True)
class BasisKind(Entry):
    """`assigns`: a value can be set in it without a source (SEMANTICS I5)."""

    assigns: bool = False
    searched: bool = False
    """Whether its coordinates are fitted towards the interchanges."""
    learns: Literal["always", "never", "counted"] = "always"
    """When its coordinates come from `train`; "counted": where a line counts them."""
    drawn: bool = True
    """Whether the control `random_basis` draws others in their place."""
    named: bool = True
    """Whether a line may name its dims, as in `learned dims 0..3`, and not only count them."""
    latents: bool = False
    """Whether its dims are those of a dictionary, which may have more than the site."""
    nonlinear: bool = False
    """Whether it aligns nearly anything: it is judged only beside the control `untrained`."""
    file: str = ""
    """The setting that is a path, whose contents the plan depends on."""


@dataclass(frozen=True)
class Method(Entry):
    """A way to find a circuit."""


@dataclass(frozen=True)
class PositionName(Entry):
    """A position that is one word."""


@dataclass(frozen=True)
class ControlKind(Entry):
    """Something that must fail."""


@dataclass(frozen=True)
class MetricKind(Entry):
    """A measurement: `of` what it is taken, and between which bounds it lies."""

    of: Literal["network", "lines", "either", "circuit", "alignment", "replacement"] = "lines"
    low: float | None = 0.0
    high: float | None = 1.0
    proportion: bool = False


@dataclass(frozen=True)
class Modifier(Entry):
    """A word before a metric, as in `patched logit_difference`."""


@dataclass(frozen=True)
class SplitRole(Entry):
    """A split that the procedure gives a meaning: to fit, to choose, to judge."""

    use: Literal["fit", "choose", "judge"] = "judge"


E = TypeVar("E", bound=Entry)
_ENTRIES: dict[tuple[type[Entry], str], Entry] = {}


def register(entry: Entry) -> None:
    """Add an entry; a later one of the same kind and name replaces it."""
    _ENTRIES[type(entry), entry.name] = entry


def find(kind: type[E], name: str) -> E | None:
    """The entry of that kind and name.

    >>> find(BasisKind, "learned").runnable, find(BasisKind, "lerned")
    (True, None)
    """
    found = _ENTRIES.get((kind, name))
    return found if isinstance(found, kind) else None


def names(kind: type[Entry]) -> tuple[str, ...]:
    """Names of all entries of a kind, in order of registration."""
    return tuple(name for each, name in _ENTRIES if each is kind)


def can_assign(basis: str) -> bool:
    """Whether `set v = k` can be written in this basis."""
    found = find(BasisKind, basis)
    return found is not None and found.assigns


_LOGITS = Component("logits")
_PARTS = ("q", "k", "v", "pattern", "z")
_BLOCKS = (
    Component("embedding"),
    Component("residual", "layer", ("before", "between")),
    Component("attention", "layer"),
    Component("mlp", "layer", ("input", "hidden")),
    Component("head", "head", _PARTS),
    _LOGITS,
)
_APART = (Component("tokens"), Component("positions"))
_MODULE = (Component("module", placed=False),)


def _networks() -> tuple[NetworkKind, ...]:
    path, width = Parameter("path", "text"), Parameter("width", "int", low=1, high=65_536)
    layers = Parameter("layers", "int", low=1, high=128)
    heads = Parameter("heads", "int", low=1, high=1024)
    hidden = Parameter("hidden", "ints", low=1, high=10**6)
    scale = Parameter("scale", "number", optional=True)
    mlp = Parameter("mlp", "bool", optional=True)
    bare = (Component("hidden", "layer", placed=False), Component("logits", placed=False))
    state = (Component("state"), Component("logits", placed=False))
    every = _BLOCKS + _APART + _MODULE
    return (
        NetworkKind("mlp", (hidden,), True, bare, "none", "vectors", True, True),
        NetworkKind(
            "transformer", (layers, heads, width, mlp), True, _BLOCKS, "tokens", "text", True, True
        ),
        NetworkKind("gru", (width,), True, state, "steps", "steps", True, True),
        NetworkKind("huggingface", (Parameter("id", "text"),), True, every),
        NetworkKind("tracr", (path, scale), True, _BLOCKS + _APART, classes=True, one_hot=True),
        NetworkKind("checkpoint", (path, Parameter("net", "call")), True),
        NetworkKind("python", (Parameter("name", "text"),), True, every, "any", "any", False, True),
        NetworkKind("given", (), True, every, "any", "any", False, True),
        NetworkKind("compiled", _compiled(), True, bare, "none", "vectors", False, True),
    )


def _compiled() -> tuple[Parameter, ...]:
    return (
        Parameter("algorithm", "name", optional=True),
        Parameter("dims", "int", default=8, low=1, high=1024),
        Parameter("layer", "int", default=0, low=0, high=64),
        Parameter("layers", "int", low=1, high=128, optional=True),
        Parameter("distractors", "int", default=8, low=0, high=4096),
        Parameter("noise", "number", default=0.0, low=0, high=1),
    )


def _bases() -> tuple[BasisKind, ...]:
    frequencies = Parameter("frequencies", "ints", low=1)
    path = Parameter("path", "text")
    weight, side = Parameter("weight", "text"), Parameter("side", "name", optional=True)
    side = replace(side, among=("rows", "columns"))
    over = Parameter("over", "name", default="dims", among=("dims", "heads"))
    sparse = Parameter("penalty", "number", default=0.1, low=0)
    few = Parameter("penalty", "number", default=0.2, low=0)
    blocks = Parameter("blocks", "int", default=10, low=1, high=64)
    hidden = Parameter("hidden", "int", default=16, low=1, high=4096)
    return (
        BasisKind("whole", learns="never", drawn=False),
        BasisKind("neurons", learns="never", drawn=False),
        BasisKind("learned", searched=True),
        BasisKind("fourier", (frequencies,), searched=True),
        BasisKind("pca"),
        BasisKind("svd", (weight, side), learns="never"),
        BasisKind("probe", assigns=True, named=False),
        BasisKind("mean_difference", assigns=True, named=False),
        BasisKind("fixed", (path,), assigns=True, learns="never", file="path"),
        BasisKind("sae", (path,), learns="counted", latents=True, file="path"),
        BasisKind("transcoder", (path,), learns="counted", latents=True, file="path"),
        BasisKind("masked", (over, sparse), searched=True, named=False),
        BasisKind("boundless", (few,), searched=True, named=False),
        BasisKind("revnet", (blocks, hidden), searched=True, nonlinear=True),
        BasisKind("random", learns="never"),
    )


def _metrics() -> tuple[MetricKind, ...]:
    circuit = ("faithfulness", "completeness", "minimality", "cpr", "cmd")
    compared = ("precision", "recall", "auc")
    effects = (
        "total_effect",
        "natural_direct_effect",
        "natural_indirect_effect",
        "proportion_mediated",
    )
    return (
        MetricKind("accuracy", of="network", proportion=True),
        MetricKind("iia", proportion=True),
        MetricKind("mass", of="either"),
        MetricKind("logit_difference", of="either", low=None, high=None),
        MetricKind("loss", of="either", high=None),
        MetricKind("kl", of="either", high=None),
        *(MetricKind(name, of="circuit", low=None, high=None) for name in circuit),
        *(MetricKind(name, of="circuit") for name in compared),
        MetricKind("scrubbed_loss_recovered", of="alignment", low=None, high=None),
        MetricKind("loss_recovered", of="replacement", low=None, high=None),
        MetricKind("screens_off", proportion=True),
        *(MetricKind(name, low=None, high=None) for name in effects),
        MetricKind("edges", of="circuit", high=None),
    )


def _discovery() -> tuple[Method, ...]:
    threshold = Parameter("threshold", "number", low=0, optional=True)
    keep = Parameter("edges", "int", low=1, optional=True)
    metrics = ("logit_difference", "loss", "kl", "distance")
    metric = Parameter("metric", "name", optional=True, among=metrics)
    examples = Parameter("examples", "int", default=100, low=1, high=10**6)
    common = (threshold, keep, metric, examples)
    order = Parameter("order", "name", default="latest", among=("latest", "earliest", "random"))
    orders = Parameter("orders", "int", default=3, low=1, high=100)
    steps = Parameter("steps", "int", default=5, low=1, high=1_000)
    ways = ("inputs", "activations")
    between = Parameter("between", "name", default="inputs", among=ways)
    penalty = Parameter("penalty", "number", default=1.0, low=0)
    updates = Parameter("steps", "int", default=200, low=1, high=10**6)
    return (
        Method("acdc", (*common, order, orders)),
        Method("eap", common),
        Method("eap_ig", (*common, steps, between)),
        Method("hisp", common),
        Method("subnetwork_probing", (*common, updates, penalty)),
    )


def _words() -> tuple[Entry, ...]:
    controls = ("untrained", "random_basis", "shuffled_sources", "random_sites", "random_circuit")
    others = ("wrong_algorithm", "whole_site", "left_alone", "chance")
    later = ("shuffled_labels", "constant")
    modifiers = ("patched", "restored", "mean", "median", "normalised")
    return (
        PositionName("last"),
        PositionName("first"),
        *(ControlKind(name) for name in (*controls, *others)),
        *(ControlKind(name, runnable=False) for name in later),
        *(Modifier(name) for name in modifiers),
        SplitRole("train", use="fit"),
        SplitRole("select", use="choose"),
        SplitRole("heldout", use="judge"),
    )


for _entry in (*_networks(), *_bases(), *_metrics(), *_discovery(), *_words()):
    register(_entry)
