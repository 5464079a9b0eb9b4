"""Positions of a site: which token of a prompt, which step of a sequence (SEMANTICS S4)."""

from __future__ import annotations

from collections.abc import Sequence

from causalabs.algorithm.model import Algorithm
from causalabs.algorithm.names import nearest
from causalabs.diagnostics import Span
from causalabs.hypothesis.model import (
    After,
    AllOf,
    AnyOf,
    AtIndex,
    AtStep,
    AtText,
    Last,
    Part,
    Position,
    Several,
    Slot,
)
from causalabs.hypothesis.refs import (
    Env,
    Findings,
    constant,
    elements,
    indices_of,
    listed,
    picked,
    reach,
    value_of,
)
from causalabs.hypothesis.registry import PositionName, names
from causalabs.hypothesis.rules_feed import NeedsIndex
from causalabs.hypothesis.rules_sites import (
    PickedIndex,
    PositionOutside,
    PositionRefused,
    SlotNotOnce,
    TextNotOnce,
    UnknownPosition,
)
from causalabs.hypothesis.shape import Shape
from causalabs.syntax import ast

MOST_INDEX = 10**6
"""Largest token number that is taken where prompts' lengths are not known."""


def known_positions(shape: Shape | None) -> str:
    """The positions a person could name."""
    words = ["last", *(shape.slots if shape is not None else ())]
    return f"{listed(words)}, literals of the text and `index i`"


def resolve_position(
    node: ast.Position, algorithm: Algorithm, shape: Shape, env: Env, found: Findings
) -> Position | None:
    """A position in the network; None after an error."""
    text = " ".join(found.source.text[node.span.start : node.span.end].split())
    if shape.kind.positions == "none":
        _refuse(node.span, shape, text, "leave out `at ...`", found)
        return None
    stepped = isinstance(node, ast.Step | ast.LastStep) and shape.kind.positions == "any"
    if shape.kind.positions == "steps" or stepped:
        return _step(node, text, algorithm, shape, env, found)
    return _token(node, text, algorithm, shape, env, found)


def _refuse(span: Span, shape: Shape, text: str, instead: str, found: Findings) -> None:
    network = article(shape.kind.name)
    found.report(PositionRefused(span=span, network=network, position=text, instead=instead))


def article(name: str) -> str:
    """A name with its article.

    >>> article("mlp"), article("gru")
    ('an mlp', 'a gru')
    """
    return f"an {name}" if name[:1] in "aeio" or name == "mlp" else f"a {name}"


def _several(
    node: ast.Positions, algorithm: Algorithm, shape: Shape, env: Env, found: Findings
) -> Position | None:
    inner = [resolve_position(each, algorithm, shape, env, found) for each in node.positions]
    kept = tuple(each for each in inner if each is not None)
    return Several(kept) if len(kept) == len(inner) else None


# ------------------------------------------------------------------------ steps


def _step(
    node: ast.Position, text: str, algorithm: Algorithm, shape: Shape, env: Env, found: Findings
) -> Position | None:
    steps = shape.steps
    match node:
        case ast.Step(at=at):
            value = constant(at, env, found)
            if value is None:
                return None
            if value < 0 or (steps is not None and value >= steps):
                last = "steps are counted from 0"
                if steps is not None:
                    last = f"there are {steps} steps, counted from 0: the last is {steps - 1}"
                at_value = f"step {value}"
                found.report(PositionOutside(span=node.span, position=at_value, problem=last))
                return None
            return AtStep(value)
        case ast.LastStep(word=word):
            if str(word) != "last":
                hint = nearest(str(word), ["last"])
                name = f"{word} step"
                known = "`last step` and `step i`"
                hint = f"{hint} step" if hint else None
                found.report(
                    UnknownPosition(span=node.span, name=name, known=known, suggestion=hint)
                )
                return None
            return AtStep(steps - 1) if steps is not None else Last()
        case ast.Positions():
            return _several(node, algorithm, shape, env, found)
        case ast.AtSlot(ref=ref) if str(ref.name) == "last" and not ref.parts:
            _refuse(node.span, shape, text, "write `last step`", found)
        case _:
            _refuse(node.span, shape, text, "write `step i` or `last step`", found)
    return None


# ----------------------------------------------------------------------- tokens


