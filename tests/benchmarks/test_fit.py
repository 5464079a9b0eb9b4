"""A step of the fit against a plain torch loop of the same: told as ratios, never judged."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from causalabs.engine.bases import Rotation, find, random_rotation
from causalabs.engine.fit import Budget, Free, Race, Way
from causalabs.engine.interchange import compile_lines, run
from causalabs.engine.networks.build import untrained
from causalabs.engine.protocol import Device
from causalabs.engine.rows import Table, table
from causalabs.engine.store import Store
from causalabs.hypothesis.model import Site
from tests.engine.jobs_support import (
    draw_equality,
    equality,
    equality_spec,
    examples_of,
    hypothesis_of,
    line,
    space,
)

pytestmark = pytest.mark.benchmark

ROWS, BATCH, DIMS, RATE = 20_000, 512, 8, 2e-2
BLOCKS = {"left": range(DIMS), "right": range(DIMS, 2 * DIMS)}


class Task:
    """Three lines on an MLP whose hidden layers are `width` wide, two 8-dim subspaces."""

    def __init__(self, width: int) -> None:
        algorithm, site = equality(), Site("hidden", 0)
        spec = equality_spec((width, width, width))
        lines = [line("l", algorithm, "left"), line("r", algorithm, "right")]
        lines.append(line("both", algorithm, "left", "right"))
        made = hypothesis_of(algorithm, spec, [space("learned", BLOCKS, site)], lines)
        self.examples = examples_of(algorithm, ["same"], lines, draw_equality, ROWS)
        self.network = untrained(spec, [algorithm], seed=0, device=Device())
        self.network.freeze()
        self.store = Store(self.network, self.examples.inputs)
        self.program = compile_lines(dict(enumerate(lines)), made.alignments[0], {0: 0})
        self.store.capture(self.program.read)
        self.train: Table = table(self.program, self.examples, range(3), 0, device="cpu")
        self.width, self.site = width, site
        self.space = made.alignments[0].spaces[0]

    def start(self, restarts: int) -> Tensor:
        """Columns to begin with, (restarts, width, dims)."""
        generator = torch.Generator().manual_seed(0)
        return random_rotation(restarts, self.width, 2 * DIMS, generator=generator).float()


def ours(task: Task, restarts: int) -> Callable[[Tensor], None]:
    """The fit's own step."""
    way = Way(task.program, {}, {0: {"free": task.start(restarts)}})
    free = {0: Free(task.space, find("learned"), task.width)}
    race = Race([way], free, task.store, Budget(restarts=restarts))

    def step(rows: Tensor) -> None:
        race.step(task.train, rows, RATE, 0.5)

    return step


def by_hand(task: Task) -> Callable[[Tensor], None]:
    """What a person would write for one restart of this one task."""
    columns = task.start(1)[0].clone().requires_grad_()
    optimiser = torch.optim.Adam([columns], lr=RATE)
    batch, activations = task.train.rows, task.store.at(task.site)

    def step(rows: Tensor) -> None:
        scores = swapped(task, columns, activations, batch.base[rows], batch, rows)
        optimiser.zero_grad()
        functional.cross_entropy(scores, batch.answers["same"][rows]).backward()
        optimiser.step()

    return step


def swapped(task, columns, activations, base, batch, rows) -> Tensor:
    """Scores after the interchange, (batch, classes)."""
    q, r = torch.linalg.qr(columns)  # (width, dims)
    q = q * torch.sign(torch.diagonal(r))
    current = activations[base]  # (batch, width)
    change = torch.zeros_like(current)
    for write, block in enumerate(BLOCKS.values()):
        part = q[:, block.start : block.stop]
        moved = (activations[batch.source[write, rows]] - current) @ part @ part.T
        change = change + moved * batch.used[write, rows].unsqueeze(1)
    current = current + change
    layers = list(zip(task.network.weights, task.network.biases, strict=True))
    for weight, bias in layers[1:-1]:
        current = functional.relu(functional.linear(current, weight, bias))
    return functional.linear(current, *layers[-1])


def seconds(step: Callable[[Tensor], None], rows: list[Tensor]) -> float:
    start = time.perf_counter()
    for each in rows:
        step(each)
    return (time.perf_counter() - start) / len(rows)


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("restarts", [1, 8])
@pytest.mark.parametrize("width", [16, 64])
def test_a_step_against_one_written_by_hand(width, restarts, capsys):
    task = Task(width)
    generator = torch.Generator().manual_seed(1)
    first, second = ours(task, restarts), by_hand(task)
    pairs = []
    for block in range(11):  # in turn, so that a drift of the machine meets both
        rows = [
            torch.randint(0, len(task.train.rows), (BATCH,), generator=generator) for _ in range(40)
        ]
        pair = seconds(first, rows), seconds(second, rows)
        if block:
            pairs.append(pair)
    ratio = statistics.median(a / (b * restarts) for a, b in pairs)
    mine, theirs = (statistics.median(column) * 1e3 for column in zip(*pairs, strict=True))
    with capsys.disabled():
        print(
            f"\n{width} wide, {restarts} restart(s): {mine:.2f} ms a step, "
            f"by hand {theirs:.2f} ms for one restart; ratio per restart {ratio:.2f}"
        )


def test_both_compute_the_same_scores():
    task = Task(16)
    rows = torch.arange(0, len(task.train.rows), 97)
    batch, columns = task.train.rows, task.start(1)
    found = run(task.program, {0: Rotation("learned", columns)}, batch.take(rows), task.store)[
        "same"
    ]
    hand = swapped(task, columns[0], task.store.at(task.site), batch.base[rows], batch, rows)
    # The columns are orthonormal already, so that QR leaves them as they are.
    assert torch.allclose(found, hand, atol=1e-5)
