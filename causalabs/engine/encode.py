"""Feeding: from columns of variables to the numbers a built-in network is given.

Real vectors are given as they are and a finite value one-hot, one number for each of its
places; a truth is one number, 0 or 1, and a set the flags of its members.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from causalabs.algorithm.domains import (
    Bool,
    Column,
    Domain,
    Integer,
    Real,
    SetOf,
    places,
    size,
)
from causalabs.engine.errors import EngineError

MOST_CLASSES = 20_000
"""Values of one domain that are fed or read one by one."""


def code_width(name: str, domain: Domain) -> int:
    """Numbers that one value of `domain` is given as."""
    match domain:
        case Bool():
            return 1
        case Real(size=count):
            return 1 if count is None else count
        case SetOf(of):
            return classes_of(name, of)
        case _:
            return classes_of(name, domain)


def classes_of(name: str, domain: Domain) -> int:
    """Number of values of a finite domain; an error naming the variable where there is none."""
    count = None if isinstance(domain, (Integer, Real, SetOf)) else size(domain)
    if count is None:
        raise EngineError(
            f"`{name}` has no finite list of values", "declare it as bool, a..b, mod n or an enum"
        )
    if count > MOST_CLASSES:
        raise EngineError(
            f"`{name}` has {count:,} values, an answer can have {MOST_CLASSES:,}",
            "declare a smaller domain",
        )
    return count


def answer_classes(name: str, domain: Domain) -> int:
    """Classes that an output is read in: its values, or the possible members of a set."""
    return classes_of(name, domain.of if isinstance(domain, SetOf) else domain)


def vectors_width(names: Iterable[str], domains: Mapping[str, Domain]) -> int:
    """Numbers that these variables are given as together."""
    return sum(code_width(name, domains[name]) for name in names)


def code(name: str, domain: Domain, column: Column) -> NDArray[np.float32]:
    """One variable: (rows, code width).

    >>> from causalabs.algorithm.domains import Mod
    >>> code("x", Mod(3), np.array([2, 0]))
    array([[0., 0., 1.],
           [1., 0., 0.]], dtype=float32)
    """
    match domain:
        case Bool() | Real() | SetOf():
            found = np.asarray(column, dtype=np.float32)
            return found.reshape(len(found), code_width(name, domain))
        case Integer():
            raise EngineError(f"`{name}` has no domain to be fed from")
        case _:
            ranks = places(domain, column)
            flags = np.zeros((len(ranks), classes_of(name, domain)), dtype=np.float32)
            flags[np.arange(len(ranks)), ranks] = 1.0
            return flags


def vectors(
    columns: Mapping[str, Column], names: Iterable[str], domains: Mapping[str, Domain]
) -> NDArray[np.float32]:
    """Several variables side by side: (rows, features)."""
    return np.concatenate([code(name, domains[name], columns[name]) for name in names], axis=1)
