"""Rules about habits brought along from other languages and tools: C06x."""

from __future__ import annotations

from typing import ClassVar

from causalabs.diagnostics import Rule, Span, rule


@rule
class SwappedArrow(Rule):
    """In an alignment the variable stands first: `VARIABLE -> PLACE`."""

    code: ClassVar[str] = "C060"
    wrong: ClassVar[str] = "alignment {\n  hidden 0 -> left\n}\n"
    right: ClassVar[str] = "alignment {\n  left -> hidden 0\n}\n"

    place: str
    variable: str

    def headline(self) -> str:
        """What is wrong."""
        return f"`{self.place}` stands on the wrong side of `->`"

    def label(self) -> str:
        """Beside the carets."""
        return "the variable stands here"

    def help(self) -> str:
        """What to type."""
        return f"write `{self.variable} -> {self.place}`"


@rule
class ForeignBracket(Rule):
    """Each kind of list has its bracket.

    Settings take `[16, 16]`, values `{a, b}`, seeds `0..4` or `{0, 3}`. Expressions have no
    lists: functions take their arguments, or one expression `for` each index.
    """

    code: ClassVar[str] = "C061"
    wrong: ClassVar[str] = "domain d = [a, b]\n"
    right: ClassVar[str] = "domain d = {a, b}\n"

    sign: str
    instead: str

    def headline(self) -> str:
        """What is wrong."""
        if self.sign not in ("[", "("):
            return f"`{self.sign}` cannot stand here"
        return f"a list with `{self.sign}` has no place here"

    def help(self) -> str:
        """What to type."""
        return self.instead


@rule
class ForeignBlock(Rule):
    """A block stands in braces; how it is indented does not matter."""

    code: ClassVar[str] = "C062"
    wrong: ClassVar[str] = "algorithm:\n  input a : bool\n"
    right: ClassVar[str] = "algorithm {\n  input a : bool\n}\n"

    word: str

    def headline(self) -> str:
        """What is wrong."""
        return f"`{self.word}` is not opened by `:`"

    def help(self) -> str:
        """What to type."""
        return "write `{` here and `}` at the end of the block"


@rule
class NumberComma(Rule):
    """Long numbers are divided by `_`; a comma divides the items of a list."""

    code: ClassVar[str] = "C063"
    wrong: ClassVar[str] = "counterfactuals {\n  sample 10,000\n}\n"
    right: ClassVar[str] = "counterfactuals {\n  sample 10_000\n}\n"

    number: str

    def headline(self) -> str:
        """What is wrong."""
        return f"`{self.number}` is no number: it has a comma"

    def help(self) -> str:
        """What to type."""
        return f"write `{self.number.replace(',', '_')}`"


@rule
class NameSign(Rule):
    """Names are made of the letters a to z and A to Z, digits and `_`.

    What is shown to people, such as a value or a prompt, can be any text in quotes.
    """

    code: ClassVar[str] = "C064"
    wrong: ClassVar[str] = "hypothesis sum-first\n"
    right: ClassVar[str] = "hypothesis sum_first\n"

    name: str
    instead: str = ""

    def headline(self) -> str:
        """What is wrong."""
        return f"`{self.name}` cannot be a name"

    def help(self) -> str:
        """What to type."""
        plain = "use the letters a to z, digits and `_`; a value may be quoted instead"
        return f"write `{self.instead}`" if self.instead else plain


@rule
class MergeConflict(Rule):
    """A version control tool left both versions of these lines in the file."""

    code: ClassVar[str] = "C065"
    wrong: ClassVar[str] = "<<<<<<< ours\nseeds 0..2\n=======\nseeds 0..4\n>>>>>>> theirs\n"
    right: ClassVar[str] = "seeds 0..2\n"

    def headline(self) -> str:
        """What is wrong."""
        return "a merge conflict is not resolved"

    def help(self) -> str:
        """What to type."""
        return "keep one of the two versions, and remove the lines `<<<<<<<`, `=======`, `>>>>>>>`"


