"""How long a check takes, as a whole process: told, never judged against a clock."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.mutations import REFERENCES

pytestmark = pytest.mark.benchmark

VARIABLES = 9_570
ALIGNED = 100
MECHANISMS = (
    ("0..9", "({a} + {b}) % 10"),
    ("0..9", "if {a} > {b} then {a} else {c}"),
    ("0..9", "max({a}, {b}, {c})"),
    ("0..9", "min({a}, {c})"),
    ("0..18", "{a} + {b}"),
    ("bool", "{a} == {b}"),
    ("bool", "{a} > {b} and {b} > {c}"),
    ("0..9", "({a} * {b} + {c}) // 10"),
    ("mod 10", "{a} + {b} + {c}"),
    ("bool", "{a} != {c} or {b} <= {c}"),
)


def long_file(variables: int = VARIABLES) -> str:
    """A hypothesis of about 10,000 lines without an error: digits made from digits."""
    digits = [f"x{i}" for i in range(8)]
    lines = ["hypothesis long", '"Many small steps."', "", "algorithm {"]
    lines += [f"  input  {name} : 0..9" for name in digits]
    for i in range(variables):
        domain, mechanism = MECHANISMS[i % len(MECHANISMS)]
        a, b, c = digits[-1], digits[-3], digits[-7]
        lines.append(f"  var    v{i} : {domain} = {mechanism.format(a=a, b=b, c=c)}")
        if domain == "0..9":
            digits.append(f"v{i}")
    lines += [f"  output answer : bool = {digits[-1]} > {digits[-2]}", "}", ""]
    lines += ["network mlp(hidden = [256, 256]) {", f"  feed {', '.join(digits[:8])}"]
    lines += ["  read answer", "  train until accuracy >= 0.9", "}", "", "alignment {"]
    named = [f"v{i}" for i in range(0, variables, max(1, variables // ALIGNED))]
    lines += [f"  {name} -> hidden {i % 2} in 1 learned dims" for i, name in enumerate(named)]
    lines += ["}", "", "counterfactuals {", "  sample 1_000"]
    lines += [f"  interchange {name}" for name in named]
    lines += ["  split train 60%, heldout 40%", "}", ""]
    lines += ["expect accuracy >= 0.80 on heldout"]
    lines += [f"expect iia of {name} >= 0.80 on heldout" for name in named]
    lines += [f"expect iia of {name} <= 0.99 on heldout under untrained" for name in named]
    return "\n".join(lines) + "\n"


def whole_process(folder: Path, path: Path, times: int) -> tuple[float, float, list[int]]:
    """Median wall and processor seconds of `causalabs check`, and its exit statuses.

    Bytecode is kept below `folder`, as an installed package has it; the first run makes it, and
    the parse tables, and is not counted.
    """
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(folder / "bytecode")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    command = [sys.executable, "-c", "from causalabs.cli import main; main()", "check", str(path)]
    wall, processor, statuses = [], [], []
    for counted in range(times + 1):
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        done = subprocess.run(command, env=environment, capture_output=True, timeout=120)
        seconds, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
        assert b"internal error" not in done.stderr
        if counted:
            wall.append(seconds)
            used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            processor.append(used)
            statuses.append(done.returncode)
    return statistics.median(wall), statistics.median(processor), statuses


@pytest.mark.parametrize("path", REFERENCES, ids=[path.stem for path in REFERENCES])
def test_check_of_a_reference_file(path, tmp_path, capsys):
    wall, processor, statuses = whole_process(tmp_path, path, times=5)
    with capsys.disabled():
        print(f"\n{path.name}: {wall:.3f} s, {processor:.3f} s of processor time")
    assert set(statuses) == {0}


def test_check_of_ten_thousand_lines(tmp_path, capsys):
    text = long_file()
    path = tmp_path / "long.causal"
    path.write_text(text)
    wall, processor, statuses = whole_process(tmp_path, path, times=3)
    with capsys.disabled():
        count = text.count("\n")
        print(f"\n{count:,} lines: {wall:.2f} s, {processor:.2f} s of processor time")
    assert set(statuses) == {0}
