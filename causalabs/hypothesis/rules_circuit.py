"""Rules about circuits (C7xx)."""

from __future__ import annotations

from typing import ClassVar

from causalabs.algorithm.rules import Misspelt, Told
from causalabs.diagnostics import Severity, rule
from causalabs.hypothesis.rules_network import TEXT, TRANSFORMER, wired


def circuit(*wires: str, title: str = "claimed(ablate = resample)") -> str:
    """A file with a transformer of two layers of four heads and a circuit."""
    inside = "".join(f"  {wire}\n" for wire in wires)
    return wired(*TEXT, call=TRANSFORMER) + f"circuit {title} {{\n{inside}}}\n"


def discovery(methods: str) -> str:
    """A file with a transformer and a circuit that is searched for."""
    return wired(*TEXT, call=TRANSFORMER) + f"circuit found(ablate = resample) by {methods}\n"


PATH = ("embedding -> head 0.1.v", "head 0.1  -> output")


@rule
class UnknownMethod(Misspelt):
    """A circuit is to be found by a method that is not registered."""

    code: ClassVar[str] = "C702"
    says: ClassVar[str] = "unknown method `{name}`"
    types: ClassVar[str] = "there are {known}"
    wrong: ClassVar[str] = discovery("adcd(threshold = 0.1)")
    right: ClassVar[str] = discovery("acdc(threshold = 0.1)")
    known: str


@rule
class UnknownNode(Misspelt):
    """An edge names neither a component of the network nor a group of the circuit.

    `input` and `output` are nodes of every circuit; a group is `movers = head 9.9, head 9.6`.
    """

    code: ClassVar[str] = "C703"
    says: ClassVar[str] = "unknown node `{name}`"
    types: ClassVar[str] = "there are {known}"
    wrong: ClassVar[str] = circuit("embeding -> head 0.1.v", "head 0.1 -> output")
    right: ClassVar[str] = circuit(*PATH)
    known: str


@rule
class EdgeBackwards(Told):
    """An edge leads to what is computed no later than where it comes from."""

    code: ClassVar[str] = "C704"
    says: ClassVar[str] = "`{reader}` comes before `{writer}` and cannot read it"
    types: ClassVar[str] = "turn the edge round, or drop it"
    wrong: ClassVar[str] = circuit("head 1.0 -> head 0.1.v", "head 0.1 -> output")
    right: ClassVar[str] = circuit("head 0.1 -> head 1.0.v", "head 1.0 -> output")
    writer: str
    reader: str


@rule
class EdgeTwice(Told):
    """A circuit has one edge twice."""

    code: ClassVar[str] = "C705"
    severity: ClassVar[Severity] = "warning"
    says: ClassVar[str] = "`{writer} -> {reader}` is there twice"
    first_says: ClassVar[str] = "here before"
    types: ClassVar[str] = "drop one of the two"
    wrong: ClassVar[str] = circuit(*PATH, "head 0.1 -> output")
    right: ClassVar[str] = circuit(*PATH)
    writer: str
    reader: str


@rule
class EmptyCircuit(Told):
    """A circuit has no edge."""

    code: ClassVar[str] = "C706"
    says: ClassVar[str] = "`{name}` has no edge"
    types: ClassVar[str] = "add one, as in `embedding -> output`, or find them: `by acdc(...)`"
    wrong: ClassVar[str] = circuit()
    right: ClassVar[str] = circuit(*PATH)
    name: str


@rule
class EdgeEnd(Told):
    """A node cannot stand on this side of an edge.

    `output` writes nothing, `input` reads nothing; a head reads by its q, k and v and writes
    as a whole.
    """

    code: ClassVar[str] = "C707"
    says: ClassVar[str] = "`{node}` cannot {verb}"
    types: ClassVar[str] = "{instead}"
    wrong: ClassVar[str] = circuit("output -> head 0.1.v", "head 0.1 -> output")
    right: ClassVar[str] = circuit(*PATH)
    node: str
    verb: str
    instead: str


@rule
class GroupTwice(Told):
    """A group of nodes is defined twice, or is called like a component."""

    code: ClassVar[str] = "C708"
    says: ClassVar[str] = "`{name}` already is {what}"
    types: ClassVar[str] = "choose another name"
    wrong: ClassVar[str] = circuit("mlp = head 0.1, head 0.2", "embedding -> output")
    right: ClassVar[str] = circuit(
        "movers = head 0.1, head 0.2", "embedding -> movers", "movers -> output"
    )
    name: str
    what: str
