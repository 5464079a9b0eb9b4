"""Saved bases come back as they were, and say when they are somebody else's."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from causalabs.engine.bases import find
from causalabs.engine.bases.saved import (
    Label,
    load_basis,
    save_basis,
    saved_bases,
    site_record,
)
from causalabs.engine.basis import Basis, Evidence
from causalabs.engine.errors import EngineError
from causalabs.engine.jobs import run_job
from causalabs.engine.streams import stream
from causalabs.hypothesis.model import AtText, Site
from tests.engine.bases.support import HERE, random_basis_of, space_of
from tests.engine.jobs_support import job_of, pair_hypothesis, pair_network, pair_resources

torch.set_num_threads(1)

WIDTH = 6
EYE = torch.eye(5, dtype=torch.float64)
BLOCKS = {"v": (0, 1), "w": (2,)}


def labelled(kind: str, **more: Any) -> tuple[Basis, Label]:
    settings = {"blocks": 2, "hidden": 4} if kind == "revnet" else {}
    space = space_of(kind, BLOCKS, **settings)
    sites = dict.fromkeys(BLOCKS, (site_record(HERE),))
    label = Label(kind, BLOCKS, sites, sites, dict(space.basis.settings), **more)
    return random_basis_of(kind, space, WIDTH), label


def network(kind: str = "mlp", weights: str = "abc") -> Any:
    return SimpleNamespace(
        kind=kind,
        record={"weights": weights},
        device=torch.device("cpu"),
        dtype=torch.float32,
        width=lambda _: WIDTH,
    )


@pytest.mark.parametrize("kind", ["learned", "masked", "boundless", "revnet", "pca"])
def test_what_was_saved_comes_back(kind: str, tmp_path: Path) -> None:
    basis, label = labelled(kind, seed=3, control="untrained", plan="p", hypothesis="h")
    path = save_basis(tmp_path / "bases" / "mine", basis, label)
    again = load_basis(path)
    assert replace(again.label, tensors="") == label
    base, source = torch.randn(2, 1, 4, WIDTH, generator=stream(0), dtype=torch.float64)
    for name in BLOCKS:
        block = again.block(name)
        torch.testing.assert_close(
            again.basis.swap(base, source, block), basis.swap(base, source, block)
        )
    assert saved_bases(tmp_path) == (path,)
    with pytest.raises(EngineError, match="has no variable `x`") as told:
        again.block("x")
    assert told.value.help == "it has `v`, `w`"


def test_the_label_tells_the_place_in_words_and_parts() -> None:
    site = Site("head", 3, 1, "v", position=AtText("="))
    assert site_record(site) == {
        "text": 'head 3.1.v at "="',
        "component": "head",
        "layer": 3,
        "head": 1,
        "part": "v",
        "path": None,
        "position": '"="',
    }


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"network": network("gru")}, "made for network `mlp`, not `gru`"),
        ({"network": network(weights="xyz")}, "made for network weights abc, not xyz"),
        ({"sites": [Site("hidden", 1)]}, "made for sites `hidden 0`, not `hidden 1`"),
        ({"variables": ["v"]}, "made for variables `v, w`, not `v`"),
        ({"plan": "q"}, "made for plan p, not q"),
    ],
)
def test_a_basis_of_something_else_is_refused(
    asked: dict[str, Any], said: str, tmp_path: Path
) -> None:
    basis, label = labelled("learned", network="mlp", weights="abc", plan="p")
    path = save_basis(tmp_path / "mine", basis, label)
    fits = {"network": network(), "sites": [HERE], "variables": ["w", "v"], "plan": "p"}
    loaded = load_basis(path, **fits)  # type: ignore[arg-type]
    assert loaded.basis.tensors()["columns"].dtype == torch.float32
    with pytest.raises(EngineError, match=said):
        load_basis(path, **asked)


def test_a_network_of_another_size_is_refused(tmp_path: Path) -> None:
    basis, label = labelled("learned", network="mlp")
    path = save_basis(tmp_path / "mine", basis, label)
    wide = network(weights="")
    wide.width = lambda _: WIDTH + 1
    with pytest.raises(EngineError, match="is for 6 numbers, `hidden 0` has 7"):
        load_basis(path, network=wide, sites=[HERE])


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    basis, label = labelled("learned")
    path = save_basis(tmp_path / "mine", basis, label)
    beside = path.with_suffix(".json")
    told = json.loads(beside.read_text())
    save_file({"columns": torch.eye(WIDTH, 3)}, path)
    with pytest.raises(EngineError, match=r"is not the file that `mine\.json` is about"):
        load_basis(path)
    for wrong in ({"form": 99}, {**told, "surprise": 1}, {**told, "blocks": 3}, [1]):
        beside.write_text(json.dumps(wrong))
        with pytest.raises(EngineError, match=r"mine\.json"):
            load_basis(path)
    beside.unlink()
    with pytest.raises(EngineError, match=r"has no `mine\.json` beside it"):
        load_basis(path)


def test_a_run_saves_what_a_file_can_fix(tmp_path: Path) -> None:
    """`fixed("...")` over the saved columns does what the fit did."""
    learned = space_of("learned", {"left": [0], "right": [1]})
    hypothesis = pair_hypothesis(learned)
    job = job_of(hypothesis)
    folder = tmp_path / "bases"
    outcome = run_job(job, hypothesis, resources=pair_resources(hypothesis, EYE), folder=folder)
    (path,) = saved_bases(tmp_path)
    saved = load_basis(path, network=pair_network(EYE), sites=[HERE])
    assert saved.label.seed == job.seed
    fixed = space_of("fixed", {"left": [0], "right": [1]}, path=str(path))
    evidence = Evidence({}, {}, {}, folder=tmp_path)
    columns = find("fixed").closed(fixed, 5, evidence).tensors()["columns"]
    torch.testing.assert_close(columns, load_file(path)["columns"].double())
    again = pair_hypothesis(fixed)
    second = run_job(job, again, resources=pair_resources(again, EYE))
    for one, two in zip(outcome.measured, second.measured, strict=True):
        assert (one.hits == two.hits).all()
