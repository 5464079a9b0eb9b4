"""A basis from outside: an entry point for the checker, one for the engine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib import metadata
from typing import Any

import pytest
import torch

from causalabs.counterfactuals.examples import Examples
from causalabs.diagnostics import Source
from causalabs.engine.bases import find, names
from causalabs.engine.bases.rotation import Rotation
from causalabs.engine.bases.shared import Closed
from causalabs.engine.basis import Basis, Evidence
from causalabs.engine.errors import EngineError
from causalabs.hypothesis import registry
from causalabs.hypothesis.check import check_source
from causalabs.hypothesis.model import Space
from causalabs.hypothesis.registry import BasisKind, Parameter
from causalabs.hypothesis.rules_sites import aligned_mlp
from tests.engine.bases.support import space_of
from tests.engine.jobs_support import iia, outcome_of, pair_hypothesis, pair_resources

# ------------------------------------------------------------------- the plug-in itself

CHECKED = BasisKind("strided", (Parameter("step", "int", default=2, low=1),), learns="never")


class Strided(Closed):
    """Every `step`-th of the site's own numbers."""

    name = "strided"

    def needs_data(self, space: Space) -> bool:
        """It depends on none."""
        return False

    def closed(self, space: Space, width: int, evidence: Evidence) -> Basis:
        """One column for each of them."""
        step = int(str(dict(space.basis.settings)["step"]))
        columns = torch.eye(width, dtype=torch.float64)[:, ::step]
        return Rotation(self.name, columns[None, :, : self.dims(space, width)])


# ------------------------------------------------------------------------------ tests


@dataclass(frozen=True)
class Entry:
    """What `importlib.metadata` gives of an entry point."""

    name: str
    value: str
    loaded: Any

    def load(self) -> Any:
        if isinstance(self.loaded, Exception):
            raise self.loaded
        return self.loaded


def installed(monkeypatch: pytest.MonkeyPatch, checked: Any, runs: Any) -> None:
    entries = {
        "causalabs.basis_kinds": [Entry("strided", "strided.check:CHECKED", checked)],
        "causalabs.bases": [Entry("strided", "strided.run:Strided", runs)],
    }
    monkeypatch.setattr(metadata, "entry_points", lambda *, group: entries.get(group, []))


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    yield
    registry._ENTRIES.pop((BasisKind, "strided"), None)


TEXT = aligned_mlp("partial -> hidden 0 in 4 strided(step = 3) dims")


def errors(text: str) -> list[Any]:
    return [each for each in check_source(Source(text)) if each.severity == "error"]


def test_a_plugged_basis_is_checked_and_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, CHECKED, Strided)
    assert not errors(TEXT)
    assert [each.code for each in errors(TEXT.replace("step = 3", "stride = 3"))] == ["C302"]
    assert "strided" in names()
    space = space_of("strided", {"left": [0], "right": [1]}, step=3)
    rotation = torch.eye(5, dtype=torch.float64)[:, [0, 3, 1, 2, 4]]
    hypothesis = pair_hypothesis(space)
    outcome = outcome_of(hypothesis, pair_resources(hypothesis, rotation))
    assert iia(outcome) == {0: 1.0, 1: 1.0, 2: 1.0}
    wrong = replace(space, basis=replace(space.basis, settings=(("step", 1),)))
    hypothesis = pair_hypothesis(wrong)
    assert min(iia(outcome_of(hypothesis, pair_resources(hypothesis, rotation))).values()) < 0.8


def test_without_it_the_name_is_unknown() -> None:
    (found,) = errors(TEXT)
    assert found.code == "C410"
    with pytest.raises(EngineError, match="cannot run the basis `strided`"):
        find("strided")


def test_a_misspelt_plug_in_is_suggested(monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, CHECKED, Strided)
    (found,) = errors(TEXT.replace("strided(", "stridde("))
    assert "strided" in (found.help or "")


def test_a_broken_plug_in_is_told_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = ImportError("no module named strides")
    installed(monkeypatch, broken, broken)
    (found,) = errors(TEXT)
    assert found.message == "unknown basis `strided`"
    assert found.help is not None
    assert "strided.check:CHECKED" in found.help
    assert "no module named strides" in found.help
    with pytest.raises(EngineError, match=r"`strided` \(strided\.run:Strided\) cannot be loaded"):
        find("strided")
    assert find("learned").name == "learned"  # others are not touched by it


def test_what_is_no_basis_is_told_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, "nonsense", Examples)
    (found,) = errors(TEXT)
    assert "is no BasisKind" in (found.help or "")
    with pytest.raises(EngineError, match="cannot be loaded"):
        find("strided")
    installed(monkeypatch, CHECKED, lambda: object())
    with pytest.raises(EngineError, match="is not a kind of basis: it has no `name`"):
        find("strided")
