"""Rules about names in domains, tables, definitions and algorithms (C1xx)."""

from __future__ import annotations

from typing import ClassVar

from causalabs.algorithm.rules import Misspelt, Told
from causalabs.diagnostics import rule


@rule
class UnknownName(Misspelt):
    """A name in an expression is neither a variable nor a value of any domain in sight.

    Bare names are looked up as binders, parameters, variables and values, in this order. A
    definition sees its parameters only, a mechanism all variables of its algorithm.
    """

    code: ClassVar[str] = "C101"
    says: ClassVar[str] = "unknown name `{name}`"
    beside: ClassVar[str] = "nothing here has this name"
    types: ClassVar[str] = "declare it first, as in `var {name} : bool = ...`"
    wrong: ClassVar[str] = "algorithm {\n  input  x : bool\n  output y : bool = not z\n}\n"
    right: ClassVar[str] = "algorithm {\n  input  x : bool\n  output y : bool = not x\n}\n"


@rule
class Redefinition(Told):
    """A name is declared twice.

    Variables and tables of an algorithm share one namespace, so do the domains and tables of
    a file, and so do definitions.
    """

    code: ClassVar[str] = "C102"
    says: ClassVar[str] = "`{name}` is declared twice"
    beside: ClassVar[str] = "declared again"
    types: ClassVar[str] = "rename one of the two"
    wrong: ClassVar[str] = (
        "algorithm {\n  input  x : bool\n  input  x : bool\n  output y : bool = x\n}\n"
    )
    right: ClassVar[str] = (
        "algorithm {\n  input  x : bool\n  input  z : bool\n  output y : bool = x or z\n}\n"
    )
    name: str


@rule
class UnknownFunction(Misspelt):
    """A function is called that is neither built in nor defined.

    Built in are sum, count, any, all, min, max, abs, int, distinct and index_of; others
    are defined by `def`.
    """

    code: ClassVar[str] = "C103"
    says: ClassVar[str] = "unknown function `{name}`"
    beside: ClassVar[str] = "no function has this name"
    types: ClassVar[str] = "define it: `def {name}(x) = ...`"
    wrong: ClassVar[str] = (
        "algorithm {\n  input  x, y : 0..3\n  output z : 0..3 = maximum(x, y)\n}\n"
    )
    right: ClassVar[str] = "algorithm {\n  input  x, y : 0..3\n  output z : 0..3 = max(x, y)\n}\n"


@rule
class KeywordAsName(Told):
    """A word of the language is declared as a name.

    Words such as `step` or `token` have a meaning in some places; a variable of that name
    could not be told apart there. As values of a domain they are free.
    """

    code: ClassVar[str] = "C104"
    says: ClassVar[str] = "`{name}` is a word of the language and cannot be declared"
    types: ClassVar[str] = "choose another name, such as `{name}_`"
    wrong: ClassVar[str] = "algorithm {\n  input  step : bool\n  output y : bool = step\n}\n"
    right: ClassVar[str] = "algorithm {\n  input  stage : bool\n  output y : bool = stage\n}\n"
    name: str


@rule
class ValueIsVariable(Told):
    """A bare name is both a variable and a value of the domain expected there.

    A bare name is read as the variable. Quotes make it the value, for a string is never a
    variable.
    """

    code: ClassVar[str] = "C105"
    says: ClassVar[str] = "`{name}` is a variable and also a value of {domain}"
    beside: ClassVar[str] = "which of the two is meant?"
    types: ClassVar[str] = 'write `"{name}"` for the value, or rename the variable'
    first_says: ClassVar[str] = "the variable"
    wrong: ClassVar[str] = (
        "algorithm {\n  input  red : bool\n  input  c : {red, blue}\n"
        "  output y : bool = red and c == red\n}\n"
    )
    right: ClassVar[str] = (
        "algorithm {\n  input  red : bool\n  input  c : {red, blue}\n"
        '  output y : bool = red and c == "red"\n}\n'
    )
    name: str
    domain: str


@rule
class UndeterminedValue(Told):
    """A value stands in several domains and nothing says which is meant.

    A value takes the domain of the other operand, or of the variable that is declared.
    Where neither is there, a value that only one domain has is understood.
    """

    code: ClassVar[str] = "C106"
    says: ClassVar[str] = "`{name}` is a value of {domains}"
    beside: ClassVar[str] = "of which domain?"
    types: ClassVar[str] = "compare it with a variable, whose domain then decides"
    wrong: ClassVar[str] = (
        "domain A = {red, blue}\ndomain B = {red, green}\n"
        "algorithm {\n  input  x : A\n  input  z : B\n"
        "  output y : bool = x == blue and red == red and z == green\n}\n"
    )
    right: ClassVar[str] = (
        "domain A = {red, blue}\ndomain B = {red, green}\n"
        "algorithm {\n  input  x : A\n  input  z : B\n"
        "  output y : bool = x == blue and z == green\n}\n"
    )
    name: str
    domains: str


