"""`replace SITE by ...`: a component whose place a function or a variable's value takes."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from causalabs.algorithm.domains import Real
from causalabs.diagnostics import Rule
from causalabs.hypothesis import rules_expectations
from causalabs.hypothesis.meaning import World, element_of, listed, meant
from causalabs.hypothesis.model import AllOf, Counterfactuals, Quantity, Replacement, Site
from causalabs.hypothesis.positions import resolve_position
from causalabs.hypothesis.refs import Findings
from causalabs.hypothesis.registry import Entry, Parameter
from causalabs.hypothesis.rules_replacement import (
    NeverMeasured,
    NoMeans,
    NotReplaced,
    ReplacedBy,
    ReplacedOnTrain,
    SeveralUnnamed,
)
from causalabs.hypothesis.settings import call_settings
from causalabs.hypothesis.shape import Shape
from causalabs.hypothesis.sites import place_options
from causalabs.hypothesis.subjects import Evidence, Subjects
from causalabs.syntax import ast

RECOVERED = "loss_recovered"
MEAN = "mean"
NGRAMS = {"unigram": 0, "bigram": 1, "trigram": 2}
"""Baselines that know the network's inputs only, and how many of the last ones they know."""
BASELINES = (MEAN, *NGRAMS)
"""What a loss is recovered from: the component's mean in its place, or no network at all."""
UNNAMED = "replacement"
COMPONENTS = ("head", "attention", "mlp", "residual", "hidden")
PYTHON = Entry("python", (Parameter("name", "text"),))


def resolve_replacements(
    nodes: Sequence[ast.Replace], world: World, shape: Shape | None
) -> tuple[tuple[Replacement, ...], list[Rule]]:
    """The replacements of a file, as far as they can be read, and what is wrong in them."""
    found = Findings(world.source, world.poisoned)
    read = [_replacement(node, world, shape, found) for node in nodes]
    for node in nodes if len(nodes) > 1 else ():
        if node.name is None:
            count, text = str(len(nodes)), found.text(node)
            found.report(SeveralUnnamed(span=node.span, count=count, text=text))
    return tuple(each for each in read if each is not None), found.rules


def _replacement(
    node: ast.Replace, world: World, shape: Shape | None, found: Findings
) -> Replacement | None:
    site = None if shape is None else _site(node.site, world, shape, found)
    function = variable = owner = ""
    if isinstance(node.by, ast.Call):
        function = _function(node.by, found)
    elif not world.partial:
        variable, owner = _variable(node.by, world, found)
    if site is None or not (function or variable):
        return None
    if function and site.component == "hidden" and not site.layer:
        reason = "a function is given what the component reads, and this reads the inputs"
        change = "replace it by a variable, or the layer after it"
        text = found.text(node.site)
        found.report(NotReplaced(span=node.site.span, site=text, reason=reason, change=change))
    return Replacement(
        name=UNNAMED if node.name is None else str(node.name),
        site=site,
        function=function,
        variable=variable,
        algorithm=owner,
        span=node.span,
    )


def _site(node: ast.Site, world: World, shape: Shape, found: Findings) -> Site | None:
    """The one component; everywhere where no position is said."""
    options = place_options(node.place, False, shape, found)
    if options is None:
        return None
    sites = [site for option in options for site in option.sites]
    text, site = found.text(node), sites[0]
    reason, change = "", "replace a head, an attention, an mlp or a block, `residual L`"
    if len(sites) > 1:
        reason = f"these are {len(sites)} components"
        change = "write a `replace` for each: they are measured one by one"
    elif site.part is not None or site.component not in COMPONENTS:
        reason = "a replacement reads what a component reads and writes what it writes"
    if reason:
        found.report(NotReplaced(span=node.span, site=text, reason=reason, change=change))
        return None
    if shape.kind.positions == "none":
        return site
    if node.position is None:
        return Site(site.component, site.layer, site.head, position=AllOf())
    if not world.algorithms:
        return None
    position = resolve_position(node.position, world.algorithms[0], shape, {}, found)
    if position is None:
        return None
    return Site(site.component, site.layer, site.head, position=position)


def _function(node: ast.Call, found: Findings) -> str:
    if str(node.function) != PYTHON.name:
        reason = "the one call that gives a value is `python`"
        found.report(ReplacedBy(span=node.span, name=found.text(node), reason=reason))
        return ""
    return str(dict(call_settings(node, PYTHON, found) or ()).get("name", ""))


