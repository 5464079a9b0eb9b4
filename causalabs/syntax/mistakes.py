"""Rules about expressions and definitions that do not follow the grammar: C02x and C03x."""

from __future__ import annotations

from typing import ClassVar

from causalabs.diagnostics import Label, Rule, Span, rule


@rule
class AssignForEqual(Rule):
    """`==` compares; `=` only gives a thing its definition."""

    code: ClassVar[str] = "C020"
    wrong: ClassVar[str] = "algorithm {\n  where a = b\n}\n"
    right: ClassVar[str] = "algorithm {\n  where a == b\n}\n"

    instead: str = "=="

    def headline(self) -> str:
        """What is wrong."""
        return "`=` does not compare"

    def help(self) -> str:
        """What to type."""
        return f"write `{self.instead}`"


@rule
class EqualForAssign(Rule):
    """`=` defines; `==` compares."""

    code: ClassVar[str] = "C021"
    wrong: ClassVar[str] = "algorithm {\n  var x : bool == a\n}\n"
    right: ClassVar[str] = "algorithm {\n  var x : bool = a\n}\n"

    def headline(self) -> str:
        """What is wrong."""
        return "`==` does not define"

    def help(self) -> str:
        """What to type."""
        return "write `=`"


@rule
class Walrus(Rule):
    """A definition is written `var NAME : DOMAIN = MECHANISM`; there is no `:=`."""

    code: ClassVar[str] = "C022"
    wrong: ClassVar[str] = "algorithm {\n  var x := a\n}\n"
    right: ClassVar[str] = "algorithm {\n  var x : bool = a\n}\n"

    def headline(self) -> str:
        """What is wrong."""
        return "`:=` is not a sign of the language"

    def help(self) -> str:
        """What to type."""
        return "write `: DOMAIN =`, such as `: bool =`; a `def` takes `=` alone"


@rule
class ForeignOperator(Rule):
    """Operators are words and the signs + - * // % == != < <= > >=."""

    code: ClassVar[str] = "C023"
    wrong: ClassVar[str] = "algorithm {\n  input a, b, c : bool\n  var x : bool = a && b\n}\n"
    right: ClassVar[str] = "algorithm {\n  input a, b, c : bool\n  var x : bool = a and b\n}\n"

    sign: str
    instead: str

    def headline(self) -> str:
        """What is wrong."""
        return f"`{self.sign}` is not an operator here"

    def help(self) -> str:
        """What to type."""
        return f"write `{self.instead}`"


@rule
class ChainedComparison(Rule):
    """Comparisons do not chain: `a == b == c` reads as three different things to three people."""

    code: ClassVar[str] = "C024"
    wrong: ClassVar[str] = "algorithm {\n  input a, b, c : bool\n  var x : bool = a == b == c\n}\n"
    right: ClassVar[str] = (
        "algorithm {\n  input a, b, c : bool\n  var x : bool = a == b and b == c\n}\n"
    )

    first: Span
    left: str = "a"
    middle: str = "b"
    sign: str = "=="
    other: str = "=="
    third: str = "c"

    def headline(self) -> str:
        """What is wrong."""
        return "comparisons do not chain"

    def label(self) -> str:
        """Beside the carets."""
        return "a second comparison"

    def related(self) -> tuple[Label, ...]:
        """The other place."""
        return (Label(self.first, "the first comparison"),)

    def help(self) -> str:
        """What to type."""
        apart = f"{self.left} {self.sign} {self.middle} and {self.middle} {self.other} {self.third}"
        return f"write `{apart}`, or put one of them in parentheses"


@rule
class MissingOperand(Rule):
    """Something must stand on each side of an operator, a comma or an `=`."""

    code: ClassVar[str] = "C025"
    wrong: ClassVar[str] = "algorithm {\n  input a, b, c : bool\n  var x : bool = a and\n}\n"
    right: ClassVar[str] = "algorithm {\n  input a, b, c : bool\n  var x : bool = a and b\n}\n"

    sign: str
    wanted: str = "a value"

    def headline(self) -> str:
        """What is wrong."""
        return f"something is missing after `{self.sign}`"

    def label(self) -> str:
        """Beside the carets."""
        return f"{self.wanted} is wanted here"

    def help(self) -> str:
        """What to type."""
        return f"add {self.wanted} after `{self.sign}`, or remove `{self.sign}`"