def _token(
    node: ast.Position, text: str, algorithm: Algorithm, shape: Shape, env: Env, found: Findings
) -> Position | None:
    match node:
        case ast.Step() | ast.LastStep():
            instead = "write `last`" if isinstance(node, ast.LastStep) else "write `index i`"
            _refuse(node.span, shape, text, instead, found)
            return None
        case ast.Index(at=at):
            value = constant(at, env, found)
            return None if value is None else _index(value, node.span, shape, found)
        case ast.Positions():
            return _several(node, algorithm, shape, env, found)
        case ast.EveryToken():
            return AllOf()
        case ast.AnyToken(of=None):
            return AnyOf()
        case ast.AnyToken(of=ast.Ref() as ref) | ast.Tokens(of=ref):
            slot = _slot(ref, algorithm, shape, env, found)
            if slot is None:
                return None
            return AnyOf(slot) if isinstance(node, ast.AnyToken) else AllOf(slot)
        case ast.Token(number, relation, of):
            return _counted(node, number, relation, of, algorithm, shape, env, found)
        case ast.AtText(text=literal):
            return _literal(literal, shape, found)
        case ast.AtSlot(ref=ref):
            if not ref.parts and str(ref.name) in names(PositionName):
                return Last() if str(ref.name) == "last" else AtIndex(0)
            return _slot(ref, algorithm, shape, env, found)
    return None


def _index(value: int, span: Span, shape: Shape, found: Findings) -> Position | None:
    length = shape.length
    most = length if length is not None else MOST_INDEX
    if 0 <= value < most:
        return AtIndex(value)
    shortest = "the shortest prompt has" if len(shape.templates) > 1 else "the prompt has"
    problem = f"{shortest} {most} tokens, counted from 0: the last is {most - 1}"
    if length is None:
        problem = f"tokens count from 0 to at most {MOST_INDEX:,}"
    found.report(PositionOutside(span=span, position=f"index {value}", problem=problem))
    return None


def _counted(
    node: ast.Token,
    number: ast.Digits,
    relation: ast.Name,
    of: ast.Position,
    algorithm: Algorithm,
    shape: Shape,
    env: Env,
    found: Findings,
) -> Position | None:
    """`token k of slot` and `token k after position`."""
    count = int(number.value)
    inner = resolve_position(of, algorithm, shape, env, found)
    if inner is None:
        return None
    text = found.text(node)
    if str(relation) == "of":
        if not isinstance(inner, Slot):
            problem = "only a slot has tokens of its own: write `index i`"
            found.report(PositionOutside(span=node.span, position=text, problem=problem))
            return None
        if (shape.word_level and count > 0) or count > MOST_INDEX:
            problem = "each slot is one token here: write `token 0 of` or the slot alone"
            found.report(PositionOutside(span=node.span, position=text, problem=problem))
            return None
        return Slot(inner.inputs, inner.pick, count)
    if isinstance(inner, AllOf | AnyOf | Several):
        problem = "a single position is needed after `after`"
        found.report(PositionOutside(span=node.span, position=text, problem=problem))
        return None
    for template in shape.templates if shape.word_level else ():
        places = places_in(inner, template)
        if any(place + count >= len(template) for place in places):
            shown = _shown(template)
            problem = f"the prompt `{shown}` ends before it"
            found.report(PositionOutside(span=node.span, position=text, problem=problem))
            return None
    return After(inner, count)


def places_in(position: Position | None, template: Sequence[str | Part]) -> list[int]:
    """Where in a template of tokens a position may be; -1 where there are no positions."""
    match position:
        case None:
            return [-1]
        case Several(positions):
            return [place for each in positions for place in places_in(each, template)]
        case AllOf(None) | AnyOf(None):
            return list(range(len(template)))
        case AllOf(Slot() as slot) | AnyOf(Slot() as slot):
            return places_in(slot, template)
        case Last():
            return [len(template) - 1]
        case AtIndex(index):
            return [index]
        case Slot(inputs):
            return [i for i, t in enumerate(template) if isinstance(t, Part) and t.input in inputs]
        case AtText(text):
            words = text.split()
            return [start + len(words) - 1 for start in _starts(words, template)]
        case After(inner, offset):
            return [place + offset for place in places_in(inner, template)]
        case _:
            return []


def _starts(words: Sequence[str], template: Sequence[str | Part]) -> list[int]:
    size = len(words)
    return [i for i in range(len(template) - size + 1) if list(template[i : i + size]) == words]


