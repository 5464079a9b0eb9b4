"""Runs that are interrupted, killed, starved of room or handed damaged files.

Each ends with one message and the right exit status, and the next run of the same command
ends with the numbers of a run that nobody disturbed.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.test_cli import SMALL

COMMAND = (sys.executable, "-c", "from causalabs.cli import main; main()")
JOBS = "seed0-*.json"
MORE = """report iia on heldout under shuffled_sources
report iia on heldout under random_basis
"""
"""More jobs, so that a run is not over when its first is."""


def _environment(folder: Path) -> dict[str, str]:
    cache = str(folder / "cache")
    return {**os.environ, "OMP_NUM_THREADS": "1", "CAUSALABS_CACHE": cache}


def _run(folder: Path, *words: str, **more: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, "run", "--bare", "small.causal", *words],
        cwd=folder,
        env=_environment(folder),
        capture_output=True,
        text=True,
        timeout=240,
        **more,
    )


def _numbers(done: subprocess.CompletedProcess[str]) -> Any:
    document = json.loads(done.stdout)
    return document["verdict"], document["expectations"], document["reports"]


def _refused(done: subprocess.CompletedProcess[str], status: int, *words: str) -> None:
    """One clear message, nothing else."""
    assert done.returncode == status, done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert "internal error" not in done.stderr
    assert len(done.stderr) < 1_000
    assert done.stderr.count("error: ") <= 1
    for word in words:
        assert word in done.stderr


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nobody disturbed, its weights kept beside it."""
    folder = tmp_path_factory.mktemp("whole")
    (folder / "small.causal").write_text(SMALL + MORE)
    done = _run(folder, "--json")
    assert done.returncode in (0, 1), done.stderr
    (folder / "stdout.json").write_text(done.stdout)
    return folder


@pytest.fixture
def here(whole: Path, tmp_path: Path) -> Path:
    """A folder with the same file and the same kept weights, and no run."""
    shutil.copy(whole / "small.causal", tmp_path)
    shutil.copytree(whole / "cache", tmp_path / "cache")
    return tmp_path


@pytest.fixture
def expected(whole: Path) -> Any:
    document = json.loads((whole / "stdout.json").read_text())
    return document["verdict"], document["expectations"], document["reports"]


