"""Rules about circuits (C7xx)."""

from __future__ import annotations

from typing import ClassVar

from causalabs.algorithm.rules import Misspelt, Told
from causalabs.diagnostics import Severity, rule
from causalabs.hypothesis.rules_network import TEXT, TRANSFORMER, wired


def circuit(*wires: str, title: str = "claimed(ablate = resample)") -> str:
    """A file with a transformer of two layers of four heads and a circuit."""
    inside = "".join(f"  {wire}\n" for wire in wires)
    return wired(*TEXT, call=TRANSFORMER) + f"circuit {title} {{\n{inside}}}\n"


def discovery(methods: str) -> str:
    """A file with a transformer and a circuit that is searched for."""
    return wired(*TEXT, call=TRANSFORMER) + f"circuit found(ablate = resample) by {methods}\n"


PATH = ("embedding -> head 0.1.v", "head 0.1  -> output")


@rule
class UnknownMethod(Misspelt):
    """A circuit is to be found by a method that is not registered."""

    code: ClassVar[str] = "C702"
    says: ClassVar[str] = "unknown method `{name}`"
    types: ClassVar[str] = "there are {known}"
    wrong: ClassVar[str] = discovery("adcd(threshold = 0.1)")
    right: ClassVar[str] = discovery("acdc(threshold = 0.1)")
    known: str


@rule
class UnknownNode(Misspelt):
    """An edge names neither a component of the network nor a group of the circuit.

    `input` and `output` are nodes of every circuit; a group is `movers = head 9.9, head 9.6`.
    """

    code: ClassVar[str] = "C703"
    says: ClassVar[str] = "unknown node `{name}`"
    types: ClassVar[str] = "there are {known}"
    wrong: ClassVar[str] = circuit("embeding -> head 0.1.v", "head 0.1 -> output")
    right: ClassVar[str] = circuit(*PATH)
    known: str


@rule
class EdgeBackwards(Told):
    """An edge leads to what is computed no later than where it comes from."""

    code: ClassVar[str] = "C704"
    says: ClassVar[str] = "`{reader}` cannot read `{writer}`, which is not computed before it"
    types: ClassVar[str] = "turn the edge round, or drop it"
    wrong: ClassVar[str] = circuit(*PATH, "head 1.0 -> head 0.1.v")
    right: ClassVar[str] = circuit(*PATH, "head 0.1 -> head 1.0.v")
    writer: str
    reader: str


@rule
class EdgeTwice(Told):
    """A circuit has one edge twice."""

    code: ClassVar[str] = "C705"
    severity: ClassVar[Severity] = "warning"
    says: ClassVar[str] = "`{writer} -> {reader}` is there twice"
    first_says: ClassVar[str] = "here before"
    types: ClassVar[str] = "drop one of the two"
    wrong: ClassVar[str] = circuit(*PATH, "head 0.1 -> output")
    right: ClassVar[str] = circuit(*PATH)
    writer: str
    reader: str


@rule
class EmptyCircuit(Told):
    """A circuit has no edge."""

    code: ClassVar[str] = "C706"
    says: ClassVar[str] = "`{name}` has no edge"
    types: ClassVar[str] = "add one, as in `embedding -> output`, or find them: `by acdc(...)`"
    wrong: ClassVar[str] = circuit()
    right: ClassVar[str] = circuit(*PATH)
    name: str


@rule
class EdgeEnd(Told):
    """A node cannot stand on this side of an edge.

    `output` writes nothing, `input` reads nothing; a head reads by its q, k and v and writes
    as a whole.
    """

    code: ClassVar[str] = "C707"
    says: ClassVar[str] = "`{node}` cannot {verb}"
    types: ClassVar[str] = "{instead}"
    wrong: ClassVar[str] = circuit("output -> head 0.1.v", "head 0.1 -> output")
    right: ClassVar[str] = circuit(*PATH)
    node: str
    verb: str
    instead: str


@rule
class GroupTwice(Told):
    """A group of nodes is defined twice, or is called like a component."""

    code: ClassVar[str] = "C708"
    says: ClassVar[str] = "`{name}` already is {what}"
    types: ClassVar[str] = "choose another name"
    wrong: ClassVar[str] = circuit("mlp = head 0.1, head 0.2", "embedding -> output")
    right: ClassVar[str] = circuit(
        "movers = head 0.1, head 0.2", "embedding -> movers", "movers -> output"
    )
    name: str
    what: str


@rule
class NotANode(Told):
    """A circuit names a place that is no node of its graph.

    Nodes are what writes a term into the residual stream or reads it: heads, MLPs, what is
    embedded, the output. The residual stream itself is the sum that edges lead through.
    """

    code: ClassVar[str] = "C709"
    says: ClassVar[str] = "`{node}` is no node of a circuit"
    types: ClassVar[str] = "name what writes or reads there: heads, `mlp`, `embedding`, `output`"
    wrong: ClassVar[str] = circuit("residual 0 -> head 1.0.v", "head 1.0 -> output")
    right: ClassVar[str] = circuit("embedding -> head 1.0.v", "head 1.0 -> output")
    node: str


