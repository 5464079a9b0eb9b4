"""Declared domains and values: from the syntax tree to `Domain`s and coded values."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from causalabs.algorithm.context import ELEMENTS
from causalabs.algorithm.domains import (
    Bool,
    Cyclic,
    Domain,
    Enum,
    Interval,
    Mod,
    Real,
    Scalar,
    SetOf,
    size,
)
from causalabs.algorithm.names import nearest
from causalabs.algorithm.rules_domains import (
    BadModulus,
    BadReal,
    BadSet,
    DuplicateValue,
    EmptyInterval,
    NotWhole,
    TooLargeNumber,
    TooMany,
)
from causalabs.algorithm.rules_files import UnknownColumn
from causalabs.algorithm.rules_names import UnknownDomain, UnknownName
from causalabs.algorithm.rules_types import OutsideDomain
from causalabs.algorithm.typing_ import describe, domain_text, written
from causalabs.diagnostics import Rule
from causalabs.syntax import ast

if TYPE_CHECKING:
    from causalabs.algorithm.scope import Scope
    from causalabs.algorithm.tables import DataTable

BIGGEST = 2**62
WIDEST_REAL = 65_536
ANYTHING = "*"
"""In `poisoned`: any name may be missing because a whole file is."""
Report = Callable[[Rule], None]


def number(node: ast.Number, report: Report) -> int | float | None:
    """The number written, None where it is too large to compute with."""
    found = digits(node.digits, report)
    return None if found is None else -found if node.negative else found


def digits(node: ast.Digits, report: Report) -> int | float | None:
    """A number without its sign; its length is looked at before Python reads it."""
    plain = node.replace("_", "").lstrip("0") or "0"
    value: int | float | None = None
    if plain.isdigit():
        value = int(plain) if len(plain) <= 19 else None
        if value is not None and value >= BIGGEST:
            value = None
    else:
        value = float(node.replace("_", ""))
        if not math.isfinite(value):
            value = None
    if value is None:
        shown = node if len(node) <= 30 else node[:27] + "..."
        report(TooLargeNumber(span=node.span, shown=shown, problem="too large a number"))
    return value


def whole(node: ast.Number, report: Report) -> int | None:
    """A whole number, None (and a finding) where it is not one."""
    found = number(node, report)
    if isinstance(found, float):
        sign = "-" if node.negative else ""
        report(NotWhole(span=node.span, shown=sign + node.digits))
        return None
    return found


def domain_of(
    node: ast.Type,
    domains: Mapping[str, Domain | None],
    data: Mapping[str, DataTable | None],
    poisoned: frozenset[str],
    report: Report,
) -> Domain | None:
    """The domain that `node` writes; None where it cannot be had, which is reported once.

    A name that maps to None is one whose own definition failed, and is not reported again.
    """
    match node:
        case ast.Bool():
            return Bool()
        case ast.Interval():
            return _interval(node, report)
        case ast.Mod():
            return _mod(node, report)
        case ast.Enum(values):
            found = _values(values, report)
            return None if found is None else Enum(found)
        case ast.Cyclic(values):
            found = _values(values, report)
            return None if found is None else Cyclic(found)
        case ast.Real():
            return _real(node, report)
        case ast.Named():
            return _named(node, domains, data, poisoned, report)
        case ast.Set():
            return _set(node, domains, data, poisoned, report)


def _interval(node: ast.Interval, report: Report) -> Interval | None:
    low, high = whole(node.low, report), whole(node.high, report)
    if low is None or high is None:
        return None
    if low > high:
        advice = f"write `{high}..{low}`"
        report(EmptyInterval(span=node.span, shown=f"{low}..{high}", advice=advice))
        return None
    return Interval(low, high)


def _mod(node: ast.Mod, report: Report) -> Mod | None:
    found = digits(node.modulus, report)
    if found is None:
        return None
    if found < 1 or isinstance(found, float):
        report(BadModulus(span=node.span, modulus=str(node.modulus)))
        return None
    return Mod(found)


def _values(node: ast.Values, report: Report) -> tuple[Scalar, ...] | None:
    seen: dict[tuple[type, Scalar], ast.AnyValue] = {}
    failed = False
    for each in node.values:
        value = scalar(each, report)
        if value is None:
            failed = True
            continue
        earlier = seen.setdefault((type(value), value), each)
        if earlier is not each:
            report(DuplicateValue(span=each.span, value=written(value), first=earlier.span))
            failed = True
    return None if failed else tuple(value for _, value in seen)


def scalar(node: ast.AnyValue, report: Report) -> Scalar | None:
    """A value as written: a truth, a whole number or a name."""
    match node:
        case ast.Number():
            return whole(node, report)
        case ast.Truth(value):
            return value
        case ast.Value(name):
            return str(name)


def _real(node: ast.Real, report: Report) -> Real | None:
    low: int | float | None = None
    high: int | float | None = None
    count: int | None = None
    if node.size is not None:
        found = digits(node.size, report)
        if found is None:
            return None
        if isinstance(found, float) or not 1 <= found <= WIDEST_REAL:
            problem = "no component" if found == 0 else "too many components"
            report(BadReal(span=node.span, size=str(node.size), problem=problem))
            return None
        count = found
    if node.interval is not None:
        low, high = number(node.interval.low, report), number(node.interval.high, report)
        if low is None or high is None:
            return None
        if low > high:
            shown = f"{low}..{high}"
            advice = f"write `{high}..{low}`"
            report(EmptyInterval(span=node.interval.span, shown=shown, advice=advice))
            return None
        return Real(count, float(low), float(high))
    return Real(count)


def _named(
    node: ast.Named,
    domains: Mapping[str, Domain | None],
    data: Mapping[str, DataTable | None],
    poisoned: frozenset[str],
    report: Report,
) -> Domain | None:
    name = str(node.name)
    if name in poisoned:
        return None
    if node.column is None and name in domains:
        return domains[name]
    if ANYTHING in poisoned and name not in data:
        return None
    if node.column is None:
        advice = ""
        if name in data:
            table = data[name]
            column = next(iter(table.columns)) if table else "column"
            advice = f"`{name}` is a table: write one of its columns, `{name}.{column}`"
        suggestion = None if advice else nearest(name, _type_names(domains))
        report(UnknownDomain(span=node.span, name=name, suggestion=suggestion, advice=advice))
        return None
    if name not in data:
        suggestion = nearest(name, data)
        advice = "" if suggestion else f'add `table {name} from "file.csv" key ...`'
        report(UnknownDomain(span=node.name.span, name=name, suggestion=suggestion, advice=advice))
        return None
    table = data[name]
    return None if table is None else column_of(table, node.column, report)


def _type_names(domains: Mapping[str, Domain | None]) -> list[str]:
    return [*domains, "bool", "real", "mod"]


def column_of(table: DataTable, name: ast.Name, report: Report) -> Domain | None:
    """The domain of a table's column, an unknown one reported."""
    if str(name) not in table.columns:
        report(
            UnknownColumn(
                span=name.span,
                table=table.name,
                name=str(name),
                columns=", ".join(f"`{column}`" for column in table.columns),
                suggestion=nearest(str(name), table.columns),
            )
        )
        return None
    return table.columns[str(name)]


