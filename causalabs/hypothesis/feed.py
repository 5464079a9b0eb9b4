"""What a network is fed: vectors, steps or prompts, and the files that prompts come from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from causalabs.algorithm import domains
from causalabs.algorithm.model import Algorithm
from causalabs.diagnostics import Span
from causalabs.hypothesis.model import (
    Feed,
    FeedSteps,
    FeedText,
    FeedTokens,
    FeedVectors,
    Part,
    Template,
)
from causalabs.hypothesis.prompt_files import read_text, templates_of
from causalabs.hypothesis.refs import (
    Findings,
    elements,
    indices_of,
    outside,
    unbound,
    value_of,
)
from causalabs.hypothesis.registry import NetworkKind
from causalabs.hypothesis.rules_feed import (
    EmptyPrompt,
    FedTwice,
    NeedsIndex,
    NoFeed,
    NotForThis,
    RealToken,
    StepsDiffer,
    WrongFeed,
)
from causalabs.hypothesis.rules_network import WiringTwice
from causalabs.hypothesis.templates import fed, template
from causalabs.syntax import ast

MOST_STEPS = 10_000


@dataclass(frozen=True)
class Fed:
    """A resolved feed, and the files it was read from with their contents' bytes."""

    feed: Feed
    files: tuple[tuple[str, bytes], ...] = ()


def example_feed(kind: NetworkKind, algorithm: Algorithm) -> str:
    """A `feed` that suits the network, over the algorithm's own inputs."""
    names = [family for family in algorithm.families if family.role == "input"]
    match kind.feeds:
        case "vectors" | "any":
            return "feed " + ", ".join(family.name for family in names)
        case "steps":
            return "feed step i: " + ", ".join(f"{family.name}[i]" for family in names)
        case _:
            slots = [m for family in names for m in family.members[:2]][:4]
            return 'feed "' + " ".join(f"{{{slot}}}" for slot in slots) + ' ="'


def resolve_feed(
    node: ast.Network, kind: NetworkKind, algorithm: Algorithm, found: Findings
) -> Fed | None:
    """The network's feed; None after an error."""
    feeds = [each for each in node.wiring if isinstance(each, ast.Feed | ast.FeedAny)]
    prefixes = [each for each in node.wiring if isinstance(each, ast.Prefix)]
    for what, group in (("feed", feeds), ("prefix", prefixes)):
        for extra in group[1:]:
            word = Span(extra.span.start, extra.span.start + len(what))
            first = Span(group[0].span.start, group[0].span.start + len(what))
            found.report(WiringTwice(span=word, what=what, first=first))
    if not feeds:
        example = example_feed(kind, algorithm)
        found.report(NoFeed(span=node.call.function.span, example=example))
        return None
    feed = feeds[0]
    given = _given(feed)
    if kind.feeds not in (given, "any"):
        what = {"vectors": "vectors", "steps": "step by step", "text": "text"}[given]
        example = example_feed(kind, algorithm)
        found.report(WrongFeed(span=_what(feed), kind=kind.name, what=what, example=example))
        return None
    if prefixes and given != "text":
        found.report(NotForThis(span=prefixes[0].span, what="prefix", kind=kind.name))
    if isinstance(feed, ast.Feed) and given == "vectors":
        names = _vectors(_refs(feed), algorithm, found)
        return None if names is None else Fed(FeedVectors(names))
    if isinstance(feed, ast.Feed) and feed.step is not None:
        steps = _steps(feed, feed.step, algorithm, found)
        return None if steps is None else Fed(FeedSteps(steps))
    prefix = _prefix(prefixes[0], found) if prefixes and given == "text" else ("", ())
    text = _text(feed, kind, algorithm, found, prefix[0] if prefix else "")
    return None if text is None or prefix is None else Fed(text.feed, prefix[1] + text.files)


def _given(feed: ast.Feed | ast.FeedAny) -> str:
    """Which of the three ways of feeding a statement is."""
    if isinstance(feed, ast.FeedAny):
        return "text"
    if feed.step is not None:
        return "steps"
    return "text" if any(isinstance(item, ast.Text) for item in feed.items) else "vectors"


def _what(feed: ast.Feed | ast.FeedAny) -> Span:
    if isinstance(feed, ast.Feed):
        return Span(feed.items[0].span.start, feed.items[-1].span.end)
    first = feed.path or feed.templates[0]
    return Span(first.span.start, feed.span.end)


def _refs(feed: ast.Feed) -> list[ast.Ref]:
    return [item for item in feed.items if isinstance(item, ast.Ref)]


# --------------------------------------------------------------- vectors, steps


def _vectors(
    refs: Sequence[ast.Ref], algorithm: Algorithm, found: Findings
) -> tuple[str, ...] | None:
    names: list[str] = []
    failed = False
    for ref in refs:
        members = _members(ref, algorithm, found)
        failed = failed or not members
        for member in members:
            if member in names:
                found.report(FedTwice(span=ref.span, name=member))
            names.append(member)
    return None if failed else tuple(names)


def _members(ref: ast.Ref, algorithm: Algorithm, found: Findings) -> list[str]:
    """Input elements that a `ref` in a list means; a bare family is all of it."""
    indices = indices_of(ref)
    if not fed(str(ref.name), ref.name.span, algorithm, found):
        return []
    if indices is None:
        found.report(_no_field(ref, found))
        return []
    pairs = elements(str(ref.name), indices, ref.span, algorithm, {}, found, whole=True)
    return [member for _, member in pairs]


