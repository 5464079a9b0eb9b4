"""Every basis from a file's text to numbers, on networks that were not trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from causalabs.diagnostics import Source
from causalabs.engine import jobs
from causalabs.engine.bases.saved import load_basis, saved_bases
from causalabs.engine.fit import Budget
from causalabs.engine.jobs import Resources, run_job
from causalabs.engine.networks.build import build
from causalabs.engine.protocol import Device
from causalabs.engine.streams import stream
from causalabs.hypothesis.check import resolve
from causalabs.hypothesis.model import Hypothesis
from causalabs.plans import Job
from tests.engine.bases.support import dictionary_file

torch.set_num_threads(1)

ALGORITHM = (
    "algorithm {\n  input  x, y  : 0..3\n  var    part  : mod 7 = x + y\n"
    "  output total : mod 7 = part + x\n}\n"
)
MLP = "network mlp(hidden = [8, 8]) {\n  feed x, y\n  read total\n}\n"
TRANSFORMER = (
    "network transformer(layers = 1, heads = 2, width = 8) {\n"
    '  feed "{x} + {y} ="\n  read total at last\n}\n'
)
DRAWN = (
    "counterfactuals {\n  sample 120\n  interchange part\n  split train 50%, heldout 50%\n}\n"
    "expect iia <= 0.9 on heldout\nreport iia on heldout under untrained\n"
)
ON_MLP = [
    "4 learned dims",
    "2 fourier(frequencies = [1]) dims",
    "4 masked dims",
    "4 boundless dims",
    "4 revnet(blocks = 2, hidden = 4) dims",
    "3 pca dims",
    '3 svd("weights.2") dims',
    "2 probe dims",
    "2 mean_difference dims",
    '2 fixed("fixed.safetensors") dims',
    '3 sae("dictionary.safetensors") dims',
    'sae("dictionary.safetensors") dims 4..9',
    "3 random dims",
]
ON_TRANSFORMER = [
    ("head {0.0, 0.1} at last", "1 masked(over = heads) dims"),
    ("mlp 0.input at last, mlp 0 at last", '3 transcoder("dictionary.safetensors") dims'),
    ("residual 0 at last", "2 probe dims"),
]


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    small = Budget(restarts=2, steps=20, batch=16, judged=40, look=10)
    monkeypatch.setattr(jobs, "budget_for", lambda _: small)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("files")
    dictionary_file(made, 8, 24)
    columns = torch.linalg.qr(torch.randn(8, 2, generator=stream(0))).Q
    save_file({"columns": columns.contiguous()}, made / "fixed.safetensors")
    return made


def ran(text: str, folder: Path, run: Path, control: str = "") -> tuple[Hypothesis, Any]:
    hypothesis, told = resolve(Source(text, "made.causal", folder))
    assert hypothesis is not None, told
    assert hypothesis.unsupported == ()

    def network(seed: int, trained: bool) -> Any:
        made = build(hypothesis.network, hypothesis.algorithms, seed=seed, trained=False,
                     device=Device())  # fmt: skip
        made.record = {**made.record, "weights": "those"}
        return made

    job = Job(0, control, hypothesis.alignments[0].name, (0,), ("heldout",))
    resources = Resources(hypothesis, make_network=network)
    return hypothesis, run_job(job, hypothesis, resources=resources, folder=run / "bases", plan="p")


def case(site: str, basis: str) -> str:
    network = MLP if site == "hidden 0" else TRANSFORMER
    return f"{ALGORITHM}{network}alignment {{\n  part -> {site} in {basis}\n}}\n{DRAWN}"


@pytest.mark.parametrize(
    ("site", "basis"), [*(("hidden 0", basis) for basis in ON_MLP), *ON_TRANSFORMER]
)
def test_every_basis_runs_and_is_kept(site: str, basis: str, folder: Path, tmp_path: Path) -> None:
    hypothesis, outcome = ran(case(site, basis), folder, tmp_path)
    (measured,) = [each for each in outcome.measured if each.metric == "iia"]
    assert len(measured.hits) == 60
    (path,) = saved_bases(tmp_path)
    saved = load_basis(path, variables=["part"], plan="p")
    assert saved.label.weights == "those"
    assert saved.label.basis == hypothesis.alignments[0].spaces[0].basis.kind
    assert saved.label.written == tuple(site.replace("{", "").replace("}", "").split(", ")) or (
        "head" in site
    )
    for control in ("random_basis", "shuffled_sources"):
        _, again = ran(case(site, basis), folder, tmp_path / control, control)
        (other,) = [each for each in again.measured if each.metric == "iia"]
        assert len(other.hits) == 60


def test_the_same_run_finds_the_same_basis(folder: Path, tmp_path: Path) -> None:
    for basis in ("4 masked dims", "4 boundless dims", "4 revnet(blocks = 2, hidden = 4) dims"):
        found = []
        for name in ("one", "two"):
            run = tmp_path / basis[2:6] / name
            ran(case("hidden 0", basis), folder, run)
            (path,) = saved_bases(run)
            found.append(path.read_bytes())
        assert found[0] == found[1]
        assert np.frombuffer(found[0], np.uint8).size > 100
