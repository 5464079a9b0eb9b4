"""Rules about how examples are drawn and split (C50x, C51x)."""

from __future__ import annotations

from typing import ClassVar

from causalabs.algorithm.rules import Misspelt, Told
from causalabs.diagnostics import Severity, rule

ADDER = (
    "algorithm {\n  input  x, y    : 0..9\n  var    partial : 0..18 = x + y\n"
    "  output large   : bool  = partial > 9\n}\n"
)
REALS = (
    "algorithm {\n  input  a, b : real[2] in 0..1\n  var    same : bool = a == b\n"
    "  output out  : bool = same\n}\n"
)
CARRY = (
    "algorithm {\n  input  a[2], b[2] : bool\n"
    "  var    carry[i in 0..1] : bool = a[i] and b[i]\n"
    "  output both : bool = carry[0] and carry[1]\n}\n"
)


def drawn(*statements: str, algorithm: str = ADDER) -> str:
    """A file of an algorithm and a counterfactuals block, for the rules' examples."""
    return algorithm + "counterfactuals {\n" + "".join(f"  {s}\n" for s in statements) + "}\n"


def _file(*statements: str) -> str:
    """As `drawn`, with the statements that a complete block has."""
    return drawn(*statements, "interchange partial", "split heldout 100%")


@rule
class HowMany(Told):
    """Counterfactuals do not say how many examples there are.

    `sample N` draws N examples for each interchange; `exhaustive` takes every combination of
    base and source, so that the number found is exact.
    """

    code: ClassVar[str] = "C501"
    says: ClassVar[str] = "counterfactuals say neither `sample` nor `exhaustive`"
    types: ClassVar[str] = "add `sample 10_000`, or `exhaustive` where inputs are few"
    wrong: ClassVar[str] = _file()
    right: ClassVar[str] = _file("sample 10_000")


@rule
class BothWays(Told):
    """Counterfactuals say both `sample` and `exhaustive`, which exclude each other."""

    code: ClassVar[str] = "C502"
    says: ClassVar[str] = "`sample` and `exhaustive` exclude each other"
    first_says: ClassVar[str] = "the other"
    types: ClassVar[str] = "keep one of the two"
    wrong: ClassVar[str] = _file("sample 10_000", "exhaustive")
    right: ClassVar[str] = _file("exhaustive")


@rule
class RepeatedStatement(Told):
    """A statement of counterfactuals stands twice.

    `sample`, `exhaustive`, `split`, `keep solved` and `source changes only` hold for the whole
    block, so that a second one contradicts the first or says nothing. Several inputs that
    change, or several conditions, are joined in one statement.
    """

    code: ClassVar[str] = "C503"
    says: ClassVar[str] = "`{statement}` is said twice"
    types: ClassVar[str] = "keep one of the two"
    wrong: ClassVar[str] = _file("sample 10_000", "sample 20_000")
    right: ClassVar[str] = _file("sample 20_000")
    statement: str


@rule
class SampleSize(Told):
    """The number of examples is zero or more than can be drawn.

    Each interchange has at most 10,000,000 examples; its interval is then far narrower than
    any claim about a network.
    """

    code: ClassVar[str] = "C504"
    says: ClassVar[str] = "`sample {count}` is {problem}"
    types: ClassVar[str] = "write a number from 1 to 10_000_000"
    wrong: ClassVar[str] = _file("sample 10_000_000_000")
    right: ClassVar[str] = _file("sample 10_000")
    count: str
    problem: str


@rule
class TooManyPairs(Told):
    """`exhaustive` would make more examples than can be run.

    With N inputs and k sources there are N to the power k + 1 combinations, or their sum over
    the splits when whole inputs are dealt to splits. Up to 20,000,000 are run.
    """

    code: ClassVar[str] = "C505"
    says: ClassVar[str] = "`exhaustive` makes {count} examples of this line"
    beside: ClassVar[str] = "{inputs} inputs, {sources}"
    first_says: ClassVar[str] = "asked for here"
    types: ClassVar[str] = "replace `exhaustive` by `sample 100_000`"
    wrong: ClassVar[str] = drawn(
        "exhaustive",
        "interchange z",
        "split heldout 100%",
        algorithm="algorithm {\n  input  x, y : 0..99\n  var    z : 0..198 = x + y\n"
        "  output t : bool = z > 99\n}\n",
    )
    right: ClassVar[str] = _file("exhaustive")
    count: str
    inputs: str
    sources: str


