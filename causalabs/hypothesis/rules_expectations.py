"""Rules about what is expected and reported (C62x to C64x)."""

from __future__ import annotations

from typing import ClassVar

from causalabs.algorithm.rules import Misspelt, Told
from causalabs.diagnostics import Label, Severity, Span, rule
from causalabs.hypothesis.rules_drawing import ADDER, CARRY, drawn
from causalabs.hypothesis.rules_file import HELD, LEARNED, WHOLE

NAMED = WHOLE.replace(
    "interchange partial",
    "interchange partial as up where source.x > base.x\n"
    "  interchange partial as down where source.x < base.x",
)
TWO_PLACES = (
    ADDER
    + "network mlp(hidden = [8, 8]) {\n  feed x, y\n  read large\n}\n"
    + "alignment early {\n  partial -> hidden 0\n}\nalignment late {\n  partial -> hidden 1\n}\n"
    + HELD
)
TWO_CARRIES = drawn(
    "exhaustive", "interchange carry[i in 0..1]", "split heldout 100%", algorithm=CARRY
)
UNTRAINED = "report iia on heldout under untrained\n"


@rule
class UnknownMetric(Misspelt):
    """A metric is named that does not exist.

    `accuracy` is how often the network is right, `iia` how often network and algorithm agree
    after the same interchange.
    """

    code: ClassVar[str] = "C620"
    says: ClassVar[str] = "unknown metric `{name}`"
    types: ClassVar[str] = "the metrics are {metrics}"
    wrong: ClassVar[str] = WHOLE + "expect ia >= 0.9 on heldout\n"
    right: ClassVar[str] = WHOLE + "expect iia >= 0.9 on heldout\n"
    metrics: str


@rule
class WrongQualifier(Told):
    """A metric is given something that it does not take, or lacks something that it needs.

    `accuracy` speaks of the network as it stands and takes no interchange; `precision` and
    `recall` compare two circuits and take `against`, and no split.
    """

    code: ClassVar[str] = "C621"
    says: ClassVar[str] = "`{metric}` {problem}"
    types: ClassVar[str] = "write `{usage}`"
    wrong: ClassVar[str] = WHOLE + "expect accuracy of partial >= 0.9 on heldout\n"
    right: ClassVar[str] = WHOLE + "expect accuracy >= 0.9 on heldout\n"
    metric: str
    problem: str
    usage: str


@rule
class UnknownSubject(Misspelt):
    """A metric is asked of a name that is nothing in this file.

    After `of` stand interchanged variables, or the name of an interchange, of an algorithm or
    of a circuit.
    """

    code: ClassVar[str] = "C622"
    says: ClassVar[str] = "unknown name `{name}` after `of`"
    types: ClassVar[str] = "{options}"
    wrong: ClassVar[str] = WHOLE + "expect iia of partail >= 0.9 on heldout\n"
    right: ClassVar[str] = WHOLE + "expect iia of partial >= 0.9 on heldout\n"
    options: str


@rule
class NoSuchLine(Told):
    """No interchange sets exactly the variables that a metric is asked of.

    `iia of a, b` is the line `interchange a, b`, which is another experiment than
    `interchange a` and `interchange b`.
    """

    code: ClassVar[str] = "C623"
    says: ClassVar[str] = "no line interchanges exactly {variables}"
    types: ClassVar[str] = "{change}"
    wrong: ClassVar[str] = WHOLE + "expect iia of x, y >= 0.9 on heldout\n"
    right: ClassVar[str] = WHOLE + "expect iia of partial >= 0.9 on heldout\n"
    variables: str
    change: str


@rule
class SeveralLines(Told):
    """Several lines interchange exactly the variables that a metric is asked of."""

    code: ClassVar[str] = "C624"
    says: ClassVar[str] = "{count} lines interchange {variables}"
    first_says: ClassVar[str] = "one of them"
    types: ClassVar[str] = "{change}"
    wrong: ClassVar[str] = NAMED + "expect iia of partial >= 0.9 on heldout\n"
    right: ClassVar[str] = NAMED + "expect iia of up >= 0.9 on heldout\n"
    count: str
    variables: str
    change: str


@rule
class WhichAlignment(Told):
    """It is open which alignment, or whose algorithm, a metric is asked of."""

    code: ClassVar[str] = "C625"
    says: ClassVar[str] = "`{text}` could be measured in {options}"
    types: ClassVar[str] = "write `{example}`"
    wrong: ClassVar[str] = TWO_PLACES + "expect iia of partial >= 0.9 on heldout\n"
    right: ClassVar[str] = TWO_PLACES + "expect iia of partial in early >= 0.9 on heldout\n"
    text: str
    options: str
    example: str


@rule
class UnknownAlignment(Misspelt):
    """`in NAME` does not name an alignment."""

    code: ClassVar[str] = "C626"
    says: ClassVar[str] = "unknown alignment `{name}`"
    types: ClassVar[str] = "{options}"
    wrong: ClassVar[str] = TWO_PLACES + "expect iia of partial in erly >= 0.9 on heldout\n"
    right: ClassVar[str] = TWO_PLACES + "expect iia of partial in early >= 0.9 on heldout\n"
    options: str


