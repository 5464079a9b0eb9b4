"""Rules about several algorithms in one file, and what tells them apart (C643)."""

from __future__ import annotations

from typing import ClassVar

from causalabs.algorithm.rules import Told
from causalabs.diagnostics import Severity, rule
from causalabs.hypothesis.rules_drawing import ADDER
from causalabs.hypothesis.rules_file import WIRED

TWICE = (
    ADDER.replace("algorithm", "algorithm one")
    + ADDER.replace("algorithm", "algorithm other").replace("partial", "added")
    + WIRED.replace("alignment", "alignment of one")
    + "alignment of other {\n  added -> hidden 0\n}\n"
    + "counterfactuals {\n  sample 100\n  interchange one.partial\n  interchange other.added\n"
    + "  split train 50%, heldout 50%\n}\nexpect iia of one >= 0.9 on heldout\n"
)


@rule
class RivalsAlike(Told):
    """A file's counterfactuals cannot tell two of its algorithms apart.

    Whatever is interchanged in one, the other has variables whose interchange gives the same
    answers: a network that computes either passes the lines of both. `causalabs distinguish`
    says which moves these are, and looks for an interchange that would tell them apart.
    """

    code: ClassVar[str] = "C643"
    severity: ClassVar[Severity] = "warning"
    says: ClassVar[str] = "no interchange here tells `{one}` from `{other}`"
    beside: ClassVar[str] = "each can answer as the other does on {seen} examples"
    types: ClassVar[str] = (
        "interchange what only one of them computes: `causalabs distinguish FILE` looks for it"
    )
    wrong: ClassVar[str] = TWICE
    right: ClassVar[str] = TWICE.replace("added : 0..18 = x + y", "added : 0..9 = y").replace(
        "added > 9", "x + added > 9"
    )
    one: str
    other: str
    seen: str