@rule
class DeadCircuit(Told):
    """No path of a circuit's edges leads from what is embedded to the output.

    Such a circuit cannot tell one input from another, and says nothing that could be wrong.
    """

    code: ClassVar[str] = "C710"
    says: ClassVar[str] = "`{name}` does not reach the output"
    beside: ClassVar[str] = "no path from `input` to `output`"
    types: ClassVar[str] = "add the edges that lead on, as in `head 0.1 -> output`"
    wrong: ClassVar[str] = circuit("embedding -> head 0.1.v", "head 1.0 -> output")
    right: ClassVar[str] = circuit(*PATH)
    name: str


@rule
class OneSize(Told):
    """A method must be told where to stop: at a threshold, or at a number of edges."""

    code: ClassVar[str] = "C711"
    says: ClassVar[str] = "`{name}` is given {problem}"
    types: ClassVar[str] = "write `threshold = 0.01` or `edges = 100`"
    wrong: ClassVar[str] = discovery("eap(threshold = 0.1, edges = 100)")
    right: ClassVar[str] = discovery("eap(edges = 100)")
    name: str
    problem: str


SAMPLED = """counterfactuals {
  sample 100
  split train 50%, heldout 50%
}
"""


@rule
class OtherAblation(Told):
    """Two circuits are compared that were made under different ablations.

    Which edges a network needs depends on what the others carry: tracr's `reverse` needs 11
    edges when they carry nothing and 2 when they carry another input's values. A truth of one
    kind is none of the other.
    """

    code: ClassVar[str] = "C712"
    severity: ClassVar[Severity] = "warning"
    says: ClassVar[str] = "`{name}` ablates by `{ablation}` and `{other}` by `{instead}`"
    types: ClassVar[str] = "compare circuits of one ablation"
    wrong: ClassVar[str] = (
        circuit(*PATH, title="claimed(ablate = zero)")
        + "circuit found(ablate = resample) by acdc(threshold = 0.1)\n"
        + SAMPLED
        + "expect recall of found against claimed >= 0.9\n"
    )
    right: ClassVar[str] = wrong.replace("zero", "resample")
    name: str
    ablation: str
    other: str
    instead: str


@rule
class MeaninglessMetric(Told):
    """A metric means nothing for the outputs of this network.

    A compiled program ends in one-hot codes and not in logarithms of probabilities: the
    divergence between two of them says how they are scaled, not what they answer.
    """

    code: ClassVar[str] = "C713"
    says: ClassVar[str] = "`{metric}` of one-hot outputs means nothing"
    beside: ClassVar[str] = "`{network}` has no probabilities"
    types: ClassVar[str] = "use `logit_difference`, or `distance` in a method"
    wrong: ClassVar[str] = (
        circuit(*PATH).replace(TRANSFORMER, 'tracr("reverse.safetensors")')
        + SAMPLED
        + "expect kl of claimed <= 0.1 on heldout\n"
    )
    right: ClassVar[str] = wrong.replace("kl of claimed <= 0.1", "faithfulness of claimed >= 0.9")
    metric: str
    network: str


@rule
class NoRanking(Told):
    """A metric needs edges in order of importance, which a circuit that is written has not."""

    code: ClassVar[str] = "C714"
    says: ClassVar[str] = "`{metric}` needs a ranking of edges, and `{name}` is written"
    types: ClassVar[str] = "ask it of a circuit that is found: `circuit found by eap_ig(...)`"
    wrong: ClassVar[str] = circuit(*PATH) + SAMPLED + "expect cpr of claimed >= 0.9 on heldout\n"
    right: ClassVar[str] = (
        discovery("eap(edges = 10)") + SAMPLED + "expect cpr of found >= 0.9 on heldout\n"
    )
    metric: str
    name: str


@rule
class JudgedOnSearched(Told):
    """A circuit is judged on the data that it was found on.

    Edges are kept because they matter on those very examples; on others they may not. A search
    reads `select` if there is one, else `train`, and is judged on `heldout`.
    """

    code: ClassVar[str] = "C715"
    says: ClassVar[str] = "`{name}` is found on `{split}` and judged on it"
    first_says: ClassVar[str] = "found here"
    types: ClassVar[str] = "write `on heldout`"
    wrong: ClassVar[str] = (
        discovery("eap(edges = 10)") + SAMPLED + "expect faithfulness of found >= 0.9 on train\n"
    )
    right: ClassVar[str] = wrong.replace("on train", "on heldout")
    name: str
    split: str


@rule
class NothingToSearch(Told):
    """A circuit is searched for and there is no split to search on."""

    code: ClassVar[str] = "C716"
    says: ClassVar[str] = "`{name}` is searched for and there is no split `select` or `train`"
    types: ClassVar[str] = "write `split train 50%, heldout 50%`"
    wrong: ClassVar[str] = (
        discovery("eap(edges = 10)")
        + SAMPLED.replace("train 50%, heldout 50%", "heldout 100%")
        + "expect faithfulness of found >= 0.9 on heldout\n"
    )
    right: ClassVar[str] = wrong.replace("heldout 100%", "train 50%, heldout 50%")
    name: str


@rule
class CircuitTwice(Told):
    """Two circuits of a file have one name."""

    code: ClassVar[str] = "C717"
    says: ClassVar[str] = "circuit `{name}` is there twice"
    first_says: ClassVar[str] = "here before"
    types: ClassVar[str] = "choose another name for one of the two"
    wrong: ClassVar[str] = circuit(*PATH) + "circuit claimed by eap(edges = 10)\n"
    right: ClassVar[str] = circuit(*PATH) + "circuit found by eap(edges = 10)\n"
    name: str
