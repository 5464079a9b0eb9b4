"""Nodes of counterfactuals, circuits and expectations: one function a grammar rule."""

from __future__ import annotations

from typing import Any

from causalabs.syntax import ast
from causalabs.syntax.ast import Name, Node
from causalabs.syntax.children import (
    Children,
    cut,
    digits_of,
    extent,
    name_behind,
    name_of,
    named_or_node,
    names_of,
    nodes_of,
    tokens_of,
)
from causalabs.syntax.lexer import Token

# -------------------------------------------------------------- counterfactuals


def _counterfactuals(c: Children) -> Node:
    return ast.Counterfactuals(nodes_of(c), span=extent(c))


def _sample(c: Children) -> Node:
    return ast.Sample(digits_of(c[1]), span=extent(c))


def _exhaustive(c: Children) -> Node:
    return ast.Exhaustive(span=extent(c))


def _changes(c: Children) -> Node:
    return ast.Changes(nodes_of(c), span=extent(c))


def _balance(c: Children) -> Node:
    return ast.Balance(nodes_of(c), name_behind(c, "after"), span=extent(c))


def _keep(c: Children) -> Node:
    return ast.Keep(name_of(c[1]), span=extent(c))


def _keep_where(c: Children) -> Node:
    return ast.KeepWhere(nodes_of(c)[0], span=extent(c))


def _named_and_filtered(c: Children) -> tuple[Name | None, Any]:
    _, condition = cut(c, "where")
    nodes = nodes_of(condition)
    return name_behind(c, "as"), nodes[0] if nodes else None


def _interchange(c: Children) -> Node:
    name, condition = _named_and_filtered(c)
    taken = tuple(node for node in c if isinstance(node, ast.Taken))
    together = bool(tokens_of(c, "together"))
    return ast.Interchange(taken, together, name, condition, span=extent(c))


def _taken(c: Children) -> Node:
    return ast.Taken(c[0], c[2] if len(c) > 1 else None, span=extent(c))


def _assign(c: Children) -> Node:
    name, condition = _named_and_filtered(c)
    settings = tuple(node for node in c if isinstance(node, ast.SettingOf))
    return ast.Assign(settings, name, condition, span=extent(c))


def _setting_of(c: Children) -> Node:
    return ast.SettingOf(c[0], c[2], span=extent(c))


def _split(c: Children) -> Node:
    return ast.Split(nodes_of(c), name_behind(c, "by"), span=extent(c))


def _share(c: Children) -> Node:
    return ast.Share(name_of(c[0]), digits_of(c[1]), span=extent(c))


# --------------------------------------------------------------------- circuits


def _circuit(c: Children) -> Node:
    title, inside = named_or_node(c[1]), nodes_of(c[2:])
    return ast.Circuit(title, inside, span=extent(c))


def _discovery(c: Children) -> Node:
    return ast.Discovery(named_or_node(c[1]), nodes_of(c[2:]), span=extent(c))


def _edge(c: Children) -> Node:
    writers, readers = cut(c, "->")
    return ast.Edge(nodes_of(writers), nodes_of(readers), span=extent(c))


def _group(c: Children) -> Node:
    return ast.Group(name_of(c[0]), nodes_of(c), span=extent(c))


def _node_at(c: Children) -> Node:
    place = c[0]
    if type(place) is Token:
        place = ast.Component(name_of(place), span=extent(c[:1]))
    return ast.NodeAt(place, c[2] if len(c) > 1 else None, span=extent(c))


def _replace(c: Children) -> Node:
    place, by = nodes_of(c)
    return ast.Replace(place, by, name_behind(c, "as"), span=extent(c))


# ----------------------------------------------------------------- expectations

_SEEDS = (ast.EverySeed, ast.OverSeeds)


def _expect(c: Children) -> Node:
    nodes = nodes_of(c)
    return ast.Expect(
        tuple(node for node in nodes if isinstance(node, ast.Metric)),
        name_of(tokens_of(c, "COMPARE")[0]),
        next(node for node in nodes if isinstance(node, ast.Bound)),
        name_behind(c, "on"),
        _control(c),
        next((node for node in nodes if isinstance(node, _SEEDS)), None),
        span=extent(c),
    )


def _report(c: Children) -> Node:
    nodes = nodes_of(c)
    return ast.Report(
        tuple(node for node in nodes if isinstance(node, ast.Metric)),
        tuple(node for node in nodes if isinstance(node, ast.Axis)),
        name_behind(c, "on"),
        _control(c),
        span=extent(c),
    )


def _control(c: Children) -> ast.Under | None:
    """The `under` of a whole line: a word and a control, spliced in behind the split."""
    for position, child in enumerate(c):
        if type(child) is Token and child.kind == "under":
            control = c[position + 1]
            return ast.Under(named_or_node(control), span=extent(c[position : position + 2]))
    return None


def _every_seed(c: Children) -> Node:
    return ast.EverySeed(span=extent(c))


def _over_seeds(c: Children) -> Node:
    return ast.OverSeeds(span=extent(c))


def _bound(c: Children) -> Node:
    return ast.Bound(c[0], len(c) > 1, span=extent(c))


def _metric(c: Children) -> Node:
    names = names_of(c)
    modifier = names[0] if len(names) > 1 else None
    return ast.Metric(names[-1], nodes_of(c), modifier, span=extent(c))


def _of(c: Children) -> Node:
    return ast.Of(nodes_of(c), span=extent(c))


def _between(c: Children) -> Node:
    left, right = cut(c, "and")
    return ast.Between(nodes_of(left), nodes_of(right), span=extent(c))


def _in(c: Children) -> Node:
    return ast.In(name_of(c[1]), span=extent(c))


def _against(c: Children) -> Node:
    return ast.Against(name_of(c[1]), span=extent(c))


def _by(c: Children) -> Node:
    return ast.By(named_or_node(c[1]), span=extent(c))


def _under(c: Children) -> Node:
    return ast.Under(named_or_node(c[1]), span=extent(c))


def _axis(c: Children) -> Node:
    return ast.Axis(name_of(c[0]), c[1] if len(c) > 1 else None, span=extent(c))
