"""Rules about what mechanisms compute: found by `analysis`, from typed expressions."""

from __future__ import annotations

from typing import ClassVar

from causalabs.diagnostics import Label, Rule, Severity, Span, rule

_HEAD = 'hypothesis example\n"A small file."\n\nalgorithm {\n'


@rule
class NeverSatisfied(Rule):
    """No input satisfies the algorithm's `where` conditions.

    The label names a smallest set of conditions that already contradict each other.
    """

    code: ClassVar[str] = "C236"
    wrong: ClassVar[str] = (
        _HEAD + "  input  x, y : 0..9\n  where  x < y\n  where  y < x\n"
        "  output same : bool = x == y\n}\n"
    )
    right: ClassVar[str] = (
        _HEAD + "  input  x, y : 0..9\n  where  x <= y\n  output same : bool = x == y\n}\n"
    )

    conditions: tuple[str, ...]
    others: tuple[Span, ...] = ()

    def headline(self) -> str:
        """See `Rule`."""
        return "no input satisfies `where`"

    def label(self) -> str:
        """See `Rule`."""
        if len(self.conditions) == 1:
            return f"`{self.conditions[0]}` is never true"
        return f"`{self.conditions[0]}` contradicts the rest"

    def related(self) -> tuple[Label, ...]:
        """See `Rule`."""
        texts = self.conditions[1:]
        return tuple(
            Label(span, f"with `{text}`") for span, text in zip(self.others, texts, strict=True)
        )

    def help(self) -> str:
        """See `Rule`."""
        return "drop or loosen " + ("it" if len(self.conditions) == 1 else "one of these")


@rule
class ParentNeverMatters(Rule):
    """A mechanism mentions a variable whose value makes no difference to it.

    The arrow is in the graph, yet no intervention on that parent can be seen through this
    mechanism. Often a sign of a slip, such as a condition that is always true.
    """

    code: ClassVar[str] = "C240"
    severity: ClassVar[Severity] = "warning"
    wrong: ClassVar[str] = (
        _HEAD + "  input  x, y : bool\n  output z    : bool = x or (y and not y)\n}\n"
    )
    right: ClassVar[str] = _HEAD + "  input  x, y : bool\n  output z    : bool = x or y\n}\n"

    variable: str
    parent: str
    declared: Span

    def headline(self) -> str:
        """See `Rule`."""
        return f"`{self.parent}` never matters to `{self.variable}`"

    def label(self) -> str:
        """See `Rule`."""
        return "the result is the same whatever its value"

    def related(self) -> tuple[Label, ...]:
        """See `Rule`."""
        return (Label(self.declared, f"mechanism of `{self.variable}`"),)

    def help(self) -> str:
        """See `Rule`."""
        return f"leave `{self.parent}` out of the mechanism, or correct it"


@rule
class NeverOccurs(Rule):
    """A declared value is taken by the variable for no input.

    An interchange can only bring values that occur in some source, unless another variable
    lends them (`from`) or `set` writes them.
    """

    code: ClassVar[str] = "C241"
    severity: ClassVar[Severity] = "warning"
    wrong: ClassVar[str] = _HEAD + "  input  x, y : 0..9\n  output z : 0..20 = x + y\n}\n"
    right: ClassVar[str] = _HEAD + "  input  x, y : 0..9\n  output z : 0..18 = x + y\n}\n"

    variable: str
    values: tuple[str, ...]
    count: int

    def headline(self) -> str:
        """See `Rule`."""
        few = ", ".join(f"`{value}`" for value in self.values)
        more = self.count - len(self.values)
        return f"`{self.variable}` never is {few}" + (f" and {more} more values" if more else "")

    def label(self) -> str:
        """See `Rule`."""
        return "no input leads there"

    def help(self) -> str:
        """See `Rule`."""
        return "declare a smaller domain, or correct the mechanism"


