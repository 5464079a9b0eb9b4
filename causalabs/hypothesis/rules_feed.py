"""Rules about what a network is fed: inputs, templates and their files (C34x-C36x)."""

from __future__ import annotations

from typing import ClassVar

from causalabs.algorithm.rules import Misspelt, Told
from causalabs.diagnostics import Severity, rule
from causalabs.hypothesis.rules_network import ADDER, FED, TEXT, TRANSFORMER, wired

BITS = (
    "algorithm {\n  input  a[3], b[3] : bool\n  output both[i in 0..2] : bool = a[i] and b[i]\n}\n"
)
GRU = "gru(width = 8)"
STEPS = ("feed step i: a[i], b[i]", "read both[i] at step i")


@rule
class NoFeed(Told):
    """A network is fed nothing."""

    code: ClassVar[str] = "C340"
    says: ClassVar[str] = "the network is fed nothing"
    types: ClassVar[str] = "add `{example}`"
    wrong: ClassVar[str] = wired("read large")
    right: ClassVar[str] = wired(*FED)
    example: str


@rule
class FeedUnknown(Misspelt):
    """`feed`, or a slot of a template, names no input of the algorithm."""

    code: ClassVar[str] = "C341"
    says: ClassVar[str] = "unknown input `{name}`"
    types: ClassVar[str] = "the inputs are {known}"
    wrong: ClassVar[str] = wired('feed "{x} + {yy} ="', "read large at last", call=TRANSFORMER)
    right: ClassVar[str] = wired(*TEXT, call=TRANSFORMER)
    known: str = ""


@rule
class FeedComputed(Told):
    """A network is fed inputs; what the algorithm computes it must find out itself."""

    code: ClassVar[str] = "C342"
    says: ClassVar[str] = "`{name}` is computed and cannot be fed"
    types: ClassVar[str] = "feed inputs only: {known}"
    wrong: ClassVar[str] = wired("feed x, y, partial", "read large")
    right: ClassVar[str] = wired(*FED)
    name: str
    known: str


@rule
class InputNotFed(Told):
    """An input that outputs depend on never reaches the network.

    Then no network can be right on every input. A template may omit an input only where
    its row in the file of templates restricts that input.
    """

    code: ClassVar[str] = "C343"
    says: ClassVar[str] = "`{name}` is never fed"
    first_says: ClassVar[str] = "declared here"
    types: ClassVar[str] = "add it, as in `{example}`"
    wrong: ClassVar[str] = wired("feed x", "read large")
    right: ClassVar[str] = wired(*FED)
    name: str
    example: str


@rule
class WrongFeed(Told):
    """The way of feeding does not suit the network.

    An mlp takes `feed a, b`; a gru takes `feed step i: a[i]`; a transformer takes text with
    slots or a list of tokens that begins with a string.
    """

    code: ClassVar[str] = "C344"
    says: ClassVar[str] = "`{kind}` cannot be fed {what}"
    types: ClassVar[str] = "write `{example}`"
    wrong: ClassVar[str] = wired('feed "{x} + {y}"', "read large")
    right: ClassVar[str] = wired(*FED)
    kind: str
    what: str
    example: str


@rule
class SlotSyntax(Told):
    """A template has a brace without its partner, or something in braces that is no name.

    A slot is `{name}`, `{name[0]}` or `{name:02}`; a brace itself is written twice.
    """

    code: ClassVar[str] = "C345"
    says: ClassVar[str] = "{problem}"
    types: ClassVar[str] = "write a slot as `{{name}}`, and a brace itself as `{{{{`"
    wrong: ClassVar[str] = wired('feed "{x + {y} ="', "read large at last", call=TRANSFORMER)
    right: ClassVar[str] = wired(*TEXT, call=TRANSFORMER)
    problem: str


@rule
class SlotFormat(Told):
    """A slot's format cannot write the input's values; it is one of Python's."""

    code: ClassVar[str] = "C346"
    says: ClassVar[str] = "`{name}` cannot be written as `{format}`"
    types: ClassVar[str] = "write `{{{name}}}`, or `{{{name}:02}}` for two digits"
    wrong: ClassVar[str] = wired('feed "{x:zz} + {y} ="', "read large at last", call=TRANSFORMER)
    right: ClassVar[str] = wired('feed "{x:02} + {y} ="', "read large at last", call=TRANSFORMER)
    name: str
    format: str


@rule
class IndexOutside(Told):
    """An index lies outside its family."""

    code: ClassVar[str] = "C347"
    says: ClassVar[str] = "`{name}[{index}]` does not exist"
    types: ClassVar[str] = "`{name}` goes from `{lowest}` to `{last}`"
    wrong: ClassVar[str] = wired("feed step i: a[i], b[i]", "read both[3] at step 2",
                                 call=GRU, algorithm=BITS)  # fmt: skip
    right: ClassVar[str] = wired(*STEPS, call=GRU, algorithm=BITS)
    name: str
    index: str
    lowest: str
    last: str


@rule
class NeedsIndex(Told):
    """A family is named where one of its elements is wanted, or a variable is indexed that
    is no family."""

    code: ClassVar[str] = "C348"
    says: ClassVar[str] = "{problem}"
    types: ClassVar[str] = "write `{example}`"
    wrong: ClassVar[str] = wired('feed "{a} {a[1]} {a[2]} {b[0]} {b[1]} {b[2]}"',
                                 "read both[i] at last", call=TRANSFORMER,
                                 algorithm=BITS)  # fmt: skip
    right: ClassVar[str] = wired('feed "{a[0]} {a[1]} {a[2]} {b[0]} {b[1]} {b[2]}"',
                                 "read both[i] at last", call=TRANSFORMER,
                                 algorithm=BITS)  # fmt: skip
    problem: str
    example: str


