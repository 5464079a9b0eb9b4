"""Where a search looked: scores of layers by positions as maps, of layers alone as lines."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from causalabs.hypothesis.model import Hypothesis
from causalabs.report.html_elements import Cell, Markup, cell, element, figure_of, scrolling, table
from causalabs.report.html_plot import LEFT, RIGHT, WIDTH, Scale, shortened
from causalabs.report.terminal import number
from causalabs.results import FitRecord

HEIGHT, TOP, BOTTOM = 260, 16, 216
LABELS = 16
"""Places of a line that are named below it; of more, every second or third is."""

DEEP = 0.7
"""Share of the colour above which white is easier to read on it than black."""

DASHES = ("", "6 4", "2 3", "8 3 2 3", "1 5")


@dataclass(frozen=True)
class Search:
    """The choices of one space in one job: their names, scores, steps, and which one won."""

    job: str
    space: str
    labels: tuple[str, ...]
    scores: tuple[float, ...]
    steps: tuple[int, ...]
    chosen: int

    @property
    def control(self) -> str:
        """The control that the job was run under, "" for none."""
        name = self.job.split("-")[1] if "-" in self.job else ""
        return "" if name == "plain" else name


def searches(
    fits: Mapping[str, Sequence[FitRecord]], hypothesis: Hypothesis | None
) -> list[Search]:
    """Every search of a run, its choices named as the file names them where that is known."""
    found = []
    for job, records in fits.items():
        for number_of, fit in enumerate(records):
            if fit.select_scores:
                labels = _labels(job, number_of, fit, hypothesis)
                best = max(range(len(labels)), key=lambda j: fit.select_scores[j])
                chosen = labels.index(fit.choice) if fit.choice in labels else best
                scores, steps = fit.select_scores, fit.choice_steps
                found.append(Search(job, fit.space, labels, scores, steps, chosen))
    return found


def _labels(
    job: str, number_of: int, fit: FitRecord, hypothesis: Hypothesis | None
) -> tuple[str, ...]:
    count = len(fit.select_scores)
    if len(fit.labels) == count:
        return fit.labels
    if hypothesis is not None:  # a run from before places were kept with it
        name = job.split("-", 2)[-1]
        for alignment in hypothesis.alignments:
            spaces = alignment.spaces if alignment.name == name else ()
            if number_of < len(spaces) and len(spaces[number_of].labels) == count:
                return spaces[number_of].labels
    return tuple(f"choice {j}" for j in range(count))


def search_parts(found: Sequence[Search]) -> list[Markup]:
    """Maps, lines and tables of all searches."""
    parts: list[Markup] = []
    best = max(
        (score for each in found for score in each.scores if math.isfinite(score)), default=0.0
    )
    groups: dict[tuple[str, tuple[str, ...]], list[Search]] = {}
    for each in found:
        if _grid(each.labels):
            parts += [_map(each, best), _race(each)] if any(each.steps) else [_map(each, best)]
        else:
            groups.setdefault((each.space, each.labels), []).append(each)
    for (space, labels), group in groups.items():
        if len(labels) > 2:
            parts.append(_lines(space, labels, group))
        parts.append(_profile(space, labels, group, best))
    return parts


# ------------------------------------------------------------------------------ as a map


def _split(label: str) -> tuple[str, str]:
    """Where in depth and where in the prompt.

    >>> _split('residual 2 at any token: token 1 of name')
    ('residual 2', 'token 1 of name')
    """
    place, _, position = label.partition(" at ")
    return place, position.rpartition(": ")[2]


def _grid(labels: Sequence[str]) -> dict[tuple[str, str], int]:
    """Choice by row and column, empty where they are no grid of at least two by two."""
    cells = {_split(label): j for j, label in enumerate(labels)}
    rows, columns = {row for row, _ in cells}, {column for _, column in cells}
    whole = len(cells) == len(labels)
    return cells if whole and len(rows) > 1 and len(columns) > 1 else {}


def _map(search: Search, best: float) -> Markup:
    cells = _grid(search.labels)
    rows = list(dict.fromkeys(row for row, _ in cells))
    columns = list(dict.fromkeys(column for _, column in cells))
    body = [
        [row, *(_score(search, cells.get((row, column)), best) for column in columns)]
        for row in rows
    ]
    caption = f"{search.space} in {search.job}: IIA on select, layer by position"
    return table(caption, ("", *columns), body, kind="heat")


def _score(search: Search, choice: int | None, best: float) -> Cell:
    if choice is None:
        return cell("")
    return heat(search.scores[choice], best, chosen=choice == search.chosen)


def heat(score: float, best: float, *, chosen: bool, size: float | None = None) -> Cell:
    """A cell coloured from 0 to the run's best score; the winner is outlined, and said to be it.

    `size` is what is coloured by where that is not the score.
    """
    sized = score if size is None else size
    share = max(sized / best, 0.0) if best > 0 and math.isfinite(sized) else 0.0
    kinds = [name for name, on in (("deep", share > DEEP), ("chosen", chosen)) if on]
    layer = element("i", style=f"--share:{share:.3f}")
    told = element("span", " ✓", title="chosen") if chosen else None
    return cell(_all(layer, figure_of(score), told), class_=" ".join(kinds) or None)


def _all(*children: Markup | None) -> Markup:
    return Markup("".join(each for each in children if each is not None))


def _race(search: Search) -> Markup:
    """How long each choice of a race was fitted, best first."""
    order = sorted(range(len(search.labels)), key=lambda j: -search.scores[j])
    rows = [
        [search.labels[j], figure_of(search.scores[j]), f"{search.steps[j]:,}"]
        for j in order[:10]
        if j < len(search.steps)
    ]
    caption = f"{search.space} in {search.job}: the best places, and how long they were fitted"
    return table(caption, ("place", "select IIA", "steps"), rows)


# ---------------------------------------------------------------------------- as a line


def _profile(space: str, labels: Sequence[str], group: Sequence[Search], best: float) -> Markup:
    """Scores place by place, job beside job; a race's steps stand under the score."""
    body = []
    for j, label in enumerate(labels):
        cells: list[str] = []
        for each in group:
            made = heat(each.scores[j], best, chosen=j == each.chosen)
            if j < len(each.steps):
                steps = element("small", f"{each.steps[j]:,} steps")
                made = Cell(made.removesuffix("</td>") + f"<br>{steps}</td>")
            cells.append(made)
        body.append([label, *cells])
    head = ("place", *(each.job for each in group))
    return table(f"{space}: IIA on select, place by place", head, body, kind="heat")


