"""Rules about interchange and `set` lines (C52x, C53x)."""

from __future__ import annotations

from typing import ClassVar

from causalabs.algorithm.rules import Misspelt, Told
from causalabs.diagnostics import Severity, rule
from causalabs.hypothesis.rules_drawing import ADDER, CARRY, drawn

NETWORK = "network mlp(hidden = [16]) {\n  feed x, y\n  read large\n}\n"
ALIGNED = ADDER + NETWORK + "alignment {\n  partial -> hidden 0 in 4 learned dims\n}\n"
RIVALS = (
    "algorithm one {\n  input  x, y : bool\n  var    v : bool = x and y\n  output z : bool = v\n}\n"
    "algorithm two {\n  input  x, y : bool\n  var    w : bool = x or y\n"
    "  output z : bool = w and x == y\n}\n"
)


def _file(*statements: str, algorithm: str = ADDER) -> str:
    return drawn("sample 100", *statements, "split train 50%, heldout 50%", algorithm=algorithm)


@rule
class Unaligned(Told):
    """A variable is interchanged that no alignment gives a place in the network.

    Interchanging it in the algorithm has no counterpart in the network, so there is nothing
    to compare.
    """

    code: ClassVar[str] = "C521"
    says: ClassVar[str] = "`{name}` is interchanged and not aligned"
    beside: ClassVar[str] = "no place in the network"
    types: ClassVar[str] = "add `{name} -> ...` to an alignment, or remove it here"
    wrong: ClassVar[str] = _file("interchange x", algorithm=ALIGNED)
    right: ClassVar[str] = _file("interchange partial", algorithm=ALIGNED)
    name: str


@rule
class OutputInterchanged(Told):
    """An output is interchanged or set.

    Outputs are where network and algorithm are compared. Writing the answer itself proves
    nothing about how it is computed.
    """

    code: ClassVar[str] = "C522"
    says: ClassVar[str] = "`{name}` is an output and cannot be interchanged"
    first_says: ClassVar[str] = "declared as output"
    types: ClassVar[str] = "interchange a variable on the way to it, or make it a `var`"
    wrong: ClassVar[str] = _file("interchange large")
    right: ClassVar[str] = _file("interchange partial")
    name: str


@rule
class TwiceInLine(Told):
    """A variable stands twice in one line, where it can be given one value only."""

    code: ClassVar[str] = "C523"
    says: ClassVar[str] = "`{name}` stands twice in one line"
    types: ClassVar[str] = "remove one of the two, or make it a line of its own"
    wrong: ClassVar[str] = _file("interchange partial, partial")
    right: ClassVar[str] = _file("interchange partial")
    name: str


@rule
class SameLine(Told):
    """Two lines set the same variables the same way under the same condition."""

    code: ClassVar[str] = "C524"
    says: ClassVar[str] = "this line says the same as an earlier one"
    types: ClassVar[str] = "remove it, or give the two different conditions and names"
    wrong: ClassVar[str] = _file("interchange partial", "interchange partial")
    right: ClassVar[str] = _file("interchange partial", "interchange x")


@rule
class FromOtherType(Told):
    """A variable takes its value from one with another domain."""

    code: ClassVar[str] = "C525"
    says: ClassVar[str] = "`{name}` cannot take its value from `{origin}`"
    beside: ClassVar[str] = "`{name}` is {type}, `{origin}` is {origin_type}"
    types: ClassVar[str] = "take it from a variable of the same domain"
    wrong: ClassVar[str] = _file("interchange partial from x")
    right: ClassVar[str] = _file("interchange x from y")
    name: str
    origin: str
    type: str
    origin_type: str


@rule
class FromOtherBasis(Told):
    """A variable takes its value from one that is aligned in another number of dims.

    The coordinates read at one are written at the other, so there must be as many.
    """

    code: ClassVar[str] = "C526"
    says: ClassVar[str] = "`{name}` takes {wanted} dims and `{origin}` has {found}"
    first_says: ClassVar[str] = "aligned here"
    types: ClassVar[str] = "align both in the same number of dims"
    wrong: ClassVar[str] = _file(
        "interchange x from y",
        algorithm=ADDER
        + NETWORK
        + "alignment {\n  x -> hidden 0 in 2 learned dims\n  y -> hidden 0 in 3 learned dims\n}\n",
    )
    right: ClassVar[str] = _file(
        "interchange x from y",
        algorithm=ADDER
        + NETWORK
        + "alignment {\n  x -> hidden 0 in 2 learned dims\n  y -> hidden 0 in 2 learned dims\n}\n",
    )
    name: str
    origin: str
    wanted: str
    found: str


@rule
class CannotSet(Told):
    """`set` writes a value into a basis that cannot produce one.

    A value is written as the activation that stands for it. `mean_difference`, `probe` and
    `fixed` know it; a learned rotation only carries over what was read somewhere.
    """

    code: ClassVar[str] = "C527"
    says: ClassVar[str] = "`{name}` cannot be set: its basis `{basis}` has no value to write"
    first_says: ClassVar[str] = "aligned here"
    types: ClassVar[str] = "align it `in 1 mean_difference dims`, or interchange it instead"
    wrong: ClassVar[str] = _file("set partial = 3 as three", algorithm=ALIGNED)
    right: ClassVar[str] = _file(
        "set partial = 3 as three",
        algorithm=ALIGNED.replace("4 learned dims", "1 mean_difference dims"),
    )
    name: str
    basis: str


