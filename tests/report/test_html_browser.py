"""The report in a real browser: nothing overlaps, nothing is cut, nothing complains.

Skipped where there is no Chromium: `apt install chromium`, or CAUSALABS_CHROMIUM=/path/to/it.
"""

from __future__ import annotations

import os

import pytest

from causalabs.report.html_file import write_report
from tests.report import made
from tests.report.browser import Browser, find
from tests.report.test_html import hostile

pytestmark = pytest.mark.skipif(
    find() is None or os.name != "posix",
    reason="no Chromium here: apt install chromium, or set CAUSALABS_CHROMIUM",
)

OVERLAPS = """
(() => {
  const boxes = [...document.querySelectorAll("%s")]
    .map(e => [e.textContent, e.getBoundingClientRect()]);
  const found = [];
  for (let i = 0; i < boxes.length; i++) for (let j = i + 1; j < boxes.length; j++) {
    const [a, p] = boxes[i], [b, q] = boxes[j];
    const wide = Math.min(p.right, q.right) - Math.max(p.left, q.left);
    const high = Math.min(p.bottom, q.bottom) - Math.max(p.top, q.top);
    if (wide > 1 && high > 1) found.push([a, b, wide, high]);
  }
  return found;
})()
"""
"""Pairs of elements whose boxes share more than a pixel each way."""

OUTSIDE = """
(() => {
  const found = [];
  for (const svg of document.querySelectorAll('svg')) {
    const whole = svg.getBoundingClientRect();
    if (whole.width < 5 || whole.height < 5) found.push(['empty', svg.outerHTML.slice(0, 80)]);
    for (const each of svg.querySelectorAll('rect, circle, line, path, text')) {
      if (each.closest('defs')) continue;
      const box = each.getBoundingClientRect();
      if (box.left < whole.left - 1 || box.right > whole.right + 1 ||
          box.top < whole.top - 1 || box.bottom > whole.bottom + 1)
        found.push(['outside', each.outerHTML.slice(0, 120)]);
      if (box.width + box.height === 0) found.push(['nothing', each.outerHTML.slice(0, 120)]);
    }
  }
  return found;
})()
"""

FADED = """
(() => {
  const light = c => { const [r, g, b] = c.match(/[\\d.]+/g).map(v => {
    v /= 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; });
    return .2126 * r + .7152 * g + .0722 * b; };
  const page = light(getComputedStyle(document.body).backgroundColor);
  const found = [];
  for (const each of document.querySelectorAll('h1, p, td, th, dt, dd, li, caption, .plot text')) {
    if (each.closest('.warning') || !each.textContent.trim()) continue;
    const style = getComputedStyle(each);
    let ground = page;
    const layer = each.querySelector('i');
    if (layer) {  // a cell of a map: its colour lies over the page
      const share = +getComputedStyle(layer).opacity;
      const over = getComputedStyle(layer).backgroundColor.match(/[\\d.]+/g);
      const under = getComputedStyle(document.body).backgroundColor.match(/[\\d.]+/g);
      ground = light('rgb(' + over.map((v, i) => v * share + under[i] * (1 - share)) + ')');
    }
    const ink = light(each.namespaceURI.endsWith('svg') ? style.fill : style.color);
    const ratio = (Math.max(ink, ground) + .05) / (Math.min(ink, ground) + .05);
    if (ratio < 4.5) found.push([each.textContent.slice(0, 40), ratio]);
  }
  return found;
})()
"""
"""Text with less contrast than WCAG 2 AA asks for."""


TINY = """
[...document.querySelectorAll('.plot text, .graph text')]
  .filter(e => e.getBoundingClientRect().height < 8).map(e => e.textContent)
"""
"""Letters that only a magnifying glass reads."""


@pytest.fixture(scope="module")
def browser():
    try:
        mine = Browser(find())
    except RuntimeError as error:
        if "CAUSALABS_CHROMIUM" in os.environ:  # who names one wants to know
            raise
        pytest.skip(f"{find()} does not start: {error}")
    yield mine
    mine.close()


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    root = tmp_path_factory.mktemp("reports")
    folders = {
        "small": made.run_folder(root / "small", registration=made.REGISTERED),
        "rich": made.run_folder(root / "rich", make=made.rich_results, hunts=made.HUNTS),
        "hostile": hostile(root / "hostile"),
    }
    return {name: write_report(folder).report for name, folder in folders.items()}


