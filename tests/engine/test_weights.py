"""Kept weights: found again, never trusted blindly, never in the way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from causalabs.engine.networks import train as training
from causalabs.engine.networks.base import BuiltIn
from causalabs.engine.networks.build import build
from causalabs.engine.networks.train import Recipe
from causalabs.engine.networks.weights import cache_folder
from tests.engine.networks_support import draw_digits, mlp_spec, sum_algorithm

QUICK = Recipe(steps=5, batch=64, rate=1e-2, pool=256, judged=50)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CAUSALABS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "networks"


def make(seed: int = 0, draws: str = "uniform", **others: Any) -> tuple[BuiltIn[Any], list[str]]:
    said: list[str] = []
    network = build(
        others.pop("spec", mlp_spec()),
        [sum_algorithm()],
        seed=seed,
        draw_bases=draw_digits,
        draws=draws,
        recipe=others.pop("recipe", QUICK),
        progress=lambda what, share: said.append(what),
    )
    return network, [line for line in said if "warning" in line]


def test_the_same_network_is_not_trained_twice(folder: Path) -> None:
    first, _ = make()
    again, warned = make()
    assert not warned
    assert (first.record["origin"], again.record["origin"]) == ("trained", "kept")
    for name in ("accuracy", "steps", "weights", "seed"):
        assert first.record[name] == again.record[name]
    assert [path.suffix for path in folder.iterdir()] == [".safetensors"]


def test_whatever_training_depends_on_makes_another_file(folder: Path) -> None:
    make()
    make(seed=1)
    make(draws="balanced")
    make(spec=mlp_spec((3,)))
    make(recipe=Recipe(steps=6, batch=64, rate=1e-2, pool=256, judged=50))
    assert len(list(folder.iterdir())) == 5


def test_nothing_is_kept_without_a_word_on_how_inputs_are_drawn(folder: Path) -> None:
    make(draws="")
    assert not folder.exists()


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


def _garbage(path: Path) -> None:
    path.write_bytes(b"\x00\xff" * 100)


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-3] ^= 0x41
    path.write_bytes(bytes(data))


def _other_shape(path: Path) -> None:
    make(spec=mlp_spec((3,)))
    other = next(p for p in path.parent.glob("*.safetensors") if p != path)
    other.replace(path)


@pytest.mark.parametrize("damage", [_truncate, _garbage, _empty, _flip, _other_shape])
def test_a_damaged_file_is_set_aside_with_a_warning(folder: Path, damage: Any) -> None:
    first, _ = make()
    (path,) = folder.iterdir()
    damage(path)
    damaged = path.read_bytes()
    again, warned = make()
    assert again.record["origin"] == "trained"
    assert again.record["weights"] == first.record["weights"]
    assert len(warned) == 1
    assert str(path) in warned[0]
    assert path.with_suffix(".corrupt").read_bytes() == damaged
    assert make()[0].record["origin"] == "kept"


def test_a_folder_that_cannot_be_written_is_not_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CAUSALABS_CACHE", str(tmp_path / "file"))
    network, warned = make()
    assert network.record["origin"] == "trained"
    assert len(warned) == 1
    assert "cannot be kept" in warned[0]


def test_an_interrupt_leaves_nothing_behind(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any, **__: Any) -> float:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(training, "judge", interrupted)
        with pytest.raises(KeyboardInterrupt):
            make()
    assert not folder.exists()
    threads = torch.get_num_threads()
    make()
    assert torch.get_num_threads() == threads


def test_the_folder_follows_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAUSALABS_CACHE", "/a")
    assert cache_folder() == Path("/a/networks")
    monkeypatch.delenv("CAUSALABS_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/b")
    assert cache_folder() == Path("/b/causalabs/networks")