@rule
class SetOutside(Told):
    """`set` gives a variable a value that is not in its domain."""

    code: ClassVar[str] = "C528"
    says: ClassVar[str] = "`{value}` is not in {domain}, the domain of `{name}`"
    types: ClassVar[str] = "write a value of {domain}"
    wrong: ClassVar[str] = _file("set partial = 30 as high")
    right: ClassVar[str] = _file("set partial = 3 as low")
    value: str
    name: str
    domain: str


@rule
class WhoseSource(Told):
    """A condition speaks of `source.v` where it is open which source is meant.

    With several variables each comes from a source of its own, and `source.v` is v's. A
    variable that is not interchanged has none there, and a `set` line has no source at all.
    """

    code: ClassVar[str] = "C529"
    says: ClassVar[str] = "`source.{name}` has no source in {line}"
    first_says: ClassVar[str] = "this line"
    types: ClassVar[str] = "{change}"
    wrong: ClassVar[str] = _file("interchange x, y where source.partial > 3")
    right: ClassVar[str] = _file("interchange x, y together where source.partial > 3")
    name: str
    line: str
    change: str


@rule
class NameTaken(Told):
    """A name is given to two things.

    Variables, interchanges, algorithms, alignments and circuits share one namespace, so that
    `iia of NAME` has one meaning.
    """

    code: ClassVar[str] = "C531"
    says: ClassVar[str] = "`{name}` is already the name of {what}"
    types: ClassVar[str] = "choose another name, such as `{name}_{suffix}`"
    wrong: ClassVar[str] = _file("interchange partial as x")
    right: ClassVar[str] = _file("interchange partial as moved")
    name: str
    what: str
    suffix: str


@rule
class PointlessTogether(Told):
    """`together` stands in a line that has one source anyway."""

    code: ClassVar[str] = "C532"
    severity: ClassVar[Severity] = "warning"
    says: ClassVar[str] = "`together` with one variable changes nothing"
    types: ClassVar[str] = "remove `together`"
    wrong: ClassVar[str] = _file("interchange partial together")
    right: ClassVar[str] = _file("interchange x, y together")


@rule
class UnknownVariable(Misspelt):
    """A line, a balance or a condition names a variable that the algorithms do not have."""

    code: ClassVar[str] = "C533"
    says: ClassVar[str] = "unknown variable `{name}`"
    types: ClassVar[str] = "the variables are {variables}"
    wrong: ClassVar[str] = _file("interchange partail")
    right: ClassVar[str] = _file("interchange partial")
    variables: str


@rule
class WhichAlgorithm(Told):
    """A variable is named that several rival algorithms have.

    What an interchange of it does depends on the algorithm, so the name says which is meant.
    """

    code: ClassVar[str] = "C534"
    says: ClassVar[str] = "`{name}` is a variable of {algorithms}"
    beside: ClassVar[str] = "of which algorithm?"
    types: ClassVar[str] = "write `{example}`"
    wrong: ClassVar[str] = _file("interchange x", algorithm=RIVALS)
    right: ClassVar[str] = _file("interchange one.x", algorithm=RIVALS)
    name: str
    algorithms: str
    example: str


@rule
class MixedAlgorithms(Told):
    """A line speaks of variables of two rival algorithms.

    An interchange is made in one algorithm and in the network; rivals have lines of their own.
    """

    code: ClassVar[str] = "C535"
    says: ClassVar[str] = "`{name}` is a variable of `{algorithm}`, the line is about `{other}`"
    types: ClassVar[str] = "make it a line of its own"
    wrong: ClassVar[str] = _file("interchange one.v, two.w", algorithm=RIVALS)
    right: ClassVar[str] = _file("interchange one.v", "interchange two.w", algorithm=RIVALS)
    name: str
    algorithm: str
    other: str


@rule
class NeverDiffers(Told):
    """The source can never give an interchanged variable another value.

    `source changes only x` keeps all other inputs as they are in the base, so that a variable
    which does not depend on x has one value in both.
    """

    code: ClassVar[str] = "C536"
    severity: ClassVar[Severity] = "warning"
    says: ClassVar[str] = "`{name}` is the same in base and source"
    first_says: ClassVar[str] = "it does not depend on what changes here"
    types: ClassVar[str] = "let an input change that `{name}` depends on"
    wrong: ClassVar[str] = _file("source changes only x", "interchange y")
    right: ClassVar[str] = _file("source changes only x", "interchange x")
    name: str


@rule
class TwoBinders(Told):
    """The indices of a line do not say which lines are meant.

    `interchange carry[i in 0..2]` is three lines. Several families in one line run over the
    same index name and the same range; at most 1,000 lines are made of one.
    """

    code: ClassVar[str] = "C537"
    says: ClassVar[str] = "{problem}"
    types: ClassVar[str] = "write the lines out, one index each"
    wrong: ClassVar[str] = _file(
        "interchange carry[i in 0..1], a[i in 0..0]",
        algorithm=CARRY,
    )
    right: ClassVar[str] = _file("interchange carry[i in 0..1]", algorithm=CARRY)
    problem: str
