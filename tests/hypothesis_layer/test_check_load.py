"""Loading: a hypothesis, or one error that says everything."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from causalabs.diagnostics import HypothesisError, Source
from causalabs.hypothesis.check import examine, resolve
from causalabs.hypothesis.load import load, loads
from tests.hypothesis_layer.build import SUM

EXAMPLES = Path(__file__).parents[2] / "examples"
WHOLE = (
    SUM
    + "network mlp(hidden = [16]) {\n  feed x, y\n  read large\n}\n"
    + "alignment {\n  partial -> hidden 0 in 4 learned dims\n}\n"
    + "counterfactuals {\n  sample 100\n  interchange partial\n"
    + "  split train 50%, heldout 50% by input\n}\n"
    + "expect iia >= 0.9 on heldout\n"
)
HEAVY = ("torch", "transformers", "pyvene", "sympy", "networkx", "lark")


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.causal")), ids=lambda path: path.stem)
def test_every_example_loads(path: Path) -> None:
    hypothesis = load(path)
    assert hypothesis.name == path.stem
    assert all(each.severity != "error" for each in hypothesis.diagnostics)
    assert loads(path.read_text(), folder=path.parent) == hypothesis
    assert hypothesis.canonical


def test_a_hypothesis_without_a_name_has_its_file_s(tmp_path: Path) -> None:
    path = tmp_path / "sum_first.causal"
    path.write_text(WHOLE)
    assert load(path).name == "sum_first"
    assert load(path).folder == tmp_path


def test_warnings_are_kept_and_errors_raised_all_at_once() -> None:
    assert [each.code for each in loads(WHOLE).diagnostics if each.severity == "warning"] == [
        "C242",
        "C608",
    ]
    with pytest.raises(HypothesisError) as raised:
        loads(WHOLE.replace("sample 100", "sample 0").replace("expect iia", "expect iio"))
    assert [each.code for each in raised.value.diagnostics] == ["C504", "C620"]


def test_a_file_that_lacks_a_block_is_checked_and_not_loaded() -> None:
    hypothesis, found = resolve(Source(SUM))
    assert hypothesis is None
    assert [each.code for each in found if each.severity == "error"] == []
    assert [each.name for each in examine(Source(SUM)).algorithms] == ["algorithm"]
    with pytest.raises(HypothesisError) as raised:
        loads(SUM)
    assert [each.code for each in raised.value.diagnostics] == ["C601"]


def test_renaming_and_reordering_changes_nothing_else() -> None:
    renamed = WHOLE.replace("partial", "inner").replace("large", "big")
    assert [each.code for each in loads(renamed).diagnostics] == [
        each.code for each in loads(WHOLE).diagnostics
    ]
    head, *blocks = [block + "}\n" for block in WHOLE.split("}\n")[:4]]
    moved = "".join((*reversed(blocks), head)) + "expect iia >= 0.9 on heldout\n"
    assert loads(moved).counterfactuals == loads(WHOLE).counterfactuals
    assert loads(moved).alignments == loads(WHOLE).alignments


def test_checking_imports_nothing_heavy() -> None:
    script = (
        "import sys\nfrom causalabs.hypothesis.load import load\n"
        f"for path in sys.argv[1:]: load(path)\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])\n"
    )
    paths = [str(path) for path in sorted(EXAMPLES.glob("*.causal"))]
    load(paths[0])  # the grammar is cached now
    done = subprocess.run(
        [sys.executable, "-c", script, *paths], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
