"""What each grammar rule makes of its children: one function a rule, one node each.

The parser calls these as it goes. All tokens are kept, so that a node's span is the stretch
from its first child to its last; rules that begin with `_` are spliced in.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from causalabs.diagnostics import Span
from causalabs.syntax import ast
from causalabs.syntax.ast import Digits, Name, Node, Text
from causalabs.syntax.lexer import Token

Children: TypeAlias = Sequence[Any]
Builder: TypeAlias = Callable[[Children], Node]

ESCAPES = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "\\": "\\"}
_ESCAPE = re.compile(r"\\(.)")


def decode(quoted: str) -> str:
    r"""The characters that a quoted string stands for.

    >>> decode('"a\\tb"')
    'a\tb'
    """
    inner = quoted[1:-1]
    if "\\" not in inner:
        return inner
    return _ESCAPE.sub(lambda found: ESCAPES.get(found[1], found[1]), inner)


# ---------------------------------------------------------------------- helpers


def _span(children: Children) -> Span:
    return Span(children[0].span[0], children[-1].span[1])


def _name(token: Token) -> Name:
    return Name(token.text, token.span)


def _text(token: Token) -> Text:
    return Text(decode(token.text), token.span)


def _digits(token: Token) -> Digits:
    return Digits(token.text, token.span)


def _nodes(children: Children) -> tuple[Any, ...]:
    return tuple([child for child in children if type(child) is not Token])


def _tokens(children: Children, kind: str) -> list[Token]:
    return [child for child in children if type(child) is Token and child.kind == kind]


def _names(children: Children) -> tuple[Name, ...]:
    return tuple(_name(token) for token in _tokens(children, "NAME"))


def _texts(children: Children) -> tuple[Text, ...]:
    return tuple(_text(token) for token in _tokens(children, "STRING"))


_NUMBERS = frozenset({"INT", "NUMBER", "HEAD"})


def _numbers(children: Children) -> tuple[Digits, ...]:
    return tuple(
        _digits(child) for child in children if type(child) is Token and child.kind in _NUMBERS
    )


def _after(children: Children, word: str) -> Any:
    """The child behind the token `word`, None where there is no such token."""
    for position, child in enumerate(children):
        if type(child) is Token and child.text == word:
            return children[position + 1]
    return None


def _name_after(children: Children, word: str) -> Name | None:
    found = _after(children, word)
    return _name(found) if type(found) is Token else None


def _cut(children: Children, mark: str) -> tuple[Children, Children]:
    """The children before and behind the token `mark`; all before where it is not."""
    for position, child in enumerate(children):
        if type(child) is Token and child.text == mark:
            return children[:position], children[position + 1 :]
    return children, ()


def _has(children: Children, word: str) -> bool:
    return any(type(child) is Token and child.text == word for child in children)


def _named_or_node(child: Any) -> Any:
    return _name(child) if type(child) is Token else child


# ------------------------------------------------------------------------- file


def _file(c: Children) -> Node:
    imports = tuple(node for node in c if isinstance(node, ast.Import))
    named = next((node for node in c if isinstance(node, ast.Hypothesis)), None)
    skip = (ast.Import, ast.Hypothesis)
    items = tuple(node for node in c if not isinstance(node, skip))
    return ast.File(imports, named, items, span=_span(c) if c else Span(0, 0))


def _import(c: Children) -> Node:
    return ast.Import(_names(c), _text(c[-1]), span=_span(c))


def _hypothesis(c: Children) -> Node:
    return ast.Hypothesis(_name(c[1]), _texts(c), span=_span(c))


def _domain_definition(c: Children) -> Node:
    return ast.DomainDefinition(_name(c[1]), _nodes(c), span=_span(c))


def _data(c: Children) -> Node:
    return ast.Data(_name(c[1]), _text(c[3]), _name(c[5]), span=_span(c))


def _seeds(c: Children) -> Node:
    return ast.Seeds(c[1], span=_span(c))


# ---------------------------------------------------------------------- domains


def _bool(c: Children) -> Node:
    return ast.Bool(span=_span(c))


def _interval(c: Children) -> Node:
    return ast.Interval(c[0], c[2], span=_span(c))


def _mod(c: Children) -> Node:
    return ast.Mod(_digits(c[1]), span=_span(c))


def _cyclic(c: Children) -> Node:
    return ast.Cyclic(c[1], span=_span(c))


def _real(c: Children) -> Node:
    sizes, nodes = _numbers(c), _nodes(c)
    size, interval = (sizes[0] if sizes else None), (nodes[0] if nodes else None)
    return ast.Real(size, interval, span=_span(c))


def _enum(c: Children) -> Node:
    return ast.Enum(c[0], span=_span(c))


def _named(c: Children) -> Node:
    return ast.Named(_name(c[0]), _name(c[2]) if len(c) > 1 else None, span=_span(c))


def _set(c: Children) -> Node:
    return ast.Set(c[2], span=_span(c))


def _values(c: Children) -> Node:
    return ast.Values(_nodes(c), span=_span(c))


def _value(c: Children) -> Node:
    token = c[0]
    return ast.Value(_text(token) if token.kind == "STRING" else _name(token), span=_span(c))


def _truth(c: Children) -> Node:
    return ast.Truth(c[0].kind == "true", span=_span(c))


def _number(c: Children) -> Node:
    return ast.Number(_digits(c[-1]), len(c) > 1, span=_span(c))


# ------------------------------------------------------------------- algorithms


def _algorithm(c: Children) -> Node:
    name = _name(c[1]) if c[1].kind == "NAME" else None
    return ast.Algorithm(name, _nodes(c), span=_span(c))


def _input(c: Children) -> Node:
    *families, domain = _nodes(c)
    return ast.Input(tuple(families), domain, span=_span(c))


def _family(c: Children) -> Node:
    return ast.Family(_name(c[0]), _numbers(c), span=_span(c))


def _var(c: Children) -> Node:
    cell, domain, mechanism = _nodes(c)
    return ast.Var(cell, domain, mechanism, span=_span(c))


def _output(c: Children) -> Node:
    cell, domain, mechanism = _nodes(c)
    return ast.Output(cell, domain, mechanism, span=_span(c))


def _cell(c: Children) -> Node:
    return ast.Cell(_name(c[0]), _nodes(c), span=_span(c))


def _binder(c: Children) -> Node:
    low, high = _nodes(c)
    return ast.Binder(_name(c[0]), low, high, span=_span(c))


def _where(c: Children) -> Node:
    return ast.Where(_nodes(c)[0], span=_span(c))


def _def(c: Children) -> Node:
    name, *parameters = _names(c)
    return ast.Def(name, tuple(parameters), _nodes(c)[0], span=_span(c))


def _table(c: Children) -> Node:
    nodes = _nodes(c)
    entries = tuple(node for node in nodes if isinstance(node, ast.Entry))
    *keys, domain = nodes[: len(nodes) - len(entries)]
    return ast.Table(_name(c[1]), tuple(keys), domain, entries, span=_span(c))


def _entry(c: Children) -> Node:
    return ast.Entry(c[0], c[2], span=_span(c))


def _key(c: Children) -> Node:
    return ast.Key(_nodes(c), span=_span(c))


# ------------------------------------------------------------------ expressions


def _choose(c: Children) -> Node:
    condition, yes, no = _nodes(c)
    return ast.Choose(condition, yes, no, span=_span(c))


def _or(c: Children) -> Node:
    return ast.Or(_nodes(c), span=_span(c))


def _xor(c: Children) -> Node:
    return ast.Xor(_nodes(c), span=_span(c))


def _and(c: Children) -> Node:
    return ast.And(_nodes(c), span=_span(c))


def _not(c: Children) -> Node:
    return ast.Not(_nodes(c)[0], span=_span(c))


def _comparison(c: Children) -> Node:
    left, right = _nodes(c)
    return ast.Comparison(left, _name(_tokens(c, "COMPARE")[0]), right, span=_span(c))


_OPERATORS = frozenset({"+", "-", "*", "//", "%"})


def _operators(c: Children) -> tuple[Name, ...]:
    return tuple(_name(child) for child in c if type(child) is Token and child.kind in _OPERATORS)


def _sum(c: Children) -> Node:
    return ast.Sum(_nodes(c), _operators(c), span=_span(c))


def _product(c: Children) -> Node:
    return ast.Product(_nodes(c), _operators(c), span=_span(c))


def _negative(c: Children) -> Node:
    return ast.Negative(_nodes(c)[0], span=_span(c))


def _literal(c: Children) -> Node:
    token = c[0]
    if token.kind in _NUMBERS:
        return ast.Literal(_digits(token), span=_span(c))
    if token.kind == "STRING":
        return ast.Literal(_text(token), span=_span(c))
    return ast.Literal(token.kind == "true", span=_span(c))


def _ref(c: Children) -> Node:
    return ast.Ref(_name(c[0]), tuple(c[1:]), span=_span(c))


def _field(c: Children) -> Node:
    return ast.Field(_name(c[1]), span=_span(c))


def _at_index(c: Children) -> Node:
    return ast.AtIndex(_nodes(c), span=_span(c))


def _apply(c: Children) -> Node:
    arguments, binders = _cut(c, "for")
    return ast.Apply(_name(c[0]), _nodes(arguments), _nodes(binders), span=_span(c))


def _match(c: Children) -> Node:
    subject, *arms = _nodes(c)
    return ast.Match(subject, tuple(arms), span=_span(c))


def _arm(c: Children) -> Node:
    *patterns, result = _nodes(c)
    return ast.Arm(tuple(patterns), result, span=_span(c))


def _pattern(c: Children) -> Node:
    return ast.Pattern(c[0], span=_span(c))


def _such(c: Children) -> Node:
    domain, condition = _nodes(c)
    return ast.Such(_name(c[1]), domain, condition, span=_span(c))


# --------------------------------------------------------------------- networks


def _network(c: Children) -> Node:
    call, *wiring = _nodes(c)
    names = _names(c)
    return ast.Network(names[0] if names else None, call, tuple(wiring), span=_span(c))


def _prefix(c: Children) -> Node:
    return ast.Prefix(_text(c[1]), span=_span(c))


def _feed(c: Children) -> Node:
    step = _name_after(c, "step")
    items = c[4:] if step is not None else c[1:]
    chat = type(items[0]) is Token and items[0].kind == "chat"
    fed = [
        _text(item) if type(item) is Token else item
        for item in items
        if type(item) is not Token or item.kind == "STRING"
    ]
    return ast.Feed(tuple(fed), step, chat, span=_span(c))


def _feed_any(c: Children) -> Node:
    texts = _texts(c)
    if c[2].text == "from":
        return ast.FeedAny((), texts[0], span=_span(c))
    return ast.FeedAny(texts, span=_span(c))


def _read(c: Children) -> Node:
    nodes, texts = _nodes(c), _texts(c)
    style = next((_name(t) for t in c if type(t) is Token and t.text in ("as", "spelled")), None)
    return ast.Read(
        nodes[0],
        nodes[1] if len(nodes) > 1 else None,
        style,
        texts[0] if texts else None,
        _name_after(c, "among"),
        span=_span(c),
    )


def _train_until(c: Children) -> Node:
    return ast.TrainUntil(_name(c[2]), _name(c[3]), c[4], span=_span(c))


def _train_to(c: Children) -> Node:
    return ast.TrainTo(_name(c[3]), _nodes(c), span=_span(c))


def _call(c: Children) -> Node:
    return ast.Call(_name(c[0]), _nodes(c), span=_span(c))


def _argument(c: Children) -> Node:
    name = _name(c[0]) if len(c) > 1 else None
    return ast.Argument(name, c[-1], span=_span(c))


def _settings(c: Children) -> Node:
    return ast.Settings(_nodes(c), span=_span(c))


# -------------------------------------------------------------------- alignment


def _alignment(c: Children) -> Node:
    name = _name(c[1]) if c[1].kind == "NAME" else None
    return ast.Alignment(name, _name_after(c, "of"), _nodes(c), span=_span(c))


def _place(c: Children) -> Node:
    indices, home = _cut(c, "->")
    nodes = _nodes(home)
    origin = _after(home, "from")
    basis = nodes[-1] if isinstance(nodes[-1], ast.Dims | ast.Fitted) else None
    sites = tuple(node for node in nodes if node is not origin and node is not basis)
    every = type(home[0]) is Token
    return ast.Place(_name(c[0]), _nodes(indices), sites, every, origin, basis, span=_span(c))


def _site(c: Children) -> Node:
    return ast.Site(c[0], c[2] if len(c) > 1 else None, span=_span(c))


def _head(c: Children) -> Node:
    part = _name(c[-1]) if len(c) > 3 and c[-2].text == "." else None
    body = c[1:-2] if part is not None else c[1:]
    heads = tuple(
        _digits(token) if token.kind == "HEAD" else _name(token)
        for token in body
        if token.kind in ("HEAD", "NAME")
    )
    return ast.Head(heads, part, span=_span(c))


def _module(c: Children) -> Node:
    return ast.Module(_text(c[1]), _name(c[3]) if len(c) > 2 else None, span=_span(c))


def _component(c: Children) -> Node:
    nodes = _nodes(c)
    return ast.Component(
        _name(c[0]), nodes[0] if nodes else None, _name_after(c, "."), span=_span(c)
    )


def _step(c: Children) -> Node:
    return ast.Step(_nodes(c)[0], span=_span(c))


def _index(c: Children) -> Node:
    return ast.Index(_nodes(c)[0], span=_span(c))


def _token(c: Children) -> Node:
    return ast.Token(_digits(c[1]), _name(c[2]), c[3], span=_span(c))


def _tokens_of(c: Children) -> Node:
    return ast.Tokens(c[2], span=_span(c))


def _every_token(c: Children) -> Node:
    return ast.EveryToken(span=_span(c))


def _any_token(c: Children) -> Node:
    return ast.AnyToken(c[3] if len(c) > 2 else None, span=_span(c))


def _last_step(c: Children) -> Node:
    return ast.LastStep(_name(c[0]), span=_span(c))


def _at_slot(c: Children) -> Node:
    return ast.AtSlot(c[0], span=_span(c))


def _at_text(c: Children) -> Node:
    return ast.AtText(_text(c[0]), span=_span(c))


def _positions(c: Children) -> Node:
    return ast.Positions(_nodes(c), span=_span(c))


def _dims(c: Children) -> Node:
    return ast.Dims(c[1], span=_span(c))


def _fitted(c: Children) -> Node:
    before, behind = _cut(c, "dims")
    count = before[0] if len(before) > 1 else None
    kind = _named_or_node(before[-1])
    return ast.Fitted(count, kind, behind[0] if behind else None, span=_span(c))


def _span_of(c: Children) -> Node:
    style = "one" if len(c) == 1 else "set" if c[0].text == "{" else "range"
    span = _span(c)
    return ast.SpanOf(_numbers(c), Name(style, span), span=span)


# -------------------------------------------------------------- counterfactuals


def _counterfactuals(c: Children) -> Node:
    return ast.Counterfactuals(_nodes(c), span=_span(c))


def _sample(c: Children) -> Node:
    return ast.Sample(_digits(c[1]), span=_span(c))


def _exhaustive(c: Children) -> Node:
    return ast.Exhaustive(span=_span(c))


def _changes(c: Children) -> Node:
    return ast.Changes(_nodes(c), span=_span(c))


def _balance(c: Children) -> Node:
    return ast.Balance(_nodes(c), _name_after(c, "after"), span=_span(c))


def _keep(c: Children) -> Node:
    return ast.Keep(_name(c[1]), span=_span(c))


def _keep_where(c: Children) -> Node:
    return ast.KeepWhere(_nodes(c)[0], span=_span(c))


def _named_and_filtered(c: Children) -> tuple[Name | None, Any]:
    _, condition = _cut(c, "where")
    nodes = _nodes(condition)
    return _name_after(c, "as"), nodes[0] if nodes else None


def _interchange(c: Children) -> Node:
    name, condition = _named_and_filtered(c)
    taken = tuple(node for node in c if isinstance(node, ast.Taken))
    together = bool(_tokens(c, "together"))
    return ast.Interchange(taken, together, name, condition, span=_span(c))


def _taken(c: Children) -> Node:
    return ast.Taken(c[0], c[2] if len(c) > 1 else None, span=_span(c))


def _assign(c: Children) -> Node:
    name, condition = _named_and_filtered(c)
    settings = tuple(node for node in c if isinstance(node, ast.SettingOf))
    return ast.Assign(settings, name, condition, span=_span(c))


def _setting_of(c: Children) -> Node:
    return ast.SettingOf(c[0], c[2], span=_span(c))


def _split(c: Children) -> Node:
    return ast.Split(_nodes(c), _name_after(c, "by"), span=_span(c))


def _share(c: Children) -> Node:
    return ast.Share(_name(c[0]), _digits(c[1]), span=_span(c))


# --------------------------------------------------------------------- circuits


def _circuit(c: Children) -> Node:
    title, inside = _named_or_node(c[1]), _nodes(c[2:])
    return ast.Circuit(title, inside, span=_span(c))


def _discovery(c: Children) -> Node:
    return ast.Discovery(_named_or_node(c[1]), _nodes(c[2:]), span=_span(c))


def _edge(c: Children) -> Node:
    writers, readers = _cut(c, "->")
    return ast.Edge(_nodes(writers), _nodes(readers), span=_span(c))


def _group(c: Children) -> Node:
    return ast.Group(_name(c[0]), _nodes(c), span=_span(c))


def _node_at(c: Children) -> Node:
    place = c[0]
    if type(place) is Token:
        place = ast.Component(_name(place), span=_span(c[:1]))
    return ast.NodeAt(place, c[2] if len(c) > 1 else None, span=_span(c))


# ----------------------------------------------------------------- expectations

_SEEDS = (ast.EverySeed, ast.OverSeeds)


def _expect(c: Children) -> Node:
    nodes = _nodes(c)
    return ast.Expect(
        tuple(node for node in nodes if isinstance(node, ast.Metric)),
        _name(_tokens(c, "COMPARE")[0]),
        next(node for node in nodes if isinstance(node, ast.Bound)),
        _name_after(c, "on"),
        _control(c),
        next((node for node in nodes if isinstance(node, _SEEDS)), None),
        span=_span(c),
    )


def _report(c: Children) -> Node:
    nodes = _nodes(c)
    return ast.Report(
        tuple(node for node in nodes if isinstance(node, ast.Metric)),
        tuple(node for node in nodes if isinstance(node, ast.Axis)),
        _name_after(c, "on"),
        _control(c),
        span=_span(c),
    )


def _control(c: Children) -> ast.Under | None:
    """The `under` of a whole line: a word and a control, spliced in behind the split."""
    for position, child in enumerate(c):
        if type(child) is Token and child.kind == "under":
            control = c[position + 1]
            return ast.Under(_named_or_node(control), span=_span(c[position : position + 2]))
    return None


def _every_seed(c: Children) -> Node:
    return ast.EverySeed(span=_span(c))


def _over_seeds(c: Children) -> Node:
    return ast.OverSeeds(span=_span(c))


def _bound(c: Children) -> Node:
    return ast.Bound(c[0], len(c) > 1, span=_span(c))


def _metric(c: Children) -> Node:
    names = _names(c)
    modifier = names[0] if len(names) > 1 else None
    return ast.Metric(names[-1], _nodes(c), modifier, span=_span(c))


def _of(c: Children) -> Node:
    return ast.Of(_nodes(c), span=_span(c))


def _between(c: Children) -> Node:
    left, right = _cut(c, "and")
    return ast.Between(_nodes(left), _nodes(right), span=_span(c))


def _in(c: Children) -> Node:
    return ast.In(_name(c[1]), span=_span(c))


def _against(c: Children) -> Node:
    return ast.Against(_name(c[1]), span=_span(c))


def _by(c: Children) -> Node:
    return ast.By(_named_or_node(c[1]), span=_span(c))


def _under(c: Children) -> Node:
    return ast.Under(_named_or_node(c[1]), span=_span(c))


def _axis(c: Children) -> Node:
    return ast.Axis(_name(c[0]), c[1] if len(c) > 1 else None, span=_span(c))


def _builders() -> dict[str, Builder]:
    """Grammar rule -> its function, for every rule that makes a node."""
    special = {"import_": _import, "in_": _in, "tokens": _tokens_of}
    special |= {"or_": _or, "and_": _and, "not_": _not}
    classes = {_rule_of(kind.__name__) for kind in _node_classes()}
    plain = {rule: globals()[f"_{rule}"] for rule in classes if rule not in special}
    return plain | special


def _node_classes() -> list[type[Node]]:
    return Node.__subclasses__()


KEYWORD_RULES = {"import": "import_", "or": "or_", "and": "and_", "not": "not_", "in": "in_"}


def _rule_of(class_name: str) -> str:
    """The grammar rule of a class: `AtIndex` -> `at_index`, `Or` -> `or_`."""
    snake = re.sub(r"(?<!^)([A-Z])", r"_\1", class_name).lower()
    return KEYWORD_RULES.get(snake, snake)


BUILDERS: dict[str, Builder] = _builders()
"""Rule name to the function that builds its node."""