@rule
class Alike(Rule):
    """Two values of a variable lead to the same outputs whatever else is set.

    No interchange can show which of the two a network holds.
    """

    code: ClassVar[str] = "C242"
    severity: ClassVar[Severity] = "warning"
    wrong: ClassVar[str] = (
        _HEAD + "  input  x, y : 0..4\n  var    s : 0..8 = x + y\n  output big : bool = s > 3\n}\n"
    )
    right: ClassVar[str] = (
        _HEAD + "  input  x, y : 0..4\n  var    s : bool = x + y > 3\n  output big : bool = s\n}\n"
    )

    variable: str
    values: tuple[str, ...]

    def headline(self) -> str:
        """See `Rule`."""
        if not self.values:
            return f"no output depends on `{self.variable}`"
        few = ", ".join(f"`{value}`" for value in self.values[:-1])
        return f"no output tells `{self.variable}` = {few} from `{self.values[-1]}`"

    def label(self) -> str:
        """See `Rule`."""
        return "every interchange of them leaves the outputs alone"

    def help(self) -> str:
        """See `Rule`."""
        return "use fewer values, or an output that depends on them"


@rule
class Unused(Rule):
    """No output depends on an input, and the network is not fed it either."""

    code: ClassVar[str] = "C243"
    severity: ClassVar[Severity] = "warning"
    wrong: ClassVar[str] = _HEAD + "  input  x, y : bool\n  output z    : bool = not x\n}\n"
    right: ClassVar[str] = _HEAD + "  input  x : bool\n  output z : bool = not x\n}\n"

    variable: str

    def headline(self) -> str:
        """See `Rule`."""
        return f"no output depends on the input `{self.variable}`"

    def label(self) -> str:
        """See `Rule`."""
        return "every value gives the same outputs"

    def help(self) -> str:
        """See `Rule`."""
        return f"remove `{self.variable}`, or use it in a mechanism"


@rule
class NotProved(Rule):
    """Neither intervals nor a search could settle whether a mechanism can fail.

    Too many values to try them all. The mechanism is checked as it runs: a value outside
    its domain stops the run and names itself.
    """

    code: ClassVar[str] = "C250"
    severity: ClassVar[Severity] = "note"
    wrong: ClassVar[str] = (
        _HEAD + "  input  x, y : 0..99_999\n"
        "  output d : 0..99_999 = (x - y) * (x - y) // (abs(x - y) + 1)\n}\n"
    )
    right: ClassVar[str] = (
        _HEAD + "  input  x, y : 0..99_999\n  output d : 0..99_999 = abs(x - y)\n}\n"
    )

    variable: str
    question: str
    interval: str

    def headline(self) -> str:
        """See `Rule`."""
        return f"not proved: {self.question}"

    def label(self) -> str:
        """See `Rule`."""
        return f"interval says {self.interval}" if self.interval else "too many values to try"

    def help(self) -> str:
        """See `Rule`."""
        return "nothing to do: it is checked while running; smaller domains make it provable"


@rule
class Undecided(Rule):
    """No input satisfying `where` was found, but not all could be tried."""

    code: ClassVar[str] = "C252"
    severity: ClassVar[Severity] = "note"
    wrong: ClassVar[str] = (
        _HEAD + "  input  x, y : 0..999_999\n  where  x * y == 1_234_577\n"
        "  output same : bool = x == y\n}\n"
    )
    right: ClassVar[str] = (
        _HEAD + "  input  x, y : 0..999_999\n  where  x < y\n  output same : bool = x + 1 == y\n}\n"
    )

    conditions: int

    def headline(self) -> str:
        """See `Rule`."""
        return "not proved: some input satisfies `where`"

    def label(self) -> str:
        """See `Rule`."""
        return "100,000 drawn inputs did not"

    def help(self) -> str:
        """See `Rule`."""
        return "use smaller domains, or build the condition into the inputs"


@rule
class NotChecked(Rule):
    """The work that a check may cost was spent before all variables were analysed."""

    code: ClassVar[str] = "C251"
    severity: ClassVar[Severity] = "note"
    wrong: ClassVar[str] = (
        _HEAD
        + "".join(f"  input  x{i} : 0..999\n  input  y{i} : 0..999\n" for i in range(22))
        + "".join(f"  output z{i} : 0..{i + 3} = x{i} * y{i} % {i + 3} // 1 * (1 + 0 * x{i})\n"
                  for i in range(22))
        + "}\n"
    )  # fmt: skip
    right: ClassVar[str] = _HEAD + "  input  x : bool\n  output y : bool = not x\n}\n"

    variables: int

    def headline(self) -> str:
        """See `Rule`."""
        several = "variables were" if self.variables > 1 else "variable was"
        return f"{self.variables} {several} not analysed in full"

    def label(self) -> str:
        """See `Rule`."""
        return "from here on"

    def help(self) -> str:
        """See `Rule`."""
        return "smaller domains, or fewer variables in one file, are analysed in full"
