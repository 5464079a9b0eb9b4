"""Imports: declarations and algorithms of other hypothesis files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from causalabs.algorithm.declared import ANYTHING, Report
from causalabs.algorithm.names import nearest
from causalabs.algorithm.rules_files import BadImport, NotImported
from causalabs.algorithm.rules_names import Redefinition
from causalabs.algorithm.scope import Scope, declared_items
from causalabs.diagnostics import Rule, Source, Span
from causalabs.syntax import ast

DEEPEST = 16
MOST_FILES = 64
LARGEST = 2**20
T = TypeVar("T")


class _Broken(Exception):  # noqa: N818
    """Why a file cannot be imported."""


def import_all(nodes: tuple[ast.Import, ...], source: Source, report: Report) -> Scope:
    """What the imports of `source` bring, one scope."""
    start = Path(source.folder, source.name)
    return _import_all(nodes, source, report, (_real(start),), [0])


def _real(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, ValueError, RuntimeError):
        return path


def _import_all(
    nodes: tuple[ast.Import, ...],
    source: Source,
    report: Report,
    above: tuple[Path, ...],
    opened: list[int],
) -> Scope:
    result = Scope(source=source)
    spans: dict[str, Span] = {}
    for node in nodes:
        try:
            found = _read(node, source, above, opened)
        except _Broken as error:
            path = str(node.path)
            report(BadImport(span=node.path.span, path=path, reason=str(error)))
            # What the file would have brought is not reported as missing.
            missing = {str(name) for name in node.names} or {ANYTHING}
            result = replace(result, poisoned=result.poisoned | missing)
            continue
        result = _merge(result, _chosen(found, node, report), node, spans, report)
    return result


def _read(node: ast.Import, source: Source, above: tuple[Path, ...], opened: list[int]) -> Scope:
    from causalabs.algorithm.elaborate import elaborate
    from causalabs.algorithm.tables import Unreadable, read_bytes
    from causalabs.syntax.parse import parse

    path = Path(source.folder) / str(node.path)
    real = _real(path)
    if real in above:
        circle = " -> ".join(each.name for each in (*above[above.index(real) :], real))
        raise _Broken(f"it imports itself ({circle})")
    if len(above) > DEEPEST:
        raise _Broken(f"imports nest more than {DEEPEST} deep")
    opened[0] += 1
    if opened[0] > MOST_FILES:
        raise _Broken(f"more than {MOST_FILES} files are imported")
    try:
        text = read_bytes(path, LARGEST).decode("utf-8-sig")
    except Unreadable as error:
        raise _Broken(error.reason) from None
    except UnicodeDecodeError:
        raise _Broken("it is not UTF-8 text") from None
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    inner = Source(text, str(node.path), path.parent)
    parsed = parse(inner)
    for diagnostic in parsed.diagnostics:
        if diagnostic.severity == "error":
            raise _Broken(_at(inner, diagnostic.span, diagnostic.message))
    found: list[Rule] = []
    imported = _import_all(parsed.file.imports, inner, found.append, (*above, real), opened)
    items = parsed.file.items
    scope = declared_items(items, inner, parsed.poisoned, imported, found.append)
    algorithms = dict(imported.algorithms)
    for item in items:
        if isinstance(item, ast.Algorithm) and item.name is not None:
            algorithm, rules = elaborate(item, scope)
            found += rules
            if algorithm is not None:
                # Once more with spans in the importing file, where findings are shown.
                placed, _ = elaborate(item, scope, site=node.span)
                algorithms[str(item.name)] = placed or algorithm
    for rule in found:
        if isinstance(rule, BadImport):
            raise _Broken(rule.reason)
        if rule.severity == "error":
            raise _Broken(_at(inner, rule.span, rule.headline()))
    return replace(scope, algorithms=algorithms)


def _at(source: Source, span: Span, message: str) -> str:
    line, _ = source.locate(span.start)
    return f"line {line}: {message}"


def _chosen(found: Scope, node: ast.Import, report: Report) -> Scope:
    """Of what a file declares, the names that were asked for; all of it without names."""
    if not node.names:
        return found
    wanted = {str(name) for name in node.names}
    parts: tuple[Mapping[str, Any], ...] = (
        found.every_domain,
        found.every_data,
        found.every_table,
        found.definitions,
        found.algorithms,
    )
    there = {name for part in parts for name in part}
    for name in node.names:
        if str(name) not in there:
            suggestion = nearest(str(name), there)
            path = str(node.path)
            report(NotImported(span=name.span, name=str(name), path=path, suggestion=suggestion))
    missing = frozenset(wanted - there)
    domains, data, tables, definitions, algorithms = parts
    return replace(
        found,
        poisoned=missing,
        every_domain=_only(domains, wanted),
        every_data=_only(data, wanted),
        every_table=_only(tables, wanted),
        # A definition keeps those that it calls.
        definitions=_with_called(definitions, wanted),
        algorithms=_only(algorithms, wanted),
    )


def _only(names: Mapping[str, T], wanted: set[str]) -> dict[str, T]:
    return {name: value for name, value in names.items() if name in wanted}


def _with_called(definitions: Mapping[str, Any], wanted: set[str]) -> dict[str, Any]:
    left, kept = [name for name in definitions if name in wanted], {}
    while left:
        name = left.pop()
        if name in definitions and name not in kept:
            kept[name] = definitions[name]
            body = definitions[name].node.body
            left += [str(p.function) for p in ast.walk(body) if isinstance(p, ast.Apply)]
    return kept


def _merge(
    result: Scope, found: Scope, node: ast.Import, spans: dict[str, Span], report: Report
) -> Scope:
    definitions = {n: replace(d, foreign=True) for n, d in found.definitions.items()}
    for part in (found.every_domain, found.every_data, found.every_table, found.algorithms):
        for name in part:
            if name in spans:
                report(Redefinition(span=node.span, name=name, first=spans[name]))
            spans[name] = node.span
    return replace(
        result,
        poisoned=result.poisoned | (found.poisoned if node.names else frozenset()),
        every_domain={**result.every_domain, **found.every_domain},
        every_data={**result.every_data, **found.every_data},
        every_table={**result.every_table, **found.every_table},
        definitions={**result.definitions, **definitions},
        algorithms={**result.algorithms, **found.algorithms},
        hashes={**result.hashes, **found.hashes},
    )