@rule
class MissingOperator(Rule):
    """Two values stand side by side with nothing between them."""

    code: ClassVar[str] = "C026"
    wrong: ClassVar[str] = "algorithm {\n  input a, b, c : bool\n  var x : bool = a b\n}\n"
    right: ClassVar[str] = "algorithm {\n  input a, b, c : bool\n  var x : bool = a and b\n}\n"

    found: str

    def headline(self) -> str:
        """What is wrong."""
        return f"an operator is missing before `{self.found}`"

    def help(self) -> str:
        """What to type."""
        return "put an operator between them, such as `and`, `==` or `+`"


@rule
class MissingArrow(Rule):
    """`->` leads from a pattern to its result and from a variable to its place."""

    code: ClassVar[str] = "C027"
    wrong: ClassVar[str] = "alignment {\n  left hidden 0\n}\n"
    right: ClassVar[str] = "alignment {\n  left -> hidden 0\n}\n"

    found: str = ""
    sign: str = ""

    def headline(self) -> str:
        """What is wrong."""
        return (
            f"`->` is missing before `{self.found}`"
            if self.found
            else f"`{self.sign}` is written `->`"
        )

    def help(self) -> str:
        """What to type."""
        return "write `->`"


@rule
class MissingComma(Rule):
    """Items of a list are separated by commas."""

    code: ClassVar[str] = "C028"
    wrong: ClassVar[str] = "algorithm {\n  input a b : bool\n}\n"
    right: ClassVar[str] = "algorithm {\n  input a, b : bool\n}\n"

    found: str
    sign: str = ""

    def headline(self) -> str:
        """What is wrong."""
        if self.sign:
            return f"items of a list are not joined by `{self.sign}`"
        return f"a comma is missing before `{self.found}`"

    def help(self) -> str:
        """What to type."""
        return "write `,`"


@rule
class MissingDomain(Rule):
    """Every variable declares the values it can take: `NAME : DOMAIN`.

    The checker proves that the mechanism stays inside."""

    code: ClassVar[str] = "C030"
    wrong: ClassVar[str] = "algorithm {\n  var x = a\n}\n"
    right: ClassVar[str] = "algorithm {\n  var x : bool = a\n}\n"

    name: str

    def headline(self) -> str:
        """What is wrong."""
        return f"`{self.name}` has no domain"

    def label(self) -> str:
        """Beside the carets."""
        return "the domain stands here"

    def help(self) -> str:
        """What to type."""
        return f"write `{self.name} : DOMAIN`, such as `: bool`, `: 0..9` or `: {{red, green}}`"


@rule
class MissingMechanism(Rule):
    """A `var` or `output` is computed: its mechanism stands behind `=`."""

    code: ClassVar[str] = "C031"
    wrong: ClassVar[str] = "algorithm {\n  var x : bool\n}\n"
    right: ClassVar[str] = "algorithm {\n  var x : bool = a\n}\n"

    name: str

    def headline(self) -> str:
        """What is wrong."""
        return f"`{self.name}` has no mechanism"

    def label(self) -> str:
        """Beside the carets."""
        return "`= ...` is wanted here"

    def help(self) -> str:
        """What to type."""
        return "write `= EXPRESSION`; a variable that is given from outside is an `input`"


@rule
class InputWithMechanism(Rule):
    """An `input` is given from outside; what is computed is a `var` or an `output`."""

    code: ClassVar[str] = "C032"
    wrong: ClassVar[str] = "algorithm {\n  input x : bool = a\n}\n"
    right: ClassVar[str] = "algorithm {\n  var x : bool = a\n}\n"

    name: str

    def headline(self) -> str:
        """What is wrong."""
        return f"the input `{self.name}` has a mechanism"

    def help(self) -> str:
        """What to type."""
        return "write `var` if it is computed, or remove what follows the domain"


