"""The HTML report: well-formed, complete, inert, its numbers those of results.json."""

from __future__ import annotations

import json
import math
import re
import shutil
import stat
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import HealthCheck, event, given, settings, strategies as st

import causalabs
from causalabs.plans import make_plan
from causalabs.report.html_file import write_report
from causalabs.report.html_page import page
from causalabs.report.html_plot import LEFT, RIGHT, Scale, shortened
from causalabs.report.html_search import Search, search_parts
from causalabs.report.reading import read_run
from causalabs.runs import RunFolder
from tests.report import made
from tests.test_cli import SMALL, causalabs as command

VOID = {"meta", "br"}
SECTIONS = (
    "Expected", "Where it fails", "Controls beside", "Algorithm", "Fits", "Pre-registration",
    "Network", "Environment and time", "How to repeat it",
)  # fmt: skip

ROW = '<tr><th scope="row">([^<]*)</th><td[^>]*><i[^>]*></i><data value="([^"]*)"'
"""A row of a map: its name, its first score."""


class Page(HTMLParser):
    """Fails on tags that do not match; keeps elements with their attributes, and the text."""

    def __init__(self, html):
        super().__init__()
        self.open, self.elements, self.text = [], [], ""
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not self.open or self.open[-1] != "style":
            self.text += data

    def all(self, tag, **attributes):
        return [
            found for name, found in self.elements
            if name == tag and all(found.get(k.rstrip("_")) == v for k, v in attributes.items())
        ]  # fmt: skip

    def numbers(self):
        return [float(each["value"]) for each in self.all("data")]


def shown(folder):
    html = page(read_run(folder))
    return Page(html), html


@pytest.fixture
def folder(tmp_path):
    return made.run_folder(tmp_path / "runs", registration=made.REGISTERED)


@pytest.fixture
def rich(tmp_path):
    return made.run_folder(tmp_path / "runs", make=made.rich_results)


def test_a_page_has_every_section_once_and_says_the_verdict(folder):
    found, html = shown(folder)
    assert html.startswith("<!DOCTYPE html>\n<html lang=")
    headings = re.findall("<h2[^>]*>([^<]*)</h2>", html)
    assert headings == list(SECTIONS)
    assert "The network compares first." in found.text
    assert "✗ not met" in found.text
    assert "1 of 3 expectations met" in found.text
    assert "registered 2026-01-01T00:00:00+00:00" in found.text.lower().replace("t0", "T0")
    ids = [each["id"] for _, each in found.elements if "id" in each]
    assert len(ids) == len(set(ids))


def test_it_needs_nothing_from_outside_and_no_script(rich):
    found, html = shown(rich)
    assert not found.all("script")
    assert not found.all("link")
    assert not found.all("img")
    for _, attributes in found.elements:
        assert not {"src", "href", "onload", "onclick"} & set(attributes)
    assert "@import" not in html
    assert "url(" not in html.replace("url(#tip", "")
    (policy,) = found.all("meta", **{"http-equiv": "Content-Security-Policy"})
    assert policy["content"].startswith("default-src 'none'")


def test_tables_are_tables_and_pictures_have_titles(rich):
    found, html = shown(rich)
    assert len(found.all("table")) == len(found.all("caption")) == html.count("</thead>")
    assert all(each.get("scope") in ("col", "row") for each in found.all("th"))
    for picture in re.findall("<svg.*?</svg>", html, re.S):
        assert 'aria-hidden="true"' in picture[:90] or re.match("<svg[^>]*>\\s*<title>.", picture)
    assert "prefers-color-scheme: dark" in html
    assert "@media print" in html


def test_numbers_are_those_of_the_results_to_the_last_digit(folder):
    found, _ = shown(folder)
    document = json.loads((folder / "results.json").read_text())
    wanted = []
    for each in document["expectations"]:
        ends = [] if each["exact"] else [each["low"], each["high"]]
        wanted += [each["value"], *ends, each["bound"]]
    wanted += [value for row in document["table"] for _, value in row["values"]]
    wanted += [fit["train_iia"] for fits in document["fits"].values() for fit in fits]
    assert found.numbers() == wanted
    for each in document["expectations"]:
        assert each["text"] in found.text


