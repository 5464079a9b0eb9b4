"""Rules about domains, types and sizes in algorithms (C200 to C229)."""

from __future__ import annotations

from typing import ClassVar

from causalabs.algorithm.rules import Told
from causalabs.diagnostics import Label, Span, rule


@rule
class Cycle(Told):
    """Variables that depend on each other in a circle have no causal order.

    Each element of a family is judged by itself: `carry[i]` may depend on `carry[i - 1]`.
    """

    code: ClassVar[str] = "C202"
    says: ClassVar[str] = "`{name}` depends on itself (`{circle}`)"
    types: ClassVar[str] = "a mechanism may use only what is computed before it"
    wrong: ClassVar[str] = (
        "algorithm {\n  input  x : bool\n  var    a : bool = b or x\n  var    b : bool = a\n"
        "  output y : bool = b\n}\n"
    )
    right: ClassVar[str] = (
        "algorithm {\n  input  x : bool\n  var    a : bool = x\n  var    b : bool = a\n"
        "  output y : bool = b\n}\n"
    )
    name: str
    circle: str
    others: tuple[tuple[str, Span], ...] = ()

    def related(self) -> tuple[Label, ...]:
        """The other variables of the circle."""
        return tuple(Label(span, f"`{name}` is part of the circle") for name, span in self.others)


@rule
class WrongType(Told):
    """An expression has another type than its place wants.

    Truth values and integers are never mixed silently, in either direction.
    """

    code: ClassVar[str] = "C203"
    says: ClassVar[str] = "{place} must be {wanted}, but `{shown}` is {found}"
    beside: ClassVar[str] = "{found}"
    wrong: ClassVar[str] = "algorithm {\n  input  x : 0..1\n  output y : bool = not x\n}\n"
    right: ClassVar[str] = "algorithm {\n  input  x : 0..1\n  output y : bool = x == 0\n}\n"
    place: str
    wanted: str
    shown: str
    found: str


@rule
class MixedTypes(Told):
    """Two expressions that should have one type do not.

    The sides of a comparison, the branches of `if` and `match`, and the arguments of
    `min`, `distinct` and the like have one type each.
    """

    code: ClassVar[str] = "C204"
    says: ClassVar[str] = "{place} mix {left_type} with {right_type}"
    beside: ClassVar[str] = "{right_type}"
    first_says: ClassVar[str] = "{left_type}"
    wrong: ClassVar[str] = (
        "algorithm {\n  input  x : 0..3\n  input  c : {red, blue}\n  output y : bool = x == c\n}\n"
    )
    right: ClassVar[str] = (
        "algorithm {\n  input  x : 0..3\n  input  c : {red, blue}\n"
        "  output y : bool = x == 0 and c == red\n}\n"
    )
    place: str
    left_type: str
    right_type: str


@rule
class ModMismatch(Told):
    """Residues of different moduli are not comparable and do not add up."""

    code: ClassVar[str] = "C206"
    says: ClassVar[str] = "`{operator}` between {left_type} and {right_type}"
    types: ClassVar[str] = "convert both to integers first: `int(...) {operator} int(...)`"
    wrong: ClassVar[str] = (
        "algorithm {\n  input  a : mod 5\n  input  b : mod 7\n  output y : bool = a == b\n}\n"
    )
    right: ClassVar[str] = (
        "algorithm {\n  input  a : mod 5\n  input  b : mod 7\n"
        "  output y : bool = int(a) == int(b)\n}\n"
    )
    operator: str
    left_type: str
    right_type: str