@rule
class UnknownDomain(Misspelt):
    """A domain is named that the file does not define."""

    code: ClassVar[str] = "C107"
    says: ClassVar[str] = "unknown domain `{name}`"
    types: ClassVar[str] = "define it: `domain {name} = {{...}}`"
    wrong: ClassVar[str] = "algorithm {\n  input  x : Colour\n  output y : bool = x == red\n}\n"
    right: ClassVar[str] = (
        "domain Colour = {red, blue}\n"
        "algorithm {\n  input  x : Colour\n  output y : bool = x == red\n}\n"
    )


@rule
class Recursion(Told):
    """Definitions that call each other in a circle would expand for ever.

    Recurrence is written as a family: `var carry[i in 0..3] : bool = ... carry[i - 1] ...`.
    """

    code: ClassVar[str] = "C109"
    says: ClassVar[str] = "definition `{name}` calls itself (`{circle}`)"
    types: ClassVar[str] = "write a recurrence as a family: `var {name}[i in 0..3] : ... = ...`"
    wrong: ClassVar[str] = (
        "def f(x) = not f(x)\nalgorithm {\n  input  x : bool\n  output y : bool = f(x)\n}\n"
    )
    right: ClassVar[str] = (
        "def f(x) = not x\nalgorithm {\n  input  x : bool\n  output y : bool = f(x)\n}\n"
    )
    name: str
    circle: str


@rule
class DefinitionSeesVariable(Told):
    """A definition uses a variable that is not among its parameters.

    Parents are read from the mechanism: what a definition depends on must stand in its call.
    """

    code: ClassVar[str] = "C110"
    says: ClassVar[str] = "definition `{definition}` uses variable `{name}`"
    beside: ClassVar[str] = "not a parameter"
    types: ClassVar[str] = "add `{name}` to the parameters of `{definition}` and to its calls"
    wrong: ClassVar[str] = (
        "algorithm {\n  input  x, z : bool\n  def f(a) = a and z\n  output y : bool = f(x)\n}\n"
    )
    right: ClassVar[str] = (
        "algorithm {\n  input  x, z : bool\n  def f(a, b) = a and b\n"
        "  output y : bool = f(x, z)\n}\n"
    )
    name: str
    definition: str


@rule
class WrongArguments(Told):
    """A function is given more or fewer arguments than it takes."""

    code: ClassVar[str] = "C111"
    says: ClassVar[str] = "`{name}` takes {wanted}, not {found}"
    types: ClassVar[str] = "write `{usage}`"
    first_says: ClassVar[str] = "defined here"
    wrong: ClassVar[str] = "algorithm {\n  input  x : 0..3\n  output y : 0..3 = abs(x, x)\n}\n"
    right: ClassVar[str] = "algorithm {\n  input  x : 0..3\n  output y : 0..3 = abs(x)\n}\n"
    name: str
    wanted: str
    found: str
    usage: str


@rule
class DuplicateBinder(Told):
    """Two binders, or two parameters of a definition, have one name."""

    code: ClassVar[str] = "C112"
    says: ClassVar[str] = "`{name}` is bound twice"
    types: ClassVar[str] = "give each its own name"
    wrong: ClassVar[str] = (
        "algorithm {\n  input  x[2, 2] : bool\n"
        "  output y : bool = any(x[i, i] for i in 0..1, i in 0..1)\n}\n"
    )
    right: ClassVar[str] = (
        "algorithm {\n  input  x[2, 2] : bool\n"
        "  output y : bool = any(x[i, j] for i in 0..1, j in 0..1)\n}\n"
    )
    name: str


@rule
class Unqualified(Told):
    """A condition on a pair of inputs names a variable without saying whose it is.

    In `keep where` and after an interchange, `base.v` is the base's value of v and `source.v`
    the source's.
    """

    code: ClassVar[str] = "C115"
    says: ClassVar[str] = "`{name}` of the base, or of the source?"
    types: ClassVar[str] = "write {options}"
    wrong: ClassVar[str] = (
        "algorithm {\n  input  x : bool\n  output y : bool = x\n}\n"
        "counterfactuals {\n  exhaustive\n  interchange x\n  keep where x\n"
        "  split heldout 100%\n}\n"
    )
    right: ClassVar[str] = (
        "algorithm {\n  input  x : bool\n  output y : bool = x\n}\n"
        "counterfactuals {\n  exhaustive\n  interchange x\n  keep where base.x\n"
        "  split heldout 100%\n}\n"
    )
    name: str
    options: str


