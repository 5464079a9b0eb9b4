"""The networks that a file's procedure is tried on: what is compiled, and from which algorithm.

Half of them implement the algorithm that the file claims. The others give the same outputs by
other means: by a rival of the file, by an automatic one where small edits make one with the same
outputs, and by a table from inputs to outputs with no variable in between.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from causalabs.algorithm.homes import HomelessError, Layout, homes_from, lay_out
from causalabs.algorithm.model import Algorithm
from causalabs.errors import RunError
from causalabs.hypothesis.model import Alignment, Hypothesis
from causalabs.power.look_up import looked_up
from causalabs.power.truth import implements_after_all

SPARE = 8
"""Fewest distractors of a network."""


@dataclass(frozen=True)
class Means:
    """A way to give the answers: `kind` says which, `algorithm` is compiled."""

    kind: str
    algorithm: Algorithm
    implements: bool
    about: str = ""


@dataclass(frozen=True)
class Case:
    """One network to be tried: compiled from `means`, its variables from `layer` on."""

    number: int
    means: Means
    layer: int
    layout: Layout


def claimed(hypothesis: Hypothesis) -> Algorithm:
    """The algorithm that the file expects a high IIA of; the first where it expects none."""
    for expectation in hypothesis.expectations:
        for term in expectation.quantity.terms:
            high = expectation.comparison in (">=", ">") and term.sign == 1
            if term.metric == "iia" and high and not term.control.name:
                return hypothesis.algorithm_named(_algorithm_of(hypothesis, term.alignment))
    return hypothesis.algorithms[0]


def _algorithm_of(hypothesis: Hypothesis, alignment: str) -> str:
    return hypothesis.alignment_named(alignment).algorithm


def other_means(hypothesis: Hypothesis, right: Algorithm) -> Iterator[Means]:
    """Ways to the same answers that are not the claimed one."""
    from causalabs.rivals.wrong import wrong_algorithm

    for rival in hypothesis.algorithms:
        if rival.name != right.name:
            yield Means(f"rival {rival.name}", rival, implements=False)
    alignment = next((a for a in hypothesis.alignments if a.algorithm == right.name), None)
    if len(hypothesis.algorithms) == 1 and alignment is not None:
        wrong = wrong_algorithm(hypothesis, alignment.name)
        if wrong is not None and wrong.agrees == 1:
            yield Means("automatic rival", wrong.algorithm, implements=False, about=wrong.sentence)
    yield Means("look-up table", looked_up(right), implements=False)


def choices_of(alignment: Alignment) -> int:
    """Most places that a variable of an alignment is searched at."""
    return max((len(space.labels) for space in alignment.spaces), default=1)


def cases(
    hypothesis: Hypothesis,
    networks: int,
    *,
    layers: int,
    width: int | None,
    dims: int | None = None,
) -> tuple[list[Case], tuple[str, ...]]:
    """`networks` that implement the claim, then as many that do not, and what was left out.

    Variables take `dims`, or as many as the file counts. Where the file searches layers, they lie
    at each of them in turn. `RunError` where
    there is no network that does not implement the claim.
    """
    right = claimed(hypothesis)
    places = max((choices_of(each) for each in hypothesis.alignments), default=1)
    first = int(moves_inputs(hypothesis))
    sizes = given_dims(hypothesis) if dims is None else dims
    bare = max(
        laid(hypothesis, right, layer, layers, sizes).width
        for layer in range(first, first + places)
    )
    width = max(width or 2 * bare, bare + SPARE)  # the same for all: width tells nothing
    found = []
    for number in range(networks):
        layer = first + number % places
        means = Means(f"algorithm {right.name}", right, implements=True)
        found.append(
            Case(number, means, layer, layout(hypothesis, right, layer, layers, sizes, width))
        )
    others, refused = [], []
    for each in other_means(hypothesis, right):
        try:
            placed = layout(hypothesis, each.algorithm, 0, layers, sizes, width)
        except RunError as error:
            refused.append(f"{each.kind}: {error.message}")
            continue
        why = implements_after_all(hypothesis, right, each.algorithm, placed)
        if why:
            refused.append(f"{each.kind}: {why}")
        else:
            others.append((each, placed))
    if not others:
        raise RunError(
            "no network can be built that gives the answers by other means: " + "; ".join(refused),
            "add a rival algorithm to the file: the same outputs by other variables",
        )
    for number in range(networks):
        means, placed = others[number % len(others)]
        found.append(Case(number, means, 0, placed))
    return found, tuple(f"not tried, {each}" for each in refused)


def moves_inputs(hypothesis: Hypothesis) -> bool:
    """Whether an input is aligned: it must then stand at a layer before what it is for."""
    return any(
        hypothesis.algorithm_named(each.algorithm)[name].role == "input"
        for each in hypothesis.alignments
        for name in each.variables
    )


def layout(
    hypothesis: Hypothesis,
    algorithm: Algorithm,
    layer: int,
    layers: int,
    dims: int | Mapping[str, int],
    width: int,
) -> Layout:
    """Where variables live in a network of this width."""
    room = width - laid(hypothesis, algorithm, layer, layers, dims).width
    return laid(hypothesis, algorithm, layer, layers, dims, max(SPARE, room))


def laid(
    hypothesis: Hypothesis,
    algorithm: Algorithm,
    layer: int,
    layers: int,
    dims: int | Mapping[str, int],
    distractors: int = 0,
) -> Layout:
    """The same by the number of distractors; of `layers`, or more where the algorithm needs them.

    Variables that `dims` does not name take as many as the most of those that it does.
    """
    outputs = tuple(read.output for read in hypothesis.network.reads)
    if not isinstance(dims, int):
        most = max(dims.values(), default=SPARE)
        dims = {**{v.name: most for v in algorithm.variables}, **dims}
    inner = [
        home for name, home in homes_from(algorithm, layer).items() if algorithm[name].role == "var"
    ]
    try:
        return lay_out(
            algorithm,
            outputs=outputs,
            dims=dims,
            layer=layer,
            layers=max([layers, layer + 1, *(home + 1 for home in inner)]),
            distractors=distractors,
        )
    except HomelessError as error:
        help = error.help.replace("`dims = ", "`--dims ")
        raise RunError(f"`{algorithm.name}` cannot be compiled: {error.message}", help) from error


def given_dims(hypothesis: Hypothesis) -> dict[str, int]:
    """Dims of each aligned variable, as far as the file counts them."""
    found: dict[str, int] = {}
    for alignment in hypothesis.alignments:
        for member in (m for space in alignment.spaces for m in space.members if m.block):
            found[member.variable] = max(found.get(member.variable, 0), len(member.block))
    return found
