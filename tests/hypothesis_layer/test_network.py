"""Networks: settings, feeds, reads, and what the file alone tells of their shape."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from causalabs.diagnostics import Source
from causalabs.hypothesis.check import examine
from causalabs.hypothesis.model import (
    AtIndex,
    AtStep,
    FeedSteps,
    FeedText,
    FeedTokens,
    FeedVectors,
    Last,
    NetworkSpec,
    Part,
)
from causalabs.hypothesis.rules_feed import BITS, GRU, STEPS
from causalabs.hypothesis.rules_network import ADDER, FED, TEXT, TRANSFORMER, wired

END = (
    "\ncounterfactuals {\n  sample 100\n  split heldout 100%\n}\n\n"
    "expect accuracy >= 0.9 on heldout\n"
)


def codes(text: str, folder: Path = Path(".")) -> list[str]:
    return [
        each.code
        for each in examine(Source("hypothesis t\n" + text + END, "t", folder)).diagnostics
    ]


def network(text: str, folder: Path = Path(".")) -> NetworkSpec:
    checked = examine(Source("hypothesis t\n" + text + END, "t", folder))
    assert checked.hypothesis is not None, [d.message for d in checked.diagnostics]
    return checked.hypothesis.network


def test_vectors_take_whole_families_in_order() -> None:
    feed = network(wired("feed b, a", "read both", call="mlp(hidden = [4])", algorithm=BITS)).feed
    assert feed == FeedVectors(("b[0]", "b[1]", "b[2]", "a[0]", "a[1]", "a[2]"))


def test_steps_come_from_the_families() -> None:
    spec = network(wired(*STEPS, call=GRU, algorithm=BITS))
    assert spec.feed == FeedSteps((("a[0]", "b[0]"), ("a[1]", "b[1]"), ("a[2]", "b[2]")))
    assert [read.position for read in spec.reads] == [AtStep(0), AtStep(1), AtStep(2)]


def test_a_read_may_bind_its_index_by_itself() -> None:
    text = wired('feed "<", a[0], a[1], a[2], b[0], b[1], b[2]', "read both[i] at index 2 * i + 1",
                 call=TRANSFORMER, algorithm=BITS)  # fmt: skip
    spec = network(text)
    assert isinstance(spec.feed, FeedTokens)
    assert [read.position for read in spec.reads] == [AtIndex(1), AtIndex(3), AtIndex(5)]


def test_a_read_may_be_at_a_step_of_its_own() -> None:
    algorithm = BITS.replace("}\n", "  output last : bool = b[2]\n}\n")
    text = wired(*STEPS, "read last at last step", call=GRU, algorithm=algorithm)
    assert network(text).reads[-1].position == AtStep(2)


def test_templates_keep_text_formats_and_doubled_braces() -> None:
    spec = network(wired('feed "{{{x:02}}} \\"+\\" {y} ="', "read large at last", call=TRANSFORMER))
    assert isinstance(spec.feed, FeedText)
    assert spec.feed.templates == (("{", Part("x", "02"), '} "+" ', Part("y"), " ="),)
    assert spec.reads[0].position == Last()


def test_a_row_of_a_file_restricts_inputs(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text(
        '{"text": "{x} + {y} ="}\n\n{"text": "{y} plus three =", "x": [3, 5]}\n'
    )
    spec = network(
        wired('feed any from "rows.jsonl"', "read large at last", call=TRANSFORMER), tmp_path
    )
    assert isinstance(spec.feed, FeedText)
    assert spec.feed.limits == ((), (("x", (3, 5)),))


def test_files_that_are_fed_are_part_of_the_plan(tmp_path: Path) -> None:
    text = wired('prefix "a.txt"', 'feed any from "rows.jsonl"', "read large at last",
                 call=TRANSFORMER)  # fmt: skip
    (tmp_path / "a.txt").write_text("1 2")
    found = []
    for words in ("plus", "and"):
        (tmp_path / "rows.jsonl").write_text(f'{{"text": "{{x}} {words} {{y}} ="}}')
        hypothesis = examine(Source("hypothesis t\n" + text + END, "t", tmp_path)).hypothesis
        assert hypothesis is not None
        assert [path for path, _ in hypothesis.files] == ["a.txt", "rows.jsonl"]
        found.append(dict(hypothesis.files))
    assert found[0]["a.txt"] == found[1]["a.txt"]
    assert found[0]["rows.jsonl"] != found[1]["rows.jsonl"]


@pytest.mark.parametrize(
    "row",
    [
        "[1, 2]",
        "{",
        '{"txt": "{x} {y}"}',
        '{"text": 3}',
        '{"text": " "}',
        '{"text": "{x} {z}"}',
        '{"text": "{x} {y}", "x": 10}',
        '{"text": "{x} {y}", "x": true}',
        '{"text": "{x} {y}", "z": 1}',
        "[" * 100_000,
    ],
)
def test_a_malformed_row_is_one_error(row: str, tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"text": "{x} {y} ="}\n' + row + "\n")
    text = wired('feed any from "rows.jsonl"', "read large at last", call=TRANSFORMER)
    assert codes(text, tmp_path) == ["C354"]


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00", b"", b"\n \n"])
def test_an_unusable_file_is_one_error(content: bytes | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "rows.jsonl").write_bytes(content)
    text = wired('feed any from "rows.jsonl"', "read large at last", call=TRANSFORMER)
    assert codes(text, tmp_path) == ["C353"]


def test_a_folder_is_no_prefix(tmp_path: Path) -> None:
    (tmp_path / "inside").mkdir()
    assert codes(wired('prefix "inside"', *TEXT, call=TRANSFORMER), tmp_path) == ["C353"]


def test_a_prefix_is_part_of_the_feed(tmp_path: Path) -> None:
    (tmp_path / "before.txt").write_bytes(b"1 + 2 = 3\r\n")
    feed = network(wired('prefix "before.txt"', *TEXT, call=TRANSFORMER), tmp_path).feed
    assert isinstance(feed, FeedText)
    assert feed.prefix == "1 + 2 = 3\n"


def test_a_prefix_counts_where_a_literal_must_be_unique(tmp_path: Path) -> None:
    (tmp_path / "before.txt").write_text("1 + 2 = 3\n")
    text = wired('prefix "before.txt"', *TEXT, call=TRANSFORMER,
                 alignment='partial -> residual 0 at "+"')  # fmt: skip
    assert codes(text, tmp_path) == ["C444"]


def test_settings_come_in_the_order_of_the_signature() -> None:
    spec = network(wired(*TEXT, call="transformer(width = 32, heads = 4, layers = 2)"))
    assert spec.settings == (("layers", 2), ("heads", 4), ("width", 32))
    assert network(wired(*TEXT, call="transformer(2, 4, 32)")).settings == spec.settings


def test_everything_wrong_is_told_at_once() -> None:
    text = wired("feed x, y, zz", "read larg", "train until acc >= 2", call="mlp(hiden = [16])")
    assert codes(text) == ["C302", "C341", "C310", "C316"]


def test_an_unknown_network_says_nothing_of_its_alignment() -> None:
    assert codes(wired(*FED, call="mpl(hidden = [4])", alignment="partial -> hiden 7")) == ["C301"]


def test_implementing_takes_the_place_it_is_told() -> None:
    algorithm = ADDER.replace("algorithm", "algorithm add")
    places = "train to implement add {\n    partial -> hidden 1 in dims 4..7\n  }"
    spec = network(wired(*FED, places, "train until accuracy >= 0.9", algorithm=algorithm))
    assert spec.until == 0.9
    assert spec.implement is not None
    (space,) = spec.implement.spaces
    assert (space.basis.kind, space.members[0].block) == ("neurons", (4, 5, 6, 7))


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet='{}xyz[]:0+ "\\n', max_size=14))
def test_any_template_is_read_or_refused_in_place(template: str) -> None:
    quoted = '"' + template.replace("\\", "\\\\").replace('"', '\\"') + '"'
    text = "hypothesis t\n" + wired(f"feed {quoted}", "read large at last", call=TRANSFORMER) + END
    start = text.index("feed ")
    line = range(start, text.index("\n", start) + 1)
    for each in examine(Source(text)).diagnostics:
        assert each.code in {"C343", "C345", "C341", "C347", "C348", "C346", "C349", "C355"}
        assert each.span.start in line
        assert each.span.end in line
