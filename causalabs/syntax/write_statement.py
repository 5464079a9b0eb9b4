"""Statements and blocks as documents; columns of neighbouring lines are aligned here."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from causalabs.syntax import ast
from causalabs.syntax.ast import Node
from causalabs.syntax.layout import HARD, LINE, WIDTH, Doc, Group, Nest, flat, joined
from causalabs.syntax.write_expression import (
    Original,
    basis,
    call,
    choose,
    digits,
    domain,
    expression,
    indices,
    node_at,
    position,
    quoted,
    reference,
    site,
    span_of,
    table_rows,
    value,
)

_KINDS: dict[type[Node], str] = {ast.Var: "computed", ast.Output: "computed"}
_BLOCKS = (ast.Algorithm, ast.Network, ast.Alignment, ast.Counterfactuals, ast.Circuit)
_PAD = 6  # the width of `output`, to which the keywords of an algorithm are padded
_Some = TypeVar("_Some", bound=Node)


def file(node: ast.File, o: Original) -> Doc:
    """A whole file; without an original, blank lines where the kind of item changes."""
    docs: list[Doc] = []
    parts: list[Node] = [*node.imports, *([node.hypothesis] if node.hypothesis else [])]
    everything = [*((part, _opening(part, o)) for part in parts), *_lines(node.items, o)]
    before: Node | None = None
    for part, doc in everything:
        if before is not None:
            apart = type(before) is not type(part) or isinstance(part, _BLOCKS)
            docs.append((HARD, HARD) if apart and not o.text else HARD)
        docs.append(doc)
        before = part
    return tuple(docs)


def _opening(node: Node, o: Original) -> Doc:
    if isinstance(node, ast.Import):
        names = f"{', '.join(node.names)} from " if node.names else ""
        return f"import {names}{quoted(node.path, o)}"
    assert isinstance(node, ast.Hypothesis)
    claim = [(HARD, quoted(text, o)) for text in node.claim]
    return (f"hypothesis {node.name}", *claim)


class Rows(list[_Some]):
    """Neighbouring lines of one kind, and the widths of their columns, measured once."""

    def __init__(self) -> None:
        super().__init__()
        self.widths: dict[str, int] = {}

    def width(self, column: str, measure: Callable[[Any], str]) -> int:
        """The width of the widest line's `column`."""
        if column not in self.widths:
            self.widths[column] = max(len(measure(each)) for each in self)
        return self.widths[column]


def _groups(nodes: Sequence[_Some], o: Original) -> Iterator[Rows[_Some]]:
    """Neighbouring lines of one kind: no blank line or comment of its own between."""
    group: Rows[_Some] = Rows()
    for node in nodes:
        if group:
            same = _kind(group[-1]) == _kind(node)
            gap = o.text[group[-1].span.end : node.span.start]
            if not same or re.search(r"\n[^\S\n]*(\n|#)", gap):
                yield group
                group = Rows()
        group.append(node)
    if group:
        yield group


def _kind(node: Node) -> str:
    return _KINDS.get(type(node), type(node).__name__)


def _lines(nodes: Sequence[_Some], o: Original) -> Iterator[tuple[_Some, Doc]]:
    for group in _groups(nodes, o):
        for node in group:
            yield node, _WRITERS[type(node)](node, group, o)


def _block(head: Doc, nodes: Sequence[Node], o: Original) -> Doc:
    lines = [doc for _, doc in _lines(nodes, o)]
    return (head, " {", Nest(2, tuple((HARD, line) for line in lines)), HARD, "}")


# --------------------------------------------------------------------- top level


def _domain_definition(node: ast.DomainDefinition, group: Rows[Any], o: Original) -> Doc:
    width = group.width("name", lambda each: each.name)
    types = joined((domain(each, o) for each in node.types), (LINE, "or "))
    return Group((f"domain {node.name.ljust(width)} = ", Nest(2, types)))


def _data(node: ast.Data, group: Rows[Any], o: Original) -> Doc:
    return f"table {node.name} from {quoted(node.path, o)} key {node.key}"


def _seeds(node: ast.Seeds, group: Rows[Any], o: Original) -> Doc:
    return f"seeds {span_of(node.over)}"


def _algorithm(node: ast.Algorithm, group: Rows[Any], o: Original) -> Doc:
    return _block(f"algorithm {node.name}" if node.name else "algorithm", node.statements, o)


