"""Rules about sites: components, layers, heads, positions (C43x-C45x)."""

from __future__ import annotations

from typing import ClassVar

from causalabs.algorithm.rules import Misspelt, Told
from causalabs.diagnostics import rule
from causalabs.hypothesis.rules_feed import GRU, STEPS
from causalabs.hypothesis.rules_network import FED, TEXT, TRANSFORMER, wired


def aligned(place: str) -> str:
    """A file with a transformer and one line of an alignment."""
    return wired(*TEXT, call=TRANSFORMER, alignment=place)


def aligned_mlp(place: str) -> str:
    """A file with an mlp and one line of an alignment."""
    return wired(*FED, alignment=place)


CARRY = (
    "algorithm {\n  input  a[3], b[3] : bool\n"
    "  var    pair[i in 0..2] : bool = a[i] and b[i]\n"
    "  output both[i in 0..2] : bool = pair[i]\n}\n"
)


def aligned_gru(place: str) -> str:
    """A file with a gru and one line of an alignment."""
    return wired(*STEPS, call=GRU, algorithm=CARRY, alignment=place)


@rule
class UnknownComponent(Misspelt):
    """A site's component does not exist in this kind of network.

    An mlp has `hidden i` and `logits`; a transformer `embedding`, `residual i`,
    `attention i`, `mlp i`, `head i.j` and `logits`; a gru `state at step i` and `logits`.
    """

    code: ClassVar[str] = "C430"
    says: ClassVar[str] = "unknown component `{name}`"
    types: ClassVar[str] = "{network} has {known}"
    wrong: ClassVar[str] = aligned_mlp("partial -> hiden 0 in 8 learned dims")
    right: ClassVar[str] = aligned_mlp("partial -> hidden 0 in 8 learned dims")
    network: str
    known: str


@rule
class LayerOutside(Told):
    """A layer lies beyond the network's last; layers count from 0."""

    code: ClassVar[str] = "C431"
    says: ClassVar[str] = "`{component} {layer}` does not exist"
    types: ClassVar[str] = "{network} has {count} layers, counted from 0: the last is {last}"
    wrong: ClassVar[str] = aligned_mlp("partial -> hidden 2 in 8 learned dims")
    right: ClassVar[str] = aligned_mlp("partial -> hidden 1 in 8 learned dims")
    component: str
    layer: int
    network: str
    count: int
    last: int


@rule
class LayerNeeded(Told):
    """A component of every layer needs a layer, one that stands alone takes none."""

    code: ClassVar[str] = "C432"
    says: ClassVar[str] = "{problem}"
    types: ClassVar[str] = "write `{example}`"
    wrong: ClassVar[str] = aligned_mlp("partial -> hidden in 8 learned dims")
    right: ClassVar[str] = aligned_mlp("partial -> hidden 0 in 8 learned dims")
    problem: str
    example: str


@rule
class HeadOutside(Told):
    """A head lies beyond the layer's last; heads count from 0."""

    code: ClassVar[str] = "C433"
    says: ClassVar[str] = "`head {head}` does not exist"
    types: ClassVar[str] = "{network} has {layers} layers of {heads} heads, both counted from 0"
    wrong: ClassVar[str] = aligned("partial -> head 0.4 at last")
    right: ClassVar[str] = aligned("partial -> head 0.3 at last")
    head: str
    network: str
    layers: int
    heads: int


@rule
class UnknownPart(Misspelt):
    """A component has no part of this name; a head has q, k, v and z."""

    code: ClassVar[str] = "C434"
    says: ClassVar[str] = "`{component}` has no part `{name}`"
    types: ClassVar[str] = "its parts are {known}"
    wrong: ClassVar[str] = aligned("partial -> head 0.1.w at last")
    right: ClassVar[str] = aligned("partial -> head 0.1.v at last")
    component: str
    known: str


@rule
class UnknownHead(Misspelt):
    """A head is called by a name that no group of heads has; heads are `layer.head`."""

    code: ClassVar[str] = "C435"
    says: ClassVar[str] = "unknown heads `{name}`"
    types: ClassVar[str] = "write the layer and the head, as in `head 0.1`"
    wrong: ClassVar[str] = aligned("partial -> head movers at last")
    right: ClassVar[str] = aligned("partial -> head {0.1, 0.2} at last")


@rule
class RangeBackwards(Told):
    """A range ends before it begins, or a set names something twice."""

    code: ClassVar[str] = "C436"
    says: ClassVar[str] = "`{text}` {problem}"
    types: ClassVar[str] = "write `{example}`"
    wrong: ClassVar[str] = aligned_mlp("partial -> hidden 1..0 in 8 learned dims")
    right: ClassVar[str] = aligned_mlp("partial -> hidden 0..1 in 8 learned dims")
    text: str
    problem: str
    example: str


