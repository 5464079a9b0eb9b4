"""Rules about declared domains, tables and sizes (of C205 to C227)."""

from __future__ import annotations

from typing import ClassVar

from causalabs.algorithm.rules import Told
from causalabs.diagnostics import rule


@rule
class BadSet(Told):
    """A set is written over something that cannot be listed.

    The elements of a set come from a finite domain of at most 10,000 values.
    """

    code: ClassVar[str] = "C205"
    says: ClassVar[str] = "a set cannot be made of {found}"
    types: ClassVar[str] = "use a finite domain, as in `set of 0..99`"
    wrong: ClassVar[str] = (
        "algorithm {\n  input  x : 0..3\n  output y : set of real = {z in 0..3 where z > x}\n}\n"
    )
    right: ClassVar[str] = (
        "algorithm {\n  input  x : 0..3\n  output y : set of 0..3 = {z in 0..3 where z > x}\n}\n"
    )
    found: str


@rule
class EmptyInterval(Told):
    """An interval ends before it begins, or a family has no element."""

    code: ClassVar[str] = "C211"
    says: ClassVar[str] = "`{shown}` is empty"
    wrong: ClassVar[str] = "algorithm {\n  input  x : 9..0\n  output y : bool = x == 0\n}\n"
    right: ClassVar[str] = "algorithm {\n  input  x : 0..9\n  output y : bool = x == 0\n}\n"
    shown: str


@rule
class DuplicateValue(Told):
    """A domain lists a value twice."""

    code: ClassVar[str] = "C212"
    says: ClassVar[str] = "value `{value}` is listed twice"
    types: ClassVar[str] = "remove one of the two"
    wrong: ClassVar[str] = (
        "algorithm {\n  input  x : {red, blue, red}\n  output y : bool = x == red\n}\n"
    )
    right: ClassVar[str] = (
        "algorithm {\n  input  x : {red, blue}\n  output y : bool = x == red\n}\n"
    )
    value: str


@rule
class BadModulus(Told):
    """A modulus is a whole number from 1 on."""

    code: ClassVar[str] = "C213"
    says: ClassVar[str] = "`mod {modulus}` has no values"
    types: ClassVar[str] = "write a whole number from 1 on, as in `mod 7`"
    wrong: ClassVar[str] = "algorithm {\n  input  x : mod 0\n  output y : bool = x == 0\n}\n"
    right: ClassVar[str] = "algorithm {\n  input  x : mod 2\n  output y : bool = x == 0\n}\n"
    modulus: str


@rule
class TooLargeNumber(Told):
    """A number does not fit in 62 bits.

    Values are computed as 64-bit integers; numbers stay below 2^62 so that a sum of two
    never overflows.
    """

    code: ClassVar[str] = "C214"
    says: ClassVar[str] = "`{shown}` is {problem}"
    types: ClassVar[str] = "integers stay below 2^62 (4_611_686_018_427_387_904)"
    wrong: ClassVar[str] = (
        "algorithm {\n  input  x : 0..10_000_000_000_000_000_000\n  output y : bool = x == 0\n}\n"
    )
    right: ClassVar[str] = (
        "algorithm {\n  input  x : 0..1_000_000_000_000_000_000\n  output y : bool = x == 0\n}\n"
    )
    shown: str
    problem: str


@rule
class NotWhole(Told):
    """A fraction stands where a whole number is wanted.

    Intervals and enums are of whole numbers; `real in 0..1` has fractions.
    """

    code: ClassVar[str] = "C215"
    says: ClassVar[str] = "`{shown}` is not a whole number"
    types: ClassVar[str] = "write a whole number, or `real in ...` for real values"
    wrong: ClassVar[str] = "algorithm {\n  input  x : 0..0.5\n  output y : bool = x == 0\n}\n"
    right: ClassVar[str] = (
        "algorithm {\n  input  x, z : real in 0..0.5\n  output y : bool = x == z\n}\n"
    )
    shown: str


@rule
class TooMany(Told):
    """A family, an algorithm, a domain or a table is larger than what can be worked through.

    An algorithm has at most 10,000 variables in all; sets and tables range over domains
    that can be listed.
    """

    code: ClassVar[str] = "C216"
    says: ClassVar[str] = "{what} has {count}, more than {limit}"
    types: ClassVar[str] = "make it smaller"
    wrong: ClassVar[str] = (
        "algorithm {\n  input  x[1_000_000] : bool\n  output y : bool = x[0]\n}\n"
    )
    right: ClassVar[str] = "algorithm {\n  input  x[1_000] : bool\n  output y : bool = x[0]\n}\n"
    what: str
    count: str
    limit: str


@rule
class MissingEntries(Told):
    """A table has no entry for some combination of keys."""

    code: ClassVar[str] = "C222"
    says: ClassVar[str] = "table `{name}` has no entry for {missing}"
    types: ClassVar[str] = "add `{missing} -> ...`"
    wrong: ClassVar[str] = (
        "algorithm {\n  table not_[bool] : bool = {true -> false}\n"
        "  input  x : bool\n  output y : bool = not_[x]\n}\n"
    )
    right: ClassVar[str] = (
        "algorithm {\n"
        "  table not_[bool] : bool = {true -> false, false -> true}\n"
        "  input  x : bool\n  output y : bool = not_[x]\n}\n"
    )
    name: str
    missing: str


@rule
class DuplicateEntry(Told):
    """A table has two entries for one combination of keys."""

    code: ClassVar[str] = "C223"
    says: ClassVar[str] = "table `{name}` has two entries for {key}"
    types: ClassVar[str] = "remove one of the two"
    wrong: ClassVar[str] = (
        "algorithm {\n"
        "  table not_[bool] : bool = {true -> false, false -> true, true -> true}\n"
        "  input  x : bool\n  output y : bool = not_[x]\n}\n"
    )
    right: ClassVar[str] = (
        "algorithm {\n"
        "  table not_[bool] : bool = {true -> false, false -> true}\n"
        "  input  x : bool\n  output y : bool = not_[x]\n}\n"
    )
    name: str
    key: str


@rule
class BadUnion(Told):
    """`or` between domains joins enums, and nothing else.

    The values of the second are added to those of the first; a value in both is one value.
    """

    code: ClassVar[str] = "C224"
    says: ClassVar[str] = "`or` cannot join {found}"
    types: ClassVar[str] = "join enums only: `{{red, blue}} or {{green}}`"
    wrong: ClassVar[str] = "domain A = {red, blue}\ndomain B = A or 0..3\n"
    right: ClassVar[str] = "domain A = {red, blue}\ndomain B = A or {green}\n"
    found: str


@rule
class BadReal(Told):
    """A real domain has no component, or more than 65,536 of them."""

    code: ClassVar[str] = "C227"
    says: ClassVar[str] = "`real[{size}]` has {problem}"
    types: ClassVar[str] = "write a size from 1 to 65_536, or plain `real`"
    wrong: ClassVar[str] = "algorithm {\n  input  a, b : real[0]\n  output y : bool = a == b\n}\n"
    right: ClassVar[str] = (
        "algorithm {\n  input  a, b : real[2] in 0..1\n  output y : bool = a == b\n}\n"
    )
    size: str
    problem: str
