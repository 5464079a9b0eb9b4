"""A `network` block to what it is, what it is fed and where it is read."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from causalabs.algorithm import domains
from causalabs.algorithm.domains import Domain
from causalabs.algorithm.model import Algorithm
from causalabs.algorithm.names import nearest
from causalabs.algorithm.scope import Scope
from causalabs.diagnostics import Rule, Source, Span
from causalabs.hypothesis.compiled import compiled_layout
from causalabs.hypothesis.feed import resolve_feed
from causalabs.hypothesis.model import (
    Feed,
    FeedSteps,
    FeedText,
    FeedTokens,
    FeedVectors,
    NetworkSpec,
    Part,
    Readout,
    Settings,
    inner_settings,
)
from causalabs.hypothesis.reads import resolve_reads
from causalabs.hypothesis.refs import Findings, listed
from causalabs.hypothesis.registry import PARAMETER_BUDGET, NetworkKind, find, names
from causalabs.hypothesis.rules_feed import InputNotFed, Unbounded
from causalabs.hypothesis.rules_network import (
    HeadsDivide,
    TooManyClasses,
    TooManyParameters,
    UnknownNetwork,
)
from causalabs.hypothesis.settings import call_settings, inner_call
from causalabs.hypothesis.shape import Shape, shape_of, template_parts
from causalabs.hypothesis.training import resolve_training
from causalabs.syntax import ast

MOST_CLASSES = 20_000
"""Values of one variable that a built-in network is fed or asked one by one."""


def resolve_network(
    node: ast.Network, algorithms: Sequence[Algorithm], scope: Scope, source: Source
) -> tuple[NetworkSpec | None, Shape | None, list[Rule]]:
    """The network, what the file tells of its sites, and what is wrong in the block.

    The spec is None after an error; the shape is there as soon as the kind of network is
    known and its settings hold, so that alignments can be judged all the same.
    """
    found = Findings(source, scope.poisoned)
    loaded = _kind(node.call, found)
    if loaded is None:
        return None, None, found.rules
    settings = call_settings(node.call, loaded, found)
    kind, inside, call = _architecture(node.call, loaded, settings)
    if not algorithms or kind is None:
        return None, None, found.rules
    algorithm = algorithms[0]
    sound = inside is not None and _settings_hold(call, kind, inside, found)
    fed = resolve_feed(node, kind, algorithm, found)
    feed = fed.feed if fed is not None else None
    known = inside if sound and inside is not None else ()
    shape = shape_of(kind, known, feed, None)
    reads, complete = resolve_reads(node, kind, algorithm, shape, feed is not None, found)
    logits = _logits(reads, algorithm) if kind.classes and complete else None
    if sound and kind.name == "compiled" and reads and complete:
        layout = compiled_layout(call, dict(known), algorithms, reads, found)
        sound = layout is not None
        hidden = (layout.width,) * len(layout.layers) if layout is not None else ()
        known = (*known, ("hidden", hidden))
    shape = shape_of(kind, known, feed, logits)
    if feed is not None:
        _judge_inputs(node, kind, algorithm, feed, found)
        unfed = frozenset(rule.name for rule in found.rules if isinstance(rule, InputNotFed))
        shape = replace(shape, unfed=unfed)
    _judge_classes(kind, algorithm, feed, reads, found)
    if sound and inside is not None:
        _judge_size(call, kind, inside, algorithm, feed, logits, found)
    until, implement = resolve_training(node, loaded, algorithms, shape, sound, found)
    usable = shape if sound and feed is not None else None
    if not _usable(found) or feed is None or settings is None:
        return None, usable, found.rules
    spec = NetworkSpec(
        kind=loaded.name,
        settings=settings,
        feed=feed,
        reads=reads,
        until=until,
        implement=implement,
        name=str(node.name or ""),
        span=node.span,
    )
    return spec, usable, found.rules


def file_hashes(
    node: ast.Network, algorithms: Sequence[Algorithm], scope: Scope, source: Source
) -> dict[str, str]:
    """SHA-256 of each file that the block reads, by path as written: part of the plan."""
    found = Findings(source, scope.poisoned)
    loaded = find(NetworkKind, str(node.call.function))
    settings = call_settings(node.call, loaded, found) if loaded else None
    kind = _architecture(node.call, loaded, settings)[0] if loaded else None
    fed = resolve_feed(node, kind, algorithms[0], found) if kind and algorithms else None
    files = fed.files if fed is not None else ()
    hashes = {path: hashlib.sha256(content).hexdigest() for path, content in files}
    if loaded is not None and loaded.name in ("checkpoint", "tracr"):
        path = str(dict(settings or ()).get("path", ""))
        hashes.update(_weights_hash(path, source))
    return hashes


def _weights_hash(path: str, source: Source) -> dict[str, str]:
    """SHA-256 of a file of weights; none of one that is not there, which `run` says."""
    try:
        if not (source.folder / path).is_file():  # a device or a pipe might never end
            return {}
        with (source.folder / path).open("rb") as file:
            return {path: hashlib.file_digest(file, "sha256").hexdigest()}
    except OSError:
        return {}


def _usable(found: Findings) -> bool:
    return not any(rule.severity == "error" for rule in found.rules)


# ------------------------------------------------------------- kind, settings


def _kind(call: ast.Call, found: Findings) -> NetworkKind | None:
    name = str(call.function)
    kind = find(NetworkKind, name)
    if kind is None:
        known = names(NetworkKind)
        found.report(
            UnknownNetwork(
                span=call.function.span,
                name=name,
                known=listed(known),
                suggestion=nearest(name, known),
            )
        )
    return kind


def _architecture(
    call: ast.Call, loaded: NetworkKind, settings: Settings | None
) -> tuple[NetworkKind | None, Settings | None, ast.Call]:
    """The kind whose sites and feeds count, its settings, and where they are written.

    Of a checkpoint it is the network inside: None where that is not known.
    """
    if not any(parameter.kind == "call" for parameter in loaded.parameters):
        return loaded, settings, call
    inner = inner_call(call)
    net = dict(settings or ()).get("net")
    if inner is None or not isinstance(net, tuple):
        return None, None, call
    return find(NetworkKind, str(net[0])), inner_settings(net), inner


def _argument(call: ast.Call, name: str) -> Span:
    """Where a setting stands, else the call's name."""
    spans = [a.value.span for a in call.arguments if a.name is not None and str(a.name) == name]
    return spans[0] if spans else call.function.span