def _network(node: ast.Network, group: Rows[Any], o: Original) -> Doc:
    name = f"{node.name} = " if node.name else ""
    head = (f"network {name}", call(node.call, o))
    braces = node.wiring or o.text[node.call.span.end : node.span.end].rstrip().endswith("}")
    return _block(head, node.wiring, o) if braces else head


def _alignment(node: ast.Alignment, group: Rows[Any], o: Original) -> Doc:
    name = f" {node.name}" if node.name else ""
    of = f" of {node.algorithm}" if node.algorithm else ""
    return _block(f"alignment{name}{of}", node.places, o)


def _counterfactuals(node: ast.Counterfactuals, group: Rows[Any], o: Original) -> Doc:
    return _block("counterfactuals", node.statements, o)


def _circuit(node: ast.Circuit, group: Rows[Any], o: Original) -> Doc:
    return _block(("circuit ", call(node.title, o)), node.wires, o)


def _discovery(node: ast.Discovery, group: Rows[Any], o: Original) -> Doc:
    methods = joined((call(method, o) for method in node.methods), (LINE, "then "))
    return Group(("circuit ", call(node.title, o), Nest(2, (LINE, "by ", *methods))))


def _replace(node: ast.Replace, group: Rows[Any], o: Original) -> Doc:
    by = call(node.by, o) if isinstance(node.by, ast.Call) else reference(node.by, o)
    name = f" as {node.name}" if node.name else ""
    return Group(("replace ", site(node.site, o), Nest(2, (LINE, "by ", by, name))))


# --------------------------------------------------------------------- algorithm


def _keyword(word: str) -> str:
    return word.ljust(_PAD) + " "


def _cell(node: ast.Cell, o: Original) -> str:
    return flat((node.name, indices(node.binders, o)))


def _families(node: ast.Input) -> str:
    return ", ".join(f"{each.name}{digits(each.sizes)}" for each in node.families)


def _input(node: ast.Input, group: Rows[Any], o: Original) -> Doc:
    width = group.width("name", _families)
    return (_keyword("input"), f"{_families(node).ljust(width)} : ", domain(node.domain, o))


def _computed(node: ast.Var | ast.Output, group: Rows[Any], o: Original) -> Doc:
    width = group.width("name", lambda each: _cell(each.cell, o))
    word = _keyword(type(node).__name__.lower())
    head = (f"{word}{_cell(node.cell, o).ljust(width)} : ", domain(node.domain, o), " =")
    return (*head, _body(node.mechanism, o))


def _body(node: ast.Expr, o: Original) -> Doc:
    """What stands behind `=`: on its line if it fits, else below, set in."""
    doc = choose(node, o) if isinstance(node, ast.Choose) else expression(node, o)
    if isinstance(node, ast.Match):
        return (" ", doc)
    return Group(Nest(_PAD + 3, (LINE, doc)))


def _where(node: ast.Where, group: Rows[Any], o: Original) -> Doc:
    return (_keyword("where"), Nest(_PAD + 1, expression(node.condition, o)))


def _def(node: ast.Def, group: Rows[Any], o: Original) -> Doc:
    return (f"def {node.name}({', '.join(node.parameters)}) =", _body(node.body, o))


def _table(node: ast.Table, group: Rows[Any], o: Original) -> Doc:
    keys = joined((domain(key, o) for key in node.keys), ", ")
    rows = []
    for entry in node.entries:
        parts = [flat(value(each, o)) for each in entry.key.values]
        left = parts[0] if len(parts) == 1 else f"({', '.join(parts)})"
        rows.append((left, value(entry.value, o)))
    head = (f"table {node.name}[", *keys, "] : ", domain(node.domain, o), " = ")
    return (*head, table_rows(rows))


# ----------------------------------------------------------------------- network


def _listed(head: str, docs: Sequence[Doc]) -> Doc:
    """A word and what it takes; several that do not fit stand a line each below it."""
    if len(docs) == 1:
        return (head, " ", docs[0])
    return Group((head, Nest(2, (LINE, *joined(docs, (",", LINE))))))


def _prefix(node: ast.Prefix, group: Rows[Any], o: Original) -> Doc:
    return f"prefix {quoted(node.path, o)}"


def _feed(node: ast.Feed, group: Rows[Any], o: Original) -> Doc:
    head = f"feed step {node.step}:" if node.step else "feed chat" if node.chat else "feed"
    items = [
        quoted(item, o) if isinstance(item, ast.Text) else reference(item, o) for item in node.items
    ]
    return _listed(head, items)


