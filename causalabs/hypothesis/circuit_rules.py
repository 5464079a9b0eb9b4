"""What is expected of circuits, against how they are made and what they are measured on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from causalabs.diagnostics import Rule
from causalabs.hypothesis import registry, rules_circuit as rules
from causalabs.hypothesis.model import (
    Circuit,
    Counterfactuals,
    Hypothesis,
    Line,
    NetworkSpec,
    Quantity,
    Term,
)

RANKED = ("cpr", "cmd", "auc")
"""Metrics that need the edges in order of importance."""
OF_PROBABILITIES = ("kl",)
"""Metrics that compare distributions over answers."""
COMPARED = ("precision", "recall", "auc")
"""Metrics of two circuits; they compare edges and run nothing."""
MADE_OF = ("logit_difference", "loss", "mass", "kl", "accuracy")
"""What a circuit's metric may be made of, after `by`."""
BY = ("faithfulness", "completeness", "minimality", "cpr", "cmd")
"""Metrics that say by which other they are made."""
PAIRS = "pairs"
"""Name of the line of (base, source) pairs that circuits are run on."""


def searched_on(counts: Counterfactuals) -> str | None:
    """The split that discovery reads: `select` if there is one, else `train` (M10)."""
    names = [name for name, _ in counts.splits]
    return next((name for name in ("select", "train") if name in names), None)


def circuit_rules(
    circuits: Sequence[Circuit],
    quantities: Sequence[Quantity],
    network: NetworkSpec | None,
    counts: Counterfactuals | None,
) -> list[Rule]:
    """All that is wrong or odd about measuring these circuits."""
    known = {circuit.name: circuit for circuit in circuits}
    found: list[Rule] = []
    kind = None if network is None else registry.find(registry.NetworkKind, network.kind)
    one_hot = kind.name if kind is not None and kind.one_hot else ""
    for circuit in circuits:
        settings = [dict(each) for _, each in circuit.methods]
        if one_hot and any(each.get("metric") in OF_PROBABILITIES for each in settings):
            found.append(rules.MeaninglessMetric(span=circuit.span, metric="kl", network=one_hot))
        if circuit.found and counts is not None and searched_on(counts) is None:
            found.append(rules.NothingToSearch(span=circuit.span, name=circuit.name))
    for quantity in quantities:
        for term in quantity.terms:
            mine = [known[name] for name in term.subjects if name in known]
            found += _of_term(term, mine, quantity, one_hot, counts)
    return found


def _of_term(
    term: Term,
    circuits: Sequence[Circuit],
    quantity: Quantity,
    one_hot: str,
    counts: Counterfactuals | None,
) -> Iterator[Rule]:
    if not circuits:
        return
    first, span = circuits[0], quantity.span
    for other in circuits[1:]:
        if other.ablation != first.ablation:
            yield rules.OtherAblation(
                span=span,
                name=first.name,
                ablation=first.ablation,
                other=other.name,
                instead=other.ablation,
            )
    if one_hot and (term.metric in OF_PROBABILITIES or term.by in OF_PROBABILITIES):
        yield rules.MeaninglessMetric(span=span, metric="kl", network=one_hot)
    by_size = "edges" in dict(quantity.axes)
    if (term.metric in RANKED or by_size) and not first.found:
        metric = f"{term.metric} over edges" if by_size else term.metric
        yield rules.NoRanking(span=span, metric=metric, name=first.name)
    on = None if counts is None else searched_on(counts)
    if first.found and on is not None and quantity.split == on:
        yield rules.JudgedOnSearched(span=span, name=first.name, split=on, first=first.span)


def with_pairs(counts: Counterfactuals, hypothesis: Hypothesis) -> Counterfactuals:
    """The counterfactuals with the line that circuits are run on, and replacements.

    Its examples are (base, source) pairs drawn as those of any line, under the same conditions;
    bases alone where no circuit resamples. It interchanges nothing by itself.
    """
    if not hypothesis.circuits and not hypothesis.replacements:
        return counts
    sources = 1 if any(each.ablation == "resample" for each in hypothesis.circuits) else 0
    line = Line(PAIRS, hypothesis.algorithms[0].name, sources=sources)
    return Counterfactuals(**{**vars(counts), "lines": (*counts.lines, line)})


def pairs_of(hypothesis: Hypothesis) -> int:
    """Number of the line that circuits are run on, and replacements on its bases."""
    return len(hypothesis.counterfactuals.lines) - 1
