"""The command line as a person and as a program meet it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.mutations import EXAMPLES, REFERENCES

HEAVY = ("torch", "transformers", "pyvene", "sympy", "networkx")
SMALL = """\
hypothesis small
"The network compares first."

algorithm {
  input  x, y   : 0..3
  var    larger : bool = x > y
  output answer : bool = larger
}

network mlp(hidden = [8]) {
  feed x, y
  read answer
  train until accuracy >= 0.9
}

alignment {
  larger -> hidden 0 in 1 learned dims
}

counterfactuals {
  sample 400
  interchange larger
  split train 60%, heldout 40%
}

expect accuracy      >= 0.80 on heldout
expect iia of larger >= 0.80 on heldout
expect iia of larger <= 0.95 on heldout under untrained
"""


def causalabs(*words, folder=None, stdin=None, **environment):
    """The command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", "from causalabs.cli import main; main()", *map(str, words)],
        cwd=folder,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=240,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
    )


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli")
    (folder / "small.causal").write_text(SMALL)
    return folder


@pytest.mark.parametrize("path", REFERENCES, ids=lambda path: path.stem)
def test_reference_files_check_and_are_formatted(path):
    done = causalabs("check", "--json", path)
    document = json.loads(done.stdout)
    assert done.returncode == 0, done.stdout
    assert all(each["severity"] != "error" for each in document["diagnostics"])
    assert causalabs("fmt", "--check", path).returncode == 0


def test_check_imports_nothing_heavy():
    script = (
        "import sys; from causalabs.cli import check\n"
        f"check({[str(path) for path in REFERENCES]!r}, as_json=False)\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60
    )
    assert done.stdout.strip().endswith("[]"), done.stdout + done.stderr


def test_diagnostics_are_json_with_places_from_one():
    done = causalabs("check", "--json", "-", stdin="algorithm {\n  var x : bool = y\n}\n")
    assert done.returncode == 1
    assert done.stderr == ""
    found = json.loads(done.stdout)["diagnostics"]
    assert any(each["line"] == 2 and each["column"] == 18 for each in found)
    assert {
        "code",
        "severity",
        "message",
        "file",
        "end_line",
        "end_column",
        "help",
        "related",
    } <= set(found[0])


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (None, 2),
        (b"", 1),
        (b"\xff\xfeh\0y\0", 1),
        (bytes(range(256)), 1),
        (b"(" * 10_000_000, 1),
        (b"algorithm { var x : bool = " + b"(" * 100_000, 1),
        (b"if " * 300_000, 1),
        (b"domain d = 0..1000000000000000000\n", 0),
        (b"counterfactuals { sample 10_000_000_000 }\n", 1),
        (b"algorithm { input x[1000000] : bool output y : bool = x[0] }\n", 1),
    ],
    ids=[
        "missing",
        "empty",
        "utf16",
        "binary",
        "10MB",
        "nested",
        "ifs",
        "domain",
        "sample",
        "family",
    ],
)
@pytest.mark.parametrize("command", ["check", "run", "plan", "graph"])
def test_bad_input_gets_one_message_and_a_status(tmp_path, content, status, command):
    path = tmp_path / "bad.causal"
    if content is not None:
        path.write_bytes(content)
    done = causalabs(command, path, folder=tmp_path)
    assert "Traceback" not in done.stderr
    assert "internal error" not in done.stderr
    if command == "check":
        assert done.returncode == status, done.stderr
    else:
        assert done.returncode in (1, 2), done.stderr
    assert len(done.stderr) < 5_000


def test_a_folder_is_no_file(tmp_path):
    done = causalabs("check", tmp_path)
    assert done.returncode == 2
    assert "folder" in done.stderr or "directory" in done.stderr


def test_explain_knows_every_code_and_suggests(here):
    from causalabs.explain import all_rules

    code = next(iter(all_rules()))
    assert json.loads(causalabs("explain", code, "--json").stdout)["code"] == code
    done = causalabs("explain", "C9999")
    assert done.returncode == 2
    assert "help" in done.stderr


@pytest.mark.parametrize("form", ["text", "dot", "svg"])
def test_graph_draws_the_algorithm(form):
    done = causalabs("graph", EXAMPLES / "running_sum.causal", "--format", form)
    assert done.returncode == 0
    assert "partial" in done.stdout
    assert {"text": "", "dot": "digraph", "svg": "<svg"}[form] in done.stdout


def test_plan_needs_no_network(here):
    done = causalabs("plan", "--json", "small.causal", folder=here)
    document = json.loads(done.stdout)
    assert done.returncode == 0
    assert [job["control"] for job in document["jobs"]] == ["", "", "untrained"]
    assert causalabs("plan", "small.causal", folder=here).stdout.startswith("small")


def test_run_judges_and_the_same_plan_is_cached(here):
    first = causalabs("run", "--json", "small.causal", folder=here)
    assert first.stderr == ""
    document = json.loads(first.stdout)
    assert first.returncode == (0 if document["verdict"] == "met" else 1)
    assert {each["verdict"] for each in document["expectations"]} <= {"met", "not met", "undecided"}
    assert [each["line"] for each in document["expectations"]] == [26, 27, 28]
    again = causalabs("run", "--json", "small.causal", folder=here)
    cached = json.loads(again.stdout)
    assert cached["cached"]
    assert {**cached, "cached": False, "run": ""} == {**document, "run": ""}
    shown = causalabs("run", "small.causal", folder=here)
    assert "cached" in shown.stdout
    assert shown.returncode == first.returncode


