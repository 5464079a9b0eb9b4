"""How long two rivals over a million pairs of inputs take: told, never judged against a clock."""

from __future__ import annotations

import subprocess
import sys
import time

import numpy as np
import pytest

pytestmark = pytest.mark.benchmark
RIVALS = """
algorithm left_first {
  input  x, y, z : 0..9
  var    partial : 0..18 = x + y
  output total   : 0..27 = partial + z
}
algorithm right_first {
  input  x, y, z : 0..9
  var    other   : 0..18 = y + z
  output total   : 0..27 = x + other
}
"""


def test_a_million_pairs_in_a_process_of_their_own(tmp_path, capsys):
    path = tmp_path / "rivals.causal"
    path.write_text(RIVALS)
    script = "from causalabs.cli import main; main()"
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-c", script, "distinguish", str(path)],
            capture_output=True,
            text=True,
            timeout=60,
        )
        seconds.append(time.perf_counter() - start)
    assert "exact, 1,000,000 examples" in done.stdout, done.stdout + done.stderr
    with capsys.disabled():
        print(f"\ndistinguish, 10^6 pairs, whole process: {np.median(seconds):.2f} s")