def test_marks_stand_where_the_scale_has_their_values(folder):
    _, html = shown(folder)
    (picture,) = re.findall('<svg class="plot" viewBox="0 0.*?</svg>', html, re.S)
    ticks = [
        (float(x), float(text))
        for x, text in re.findall('class="axis" x="([^"]*)"[^>]*>([^<]*)<', picture)
    ]
    (x0, low), (x1, high) = ticks[0], ticks[-1]
    marks = re.findall('class="value" cx="([^"]*)"[^>]*data-value="([^"]*)"', picture)
    assert [float(value) for _, value in marks] == [each.value for each in made.EXPECTED]
    for x, value in marks:
        assert low + (float(x) - x0) / (x1 - x0) * (high - low) == pytest.approx(
            float(value), abs=1e-4
        )
    bars = re.findall('class="range" x1="([^"]*)" x2="([^"]*)"', picture)
    for (start, end), row in zip(bars, made.EXPECTED, strict=True):
        for x, value in ((start, row.low), (end, row.high)):
            assert low + (float(x) - x0) / (x1 - x0) * (high - low) == pytest.approx(
                value, abs=1e-4
            )


def test_a_control_is_drawn_beside_the_quantity_that_it_controls(folder):
    _, html = shown(folder)
    titles = re.findall("<title>([^<]*)</title>", html)
    (beside,) = [each for each in titles if each.endswith("; untrained .944")]
    assert beside.startswith("iia of larger on heldout: ")


def hostile(root):
    """A run folder of which every text tries to be markup."""

    def make(plan, folder):
        base = made.small_results(plan, folder)
        rows = tuple(replace(each, text=made.HOSTILE) for each in base.expectations)
        fit = replace(
            base.fits["seed0-plain-alignment"][0], space=made.HOSTILE, choice=made.HOSTILE,
            select_scores=(0.1, 0.2, 0.3), labels=(made.HOSTILE, made.HOSTILE + "2", "c"),
        )  # fmt: skip
        failing = replace(
            made.FAILING, name=made.HOSTILE, expectation=made.HOSTILE, split=made.HOSTILE,
            base={made.HOSTILE: made.HOSTILE}, algorithm={made.HOSTILE: made.HOSTILE},
        )  # fmt: skip
        rule = replace(made.RULE, rule=made.HOSTILE, expectation=made.HOSTILE)
        return replace(
            base, hypothesis=made.HOSTILE, claim=made.HOSTILE, expectations=rows, reports=rows,
            table=(replace(base.table[0], line=made.HOSTILE, values=((made.HOSTILE, 0.5),)),),
            fits={made.HOSTILE: (fit,)}, notes=(made.HOSTILE,), plan=made.HOSTILE,
            network={made.HOSTILE: made.HOSTILE}, environment={made.HOSTILE: made.HOSTILE},
            seconds={made.HOSTILE: 1.0}, counterexamples=(failing,), residuals=(rule,),
        )  # fmt: skip

    text = SMALL.replace("The network compares first.", made.SCRIPT.replace('"', "'"))
    change = {"part": made.HOSTILE, "removed": [made.HOSTILE], "added": []}
    told = {**made.REGISTERED, "lock": made.HOSTILE, "status": "amended", "changes": [change]}
    return made.run_folder(root, make=make, text=text, registration=told)


def test_every_text_of_a_person_is_inert(tmp_path):
    plain, _ = shown(made.run_folder(tmp_path / "plain"))
    found, html = shown(hostile(tmp_path / "runs"))
    assert "<script" not in html.lower()
    assert "<img" not in html.lower()
    assert html.count("</title>") == html.count("<title")
    assert html.count("</style>") == 1
    assert {tag for tag, _ in found.elements} <= {tag for tag, _ in plain.elements} | {
        "ul", "li", "b", "i", "small", "br", "path", "circle"
    }  # fmt: skip
    assert found.text.count("<script>") > 15  # it is all there to be read