@rule
class NotAVariable(Told):
    """A domain, table, function or algorithm stands where a value is wanted."""

    code: ClassVar[str] = "C116"
    says: ClassVar[str] = "`{name}` is {kind}, not a variable"
    types: ClassVar[str] = "write a variable or a value"
    wrong: ClassVar[str] = (
        "def f(x) = not x\nalgorithm {\n  input  x : bool\n  output y : bool = f\n}\n"
    )
    right: ClassVar[str] = (
        "def f(x) = not x\nalgorithm {\n  input  x : bool\n  output y : bool = f(x)\n}\n"
    )
    name: str
    kind: str


@rule
class DomainCircle(Told):
    """Domains that are defined by each other have no values."""

    code: ClassVar[str] = "C117"
    says: ClassVar[str] = "domain `{name}` is defined by itself (`{circle}`)"
    types: ClassVar[str] = "give one of them its values: `domain {name} = {{...}}`"
    wrong: ClassVar[str] = "domain A = B\ndomain B = A\n"
    right: ClassVar[str] = "domain A = B\ndomain B = {red, blue}\n"
    name: str
    circle: str


@rule
class IndexOutOfRange(Told):
    """A family is read at an index that it does not have.

    Ranges include both ends and counting starts at 0: `input x[4]` is x[0] to x[3].
    """

    code: ClassVar[str] = "C120"
    says: ClassVar[str] = "`{name}` has no element `{shown}`"
    beside: ClassVar[str] = "{label_text}"
    types: ClassVar[str] = "the index runs over {ranges}"
    first_says: ClassVar[str] = "declared here"
    wrong: ClassVar[str] = "algorithm {\n  input  x[2] : bool\n  output y : bool = x[2]\n}\n"
    right: ClassVar[str] = "algorithm {\n  input  x[2] : bool\n  output y : bool = x[1]\n}\n"
    name: str
    shown: str
    ranges: str
    label_text: str = ""


@rule
class WrongIndices(Told):
    """A family is given too many or too few indices, or a plain variable is given some."""

    code: ClassVar[str] = "C121"
    says: ClassVar[str] = "`{name}` takes {wanted}, not {found}"
    types: ClassVar[str] = "write `{usage}`"
    first_says: ClassVar[str] = "declared here"
    wrong: ClassVar[str] = "algorithm {\n  input  x : bool\n  output y : bool = x[0]\n}\n"
    right: ClassVar[str] = "algorithm {\n  input  x[1] : bool\n  output y : bool = x[0]\n}\n"
    name: str
    wanted: str
    found: str
    usage: str


@rule
class NotAnIndex(Told):
    """Something other than an integer stands as an index."""

    code: ClassVar[str] = "C122"
    says: ClassVar[str] = "`{shown}` cannot be an index: it is {found}"
    types: ClassVar[str] = "an index is an integer"
    wrong: ClassVar[str] = (
        "algorithm {\n  input  x[2] : bool\n  input  p : bool\n  output y : bool = x[p]\n}\n"
    )
    right: ClassVar[str] = (
        "algorithm {\n  input  x[2] : bool\n  input  p : 0..1\n  output y : bool = x[p]\n}\n"
    )
    shown: str
    found: str


@rule
class WhereSeesComputed(Told):
    """A `where` of an algorithm speaks of a variable that is computed.

    `where` says which inputs there are; computed variables follow from them.
    """

    code: ClassVar[str] = "C123"
    says: ClassVar[str] = "`where` speaks of `{name}`, which is computed"
    beside: ClassVar[str] = "not an input"
    types: ClassVar[str] = "state the condition on inputs, or use `keep where` in counterfactuals"
    first_says: ClassVar[str] = "computed here"
    wrong: ClassVar[str] = (
        "algorithm {\n  input  x : bool\n  var    y : bool = not x\n  where  y\n"
        "  output z : bool = y\n}\n"
    )
    right: ClassVar[str] = (
        "algorithm {\n  input  x, u : bool\n  var    y : bool = not x\n  where  x or u\n"
        "  output z : bool = y and u\n}\n"
    )
    name: str
