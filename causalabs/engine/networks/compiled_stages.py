"""The stages of a compiled network: from the inputs, or a hidden layer, to the next layer.

A stage reads flags (one a value of a variable, 0 or 1) off the codes, finds which real vectors
are equal, computes variables from their parents, a unit for each assignment, and writes codes
again. All that is known of the inputs past a hidden layer is what stands in its slots;
distractors are made from the inputs, or from the layer's distractors, and nothing reads them
but the next ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from causalabs.algorithm.domains import Bool, Real
from causalabs.algorithm.homes import Layout, Slot, values_of
from causalabs.algorithm.model import Algorithm, Variable
from causalabs.engine.encode import code_width
from causalabs.engine.errors import EngineError
from causalabs.engine.networks.compiled_tables import Code, Table, code_of, table_of
from causalabs.engine.networks.compiled_wires import Forms, Wires, ramped, ramps, shifted

LOUD = 1.2
"""How much more distractors vary than any direction of any code: principal components are they."""

SPREAD = 0.9
"""Standard deviation of a distractor before it is made loud: a clipped normal one, nearly."""

SURE = 10.0
"""How much more the right answer scores than any other."""

NEAR = 1e-4
"""Vectors whose numbers, the largest being 1, differ by less in all are taken for equal."""

Key: TypeAlias = tuple[str, Any]


@dataclass(eq=False)
class Known:
    """What a stage has read so far, in terms of the layer reached."""

    flags: dict[str, Forms] = field(default_factory=dict)
    reals: dict[str, Forms] = field(default_factory=dict)
    equal: dict[tuple[str, str], Forms] = field(default_factory=dict)
    loose: Forms = field(default_factory=lambda: np.zeros((0, 1)))
    """Distractors, then noise, between -1 and 1."""


@dataclass(eq=False)
class Compiler:
    """Everything the stages share."""

    algorithm: Algorithm
    layout: Layout
    feed: tuple[str, ...]
    outputs: tuple[str, ...]
    rotation: NDArray[np.float64]  # (width, width), a layer's coordinates its columns
    noise: float
    draws: np.random.Generator

    @cached_property
    def tables(self) -> dict[str, Table]:
        """Every mechanism that is needed."""
        return {v.name: table_of(v, self.algorithm) for v in self._computed}

    @cached_property
    def codes(self) -> dict[tuple[str, int], Code]:
        """Code of a variable by the size of its slot."""
        found = {}
        for slots in self.layout.layers:
            for slot in slots:
                count = values_of(self.algorithm[slot.variable].domain)
                if count is not None:
                    found[slot.variable, slot.size] = self._code(slot, count)
        return found

    def _code(self, slot: Slot, count: int) -> Code:
        try:
            return code_of(count, slot.size, self.noise)
        except ValueError as error:
            raise EngineError(
                f"noise of {self.noise:g} could change `{slot.variable}`, whose values are told "
                f"apart in {slot.size} dims up to {error}",
                "ask for less noise, or for more dims",
            ) from error

    @property
    def _computed(self) -> list[Variable]:
        return [v for v in self.algorithm.variables if v.mechanism is not None]

    @cached_property
    def scale(self) -> float:
        """The largest number that a real input can hold."""
        domains = [v.domain for v in self.algorithm.inputs]
        ends = [
            abs(end)
            for domain in domains
            if isinstance(domain, Real)
            for end in (domain.low or 0.0, domain.high or 0.0)
        ]
        return max(ends, default=1.0) or 1.0

    @cached_property
    def loud(self) -> float:
        """Size of distractors."""
        most = max((code.spread for code in self.codes.values()), default=1.0)
        return LOUD * most / SPREAD

    @property
    def widths(self) -> dict[str, int]:
        """Numbers that each input is fed as."""
        return {name: code_width(name, self.algorithm[name].domain) for name in self.feed}

    # ------------------------------------------------------------------- stages

    def stages(self) -> list[list[tuple[Forms, Forms]]]:
        """Layers of each stage: one for each hidden layer, and one for the answer."""
        count = len(self.layout.layers)
        return [self._stage(number, last=number == count) for number in range(count + 1)]

    def _stage(self, number: int, *, last: bool) -> list[tuple[Forms, Forms]]:
        wires = Wires(self.layout.width if number else sum(self.widths.values()))
        homes = self.layout.home
        groups = self._levels([v for v in self._computed if homes[v.name] == number])
        wanted = set(self.outputs)
        if not last:
            wanted = {slot.variable for slot in self.layout.layers[number]}
        known = self._read(wires, number, groups, wanted, loose=not last)
        for place, level in enumerate(groups):
            later = {p for rest in groups[place + 1 :] for v in rest for p in v.parents}
            known = self._compute(wires, known, level, wanted | later)
        wires.close(self._answers(wires, known) if last else self._written(wires, known, number))
        return wires.layers

    def _levels(self, variables: Sequence[Variable]) -> list[list[Variable]]:
        """Groups of variables in an order in which they can be computed."""
        level: dict[str, int] = {}
        for variable in variables:
            level[variable.name] = 1 + max([level.get(p, -1) for p in variable.parents], default=-1)
        count = 1 + max(level.values(), default=-1)
        return [[v for v in variables if level[v.name] == place] for place in range(count)]

    # ------------------------------------------------------------------ reading

    def _read(
        self,
        wires: Wires,
        number: int,
        groups: Sequence[Sequence[Variable]],
        wanted: set[str],
        *,
        loose: bool,
    ) -> Known:
        """Flags, equalities and what is to be distractors, from the stage's inputs."""
        computed = [v for level in groups for v in level]
        pairs = list(dict.fromkeys(p for v in computed for p in self.tables[v.name].pairs))
        needed = wanted | {parent for v in computed for parent in v.parents}
        codes, reals = self._codes(wires, number, needed)
        sent: dict[Key, Forms] = {}
        for name, (code, forms) in codes.items():
            sent["code", name] = forms if code is None else ramps(
                _product(code.reads, forms), code.low, code.high
            )  # fmt: skip
        for name in wanted & reals.keys():
            sent["real", name] = np.concatenate([reals[name], -reals[name]])
        for one, other in pairs:
            apart = reals[one] - reals[other]
            sent["apart", (one, other)] = np.concatenate([apart, -apart])
        if loose:
            sent["loose", ""] = self._loose(wires, number)
        got = wires.relu(sent)
        known = Known()
        for name, (code, _) in codes.items():
            units = got["code", name]
            known.flags[name] = units if code is None else _combined(wires, code, ramped(units))
        for name in wanted & reals.keys():
            known.reals[name] = ramped(got["real", name])
        if loose:
            known.loose = shifted(ramped(got["loose", ""]) * 2, -1)
        if pairs:
            total = {pair: got["apart", pair].sum(axis=0, keepdims=True) for pair in pairs}
            known = self._compared(wires, known, total)
        return known

    def _codes(
        self, wires: Wires, number: int, needed: Iterable[str]
    ) -> tuple[dict[str, tuple[Code | None, Forms]], dict[str, Forms]]:
        """Codes of finite variables (None: flags already) and real vectors, as they come in."""
        signals = wires.signals()
        codes: dict[str, tuple[Code | None, Forms]] = {}
        reals: dict[str, Forms] = {}
        if number == 0:
            first = 0
            for name, width in self.widths.items():
                forms, domain = signals[first : first + width], self.algorithm[name].domain
                first += width
                if name not in needed:
                    continue
                if isinstance(domain, Real):
                    reals[name] = forms / self.scale
                elif isinstance(domain, Bool):
                    codes[name] = None, np.concatenate([shifted(-forms, 1), forms])
                else:
                    codes[name] = None, forms
            return codes, reals
        coordinates = _product(self.rotation.T, signals)
        for slot in self.layout.layers[number - 1]:
            if slot.variable in needed:
                forms = coordinates[slot.first : slot.first + slot.size]
                if (slot.variable, slot.size) in self.codes:
                    code = self.codes[slot.variable, slot.size]
                    codes[slot.variable] = code, forms[: code.words.shape[1]]
                else:
                    reals[slot.variable] = forms
        return codes, reals

    def _compared(
        self, wires: Wires, known: Known, total: Mapping[tuple[str, str], Forms]
    ) -> Known:
        """One more layer, after which it is known which real vectors are equal."""
        low, high = np.full(1, NEAR / 4), np.full(1, 3 * NEAR / 4)
        more = {("equal", pair): ramps(forms, low, high) for pair, forms in total.items()}
        known, got = _through(wires, known, more)
        for pair in total:
            known.equal[pair] = shifted(-ramped(got["equal", pair]), 1)
        return known

    # ---------------------------------------------------------------- computing

    def _compute(
        self, wires: Wires, known: Known, level: Sequence[Variable], kept: set[str]
    ) -> Known:
        """One more layer: variables whose parents' flags are known."""
        units = {("unit", v.name): self._units(wires, known, v) for v in level}
        known.flags = {name: forms for name, forms in known.flags.items() if name in kept}
        equal = known.equal
        known, got = _through(wires, known, {**units, ("equal", ""): _stacked(wires, equal)})
        known.equal = {p: got["equal", ""][i : i + 1] for i, p in enumerate(equal)}
        for variable in level:
            table, count = self.tables[variable.name], values_of(variable.domain) or 1
            adds = np.zeros((count, len(table.value)))
            adds[table.value, np.arange(len(table.value))] = 1
            known.flags[variable.name] = _product(adds, got["unit", variable.name])
        return known

    def _units(self, wires: Wires, known: Known, variable: Variable) -> Forms:
        """Units that are 1 for one assignment of the parents, and 0 or less for all others."""
        table = self.tables[variable.name]
        met = wires.constant(1.0 - len(table.parents) - len(table.pairs), len(table.value))
        for number, parent in enumerate(table.parents):
            met = met + known.flags[parent][table.given[:, number]]
        for number, pair in enumerate(table.pairs):
            both = np.concatenate([shifted(-known.equal[pair], 1), known.equal[pair]])
            met = met + both[table.equal[:, number].astype(np.int64)]
        return met

    # ------------------------------------------------------------------ writing

    def _loose(self, wires: Wires, number: int) -> Forms:
        """Units of distractors and of noise: random functions of inputs, or of distractors."""
        signals, count = wires.signals(), self.layout.width
        count += count if self.noise else 0
        mean, deviation = np.zeros(len(signals)), np.full(len(signals), self.loud * SPREAD)
        if number == 0:
            mean, deviation = self._moments()
        else:
            signals = _product(self.rotation.T, signals)
            free = self.free(self.layout.layers[number - 1])
            signals = signals[free] if len(free) else signals
            mean, deviation = mean[: len(signals)], deviation[: len(signals)]
        weights = self.draws.standard_normal((count, len(signals)))
        weights /= np.linalg.norm(weights, axis=1, keepdims=True)
        forms = _product(weights, shifted(signals, -mean) / deviation[:, None])
        return ramps(forms, np.full(count, -0.5), np.full(count, 0.5))

    def _moments(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean and standard deviation of each number that is fed."""
        mean: list[float] = []
        spread: list[float] = []
        for name, width in self.widths.items():
            domain = self.algorithm[name].domain
            if isinstance(domain, Real):
                low, high = domain.low or 0.0, domain.high or 0.0
                each = (low + high) / 2, max((high - low) / np.sqrt(12), 1e-6)
            else:
                share = 0.5 if width == 1 else 1 / width
                each = share, np.sqrt(share * (1 - share))
            mean += [each[0]] * width
            spread += [float(each[1])] * width
        return np.array(mean), np.array(spread)

    def free(self, slots: Sequence[Slot]) -> list[int]:
        """Coordinates that carry no code."""
        taken = {dim for slot in slots for dim in self._used(slot)}
        return [dim for dim in range(self.layout.width) if dim not in taken]

    def _used(self, slot: Slot) -> range:
        code = self.codes.get((slot.variable, slot.size))
        return range(slot.first, slot.first + (slot.size if code is None else code.words.shape[1]))

    def _written(self, wires: Wires, known: Known, number: int) -> Forms:
        """The hidden layer: codes in their slots, distractors in the rest, all rotated."""
        width, slots = self.layout.width, self.layout.layers[number]
        coordinates = known.loose[:width] * self.loud
        quiet = np.ones(width)  # reals are compared: noise would make equal ones differ
        for slot in slots:
            used = self._used(slot)
            here = slice(used.start, used.stop)
            code = self.codes.get((slot.variable, slot.size))
            if code is None:
                coordinates[here], quiet[here] = known.reals[slot.variable], 0
            else:
                coordinates[here] = _product(code.words.T, known.flags[slot.variable])
        if self.noise:
            coordinates = coordinates + self.noise * quiet[:, None] * known.loose[width:]
        return _product(self.rotation, coordinates)

    def _answers(self, wires: Wires, known: Known) -> Forms:
        """Scores of all outputs side by side."""
        return SURE * np.concatenate([known.flags[name] for name in self.outputs])


def _product(matrix: NDArray[np.float64], forms: Forms) -> Forms:
    found: Forms = matrix @ forms
    return found


def _combined(wires: Wires, code: Code, found: Forms) -> Forms:
    return _product(code.combine, np.concatenate([wires.constant(1.0), found]))


def _stacked(wires: Wires, forms: Mapping[Any, Forms]) -> Forms:
    return np.concatenate([*forms.values(), np.zeros((0, wires.units + 1))])


def _through(
    wires: Wires, known: Known, more: Mapping[Key, Forms]
) -> tuple[Known, dict[Key, Forms]]:
    """One layer: what is known passes unchanged, beside what `more` asks for."""
    sent: dict[Key, Forms] = {("flags", name): forms for name, forms in known.flags.items()}
    for name, forms in known.reals.items():
        sent["real", name] = np.concatenate([forms, -forms])
    if len(known.loose):
        sent["loose", ""] = shifted(known.loose, 1)
    got = wires.relu({**sent, **more})
    passed = Known()
    passed.flags = {name: got["flags", name] for name in known.flags}
    passed.reals = {name: ramped(got["real", name]) for name in known.reals}
    passed.loose = shifted(got["loose", ""], -1) if len(known.loose) else wires.constant(0, 0)
    return passed, got
