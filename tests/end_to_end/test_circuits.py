"""Files with circuits, run: compiled programs whose circuits are published, and bad input."""

from __future__ import annotations

from pathlib import Path

import pytest

import causalabs
from causalabs.errors import RunError
from causalabs.report.circuits import circuit_lines, circuit_sections
from causalabs.results import Results
from causalabs.results_circuits import CircuitRecord

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"

REVERSE = """
domain Token = {a, b, c}

algorithm {
  input  x[5] : Token
  output y[i in 0..4] : Token = x[4 - i]
}

network tracr("programs/reverse.safetensors") {
  feed "BOS", x[0], x[1], x[2], x[3], x[4]
  read y[i] at index i + 1
}
"""
NINE = """
circuit claimed(ablate = zero) {
  head 3.0          -> output
  tokens            -> head 3.0.v
  mlp 2             -> head 3.0.q
  positions         -> head 3.0.k
  mlp 1             -> mlp 2
  mlp 0             -> mlp 1
  tokens, positions -> mlp 1
  tokens            -> mlp 0
}
"""
TWO = """
circuit claimed(ablate = resample) {
  tokens   -> head 3.0.v
  head 3.0 -> output
}
"""
COUNTS = """
counterfactuals {
  sample 60
  split train 50%, heldout 50% by input
}
"""


def ran(text: str, tmp_path: Path) -> Results:
    hypothesis = causalabs.loads(text, folder=EXAMPLES)
    return causalabs.run(hypothesis, runs=tmp_path)


def records(results: Results) -> dict[str, CircuitRecord]:
    return {each.name: each for found in results.circuits.values() for each in found}


def test_reverse_under_zero_ablation_needs_nine_edges_and_acdc_ranks_them_first(
    tmp_path: Path,
) -> None:
    text = (
        REVERSE
        + NINE
        + "circuit found(ablate = zero) by acdc(threshold = 1e-6)\n"
        + COUNTS
        + """
expect faithfulness of claimed            >= 0.99 on heldout
expect faithfulness of claimed            <= 0.50 on heldout under random_circuit
expect precision of found against claimed >= 1.0
expect recall of found against claimed    >= 1.0
expect auc of found against claimed       >= 1.0
report precision of found against claimed under random_circuit
report faithfulness of found over edges on heldout
report edges of found
"""
    )
    results = ran(text, tmp_path)
    assert results.verdict == "met"
    found = records(results)["found"]
    assert (found.count, found.of) == (9, 94)
    assert found.value == pytest.approx(1, abs=1e-6)
    assert max(found.null) < 0.5
    assert [each[1:] for each in found.orders] == [(9, 9), (9, 9)]
    assert {each.edges for each in found.sweep} >= {2, 9}
    assert found.sweep[-1].value > found.sweep[0].value
    values = {row.text: row for row in results.reports}
    assert values["edges of found"].value == 9
    assert values["precision of found against claimed under random_circuit"].value < 0.5
    assert Results.from_json(results.to_json()) == results
    again = causalabs.run(causalabs.loads(text, folder=EXAMPLES), runs=tmp_path)
    assert again.cached
    assert again.circuits == results.circuits


def at_tokens(lines: str) -> str:
    return f"circuit claimed(ablate = resample) {{\n{lines}\n}}\n{COUNTS}"


def faithful(lines: str, tmp_path: Path) -> float:
    """By loss, which is a sum over outputs."""
    asked = "report faithfulness of claimed by loss\n"
    results = ran(REVERSE + at_tokens(lines) + asked, tmp_path)
    return results.reports[0].value


def test_each_output_of_reverse_is_carried_by_the_edges_at_its_tokens(tmp_path: Path) -> None:
    ways = [f"tokens -> head 3.0.v\nhead 3.0 at index {i} -> output" for i in range(1, 6)]
    shares = [faithful(lines, tmp_path) for lines in ways]
    assert all(0.05 < share < 0.5 for share in shares)
    assert sum(shares) == pytest.approx(1, abs=1e-5)
    # The first answer is read off the last token, the other way round.
    read = faithful("tokens at index 5 -> head 3.0.v\nhead 3.0 -> output", tmp_path)
    assert read == pytest.approx(shares[0], abs=1e-5)
    neither = "tokens at index 1 -> head 3.0.v\nhead 3.0 at index 1 -> output"
    assert faithful(neither, tmp_path) == pytest.approx(0, abs=1e-5)
    whole = "tokens -> head 3.0.v\nhead 3.0 -> output\nhead 3.0 at index 1 -> output"
    assert faithful(whole, tmp_path) == pytest.approx(1, abs=1e-5)


def test_an_edge_at_some_tokens_is_part_of_the_whole_edge(tmp_path: Path) -> None:
    lines = "tokens -> head 3.0.v\nhead 3.0 -> output at {index 1, index 2}"
    asked = """
circuit found(ablate = resample) by eap(edges = 2)

report edges of claimed
report precision of found against claimed
report recall of found against claimed
report auc of found against claimed
report faithfulness of claimed under random_circuit
report completeness of claimed
report minimality of claimed
"""
    results = ran(REVERSE + at_tokens(lines) + asked, tmp_path)
    assert [row.value for row in results.reports][:4] == [2, 0.5, 1, 1]
    assert results.reports[4].value < 0.3
    claimed = records(results)["claimed"]
    assert claimed.of == 94
    assert set(claimed.edges) == {
        "tokens -> head 3.0.v",
        "head 3.0 -> output at {index 1, index 2}",
    }


def test_an_edge_between_two_tokens_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"`head 3\.0 at index 1 -> output at last` is at no"):
        faithful("tokens -> head 3.0.v\nhead 3.0 at index 1 -> output at last", tmp_path)


