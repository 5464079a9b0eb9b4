"""The size of a batch: measured once, and then what was measured."""

from __future__ import annotations

import pytest
import torch

from causalabs.engine.language_models import batch_size
from causalabs.engine.language_models.batch_size import FEWEST, fastest, tokens_at_once
from tests.engine.language_models.tiny import model


class Machine:
    """A clock that goes on by what a run of so many tokens costs."""

    def __init__(self, start: float, each: float, room: int = 10**9) -> None:
        self.start, self.each, self.room, self.now = start, each, room, 0.0
        self.asked: list[int] = []

    def run(self, tokens: int) -> None:
        if tokens > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory")
        self.asked.append(tokens)
        self.now += self.start + self.each * tokens

    def clock(self) -> float:
        return self.now


def test_a_machine_with_a_high_price_per_call_gets_large_batches() -> None:
    slow, quick = Machine(1.0, 1e-4), Machine(1e-4, 1e-3)
    assert fastest(quick.run, clock=quick.clock) == FEWEST
    assert quick.asked == [FEWEST, FEWEST, 2 * FEWEST]
    assert fastest(slow.run, clock=slow.clock) >= 2**16


def test_what_does_not_fit_is_not_taken() -> None:
    machine = Machine(1.0, 1e-4, room=4 * FEWEST)
    assert fastest(machine.run, clock=machine.clock) == 4 * FEWEST


def test_another_error_is_not_swallowed() -> None:
    def run(tokens: int) -> None:
        raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes"):
        fastest(run)


def test_what_was_measured_is_kept_and_damage_measured_anew(tmp_path, monkeypatch) -> None:

    module = model(64)
    assert tokens_at_once(module, name="tiny", folder=tmp_path) == batch_size.TOKENS_AT_ONCE
    assert not any(tmp_path.iterdir())
    monkeypatch.setattr(batch_size, "LARGE", 0)
    found = tokens_at_once(module, name="some/tiny", folder=tmp_path)
    (path,) = tmp_path.iterdir()
    path.write_text('{"tokens": 4096}')
    assert tokens_at_once(module, name="some/tiny", folder=tmp_path) == 4096
    path.write_text('{"tokens": "many"}')
    assert tokens_at_once(module, name="some/tiny", folder=tmp_path) in (
        found,
        *(FEWEST * 2**n for n in range(10)),
    )
