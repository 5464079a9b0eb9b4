"""Rules about alignments: which variable lives in which dims of which site (C40x-C42x)."""

from __future__ import annotations

from typing import ClassVar

from causalabs.algorithm.rules import Misspelt, Told
from causalabs.diagnostics import rule
from causalabs.hypothesis.rules_feed import GRU, STEPS
from causalabs.hypothesis.rules_network import ADDER, FED, wired
from causalabs.hypothesis.rules_sites import CARRY, aligned, aligned_mlp

PAIR = (
    "algorithm {\n  input  a, b, c, d : 0..5\n  var    left  : bool = a == b\n"
    "  var    right : bool = c == d\n  output same  : bool = left == right\n}\n"
)
CLOCK = (
    "algorithm {\n  input  x, y  : mod 5\n  var    total : mod 5 = x + y\n"
    "  output zero  : mod 5 = total + x\n}\n"
)
BLOCK = "alignment {name}{{\n  partial -> hidden 0 in dims 0..7\n}}\n"
RIVALS = ADDER.replace("algorithm", "algorithm one") + ADDER.replace("algorithm", "algorithm two")


def pair(*places: str) -> str:
    """A file with two variables to align, in an mlp of 16 neurons a layer."""
    return wired("feed a, b, c, d", "read same", algorithm=PAIR, alignment="\n  ".join(places))


def clock(basis: str) -> str:
    """A file whose variable counts modulo 5."""
    return wired(
        "feed x, y", "read zero", algorithm=CLOCK, alignment=f"total -> hidden 0 in {basis}"
    )


def blocks(*names: str, algorithm: str = ADDER) -> str:
    """A file with an alignment for each name."""
    written = "".join(BLOCK.format(name=f"{name} " if name else "") for name in names)
    return wired(*FED, algorithm=algorithm) + written


@rule
class NamelessAlignment(Told):
    """Of several alignments of one algorithm each needs a name, to be measured `in` it."""

    code: ClassVar[str] = "C402"
    says: ClassVar[str] = "this alignment has no name, and there are {count}"
    types: ClassVar[str] = "write `alignment NAME {{`"
    wrong: ClassVar[str] = blocks("", "there")
    right: ClassVar[str] = blocks("here", "there")
    count: int


@rule
class UnknownAligned(Misspelt):
    """An alignment is of an algorithm that the file does not have."""

    code: ClassVar[str] = "C403"
    says: ClassVar[str] = "unknown algorithm `{name}`"
    types: ClassVar[str] = "{known}"
    wrong: ClassVar[str] = blocks("of onee", algorithm=RIVALS)
    right: ClassVar[str] = blocks("of one", algorithm=RIVALS)
    known: str


@rule
class AlignmentOf(Told):
    """With several algorithms an alignment says whose variables it aligns."""

    code: ClassVar[str] = "C404"
    says: ClassVar[str] = "this alignment does not say of which algorithm it is"
    types: ClassVar[str] = "write `alignment of {example} {{`"
    wrong: ClassVar[str] = blocks("", algorithm=RIVALS)
    right: ClassVar[str] = blocks("of one", algorithm=RIVALS)
    example: str


@rule
class UnknownVariable(Misspelt):
    """An alignment names a variable that its algorithm does not have."""

    code: ClassVar[str] = "C405"
    says: ClassVar[str] = "unknown variable `{name}`"
    types: ClassVar[str] = "{known}"
    wrong: ClassVar[str] = aligned_mlp("partail -> hidden 0 in 8 learned dims")
    right: ClassVar[str] = aligned_mlp("partial -> hidden 0 in 8 learned dims")
    known: str


@rule
class AlignedOutput(Told):
    """An output is aligned.

    Outputs are read, not interchanged (SEMANTICS I3): a variable that carries the same value
    can be aligned instead.
    """

    code: ClassVar[str] = "C406"
    says: ClassVar[str] = "`{name}` is an output and cannot be aligned"
    types: ClassVar[str] = "align a `var`, or add one that the output copies"
    wrong: ClassVar[str] = aligned_mlp("large -> hidden 0 in 8 learned dims")
    right: ClassVar[str] = aligned_mlp("partial -> hidden 0 in 8 learned dims")
    name: str


@rule
class AlignedTwice(Told):
    """A variable has two homes in one alignment.

    Several sites that are written jointly stand in one line, parted by commas; alternatives
    are two alignments.
    """

    code: ClassVar[str] = "C407"
    says: ClassVar[str] = "`{name}` is aligned twice"
    first_says: ClassVar[str] = "aligned here before"
    types: ClassVar[str] = "write its sites in one line, or the second in another alignment"
    wrong: ClassVar[str] = aligned_mlp("partial -> hidden 0\n  partial -> hidden 1")
    right: ClassVar[str] = aligned_mlp("partial -> hidden 0, hidden 1")
    name: str


