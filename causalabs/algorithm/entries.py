"""Tables written out in a file: finite functions, entry by entry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice, product
from math import prod

from causalabs.algorithm.context import NODES
from causalabs.algorithm.declared import Report, coded_value, domain_of
from causalabs.algorithm.domains import (
    Bool,
    Cyclic,
    Domain,
    Enum,
    FiniteDomain,
    Scalar,
    SetOf,
    size,
    values,
)
from causalabs.algorithm.expression import Table
from causalabs.algorithm.rules_domains import BadSet, DuplicateEntry, MissingEntries, TooMany
from causalabs.algorithm.rules_types import WrongType
from causalabs.algorithm.tables import DataTable
from causalabs.algorithm.typing_ import domain_text, written
from causalabs.syntax import ast


def literal_table(
    node: ast.Table,
    domains: Mapping[str, Domain | None],
    data: Mapping[str, DataTable | None],
    poisoned: frozenset[str],
    report: Report,
) -> Table | None:
    """A `table NAME[...] : ... = {...}`; missing, doubled and foreign entries are reported."""
    keys = [domain_of(key, domains, data, poisoned, report) for key in node.keys]
    target = domain_of(node.domain, domains, data, poisoned, report)
    if target is None or any(key is None for key in keys):
        return None
    for domain, at in zip([*keys, target], [*node.keys, node.domain], strict=True):
        if isinstance(domain, SetOf) or size(domain) is None:  # type: ignore[arg-type]
            report(BadSet(span=at.span, found=f"`{domain_text(domain)}`"))  # type: ignore[arg-type]
            return None
    sizes = [int(size(key) or 0) for key in keys]  # type: ignore[arg-type]
    count = prod(sizes)
    name = str(node.name)
    if count > NODES:
        shown, limit = f"{count:,} entries", f"{NODES:,}"
        report(TooMany(span=node.name.span, what=f"table `{name}`", count=shown, limit=limit))
        return None
    codes = _entries(node, keys, target, report)  # type: ignore[arg-type]
    if codes is None:
        return None
    full = tuple(codes[key] for key in product(*(values(key) for key in keys)))  # type: ignore[arg-type]
    return Table(name, tuple(keys), target, full, (True,) * len(full))  # type: ignore[arg-type]


def _entries(
    node: ast.Table, keys: Sequence[FiniteDomain], target: Domain, report: Report
) -> dict[tuple[Scalar, ...], int] | None:
    codes: dict[tuple[Scalar, ...], int] = {}
    seen: dict[tuple[Scalar, ...], ast.Entry] = {}
    failed = False
    for entry in node.entries:
        key = _key(node, entry, keys, report)
        code, problems = coded_value(entry.value, target)
        for problem in problems:
            report(problem)
        failed |= key is None or code is None
        if key is None:
            continue
        earlier = seen.setdefault(key, entry)
        if earlier is not entry:
            shown = f"`{_key_text(key)}`"
            report(
                DuplicateEntry(
                    span=entry.key.span, name=str(node.name), key=shown, first=earlier.key.span
                )
            )
            failed = True
        elif code is not None:
            codes[key] = code
    if failed:
        return None
    gaps = (key for key in product(*(values(key) for key in keys)) if key not in codes)
    missing = list(islice(gaps, 3))
    if missing:
        sizes = [int(size(key) or 0) for key in keys]
        more = prod(sizes) - len(codes) - len(missing)
        shown = ", ".join(f"`{_key_text(key)}`" for key in missing)
        shown += f" and {more} more" if more else ""
        advice = f"add `{_key_text(missing[0])} -> ...`"
        name = str(node.name)
        report(MissingEntries(span=node.name.span, name=name, missing=shown, advice=advice))
        return None
    return codes


def _key(
    node: ast.Table, entry: ast.Entry, keys: Sequence[FiniteDomain], report: Report
) -> tuple[Scalar, ...] | None:
    parts = entry.key.values
    if len(parts) != len(keys):
        wanted = "one value" if len(keys) == 1 else f"{len(keys)} values"
        report(
            WrongType(
                span=entry.key.span, place=f"a key of table `{node.name}`", wanted=wanted,
                shown="it", found="one" if len(parts) == 1 else f"{len(parts)}",
                advice="write `(" + ", ".join("..." for _ in keys) + ") -> ...`",
            )
        )  # fmt: skip
        return None
    found: list[Scalar] = []
    for part, domain in zip(parts, keys, strict=True):
        code, problems = coded_value(part, domain)
        for problem in problems:
            report(problem)
        if code is not None:
            found.append(_decoded(domain, code))
    return tuple(found) if len(found) == len(keys) else None


def _decoded(domain: FiniteDomain, code: int) -> Scalar:
    if isinstance(domain, Bool):
        return bool(code)
    return domain.values[code] if isinstance(domain, (Enum, Cyclic)) else code


def _key_text(key: tuple[Scalar, ...]) -> str:
    inside = ", ".join(written(value) for value in key)
    return inside if len(key) == 1 else f"({inside})"
