"""Run folders: what survives a kill, and what makes the same command say `cached`.

    runs/<plan hash>/plan.json                what was run
    runs/<plan hash>/jobs/<job>.npz, .json    finished jobs: values row by row, records
    runs/<plan hash>/jobs/map<number>.json    finished patching maps
    runs/<plan hash>/bases/<job>-*.safetensors
    runs/<plan hash>/circuits/*.npz           circuits that were searched for, by their search
    runs/<plan hash>/results.json             written last
    runs/<plan hash>/hunts.json               what the last `--falsify` found
    runs/<plan hash>/registration.json        what the lock beside the file said of it then

Everything is written to a temporary name and renamed.
"""

from __future__ import annotations

import json
import os
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from causalabs.errors import RunError
from causalabs.patching import PatchMap, patch_map
from causalabs.plans import Plan
from causalabs.results import (
    Hunt,
    Measured,
    Outcome,
    Residual,
    Results,
    counterexample,
    fit_record,
)
from causalabs.results_circuits import circuit_record


def write_atomically(path: Path, content: bytes) -> None:
    """Write `content` to `path`, whole or not at all."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


@dataclass(frozen=True)
class RunFolder:
    """The folder of one plan."""

    path: Path

    @staticmethod
    def open(root: Path, plan: Plan) -> RunFolder:
        """The folder of `plan` below `root`, made where it is not there yet.

        Raises `RunError` where it cannot be read or written.
        """
        path = root / plan.folder
        try:
            (path / "jobs").mkdir(parents=True, exist_ok=True)
            (path / "bases").mkdir(exist_ok=True)
            write_atomically(path / "plan.json", _json(plan.to_json()))
        except OSError as error:
            raise RunError(
                f"the run folder {path} cannot be used: {error.strerror or error}",
                "name another place with --runs FOLDER",
            ) from error
        return RunFolder(path)

    def finished(self) -> Results | None:
        """The results of a finished run, marked `cached`; None where it is not finished."""
        document = _read_json(self.path / "results.json")
        if document is None:
            return None
        try:
            return replace(Results.from_json(document), cached=True, run=str(self.path))
        except (KeyError, TypeError, ValueError):
            _set_aside(self.path / "results.json")
            return None

    def finish(self, results: Results) -> None:
        """Keep the results; from now on the plan is `cached`."""
        self._write("results.json", _json(results.to_json()))

    def register(self, told: Mapping[str, Any]) -> None:
        """Keep what a lock said of these results, for whoever reads them later."""
        self._write("registration.json", _json(dict(told)))

    def hunted(self, hunts: Sequence[Hunt]) -> None:
        """Keep what the last `--falsify` found."""
        self._write("hunts.json", _json({"hunts": [asdict(each) for each in hunts]}))

    def save_map(self, number: int, found: PatchMap) -> None:
        """Keep a finished patching map."""
        self._write(f"jobs/map{number}.json", _json(asdict(found)))

    def load_map(self, number: int) -> PatchMap | None:
        """A finished patching map; a damaged one is set aside and counts as not done."""
        path = self.path / "jobs" / f"map{number}.json"
        document = _read_json(path)
        if document is None:
            return None
        try:
            return patch_map(document)
        except (KeyError, TypeError, ValueError):
            _set_aside(path)
            return None

    def save(self, outcome: Outcome) -> None:
        """Keep a finished job."""
        buffer = BytesIO()
        values = {f"values{i}": _packed(each.values) for i, each in enumerate(outcome.measured)}
        np.savez(buffer, **values)  # type: ignore[arg-type]
        self._write(f"jobs/{outcome.job}.npz", buffer.getvalue())
        measured = [
            [each.metric, each.line, each.split, len(each.values), each.exact, _rest(each)]
            for each in outcome.measured
        ]
        record = {
            "job": outcome.job,
            "measured": measured,
            "fits": [asdict(fit) for fit in outcome.fits],
            "network": dict(outcome.network),
            "seconds": dict(outcome.seconds),
            "notes": list(outcome.notes),
            "counterexamples": [asdict(each) for each in outcome.counterexamples],
            "residuals": [asdict(each) for each in outcome.residuals],
            "circuits": [asdict(each) for each in outcome.circuits],
        }
        self._write(f"jobs/{outcome.job}.json", _json(record))

    def load(self, job: str) -> Outcome | None:
        """A finished job; a damaged one is set aside and counts as not done."""
        path = self.path / "jobs" / f"{job}.json"
        record = _read_json(path)
        if record is None:
            return None
        try:
            return _outcome(record, path.with_suffix(".npz"))
        except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
            _set_aside(path)
            return None

    def _write(self, name: str, content: bytes) -> None:
        try:
            write_atomically(self.path / name, content)
        except OSError as error:
            raise RunError(
                f"{self.path / name} cannot be written: {error.strerror or error}",
                "make room or name another place with --runs FOLDER; finished jobs are kept",
            ) from error


def _outcome(record: dict[str, Any], archive: Path) -> Outcome:
    with np.load(archive, allow_pickle=False) as packed:
        measured = tuple(
            Measured(
                metric, line, split, _unpacked(packed[f"values{i}"], count), exact, **_rested(rest)
            )
            for i, (metric, line, split, count, exact, rest) in enumerate(record["measured"])
        )
    return Outcome(
        job=record["job"],
        measured=measured,
        fits=tuple(fit_record(each) for each in record["fits"]),
        network=record["network"],
        seconds=record["seconds"],
        notes=tuple(record["notes"]),
        counterexamples=tuple(counterexample(each) for each in record["counterexamples"]),
        residuals=tuple(Residual(**each) for each in record["residuals"]),
        circuits=tuple(circuit_record(each) for each in record.get("circuits", ())),
    )


def _rested(told: dict[str, Any]) -> dict[str, Any]:
    """The inverse of `_rest`."""
    return {**told, "seen": tuple(told["seen"])}


_REST = ("drawn", "most", "width", "space", "seen", "continuous")


def _rest(measured: Measured) -> dict[str, Any]:
    """What is told of a measurement beside its values."""
    return {name: getattr(measured, name) for name in _REST}


def _packed(values: NDArray[Any]) -> NDArray[Any]:
    """Truths as bits, numbers as they are."""
    return np.packbits(values) if values.dtype == np.bool_ else values.astype(np.float64)


def _unpacked(packed: NDArray[Any], count: int) -> NDArray[Any]:
    truths = packed.dtype == np.uint8
    if len(packed) != ((count + 7) // 8 if truths else count):  # numpy would pad with misses
        raise ValueError("rows are missing")
    return np.unpackbits(packed, count=count).astype(np.bool_) if truths else packed


def _json(document: Any) -> bytes:
    return (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode()


def _read_json(path: Path) -> dict[str, Any] | None:
    try:
        document = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (ValueError, RecursionError):
        _set_aside(path)
        return None
    except OSError as error:
        raise RunError(
            f"{path} cannot be read: {error.strerror or error}",
            "remove that folder, or name another place with --runs FOLDER",
        ) from error
    if not isinstance(document, dict):
        _set_aside(path)
        return None
    return document


def _set_aside(path: Path) -> None:
    """Keep a damaged file for whoever wants to look, out of the way of the next run."""
    if path.exists():
        os.replace(path, path.with_name(path.name + ".damaged"))
