"""Bases: in which coordinates a variable occupies how many dims of its site."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from causalabs.algorithm import domains
from causalabs.algorithm.model import Variable
from causalabs.algorithm.names import nearest
from causalabs.diagnostics import NOWHERE, Span
from causalabs.hypothesis.model import Alignment, BasisSpec, Setting
from causalabs.hypothesis.plugins import PluginError, basis_names, plugged_basis
from causalabs.hypothesis.refs import Findings, listed
from causalabs.hypothesis.registry import BasisKind, find, names
from causalabs.hypothesis.rules_alignment import (
    BasisCount,
    FourierCount,
    FourierFrequency,
    FourierVariable,
    UnknownBasis,
)
from causalabs.hypothesis.rules_bases import BasisFile
from causalabs.hypothesis.rules_sites import RangeBackwards
from causalabs.hypothesis.settings import call_settings
from causalabs.syntax import ast

MOST_DIMS = 10**6


@dataclass(frozen=True)
class Basis:
    """A basis of one line: `named` are dims named in the file, else `count` are taken."""

    spec: BasisSpec
    count: int = 0
    named: tuple[int, ...] = ()
    span: Span = NOWHERE

    @property
    def whole(self) -> bool:
        """Whether it takes all of its site."""
        return not self.count and not self.named


WHOLE = Basis(BasisSpec("whole"))
COUNTED = "counted"
"""A setting of a basis of latents whose line gives their number and not their names."""


def resolve_basis(
    node: ast.Dims | ast.Fitted | None, variable: Variable, found: Findings
) -> Basis | None:
    """The basis of a line; None after an error."""
    if node is None:
        return WHOLE
    if isinstance(node, ast.Dims):
        dims = _dims(node.span_of, found)
        return None if dims is None else Basis(BasisSpec("neurons"), 0, dims, node.span)
    called = node.kind.function if isinstance(node.kind, ast.Call) else node.kind
    name = str(called)
    kind = _kind(called, found)
    if kind is None:
        return None
    settings = call_settings(node.kind, kind, found)
    selected = _dims(node.selected, found) if node.selected is not None else ()
    count = _count(node, name, found)
    if settings is None or selected is None or count is None:
        return None
    if kind.file and not _readable(node, dict(settings), kind, found):
        return None
    if kind.latents and node.count is not None:
        settings = (*settings, (COUNTED, True))
    if not kind.named and selected:
        problem = "is counted: its dims have no names"
        found.report(BasisCount(span=node.span, basis=name, problem=problem))
        return None
    if name == "fourier" and not _circle(node, count, dict(settings), variable, found):
        return None
    return Basis(BasisSpec(name, settings), count, selected, node.span)


def _kind(called: ast.Name, found: Findings) -> BasisKind | None:
    """The kind of basis of that name, plug-ins included; None after an error."""
    name, broken = str(called), ""
    kind = find(BasisKind, name)
    if kind is None:
        try:
            kind = plugged_basis(name)
        except PluginError as error:
            broken = str(error)
    if kind is not None and name not in ("whole", "neurons"):
        return kind
    known = [each for each in names(BasisKind) if each not in ("whole", "neurons")]
    known += [each for each in basis_names() if each not in known]
    hint = None if broken else nearest(name, known)
    shown = listed(known)
    found.report(
        UnknownBasis(span=called.span, name=name, known=shown, suggestion=hint, advice=broken)
    )
    return None


def _readable(
    node: ast.Fitted, settings: Mapping[str, Setting], kind: BasisKind, found: Findings
) -> bool:
    """Whether the file that a basis is read from is there."""
    path = str(settings.get(kind.file, ""))
    place = Path(found.source.folder) / path
    try:
        there = place.is_file() or (kind.latents and place.is_dir())
    except (OSError, ValueError):
        there = False
    if not there:
        or_folder = " or a folder of SAELens" if kind.latents else ""
        problem = "is a folder" if place.is_dir() else "does not exist"
        found.report(
            BasisFile(span=node.kind.span, path=path, problem=problem, or_folder=or_folder)
        )
    return there


def basis_hashes(alignments: Iterable[Alignment], folder: Path) -> dict[str, str]:
    """Of each file that a basis is read from its path and its sha256."""
    return {path: _hash(folder / path) for path in basis_paths(alignments)}


def basis_paths(alignments: Iterable[Alignment]) -> tuple[str, ...]:
    """The files that bases are read from, as the hypothesis names them."""
    found: dict[str, None] = {}
    for space in (space for alignment in alignments for space in alignment.spaces):
        kind = find(BasisKind, space.basis.kind)
        if kind is not None and kind.file:
            found[str(dict(space.basis.settings)[kind.file])] = None
    return tuple(found)


def _hash(path: Path) -> str:
    """Of a file, or of all files of a folder with their names."""
    digest = hashlib.sha256()
    for each in sorted(path.iterdir()) if path.is_dir() else [path]:
        if path.is_dir():
            digest.update(each.name.encode())
        if each.is_file():
            with each.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def _dims(span_of: ast.SpanOf, found: Findings) -> tuple[int, ...] | None:
    values = span_of.values
    text, low, high = found.text(span_of), span_of.numbers[0], span_of.numbers[-1]
    problem = ""
    if not values:
        problem, example = "ends before it begins", f"{high}..{low}"
    elif len(set(span_of.numbers)) < len(span_of.numbers) and span_of.style == "set":
        problem = "names a dim twice"
        example = "{" + ", ".join(dict.fromkeys(span_of.numbers)) + "}"
    elif len(values) > MOST_DIMS:
        problem, example = "is larger than any site", f"{low}..{int(low.value) + 7}"
    if problem:
        found.report(RangeBackwards(span=span_of.span, text=text, problem=problem, example=example))
        return None
    return tuple(values)


def _count(node: ast.Fitted, name: str, found: Findings) -> int | None:
    """Dims asked for; 0 where they are named behind the basis."""
    if node.count is None:
        if node.selected is not None:
            return 0
        found.report(BasisCount(span=node.span, basis=name, problem="has no number of dims"))
        return None
    if node.count.style != "one":
        problem = "takes one number of dims"
        found.report(BasisCount(span=node.count.span, basis=name, problem=problem))
        return None
    count = int(node.count.numbers[0].value)
    if count < 1 or count > MOST_DIMS:
        problem = "needs at least one dim" if count < 1 else "has fewer dims than that"
        found.report(BasisCount(span=node.count.span, basis=name, problem=problem))
        return None
    return count


def _circle(
    node: ast.Fitted,
    count: int,
    settings: dict[str, object],
    variable: Variable,
    found: Findings,
) -> bool:
    """Whether a fourier basis suits its variable; reports why not."""
    domain = variable.domain
    if not isinstance(domain, domains.Mod | domains.Cyclic | domains.Interval):
        kind = node.kind
        span = kind.function.span if isinstance(kind, ast.Call) else kind.span
        found.report(FourierVariable(span=span, name=variable.name))
        return False
    given = settings.get("frequencies")
    frequencies = [f for f in given if isinstance(f, int)] if isinstance(given, tuple) else []
    size = domains.size(domain) or 0
    most = max(1, size // 2)
    span = node.kind.span
    for place, frequency in enumerate(frequencies):
        problem = ""
        if frequency in frequencies[:place]:
            problem = "is named twice"
        elif frequency > most:
            problem = f"is more than {size} values can show"
        if problem:
            found.report(
                FourierFrequency(span=span, frequency=frequency, problem=problem, most=most)
            )
            return False
    if count != 2 * len(frequencies):
        at = node.count.span if node.count is not None else node.span
        found.report(
            FourierCount(
                span=at,
                basis=found.text_at(span),
                wanted=2 * len(frequencies),
                count=count,
            )
        )
        return False
    return True
