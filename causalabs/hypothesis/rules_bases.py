"""Rules about bases that need a file, or a control (C424 to C429)."""

from __future__ import annotations

from typing import ClassVar

from causalabs.algorithm.rules import Told
from causalabs.diagnostics import rule
from causalabs.hypothesis.rules_file import EXPECTED, WHOLE
from causalabs.hypothesis.rules_sites import aligned_mlp

REVNET = WHOLE.replace("hidden 0", "hidden 0 in 4 revnet(blocks = 10, hidden = 16) dims")


@rule
class BasisFile(Told):
    """A file that a basis is read from is not there; paths are relative to the hypothesis file."""

    code: ClassVar[str] = "C424"
    says: ClassVar[str] = "`{path}` {problem}"
    types: ClassVar[str] = "name a safetensors file{or_folder}, from the folder of the hypothesis"
    wrong: ClassVar[str] = aligned_mlp('partial -> hidden 0 in 2 fixed("nowhere.safetensors") dims')
    right: ClassVar[str] = aligned_mlp("partial -> hidden 0 in 2 learned dims")
    path: str
    problem: str
    or_folder: str


@rule
class NonlinearControl(Told):
    """What a nonlinear basis reaches is judged, and nowhere what it reaches `under untrained`.

    A map that is powerful enough aligns an algorithm with nearly any network, one that never
    learnt the task included (Sutter et al. 2025, arXiv 2507.08802): a number alone says
    nothing. Expecting or reporting the same under `untrained` says how much of it is the map's.
    """

    code: ClassVar[str] = "C425"
    says: ClassVar[str] = "`{name}` in `{basis}` dims is judged without `untrained`"
    beside: ClassVar[str] = "a nonlinear basis can align an untrained network too"
    types: ClassVar[str] = "add `report {metric} on {split} under untrained`"
    wrong: ClassVar[str] = REVNET + EXPECTED + "expect iia <= 0.9 on heldout under random_basis\n"
    right: ClassVar[str] = REVNET + EXPECTED + "report iia on heldout under untrained\n"
    name: str
    basis: str
    metric: str
    split: str