@rule
class NotConstant(Told):
    """An index here is a whole number, or made of numbers and binders by + - * // %."""

    code: ClassVar[str] = "C349"
    says: ClassVar[str] = "`{text}` is not a number here"
    types: ClassVar[str] = "write a number, or a binder: `{example}`"
    wrong: ClassVar[str] = wired("feed step i: a[j], b[i]", STEPS[1], call=GRU, algorithm=BITS)
    right: ClassVar[str] = wired(*STEPS, call=GRU, algorithm=BITS)
    text: str
    example: str = "v[i in 0..3]"


@rule
class StepsDiffer(Told):
    """What is fed at each step has families of different lengths, or does not move at all."""

    code: ClassVar[str] = "C350"
    says: ClassVar[str] = "{problem}"
    types: ClassVar[str] = "index every family by `{binder}`, families of one length"
    wrong: ClassVar[str] = wired("feed step i: a[0], b[0]", "read both[i] at last step",
                                 call=GRU, algorithm=BITS)  # fmt: skip
    right: ClassVar[str] = wired(*STEPS, call=GRU, algorithm=BITS)
    problem: str
    binder: str


@rule
class Unbounded(Told):
    """A real input without bounds cannot be drawn (SEMANTICS A11)."""

    code: ClassVar[str] = "C351"
    says: ClassVar[str] = "`{name}` has no bounds and cannot be drawn"
    types: ClassVar[str] = "declare `{domain} in -1..1`"
    wrong: ClassVar[str] = wired(
        "feed x, z",
        "read y",
        algorithm="algorithm {\n  input  x, z : real[2]\n  output y : bool = x == z\n}\n",
    )
    right: ClassVar[str] = wired(
        "feed x, z",
        "read y",
        algorithm="algorithm {\n  input  x, z : real[2] in 0..1\n  output y : bool = x == z\n}\n",
    )
    name: str
    domain: str


@rule
class RealToken(Told):
    """A real input cannot be a token of a prompt: it has no list of values."""

    code: ClassVar[str] = "C352"
    says: ClassVar[str] = "`{name}` is real and cannot stand in a prompt"
    types: ClassVar[str] = "feed it to an mlp, or declare a finite domain"
    wrong: ClassVar[str] = wired(
        'feed "{x} {z}"',
        "read y at last",
        call=TRANSFORMER,
        algorithm="algorithm {\n  input  x, z : real in 0..1\n  output y : bool = x == z\n}\n",
    )
    right: ClassVar[str] = wired(*TEXT, call=TRANSFORMER)
    name: str


@rule
class UnreadableFile(Told):
    """A file that `prefix` or `feed any from` names cannot be read; paths are relative to
    the hypothesis file."""

    code: ClassVar[str] = "C353"
    says: ClassVar[str] = "`{path}` {problem}"
    types: ClassVar[str] = "name a text file in UTF-8, from the folder of the hypothesis"
    wrong: ClassVar[str] = wired('prefix "nowhere.txt"', *TEXT, call=TRANSFORMER)
    right: ClassVar[str] = wired(*TEXT, call=TRANSFORMER)
    path: str
    problem: str


@rule
class TemplateRow(Told):
    """A row of a file of templates is not what it should be.

    Each line is a JSON object with `text`, a template; its other fields name inputs and
    restrict them to a value or a list of values.
    """

    code: ClassVar[str] = "C354"
    says: ClassVar[str] = "line {row} of `{path}` {problem}"
    types: ClassVar[str] = 'write each line as {{"text": "...", "input": value}}'
    wrong: ClassVar[str] = wired('feed any from "broken.jsonl"', "read large at last",
                                 call=TRANSFORMER)  # fmt: skip
    right: ClassVar[str] = wired(*TEXT, call=TRANSFORMER)
    row: int
    path: str
    problem: str


@rule
class EmptyPrompt(Told):
    """A template holds no token."""

    code: ClassVar[str] = "C355"
    says: ClassVar[str] = "a prompt is empty"
    types: ClassVar[str] = 'write the text to feed: `feed "{{x}} ="`'
    wrong: ClassVar[str] = wired('feed any of "{x} + {y}", " "', "read large at last",
                                 call=TRANSFORMER)  # fmt: skip
    right: ClassVar[str] = wired(*TEXT, call=TRANSFORMER)


@rule
class NotForThis(Told):
    """`chat` and `prefix` are for language models and for text.

    A chat template belongs to the model it was trained with; a built-in network has none.
    """

    code: ClassVar[str] = "C356"
    says: ClassVar[str] = "`{what}` does not go with `{kind}`"
    types: ClassVar[str] = "leave it out"
    wrong: ClassVar[str] = wired('feed chat "{x} + {y}"', "read large at last", call=TRANSFORMER)
    right: ClassVar[str] = wired(*TEXT, call=TRANSFORMER)
    what: str
    kind: str


@rule
class FedTwice(Told):
    """One input is fed twice in a list."""

    code: ClassVar[str] = "C357"
    severity: ClassVar[Severity] = "warning"
    says: ClassVar[str] = "`{name}` is fed twice"
    types: ClassVar[str] = "keep one of the two"
    wrong: ClassVar[str] = wired("feed x, y, x", "read large")
    right: ClassVar[str] = wired(*FED, algorithm=ADDER)
    name: str
