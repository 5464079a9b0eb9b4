"""Interchange and `set` lines: AST to `Line`, one for each way to give the indices values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from causalabs.algorithm.domains import Domain, FiniteDomain, Interval, Real, SetOf, values
from causalabs.algorithm.expression import Expression, names
from causalabs.algorithm.model import Algorithm
from causalabs.algorithm.typing_ import domain_text
from causalabs.diagnostics import Rule, Span
from causalabs.hypothesis import registry
from causalabs.hypothesis.meaning import Binding, Meant, World, binders, bindings, meant, members
from causalabs.hypothesis.model import Alignment, Assignment, Line, Member, Space, Take
from causalabs.hypothesis.rules_interchange import (
    CannotSet,
    FromOtherBasis,
    FromOtherType,
    NeverDiffers,
    OutputInterchanged,
    PointlessTogether,
    SameLine,
    SetOutside,
    TwiceInLine,
    Unaligned,
    WhoseSource,
)
from causalabs.syntax import ast

Elaborate = Callable[[ast.Expr, Algorithm, tuple[str, ...]], Expression | None]
"""A condition on a pair, elaborated for an algorithm; the prefixes it may use come last."""


@dataclass(frozen=True)
class Homes:
    """Where variables are aligned: (algorithm, element) to its spaces and members.

    `checked` False: there are no alignments to compare with; `partial` are the variables
    whose place could not be read.
    """

    places: Mapping[tuple[str, str], tuple[tuple[Space, Member], ...]]
    partial: frozenset[str] = frozenset()
    checked: bool = True


def homes_of(alignments: Iterable[Alignment], partial: frozenset[str], checked: bool) -> Homes:
    """Homes of all elements that any alignment places."""
    places: dict[tuple[str, str], tuple[tuple[Space, Member], ...]] = {}
    for alignment in alignments:
        for space in alignment.spaces:
            for member in space.members:
                key = (alignment.algorithm, member.variable)
                places[key] = (*places.get(key, ()), (space, member))
    return Homes(places, partial, checked)


@dataclass
class Setting:
    """What the lines of one block have in common, and what was found so far."""

    world: World
    homes: Homes
    elaborate: Elaborate
    changes_only: tuple[str, ...] | None
    changes_span: Span | None
    found: list[Rule]


def read_lines(node: ast.Interchange | ast.Assign, setting: Setting) -> list[Line]:
    """The lines that one statement makes; what is wrong with them goes to `setting.found`."""
    world, found = setting.world, setting.found
    written: list[tuple[ast.Ref, ast.Ref | ast.SettingOf | None]] = (
        [(taken.variable, taken.origin) for taken in node.taken]
        if isinstance(node, ast.Interchange)
        else [(each.variable, each) for each in node.settings]
    )
    about = _about([ref for ref, _ in written], world)
    targets: list[tuple[Meant, Meant | ast.SettingOf | None]] = []
    for ref, other in written:
        target = meant(ref, world, found, about=about)
        origin: Meant | ast.SettingOf | None = None
        if isinstance(other, ast.Ref):
            owner = about or (target.algorithm if target is not None else None)
            origin = meant(other, world, found, about=owner)
            if origin is None:
                target = None
        elif other is not None:
            origin = other
        if target is not None:
            about = about or target.algorithm
            targets.append((target, origin))
    if about is None or len(targets) < len(written):
        return []
    named = [part for pair in targets for part in pair if isinstance(part, Meant)]
    ranges = binders(named, found)
    if ranges is None:
        return []
    before = len(found)
    made = []
    for binding in bindings(ranges):
        line = _one_line(node, about, targets, binding, setting)
        if line is not None:
            made.append(line)
        if len(found) > before:  # the other elements have the same mistake
            break
    made = _with_condition(node, about, made, setting)
    if made:
        _judge(node, made[0], about, setting)
    return made


def _about(refs: Sequence[ast.Ref], world: World) -> Algorithm | None:
    """The algorithm that the first qualified variable of a line names."""
    for ref in refs:
        if ref.parts and isinstance(ref.parts[0], ast.Field):
            algorithm = world.named(str(ref.name))
            if algorithm is not None:
                return algorithm
    return None


def _one_line(
    node: ast.Interchange | ast.Assign,
    about: Algorithm,
    targets: Sequence[tuple[Meant, Meant | ast.SettingOf | None]],
    binding: Binding,
    setting: Setting,
) -> Line | None:
    world, found = setting.world, setting.found
    pairs: list[tuple[str, str]] = []
    assigned: list[Assignment] = []
    spans: dict[str, Span] = {}
    settable = True
    for target, other in targets:
        variables = members(target, binding, world, found)
        if not variables:
            return None
        for variable in variables:
            if variable in spans:
                found.append(TwiceInLine(span=target.span, name=variable, first=spans[variable]))
                return None
            spans[variable] = target.span
        if not _settable(target, variables, about, setting):
            settable = False  # the others of the line are still looked at
        if not settable:
            continue
        if isinstance(other, ast.SettingOf):
            coded = _coded(other, variables[0], about, setting)
            if coded is None:
                return None
            assigned += [
                Assignment(variable, coded, _place(about[variable].domain, coded))
                for variable in variables
            ]
        else:
            origins = variables if other is None else members(other, binding, world, found)
            if not _same_shape(target, other, variables, origins, about, setting):
                return None
            pairs += list(zip(variables, origins, strict=True))
    if not settable:
        return None
    together = isinstance(node, ast.Interchange) and node.together
    takes = tuple(
        Take(variable, origin, 0 if together else number)
        for number, (variable, origin) in enumerate(pairs)
    )
    sources = 0 if not takes else 1 if together else len(takes)
    return Line(
        name=_name(node, spans, binding),
        algorithm=about.name,
        takes=takes,
        assignments=tuple(assigned),
        sources=sources,
        span=node.span,
    )


def _name(node: ast.Interchange | ast.Assign, spans: Iterable[str], binding: Binding) -> str:
    if node.name is None:
        return ", ".join(spans)
    return str(node.name) + (f"[{', '.join(map(str, binding.values()))}]" if binding else "")


def _settable(target: Meant, variables: Sequence[str], about: Algorithm, setting: Setting) -> bool:
    """Whether variables may be given values at all: no outputs, and aligned somewhere."""
    family, found, homes = target.family, setting.found, setting.homes
    if family.role == "output":
        found.append(OutputInterchanged(span=target.span, name=variables[0], first=family.span))
        return False
    if homes.checked and family.name not in homes.partial:
        for variable in variables:
            if (about.name, variable) not in homes.places:
                found.append(Unaligned(span=target.span, name=variable))
                return False
    return True


def _same_shape(
    target: Meant,
    other: Meant | None,
    variables: Sequence[str],
    origins: Sequence[str],
    about: Algorithm,
    setting: Setting,
) -> bool:
    """Whether `v from w` fits in type, in number and in width of basis (I4)."""
    if other is None:
        return True
    if not origins:
        return False
    found, places = setting.found, setting.homes.places
    left, right = target.family.domain, other.family.domain
    if left != right or len(variables) != len(origins):
        found.append(
            FromOtherType(
                span=other.span,
                name=variables[0] if len(variables) == 1 else target.family.name,
                origin=origins[0] if len(origins) == 1 else other.family.name,
                type=_shape(domain_text(left), variables),
                origin_type=_shape(domain_text(right), origins),
            )
        )
        return False
    for variable, origin in zip(variables, origins, strict=True):
        for (_, member), (space, source) in zip(
            places.get((about.name, variable), ()),
            places.get((about.name, origin), ()),
            strict=False,
        ):
            if len(member.block) != len(source.block):
                found.append(
                    FromOtherBasis(
                        span=other.span,
                        name=variable,
                        origin=origin,
                        wanted=str(len(member.block) or "all"),
                        found=str(len(source.block) or "all"),
                        first=space.span,
                    )
                )
                return False
    return True


def _shape(text: str, elements: Sequence[str]) -> str:
    return text if len(elements) == 1 else f"{len(elements)} times {text}"


def _coded(node: ast.SettingOf, variable: str, about: Algorithm, setting: Setting) -> int | None:
    """The coded value of `set variable = value`."""
    found, places = setting.found, setting.homes.places
    for space, _ in places.get((about.name, variable), ()):
        if not registry.can_assign(space.basis.kind):
            kind = "the whole site" if space.basis.kind == "whole" else space.basis.kind
            found.append(CannotSet(span=node.span, name=variable, basis=kind, first=space.span))
            return None
    domain = about[variable].domain
    value: object
    match node.value:
        case ast.Truth(value=truth):
            value = truth
        case ast.Number() as number:
            value = number.value
        case ast.Value(name=name):
            value = str(name)
    coded = None if isinstance(domain, Real | SetOf) else code_of(domain, value)  # type: ignore[arg-type]
    if coded is None:
        shown = setting.world.text(node.value.span)
        found.append(
            SetOutside(span=node.value.span, value=shown, name=variable, domain=domain_text(domain))
        )
    return coded


def _place(domain: Domain, coded: int) -> int:
    """The rank of a coded value in its domain."""
    return coded - domain.low if isinstance(domain, Interval) else coded


def code_of(domain: FiniteDomain, value: object) -> int | None:
    """How a column codes `value`: the integer itself, or its place in an enum."""
    from causalabs.algorithm.domains import Bool, Cyclic, Enum, Mod

    match domain:
        case Bool():
            return int(value) if isinstance(value, bool) else None
        case Interval() | Mod():
            whole = isinstance(value, int) and not isinstance(value, bool)
            return value if whole and value in values(domain) else None  # type: ignore[return-value]
        case Enum() | Cyclic():
            for place, each in enumerate(domain.values):
                if type(each) is type(value) and each == value:
                    return place
    return None


# -------------------------------------------------------------------- conditions


def _with_condition(
    node: ast.Interchange | ast.Assign, about: Algorithm, made: list[Line], setting: Setting
) -> list[Line]:
    if node.condition is None or not made:
        return made
    condition = setting.elaborate(node.condition, about, ("base", "source"))
    if condition is None:
        return []
    for line in made:
        if not whose_source(condition, line, node.condition, setting.world, setting.found):
            return []
    return [replace(line, condition=condition) for line in made]


def whose_source(
    condition: Expression, line: Line, node: ast.Expr, world: World, found: list[Rule]
) -> bool:
    """Whether every `source.v` of a condition has a source in `line` (D10)."""
    for name in names(condition):
        side, _, variable = name.partition(".")
        if side != "source" or line.source_of(variable) is not None:
            continue
        change = (
            "add `together`: all variables then come from one source"
            if line.takes
            else "write `base.` instead: a `set` line has no source"
        )
        found.append(
            WhoseSource(
                span=_mention(node, variable, world) or node.span,
                name=variable,
                line=f"`{line.name}`",
                change=change,
                first=None
                if node.span[0] >= line.span[0] and node.span[1] <= line.span[1]
                else line.span,
            )
        )
        return False
    return True


def _mention(node: ast.Expr, variable: str, world: World) -> Span | None:
    """Where `source.variable` stands in a condition."""
    for part in ast.walk(node):
        if isinstance(part, ast.Ref) and str(part.name) == "source":
            text = world.text(part.span).partition(".")[2].replace(" ", "")
            if text == variable.replace(" ", ""):
                return part.span
    return None


def _judge(
    node: ast.Interchange | ast.Assign, line: Line, about: Algorithm, setting: Setting
) -> None:
    """What is odd about a line that is otherwise right."""
    found = setting.found
    if isinstance(node, ast.Interchange) and node.together and len(line.takes) == 1:
        found.append(PointlessTogether(span=node.span))
    if setting.changes_only is not None:
        moving = about.descendants(frozenset(setting.changes_only))
        for take in line.takes:
            if take.origin == take.variable and take.variable not in moving:
                found.append(
                    NeverDiffers(span=node.span, name=take.variable, first=setting.changes_span)
                )


def same_lines(lines: Sequence[Line], found: list[Rule]) -> None:
    """Reports lines that repeat an earlier one."""
    seen: dict[object, Line] = {}
    for line in lines:
        key = (
            line.algorithm,
            frozenset((t.variable, t.origin) for t in line.takes),
            frozenset(line.assignments),
            line.sources,
            line.condition,
        )
        first = seen.setdefault(key, line)
        if first is not line:
            found.append(SameLine(span=line.span, first=first.span))
