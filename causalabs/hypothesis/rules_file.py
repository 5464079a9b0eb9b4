"""Rules about a file as a whole: its blocks and its seeds (C60x)."""

from __future__ import annotations

from typing import ClassVar

from causalabs.algorithm.rules import Told
from causalabs.diagnostics import Severity, rule
from causalabs.hypothesis.rules_drawing import ADDER

WIRED = (
    "network mlp(hidden = [16]) {\n  feed x, y\n  read large\n  train until accuracy >= 0.9\n}\n"
    "alignment {\n  partial -> hidden 0\n}\n"
)
HELD = "counterfactuals {\n  sample 100\n  interchange partial\n  split train 50%, heldout 50%\n}\n"
WHOLE = ADDER + WIRED + HELD
"""A small complete file but for its expectations; nothing in it is fitted."""
LEARNED = WHOLE.replace("hidden 0", "hidden 0 in 4 learned dims")
EXPECTED = "expect iia >= 0.9 on heldout\n"


@rule
class MissingBlock(Told):
    """A block is missing that a run needs.

    A file without it can be checked as far as it goes, and drawn as a graph, but not planned
    or run: that takes an algorithm, a network and counterfactuals.
    """

    code: ClassVar[str] = "C601"
    severity: ClassVar[Severity] = "warning"
    says: ClassVar[str] = "nothing to run: no {all_blocks}"
    types: ClassVar[str] = "add a block `{block} ... {{ ... }}`"
    wrong: ClassVar[str] = ADDER
    right: ClassVar[str] = WHOLE + EXPECTED
    block: str
    all_blocks: str


@rule
class RepeatedBlock(Told):
    """A block stands twice of which a file has one: `network`, `counterfactuals`, `seeds`."""

    code: ClassVar[str] = "C602"
    says: ClassVar[str] = "a second `{block}`"
    types: ClassVar[str] = "join the two, or make it another file"
    wrong: ClassVar[str] = WHOLE + "seeds 0..2\nseeds 3..4\n" + EXPECTED
    right: ClassVar[str] = WHOLE + "seeds 0..4\n" + EXPECTED
    block: str


@rule
class NothingExpected(Told):
    """A file expects nothing, so that no result could speak against it."""

    code: ClassVar[str] = "C603"
    severity: ClassVar[Severity] = "warning"
    says: ClassVar[str] = "nothing is expected of this hypothesis"
    types: ClassVar[str] = "say what would count, as in `expect iia >= 0.8 on heldout`"
    wrong: ClassVar[str] = WHOLE + "report iia on heldout\n"
    right: ClassVar[str] = WHOLE + EXPECTED


@rule
class BadSeeds(Told):
    """Seeds are repeated, none, too many or too large.

    At most 1,000 seeds are run, each below 2^31. A seed that stands twice would count one
    network twice.
    """

    code: ClassVar[str] = "C604"
    says: ClassVar[str] = "{problem}"
    types: ClassVar[str] = "write each seed once, as in `seeds 0..4`"
    wrong: ClassVar[str] = WHOLE + "seeds {1, 1}\n" + EXPECTED
    right: ClassVar[str] = WHOLE + "seeds {1, 2}\n" + EXPECTED
    problem: str


@rule
class OneSeed(Told):
    """A line speaks of several seeds and the file has one."""

    code: ClassVar[str] = "C605"
    severity: ClassVar[Severity] = "warning"
    says: ClassVar[str] = "`{words}` with one seed"
    types: ClassVar[str] = "add `seeds 0..4`, or remove `{words}`"
    wrong: ClassVar[str] = WHOLE + "expect iia >= 0.9 on heldout in every seed\n"
    right: ClassVar[str] = WHOLE + "seeds 0..4\nexpect iia >= 0.9 on heldout in every seed\n"
    words: str


@rule
class NoTrain(Told):
    """A basis is fitted and there is no split to fit it on."""

    code: ClassVar[str] = "C606"
    says: ClassVar[str] = "`{basis}` is fitted and there is no split `train`"
    first_says: ClassVar[str] = "the splits"
    types: ClassVar[str] = "write `split train 80%, heldout 20%`"
    wrong: ClassVar[str] = (
        LEARNED.replace("train 50%, heldout 50%", "heldout 100%")
        + EXPECTED
        + "report iia on heldout under random_basis\n"
    )
    right: ClassVar[str] = LEARNED + EXPECTED + "report iia on heldout under random_basis\n"
    basis: str


@rule
class NoSelect(Told):
    """A range of places is searched and there is no split to choose on.

    The best of several places on `train` is the one that was fitted best; chosen on `heldout`
    it is the luckiest there. A search needs a split of its own.
    """

    code: ClassVar[str] = "C607"
    says: ClassVar[str] = "`{name}` is searched over {count} and there is no split `select`"
    first_says: ClassVar[str] = "the splits"
    types: ClassVar[str] = "write `split train 60%, select 20%, heldout 20%`"
    wrong: ClassVar[str] = (
        WHOLE.replace("[16]", "[16, 16]").replace("-> hidden 0", "-> hidden 0..1") + EXPECTED
    )
    right: ClassVar[str] = WHOLE + EXPECTED
    name: str
    count: str


@rule
class NoControl(Told):
    """A basis is fitted and no control shows what fitting alone achieves.

    A flexible enough map finds agreement in networks that compute nothing of the kind. Under
    `untrained` or `random_basis` the same procedure must fail.
    """

    code: ClassVar[str] = "C608"
    severity: ClassVar[Severity] = "warning"
    says: ClassVar[str] = "`{basis}` is fitted and the file has no control"
    types: ClassVar[str] = "add `expect {metric} <= ... on {split} under untrained`"
    wrong: ClassVar[str] = LEARNED + EXPECTED
    right: ClassVar[str] = LEARNED + EXPECTED + "report iia on heldout under untrained\n"
    basis: str
    metric: str
    split: str


RIVAL = (
    "algorithm other {\n  input  x, y    : 0..9\n  var    most    : 0..9 = max(x, y)\n"
    "  output large   : bool  = most > 4\n}\n"
)


@rule
class RivalsDiffer(Told):
    """Two algorithms of a file do not answer the same question.

    Rivals are compared on one network with the same examples, so they have the same inputs
    and the same outputs, by name and by domain.
    """

    code: ClassVar[str] = "C609"
    says: ClassVar[str] = "`{name}` and `{other}` have different {what}"
    beside: ClassVar[str] = "{odd} is not the same in both"
    types: ClassVar[str] = "declare the same {what}, or make them two hypotheses"
    wrong: ClassVar[str] = ADDER.replace("algorithm", "algorithm one") + RIVAL.replace(
        "large   : bool  = most > 4", "huge    : bool  = most > 4"
    )
    right: ClassVar[str] = ADDER.replace("algorithm", "algorithm one") + RIVAL
    name: str
    other: str
    what: str
    odd: str
