"""Expectations and reports as a picture: value, interval, bound, seeds, controls beside."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from causalabs.report.html_elements import Markup, element, scrolling
from causalabs.report.terminal import MARKS, interval, number
from causalabs.results import Judged

WIDTH, LEFT, RIGHT = 760, 16, 744
ROW, AXIS, TRACK, BASELINE = 54, 34, 36, 18
MOST = 20
"""Rows of one picture: more would not fit on a page."""

LETTERS = 68
"""Of a row's text that fit beside its value; the table has all of it."""

SHAPES: tuple[str, ...] = (
    "M-5 -5H5V5H-5Z",
    "M0 -6L6 5H-6Z",
    "M0 -6L6 0L0 6L-6 0Z",
    "M-5 -5L5 5M-5 5L5 -5",
    "M0 6L6 -5H-6Z",
    "M-6 0H6M0 -6V6",
)
"""What stands for the controls, in the order in which they occur."""


LARGEST = 1e300
"""Numbers beyond it are drawn at the end of their scale."""


@dataclass(frozen=True)
class Shown:
    """A row of the picture: what was judged, and the same quantity under each control."""

    judged: Judged
    controls: tuple[tuple[str, float], ...] = ()

    def numbers(self) -> list[float]:
        """Every finite number that the row shows."""
        row = self.judged
        every = [row.value, row.low, row.high, *(each.value for each in row.seeds)]
        every += [value for _, value in self.controls]
        every += [] if row.bound is None else [row.bound]
        return [each for each in every if math.isfinite(each)]


@dataclass(frozen=True)
class Scale:
    """Numbers to places between LEFT and RIGHT; `ticks` are round.

    >>> Scale.over([0.12, 0.93]).ticks
    (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
    """

    low: float
    high: float
    ticks: tuple[float, ...]

    @staticmethod
    def over(numbers: Iterable[float]) -> Scale:
        """A scale that holds all of some numbers."""
        found = [min(max(each, -LARGEST), LARGEST) for each in numbers] or [0.0, 1.0]
        low, high = min(found), max(found)
        if high - low <= 1e-9 * max(abs(low), abs(high), 1e-290):
            low, high = low - 0.05 * max(abs(low), 1), high + 0.05 * max(abs(high), 1)
        step = _round_step((high - low) / 5)
        first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
        digits = max(0, -math.floor(math.log10(step)))
        ticks = tuple(round(i * step, digits) for i in range(first, last + 1))
        return Scale(ticks[0], ticks[-1], ticks)

    def place(self, value: float) -> float:
        """Where a value is drawn; what is beyond the ends is drawn at them."""
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return LEFT + share * (RIGHT - LEFT)


def _round_step(rough: float) -> float:
    power = 10.0 ** math.floor(math.log10(rough))
    return next(k * power for k in (1, 2, 5, 10) if rough <= k * power * (1 + 1e-9))


def plots(rows: Sequence[Shown], title: str) -> list[Markup]:
    """Pictures of all rows: shares on one scale, other numbers each on their own.

    A row whose value is no number (nothing was measured) is left to the table.
    """
    drawn = [row for row in rows if math.isfinite(row.judged.value)]
    shares = [row for row in drawn if all(abs(each) <= 1 for each in row.numbers())]
    others = [row for row in drawn if row not in shares]
    scale = Scale.over(each for row in shares for each in row.numbers())
    groups = [(shares[i : i + MOST], scale) for i in range(0, len(shares), MOST)]
    groups += [([row], Scale.over(row.numbers())) for row in others]
    marks = marks_of(row.controls for row in drawn)
    return [_figure(group, scale, title, marks) for group, scale in groups]


def marks_of(controls: Iterable[Iterable[tuple[str, float]]]) -> Mapping[str, str]:
    """The shape of each control that occurs."""
    names = dict.fromkeys(name for each in controls for name, _ in each)
    return {name: SHAPES[i % len(SHAPES)] for i, name in enumerate(names)}


def _figure(rows: Sequence[Shown], scale: Scale, title: str, marks: Mapping[str, str]) -> Markup:
    height = len(rows) * ROW + AXIS
    picture = element(
        "svg",
        element("title", f"{title}: values, 95 % intervals and bounds"),
        *_axis(scale, len(rows) * ROW),
        *(_row(row, i * ROW, scale, marks) for i, row in enumerate(rows)),
        class_="plot",
        viewBox=f"0 0 {WIDTH} {height}",
        role="img",
    )
    legend = element("figcaption", *_legend(rows, marks))
    return element("figure", scrolling(picture, title), legend)


def _axis(scale: Scale, bottom: float) -> list[Markup]:
    found = []
    for tick in scale.ticks:
        x = scale.place(tick)
        found.append(element("line", class_="grid", x1=x, x2=x, y1=0, y2=bottom))
        anchor = "start" if x < LEFT + 10 else "end" if x > RIGHT - 10 else "middle"
        text = element("text", f"{tick:g}", class_="axis", x=x, y=bottom + 20, text_anchor=anchor)
        found.append(text)
    return found


