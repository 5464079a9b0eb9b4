"""What a job settled, from its files: choices, and the bases that it fitted."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from causalabs.engine.bases import find
from causalabs.engine.bases.saved import load_basis
from causalabs.engine.errors import EngineError
from causalabs.engine.search import Setting, Settled, made_bases
from causalabs.results import FitRecord, fit_record
from causalabs.runs import write_atomically


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


def write_settled(settled: Settled, folder: Path, job: str) -> None:
    """Keep how a job's spaces were fitted, beside their bases, while it is being measured."""
    (folder / "settled").mkdir(exist_ok=True)
    text = json.dumps([asdict(each) for each in settled.records])
    write_atomically(folder / "settled" / f"{job}.json", text.encode())


def read_settled(setting: Setting, folder: Path, job: str) -> Settled | None:
    """What a run that was killed had settled; None where it is not there, or damaged."""
    try:
        told = json.loads((folder / "settled" / f"{job}.json").read_bytes())
        records = [fit_record(each) for each in told]
        return restored(setting, records, folder / "bases", job)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, EngineError):
        return None
