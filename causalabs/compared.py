"""From measurements beside a plan's jobs to the tables that a person reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from causalabs.batteries import Battery, Controlled, Curve, CurvePoint
from causalabs.extras import BATTERY, Extra, label, not_run, subjects
from causalabs.hypothesis import registry
from causalabs.hypothesis.model import BasisSpec, Hypothesis
from causalabs.hypothesis.terms import fitted
from causalabs.intervals import Part, combine
from causalabs.plans import Plan
from causalabs.results import Measured, Outcome

NEAR = 0.05
"""A control that comes so near to the alignment, or above it, is warned of."""

TEXTS: Mapping[str, str] = {
    "": "as fitted",
    "untrained": "fresh weights, fitted anew",
    "shuffled_sources": "each source another example's, fitted anew",
    "wrong_algorithm": "fitted anew to the wrong algorithm's answers",
    "random_basis": "as many dims of a random basis",
    "whole_site": "all of the site interchanged",
    "left_alone": "nothing interchanged",
    "chance": "of each interchange one answer, the one right most often",
}

REACHES: Mapping[str, str] = {
    "untrained": "the same fit on an untrained network reaches {value} where the network reaches "
    "{plain}: what is found may be the basis' doing, not the network's",
    "shuffled_sources": "with shuffled sources the fit reaches {value} against {plain}: what is "
    "written hardly depends on the source",
    "wrong_algorithm": "a wrong algorithm is aligned about as well as the right one ({value} "
    "against {plain}): these interchanges do not tell them apart here",
    "random_basis": "a random basis of the same size reaches {value} against {plain}: fitting "
    "adds little",
    "left_alone": "leaving the output alone reaches {value} against {plain}: the interchanges "
    "hardly ask for another answer",
    "chance": "always the same answer reaches {value} against {plain}",
}
"""What is said where a control comes near to the alignment; the whole site may well."""


def batteries(
    hypothesis: Hypothesis,
    plan: Plan,
    extras: Sequence[Extra],
    outcomes: Mapping[str, Outcome],
    failed: Mapping[str, str],
    rivals: Mapping[str, str],
) -> tuple[Battery, ...]:
    """A battery for each fitted alignment and split; `rivals` are sentences by alignment."""
    found = []
    left_out = {job.alignment: not_run(hypothesis, plan, job) for job in subjects(hypothesis, plan)}
    for name in dict.fromkeys(extra.alignment for extra in extras):
        own = [extra for extra in extras if extra.alignment == name]
        why = dict(left_out[name])
        why.update({e.control: failed[e.name] for e in own if e.name in failed})
        for split in dict.fromkeys(split for extra in own for split in extra.splits):
            rows = [
                _row(hypothesis, control, split, [e for e in own if e.control == control], outcomes)
                for control in ("", *BATTERY)
                if control not in why and any(e.control == control for e in own)
            ]
            if rows:
                found.append(
                    Battery(
                        alignment=name,
                        split=split,
                        rows=tuple(rows),
                        rival=rivals.get(name, ""),
                        left_out=tuple((each, why[each]) for each in BATTERY if each in why),
                        warnings=warnings(rows),
                    )
                )
    return tuple(found)


def _row(
    hypothesis: Hypothesis,
    control: str,
    split: str,
    extras: Sequence[Extra],
    outcomes: Mapping[str, Outcome],
) -> Controlled:
    """One control over its seeds."""
    measured = [m for e in extras for m in outcomes[e.name].measured if m.split == split]
    value, low, high, samples = _mean(measured, len(extras))
    names = hypothesis.counterfactuals.lines
    by_line = tuple(
        (names[n].name, float(np.mean([m.values.mean() for m in measured if m.line == n])))
        for n in extras[0].lines
    )
    wanted = _wanted(hypothesis, extras[0])
    missing = [names[n].name for n in wanted if n not in extras[0].lines]
    text = TEXTS[control]
    if missing:
        text += f", without {' and '.join(f'`{name}`' for name in missing)}"
    return Controlled(
        control=control,
        value=value,
        low=low,
        high=high,
        samples=samples,
        exact=all(m.exact for m in measured),
        by_line=by_line,
        capacity=_capacity(outcomes[extras[0].name]),
        linear=control in ("whole_site", "left_alone", "chance") or _linear(hypothesis, extras[0]),
        text=text,
    )


def _wanted(hypothesis: Hypothesis, extra: Extra) -> tuple[int, ...]:
    """All lines of an alignment's variables that an extra could have measured."""
    alignment = hypothesis.alignment_named(extra.alignment)
    return tuple(
        number
        for number, line in enumerate(hypothesis.counterfactuals.lines)
        if line.algorithm == alignment.algorithm
        and set() < set(line.variables) <= set(alignment.variables)
    )