@rule
class EndlessInputs(Told):
    """`exhaustive` stands where inputs are real numbers, of which there is no end."""

    code: ClassVar[str] = "C506"
    says: ClassVar[str] = "`exhaustive` with the real input `{name}`"
    first_says: ClassVar[str] = "real numbers"
    types: ClassVar[str] = "replace `exhaustive` by `sample 100_000`"
    wrong: ClassVar[str] = drawn(
        "exhaustive", "interchange same", "split heldout 100%", algorithm=REALS
    )
    right: ClassVar[str] = drawn(
        "sample 10_000", "interchange same", "split heldout 100%", algorithm=REALS
    )
    name: str


@rule
class BalanceAll(Told):
    """`balance` stands beside `exhaustive`.

    Balancing draws rare values more often; where every combination is taken once, nothing is
    drawn.
    """

    code: ClassVar[str] = "C507"
    says: ClassVar[str] = "`balance` has no meaning where everything is enumerated"
    first_says: ClassVar[str] = "every combination is taken"
    types: ClassVar[str] = "remove `balance`, or replace `exhaustive` by `sample 100_000`"
    wrong: ClassVar[str] = _file("exhaustive", "balance partial")
    right: ClassVar[str] = _file("sample 10_000", "balance partial")


@rule
class BalanceFamily(Told):
    """A whole family is balanced at once.

    The tuple of all its elements has too many values to be balanced by accident; what is
    meant is said element by element.
    """

    code: ClassVar[str] = "C508"
    says: ClassVar[str] = "`{name}` is a family: which element is to be balanced?"
    types: ClassVar[str] = "write the index: `balance {example}`"
    wrong: ClassVar[str] = drawn(
        "sample 100", "balance carry", "interchange carry[0]", "split heldout 100%", algorithm=CARRY
    )
    right: ClassVar[str] = drawn(
        "sample 100",
        "balance carry[0]",
        "interchange carry[0]",
        "split heldout 100%",
        algorithm=CARRY,
    )
    name: str
    example: str


@rule
class BalanceEndless(Told):
    """A variable is balanced whose values cannot be listed."""

    code: ClassVar[str] = "C509"
    says: ClassVar[str] = "`{name}` has {problem} and cannot be balanced"
    types: ClassVar[str] = "balance a variable with few values"
    wrong: ClassVar[str] = drawn(
        "sample 100", "balance a", "interchange same", "split heldout 100%", algorithm=REALS
    )
    right: ClassVar[str] = drawn(
        "sample 100", "balance same", "interchange same", "split heldout 100%", algorithm=REALS
    )
    name: str
    problem: str


@rule
class BalanceAfter(Told):
    """`balance v after line` names something that the line does not change.

    It makes the algorithm's output uniform as it is after that interchange, so `v` is an
    output that depends on what the line sets.
    """

    code: ClassVar[str] = "C510"
    says: ClassVar[str] = "`{name}` {problem}"
    types: ClassVar[str] = "balance an output that the interchange can change: {outputs}"
    wrong: ClassVar[str] = _file("sample 100", "interchange x as moved", "balance y after moved")
    right: ClassVar[str] = _file(
        "sample 100", "interchange x as moved", "balance large after moved"
    )
    name: str
    problem: str
    outputs: str


@rule
class UnknownFilter(Misspelt):
    """A filter of examples is named that does not exist.

    `keep solved` keeps the examples whose base and sources the network answers rightly;
    any other condition is written `keep where ...`.
    """

    code: ClassVar[str] = "C511"
    says: ClassVar[str] = "unknown filter `{name}`"
    types: ClassVar[str] = "write `keep solved`, or a condition: `keep where source.v != base.v`"
    wrong: ClassVar[str] = _file("sample 100", "keep sovled")
    right: ClassVar[str] = _file("sample 100", "keep solved")


@rule
class UnknownInput(Misspelt):
    """Something other than an input stands where an input is wanted.

    `source changes only x` keeps all other inputs of the source as they are in the base;
    `split ... by x` deals the values of one input to the splits. Both speak of inputs: what
    is computed from them follows.
    """

    code: ClassVar[str] = "C512"
    says: ClassVar[str] = "`{name}` is not an input"
    types: ClassVar[str] = "name one of the inputs: {inputs}"
    wrong: ClassVar[str] = _file("sample 100", "source changes only partial")
    right: ClassVar[str] = _file("sample 100", "source changes only x")
    inputs: str


