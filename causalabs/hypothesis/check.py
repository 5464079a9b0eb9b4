"""The whole checker: text to `Hypothesis`, with every mistake at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import TypeVar

from causalabs.algorithm.context import Readable
from causalabs.algorithm.elaborate import elaborate, elaborate_condition, readables
from causalabs.algorithm.expression import Expression
from causalabs.algorithm.model import Algorithm
from causalabs.algorithm.names import KEYWORDS
from causalabs.algorithm.rules_names import KeywordAsName
from causalabs.algorithm.scope import Scope, declare
from causalabs.diagnostics import Diagnostic, Rule, Source, Span
from causalabs.hypothesis import blocks, rules_file
from causalabs.hypothesis.bases import basis_hashes
from causalabs.hypothesis.circuit_rules import circuit_rules, with_pairs
from causalabs.hypothesis.counterfactuals import Taken, resolve_counterfactuals
from causalabs.hypothesis.evidence import floor_rules, seeds_of
from causalabs.hypothesis.expectations import Stated, fitting_rules, resolve_expectations
from causalabs.hypothesis.lines import homes_of
from causalabs.hypothesis.meaning import World
from causalabs.hypothesis.model import (
    Alignment,
    Circuit,
    Counterfactuals,
    Hypothesis,
    NetworkSpec,
    Replacement,
)
from causalabs.hypothesis.network import file_hashes
from causalabs.hypothesis.nonlinear import nonlinear_rules
from causalabs.hypothesis.patching import is_patched
from causalabs.hypothesis.reals import asked_of_reals
from causalabs.hypothesis.replacements import (
    RECOVERED,
    function_hashes,
    replacement_rules,
)
from causalabs.hypothesis.rules_interchange import NameTaken
from causalabs.hypothesis.scrubbing import SCRUBBED
from causalabs.hypothesis.subjects import Evidence
from causalabs.hypothesis.unsupported import unsupported
from causalabs.syntax import ast
from causalabs.syntax.parse import Parsed, parse

N = TypeVar("N", bound=ast.Node)
Placed = tuple[tuple[Alignment, ...], tuple[Circuit, ...], tuple[Replacement, ...]]
"""What is said of places in the network."""


@dataclass(frozen=True)
class Checked:
    """What could be made of a text.

    `hypothesis` is there when nothing is wrong and nothing that a run needs is missing;
    `algorithms` are those that could be read, whatever the rest of the file is like, and
    `counterfactuals` likewise.
    """

    hypothesis: Hypothesis | None
    algorithms: tuple[Algorithm, ...]
    diagnostics: tuple[Diagnostic, ...]
    counterfactuals: Counterfactuals | None = None


def resolve(source: Source) -> tuple[Hypothesis | None, list[Diagnostic]]:
    """The hypothesis that a text states, and everything that is wrong or odd about it.

    The hypothesis is None when a diagnostic is an error, and also when a block is missing
    that a run needs (an algorithm, a network, counterfactuals): that is a warning here, so
    that a file can be written block by block, and an error for whoever loads it.
    """
    checked = examine(source)
    return checked.hypothesis, list(checked.diagnostics)


def check_source(source: Source) -> list[Diagnostic]:
    """All diagnostics of a text, by place."""
    return list(examine(source, canonical=False).diagnostics)


def examine(source: Source, *, canonical: bool = True) -> Checked:
    """Everything that can be said of a text; never an exception, whatever the text.

    Without `canonical` the hypothesis has no canonical text: laying one out takes a fifth of
    the time, and who only asks what is wrong has no use for it.
    """
    parsed = parse(source)
    found: list[Rule] = []
    hypothesis, algorithms, counts = _meaning(parsed, found)
    diagnostics = _sorted([*parsed.diagnostics, *(rule.diagnostic(source) for rule in found)])
    if any(each.severity == "error" for each in diagnostics):
        hypothesis = None
    if hypothesis is not None:
        from causalabs.syntax.format import format_file

        text = format_file(parsed.file) if canonical else ""
        hypothesis = replace(hypothesis, canonical=text, diagnostics=diagnostics)
    return Checked(hypothesis, algorithms, diagnostics, counts)


def _sorted(diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    once = {(each.code, each.span, each.message): each for each in diagnostics}
    return tuple(sorted(once.values(), key=lambda each: (each.span, each.code)))


def _items(file: ast.File, kind: type[N]) -> list[N]:
    return [item for item in file.items if isinstance(item, kind)]


def _one(file: ast.File, kind: type[N], block: str, found: list[Rule]) -> N | None:
    """The one block of its kind; more are reported."""
    first, *more = _items(file, kind) or (None,)
    for again in more:
        found.append(
            rules_file.RepeatedBlock(
                span=_word(again, block), block=block, first=_word(first, block) if first else None
            )
        )
    return first


def _word(node: ast.Node, word: str) -> Span:
    """The first word of a block: its whole text would be too much to underline."""
    return Span(node.span[0], min(node.span[0] + len(word), node.span[1]))


# ---------------------------------------------------------------------- the parts


def _meaning(
    parsed: Parsed, found: list[Rule]
) -> tuple[Hypothesis | None, tuple[Algorithm, ...], Counterfactuals | None]:
    """Every block in the order in which they need each other."""
    file, source = parsed.file, parsed.source
    scope, mistakes = declare(file, source, parsed.poisoned)
    found += mistakes
    world = _algorithms(parsed, scope, found)
    taken = _names(file, world, found)
    network_node = _one(file, ast.Network, "network", found)
    network, alignments, whole, circuits, replacements = blocks.placed(
        file, network_node, world, scope, found
    )
    node = _one(file, ast.Counterfactuals, "counterfactuals", found)
    counts = _counterfactuals(node, parsed, world, scope, alignments, whole, taken, found)
    if node is not None:
        lines = [line.condition for line in counts.lines] if counts else []
        asked = [c for c in (*lines, counts.keep_where if counts else None) if c is not None]
        found += asked_of_reals(world.algorithms, asked, source)
    found += blocks.analysed(file, world, network, counts)
    seeds = seeds_of(_one(file, ast.Seeds, "seeds", found), found)
    placed = (alignments, circuits, replacements)
    stated = _stated(parsed, node, world, counts, placed, whole, seeds, found)
    quantities = [*(each.quantity for each in stated.expectations), *stated.reports]
    found += circuit_rules(circuits, quantities, network, counts)
    told: list[Rule | Diagnostic] = [*found, *parsed.diagnostics]
    lost = any(each.severity == "error" for each in told)
    found += replacement_rules(replacements, quantities, counts, lost=lost)
    _missing(parsed, network_node, node, stated, bool(alignments), found)
    if network is None or counts is None or not world.algorithms or world.partial:
        return None, world.algorithms, counts
    hypothesis = _hypothesis(parsed, scope, world, network, placed, counts, stated, seeds)
    return hypothesis, world.algorithms, counts


def _algorithms(parsed: Parsed, scope: Scope, found: list[Rule]) -> World:
    nodes = _items(parsed.file, ast.Algorithm)
    read: list[Algorithm] = []
    names: dict[str, Span] = {}
    for node in nodes:
        algorithm, mistakes = elaborate(node, scope, parsed.poisoned, whole=not parsed.diagnostics)
        found += mistakes
        name = str(node.name) if node.name is not None else "algorithm"
        if name in names and node.name is None:
            advice = "name each of them: `algorithm NAME { ... }`"
            found.append(
                rules_file.RepeatedBlock(
                    span=_word(node, "algorithm"),
                    block="algorithm",
                    first=names[name],
                    advice=advice,
                )
            )
        elif algorithm is not None and name not in names:
            read.append(algorithm)
        names.setdefault(name, node.name.span if node.name else _word(node, "algorithm"))
    imported = [each for name, each in scope.algorithms.items() if name not in names]
    partial = len(read) < len(nodes) or (not scope.complete and not read)
    algorithms = (*imported, *read)
    _rivals(algorithms, {str(n.name): n for n in nodes}, found)
    return World(algorithms, parsed.source, parsed.poisoned, partial)


def _rivals(
    algorithms: Sequence[Algorithm], nodes: dict[str, ast.Algorithm], found: list[Rule]
) -> None:
    """Rivals answer the same question: equal inputs and equal outputs (A10)."""
    for rival in algorithms[1:]:
        first = algorithms[0]
        for what, mine, theirs in (
            ("inputs", first.inputs, rival.inputs),
            ("outputs", first.outputs, rival.outputs),
        ):
            left = {(each.name, each.domain) for each in mine}
            right = {(each.name, each.domain) for each in theirs}
            node = nodes.get(rival.name)
            if left != right and node is not None and node.name is not None:
                odd = sorted(name for name, _ in left ^ right)
                found.append(
                    rules_file.RivalsDiffer(
                        span=node.name.span,
                        name=rival.name,
                        other=first.name,
                        what=what,
                        odd=f"`{odd[0]}`",
                    )
                )
                break


def _names(file: ast.File, world: World, found: list[Rule]) -> Taken:
    """The one namespace of variables, algorithms, alignments and circuits (M1)."""
    taken: Taken = {}
    for algorithm in world.algorithms:
        for family in algorithm.families:
            what = {"input": "an input", "output": "an output"}.get(family.role, "a variable")
            taken.setdefault(family.name, (what, family.span))
    kinds = (
        (ast.Algorithm, "an algorithm"),
        (ast.Alignment, "an alignment"),
        (ast.Circuit, "a circuit"),
        (ast.Discovery, "a circuit"),
        (ast.Replace, "a replacement"),
    )
    for item in file.items:
        of = next((what for kind, what in kinds if isinstance(item, kind)), None)
        if of is None:
            continue
        title = item.title if isinstance(item, ast.Circuit | ast.Discovery) else item.name  # type: ignore[union-attr]
        name = title.function if isinstance(title, ast.Call) else title
        if not isinstance(name, ast.Name):
            continue
        if str(name) in KEYWORDS:
            found.append(KeywordAsName(span=name.span, name=str(name)))
        before, span = taken.setdefault(str(name), (of, name.span))
        if span != name.span and (of != before or of in ("an algorithm", "a replacement")):
            suffix = of.split()[1]
            found.append(
                NameTaken(span=name.span, name=str(name), what=before, suffix=suffix, first=span)
            )
    return taken


def _counterfactuals(
    node: ast.Counterfactuals | None,
    parsed: Parsed,
    world: World,
    scope: Scope,
    alignments: tuple[Alignment, ...],
    whole: bool,
    taken: Taken,
    found: list[Rule],
) -> Counterfactuals | None:
    if node is None:
        return None
    written = _items(parsed.file, ast.Alignment)
    homes = homes_of(alignments, _unread(written, alignments, whole), bool(written or alignments))

    known: dict[tuple[str, tuple[str, ...]], dict[str, Readable]] = {}

    def condition(
        expression: ast.Expr, algorithm: Algorithm, prefixes: tuple[str, ...]
    ) -> Expression | None:
        key = (algorithm.name, prefixes)
        if key not in known:
            known[key] = readables(algorithm, prefixes)
        result, mistakes = elaborate_condition(
            expression, scope, known[key], world.poisoned, place="this condition"
        )
        found.extend(mistakes)
        return result

    counts, mistakes = resolve_counterfactuals(
        node, world, homes, taken, condition, damaged=_damaged(parsed, node)
    )
    before = len(found)
    found += mistakes
    broken = any(rule.severity == "error" for rule in found[before:])
    return None if broken else counts


def _damaged(parsed: Parsed, node: ast.Node) -> bool:
    """Whether something inside `node` could not be read."""
    start, end = node.span
    return any(
        each.severity == "error" and start <= each.span[0] <= end for each in parsed.diagnostics
    )


def _unread(
    written: Sequence[ast.Alignment], alignments: Sequence[Alignment], whole: bool
) -> frozenset[str]:
    """Variables whose place is written and could not be read: that is already told."""
    if whole:
        return frozenset()
    return frozenset(str(place.variable) for node in written for place in node.places)


def _stated(
    parsed: Parsed,
    node: ast.Counterfactuals | None,
    world: World,
    counts: Counterfactuals | None,
    placed: Placed,
    whole: bool,
    seeds: tuple[int, ...],
    found: list[Rule],
) -> Stated:
    file = parsed.file
    alignments, circuits, replacements = placed
    aligned = bool(_items(file, ast.Alignment) or alignments)
    named = frozenset(each.name for each in circuits)
    evidence = Evidence(world, counts, alignments, named, whole and (aligned or counts is None))
    evidence.replacements = tuple(each.name for each in replacements)
    evidence.replaced_whole = len(replacements) == len(_items(file, ast.Replace))
    items = [item for item in file.items if isinstance(item, ast.Expect | ast.Report)]
    split = next((s for s in node.statements if isinstance(s, ast.Split)), None) if node else None
    stated, mistakes = resolve_expectations(items, evidence, split, seeds)
    found += mistakes
    lost = any(each.severity == "error" for each in parsed.diagnostics)
    found += fitting_rules(items, evidence, split, lost=lost)
    if not lost and not mistakes:
        found += nonlinear_rules(stated, evidence)
    if not any(rule.severity == "error" for rule in found):
        found += floor_rules(stated, counts, world, node)
    return stated


def _missing(
    parsed: Parsed,
    network: ast.Network | None,
    node: ast.Counterfactuals | None,
    stated: Stated,
    aligned: bool,
    found: list[Rule],
) -> None:
    """Blocks that a run needs; nothing is said of what could not be read."""
    file = parsed.file
    if any(each.severity == "error" for each in parsed.diagnostics):
        return
    head = file.hypothesis.name.span if file.hypothesis is not None else Span(0, 0)
    algorithms = _items(file, ast.Algorithm) or file.imports
    blocks_there = (
        ("algorithm", algorithms),
        ("network", network),
        ("counterfactuals", node),
    )
    absent = [block for block, there in blocks_there if not there]
    items = [each for each in file.items if isinstance(each, ast.Expect | ast.Report)]
    moved = node is not None and any(
        isinstance(each, ast.Interchange | ast.Assign) for each in node.statements
    )
    asked = [metric for each in items for metric in each.metrics]
    alone = ("accuracy", RECOVERED)
    run_only = all(is_patched(metric) or str(metric.name) in alone for metric in asked)
    placed = any(str(metric.name) == SCRUBBED for metric in asked)
    lost = placed or (moved and not (asked and run_only))
    if network is not None and lost and not (aligned or _items(file, ast.Alignment)):
        absent.append("alignment")  # what is asked about has no place in the network
    if absent:
        found.append(
            rules_file.MissingBlock(span=head, block=absent[0], all_blocks=" and no ".join(absent))
        )
    whole = algorithms and network is not None and node is not None
    if whole and not _items(file, ast.Expect):
        found.append(rules_file.NothingExpected(span=head))


def _hypothesis(
    parsed: Parsed,
    scope: Scope,
    world: World,
    network: NetworkSpec,
    placed: Placed,
    counts: Counterfactuals,
    stated: Stated,
    seeds: tuple[int, ...],
) -> Hypothesis:
    file, source = parsed.file, parsed.source
    alignments, circuits, replacements = placed
    named = file.hypothesis
    stem = PurePath(source.name).stem.strip("<>") or "hypothesis"
    node = next(item for item in file.items if isinstance(item, ast.Network))
    fed = file_hashes(node, world.algorithms, scope, source)
    of_bases = basis_hashes(alignments, Path(source.folder))
    of_functions = function_hashes(replacements, Path(source.folder))
    hypothesis = Hypothesis(
        name=str(named.name) if named is not None else stem,
        claim=" ".join(named.claim) if named is not None else "",
        algorithms=world.algorithms,
        network=network,
        alignments=alignments,
        counterfactuals=counts,
        expectations=stated.expectations,
        reports=stated.reports,
        maps=stated.maps,
        seeds=seeds,
        files=tuple(sorted({**scope.hashes, **fed, **of_bases, **of_functions}.items())),
        circuits=circuits,
        replacements=replacements,
        source=source,
    )
    counts = with_pairs(counts, hypothesis)
    hypothesis = replace(hypothesis, counterfactuals=counts)
    return replace(hypothesis, unsupported=unsupported(hypothesis, file))
