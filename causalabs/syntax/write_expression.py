"""Expressions, domains, sites and positions as documents."""

from __future__ import annotations

from dataclasses import dataclass

from causalabs.diagnostics import Span
from causalabs.syntax import ast
from causalabs.syntax.ast import Digits, Name, Node, Text
from causalabs.syntax.children import ESCAPES
from causalabs.syntax.layout import HARD, LINE, SOFT, Doc, Group, Nest, filled, flat, joined

_LEVELS: dict[type[Node], int] = {
    ast.Choose: 0, ast.Or: 1, ast.Xor: 2, ast.And: 3, ast.Not: 4, ast.Comparison: 5,
    ast.Sum: 6, ast.Product: 7, ast.Negative: 8,
}  # fmt: skip
_ATOM = 9
_CODES = {sign: code for code, sign in ESCAPES.items()}


@dataclass(frozen=True)
class Original:
    """The text that is being formatted, for what the tree does not keep."""

    text: str = ""
    grouped: frozenset[Span] = frozenset()  # what stands in parentheses of its own
    braced: frozenset[int] = frozenset()  # where what stands right behind a `{` begins


def quoted(text: Text, original: Original) -> str:
    """A string as it was written, or with the escapes it needs."""
    start, end = text.span
    if original.text and end > start:
        return original.text[start:end]
    return '"' + "".join(f"\\{_CODES[sign]}" if sign in _CODES else sign for sign in text) + '"'


# ------------------------------------------------------------------ expressions


def expression(node: ast.Expr | ast.Binder, o: Original) -> Doc:
    """Any expression, without parentheses of its own."""
    match node:
        case ast.Choose():
            return Group(choose(node, o))
        case ast.Or() | ast.Xor() | ast.And():
            word = type(node).__name__.lower()
            return _chain(node, node.terms, (word,) * len(node.terms), o)
        case ast.Sum() | ast.Product():
            return _chain(node, node.terms, node.operators, o)
        case ast.Not():
            return ("not ", _operand(node.term, _LEVELS[ast.Not], o))
        case ast.Comparison():
            left = _operand(node.left, _LEVELS[ast.Sum], o)
            right = _operand(node.right, _LEVELS[ast.Sum], o)
            return Group((left, Nest(2, (LINE, node.operator, " ", right))))
        case ast.Negative():
            return ("-", _operand(node.term, _ATOM, o))
        case ast.Literal():
            return _literal(node, o)
        case ast.Ref():
            return reference(node, o)
        case ast.Apply():
            return _apply(node, o)
        case ast.Match():
            return _match(node, o)
        case ast.Binder():
            low, high = expression(node.low, o), expression(node.high, o)
            return (node.name, " in ", _bracketed(node.low, low), "..", _bracketed(node.high, high))
        case ast.Such():
            inside = (node.name, " in ", domain(node.domain, o))
            condition = expression(node.condition, o)
            return Group(("{", *inside, Nest(2, (LINE, "where ", condition)), "}"))


def _bracketed(node: Node, doc: Doc) -> Doc:
    return ("(", doc, ")") if _LEVELS.get(type(node), _ATOM) < _LEVELS[ast.Sum] else doc


def _operand(node: ast.Expr, level: int, o: Original) -> Doc:
    """`node` in parentheses where precedence wants them, or where its author had them."""
    doc = expression(node, o)
    own = _LEVELS.get(type(node), _ATOM)
    if own < level or (own < _ATOM and node.span in o.grouped):
        return ("(", doc, ")")
    return doc


def _chain(node: Node, terms: tuple[ast.Expr, ...], operators: tuple[str, ...], o: Original) -> Doc:
    level = _LEVELS[type(node)] + 1
    first, *others = (_operand(term, level, o) for term in terms)
    rest = tuple(
        (LINE, str(sign), " ", other) for sign, other in zip(operators, others, strict=False)
    )
    return Group((first, Nest(2, rest)))


