"""Rules about `network compiled(...)` (C322, C323)."""

from __future__ import annotations

from typing import ClassVar

from causalabs.algorithm.rules import Misspelt, Told
from causalabs.diagnostics import rule
from causalabs.hypothesis.rules_network import ADDER, FED, wired

NAMED = ADDER.replace("algorithm", "algorithm add")
LARGE = (
    "algorithm {\n  input  x, y : 0..99\n  var    both : 0..9_999 = 100 * x + y\n"
    "  output large : bool = both > 100\n}\n"
)


@rule
class UnknownCompiled(Misspelt):
    """`compiled` names no algorithm of the file."""

    code: ClassVar[str] = "C322"
    says: ClassVar[str] = "unknown algorithm `{name}`"
    types: ClassVar[str] = "{known}"
    wrong: ClassVar[str] = wired(*FED, call="compiled(addd)", algorithm=NAMED)
    right: ClassVar[str] = wired(*FED, call="compiled(add, dims = 18)", algorithm=NAMED)
    known: str = ""


@rule
class CannotCompile(Told):
    """An algorithm is compiled as tables: a unit for each assignment of a variable's parents.

    Inputs may be real vectors that are compared with one another; all that is computed has a
    finite list of values, and no variable has thousands of assignments of its parents.
    """

    code: ClassVar[str] = "C323"
    says: ClassVar[str] = "this network cannot be compiled: {problem}"
    types: ClassVar[str] = "{remedy}"
    wrong: ClassVar[str] = wired(*FED, call="compiled()", algorithm=LARGE)
    right: ClassVar[str] = wired(*FED, call="compiled(dims = 18)")
    problem: str
    remedy: str
