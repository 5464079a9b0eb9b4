"""Rules about replacements (C72x)."""

from __future__ import annotations

from typing import ClassVar

from causalabs.algorithm.rules import Told
from causalabs.diagnostics import Severity, rule
from causalabs.hypothesis.rules_circuit import SAMPLED
from causalabs.hypothesis.rules_network import TEXT, TRANSFORMER, wired

MEASURED = "expect loss_recovered >= 0.8 on heldout\n"


def replacing(*lines: str, asked: str = MEASURED, drawn: str = SAMPLED) -> str:
    """A file with a transformer of two layers of four heads and replacements."""
    said = "".join(f"{line}\n" for line in lines)
    return wired(*TEXT, call=TRANSFORMER) + said + drawn + asked


@rule
class ReplacedBy(Told):
    """A component is to be replaced by what gives no value to put in its place.

    That is a function, `by python("module:function")`, which is given what the component reads
    and returns what it writes; or a variable of the algorithm, whose every value is given the
    mean of what the component writes with it.
    """

    code: ClassVar[str] = "C720"
    says: ClassVar[str] = "nothing can be replaced by `{name}`"
    beside: ClassVar[str] = "{reason}"
    types: ClassVar[str] = 'write `by python("module:function")`, or `by` a variable'
    wrong: ClassVar[str] = replacing("replace head 0.1 by huggingface(0)")
    right: ClassVar[str] = replacing("replace head 0.1 by partial")
    name: str
    reason: str


@rule
class NotReplaced(Told):
    """What is to be replaced is no one component that reads something and writes something.

    A head, the attention or the MLP of a layer, a whole block (`residual L`), a layer of an
    `mlp`. Several are several replacements; each is measured by itself.
    """

    code: ClassVar[str] = "C721"
    says: ClassVar[str] = "`{site}` cannot be replaced"
    beside: ClassVar[str] = "{reason}"
    types: ClassVar[str] = "{change}"
    wrong: ClassVar[str] = replacing("replace head 0.1.q by partial")
    right: ClassVar[str] = replacing("replace head 0.1 by partial")
    site: str
    reason: str
    change: str


@rule
class SeveralUnnamed(Told):
    """A file has several replacements and one without a name: no line could speak of it."""

    code: ClassVar[str] = "C722"
    says: ClassVar[str] = "one of {count} replacements has no name"
    types: ClassVar[str] = "write `{text} as NAME`"
    wrong: ClassVar[str] = replacing(
        "replace head 0.1 by partial as sum", "replace mlp 0 by partial",
        asked="expect loss_recovered of sum >= 0.8 on heldout\n",
    )  # fmt: skip
    right: ClassVar[str] = replacing(
        "replace head 0.1 by partial as sum", "replace mlp 0 by partial as also",
        asked="expect loss_recovered of sum - loss_recovered of also >= 0.1 on heldout\n",
    )  # fmt: skip
    count: str
    text: str


@rule
class ReplacedOnTrain(Told):
    """A replacement is judged on the data that its means were taken on."""

    code: ClassVar[str] = "C723"
    says: ClassVar[str] = "`{name}` is fitted on `train` and judged on it"
    first_says: ClassVar[str] = "fitted here"
    types: ClassVar[str] = "write `on heldout`"
    wrong: ClassVar[str] = replacing(
        "replace head 0.1 by partial", asked=MEASURED.replace("heldout", "train")
    )
    right: ClassVar[str] = replacing("replace head 0.1 by partial")
    name: str


@rule
class NoMeans(Told):
    """A replacement is measured and there is no split `train`.

    What it is set beside, the component's mean and the n-gram, comes from data, and so does the
    decoder of a variable: from other data than it is judged on.
    """

    code: ClassVar[str] = "C724"
    says: ClassVar[str] = "`{name}` is set beside means and there is no split `train`"
    types: ClassVar[str] = "write `split train 50%, heldout 50%`"
    wrong: ClassVar[str] = replacing(
        "replace head 0.1 by partial",
        drawn=SAMPLED.replace("train 50%, heldout 50%", "heldout 100%"),
    )
    right: ClassVar[str] = replacing("replace head 0.1 by partial")
    name: str


@rule
class NeverMeasured(Told):
    """A replacement is stated and nothing is measured of it."""

    code: ClassVar[str] = "C725"
    severity: ClassVar[Severity] = "warning"
    says: ClassVar[str] = "nothing is measured of `{name}`"
    types: ClassVar[str] = "add `report loss_recovered of {name} on heldout`"
    wrong: ClassVar[str] = replacing(
        "replace head 0.1 by partial", asked="expect accuracy >= 0.9 on heldout\n"
    )
    right: ClassVar[str] = replacing("replace head 0.1 by partial")
    name: str