def _settings_hold(call: ast.Call, kind: NetworkKind, settings: Settings, found: Findings) -> bool:
    """Whether the settings go together."""
    given = dict(settings)
    width, heads = given.get("width"), given.get("heads")
    if isinstance(width, int) and isinstance(heads, int) and width % heads:
        better = max(1, round(width / heads)) * heads
        found.report(
            HeadsDivide(span=_argument(call, "width"), width=width, heads=heads, better=better)
        )
        return False
    return True


def _judge_size(
    call: ast.Call,
    kind: NetworkKind,
    settings: Settings,
    algorithm: Algorithm,
    feed: Feed | None,
    logits: int | None,
    found: Findings,
) -> None:
    if not kind.built_in:
        return
    given = dict(settings)
    classes = logits or 0
    fed = sum(_code_width(algorithm[name].domain) for name in _names(feed))
    width, layers = given.get("width"), given.get("layers")
    hidden = given.get("hidden")
    count = 0
    if isinstance(hidden, tuple):
        sizes = [fed, *(size for size in hidden if isinstance(size, int)), classes]
        count = sum((a + 1) * b for a, b in pairwise(sizes))
    elif isinstance(width, int) and isinstance(layers, int):
        count = layers * 12 * width * width + width * (fed + classes)
    elif isinstance(width, int):
        count = 3 * width * (width + fed + 2) + width * classes
    if count > PARAMETER_BUDGET:
        found.report(
            TooManyParameters(span=call.span, call=kind.name, count=count, most=PARAMETER_BUDGET)
        )


