"""Whether a network that was made not to implement an algorithm does so all the same."""

from __future__ import annotations

from dataclasses import replace

from causalabs.algorithm.homes import Layout
from causalabs.algorithm.model import Algorithm
from causalabs.hypothesis.model import Hypothesis
from causalabs.rivals.compare import against
from causalabs.rivals.gathering import Rival
from causalabs.rivals.rows import Sheet


def implements_after_all(
    hypothesis: Hypothesis, right: Algorithm, other: Algorithm, placed: Layout
) -> str:
    """Why a network compiled from `other` implements `right` too; "" where nothing says so."""
    if stands_in(hypothesis, right, placed):
        return "it holds inputs from which an aligned variable could be taken"
    if mimics(hypothesis, right, other):
        return f"it can answer every interchange of `{right.name}` by one of its own"
    return ""


def stands_in(hypothesis: Hypothesis, right: Algorithm, placed: Layout) -> bool:
    """Whether all inputs that an aligned variable is made from stand at one layer, untouched.

    Then a part of them can be taken for the variable, and a network that was to lack it has it:
    exchanging a - b of two vectors is exchanging a == b.
    """
    aligned = [a for a in hypothesis.alignments if a.algorithm == right.name]
    computed = {
        name for each in aligned for name in each.variables if right[name].mechanism is not None
    }
    held = [{slot.variable for slot in slots} for slots in placed.layers]
    made = [inputs for name in computed if (inputs := inputs_of(right, name))]
    return any(inputs <= there for inputs in made for there in held)


def inputs_of(algorithm: Algorithm, name: str) -> frozenset[str]:
    """Inputs that a variable is made from."""
    found, stack = set(), [name]
    while stack:
        variable = algorithm[stack.pop()]
        if variable.mechanism is None:
            found.add(variable.name)
        stack.extend(variable.parents)
    return frozenset(found)


def mimics(hypothesis: Hypothesis, right: Algorithm, other: Algorithm) -> bool:
    """Whether every interchange of `right` is answered alike by some move of `other`."""
    drawing = replace(hypothesis.counterfactuals, solved=False)
    home = replace(hypothesis, counterfactuals=drawing)
    if other not in home.algorithms:
        other = replace(other, name=f"{other.name} (rival)")
        home = replace(home, algorithms=(*home.algorithms, other))
    outputs = tuple(read.output for read in hypothesis.network.reads)
    lines = tuple(
        line for line in drawing.lines if line.algorithm == right.name and line.sources > 0
    )
    mine = Rival(right.name, right, home, lines, True)
    theirs = Rival(other.name, other, home, (), True)
    sheet = Sheet(home)
    return not any(against(sheet.rows(line), mine, theirs, outputs).apart for line in lines)
