"""Tables: columns of data files, and finite functions written out in a file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from causalabs.algorithm.declared import BIGGEST, Report
from causalabs.algorithm.domains import (
    Bool,
    Domain,
    Enum,
    FiniteDomain,
    Interval,
    Scalar,
    values,
)
from causalabs.algorithm.expression import Table
from causalabs.algorithm.names import nearest
from causalabs.algorithm.rules_files import BadRow, DuplicateKey, UnknownColumn, UnreadableTable
from causalabs.algorithm.typing_ import written
from causalabs.diagnostics import NOWHERE, Span
from causalabs.syntax import ast

LARGEST_FILE = 64 * 2**20
MOST_ROWS = 1_000_000


@dataclass(frozen=True)
class DataTable:
    """A data file: each column's domain, and look-ups from the key to the others."""

    name: str
    path: Path
    key: str
    columns: Mapping[str, Domain]
    look_ups: Mapping[str, Table] = field(repr=False)
    digest: str = ""
    span: Span = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True)
class _Rows:
    columns: tuple[str, ...]
    rows: Sequence[tuple[object, ...]]
    lines: Sequence[int]


class Unreadable(Exception):  # noqa: N818
    """Why a data file cannot be used; `line` 0 is the file as a whole."""

    def __init__(self, reason: str, line: int = 0, columns: Sequence[str] = ()) -> None:
        self.reason, self.line, self.columns = reason, line, tuple(columns)
        super().__init__(reason)


def load(node: ast.Data, folder: Path, report: Report) -> DataTable | None:
    """Reads the file of a `table ... from` line; what is wrong with it is reported."""
    name, path = str(node.name), folder / str(node.path)
    try:
        content = read_bytes(path)
        found = _parse(content, path.suffix.lower())
    except Unreadable as error:
        if error.line:
            columns = ", ".join(f"`{column}`" for column in error.columns) or "its columns"
            where = str(node.path)
            report(
                BadRow(
                    span=node.path.span, path=where, line=error.line, reason=error.reason,
                    columns=columns,
                )
            )  # fmt: skip
        else:
            report(UnreadableTable(span=node.path.span, name=name, reason=error.reason))
        return None
    if str(node.key) not in found.columns:
        report(
            UnknownColumn(
                span=node.key.span,
                table=name,
                name=str(node.key),
                columns=", ".join(f"`{column}`" for column in found.columns),
                suggestion=nearest(str(node.key), found.columns),
            )
        )
        return None
    return _table(node, path, found, hashlib.sha256(content).hexdigest(), report)


def read_bytes(path: Path, largest: int = LARGEST_FILE) -> bytes:
    """A file's content; `Unreadable` says why there is none."""
    try:
        if not path.exists():
            raise Unreadable("there is no such file")
        if not path.is_file():
            raise Unreadable("it is not a file")
        if path.stat().st_size > largest:
            raise Unreadable(f"it is larger than {largest // 2**20} MiB")
        return path.read_bytes()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        raise Unreadable((reason or "the path cannot be used").lower()) from None


def _parse(content: bytes, suffix: str) -> _Rows:
    if suffix not in (".csv", ".jsonl"):
        raise Unreadable("its name ends neither in `.csv` nor in `.jsonl`")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Unreadable("it is not UTF-8 text") from None
    if "\0" in text:
        raise Unreadable("it is not text")
    found = _csv(text) if suffix == ".csv" else _json_lines(text)
    if not found.rows:
        raise Unreadable("it has no rows")
    if len(found.rows) > MOST_ROWS:
        raise Unreadable(f"it has more than {MOST_ROWS:,} rows")
    return found


def _csv(text: str) -> _Rows:
    import csv
    import io

    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows: list[tuple[object, ...]] = []
    lines: list[int] = []
    columns: tuple[str, ...] = ()
    try:
        for row in reader:
            if not row:
                continue
            if not columns:
                columns = tuple(cell.strip() for cell in row)
                _check_columns(columns)
                continue
            if len(row) != len(columns):
                reason = f"{len(row)} values where there are {len(columns)} columns"
                raise Unreadable(reason, reader.line_num, columns)
            rows.append(tuple(cell.strip() for cell in row))
            lines.append(reader.line_num)
    except csv.Error as error:
        raise Unreadable(str(error), max(1, reader.line_num), columns) from None
    return _Rows(columns, rows, lines)


def _check_columns(columns: Sequence[str]) -> None:
    if "" in columns:
        raise Unreadable("a column has no name", 1, [c for c in columns if c])
    if len(set(columns)) < len(columns):
        twice = next(column for column in columns if columns.count(column) > 1)
        raise Unreadable(f"column `{twice}` stands twice", 1, columns)


