"""Nodes of files, domains, algorithms and expressions: one function a grammar rule."""

from __future__ import annotations

from causalabs.diagnostics import Span
from causalabs.syntax import ast
from causalabs.syntax.ast import Name, Node
from causalabs.syntax.children import (
    NUMBERS,
    Children,
    cut,
    digits_of,
    extent,
    name_of,
    names_of,
    nodes_of,
    numbers_of,
    text_of,
    texts_of,
    tokens_of,
)
from causalabs.syntax.lexer import Token

# ------------------------------------------------------------------------- file


def _file(c: Children) -> Node:
    imports = tuple(node for node in c if isinstance(node, ast.Import))
    named = next((node for node in c if isinstance(node, ast.Hypothesis)), None)
    skip = (ast.Import, ast.Hypothesis)
    items = tuple(node for node in c if not isinstance(node, skip))
    return ast.File(imports, named, items, span=extent(c) if c else Span(0, 0))


def _import(c: Children) -> Node:
    return ast.Import(names_of(c), text_of(c[-1]), span=extent(c))


def _hypothesis(c: Children) -> Node:
    return ast.Hypothesis(name_of(c[1]), texts_of(c), span=extent(c))


def _domain_definition(c: Children) -> Node:
    return ast.DomainDefinition(name_of(c[1]), nodes_of(c), span=extent(c))


def _data(c: Children) -> Node:
    return ast.Data(name_of(c[1]), text_of(c[3]), name_of(c[5]), span=extent(c))


def _seeds(c: Children) -> Node:
    return ast.Seeds(c[1], span=extent(c))


# ---------------------------------------------------------------------- domains


def _bool(c: Children) -> Node:
    return ast.Bool(span=extent(c))


def _interval(c: Children) -> Node:
    return ast.Interval(c[0], c[2], span=extent(c))


def _mod(c: Children) -> Node:
    return ast.Mod(digits_of(c[1]), span=extent(c))


def _cyclic(c: Children) -> Node:
    return ast.Cyclic(c[1], span=extent(c))


def _real(c: Children) -> Node:
    sizes, nodes = numbers_of(c), nodes_of(c)
    size, interval = (sizes[0] if sizes else None), (nodes[0] if nodes else None)
    return ast.Real(size, interval, span=extent(c))


def _enum(c: Children) -> Node:
    return ast.Enum(c[0], span=extent(c))


def _named(c: Children) -> Node:
    return ast.Named(name_of(c[0]), name_of(c[2]) if len(c) > 1 else None, span=extent(c))


def _set(c: Children) -> Node:
    return ast.Set(c[2], span=extent(c))


def _values(c: Children) -> Node:
    return ast.Values(nodes_of(c), span=extent(c))


def _value(c: Children) -> Node:
    token = c[0]
    return ast.Value(text_of(token) if token.kind == "STRING" else name_of(token), span=extent(c))


def _truth(c: Children) -> Node:
    return ast.Truth(c[0].kind == "true", span=extent(c))


def _number(c: Children) -> Node:
    return ast.Number(digits_of(c[-1]), len(c) > 1, span=extent(c))


# ------------------------------------------------------------------- algorithms


def _algorithm(c: Children) -> Node:
    name = name_of(c[1]) if c[1].kind == "NAME" else None
    return ast.Algorithm(name, nodes_of(c), span=extent(c))


def _input(c: Children) -> Node:
    *families, domain = nodes_of(c)
    return ast.Input(tuple(families), domain, span=extent(c))


def _family(c: Children) -> Node:
    return ast.Family(name_of(c[0]), numbers_of(c), span=extent(c))


def _var(c: Children) -> Node:
    cell, domain, mechanism = nodes_of(c)
    return ast.Var(cell, domain, mechanism, span=extent(c))


def _output(c: Children) -> Node:
    cell, domain, mechanism = nodes_of(c)
    return ast.Output(cell, domain, mechanism, span=extent(c))


