"""Mechanisms as sympy expressions: equality where enumeration cannot, simplification, LaTeX.

Built from typed expressions, never from text. Enum and cyclic values are their codes;
equality of real vectors is an opaque truth `a == b`, so that what is proved of it holds for
every such relation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any

from causalabs.algorithm.domains import (
    Cyclic,
    Domain,
    Enum,
    SetOf,
)
from causalabs.algorithm.expression import Expression, names
from causalabs.algorithm.model import Algorithm
from causalabs.algorithm.program import Program
from causalabs.algorithm.symbols import Sympy, Translation, equal

ATOMS = 64  # comparisons in a truth that is to be proved
TABLE = 16  # symbols in a truth table
VARIABLES = 12  # of a truth that is simplified
ROWS = 10**6
SAMPLES = 4096


def to_sympy(expression: Expression) -> Sympy:
    """The expression for sympy, over integer, real and truth symbols of the variables' names.

    A set is a `sympy.Tuple` of truths; a division by zero is the symbol `(undefined)`.
    `ValueError` for a table of more than 4,096 cells or of none.

    >>> from causalabs.algorithm.domains import Integer, Interval
    >>> from causalabs.algorithm.expression import Operation, Variable
    >>> x = Variable("x", Interval(0, 9))
    >>> to_sympy(Operation("add", (x, x), Integer()))
    2*x
    """
    return Translation(written=False).of(expression)


def simplify(expression: Expression) -> Sympy:
    """What sympy makes of the expression.

    >>> from causalabs.algorithm.domains import Bool
    >>> from causalabs.algorithm.expression import Operation, Variable
    >>> p, q = Variable("p", Bool()), Variable("q", Bool())
    >>> either = Operation("or", (Operation("and", (p, q), Bool()), p), Bool())
    >>> simplify(either)
    p
    """
    return _simplified(to_sympy(expression))


def latex(thing: Algorithm | Expression) -> str:
    """An expression, or all mechanisms of an algorithm as aligned equations, in LaTeX."""
    if not isinstance(thing, Algorithm):
        return _latex(thing)
    lines = [
        f"{_symbol_latex(v.name)} &= {_latex(v.mechanism)}"
        for v in thing.variables
        if v.mechanism is not None
    ]
    return "\\begin{aligned}\n" + " \\\\\n".join(lines) + "\n\\end{aligned}"


def equivalent(a: Expression, b: Expression, domains: Mapping[str, Domain]) -> bool | None:
    """Whether two mechanisms agree for all values of their variables; None is unknown.

    Rows in which neither has a value agree. Up to a million assignments are tried, more are
    sampled for a counterexample, then sympy is asked for a proof.

    >>> from causalabs.algorithm.domains import Integer, Interval
    >>> from causalabs.algorithm.expression import Operation, Variable
    >>> x = Variable("x", Interval(0, 10**9))
    >>> twice = Operation("add", (x, x), Integer())
    >>> equivalent(twice, Operation("sum", (x, x), Integer()), {"x": x.type})
    True
    """
    program = Program()
    roots = (program.add(a), program.add(b))
    if roots[0] == roots[1]:
        return True
    known = {name: domains[name] for name in dict.fromkeys((*names(a), *names(b)))}
    suspects = _suspects(program, roots)
    if "overflow" not in suspects:
        tried = _tried(program, roots, (a.type, b.type), known)
        if tried is not None:
            return tried
    if suspects - {"overflow"}:
        return None  # sympy knows nothing of rows that have no value
    return True if _proved(a, b) else None


def _suspects(program: Program, roots: Sequence[int]) -> set[str]:
    from causalabs.algorithm.ranges import Ranges

    ranges = Ranges(program)
    try:
        for root in roots:
            ranges.bounds(root)
    except RecursionError:
        return {"value"}
    return set(ranges.suspects.values())


def _tried(
    program: Program,
    roots: tuple[int, int],
    types: tuple[Domain, Domain],
    domains: Mapping[str, Domain],
) -> bool | None:
    """False with a counterexample, True when every row was tried, else None."""
    import numpy as np

    from causalabs.algorithm import witness

    space = witness.grid(program, roots, dict(domains))
    if space is None:
        return None
    if space.rows > ROWS:
        columns = space.columns(space.drawn(SAMPLES))
        return None if _agree(program, roots, types, columns, SAMPLES) else False
    for start in range(0, space.rows, witness.CHUNK):
        rows = np.arange(start, min(start + witness.CHUNK, space.rows))
        if not _agree(program, roots, types, space.at(rows), len(rows)):
            return False
    return True


def _agree(
    program: Program,
    roots: tuple[int, int],
    types: tuple[Domain, Domain],
    columns: Mapping[str, Any],
    rows: int,
) -> bool:
    import numpy as np

    from causalabs.algorithm.evaluate import Evaluation

    running = Evaluation(program, columns)
    found, undefined = [], []
    for root in roots:
        value = running.value(root)
        missing = np.zeros(rows, dtype=bool)
        for _, failed in running.live_faults(root).values():
            missing |= failed
        wide = np.shape(value)[1:]
        found.append(np.broadcast_to(value, (rows, *wide)))
        undefined.append(missing)
    if (undefined[0] != undefined[1]).any():
        return False
    left, right = (each[~undefined[0]] for each in found)
    if _named(types[0]) != _named(types[1]):
        every = (_named(types[0]), _named(types[1]))
        return all(
            _value(every[0], x) == _value(every[1], y)
            for x, y in zip(left.tolist(), right.tolist(), strict=True)
        )
    return bool(np.array_equal(left, right))


def _named(domain: Domain) -> tuple[object, ...]:
    return domain.values if isinstance(domain, Enum | Cyclic) else ()


def _value(every: Sequence[object], code: int) -> object:
    return every[code] if every else code


def _proved(a: Expression, b: Expression) -> bool:
    """Whether the truth that both are equal has no exception, whatever its atoms are."""
    if _named(a.type) != _named(b.type) or isinstance(a.type, SetOf) != isinstance(b.type, SetOf):
        return False
    translation = Translation(written=False)
    try:
        same = equal(translation.parts(a), translation.parts(b), a.type)
    except (ValueError, RecursionError):
        return False
    opaque = _opaque(same)
    return opaque is not None and _always(opaque)


def _always(truth: Sympy) -> bool:
    """Whether a truth holds for all values of its symbols, by its table; False if too many.

    Not by sympy's `satisfiable`: its normal form can grow without bound.
    """
    import numpy as np
    import sympy
    from sympy.logic import boolalg

    symbols = sorted(truth.free_symbols, key=sympy.default_sort_key)
    if len(symbols) > TABLE:
        return False
    rows = np.arange(1 << len(symbols))
    table: dict[Sympy, Any] = {s: (rows >> i) & 1 == 1 for i, s in enumerate(symbols)}
    table |= {sympy.true: np.True_, sympy.false: np.False_}
    folds: dict[Any, Any] = {
        boolalg.And: np.logical_and,
        boolalg.Or: np.logical_or,
        boolalg.Xor: np.logical_xor,
    }
    for node in sympy.postorder_traversal(truth):
        if node in table:
            continue
        below = [table[each] for each in node.args]
        if node.func in folds:
            table[node] = reduce(folds[node.func], below)
        elif isinstance(node, boolalg.Not):
            table[node] = ~below[0]
        elif isinstance(node, boolalg.Equivalent):
            table[node] = reduce(np.logical_and, [each == below[0] for each in below])
        else:
            return False  # nothing else is made here; a stranger is not proved
    return bool(np.all(table[truth]))


def _opaque(truth: Sympy) -> Sympy | None:
    """The truth with a symbol for each comparison, those that always hold left out."""
    import sympy
    from sympy.core.relational import Relational

    atoms = sorted(truth.atoms(Relational), key=sympy.default_sort_key)
    if len(atoms) > ATOMS:
        return None
    known: dict[Sympy, Sympy] = {}
    for atom in atoms:
        if atom.negated in known:
            known[atom] = sympy.Not(known[atom.negated])
        elif isinstance(atom, sympy.Eq | sympy.Ne) and sympy.simplify(atom.lhs - atom.rhs) == 0:
            known[atom] = sympy.true if isinstance(atom, sympy.Eq) else sympy.false
        else:
            known[atom] = sympy.Dummy()
    return truth.xreplace(known)


def _simplified(found: Sympy) -> Sympy:
    import sympy

    if not isinstance(found, sympy.logic.boolalg.Boolean) or isinstance(found, sympy.Symbol):
        return sympy.simplify(found)
    # `simplify` fails on some xors of sympy 1.14; truth tables double with each atom.
    atoms = found.atoms(sympy.Symbol, sympy.core.relational.Relational)
    return sympy.simplify_logic(found, force=True) if len(atoms) <= VARIABLES else found


def _latex(expression: Expression) -> str:
    import sympy

    found = Translation(written=True).of(expression)
    symbols: set[Any] = found.atoms(sympy.Symbol)
    return str(sympy.latex(found, symbol_names={s: _symbol_latex(s.name) for s in symbols}))


def _symbol_latex(name: str) -> str:
    name, bracket, index = name.lstrip("\0").partition("[")
    safe = "".join(_ESCAPED.get(character, character) for character in name)
    return f"\\mathrm{{{safe}}}" + (f"_{{{index.rstrip(']')}}}" if bracket else "")


_ESCAPED = {
    "\\": "\\backslash ", "_": "\\_", "{": "\\{", "}": "\\}", "#": "\\#", "%": "\\%",
    "&": "\\&", "$": "\\$", "^": "\\hat{}", "~": "\\sim ", " ": "\\ ",
}  # fmt: skip