def _feed_any(node: ast.FeedAny, group: Rows[Any], o: Original) -> Doc:
    if node.path is not None:
        return f"feed any from {quoted(node.path, o)}"
    return _listed("feed any of", [quoted(text, o) for text in node.templates])


def _read(node: ast.Read, group: Rows[Any], o: Original) -> Doc:
    parts: list[Doc] = [("read ", reference(node.variable, o))]
    if node.position is not None:
        parts.append((" at ", position(node.position, o)))
    if node.style is not None and node.text is not None:
        parts.append(f" {node.style} {quoted(node.text, o)}")
    if node.among is not None:
        parts.append(f" among {node.among}")
    return tuple(parts)


def _train_until(node: ast.TrainUntil, group: Rows[Any], o: Original) -> Doc:
    return (f"train until {node.metric} {node.operator} ", value(node.bound, o))


def _train_to(node: ast.TrainTo, group: Rows[Any], o: Original) -> Doc:
    return _block(f"train to implement {node.algorithm}", node.places, o)


def _place(node: ast.Place, group: Rows[Any], o: Original) -> Doc:
    def left(place: ast.Place) -> str:
        return flat((place.variable, indices(place.indices, o)))

    width = group.width("variable", left)
    sites = joined((site(each, o) for each in node.sites), (",", LINE))
    home: list[Doc] = ["every " if node.every else "", *sites]
    bound = () if node.basis is None else ("in ", basis(node.basis, o))
    if node.origin is not None:
        home += [LINE, ("from ", site(node.origin, o), " " if bound else "", *bound)]
    elif bound:
        home += [LINE, bound]
    return (f"{left(node).ljust(width)} -> ", Nest(width + 4, Group(tuple(home))))


# --------------------------------------------------------------- counterfactuals


def _sample(node: ast.Sample, group: Rows[Any], o: Original) -> Doc:
    return f"sample {node.count}"


def _exhaustive(node: ast.Exhaustive, group: Rows[Any], o: Original) -> Doc:
    return "exhaustive"


def _references(found: Sequence[ast.Ref], o: Original) -> list[Doc]:
    return [reference(each, o) for each in found]


def _changes(node: ast.Changes, group: Rows[Any], o: Original) -> Doc:
    return _listed("source changes only", _references(node.inputs, o))


def _balance(node: ast.Balance, group: Rows[Any], o: Original) -> Doc:
    after = f" after {node.after}" if node.after else ""
    return (_listed("balance", _references(node.variables, o)), after)


def _keep(node: ast.Keep, group: Rows[Any], o: Original) -> Doc:
    return f"keep {node.filter}"


def _keep_where(node: ast.KeepWhere, group: Rows[Any], o: Original) -> Doc:
    return ("keep where ", Nest(2, expression(node.condition, o)))


def _tail(node: ast.Interchange | ast.Assign, o: Original) -> Doc:
    name = f" as {node.name}" if node.name else ""
    if node.condition is None:
        return name
    return (name, Nest(2, (LINE, "where ", expression(node.condition, o))))


def _interchange(node: ast.Interchange, group: Rows[Any], o: Original) -> Doc:
    taken: list[Doc] = []
    for each in node.taken:
        origin = () if each.origin is None else (" from ", reference(each.origin, o))
        taken.append((reference(each.variable, o), *origin))
    together = " together" if node.together else ""
    return Group((_listed("interchange", taken), together, _tail(node, o)))


def _assign(node: ast.Assign, group: Rows[Any], o: Original) -> Doc:
    settings: list[Doc] = [
        (reference(each.variable, o), " = ", value(each.value, o)) for each in node.settings
    ]
    return Group((_listed("set", settings), _tail(node, o)))


def _split(node: ast.Split, group: Rows[Any], o: Original) -> Doc:
    shares: list[Doc] = [f"{share.name} {share.percent}%" for share in node.shares]
    return (_listed("split", shares), f" by {node.by}" if node.by else "")


# ---------------------------------------------------------------------- circuits


def _wires(nodes: Sequence[ast.NodeAt], o: Original) -> str:
    return flat(joined((node_at(each, o) for each in nodes), ", "))


def _edge(node: ast.Edge, group: Rows[Any], o: Original) -> Doc:
    width = group.width("writers", lambda each: _wires(each.writers, o))
    readers = joined((node_at(each, o) for each in node.readers), (",", LINE))
    return (f"{_wires(node.writers, o).ljust(width)} -> ", Nest(width + 4, Group(readers)))


def _group(node: ast.Group, group: Rows[Any], o: Original) -> Doc:
    nodes = joined((node_at(each, o) for each in node.nodes), (",", LINE))
    return Group((f"{node.name} = ", Nest(2, nodes)))


