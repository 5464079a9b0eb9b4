"""docs/how-to/own-networks.md does what it shows."""

from pathlib import Path

import pytest

from tests.test_docs import ROOT, run_doctests


def test_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = run_doctests(ROOT / "docs" / "how-to" / "own-networks.md", running=True)
    assert found.failed == 0
    assert found.attempted > 15