def test_a_killed_run_ends_with_the_same_numbers(here):
    run = here / "runs"
    whole = json.loads(causalabs("run", "--bare", "--json", "small.causal", folder=here).stdout)
    folder = here / whole["run"]
    (folder / "results.json").unlink()
    kept = sorted((folder / "jobs").glob("*.json"))
    kept[-1].unlink()
    times = {path: path.stat().st_mtime_ns for path in kept[:-1]}
    resumed = json.loads(causalabs("run", "--bare", "--json", "small.causal", folder=here).stdout)
    assert resumed["expectations"] == whole["expectations"]
    assert all(path.stat().st_mtime_ns == time for path, time in times.items())
    shutil.rmtree(run)
    fresh = json.loads(causalabs("run", "--bare", "--json", "small.causal", folder=here).stdout)
    assert fresh["expectations"] == whole["expectations"]


def test_an_unreadable_run_folder_is_said(here, tmp_path):
    (tmp_path / "small.causal").write_text(SMALL)
    (tmp_path / "runs").write_text("in the way")
    done = causalabs("run", "small.causal", folder=tmp_path)
    assert done.returncode == 2
    assert "--runs" in done.stderr


def test_what_cannot_be_run_says_so(tmp_path):
    done = causalabs("run", EXAMPLES / "refusal.causal", folder=tmp_path)
    assert done.returncode == 2
    assert "huggingface" in done.stderr
    assert "Traceback" not in done.stderr


def test_new_writes_what_checks_and_is_formatted(tmp_path):
    assert causalabs("new", "mine", folder=tmp_path).returncode == 0
    assert causalabs("check", "mine.causal", folder=tmp_path).returncode == 0
    assert causalabs("fmt", "--check", "mine.causal", folder=tmp_path).returncode == 0
    again = causalabs("new", "mine", folder=tmp_path)
    assert again.returncode == 2
    assert "exists" in again.stderr


def test_fmt_rewrites_in_place_and_reads_stdin(tmp_path):
    path = tmp_path / "loose.causal"
    path.write_text("seeds   0 ..   2   # all\n")
    assert causalabs("fmt", "--check", path).returncode == 1
    assert causalabs("fmt", "--diff", path).stdout.startswith("---")
    assert causalabs("fmt", path).returncode == 0
    assert path.read_text() == causalabs("fmt", "-", stdin="seeds 0..2   # all").stdout


def test_no_colour_where_it_is_not_wanted(tmp_path):
    done = causalabs("check", "-", stdin="algorithm {", NO_COLOR="1", FORCE_COLOR="1")
    assert "\x1b[" not in done.stderr


@pytest.mark.parametrize("budget", ["0", "-3", "inf", "nan"])
def test_a_budget_that_is_no_time_is_said(here, budget):
    done = causalabs("run", "small.causal", "--falsify", f"--budget={budget}", folder=here)
    assert done.returncode == 2
    assert "is no time to hunt in" in done.stderr


@pytest.mark.parametrize("seeds", ["x", "3..1", "0..100000", "1..", "-1"])
def test_bad_seeds_are_said(here, seeds):
    done = causalabs("run", "small.causal", f"--seeds={seeds}", folder=here)
    assert done.returncode == 2
    assert "seed" in done.stderr


def test_examples_need_nothing_outside_their_folder():
    for path in REFERENCES:
        for word in path.read_text().split('"'):
            assert not word.startswith("../"), path
    assert Path(EXAMPLES / "cities.csv").exists()


@pytest.mark.parametrize("command", ["check", "plan", "run", "graph", "fmt"])
def test_json_is_one_document_also_when_something_is_wrong(tmp_path, command):
    (tmp_path / "bad.causal").write_text("algorithm { var x : bool = = }\n")
    done = causalabs(command, "--json", "bad.causal", folder=tmp_path)
    assert done.returncode == 1
    assert done.stderr == ""
    assert json.loads(done.stdout)["diagnostics"]


def test_json_says_what_stopped_a_run(tmp_path):
    done = causalabs("run", "--json", EXAMPLES / "refusal.causal", folder=tmp_path)
    assert done.returncode == 2
    assert "huggingface" in json.loads(done.stdout)["error"]["message"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["chek"], "did you mean `check`?"),
        (["check"], "FILE"),
        (["check", "--jsn", "x.causal"], "--jsn"),
        ([], ""),
    ],
    ids=["unknown", "nothing", "option", "bare"],
)
def test_words_that_are_not_understood_end_with_a_message(words, told):
    done = causalabs(*words)
    assert done.returncode == 2
    assert told in done.stderr


def test_options_may_stand_between_files(tmp_path):
    done = causalabs("check", "one.causal", "--json", "two.causal", folder=tmp_path)
    found = json.loads(done.stdout)["diagnostics"]
    assert [each["file"] for each in found] == ["one.causal", "two.causal"]
    assert "check" in causalabs("--help").stdout
