"""Small changes of a mechanism: what a near miss of it looks like.

Each edit changes one thing: an operand, an operator, a constant, a branch. Types stay what they
are, so an edited mechanism can be evaluated wherever the old one could; whether it stays in its
domain is for whoever evaluates it to see.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice

from causalabs.algorithm.domains import (
    Bool,
    Cyclic,
    Domain,
    Enum,
    Integer,
    Interval,
    Mod,
    size,
)
from causalabs.algorithm.expression import (
    Choice,
    Constant,
    Expression,
    LookUp,
    Operation,
    Operator,
    Pick,
    Table,
    Variable,
    parts,
    walk,
)

MOST_NODES = 256
"""Larger mechanisms are not edited: they are made by definitions, and no longer small."""

MOST_EDITS = 512

_ORDER: tuple[Operator, ...] = ("lt", "le", "gt", "ge")
_SWAPS: dict[Operator, tuple[Operator, ...]] = {
    "and": ("or", "xor"),
    "or": ("and", "xor"),
    "xor": ("or", "and"),
    "eq": ("ne",),
    "ne": ("eq",),
    **{one: tuple(other for other in _ORDER if other != one) for one in _ORDER},
    "add": ("sub",),
    "sub": ("add",),
    "mul": ("add",),
    "floordiv": ("mod",),
    "mod": ("floordiv",),
    "min": ("max",),
    "max": ("min",),
    "any": ("all",),
    "all": ("any",),
}
_DROPPED = ("and", "or", "xor", "add", "sub", "mul", "sum", "min", "max", "any", "all", "count")
_UNARY = ("not", "neg", "abs")
_JOINED: tuple[Operator, ...] = ("and", "or", "xor")


def edits(
    mechanism: Expression, others: Sequence[Variable] = (), domain: Domain | None = None
) -> tuple[Expression, ...]:
    """Mechanisms of the same type that differ from this one in one place, each once.

    `others` are variables that may stand where another does. Truths are also joined with them.
    `domain` is that of the variable computed: given, its values are also taken in reverse.

    >>> a, b, c = (Variable(name, Bool()) for name in "abc")
    >>> from causalabs.algorithm.written import text_of
    >>> [text_of(each) for each in edits(Operation("and", (a, b), Bool()), [c])]
    ['a or b', 'a xor b', 'b', 'a', 'c and b', 'a and c', 'a and b and c', 'a and b or c', \
'a and b xor c']
    """
    if sum(1 for _ in islice(walk(mechanism), MOST_NODES + 1)) > MOST_NODES:
        return ()
    every = (*_edited(mechanism, others), *_joined(mechanism, others))
    found = dict.fromkeys((*every, *_reversed(mechanism, domain)))
    return tuple(islice((each for each in found if each != mechanism), MOST_EDITS))


def _edited(node: Expression, others: Sequence[Variable]) -> Iterator[Expression]:
    """Edits of the node itself, then of each of its parts."""
    yield from _here(node, others)
    for place, part in enumerate(parts(node)):
        for other in _edited(part, others):
            yield with_part(node, place, other)


def _here(node: Expression, others: Sequence[Variable]) -> Iterator[Expression]:
    match node:
        case Variable():
            yield from (each for each in others if _alike(each.type, node.type))
        case Constant(value, kind):
            yield from (replace(node, value=each) for each in _near(value, kind))
        case Operation():
            yield from _operations(node)
        case Choice(_, yes, no):
            yield from (yes, no)
            yield replace(node, yes=no, no=yes)
        case Pick(indices, lows, sizes, items):
            for place, (low, count) in enumerate(zip(lows, sizes, strict=True)):
                for value in range(low, low + min(count, 8)):
                    taken = Constant(value, Integer())
                    if isinstance(indices[place].type, Interval | Integer):
                        yield with_part(node, place, taken)
            if len(items) > 1:
                yield replace(node, items=items[1:] + items[:1])
        case LookUp(table=table):
            yield replace(node, table=_turned(table))


def _operations(node: Operation) -> Iterator[Expression]:
    below = node.arguments
    numbers = all(isinstance(each.type, Integer | Interval | Mod) for each in (node, *below))
    for operator in _SWAPS.get(node.operator, ()):
        if operator in ("add", "sub") and not (numbers and len(below) == 2):
            continue
        yield replace(node, operator=operator)
    if node.operator in _UNARY:
        yield below[0]
    if node.operator in _DROPPED and len(below) > 1:
        for place in range(len(below)):
            rest = below[:place] + below[place + 1 :]
            if len(rest) > 1 or node.operator == "count":
                yield replace(node, arguments=rest)
            elif _alike(rest[0].type, node.type):
                yield rest[0]


def _joined(mechanism: Expression, others: Sequence[Variable]) -> Iterator[Expression]:
    """A truth and another: `mechanism and w`."""
    if isinstance(mechanism.type, Bool):
        for other in others:
            if isinstance(other.type, Bool):
                for operator in _JOINED:
                    yield Operation(operator, (mechanism, other), Bool())


def _reversed(mechanism: Expression, domain: Domain | None) -> Iterator[Expression]:
    """The last value in place of the first, and so on; of truths the other one."""
    match domain:
        case Bool() if not (isinstance(mechanism, Operation) and mechanism.operator == "not"):
            yield Operation("not", (mechanism,), Bool())
        case Interval(low, high):
            yield Operation("sub", (Constant(low + high, Integer()), mechanism), Integer())
        case Mod():
            yield Operation("neg", (mechanism,), domain)


def _alike(one: Domain, other: Domain) -> bool:
    """Whether values of the two are coded alike, and mean the same."""
    whole = Integer | Interval
    return one == other or (isinstance(one, whole) and isinstance(other, whole))


def _near(value: bool | int | float, kind: Domain) -> Iterator[bool | int]:
    match kind:
        case Bool():
            yield not value
        case Enum() | Cyclic() | Mod():
            count = size(kind) or 1
            yield from ((int(value) + step) % count for step in (1, -1))
        case Interval() | Integer():
            yield from (int(value) + step for step in (1, -1))
        case _:
            return


def _turned(table: Table) -> Table:
    """The table with each entry in the place of the one before."""
    at = [place for place, there in enumerate(table.present) if there]
    codes = list(table.codes)
    for place, source in zip(at, at[1:] + at[:1], strict=True):
        codes[place] = table.codes[source]
    return replace(table, name=f"{table.name} one row on", codes=tuple(codes))


def with_part(node: Expression, place: int, part: Expression) -> Expression:
    """The node with one of its `parts` replaced.

    >>> one, two = Constant(True, Bool()), Constant(False, Bool())
    >>> with_part(Choice(one, one, one, Bool()), 2, two).no == two
    True
    """
    below = parts(node)
    new = (*below[:place], part, *below[place + 1 :])
    match node:
        case Operation():
            return replace(node, arguments=new)
        case Choice():
            return replace(node, condition=new[0], yes=new[1], no=new[2])
        case Pick(indices=indices):
            return replace(node, indices=new[: len(indices)], items=new[len(indices) :])
        case LookUp():
            return replace(node, keys=new)
        case _:
            raise IndexError(place)
