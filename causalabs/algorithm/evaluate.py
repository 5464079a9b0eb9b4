"""Vectorised evaluation of algorithms over coded columns."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from causalabs.algorithm.columns import domain_text, value_text
from causalabs.algorithm.domains import (
    Column,
    Columns,
    Domain,
    Interval,
    Real,
    SetOf,
    decode,
    encode,
)
from causalabs.algorithm.expression import Expression
from causalabs.algorithm.program import Program

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from causalabs.algorithm.kernels import Faults, Value
    from causalabs.algorithm.model import Algorithm


class MechanismError(ValueError):
    """A mechanism met values for which it has none, or left its domain.

    `witness` gives its parents' values, as people write them, for the first such row.
    """

    def __init__(self, variable: str, message: str, witness: Mapping[str, object]) -> None:
        self.variable, self.message, self.witness = variable, message, dict(witness)
        given = ", ".join(f"{name} = {value_text(value)}" for name, value in witness.items())
        super().__init__(f"`{variable}`: {message}" + (f" ({given})" if given else ""))


class Evaluation:
    """Values of a program's steps on one set of columns, each computed once."""

    def __init__(self, program: Program, columns: Columns) -> None:
        self.program = program
        self.columns = columns
        self.values: dict[int, Value] = {}
        self.faults: Faults = {}

    def value(self, root: int) -> Value:
        """The value of step `root`, a column or a numpy scalar."""
        if root not in self.values:
            for number in self._missing(root):
                self.values[number] = self._computed(number)
        return self.values[root]

    def _missing(self, root: int) -> list[int]:
        found, stack = {root}, [root]
        while stack:
            for argument in self.program.steps[stack.pop()].arguments:
                if argument not in found and argument not in self.values:
                    found.add(argument)
                    stack.append(argument)
        return sorted(found)

    def _computed(self, number: int) -> Value:
        from causalabs.algorithm import kernels

        step = self.program.steps[number]
        if step.kind == "variable":
            return self.columns[str(step.data)]
        if step.kind == "constant":
            return _scalar(step.data)
        arguments = [self.values[each] for each in step.arguments]
        types = [self.program.steps[each].type for each in step.arguments]
        return kernels.compute(step, arguments, types, number, self.faults)

    def live_faults(self, root: int) -> Faults:
        """Faults met by step `root` on paths that its conditions leave alive."""
        if not self.faults:
            return {}
        closure = self.program.closure(root)
        if self.faults.keys().isdisjoint(closure):
            return {}
        import numpy as np

        live: dict[int, Value] = {root: np.bool_(True)}
        found: Faults = {}
        for number in reversed(closure):
            if number in self.faults:
                kind, rows = self.faults[number]
                rows = rows & live[number]
                if np.any(rows):
                    found[number] = (kind, rows)
            for argument, mask in self._passed_down(number, live[number]):
                live[argument] = live[argument] | mask if argument in live else mask
        return found

    def _passed_down(self, number: int, live: Value) -> Iterable[tuple[int, Value]]:
        """Which rows of each argument a step makes use of."""
        step = self.program.steps[number]
        if step.kind == "choice":
            condition, yes, no = step.arguments
            taken = self.values[condition]
            return ((condition, live), (yes, live & taken), (no, live & ~taken))
        if step.kind in ("and", "or"):
            return self._short_circuit(step.arguments, live, step.kind == "and")
        if step.kind == "pick":
            return self._items(number, live)
        return ((argument, live) for argument in step.arguments)

    def _short_circuit(
        self, arguments: Sequence[int], live: Value, wanted: bool
    ) -> Iterable[tuple[int, Value]]:
        for argument in arguments:
            yield argument, live
            live = live & (self.values[argument] if wanted else ~self.values[argument])

    def _items(self, number: int, live: Value) -> Iterable[tuple[int, Value]]:
        from causalabs.algorithm.kernels import flat_index

        step = self.program.steps[number]
        lows, sizes = step.data
        indices = step.arguments[: len(lows)]
        flat, _ = flat_index([self.values[each] for each in indices], lows, sizes)
        yield from ((index, live) for index in indices)
        for place, item in enumerate(step.arguments[len(lows) :]):
            yield item, live & (flat == place)


