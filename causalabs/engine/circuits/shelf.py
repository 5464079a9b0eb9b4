"""Circuits that were found: for the jobs that ask for the same search, and for a run that goes on.

    runs/<plan hash>/circuits/seed<seed>-<procedure>-<name>.npz

A search is repeated bit for bit, so what is read here is what would be found again.
"""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from causalabs.engine.circuits.acdc import Cut
from causalabs.engine.circuits.discover import Discovered
from causalabs.engine.circuits.ranking import Ranked
from causalabs.runs import write_atomically

TOLD = ("orders", "redundant", "runs", "examples", "metric", "seconds")
"""What is told of a search beside its arrays."""
DAMAGED = (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile)


@dataclass(eq=False)
class Shelf:
    """Found circuits by name of their search; in memory alone where there is no folder."""

    folder: Path | None = None
    _found: dict[str, Discovered] = field(default_factory=dict)

    def take(self, name: str, edges: int) -> Discovered | None:
        """What was found among so many edges; a damaged file counts as not found."""
        if name not in self._found and self.folder is not None:
            read = _read(self.folder / f"{name}.npz", edges)
            if read is not None:
                self._found[name] = read
        return self._found.get(name)

    def put(self, name: str, found: Discovered) -> None:
        """Keep what was found."""
        self._found[name] = found
        if self.folder is not None:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_atomically(self.folder / f"{name}.npz", _packed(found))


def _packed(found: Discovered) -> bytes:
    arrays: dict[str, Any] = {
        "kept": found.kept,
        "among": found.among,
        "thresholds": np.array([cut.threshold for cut in found.sweep]),
        "values": np.array([cut.value for cut in found.sweep]),
        "runs": np.array([cut.runs for cut in found.sweep], np.int64),
        "swept": np.array([cut.kept for cut in found.sweep], bool).reshape(-1, len(found.kept)),
        "told": np.array(json.dumps({name: getattr(found, name) for name in TOLD})),
    }
    if found.ranked is not None:
        arrays |= {"scores": found.ranked.scores, "halves": found.ranked.halves}
    buffer = BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def _read(path: Path, edges: int) -> Discovered | None:
    if not path.exists():
        return None
    try:
        with np.load(path, allow_pickle=False) as arrays:
            found = _unpacked({name: arrays[name] for name in arrays.files})
    except DAMAGED:
        return None
    return found if len(found.kept) == edges else None


def _unpacked(arrays: dict[str, Any]) -> Discovered:
    told = json.loads(str(arrays["told"]))
    names = ("thresholds", "swept", "values", "runs")
    cuts = zip(*(arrays[name] for name in names), strict=True)
    ranked = Ranked(arrays["scores"], arrays["halves"]) if "scores" in arrays else None
    told |= {name: tuple(tuple(each) for each in told[name]) for name in ("orders", "redundant")}
    return replace(
        Discovered(arrays["kept"], arrays["among"], ranked),
        sweep=tuple(Cut(float(t), kept, float(v), int(runs)) for t, kept, v, runs in cuts),
        **told,
    )