@rule
class SiteTwice(Told):
    """One line writes one site twice, or a family's elements all live in the same dims."""

    code: ClassVar[str] = "C408"
    says: ClassVar[str] = "{problem}"
    types: ClassVar[str] = "{instead}"
    wrong: ClassVar[str] = wired(
        *STEPS, call=GRU, algorithm=CARRY, alignment="pair[i in 0..2] -> state at step 0"
    )
    right: ClassVar[str] = wired(
        *STEPS, call=GRU, algorithm=CARRY, alignment="pair[i in 0..2] -> state at step i"
    )
    problem: str
    instead: str


@rule
class UnknownBasis(Misspelt):
    """A basis is not registered; `learned` and `fourier(frequencies = [...])` run."""

    code: ClassVar[str] = "C410"
    says: ClassVar[str] = "unknown basis `{name}`"
    types: ClassVar[str] = "there are {known}"
    wrong: ClassVar[str] = aligned_mlp("partial -> hidden 0 in 8 lerned dims")
    right: ClassVar[str] = aligned_mlp("partial -> hidden 0 in 8 learned dims")
    known: str


@rule
class BasisCount(Told):
    """A basis is given one number of dims, above 0, before its name."""

    code: ClassVar[str] = "C411"
    says: ClassVar[str] = "`{basis}` {problem}"
    types: ClassVar[str] = "write the number of dims, as in `in 8 {basis} dims`"
    wrong: ClassVar[str] = aligned_mlp("partial -> hidden 0 in learned dims")
    right: ClassVar[str] = aligned_mlp("partial -> hidden 0 in 8 learned dims")
    basis: str
    problem: str


@rule
class TooManyDims(Told):
    """More dims are asked of a site than it has.

    Variables that share a site share one rotation of it and take disjoint blocks (SEMANTICS
    S6), so that their dims add up.
    """

    code: ClassVar[str] = "C412"
    says: ClassVar[str] = "`{site}` has {width} dims, {asked} are asked for"
    beside: ClassVar[str] = "{sum}"
    types: ClassVar[str] = "ask for {width} or fewer in all: {sum} is too many"
    wrong: ClassVar[str] = pair(
        "left -> hidden 0 in 10 learned dims", "right -> hidden 0 in 10 learned dims"
    )
    right: ClassVar[str] = pair(
        "left -> hidden 0 in 8 learned dims", "right -> hidden 0 in 8 learned dims"
    )
    site: str
    width: int
    asked: int
    sum: str


@rule
class DimsOutside(Told):
    """Neurons are named that the site does not have; they count from 0."""

    code: ClassVar[str] = "C413"
    says: ClassVar[str] = "`{site}` has no dim {dim}"
    types: ClassVar[str] = "its dims are `0..{last}`"
    wrong: ClassVar[str] = aligned_mlp("partial -> hidden 0 in dims 8..16")
    right: ClassVar[str] = aligned_mlp("partial -> hidden 0 in dims 8..15")
    site: str
    dim: int
    last: int


@rule
class DimsOverlap(Told):
    """Two variables name the same neurons: writing one would overwrite the other."""

    code: ClassVar[str] = "C414"
    says: ClassVar[str] = "`{name}` and `{other}` share dim {dim} of `{site}`"
    first_says: ClassVar[str] = "`{other}` lives here"
    types: ClassVar[str] = "give each variable dims of its own"
    wrong: ClassVar[str] = pair("left -> hidden 0 in dims 0..8", "right -> hidden 0 in dims 8..15")
    right: ClassVar[str] = pair("left -> hidden 0 in dims 0..7", "right -> hidden 0 in dims 8..15")
    name: str
    other: str
    dim: int
    site: str


@rule
class SharedWhole(Told):
    """Two variables live at one site, and one of them takes all of it."""

    code: ClassVar[str] = "C415"
    says: ClassVar[str] = "`{name}` and `{other}` share `{site}`, and one takes all of it"
    first_says: ClassVar[str] = "`{other}` lives here"
    types: ClassVar[str] = "give both a part of it, as in `in {half} learned dims`"
    wrong: ClassVar[str] = pair("left -> hidden 0", "right -> hidden 0")
    right: ClassVar[str] = pair("left -> hidden 0", "right -> hidden 1")
    name: str
    other: str
    site: str
    half: int


