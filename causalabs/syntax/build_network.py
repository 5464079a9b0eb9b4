"""Nodes of networks, alignments, sites and positions: one function a grammar rule."""

from __future__ import annotations

from causalabs.syntax import ast
from causalabs.syntax.ast import Name, Node
from causalabs.syntax.children import (
    Children,
    behind,
    cut,
    digits_of,
    extent,
    name_behind,
    name_of,
    named_or_node,
    names_of,
    nodes_of,
    numbers_of,
    text_of,
    texts_of,
)
from causalabs.syntax.lexer import Token

# --------------------------------------------------------------------- networks


def _network(c: Children) -> Node:
    call, *wiring = nodes_of(c)
    names = names_of(c)
    return ast.Network(names[0] if names else None, call, tuple(wiring), span=extent(c))


def _prefix(c: Children) -> Node:
    return ast.Prefix(text_of(c[1]), span=extent(c))


def _feed(c: Children) -> Node:
    step = name_behind(c, "step")
    items = c[4:] if step is not None else c[1:]
    chat = type(items[0]) is Token and items[0].kind == "chat"
    fed = [
        text_of(item) if type(item) is Token else item
        for item in items
        if type(item) is not Token or item.kind == "STRING"
    ]
    return ast.Feed(tuple(fed), step, chat, span=extent(c))


def _feed_any(c: Children) -> Node:
    texts = texts_of(c)
    if c[2].text == "from":
        return ast.FeedAny((), texts[0], span=extent(c))
    return ast.FeedAny(texts, span=extent(c))


def _read(c: Children) -> Node:
    nodes, texts = nodes_of(c), texts_of(c)
    style = next((name_of(t) for t in c if type(t) is Token and t.text in ("as", "spelled")), None)
    return ast.Read(
        nodes[0],
        nodes[1] if len(nodes) > 1 else None,
        style,
        texts[0] if texts else None,
        name_behind(c, "among"),
        span=extent(c),
    )


def _train_until(c: Children) -> Node:
    return ast.TrainUntil(name_of(c[2]), name_of(c[3]), c[4], span=extent(c))


def _train_to(c: Children) -> Node:
    return ast.TrainTo(name_of(c[3]), nodes_of(c), span=extent(c))


def _call(c: Children) -> Node:
    return ast.Call(name_of(c[0]), nodes_of(c), span=extent(c))


def _argument(c: Children) -> Node:
    name = name_of(c[0]) if len(c) > 1 else None
    return ast.Argument(name, c[-1], span=extent(c))


def _settings(c: Children) -> Node:
    return ast.Settings(nodes_of(c), span=extent(c))


# -------------------------------------------------------------------- alignment


def _alignment(c: Children) -> Node:
    name = name_of(c[1]) if c[1].kind == "NAME" else None
    return ast.Alignment(name, name_behind(c, "of"), nodes_of(c), span=extent(c))


def _place(c: Children) -> Node:
    indices, home = cut(c, "->")
    nodes = nodes_of(home)
    origin = behind(home, "from")
    basis = nodes[-1] if isinstance(nodes[-1], ast.Dims | ast.Fitted) else None
    sites = tuple(node for node in nodes if node is not origin and node is not basis)
    every = type(home[0]) is Token
    return ast.Place(name_of(c[0]), nodes_of(indices), sites, every, origin, basis, span=extent(c))


def _site(c: Children) -> Node:
    return ast.Site(c[0], c[2] if len(c) > 1 else None, span=extent(c))


def _head(c: Children) -> Node:
    part = name_of(c[-1]) if len(c) > 3 and c[-2].text == "." else None
    body = c[1:-2] if part is not None else c[1:]
    heads = tuple(
        digits_of(token) if token.kind == "HEAD" else name_of(token)
        for token in body
        if token.kind in ("HEAD", "NAME")
    )
    return ast.Head(heads, part, span=extent(c))


def _module(c: Children) -> Node:
    return ast.Module(text_of(c[1]), name_of(c[3]) if len(c) > 2 else None, span=extent(c))


def _component(c: Children) -> Node:
    nodes = nodes_of(c)
    return ast.Component(
        name_of(c[0]), nodes[0] if nodes else None, name_behind(c, "."), span=extent(c)
    )


def _step(c: Children) -> Node:
    return ast.Step(nodes_of(c)[0], span=extent(c))


def _index(c: Children) -> Node:
    return ast.Index(nodes_of(c)[0], span=extent(c))


def _token(c: Children) -> Node:
    return ast.Token(digits_of(c[1]), name_of(c[2]), c[3], span=extent(c))


def _tokens(c: Children) -> Node:
    return ast.Tokens(c[2], span=extent(c))


def _every_token(c: Children) -> Node:
    return ast.EveryToken(span=extent(c))


def _any_token(c: Children) -> Node:
    return ast.AnyToken(c[3] if len(c) > 2 else None, span=extent(c))


def _last_step(c: Children) -> Node:
    return ast.LastStep(name_of(c[0]), span=extent(c))


def _at_slot(c: Children) -> Node:
    return ast.AtSlot(c[0], span=extent(c))


def _at_text(c: Children) -> Node:
    return ast.AtText(text_of(c[0]), span=extent(c))


def _positions(c: Children) -> Node:
    return ast.Positions(nodes_of(c), span=extent(c))


def _dims(c: Children) -> Node:
    return ast.Dims(c[1], span=extent(c))


def _fitted(c: Children) -> Node:
    before, behind = cut(c, "dims")
    count = before[0] if len(before) > 1 else None
    kind = named_or_node(before[-1])
    return ast.Fitted(count, kind, behind[0] if behind else None, span=extent(c))


def _span_of(c: Children) -> Node:
    style = "one" if len(c) == 1 else "set" if c[0].text == "{" else "range"
    span = extent(c)
    return ast.SpanOf(numbers_of(c), Name(style, span), span=span)