@rule
class CyclicSum(Told):
    """Two places on a circle cannot be added, only their distance to each other is a number.

    A cyclic value moves by an integer or a residue; the difference of two is a residue.
    """

    code: ClassVar[str] = "C207"
    says: ClassVar[str] = "`{operator}` on two values of {domain}"
    types: ClassVar[str] = (
        "add an integer or a `mod` value: `day + 1`; the difference of two is `mod`"
    )
    wrong: ClassVar[str] = (
        "algorithm {\n  input  a, b : cyclic {Mon, Tue, Wed}\n"
        "  output y : cyclic {Mon, Tue, Wed} = a + b\n}\n"
    )
    right: ClassVar[str] = (
        "algorithm {\n  input  a : cyclic {Mon, Tue, Wed}\n  input  k : mod 3\n"
        "  output y : cyclic {Mon, Tue, Wed} = a + k\n}\n"
    )
    operator: str
    domain: str


@rule
class Unordered(Told):
    """`<` and its kin stand between values that have no order.

    Integers are ordered. Enums, cyclic values and residues are not: which residue is larger
    depends on where the circle is cut.
    """

    code: ClassVar[str] = "C208"
    says: ClassVar[str] = "`{operator}` on {found}, which has no order"
    wrong: ClassVar[str] = "algorithm {\n  input  a, b : mod 5\n  output y : bool = a < b\n}\n"
    right: ClassVar[str] = (
        "algorithm {\n  input  a, b : mod 5\n  output y : bool = int(a) < int(b)\n}\n"
    )
    operator: str
    found: str


@rule
class OutsideDomain(Told):
    """A variable is compared with a value that it can never have.

    Such a comparison has one answer for every input, which is never meant.
    """

    code: ClassVar[str] = "C209"
    says: ClassVar[str] = "`{value}` is not in {domain}"
    types: ClassVar[str] = "write a value of {domain}"
    wrong: ClassVar[str] = "algorithm {\n  input  x : 0..3\n  output y : bool = x == 4\n}\n"
    right: ClassVar[str] = "algorithm {\n  input  x : 0..3\n  output y : bool = x == 3\n}\n"
    value: str
    domain: str


@rule
class RealEquality(Told):
    """Real values are compared for equality where chance never makes them equal.

    `==` between two real inputs is drawn on purpose: the sampler makes them equal in a known
    share of examples. No such thing is possible for computed values, for constants, or
    between a base and its source.
    """

    code: ClassVar[str] = "C210"
    says: ClassVar[str] = "`{shown}` compares real values that are never equal by chance"
    types: ClassVar[str] = "compare two real inputs of one size, or use `<` with a bound"
    wrong: ClassVar[str] = "algorithm {\n  input  a : real\n  output y : bool = a == 0.5\n}\n"
    right: ClassVar[str] = (
        "algorithm {\n  input  a, b : real in 0..1\n  output y : bool = a == b\n}\n"
    )
    shown: str


@rule
class TooLarge(Told):
    """A mechanism becomes too large when its binders and definitions are written out.

    At most 100,000 operations a mechanism and 500,000 an algorithm, nested at most 150 deep.
    """

    code: ClassVar[str] = "C217"
    says: ClassVar[str] = "{what} {problem} when written out"
    types: ClassVar[str] = "use smaller ranges, or name parts by `var`"
    wrong: ClassVar[str] = (
        "algorithm {\n  input  x : 0..9\n"
        "  output y : bool = sum(x for i in 0..999_999_999) > 5\n}\n"
    )
    right: ClassVar[str] = (
        "algorithm {\n  input  x : 0..9\n  output y : bool = sum(x for i in 0..9) > 5\n}\n"
    )
    what: str
    problem: str


@rule
class NotConstant(Told):
    """The ends of a binder's range depend on a variable.

    Binders are written out before anything runs, so their ends must be known then: numbers,
    other binders and parameters that stand for them.
    """

    code: ClassVar[str] = "C218"
    says: ClassVar[str] = "the range of `{name}` is not constant"
    beside: ClassVar[str] = "not known before the algorithm runs"
    types: ClassVar[str] = (
        "use a constant range, and `if` inside: `sum(if i <= n then ... else 0 for i in 0..9)`"
    )
    wrong: ClassVar[str] = (
        "algorithm {\n  input  x : 0..3\n  output y : 0..6 = sum(i for i in 0..x)\n}\n"
    )
    right: ClassVar[str] = (
        "algorithm {\n  input  x : 0..3\n"
        "  output y : 0..6 = sum(if i <= x then i else 0 for i in 0..3)\n}\n"
    )
    name: str