@rule
class ChoicesDiffer(Told):
    """Two variables share sites, so that they are searched together, over the same choices."""

    code: ClassVar[str] = "C416"
    says: ClassVar[str] = "`{name}` and `{other}` share `{site}` but search different places"
    first_says: ClassVar[str] = "`{other}` searches here"
    types: ClassVar[str] = "write the same range for both, or put one in another alignment"
    wrong: ClassVar[str] = pair(
        "left  -> hidden 0..1 in 4 learned dims", "right -> hidden 0 in 4 learned dims"
    )
    right: ClassVar[str] = pair(
        "left  -> hidden 0..1 in 4 learned dims", "right -> hidden 0..1 in 4 learned dims"
    )
    name: str
    other: str
    site: str


@rule
class BasesDiffer(Told):
    """Two variables share a site in different bases: their dims need not be disjoint."""

    code: ClassVar[str] = "C417"
    says: ClassVar[str] = "`{name}` and `{other}` share `{site}` in different bases"
    first_says: ClassVar[str] = "`{other}` lives here"
    types: ClassVar[str] = "write one basis for both, or put one in another alignment"
    wrong: ClassVar[str] = pair(
        "left  -> hidden 0 in 4 learned dims", "right -> hidden 0 in dims 8..15"
    )
    right: ClassVar[str] = pair("left  -> hidden 0 in dims 0..7", "right -> hidden 0 in dims 8..15")
    name: str
    other: str
    site: str


@rule
class FromWidth(Told):
    """A value is read at one site and written at another of another width.

    Both are seen in the same coordinates (SEMANTICS S5), so they must be equally wide.
    """

    code: ClassVar[str] = "C418"
    says: ClassVar[str] = "`{origin}` has {has} dims, `{site}` has {wants}"
    types: ClassVar[str] = "read from a site with {wants} dims"
    wrong: ClassVar[str] = aligned("partial -> residual 1 at last from head 0.0.v at last")
    right: ClassVar[str] = aligned("partial -> residual 1 at last from residual 0 at last")
    origin: str
    has: int
    site: str
    wants: int


@rule
class FromCount(Told):
    """A line reads at one site, or at as many as it writes."""

    code: ClassVar[str] = "C419"
    says: ClassVar[str] = "`{name}` is read at {reads} sites and written at {writes}"
    types: ClassVar[str] = "read one site, or as many as are written"
    wrong: ClassVar[str] = aligned("partial -> residual 1 at last from head {0.1, 0.2} at last")
    right: ClassVar[str] = aligned("partial -> residual 1 at last from residual 0 at last")
    name: str
    writes: int
    reads: int


@rule
class FourierCount(Told):
    """Each frequency is a plane: a fourier basis has two dims for each."""

    code: ClassVar[str] = "C420"
    says: ClassVar[str] = "`{basis}` has {wanted} dims, not {count}"
    types: ClassVar[str] = "write `in {wanted} fourier(...) dims`"
    wrong: ClassVar[str] = clock("3 fourier(frequencies = [1]) dims")
    right: ClassVar[str] = clock("2 fourier(frequencies = [1]) dims")
    basis: str
    wanted: int
    count: int


@rule
class FourierFrequency(Told):
    """A frequency is named twice, or is higher than half of the variable's values can show.

    Values on a circle of n turn k times as they turn n - k times the other way.
    """

    code: ClassVar[str] = "C421"
    says: ClassVar[str] = "frequency {frequency} {problem}"
    types: ClassVar[str] = "use different frequencies from 1 to {most}"
    wrong: ClassVar[str] = clock("2 fourier(frequencies = [4]) dims")
    right: ClassVar[str] = clock("2 fourier(frequencies = [2]) dims")
    frequency: int
    problem: str
    most: int


@rule
class FourierVariable(Told):
    """A fourier basis is for what can lie on a circle: cyclic, `mod n` or integers."""

    code: ClassVar[str] = "C422"
    says: ClassVar[str] = "`{name}` has no circle for a fourier basis"
    types: ClassVar[str] = "write `in 2 learned dims`, or declare `{name}` as `mod n` or cyclic"
    wrong: ClassVar[str] = pair("left -> hidden 0 in 2 fourier(frequencies = [1]) dims")
    right: ClassVar[str] = clock("2 fourier(frequencies = [1]) dims")
    name: str


@rule
class EmptyAlignment(Told):
    """An alignment has no line, so that nothing can be interchanged in it."""

    code: ClassVar[str] = "C423"
    says: ClassVar[str] = "this alignment aligns nothing"
    types: ClassVar[str] = "add a line, as in `{example}`"
    wrong: ClassVar[str] = wired(*FED) + "alignment {\n}\n"
    right: ClassVar[str] = blocks("")
    example: str
