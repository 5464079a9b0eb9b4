"""Rules about the file as such and about its signs: C00x and C01x."""

from __future__ import annotations

from typing import ClassVar

from causalabs.diagnostics import Rule, rule


@rule
class NoSuchFile(Rule):
    """A file that was named does not exist.

    Paths are taken from the folder in which the command runs."""

    code: ClassVar[str] = "C001"
    wrong: ClassVar[str] = "causalabs check no_such_file.causal"
    right: ClassVar[str] = "causalabs check my_file.causal"

    name: str
    near: str = ""

    def headline(self) -> str:
        """What is wrong."""
        return f"there is no file `{self.name}`"

    def help(self) -> str:
        """What to type."""
        return f"did you mean `{self.near}`?" if self.near else "check the spelling and the folder"


@rule
class IsFolder(Rule):
    """A folder was named where a hypothesis file is wanted."""

    code: ClassVar[str] = "C002"
    wrong: ClassVar[str] = "causalabs check my_folder"
    right: ClassVar[str] = "causalabs check my_folder/*.causal"

    name: str

    def headline(self) -> str:
        """What is wrong."""
        return f"`{self.name}` is a folder"

    def help(self) -> str:
        """What to type."""
        return f"name the files in it: `{self.name.rstrip(chr(47))}/*.causal`"


@rule
class Unreadable(Rule):
    """The system refused to hand out the file."""

    code: ClassVar[str] = "C003"
    wrong: ClassVar[str] = "causalabs check locked.causal"
    right: ClassVar[str] = "chmod u+r locked.causal"

    name: str
    reason: str

    def headline(self) -> str:
        """What is wrong."""
        return f"`{self.name}` cannot be read: {self.reason}"

    def help(self) -> str:
        """What to type."""
        return "check the file's permissions"


@rule
class NotText(Rule):
    """A hypothesis file is UTF-8 text, and these bytes are not.

    Editors on Windows sometimes save UTF-16; a model's weights are no text at all."""

    code: ClassVar[str] = "C004"
    wrong: ClassVar[str] = "a file saved as UTF-16"
    right: ClassVar[str] = "the same file saved as UTF-8"

    name: str
    looks: str

    def headline(self) -> str:
        """What is wrong."""
        return f"`{self.name}` is {self.looks}, not UTF-8 text"

    def help(self) -> str:
        """What to type."""
        return (
            "save it as UTF-8"
            if "UTF" in self.looks or "Latin" in self.looks
            else "is this the file you meant?"
        )


@rule
class Empty(Rule):
    """A file without a word in it claims nothing."""

    code: ClassVar[str] = "C005"
    wrong: ClassVar[str] = "# nothing here yet\n"
    right: ClassVar[str] = 'hypothesis h "a claim"\n'

    def headline(self) -> str:
        """What is wrong."""
        return "the file is empty"

    def help(self) -> str:
        """What to type."""
        return "`causalabs new NAME` writes a hypothesis to start from"


@rule
class TooLarge(Rule):
    """A hypothesis is at most 1 MiB of text; more is data and belongs into a table file."""

    code: ClassVar[str] = "C006"
    wrong: ClassVar[str] = "a file of 2 MiB"
    right: ClassVar[str] = "a file of 2 KiB"

    name: str
    size: int

    def headline(self) -> str:
        """What is wrong."""
        return f"`{self.name}` is larger than 1 MiB ({self.size / 2**20:.1f} MiB)"

    def help(self) -> str:
        """What to type."""
        return 'put data into a CSV or JSON Lines file and use `table NAME from "file" key COLUMN`'


@rule
class NestedTooDeep(Rule):
    """Brackets, `if`, `not` and signs may stand at most 100 deep in one another.

    No hypothesis needs more; a text that has more is a mistake or an attack."""

    code: ClassVar[str] = "C007"
    wrong: ClassVar[str] = "algorithm {\n  where " + "(" * 101 + "a" + ")" * 101 + "\n}\n"
    right: ClassVar[str] = "algorithm {\n  where (a)\n}\n"

    limit: int

    def headline(self) -> str:
        """What is wrong."""
        return f"nested more than {self.limit} deep"

    def label(self) -> str:
        """Beside the carets."""
        return "one too many"

    def help(self) -> str:
        """What to type."""
        return "name the parts: give each its own `var` or `def`"


