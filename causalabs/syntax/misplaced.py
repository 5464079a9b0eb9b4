"""Rules about statements, brackets and names in the wrong place: C04x, C05x and C09x."""

from __future__ import annotations

from typing import ClassVar

from causalabs.diagnostics import Label, Rule, Span, rule


@rule
class WrongBlock(Rule):
    """Each kind of block has its own statements."""

    code: ClassVar[str] = "C040"
    wrong: ClassVar[str] = "algorithm {\n  sample 100\n}\n"
    right: ClassVar[str] = "counterfactuals {\n  sample 100\n}\n"

    word: str
    where: str
    home: str

    def headline(self) -> str:
        """What is wrong."""
        return f"`{self.word}` does not belong {self.where}"

    def help(self) -> str:
        """What to type."""
        return f"move it into {self.home}"


@rule
class UnknownStatement(Rule):
    """A statement begins with one of the words its block knows."""

    code: ClassVar[str] = "C041"
    wrong: ClassVar[str] = "algoritm {\n}\n"
    right: ClassVar[str] = "algorithm {\n}\n"

    word: str
    where: str
    near: str
    known: str

    def headline(self) -> str:
        """What is wrong."""
        return f"no statement begins with `{self.word}` {self.where}"

    def help(self) -> str:
        """What to type."""
        return f"did you mean `{self.near}`?" if self.near else f"it may be one of {self.known}"


@rule
class Unclosed(Rule):
    """A bracket that is opened must be closed."""

    code: ClassVar[str] = "C042"
    wrong: ClassVar[str] = "algorithm {\n  input a : bool\n\nseeds 0..2\n"
    right: ClassVar[str] = "algorithm {\n  input a : bool\n}\n\nseeds 0..2\n"

    sign: str
    closer: str
    missing: Span

    def headline(self) -> str:
        """What is wrong."""
        return f"this `{self.sign}` is never closed"

    def label(self) -> str:
        """Beside the carets."""
        return "opened here"

    def related(self) -> tuple[Label, ...]:
        """The other place."""
        return (Label(self.missing, f"`{self.closer}` is wanted before this"),)

    def help(self) -> str:
        """What to type."""
        return f"add `{self.closer}`"


@rule
class Unmatched(Rule):
    """A closing bracket closes the bracket that was opened last."""

    code: ClassVar[str] = "C043"
    wrong: ClassVar[str] = "seeds 0..2\n}\n"
    right: ClassVar[str] = "seeds 0..2\n"

    sign: str

    def headline(self) -> str:
        """What is wrong."""
        return f"this `{self.sign}` closes nothing"

    def help(self) -> str:
        """What to type."""
        return "remove it, or add the bracket that it should close"


@rule
class KeywordAsName(Rule):
    """Words that begin a statement or steer an expression cannot be names."""

    code: ClassVar[str] = "C044"
    wrong: ClassVar[str] = "algorithm {\n  input domain : bool\n}\n"
    right: ClassVar[str] = "algorithm {\n  input domains : bool\n}\n"

    word: str

    def headline(self) -> str:
        """What is wrong."""
        return f"`{self.word}` is a word of the language and cannot be a name"

    def help(self) -> str:
        """What to type."""
        return f"choose another name, such as `{self.word}_`"


@rule
class MissingName(Rule):
    """A thing that is declared needs a name."""

    code: ClassVar[str] = "C045"
    wrong: ClassVar[str] = "algorithm {\n  var : bool = a\n}\n"
    right: ClassVar[str] = "algorithm {\n  var x : bool = a\n}\n"

    after: str
    shape: str = ""

    def headline(self) -> str:
        """What is wrong."""
        return f"a name is missing after `{self.after}`"

    def help(self) -> str:
        """What to type."""
        return self.shape or "names begin with a letter or `_`"


@rule
class MissingPercent(Rule):
    """Shares of a split are percentages."""

    code: ClassVar[str] = "C046"
    wrong: ClassVar[str] = "counterfactuals {\n  split train 80, heldout 20\n}\n"
    right: ClassVar[str] = "counterfactuals {\n  split train 80%, heldout 20%\n}\n"

    share: str

    def headline(self) -> str:
        """What is wrong."""
        return f"`{self.share}` wants a percent sign"

    def help(self) -> str:
        """What to type."""
        parts = self.share.split(".")
        whole = f"{float(self.share) * 100:g}" if len(parts) == 2 and parts[0] == "0" else ""
        return f"write `{whole or self.share}%`"