def _variable(node: ast.Ref, world: World, found: Findings) -> tuple[str, str]:
    """The element and its algorithm, "" where there is none, which is reported."""
    family = meant(node, world, found.rules)
    if family is None:
        return "", ""
    if not family.indices and len(family.family.members) == 1:
        name: str | None = family.family.members[0]
    else:
        name = element_of(family, {}, world, found.rules)
    if name is None:
        return "", ""
    if isinstance(family.algorithm[name].domain, Real):
        reason = "it is a real number, and a decoder has one vector for each value"
        found.report(ReplacedBy(span=node.span, name=found.text(node), reason=reason))
        return "", ""
    return name, family.algorithm.name


# ------------------------------------------------------------------------ metrics


def recovered(metric: ast.Metric, evidence: Evidence) -> list[Subjects] | None:
    """The replacement that `loss_recovered` is of, and the baseline; None, reported, if unclear."""
    known = evidence.replacements
    refs = [r for q in metric.qualifiers if isinstance(q, ast.Of) for r in q.subjects]
    against = [q.name for q in metric.qualifiers if isinstance(q, ast.Against)]
    problem = ""
    if len(refs) > 1:
        problem = "is of one replacement"
    elif refs and (refs[0].parts or str(refs[0].name) not in known):
        problem = f"is of a replacement, and `{evidence.world.text(refs[0].span)}` is none"
        problem += f": there are {listed(known)}" if known else ""
    elif not known:
        problem = "is of a replacement, and the file has none"
    elif not refs and len(known) > 1:
        problem = "is of one replacement"
    elif against and str(against[0]) not in BASELINES:
        problem = f"is not set against `{against[0]}` but against {listed(BASELINES)}"
    if problem:
        if not evidence.replaced_whole:
            return None  # some `replace` could not be read, which is told
        usage = f"{RECOVERED} of {known[0] if known else 'NAME'}"
        usage += f" against {BASELINES[2]}" if against else ""
        usage = usage if known else "replace head 0.0 by VARIABLE"
        evidence.found.append(
            rules_expectations.WrongQualifier(
                span=metric.span, metric=RECOVERED, problem=problem, usage=usage
            )
        )
        return None
    name = str(refs[0].name) if refs else known[0]
    return [Subjects((), (), (name, *map(str, against)))]


def replacement_rules(
    replacements: Sequence[Replacement],
    quantities: Sequence[Quantity],
    counts: Counterfactuals | None,
    *,
    lost: bool = False,
) -> list[Rule]:
    """Replacements that nothing is asked of, or that are judged on what they are fitted on.

    `lost`: some line of the file could not be read, which may have asked.
    """
    found: list[Rule] = []
    if counts is None:
        return found
    asked = [(q, t.subjects[0]) for q in quantities for t in q.terms if t.metric == RECOVERED]
    trained = any(name == "train" for name, _ in counts.splits)
    for each in replacements:
        mine = [quantity for quantity, name in asked if name == each.name]
        if not mine and not lost:
            found.append(NeverMeasured(span=each.span, name=each.name))
        elif mine and not trained:
            found.append(NoMeans(span=each.span, name=each.name))
        found += [
            ReplacedOnTrain(span=quantity.span, name=each.name, first=each.span)
            for quantity in mine
            if quantity.split == "train"
        ]
    return found


# -------------------------------------------------------------------------- files


def function_paths(replacements: Sequence[Replacement]) -> frozenset[str]:
    """Files that functions would be imported from, relative to the hypothesis."""
    names = (each.function.partition(":")[0] for each in replacements if each.function)
    return frozenset(name.replace(".", "/") + ".py" for name in names)


def function_hashes(replacements: Sequence[Replacement], folder: Path) -> dict[str, str]:
    """The sha256 of those that are there; nothing in them is run."""
    found = {}
    for path in sorted(function_paths(replacements)):
        place = folder / path
        if place.is_file():
            found[path] = sha256(place.read_bytes()).hexdigest()
    return found


def functions_of(replacements: Sequence[Replacement]) -> tuple[str, ...]:
    """The functions that a file names, each once."""
    return tuple(dict.fromkeys(each.function for each in replacements if each.function))
