"""The lock beside a file: registered once, amended in the open, refused when asked to."""

from __future__ import annotations

import io
import json
import os
import stat
from dataclasses import replace

import pytest

import causalabs
from causalabs.cli import COMMANDS
from causalabs.commands import understood
from causalabs.registration import (
    LockError,
    Registration,
    changes,
    lock_path,
    parts_of,
    read_lock,
)
from causalabs.report.registration import registration_text
from causalabs.results import Judged, Results
from tests.test_cli import SMALL, causalabs as command


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "small.causal"
    path.write_text(SMALL)
    return path


def outcome(verdict="not met", value=0.5):
    row = Judged("iia of larger on heldout", 25, value, 0.4, 0.6, 160, False, 0.8, ">=", verdict)
    return Results("small", "", verdict, (row,), (), (), {}, {}, "plan", "runs/plan", {}, {})


def ran(path, results=None, **words):
    """What `run` does around the engine."""
    mine = Registration.open(causalabs.load(path), plan="plan", **words)
    return mine.close(results or outcome())


def events(path):
    return [each["event"] for each in read_lock(lock_path(path)).history]


def test_the_first_run_registers_the_claim(file):
    results = ran(file)
    document = json.loads(lock_path(file).read_text())
    registered = document["registered"]
    assert registered["expectations"][1] == "expect iia of larger >= 0.80 on heldout"
    assert registered["alignment"][1] == "larger -> hidden 0 in 1 learned dims"
    assert "sample 400" in registered["counterfactuals"]
    assert registered["seeds"] == ["0"]
    assert "causalabs" in registered["versions"]
    assert events(file) == ["registered", "result"]
    assert results.registration["status"] == "registered"
    assert stat.S_IMODE(os.stat(lock_path(file)).st_mode) == 0o644


def test_the_same_run_again_adds_nothing(file):
    ran(file)
    before = lock_path(file).read_bytes()
    ran(file)
    assert lock_path(file).read_bytes() == before


def test_comments_layout_and_reports_amend_nothing(file):
    ran(file)
    text = SMALL.replace("  sample 400", "  # more\n  sample    400")
    file.write_text(text + "report iia on heldout\n")
    assert ran(file).registration["status"] == "registered"


@pytest.mark.parametrize(
    ("old", "new", "part"),
    [
        ("larger >= 0.80", "larger >= 0.40", "expectations"),
        ("sample 400", "sample 500", "counterfactuals"),
        ("hidden 0 in 1 learned", "hidden 0 in 2 learned", "alignment"),
        ("x > y", "x >= y", "algorithm"),
        ("hidden = [8]", "hidden = [9]", "network"),
        ("compares first", "compares", "words"),
        ("expect accuracy", "seeds 1\nexpect accuracy", "seeds"),
    ],
)
def test_a_change_after_results_is_amended_and_both_are_kept(file, old, new, part):
    ran(file)
    assert old in SMALL
    file.write_text(SMALL.replace(old, new))
    results = ran(file, outcome("met", 0.9))
    told = results.registration
    assert told["status"] == "amended"
    assert [each["part"] for each in told["changes"]] == [part]
    assert told["original"]["verdict"] == "not met"
    assert told["original"]["expectations"][0]["value"] == 0.5
    text = registration_text(told)
    assert "amended" in text
    assert "not met" in text
    assert any(line.strip().startswith("+ ") for line in text.splitlines())
    assert events(file) == ["registered", "result", "amended", "result"]
    assert len(json.loads(lock_path(file).read_text())["claims"]) == 2
    assert results.to_json()["registration"]["status"] == "amended"


def test_a_change_before_any_result_is_no_amendment(file):
    Registration.open(causalabs.load(file), plan="plan")  # killed before it ended
    file.write_text(SMALL.replace("sample 400", "sample 500"))
    assert ran(file).registration["status"] == "registered"
    assert events(file) == ["registered", "registered", "result"]


def test_going_back_is_as_registered_and_the_history_stays(file):
    ran(file)
    file.write_text(SMALL.replace("sample 400", "sample 500"))
    ran(file)
    file.write_text(SMALL)
    assert ran(file).registration["status"] == "registered"
    assert "amended" in events(file)


def test_other_seeds_on_the_command_line_amend(file):
    ran(file)
    changed = replace(causalabs.load(file), seeds=(0, 1))
    told = Registration.open(changed, plan="other").close(outcome()).registration
    assert [(each["part"], each["added"]) for each in told["changes"]] == [("seeds", ["0 1"])]


