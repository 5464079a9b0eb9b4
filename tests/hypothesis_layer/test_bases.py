"""What the checker knows of bases: their settings, their files, whether dims are named."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from causalabs.diagnostics import Diagnostic, Source
from causalabs.hypothesis.check import check_source, resolve
from causalabs.hypothesis.model import Hypothesis
from causalabs.hypothesis.registry import BasisKind, names
from causalabs.hypothesis.rules_file import EXPECTED, WHOLE

FILE = "mine.safetensors"


def text(basis: str, expected: str = EXPECTED) -> str:
    return WHOLE.replace("hidden 0", f"hidden 0 in {basis}") + expected


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / FILE).write_bytes(b"columns")
    (tmp_path / "sae").mkdir()
    (tmp_path / "sae" / "cfg.json").write_text("{}")
    return tmp_path


def errors(written: str, folder: Path) -> list[Diagnostic]:
    found = check_source(Source(written, "made.causal", folder))
    return [each for each in found if each.severity == "error"]


def resolved(written: str, folder: Path) -> Hypothesis:
    found, told = resolve(Source(written, "made.causal", folder))
    assert found is not None, told
    return found


SPELLED = [
    "4 learned dims",
    "4 masked dims",
    "4 masked(over = dims, penalty = 0.5) dims",
    "4 boundless dims",
    "4 boundless(penalty = 0) dims",
    "4 pca dims",
    "pca dims 2..3",
    '4 svd("layers.0.weight") dims',
    '4 svd("layers.0.weight", side = rows) dims',
    "4 probe dims",
    "4 mean_difference dims",
    f'4 fixed("{FILE}") dims',
    f'4 sae("{FILE}") dims',
    '4 sae("sae") dims',
    f'sae("{FILE}") dims 5000..5003',
    f'4 transcoder("{FILE}") dims',
    "4 random dims",
]


@pytest.mark.parametrize("basis", SPELLED)
def test_every_basis_can_be_written(basis: str, folder: Path) -> None:
    assert not errors(text(basis), folder)
    assert resolved(text(basis), folder).unsupported == ()


def test_every_basis_is_spelled_here() -> None:
    tried = " ".join([*SPELLED, "fourier(", "revnet(", "whole", "neurons"])
    assert not [name for name in names(BasisKind) if name not in tried]


@pytest.mark.parametrize(
    ("basis", "code"),
    [
        ("masked dims 0..3", "C411"),  # counted: a mask's dims have no names
        ("probe dims 0..1", "C411"),
        ("4 masked(over = tokens) dims", "C305"),
        ("4 masked(penalty = -1) dims", "C305"),
        ("4 revnet(blocks = 0) dims", "C305"),
        ("4 svd dims", "C303"),
        ("4 sae dims", "C303"),
        ('4 fixed("other.safetensors") dims', "C424"),
        ('4 fixed("sae") dims', "C424"),  # a folder
        ("17 boundless dims", "C412"),
        ("pca dims 14..16", "C413"),
    ],
)
def test_what_is_wrong_with_a_basis_is_told(basis: str, code: str, folder: Path) -> None:
    assert [each.code for each in errors(text(basis), folder)] == [code]


def test_a_plan_depends_on_what_is_in_a_basis_file(folder: Path) -> None:
    written = text(f'4 fixed("{FILE}") dims')
    first = resolved(written, folder)
    assert (
        dict(first.files)[FILE] == hashlib.sha256(hashlib.sha256(b"columns").digest()).hexdigest()
    )
    (folder / FILE).write_bytes(b"other columns")
    assert resolved(written, folder).files != first.files
    whole = resolved(text('4 sae("sae") dims'), folder)
    (folder / "sae" / "cfg.json").write_text('{"k": 1}')
    assert resolved(text('4 sae("sae") dims'), folder).files != whole.files


def test_latents_that_are_named_need_no_training_split(folder: Path) -> None:
    named = text(f'sae("{FILE}") dims 5..6').replace("train 50%, heldout 50%", "heldout 100%")
    assert not errors(named, folder)
    counted = named.replace(f'sae("{FILE}") dims 5..6', f'2 sae("{FILE}") dims')
    assert errors(counted, folder)


REVNET = "4 revnet(blocks = 2, hidden = 4) dims"


@pytest.mark.parametrize(
    ("expected", "refused"),
    [
        (EXPECTED, True),
        (EXPECTED + "expect iia <= 0.9 on heldout under random_basis\n", True),
        ("expect accuracy >= 0.9 on heldout\n", False),  # nothing of it is judged
        ("report iia on heldout\n", False),
        (EXPECTED + "report iia on heldout under untrained\n", False),
        (EXPECTED + "expect iia <= 0.9 on heldout under untrained\n", False),
        ("expect iia - iia under untrained >= 0.2 on heldout\n", False),
        (EXPECTED + "report accuracy on heldout under untrained\n", True),  # of no interchange
    ],
)
def test_a_nonlinear_basis_is_judged_beside_an_untrained_network(
    expected: str, refused: bool, folder: Path
) -> None:
    found = [each.code for each in errors(text(REVNET, expected), folder)]
    assert found == (["C425"] if refused else [])
    assert not errors(text("4 learned dims", EXPECTED), folder)


def test_a_line_that_cannot_be_read_may_have_been_the_control(folder: Path) -> None:
    found = errors(text(REVNET, EXPECTED + "report iia on heldout undr untrained\n"), folder)
    assert "C425" not in [each.code for each in found]


def test_random_basis_changes_what_was_not_fitted_too(folder: Path) -> None:
    control = EXPECTED + "report iia on heldout under random_basis\n"
    for basis in (f'4 fixed("{FILE}") dims', "4 random dims", f'sae("{FILE}") dims 1..2'):
        assert not errors(text(basis, control), folder)
    assert [each.code for each in errors(text("dims 0..3", control), folder)] == ["C630"]
