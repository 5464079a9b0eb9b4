"""How diagnostics look: carets under what they mean, in every shape of text."""

import pytest
from hypothesis import given, settings, strategies as st

from causalabs.diagnostics import Diagnostic, Label, Severity, Source, Span, render
from causalabs.rendering import as_json, summary


def found(
    text: str, part: str, label: str = "here", *, severity: Severity = "error", **more: object
) -> Diagnostic:
    start = text.index(part)
    span = Span(start, start + len(part))
    source = Source(text, "sum.causal")
    return Diagnostic("C201", severity, "`x` is wrong", span, source, label, **more)  # type: ignore[arg-type]


SUM = "algorithm {\n  var    partial : 0..18 = x + y\n  output total   : 0..18 = partial + z\n}\n"


def test_the_sample() -> None:
    start = SUM.index("0..18 = partial")
    first = SUM.index("0..18")
    diagnostic = Diagnostic(
        "C201",
        "error",
        "`total` can leave its domain",
        Span(start, start + 5),
        Source(SUM, "sum.causal"),
        "but `partial + z` reaches 27",
        "declare `0..27`, or `mod 19` if wrapping is intended",
        (Label(Span(first, first + 5), "up to 18"),),
    )
    assert render(diagnostic) == (
        "error[C201]: `total` can leave its domain\n"
        " --> sum.causal:3:20\n"
        "  |\n"
        "2 |   var    partial : 0..18 = x + y\n"
        "  |                    ----- up to 18\n"
        "3 |   output total   : 0..18 = partial + z\n"
        "  |                    ^^^^^ but `partial + z` reaches 27\n"
        "  = help: declare `0..27`, or `mod 19` if wrapping is intended"
    )


def test_far_lines_are_elided_and_one_between_is_shown() -> None:
    text = "a\nb\nc\nd\ne\nf\n"
    far = found(text, "f", related=(Label(Span(0, 1), "first"),))
    assert "1 | a\n  | - first\n...\n6 | f" in render(far)
    near = found(text, "c", related=(Label(Span(0, 1), "first"),))
    assert "1 | a\n  | - first\n2 | b\n3 | c" in render(near)


def test_two_marks_on_one_line() -> None:
    shown = render(found("x == y == z", "==", related=(Label(Span(7, 9), "second"),)))
    assert shown.splitlines()[3:] == [
        "1 | x == y == z",
        "  |   ^^   -- second",
        "  |   |",
        "  |   here",
    ]


def test_end_of_file_is_shown_behind_the_last_line() -> None:
    diagnostic = Diagnostic("C001", "error", "m", Span(8, 8), Source("seeds 0\n", "a"), "wanted")
    assert render(diagnostic).splitlines()[1:] == [
        " --> a:1:8",
        "  |",
        "1 | seeds 0",
        "  |        ^ wanted",
    ]
    assert as_json(diagnostic)["line"] == 1


def test_tabs_and_wide_letters_keep_the_caret_below() -> None:
    assert render(found("\tx = y", "y")).splitlines()[3:] == ["1 |     x = y", "  |         ^ here"]
    assert render(found('"日本" x', "x")).splitlines()[4] == "  |        ^ here"
    assert render(found("é".encode().decode() + " x", "x")).splitlines()[4] == "  |   ^ here"


def test_a_span_of_several_lines() -> None:
    shown = render(found(SUM, SUM.rstrip()))
    assert shown.splitlines()[3:] == [
        "1 | algorithm {",
        "  | ^^^^^^^^^^^",
        "...",
        "4 | }",
        "  | ^ here",
    ]


def test_a_long_line_is_cut_around_the_mark() -> None:
    text = "x + " * 300 + "wrong" + " + y" * 300
    line, marks = render(found(text, "wrong")).splitlines()[3:5]
    assert len(line) < 120
    assert line[marks.index("^") :].startswith("wrong")


def test_nothing_but_a_headline_without_a_text() -> None:
    diagnostic = Diagnostic("C001", "error", "m", Span(0, 0), Source("", "a"), help="one\ntwo")
    assert render(diagnostic) == "error[C001]: m\n --> a\n  = help: one\n          two"


def test_colour_changes_no_text() -> None:
    import re

    diagnostic = found(SUM, "total", help="do this", severity="warning")
    coloured = render(diagnostic, colour=True)
    assert "\x1b[1;33m" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == render(diagnostic)


def test_json() -> None:
    diagnostic = found(SUM, "total", help="h", related=(Label(Span(0, 9), "r"),))
    assert as_json(diagnostic) == {
        "code": "C201",
        "severity": "error",
        "message": "`x` is wrong",
        "file": "sum.causal",
        "line": 3,
        "column": 10,
        "end_line": 3,
        "end_column": 15,
        "help": "h",
        "related": [{"message": "r", "line": 1, "column": 1, "end_line": 1, "end_column": 10}],
    }


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        ([], "no diagnostics"),
        (["error"], "1 error"),
        (["warning", "error", "error"], "2 errors, 1 warning"),
        (["note", "note"], "2 notes"),
    ],
)
def test_summary(kinds: list[Severity], expected: str) -> None:
    assert summary(found(SUM, "total", severity=kind) for kind in kinds) == expected


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="ab \t\n日é\u0301\x00", max_size=60), st.data())
def test_any_spans_in_any_text(text: str, data: st.DataObject) -> None:
    def span() -> Span:
        start = data.draw(st.integers(0, len(text)))
        return Span(start, data.draw(st.integers(start, len(text))))

    labels = tuple(Label(span(), "more") for _ in range(data.draw(st.integers(0, 3))))
    diagnostic = Diagnostic("C001", "note", "m", span(), Source(text, "a"), "here", "h", labels)
    shown = render(diagnostic)
    assert shown.startswith("note[C001]: m\n")
    if text:
        assert "here" in shown
        assert shown.count("more") == len(labels)
    place = as_json(diagnostic)
    assert (place["line"], place["column"]) <= (place["end_line"], place["end_column"])