def _no_field(ref: ast.Ref, found: Findings) -> NeedsIndex:
    problem = f"`{found.text(ref)}` is not a variable"
    return NeedsIndex(span=ref.span, problem=problem, example=str(ref.name))


def _steps(
    feed: ast.Feed, binder: ast.Name, algorithm: Algorithm, found: Findings
) -> tuple[tuple[str, ...], ...] | None:
    """Inputs of each step; the families' length is the number of steps."""
    lengths: dict[int, ast.Ref] = {}
    failed = False
    refs = _refs(feed)
    for item in feed.items:
        if isinstance(item, ast.Text):
            found.report(WrongFeed(span=item.span, kind="gru", what="text",
                                   example=f"feed step {binder}: x[{binder}]"))  # fmt: skip
            failed = True
    for ref in refs:
        length = _length(ref, binder, algorithm, found)
        failed = failed or length is None
        if length:
            lengths.setdefault(length, ref)
    if failed:
        return None
    if len(lengths) != 1:
        if lengths:
            shown = [f"`{found.text(ref)}` has {length}" for length, ref in lengths.items()]
            problem = "the steps differ in number: " + ", ".join(shown)
        else:
            problem = f"nothing here changes with `{binder}`"
        found.report(StepsDiffer(span=_what(feed), problem=problem, binder=str(binder)))
        return None
    (count,) = lengths
    steps = []
    for step in range(count):
        env = {str(binder): step}
        inputs: list[str] = []
        for ref in refs:
            indices = indices_of(ref) or ()
            pairs = elements(str(ref.name), indices, ref.span, algorithm, env, found)
            if not pairs:
                return None
            inputs.extend(member for _, member in pairs)
        steps.append(tuple(inputs))
    return tuple(steps)


def _length(ref: ast.Ref, binder: ast.Name, algorithm: Algorithm, found: Findings) -> int | None:
    """Steps that a family allows, 0 where it does not change with the step."""
    if not fed(str(ref.name), ref.name.span, algorithm, found):
        return None
    indices = indices_of(ref)
    if indices is None:
        found.report(_no_field(ref, found))
        return None
    family = algorithm.by_family[str(ref.name)]
    known = {algorithm[member].index for member in family.members}
    moves = str(binder) in unbound(indices, {}, ())
    if not moves or any(value_of(index, {str(binder): 0}) is None for index in indices):
        pairs = elements(str(ref.name), indices, ref.span, algorithm, {str(binder): 0}, found)
        return 0 if pairs else None
    count = 0
    while count < MOST_STEPS:
        at = tuple(value_of(index, {str(binder): count}) for index in indices)
        if at not in known:
            break
        count += 1
    if not count:
        if len(indices) != len(next(iter(known), ())):
            elements(str(ref.name), indices, ref.span, algorithm, {str(binder): 0}, found)
        else:
            values = [value_of(index, {str(binder): 0}) or 0 for index in indices]
            found.report(outside(family, values, ref.span))
        return None
    return count


# ------------------------------------------------------------------------- text


def _text(
    feed: ast.Feed | ast.FeedAny,
    kind: NetworkKind,
    algorithm: Algorithm,
    found: Findings,
    prefix: str,
) -> Fed | None:
    if isinstance(feed, ast.Feed) and feed.chat and kind.built_in:
        word = Span(feed.span.start, feed.span.start + len("feed chat"))
        found.report(NotForThis(span=word, what="chat", kind=kind.name))
        return None
    if isinstance(feed, ast.Feed) and len(feed.items) > 1:
        items = _tokens(feed.items, algorithm, found)
        return None if items is None else Fed(FeedTokens(items))
    if isinstance(feed, ast.FeedAny) and feed.path is not None:
        return _from_file(feed.path, algorithm, found, prefix)
    texts = list(_strings(feed))
    templates: list[Template] = []
    for text in texts:
        if not text.strip():
            found.report(EmptyPrompt(span=text.span))
            continue
        resolved = template(text, algorithm, {}, found)
        if resolved is not None:
            templates.append(resolved)
    if len(templates) < len(texts):
        return None
    chat = isinstance(feed, ast.Feed) and feed.chat
    return Fed(FeedText(tuple(templates), ((),) * len(templates), chat, prefix))


def _strings(feed: ast.Feed | ast.FeedAny) -> Iterable[ast.Text]:
    if isinstance(feed, ast.FeedAny):
        return feed.templates
    return [item for item in feed.items if isinstance(item, ast.Text)]


def _tokens(
    items: Sequence[ast.Text | ast.Ref], algorithm: Algorithm, found: Findings
) -> tuple[str | Part, ...] | None:
    """`feed "BOS", x[0]`: one token each."""
    result: list[str | Part] = []
    before = len(found.rules)
    for item in items:
        if isinstance(item, ast.Text):
            result.append(str(item))
            continue
        for member in _members(item, algorithm, found):
            if isinstance(algorithm[member].domain, domains.Real):
                found.report(RealToken(span=item.span, name=member))
            result.append(Part(member))
    return tuple(result) if len(found.rules) == before else None


def _from_file(path: ast.Text, algorithm: Algorithm, found: Findings, prefix: str) -> Fed | None:
    read = templates_of(path, algorithm, found)
    if read is None:
        return None
    templates, limits, content = read
    return Fed(FeedText(templates, limits, prefix=prefix), ((str(path), content),))


def _prefix(node: ast.Prefix, found: Findings) -> tuple[str, tuple[tuple[str, bytes], ...]] | None:
    read = read_text(node.path, found)
    return None if read is None else (read[0], ((str(node.path), read[1]),))
