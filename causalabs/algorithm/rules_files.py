"""Rules about imported files and data files (C108, C113 and C114, C130 to C132)."""

from __future__ import annotations

from typing import ClassVar

from causalabs.algorithm.rules import Misspelt, Told
from causalabs.diagnostics import rule


@rule
class BadImport(Told):
    """A file that is imported cannot be read, has errors of its own, or imports in a circle."""

    code: ClassVar[str] = "C113"
    says: ClassVar[str] = "cannot import `{path}`: {reason}"
    types: ClassVar[str] = "paths are relative to the file that imports"
    wrong: ClassVar[str] = 'import "nowhere.causal"\n'
    right: ClassVar[str] = "domain A = {red, blue}\n"
    path: str
    reason: str


@rule
class NotImported(Misspelt):
    """An imported file does not declare a name that is asked of it."""

    code: ClassVar[str] = "C114"
    says: ClassVar[str] = "`{path}` declares no `{name}`"
    types: ClassVar[str] = "import a domain, table, definition or algorithm that is there"
    wrong: ClassVar[str] = 'import Animal from "colours.causal"\n'
    right: ClassVar[str] = 'import Colour from "colours.causal"\n'
    path: str


@rule
class UnknownColumn(Misspelt):
    """A table has no column of that name.

    The columns of a CSV file are named by its first line, those of a JSON Lines file by the
    fields of its objects.
    """

    code: ClassVar[str] = "C108"
    says: ClassVar[str] = "table `{table}` has no column `{name}`"
    types: ClassVar[str] = "its columns are {columns}"
    wrong: ClassVar[str] = 'table cities from "cities.csv" key town\n'
    right: ClassVar[str] = 'table cities from "cities.csv" key city\n'
    table: str
    columns: str


@rule
class UnreadableTable(Told):
    """A data file is missing, too large, or neither CSV nor JSON Lines."""

    code: ClassVar[str] = "C130"
    says: ClassVar[str] = "cannot read table `{name}`: {reason}"
    types: ClassVar[str] = "paths are relative to the hypothesis file"
    wrong: ClassVar[str] = 'table cities from "nowhere.csv" key city\n'
    right: ClassVar[str] = 'table cities from "cities.csv" key city\n'
    name: str
    reason: str


@rule
class BadRow(Told):
    """A line of a data file does not have the shape of the others.

    Each line has a value for every column; a JSON Lines file has one flat object a line.
    """

    code: ClassVar[str] = "C131"
    says: ClassVar[str] = "line {line} of `{path}`: {reason}"
    types: ClassVar[str] = "every line needs one value for each of {columns}"
    wrong: ClassVar[str] = 'table cities from "ragged.csv" key city\n'
    right: ClassVar[str] = 'table cities from "cities.csv" key city\n'
    path: str
    line: int
    reason: str
    columns: str


@rule
class DuplicateKey(Told):
    """Two lines of a data file have the same key, so that a look-up has two answers."""

    code: ClassVar[str] = "C132"
    says: ClassVar[str] = "key `{key}` stands twice in `{path}` (lines {before} and {line})"
    types: ClassVar[str] = "remove one of the two lines, or choose another key"
    wrong: ClassVar[str] = 'table cities from "cities.csv" key country\n'
    right: ClassVar[str] = 'table cities from "cities.csv" key city\n'
    path: str
    key: str
    before: int
    line: int