@rule
class RangeSign(Rule):
    """A range is written `low..high`; both ends belong to it."""

    code: ClassVar[str] = "C047"
    wrong: ClassVar[str] = "algorithm {\n  input a : 0...9\n}\n"
    right: ClassVar[str] = "algorithm {\n  input a : 0..9\n}\n"

    sign: str

    def headline(self) -> str:
        """What is wrong."""
        return f"a range is not written with `{self.sign}`"

    def help(self) -> str:
        """What to type."""
        return "write `low..high`, both ends included"


@rule
class OutOfOrder(Rule):
    """A file begins with its imports, then its one `hypothesis` line; the rest has no order."""

    code: ClassVar[str] = "C048"
    wrong: ClassVar[str] = 'seeds 0..2\nimport "shared.causal"\n'
    right: ClassVar[str] = 'import "shared.causal"\nseeds 0..2\n'

    word: str

    def headline(self) -> str:
        """What is wrong."""
        return f"`{self.word}` comes too late"

    def help(self) -> str:
        """What to type."""
        return "imports come first, then one `hypothesis` line, then the rest"


@rule
class MissingBound(Rule):
    """An expectation can fail: it names a bound."""

    code: ClassVar[str] = "C049"
    wrong: ClassVar[str] = "expect iia on heldout\n"
    right: ClassVar[str] = "expect iia >= 0.9 on heldout\n"

    def headline(self) -> str:
        """What is wrong."""
        return "this expectation has no bound"

    def label(self) -> str:
        """Beside the carets."""
        return "`>= ...` or `<= ...` is wanted here"

    def help(self) -> str:
        """What to type."""
        return "write `expect METRIC >= BOUND`, or `report METRIC` to measure without judging"


@rule
class LayerFirst(Rule):
    """The component stands before its layer: `residual 3`."""

    code: ClassVar[str] = "C050"
    wrong: ClassVar[str] = "alignment {\n  left -> layer 0 residual\n}\n"
    right: ClassVar[str] = "alignment {\n  left -> residual 0\n}\n"

    component: str
    layer: str

    def headline(self) -> str:
        """What is wrong."""
        return "the component stands before its layer"

    def help(self) -> str:
        """What to type."""
        return f"write `{self.component} {self.layer}`"


@rule
class WantsText(Rule):
    """Paths, claims and templates are quoted strings."""

    code: ClassVar[str] = "C051"
    wrong: ClassVar[str] = "import shared\n"
    right: ClassVar[str] = 'import "shared.causal"\n'

    found: str

    def headline(self) -> str:
        """What is wrong."""
        return f"`{self.found}` must be a string"

    def help(self) -> str:
        """What to type."""
        return f'write `"{self.found}"`'


PLAIN = "a whole number, such as `1_000`"


@rule
class WantsWhole(Rule):
    """Counts and sizes are whole numbers without a sign."""

    code: ClassVar[str] = "C052"
    wrong: ClassVar[str] = "counterfactuals {\n  sample 0.5\n}\n"
    right: ClassVar[str] = "counterfactuals {\n  sample 500\n}\n"

    found: str

    def headline(self) -> str:
        """What is wrong."""
        return f"`{self.found}` is not a whole number"

    def help(self) -> str:
        """What to type."""
        value = float(self.found) if self.found.replace("e", "").isdigit() else 0.0
        return f"write {f'`{int(value):_}`' if 0 < value < 1e12 else PLAIN}"


@rule
class EndsEarly(Rule):
    """A statement stops before it is complete."""

    code: ClassVar[str] = "C090"
    wrong: ClassVar[str] = "network mlp\n"
    right: ClassVar[str] = "network mlp()\n"

    statement: str
    wanted: str
    shape: str = ""

    def headline(self) -> str:
        """What is wrong."""
        return f"`{self.statement}` is not complete"

    def label(self) -> str:
        """Beside the carets."""
        return f"{self.wanted} may follow"

    def help(self) -> str:
        """What to type."""
        return self.shape


@rule
class Unexpected(Rule):
    """The grammar has no place for this here.

    What could stand instead is listed; docs/language.md shows each statement."""

    code: ClassVar[str] = "C091"
    wrong: ClassVar[str] = "seeds x\n"
    right: ClassVar[str] = "seeds 0..2\n"

    found: str
    wanted: str
    shape: str = ""

    def headline(self) -> str:
        """What is wrong."""
        return f"{self.found} cannot stand here"

    def label(self) -> str:
        """Beside the carets."""
        return f"{self.wanted} may stand here"

    def help(self) -> str:
        """What to type."""
        return self.shape