@rule
class NotPlaced(Told):
    """An alignment does not place a variable that a metric would interchange in it."""

    code: ClassVar[str] = "C627"
    says: ClassVar[str] = "{alignment} places {variables}"
    types: ClassVar[str] = "add the place, or name a line whose variables are all aligned there"
    wrong: ClassVar[str] = (
        TWO_PLACES.replace("partial -> hidden 1", "x -> hidden 1")
        + "expect iia of partial in late >= 0.9 on heldout\n"
    )
    right: ClassVar[str] = TWO_PLACES + "expect iia of partial in late >= 0.9 on heldout\n"
    alignment: str
    variables: str


@rule
class NoIndex(Told):
    """An index that runs over the interchanged elements of a family finds none.

    `iia of carry[i]` is one expectation for each `carry[0]`, `carry[1]`, ... that has a line
    of its own; in a difference, for each that both sides have.
    """

    code: ClassVar[str] = "C628"
    says: ClassVar[str] = "no line interchanges an element of {families}"
    types: ClassVar[str] = "add `interchange {example}`"
    wrong: ClassVar[str] = (
        drawn("exhaustive", "interchange a[0]", "split heldout 100%", algorithm=CARRY)
        + "expect iia of carry[i] >= 0.9 on heldout\n"
    )
    right: ClassVar[str] = TWO_CARRIES + "expect iia of carry[i] >= 0.9 on heldout\n"
    families: str
    example: str


@rule
class UnknownControl(Misspelt):
    """A control is named that does not exist."""

    code: ClassVar[str] = "C629"
    says: ClassVar[str] = "unknown control `{name}`"
    types: ClassVar[str] = "the controls are {controls}"
    wrong: ClassVar[str] = WHOLE + "expect iia <= 0.9 on heldout under untrainde\n"
    right: ClassVar[str] = WHOLE + "expect iia <= 0.9 on heldout under untrained\n"
    controls: str


@rule
class IdleControl(Told):
    """A control changes nothing in what is measured.

    `random_basis` replaces a fitted basis, `random_sites` takes other layers, heads, steps or
    tokens, and `shuffled_sources` other sources: where there is none of these, the control is
    the measurement itself.
    """

    code: ClassVar[str] = "C630"
    says: ClassVar[str] = "`{control}` changes nothing about `{text}`"
    beside: ClassVar[str] = "{reason}"
    types: ClassVar[str] = "{change}"
    wrong: ClassVar[str] = WHOLE + "expect iia <= 0.9 on heldout under random_basis\n"
    right: ClassVar[str] = WHOLE + "expect iia <= 0.9 on heldout under untrained\n"
    control: str
    text: str
    reason: str
    change: str


@rule
class WhichSplit(Told):
    """A line does not say on which split it is measured, and there are several to choose from.

    Without `on`, the one split that neither fits nor chooses is meant: `heldout`.
    """

    code: ClassVar[str] = "C631"
    says: ClassVar[str] = "`{text}` on which split?"
    types: ClassVar[str] = "write `on {split}`, or deal a share to `heldout`"
    wrong: ClassVar[str] = WHOLE.replace("heldout", "select") + "expect iia >= 0.9\n"
    right: ClassVar[str] = WHOLE + "expect iia >= 0.9\n"
    text: str
    split: str


@rule
class JudgedOnFitted(Told):
    """A measurement is judged on the data that fitted or chose what it measures.

    A learned basis fits its own training data better than anything else, and the best of
    several places looks best on the data it was chosen by. Neither says how it would do on
    other data, which is what is claimed.
    """

    code: ClassVar[str] = "C632"
    says: ClassVar[str] = "`{text}` is judged on `{split}`, which {verb} `{name}`"
    beside: ClassVar[str] = "judged here"
    types: ClassVar[str] = "write `on heldout`"
    wrong: ClassVar[str] = LEARNED + "expect iia >= 0.9 on train\n" + UNTRAINED
    right: ClassVar[str] = LEARNED + "expect iia >= 0.9 on heldout\n" + UNTRAINED
    text: str
    split: str
    verb: str
    name: str
    aligned: Span
    dealt: Span

    def related(self) -> tuple[Label, ...]:
        """The line that is fitted or searched, and the split."""
        what = "fitted" if self.verb == "fits" else "searched"
        return (
            Label(self.aligned, f"{what} on `{self.split}`"),
            Label(self.dealt, f"`{self.split}` is drawn here"),
        )


@rule
class CannotBeMet(Told):
    """No measurement can meet a bound, because the metric never has such a value."""

    code: ClassVar[str] = "C633"
    says: ClassVar[str] = "nothing can meet `{comparison} {bound}`"
    beside: ClassVar[str] = "{text} lies in {low} to {high}"
    types: ClassVar[str] = "write a bound between {low} and {high}"
    wrong: ClassVar[str] = WHOLE + "expect iia >= 1.2 on heldout\n"
    right: ClassVar[str] = WHOLE + "expect iia >= 0.9 on heldout\n"
    comparison: str
    bound: str
    text: str
    low: str
    high: str


