"""Rules about networks: which there are, their settings, reading and training (C30x-C33x)."""

from __future__ import annotations

from typing import ClassVar

from causalabs.algorithm.rules import Misspelt, Told
from causalabs.diagnostics import rule

ADDER = (
    "algorithm {\n  input  x, y    : 0..9\n  var    partial : 0..18 = x + y\n"
    "  output large   : 0..27 = partial + x\n}\n"
)
MLP = "mlp(hidden = [16, 16])"
TRANSFORMER = "transformer(layers = 2, heads = 4, width = 32)"


def wired(*wiring: str, call: str = MLP, algorithm: str = ADDER, alignment: str = "") -> str:
    """A file of an algorithm, a network and its alignment, for the rules' examples."""
    text = f"{algorithm}network {call} {{\n" + "".join(f"  {line}\n" for line in wiring) + "}\n"
    return text + (f"alignment {{\n  {alignment}\n}}\n" if alignment else "")


FED = ("feed x, y", "read large")
TEXT = ('feed "{x} + {y} ="', "read large at last")


def calling(call: str) -> str:
    """A file whose network is `call`, an mlp or a transformer."""
    return wired(*(TEXT if call.startswith("tr") else FED), call=call)


@rule
class UnknownNetwork(Misspelt):
    """The network is of a kind that is not registered.

    Built in are mlp, transformer and gru; real ones are loaded by huggingface, tracr,
    checkpoint or python; `given()` is handed to `causalabs.run`; `compiled` is an algorithm
    made into weights.
    """

    code: ClassVar[str] = "C301"
    says: ClassVar[str] = "unknown network `{name}`"
    types: ClassVar[str] = "use one of {known}"
    wrong: ClassVar[str] = calling("mpl(hidden = [16])")
    right: ClassVar[str] = calling("mlp(hidden = [16])")
    known: str = ""


@rule
class UnknownSetting(Misspelt):
    """A call is given a setting that it does not take."""

    code: ClassVar[str] = "C302"
    says: ClassVar[str] = "`{call}` has no setting `{name}`"
    types: ClassVar[str] = "{known}"
    wrong: ClassVar[str] = calling("mlp(hiden = [16])")
    right: ClassVar[str] = calling("mlp(hidden = [16])")
    call: str
    known: str = ""


@rule
class MissingSetting(Told):
    """A call lacks a setting that it cannot do without."""

    code: ClassVar[str] = "C303"
    says: ClassVar[str] = "`{call}` needs `{name}`"
    types: ClassVar[str] = "write `{example}`"
    wrong: ClassVar[str] = calling("transformer(layers = 2, heads = 4)")
    right: ClassVar[str] = calling("transformer(layers = 2, heads = 4, width = 32)")
    call: str
    name: str
    example: str


@rule
class SettingType(Told):
    """A setting has a value of another type than it takes."""

    code: ClassVar[str] = "C304"
    says: ClassVar[str] = "`{name}` of `{call}` must be {wanted}"
    types: ClassVar[str] = "write `{example}`"
    wrong: ClassVar[str] = calling("mlp(hidden = 16)")
    right: ClassVar[str] = calling("mlp(hidden = [16])")
    call: str
    name: str
    wanted: str
    example: str


@rule
class SettingRange(Told):
    """A setting lies outside its bounds."""

    code: ClassVar[str] = "C305"
    says: ClassVar[str] = "`{name}` of `{call}` cannot be {value}"
    types: ClassVar[str] = "it takes {bounds}"
    wrong: ClassVar[str] = calling("mlp(hidden = [0])")
    right: ClassVar[str] = calling("mlp(hidden = [16])")
    call: str
    name: str
    value: str
    bounds: str


@rule
class SettingTwice(Told):
    """A setting is given twice, or more values are given than a call has settings."""

    code: ClassVar[str] = "C306"
    says: ClassVar[str] = "`{call}` is given {name} twice"
    types: ClassVar[str] = "keep one of the two"
    wrong: ClassVar[str] = calling("mlp(hidden = [16], hidden = [8])")
    right: ClassVar[str] = calling("mlp(hidden = [16])")
    call: str
    name: str