def test_locked_refuses_what_is_not_registered(file):
    with pytest.raises(LockError, match="is not registered"):
        ran(file, locked=True)
    assert not lock_path(file).exists()
    ran(file)
    assert ran(file, locked=True).registration["status"] == "registered"
    file.write_text(SMALL.replace("sample 400", "sample 500"))
    before = lock_path(file).read_bytes()
    with pytest.raises(LockError, match="counterfactuals changed") as raised:
        ran(file, locked=True)
    assert raised.value.status == 1
    assert lock_path(file).read_bytes() == before


def test_an_edit_by_hand_is_noticed_and_stays_noticed(file):
    ran(file)
    lock = lock_path(file)
    lock.write_text(lock.read_text().replace("sample 400", "sample 500"))
    file.write_text(SMALL.replace("sample 400", "sample 500"))
    with pytest.raises(LockError, match="edited by hand"):
        ran(file, locked=True)
    assert ran(file).registration["edited"]
    again = ran(file).registration
    assert again["edited"]
    assert "edited by hand" in registration_text(again)
    assert events(file).count("edited") == 1


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b'{"hash": 1}', b"\xff\xfe", b"null"])
def test_a_broken_lock_is_set_aside_and_said(file, content):
    lock_path(file).write_bytes(content)
    results = ran(file)
    assert results.registration["edited"]
    assert events(file) == ["unreadable", "registered", "result"]
    assert lock_path(file).with_name("small.causal.lock.damaged").read_bytes() == content


def test_texts_and_moved_files_have_no_lock(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    results = Registration.open(causalabs.loads(SMALL), plan="plan").close(outcome())
    assert results.registration is None
    path = tmp_path / "small.causal"
    path.write_text(SMALL)
    named = causalabs.loads(SMALL + "\n# other text\n", name=str(path))
    assert Registration.open(named, plan="plan").close(outcome()).registration is None
    assert list(tmp_path.iterdir()) == [path]


def test_a_place_that_cannot_be_written_is_a_note(file, monkeypatch):
    def refused(path, content):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("causalabs.registration.write_atomically", refused)
    results = ran(file)
    assert any("cannot be written" in note for note in results.notes)
    assert not lock_path(file).exists()


def test_changes_are_told_line_by_line():
    one = parts_of(causalabs.loads(SMALL))
    other = parts_of(causalabs.loads(SMALL.replace("sample 400", "sample 500")))
    assert changes(one, one) == ()
    (change,) = changes(one, other)
    assert (change.removed, change.added) == (("sample 400",), ("sample 500",))


def said(capsys, *words):
    """Status, standard output and standard error of a command in this process."""
    name, found = understood([str(word) for word in words])
    try:
        status = COMMANDS[name](**found)
    except SystemExit as left:
        status = left.code
    return (status, *capsys.readouterr())


def test_the_command_line_registers_logs_and_refuses(file, capsys, monkeypatch):
    monkeypatch.chdir(file.parent)
    monkeypatch.setattr("causalabs.engine.run.execute", lambda *_, **__: outcome())
    status, out, _ = said(capsys, "run", "--json", "small.causal")
    assert status == 1
    assert json.loads(out)["registration"]["status"] == "registered"
    status, out, _ = said(capsys, "log", "small.causal")
    assert status == 0
    assert "small.causal is as registered" in out
    file.write_text(SMALL.replace("0.95 on", "0.96 on"))
    status, _, err = said(capsys, "run", "--locked", "small.causal")
    assert status == 1
    assert "expectations changed" in err
    status, out, _ = said(capsys, "run", "small.causal")
    assert "amended after results were seen: expectations" in out
    assert "- expect iia of larger <= 0.95" in out
    _, out, _ = said(capsys, "log", "--json", "small.causal")
    history = json.loads(out)
    assert [e["event"] for e in history["history"]] == ["registered", "result", "amended", "result"]
    assert history["changed_since"][0]["part"] == "expectations"
    status, _, err = said(capsys, "log", "nothing.causal")
    assert status == 2
    assert "nothing is registered" in err


def test_a_file_from_stdin_is_not_registered(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("causalabs.engine.run.execute", lambda *_, **__: outcome())
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(SMALL.encode())))
    _, out, _ = said(capsys, "run", "--json", "-")
    assert json.loads(out)["registration"] is None
    assert not list(tmp_path.glob("*.lock"))


@pytest.mark.slow
def test_a_real_run_is_registered(file):
    found = command("run", "--json", file.name, folder=file.parent)
    assert json.loads(found.stdout)["registration"]["status"] == "registered"
    assert "as registered" in command("log", file.name, folder=file.parent).stdout