def _shown(template: Sequence[str | Part]) -> str:
    words = [item if isinstance(item, str) else f"{{{item.input}}}" for item in template]
    text = " ".join(words)
    return text if len(text) <= 40 else text[:37] + "..."


def _literal(text: ast.Text, shape: Shape, found: Findings) -> Position | None:
    """A text that stands in each prompt once; only literal text is looked at."""
    for template in shape.templates:
        if shape.word_level:
            times = len(_starts(text.split(), template)) if text.split() else 0
        else:
            times = sum(item.count(text) for item in template if isinstance(item, str) and text)
            # A literal may also reach over a slot's edge: only what is certain is said.
            times = 1 if times == 0 and text.strip() else times
        if times == 1:
            continue
        instead = "name a slot, or write `index i`"
        if times == 0:
            problem = f"is no token of `{_shown(template)}`"
            words = [item for item in template if isinstance(item, str)]
            whole = [word for word in words if text and text in word]
            if whole:
                instead = f'write the whole word: `at "{whole[0]}"`'
            elif words:
                quoted = dict.fromkeys(f'"{word}"' for word in words)
                instead = "its words are " + ", ".join(list(quoted)[:8])
        else:
            problem = f"occurs {times} times in `{_shown(template)}`"
        found.report(TextNotOnce(span=text.span, text=str(text), problem=problem, instead=instead))
        return None
    return AtText(str(text))


# ------------------------------------------------------------------------ slots


def _slot(
    ref: ast.Ref, algorithm: Algorithm, shape: Shape, env: Env, found: Findings
) -> Slot | None:
    name = str(ref.name)
    indices = indices_of(ref)
    families = dict.fromkeys(algorithm[s].family for s in shape.slots if s in algorithm)
    if name in found.poisoned:
        return None
    family = algorithm.by_family.get(name)
    if name not in families or family is None:
        hint = nearest(name, [*families, *names(PositionName)])
        known = known_positions(shape)
        found.report(UnknownPosition(span=ref.span, name=name, known=known, suggestion=hint))
        return None
    if indices is None:
        shown = found.text(ref)
        found.report(NeedsIndex(span=ref.span, problem=f"`{shown}` is no slot", example=name))
        return None
    varied = len(indices) == 1 and value_of(indices[0], env) is None
    if varied and _mentions_variable(indices[0], algorithm, env) and len(family.members) > 1:
        slot = _picked(ref, indices[0], algorithm, env, found)
    else:
        pairs = elements(name, indices, ref.span, algorithm, env, found)
        slot = Slot((pairs[0][1],)) if pairs else None
    return slot if slot is not None and _in_every_template(slot, ref, shape, found) else None


def _mentions_variable(index: ast.Node, algorithm: Algorithm, env: Env) -> bool:
    refs = [node for node in ast.walk(index) if isinstance(node, ast.Ref)]
    return any(str(r.name) in algorithm.by_family and r.name not in env for r in refs)


def _picked(
    ref: ast.Ref, index: ast.Node, algorithm: Algorithm, env: Env, found: Findings
) -> Slot | None:
    members = algorithm.by_family[str(ref.name)].members
    known = f"`0..{len(members) - 1}`"
    pick = picked(index, algorithm, env)
    ends = reach(pick) if pick is not None else None
    problem = ""
    if pick is None or ends is None:
        problem = "is no integer that can be told from the variables"
    elif ends[0] < 0 or ends[1] >= len(members):
        problem = f"goes from {ends[0]} to {ends[1]}, outside `{ref.name}`"
    if problem:
        text = found.text(index)
        found.report(PickedIndex(span=index.span, text=text, problem=problem, known=known))
        return None
    return Slot(members, pick)


def _in_every_template(slot: Slot, ref: ast.Ref, shape: Shape, found: Findings) -> bool:
    """Whether each template has the slot exactly once."""
    for template in shape.templates:
        for name in slot.inputs:
            times = sum(1 for item in template if isinstance(item, Part) and item.input == name)
            if times == 1 or name in shape.unfed:
                continue
            where = _shown(template)
            problem = (
                f"is missing from `{where}`" if not times else f"is {times} times in `{where}`"
            )
            instead = "write each template with one slot of it, or use another position"
            found.report(SlotNotOnce(span=ref.span, name=name, problem=problem, instead=instead))
            return False
    return True
