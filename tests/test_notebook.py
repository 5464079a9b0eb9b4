"""What notebooks show: well-formed HTML that escapes, and a frame where pandas is there."""

from __future__ import annotations

import sys
from html.parser import HTMLParser

import pytest

import causalabs
from causalabs.results import Judged, Results, Row, SeedValue
from tests.mutations import EXAMPLES
from tests.test_cli import SMALL

VOID = {"br", "img", "hr", "rect", "path"}
ROWS = (
    Judged("iia of larger on heldout", 25, 0.99996, 0.9, 1.0, 160, False, 0.8, ">=", "met"),
    Judged(
        "iia < x", 26, 0.5, 0.5, 0.5, 16, True, 0.8, ">=", "not met", (SeedValue(0, 0.5, 0, 1),)
    ),
)
RESULTS = Results(
    "small", "A <b>claim</b>.", "not met", ROWS, (Judged("mass", 27, 0.25, 0.2, 0.3, 9, False),),
    (Row("larger", "a", "heldout", (("", 0.9), ("untrained", 0.4))),
     Row("larger", "b", "heldout", (("", 0.8),)),
     Row("larger", "a", "heldout", (("", 0.3),), "mass")),
    {}, {}, "plan", "runs/plan", {}, {}, ("a <note>",), True,
)  # fmt: skip


class Page(HTMLParser):
    """Fails on tags that do not match; keeps the text and the tags."""

    def __init__(self, html):
        super().__init__()
        self.open, self.tags, self.text = [], [], ""
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def test_results_show_verdicts_numbers_and_controls():
    page = Page(RESULTS._repr_html_())
    assert "✗ not met" in page.text
    assert "A <b>claim</b>." in page.text
    assert "0.9999" in page.text
    assert "exact, n = 16" in page.text
    assert "untrained" in page.text
    assert "larger in b, heldout" in page.text
    assert "IIA by interchange" in page.text
    assert "mass by interchange" in page.text
    assert "a <note>" in page.text
    assert "cached" in page.text
    assert page.tags.count("table") == 4


def test_an_amendment_is_shown():
    from dataclasses import replace

    told = {"status": "amended", "changes": [{"part": "expectations"}]}
    page = Page(replace(RESULTS, registration=told)._repr_html_())
    assert "amended after results were seen: expectations" in page.text


@pytest.mark.parametrize("name", ["which_route", "carry_adder", "city_country"])
def test_a_hypothesis_shows_its_claim_graph_and_expectations(name):
    hypothesis = causalabs.load(EXAMPLES / f"{name}.causal")
    page = Page(hypothesis._repr_html_())
    assert hypothesis.claim in page.text
    assert page.tags.count("svg") == len(hypothesis.algorithms)
    assert all(each.quantity.text in page.text for each in hypothesis.expectations)
    assert hypothesis.source.text in page.text


def test_texts_are_escaped():
    text = SMALL.replace("compares first", "compares <script>alert(1)</script>")
    page = Page(causalabs.loads(text)._repr_html_())
    assert "script" not in page.tags
    assert "<script>" in page.text


def test_an_algorithm_is_a_picture():
    page = Page(causalabs.loads(SMALL).algorithm._repr_html_())
    assert page.tags.count("rect") == 4
    assert "larger : bool" in page.text


def test_results_become_a_frame():
    pandas = pytest.importorskip("pandas")
    frame = RESULTS.to_frame()
    assert isinstance(frame, pandas.DataFrame)
    assert list(frame["kind"]) == ["expect", "expect", "report"]
    assert frame.loc[1, "verdict"] == "not met"
    assert frame.loc[0, "value"] == 0.99996
    assert list(frame.columns)[:3] == ["kind", "text", "value"]


def test_without_pandas_a_message_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(causalabs.RunError, match="needs the package pandas") as raised:
        RESULTS.to_frame()
    assert "pip install pandas" in raised.value.help
