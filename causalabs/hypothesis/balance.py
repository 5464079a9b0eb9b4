"""`balance`: values that are drawn equally often (SEMANTICS D3, D5, D6)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from causalabs.algorithm.domains import Real, SetOf
from causalabs.algorithm.model import Algorithm
from causalabs.algorithm.names import nearest
from causalabs.diagnostics import Rule, Span
from causalabs.hypothesis import rules_drawing as rules
from causalabs.hypothesis.meaning import (
    World,
    element_of,
    listed,
    meant,
    split_ref,
)
from causalabs.hypothesis.model import Line
from causalabs.hypothesis.statements import all_of
from causalabs.syntax import ast


def _balanced(
    ref: ast.Ref, world: World, found: list[Rule], about: Algorithm | None
) -> tuple[Algorithm, str] | None:
    """The element that a balance names."""
    shape = split_ref(ref)
    if about is None and shape is not None and shape[0] is None:
        # An input of rivals is one variable, whichever of them it is read in.
        about = next(
            (
                each
                for each in world.algorithms
                if shape[1] in each.by_family and each.by_family[shape[1]].role == "input"
            ),
            None,
        )
    target = meant(ref, world, found, about=about)
    if target is None:
        return None
    family = target.family
    bound = any(isinstance(index, ast.Binder) for index in target.indices)
    if family.ranges and (not target.indices or bound):
        found.append(
            rules.BalanceFamily(span=ref.span, name=family.name, example=family.members[0])
        )
        return None
    if any(
        isinstance(node, ast.Ref) and not node.parts and not world.named(str(node.name))
        for node in target.indices
    ):
        found.append(
            rules.BalanceFamily(span=ref.span, name=world.text(ref.span), example=family.members[0])
        )
        return None
    if isinstance(family.domain, Real | SetOf):
        problem = "real values" if isinstance(family.domain, Real) else "sets as values"
        found.append(rules.BalanceEndless(span=ref.span, name=family.name, problem=problem))
        return None
    name = family.members[0] if not target.indices else element_of(target, {}, world, found)
    return None if name is None else (target.algorithm, name)


def read_balance(
    node: ast.Counterfactuals, world: World, found: list[Rule]
) -> tuple[tuple[str, str], ...]:
    """The (algorithm, element) pairs whose values are drawn equally often."""
    every = next(iter(all_of(node, ast.Exhaustive)), None)
    chosen: dict[tuple[str, str], Span] = {}
    for balance in all_of(node, ast.Balance):
        if every is not None:
            found.append(rules.BalanceAll(span=balance.span, first=every.span))
        if balance.after is not None:
            continue
        for ref in balance.variables:
            one = _balanced(ref, world, found, None)
            if one is None:
                continue
            key = (one[0].name, one[1])
            if key in chosen:
                found.append(
                    rules.RepeatedStatement(
                        span=ref.span, statement=f"balance {one[1]}", first=chosen[key]
                    )
                )
            chosen.setdefault(key, ref.span)
    return tuple(chosen)


def read_balance_after(
    node: ast.Counterfactuals, world: World, lines: list[Line], found: list[Rule], broken: bool
) -> list[Line]:
    """The lines, with the outputs that are balanced after them.

    `broken`: some line could not be read, which may be the one that is named.
    """
    done: dict[str, Span] = {}
    for balance in all_of(node, ast.Balance):
        if balance.after is None:
            continue
        name = str(balance.after)
        after = [line for line in lines if _is_called(line, name)]
        if not after:
            if not (broken or world.silent(name)):
                found.append(_no_line(balance.after, lines))
            continue
        if name in done:
            found.append(
                rules.RepeatedStatement(
                    span=balance.span, statement=f"balance ... after {name}", first=done[name]
                )
            )
            continue
        done[name] = balance.span
        about = world.named(after[0].algorithm)
        names = []
        for ref in balance.variables:
            one = _balanced(ref, world, found, about)
            if one is not None and _changes(one[1], after[0], one[0], ref.span, found):
                names.append(one[1])
        lines = [
            replace(line, balance_after=tuple(names)) if line in after else line for line in lines
        ]
    return lines


def _is_called(line: Line, name: str) -> bool:
    return line.name == name or line.name.startswith(f"{name}[")


def _no_line(name: ast.Name, lines: Sequence[Line]) -> rules.BalanceAfter:
    names = list(dict.fromkeys(line.name for line in lines))
    near = nearest(str(name), names)
    return rules.BalanceAfter(
        span=name.span,
        name=str(name),
        problem="is not the name of an interchange",
        outputs="",
        advice=f"did you mean `{near}`?" if near else "give the line a name: `... as " + name + "`",
    )


def _changes(name: str, line: Line, about: Algorithm, span: Span, found: list[Rule]) -> bool:
    below = about.descendants(frozenset(line.variables))
    role = about[name].role
    if role == "output" and name in below:
        return True
    problem = "is not an output" if role != "output" else f"is not changed by `{line.name}`"
    outputs = [each.name for each in about.outputs if each.name in below]
    found.append(rules.BalanceAfter(span=span, name=name, problem=problem, outputs=listed(outputs)))
    return False