def _set(
    node: ast.Set,
    domains: Mapping[str, Domain | None],
    data: Mapping[str, DataTable | None],
    poisoned: frozenset[str],
    report: Report,
) -> Domain | None:
    if isinstance(node.of, ast.Set):
        report(BadSet(span=node.of.span, found="sets"))
        return None
    of = domain_of(node.of, domains, data, poisoned, report)
    return None if of is None or not listable(of, node.of, report) else SetOf(of)  # type: ignore[arg-type]


def listable(domain: Domain, node: ast.Node, report: Report) -> bool:
    """Whether all values can be gone through; reports where not."""
    count = None if isinstance(domain, SetOf) else size(domain)
    if count is None:
        report(BadSet(span=node.span, found=f"`{domain_text(domain)}`"))
        return False
    if count > ELEMENTS:
        what = f"`{domain_text(domain)}`"
        report(TooMany(span=node.span, what=what, count=f"{count:,} values", limit=f"{ELEMENTS:,}"))
        return False
    return True


def elaborate_type(node: ast.Type, scope: Scope) -> tuple[Domain | None, list[Rule]]:
    """The domain that `node` writes, and what is wrong with it."""
    found: list[Rule] = []
    domain = domain_of(node, scope.every_domain, scope.every_data, scope.poisoned, found.append)
    return domain, found


def coded_value(node: ast.AnyValue, domain: Domain) -> tuple[int | None, list[Rule]]:
    """A value as it is coded in a column of `domain` (0 and 1 for truths)."""
    found: list[Rule] = []
    value = scalar(node, found.append)
    if value is None:
        return None, found
    code = code_of(value, domain)
    if code is None:
        suggestion: str | None = None
        if isinstance(domain, (Enum, Cyclic)) and isinstance(value, str):
            suggestion = nearest(value, [str(each) for each in domain.values])
        rule: Rule
        if isinstance(value, str) and not isinstance(domain, (Enum, Cyclic)):
            advice = f"write {describe(domain)}"
            rule = UnknownName(span=node.span, name=value, advice=advice)
        else:
            advice = f"did you mean `{suggestion}`?" if suggestion else ""
            rule = OutsideDomain(
                span=node.span,
                value=written(value),
                domain=f"`{domain_text(domain)}`",
                advice=advice,
            )
        found.append(rule)
    return code, found


def code_of(value: Scalar, domain: Domain) -> int | None:
    """How `value` is coded in `domain`, None where it is not one of its values."""
    match domain:
        case Bool():
            return int(value) if isinstance(value, bool) else None
        case Interval(low, high) if isinstance(value, int) and not isinstance(value, bool):
            return value if low <= value <= high else None
        case Mod(modulus) if isinstance(value, int) and not isinstance(value, bool):
            return value if 0 <= value < modulus else None
        case Enum(values) | Cyclic(values):
            # `true` equals 1 in Python, not in an enum.
            same = (type(each) is type(value) and each == value for each in values)
            pairs = (place for place, found in enumerate(same) if found)
            return next(pairs, None)
    return None
