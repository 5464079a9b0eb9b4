"""Circuits: nodes, groups, edges and methods."""

from __future__ import annotations

import pytest

from causalabs.diagnostics import Source
from causalabs.hypothesis.check import examine, resolve
from causalabs.hypothesis.circuits import site_text
from causalabs.hypothesis.model import Hypothesis, Last, Site, Tie
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
        ["mlp 0..1 -> output", "input -> mlp 0"],
        ["input -> head 0.0", "attention 0 -> head 1.0.v", "head 1.0 -> output"],
        ["all = attention 0..1, mlp 0..1", "input, all -> all, output"],
        ["late = mlp 0..1", "input -> late", "late -> late, output"],
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
        ("residual 1 -> mlp 1", "C709"),
        ("mlp 0 -> head 1.0, head 0.1", "C704"),
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
        ("acdc()", ["C711"]),
        ("acdc(threshold = 0.1, edges = 3)", ["C711"]),
        ("acdc(threshold = -1)", ["C305"]),
        ("eap(edges = many)", ["C304"]),
        ("eap(egdes = 3) then adcc(threshold = 1)", ["C302", "C702"]),
    ],
)
def test_methods_and_their_settings(methods: str, found: list[str]) -> None:
    assert codes(discovery(methods)) == found


def test_an_unknown_ablation() -> None:
    assert codes(circuit("input -> output", title="claimed(ablate = noise)")) == ["C305"]


def read(text: str) -> Hypothesis:
    found = resolve(Source(text))
    assert found[0] is not None, [each.message for each in found[1]]
    return found[0]


COUNTS = """
counterfactuals {
  sample 100
  split train 50%, heldout 50% by input
}
expect faithfulness of claimed by loss >= 0.9 on heldout
"""


def test_a_circuit_means_its_edges_that_run_forwards() -> None:
    (claimed,) = read(circuit("all = mlp 0..1", "input, all -> all, output") + COUNTS).circuits
    names = {(site_text(a), site_text(b)) for a, b in claimed.edges}
    assert names == {
        *(("input", end) for end in ("mlp 0", "mlp 1", "output")),
        *(("mlp 0", end) for end in ("mlp 1", "output")),
        ("mlp 1", "output"),
    }
    assert claimed.ablation == "resample"
    assert not claimed.found


def test_circuits_are_run_on_pairs_of_their_own() -> None:
    hypothesis = read(circuit("input -> output") + COUNTS)
    assert [line.sources for line in hypothesis.counterfactuals.lines] == [1]
    term = hypothesis.expectations[0].quantity.terms[0]
    assert (term.subjects, term.by, term.lines) == (("claimed",), "loss", ())
    assert term.measured == "faithfulness of claimed by loss"
    alone = read(circuit("input -> output", title="claimed(ablate = zero)") + COUNTS)
    assert [line.sources for line in alone.counterfactuals.lines] == [0]


def test_a_node_is_tied_to_a_variable() -> None:
    (claimed,) = read(circuit("partial -> head 0.1", "input -> output") + COUNTS).circuits
    assert claimed.ties == (Tie("partial", "algorithm", Site("head", 0, 1)),)
    assert len(claimed.edges) == 1


def test_a_tie_aligns_the_variable_with_the_node() -> None:
    wires = ("partial -> head 0.1 at last", "input -> output")
    counts = COUNTS.replace("  split", "  interchange partial\n  split")
    text = circuit(*wires) + counts + "expect iia of partial in claimed >= 0.9 on heldout\n"
    hypothesis = read(text)
    (alignment,) = hypothesis.alignments
    assert (alignment.name, alignment.variables) == ("claimed", ("partial",))
    (choice,) = alignment.spaces[0].members[0].choices
    assert choice.writes == (Site("head", 0, 1, position=Last()),)
    assert [line.name for line in hypothesis.counterfactuals.lines] == ["partial", "pairs"]
    assert not hypothesis.unsupported


def test_an_edge_is_at_named_tokens_and_at_none_to_be_chosen() -> None:
    plain = circuit("head 0.1 at last -> mlp 1", "input -> output") + COUNTS
    assert not read(plain).unsupported
    chosen = read(plain.replace("at last", "at any token"))
    assert chosen.unsupported == ("`any token` in a circuit: checked, but not run by this version",)


def test_methods_keep_their_settings_and_defaults() -> None:
    text = discovery("eap(edges = 9) then acdc(threshold = 0.1, order = earliest)")
    (found,) = read(text + COUNTS.replace("claimed", "found")).circuits
    assert [name for name, _ in found.methods] == ["eap", "acdc"]
    assert dict(found.methods[0][1]) == {"edges": 9, "examples": 100}
    assert dict(found.methods[1][1])["order"] == "earliest"