def _mean(measured: Sequence[Measured], seeds: int) -> tuple[float, float, float, int]:
    """The mean over interchanges and seeds, with its interval, and examples behind it."""
    weight = 1 / len(measured)
    parts = [
        Part(weight, m.values, (number, m.line, m.split), 0.0, 1.0)
        for number, m in enumerate(measured)
    ]
    value, low, high = combine(parts)
    if all(m.exact for m in measured):
        low = high = value
    return value, low, high, sum(len(m.values) for m in measured)


def _capacity(outcome: Outcome) -> int:
    return sum(record.capacity for record in outcome.fits)


def _linear(hypothesis: Hypothesis, extra: Extra) -> bool:
    spaces = hypothesis.alignment_named(extra.alignment).spaces
    kinds = [extra.basis[0]] if extra.basis else [s.basis for s in spaces if fitted(s)]
    return all(map(linear, kinds))


def linear(basis: BasisSpec) -> bool:
    """Whether a basis is a linear map.

    >>> linear(BasisSpec("learned")), linear(BasisSpec("revnet"))
    (True, False)
    """
    kind = registry.find(registry.BasisKind, basis.kind)
    return kind is None or not kind.nonlinear


def warnings(rows: Sequence[Controlled]) -> tuple[str, ...]:
    """Which controls come near to what the alignment reaches, in words."""
    plain = rows[0].value
    return tuple(
        REACHES[row.control].format(value=f"{row.value:.3f}", plain=f"{plain:.3f}")
        for row in rows[1:]
        if row.control in REACHES and row.value >= plain - NEAR
    )


# ----------------------------------------------------------------------------- curves


def curves(
    hypothesis: Hypothesis,
    extras: Sequence[Extra],
    outcomes: Mapping[str, Outcome],
    failed: Mapping[str, str],
) -> tuple[Curve, ...]:
    """A curve for each alignment and split, points in order of capacity."""
    found = []
    for name in dict.fromkeys(extra.alignment for extra in extras):
        own = [extra for extra in extras if extra.alignment == name]
        for split in dict.fromkeys(split for extra in own for split in extra.splits):
            points = []
            for control, basis in dict.fromkeys((e.control, e.basis) for e in own):
                same = [e for e in own if (e.control, e.basis) == (control, basis)]
                if basis is not None and all(e.name in outcomes for e in same):
                    points.append(_point(hypothesis, same, split, outcomes))
            points.sort(key=lambda each: (each.capacity, each.dims))
            out = {label(*e.basis): failed[e.name] for e in own if e.name in failed and e.basis}
            found.append(Curve(name, split, tuple(points), tuple(out.items())))
    return tuple(found)


def _point(
    hypothesis: Hypothesis, extras: Sequence[Extra], split: str, outcomes: Mapping[str, Outcome]
) -> CurvePoint:
    measured = [m for e in extras for m in outcomes[e.name].measured if m.split == split]
    value, low, high, samples = _mean(measured, len(extras))
    assert extras[0].basis is not None
    basis, dims = extras[0].basis
    names = hypothesis.counterfactuals.lines
    missing = [names[n].name for n in _wanted(hypothesis, extras[0]) if n not in extras[0].lines]
    without = f" (without {', '.join(missing)})" if missing and basis.kind == "whole" else ""
    return CurvePoint(
        control=extras[0].control,
        basis=basis.kind,
        label=label(basis, dims) + without,
        dims=dims,
        capacity=_capacity(outcomes[extras[0].name]),
        linear=linear(basis),
        value=value,
        low=low,
        high=high,
        samples=samples,
    )
