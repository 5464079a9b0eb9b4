"""What is told of an expectation that is not met: an example that fails, and where it fails."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from causalabs.algorithm.columns import value_text
from causalabs.results import Counterexample, Exchanged, Hunt, Residual, Results

MOST_SHOWN = 3
"""Examples shown of one expectation; JSON has them all."""


def failure_texts(results: Results, expectation: str | None = None) -> list[str]:
    """Paragraphs about the expectations not met, or about one of them, in their order.

    Of a met one it is told where the rivals fail that it is better than.
    """
    found = []
    for judged in results.expectations:
        if expectation not in (None, judged.text):
            continue
        examples = [each for each in results.counterexamples if each.expectation == judged.text]
        rules = [each for each in results.residuals if each.expectation == judged.text]
        for example in examples[:MOST_SHOWN]:
            mine = [each for each in rules if each.line == example.line]
            said = [*counterexample_lines(example), *(residual_text(each) for each in mine)]
            found.append("\n".join(said))
        shown = {each.line for each in examples}
        for rule in (each for each in rules if each.line not in shown):
            found.append(f"{_whose(rule)}interchange of {rule.name}\n{residual_text(rule)}")
        if len(examples) > MOST_SHOWN:
            left = ", ".join(each.name for each in examples[MOST_SHOWN:])
            found.append(f"more failing interchanges of {judged.text}, in --json: {left}")
    return list(dict.fromkeys(found))


def counterexample_lines(example: Counterexample) -> Iterator[str]:
    """A counterexample in a few lines."""
    what = f"interchange of {example.name}" if example.line >= 0 else "input"
    kind = "smallest failing" if example.shrunk else "simplest measured failing"
    where = f" on {example.split}" if example.split else ""
    yield (
        f"{_whose(example)}{kind} {what}{where} ({example.failing:,} of {example.measured:,} fail, "
        f"seed {example.seed})"
    )
    vectors: dict[str, str] = {}
    yield f"  base    {_inputs(example.base, vectors)}"
    for number, source in enumerate(example.sources):
        title = "source" if len(example.sources) == 1 else f"source of {_of(example, number)}"
        yield f"  {title}  {_inputs(source, vectors)}"
    for text, name in vectors.items():
        yield f"  {name} = {text}"
    for each in example.exchanged:
        yield f"  {_exchanged(each)}"
    answered = (_answers(example.algorithm), _answers(example.network))
    yield f"  the algorithm answers {answered[0]}, the network {answered[1]}"


def _whose(found: Counterexample | Residual) -> str:
    return f"the rival {found.rival}: " if found.rival else ""


def hunt_text(hunt: Hunt) -> str:
    """What `--falsify` found of one line."""
    what = f"interchange of {hunt.name}" if hunt.line >= 0 else "input"
    tried = f"{hunt.tried:,} more tried in {hunt.seconds:.1f} s" if hunt.tried else "all measured"
    if hunt.every:
        return f"{hunt.expectation}: no failing {what}, and all there are were run"
    if hunt.found is None:
        return f"{hunt.expectation}: no failing {what} found ({tried})"
    _, *lines = counterexample_lines(hunt.found)
    where = tried if hunt.tried else f"among the {hunt.found.measured:,} measured"
    return "\n".join([f"{hunt.expectation}: met, but a failing {what} ({where})", *lines])


def residual_text(residual: Residual) -> str:
    """A residual rule as one sentence.

    >>> residual_text(Residual(
    ...     "iia", 0, "partial", "heldout", "", 0, "base.c >= 2", .94, .02, 1000, 2000, 3000, 9.0
    ... ))
    '  wrong in 94 % of cases with `base.c >= 2`, 2 % elsewhere (scored on 3,000 other examples)'
    """
    scored = residual.inside_rows + residual.elsewhere_rows
    return (
        f"  wrong in {_percent(residual.inside)} of cases with `{residual.rule}`, "
        f"{_percent(residual.elsewhere)} elsewhere (scored on {scored:,} other examples)"
    )


def _percent(share: float) -> str:
    """A share in whole percents; never 0 or 100 for what is not.

    >>> _percent(0.998), _percent(1.0), _percent(0.002)
    ('over 99 %', '100 %', 'under 1 %')
    """
    if 0.995 <= share < 1:
        return "over 99 %"
    return "under 1 %" if 0 < share < 0.005 else f"{share:.0%}".replace("%", " %")


def _of(example: Counterexample, source: int) -> str:
    return ", ".join(each.variable for each in example.exchanged if each.source == source)


def _inputs(inputs: Mapping[str, Any], vectors: dict[str, str]) -> str:
    """`name = value`; vectors by names of their own, equal ones by the same."""
    found = []
    for name, value in inputs.items():
        if isinstance(value, list):
            text = _vector(value)
            found.append(f"{name} = {vectors.setdefault(text, f'v{len(vectors) + 1}')}")
        else:
            found.append(f"{name} = {value_text(value)}")
    return ", ".join(found)


def _vector(value: list[Any]) -> str:
    return value_text([round(float(each), 6) + 0.0 for each in value])


def _exchanged(each: Exchanged) -> str:
    change = f"{value_text(each.was)} -> {value_text(each.value)}"
    if each.source is None:
        return f"{each.variable}: {change}, set"
    origin = "" if each.origin == each.variable else f" from {each.origin}"
    return f"{each.variable}: {change}{origin}"


def _answers(values: Mapping[str, Any]) -> str:
    if len(values) == 1:
        return value_text(next(iter(values.values())))
    return ", ".join(f"{name} = {value_text(value)}" for name, value in values.items())
