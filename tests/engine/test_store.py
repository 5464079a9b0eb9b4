"""What is kept in a file is what would have been kept in memory, and says when it is not."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, strategies as st

from causalabs.engine import store as store_module
from causalabs.engine.errors import EngineError
from causalabs.engine.spill import Spill, Spilled, joined
from causalabs.engine.store import Store
from causalabs.hypothesis.model import Site
from tests.engine.jobs_support import (
    draw_pair,
    outcome_of,
    pair_hypothesis,
    pair_network,
    pair_resources,
    space,
)

torch.set_num_threads(1)

EYE = torch.eye(5, dtype=torch.float64)
HIDDEN = Site("hidden", 0)
LEARNED = space("learned", {"left": [0], "right": [1]}, Site("hidden", 1), HIDDEN)


def parts_of(sizes: list[tuple[int, int]], seed: int) -> list[dict[str, torch.Tensor]]:
    """Batches of rows; those of one batch are as long as each other."""
    generator = torch.Generator().manual_seed(seed)
    return [
        {
            "keys": torch.randn(rows, 2, length, generator=generator),
            "at": torch.randint(9, (rows,), generator=generator),
            "half": torch.randn(rows, length, 3, generator=generator).to(torch.bfloat16),
            "flag": torch.rand(rows, length, generator=generator) < 0.5,
        }
        for rows, length in sizes
    ]


@given(
    st.lists(st.tuples(st.integers(1, 5), st.integers(0, 4)), min_size=1, max_size=4),
    st.data(),
)
def test_a_file_gives_the_rows_that_memory_gives(sizes: Any, data: Any) -> None:
    parts = parts_of(sizes, 0)
    spill = Spill(Path(tempfile.gettempdir()))
    for part in parts:
        spill.append(part)
    count = sum(rows for rows, _ in sizes)
    whole = joined([dict(part) for part in parts])
    wanted = data.draw(st.lists(st.integers(0, count - 1), min_size=1, max_size=8))
    rows = torch.tensor(wanted)
    found = Spilled(spill, rows)
    assert set(found) == set(whole)
    for name, tensor in whole.items():
        there = tensor.index_select(0, rows)
        longest = [slice(size) for size in found[name].shape]
        assert found[name].dtype == tensor.dtype
        assert torch.equal(found[name], there[tuple(longest)])  # padding past the longest asked
        assert not bool(there.clone()[..., found[name].shape[-1] :].any())
    spill.close()


def test_a_run_that_spills_finds_the_same_bit_for_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    hypothesis = pair_hypothesis(LEARNED)
    kept = outcome_of(hypothesis, pair_resources(hypothesis, EYE))
    monkeypatch.setattr(store_module, "MEMORY", 10)
    spilled = outcome_of(hypothesis, pair_resources(hypothesis, EYE))
    assert kept.fits == spilled.fits
    for one, two in zip(kept.measured, spilled.measured, strict=True):
        assert (one.hits == two.hits).all()


def store_of(folder: Path, memory: int = 10, change: Any = None) -> Store:
    columns: Mapping[str, Any] = draw_pair(50, np.random.default_rng(0))
    network = pair_network(EYE)
    network.rows_at_once = 7
    made = network if change is None else change(network)
    return Store(made, columns, memory=memory, folder=folder)


def test_activations_and_prefixes_leave_memory_past_the_budget(tmp_path: Path) -> None:
    small, large = store_of(tmp_path), store_of(tmp_path, 2**20)
    rows = torch.tensor([3, 49, 3, 0])
    both = (HIDDEN, Site("hidden", 1))
    assert torch.equal(small.rows(both, rows), large.rows(both, rows))
    assert torch.equal(small.at(HIDDEN), large.at(HIDDEN))
    mine, theirs = small.prefix(both, rows), large.prefix(both, rows)
    assert isinstance(mine.tensors, Spilled)
    assert not isinstance(theirs.tensors, Spilled)
    assert all(torch.equal(mine.tensors[name], each) for name, each in theirs.tensors.items())


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    store = store_of(tmp_path)
    store.capture([HIDDEN])
    store.prefix([HIDDEN], torch.tensor([0]))
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_one_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, real, calls = store_of(tmp_path), os.pwrite, []

    def full(file: int, data: Any, offset: int) -> int:
        calls.append(offset)
        if len(calls) > 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(file, data, offset)

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(EngineError, match=r"the disk of .* is full") as caught:
        store.capture([HIDDEN])
    assert "CAUSALABS_CACHE" in str(caught.value)
    monkeypatch.undo()
    assert torch.equal(store.at(HIDDEN), store_of(tmp_path, 2**20).at(HIDDEN))  # and it goes on


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EngineError, match="cannot be kept in"):
        store_of(tmp_path / "file").capture([HIDDEN])


def test_what_was_changed_on_the_disk_is_an_error(tmp_path: Path) -> None:
    spill = Spill(tmp_path)
    spill.append({"x": torch.arange(6.0).view(2, 3)})
    os.pwrite(spill._file, b"\x01", 13)
    assert torch.equal(spill.read("x", torch.tensor([0])), torch.tensor([[0.0, 1, 2]]))
    with pytest.raises(EngineError, match="are not what was written"):
        spill.read("x", torch.tensor([1]))


def test_a_number_that_is_not_finite_is_told_with_its_first_layer(tmp_path: Path) -> None:
    def broken(network: Any) -> Any:
        with torch.no_grad():
            network.weights[0][2, 0] = float("nan")
        return network

    for memory in (10, 2**20):
        with pytest.raises(EngineError, match=r"at `hidden 0` is not a finite number \(input 0\)"):
            store_of(tmp_path, memory, broken).capture([Site("hidden", 1)])


def test_prompts_of_different_lengths_come_back_from_the_file_as_they_went() -> None:
    from causalabs.hypothesis.model import Last
    from tests.engine.language_models import support

    columns = support.columns([7, 4, 6, 5, 7, 3, 5])
    sites = [Site("residual", layer, position=Last()) for layer in (0, 2)]
    scores = []
    for memory in (10, 2**30):
        network = support.network("llama")
        network.rows_at_once = 2
        store = Store(network, columns, memory=memory)
        rows = torch.tensor([5, 0, 3, 3])
        prefix = store.prefix(sites, rows)
        groups = [[(site, lambda now: now.flip(0))] for site in sites]
        scores.append(network.resume_each(prefix, groups, slots=2))
        whole = torch.cat([store.at(site) for site in sites], dim=1)
        assert torch.equal(store.rows(sites, rows), whole[rows])
    for spilled, kept in zip(*scores, strict=True):
        torch.testing.assert_close(spilled["answer"], kept["answer"], rtol=1e-5, atol=1e-6)