@rule
class TooManyParameters(Told):
    """A built-in network would have more than 10^8 parameters.

    Built-in networks are trained on the machine that runs the hypothesis.
    """

    code: ClassVar[str] = "C307"
    says: ClassVar[str] = "`{call}` would have {count:,} parameters"
    types: ClassVar[str] = "make it smaller: a network trained here has up to {most:,}"
    wrong: ClassVar[str] = calling("mlp(hidden = [20_000, 20_000])")
    right: ClassVar[str] = calling("mlp(hidden = [200, 200])")
    call: str
    count: int
    most: int


@rule
class HeadsDivide(Told):
    """The width of a transformer does not divide evenly into its heads."""

    code: ClassVar[str] = "C308"
    says: ClassVar[str] = "`width = {width}` does not divide into {heads} heads"
    types: ClassVar[str] = "write `width = {better}`"
    wrong: ClassVar[str] = calling("transformer(layers = 2, heads = 3, width = 32)")
    right: ClassVar[str] = calling("transformer(layers = 2, heads = 4, width = 32)")
    width: int
    heads: int
    better: int


@rule
class WiringTwice(Told):
    """A network has two `feed`, `prefix` or `train` statements of one kind, or reads an
    output twice."""

    code: ClassVar[str] = "C309"
    says: ClassVar[str] = "`{what}` is said twice"
    first_says: ClassVar[str] = "said here before"
    types: ClassVar[str] = "keep one of the two"
    wrong: ClassVar[str] = wired(*FED, "feed y, x")
    right: ClassVar[str] = wired(*FED)
    what: str


@rule
class ReadUnknown(Misspelt):
    """`read` names no variable of the algorithm."""

    code: ClassVar[str] = "C310"
    says: ClassVar[str] = "unknown output `{name}`"
    types: ClassVar[str] = "read one of {known}"
    wrong: ClassVar[str] = wired("feed x, y", "read larg")
    right: ClassVar[str] = wired(*FED)
    known: str = ""


@rule
class ReadNotOutput(Told):
    """`read` names an input or an intermediate variable.

    What the network says is compared with the algorithm's outputs; intermediate variables
    are looked for inside, by an alignment.
    """

    code: ClassVar[str] = "C311"
    says: ClassVar[str] = "`{name}` is not an output"
    types: ClassVar[str] = "read one of {known}, or declare `output {name}`"
    wrong: ClassVar[str] = wired(*FED, "read partial")
    right: ClassVar[str] = wired(*FED)
    name: str
    known: str


@rule
class ReadReal(Told):
    """A real output cannot be read: there is no list of values to score (SEMANTICS A11)."""

    code: ClassVar[str] = "C312"
    says: ClassVar[str] = "`{name}` is real and cannot be read"
    types: ClassVar[str] = "declare an output with finitely many values, such as `bool` or `0..9`"
    wrong: ClassVar[str] = wired(
        "feed x",
        "read y",
        algorithm="algorithm {\n  input  x : real in 0..1\n  output y : real = x\n}\n",
    )
    right: ClassVar[str] = wired(
        "feed x, z",
        "read y",
        algorithm="algorithm {\n  input  x, z : real in 0..1\n  output y : bool = x == z\n}\n",
    )
    name: str


@rule
class OutputNotRead(Told):
    """An output of the algorithm is read nowhere, so nothing would be compared with it."""

    code: ClassVar[str] = "C313"
    says: ClassVar[str] = "`{name}` is never read"
    types: ClassVar[str] = "add `read {example}`, or make it a `var`"
    first_says: ClassVar[str] = "declared here"
    wrong: ClassVar[str] = wired("feed x, y")
    right: ClassVar[str] = wired(*FED)
    name: str
    example: str


@rule
class ReadPlace(Told):
    """A network with tokens or steps must be told where an output is read; an mlp has
    neither, and nothing stands behind `read v` there."""

    code: ClassVar[str] = "C314"
    says: ClassVar[str] = "{problem}"
    wrong: ClassVar[str] = wired('feed "{x} + {y} ="', "read large", call=TRANSFORMER)
    right: ClassVar[str] = wired(*TEXT, call=TRANSFORMER)
    problem: str