def _lines(space: str, labels: Sequence[str], group: Sequence[Search]) -> Markup:
    finite = [score for each in group for score in each.scores if math.isfinite(score)]
    scale = Scale.over([0.0, *finite])
    drawn = grid_of(scale)
    controls = list(dict.fromkeys(each.control for each in group))
    for each in sorted(group, key=lambda search: search.control == ""):
        drawn.append(_line(each, scale, DASHES[controls.index(each.control) % len(DASHES)]))
    picture = element(
        "svg",
        element("title", f"{space}: IIA on select by place"),
        *drawn,
        *_below(labels),
        class_="plot",
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        role="img",
    )
    keys = [_key(name, DASHES[i % len(DASHES)]) for i, name in enumerate(controls)]
    caption = element(
        "figcaption", f"{space}: IIA on select. The ring is the place chosen. ", *keys
    )
    return element("figure", scrolling(picture, f"{space} by place"), caption)


def _line(search: Search, scale: Scale, dash: str) -> Markup:
    beside = " beside" if search.control else ""
    places = [
        (across(j, len(search.scores)), height_of(scale, score))
        for j, score in enumerate(search.scores)
        if math.isfinite(score)
    ]
    path = "M" + "L".join(f"{x:.2f} {y:.2f}" for x, y in places) if places else "M0 0"
    parts = [element("title", search.job)]
    parts.append(
        element("path", class_=f"line{beside}", d=path, stroke_dasharray=dash if dash else None)
    )
    for j, score in enumerate(search.scores):
        if math.isfinite(score):
            x, y = across(j, len(search.scores)), height_of(scale, score)
            told = element("title", f"{search.labels[j]}: {number(score)}")
            kind = f"point{beside}"
            parts.append(
                element("circle", told, class_=kind, cx=x, cy=y, r=3.5, data_value=repr(score))
            )
            if j == search.chosen:
                parts.append(element("circle", class_="won", cx=x, cy=y, r=7))
    return element("g", *parts)


def _below(labels: Sequence[str]) -> list[Markup]:
    """Names below the places, each cut to its room."""
    every = math.ceil(len(labels) / LABELS)
    shown = range(0, len(labels), every)
    room = (RIGHT - LEFT - 60) / max(len(shown), 1)
    short = [label.split(" ", 1)[-1] if room < 90 else label for label in labels]
    return [
        element(
            "text",
            shortened(short[j], max(2, int(room / 7.4) - 1)),
            element("title", labels[j]),
            class_="axis",
            x=across(j, len(labels)),
            y=BOTTOM + 26,
            text_anchor="middle",
        )
        for j in shown
    ]


def across(choice: int, count: int) -> float:
    """Choices stand in the middle of equal stretches: their names then have room."""
    left = LEFT + 50
    return left + (choice + 0.5) * (RIGHT - left) / count


def height_of(scale: Scale, score: float) -> float:
    """Where a score is drawn between BOTTOM and TOP."""
    share = (min(max(score, scale.low), scale.high) - scale.low) / (scale.high - scale.low)
    return BOTTOM - share * (BOTTOM - TOP)


def _key(control: str, dash: str) -> Markup:
    kind = "line beside" if control else "line"
    sign = element("path", class_=kind, d="M-8 0H8", stroke_dasharray=dash if dash else None)
    picture = element("svg", sign, class_="plot", viewBox="-8 -8 16 16", aria_hidden="true")
    name = f"under {control}" if control else "the network"
    return element("span", picture, name, class_="key")


def grid_of(scale: Scale) -> list[Markup]:
    """A line across the picture at each tick, with its number."""
    drawn: list[Markup] = []
    for tick in scale.ticks:
        y = height_of(scale, tick)
        drawn.append(element("line", class_="grid", x1=LEFT + 40, x2=RIGHT, y1=y, y2=y))
        text = element("text", f"{tick:g}", class_="axis", x=LEFT + 32, y=y + 4, text_anchor="end")
        drawn.append(text)
    return drawn
