"""Where expectations fail, on a page: the smallest failing examples, and the rules found."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from causalabs.algorithm.columns import value_text
from causalabs.report.failures import residual_text
from causalabs.report.html_elements import Markup, element, section, table
from causalabs.results import Counterexample, Exchanged, Hunt, Residual, Results


def failures_section(results: Results) -> Markup | None:
    """Every counterexample and rule, expectation by expectation."""
    parts: list[Markup] = []
    for judged in results.expectations:
        examples = [each for each in results.counterexamples if each.expectation == judged.text]
        rules = [each for each in results.residuals if each.expectation == judged.text]
        if examples or rules:
            rival = examples[0].rival if examples else rules[0].rival
            told = (
                f"{judged.text}: met, and where the rival {rival} fails" if rival else judged.text
            )
            parts.append(element("h3", told))
        for example in examples:
            parts += _example(example)
            parts += [element("p", _rule(rule)) for rule in rules if rule.line == example.line]
        lines = {example.line for example in examples}
        parts += [
            element("p", f"Interchange of {rule.name}: ", _rule(rule))
            for rule in rules
            if rule.line not in lines
        ]
    return section("Where it fails", *parts)


def hunt_parts(results: Results) -> list[Markup]:
    """What `--falsify` tried where an expectation is met, and what it found."""
    if not results.hunts:
        return []
    head = ("expectation met", "interchange", "tried beside", "seconds", "found")
    parts = [table("Hunted for a failing interchange", head, map(_hunt, results.hunts))]
    for each in results.hunts:
        if each.found is not None:
            parts.append(element("h3", f"{each.expectation}: met, and yet"))
            parts += _example(each.found)
    return parts


def _hunt(hunt: Hunt) -> list[str]:
    found = "a failing one" if hunt.found is not None else "none"
    if hunt.every:
        found = "none, and all there are were run"
    name = hunt.name if hunt.line >= 0 else "none: clean runs"
    return [hunt.expectation, name, f"{hunt.tried:,}", f"{hunt.seconds:.1f}", found]


def _rule(rule: Residual) -> str:
    text = residual_text(rule).strip()
    return f"{text[:1].upper()}{text[1:]}."


def _example(example: Counterexample) -> Iterator[Markup]:
    what = f"interchange of {example.name}" if example.line >= 0 else "input"
    kind = "Smallest failing" if example.shrunk else "Simplest measured failing"
    where = f" on {example.split}" if example.split else ""
    caption = (
        f"{kind} {what}{where}: {example.failing:,} of {example.measured:,} fail, "
        f"seed {example.seed}"
    )
    names = dict.fromkeys((*example.base, *(name for each in example.sources for name in each)))
    inputs = (example.base, *example.sources)
    rows = [[name, *(_value(each[name]) if name in each else "" for each in inputs)]
            for name in names]  # fmt: skip
    yield table(caption, ("input", "base", *_sources(example)), rows)
    if example.exchanged:
        moved = [[each.variable, _value(each.was), _value(each.value), _origin(each)]
                 for each in example.exchanged]  # fmt: skip
        yield table("What the interchange sets", ("variable", "was", "becomes", "from"), moved)
    answers = [
        [name, _value(value), _value(example.network[name]) if name in example.network else ""]
        for name, value in example.algorithm.items()
    ]
    yield table("What they answer then", ("output", "algorithm", "network"), answers)


def _sources(example: Counterexample) -> list[str]:
    """Headings of the sources; of several each says which variables it is the source of."""
    if len(example.sources) == 1:
        return ["source"]
    return [
        "source of " + ", ".join(each.variable for each in example.exchanged if each.source == i)
        for i in range(len(example.sources))
    ]


def _origin(each: Exchanged) -> str:
    return "the file" if each.source is None else f"{each.origin} of the source"


def _value(value: Any) -> str:
    """A value as people write it; of a vector six digits."""
    if isinstance(value, list) and all(isinstance(each, float) for each in value):
        return value_text([round(each, 6) for each in value])
    return value_text(value)