@rule
class AlwaysMet(Told):
    """Every measurement meets a bound. A claim that cannot fail is no claim."""

    code: ClassVar[str] = "C634"
    says: ClassVar[str] = "everything meets `{comparison} {bound}`"
    beside: ClassVar[str] = "{text} lies in {low} to {high}"
    types: ClassVar[str] = "write a bound between {low} and {high}, or use `report`"
    wrong: ClassVar[str] = WHOLE + "expect iia >= 0 on heldout\n"
    right: ClassVar[str] = WHOLE + "expect iia >= 0.9 on heldout\n"
    comparison: str
    bound: str
    text: str
    low: str
    high: str


@rule
class NotABound(Told):
    """An expectation compares with `==` or `!=`.

    Expectations are judged on an interval, and an interval never lies wholly on one number.
    """

    code: ClassVar[str] = "C635"
    says: ClassVar[str] = "`{comparison}` is not a bound"
    types: ClassVar[str] = "use `>=` or `<=`"
    wrong: ClassVar[str] = WHOLE + "expect iia == 0.9 on heldout\n"
    right: ClassVar[str] = WHOLE + "expect iia >= 0.9 on heldout\n"
    comparison: str


@rule
class SameExpectation(Told):
    """An expectation or a report stands twice."""

    code: ClassVar[str] = "C636"
    severity: ClassVar[Severity] = "warning"
    says: ClassVar[str] = "`{text}` stands twice"
    types: ClassVar[str] = "remove one of the two"
    wrong: ClassVar[str] = WHOLE + "expect iia >= 0.9 on heldout\n" * 2
    right: ClassVar[str] = WHOLE + "expect iia >= 0.9 on heldout\n"
    text: str


@rule
class NothingInterchanged(Told):
    """A metric of interchanges is asked for and no line interchanges anything there."""

    code: ClassVar[str] = "C637"
    says: ClassVar[str] = "`{text}`: {problem}"
    types: ClassVar[str] = "add an `interchange` line to the counterfactuals"
    wrong: ClassVar[str] = (
        WHOLE.replace("  interchange partial\n", "") + "expect iia >= 0.9 on heldout\n"
    )
    right: ClassVar[str] = WHOLE + "expect iia >= 0.9 on heldout\n"
    text: str
    problem: str


@rule
class FloorAboveBound(Told):
    """A control must do worse than what knowing nothing achieves.

    A network that always gives one answer, or that gives the base's answer whatever is
    written into it, agrees with the algorithm on a known share of examples. A `<=` bound
    below that share fails however dead the control is.
    """

    code: ClassVar[str] = "C640"
    severity: ClassVar[Severity] = "warning"
    says: ClassVar[str] = "`{text}` cannot be expected below {floor}"
    beside: ClassVar[str] = "{reason} {reaches} {floor}"
    types: ClassVar[str] = "write a bound above {floor}"
    hopeless: ClassVar[str] = "keep only examples whose answer the interchange changes"
    wrong: ClassVar[str] = WHOLE + "expect iia of partial <= 0.20 on heldout under untrained\n"
    right: ClassVar[str] = WHOLE + "expect iia of partial <= 0.70 on heldout under untrained\n"
    text: str
    floor: str
    reason: str
    reaches: str

    def help(self) -> str:
        """What to type."""
        return self.hopeless if self.floor.endswith("1.00") else super().help()


@rule
class FreeBound(Told):
    """A bound is met without the network doing anything that was claimed.

    Leaving the output as it is in the base, or always giving one answer, agrees with the
    algorithm on at least as many examples as the bound asks for. Balancing, or keeping only
    examples whose answer changes, makes the claim one that can fail. A line that changes its
    variable and never the answer claims just that, and is exempt.
    """

    code: ClassVar[str] = "C641"
    severity: ClassVar[Severity] = "warning"
    says: ClassVar[str] = "`{text}` reaches {floor} for nothing"
    beside: ClassVar[str] = "{reason} reaches {floor}"
    types: ClassVar[str] = "write a bound above {floor}, or keep only examples that tell them apart"
    wrong: ClassVar[str] = WHOLE + "expect iia of partial >= 0.40 on heldout\n"
    right: ClassVar[str] = WHOLE + "expect iia of partial >= 0.90 on heldout\n"
    text: str
    floor: str
    reason: str


@rule
class UnknownAxis(Misspelt):
    """`report ... over AXIS` names something that cannot be varied."""

    code: ClassVar[str] = "C642"
    says: ClassVar[str] = "unknown axis `{name}`"
    types: ClassVar[str] = "the axes are {axes}"
    wrong: ClassVar[str] = WHOLE + "report iia over leyer 0..2 on heldout\n"
    right: ClassVar[str] = WHOLE + "report iia over layer 0..2 on heldout\n"
    axes: str
