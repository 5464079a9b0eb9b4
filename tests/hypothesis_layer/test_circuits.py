"""Circuits: nodes, groups, edges and methods."""

from __future__ import annotations

import pytest

from causalabs.diagnostics import Source
from causalabs.hypothesis.check import examine
from causalabs.hypothesis.rules_circuit import circuit, discovery


def codes(text: str) -> list[str]:
    found = examine(Source(text)).diagnostics
    return [each.code for each in found if each.code.startswith(("C3", "C43", "C44", "C7"))]


@pytest.mark.parametrize(
    "wires",
    [
        ["input -> output"],
        ["embedding -> head 0.1.q, head 0.1.k, head 0.1.v", "head 0.1 -> mlp 0", "mlp 0 -> output"],
        ["movers = head 1.0, head 1.1", "embedding -> movers", "movers -> output"],
        ["movers = head 1.0, head 1.1", "embedding -> head movers", "head movers -> logits"],
        ["mlp 0..1 -> output"],
        ["residual 0 -> head 1.0.v", "head 1.0 -> residual 1", "residual 1 -> output"],
        ["embedding at x -> head 0.0.v at last", "head 0.0 at last -> output"],
    ],
)
def test_a_circuit_in_forward_order(wires: list[str]) -> None:
    assert codes(circuit(*wires)) == []


@pytest.mark.parametrize(
    ("wire", "code"),
    [
        ("mlp 0 -> head 0.1.v", "C704"),
        ("head 0.0 -> head 0.1.v", "C704"),
        ("residual 1 -> mlp 1", "C704"),
        ("head 0.1.v -> output", "C707"),
        ("mlp 0 -> embedding", "C707"),
        ("head 2.0 -> output", "C433"),
        ("mlp 7 -> output", "C431"),
        ("movers -> output", "C703"),
        ("embedding at z -> output", "C442"),
    ],
)
def test_one_wrong_edge_is_one_error(wire: str, code: str) -> None:
    assert codes(circuit(wire, "input -> output")) == [code]


@pytest.mark.parametrize(
    ("methods", "found"),
    [
        ("acdc(threshold = 1e-6)", []),
        ("eap(edges = 100) then acdc(threshold = 0.1)", []),
        ("acdc()", ["C303"]),
        ("acdc(threshold = -1)", ["C305"]),
        ("eap(edges = many)", ["C304"]),
        ("eap(egdes = 3) then adcc(threshold = 1)", ["C302", "C702"]),
    ],
)
def test_methods_and_their_settings(methods: str, found: list[str]) -> None:
    assert codes(discovery(methods)) == found


def test_an_unknown_ablation() -> None:
    assert codes(circuit("input -> output", title="claimed(ablate = noise)")) == ["C305"]