@rule
class MissingElse(Rule):
    """An `if` says what holds otherwise: `if c then x else y`."""

    code: ClassVar[str] = "C033"
    wrong: ClassVar[str] = "algorithm {\n  input a, b, c : bool\n  var x : bool = if a then b\n}\n"
    right: ClassVar[str] = (
        "algorithm {\n  input a, b, c : bool\n  var x : bool = if a then b else c\n}\n"
    )

    at: Span

    def headline(self) -> str:
        """What is wrong."""
        return "this `if` has no `else`"

    def label(self) -> str:
        """Beside the carets."""
        return "`else ...` is wanted here"

    def related(self) -> tuple[Label, ...]:
        """The other place."""
        return (Label(self.at, "the `if`"),)

    def help(self) -> str:
        """What to type."""
        return "write `if CONDITION then VALUE else OTHER`"


@rule
class MissingThen(Rule):
    """A condition is followed by `then`."""

    code: ClassVar[str] = "C034"
    wrong: ClassVar[str] = (
        "algorithm {\n  input a, b, c : bool\n  var x : bool = if a b else c\n}\n"
    )
    right: ClassVar[str] = (
        "algorithm {\n  input a, b, c : bool\n  var x : bool = if a then b else c\n}\n"
    )

    def headline(self) -> str:
        """What is wrong."""
        return "`then` is missing"

    def help(self) -> str:
        """What to type."""
        return "write `if CONDITION then VALUE else OTHER`"


@rule
class Elif(Rule):
    """There is no `elif`; an `else` may be followed by another `if`."""

    code: ClassVar[str] = "C035"
    wrong: ClassVar[str] = (
        "algorithm {\n  input a, b : bool\n  var x : bool = if a then b elif b then a else b\n}\n"
    )
    right: ClassVar[str] = (
        "algorithm {\n  input a, b : bool\n  var x : bool = if a then a else if b then a else b\n}"
    )

    word: str

    def headline(self) -> str:
        """What is wrong."""
        return f"there is no `{self.word}`"

    def help(self) -> str:
        """What to type."""
        return "write `else if`"


@rule
class Return(Rule):
    """A mechanism is an expression, its value is the result; nothing is returned."""

    code: ClassVar[str] = "C036"
    wrong: ClassVar[str] = "algorithm {\n  def f(x) = return x\n}\n"
    right: ClassVar[str] = "algorithm {\n  def f(x) = x\n}\n"

    def headline(self) -> str:
        """What is wrong."""
        return "there is no `return`"

    def help(self) -> str:
        """What to type."""
        return "remove the word: an expression is its own result"


@rule
class PythonDef(Rule):
    """A `def` is one expression behind `=`."""

    code: ClassVar[str] = "C037"
    wrong: ClassVar[str] = "algorithm {\n  def f(x): x\n}\n"
    right: ClassVar[str] = "algorithm {\n  def f(x) = x\n}\n"

    def headline(self) -> str:
        """What is wrong."""
        return "the body of a `def` stands behind `=`"

    def help(self) -> str:
        """What to type."""
        return "write `def NAME(PARAMETERS) = EXPRESSION`"


@rule
class PythonTernary(Rule):
    """The condition comes first: `if c then x else y`."""

    code: ClassVar[str] = "C038"
    wrong: ClassVar[str] = (
        "algorithm {\n  input a, b, c : bool\n  var x : bool = b if a else c\n}\n"
    )
    right: ClassVar[str] = (
        "algorithm {\n  input a, b, c : bool\n  var x : bool = if a then b else c\n}\n"
    )

    def headline(self) -> str:
        """What is wrong."""
        return "the condition comes first"

    def label(self) -> str:
        """Beside the carets."""
        return "`if` begins an expression"

    def help(self) -> str:
        """What to type."""
        return "write `if CONDITION then VALUE else OTHER`"


@rule
class MissingWord(Rule):
    """The grammar allows exactly one word or sign at this point."""

    code: ClassVar[str] = "C039"
    wrong: ClassVar[str] = "alignment {\n  left -> hidden 0 in 8 learned\n}\n"
    right: ClassVar[str] = "alignment {\n  left -> hidden 0 in 8 learned dims\n}\n"

    word: str
    found: str = ""

    def headline(self) -> str:
        """What is wrong."""
        return f"`{self.word}` is missing" + (f" before `{self.found}`" if self.found else "")

    def help(self) -> str:
        """What to type."""
        return f"write `{self.word}`"
