"""The syntax tree: one frozen class for each rule of `grammar/causal.lark`.

A class is its rule's name in CamelCase (`at_index` -> `AtIndex`, `import_` -> `Import`,
`or_` -> `Or`). Spans take no part in equality, so that a reformatted file equals itself.
"""

from __future__ import annotations

from typing import TypeAlias

from causalabs.syntax.tree import Digits, Name, Node, Text, children, node, walk
from causalabs.syntax.tree_algorithm import (
    Algorithm,
    And,
    AnyValue,
    Apply,
    Arm,
    AtIndex,
    Binder,
    Bool,
    Cell,
    Choose,
    Comparison,
    Cyclic,
    Def,
    Entry,
    Enum,
    Expr,
    Family,
    Field,
    Input,
    Interval,
    Key,
    Literal,
    Match,
    Mod,
    Named,
    Negative,
    Not,
    Number,
    Or,
    Output,
    Pattern,
    Product,
    Real,
    Ref,
    Set,
    Statement,
    Such,
    Sum,
    Table,
    Truth,
    Type,
    Value,
    Values,
    Var,
    Where,
    Xor,
)
from causalabs.syntax.tree_evidence import (
    Against,
    Assign,
    Axis,
    Balance,
    Between,
    Bound,
    By,
    Changes,
    Circuit,
    Counterfactuals,
    Discovery,
    Draw,
    Edge,
    EverySeed,
    Exhaustive,
    Expect,
    Group,
    In,
    Interchange,
    Keep,
    KeepWhere,
    Metric,
    NodeAt,
    Of,
    OverSeeds,
    Qualifier,
    Replace,
    Report,
    Sample,
    SettingOf,
    Share,
    Split,
    Taken,
    Under,
)
from causalabs.syntax.tree_network import (
    Alignment,
    AnyToken,
    Argument,
    AtSlot,
    AtText,
    Call,
    Component,
    Dims,
    EveryToken,
    Feed,
    FeedAny,
    Fitted,
    Head,
    Index,
    LastStep,
    Module,
    Network,
    Place,
    Position,
    Positions,
    Prefix,
    Read,
    Setting,
    Settings,
    Site,
    SpanOf,
    Step,
    Token,
    Tokens,
    TrainTo,
    TrainUntil,
    Wiring,
)


@node
class Import(Node):
    """`import "file"` (names empty) or `import a, b from "file"`."""

    names: tuple[Name, ...]
    path: Text


@node
class Hypothesis(Node):
    """`hypothesis NAME "claim" ...`."""

    name: Name
    claim: tuple[Text, ...]


@node
class File(Node):
    imports: tuple[Import, ...]
    hypothesis: Hypothesis | None
    items: tuple[Item, ...]


@node
class DomainDefinition(Node):
    """`domain NAME = type or type ...` (grammar rule `domain`)."""

    name: Name
    types: tuple[Type, ...]


@node
class Data(Node):
    """`table NAME from "file" key NAME`."""

    name: Name
    path: Text
    key: Name


@node
class Seeds(Node):
    over: SpanOf


Item: TypeAlias = (
    DomainDefinition
    | Table
    | Data
    | Def
    | Algorithm
    | Network
    | Alignment
    | Counterfactuals
    | Circuit
    | Discovery
    | Replace
    | Seeds
    | Expect
    | Report
)


__all__ = [
    "Against",
    "Algorithm",
    "Alignment",
    "And",
    "AnyToken",
    "AnyValue",
    "Apply",
    "Argument",
    "Arm",
    "Assign",
    "AtIndex",
    "AtSlot",
    "AtText",
    "Axis",
    "Balance",
    "Between",
    "Binder",
    "Bool",
    "Bound",
    "By",
    "Call",
    "Cell",
    "Changes",
    "Choose",
    "Circuit",
    "Comparison",
    "Component",
    "Counterfactuals",
    "Cyclic",
    "Data",
    "Def",
    "Digits",
    "Dims",
    "Discovery",
    "DomainDefinition",
    "Draw",
    "Edge",
    "Entry",
    "Enum",
    "EverySeed",
    "EveryToken",
    "Exhaustive",
    "Expect",
    "Expr",
    "Family",
    "Feed",
    "FeedAny",
    "Field",
    "File",
    "Fitted",
    "Group",
    "Head",
    "Hypothesis",
    "Import",
    "In",
    "Index",
    "Input",
    "Interchange",
    "Interval",
    "Item",
    "Keep",
    "KeepWhere",
    "Key",
    "LastStep",
    "Literal",
    "Match",
    "Metric",
    "Mod",
    "Module",
    "Name",
    "Named",
    "Negative",
    "Network",
    "Node",
    "NodeAt",
    "Not",
    "Number",
    "Of",
    "Or",
    "Output",
    "OverSeeds",
    "Pattern",
    "Place",
    "Position",
    "Positions",
    "Prefix",
    "Product",
    "Qualifier",
    "Read",
    "Real",
    "Ref",
    "Replace",
    "Report",
    "Sample",
    "Seeds",
    "Set",
    "Setting",
    "SettingOf",
    "Settings",
    "Share",
    "Site",
    "SpanOf",
    "Split",
    "Statement",
    "Step",
    "Such",
    "Sum",
    "Table",
    "Taken",
    "Text",
    "Token",
    "Tokens",
    "TrainTo",
    "TrainUntil",
    "Truth",
    "Type",
    "Under",
    "Value",
    "Values",
    "Var",
    "Where",
    "Wiring",
    "Xor",
    "children",
    "node",
    "walk",
]
