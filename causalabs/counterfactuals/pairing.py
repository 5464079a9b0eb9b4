"""Lines of rival algorithms that are drawn alike share their examples.

What two algorithms make of one base and its sources can then be compared example by example.
Lines of one algorithm are drawn independently.
"""

from __future__ import annotations

from collections.abc import Mapping

from causalabs.algorithm.model import Algorithm
from causalabs.counterfactuals.seeding import line_keys, shape_of
from causalabs.hypothesis.model import Hypothesis, Line

_Recipe = tuple[object, ...]


def twins(hypothesis: Hypothesis) -> dict[int, int]:
    """The line whose examples each line has: itself, or an earlier one of a rival.

    It is a line with as many sources, under the same conditions; of several such the first
    goes with the first, the second with the second. A line that is balanced after its own
    algorithm's answers has no twin.
    """
    counts: dict[tuple[str, _Recipe], int] = {}
    first: dict[tuple[_Recipe, int], int] = {}
    found = {}
    for number, line in enumerate(hypothesis.counterfactuals.lines):
        recipe = _recipe(line, hypothesis)
        place = counts.get((line.algorithm, recipe), 0)
        counts[line.algorithm, recipe] = place + 1
        found[number] = first.setdefault((recipe, place), number)
    return found


def drawing_keys(hypothesis: Hypothesis) -> list[tuple[int, ...]]:
    """Keys of the lines' generators: those of a twin are its own, so that it draws the same."""
    keys = line_keys(hypothesis.counterfactuals.lines, hypothesis.algorithms)
    return [keys[first] for first in twins(hypothesis).values()]


def _recipe(line: Line, hypothesis: Hypothesis) -> _Recipe:
    """All that a line's draws depend on beside what holds for every line."""
    known = {each.name: each for each in hypothesis.algorithms}
    conditions = (hypothesis.counterfactuals.keep_where, line.condition)
    shapes = tuple(
        b"" if condition is None else shape_of(condition, lambda name: _meant(name, line, known))
        for condition in conditions
    )
    own = (line.algorithm, line.balance_after) if line.balance_after else ()
    return (line.sources, shapes, own)


def _meant(name: str, line: Line, algorithms: Mapping[str, Algorithm]) -> str:
    """Whose variable `base.v` or `source.v` is, and of which run; inputs are everybody's."""
    side, _, rest = name.partition(".")
    holders = [algorithms[line.algorithm], *algorithms.values()]
    holder = next((each for each in holders if rest in each), None)
    element = rest
    if holder is None:
        first, _, element = rest.partition(".")
        holder = algorithms[first]
    run = 0 if side == "base" else 1 + (line.source_of(element) or 0)
    owner = "" if holder[element].role == "input" else holder.name
    return f"{run} {owner} {element}"


def unpaired(hypothesis: Hypothesis) -> tuple[str, ...]:
    """Notes on differences of rivals whose examples are not the same ones."""
    drawn = twins(hypothesis)
    lines = hypothesis.counterfactuals.lines
    quantities = [each.quantity for each in hypothesis.expectations] + list(hypothesis.reports)
    notes = []
    for quantity in quantities:
        terms = [term for term in quantity.terms if term.lines]
        if len({term.algorithm for term in terms}) < 2:
            continue
        sets = [{drawn[number]: number for number in term.lines} for term in terms]
        alone = [sets[i][n] for i in range(len(sets)) for n in sets[i] if _missing(n, i, sets)]
        if alone:
            names = ", ".join(f"`{lines[number].name}`" for number in sorted(set(alone)))
            notes.append(
                f"`{quantity.text}` is not paired in {names}: no rival's interchange has as many "
                "sources and the same conditions, so the examples are others"
            )
    return tuple(dict.fromkeys(notes))


def _missing(line: int, place: int, sets: list[dict[int, int]]) -> bool:
    return all(line not in other for i, other in enumerate(sets) if i != place)