def _listen() -> None:
    """A shell starts background jobs deaf to Ctrl-C, and their children inherit it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _disturbed(folder: Path, sign: int, ready: Callable[[], bool]) -> tuple[int, str]:
    """A run that gets a signal as soon as `ready` holds: its exit status and what it says."""
    with subprocess.Popen(
        [*COMMAND, "run", "--bare", "small.causal"],
        cwd=folder,
        env=_environment(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=_listen,
    ) as process:
        end = time.monotonic() + 120
        while not ready() and process.poll() is None and time.monotonic() < end:
            time.sleep(0.005)
        process.send_signal(sign)
        _, told = process.communicate(timeout=60)
        return process.returncode, told


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGKILL], ids=["ctrl-c", "killed"])
def test_a_disturbed_run_goes_on_to_the_same_numbers(
    here: Path, expected: Any, sign: signal.Signals
) -> None:
    status, told = _disturbed(here, sign, lambda: bool(list(here.glob(f"runs/*/jobs/{JOBS}"))))
    kept = {path: path.stat().st_mtime_ns for path in here.glob(f"runs/*/jobs/{JOBS}")}
    assert kept
    assert not list(here.glob("runs/*/results.json")), "it was over before it was disturbed"
    if sign == signal.SIGINT:
        assert status == 130
        assert told.startswith("interrupted")
        assert "Traceback" not in told
    else:
        assert status == -signal.SIGKILL
    assert _numbers(_run(here, "--json")) == expected
    assert all(path.stat().st_mtime_ns == when for path, when in kept.items())


@pytest.mark.slow
@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("jobs", [0, 1, 2])
def test_a_run_disturbed_at_any_job_goes_on_to_the_same_numbers(
    here: Path, expected: Any, sign: signal.Signals, jobs: int
) -> None:
    def ready() -> bool:
        return len(list(here.glob(f"runs/*/jobs/{JOBS}"))) >= jobs and (here / "runs").exists()

    if jobs == 0:
        shutil.rmtree(here / "cache")  # in the middle of training
    _disturbed(here, sign, ready)
    assert not list(here.rglob("*.json.*")), "half a file has a name"
    assert _numbers(_run(here, "--json")) == expected


def test_a_damaged_weight_file_is_set_aside_and_the_network_trained_anew(
    here: Path, expected: Any
) -> None:
    (kept,) = (here / "cache" / "networks").glob("*.safetensors")
    kept.write_bytes(kept.read_bytes()[:-20])
    done = _run(here, "--json")
    assert _numbers(done) == expected
    assert any("cannot be used" in note for note in json.loads(done.stdout)["notes"])
    assert kept.with_suffix(".corrupt").exists()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b"\xff\x00", b"[" * 100_000])
def test_a_damaged_run_folder_is_mended(
    whole: Path, here: Path, expected: Any, content: bytes
) -> None:
    shutil.copytree(whole / "runs", here / "runs")
    for path in here.glob("runs/*/results.json"):
        path.write_bytes(content)
    (first, *_) = sorted(here.glob(f"runs/*/jobs/{JOBS}"))
    first.write_bytes(content)
    assert _numbers(_run(here, "--json")) == expected
    assert _numbers(_run(here, "--json")) == expected


def test_damaged_rows_are_measured_again(whole: Path, here: Path, expected: Any) -> None:
    shutil.copytree(whole / "runs", here / "runs")
    for path in here.glob("runs/*/results.json"):
        path.unlink()
    for path in here.glob("runs/*/jobs/*.npz"):
        path.write_bytes(path.read_bytes()[:30])
    assert _numbers(_run(here, "--json")) == expected


def test_a_full_disk_is_said(here: Path, expected: Any) -> None:
    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (60, 60))

    _refused(_run(here, preexec_fn=small_files), 2, "--runs", "cannot")
    assert _numbers(_run(here, "--json")) == expected


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder nobody may write")
def test_a_folder_that_cannot_be_written_is_said(here: Path) -> None:
    _refused(_run(here, "--runs", "/proc/self"), 2, "--runs")


def test_a_file_in_the_way_of_the_results_is_said(whole: Path, here: Path) -> None:
    shutil.copytree(whole / "runs", here / "runs")
    for path in here.glob("runs/*/results.json"):
        path.unlink()
        path.mkdir()
    _refused(_run(here), 2, "results.json", "--runs")


@pytest.mark.parametrize("device", ["cuda:99", "warp"])
def test_a_device_that_is_not_there_is_said(here: Path, device: str) -> None:
    _refused(_run(here, "--device", device), 2, f"`{device}`", "--device cpu")


@pytest.mark.slow
def test_training_that_falls_short_is_said(tmp_path: Path) -> None:
    text = SMALL.replace("x > y", "(x * 5 + y * 3) % 7 > 3").replace("[8]", "[1]")
    text = text.replace("0..3", "0..19").replace("accuracy >= 0.9\n", "accuracy >= 1.0\n")
    (tmp_path / "small.causal").write_text(text)
    _refused(_run(tmp_path), 2, "accuracy", "steps", "make the network larger")


def test_conditions_that_hardly_ever_hold_are_said_before_training(tmp_path: Path) -> None:
    text = SMALL.replace("0..3", "0..9_999").replace("bool = x > y", "bool = x == y")
    text = text.replace(
        "interchange larger",
        "interchange larger where source.x == base.x and source.y == base.y and source.x == 7",
    )
    (tmp_path / "small.causal").write_text(text)
    _refused(_run(tmp_path), 2, "small.causal:22", "loosen the condition")
    assert not list((tmp_path / "cache").glob("networks/*.safetensors"))


def test_an_empty_split_is_a_mistake_in_the_file(tmp_path: Path) -> None:
    (tmp_path / "small.causal").write_text(SMALL.replace("sample 400", "sample 1"))
    done = _run(tmp_path)
    assert done.returncode == 1
    assert "`heldout` would be empty" in done.stderr


def test_a_mechanism_that_fails_on_the_way_is_told_with_its_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from causalabs import RunError, loads, run
    from causalabs.algorithm.evaluate import MechanismError
    from causalabs.engine import run as engine

    def fails(*_: object, **__: object) -> None:
        raise MechanismError("larger", "leaves its domain", {"x": 1})

    monkeypatch.setattr(engine, "execute", fails)
    with pytest.raises(RunError, match="`larger`: leaves its domain") as caught:
        run(loads(SMALL), runs=tmp_path)
    assert caught.value.line == SMALL[: SMALL.index("larger :")].count("\n") + 1
