"""Counterfactuals, circuits and expectations."""

from __future__ import annotations

from typing import TypeAlias

from causalabs.syntax.tree import Digits, Name, Node, node
from causalabs.syntax.tree_algorithm import AnyValue, Expr, Number, Ref
from causalabs.syntax.tree_network import Call, Component, Head, Position, Site, SpanOf

# -------------------------------------------------------------- counterfactuals


@node
class Sample(Node):
    count: Digits


@node
class Exhaustive(Node):
    pass


@node
class Changes(Node):
    """`source changes only x, y`."""

    inputs: tuple[Ref, ...]


@node
class Balance(Node):
    variables: tuple[Ref, ...]
    after: Name | None = None


@node
class Keep(Node):
    """`keep solved`."""

    filter: Name


@node
class KeepWhere(Node):
    condition: Expr


@node
class Taken(Node):
    """`v` or `v from w`."""

    variable: Ref
    origin: Ref | None = None


@node
class Interchange(Node):
    taken: tuple[Taken, ...]
    together: bool = False
    name: Name | None = None
    condition: Expr | None = None


@node
class SettingOf(Node):
    """`v = value` in a `set` line (grammar rule `setting`)."""

    variable: Ref
    value: AnyValue


@node
class Assign(Node):
    settings: tuple[SettingOf, ...]
    name: Name | None = None
    condition: Expr | None = None


@node
class Share(Node):
    name: Name
    percent: Digits


@node
class Split(Node):
    shares: tuple[Share, ...]
    by: Name | None = None


@node
class Counterfactuals(Node):
    statements: tuple[Draw, ...]


# --------------------------------------------------------------------- circuits


@node
class NodeAt(Node):
    """A node of a circuit (grammar rule `node`); `input` and `output` are components."""

    place: Head | Component
    position: Position | None = None


@node
class Edge(Node):
    writers: tuple[NodeAt, ...]
    readers: tuple[NodeAt, ...]


@node
class Group(Node):
    name: Name
    nodes: tuple[NodeAt, ...]


@node
class Circuit(Node):
    title: Name | Call
    wires: tuple[Edge | Group, ...]


@node
class Discovery(Node):
    """`circuit NAME by acdc(...) then eap(...)`."""

    title: Name | Call
    methods: tuple[Call, ...]


@node
class Replace(Node):
    """`replace head 5.1 by python("module:function") as NAME`, or by a variable's value."""

    site: Site
    by: Call | Ref
    name: Name | None = None


# ----------------------------------------------------------------- expectations


@node
class Of(Node):
    subjects: tuple[Ref, ...]


@node
class Between(Node):
    left: tuple[Ref, ...]
    right: tuple[Ref, ...]


@node
class In(Node):
    name: Name


@node
class Against(Node):
    name: Name


@node
class By(Node):
    method: Name | Call


@node
class Under(Node):
    control: Name | Call


@node
class Metric(Node):
    """`[modifier] name qualifier*`, as in `patched logit_difference of v`."""

    name: Name
    qualifiers: tuple[Qualifier, ...] = ()
    modifier: Name | None = None


@node
class Bound(Node):
    number: Number
    percent: bool = False

    @property
    def value(self) -> float:
        return self.number.value / 100 if self.percent else self.number.value


@node
class EverySeed(Node):
    pass


@node
class OverSeeds(Node):
    pass


@node
class Axis(Node):
    name: Name
    over: SpanOf | None = None


@node
class Expect(Node):
    """`expect m - n >= bound on split under control in every seed`."""

    metrics: tuple[Metric, ...]
    operator: Name
    bound: Bound
    split: Name | None = None
    control: Under | None = None
    seeds: EverySeed | OverSeeds | None = None


@node
class Report(Node):
    metrics: tuple[Metric, ...]
    axes: tuple[Axis, ...] = ()
    split: Name | None = None
    control: Under | None = None


Draw: TypeAlias = (
    Sample | Exhaustive | Changes | Balance | Keep | KeepWhere | Interchange | Assign | Split
)
Qualifier: TypeAlias = Of | Between | In | Against | By | Under