def _scalar(value: object) -> Value:
    import numpy as np

    if isinstance(value, bool):
        return np.bool_(value)
    return np.int64(value) if isinstance(value, int) else np.float32(value)  # type: ignore[arg-type]


def program_of(algorithm: Algorithm) -> tuple[Program, dict[str, int]]:
    """The program of all mechanisms and the step of each; made once for an algorithm."""
    kept = algorithm.__dict__.get("_program")
    if kept is None:
        program = Program()
        computed = (v for v in algorithm.variables if v.mechanism is not None)
        roots = {v.name: program.add(v.mechanism) for v in computed}  # type: ignore[arg-type]
        kept = algorithm.__dict__["_program"] = (program, roots)
    return kept


def evaluate(
    algorithm: Algorithm,
    inputs: Columns,
    interventions: Columns | None = None,
    *,
    only: Collection[str] | None = None,
    checked: bool = False,
) -> dict[str, Column]:
    """Columns of all variables, or of those in `only`; each `(rows, ...)` as in `domains`.

    An intervened variable keeps the column it is given. With `checked`, values outside a
    declared domain raise; what has no value on a path that is taken always does
    (`MechanismError`).
    """
    given = interventions or {}
    wanted = None if only is None else needed(algorithm, only, given)
    columns: dict[str, Column] = {}
    rows = _rows(inputs, given)
    program, roots = program_of(algorithm)
    running = Evaluation(program, columns)
    for variable in algorithm.variables:
        name = variable.name
        if wanted is not None and name not in wanted:
            continue
        if name in given:
            columns[name] = given[name]
        elif variable.mechanism is None:
            if name not in inputs:
                raise ValueError(f"input `{name}` ({domain_text(variable.domain)}) has no value")
            columns[name] = inputs[name]
        else:
            columns[name] = full(running.value(roots[name]), variable.domain, rows)
            _judge(algorithm, name, running, roots[name])
            if checked:
                _check_domain(algorithm, name, columns)
    return columns if only is None else {name: columns[name] for name in only}


def needed(algorithm: Algorithm, only: Collection[str], given: Collection[str]) -> frozenset[str]:
    """The variables that must be known to know `only` when `given` are set from outside."""
    found: set[str] = set()
    stack = list(only)
    while stack:
        name = stack.pop()
        if name not in found:
            found.add(name)
            if name not in given:
                stack.extend(algorithm[name].parents)
    return frozenset(found)


def evaluate_expression(expression: Expression, columns: Columns, rows: int) -> Column:
    """The column of one expression, `(rows, ...)`; raises `MechanismError` as `evaluate`.

    >>> from causalabs.algorithm.domains import Integer
    >>> from causalabs.algorithm.expression import Constant
    >>> evaluate_expression(Constant(3, Integer()), {}, 2).tolist()
    [3, 3]
    """
    program = Program()
    root = program.add(expression)
    running = Evaluation(program, columns)
    value = full(running.value(root), expression.type, rows)
    for number, (kind, where) in sorted(running.live_faults(root).items()):
        _raise("expression", kind, program, number, columns, where, {})
    return value


def _rows(inputs: Columns, given: Columns) -> int:
    for columns in (inputs, given):
        for column in columns.values():
            return len(column)
    return 1


def full(value: Value, domain: Domain, rows: int) -> Column:
    """`value` as a column of that many rows, where it is a constant so far."""
    import numpy as np

    width = {SetOf: 1, Real: 0 if isinstance(domain, Real) and domain.size is None else 1}
    full_ndim = 1 + width.get(type(domain), 0)
    if np.ndim(value) == full_ndim and len(value) == rows:
        return value  # type: ignore[no-any-return]
    shape = np.shape(value)[1 if np.ndim(value) == full_ndim else 0 :]
    return np.array(np.broadcast_to(value, (rows, *shape)))


_MESSAGES = {
    "division": "division by zero",
    "index": "index out of range",
    "no match": "`index_of` finds no match",
    "entry": "the table has no entry",
    "value": "the value is not in the target's domain",
}


