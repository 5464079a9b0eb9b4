"""A whole run from nothing, training included: told, never judged against a clock."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time

import pytest

from tests.mutations import EXAMPLES

pytestmark = pytest.mark.benchmark


def test_hierarchical_equality_from_nothing(tmp_path, capsys):
    shutil.copy(EXAMPLES / "hierarchical_equality.causal", tmp_path)
    command = [sys.executable, "-c", "from causalabs.cli import main; main()", "run", "--json"]
    start = time.perf_counter()
    done = subprocess.run(
        [*command, "hierarchical_equality.causal"],
        cwd=tmp_path,
        env={**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")},  # no network kept before
        capture_output=True,
        text=True,
        timeout=290,
    )
    seconds = time.perf_counter() - start
    found = json.loads(done.stdout)
    assert found["verdict"] in ("met", "not met", "undecided"), done.stderr
    with capsys.disabled():
        print(f"\nhierarchical_equality from nothing: {seconds:.1f} s, {found['verdict']}")
        for row in found["expectations"]:
            print(f"  {row['text']}: {row['value']:.3f} {row['verdict']}")
        print(f"  {found['seconds']}")