@rule
class StringPrefix(Rule):
    """Strings have no prefix: slots in braces are filled in every prompt."""

    code: ClassVar[str] = "C066"
    wrong: ClassVar[str] = 'network transformer() {\n  feed f"{x} ="\n}\n'
    right: ClassVar[str] = 'network transformer() {\n  feed "{x} ="\n}\n'

    prefix: str

    def headline(self) -> str:
        """What is wrong."""
        return f"a string has no prefix `{self.prefix}`"

    def help(self) -> str:
        """What to type."""
        return f"remove `{self.prefix}`"


@rule
class BoundOfReport(Rule):
    """`report` measures without judging; what is held against a bound is an `expect`."""

    code: ClassVar[str] = "C067"
    wrong: ClassVar[str] = "report iia >= 0.9 on heldout\n"
    right: ClassVar[str] = "expect iia >= 0.9 on heldout\n"

    def headline(self) -> str:
        """What is wrong."""
        return "a `report` has no bound"

    def help(self) -> str:
        """What to type."""
        return "write `expect` to judge it, or remove the bound"


@rule
class OneControl(Rule):
    """A control changes one thing; several controls are several expectations."""

    code: ClassVar[str] = "C068"
    wrong: ClassVar[str] = "expect iia <= 0.6 on heldout under untrained, random_basis\n"
    right: ClassVar[str] = (
        "expect iia <= 0.6 on heldout under untrained\n"
        "expect iia <= 0.6 on heldout under random_basis\n"
    )

    more: str

    def headline(self) -> str:
        """What is wrong."""
        return f"a second control `{self.more}` in one line"

    def help(self) -> str:
        """What to type."""
        return f"write a line of its own that ends in `under {self.more}`"


@rule
class UndeclaredDefinition(Rule):
    """Every variable says what it is: `var`, `output` or `input`, then its domain."""

    code: ClassVar[str] = "C069"
    wrong: ClassVar[str] = "algorithm {\n  input a : bool\n  b = not a\n}\n"
    right: ClassVar[str] = "algorithm {\n  input a : bool\n  var b : bool = not a\n}\n"

    name: str

    def headline(self) -> str:
        """What is wrong."""
        return f"`{self.name}` is defined without a word before it"

    def help(self) -> str:
        """What to type."""
        return f"write `var {self.name} : DOMAIN = ...`, or `output {self.name} : ...`"


SHAPES = {
    "expect": "expect METRIC of NAME >= BOUND on SPLIT under CONTROL",
    "report": "report METRIC of NAME on SPLIT under CONTROL",
    "interchange": "interchange a, b as NAME where CONDITION",
    "set": "set VARIABLE = VALUE as NAME where CONDITION",
    "split": "split train 60%, select 20%, heldout 20%",
    "seeds": "seeds 0..4",
    "sample": "sample 10_000",
    "balance": "balance a, b",
    "keep": "keep where CONDITION",
    "network": "network mlp(hidden = [16]) { ... }",
    "hypothesis": 'hypothesis NAME "the claim"',
    "domain": "domain NAME = {a, b}",
    "read": 'read OUTPUT at POSITION as "..."',
    "train": "train until accuracy >= 0.99",
    "table": 'table NAME from "file.csv" key COLUMN',
}
"""By its first word what a statement looks like in full."""


def shape(word: str) -> str:
    """Help that shows a statement in full, for mistakes that no other rule recognises."""
    return f"the whole of it: `{SHAPES[word]}`" if word in SHAPES else ""


def marked(line: str) -> bool:
    """Whether a line is one of those that a failed merge leaves."""
    return line.startswith(("<<<<<<<", ">>>>>>>")) or line.rstrip() == "======="


def line_at(text: str, offset: int) -> Span:
    """The line that holds `offset`, without its newline."""
    end = text.find("\n", offset)
    return Span(text.rfind("\n", 0, offset) + 1, end if end >= 0 else len(text))