@rule
class ReadStyle(Told):
    """How an output is read does not suit the network.

    A language model is read by tokens, `as " {v}"` or `spelled " {v}"`; a built-in network
    has one score for each value and needs neither. `among` takes `vocabulary`.
    """

    code: ClassVar[str] = "C315"
    says: ClassVar[str] = "{problem}"
    wrong: ClassVar[str] = wired("feed x, y", 'read large as " {large}"')
    right: ClassVar[str] = wired(*FED)
    problem: str


@rule
class TrainMetric(Misspelt):
    """`train until` takes `accuracy >= bound` only."""

    code: ClassVar[str] = "C316"
    says: ClassVar[str] = "`train until` cannot judge `{name}`"
    types: ClassVar[str] = "write `train until accuracy >= 0.99`"
    wrong: ClassVar[str] = wired(*FED, "train until acuracy >= 0.99")
    right: ClassVar[str] = wired(*FED, "train until accuracy >= 0.99")


@rule
class TrainBound(Told):
    """The accuracy that training must reach lies above 0 and is at most 1."""

    code: ClassVar[str] = "C317"
    says: ClassVar[str] = "no network reaches `accuracy >= {value}`"
    types: ClassVar[str] = "write a bound above 0 and up to 1, as in `accuracy >= 0.99`"
    wrong: ClassVar[str] = wired(*FED, "train until accuracy >= 99")
    right: ClassVar[str] = wired(*FED, "train until accuracy >= 0.99")
    value: str


@rule
class NotTrainable(Told):
    """A network that is loaded as it is cannot be trained by a hypothesis."""

    code: ClassVar[str] = "C318"
    says: ClassVar[str] = "`{kind}` is loaded as it is and cannot be trained"
    types: ClassVar[str] = "leave out `train`, or use mlp, transformer or gru"
    wrong: ClassVar[str] = wired(
        'feed "{x} + {y} ="',
        'read large at last as " {large}"',
        "train until accuracy >= 0.9",
        call='huggingface("gpt2")',
    )
    right: ClassVar[str] = wired(
        'feed "{x} + {y} ="', 'read large at last as " {large}"', call='huggingface("gpt2")'
    )
    kind: str


@rule
class UnknownImplemented(Misspelt):
    """`train to implement` names no algorithm of the file."""

    code: ClassVar[str] = "C319"
    says: ClassVar[str] = "unknown algorithm `{name}`"
    types: ClassVar[str] = "{known}"
    wrong: ClassVar[str] = wired(
        *FED,
        "train to implement addd {\n    partial -> hidden 0 in dims 0..7\n  }",
        algorithm=ADDER.replace("algorithm", "algorithm add"),
    )
    right: ClassVar[str] = wired(
        *FED,
        "train to implement add {\n    partial -> hidden 0 in dims 0..7\n  }",
        algorithm=ADDER.replace("algorithm", "algorithm add"),
    )
    known: str = ""


@rule
class TrainedPlace(Told):
    """A place in `train to implement` is one known site: the whole of it, or `dims a..b`.

    Interchange intervention training (Geiger et al. 2022) says beforehand where a variable
    is to live; there is nothing to search and no basis to fit.
    """

    code: ClassVar[str] = "C320"
    says: ClassVar[str] = "`{name}` cannot be trained {problem}"
    types: ClassVar[str] = "write `{name} -> {example} in dims 0..7`"
    wrong: ClassVar[str] = wired(
        *FED,
        "train to implement add {\n    partial -> hidden 0 in 8 learned dims\n  }",
        algorithm=ADDER.replace("algorithm", "algorithm add"),
    )
    right: ClassVar[str] = UnknownImplemented.right
    name: str
    problem: str
    example: str


@rule
class TooManyClasses(Told):
    """A variable has more values than a built-in network is fed or asked one by one."""

    code: ClassVar[str] = "C321"
    says: ClassVar[str] = "`{name}` has {count:,} values, too many for `{kind}`"
    types: ClassVar[str] = "declare a domain of up to {most:,} values"
    wrong: ClassVar[str] = wired(
        *FED,
        algorithm="algorithm {\n  input  x, y  : 0..99_999\n  output large : bool = x > y\n}\n",
    )
    right: ClassVar[str] = wired(*FED)
    name: str
    count: int
    kind: str
    most: int