def _judge(algorithm: Algorithm, name: str, running: Evaluation, root: int) -> None:
    if not running.faults:
        return
    for number, (kind, where) in sorted(running.live_faults(root).items()):
        domains = {parent: algorithm[parent].domain for parent in algorithm[name].parents}
        _raise(name, kind, running.program, number, running.columns, where, domains)


def _raise(
    name: str,
    kind: str,
    program: Program,
    number: int,
    columns: Columns,
    where: NDArray[np.bool_],
    domains: Mapping[str, Domain],
) -> None:
    import numpy as np

    row = int(np.argmax(where)) if np.ndim(where) else 0
    if not domains:
        steps = (program.steps[each] for each in program.closure(number))
        domains = {str(step.data): step.type for step in steps if step.kind == "variable"}
    raise MechanismError(name, _MESSAGES[kind], _at_row(domains, columns, row))


def _at_row(domains: Mapping[str, Domain], columns: Columns, row: int) -> dict[str, object]:
    return {
        name: decode(domain, columns[name][row : row + 1])[0] for name, domain in domains.items()
    }


def _check_domain(algorithm: Algorithm, name: str, columns: Columns) -> None:
    domain = algorithm[name].domain
    if not isinstance(domain, Interval):
        return
    import numpy as np

    column: Any = columns[name]
    outside = (column < domain.low) | (column > domain.high)
    if outside.any():
        row = int(np.argmax(outside))
        parents = {each: algorithm[each].domain for each in algorithm[name].parents}
        message = f"{int(column[row])} is not in {domain_text(domain)}"
        raise MechanismError(name, message, _at_row(parents, columns, row))


def run_written(
    algorithm: Algorithm, inputs: Mapping[str, object], interventions: Mapping[str, object]
) -> dict[str, list[object]]:
    """Values of every variable for values as people write them, single ones or lists."""
    columns = {
        **_encoded(algorithm, inputs, "input"),
        **{f"\0{name}": c for name, c in _encoded(algorithm, interventions, "").items()},
    }
    rows = _common_length(columns)
    full = {n: c if len(c) == rows else c.repeat(rows, axis=0) for n, c in columns.items()}
    given = {name[1:]: column for name, column in full.items() if name[0] == "\0"}
    plain = {name: column for name, column in full.items() if name[0] != "\0"}
    found = evaluate(algorithm, plain, given, checked=True)
    return {name: decode(algorithm[name].domain, column) for name, column in found.items()}


def _common_length(columns: Columns) -> int:
    lengths = {name.lstrip("\0"): len(column) for name, column in columns.items()}
    many = {name: length for name, length in lengths.items() if length != 1}
    if len(set(many.values())) > 1:
        listed = ", ".join(f"`{name}` has {length}" for name, length in many.items())
        raise ValueError(f"columns differ in length: {listed}")
    return next(iter(many.values()), 1)


def _encoded(algorithm: Algorithm, written: Mapping[str, object], role: str) -> dict[str, Column]:
    found = {}
    for name, value in written.items():
        known = [v.name for v in algorithm.variables if v.role == role or not role]
        if name not in known:
            from difflib import get_close_matches

            near = get_close_matches(name, known, 1)
            hint = f"; did you mean `{near[0]}`?" if near else ""
            raise ValueError(f"no {role or 'variable'} is called `{name}`{hint}")
        domain = algorithm[name].domain
        rows = value if _is_many(domain, value) else [value]
        try:
            found[name] = encode(domain, rows)  # type: ignore[arg-type]
        except ValueError as error:
            raise ValueError(f"`{name}`: {error}") from None
    return found


def _is_many(domain: Domain, value: object) -> bool:
    """Whether `value` is a list of values of `domain`, not one value."""
    if not isinstance(value, list | tuple) and not hasattr(value, "__array__"):
        return False
    if isinstance(domain, Real) and domain.size is not None:
        import numpy as np

        return np.ndim(value) != 1
    return not hasattr(value, "ndim") or value.ndim > 0