def _row(shown: Shown, top: float, scale: Scale, marks: Mapping[str, str]) -> Markup:
    row = shown.judged
    y = top + TRACK
    parts: list[Markup] = [element("title", _told(shown))]
    parts.append(element("line", class_="track", x1=LEFT, x2=RIGHT, y1=y, y2=y))
    parts += _bound(row, y, scale)
    if not row.exact:
        parts += _interval(row, y, scale)
    for name, value in shown.controls:
        if math.isfinite(value):
            at = f"translate({scale.place(value):.2f} {y:.2f})"
            drawn = element("path", class_="control", d=marks[name], transform=at)
            parts.append(element("g", element("title", f"{name} {number(value)}"), drawn))
    if len(row.seeds) > 1:
        parts += [
            element("circle", class_="seed", cx=scale.place(each.value), cy=y + 9.0, r=2.5)
            for each in row.seeds
            if math.isfinite(each.value)
        ]
    place = scale.place(row.value)
    parts.append(
        element("circle", class_="value", cx=place, cy=y, r=4.5, data_value=repr(row.value))
    )
    verdict = "none" if row.verdict is None else kind_of(row.verdict)
    return element("g", *parts, *_words(row, top, verdict), class_=f"row {verdict}")


def kind_of(verdict: str) -> str:
    """The class of a verdict.

    >>> kind_of("not met")
    'not-met'
    """
    return verdict.replace(" ", "-")


def _words(row: Judged, top: float, verdict: str) -> list[Markup]:
    told = number(row.value)
    if row.verdict is not None:
        told += f" {MARKS[row.verdict]} {row.verdict}"
    y = top + BASELINE
    return [
        element("text", shortened(row.text, LETTERS), x=LEFT, y=y),
        element("text", told, x=RIGHT, y=y, text_anchor="end", class_=verdict),
    ]


def _bound(row: Judged, y: float, scale: Scale) -> list[Markup]:
    if row.bound is None or math.isnan(row.bound):
        return []
    x = scale.place(row.bound)
    start, end = (x, RIGHT) if row.comparison in (">=", ">") else (LEFT, x)
    side = element("rect", class_="side", x=start, width=end - start, y=y - 9, height=18)
    return [side, element("line", class_="bound", x1=x, x2=x, y1=y - 11, y2=y + 11)]


def _interval(row: Judged, y: float, scale: Scale) -> list[Markup]:
    low = LEFT if math.isnan(row.low) else scale.place(row.low)
    high = RIGHT if math.isnan(row.high) else scale.place(row.high)
    endless = not (math.isfinite(row.low) and math.isfinite(row.high))
    drawn = [
        element("line", class_="range open" if endless else "range", x1=low, x2=high, y1=y, y2=y)
    ]
    for end, x in ((row.low, low), (row.high, high)):
        if math.isfinite(end):
            drawn.append(element("line", class_="range end", x1=x, x2=x, y1=y - 7, y2=y + 7))
    return drawn


def _told(shown: Shown) -> str:
    row = shown.judged
    words = [f"{row.text}: {number(row.value)} ({interval(row)})"]
    if row.bound is not None and row.verdict is not None:
        words.append(f"expected {row.comparison} {row.bound:g}: {row.verdict}")
    words += [f"{name} {number(value)}" for name, value in shown.controls]
    return "; ".join(words)


def _legend(rows: Sequence[Shown], marks: Mapping[str, str]) -> list[Markup]:
    judged = [row.judged for row in rows]
    found = [_key(element("circle", class_="value", r=4.5), "value")]
    if any(not row.exact for row in judged):
        bar = element("line", class_="range", x1=-7, x2=7, y1=0, y2=0)
        found.append(_key(bar, "95 % interval"))
    if any(row.bound is not None for row in judged):
        bar = element("line", class_="bound", x1=0, x2=0, y1=-7, y2=7)
        found.append(_key(bar, "bound, met on the shaded side"))
    if any(len(row.seeds) > 1 for row in judged):
        found.append(_key(element("circle", class_="seed", r=2.5), "single seeds"))
    for name, shape in marks.items():
        if any(name in dict(row.controls) for row in rows):
            found.append(_key(element("path", class_="control", d=shape), f"under {name}"))
    return found


def _key(sign: Markup, name: str) -> Markup:
    picture = element("svg", sign, class_="plot", viewBox="-8 -8 16 16", aria_hidden="true")
    return element("span", picture, name, class_="key")


def shortened(text: str, most: int) -> str:
    """A text cut to what fits; letters that are two columns wide count twice.

    >>> shortened("iia of carry[0]", 8)
    'iia of …'
    """
    used = 0
    for i, letter in enumerate(text):
        used += 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        if used > most - 1 and i < len(text) - 1:
            return text[:i] + "…"
    return text