@rule
class NotExhaustive(Told):
    """A `match` leaves values of its subject without an arm."""

    code: ClassVar[str] = "C219"
    says: ClassVar[str] = "`match` does not say what happens for {missing}"
    types: ClassVar[str] = "add the missing arms, or `else -> ...`"
    wrong: ClassVar[str] = (
        "algorithm {\n  input  x : 0..3\n  output y : bool = match x {\n    0 | 1 -> true\n  }\n}\n"
    )
    right: ClassVar[str] = (
        "algorithm {\n  input  x : 0..3\n  output y : bool = match x {\n"
        "    0 | 1 -> true,\n    else -> false\n  }\n}\n"
    )
    missing: str


@rule
class UnreachableArm(Told):
    """A pattern of a `match` is covered by an earlier arm.

    Arms do not overlap, so that their order does not matter.
    """

    code: ClassVar[str] = "C220"
    says: ClassVar[str] = "`{shown}` is matched by an earlier arm"
    types: ClassVar[str] = "remove it, or narrow one of the two"
    first_says: ClassVar[str] = "matched here"
    wrong: ClassVar[str] = (
        "algorithm {\n  input  x : 0..3\n  output y : bool = match x {\n"
        "    0..2 -> true,\n    2..3 -> false\n  }\n}\n"
    )
    right: ClassVar[str] = (
        "algorithm {\n  input  x : 0..3\n  output y : bool = match x {\n"
        "    0..1 -> true,\n    2..3 -> false\n  }\n}\n"
    )
    shown: str


@rule
class NotInPlace(Told):
    """A form stands where it has no meaning.

    A binder such as `carry[i in 0..2]` chooses several elements in an alignment or an
    interchange; an expression has one value, so there the indices are written out by `for`.
    """

    code: ClassVar[str] = "C221"
    says: ClassVar[str] = "{what} cannot stand here"
    wrong: ClassVar[str] = (
        "algorithm {\n  input  x[2] : bool\n  output y : bool = any(x[i in 0..1])\n}\n"
    )
    right: ClassVar[str] = (
        "algorithm {\n  input  x[2] : bool\n  output y : bool = any(x[i] for i in 0..1)\n}\n"
    )
    what: str


@rule
class NothingComputed(Told):
    """An algorithm has no input or no output, so there is nothing to compare a network with."""

    code: ClassVar[str] = "C225"
    says: ClassVar[str] = "{name} has no {what}"
    types: ClassVar[str] = "add an `{what}` line"
    wrong: ClassVar[str] = "algorithm {\n  input  x : bool\n  var    y : bool = x\n}\n"
    right: ClassVar[str] = "algorithm {\n  input  x : bool\n  output y : bool = x\n}\n"
    name: str
    what: str


@rule
class NothingToChoose(Told):
    """`min`, `max` or `index_of` is taken of nothing.

    The sum of nothing is 0, its count 0, `any` of nothing false, `all` true. The smallest of
    nothing does not exist.
    """

    code: ClassVar[str] = "C226"
    says: ClassVar[str] = "`{name}` of nothing"
    types: ClassVar[str] = "give it at least one value"
    wrong: ClassVar[str] = (
        "algorithm {\n  input  x[2] : 0..3\n  output y : 0..3 = max(x[i] for i in 1..0)\n}\n"
    )
    right: ClassVar[str] = (
        "algorithm {\n  input  x[2] : 0..3\n  output y : 0..3 = max(x[i] for i in 0..1)\n}\n"
    )
    name: str
