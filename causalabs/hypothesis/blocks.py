"""The blocks that other modules resolve: network, alignments, circuits, analysis."""

from __future__ import annotations

from causalabs.algorithm.scope import Scope
from causalabs.diagnostics import Rule
from causalabs.hypothesis.meaning import World
from causalabs.hypothesis.model import Alignment, Counterfactuals, NetworkSpec
from causalabs.syntax import ast


def placed(
    file: ast.File, node: ast.Network | None, world: World, scope: Scope, found: list[Rule]
) -> tuple[NetworkSpec | None, tuple[Alignment, ...], bool]:
    """Network and alignments, and whether all alignments could be read."""
    return None, (), True


def analysed(
    file: ast.File, world: World, network: NetworkSpec | None, counts: Counterfactuals | None
) -> list[Rule]:
    """What is wrong or odd about the algorithms themselves."""
    return []
