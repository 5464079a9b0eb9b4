"""Counterfactuals: how examples are drawn, split and interchanged (SEMANTICS D, I)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from causalabs.algorithm.domains import Real, size
from causalabs.algorithm.expression import Constant, Expression
from causalabs.algorithm.model import Algorithm
from causalabs.algorithm.names import nearest
from causalabs.diagnostics import Rule, Span
from causalabs.hypothesis import registry, rules_drawing as rules
from causalabs.hypothesis.balance import read_balance, read_balance_after
from causalabs.hypothesis.lines import (
    Elaborate,
    Homes,
    Setting,
    read_lines,
    same_lines,
    whose_source,
)
from causalabs.hypothesis.meaning import (
    World,
    element_of,
    listed,
    meant,
    shortened,
    split_ref,
)
from causalabs.hypothesis.model import Counterfactuals, Line
from causalabs.hypothesis.rules_interchange import NameTaken
from causalabs.hypothesis.shares import count_inputs, dealt, pairs_of
from causalabs.hypothesis.statements import all_of, once
from causalabs.syntax import ast

MOST_ROWS = 10**7
MOST_PAIRS = 2 * 10**7
FILTERS = ("solved",)
Taken = dict[str, tuple[str, Span]]
"""Names in use outside this block: what each is the name of, and where it was given."""


def resolve_counterfactuals(
    node: ast.Counterfactuals,
    world: World,
    homes: Homes,
    taken: Taken,
    elaborate: Elaborate,
    *,
    damaged: bool = False,
) -> tuple[Counterfactuals | None, list[Rule]]:
    """The meaning of a block and what is wrong with it; None when an error is among that.

    Of a block that is `damaged`, because a statement in it could not be read, nothing is said
    that may follow from what was lost there.
    Statements are read in an order of their own, so that theirs in the file does not matter.
    """
    found: list[Rule] = []
    sample = _how_many(node, damaged, found)
    changed = once(node, ast.Changes, "source changes only", found)
    mistaken = len(found)
    changes = _inputs(changed.inputs, world, found) if changed else None
    if len(found) > mistaken:
        changes = None
    setting = Setting(world, homes, elaborate, changes, changed.span if changed else None, found)
    lines: list[Line] = []
    for each in node.statements:
        if not isinstance(each, ast.Interchange | ast.Assign):
            continue
        made = read_lines(each, setting)
        if (each.name is not None and made and _free(each.name, taken, found)) or each.name is None:
            lines += made
    same_lines(lines, found)
    broken = damaged or any(rule.severity == "error" for rule in found)
    balance = read_balance(node, world, found)
    lines = read_balance_after(node, world, lines, found, broken)
    keep = _keep_where(node, world, lines, elaborate, found)
    solved = _filters(node, found)
    splits, by = _splits(node, world, found)
    counts = Counterfactuals(
        sample=sample,
        lines=tuple(lines),
        splits=splits,
        by=by,
        balance=balance,
        changes_only=changes,
        keep_where=keep,
        solved=solved,
    )
    if world.algorithms and not damaged and not any(rule.severity == "error" for rule in found):
        _sizes(node, counts, world, found)
    if damaged or world.partial or any(rule.severity == "error" for rule in found):
        return None, found
    return counts, found


def _free(name: ast.Name, taken: Taken, found: list[Rule]) -> bool:
    """Whether a line may have this name; takes it if so."""
    before = taken.setdefault(str(name), ("another interchange", name.span))
    if before[1] == name.span:
        return True
    what, span = before
    found.append(NameTaken(span=name.span, name=str(name), what=what, suffix="swapped", first=span))
    return False


def _how_many(node: ast.Counterfactuals, damaged: bool, found: list[Rule]) -> int | None:
    sample = once(node, ast.Sample, "sample", found)
    every = once(node, ast.Exhaustive, "exhaustive", found)
    if sample is None and every is None and damaged:
        return 1
    if sample is None and every is None:
        word = Span(node.span[0], min(node.span[0] + len("counterfactuals"), node.span[1]))
        found.append(rules.HowMany(span=word))
        return 1
    if sample is not None and every is not None:
        first, second = sorted((sample.span, every.span))
        found.append(rules.BothWays(span=second, first=first))
    if sample is None:
        return None
    count = sample.count.value
    problem = "none" if count == 0 else "more than can be drawn" if count > MOST_ROWS else ""
    if problem:
        found.append(
            rules.SampleSize(
                span=sample.count.span, count=shortened(str(sample.count)), problem=problem
            )
        )
        return 1
    return int(count)


def _inputs(refs: Sequence[ast.Ref], world: World, found: list[Rule]) -> tuple[str, ...]:
    """Input elements that `source changes only` names; rivals have the same inputs."""
    chosen: list[str] = []
    for ref in refs:
        algorithm = _having(ref, world)
        shape = split_ref(ref)
        family = algorithm.by_family.get(shape[1]) if algorithm and shape else None
        if algorithm is None or family is None or family.role != "input":
            _not_input(ref.span, world.text(ref.span), str(ref.name), world, found)
            continue
        target = meant(ref, replace(world, algorithms=(algorithm,)), found)
        if target is None:
            continue
        if not target.indices:
            chosen += family.members
        elif (one := element_of(target, {}, world, found)) is not None:
            chosen.append(one)
    return tuple(dict.fromkeys(chosen))


def _having(ref: ast.Ref, world: World) -> Algorithm | None:
    shape = split_ref(ref)
    if shape is None:
        return None
    owner, name, _ = shape
    having = [each for each in world.algorithms if name in each.by_family]
    return next((each for each in having if owner in (None, each.name)), None)


def _not_input(span: Span, text: str, name: str, world: World, found: list[Rule]) -> None:
    if world.silent(name):
        return
    inputs = list(
        dict.fromkeys(f.name for a in world.algorithms for f in a.families if f.role == "input")
    )
    known = any(text in algorithm.by_family for algorithm in world.algorithms)
    found.append(
        rules.UnknownInput(
            span=span,
            name=text,
            suggestion=None if known else nearest(text, inputs),
            inputs=listed(inputs),
        )
    )


# ----------------------------------------------------------------------- filters


def _filters(node: ast.Counterfactuals, found: list[Rule]) -> bool:
    first: dict[str, Span] = {}
    for keep in all_of(node, ast.Keep):
        name = str(keep.filter)
        if name not in FILTERS:
            found.append(
                rules.UnknownFilter(
                    span=keep.filter.span, name=name, suggestion=nearest(name, FILTERS)
                )
            )
        elif name in first:
            found.append(
                rules.RepeatedStatement(span=keep.span, statement=f"keep {name}", first=first[name])
            )
        else:
            first[name] = keep.span
    return "solved" in first


def _keep_where(
    node: ast.Counterfactuals,
    world: World,
    lines: Sequence[Line],
    elaborate: Elaborate,
    found: list[Rule],
) -> Expression | None:
    """All `keep where` of the block as one condition.

    It is elaborated for the algorithm of the lines: with rivals, for the first that has all
    of its variables.
    """
    from causalabs.algorithm.domains import Bool
    from causalabs.algorithm.expression import Operation

    kept: list[Expression] = []
    for keep in all_of(node, ast.KeepWhere):
        about = _about(keep.condition, world)
        if about is None:
            continue
        condition = elaborate(keep.condition, about, ("base", "source"))
        if condition is None:
            continue
        if isinstance(condition, Constant) and not condition.value:
            found.append(rules.NeverHolds(span=keep.condition.span))
        if all(whose_source(condition, line, keep.condition, world, found) for line in lines):
            kept.append(condition)
    if len(kept) < 2:
        return kept[0] if kept else None
    return Operation("and", tuple(kept), Bool())


def _about(condition: ast.Expr, world: World) -> Algorithm | None:
    wanted = {
        str(part.parts[0].name)
        for part in ast.walk(condition)
        if isinstance(part, ast.Ref)
        and str(part.name) in ("base", "source")
        and part.parts
        and isinstance(part.parts[0], ast.Field)
    }
    having = [each for each in world.algorithms if wanted <= set(each.by_family)]
    return next(iter(having or world.algorithms), None)


# ------------------------------------------------------------------------ splits


def _splits(
    node: ast.Counterfactuals, world: World, found: list[Rule]
) -> tuple[tuple[tuple[str, Fraction], ...], str | None]:
    """The shares by name, and what they are dealt by; no `split` is `heldout 100%`."""
    split = once(node, ast.Split, "split", found)
    if split is None:
        return (("heldout", Fraction(1)),), None
    first: dict[str, Span] = {}
    roles = registry.names(registry.SplitRole)
    shares: list[tuple[str, Fraction]] = []
    for share in split.shares:
        name = str(share.name)
        if name in first:
            found.append(rules.SplitTwice(span=share.span, name=name, first=first[name]))
        elif name not in roles:
            found.append(
                rules.UnknownSplit(
                    span=share.name.span,
                    name=name,
                    suggestion=nearest(name, roles),
                    splits=listed(roles),
                )
            )
        first.setdefault(name, share.span)
        percent = _fraction(share.percent)
        if percent == 0:
            found.append(rules.EmptySplit(span=share.span, name=name, reason="a share of zero"))
        shares.append((name, percent / 100))
    total = sum((part for _, part in shares), Fraction(0)) * 100
    if total != 100:
        span = Span(split.shares[0].span[0], split.shares[-1].span[1])
        found.append(rules.SharesSum(span=span, total=_percent(total), change=_change(total)))
    return tuple(shares), _by(split, world, found)


def _fraction(digits: ast.Digits) -> Fraction:
    """A share as written, exactly; absurd ones are cut off, for they cost time."""
    about = float(digits.replace("_", ""))
    if about > 10**6:
        return Fraction(10**6)
    return Fraction(digits.replace("_", "")) if about > 10**-9 else Fraction(0)


def _percent(value: Fraction) -> str:
    return f"{float(value):g}"


def _change(total: Fraction) -> str:
    if total > 100:
        return f"take {_percent(total - 100)} % away"
    return f"give away the missing {_percent(100 - total)} %"


def _by(split: ast.Split, world: World, found: list[Rule]) -> str | None:
    if split.by is None:
        return None
    name = str(split.by)
    if name == "input":
        return name
    for algorithm in world.algorithms:
        family = algorithm.by_family.get(name)
        if family is not None and family.role == "input" and not family.ranges:
            return name
    _not_input(split.by.span, name, name, world, found)
    return name


# ------------------------------------------------------------------------- sizes


def _sizes(
    node: ast.Counterfactuals, counts: Counterfactuals, world: World, found: list[Rule]
) -> None:
    """Whether what is asked for can be drawn and dealt."""
    split = next(iter(all_of(node, ast.Split)), None)
    every = next(iter(all_of(node, ast.Exhaustive)), None)
    algorithm = world.algorithms[0]
    real = next((v for v in algorithm.inputs if isinstance(v.domain, Real)), None)
    if counts.exhaustive and every is not None and real is not None:
        found.append(rules.EndlessInputs(span=every.span, name=real.name, first=real.span))
        return
    inputs = None if real is not None else count_inputs(algorithm)
    if counts.exhaustive and inputs is not None and every is not None:
        for line in counts.lines:
            pairs = pairs_of(line, counts, inputs.number, algorithm)
            if pairs > MOST_PAIRS:
                found.append(_too_many(line, every.span, pairs, inputs.text))
                break
    if split is None:
        return
    rows: int | None = counts.sample
    what = f"{rows:,} examples" if rows else ""
    if counts.by == "input":
        rows = inputs.number if inputs is not None and inputs.exact else None
        what = f"{rows:,} inputs" if rows else ""
    elif counts.by is not None and counts.by in algorithm:
        rows = size(algorithm[counts.by].domain)
        what = f"{rows:,} values of `{counts.by}`" if rows else ""
    if rows is not None:
        for share, number in zip(split.shares, dealt(rows, counts.splits), strict=True):
            if number == 0:
                reason = f"{_percent(_fraction(share.percent))} % of {what}"
                found.append(rules.EmptySplit(span=share.span, name=str(share.name), reason=reason))
    if counts.by is None and real is None and len(split.shares) > 1:
        found.append(rules.InputsRepeat(span=split.span))


def _too_many(line: Line, every: Span, pairs: int, inputs: str) -> rules.TooManyPairs:
    sources = {0: "no source", 1: "one source each"}.get(line.sources, f"{line.sources} sources")
    return rules.TooManyPairs(
        span=line.span,
        count=f"{pairs:,}" if pairs < 10**15 else f"{float(pairs):.0e}",
        inputs=inputs,
        sources=sources,
        first=every,
    )
