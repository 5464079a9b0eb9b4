"""Arguments of a call in the file against the signature that its entry declares."""

from __future__ import annotations

import math
from collections.abc import Iterator

from causalabs.algorithm.names import nearest
from causalabs.diagnostics import Span
from causalabs.hypothesis.model import Setting, Settings
from causalabs.hypothesis.refs import Findings, listed
from causalabs.hypothesis.registry import Entry, NetworkKind, Parameter, find, names
from causalabs.hypothesis.rules_network import (
    MissingSetting,
    SettingRange,
    SettingTwice,
    SettingType,
    UnknownNetwork,
    UnknownSetting,
)
from causalabs.syntax import ast

WANTED = {
    "int": "a whole number",
    "number": "a number",
    "text": "a quoted string",
    "bool": "`true` or `false`",
    "ints": "a list of whole numbers",
    "name": "a name",
    "call": "a built-in network",
}


def call_settings(
    call: ast.Name | ast.Call, entry: Entry, found: Findings, *, name: str = ""
) -> Settings | None:
    """The settings in the signature's order, defaults filled in; None after an error."""
    arguments = call.arguments if isinstance(call, ast.Call) else ()
    called = call.function if isinstance(call, ast.Call) else call
    shown = name or str(called)
    before = len(found.rules)
    given: dict[str, tuple[Parameter, ast.Setting]] = {}
    for argument, parameter in _paired(arguments, entry, shown, found):
        if parameter.name in given:
            where = argument.name.span if argument.name is not None else argument.span
            found.report(SettingTwice(span=where, call=shown, name=f"`{parameter.name}`"))
        else:
            given[parameter.name] = (parameter, argument.value)
    settings: list[tuple[str, Setting]] = []
    for parameter in entry.parameters:
        if parameter.name in given:
            value = _value(given[parameter.name][1], parameter, shown, found)
            if value is not None:
                settings.append((parameter.name, value))
        elif parameter.default is not None:
            settings.append((parameter.name, parameter.default))
        elif not parameter.optional and not _misnamed(arguments, entry):
            found.report(
                MissingSetting(
                    span=called.span, call=shown, name=parameter.name, example=parameter.example
                )
            )
    return tuple(settings) if len(found.rules) == before else None


def _misnamed(arguments: tuple[ast.Argument, ...], entry: Entry) -> bool:
    """Whether some argument has an unknown name: what is missing may be it, misspelt."""
    known = {parameter.name for parameter in entry.parameters}
    return any(a.name is not None and str(a.name) not in known for a in arguments)


def _paired(
    arguments: tuple[ast.Argument, ...], entry: Entry, shown: str, found: Findings
) -> Iterator[tuple[ast.Argument, Parameter]]:
    by_name = {parameter.name: parameter for parameter in entry.parameters}
    settings = f"its settings are {listed(by_name)}" if by_name else "it takes no settings"
    for position, argument in enumerate(arguments):
        if argument.name is None:
            if position < len(entry.parameters):
                yield argument, entry.parameters[position]
                continue
            name, span = found.text(argument), argument.span
        elif str(argument.name) in by_name:
            yield argument, by_name[str(argument.name)]
            continue
        else:
            name, span = str(argument.name), argument.name.span
        hint = nearest(name, by_name)
        found.report(
            UnknownSetting(span=span, call=shown, name=name, known=settings, suggestion=hint)
        )


def inner_call(call: ast.Name | ast.Call) -> ast.Call | None:
    """The call that stands among the arguments of another: `mlp(...)` in `checkpoint`."""
    values = (a.value for a in call.arguments) if isinstance(call, ast.Call) else ()
    return next((value for value in values if isinstance(value, ast.Call)), None)


def _architecture(
    node: ast.Setting, parameter: Parameter, call: str, found: Findings
) -> Setting | None:
    """`mlp(hidden = [16, 16])` as ("mlp", ("hidden", (16, 16)))."""
    known = [name for name in names(NetworkKind) if _built_in(name)]
    if not isinstance(node, ast.Call):
        wanted = WANTED[parameter.kind]
        found.report(
            SettingType(
                span=node.span,
                call=call,
                name=parameter.name,
                wanted=wanted,
                example=parameter.example,
            )
        )
        return None
    name = str(node.function)
    kind = find(NetworkKind, name)
    if kind is None:
        hint = nearest(name, known)
        found.report(
            UnknownNetwork(span=node.function.span, name=name, known=listed(known), suggestion=hint)
        )
        return None
    if not kind.built_in:
        _outside(node.span, f"`{name}`", parameter, call, found, listed(known))
        return None
    settings = call_settings(node, kind, found)
    return None if settings is None else (name, *settings)


def _built_in(name: str) -> bool:
    kind = find(NetworkKind, name)
    return kind is not None and kind.built_in


def _value(node: ast.Setting, parameter: Parameter, call: str, found: Findings) -> Setting | None:
    if parameter.kind == "call":
        return _architecture(node, parameter, call, found)
    value = _plain(node)
    if not _suits(value, parameter.kind):
        found.report(
            SettingType(
                span=node.span,
                call=call,
                name=parameter.name,
                wanted=WANTED[parameter.kind],
                example=parameter.example,
            )
        )
        return None
    if parameter.among and value not in parameter.among:
        _outside(node.span, str(value), parameter, call, found, listed(parameter.among))
        return None
    parts = node.values if isinstance(node, ast.Settings) else (node,)
    items = [(each.span, _plain(each)) for each in parts]
    for span, item in items:
        if isinstance(item, int | float) and not isinstance(item, bool):
            if parameter.kind == "number" and not _finite(item):
                _outside(span, "so large", parameter, call, found, "a number below 1e308")
                return None
            low, high = parameter.low, parameter.high
            if (low is not None and item < low) or (high is not None and item > high):
                _outside(span, f"{item:,}", parameter, call, found, _bounds(parameter))
                return None
    return value


def _finite(number: float) -> bool:
    """Whether a number can be computed with: neither `1e400` nor a whole number as large."""
    try:
        return math.isfinite(number)
    except OverflowError:
        return False


def _outside(
    span: Span, value: str, parameter: Parameter, call: str, found: Findings, bounds: str
) -> None:
    found.report(
        SettingRange(span=span, call=call, name=parameter.name, value=value, bounds=bounds)
    )


def _bounds(parameter: Parameter) -> str:
    low, high = parameter.low, parameter.high
    if high is None:
        return f"{low:,} or more"
    return f"up to {high:,}" if low is None else f"{low:,} to {high:,}"


def _plain(node: ast.Setting) -> Setting | None:
    """The value of a setting; None for a call or a list with one inside."""
    match node:
        case ast.Number():
            return node.value
        case ast.Truth(value=truth):
            return truth
        case ast.Value(name=name):
            return str(name)
        case ast.Settings(values=values):
            items = [_plain(value) for value in values]
            kept = tuple(item for item in items if item is not None)
            return kept if len(kept) == len(items) else None
        case _:
            return None


def _suits(value: Setting | None, kind: str) -> bool:
    whole = isinstance(value, int) and not isinstance(value, bool)
    match kind:
        case "int":
            return whole
        case "number":
            return whole or isinstance(value, float)
        case "bool":
            return isinstance(value, bool)
        case "ints":
            return isinstance(value, tuple) and all(
                isinstance(item, int) and not isinstance(item, bool) for item in value
            )
        case _:
            return isinstance(value, str)