def test_what_fails_is_shown_value_by_value(folder):
    found, html = shown(folder)
    assert "Smallest failing interchange of larger on heldout: 45 of 160 fail" in found.text
    part = html[html.index('id="where-it-fails"') : html.index('id="controls-beside"')]
    rows = [re.findall("<t[hd][^>]*>([^<]*)<", each) for each in re.findall("<tr>.*?</tr>", part)]
    assert ["x", "0", "2"] in rows
    assert ["larger", "false", "true", "larger of the source"] in rows
    assert ["answer", "true", "false"] in rows
    assert "Wrong in 94 % of cases with `base.x < 2`, 2 % elsewhere" in found.text


def test_searches_are_maps_or_lines_and_the_winner_is_marked(rich):
    found, html = shown(rich)
    places = html[html.index("Places searched") :]
    assert places.count('<table class="heat"') == 3
    labels, scores = made.grid(12, ("last", 'token 1 of name: "x"', "giver"))
    table = html[html.index("layer by position") : html.index("the best places")]
    assert [float(each) for each in re.findall('<data value="([^"]*)"', table)] == list(scores)
    (chosen,) = re.findall('class="[a-z ]*chosen"><i[^>]*></i><data value="([^"]*)"', table)
    assert float(chosen) == max(scores)
    assert labels[scores.index(max(scores))] in found.text
    profile = [float(v) for v in re.findall('class="point" [^>]*data-value="([^"]*)"', places)]
    assert profile == [i / 40 for i in range(30)]


def test_places_without_names_are_numbered_and_ties_go_to_what_was_chosen():
    search = Search("seed0-plain-a", "v", ("a", "b"), (0.5, 0.5), (), 1)
    (table,) = search_parts([search])
    assert table.index("chosen") > table.index('<data value="0.5"')


def test_more_rows_than_fit_on_a_page_are_several_pictures_on_one_scale(rich):
    _, html = shown(rich)
    expected = html[html.index('id="expected"') : html.index('id="reported"')]
    axes = [
        re.findall('class="axis"[^>]*>([^<]*)<', each)
        for each in re.findall('<svg class="plot" viewBox="0 0.*?</svg>', expected, re.S)
    ]
    assert len(axes) == 2
    assert axes[0] == axes[1]


def test_an_amended_claim_is_said_at_the_top(tmp_path):
    change = {"part": "expectations", "removed": ["old"], "added": ["new"]}
    told = {**made.REGISTERED, "status": "amended", "changes": [change]}
    found, _ = shown(made.run_folder(tmp_path, registration=told))
    assert found.text.index("amended after results were seen") < found.text.index("Expected")
    assert "- old" in found.text


def test_the_command_says_what_is_not_usual(tmp_path):
    hypothesis = replace(made.hypothesis(), seeds=(3, 4))
    plan = make_plan(hypothesis, dtype="float64", backend="pyvene")
    folder = RunFolder.open(tmp_path, plan)
    results = made.small_results(plan, folder.path)
    folder.finish(replace(results, environment={"device": "cuda"}))
    found, _ = shown(folder.path)
    options = "--seeds 3..4 --backend pyvene --dtype float64 --device cuda"
    assert f"causalabs run small.causal {options}" in found.text
    assert causalabs.loads(plan.canonical).canonical in found.text


def test_seeds_with_gaps_and_networks_in_hand_are_repeated_in_python(tmp_path):
    plan = make_plan(replace(made.hypothesis(), seeds=(3, 5)), network="f00")
    folder = RunFolder.open(tmp_path, plan)
    folder.finish(made.small_results(plan, folder.path))
    found, _ = shown(folder.path)
    assert 'causalabs.load("small.causal"), seeds=(3, 5), network=module)' in found.text
    assert "f00" in found.text


def test_a_plan_that_is_not_that_of_the_results_is_said(folder):
    path = folder / "plan.json"
    path.write_text(path.read_text().replace("sample 400", "sample 500"))
    found, _ = shown(folder)
    assert "not that of these results" in found.text


