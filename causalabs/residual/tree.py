"""A shallow decision tree over truths, told as one rule, and how it does on other examples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from causalabs.residual.questions import Question

Truths: TypeAlias = NDArray[np.bool_]

DEPTH = 2
LEAST_WRONG = 10
"""Fewest wrong examples, and fewest right ones, that a rule is sought for."""
LEAST_ROWS = 8
"""Fewest examples in a leaf, and on either side of a rule that is believed."""
LEAST_GAIN = 0.05
"""Smallest share of the impurity that a question must take away."""
LEAST_GROUPS = 8
"""Fewest inputs on either side of a rule that is believed."""
LEAST_DIFFERENCE = 0.05
BETTER_THAN_CHANCE = 3.0
"""Standard errors by which shares of wrong answers must differ on the other examples."""
MOST_FITTED = 20_000


@dataclass(frozen=True)
class Node:
    """`question` None is a leaf: `wrong` says whether more fail there than overall."""

    wrong: bool
    question: int | None = None
    yes: Node | None = None
    no: Node | None = None


@dataclass(frozen=True)
class Rule:
    """A rule and how it did on examples that it was not found on."""

    text: str
    inside: float
    elsewhere: float
    inside_rows: int
    elsewhere_rows: int
    fitted_on: int
    z: float


def find_rule(
    questions: Sequence[Question],
    wrong: Truths,
    inputs: NDArray[np.int64],
    *,
    generator: np.random.Generator,
) -> Rule | None:
    """The rule that tells best where answers are wrong; None where none beats chance.

    `inputs` (runs, rows) are the numbers of each example's base and sources. The tree is fitted
    on one half and scored on the other, and no input is in both where inputs are used again
    and again. Shares must differ by 3 standard errors on the other half, computed by base and
    by source (examples that share an input are not independent), and by 5 points.
    """
    fitted, scored = _halves(inputs, generator)
    if len(fitted) > MOST_FITTED:
        fitted = np.sort(generator.permutation(fitted)[:MOST_FITTED])
    few = min(wrong[fitted].sum(), (~wrong[fitted]).sum())
    if not questions or few < LEAST_WRONG or len(scored) == 0:
        return None
    answers = np.stack([each.truths[fitted] for each in questions])  # (questions, rows)
    overall = float(wrong[fitted].mean())
    tree = _grown(answers, wrong[fitted], np.ones(len(fitted), dtype=np.bool_), overall, DEPTH)
    if tree.question is None:
        return None
    inside = _region(tree, questions)[scored]
    found = _score(inside, wrong[scored], inputs[:, scored])
    if found is None:
        return None
    text = " or ".join(" and ".join(clause) for clause in _clauses(tree, questions))
    judged = wrong[scored]
    return Rule(
        text=text,
        inside=float(judged[inside].mean()),
        elsewhere=float(judged[~inside].mean()),
        inside_rows=int(inside.sum()),
        elsewhere_rows=int((~inside).sum()),
        fitted_on=len(fitted),
        z=found,
    )


def _halves(
    inputs: NDArray[np.int64], generator: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Numbers of the examples to fit and to score by, each different example once."""
    _, first = np.unique(inputs, axis=1, return_index=True)
    first = np.sort(first)
    different, place = np.unique(inputs[:, first], return_inverse=True)
    place = place.reshape(len(inputs), len(first))
    if len(different) >= 0.9 * place.size:  # hardly an input is used twice
        side = generator.permutation(len(first)) * 2 < len(first)
        return first[side], first[~side]
    half = generator.permutation(len(different)) * 2 < len(different)
    halves = half[place]  # (runs, rows)
    return first[halves.all(axis=0)], first[~halves.any(axis=0)]


def _grown(answers: Truths, wrong: Truths, here: Truths, overall: float, depth: int) -> Node:
    """The tree below a node that holds the rows `here`; greedy, by Gini impurity."""
    rows, failed = int(here.sum()), int((here & wrong).sum())
    leaf = Node(failed > overall * rows)
    impurity = _impurity(failed, rows)
    if depth == 0 or impurity == 0:
        return leaf
    yes = answers[:, here].sum(axis=1)  # (questions,)
    yes_failed = answers[:, here & wrong].sum(axis=1)
    after = _impurity(yes_failed, yes) + _impurity(failed - yes_failed, rows - yes)
    allowed = np.minimum(yes, rows - yes) >= LEAST_ROWS
    if not allowed.any():
        return leaf
    after = np.where(allowed, after, np.inf)
    best = int(np.argmin(np.round(after, 6)))  # ties to the first question
    if impurity - after[best] < LEAST_GAIN * impurity:
        return leaf
    truths = answers[best]
    yes_node = _grown(answers, wrong, here & truths, overall, depth - 1)
    no_node = _grown(answers, wrong, here & ~truths, overall, depth - 1)
    if yes_node.question is None and no_node.question is None and yes_node == no_node:
        return yes_node
    return Node(leaf.wrong, best, yes_node, no_node)


def _impurity(
    failed: NDArray[np.int64] | int, rows: NDArray[np.int64] | int
) -> NDArray[np.float64]:
    """Gini impurity times rows."""
    share = np.asarray(failed) / np.maximum(rows, 1)
    return np.asarray(share * (1 - share) * rows)


def _region(node: Node, questions: Sequence[Question]) -> Truths:
    if node.question is None or node.yes is None or node.no is None:
        return np.full(len(questions[0].truths), node.wrong)
    yes, no = _region(node.yes, questions), _region(node.no, questions)
    return np.where(questions[node.question].truths, yes, no)


def _clauses(node: Node, questions: Sequence[Question]) -> list[list[str]]:
    """Conjunctions whose union is the region of wrong answers."""
    if node.question is None or node.yes is None or node.no is None:
        return [[]] if node.wrong else []
    question = questions[node.question]
    return [
        [said, *rest]
        for said, child in ((question.yes, node.yes), (question.no, node.no))
        for rest in _clauses(child, questions)
    ]


def _score(inside: Truths, wrong: Truths, inputs: NDArray[np.int64]) -> float | None:
    """Standard errors between the shares inside and elsewhere; None if no better than chance."""
    counts = []
    for part in (inside, ~inside):
        groups = min((len(np.unique(run[part])) for run in inputs), default=0)
        if part.sum() < LEAST_ROWS or groups < LEAST_GROUPS:
            return None
        counts.append((int(wrong[part].sum()), int(part.sum())))
    shares = [failed / rows for failed, rows in counts]
    # One more of each kind: a share of 0 or 1 has no variance, and is not certain either.
    smoothed = [(failed + 1) / (rows + 2) for failed, rows in counts]
    variances = [s * (1 - s) / rows for s, (_, rows) in zip(smoothed, counts, strict=True)]
    off = np.where(inside, (wrong - shares[0]) / counts[0][1], (shares[1] - wrong) / counts[1][1])
    clustered = []
    for run in inputs:
        _, place = np.unique(run, return_inverse=True)
        clustered.append(float((np.bincount(place, weights=off) ** 2).sum()))
    z = (shares[0] - shares[1]) / float(np.sqrt(max(sum(variances), *clustered)))
    better = z >= BETTER_THAN_CHANCE and shares[0] - shares[1] >= LEAST_DIFFERENCE
    return z if better else None
