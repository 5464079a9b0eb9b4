"""What stands beside a fitted alignment survives JSON as it is."""

from __future__ import annotations

import json
import math

from causalabs.batteries import Battery, Controlled, Curve, CurvePoint
from causalabs.results import Results

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
