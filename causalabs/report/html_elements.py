"""HTML and SVG as values: text put into an element is escaped unless it is markup already."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from html import escape

from causalabs.report.terminal import number


class Markup(str):
    """Text that is HTML; everything else that is put into an element gets escaped."""


class Cell(Markup):
    """A cell of a table as it stands."""


def element(name: str, *children: str | None, **attributes: str | float | None) -> Markup:
    """An element; a trailing `_` of an attribute is dropped, others become `-`.

    >>> element("p", "a < b", element("b", "c"), class_="claim")
    '<p class="claim">a &lt; b<b>c</b></p>'
    """
    told = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_attribute(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Markup(f"<{name}{told}>{joined(children)}</{name}>")


def joined(children: Iterable[str | None]) -> Markup:
    """Children one after the other, escaped where they are plain text; None is nothing."""
    return Markup(
        "".join(
            each if isinstance(each, Markup) else escape(each)
            for each in children
            if each is not None
        )
    )


def _attribute(value: str | float) -> str:
    """Numbers are places in a drawing: two decimals, no exponent."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def figure_of(value: float) -> Markup:
    """A measured number: three decimals to read, all of them in `value` for programs.

    >>> figure_of(0.93712)
    '<data value="0.93712">.937</data>'
    """
    if not math.isfinite(value):
        return Markup("–")
    return element("data", number(value), value=repr(value))


def table(
    caption: str, head: Sequence[str], rows: Iterable[Sequence[str]], *, kind: str = ""
) -> Markup:
    """A table whose first column names its rows; a wide one scrolls by itself."""
    top = element("tr", *(element("th", each, scope="col") for each in head))
    body = (
        element("tr", element("th", row[0], scope="row"), *(_cell(each) for each in row[1:]))
        for row in rows
    )
    inner = element(
        "table",
        element("caption", caption),
        element("thead", top),
        element("tbody", *body),
        class_=kind or None,
    )
    return scrolling(inner, caption)


def scrolling(inner: Markup, label: str) -> Markup:
    """What may be wider than the page, in a box that the keyboard can scroll as well."""
    return element("div", inner, class_="wide", tabindex="0", role="region", aria_label=label)


def cell(content: str, **attributes: str | float | None) -> Cell:
    """A cell of a table with attributes of its own."""
    return Cell(element("td", content, **attributes))


def _cell(content: str) -> Markup:
    return content if isinstance(content, Cell) else element("td", content)


def section(title: str, *children: str | None) -> Markup | None:
    """A section with its heading, None where there is nothing to say."""
    there = [each for each in children if each]
    if not there:
        return None
    name = "".join(each if each.isalnum() else "-" for each in title.lower())
    heading = element("h2", title, id=name)
    return element("section", heading, *there, aria_labelledby=name)


def pairs(rows: Iterable[tuple[str, str]]) -> Markup | None:
    """Names and what stands for them."""
    told = [joined((element("dt", name), element("dd", value))) for name, value in rows]
    return element("dl", *told) if told else None
