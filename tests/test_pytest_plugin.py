"""Hypothesis files as tests, in a pytest of their own."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from tests.test_cli import SMALL

ROOT = Path(__file__).parents[1]
CONFTEST = """
import sys

import causalabs.library
from causalabs.errors import RunError, UnsupportedError
from causalabs.results import Judged, Results

VALUES = ((0.9, 0.85, 0.95, "met"), (0.5, 0.4, 0.6, "not met"), (0.94, 0.9, 0.97, "undecided"))


def fake(hypothesis, **words):
    if hypothesis.name == "absent":
        raise UnsupportedError("the hub cannot be reached", "fetch it")
    if hypothesis.name == "broken":
        raise RunError("training did not reach its accuracy", "train longer")
    if hypothesis.name == "faulty":
        raise ZeroDivisionError("ours")
    print("ran", hypothesis.name, words["locked"], words["runs"].name)
    rows = tuple(
        Judged(e.quantity.text, e.quantity.line, value, low, high, 160, False, e.bound,
               e.comparison, verdict)
        for e, (value, low, high, verdict) in zip(hypothesis.expectations, VALUES)
    )
    return Results(hypothesis.name, "", "not met", rows, (), (), {}, {}, "p", "runs/p", {}, {})


causalabs.library.run = fake


def pytest_sessionfinish():
    heavy = ("torch", "causalabs.hypothesis", "causalabs.syntax", "lark", "sympy", "rich")
    print("imported:", [name for name in heavy if name in sys.modules])
"""


def pytest_in(folder, *words):
    there = any(each.name == "causalabs" for each in entry_points(group="pytest11"))
    plugin = () if there else ("-p", "causalabs.pytest_plugin")
    return subprocess.run(
        [sys.executable, "-m", "pytest", *plugin, "-p", "no:cacheprovider", "-rA", "-s", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path[1:]])},
    )


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_own.py").write_text("def test_own():\n    pass\n")
    (tmp_path / "small.causal").write_text(SMALL)
    return tmp_path


def test_nothing_is_collected_nor_imported_without_opting_in(folder):
    done = pytest_in(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout
    assert "imported: []" in done.stdout


def test_each_expectation_is_a_test_and_the_file_runs_once(folder):
    done = pytest_in(folder, "--causal", "--causal-locked")
    assert done.returncode == 1
    assert "2 failed, 2 passed" in done.stdout
    assert "PASSED small.causal::accuracy on heldout >= 0.8" in done.stdout
    assert "FAILED small.causal::iia of larger on heldout >= 0.8" in done.stdout
    assert done.stdout.count("ran small True runs") == 1
    assert "iia of larger on heldout >= 0.8: not met" in done.stdout
    assert "value .500, .400 .. .600, n = 160" in done.stdout
    assert "<= 0.95: undecided" in done.stdout
    assert "the interval holds the bound" in done.stdout
    assert "Traceback" not in done.stdout
    assert "pytest_plugin.py:" not in done.stdout.split("short test summary")[0]


def test_the_ini_line_opts_in_and_names_the_runs(folder):
    (folder / "pytest.ini").write_text("[pytest]\ncausal = true\ncausal_runs = kept\n")
    done = pytest_in(folder, "-k", "accuracy")
    assert done.returncode == 0
    assert "ran small False kept" in done.stdout


def test_a_file_with_mistakes_fails_with_its_diagnostics(folder):
    (folder / "small.causal").write_text(SMALL.replace("x > y", "x > w"))
    (folder / "bytes.causal").write_bytes(b"\xff\xfe\x00")
    (folder / "half.causal").write_text("algorithm {\n  input x : bool\n  output y : bool = x\n}\n")
    done = pytest_in(folder, "--causal")
    assert done.returncode == 1
    assert "3 failed, 1 passed" in done.stdout
    assert "error[C" in done.stdout
    assert "x > w" in done.stdout
    assert "nothing to run: no network" in done.stdout
    assert "Traceback" not in done.stdout
    assert "def runtest" not in done.stdout


def test_what_is_not_there_is_skipped_and_what_stops_a_run_fails(folder):
    for name in ("absent", "broken", "faulty"):
        (folder / f"{name}.causal").write_text(
            SMALL.replace("hypothesis small", f"hypothesis {name}")
        )
    (folder / "small.causal").unlink()
    done = pytest_in(folder, "--causal")
    assert "6 failed, 1 passed, 3 skipped" in done.stdout
    assert "the hub cannot be reached (fetch it)" in done.stdout
    assert "error: training did not reach its accuracy" in done.stdout
    assert "ZeroDivisionError: ours" in done.stdout  # a fault of ours shows itself


def test_the_plug_in_is_installed_with_the_package():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["pytest11"] == {"causalabs": "causalabs.pytest_plugin"}
