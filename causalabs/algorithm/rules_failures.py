"""Rules about mechanisms that fail for some values of their parents."""

from __future__ import annotations

from typing import ClassVar

from causalabs.diagnostics import Label, Rule, rule

_HEAD = 'hypothesis example\n"A small file."\n\nalgorithm {\n'


@rule
class Failing(Rule):
    """Base of what a mechanism does wrong for some values of its parents.

    `witness` is how those values are written; `reached` says that inputs lead to them, and
    otherwise interventions do, which set computed variables independently.
    """

    variable: str
    expression: str
    witness: str
    reached: bool = True

    def when(self) -> str:
        """The witness as the end of a sentence."""
        return f" ({self.witness})" if self.witness else ""

    def caution(self) -> str:
        """Said when only an interchange leads there."""
        return "" if self.reached else "; an interchange can set these independently"


@rule
class LeavesDomain(Failing):
    """A mechanism can give a value that its variable's domain does not have.

    Every computed variable may be set to any value of its declared domain by an
    interchange, independently of the others. A mechanism must therefore stay in its domain
    for all declared values of its computed parents, and for all inputs that `where` admits.
    """

    code: ClassVar[str] = "C201"
    wrong: ClassVar[str] = (
        _HEAD + "  input  x, y, z  : 0..9\n  var    partial  : 0..18 = x + y\n"
        "  output total    : 0..18 = partial + z\n}\n"
    )
    right: ClassVar[str] = (
        _HEAD + "  input  x, y, z  : 0..9\n  var    partial  : 0..18 = x + y\n"
        "  output total    : 0..27 = partial + z\n}\n"
    )

    value: str
    needed: str
    modulus: int | None = None
    limits: tuple[Label, ...] = ()

    def headline(self) -> str:
        """See `Rule`."""
        return f"`{self.variable}` can leave its domain"

    def label(self) -> str:
        """See `Rule`."""
        return f"but `{self.expression}` reaches {self.value}{self.when()}{self.caution()}"

    def related(self) -> tuple[Label, ...]:
        """See `Rule`."""
        return self.limits

    def help(self) -> str:
        """See `Rule`."""
        if not self.needed:
            return "make the mechanism give a value of the declared domain"
        wrapping = (
            "" if self.modulus is None else f", or `mod {self.modulus}` if wrapping is intended"
        )
        return f"declare `{self.needed}`{wrapping}"


@rule
class DivisionByZero(Failing):
    """A divisor of `//` or `%` can be zero where the result is used."""

    code: ClassVar[str] = "C231"
    wrong: ClassVar[str] = _HEAD + "  input  x, y  : 0..9\n  output ratio : 0..9 = x // y\n}\n"
    right: ClassVar[str] = (
        _HEAD + "  input  x, y  : 0..9\n  output ratio : 0..9 = if y == 0 then 0 else x // y\n}\n"
    )

    divisor: str

    def headline(self) -> str:
        """See `Rule`."""
        return f"`{self.variable}` can divide by zero"

    def label(self) -> str:
        """See `Rule`."""
        return f"`{self.divisor}` can be 0{self.when()}{self.caution()}"

    def help(self) -> str:
        """See `Rule`."""
        return f"guard it: `if {self.divisor} == 0 then ... else {self.expression}`"


@rule
class IndexOutside(Failing):
    """An index can point outside its family where the result is used."""

    code: ClassVar[str] = "C232"
    wrong: ClassVar[str] = (
        _HEAD + "  input  x[3] : bool\n  input  place : 0..3\n  output y : bool = x[place]\n}\n"
    )
    right: ClassVar[str] = (
        _HEAD + "  input  x[3] : bool\n  input  place : 0..2\n  output y : bool = x[place]\n}\n"
    )

    allowed: str

    def headline(self) -> str:
        """See `Rule`."""
        return f"`{self.variable}` can take an index out of range"

    def label(self) -> str:
        """See `Rule`."""
        return f"`{self.expression}` is not in {self.allowed}{self.when()}{self.caution()}"

    def help(self) -> str:
        """See `Rule`."""
        return f"keep the index in {self.allowed}: narrow its domain, or guard it with `if`"


@rule
class NoMatch(Failing):
    """`index_of(x, xs)` is used where `x` may be none of `xs`."""

    code: ClassVar[str] = "C233"
    wrong: ClassVar[str] = (
        _HEAD + "  input  x    : 0..3\n  input  y[2] : 0..3\n"
        "  output p    : 0..1 = index_of(x, y)\n}\n"
    )
    right: ClassVar[str] = (
        _HEAD + "  input  x    : 0..3\n  input  y[2] : 0..3\n  where  x == y[0] or x == y[1]\n"
        "  output p    : 0..1 = index_of(x, y)\n}\n"
    )

    condition: str

    def headline(self) -> str:
        """See `Rule`."""
        return f"`{self.variable}` may find no match"

    def label(self) -> str:
        """See `Rule`."""
        return f"`{self.expression}` has no match{self.when()}{self.caution()}"

    def help(self) -> str:
        """See `Rule`."""
        return f"exclude it: `where {self.condition}`"


@rule
class MissingEntry(Failing):
    """A table is asked for a key that it does not have, where the result is used."""

    code: ClassVar[str] = "C234"
    wrong: ClassVar[str] = (
        _HEAD + "  table next[0..2] : 0..2 = { 0 -> 1, 1 -> 2, 2 -> 0 }\n"
        "  input  x, y : 0..2\n  output z : 0..2 = next[x + y]\n}\n"
    )
    right: ClassVar[str] = (
        _HEAD + "  table next[0..2] : 0..2 = { 0 -> 1, 1 -> 2, 2 -> 0 }\n"
        "  input  x, y : 0..2\n  output z : 0..2 = next[(x + y) % 3]\n}\n"
    )

    table: str

    def headline(self) -> str:
        """See `Rule`."""
        return f"`{self.table}` has no entry that `{self.variable}` asks for"

    def label(self) -> str:
        """See `Rule`."""
        return f"`{self.expression}` has no value{self.when()}{self.caution()}"

    def help(self) -> str:
        """See `Rule`."""
        return f"add the entry to `{self.table}`, or keep the key out of it with `where` or `if`"


@rule
class Overflow(Failing):
    """An integer on the way reaches 2^62, from where on arithmetic is no longer exact."""

    code: ClassVar[str] = "C235"
    wrong: ClassVar[str] = (
        _HEAD + "  input  x : 0..4_000_000_000\n  output y : bool = x * x * x == 8\n}\n"
    )
    right: ClassVar[str] = (
        _HEAD + "  input  x : 0..1_000_000\n  output y : bool = x * x * x == 8\n}\n"
    )

    value: str

    def headline(self) -> str:
        """See `Rule`."""
        return f"`{self.variable}` can overflow"

    def label(self) -> str:
        """See `Rule`."""
        return f"`{self.expression}` reaches {self.value}{self.when()}{self.caution()}"

    def help(self) -> str:
        """See `Rule`."""
        return "keep integers below 2^62: use smaller domains, or `mod n`"