# ------------------------------------------------------------------ expectations


def _metric(node: ast.Metric, o: Original) -> str:
    parts: list[str] = [node.name if node.modifier is None else f"{node.modifier} {node.name}"]
    for each in node.qualifiers:
        match each:
            case ast.Of():
                parts.append(f"of {_subjects(each.subjects, o)}")
            case ast.Between():
                left, right = (_subjects(side, o) for side in (each.left, each.right))
                parts.append(f"between {left} and {right}")
            case ast.In() | ast.Against():
                parts.append(f"{type(each).__name__.lower()} {each.name}")
            case ast.By():
                parts.append(f"by {flat(call(each.method, o))}")
            case ast.Under():
                parts.append(f"under {flat(call(each.control, o))}")
    return " ".join(parts)


def _subjects(found: tuple[ast.Ref, ...], o: Original) -> str:
    """Several subjects as they were written: with braces or without."""
    names = ", ".join(flat(reference(each, o)) for each in found)
    braces = found[0].span.start in o.braced
    return f"{{{names}}}" if braces else names


def _expect(node: ast.Expect, group: Rows[Any], o: Original) -> Doc:
    seeds = {ast.EverySeed: " in every seed", ast.OverSeeds: " over seeds"}
    tail = _judged(node.split, node.control, o) + (seeds[type(node.seeds)] if node.seeds else "")
    width = group.width("metric", lambda each: _metric(each.metrics[0], o))
    sign = group.width("sign", lambda each: each.operator)
    bound = group.width("bound", lambda each: _bound(each.bound, o))
    return _quantity(
        "expect",
        [_metric(metric, o) for metric in node.metrics],
        width,
        f"{node.operator.ljust(sign)} {_bound(node.bound, o).ljust(bound if tail else 0)}{tail}",
    )


def _report(node: ast.Report, group: Rows[Any], o: Original) -> Doc:
    axes = [
        f"{axis.name} {span_of(axis.over)}" if axis.over else str(axis.name) for axis in node.axes
    ]
    over = f"over {' * '.join(axes)}" if axes else ""
    tail = f"{over}{_judged(node.split, node.control, o)}".strip()
    width = group.width("metric", lambda each: _metric(each.metrics[0], o))
    return _quantity("report", [_metric(metric, o) for metric in node.metrics], width, tail)


def _quantity(word: str, metrics: list[str], width: int, tail: str) -> Doc:
    """A line that measures: padded where that fits, else a term a line."""
    first, *rest = metrics
    padded = " ".join([word, first.ljust(width), *(f"- {term}" for term in rest), tail]).rstrip()
    if len(padded) <= WIDTH:
        return padded
    parts: list[Doc] = [first, *(f"- {term}" for term in rest), *([tail] if tail else [])]
    return (f"{word} ", Nest(len(word) + 1, Group(joined(parts, LINE))))


def _judged(split: str | None, control: ast.Under | None, o: Original) -> str:
    if split is None:
        return ""
    return f" on {split}" + (f" under {flat(call(control.control, o))}" if control else "")


def _bound(node: ast.Bound, o: Original) -> str:
    return flat(value(node.number, o)) + ("%" if node.percent else "")


_WRITERS: dict[type[Node], Callable[..., Doc]] = {
    ast.DomainDefinition: _domain_definition, ast.Data: _data, ast.Seeds: _seeds,
    ast.Algorithm: _algorithm, ast.Network: _network, ast.Alignment: _alignment,
    ast.Counterfactuals: _counterfactuals, ast.Circuit: _circuit, ast.Discovery: _discovery,
    ast.Replace: _replace,
    ast.Input: _input, ast.Var: _computed, ast.Output: _computed, ast.Where: _where,
    ast.Def: _def, ast.Table: _table, ast.Prefix: _prefix, ast.Feed: _feed,
    ast.FeedAny: _feed_any, ast.Read: _read, ast.TrainUntil: _train_until,
    ast.TrainTo: _train_to, ast.Place: _place, ast.Sample: _sample,
    ast.Exhaustive: _exhaustive, ast.Changes: _changes, ast.Balance: _balance,
    ast.Keep: _keep, ast.KeepWhere: _keep_where, ast.Interchange: _interchange,
    ast.Assign: _assign, ast.Split: _split, ast.Edge: _edge, ast.Group: _group,
    ast.Expect: _expect, ast.Report: _report,
}  # fmt: skip
