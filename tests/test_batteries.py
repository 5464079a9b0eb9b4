"""What stands beside a fitted alignment survives JSON as it is."""

from __future__ import annotations

import io
import json
import math

from rich.console import Console

import causalabs
from causalabs.batteries import Battery, Controlled, Curve, CurvePoint
from causalabs.compared import warnings
from causalabs.report.controls import battery_table, beyond, curve_table
from causalabs.report.planned import planned_text
from causalabs.results import Results, Row
from tests.mutations import EXAMPLES

BATTERY = Battery(
    alignment="free",
    split="heldout",
    rows=(
        Controlled("", 0.9, 0.88, 0.92, 1000, False, (("left", 0.9), ("right", 0.9)), 256, False),
        Controlled("chance", 0.5, 0.5, 0.5, 1000, True, (), text="always `false`"),
        Controlled("untrained", 0.5, -math.inf, math.inf, 1, False),
    ),
    rival="`left : a == b` read as `a == c`",
    left_out=(("whole_site", "no interchange can be made"),),
    warnings=("untrained reaches it",),
)
CURVE = Curve(
    alignment="free",
    split="heldout",
    points=(
        CurvePoint("", "learned", "1 learned dim", 1, 16, True, 0.6, 0.5, 0.7, 90),
        CurvePoint("untrained", "revnet", "RevNet", 16, 5000, False, 0.9, 0.8, 1.0, 90),
    ),
    left_out=(("4 neurons", "why"),),
)


def results(**more: object) -> Results:
    empty: dict[str, object] = dict.fromkeys(("expectations", "reports", "table"), ())
    texts = dict.fromkeys(("hypothesis", "claim", "plan", "run"), "")
    told: dict[str, object] = {"network": {}, "fits": {}, "environment": {}, "seconds": {}}
    return Results(verdict="met", **texts, **empty, **told, **more)  # type: ignore[arg-type]


def test_batteries_and_curves_survive_json() -> None:
    whole = results(batteries=(BATTERY,), curves=(CURVE,))
    text = json.dumps(whole.to_json(), allow_nan=False)
    assert Results.from_json(json.loads(text)) == whole


def test_results_of_before_have_none() -> None:
    document = results().to_json()
    del document["batteries"], document["curves"]
    assert Results.from_json(document) == results()


def test_rows_and_points_are_found_by_control() -> None:
    found = BATTERY.row("chance")
    assert found is not None
    assert found.value == 0.5
    assert BATTERY.row("random_basis") is None
    assert [each.basis for each in CURVE.under("untrained")] == ["revnet"]


def test_a_plan_says_what_will_stand_beside_it() -> None:
    hypothesis = causalabs.load(EXAMPLES / "hierarchical_equality.causal")
    text = planned_text(hypothesis, causalabs.plan(hypothesis))
    assert "unless --bare: untrained, shuffled_sources, wrong_algorithm" in text
    assert "(2 fits more)" in text  # the file asks for the untrained one itself


def test_controls_that_come_near_are_warned_of() -> None:
    rows = [
        Controlled(name, value, 0.0, 1.0, 10, False)
        for name, value in [
            ("", 0.9),
            ("untrained", 0.86),
            ("random_basis", 0.84),
            ("wrong_algorithm", 0.95),
            ("whole_site", 0.99),  # no upper bound, and no rival either
        ]
    ]
    untrained, wrong = warnings(rows)
    assert "untrained network reaches 0.860 where the network reaches 0.900" in untrained
    assert "a wrong algorithm is aligned about as well" in wrong
    assert warnings(rows[:1]) == ()


def test_a_terminal_shows_one_table_an_alignment() -> None:
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(battery_table(BATTERY), curve_table(CURVE))
    text = console.export_text()
    assert "controls of free, heldout" in text
    assert "256, not linear" in text
    assert "warning: untrained reaches it" in text
    assert "whole site was not run: no interchange can be made" in text
    assert "4 neurons was not run: why" in text


def test_rows_that_a_battery_tells_are_not_told_twice() -> None:
    told = Row("left", "free", "heldout", (("", 0.9), ("untrained", 0.5)))
    apart = Row("left", "free", "heldout", (("", 0.9), ("random_sites", 0.5)))
    other = Row("left", "free", "heldout", (("", 0.9),), metric="mass")
    assert beyond([told, apart, other], [BATTERY]) == (apart, other)
    assert beyond([told], []) == (told,)