@rule
class TooManyChoices(Told):
    """A line searches more places, or writes more sites, than can be tried."""

    code: ClassVar[str] = "C437"
    says: ClassVar[str] = "`{name}` has more than {most:,} places"
    types: ClassVar[str] = "narrow the range"
    wrong: ClassVar[str] = wired(
        'feed "{x} + {y} ="',
        'read large at last as " {large}"',
        call='huggingface("gpt2")',
        alignment="partial -> residual 0..9_999 at last, mlp 0..1 at last",
    )
    right: ClassVar[str] = aligned("partial -> residual 0..1 at last")
    name: str
    most: int


@rule
class PositionNeeded(Told):
    """A site of a network with tokens or steps is at one of them.

    Where a transformer holds a variable is half of the claim: at which token.
    """

    code: ClassVar[str] = "C440"
    says: ClassVar[str] = "`{site}` needs a position"
    types: ClassVar[str] = "write `{site} at {example}`; there are {known}"
    wrong: ClassVar[str] = aligned("partial -> residual 0 in 8 learned dims")
    right: ClassVar[str] = aligned('partial -> residual 0 at "=" in 8 learned dims')
    site: str
    example: str
    known: str


@rule
class PositionRefused(Told):
    """The network has no positions of this sort."""

    code: ClassVar[str] = "C441"
    says: ClassVar[str] = "{network} has no `{position}`"
    types: ClassVar[str] = "{instead}"
    wrong: ClassVar[str] = aligned_mlp("partial -> hidden 0 at last in 8 learned dims")
    right: ClassVar[str] = aligned_mlp("partial -> hidden 0 in 8 learned dims")
    network: str
    position: str
    instead: str


@rule
class UnknownPosition(Misspelt):
    """A position is neither a slot of the template nor a position by name."""

    code: ClassVar[str] = "C442"
    says: ClassVar[str] = "unknown position `{name}`"
    types: ClassVar[str] = "there are {known}"
    wrong: ClassVar[str] = aligned("partial -> residual 0 at lst")
    right: ClassVar[str] = aligned("partial -> residual 0 at last")
    known: str


@rule
class PositionOutside(Told):
    """A token or step lies beyond the last; both count from 0."""

    code: ClassVar[str] = "C443"
    says: ClassVar[str] = "`{position}` does not exist"
    types: ClassVar[str] = "{problem}"
    wrong: ClassVar[str] = aligned("partial -> residual 0 at index 4")
    right: ClassVar[str] = aligned("partial -> residual 0 at index 3")
    position: str
    problem: str


@rule
class TextNotOnce(Told):
    """A literal position occurs in each prompt exactly once, as a token.

    Tokens of a built-in transformer are the words of the template, parted by spaces.
    """

    code: ClassVar[str] = "C444"
    says: ClassVar[str] = '"{text}" {problem}'
    types: ClassVar[str] = "{instead}"
    wrong: ClassVar[str] = aligned('partial -> residual 0 at "-"')
    right: ClassVar[str] = aligned('partial -> residual 0 at "+"')
    text: str
    problem: str
    instead: str


@rule
class SlotNotOnce(Told):
    """A slot is missing from a template, or stands in it twice."""

    code: ClassVar[str] = "C445"
    says: ClassVar[str] = "`{name}` {problem}"
    types: ClassVar[str] = "{instead}"
    wrong: ClassVar[str] = wired('feed any of "{x} + {y}", "add {y} and {x} to {x}"',
                                 "read large at last", call=TRANSFORMER,
                                 alignment="partial -> residual 0 at x")  # fmt: skip
    right: ClassVar[str] = aligned("partial -> residual 0 at x")
    name: str
    problem: str
    instead: str


@rule
class PickedIndex(Told):
    """The index of a picked slot is an integer variable that stays inside the family.

    `at symbol[pointer]` is evaluated in the base and in the source separately.
    """

    code: ClassVar[str] = "C446"
    says: ClassVar[str] = "`{text}` {problem}"
    types: ClassVar[str] = "index by an integer variable with values {known}"
    wrong: ClassVar[str] = wired(
        'feed "{a[0]} {a[1]} {a[2]} {b}"',
        "read c at last",
        call=TRANSFORMER,
        algorithm="algorithm {\n  input  a[3] : bool\n  input  b : 0..5\n"
        "  var    v : bool = a[0]\n  output c : bool = v or b > a_count(a[1], a[2])\n\n"
        "  def a_count(x, y) = count(x, y)\n}\n",
        alignment="v -> residual 0 at a[b]",
    )
    right: ClassVar[str] = wired(
        'feed "{a[0]} {a[1]} {a[2]} {b}"',
        "read c at last",
        call=TRANSFORMER,
        algorithm="algorithm {\n  input  a[3] : bool\n  input  b : 0..2\n"
        "  var    v : bool = a[0]\n  output c : bool = v or b > a_count(a[1], a[2])\n\n"
        "  def a_count(x, y) = count(x, y)\n}\n",
        alignment="v -> residual 0 at a[b]",
    )
    text: str
    problem: str
    known: str
