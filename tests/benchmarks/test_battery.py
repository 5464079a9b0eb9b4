"""The battery of controls against the bare fit that it stands beside, in one run.

Figure: at most 3 times, on hierarchical equality with its own network, budget and examples.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import causalabs
from tests.mutations import EXAMPLES

pytestmark = pytest.mark.benchmark


def test_the_battery_against_the_bare_fit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (EXAMPLES / "hierarchical_equality.causal").read_text()
    text = text[: text.index("expect iia of left <=")]  # no control that the file asks for
    results = causalabs.run(causalabs.loads(text), runs=tmp_path)
    jobs = Path(results.run) / "jobs"
    told = {path.stem: json.loads(path.read_text())["seconds"] for path in jobs.glob("*.json")}
    spent = {name: sum(each.values()) - each.get("network", 0.0) for name, each in told.items()}
    bare = spent["seed0-plain-alignment"]
    beside = {name: each for name, each in spent.items() if name.startswith("beside-")}
    with capsys.disabled():
        total = sum(beside.values())
        print(f"\nbattery {total:.1f} s, bare fit {bare:.1f} s: {total / bare:.2f} times")
        for name, each in sorted(beside.items()):
            print(f"  {name}: {each:.2f} s")
    assert len(beside) == 8