def test_data_files_that_are_gone_leave_the_rest(tmp_path):
    text = SMALL.replace(
        "algorithm {", 'table cities from "cities.csv" key name\n\nalgorithm {', 1
    ).replace("  var    larger", "  def    known(c) = c\n  var    larger")
    (tmp_path / "cities.csv").write_text("name,country\nParis,France\nRome,Italy\n")
    hypothesis = causalabs.loads(text.replace("  def    known(c) = c\n", ""), folder=tmp_path)
    plan = make_plan(hypothesis)
    folder = RunFolder.open(tmp_path / "runs", plan)
    folder.finish(made.small_results(plan, folder.path))
    assert read_run(folder.path, data=tmp_path).hypothesis is not None
    (tmp_path / "cities.csv").write_text("name,country\nParis,Spain\nRome,Italy\n")
    assert read_run(folder.path, data=tmp_path).why == "cities.csv changed since"
    found, _ = shown(folder.path)
    assert "It is not drawn" in found.text
    assert "iia of larger on heldout" in found.text


TEXT = st.text(st.characters(), max_size=30) | st.sampled_from(
    [made.HOSTILE, "</svg></title></style>", "'\"`=<>&", "\ud800", "\x00\x08\u202e", "]]>", "<!--"]
)
NUMBER = st.floats() | st.sampled_from([0.0, 1.0, 0.9996, -1.0, 1e308, -1e308, 5e-324])
JSON = st.none() | st.booleans() | st.integers() | NUMBER | TEXT
ANYTHING = JSON | st.lists(JSON, max_size=3) | st.dictionaries(TEXT, JSON, max_size=3)


def leaves(document, path=()):
    """Where the values of a document stand, its own branches among them."""
    inner = document.items() if isinstance(document, dict) else enumerate(document)
    for key, each in inner:
        yield (*path, key)
        if isinstance(each, dict | list):
            yield from leaves(each, (*path, key))


def put(document, path, value):
    for key in path[:-1]:
        document = document[key]
    document[path[-1]] = value


def spoiled(folder, data, name, changes):
    """A copy of a run with other values in some places of one of its files."""
    copy = folder.parent / "copy"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(folder, copy)
    document = json.loads((copy / name).read_text())
    places = list(leaves(document))
    for place, value in changes(data, places, document):
        put(document, place, value)
    (copy / name).write_text(json.dumps(document))
    return copy


def same_kind(data, places, document):
    """Other texts for texts, other numbers for numbers."""
    for place in data.draw(st.lists(st.sampled_from(places), max_size=30, unique=True)):
        value = document
        for key in place:
            value = value[key]
        if isinstance(value, str) and place[-1] not in ("verdict", "comparison", "how"):
            yield place, data.draw(TEXT)
        elif isinstance(value, float):
            yield place, data.draw(NUMBER)


def anything(data, places, document):
    """Any value in any one place."""
    yield data.draw(st.sampled_from(places)), data.draw(ANYTHING)


MANY = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@MANY
@given(data=st.data())
def test_any_texts_and_numbers_make_a_page_that_is_well_formed(rich, data):
    copy = spoiled(rich, data, "results.json", same_kind)
    html = write_report(copy).report.read_text("utf-8")
    found = Page(html)
    assert not {"script", "img"} & {tag for tag, _ in found.elements}
    for _, attributes in found.elements:
        drawn = [attributes.get(name) for name in ("x", "y", "x1", "x2", "cx", "cy", "d", "width")]
        assert not any("nan" in each or "inf" in each for each in drawn if each)


@MANY
@given(data=st.data(), name=st.sampled_from(["results.json", "plan.json", "registration.json"]))
def test_any_value_in_any_place_is_a_page_or_one_message(folder, data, name):
    copy = spoiled(folder, data, name, anything)
    try:
        written = write_report(copy)
    except causalabs.RunError as error:
        event(str(error)[-40:])
        return
    Page(written.report.read_text("utf-8"))


# ------------------------------------------------------------------------- files and mistakes


def refused(run, **words):
    with pytest.raises(causalabs.RunError) as caught:
        write_report(run, **words)
    return str(caught.value)


def test_it_is_written_into_the_folder_or_where_one_says(folder, tmp_path):
    written = write_report(folder)
    assert written.report == folder / "report.html"
    assert stat.S_IMODE(written.report.stat().st_mode) == 0o644
    other = tmp_path / "other.html"
    assert write_report(folder, out=other).report == other
    assert (
        other.read_text() == written.report.read_text() == write_report(folder).report.read_text()
    )