def _json_lines(text: str) -> _Rows:
    rows: list[tuple[object, ...]] = []
    lines: list[int] = []
    columns: tuple[str, ...] = ()
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            raise Unreadable("not valid JSON", number, columns) from None
        if not isinstance(record, dict) or not record:
            raise Unreadable("not a JSON object", number, columns)
        if not columns:
            columns = tuple(record)
            _check_columns(columns)
        if set(record) != set(columns):
            odd = sorted(set(record) ^ set(columns))[0]
            lacks = odd in columns
            reason = f"`{odd}` is missing" if lacks else f"`{odd}` is not in the first line"
            raise Unreadable(reason, number, columns)
        row = tuple(record[column] for column in columns)
        for column, cell in zip(columns, row, strict=True):
            if not isinstance(cell, (bool, int, str)):
                raise Unreadable(f"`{column}` is no text, integer or truth", number, columns)
        rows.append(row)
        lines.append(number)
    return _Rows(columns, rows, lines)


# ---------------------------------------------------------------------- columns


def _table(
    node: ast.Data, path: Path, found: _Rows, digest: str, report: Report
) -> DataTable | None:
    name, place = str(node.name), found.columns.index(str(node.key))
    columns: dict[str, Domain] = {}
    cells: dict[str, list[Scalar]] = {}
    for number, column in enumerate(found.columns):
        cells[column] = _typed([row[number] for row in found.rows])
        columns[column] = _domain(cells[column], f"{name}.{column}", key=number == place)
    first: dict[Scalar, int] = {}
    for value, line in zip(cells[str(node.key)], found.lines, strict=True):
        before = first.setdefault(value, line)
        if before != line:
            report(
                DuplicateKey(
                    span=node.key.span, path=str(node.path), key=written(value), before=before,
                    line=line,
                )
            )  # fmt: skip
            return None
    look_ups = {
        column: _look_up(f"{name}.{column}", columns, cells, str(node.key), column)
        for column in found.columns
    }
    return DataTable(name, path, str(node.key), columns, look_ups, digest, node.span)


def _typed(cells: list[object]) -> list[Scalar]:
    """All truths, all integers, or else all text."""
    words = {"true": True, "false": False, True: True, False: False}
    if all(isinstance(cell, bool) or cell in ("true", "false") for cell in cells):
        return [words[cell] for cell in cells]
    numbers = [_integer(cell) for cell in cells]
    if all(number is not None for number in numbers):
        return [number for number in numbers if number is not None]
    return [_text(cell) for cell in cells]


def _integer(cell: object) -> int | None:
    if isinstance(cell, bool):
        return None
    if isinstance(cell, int):
        return cell if abs(cell) < BIGGEST else None
    text = str(cell)
    plain = text[1:] if text[:1] == "-" else text
    if not (plain.isascii() and plain.isdigit()) or len(plain) > 19:
        return None
    if len(plain) > 1 and plain[0] == "0":
        return None  # `007` is a name: as a number it would not be written back so
    value = int(text)
    return value if abs(value) < BIGGEST else None


def _text(cell: object) -> str:
    return ("true" if cell else "false") if isinstance(cell, bool) else str(cell)


def _domain(cells: Sequence[Scalar], name: str, *, key: bool) -> FiniteDomain:
    """The domain of a column; integer keys with gaps are an enum, so that no look-up fails."""
    if isinstance(cells[0], bool) and not key:
        return Bool()
    if isinstance(cells[0], int) and not isinstance(cells[0], bool):
        low, high = min(cells), max(cells)
        if not key or int(high) - int(low) + 1 == len(cells):
            return Interval(int(low), int(high))
    if isinstance(cells[0], bool) and len(set(cells)) == 2:
        return Bool()
    return Enum(tuple(dict.fromkeys(cells)), name)


def _look_up(
    name: str,
    columns: Mapping[str, Domain],
    cells: Mapping[str, Sequence[Scalar]],
    key: str,
    column: str,
) -> Table:
    keys: FiniteDomain = columns[key]  # type: ignore[assignment]
    target: FiniteDomain = columns[column]  # type: ignore[assignment]
    coder = _coder(target)
    by_key = {k: coder(v) for k, v in zip(cells[key], cells[column], strict=True)}
    codes = tuple(by_key[value] for value in values(keys))
    return Table(name, (keys,), target, codes, (True,) * len(codes))


def _coder(domain: FiniteDomain) -> Callable[[Scalar], int]:
    if isinstance(domain, Enum):
        places = {value: place for place, value in enumerate(domain.values)}
        return lambda value: places[value]
    return lambda value: int(value)