@pytest.mark.parametrize("name", ["small", "rich", "hostile"])
@pytest.mark.parametrize(("width", "dark", "media"), [
    (1000, False, ""), (1000, True, ""), (390, False, ""), (760, False, "print"),
])  # fmt: skip
def test_nothing_overlaps_is_cut_or_complains(browser, reports, name, width, dark, media):
    browser.open(reports[name], width=width, dark=dark, media=media)
    assert browser.complaints() == []
    assert browser.requests() == [reports[name].as_uri()]
    assert browser.tell(OVERLAPS % "svg.plot text") == []
    assert browser.tell(OVERLAPS % ".graph text") == []
    assert (
        browser.tell(OVERLAPS % "h1, h2, p, dt, dd, caption, th, td, figcaption, pre, svg[role]")
        == []
    )
    assert browser.tell(OUTSIDE) == []
    assert browser.tell(FADED) == []
    if not media:
        assert browser.tell(TINY) == []
    # A page that scrolls sideways is a page that is cut, on paper for good.
    assert browser.tell("document.documentElement.scrollWidth") <= width


def test_colours_follow_the_reader_and_paper_is_white(browser, reports):
    page = "getComputedStyle(document.body).backgroundColor"
    browser.open(reports["small"], dark=False)
    assert browser.tell(page) == "rgb(255, 255, 255)"
    browser.open(reports["small"], dark=True)
    assert browser.tell(page) == "rgb(13, 17, 23)"
    browser.open(reports["small"], dark=True, media="print")
    assert browser.tell(page) == "rgb(255, 255, 255)"
    assert browser.pages().startswith(b"%PDF")


def test_text_of_a_person_does_nothing(browser, reports):
    browser.open(reports["hostile"])
    assert browser.tell("document.title").startswith("<script>")
    assert browser.tell("document.scripts.length + document.images.length") == 0
    assert "owned" in browser.tell("document.querySelector('.claim').innerText")


def test_the_page_is_there_without_scripts(browser, reports):
    browser.ask("Emulation.setScriptExecutionDisabled", value=True)
    browser.open(reports["rich"])
    browser.ask("Emulation.setScriptExecutionDisabled", value=False)
    assert browser.tell("document.querySelectorAll('svg.plot[role=img]').length") == 12
    assert "How to repeat it" in browser.tell("document.body.innerText")


def test_a_reader_of_screens_hears_what_pictures_show(browser, reports):
    browser.open(reports["small"])
    browser.ask("Accessibility.enable")
    nodes = browser.ask("Accessibility.getFullAXTree")["nodes"]
    heard = [(n["role"]["value"], n.get("name", {}).get("value", "")) for n in nodes if "role" in n]
    pictures = [name for role, name in heard if role in ("image", "img")]
    assert "expectations: values, 95 % intervals and bounds" in pictures
    assert "algorithm" in pictures
    assert ("table", "In numbers") in heard
    assert "met" in " ".join(name for role, name in heard if role == "StaticText")


POINTS = """
[...document.querySelectorAll('.series')].map(s => [
  s.querySelector('title').textContent,
  [...s.querySelectorAll('.point')].map(p => {
    const box = p.getBoundingClientRect();
    return [+p.dataset.value, (box.left + box.right) / 2, (box.top + box.bottom) / 2];
  })])
"""
"""The points of a capacity curve: number, and where it is drawn."""


def test_a_capacity_curve_draws_its_numbers_to_scale(browser, reports):
    browser.open(reports["rich"])
    series = {name: sorted(points, key=lambda p: p[1]) for name, points in browser.tell(POINTS)}
    assert set(series) == {"the network", "untrained"}
    # In order of capacity; of equal ones, of dims.
    assert [p[0] for p in series["the network"]] == [0.6, 0.7, 0.52, 0.74, 0.93, 0.998]
    assert [p[0] for p in series["untrained"]] == [0.5, 0.49, 0.5, 0.51, 0.55, 0.82]
    drawn = [point for points in series.values() for point in points]
    low, high = min(drawn), max(drawn)
    pixels = (low[2] - high[2]) / (high[0] - low[0])  # what is more stands higher
    assert pixels > 50
    for value, _, y in drawn:
        assert abs(low[2] - (value - low[0]) * pixels - y) < 1.5
    for mine, other in zip(series["the network"], series["untrained"], strict=True):
        assert 2 < other[1] - mine[1] < 20  # side by side, at one basis


BATTERY = """
[...document.querySelectorAll('svg.plot[role=img]')]
  .filter(s => s.querySelector('title').textContent.includes('beside its controls'))
  .map(s => [...s.querySelectorAll('circle.value')].map(c => {
    const box = c.getBoundingClientRect();
    return [+c.dataset.value, (box.left + box.right) / 2];
  }))
"""


def test_a_battery_draws_controls_on_one_scale(browser, reports):
    browser.open(reports["rich"])
    (points,) = browser.tell(BATTERY)
    assert [value for value, _ in points] == [0.91, 0.5, 0.55, 0.52, 0.5, 0.61, 0.71]
    (low, left), (high, right) = min(points), max(points)
    for value, x in points:
        assert abs(left + (value - low) / (high - low) * (right - left) - x) < 1.5
