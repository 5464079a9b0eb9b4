"""Bases: coordinates at a site in which a variable occupies some dimensions.

| kind | coordinates |
|---|---|
| `whole` | the site as it is |
| `neurons` | the site's own numbers |
| `learned` | a rotation found by gradient descent (DAS, Geiger et al. 2024) |
| `masked` | a choice of the site's own numbers, or of its heads (Davies et al. 2023) |
| `boundless` | a rotation of which a learned number of columns is used (Wu et al. 2023) |
| `revnet` | a nonlinear invertible map (Sutter et al. 2025) |
| `fourier` | one plane per frequency of the variable's values, in closed form |
| `pca` | principal components over `train` |
| `probe`, `mean_difference` | directions in which the variable's values lie apart |
| `svd` | singular directions of one of the network's weights |
| `sae`, `transcoder` | latents of a dictionary, from a file |
| `fixed` | columns from a file, such as one that a run saved |
| `random` | a rotation drawn at random |

`find(name)` gives a kind; see `causalabs.engine.basis` for what a kind and a basis can do,
`causalabs.engine.bases.saved` for saving and loading.
"""

from __future__ import annotations

from causalabs.engine.bases.fourier import frequencies_of
from causalabs.engine.bases.kinds import find, names
from causalabs.engine.bases.rotation import Rotation, orthonormal, random_rotation
from causalabs.engine.bases.shared import dims_of

__all__ = [
    "Rotation",
    "dims_of",
    "find",
    "frequencies_of",
    "names",
    "orthonormal",
    "random_rotation",
]