def _cell(c: Children) -> Node:
    return ast.Cell(name_of(c[0]), nodes_of(c), span=extent(c))


def _binder(c: Children) -> Node:
    low, high = nodes_of(c)
    return ast.Binder(name_of(c[0]), low, high, span=extent(c))


def _where(c: Children) -> Node:
    return ast.Where(nodes_of(c)[0], span=extent(c))


def _def(c: Children) -> Node:
    name, *parameters = names_of(c)
    return ast.Def(name, tuple(parameters), nodes_of(c)[0], span=extent(c))


def _table(c: Children) -> Node:
    nodes = nodes_of(c)
    entries = tuple(node for node in nodes if isinstance(node, ast.Entry))
    *keys, domain = nodes[: len(nodes) - len(entries)]
    return ast.Table(name_of(c[1]), tuple(keys), domain, entries, span=extent(c))


def _entry(c: Children) -> Node:
    return ast.Entry(c[0], c[2], span=extent(c))


def _key(c: Children) -> Node:
    return ast.Key(nodes_of(c), span=extent(c))


# ------------------------------------------------------------------ expressions


def _choose(c: Children) -> Node:
    condition, yes, no = nodes_of(c)
    return ast.Choose(condition, yes, no, span=extent(c))


def _or(c: Children) -> Node:
    return ast.Or(nodes_of(c), span=extent(c))


def _xor(c: Children) -> Node:
    return ast.Xor(nodes_of(c), span=extent(c))


def _and(c: Children) -> Node:
    return ast.And(nodes_of(c), span=extent(c))


def _not(c: Children) -> Node:
    return ast.Not(nodes_of(c)[0], span=extent(c))


def _comparison(c: Children) -> Node:
    left, right = nodes_of(c)
    return ast.Comparison(left, name_of(tokens_of(c, "COMPARE")[0]), right, span=extent(c))


_OPERATORS = frozenset({"+", "-", "*", "//", "%"})


def _operators(c: Children) -> tuple[Name, ...]:
    return tuple(name_of(child) for child in c if type(child) is Token and child.kind in _OPERATORS)


def _sum(c: Children) -> Node:
    return ast.Sum(nodes_of(c), _operators(c), span=extent(c))


def _product(c: Children) -> Node:
    return ast.Product(nodes_of(c), _operators(c), span=extent(c))


def _negative(c: Children) -> Node:
    return ast.Negative(nodes_of(c)[0], span=extent(c))


def _literal(c: Children) -> Node:
    token = c[0]
    if token.kind in NUMBERS:
        return ast.Literal(digits_of(token), span=extent(c))
    if token.kind == "STRING":
        return ast.Literal(text_of(token), span=extent(c))
    return ast.Literal(token.kind == "true", span=extent(c))


def _ref(c: Children) -> Node:
    return ast.Ref(name_of(c[0]), tuple(c[1:]), span=extent(c))


def _field(c: Children) -> Node:
    return ast.Field(name_of(c[1]), span=extent(c))


def _at_index(c: Children) -> Node:
    return ast.AtIndex(nodes_of(c), span=extent(c))


def _apply(c: Children) -> Node:
    arguments, binders = cut(c, "for")
    return ast.Apply(name_of(c[0]), nodes_of(arguments), nodes_of(binders), span=extent(c))


def _match(c: Children) -> Node:
    subject, *arms = nodes_of(c)
    return ast.Match(subject, tuple(arms), span=extent(c))


def _arm(c: Children) -> Node:
    *patterns, result = nodes_of(c)
    return ast.Arm(tuple(patterns), result, span=extent(c))


def _pattern(c: Children) -> Node:
    return ast.Pattern(c[0], span=extent(c))


def _such(c: Children) -> Node:
    domain, condition = nodes_of(c)
    return ast.Such(name_of(c[1]), domain, condition, span=extent(c))
