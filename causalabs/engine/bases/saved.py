"""Bases on disk: tensors in a safetensors file, and beside it a JSON that says whose they are.

    runs/<plan hash>/bases/seed0-plain-alignment-0.safetensors    what `Basis.tensors` gives
    runs/<plan hash>/bases/seed0-plain-alignment-0.json           a `Label`

`load_basis` reads both back; where network, sites, variables or plan are given and differ from
the label's, that is an error that names what differs.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save as pack
from torch import Tensor

from causalabs.engine.bases.files import read_json, read_tensors
from causalabs.engine.bases.kinds import find
from causalabs.engine.basis import Basis, Block
from causalabs.engine.errors import EngineError
from causalabs.engine.networks.naming import say_position, say_site
from causalabs.engine.protocol import Network
from causalabs.hypothesis.model import BasisSpec, Member, Site, Space
from causalabs.runs import write_atomically

FORM = 1
"""The number of this form of label."""


@dataclass(frozen=True)
class Label:
    """What a saved basis says of itself.

    Of each variable: `blocks` are its coordinates, `sites` are written and `reads` read, each
    with its `text` as a file writes it and its parts (`site_record`). `network` is the kind of
    network, `weights` the hash of its weights ("" where it has none), `tensors` that of the
    tensors' file.
    """

    basis: str
    blocks: Mapping[str, tuple[int, ...]]
    sites: Mapping[str, tuple[Mapping[str, Any], ...]]
    reads: Mapping[str, tuple[Mapping[str, Any], ...]]
    settings: Mapping[str, Any] = field(default_factory=dict)
    choice: str = ""
    hypothesis: str = ""
    alignment: str = ""
    network: str = ""
    weights: str = ""
    plan: str = ""
    seed: int = 0
    control: str = ""
    tensors: str = ""
    form: int = FORM

    @property
    def written(self) -> tuple[str, ...]:
        """All sites that are written, as a file writes them."""
        every = (str(site["text"]) for sites in self.sites.values() for site in sites)
        return tuple(dict.fromkeys(every))

    @property
    def space(self) -> Space:
        """As much of the space as a basis needs to be restored."""
        spec = BasisSpec(self.basis, tuple(self.settings.items()))
        members = tuple(Member(name, (), block) for name, block in self.blocks.items())
        return Space(spec, members, (self.choice,))


@dataclass(frozen=True, eq=False)
class Saved:
    """A basis that came from a file: `saved.basis.encode(h, saved.block("left"))`."""

    basis: Basis
    label: Label

    def block(self, variable: str) -> Block:
        """The coordinates of a variable; an error names those that there are."""
        if variable not in self.label.blocks:
            known = ", ".join(f"`{name}`" for name in self.label.blocks)
            raise EngineError(f"this basis has no variable `{variable}`", f"it has {known}")
        return self.label.blocks[variable]


def site_record(site: Site) -> dict[str, Any]:
    """A site as a label tells it."""
    position = "" if site.position is None else say_position(site.position)
    parts = {name: getattr(site, name) for name in ("component", "layer", "head", "part", "path")}
    return {"text": say_site(site).strip("`"), **parts, "position": position}


# ------------------------------------------------------------------------ writing


def save_basis(path: str | Path, basis: Basis, label: Label) -> Path:
    """Write a basis to `path` (a safetensors file) and its label beside it.

    Of a basis with several restarts the first is written. Each file is whole or not there.
    """
    path = Path(path).with_suffix(".safetensors")
    path.parent.mkdir(parents=True, exist_ok=True)
    found = {
        name: each.detach().cpu().contiguous().clone() for name, each in basis.tensors().items()
    }
    packed = pack(found, {"kind": label.basis})
    told = {**asdict(label), "tensors": hashlib.sha256(packed).hexdigest()}
    write_atomically(path, packed)
    text = json.dumps(told, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    write_atomically(path.with_suffix(".json"), text.encode())
    return path


def _packable(tensor: Tensor) -> Tensor:
    return tensor.detach().cpu().contiguous().clone()  # safetensors takes no shared memory


# ------------------------------------------------------------------------ reading


def saved_bases(run: str | Path) -> tuple[Path, ...]:
    """The bases of a run folder, in order of their names."""
    return tuple(sorted((Path(run) / "bases").glob("*.safetensors")))


def load_basis(
    path: str | Path,
    *,
    network: Network | None = None,
    sites: Sequence[Site] | None = None,
    variables: Sequence[str] | None = None,
    plan: str | None = None,
) -> Saved:
    """A saved basis and its label, in the network's precision where one is given.

    `EngineError` where a file is missing, damaged or not one of ours, and where the network
    (its kind or weights), the written sites, the variables or the plan are others than those
    that it was made for.
    """
    path = Path(path).with_suffix(".safetensors")
    tensors = read_tensors(path)
    label = read_label(path)
    if hashlib.sha256(path.read_bytes()).hexdigest() != label.tensors:
        raise EngineError(
            f"`{path.name}` is not the file that `{path.with_suffix('.json').name}` is about",
            "one of the two was changed: take both from the same run",
        )
    for what, made, given in _differences(label, network, sites, variables, plan):
        raise EngineError(
            f"`{path.name}` was made for {what} {made}, not {given}",
            f"load it without `{what.partition(' ')[0]}` to use it elsewhere all the same",
        )
    try:
        basis = find(label.basis).restore(label.space, tensors)
    except KeyError as error:
        raise EngineError(
            f"`{path.name}` lacks the tensor {error} of a `{label.basis}` basis",
            "it was not saved by this version",
        ) from error
    if network is not None:
        basis = basis.to(device=network.device, dtype=network.dtype)
        if sites is not None and len(sites) == 1:
            _of_width(basis, label, network.width(sites[0]), path)
    return Saved(basis, label)


def read_label(path: str | Path) -> Label:
    """The label beside a basis."""
    beside = Path(path).with_suffix(".json")
    if not beside.is_file():
        raise EngineError(
            f"`{Path(path).name}` has no `{beside.name}` beside it",
            "take both files from the run's `bases` folder",
        )
    told = dict(read_json(beside))
    if told.get("form") != FORM or not {f.name for f in fields(Label)} >= set(told):
        raise EngineError(
            f"`{beside.name}` is no label of a basis that this version knows",
            "bases are saved by `causalabs run`, below the run's folder",
        )
    try:
        told["blocks"] = {name: tuple(map(int, b)) for name, b in told["blocks"].items()}
        told["settings"] = {name: _setting(each) for name, each in told["settings"].items()}
        for name in ("sites", "reads"):
            told[name] = {v: tuple(map(dict, sites)) for v, sites in told[name].items()}
        return Label(**told)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise EngineError(
            f"`{beside.name}` is damaged: {error}", "take it from the run again"
        ) from error


def _setting(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _differences(
    label: Label,
    network: Network | None,
    sites: Sequence[Site] | None,
    variables: Sequence[str] | None,
    plan: str | None,
) -> list[tuple[str, str, str]]:
    """(what, as it was saved, as it is given) of all that differs."""
    found: list[tuple[str, str, str]] = []
    if network is not None:
        weights = str(network.record.get("weights", ""))
        if label.network != network.kind:
            found.append(("network", f"`{label.network}`", f"`{network.kind}`"))
        elif label.weights and weights and label.weights != weights:
            found.append(("network weights", label.weights, weights))
    if sites is not None:
        made = ", ".join(label.written)
        given = ", ".join(say_site(site).strip("`") for site in sites)
        if made != given:
            found.append(("sites", f"`{made}`", f"`{given}`"))
    if variables is not None and set(variables) != set(label.blocks):
        made, given = ", ".join(label.blocks), ", ".join(variables)
        found.append(("variables", f"`{made}`", f"`{given}`"))
    if plan is not None and plan != label.plan:
        found.append(("plan", label.plan or "no plan", plan))
    return found


@torch.no_grad()
def _of_width(basis: Basis, label: Label, width: int, path: Path) -> None:
    """An error where the basis is of activations of another width."""
    tensors: Mapping[str, Tensor] = basis.tensors()
    columns = tensors.get("columns")
    if columns is not None and columns.shape[0] != width:
        raise EngineError(
            f"`{path.name}` is for {columns.shape[0]} numbers, `{label.written[0]}` has {width}",
            "the network's sizes have changed",
        )
