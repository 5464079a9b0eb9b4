"""Bases: coordinates at a site in which a variable occupies some dimensions.

| kind | coordinates |
|---|---|
| `whole` | the site as it is |
| `neurons` | the site's own numbers |
| `learned` | a rotation found by gradient descent (DAS, Geiger et al. 2024) |
| `fourier` | one plane per frequency of the variable's values, in closed form |
| `random` | a rotation drawn at random |

`find(name)` gives a kind; see `causalabs.engine.basis` for what a kind and a basis can do.
"""

from __future__ import annotations

from causalabs.engine.bases.fourier import frequencies_of
from causalabs.engine.bases.kinds import find, names
from causalabs.engine.bases.legacy import (
    FITTED,
    KINDS,
    capacity,
    fourier_rotation,
    site_width,
)
from causalabs.engine.bases.rotation import Rotation, orthonormal, random_rotation
from causalabs.engine.bases.shared import dims_of

__all__ = [
    "FITTED",
    "KINDS",
    "Rotation",
    "capacity",
    "dims_of",
    "find",
    "fourier_rotation",
    "frequencies_of",
    "names",
    "orthonormal",
    "random_rotation",
    "site_width",
]