def _code_width(domain: Domain) -> int:
    match domain:
        case domains.Bool():
            return 1
        case domains.Real(size=size):
            return size or 1
        case domains.SetOf(of):
            return domains.size(of) or 1
        case _:
            return min(domains.size(domain) or 1, MOST_CLASSES)


# ------------------------------------------------------------------ inputs, outputs


def _names(feed: Feed | None) -> list[str]:
    """Inputs that are fed, or restricted by the template that is drawn, each once."""
    match feed:
        case FeedVectors(inputs):
            return list(dict.fromkeys(inputs))
        case FeedSteps(steps):
            return list(dict.fromkeys(name for step in steps for name in step))
        case FeedTokens(items):
            return list(dict.fromkeys(i.input for i in items if isinstance(i, Part)))
        case FeedText(templates=templates):
            every = (part.input for t in templates for part in template_parts(t))
            return list(dict.fromkeys(every))
        case _:
            return []


def _needed(algorithm: Algorithm) -> set[str]:
    """Inputs that some output depends on."""
    needed = {variable.name for variable in algorithm.outputs}
    for variable in reversed(algorithm.variables):
        if variable.name in needed:
            needed.update(variable.parents)
    return needed


def _judge_inputs(
    node: ast.Network, kind: NetworkKind, algorithm: Algorithm, feed: Feed, found: Findings
) -> None:
    needed, reported = _needed(algorithm), set()
    missing = _missing(feed, algorithm)
    where = next(w for w in node.wiring if isinstance(w, ast.Feed | ast.FeedAny))
    word = Span(where.span.start, where.span.start + len("feed"))
    for variable in algorithm.inputs:
        domain = variable.domain
        if isinstance(domain, domains.Real) and (domain.low is None or domain.high is None):
            text = "real" if domain.size is None else f"real[{domain.size}]"
            if variable.family not in reported:
                reported.add(variable.family)
                found.report(Unbounded(span=variable.span, name=variable.family, domain=text))
        elif variable.name in needed and variable.name in missing:
            found.report(
                InputNotFed(
                    span=word,
                    name=variable.name,
                    first=variable.span,
                    example=_with(feed, variable.name),
                )
            )


def _missing(feed: Feed, algorithm: Algorithm) -> set[str]:
    """Inputs that some prompt says nothing of."""
    every = {variable.name for variable in algorithm.inputs}
    if not isinstance(feed, FeedText):
        return every - set(_names(feed))
    missing: set[str] = set()
    limits = feed.limits or ((),) * len(feed.templates)
    for template, limit in zip(feed.templates, limits, strict=True):
        told = {part.input for part in template_parts(template)} | {name for name, _ in limit}
        missing |= every - told
    return missing


def _with(feed: Feed, name: str) -> str:
    """How the input would be fed."""
    match feed:
        case FeedText():
            return f"... {{{name}}} ..."
        case FeedVectors(inputs):
            return f"feed ..., {name}" if inputs else f"feed {name}"
        case _:
            return f"feed ..., {name}"


def _logits(reads: Sequence[Readout], algorithm: Algorithm) -> int | None:
    sizes = [domains.size(algorithm[read.output].domain) for read in reads]
    known = [size for size in sizes if size is not None]
    return sum(known) if len(known) == len(sizes) else None


def _judge_classes(
    kind: NetworkKind,
    algorithm: Algorithm,
    feed: Feed | None,
    reads: Sequence[Readout],
    found: Findings,
) -> None:
    """No variable of a built-in network has more values than it can be given one by one."""
    if not kind.built_in:
        return
    for name in [*_names(feed), *(read.output for read in reads)]:
        variable = algorithm[name]
        if isinstance(variable.domain, domains.SetOf):
            continue
        count = domains.size(variable.domain)
        if count is not None and count > MOST_CLASSES:
            found.report(
                TooManyClasses(
                    span=variable.span,
                    name=variable.family,
                    count=count,
                    kind=kind.name,
                    most=MOST_CLASSES,
                )
            )