def test_every_method_finds_the_two_edges_of_reverse_under_resampling(tmp_path: Path) -> None:
    ways = {
        "ranked": "eap(edges = 2)",
        "averaged": "eap_ig(edges = 2)",
        "probed": "subnetwork_probing(edges = 2, steps = 40, examples = 20)",
        "rescored": "hisp(edges = 40) then acdc(threshold = 1e-6, orders = 1)",
    }
    found = "".join(f"circuit {name}(ablate = resample) by {by}\n" for name, by in ways.items())
    asked = "".join(
        f"expect recall of {name} against claimed >= 1.0\n"
        f"expect precision of {name} against claimed >= 1.0\n"
        for name in ways
    )
    results = ran(REVERSE + TWO + found + COUNTS + asked, tmp_path)
    assert results.verdict == "met"
    assert records(results)["rescored"].method == (
        "hisp(edges = 40) then acdc(threshold = 1e-06, orders = 1)"
    )


def test_xproportion_under_resampling_needs_three_edges(tmp_path: Path) -> None:
    text = """
domain Token = {"w", "x", "y", "z"}

algorithm {
  input  x[5] : Token
  output y[i in 0..4] : 0..60 = 60 * count(x[j] == "x" for j in 0..i) // (i + 1)
}

network tracr("programs/xproportion.safetensors", scale = 60) {
  feed "BOS", x[0], x[1], x[2], x[3], x[4]
  read y[i] at index i + 1
}

circuit claimed(ablate = resample) {
  head 1.0 -> output
  mlp 0    -> head 1.0.v
  tokens   -> mlp 0
}

circuit found(ablate = resample) by acdc(threshold = 1e-6)
"""
    asked = """
expect faithfulness of claimed            >= 0.99 on heldout
expect precision of found against claimed >= 1.0
expect recall of found against claimed    >= 1.0
"""
    assert ran(text + COUNTS + asked, tmp_path).verdict == "met"


def test_measures_of_a_circuit_have_values_for_each_example(tmp_path: Path) -> None:
    asked = "".join(
        f"report {metric} of claimed{by} on heldout\n"
        for metric, by in (
            ("faithfulness", ""),
            ("faithfulness", " by accuracy"),
            ("completeness", ""),
            ("minimality", ""),
            ("loss", ""),
            ("logit_difference", ""),
        )
    )
    ranked = "report cpr of found on heldout\nreport cmd of found on heldout\n"
    ranked += "report faithfulness of claimed - faithfulness of found on heldout\n"
    text = REVERSE + TWO + "circuit found by eap_ig(edges = 2)\n" + COUNTS + asked + ranked
    results = ran(text + "expect faithfulness of claimed >= 0.9 on heldout\n", tmp_path)
    values = {row.text.removesuffix(" on heldout"): row for row in results.reports}
    assert values["faithfulness of claimed by accuracy"].value == pytest.approx(1)
    assert values["completeness of claimed"].value == pytest.approx(1)
    assert values["minimality of claimed"].value == pytest.approx(1)
    assert values["cpr of found"].value == pytest.approx(0.98, abs=0.02)
    assert values["cmd of found"].value == pytest.approx(0.01, abs=0.02)
    assert values["loss of claimed"].samples == 30
    # Both circuits are the same two edges, on the same examples: their difference has no spread.
    both = values["faithfulness of claimed - faithfulness of found"]
    assert both.samples == 30
    assert both.high - both.low < 1e-6
    assert values["logit_difference of claimed"].value == pytest.approx(1, abs=1e-5)


TINY = """
algorithm {
  input  x, y : 0..2
  output z    : 0..2 = x
}

network transformer(layers = 1, heads = 1, width = 4) {
  feed any of "{x} and {y}", "{x} and then {y}"
  read z at last
  train until accuracy >= 0.3
}

circuit claimed(ablate = ABLATE) {
  input    -> head 0.0
  head 0.0 -> output
}

counterfactuals {
  sample 40
  split heldout 100%
}

expect faithfulness of claimed >= -100 on heldout
"""


def test_prompts_of_different_lengths_are_named(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"has \d tokens and its source .* has \d"):
        ran(TINY.replace("ABLATE", "resample"), tmp_path)
    results = ran(TINY.replace("ABLATE", "mean"), tmp_path)
    assert results.expectations[0].exact
    assert results.expectations[0].samples == 9


def test_circuits_are_told_in_words() -> None:
    record = CircuitRecord(
        name="found",
        ablation="mean_by_position",
        count=2,
        of=94,
        edges=("head 3.0 -> output", "tokens -> head 3.0.v"),
        split="heldout",
        metric="logit_difference",
        value=0.9,
        low=0.8,
        high=0.95,
        method="acdc(threshold = 0.1)",
        null=(0.0, 0.1),
        orders=(("earliest", 3, 2),),
        redundant=(("head 3.0", "head 2.0"),),
        runs=40,
        examples=10,
    )
    assert circuit_lines(record) == [
        "circuit found: 2 of 94 edges, mean by position ablation, found by acdc(threshold = 0.1)",
        "  faithfulness on heldout .900 (.800 .. .950); as many random edges .050, at most .100",
        "  head 3.0 -> output",
        "  tokens -> head 3.0.v",
        "  searched in 40 runs over 10 examples, 0.0 s",
        "  order earliest: 3 edges, 2 of them in the circuit",
        "  redundant: `head 2.0` does as well in place of `head 3.0`",
    ]
    assert len(circuit_sections({"a": [record], "b": [record]})) == 2
