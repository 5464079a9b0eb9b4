"""Seeds, and whether bounds lie where knowing nothing already reaches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from causalabs.algorithm.model import Algorithm
from causalabs.diagnostics import Rule, Span
from causalabs.hypothesis import rules_expectations as rules, rules_file
from causalabs.hypothesis.expectations import Stated
from causalabs.hypothesis.meaning import World
from causalabs.hypothesis.model import Counterfactuals, Expectation, Line, Term
from causalabs.hypothesis.rules_drawing import NeverHolds
from causalabs.hypothesis.screening import SCREENS_OFF, resampled
from causalabs.syntax import ast

if TYPE_CHECKING:
    from causalabs.hypothesis.floors import Budget, Floor

MOST_SEEDS = 1_000
LARGEST_SEED = 2**31
MOST_FLOORS = 40


def seeds_of(node: ast.Seeds | None, found: list[Rule]) -> tuple[int, ...]:
    """The seeds of a file; without `seeds` it is 0 alone."""
    if node is None:
        return (0,)
    values = node.over.values
    problem = ""
    if len(values) == 0:
        problem = "a range of seeds that ends before it begins"
    elif len(values) > MOST_SEEDS:
        problem = f"{len(values):,} seeds, more than 1,000"
    elif len(set(values)) < len(values):
        twice = next(value for value in values if list(values).count(value) > 1)
        problem = f"seed {twice} stands twice"
    elif max(values) >= LARGEST_SEED:
        problem = f"seed {max(values)} is not below 2^31"
    if problem:
        found.append(rules_file.BadSeeds(span=node.over.span, problem=problem))
        return (0,)
    return tuple(values)


def floor_rules(
    stated: Stated,
    counts: Counterfactuals | None,
    world: World,
    node: ast.Counterfactuals | None,
) -> list[Rule]:
    """Bounds that nothing could meet, or that everything does, and conditions that none do."""
    if counts is None or node is None or not world.algorithms:
        return []
    from causalabs.hypothesis.floors import Budget

    found: list[Rule] = []
    budget = Budget()
    empty = _empty(counts, world, budget)
    for line in empty:
        found.append(NeverHolds(span=_condition(line, node), first=None))
    if empty:
        return found
    found += _alike(counts, world, node)
    done: set[object] = set()
    for expectation in stated.expectations:
        if len(done) >= MOST_FLOORS:
            break
        rule = _floor_rule(expectation, counts, world, done, budget)
        if rule is not None:
            found.append(rule)
    return found


def _condition(line: Line, node: ast.Counterfactuals) -> Span:
    """The condition that leaves nothing of a line: its own, else that of all lines."""
    for each in node.statements:
        mine = isinstance(each, ast.Interchange | ast.Assign) and each.span == line.span
        if mine and each.condition is not None:  # type: ignore[union-attr]
            return each.condition.span  # type: ignore[union-attr]
    keep = next((s for s in node.statements if isinstance(s, ast.KeepWhere)), None)
    return keep.condition.span if keep is not None else line.span


def _empty(counts: Counterfactuals, world: World, budget: Budget) -> list[Line]:
    """Lines whose conditions no pair of inputs meets, where that is known."""
    from causalabs.hypothesis.floors import GLANCE, floor_of

    algorithms = {each.name: each for each in world.algorithms}
    found = []
    for line in counts.lines[:MOST_FLOORS]:
        if line.condition is None and counts.keep_where is None:
            continue
        floor = floor_of([line], counts, algorithms, draws=GLANCE, budget=budget)
        if floor is not None and _none_left(floor.constant, floor.alone):
            floor = floor_of([line], counts, algorithms, draws=None, budget=budget)
            if floor is not None and floor.empty:
                found.append(line)
                if line.condition is None:
                    break
    return found


def _alike(counts: Counterfactuals, world: World, node: ast.Counterfactuals) -> list[Rule]:
    """Rivals that no line tells apart."""
    if len(world.algorithms) < 2:
        return []
    from causalabs.hypothesis.apart import alike
    from causalabs.hypothesis.rules_rivals import RivalsAlike

    word = Span(node.span[0], node.span[0] + len("counterfactuals"))
    return [
        RivalsAlike(
            span=word, one=one.name, other=other.name, seen="all" if every else "20,000 drawn"
        )
        for one, other, every in alike(world.algorithms, counts)
    ]


def _none_left(constant: float, alone: float) -> bool:
    return constant == 0.0 and alone == 0.0


def _reached(floor: Floor, control: str) -> tuple[float, str]:
    """What knowing nothing reaches, and how.

    An untrained network has one answer for most inputs; a trained one that an interchange
    does not reach keeps the base's answer.
    """
    if control == "left_alone":
        return floor.alone, "leaving the output alone"
    untold = ("untrained", "shuffled_sources", "chance")
    if control not in untold and floor.alone > floor.constant:
        return floor.alone, "leaving the output alone"
    return floor.constant, "always one answer"


def _reached_by(term: Term, floor: Floor) -> tuple[float, str]:
    """`_reached`, whatever the metric: an output that is always the same one stays the same."""
    if term.metric != SCREENS_OFF:
        return _reached(floor, term.control.name)
    if term.control.name == "untrained":
        return 1.0, "always one answer"
    return floor.alone, "keeping nothing"


def _asked(term: Term, counts: Counterfactuals, algorithms: Mapping[str, Algorithm]) -> list[Line]:
    """Interchanges whose floor is the term's: for `screens_off`, of what it resamples.

    None of them where a condition speaks of one of several sources: its share is not known.
    """
    lines = [counts.lines[i] for i in term.lines]
    if term.metric != SCREENS_OFF:
        return lines
    if any(line.condition is not None and line.sources > 1 for line in lines):
        return []
    return [resampled(line, algorithms[line.algorithm], term.between[0]) for line in lines]


def _floor_rule(
    expectation: Expectation,
    counts: Counterfactuals,
    world: World,
    done: set[object],
    budget: Budget,
) -> Rule | None:
    from causalabs.hypothesis.floors import GLANCE, floor_of

    quantity = expectation.quantity
    if len(quantity.terms) > 1:
        return None
    term = quantity.terms[0]
    control, upper = term.control.name, expectation.comparison in ("<=", "<")
    if term.metric not in ("iia", "accuracy", SCREENS_OFF) or (upper and not control):
        return None
    if (not upper and control) or control == "wrong_algorithm":  # which answers otherwise
        return None
    done.add((term.lines, term.measured, control, upper))
    algorithms = {each.name: each for each in world.algorithms}
    lines = _asked(term, counts, algorithms)
    if term.metric == SCREENS_OFF and not lines:
        return None
    floor = floor_of(lines, counts, algorithms, draws=GLANCE, budget=budget)
    if floor is None or floor.empty:
        return None
    value, _ = _reached_by(term, floor)
    if value + floor.error < expectation.bound:
        return None
    floor = floor_of(lines, counts, algorithms, draws=None, budget=budget)
    if floor is None or floor.empty:
        return None
    value, reason = _reached_by(term, floor)
    least = value - floor.error
    shown = f"{'' if floor.error == 0 else 'about '}{value:.2f}"
    if upper and least > expectation.bound:
        return rules.FloorAboveBound(
            span=quantity.span, text=term.text, floor=shown, reason=reason, reaches="reaches"
        )
    if not upper and least >= expectation.bound and not floor.isolates:
        return rules.FreeBound(span=quantity.span, text=term.text, floor=shown, reason=reason)
    return None