def test_an_unfinished_run_says_how_far_it_is(folder):
    (folder / "results.json").unlink()
    (folder / "jobs" / "seed0-plain-network.json").write_text("{}")
    assert "not finished: 1 of its 3 jobs are done" in refused(folder)
    assert not (folder / "report.html").exists()


@pytest.mark.parametrize(
    "damage", [b"", b"{", b"[]", b"\xff\xfe", b'{"claim": 1}', b'{"a": ' * 100_000]
)
@pytest.mark.parametrize("name", ["results.json", "plan.json", "registration.json"])
def test_a_damaged_file_is_named_and_left_as_it_is(folder, name, damage):
    (folder / name).write_bytes(damage)
    assert f"{name} is damaged" in refused(folder)
    assert (folder / name).read_bytes() == damage


@pytest.mark.parametrize(
    ("field", "value"),
    [("claim", 5), ("verdict", "perhaps"), ("table", [{}]), ("fits", []), ("seconds", {"a": "b"}),
     ("notes", [3]), ("network", None), ("expectations", [1])],
)  # fmt: skip
def test_a_field_that_holds_something_else_is_damage_not_a_fault_of_ours(folder, field, value):
    document = json.loads((folder / "results.json").read_text())
    (folder / "results.json").write_text(json.dumps({**document, field: value}))
    assert "results.json is damaged" in refused(folder)


def test_what_is_no_run_is_said(folder, tmp_path):
    assert "there is no run" in refused(tmp_path / "nowhere")
    assert "it has no plan.json" in refused(tmp_path)
    assert f"name one of them: {folder}" in refused(folder.parent)
    assert f"name its folder: {folder}" in refused(folder / "results.json")


def test_nothing_but_a_report_is_written_over(folder, tmp_path):
    kept = tmp_path / "kept.causal"
    kept.write_text(SMALL)
    assert "exists and is no report" in refused(folder, out=kept)
    assert kept.read_text() == SMALL
    assert "cannot be written" in refused(folder, out=tmp_path / "no" / "a.html")


def test_the_latest_run_of_a_file_is_meant(tmp_path):
    file, runs = tmp_path / "small.causal", tmp_path / "runs"
    file.write_text(SMALL)
    assert "was not run" in refused(file, runs=runs)
    older = made.run_folder(runs)
    plan = make_plan(replace(made.hypothesis(), seeds=(7,)))
    newer = RunFolder.open(runs, plan)
    assert write_report(file, runs=runs).run.folder == older  # the newer is not finished
    newer.finish(made.small_results(plan, newer.path))
    assert write_report(file, runs=runs).run.folder == newer.path
    file.write_text(SMALL.replace("sample 400", "sample 300"))
    assert "was not run as it stands now" in refused(file, runs=runs)