@rule
class SharesSum(Told):
    """The shares of a split do not add up to 100 %."""

    code: ClassVar[str] = "C513"
    says: ClassVar[str] = "the shares add up to {total} %"
    types: ClassVar[str] = "{change}"
    wrong: ClassVar[str] = drawn(
        "sample 100", "interchange partial", "split train 70%, heldout 20%"
    )
    right: ClassVar[str] = drawn(
        "sample 100", "interchange partial", "split train 70%, heldout 30%"
    )
    total: str
    change: str


@rule
class SplitTwice(Told):
    """Two shares of a split have one name."""

    code: ClassVar[str] = "C514"
    says: ClassVar[str] = "split `{name}` stands twice"
    types: ClassVar[str] = "add the two shares up, or name the second differently"
    wrong: ClassVar[str] = drawn(
        "sample 100", "interchange partial", "split heldout 50%, heldout 50%"
    )
    right: ClassVar[str] = drawn(
        "sample 100", "interchange partial", "split train 50%, heldout 50%"
    )
    name: str


@rule
class EmptySplit(Told):
    """A split would be without examples.

    Its share is zero, or too small for even one of the examples or inputs there are.
    """

    code: ClassVar[str] = "C515"
    says: ClassVar[str] = "split `{name}` would be empty"
    beside: ClassVar[str] = "{reason}"
    types: ClassVar[str] = "give it a larger share, or remove it"
    wrong: ClassVar[str] = drawn(
        "sample 100", "interchange partial", "split train 0%, heldout 100%"
    )
    right: ClassVar[str] = drawn(
        "sample 100", "interchange partial", "split train 50%, heldout 50%"
    )
    name: str
    reason: str


@rule
class UnknownSplit(Misspelt):
    """A split is named that does not exist.

    Bases are fitted on `train`, a search chooses on `select`, and `heldout` judges; the names
    carry these meanings, so there are no others. An expectation can only name a split that
    the file has.
    """

    code: ClassVar[str] = "C516"
    says: ClassVar[str] = "unknown split `{name}`"
    types: ClassVar[str] = "the splits are {splits}"
    wrong: ClassVar[str] = drawn("sample 100", "interchange partial", "split test 100%")
    right: ClassVar[str] = drawn("sample 100", "interchange partial", "split heldout 100%")
    splits: str


@rule
class InputsRepeat(Told):
    """Inputs may stand in several splits.

    Splits are dealt by example. Where inputs are few, one input is then the base of an
    example in `train` and of another in `heldout`; `by input` keeps them apart.
    """

    code: ClassVar[str] = "C517"
    severity: ClassVar[Severity] = "note"
    says: ClassVar[str] = "inputs may stand in several splits: they are dealt by example"
    types: ClassVar[str] = "write `by input` to keep every input in one split"
    wrong: ClassVar[str] = drawn(
        "sample 100", "interchange partial", "split train 50%, heldout 50%"
    )
    right: ClassVar[str] = drawn(
        "sample 100", "interchange partial", "split train 50%, heldout 50% by input"
    )


@rule
class NeverHolds(Told):
    """A condition on examples is false whatever is drawn, so that none is left."""

    code: ClassVar[str] = "C518"
    says: ClassVar[str] = "no example meets this condition"
    beside: ClassVar[str] = "never true"
    first_says: ClassVar[str] = "together with this"
    types: ClassVar[str] = "remove the condition, or correct it"
    wrong: ClassVar[str] = _file("exhaustive", "keep where base.x > source.x and base.x == 0")
    right: ClassVar[str] = _file("exhaustive", "keep where base.x > source.x")


@rule
class SizeOfReals(Told):
    """More is asked of real inputs than whether two of them are equal.

    Chance never makes two real vectors equal, so they are drawn by their equality patterns:
    which of them are equal is drawn first, the numbers afterwards. A mechanism or a condition
    can depend on that alone. What depends on sizes takes integers: `input x : 0..99`.
    """

    code: ClassVar[str] = "C519"
    says: ClassVar[str] = "`{asked}` asks more of real numbers than whether they are equal"
    types: ClassVar[str] = "compare two inputs by `==`, or declare integers, such as `0..99`"
    wrong: ClassVar[str] = drawn(
        "sample 100",
        "interchange same",
        algorithm=REALS.replace("real[2]", "real").replace("a == b", "a > b"),
    )
    right: ClassVar[str] = drawn("sample 100", "interchange same", algorithm=REALS)
    asked: str
