"""Run folders: what is written comes back, what is damaged is done again."""

from __future__ import annotations

import json
import math
import os
from dataclasses import replace

import numpy as np
import pytest

from causalabs.errors import RunError
from causalabs.plans import Job, Plan
from causalabs.results import FitRecord, Judged, Measured, Outcome, Results, Row, SeedValue
from causalabs.runs import RunFolder, write_atomically

PLAN = Plan("h", "text", (("a.csv", "00"),), (Job(0, "", "main", (0,), ("heldout",)),), (0,))
FIT = FitRecord("v", "hidden 0", (0.5, 0.6), 8, 100, 1000, 0.9, 128, "abc", "def")


def _outcome():
    hits = np.random.default_rng(0).random(1001) < 0.7
    return Outcome(
        job="seed0-plain-main",
        measured=(Measured("iia", 0, "heldout", hits, True),),
        fits=(FIT,),
        network={"accuracy": 0.99},
        seconds={"fit": 1.5},
        notes=("said",),
    )


def _results(folder):
    judged = Judged(
        "iia", 3, 0.5, 0.4, 0.6, 10, False, 0.4, ">=", "met", (SeedValue(0, 0.5, 0.4, 0.6),)
    )
    return Results(
        hypothesis="h",
        claim="c",
        verdict="met",
        expectations=(judged,),
        reports=(),
        table=(Row("v", "main", "heldout", (("", 0.5), ("untrained", 0.1))),),
        network={},
        fits={"seed0-plain-main": (FIT,)},
        plan=PLAN.hash,
        run=str(folder.path),
        environment={},
        seconds={},
        notes=(),
    )


def test_an_outcome_comes_back_as_it_was(tmp_path):
    folder = RunFolder.open(tmp_path, PLAN)
    kept = _outcome()
    folder.save(kept)
    found = folder.load(kept.job)
    assert np.array_equal(found.measured[0].hits, kept.measured[0].hits)
    assert (found.fits, found.network, found.seconds, found.notes) == (
        kept.fits,
        kept.network,
        kept.seconds,
        kept.notes,
    )
    assert found.measured[0].exact
    assert folder.load("another") is None


def test_numbers_come_back_as_they_were_and_none_may_be_missing(tmp_path):
    folder = RunFolder.open(tmp_path, PLAN)
    values = np.random.default_rng(0).normal(size=9)
    measured = (Measured("logit_difference", 0, "heldout", values),)
    folder.save(Outcome(job="seed0-plain-main", measured=measured))
    found = folder.load("seed0-plain-main")
    assert found.measured[0].values.dtype == np.float64
    assert np.array_equal(found.measured[0].values, values)
    record = folder.path / "jobs" / "seed0-plain-main.json"
    document = json.loads(record.read_text())
    document["measured"][0][3] = 10
    record.write_text(json.dumps(document))
    assert folder.load("seed0-plain-main") is None


def test_results_come_back_marked_cached(tmp_path):
    folder = RunFolder.open(tmp_path, PLAN)
    assert folder.finished() is None
    results = _results(folder)
    folder.finish(results)
    found = folder.finished()
    assert found.cached
    assert {**found.to_json(), "cached": False} == results.to_json()


def test_an_interval_without_ends_is_null_in_json_and_comes_back(tmp_path):
    folder = RunFolder.open(tmp_path, PLAN)
    seeds = (SeedValue(0, 0.5, -math.inf, math.inf),)
    one = Judged("loss", 3, 0.5, -math.inf, math.inf, 1, False, seeds=seeds)
    folder.finish(replace(_results(folder), reports=(one,)))
    assert "Infinity" not in (folder.path / "results.json").read_text()
    assert folder.finished().reports == (one,)


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b"\xff\xfe", b'{"job": 1}'])
def test_a_damaged_record_is_set_aside_and_done_again(tmp_path, damage):
    folder = RunFolder.open(tmp_path, PLAN)
    folder.save(_outcome())
    path = folder.path / "jobs" / "seed0-plain-main.json"
    path.write_bytes(damage)
    assert folder.load("seed0-plain-main") is None
    assert path.with_name(path.name + ".damaged").exists()
    (folder.path / "results.json").write_bytes(damage)
    assert folder.finished() is None


@pytest.mark.parametrize("damage", [b"", b"PK", b"not a zip at all"])
def test_damaged_rows_are_done_again(tmp_path, damage):
    folder = RunFolder.open(tmp_path, PLAN)
    folder.save(_outcome())
    (folder.path / "jobs" / "seed0-plain-main.npz").write_bytes(damage)
    assert folder.load("seed0-plain-main") is None


def test_truncated_rows_are_done_again(tmp_path):
    folder = RunFolder.open(tmp_path, PLAN)
    folder.save(_outcome())
    record = folder.path / "jobs" / "seed0-plain-main.json"
    document = json.loads(record.read_text())
    document["measured"][0][3] = 5000
    record.write_text(json.dumps(document))
    assert folder.load("seed0-plain-main") is None


def test_a_file_in_the_way_is_said_in_one_message(tmp_path):
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(RunError, match="cannot be used"):
        RunFolder.open(tmp_path / "runs", PLAN)


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "kept"
    path.write_bytes(b"old")

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="No space"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_hash_is_that_of_what_will_be_run():
    assert PLAN.hash == Plan(**{f: getattr(PLAN, f) for f in PLAN.__dataclass_fields__}).hash
    changed = Plan("h", "text", (("a.csv", "01"),), PLAN.jobs, PLAN.seeds)
    assert changed.hash != PLAN.hash
