"""What is measured beside a plan's jobs: the battery of controls, and capacity curves.

Nothing of it is judged and the plan's hash does not know of it: a run that left it out is
completed by it later, in the same folder.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from causalabs.hypothesis import registry
from causalabs.hypothesis.model import Alignment, BasisSpec, Hypothesis, Space
from causalabs.hypothesis.terms import drawn, fitted
from causalabs.hypothesis.whole import clash
from causalabs.plans import Job, Plan

BATTERY = (
    "untrained",
    "shuffled_sources",
    "wrong_algorithm",
    "random_basis",
    "whole_site",
    "left_alone",
    "chance",
)
"""Controls beside each fitted alignment; the first three are fitted anew."""

REFITTED = BATTERY[:3]

DEAR = ("huggingface",)
"""Networks of which no untrained twin is made unless a file asks for it."""


@dataclass(frozen=True)
class Extra:
    """A measurement of an alignment's interchanges beside those of the plan.

    `basis` is what its variables are given instead of the file's, and how many dims each;
    None leaves theirs.
    """

    seed: int
    control: str
    alignment: str
    lines: tuple[int, ...]
    splits: tuple[str, ...]
    basis: tuple[BasisSpec, int] | None = None

    @property
    def name(self) -> str:
        """A file name for the outcome, which no job of a plan has."""
        words = [f"beside-seed{self.seed}", self.control or "plain", self.alignment]
        if self.basis is not None:
            words.append(f"{self.basis[0].kind}{self.basis[1]}")
        return "-".join(words)

    @property
    def job(self) -> Job:
        """The procedure as a job."""
        return Job(self.seed, self.control, self.alignment, self.lines, self.splits)


def battery(hypothesis: Hypothesis, plan: Plan) -> tuple[Extra, ...]:
    """The measurements of the whole battery: of each fitted alignment, with none first."""
    found = []
    for job in subjects(hypothesis, plan):
        alignment = hypothesis.alignment_named(job.alignment)
        without = not_run(hypothesis, plan, job)
        for control in ("", *BATTERY):
            if control not in without:
                lines = possible(hypothesis, alignment, job.lines, control)
                splits = judging(job.splits)
                found.append(Extra(job.seed, control, job.alignment, lines, splits))
    return tuple(found)


def subjects(hypothesis: Hypothesis, plan: Plan) -> Iterator[Job]:
    """The plain jobs of alignments that something is fitted in."""
    for job in plan.jobs:
        if not job.alignment or job.control or not job.lines or not judging(job.splits):
            continue
        if any(map(fitted, hypothesis.alignment_named(job.alignment).spaces)):
            yield job


def judging(splits: tuple[str, ...]) -> tuple[str, ...]:
    """The splits that neither fit nor choose."""
    roles = {name: registry.find(registry.SplitRole, name) for name in splits}
    return tuple(name for name, role in roles.items() if role is None or role.use == "judge")


def possible(
    hypothesis: Hypothesis, alignment: Alignment, lines: tuple[int, ...], control: str
) -> tuple[int, ...]:
    """The lines that a control leaves possible."""
    if control != "whole_site":
        return lines
    every = hypothesis.counterfactuals.lines
    return tuple(number for number in lines if not clash(every[number], alignment.spaces))


def not_run(hypothesis: Hypothesis, plan: Plan, job: Job) -> dict[str, str]:
    """Controls of the battery that are left out for an alignment, and why."""
    alignment = hypothesis.alignment_named(job.alignment)
    lines = [hypothesis.counterfactuals.lines[number] for number in job.lines]
    kind, found = hypothesis.network.kind, {}
    asked = {each.control for each in plan.jobs if each.alignment == job.alignment}
    if kind in DEAR and "untrained" not in asked:
        found["untrained"] = (
            "a second set of weights of this size is dear; "
            "`report iia on ... under untrained` asks for it"
        )
    if all(line.sources == 0 for line in lines):
        found["shuffled_sources"] = "nothing is taken from a source"
    if not any(map(drawn, alignment.spaces)):
        found["random_basis"] = "no basis can be drawn"
    if not possible(hypothesis, alignment, job.lines, "whole_site"):
        found["whole_site"] = clash(lines[0], alignment.spaces)
    return found


# ----------------------------------------------------------------------------- curves


def curve(hypothesis: Hypothesis, job: Job, width: int, share: int) -> tuple[Extra, ...]:
    """The points of a capacity curve: each of the network, then of the untrained one.

    `width` is that of the site, `share` how many dims each variable can have of it.
    """
    alignment = hypothesis.alignment_named(job.alignment)
    found = []
    for basis, dims in curve_bases(width, share):
        like = "whole_site" if basis.kind == "whole" else ""
        lines = possible(hypothesis, alignment, job.lines, like)
        for control in ("", "untrained") if lines else ():
            splits = judging(job.splits)
            found.append(Extra(job.seed, control, job.alignment, lines, splits, (basis, dims)))
    return tuple(found)


def curve_bases(width: int, share: int) -> Iterator[tuple[BasisSpec, int]]:
    """Bases and dims by what they can express: neurons, 1, 2, 4, ... dims, whole site, RevNet.

    >>> [(basis.kind, dims) for basis, dims in curve_bases(16, 8)]
    [('masked', 8), ('learned', 1), ('learned', 2), ('learned', 4), ('learned', 8), \
('whole', 16), ('revnet', 8)]
    """
    if share:
        yield BasisSpec("masked", (("penalty", 0.0),)), share
    dims = 1
    while dims <= share:
        yield BasisSpec("learned"), dims
        dims *= 2
    yield BasisSpec("whole"), width
    if share and width > 1:
        yield BasisSpec("revnet", (("blocks", 10), ("hidden", 16))), share


def label(basis: BasisSpec, dims: int) -> str:
    """What a person calls a point of a curve.

    >>> label(BasisSpec("learned"), 1), label(BasisSpec("revnet"), 4)
    ('1 learned dim', '4 RevNet dims')
    """
    many = "dim" if dims == 1 else "dims"
    match basis.kind:
        case "whole":
            return "whole site"
        case "masked":
            return f"up to {dims} neurons" if dims > 1 else "1 neuron"
        case "revnet":
            return f"{dims} RevNet {many}"
        case kind:
            return f"{dims} {kind} {many}"


def in_basis(alignment: Alignment, basis: BasisSpec, dims: int) -> Alignment:
    """The alignment with so many dims of another basis for each variable in its fitted spaces.

    Variables that shared a block share one still.
    """

    def changed(space: Space) -> Space:
        if not fitted(space):
            return space
        blocks = list(dict.fromkeys(member.block for member in space.members))
        members = []
        for member in space.members:
            first = blocks.index(member.block) * dims
            block = () if basis.kind == "whole" else tuple(range(first, first + dims))
            members.append(replace(member, block=block))
        return replace(space, basis=basis, members=tuple(members))

    return replace(alignment, spaces=tuple(map(changed, alignment.spaces)))
