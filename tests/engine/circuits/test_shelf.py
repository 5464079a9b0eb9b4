"""A circuit is searched for once: by the jobs that share a search, and by a run that goes on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import causalabs
from causalabs.engine.circuits import job
from causalabs.engine.circuits.discover import Discovered
from causalabs.engine.circuits.shelf import Shelf
from causalabs.results import Results
from tests.end_to_end.test_circuits import COUNTS, EXAMPLES, REVERSE

ASKED = """
circuit found(ablate = resample) by eap(edges = 20) then acdc(threshold = 1e-6)

expect faithfulness of found >= 0.9 on heldout
report faithfulness of found on heldout under random_circuit
report faithfulness of found on heldout under untrained
report faithfulness of found over edges on heldout
"""


def ran(tmp_path: Path) -> Results:
    text = REVERSE + COUNTS + ASKED
    return causalabs.run(causalabs.loads(text, folder=EXAMPLES), runs=tmp_path)


@pytest.fixture
def searched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of circuits as they are searched for."""
    names: list[str] = []
    discover = job.discover

    def told(circuit, *given, **named):  # type: ignore[no-untyped-def]
        names.append(circuit.name)
        return discover(circuit, *given, **named)

    monkeypatch.setattr(job, "discover", told)
    return names


def test_a_killed_run_goes_on_with_what_it_found(tmp_path: Path, searched: list[str]) -> None:
    first = ran(tmp_path)
    assert searched == ["found", "found"]  # once as it stands, once on untrained weights
    folder = Path(first.run)
    names = sorted(path.name for path in (folder / "circuits").iterdir())
    assert names == ["seed0-plain-found.npz", "seed0-untrained-found.npz"]
    for path in [*(folder / "jobs").iterdir(), folder / "results.json"]:
        path.unlink()
    again = ran(tmp_path)
    assert len(searched) == 2
    assert again.circuits == first.circuits
    assert [row.value for row in again.reports] == [row.value for row in first.reports]


def test_a_damaged_file_is_searched_for_again(tmp_path: Path, searched: list[str]) -> None:
    first = ran(tmp_path)
    folder = Path(first.run)
    for path in [*(folder / "jobs").iterdir(), folder / "results.json"]:
        path.unlink()
    whole = folder / "circuits" / "seed0-plain-found.npz"
    whole.write_bytes(whole.read_bytes()[:200])
    again = ran(tmp_path)
    assert searched == ["found", "found", "found"]
    assert [row.value for row in again.reports] == [row.value for row in first.reports]


def test_what_is_put_is_what_is_taken(tmp_path: Path) -> None:
    kept = np.array([True, False, True])
    Shelf(tmp_path / "circuits").put("one", Discovered(kept, ~kept, runs=3, metric="kl"))
    found = Shelf(tmp_path / "circuits").take("one", 3)
    assert found is not None
    assert (found.kept == kept).all()
    assert (found.among == ~kept).all()
    assert (found.ranked, found.sweep, found.runs, found.metric) == (None, (), 3, "kl")
    assert Shelf(tmp_path / "circuits").take("one", 4) is None
    assert Shelf().take("one", 3) is None
