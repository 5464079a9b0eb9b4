"""What a finished job settled, from its files: choices, and the bases that it fitted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from causalabs.engine.bases import find
from causalabs.engine.bases.saved import load_basis
from causalabs.engine.search import Setting, Settled, made_bases
from causalabs.results import FitRecord


def restored(setting: Setting, fits: Sequence[FitRecord], folder: Path, job: str) -> Settled:
    """The choices of a finished job, and its bases: from their files, or made again."""
    records = {each.space: each for each in fits}
    chosen: dict[int, int] = {}
    for number, space in enumerate(setting.alignment.spaces):
        record = records.get(", ".join(member.variable for member in space.members))
        if record is not None:
            chosen[number] = space.labels.index(record.choice) if record.choice else 0
    bases = {}
    for number in chosen:
        if find(setting.alignment.spaces[number].basis.kind).drawable:
            path = folder / f"{job}-{number}.safetensors"
            bases[number] = setting.store.placed(load_basis(path).basis)
        else:
            fixed, _ = made_bases(setting, {number: chosen[number]}, tuple(setting.lines))
            bases.update(fixed)
    return Settled(chosen, bases, tuple(fits))