@rule
class StrayCharacter(Rule):
    """This sign means nothing in the language."""

    code: ClassVar[str] = "C010"
    wrong: ClassVar[str] = "algorithm {\n  where a $ b\n}\n"
    right: ClassVar[str] = "algorithm {\n  where a == b\n}\n"

    sign: str
    title: str = ""
    instead: str = ""

    def headline(self) -> str:
        """What is wrong."""
        return f"`{self.sign}` is not a sign of the language" + (
            f" ({self.title})" if self.title else ""
        )

    def help(self) -> str:
        """What to type."""
        return f"type {self.instead}" if self.instead else "remove it"


@rule
class UnterminatedString(Rule):
    """A quoted string ends on the line where it begins.

    Write `\\n` for a line break inside a string."""

    code: ClassVar[str] = "C011"
    wrong: ClassVar[str] = 'hypothesis h "a claim\n'
    right: ClassVar[str] = 'hypothesis h "a claim"\n'

    def headline(self) -> str:
        """What is wrong."""
        return "this string is not closed"

    def label(self) -> str:
        """Beside the carets."""
        return "no closing quote on this line"

    def help(self) -> str:
        """What to type."""
        return 'add `"` at its end; write `\\n` for a line break'


@rule
class SingleQuotes(Rule):
    """Strings stand in double quotes."""

    code: ClassVar[str] = "C012"
    wrong: ClassVar[str] = "hypothesis h 'a claim'\n"
    right: ClassVar[str] = 'hypothesis h "a claim"\n'

    inner: str

    def headline(self) -> str:
        """What is wrong."""
        return "strings are written in double quotes"

    def help(self) -> str:
        """What to type."""
        return f'write `"{self.inner}"`' if self.inner else 'write `"..."`'


@rule
class UnknownEscape(Rule):
    r"""In a string `\n`, `\t`, `\r`, `\"` and `\\` are the only escapes."""

    code: ClassVar[str] = "C013"
    wrong: ClassVar[str] = 'hypothesis h "a \\q"\n'
    right: ClassVar[str] = 'hypothesis h "a \\\\q"\n'

    sign: str

    def headline(self) -> str:
        """What is wrong."""
        return f"`\\{self.sign}` is not an escape"

    def help(self) -> str:
        """What to type."""
        return f"write `\\\\{self.sign}` for a backslash"


@rule
class GluedNumber(Rule):
    """A number ends before a letter begins.

    Names begin with a letter or `_`."""

    code: ClassVar[str] = "C014"
    wrong: ClassVar[str] = "counterfactuals {\n  sample 100keep solved\n}\n"
    right: ClassVar[str] = "counterfactuals {\n  sample 100\n  keep solved\n}\n"

    text: str
    number: str

    def headline(self) -> str:
        """What is wrong."""
        return f"`{self.text}` is neither a number nor a name"

    def help(self) -> str:
        """What to type."""
        return f"put a space behind `{self.number}`, or begin the name with a letter"


@rule
class BarePoint(Rule):
    """A number has digits on both sides of its point."""

    code: ClassVar[str] = "C015"
    wrong: ClassVar[str] = "expect iia >= 1. on heldout\n"
    right: ClassVar[str] = "expect iia >= 1.0 on heldout\n"

    text: str
    instead: str

    def headline(self) -> str:
        """What is wrong."""
        if "_" in self.text:
            return f"`{self.text}` has `_` behind its point"
        return f"`{self.text}` wants a digit on both sides of its point"

    def help(self) -> str:
        """What to type."""
        return f"write `{self.instead}`"


@rule
class Semicolon(Rule):
    """Statements need no end mark: the next one begins with its own word."""

    code: ClassVar[str] = "C016"
    wrong: ClassVar[str] = "seeds 0..2;\n"
    right: ClassVar[str] = "seeds 0..2\n"

    def headline(self) -> str:
        """What is wrong."""
        return "statements do not end in `;`"

    def help(self) -> str:
        """What to type."""
        return "remove it"


@rule
class ForeignComment(Rule):
    """A comment begins with `#` and goes to the end of its line."""

    code: ClassVar[str] = "C017"
    wrong: ClassVar[str] = "// a comment\nseeds 0..2\n"
    right: ClassVar[str] = "# a comment\nseeds 0..2\n"

    sign: str

    def headline(self) -> str:
        """What is wrong."""
        return f"comments begin with `#`, not with `{self.sign}`"

    def help(self) -> str:
        """What to type."""
        return "write `# ...`"
