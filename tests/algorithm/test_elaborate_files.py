"""Data files and imports: every way they can be wrong, and what they bring."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from causalabs.algorithm.domains import Bool, Enum, Interval
from tests.algorithm.elaborating import block, elaborated

PLAIN = block("input x : bool", "output y : bool = not x")


def found_in(text: str, folder: Path) -> list[str]:
    _, rules, _ = elaborated(text + "\n" + PLAIN, folder)
    return [f"{rule.code} {rule.headline()}" for rule in rules]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.csv", b"", "C130 cannot read table `t`: it has no rows"),
        ("t.csv", b"k,v\n", "C130 cannot read table `t`: it has no rows"),
        ("t.csv", b"\xff\xfek\x00", "C130 cannot read table `t`: it is not UTF-8 text"),
        ("t.csv", b"k,v\na\x00,1\n", "C130 cannot read table `t`: it is not text"),
        ("t.csv", b"k,k\na,1\n", "C131 line 1 of `t.csv`: column `k` stands twice"),
        ("t.csv", b"k,\na,1\n", "C131 line 1 of `t.csv`: a column has no name"),
        ("t.csv", b'k,v\n"a,1\n', "C131 line 2 of `t.csv`: unexpected end of data"),
        ("t.csv", b"k,v\na,1\nb\n", "C131 line 3 of `t.csv`: 1 values where there are 2 columns"),
        ("t.csv", b"k,v\na,1\na,2\n", "C132 key `a` stands twice in `t.csv` (lines 2 and 3)"),
        ("t.csv", b"a,v\na,1\n", "C108 table `t` has no column `k`"),
        ("t.jsonl", b"[1]\n", "C131 line 1 of `t.jsonl`: not a JSON object"),
        ("t.jsonl", b'{"k": "a"}\n{"k"\n', "C131 line 2 of `t.jsonl`: not valid JSON"),
        ("t.jsonl", b'{"k": null}\n', "C131 line 1 of `t.jsonl`: `k` is no text, integer or truth"),
        ("t.jsonl", b'{"k": 1}\n{"v": 1}\n', "C131 line 2 of `t.jsonl`: `k` is missing"),
        ("t.jsonl", b"[" * 100_000, "C131 line 1 of `t.jsonl`: not valid JSON"),
    ],
)
def test_data_files_that_cannot_be_read(
    name: str, content: bytes, message: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    assert found_in(f'table t from "{name}" key k', tmp_path) == [message]


def test_folders_and_missing_files(tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    reasons = {
        "folder.csv": "it is not a file",
        "nowhere.csv": "there is no such file",
    }
    for name, reason in reasons.items():
        message = f"C130 cannot read table `t`: {reason}"
        assert found_in(f'table t from "{name}" key k', tmp_path) == [message]


def test_a_file_that_never_ends_is_not_read(tmp_path: Path) -> None:
    if not hasattr(os, "mkfifo"):
        pytest.skip("no named pipes here")
    os.mkfifo(tmp_path / "t.csv")
    assert found_in('table t from "t.csv" key k', tmp_path)[0].endswith("it is not a file")


def test_columns_are_typed(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("k,n,t,s,z\n3,-4,true,b,007\n1,9,false,a,1\n2,0,true,b,x\n")
    _, rules, scope = elaborated('table t from "t.csv" key k\n' + PLAIN, tmp_path)
    assert rules == []
    columns = dict(scope.data["t"].columns)
    assert columns == {
        "k": Interval(1, 3),
        "n": Interval(-4, 9),
        "t": Bool(),
        "s": Enum(("b", "a")),
        "z": Enum(("007", "1", "x")),
    }
    # Codes stand in the order of the key's places: 1, 2, 3.
    assert scope.data["t"].look_ups["n"].codes == (9, 0, -4)
    assert scope.data["t"].look_ups["s"].codes == (1, 0, 0)


def test_a_huge_gap_between_keys_costs_nothing(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("k,v\n1,a\n4000000000000000000,b\n")
    _, rules, scope = elaborated('table t from "t.csv" key k\n' + PLAIN, tmp_path)
    assert rules == []
    assert scope.data["t"].columns["k"] == Enum((1, 4_000_000_000_000_000_000))


def test_what_a_failed_table_would_have_had_is_not_reported(tmp_path: Path) -> None:
    text = 'table t from "nowhere.csv" key k\n' + block(
        "input x : t.k", "var v : t.w = t[x].w", "output y : bool = v == red and x == blue"
    )
    _, rules, _ = elaborated(text, tmp_path)
    assert [rule.code for rule in rules] == ["C130"]


# ---------------------------------------------------------------------- imports


def test_imports_bring_all_or_what_is_named(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "t.csv").write_text("k,v\na,1\nb,2\n")
    (tmp_path / "inner" / "other.causal").write_text(
        'domain Colour = {red, blue}\ntable t from "t.csv" key k\n'
        "def red_(c) = helper(c) and c == red\ndef helper(c) = not (c == blue)\n"
        "algorithm rule { input x : Colour output y : bool = red_(x) }\n"
    )
    use = block("input c : Colour", "output y : bool = red_(c)")
    for line in ('import "inner/other.causal"', 'import Colour, red_ from "inner/other.causal"'):
        found, rules, scope = elaborated(line + "\n" + use, tmp_path)
        assert [rule.headline() for rule in rules] == []
        assert found["algorithm"].run({"c": ["red", "blue"]})["y"] == [True, False]
    _, _, scope = elaborated('import "inner/other.causal"\n' + use, tmp_path)
    assert scope.algorithms["rule"].run({"x": ["blue"]})["y"] == [False]
    assert scope.data["t"].columns["v"] == Interval(1, 2)


def test_a_mistake_in_an_imported_definition_is_shown_at_its_call(tmp_path: Path) -> None:
    (tmp_path / "other.causal").write_text("\n" * 50 + "def f(x) = x + 1\n")
    text = 'import f from "other.causal"\n' + block("input x : bool", "output y : bool = f(x)")
    _, rules, _ = elaborated(text, tmp_path)
    assert [rule.code for rule in rules] == ["C203"]
    assert text[slice(*rules[0].span)] == "f(x)"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ('import "main.causal"', "it imports itself"),
        ("domain A = {red, red}", "line 1: value `red` is listed twice"),
        ("\n\nalgorithm broken { input x : bool output y : bool = z }", "line 3: unknown name `z`"),
        ("domain = ", "line 1: "),
    ],
)
def test_files_that_cannot_be_imported(content: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "main.causal").write_text(content)
    found = found_in('import "main.causal"', tmp_path)
    assert len(found) == 1
    assert found[0].startswith("C113 cannot import `main.causal`: " + reason)


def test_imports_nest_only_so_deep(tmp_path: Path) -> None:
    for number in range(40):
        (tmp_path / f"f{number}.causal").write_text(f'import "f{number + 1}.causal"\n')
    assert "nest more than 16 deep" in found_in('import "f0.causal"', tmp_path)[0]


def test_names_of_a_file_that_failed_are_not_missed(tmp_path: Path) -> None:
    text = 'import "nowhere.causal"\n' + block(
        "input x : Colour", "output y : bool = f(x) and x == red"
    )
    _, rules, _ = elaborated(text, tmp_path)
    assert [rule.code for rule in rules] == ["C113"]


def test_a_name_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "other.causal").write_text("domain Colour = {red, blue}\n")
    found = found_in('import Color from "other.causal"', tmp_path)
    assert found == ["C114 `other.causal` declares no `Color`"]