def choose(node: ast.Choose, o: Original) -> Doc:
    """An `if`; its `else if`s stand in one column below it. Whoever calls makes the group."""
    parts: list[Doc] = []
    lead = "if "
    last: ast.Expr = node
    while isinstance(last, ast.Choose):
        condition, yes = expression(last.condition, o), expression(last.yes, o)
        parts.append((lead, Group((condition, Nest(2, (LINE, "then ", yes))))))
        lead, last = "else if ", last.no
    parts.append(("else ", expression(last, o)))
    return joined(parts, LINE)


def _literal(node: ast.Literal, o: Original) -> Doc:
    if isinstance(node.value, bool):
        return "true" if node.value else "false"
    return quoted(node.value, o) if isinstance(node.value, Text) else str(node.value)


def reference(node: ast.Ref, o: Original) -> Doc:
    """A variable with its indices and fields."""
    parts: list[Doc] = [str(node.name)]
    for part in node.parts:
        if isinstance(part, ast.Field):
            parts.append(f".{part.name}")
        else:
            parts.append(indices(part.indices, o))
    return tuple(parts)


def indices(found: tuple[ast.Expr | ast.Binder, ...], o: Original) -> Doc:
    """`[i, j]`, or nothing."""
    if not found:
        return ""
    return ("[", *joined((expression(index, o) for index in found), ", "), "]")


def _apply(node: ast.Apply, o: Original) -> Doc:
    inside: Doc = filled([expression(argument, o) for argument in node.arguments])
    if node.binders:
        binders = joined((expression(binder, o) for binder in node.binders), ", ")
        inside = (inside, LINE, "for ", binders)
    return Group((str(node.function), "(", Nest(2, (SOFT, inside)), SOFT, ")"))


def _match(node: ast.Match, o: Original) -> Doc:
    rows = []
    for arm in node.arms:
        patterns = [flat(value(pattern.value, o)) for pattern in arm.patterns]
        rows.append((" | ".join(patterns) or "else", expression(arm.result, o)))
    subject = expression(node.subject, o)
    return ("match ", subject, " ", table_rows(rows))


def table_rows(rows: list[tuple[str, Doc]]) -> Doc:
    """`{ left -> right, ... }`, a row a line, arrows in one column."""
    width = max(len(left) for left, _ in rows)
    lines = [(left.ljust(width), " -> ", Nest(2, right)) for left, right in rows]
    return ("{", Nest(2, (HARD, *joined(lines, (",", HARD)))), HARD, "}")


# ---------------------------------------------------------------------- domains


def value(node: ast.AnyValue | ast.Interval, o: Original) -> Doc:
    """A value or an interval of values."""
    match node:
        case ast.Number():
            return ("-" if node.negative else "") + node.digits
        case ast.Truth():
            return "true" if node.value else "false"
        case ast.Value():
            return quoted(node.name, o) if isinstance(node.name, Text) else str(node.name)
        case ast.Interval():
            return (value(node.low, o), "..", value(node.high, o))


def values(node: ast.Values, o: Original) -> Doc:
    """`{a, b, c}`."""
    inside = filled([value(each, o) for each in node.values])
    return Group(("{", Nest(2, (SOFT, inside)), SOFT, "}"))


def domain(node: ast.Type, o: Original) -> Doc:
    """Any domain."""
    match node:
        case ast.Bool():
            return "bool"
        case ast.Interval():
            return value(node, o)
        case ast.Mod():
            return f"mod {node.modulus}"
        case ast.Cyclic():
            return ("cyclic ", values(node.values, o))
        case ast.Real():
            size = "" if node.size is None else f"[{node.size}]"
            bounds = "" if node.interval is None else (" in ", value(node.interval, o))
            return (f"real{size}", bounds)
        case ast.Enum():
            return values(node.values, o)
        case ast.Named():
            return node.name if node.column is None else f"{node.name}.{node.column}"
        case ast.Set():
            return ("set of ", domain(node.of, o))


