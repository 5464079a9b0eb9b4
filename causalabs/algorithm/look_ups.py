"""Look-ups: `t[x]` in tables of the file, `t[x].column` in data tables."""

from __future__ import annotations

from causalabs.algorithm import tables
from causalabs.algorithm.context import Context, Env
from causalabs.algorithm.domains import Domain, Enum, Interval
from causalabs.algorithm.expand import expand, must_quote
from causalabs.algorithm.expression import (
    Constant,
    Expression,
    LookUp,
    Table,
)
from causalabs.algorithm.rules_names import NotAVariable, WrongIndices
from causalabs.algorithm.rules_types import NotInPlace, OutsideDomain
from causalabs.algorithm.typing_ import domain_text, fit, integral, written, wrong
from causalabs.diagnostics import Span
from causalabs.syntax import ast


def look_up(context: Context, node: ast.Ref, name: str, env: Env) -> Expression | None:
    """`t[x]` in a table of the file, `t[x].column` in a data table."""
    parts = node.parts
    data = context.scope.every_data.get(name)
    literal = context.tables.get(name)
    if data is None and literal is None:
        return None  # its declaration failed
    given = parts[0].indices if parts and isinstance(parts[0], ast.AtIndex) else ()
    table: Table | None
    if isinstance(data, tables.DataTable) and name not in context.tables:
        if len(parts) != 2 or not isinstance(parts[1], ast.Field) or not given:
            others = [column for column in data.columns if column != data.key] or [data.key]
            usage = f"write `{name}[...].{others[0]}`"
            context.report(NotAVariable(span=node.span, name=name, kind="a table", advice=usage))
            return None
        from causalabs.algorithm.declared import column_of

        if column_of(data, parts[1].name, context.report) is None:
            return None
        table = data.look_ups[str(parts[1].name)]
    else:
        assert isinstance(literal, Table)
        table = literal
        if len(parts) != 1 or not given:
            usage = f"write `{name}[{', '.join('...' for _ in table.keys)}]`"
            context.report(NotAVariable(span=node.span, name=name, kind="a table", advice=usage))
            return None
    return _looked_up(context, node, name, table, given, env)


def _looked_up(
    context: Context,
    node: ast.Ref,
    name: str,
    table: Table,
    given: tuple[ast.Expr | ast.Binder, ...],
    env: Env,
) -> Expression | None:
    if len(given) != len(table.keys):
        wanted = "one key" if len(table.keys) == 1 else f"{len(table.keys)} keys"
        usage = f"{name}[{', '.join('...' for _ in table.keys)}]"
        found = str(len(given)) if given else "none"
        rule = WrongIndices(span=node.span, name=name, wanted=wanted, found=found, usage=usage)
        context.report(rule)
        return None
    keys: list[Expression] = []
    for each, domain in zip(given, table.keys, strict=True):
        if isinstance(each, ast.Binder):
            what = f"`{each.name} in ...` as a key"
            context.report(NotInPlace(span=each.span, what=what))
            continue
        key = expand(context, each, env, domain)
        if key is None or must_quote(context, each, env, domain, each.span):
            continue
        fitted = _key(context, key, each, domain, name)
        if fitted is not None:
            keys.append(fitted)
    if len(keys) < len(given):
        return None
    span = context.at(node.span)
    if all(isinstance(key, Constant) for key in keys):
        return _folded(table, keys, span)
    return LookUp(table, tuple(keys), table.type, span)


def _key(
    context: Context, key: Expression, node: ast.Node, domain: Domain, name: str
) -> Expression | None:
    fitted = fit(context, key, domain)
    if isinstance(key, Constant) and integral(key.type):
        outside = fitted is None and not isinstance(domain, Enum)
        if isinstance(domain, Interval):
            outside = not domain.low <= key.value <= domain.high
        if outside:
            text = f"`{domain_text(domain)}`"
            shown = written(key.value)  # type: ignore[arg-type]
            context.report(OutsideDomain(span=node.span, value=shown, domain=text))
            return None
    if fitted is None:
        wrong(context, key, node, f"a key of `{name}`", domain)
    return fitted


def _folded(table: Table, keys: list[Expression], span: Span) -> Constant:
    from causalabs.algorithm.domains import Bool, size

    place = 0
    for key, domain in zip(keys, table.keys, strict=True):
        low = domain.low if isinstance(domain, Interval) else 0
        place = place * (size(domain) or 1) + int(key.value) - low  # type: ignore[union-attr]
    code = table.codes[place]
    return Constant(bool(code) if isinstance(table.type, Bool) else code, table.type, span)