def test_the_command_prints_where_it_wrote(folder, tmp_path):
    done = command("report", folder, "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["report"] == str(folder / "report.html")
    assert document["verdict"] == "not met"
    (folder / "results.json").write_text("{")
    failed = command("report", folder)
    assert failed.returncode == 2
    assert failed.stderr.startswith("error: ")
    assert "Traceback" not in failed.stderr
    assert json.loads(command("report", folder, "--json").stdout)["error"]["help"]


def test_a_report_imports_nothing_heavy(folder):
    import subprocess
    import sys

    code = (
        "import sys; from pathlib import Path; from causalabs.report.html_file import write_report;"
        f"write_report(Path({str(folder)!r}));"
        "print([m for m in ('torch', 'transformers', 'sympy', 'networkx') if m in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert told.stdout.strip() == "[]", told.stderr


def test_a_real_run_is_reported_with_its_lock_and_the_places_searched(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = SMALL.replace("hidden = [8]", "hidden = [8, 8]").replace(
        "hidden 0 in 1 learned dims", "hidden 0..1"
    )
    text = text.replace("train 60%, heldout 40%", "train 40%, select 20%, heldout 40%")
    text = text.replace("expect iia of larger <= 0.95 on heldout under untrained\n", "")
    file = tmp_path / "small.causal"
    file.write_text(text)
    results = causalabs.run(causalabs.load(file))
    written = write_report(file)
    assert written.run.registration == results.registration
    html = written.report.read_text()
    assert f"Registered {results.registration['registered']} in {file}.lock." in Page(html).text
    (fit,) = results.fits["seed0-plain-alignment"]
    assert fit.labels == ("hidden 0", "hidden 1")
    table = html[html.index("IIA on select, place by place") :]
    first = re.findall(ROW, table)
    assert [(label, float(score)) for label, score in first[:2]] == [
        *zip(fit.labels, fit.select_scores, strict=True)
    ]


# ----------------------------------------------------------------------------------- scales


@pytest.mark.parametrize(
    "numbers", [[], [0.5], [0.0], [1e-9, 2e-9], [-3.2, 1000.0], [0.999, 1.0], [1e12, 1e12]]
)
def test_a_scale_holds_its_numbers_and_has_few_round_ticks(numbers):
    scale = Scale.over(numbers)
    assert 2 <= len(scale.ticks) <= 9
    assert len(set(scale.ticks)) == len(scale.ticks)
    for each in numbers:
        assert scale.low <= each <= scale.high
        assert LEFT <= scale.place(each) <= RIGHT
    assert scale.place(-math.inf) == LEFT
    assert scale.place(math.inf) == RIGHT


def test_wide_letters_count_twice():
    assert shortened("部分和部分和", 7) == "部分和…"
    assert shortened("short", 5) == "short"


# ------------------------------------------------- controls, capacity, hunts, certificates


@pytest.fixture
def hunted(tmp_path):
    return made.run_folder(tmp_path / "runs", make=made.rich_results, hunts=made.HUNTS)


def test_a_battery_shows_every_control_with_its_capacity(hunted):
    found, html = shown(hunted)
    for row in made.BATTERY.rows:
        assert repr(row.value) in html
        assert {row.value, row.low, row.high} <= set(found.numbers())
        assert row.text in found.text
    for told in ("random basis", "none fitted", "1,024", "in place of `x > y`",
                 "random_sites: there is no other site of the kind",
                 "the whole site reaches less than 16 dims of it"):  # fmt: skip
        assert told in found.text


def test_a_curve_has_network_and_untrained_and_marks_what_is_not_linear(hunted):
    found, html = shown(hunted)
    assert html.count('<rect class="point"') == html.count('<rect class="point beside"') == 1
    assert html.count('<circle class="point beside" cx') >= 5
    for point in made.CURVE.points:
        assert f'data-value="{point.value!r}"' in html
    for told in ("33,000, not linear", "64 learned dims: too wide", "A square is a map"):
        assert told in found.text


def test_a_hunt_is_kept_beside_the_results(hunted):
    found, _ = shown(hunted)
    assert read_run(hunted).results.hunts == made.HUNTS
    for told in ("12,345", "none, and all there are were run", "met, and yet", "a failing one"):
        assert told in found.text


def test_a_damaged_hunt_is_named(hunted):
    (hunted / "hunts.json").write_text('{"hunts": [{"metric": 3}]}')
    assert "hunts.json is damaged" in refused(hunted)


def test_a_row_says_what_it_rests_on(hunted):
    found, _ = shown(hunted)
    for told in ("stopped early after 150 of 20,000", "149 of 10,000 interchanges seen (1.5 %)",
                 "all 400 interchanges run", "a sample of a continuous space"):  # fmt: skip
        assert told in found.text


def test_a_map_shows_every_effect_and_where_attribution_is_off(hunted):
    found, html = shown(hunted)
    exact, attributed = made.MAPS
    part = html[html.index("Patched</h2>") : html.index("Algorithm</h2>")]
    captions = re.findall("<caption>([^<]*)</caption>", part)
    assert captions[:2] == [f"{exact.text}, patched", f"{exact.text}, attributed"]
    table = part[: part.index("</table>")]
    told = [float(each) for each in re.findall('<data value="([^"]*)"', table)]
    assert told == [cell.exact for cell in exact.cells]
    # Coloured by size, whatever the sign: the largest is deepest.
    shares = [float(each) for each in re.findall("--share:([0-9.]+)", table)]
    largest = max(abs(value) for value in told)
    assert shares == [round(abs(value) / largest, 3) for value in told]
    assert "7 pairs left out" in found.text
    assert "attribution off by more than .1" in part
    assert f"{attributed.text}, attributed" in captions
    assert f"{attributed.text}, patched" not in captions[3:]