# -------------------------------------------------------------- sites and places


def span_of(node: ast.SpanOf) -> str:
    """`3`, `0..2` or `{1, 4}`."""
    if node.style == "set":
        return "{" + ", ".join(node.numbers) + "}"
    return "..".join(node.numbers)


def call(node: Name | ast.Call, o: Original) -> Doc:
    """A name, or a name with settings in parentheses."""
    if isinstance(node, Name):
        return str(node)
    if not node.arguments:
        return f"{node.function}()"
    inside = filled([_argument(argument, o) for argument in node.arguments])
    return Group((f"{node.function}(", Nest(2, (SOFT, inside)), SOFT, ")"))


def _argument(node: ast.Argument, o: Original) -> Doc:
    doc = setting(node.value, o)
    return doc if node.name is None else (f"{node.name} = ", doc)


def setting(node: ast.Setting, o: Original) -> Doc:
    """The value of an argument."""
    match node:
        case ast.Call():
            return call(node, o)
        case ast.Settings():
            if not node.values:
                return "[]"
            inside = filled([setting(each, o) for each in node.values])
            return Group(("[", Nest(2, (SOFT, inside)), SOFT, "]"))
        case _:
            return value(node, o)


def site(node: ast.Site, o: Original) -> Doc:
    """A component, where it is, and at which position."""
    return _placed(component(node.place, o), node.position, o)


def node_at(node: ast.NodeAt, o: Original) -> Doc:
    """A node of a circuit."""
    return _placed(component(node.place, o), node.position, o)


def _placed(doc: Doc, at: ast.Position | None, o: Original) -> Doc:
    return doc if at is None else (doc, " at ", position(at, o))


def component(node: ast.Head | ast.Module | ast.Component, o: Original) -> Doc:
    """`residual 0..2`, `head {7.3, 7.9}.v`, `module "path".output`."""
    part = "" if node.part is None else f".{node.part}"
    match node:
        case ast.Head():
            several = len(node.heads) > 1 or (
                bool(node.heads) and node.heads[0].span.start in o.braced
            )
            heads = ", ".join(node.heads)
            return f"head {{{heads}}}{part}" if several else f"head {heads}{part}"
        case ast.Module():
            return f"module {quoted(node.path, o)}{part}"
        case ast.Component():
            layers = "" if node.layers is None else f" {span_of(node.layers)}"
            return f"{node.name}{layers}{part}"


def position(node: ast.Position, o: Original) -> Doc:
    """Any position."""
    match node:
        case ast.Step() | ast.Index():
            word = type(node).__name__.lower()
            return (f"{word} ", _bracketed(node.at, expression(node.at, o)))
        case ast.Token():
            return (f"token {node.number} {node.relation} ", position(node.of, o))
        case ast.Tokens():
            return ("tokens of ", reference(node.of, o))
        case ast.EveryToken():
            return "every token"
        case ast.AnyToken():
            return "any token" if node.of is None else ("any token of ", reference(node.of, o))
        case ast.LastStep():
            return f"{node.word} step"
        case ast.AtSlot():
            return reference(node.ref, o)
        case ast.AtText():
            return quoted(node.text, o)
        case ast.Positions():
            return ("{", *joined((position(each, o) for each in node.positions), ", "), "}")


def basis(node: ast.Dims | ast.Fitted, o: Original) -> Doc:
    """`8 learned dims`, `dims 0..3`."""
    if isinstance(node, ast.Dims):
        return f"dims {span_of(node.span_of)}"
    count = "" if node.count is None else f"{span_of(node.count)} "
    selected = "" if node.selected is None else f" {span_of(node.selected)}"
    return (count, call(node.kind, o), " dims", selected)


def digits(found: tuple[Digits, ...]) -> str:
    """`[4, 2]`, or nothing."""
    return f"[{', '.join(found)}]" if found else ""
