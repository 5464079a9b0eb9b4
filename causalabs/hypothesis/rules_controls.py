"""Rules about what a control can be asked for (C645)."""

from __future__ import annotations

from typing import ClassVar

from causalabs.algorithm.rules import Told
from causalabs.diagnostics import rule
from causalabs.hypothesis.rules_file import EXPECTED, WHOLE


@rule
class NoMeaning(Told):
    """A metric is asked for under a control that leaves it nothing to measure.

    `chance` is one answer and has no scores. Under `chance` and `left_alone` nothing is
    interchanged, so nothing can be screened off. Under `whole_site` no two variables of one
    interchange can be written at one site, and no value can be set.
    """

    code: ClassVar[str] = "C645"
    says: ClassVar[str] = "`{text}` has no meaning under `{control}`"
    beside: ClassVar[str] = "{reason}"
    types: ClassVar[str] = "{change}"
    wrong: ClassVar[str] = WHOLE + EXPECTED + "report mass of partial on heldout under chance\n"
    right: ClassVar[str] = WHOLE + EXPECTED + "report mass of partial on heldout under left_alone\n"
    text: str
    control: str
    reason: str
    change: str
