"""Stacks of linear maps with ReLUs between, written signal by signal.

A *form* is an affine function of the units of the layer reached so far: one row (units + 1),
its last number the constant. A ReLU of some forms makes the next layer, whose units they are.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Forms = NDArray[np.float64]
"""(signals, units + 1)."""

K = TypeVar("K", bound=Hashable)


@dataclass(eq=False)
class Wires:
    """Layers so far, (weight, bias) each; `units` of the last one."""

    units: int
    layers: list[tuple[Forms, Forms]] = field(default_factory=list)

    def signals(self) -> Forms:
        """Each unit as it is."""
        return np.eye(self.units, self.units + 1)

    def constant(self, value: float, count: int = 1) -> Forms:
        """The same number, whatever the units."""
        found = np.zeros((count, self.units + 1))
        found[:, -1] = value
        return found

    def relu(self, groups: Mapping[K, Forms]) -> dict[K, Forms]:
        """The next layer: each group's forms after a ReLU."""
        everything = np.concatenate([*groups.values(), np.zeros((0, self.units + 1))])
        self.layers.append((everything[:, :-1], everything[:, -1]))
        self.units = len(everything)
        signals, found, first = self.signals(), {}, 0
        for key, forms in groups.items():
            found[key] = signals[first : first + len(forms)]
            first += len(forms)
        return found

    def close(self, forms: Forms) -> None:
        """The last map, with no ReLU after it."""
        self.layers.append((forms[:, :-1], forms[:, -1]))
        self.units = len(forms)


def shifted(forms: Forms, by: Forms | float) -> Forms:
    """Forms with a number added, one for all or one each."""
    found = forms.copy()
    found[:, -1] += by
    return found


def ramps(forms: Forms, low: Forms, high: Forms) -> Forms:
    """What a ReLU turns into ramps that rise from 0 at `low` to 1 at `high`: two units each."""
    slope = 1 / (high - low)
    scaled = forms * slope[:, None]
    return np.concatenate([shifted(scaled, -low * slope), shifted(scaled, -high * slope)])


def ramped(units: Forms) -> Forms:
    """The ramps from their units."""
    half = len(units) // 2
    found: Forms = units[:half] - units[half:]
    return found
